//===- BatchOverSteps.h - one operation for all steps of a loop -----------===//
// Private to lib/Dialect/Graph. An operation of a scan's body, applied to whole stacks of slices instead of to one
// slice.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_GRAPH_BATCHOVERSTEPS_H
#define MORU_LIB_DIALECT_GRAPH_BATCHOVERSTEPS_H

#include "ScanEditing.h"

namespace moru::graph {

/// Applies `op` (no regions, one result) to all `length` steps: the operands for which `lookup` gives a stack vary from
/// step to step, the others are the same at each. Null where `op` has no form over a further axis. Without a builder
/// nothing is built, values may be null in the stacks, and the answer's axis alone has a meaning.
///
///   %z = contract %x, %w over [1] with [0] : 4x6, 6x12   with %xs : 4x10x6, axis 1
///   %zs = contract %xs, %w over [2] with [0] : 4x10x6, 6x12 -> 4x10x12, axis 1
std::optional<Stacked> batchOverSteps(mlir::OpBuilder *builder, mlir::Operation *op, int64_t length,
                                      llvm::function_ref<std::optional<Stacked>(mlir::Value)> lookup);

/// `stacked` with its steps along `axis`: transposed where they lie along another.
mlir::Value moveSteps(mlir::OpBuilder &builder, mlir::Location loc, Stacked stacked, int64_t axis);

/// `axes` of a slice as axes of the stack along `axis`.
llvm::SmallVector<int64_t> shiftAxes(llvm::ArrayRef<int64_t> axes, int64_t axis);

} // namespace moru::graph

#endif // MORU_LIB_DIALECT_GRAPH_BATCHOVERSTEPS_H
