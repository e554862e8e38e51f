//===- GraphDecompositions.cpp - composites in primitive operations -------===//
// One block per composite: its definition, which is its reference and its fallback too.
//===----------------------------------------------------------------------===//

#include "Formula.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace moru::graph;

//===----------------------------------------------------------------------===//
// Entry by entry
//===----------------------------------------------------------------------===//

// y = x <= 0 ? 0 : x, so that NaN stays NaN
SmallVector<Value> ReluOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value x = getOperand(), zero = f.splat(x, 0);
  return {f.select(f.compare(Direction::Le, x, zero), zero, x)};
}

// y = x / (1 + e^-x)
SmallVector<Value> SiluOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  return {f.mul(getOperand(), f.sigmoid(getOperand()))};
}

// y = max(x, 0) + log(1 + e^-|x|)
SmallVector<Value> SoftplusOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value x = getOperand(), size = AbsOp::create(builder, f.loc, x);
  return {f.add(MaximumOp::create(builder, f.loc, x, f.splat(x, 0)), f.log1p(f.exp(f.neg(size))))};
}

// none: y = x (1 + erf(x / sqrt 2)) / 2; tanh: y = x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)), as (1 + tanh u) / 2 is
// the sigmoid of 2 u
SmallVector<Value> GeluOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value x = getOperand();
  if (getApproximate() == Approximation::None) {
    Value error = ErfOp::create(builder, f.loc, f.scale(x, 1 / std::numbers::sqrt2));
    return {f.mul(f.scale(x, 0.5), f.add(error, f.splat(x, 1)))};
  }
  Value inner = f.mul(x, f.add(f.scale(f.mul(x, x), 0.044715), f.splat(x, 1)));
  return {f.mul(x, f.sigmoid(f.scale(inner, 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi)))};
}

//===----------------------------------------------------------------------===//
// Random
//===----------------------------------------------------------------------===//

// z = x p(s), s = sqrt(-log((1 - x)(1 + x))), x = 2 u + 2^-24 - 1 for a uniform u. p interpolates
// sqrt 2 erfinv(x) / x at the Chebyshev nodes of s in [0, 4], in powers of s - 2: within 2e-6 of it, of which the 24
// bits of u are farther apart. The largest s is 3.994.
SmallVector<Value> RandomNormalOp::decompose(OpBuilder &builder) {
  static constexpr double kPowers[] = {-3.89805291e-06, 1.88908132e-06, 7.06498467e-05, -4.14599672e-05,
                                       -0.000567342679, 0.000437440525, 0.00273876521,  -0.00309909601,
                                       -0.00893581472,  0.0171372164,   0.0188143812,   -0.100162484,
                                       0.159565613,     1.29176939,     2.62871075};
  Formula f(builder, *this);
  Value uniform =
      RandomOp::create(builder, f.loc, getType(), Distribution::Uniform, getKey(), getCounter(), getStream());
  Value one = f.splat(uniform, 1);
  Value x = f.add(f.scale(f.sub(uniform, f.splat(uniform, 0.5)), 2), f.splat(uniform, 0x1p-24));
  Value tail = f.log(f.mul(f.sub(one, x), f.add(one, x)));
  Value s = f.sub(SqrtOp::create(builder, f.loc, f.neg(tail)), f.splat(x, 2));
  Value p = f.splat(x, kPowers[0]);
  for (double power : ArrayRef(kPowers).drop_front())
    p = f.add(f.mul(p, s), f.splat(x, power));
  return {f.mul(x, p)};
}

// y = u >= rate ? x / (1 - rate) : 0
SmallVector<Value> DropoutOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value x = getOperand();
  double rate = getRate().convertToDouble();
  RankedTensorType type = typeOf(x).clone(builder.getF32Type());
  Value uniform = RandomOp::create(builder, f.loc, type, Distribution::Uniform, getKey(), getCounter(), getStream());
  Value kept = f.compare(Direction::Ge, uniform, f.splat(uniform, rate));
  return {f.select(kept, f.scale(x, 1 / (1 - rate)), f.splat(x, 0))};
}

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

/// The axes with `axis` moved to the end, and back.
static SmallVector<int64_t> axisLast(int64_t rank, int64_t axis, bool back) {
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  permutation.erase(permutation.begin() + (back ? rank - 1 : axis));
  permutation.insert(permutation.begin() + (back ? axis : rank - 1), back ? rank - 1 : axis);
  return permutation;
}

