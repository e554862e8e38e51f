//===- GraphFolds.cpp - folds of the graph dialect ------------------------===//
// Local rules that never change a value: `x + 0`, `x * 1`, identity shapes, constants of constants. A fold returns an
// existing value or an attribute and creates nothing.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace moru::graph;

/// `attribute` is a splat of `value` (±0 both count as 0 where `value` is 0).
static bool isSplat(Attribute attribute, double value) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(attribute);
  if (!elements || !elements.isSplat())
    return false;
  if (isa<FloatType>(elements.getElementType()))
    return elements.getSplatValue<APFloat>().convertToDouble() == value;
  return elements.getElementType().isIntOrIndex() &&
         elements.getSplatValue<APInt>() ==
             APInt(elements.getElementType().getIntOrFloatBitWidth(), static_cast<int64_t>(value), true, true);
}

static bool isNegativeZero(Attribute attribute) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(attribute);
  return elements && elements.isSplat() && isa<FloatType>(elements.getElementType()) &&
         elements.getSplatValue<APFloat>().isNegZero();
}

/// The splat of `type` that `ofFloats` or `ofIntegers` makes of two splats; null where an operand is none. The
/// arithmetic is that of the element type, correctly rounded: what would be computed at run time.
static Attribute foldSplats(Attribute lhs, Attribute rhs,
                            llvm::function_ref<APFloat(APFloat, const APFloat &)> ofFloats,
                            llvm::function_ref<APInt(const APInt &, const APInt &)> ofIntegers) {
  auto left = dyn_cast_or_null<DenseElementsAttr>(lhs), right = dyn_cast_or_null<DenseElementsAttr>(rhs);
  if (!left || !right || !left.isSplat() || !right.isSplat())
    return {};
  if (isa<FloatType>(left.getElementType()))
    return DenseElementsAttr::get(left.getType(),
                                  ofFloats(left.getSplatValue<APFloat>(), right.getSplatValue<APFloat>()));
  if (!ofIntegers)
    return {};
  return DenseElementsAttr::get(left.getType(), ofIntegers(left.getSplatValue<APInt>(), right.getSplatValue<APInt>()));
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getOperand()); elements && elements.isSplat()) {
    if (isa<FloatType>(elements.getElementType()))
      return DenseElementsAttr::get(elements.getType(), -elements.getSplatValue<APFloat>());
    return DenseElementsAttr::get(elements.getType(), -elements.getSplatValue<APInt>());
  }
  if (auto inner = getOperand().getDefiningOp<NegOp>())
    return inner.getOperand();
  return {};
}

/// `x + 0 -> x` changes -0 + 0 (which is +0) to -0: a sign of zero that no comparison sees and no rule of this dialect
/// promises.
OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (isSplat(adaptor.getRhs(), 0))
    return getLhs();
  if (isSplat(adaptor.getLhs(), 0))
    return getRhs();
  return foldSplats(
      adaptor.getLhs(), adaptor.getRhs(), [](APFloat x, const APFloat &y) { return x + y; },
      [](const APInt &x, const APInt &y) { return x + y; });
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  if (isSplat(adaptor.getRhs(), 0) && !isNegativeZero(adaptor.getRhs()))
    return getLhs();
  return foldSplats(
      adaptor.getLhs(), adaptor.getRhs(), [](APFloat x, const APFloat &y) { return x - y; },
      [](const APInt &x, const APInt &y) { return x - y; });
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isSplat(adaptor.getRhs(), 1))
    return getLhs();
  if (isSplat(adaptor.getLhs(), 1))
    return getRhs();
  return foldSplats(
      adaptor.getLhs(), adaptor.getRhs(), [](APFloat x, const APFloat &y) { return x * y; },
      [](const APInt &x, const APInt &y) { return x * y; });
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (isSplat(adaptor.getRhs(), 1))
    return getLhs();
  return foldSplats(adaptor.getLhs(), adaptor.getRhs(), [](APFloat x, const APFloat &y) { return x / y; }, nullptr);
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (getOnTrue() == getOnFalse() || isSplat(adaptor.getCondition(), 1))
    return getOnTrue();
  if (isSplat(adaptor.getCondition(), 0))
    return getOnFalse();
  return {};
}

/// From floating point to wider floating point: nothing is lost.
static bool isWidening(ConvertOp op) {
  auto from = dyn_cast<FloatType>(getElementTypeOrSelf(op.getOperand()));
  auto to = dyn_cast<FloatType>(getElementTypeOrSelf(op.getResult()));
  return from && to && from.getWidth() < to.getWidth();
}

