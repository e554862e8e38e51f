//===- GraphCompositeOps.cpp - shape rules and verifiers ------------------===//
// Of the operations of GraphCompositeOps.td, and the checks that they share with others.
//===----------------------------------------------------------------------===//

#include "Verify.h"

using namespace mlir;
using namespace moru::graph;

LogicalResult moru::graph::verifyAxis(Operation *op, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return op->emitOpError() << "expected an axis within rank " << rank << ", got " << axis;
  return success();
}

LogicalResult moru::graph::verifyRandomOperands(Operation *op, Value key, Value counter, int64_t stream) {
  MLIRContext *context = op->getContext();
  if (key.getType() != RankedTensorType::get({}, IntegerType::get(context, 64)) ||
      counter.getType() != RankedTensorType::get({}, IntegerType::get(context, 32)))
    return op->emitOpError() << "expected a key tensor<i64> and a counter tensor<i32>, got " << key.getType() << " and "
                             << counter.getType();
  if (stream < 0 || stream > std::numeric_limits<uint32_t>::max())
    return op->emitOpError() << "expected a stream in [0, 2^32), got " << stream;
  return success();
}

//===----------------------------------------------------------------------===//
// Random
//===----------------------------------------------------------------------===//

LogicalResult RandomNormalOp::verify() {
  if (failed(verifyRandomOperands(*this, getKey(), getCounter(), getStream()))) // C1, C2
    return failure();
  if (Type element = typeOf(getResult()).getElementType(); element.isBF16()) // C3
    return emitOpError() << "expected f32 or f64, got " << element;
  return success();
}

LogicalResult DropoutOp::verify() {
  if (failed(verifyRandomOperands(*this, getKey(), getCounter(), getStream()))) // C1, C2
    return failure();
  if (double rate = getRate().convertToDouble(); !(rate >= 0 && rate < 1)) // C3
    return emitOpError() << "expected a rate in [0, 1), got " << getRateAttr();
  return success();
}

//===----------------------------------------------------------------------===//
// Along an axis
//===----------------------------------------------------------------------===//

LogicalResult SoftmaxOp::verify() { return verifyAxis(*this, getAxis(), typeOf(getResult()).getRank()); }    // C1
LogicalResult LogSoftmaxOp::verify() { return verifyAxis(*this, getAxis(), typeOf(getResult()).getRank()); } // C1

LogicalResult LogsumexpOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= type.getRank()) // C1
    return emitOptionalError(loc, "expected an axis within rank ", type.getRank(), ", got ", axis);
  results.push_back(dropAxis(type, axis));
  return success();
}

