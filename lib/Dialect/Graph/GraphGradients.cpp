//===- GraphGradients.cpp - the gradient rules ----------------------------===//
// One block per operation: the formula, then the rule. dx is the cotangent of x; `d.add(x, …)` gives what flows to x
// and builds nothing where x does not matter. scan's rule stands in ScanGradient.cpp.
//===----------------------------------------------------------------------===//

#include "Formula.h"
#include "moru/Dialect/Graph/Cotangents.h"

#include <numbers>

using namespace mlir;
using namespace moru::graph;

//===----------------------------------------------------------------------===//
// Constants: nothing to flow to
//===----------------------------------------------------------------------===//

LogicalResult ConstantOp::buildGradient(OpBuilder &, ArrayRef<Value>, Cotangents &) { return success(); }
LogicalResult IotaOp::buildGradient(OpBuilder &, ArrayRef<Value>, Cotangents &) { return success(); }
LogicalResult StopGradientOp::buildGradient(OpBuilder &, ArrayRef<Value>, Cotangents &) { return success(); }

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

// y = -x: dx = -dy
LogicalResult NegOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.neg(dy[0]); });
  return success();
}

// y = |x|: dx = dy * sign(x), 0 at 0
LogicalResult AbsOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  d.add(x, [&] {
    Value zero = f.splat(x, 0);
    Value negative = f.select(f.compare(Direction::Lt, x, zero), f.neg(dy[0]), zero);
    return f.select(f.compare(Direction::Gt, x, zero), dy[0], negative);
  });
  return success();
}

// y = e^x: dx = dy * y
LogicalResult ExpOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.mul(dy[0], getResult()); });
  return success();
}

// y = log x: dx = dy / x
LogicalResult LogOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.div(dy[0], getOperand()); });
  return success();
}

// y = log(1 + x): dx = dy / (1 + x)
LogicalResult Log1pOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  d.add(x, [&] { return f.div(dy[0], f.add(x, f.splat(x, 1))); });
  return success();
}

// y = erf x: dx = dy * (2 / sqrt(pi) * e^(-x^2))
LogicalResult ErfOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  d.add(x, [&] { return f.mul(dy[0], f.scale(f.exp(f.neg(f.mul(x, x))), 2 * std::numbers::inv_sqrtpi)); });
  return success();
}

// y = tanh x: dx = dy * (1 - y * y)
LogicalResult TanhOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value y = getResult();
  d.add(getOperand(), [&] { return f.mul(dy[0], f.sub(f.splat(y, 1), f.mul(y, y))); });
  return success();
}

// y = 1 / (1 + e^-x): dx = dy * (y * (1 - y))
LogicalResult SigmoidOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value y = getResult();
  d.add(getOperand(), [&] { return f.mul(dy[0], f.mul(y, f.sub(f.splat(y, 1), y))); });
  return success();
}

// y = sqrt x: dx = dy / (2 y)
LogicalResult SqrtOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.div(dy[0], f.scale(getResult(), 2)); });
  return success();
}

// y = x^(-1/2): dx = -dy * y^3 / 2
LogicalResult RsqrtOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value y = getResult();
  d.add(getOperand(), [&] { return f.mul(dy[0], f.scale(f.mul(y, f.mul(y, y)), -0.5)); });
  return success();
}

// y = sin x: dx = dy * cos x
LogicalResult SinOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.mul(dy[0], CosOp::create(builder, f.loc, getOperand())); });
  return success();
}

// y = cos x: dx = -dy * sin x
LogicalResult CosOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.neg(f.mul(dy[0], SinOp::create(builder, f.loc, getOperand()))); });
  return success();
}

// z = x + y: dx = dz, dy = dz
LogicalResult AddOp::buildGradient(OpBuilder &, ArrayRef<Value> dz, Cotangents &d) {
  d.add(getLhs(), dz[0]);
  d.add(getRhs(), dz[0]);
  return success();
}

// z = x - y: dx = dz, dy = -dz
LogicalResult SubOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getLhs(), dz[0]);
  d.add(getRhs(), [&] { return f.neg(dz[0]); });
  return success();
}

