//===- GraphOps.cpp - shape rules, verifiers and syntax -------------------===//
// One block per operation. `// C1` … are the constraints of GraphOps.td. Those with computed places, and
// composites, stand in files of their own.
//===----------------------------------------------------------------------===//

#include "Verify.h"

#include "moru/Dialect/Graph/Dims.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moru::graph;

#define GET_OP_CLASSES
#include "moru/Dialect/Graph/GraphOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

/// `axes` strictly increasing and within `rank`.
static LogicalResult verifyIncreasingAxes(Operation *op, StringRef what, ArrayRef<int64_t> axes, int64_t rank) {
  int64_t previous = -1;
  for (int64_t axis : axes) {
    if (axis <= previous || axis >= rank)
      return op->emitOpError() << "expected " << what << " to be increasing and within rank " << rank << ", got ["
                               << axes << "]";
    previous = axis;
  }
  return success();
}

Value moru::graph::createSplat(OpBuilder &builder, Location loc, RankedTensorType type, double value) {
  Type element = type.getElementType();
  if (isBounded(type))
    return broadcastTo(builder, loc, createSplat(builder, loc, RankedTensorType::get({}, element), value), type);
  Attribute attr;
  if (auto floatType = dyn_cast<FloatType>(element))
    attr = FloatAttr::get(floatType, value);
  else
    attr = IntegerAttr::get(element, static_cast<int64_t>(value));
  return ConstantOp::create(builder, loc, DenseElementsAttr::get(type, attr));
}

Value moru::graph::broadcastTo(OpBuilder &builder, Location loc, Value value, RankedTensorType like) {
  RankedTensorType type = like.clone(typeOf(value).getElementType());
  if (value.getType() == type)
    return value;
  int64_t lead = like.getRank() - typeOf(value).getRank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(lead, like.getRank()));
  return BroadcastOp::create(builder, loc, type, value, axes);
}

Value moru::graph::broadcastTo(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  return broadcastTo(builder, loc, value, RankedTensorType::get(shape, typeOf(value).getElementType()));
}

Value moru::graph::broadcastAlongRemoved(OpBuilder &builder, Location loc, Value value, RankedTensorType like,
                                         ArrayRef<int64_t> removed) {
  SmallVector<int64_t> axes;
  for (int64_t axis : llvm::seq<int64_t>(0, like.getRank()))
    if (!llvm::is_contained(removed, axis))
      axes.push_back(axis);
  return BroadcastOp::create(builder, loc, like.clone(typeOf(value).getElementType()), value, axes);
}

Value moru::graph::broadcastAlongRemoved(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape,
                                         ArrayRef<int64_t> removed) {
  return broadcastAlongRemoved(builder, loc, value, RankedTensorType::get(shape, typeOf(value).getElementType()),
                               removed);
}

bool moru::graph::isReduction(Operation *op) { return isa<ReduceSumOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp>(op); }

ArrayRef<int64_t> moru::graph::getReducedAxes(Operation *reduction) {
  assert(isReduction(reduction) && "only these have axes");
  return reduction->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef();
}

std::optional<double> moru::graph::getSplatValue(Value value) {
  DenseElementsAttr elements;
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant || !(elements = dyn_cast<DenseElementsAttr>(constant.getValue())) || !elements.isSplat())
    return std::nullopt;
  if (auto floatAttr = dyn_cast<FloatAttr>(elements.getSplatValue<Attribute>()))
    return floatAttr.getValueAsDouble();
  auto integer = cast<IntegerAttr>(elements.getSplatValue<Attribute>());
  bool isTruth = integer.getType().isInteger(1);
  return isTruth ? static_cast<double>(integer.getValue().getZExtValue()) : static_cast<double>(integer.getInt());
}

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

LogicalResult RandomOp::verify() {
  if (failed(verifyRandomOperands(*this, getKey(), getCounter(), getStream()))) // C1, C2
    return failure();
  Type element = typeOf(getResult()).getElementType();
  bool isBits = getDistribution() == Distribution::Bits;
  if (isBits ? !element.isInteger(32) : !element.isF32() && !element.isF64()) // C3
    return emitOpError() << "expected " << (isBits ? "i32" : "f32 or f64") << ", got " << element;
  return success();
}

LogicalResult IotaOp::verify() { return verifyAxis(*this, getAxis(), typeOf(getResult()).getRank()); } // C1