Value moru::graph::flattenIds(Formula &f, Value ids, Value like, bool mayMiss) {
  OpBuilder &builder = f.builder;
  RankedTensorType type = typeOf(like);
  int64_t size = type.getShape().back(), perRow = typeOf(ids).getShape().back(), entries = type.getNumElements();
  // Numbers beyond i32 need the wider type.
  Type element = entries > std::numeric_limits<int32_t>::max() ? builder.getI64Type() : typeOf(ids).getElementType();
  if (element != typeOf(ids).getElementType())
    ids = ConvertOp::create(builder, f.loc, RankedTensorType::get(typeOf(ids).getShape(), element), ids);
  int64_t rows = perRow ? typeOf(ids).getNumElements() / perRow : 0;
  auto table = RankedTensorType::get({rows, perRow}, element);
  Value line = ReshapeOp::create(builder, f.loc, table, ids);
  Value flat = f.add(line, f.scale(IotaOp::create(builder, f.loc, table, 0), static_cast<double>(size)));
  if (mayMiss) {
    Value low = f.compare(Direction::Ge, line, f.splat(line, 0));
    Value high = f.compare(Direction::Lt, line, f.splat(line, static_cast<double>(size)));
    flat = f.select(AndOp::create(builder, f.loc, low, high), flat, f.splat(flat, -1));
  }
  return ReshapeOp::create(builder, f.loc, RankedTensorType::get({rows * perRow}, element), flat);
}

// y = the flattened x at the places of ids in it
SmallVector<Value> GatherAlongAxisOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  int64_t rank = typeOf(getOperand()).getRank(), axis = getAxis();
  SmallVector<int64_t> there = axisLast(rank, axis, false), back = axisLast(rank, axis, true);
  Value x = TransposeOp::create(builder, f.loc, getOperand(), there);
  Value ids = TransposeOp::create(builder, f.loc, getIds(), there);
  auto flat = RankedTensorType::get({typeOf(x).getNumElements()}, typeOf(x).getElementType());
  Value table = ReshapeOp::create(builder, f.loc, flat, x);
  Value entries = GatherOp::create(builder, f.loc, table, flattenIds(f, ids, x, true));
  return {TransposeOp::create(builder, f.loc, f.reshape(entries, ids), back)};
}

//===----------------------------------------------------------------------===//
// Along rows
//===----------------------------------------------------------------------===//

/// x minus its largest entry along `axis`.
static Value shiftByMaximum(Formula &f, Value x, int64_t axis) { return f.sub(x, f.expand(f.max(x, axis), x, axis)); }

// y = e / sum(e), e = exp(x - max(x))
SmallVector<Value> SoftmaxOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  int64_t axis = getAxis();
  Value e = f.exp(shiftByMaximum(f, getOperand(), axis));
  return {f.div(e, f.expand(f.sum(e, axis), e, axis))};
}

// y = s - log(sum(exp(s))), s = x - max(x)
SmallVector<Value> LogSoftmaxOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  int64_t axis = getAxis();
  Value s = shiftByMaximum(f, getOperand(), axis);
  return {f.sub(s, f.expand(f.log(f.sum(f.exp(s), axis)), s, axis))};
}

// y = log(sum(exp(x - m))) + m, m = the largest entry, or 0 where that is infinite
SmallVector<Value> LogsumexpOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value x = getOperand(), m = f.max(x, getAxis());
  Value size = AbsOp::create(builder, f.loc, m);
  m = f.select(f.compare(Direction::Lt, size, f.splat(m, std::numeric_limits<double>::infinity())), m, f.splat(m, 0));
  Value e = f.exp(f.sub(x, f.expand(m, x, getAxis())));
  return {f.add(f.log(f.sum(e, getAxis())), m)};
}

Normalized::Normalized(Formula &f, Value x, double epsilon, bool centered) {
  if (centered)
    x = f.sub(x, f.spreadRows(f.mean(x), x));
  Value square = f.mean(f.mul(x, x));
  factor = RsqrtOp::create(f.builder, f.loc, f.add(square, f.splat(square, epsilon)));
  rows = f.mul(x, f.spreadRows(factor, x));
}

// y = n * gain + bias
SmallVector<Value> LayerNormOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value n = Normalized(f, getOperand(), getEpsilon().convertToDouble(), true).rows;
  return {f.add(f.mul(n, f.spreadRow(getGain(), n)), f.spreadRow(getBias(), n))};
}

