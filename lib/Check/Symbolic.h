//===- Symbolic.h - programs run on numbers that are not known ------*- C++ -*-===//
// Internal to lib/Check. Proves that two forms of a function compute the same for all arguments: their results are the
// same terms. Loops are unrolled; a decision that hangs on the arguments is a term.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_SYMBOLIC_H
#define MORU_LIB_CHECK_SYMBOLIC_H

#include "Run.h"
#include "Terms.h"

namespace moru::check {

/// A tensor of terms.
struct SymbolicTensor {
  mlir::RankedTensorType type;
  std::vector<Term> terms;
};
using SymbolicTensors = llvm::SmallVector<SymbolicTensor>;

/// The entries of an argument of which nothing is known.
SymbolicTensor makeVariables(Terms &terms, mlir::RankedTensorType type, unsigned argument);

/// Values that are visible at a place of a program.
struct SymbolicScope {
  const SymbolicScope *parent = nullptr;
  llvm::DenseMap<mlir::Value, SymbolicTensor> values{};

  const SymbolicTensor *lookup(mlir::Value value) const;
};

/// What the operands of the terminator of a block of graph operations are. Fails where it cannot be told.
mlir::FailureOr<SymbolicTensors> evaluateSymbolically(Terms &terms, mlir::Block &block,
                                                      llvm::ArrayRef<SymbolicTensor> arguments,
                                                      const SymbolicScope *outer = nullptr);

/// What a function of graph operations, kernels or launches computes.
struct SymbolicRun {
  /// The results, or the contents of the arguments at the end.
  SymbolicTensors results;
  /// What else must be the same: how many tasks each launched kernel has, and which results take the place of operands.
  std::set<std::string> facts;
};
/// Fails where it cannot be told.
mlir::FailureOr<SymbolicRun> runSymbolically(Terms &terms, mlir::func::FuncOp function, const Meanings &meanings);

} // namespace moru::check

#endif // MORU_LIB_CHECK_SYMBOLIC_H
