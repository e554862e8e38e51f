//===- Checker.h - runs a program after every pass -----------------*- C++ -*-===//
// `--check=each`. A function is run once in the Reference before the first pass, on drawn arguments. After each pass it
// is run again: a program of graph operations in f64, one of kernels by the interpreter, and from the loops down each
// kernel alone, compiled plainly and run natively on what the Reference gives it. A difference is an error that names
// the pass, and stands at the first operation whose operands are right and whose result is not.
//
// How far results may differ is derived: from the class of the pass (PassClass.h) and the running error bounds of the
// Reference, for f64 arithmetic in the first two cases and for the declared types in the last.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_CHECKER_H
#define MORU_CHECK_CHECKER_H

#include "moru/Check/Inputs.h"
#include "moru/Check/PassClass.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace moru::check {

/// How to check.
struct CheckOptions {
  /// Seed of the drawn arguments.
  uint64_t seed = 1;
  /// Runs kernels natively from the loops down.
  bool native = true;
  /// A program is run on arguments of each of these kinds; fixed ones (`graph.check`) are run alone.
  llvm::SmallVector<InputKind> kinds{inputKinds()};
  /// How often ordinary and signed ones are drawn; if more than once, twice as often, and the others too, for functions
  /// of few entries, and all lone ones once.
  int64_t draws = 2;
};

/// How many entries were compared. Undecided ones, about which the Reference can say nothing (a choice between numbers
/// that are equal within their errors, a number beyond the type), could not have failed.
struct Tally {
  int64_t entries = 0, undecided = 0;
  /// Those that are not the same bits.
  int64_t inexact = 0;

  Tally &operator+=(const Tally &other) {
    entries += other.entries;
    undecided += other.undecided;
    inexact += other.inexact;
    return *this;
  }
};

/// The state of a check from pass to pass. Functions are known by their names.
class Checker {
public:
  explicit Checker(const CheckOptions &options = {});
  ~Checker();

  /// Runs the functions in `scope` (a module or a function) that are not known yet, and keeps what they give.
  mlir::LogicalResult begin(mlir::Operation *scope);

  /// Runs what `pass` has made of the functions in `scope` and compares. Emits errors.
  mlir::LogicalResult check(llvm::StringRef pass, mlir::Operation *scope);

  /// As `check`, but nothing is remembered: for a mutant, whose pass has not happened to the program that goes on. What
  /// is compared is added to `tally`.
  mlir::LogicalResult probe(llvm::StringRef pass, mlir::Operation *scope, Tally &tally);

  /// Whether it can be proved that `other`, a mutant of `scope`, computes the same for all arguments; `finite`: for
  /// those of which nothing infinite and no NaN is computed.
  bool areEquivalent(mlir::Operation *scope, mlir::Operation *other, bool finite = false) const;

  /// What `check` has compared so far.
  const Tally &tally() const;

  /// A function that was found wrong, as it was before the first pass, with the arguments that show it (`fixInputs`),
  /// in a module with the others; null where there is none.
  mlir::func::FuncOp wrongFunction() const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace moru::check

#endif // MORU_CHECK_CHECKER_H
