//===- GraphIndexingOps.cpp - shape rules and verifiers -------------------===//
// Of the operations of GraphIndexingOps.td: tables, and boxes at computed places.
//===----------------------------------------------------------------------===//

#include "Formula.h"

using namespace mlir;
using namespace moru::graph;

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  RankedTensorType table = typeOf(adaptor.getTable());
  if (table.getRank() < 1) // C1
    return emitOptionalError(loc, "expected a table of rank 1 or more, got rank 0");
  SmallVector<Extent> shape = getExtents(typeOf(adaptor.getIds()));
  llvm::append_range(shape, ArrayRef(getExtents(table)).drop_front());
  results.push_back(getTensorType(shape, table.getElementType()));
  return success();
}

LogicalResult ScatterAddOp::verify() {
  RankedTensorType updates = typeOf(getUpdates()), result = typeOf(getResult());
  if (result.getRank() < 1)
    return emitOpError("expected a result of rank 1 or more, got rank 0");
  SmallVector<Extent> shape = getExtents(typeOf(getIds()));
  llvm::append_range(shape, ArrayRef(getExtents(result)).drop_front());
  if (getExtents(updates) != shape) // C1
    return emitOpError() << "expected updates of shape [" << shape << "], got [" << getExtents(updates) << "]";
  if (updates.getElementType() != result.getElementType()) // C2
    return emitOpError() << "expected element type " << updates.getElementType() << ", got " << result.getElementType();
  return success();
}

/// As many starts as axes, each of rank 0.
static LogicalResult checkStarts(std::optional<Location> loc, ValueRange starts, int64_t rank) {
  if (static_cast<int64_t>(starts.size()) != rank) // C1
    return emitOptionalError(loc, "expected one start per axis (", rank, "), got ", starts.size());
  for (Value start : starts)
    if (typeOf(start).getRank() != 0) // C2
      return emitOptionalError(loc, "expected starts of rank 0, got ", start.getType());
  return success();
}

/// `box` has the rank of `type` and is nowhere larger; of a bounded axis it takes all.
static bool fitsInto(ArrayRef<Extent> box, RankedTensorType type) {
  auto fits = [](auto extents) {
    auto [size, whole] = extents;
    bool isBounded = size.isBounded() || whole.isBounded();
    return isBounded ? size == whole : size.size >= 0 && size.size <= whole.size;
  };
  return static_cast<int64_t>(box.size()) == type.getRank() &&
         llvm::all_of(llvm::zip_equal(box, getExtents(type)), fits);
}

/// The extents of a box of `sizes`: a bounded axis is taken whole where its maximum is asked for.
static SmallVector<Extent> boxExtents(ArrayRef<int64_t> sizes, RankedTensorType type) {
  SmallVector<Extent> box(sizes);
  for (int64_t axis = 0; axis < std::min<int64_t>(box.size(), type.getRank()); ++axis)
    if (Extent whole = getExtent(type, axis); whole.size == box[axis].size)
      box[axis] = whole;
  return box;
}

LogicalResult DynamicSliceOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  if (failed(checkStarts(loc, adaptor.getStarts(), type.getRank())))
    return failure();
  SmallVector<Extent> box = boxExtents(adaptor.getSizes(), type);
  if (!fitsInto(box, type)) // C1, C3
    return emitOptionalError(loc, "expected sizes of a box that fits into ", type, ", got [", adaptor.getSizes(), "]");
  results.push_back(getTensorType(box, type.getElementType()));
  return success();
}

LogicalResult DynamicUpdateSliceOp::verify() {
  RankedTensorType type = typeOf(getOperand()), update = typeOf(getUpdate());
  if (failed(checkStarts(getLoc(), getStarts(), type.getRank())))
    return failure();
  if (update.getElementType() != type.getElementType() || !fitsInto(getExtents(update), type)) // C3
    return emitOpError() << "expected an update that fits into " << type << ", got " << update;
  if (getResult().getType() != type) // C4
    return emitOpError() << "expected a result of type " << type << ", got " << getResult().getType();
  return success();
}