/// Of constants between floating-point types only: what integers saturate to is the business of the generated code.
OpFoldResult ConvertOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getResult().getType())
    return getOperand();
  // To a wider type and back.
  if (auto inner = getOperand().getDefiningOp<ConvertOp>();
      inner && inner.getOperand().getType() == getType() && isWidening(inner))
    return inner.getOperand();
  auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getOperand());
  auto type = cast<ShapedType>(getType());
  auto to = dyn_cast<FloatType>(type.getElementType());
  if (!elements || !elements.isSplat() || !to || !isa<FloatType>(elements.getElementType()))
    return {};
  APFloat value = elements.getSplatValue<APFloat>();
  bool losesInfo;
  value.convert(to.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return DenseElementsAttr::get(type, value);
}

OpFoldResult MaximumOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return getLhs();
  return foldSplats(
      adaptor.getLhs(), adaptor.getRhs(), [](APFloat x, const APFloat &y) { return llvm::maximum(x, y); },
      [](const APInt &x, const APInt &y) { return llvm::APIntOps::smax(x, y); });
}

OpFoldResult MinimumOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return getLhs();
  return foldSplats(
      adaptor.getLhs(), adaptor.getRhs(), [](APFloat x, const APFloat &y) { return llvm::minimum(x, y); },
      [](const APInt &x, const APInt &y) { return llvm::APIntOps::smin(x, y); });
}

OpFoldResult CompareOp::fold(FoldAdaptor adaptor) {
  auto left = dyn_cast_or_null<DenseElementsAttr>(adaptor.getLhs());
  auto right = dyn_cast_or_null<DenseElementsAttr>(adaptor.getRhs());
  if (!left || !right || !left.isSplat() || !right.isSplat())
    return {};
  // less, equal, greater; all false where a NaN is compared.
  bool less, equal, greater;
  if (isa<FloatType>(left.getElementType())) {
    APFloat::cmpResult order = left.getSplatValue<APFloat>().compare(right.getSplatValue<APFloat>());
    less = order == APFloat::cmpLessThan;
    equal = order == APFloat::cmpEqual;
    greater = order == APFloat::cmpGreaterThan;
  } else {
    APInt x = left.getSplatValue<APInt>(), y = right.getSplatValue<APInt>();
    less = x.slt(y);
    equal = x == y;
    greater = x.sgt(y);
  }
  bool value = false;
  switch (getDirection()) {
  case Direction::Eq:
    value = equal;
    break;
  case Direction::Ne:
    value = !equal;
    break;
  case Direction::Lt:
    value = less;
    break;
  case Direction::Le:
    value = less || equal;
    break;
  case Direction::Gt:
    value = greater;
    break;
  case Direction::Ge:
    value = greater || equal;
    break;
  }
  return DenseElementsAttr::get(cast<ShapedType>(getType()), value);
}

/// A splat constant in another shape.
static OpFoldResult foldSplatReshape(Attribute operand, Type resultType) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(operand);
  if (!elements || !elements.isSplat() || isBounded(resultType))
    return {};
  return elements.resizeSplat(cast<ShapedType>(resultType));
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getResult().getType())
    return getOperand();
  return foldSplatReshape(adaptor.getOperand(), getType());
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getResult().getType())
    return getOperand();
  if (auto inner = getOperand().getDefiningOp<ReshapeOp>(); inner && inner.getOperand().getType() == getType())
    return inner.getOperand();
  return foldSplatReshape(adaptor.getOperand(), getType());
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size())))
    return getOperand();
  return foldSplatReshape(adaptor.getOperand(), getType());
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getResult().getType())
    return getOperand();
  return foldSplatReshape(adaptor.getOperand(), getType());
}

OpFoldResult PadOp::fold(FoldAdaptor) {
  if (getOperand().getType() == getResult().getType())
    return getOperand();
  return {};
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  if (getOperands().size() == 1)
    return getOperands().front();
  return {};
}

/// A reduction over no axes.
template <typename OpTy> static OpFoldResult foldReduction(OpTy op) {
  return op.getAxes().empty() ? OpFoldResult(op.getOperand()) : OpFoldResult();
}

OpFoldResult ReduceSumOp::fold(FoldAdaptor) { return foldReduction(*this); }
OpFoldResult ReduceMaxOp::fold(FoldAdaptor) { return foldReduction(*this); }
OpFoldResult ReduceMinOp::fold(FoldAdaptor) { return foldReduction(*this); }
OpFoldResult ReduceProdOp::fold(FoldAdaptor) { return foldReduction(*this); }