// z = x * y: dx = dz * y, dy = dz * x
LogicalResult MulOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getLhs(), [&] { return f.mul(dz[0], getRhs()); });
  d.add(getRhs(), [&] { return f.mul(dz[0], getLhs()); });
  return success();
}

// z = x / y: dx = dz / y, dy = -dz * z / y
LogicalResult DivOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getLhs(), [&] { return f.div(dz[0], getRhs()); });
  d.add(getRhs(), [&] { return f.neg(f.div(f.mul(dz[0], getResult()), getRhs())); });
  return success();
}

/// dz to the operand that `wins` against the other, half of it where they are equal.
static void shareBetween(Formula f, Direction wins, Value x, Value y, Value dz, Cotangents &d) {
  auto share = [&](Value mine, Value other) {
    Value tie = f.select(f.compare(Direction::Eq, mine, other), f.scale(dz, 0.5), f.splat(dz, 0));
    return f.select(f.compare(wins, mine, other), dz, tie);
  };
  d.add(x, [&] { return share(x, y); });
  d.add(y, [&] { return share(y, x); });
}

// z = max(x, y): dx = dz where x > y, dz / 2 where x = y
LogicalResult MaximumOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  shareBetween(Formula(builder, *this), Direction::Gt, getLhs(), getRhs(), dz[0], d);
  return success();
}

// z = min(x, y): dx = dz where x < y, dz / 2 where x = y
LogicalResult MinimumOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  shareBetween(Formula(builder, *this), Direction::Lt, getLhs(), getRhs(), dz[0], d);
  return success();
}

// z = x^y: dx = dz * (y * x^(y-1)), 0 where y is; dy = dz * (z * log x), 0 where x is and y is not negative
LogicalResult PowOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getLhs(), y = getRhs();
  d.add(x, [&] {
    Value lower = PowOp::create(builder, f.loc, x, f.sub(y, f.splat(y, 1)));
    Value zero = f.splat(y, 0);
    return f.mul(dz[0], f.select(f.compare(Direction::Eq, y, zero), zero, f.mul(y, lower)));
  });
  d.add(y, [&] {
    Value zero = f.splat(y, 0);
    Value flat = f.both(f.compare(Direction::Eq, x, zero), f.compare(Direction::Ge, y, zero));
    return f.mul(dz[0], f.select(flat, zero, f.mul(getResult(), f.log(x))));
  });
  return success();
}

// z = c ? x : y: dx = c ? dz : 0, dy = c ? 0 : dz
LogicalResult SelectOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOnTrue(), [&] { return f.select(getCondition(), dz[0], f.splat(dz[0], 0)); });
  d.add(getOnFalse(), [&] { return f.select(getCondition(), f.splat(dz[0], 0), dz[0]); });
  return success();
}

// dx = dy in x's element type
LogicalResult ConvertOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  d.add(getOperand(), [&] { return ConvertOp::create(builder, getLoc(), getOperand().getType(), dy[0]); });
  return success();
}

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

// dx = dy summed over the axes along which x was repeated
LogicalResult BroadcastOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  d.add(x, [&] {
    SmallVector<int64_t> repeated;
    for (auto [axis, size] : llvm::enumerate(getExtents(typeOf(getResult())))) {
      const int64_t *found = llvm::find(getAxes(), static_cast<int64_t>(axis));
      if (found == getAxes().end() || getExtent(typeOf(x), found - getAxes().begin()) != size)
        repeated.push_back(axis);
    }
    return f.reshape(f.sum(dy[0], repeated), x);
  });
  return success();
}

// dx = dy in x's shape
LogicalResult ReshapeOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.reshape(dy[0], getOperand()); });
  return success();
}

// dx = dy by the inverse permutation
LogicalResult TransposeOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  SmallVector<int64_t> inverse(getPermutation().size());
  for (auto [index, axis] : llvm::enumerate(getPermutation()))
    inverse[axis] = index;
  d.add(getOperand(), [&] { return TransposeOp::create(builder, getLoc(), dy[0], inverse); });
  return success();
}

