//===- Run.h - one run of a program in the Reference ---------------*- C++ -*-===//
// Internal to lib/Check: arguments and results by name, whatever the stage of the function.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_RUN_H
#define MORU_LIB_CHECK_RUN_H

#include "moru/Check/Checker.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Reference/KernelInterpreter.h"

#include "llvm/ADT/MapVector.h"

#include <map>
#include <set>

namespace moru::check {

/// Values by the names of arguments or results.
using NamedValues = llvm::MapVector<std::string, reference::Tensor, std::map<std::string, unsigned>>;

/// What a function is, which decides how it is run.
enum class FunctionStage {
  /// Graph operations on tensors.
  Graph,
  /// Kernels on buffers.
  Kernels,
  /// A host's function that launches functions of loops.
  Launches,
  /// Anything else: a kernel's loops, a declaration, the LLVM dialect.
  Other
};
FunctionStage getStage(mlir::func::FuncOp function);

/// Values of the arguments, by name, drawn.
NamedValues drawNamedInputs(mlir::func::FuncOp function, uint64_t seed, InputKind kind);

/// A value that a run has made, in order; of kernels, what each one stored.
struct Made {
  /// The operation that made it.
  mlir::Operation *op;
  /// Its operands' and its own contents.
  std::vector<reference::Tensor> operands, results;
};

/// Digests of the values that a run has made, those within kernels too, in order. Equal entries give equal digests,
/// whatever the shape and the type.
using MadeValues = std::vector<std::pair<uint64_t, mlir::Value>>;

/// The kernels that launches stand for.
using Meanings = llvm::DenseMap<mlir::Operation *, kernel::ComputeOp>;

/// What a run may be told beside its arguments.
struct RunOptions {
  /// The arithmetic that the error bounds of the results describe.
  reference::Bounds bounds = reference::Bounds::Double;
  /// Receives what every operation made.
  std::vector<Made> *trace = nullptr;
  /// Receives digests of all values; not together with `trace`.
  MadeValues *made = nullptr;
  /// For a function that launches kernels.
  Meanings meanings{};
  /// The numbers of the original program's constants, if others may be folded ones.
  const std::set<double> *exactConstants = nullptr;
  /// Of kernels: as in EvaluateOptions.
  std::function<double()> drawRounding{};
};

/// The numbers that constants of a function hold.
std::set<double> collectConstants(mlir::func::FuncOp function);

/// Runs a function of graph operations, kernels or launches and returns its results by name, with error bounds.
mlir::FailureOr<NamedValues> run(mlir::func::FuncOp function, const NamedValues &inputs,
                                 const RunOptions &options = {});

/// The values of the arguments in order (outputs are zero). An error where no input fits one.
mlir::FailureOr<llvm::SmallVector<reference::Tensor>> bindInputs(mlir::func::FuncOp function,
                                                                 const NamedValues &inputs);

/// Results of a padded function, cut to the lengths that `inputs` have.
NamedValues cropResults(mlir::func::FuncOp function, const NamedValues &inputs, NamedValues results);

/// The results among the contents of the arguments of a function of buffers.
NamedValues pickResults(mlir::func::FuncOp function, llvm::MutableArrayRef<reference::Tensor> contents);

/// A difference between two tensors of the same number of entries that their bounds do not explain.
struct Difference {
  int64_t index;
  double expected, got, tolerance;
};

/// The worst difference, if there is one. `exact`: the same bits; otherwise both bounds count, `factor` times. What was
/// compared is added to `tally`.
std::optional<Difference> compare(const reference::Tensor &expected, const reference::Tensor &got, bool exact,
                                  double factor, Tally *tally = nullptr);

/// Where factors have left a sum: an entry that is no number in one of the tensors and infinite in the other is unknown
/// in `expected` from now on.
void admitDistribution(reference::Tensor &expected, const reference::Tensor &distributed);

/// What is decided stays so: a program is not right by saying nothing about an entry any more. Such entries of `got`
/// get a coarse bound.
void keepDecided(const reference::Tensor &expected, reference::Tensor &got);

/// Of what the function `now` makes, the first operation with right operands and a wrong result, that the wrong result
/// `output` depends on; `before` is the same program when it was right. Falls back to the operation that makes the
/// result.
mlir::Operation *locate(mlir::func::FuncOp before, mlir::func::FuncOp now, const NamedValues &inputs,
                        llvm::StringRef output, const RunOptions &optionsNow);

/// Compares the gradients that `graph-expand-gradients` makes of `function` with finite differences of the loss, along
/// one random direction per target. Emits an error at the `graph.gradient` whose target is wrong.
mlir::LogicalResult checkGradients(mlir::func::FuncOp function, const NamedValues &inputs, uint64_t seed);

} // namespace moru::check

#endif // MORU_LIB_CHECK_RUN_H
