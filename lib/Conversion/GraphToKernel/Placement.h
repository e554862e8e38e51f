//===- Placement.h - where the entries of a value lie in a buffer ---------===//
// A view of the graph dialect is other strides over the same buffer. Each function takes the strides under which the
// operand lies and returns those of the result.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_GRAPHTOKERNEL_PLACEMENT_H
#define MORU_LIB_CONVERSION_GRAPHTOKERNEL_PLACEMENT_H

#include "moru/Dialect/Graph/Graph.h"

#include <optional>

namespace moru {

/// Where the entries of a value lie in a buffer.
struct Placement {
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides;
};

Placement placeSlice(graph::SliceOp op, llvm::ArrayRef<int64_t> strides);
Placement placeTranspose(graph::TransposeOp op, llvm::ArrayRef<int64_t> strides);
/// The other way round: where the operand lies if the result does under `strides`.
Placement placeTransposed(graph::TransposeOp op, llvm::ArrayRef<int64_t> strides);
/// Strides of `to` over entries that lie as `from` under `strides`, if the reshape keeps each axis within a run of
/// `from`.
std::optional<Placement> placeReshape(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> strides,
                                      llvm::ArrayRef<int64_t> to);
/// The transposition in whose order its operand is to be stored, so that `merge`, which reads it so and merges axes, is
/// a view of that; null if it is one anyway, or if vectors could not run along the operand's last axis any more.
graph::TransposeOp getStorageOrder(graph::ReshapeOp merge);
/// The strides of a value of its own that some merge reads in another order.
std::optional<llvm::SmallVector<int64_t>> findStorageOrder(mlir::Value value);
/// Where operand `index` of `op` lies in the buffer of the whole.
Placement placeConcatOperand(graph::ConcatOp op, unsigned index, llvm::ArrayRef<int64_t> strides);
/// `[slots, slice…]` from slot `first` on, in a buffer of slots, with the slots along `axis`.
Placement placeStacked(mlir::RankedTensorType slice, int64_t axis, int64_t first);

} // namespace moru

#endif // MORU_LIB_CONVERSION_GRAPHTOKERNEL_PLACEMENT_H