// dx = dy within a border of zeros
LogicalResult SliceOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  SmallVector<int64_t> low(getStarts()), high, interior;
  for (auto [axis, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    int64_t count = getExtent(typeOf(getResult()), axis).size;
    int64_t covered = count ? (count - 1) * stride + 1 : 0;
    high.push_back(getExtent(typeOf(getOperand()), axis).size - start - covered);
    interior.push_back(stride - 1);
  }
  d.add(getOperand(), [&] { return PadOp::create(builder, getLoc(), dy[0], low, high, interior); });
  return success();
}

// dx = the entries of dy that came from x
LogicalResult PadOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  SmallVector<int64_t> limits, strides;
  for (auto [axis, low, interior] : llvm::enumerate(getLow(), getInterior())) {
    int64_t count = getExtent(typeOf(getOperand()), axis).size;
    strides.push_back(interior + 1);
    limits.push_back(low + (count ? (count - 1) * (interior + 1) + 1 : 0));
  }
  d.add(getOperand(), [&] { return SliceOp::create(builder, getLoc(), dy[0], getLow(), limits, strides); });
  return success();
}

// each operand's cotangent is its part of dz
LogicalResult ConcatOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  RankedTensorType type = typeOf(getResult());
  int64_t axis = getAxis(), start = 0;
  for (Value operand : getOperands()) {
    int64_t limit = start + getExtent(typeOf(operand), axis).size;
    d.add(operand, [&] {
      SmallVector<int64_t> starts(type.getRank(), 0), limits = getCapacity(type), strides(type.getRank(), 1);
      starts[axis] = start;
      limits[axis] = limit;
      return SliceOp::create(builder, getLoc(), dz[0], starts, limits, strides);
    });
    start = limit;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Contractions and reductions
//===----------------------------------------------------------------------===//

namespace {
/// One operand of a contraction, seen from the gradient of the other: which of its axes are batch, free and contracted,
/// and where its free axes lie in the result.
struct ContractSide {
  Value value;
  SmallVector<int64_t> batch, free, over, freeInResult;
};
} // namespace

/// The cotangent of `mine`: dy contracted with `other` over other's free axes. Of the two orders of the operands the
/// one whose result has mine's order of axes is taken; where neither has, a transpose follows.
static Value contractGradient(Formula &f, const ContractSide &mine, const ContractSide &other, Value dy) {
  // Mine's axes in the order in which batch, free and contracted axes come out of the contraction; the contracted ones
  // are other's, in other's order.
  SmallVector<int64_t> contracted;
  SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, other.over.size()));
  llvm::sort(order, [&](size_t a, size_t b) { return other.over[a] < other.over[b]; });
  for (size_t index : order)
    contracted.push_back(mine.over[index]);
  auto batchInResult = llvm::to_vector(llvm::seq<int64_t>(0, mine.batch.size()));

  SmallVector<int64_t> gradientFirst(mine.batch), otherFirst(mine.batch);
  llvm::append_range(gradientFirst, mine.free);
  llvm::append_range(gradientFirst, contracted);
  llvm::append_range(otherFirst, contracted);
  llvm::append_range(otherFirst, mine.free);

  // Of a sum in f32 of products of bf16, dy is f32.
  Type element = typeOf(mine.value).getElementType();
  Value factor = typeOf(dy).getElementType() == element ? other.value : widenBF16(f.builder, other.value);
  bool isOtherFirst = llvm::is_sorted(otherFirst) && !llvm::is_sorted(gradientFirst);
  Value result = isOtherFirst ? ContractOp::create(f.builder, f.loc, factor, dy, other.free, other.freeInResult,
                                                   other.batch, batchInResult)
                              : ContractOp::create(f.builder, f.loc, dy, factor, other.freeInResult, other.free,
                                                   batchInResult, other.batch);
  if (factor != other.value)
    result = ConvertOp::create(f.builder, f.loc, typeOf(result).clone(element), result);
  ArrayRef<int64_t> axes = isOtherFirst ? otherFirst : gradientFirst;
  if (llvm::is_sorted(axes))
    return result;
  SmallVector<int64_t> permutation(axes.size());
  for (auto [index, axis] : llvm::enumerate(axes))
    permutation[axis] = index;
  return TransposeOp::create(f.builder, f.loc, result, permutation);
}