LogicalResult BroadcastOp::verify() {
  RankedTensorType from = typeOf(getOperand()), to = typeOf(getResult());
  ArrayRef<int64_t> axes = getAxes();
  if (static_cast<int64_t>(axes.size()) != from.getRank()) // C1
    return emitOpError() << "expected one axis per operand axis (" << from.getRank() << "), got " << axes.size();
  if (failed(verifyIncreasingAxes(*this, "axes", axes, to.getRank()))) // C2
    return failure();
  for (auto [index, axis] : llvm::enumerate(axes)) // C3
    if (Extent size = getExtent(from, index); size != 1 && size != getExtent(to, axis))
      return emitOpError() << "expected operand axis " << index << " to have size 1 or " << getExtent(to, axis)
                           << ", got " << size;
  if (from.getElementType() != to.getElementType()) // C4
    return emitOpError() << "expected element type " << from.getElementType() << ", got " << to.getElementType();
  return success();
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = typeOf(getOperand()), to = typeOf(getResult());
  if (!haveSameEntries(from, to) && (isBounded(from) || isBounded(to))) // C3
    return emitOpError()
           << "expected every bounded axis to stay itself, with as many entries before and behind it, got " << from
           << " and " << to;
  if (!haveSameEntries(from, to)) // C1
    return emitOpError() << "expected " << from.getNumElements() << " entries, got " << to.getNumElements();
  if (from.getElementType() != to.getElementType()) // C2
    return emitOpError() << "expected element type " << from.getElementType() << ", got " << to.getElementType();
  return success();
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  ArrayRef<int64_t> permutation = adaptor.getPermutation();
  llvm::SmallBitVector seen(type.getRank());
  for (int64_t axis : permutation)
    if (axis >= 0 && axis < type.getRank())
      seen.set(axis);
  if (static_cast<int64_t>(permutation.size()) != type.getRank() || !seen.all()) // C1
    return emitOptionalError(loc, "expected a permutation of ", type.getRank(), " axes, got ", permutation.size(),
                             " entries");
  SmallVector<Extent> shape;
  for (int64_t axis : permutation)
    shape.push_back(getExtent(type, axis));
  results.push_back(getTensorType(shape, type.getElementType()));
  return success();
}

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                        SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  size_t rank = type.getRank();
  if (adaptor.getStarts().size() != rank || adaptor.getLimits().size() != rank ||
      adaptor.getStrides().size() != rank) // C1
    return emitOptionalError(loc, "expected starts, limits and strides for ", rank, " axes, got ",
                             adaptor.getStarts().size(), ", ", adaptor.getLimits().size(), " and ",
                             adaptor.getStrides().size());
  SmallVector<Extent> shape;
  for (auto [axis, start, limit, stride] :
       llvm::enumerate(adaptor.getStarts(), adaptor.getLimits(), adaptor.getStrides())) {
    Extent extent = getExtent(type, axis);
    if (start < 0 || limit < start || limit > extent.size || stride < 1) // C2
      return emitOptionalError(loc, "expected 0 <= start <= limit <= ", extent.size, " and stride >= 1 on axis ", axis,
                               ", got ", start, ", ", limit, " and ", stride);
    if (extent.isBounded() && (start != 0 || limit != extent.size || stride != 1)) // C3
      return emitOptionalError(loc, "expected all of bounded axis ", axis, " (", extent, "), from 0 to ", extent.size,
                               " by 1, got ", start, " to ", limit, " by ", stride,
                               "; slice another axis, or make this one static");
    shape.push_back(extent.isBounded() ? extent : Extent(llvm::divideCeilSigned(limit - start, stride)));
  }
  results.push_back(getTensorType(shape, type.getElementType()));
  return success();
}