// y = n * gain
SmallVector<Value> RmsNormOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value n = Normalized(f, getOperand(), getEpsilon().convertToDouble(), false).rows;
  return {f.mul(n, f.spreadRow(getGain(), n))};
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Which keys each query sees, in the shape of the scores; null for all.
static Value visibleKeys(Formula &f, AttentionOp op, RankedTensorType scores) {
  OpBuilder &builder = f.builder;
  int64_t rank = scores.getRank();
  auto shaped = [&](Type element) -> RankedTensorType { return scores.clone(element); };
  switch (op.getKind()) {
  case AttentionMask::None:
    return {};
  case AttentionMask::Causal: {
    Value query = IotaOp::create(builder, f.loc, shaped(builder.getI32Type()), rank - 2);
    Value key = IotaOp::create(builder, f.loc, shaped(builder.getI32Type()), rank - 1);
    return f.compare(Direction::Le, key, query);
  }
  case AttentionMask::Keys:
    return BroadcastOp::create(builder, f.loc, shaped(builder.getI1Type()), op.getMask(),
                               ArrayRef<int64_t>{0, rank - 1});
  case AttentionMask::Pairs:
    return broadcastTo(builder, f.loc, op.getMask(), scores);
  }
  llvm_unreachable("every kind of mask has a case");
}

// y = p v, p = softmax(s) over the visible keys, s = q k^T / sqrt(D). A hidden score is the least finite number, which
// adds nothing beside a visible one; where none is visible p is all the same set to 0, and passes no gradient.
SmallVector<Value> AttentionOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  RankedTensorType type = typeOf(getQuery());
  int64_t rank = type.getRank(), last = rank - 1;
  SmallVector<int64_t> batch = llvm::to_vector(llvm::seq<int64_t>(0, rank - 2));
  Value products = ContractOp::create(builder, f.loc, getQuery(), getKey(), last, last, batch, batch);
  Value scores = f.scale(products, 1 / std::sqrt(static_cast<double>(type.getDimSize(last))));
  Value visible = visibleKeys(f, *this, typeOf(scores));
  const llvm::fltSemantics &semantics = cast<FloatType>(type.getElementType()).getFloatSemantics();
  if (visible)
    scores = f.select(visible, scores, f.splat(scores, APFloat::getLargest(semantics, true).convertToDouble()));
  Value shares = SoftmaxOp::create(builder, f.loc, scores, last);
  if (visible)
    shares = f.select(visible, shares, f.splat(shares, 0));
  return {ContractOp::create(builder, f.loc, shares, getValue(), last, rank - 2, batch, batch)};
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

CrossEntropyTargets::CrossEntropyTargets(Formula &f, SoftmaxCrossEntropyOp op) {
  OpBuilder &builder = f.builder;
  RankedTensorType logits = typeOf(op.getLogits());
  Value targets = op.getTargets();
  int64_t last = logits.getRank() - 1;
  Value classes = IotaOp::create(builder, f.loc, logits.clone(typeOf(targets).getElementType()), last);
  hit = f.compare(Direction::Eq, classes, f.expand(targets, classes, last));
  int64_t numClasses = logits.getDimSize(last), ignore = static_cast<int64_t>(op.getIgnore());
  auto limit = [&](Direction direction, int64_t number) {
    return f.compare(direction, targets, f.splat(targets, static_cast<double>(number)));
  };
  valid = f.both(limit(Direction::Ge, 0), limit(Direction::Lt, numClasses));
  if (ignore >= 0 && ignore < numClasses)
    valid = f.both(valid, limit(Direction::Ne, ignore));
  RankedTensorType rows = typeOf(targets).clone(logits.getElementType());
  Value ones = createSplat(builder, f.loc, rows, 1), zeros = createSplat(builder, f.loc, rows, 0);
  count = f.sum(f.select(valid, ones, zeros), llvm::to_vector(llvm::seq<int64_t>(0, last)));
  count = MaximumOp::create(builder, f.loc, count, f.splat(count, 1));
}

// loss = sum over valid rows of (log(sum(exp(s))) - sum(q * s)) / number of valid rows, s = logits - max(logits), q the
// target distribution, whose sum is 1. The target's entry is a sum of a selection along the row, so that it is one more
// reduction of the row and no gather.
SmallVector<Value> SoftmaxCrossEntropyOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  int64_t last = typeOf(getLogits()).getRank() - 1;
  double smoothing = getSmoothing().convertToDouble(), classes = typeOf(getLogits()).getDimSize(last);
  CrossEntropyTargets targets(f, *this);
  Value s = shiftByMaximum(f, getLogits(), last);
  Value picked = f.sum(f.select(targets.hit, s, f.splat(s, 0)), last);
  if (smoothing != 0)
    picked = f.add(f.scale(picked, 1 - smoothing), f.scale(f.sum(s, last), smoothing / classes));
  Value rows = f.sub(f.log(f.sum(f.exp(s), last)), picked);
  Value counted = f.select(targets.valid, rows, f.splat(rows, 0));
  return {f.div(f.sum(counted, llvm::to_vector(llvm::seq<int64_t>(0, last))), targets.count)};
}