// z = x · y: dx = dz · y over y's free axes, dy = x · dz over x's free axes
LogicalResult ContractOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dz, Cotangents &d) {
  Formula f(builder, *this);
  ContractSide lhs{getLhs(), SmallVector<int64_t>(getLhsBatch()), getLhsFree(), SmallVector<int64_t>(getLhsOver()), {}};
  ContractSide rhs{getRhs(), SmallVector<int64_t>(getRhsBatch()), getRhsFree(), SmallVector<int64_t>(getRhsOver()), {}};
  int64_t next = lhs.batch.size();
  for (ContractSide *side : {&lhs, &rhs})
    for (size_t index = 0; index != side->free.size(); ++index)
      side->freeInResult.push_back(next++);
  d.add(getLhs(), [&] { return contractGradient(f, lhs, rhs, dz[0]); });
  d.add(getRhs(), [&] { return contractGradient(f, rhs, lhs, dz[0]); });
  return success();
}

/// Zeros of the type of `like`, with `updates` added at the places `flatIds` of their flattened form.
static Value scatterIntoFlat(Formula &f, Value updates, Value flatIds, Value like) {
  auto flat = RankedTensorType::get({typeOf(like).getNumElements()}, typeOf(like).getElementType());
  Value line = f.reshape(updates, flatIds);
  return f.reshape(ScatterAddOp::create(f.builder, f.loc, flat, line, flatIds), like);
}

// dx = dy repeated
LogicalResult ReduceSumOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  d.add(getOperand(), [&] { return f.expand(dy[0], getOperand(), getAxes()); });
  return success();
}

/// dy / (number of entries equal to the result) where an entry is, 0 elsewhere.
template <typename OpTy> static void shareAmongEqual(OpTy op, Formula f, Value dy, Cotangents &d) {
  Value x = op.getOperand();
  d.add(x, [&] {
    Value equal = f.compare(Direction::Eq, x, f.expand(op.getResult(), x, op.getAxes()));
    Value count = f.sum(f.select(equal, f.splat(x, 1), f.splat(x, 0)), op.getAxes());
    return f.select(equal, f.expand(f.div(dy, count), x, op.getAxes()), f.splat(x, 0));
  });
}

// dx = dy / (number of the largest) where x = y, 0 elsewhere
LogicalResult ReduceMaxOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  shareAmongEqual(*this, Formula(builder, *this), dy[0], d);
  return success();
}

// dx = dy / (number of the least) where x = y, 0 elsewhere
LogicalResult ReduceMinOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  shareAmongEqual(*this, Formula(builder, *this), dy[0], d);
  return success();
}

/// The products of the entries of `x` before each along axis 0, or behind it.
static Value productsBefore(Formula &f, Value x, bool behind) {
  RankedTensorType slice = dropAxis(typeOf(x), 0);
  Value one = createSplat(f.builder, f.loc, slice, 1);
  auto scan = ScanOp::create(f.builder, f.loc, one, x, getExtent(typeOf(x), 0), ArrayRef<int64_t>{0},
                             ArrayRef<int64_t>{0}, behind, slice);
  OpBuilder body = OpBuilder::atBlockEnd(scan.getBodyBlock());
  Value product = scan.getCarryArgs().front();
  Value next = MulOp::create(body, f.loc, product, scan.getInputArgs().front());
  YieldOp::create(body, f.loc, next, product);
  return scan.getOutputResults().front();
}