/// low + size + (size - 1) interior + high; nothing where that is no number of 64 bits. None of them is negative.
static std::optional<int64_t> getPaddedSize(int64_t size, int64_t low, int64_t high, int64_t interior) {
  std::optional<int64_t> padded = llvm::checkedMulAdd(std::max<int64_t>(size - 1, 0), interior, size);
  for (int64_t more : {low, high})
    padded = padded ? llvm::checkedAdd(*padded, more) : padded;
  return padded;
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                      SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  size_t rank = type.getRank();
  if (adaptor.getLow().size() != rank || adaptor.getHigh().size() != rank || adaptor.getInterior().size() != rank) // C1
    return emitOptionalError(loc, "expected low, high and interior for ", rank, " axes, got ", adaptor.getLow().size(),
                             ", ", adaptor.getHigh().size(), " and ", adaptor.getInterior().size());
  SmallVector<Extent> shape;
  for (auto [axis, low, high, interior] : llvm::enumerate(adaptor.getLow(), adaptor.getHigh(), adaptor.getInterior())) {
    Extent extent = getExtent(type, axis);
    if (low < 0 || high < 0 || interior < 0) // C1
      return emitOptionalError(loc, "expected no negative padding on axis ", axis, ", got ", low, ", ", high, " and ",
                               interior);
    if (extent.isBounded() && (low != 0 || high != 0 || interior != 0)) // C2
      return emitOptionalError(loc, "expected no padding on bounded axis ", axis, " (", extent, "), got ", low, ", ",
                               high, " and ", interior, "; pad another axis, or make this one static");
    std::optional<int64_t> size = getPaddedSize(extent.size, low, high, interior);
    if (!size)
      return emitOptionalError(loc, "expected tensors that fit the memory of a process, got axis ", axis, " (", extent,
                               ") padded by ", low, ", ", high, " and ", interior);
    shape.push_back(extent.isBounded() ? extent : Extent(*size));
  }
  results.push_back(getTensorType(shape, type.getElementType()));
  return success();
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  ValueRange operands = adaptor.getOperands();
  if (operands.empty()) // C1
    return emitOptionalError(loc, "expected at least one operand");
  RankedTensorType first = typeOf(operands.front());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= first.getRank()) // C2
    return emitOptionalError(loc, "expected an axis within rank ", first.getRank(), ", got ", axis);
  SmallVector<Extent> shape = getExtents(first);
  if (shape[axis].isBounded() && operands.size() > 1) // C4
    return emitOptionalError(loc, "expected a static axis to concatenate along, got bounded axis ", axis, " (",
                             shape[axis], "); write into a tensor of static size instead");
  for (Value operand : operands.drop_front()) {
    SmallVector<Extent> other = getExtents(typeOf(operand));
    if (other.size() != shape.size() || typeOf(operand).getElementType() != first.getElementType()) // C3
      return emitOptionalError(loc, "expected operands that differ in axis ", axis, " alone, got ", first, " and ",
                               operand.getType());
    Extent extent = std::exchange(other[axis], shape[axis]);
    if (other != shape || extent.isBounded()) // C3
      return emitOptionalError(loc, "expected operands that differ in axis ", axis, " alone, got ", first, " and ",
                               operand.getType());
    std::optional<int64_t> size = llvm::checkedAdd(shape[axis].size, extent.size);
    if (!size)
      return emitOptionalError(loc, "expected tensors that fit the memory of a process, got axes of ", extent.size,
                               " and ", shape[axis].size, " to concatenate");
    shape[axis].size = *size;
  }
  results.push_back(getTensorType(shape, first.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// Contractions and reductions
//===----------------------------------------------------------------------===//

/// The axes of a `rank`-dimensional operand that are in neither list.
static SmallVector<int64_t> freeAxes(int64_t rank, ArrayRef<int64_t> over, ArrayRef<int64_t> batch) {
  SmallVector<int64_t> axes;
  for (int64_t axis : llvm::seq<int64_t>(0, rank))
    if (!llvm::is_contained(over, axis) && !llvm::is_contained(batch, axis))
      axes.push_back(axis);
  return axes;
}

SmallVector<int64_t> ContractOp::getLhsFree() {
  return freeAxes(typeOf(getLhs()).getRank(), getLhsOver(), getLhsBatch());
}
SmallVector<int64_t> ContractOp::getRhsFree() {
  return freeAxes(typeOf(getRhs()).getRank(), getRhsOver(), getRhsBatch());
}

/// The axes of one operand are distinct and within its rank.
static bool areDistinctAxes(int64_t rank, ArrayRef<int64_t> over, ArrayRef<int64_t> batch) {
  llvm::SmallBitVector seen(rank);
  for (ArrayRef<int64_t> axes : {over, batch})
    for (int64_t axis : axes) {
      if (axis < 0 || axis >= rank || seen.test(axis))
        return false;
      seen.set(axis);
    }
  return true;
}

LogicalResult ContractOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                           SmallVectorImpl<Type> &results) {
  RankedTensorType lhs = typeOf(adaptor.getLhs()), rhs = typeOf(adaptor.getRhs());
  ArrayRef<int64_t> lhsOver = adaptor.getLhsOver(), rhsOver = adaptor.getRhsOver();
  ArrayRef<int64_t> lhsBatch = adaptor.getLhsBatch(), rhsBatch = adaptor.getRhsBatch();
  if (lhsOver.size() != rhsOver.size() || lhsBatch.size() != rhsBatch.size()) // C1
    return emitOptionalError(loc, "expected as many axes of rhs as of lhs, got ", lhsOver.size(), " with ",
                             rhsOver.size(), " and batch ", lhsBatch.size(), " with ", rhsBatch.size());
  if (!areDistinctAxes(lhs.getRank(), lhsOver, lhsBatch) || !areDistinctAxes(rhs.getRank(), rhsOver, rhsBatch)) // C2
    return emitOptionalError(loc, "expected distinct axes within the ranks ", lhs.getRank(), " and ", rhs.getRank());
  for (auto [left, right] : llvm::zip(lhsOver, rhsOver)) // C3
    if (getExtent(lhs, left) != getExtent(rhs, right))
      return emitOptionalError(loc, "contracting dimensions differ: lhs axis ", left, " has size ",
                               getExtent(lhs, left), ", rhs axis ", right, " has size ", getExtent(rhs, right));
  for (auto [left, right] : llvm::zip(lhsBatch, rhsBatch)) // C3
    if (getExtent(lhs, left) != getExtent(rhs, right))
      return emitOptionalError(loc, "batch dimensions differ: lhs axis ", left, " has size ", getExtent(lhs, left),
                               ", rhs axis ", right, " has size ", getExtent(rhs, right));
  if (lhs.getElementType() != rhs.getElementType()) // C4
    return emitOptionalError(loc, "expected equal element types, got ", lhs.getElementType(), " and ",
                             rhs.getElementType());
  SmallVector<Extent> shape;
  for (int64_t axis : lhsBatch)
    shape.push_back(getExtent(lhs, axis));
  for (int64_t axis : freeAxes(lhs.getRank(), lhsOver, lhsBatch))
    shape.push_back(getExtent(lhs, axis));
  for (int64_t axis : freeAxes(rhs.getRank(), rhsOver, rhsBatch))
    shape.push_back(getExtent(rhs, axis));
  results.push_back(getTensorType(shape, lhs.getElementType()));
  return success();
}

bool ContractOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange actual) {
  auto narrow = dyn_cast<RankedTensorType>(inferred.front()), wide = dyn_cast<RankedTensorType>(actual.front());
  return inferred == actual || (inferred.size() == 1 && actual.size() == 1 && narrow && wide && // C4
                                narrow.getElementType().isBF16() && wide.getElementType().isF32() &&
                                narrow.clone(wide.getElementType()) == wide);
}

