//===- Inputs.h - arguments to check a program on -----------------*- C++ -*-===//
// Numbers on which a mistake shows: drawn with Philox, so that every run is the same, and from ranges in which nothing
// saturates.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_INPUTS_H
#define MORU_CHECK_INPUTS_H

#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Reference/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moru::check {

/// The attribute of a function's argument that holds its value in a check that is to be repeated.
constexpr llvm::StringLiteral kCheckAttr = "graph.check";

/// Kinds of numbers. The awkward ones stand among ordinary ones.
enum class InputKind : uint8_t {
  /// Nothing saturates, nothing meets by accident.
  Ordinary,
  /// A few ones of either sign, whatever the role: rates and running squares below zero, too.
  Signed,
  /// ±0, denormals, and the same number many times: ties, and what underflows.
  Tiny,
  /// Huge numbers that cancel and overflow.
  Huge,
  /// Some entries are infinite or NaN.
  NonFinite,
  /// One argument is awkward, in one entry, in all or in all but one: infinite, NaN or zero, an index at an end of its
  /// range or beyond, or numbers that the program's constants are. The others are ordinary, signed or of all
  /// magnitudes.
  /// Or none is, but all hold the same numbers. Which of these it is follows from the seed: as many seeds in order as
  /// `countLone` says give all.
  Lone
};
llvm::ArrayRef<InputKind> inputKinds();
/// "ordinary", "tiny", …
llvm::StringRef toString(InputKind kind);
std::optional<InputKind> parseInputKind(llvm::StringRef name);

/// One value for each argument of a function of tensors or of buffers (outputs among them are zero). An argument that
/// has the attribute `graph.check` gets its value.
///
/// Integers lie in [0, rows) of the tables that they index, in [0, classes) where they are targets (one in five is
/// ignored), else in [0, 4). Parameters are normal with deviation min(1, 4 / sqrt(rows)): sums of products are of the
/// size of a few ones, so that activations bend but do not saturate, and gradients are large enough to be clipped.
/// State is in (0, 0.5), as running squares are never negative; other inputs are in (-1, 1), scalars among them in
/// (0.05, 0.5), as rates and factors are. In the kind `Signed` all are normal with deviation 2, and integers that index
/// nothing are in [-4, 4). In the awkward kinds, which follow, a third of the entries is of that kind; integers that
/// index are out of range then.
llvm::SmallVector<reference::Tensor> drawInputs(mlir::func::FuncOp function, uint64_t seed,
                                                InputKind kind = InputKind::Ordinary);

/// One value for each operand of a kernel, as if they were arguments without a role.
llvm::SmallVector<reference::Tensor> drawOperands(kernel::ComputeOp kernel, uint64_t seed, InputKind kind);

/// How many draws of the kind `Lone` differ in more than ordinary numbers.
int64_t countLone(mlir::func::FuncOp function);

/// Whether arguments have the attribute `graph.check`: the values of a check that is to be repeated.
bool hasFixedInputs(mlir::func::FuncOp function);
/// Writes values as `graph.check`.
void fixInputs(mlir::func::FuncOp function, llvm::ArrayRef<reference::Tensor> values);

/// The number of values that an integer tensor may take, by what it indexes; 4 where it indexes nothing.
int64_t getIndexRange(mlir::Value ids);

} // namespace moru::check

#endif // MORU_CHECK_INPUTS_H
