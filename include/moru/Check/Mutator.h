//===- Mutator.h - programs made wrong on purpose ------------------*- C++ -*-===//
// The test of the checker: small mistakes of the kinds that passes make, in the IR of any stage. Sites are found by
// traits, attributes and types, in the order of the program, so that `kind#n` names the same mutation every time.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_MUTATOR_H
#define MORU_CHECK_MUTATOR_H

#include "mlir/IR/Operation.h"

#include <functional>
#include <optional>
#include <string>

namespace moru::check {

/// Kinds of mistakes.
enum class MutationKind {
  /// Two operands of one type, of an operation that does not commute, are exchanged.
  SwapOperands,
  /// An operation is replaced by an operand of its type.
  DropOp,
  /// A reduction, broadcast, contraction, transpose, softmax, scan works on another axis, or a scan in the other
  /// direction.
  ChangeAxis,
  /// A slice, window, loop or index is off by one.
  MoveBound,
  /// A constant is 1 % larger (0 becomes 0.01; of bf16, ten times as much; an integer is one more, true false).
  PerturbConstant,
  /// A select takes one side always; a masked access has no mask.
  DropMask,
  /// A sum loses one of its terms.
  LoseAccumulation,
  /// A kernel, load, store or yield uses another buffer or value of the same type, or the slot of another step.
  StaleBuffer
};

/// All kinds, in order.
llvm::ArrayRef<MutationKind> mutationKinds();

/// "swap-operands", "drop-op", …
llvm::StringRef toString(MutationKind kind);
std::optional<MutationKind> parseMutationKind(llvm::StringRef name);

/// A mutation that can be made.
struct Mutation {
  MutationKind kind;
  mlir::Operation *op;
  /// What happens: "operands 0 and 1".
  std::string what;
  std::function<void()> apply;
};

/// The possible mutations of one kind within `scope`. Those of attributes verify; those of operands keep types. One
/// that changes nothing for sure (equal operands, unused results) is left out.
std::vector<Mutation> findMutations(mlir::Operation *scope, MutationKind kind);

/// `<kind>@<pass>#n`, as `--inject` takes it.
struct Injection {
  MutationKind kind;
  std::string pass;
  int64_t number;
};
std::optional<Injection> parseInjection(llvm::StringRef text);

} // namespace moru::check

#endif // MORU_CHECK_MUTATOR_H