LogicalResult GatherAlongAxisOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                                  SmallVectorImpl<Type> &results) {
  RankedTensorType type = typeOf(adaptor.getOperand()), ids = typeOf(adaptor.getIds());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= type.getRank()) // C1
    return emitOptionalError(loc, "expected an axis within rank ", type.getRank(), ", got ", axis);
  if (isBounded(type) || isBounded(ids)) // C3
    return emitOptionalError(loc, "expected static shapes, got ", type, " and ", ids,
                             "; gather rows of a table, or make the dimensions static");
  SmallVector<int64_t> shape(type.getShape());
  if (ids.getRank() == type.getRank())
    shape[axis] = ids.getDimSize(axis);
  if (ids.getShape() != ArrayRef<int64_t>(shape)) // C2
    return emitOptionalError(loc, "expected ids of the operand's shape but for axis ", axis, ", got ", ids, " for ",
                             type);
  results.push_back(RankedTensorType::get(shape, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

/// Rows of at least one entry, a gain or bias for each place in a row, and an epsilon.
static LogicalResult verifyNormalization(Operation *op, Value operand, ValueRange perPlace, FloatAttr epsilon) {
  RankedTensorType type = typeOf(operand);
  if (type.getRank() < 1 || type.getShape().back() < 1) // C1
    return op->emitOpError() << "expected a static last axis of at least one entry, got " << type;
  auto row = RankedTensorType::get(type.getShape().back(), type.getElementType());
  for (Value value : perPlace)
    if (value.getType() != row) // C2
      return op->emitOpError() << "expected gain and bias of type " << row << ", got " << value.getType();
  if (!(epsilon.getValueAsDouble() >= 0)) // C3
    return op->emitOpError() << "expected an epsilon of at least 0, got " << epsilon;
  return success();
}

LogicalResult LayerNormOp::verify() {
  return verifyNormalization(*this, getOperand(), {getGain(), getBias()}, getEpsilonAttr());
}
LogicalResult RmsNormOp::verify() { return verifyNormalization(*this, getOperand(), getGain(), getEpsilonAttr()); }

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// The shape of the mask, nothing where there is none.
static std::optional<SmallVector<Extent>> maskShape(AttentionMask kind, RankedTensorType query, RankedTensorType key) {
  int64_t rank = query.getRank();
  Extent keys = getExtent(key, rank - 2);
  if (kind == AttentionMask::Keys && rank > 2)
    return SmallVector<Extent>{getExtent(query, 0), keys};
  if (kind == AttentionMask::Pairs)
    return SmallVector<Extent>{getExtent(query, rank - 2), keys};
  return std::nullopt;
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  RankedTensorType query = typeOf(adaptor.getQuery()), key = typeOf(adaptor.getKey()),
                   value = typeOf(adaptor.getValue());
  int64_t rank = query.getRank();
  auto fits = [&](RankedTensorType other) {
    return other.getElementType() == query.getElementType() && other.getRank() == rank &&
           ArrayRef(getExtents(other)).drop_back(2) == ArrayRef(getExtents(query)).drop_back(2);
  };
  if (rank < 2 || !fits(key) || !fits(value)) // C1
    return emitOptionalError(loc, "expected one element type, rank (2 or more) and leading axes, got ", query, ", ",
                             key, " and ", value);
  if (query.getShape().back() != key.getShape().back() || query.getShape().back() < 1 ||
      getExtent(key, rank - 2) != getExtent(value, rank - 2)) // C2
    return emitOptionalError(loc, "expected as many entries in a query as in a key, and as many values as keys, got ",
                             query, ", ", key, " and ", value);
  bool wantsMask = adaptor.getKind() == AttentionMask::Keys || adaptor.getKind() == AttentionMask::Pairs;
  std::optional<SmallVector<Extent>> mask = maskShape(adaptor.getKind(), query, key);
  if (wantsMask != mask.has_value()) // C3
    return emitOptionalError(loc, "expected a rank of 3 or more for a mask of keys, got ", query);
  if (wantsMask != static_cast<bool>(adaptor.getMask())) // C3
    return emitOptionalError(loc, "expected ", wantsMask ? "a" : "no", " mask operand");
  if (mask && getExtents(typeOf(adaptor.getMask())) != *mask) // C3
    return emitOptionalError(loc, "expected a mask of shape [", *mask, "], got ", adaptor.getMask().getType());
  SmallVector<Extent> shape = getExtents(query);
  shape.back() = getExtent(value, rank - 1);
  results.push_back(getTensorType(shape, query.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

LogicalResult SoftmaxCrossEntropyOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                                      SmallVectorImpl<Type> &results) {
  RankedTensorType logits = typeOf(adaptor.getLogits()), targets = typeOf(adaptor.getTargets());
  if (logits.getRank() < 1 || ArrayRef(getExtents(targets)) != ArrayRef(getExtents(logits)).drop_back()) // C1
    return emitOptionalError(loc, "expected targets of the logits' shape without the last axis, got ", targets, " for ",
                             logits);
  double smoothing = adaptor.getSmoothing().convertToDouble();
  if (!(smoothing >= 0 && smoothing <= 1)) // C2
    return emitOptionalError(loc, "expected a smoothing in [0, 1], got ", adaptor.getSmoothingAttr());
  if (logits.getShape().back() < 1) // C3
    return emitOptionalError(loc, "expected a static number of classes, at least one, got ", logits);
  results.push_back(RankedTensorType::get({}, logits.getElementType()));
  return success();
}
