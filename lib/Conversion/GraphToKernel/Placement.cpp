//===- Placement.cpp - where the entries of a value lie in a buffer -------===//
// Strides of views: nothing here knows of buffers or kernels.
//===----------------------------------------------------------------------===//

#include "Placement.h"

#include "moru/Dialect/Kernel/Kernel.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using kernel::getRowMajorStrides;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Placement moru::placeSlice(SliceOp op, ArrayRef<int64_t> strides) {
  Placement placement;
  for (auto [start, step, stride] : llvm::zip(op.getStarts(), op.getStrides(), strides)) {
    placement.offset += start * stride;
    placement.strides.push_back(step * stride);
  }
  return placement;
}

Placement moru::placeTranspose(TransposeOp op, ArrayRef<int64_t> strides) {
  Placement placement;
  for (int64_t axis : op.getPermutation())
    placement.strides.push_back(strides[axis]);
  return placement;
}

Placement moru::placeTransposed(TransposeOp op, ArrayRef<int64_t> strides) {
  Placement placement;
  placement.strides.resize(strides.size());
  for (auto [axis, stride] : llvm::zip(op.getPermutation(), strides))
    placement.strides[axis] = stride;
  return placement;
}

std::optional<Placement> moru::placeReshape(ArrayRef<int64_t> from, ArrayRef<int64_t> strides, ArrayRef<int64_t> to) {
  // Runs of axes that lie densely behind each other, as (size, innermost stride), axes of size 1 left out.
  SmallVector<std::pair<int64_t, int64_t>> runs;
  for (auto [size, stride] : llvm::zip(from, strides)) {
    if (size == 1)
      continue;
    if (!runs.empty() && runs.back().second == size * stride)
      runs.back() = {runs.back().first * size, stride};
    else
      runs.push_back({size, stride});
  }
  Placement placement;
  placement.strides.assign(to.size(), 1);
  for (int64_t axis = static_cast<int64_t>(to.size()) - 1; axis >= 0; --axis) {
    if (to[axis] == 1)
      continue;
    while (!runs.empty() && runs.back().first == 1)
      runs.pop_back();
    if (runs.empty() || runs.back().first % to[axis] != 0)
      return std::nullopt;
    placement.strides[axis] = runs.back().second;
    runs.back() = {runs.back().first / to[axis], runs.back().second * to[axis]};
  }
  return placement;
}

TransposeOp moru::getStorageOrder(ReshapeOp merge) {
  auto order = merge.getOperand().getDefiningOp<TransposeOp>();
  if (!order || order.getPermutation().back() + 1 != typeOf(order).getRank())
    return nullptr;
  Placement placement = placeTranspose(order, getRowMajorStrides(typeOf(order.getOperand()).getShape()));
  bool isView = placeReshape(typeOf(order).getShape(), placement.strides, typeOf(merge).getShape()).has_value();
  return isView ? nullptr : order;
}

std::optional<SmallVector<int64_t>> moru::findStorageOrder(Value value) {
  ReshapeOp first;
  for (Operation *user : value.getUsers())
    for (Operation *reader : user->getUsers())
      if (auto merge = dyn_cast<ReshapeOp>(reader); merge && merge.getOperand().getDefiningOp() == user &&
                                                    merge->getBlock() == value.getParentBlock() &&
                                                    getStorageOrder(merge) == user)
        if (!first || merge->isBeforeInBlock(first))
          first = merge;
  if (!first)
    return std::nullopt;
  TransposeOp order = getStorageOrder(first);
  return placeTransposed(order, getRowMajorStrides(typeOf(order).getShape())).strides;
}

Placement moru::placeConcatOperand(ConcatOp op, unsigned index, ArrayRef<int64_t> strides) {
  Placement placement;
  placement.strides.assign(strides.begin(), strides.end());
  for (Value before : op.getOperands().take_front(index))
    placement.offset += typeOf(before).getDimSize(op.getAxis()) * strides[op.getAxis()];
  return placement;
}

Placement moru::placeStacked(RankedTensorType slice, int64_t axis, int64_t first) {
  SmallVector<int64_t> strides = getRowMajorStrides(slice.getShape());
  int64_t slot = slice.getNumElements();
  Placement placement{first * slot, strides};
  placement.strides.insert(placement.strides.begin() + axis, slot);
  return placement;
}