// dx = dy * (product of the entries before x) * (product of those behind it), the reduced axes seen as one
LogicalResult ReduceProdOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  RankedTensorType type = typeOf(x);
  if (getAxes().size() > 1 && isBounded(type))
    return emitOpError(
        "has no gradient over several axes of a tensor with bounded dimensions; take the product along one axis "
        "after the other");
  d.add(x, [&]() -> Value {
    Value spread = f.expand(dy[0], x, getAxes());
    if (llvm::is_contained(type.getShape(), 0) || getAxes().empty())
      return spread;
    SmallVector<int64_t> order(getAxes()), inverse(type.getRank());
    SmallVector<Extent> flat{getExtent(type, getAxes().front())};
    for (int64_t axis : getAxes().drop_front())
      flat.front().size *= getExtent(type, axis).size;
    for (int64_t axis : llvm::seq<int64_t>(0, type.getRank()))
      if (!llvm::is_contained(getAxes(), axis)) {
        order.push_back(axis);
        flat.push_back(getExtent(type, axis));
      }
    for (auto [index, axis] : llvm::enumerate(order))
      inverse[axis] = index;
    Value ordered = TransposeOp::create(builder, f.loc, x, order);
    RankedTensorType flatType = getTensorType(flat, type.getElementType());
    Value line = ReshapeOp::create(builder, f.loc, flatType, ordered);
    Value others = f.mul(productsBefore(f, line, false), productsBefore(f, line, true));
    return f.mul(spread, TransposeOp::create(builder, f.loc, f.reshape(others, ordered), inverse));
  });
  return success();
}

// dx = the cumulative sum of dy from the other end
LogicalResult CumsumOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  d.add(getOperand(), [&] {
    return CumsumOp::create(builder, getLoc(), dy[0].getType(), dy[0], getAxis(), getExclusive(), !getReverse());
  });
  return success();
}

// dx = dvalues added at the indices
LogicalResult TopKOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  if (isBounded(x.getType()))
    return emitOpError("has no gradient on bounded dimensions; make them static");
  if (dy[0])
    d.add(x, [&] { return scatterIntoFlat(f, dy[0], flattenIds(f, getIndices(), x, false), x); });
  return success();
}

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

// y = table[ids]: dtable = dy added at ids; rows of bf16, of which many may meet, in f32
LogicalResult GatherOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Value table = getTable();
  d.add(table, [&]() -> Value {
    if (!typeOf(table).getElementType().isBF16())
      return ScatterAddOp::create(builder, getLoc(), table.getType(), dy[0], getIds());
    Value sums = ScatterAddOp::create(builder, getLoc(), typeOf(table).clone(builder.getF32Type()),
                                      widenBF16(builder, dy[0]), getIds());
    return ConvertOp::create(builder, getLoc(), table.getType(), sums);
  });
  return success();
}

// y = the box of x at starts: dx = zeros with dy as their box
LogicalResult DynamicSliceOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand();
  d.add(x,
        [&] { return DynamicUpdateSliceOp::create(builder, f.loc, x.getType(), f.splat(x, 0), dy[0], getStarts()); });
  return success();
}

// y = x with the box u at starts: dx = dy with a box of zeros, du = the box of dy
LogicalResult DynamicUpdateSliceOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value u = getUpdate();
  d.add(getOperand(), [&] {
    return DynamicUpdateSliceOp::create(builder, f.loc, dy[0].getType(), dy[0], f.splat(u, 0), getStarts());
  });
  d.add(u, [&] { return DynamicSliceOp::create(builder, f.loc, dy[0], getStarts(), getCapacity(typeOf(u))); });
  return success();
}

// y = x added at ids: dx = dy[ids]
LogicalResult ScatterAddOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  d.add(getUpdates(), [&] { return GatherOp::create(builder, getLoc(), dy[0], getIds()); });
  return success();
}

//===----------------------------------------------------------------------===//
// Composites
//===----------------------------------------------------------------------===//

// y = softmax x: dx = y * (dy - sum(dy * y))
LogicalResult SoftmaxOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value y = getResult();
  int64_t axis = getAxis();
  d.add(getOperand(), [&] { return f.mul(y, f.sub(dy[0], f.expand(f.sum(f.mul(dy[0], y), axis), y, axis))); });
  return success();
}