ContractOp ContractOp::like(ContractOp other) {
  getResult().setType(typeOf(getResult()).clone(typeOf(other.getResult()).getElementType()));
  return *this;
}

/// The operand's type without `axes`.
static LogicalResult inferReduction(std::optional<Location> loc, Value operand, ArrayRef<int64_t> axes,
                                    SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(operand);
  int64_t previous = -1;
  for (int64_t axis : axes) {
    if (axis <= previous || axis >= type.getRank()) // C1
      return emitOptionalError(loc, "expected axes to be increasing and within rank ", type.getRank(), ", got ", axis,
                               " after ", previous);
    previous = axis;
  }
  SmallVector<Extent> shape;
  for (int64_t axis : freeAxes(type.getRank(), axes, {}))
    shape.push_back(getExtent(type, axis));
  results.push_back(getTensorType(shape, type.getElementType()));
  return success();
}

LogicalResult ReduceSumOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  return inferReduction(loc, adaptor.getOperand(), adaptor.getAxes(), results);
}

LogicalResult ReduceMaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  return inferReduction(loc, adaptor.getOperand(), adaptor.getAxes(), results);
}

LogicalResult ReduceMinOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  return inferReduction(loc, adaptor.getOperand(), adaptor.getAxes(), results);
}

LogicalResult ReduceProdOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  return inferReduction(loc, adaptor.getOperand(), adaptor.getAxes(), results);
}

LogicalResult CumsumOp::verify() { return verifyAxis(*this, getAxis(), typeOf(getResult()).getRank()); } // C1

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t k = adaptor.getK();
  if (type.getRank() < 1 || k < 0 || k > getCapacity(type).back()) // C1
    return emitOptionalError(loc, "expected a last axis of at least ", k, " entries, got ", type);
  SmallVector<Extent> shape = getExtents(type);
  shape.back() = k;
  results.push_back(getTensorType(shape, type.getElementType()));
  results.push_back(getTensorType(shape, IntegerType::get(context, 32)));
  return success();
}

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= type.getRank() || type.getDimSize(axis) == 0) // C1
    return emitOptionalError(loc, "expected an axis of at least one entry within rank ", type.getRank(), ", got ",
                             axis);
  results.push_back(dropAxis(type, axis).clone(IntegerType::get(context, 32)));
  return success();
}