// y = log softmax x: dx = dy - e^y * sum(dy)
LogicalResult LogSoftmaxOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value y = getResult();
  int64_t axis = getAxis();
  d.add(getOperand(), [&] { return f.sub(dy[0], f.mul(f.exp(y), f.expand(f.sum(dy[0], axis), y, axis))); });
  return success();
}

// y = log(sum(e^x)): dx = dy * softmax(x), 0 where all of x is -inf
LogicalResult LogsumexpOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Value x = getOperand(), y = getResult();
  int64_t axis = getAxis();
  d.add(x, [&] {
    Value nothing = f.compare(Direction::Eq, y, f.splat(y, -std::numeric_limits<double>::infinity()));
    Value hidden = f.expand(nothing, x, axis), zero = f.splat(x, 0);
    Value shares = SoftmaxOp::create(builder, f.loc, f.select(hidden, zero, x), axis);
    return f.mul(f.expand(dy[0], x, axis), f.select(hidden, zero, shares));
  });
  return success();
}

/// The sum over the rows.
static Value sumOverRows(Formula &f, Value x) {
  return f.sum(x, llvm::to_vector(llvm::seq<int64_t>(0, typeOf(x).getRank() - 1)));
}

/// What flows to the operand of a normalization from dn, what flows to its normalized rows.
static Value normalizationGradient(Formula &f, const Normalized &normalized, Value dn, bool centered) {
  Value n = normalized.rows;
  Value rest = f.sub(dn, f.mul(n, f.spreadRows(f.mean(f.mul(dn, n)), n)));
  if (centered)
    rest = f.sub(rest, f.spreadRows(f.mean(dn), n));
  return f.mul(rest, f.spreadRows(normalized.factor, n));
}

// y = n * gain + bias: dn = dy * gain, dx = r * (dn - n * mean(dn * n) - mean(dn)), dgain = sum(dy * n), dbias =
// sum(dy)
LogicalResult LayerNormOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Normalized normalized(f, getOperand(), getEpsilon().convertToDouble(), true);
  d.add(getOperand(),
        [&] { return normalizationGradient(f, normalized, f.mul(dy[0], f.spreadRow(getGain(), dy[0])), true); });
  d.add(getGain(), [&] { return sumOverRows(f, f.mul(dy[0], normalized.rows)); });
  d.add(getBias(), [&] { return sumOverRows(f, dy[0]); });
  return success();
}

// y = n * gain: dn = dy * gain, dx = r * (dn - n * mean(dn * n)), dgain = sum(dy * n)
LogicalResult RmsNormOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  Formula f(builder, *this);
  Normalized normalized(f, getOperand(), getEpsilon().convertToDouble(), false);
  d.add(getOperand(),
        [&] { return normalizationGradient(f, normalized, f.mul(dy[0], f.spreadRow(getGain(), dy[0])), false); });
  d.add(getGain(), [&] { return sumOverRows(f, f.mul(dy[0], normalized.rows)); });
  return success();
}

// dlogits = (softmax(logits) - q) * dloss / count at the positions that count
LogicalResult SoftmaxCrossEntropyOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dloss, Cotangents &d) {
  Formula f(builder, *this);
  Value logits = getLogits();
  d.add(logits, [&] {
    int64_t last = typeOf(logits).getRank() - 1;
    CrossEntropyTargets targets(f, *this);
    Value share = broadcastTo(builder, f.loc, f.div(dloss[0], targets.count), typeOf(getTargets()));
    share = f.select(targets.valid, share, f.splat(share, 0));
    Value shares = SoftmaxOp::create(builder, f.loc, logits, last);
    double rest = getSmoothing().convertToDouble() / typeOf(logits).getDimSize(last);
    double most = 1 - getSmoothing().convertToDouble() + rest;
    Value distribution = f.select(targets.hit, f.splat(logits, most), f.splat(logits, rest));
    return f.mul(f.sub(shares, distribution), f.expand(share, logits, last));
  });
  return success();
}
