//===- RandomOperations.cpp - the operations of random graphs -------------------===//
// One row per operation, at the end. Makers draw operands that the operation accepts.
//===----------------------------------------------------------------------===//

#include "GraphMaker.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

using Maker = GraphMaker;
using Sizes = GraphMaker::Sizes;
using Values = GraphMaker::Values;

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

namespace {
/// Where a function of one number is calm.
enum class Domain { Everywhere, Bounded, Positive };
} // namespace

static Value within(Maker &m, Value x, Domain domain) {
  if (domain == Domain::Positive)
    return m.positive(x);
  return domain == Domain::Bounded ? m.bounded(x) : x;
}

/// A function of one floating-point number.
template <typename Op, Domain domain = Domain::Everywhere> static Value makeFloatUnary(Maker &m) {
  Value x = m.pickFloat();
  return x ? m.create<Op>(within(m, x, domain)) : Value();
}

template <typename Op> static Value makeUnary(Maker &m) {
  Value x = m.pickNumber();
  return x ? m.create<Op>(x) : Value();
}

/// Factors are bounded half of the time: products of products grow.
template <typename Op, Domain domain = Domain::Everywhere> static Value makeBinary(Maker &m) {
  Value x = m.pickNumber();
  if (!x)
    return {};
  Value y = m.like(x);
  return m.create<Op>(x, m.isFloat(y) && (domain != Domain::Bounded || m.draws.oneIn(2)) ? within(m, y, domain) : y);
}

static Value makePow(Maker &m) {
  Value x = m.pickFloat();
  return x ? m.create<graph::PowOp>(m.positive(x), m.bounded(m.like(x))) : Value();
}

template <typename Op> static Value makeLogic(Maker &m) {
  Value x = m.pickBool();
  return x ? m.create<Op>(x, m.like(x)) : Value();
}
static Value makeNot(Maker &m) {
  Value x = m.pickBool();
  return x ? m.create<graph::NotOp>(x) : Value();
}

static Value makeCompare(Maker &m) {
  Value x = m.pickNumber();
  if (!x)
    return {};
  Value a = m.detached(x), b = m.detached(m.like(x));
  auto direction = static_cast<graph::Direction>(m.draws.below(6));
  return m.create<graph::CompareOp>(m.typeOf(a).clone(m.boolType()), direction, a, b);
}

static Value makeSelect(Maker &m) {
  Value x = m.pickAny();
  return x ? m.create<graph::SelectOp>(m.ofShape(m.shapeOf(x), m.boolType()), x, m.like(x)) : Value();
}

static Value makeConvert(Maker &m) {
  Value x = m.draws.oneIn(2) ? m.pickFloat() : m.pickAny();
  if (!x)
    return {};
  Type target = m.draws.oneIn(5) ? (m.draws.oneIn(2) ? m.drawIntegerType() : m.boolType()) : m.drawFloatType();
  bool isDetached = m.isFloat(x) && !isa<FloatType>(target);
  return m.create<graph::ConvertOp>(m.typeOf(x).clone(target), isDetached ? m.detached(x) : x);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static Value makeConstant(Maker &m) {
  return m.constant(m.drawShape(), m.draws.oneIn(3) ? m.drawIntegerType() : m.drawFloatType());
}

static Value makeIota(Maker &m) {
  Sizes shape = m.drawShape();
  shape.push_back(m.drawSize());
  Type element = m.draws.oneIn(2) ? m.drawIntegerType() : m.drawFloatType();
  return m.fits(shape) ? m.create<graph::IotaOp>(m.tensor(shape, element), m.draws.below(shape.size())) : Value();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static Value makeBroadcast(Maker &m) {
  Value x = m.pickAny();
  if (!x)
    return {};
  Sizes shape, axes;
  for (int64_t size : m.shapeOf(x)) {
    if (m.draws.oneIn(3))
      shape.push_back(m.draws.between(1, 4));
    axes.push_back(shape.size());
    shape.push_back(size == 1 && m.draws.oneIn(2) ? m.draws.between(2, 4) : size);
  }
  if (m.draws.oneIn(2))
    shape.push_back(m.draws.between(1, 4));
  return m.fits(shape) ? m.create<graph::BroadcastOp>(m.tensor(shape, m.elementOf(x)), x, axes) : Value();
}

/// Sizes whose product is `count`.
static Sizes drawFactors(Maker &m, int64_t count) {
  Sizes shape;
  if (count == 0)
    return {m.draws.between(0, 3), 0, m.draws.between(1, 3)};
  while (count != 1 && static_cast<int64_t>(shape.size()) + 1 < Maker::kMaxRank) {
    int64_t size = m.draws.between(2, count);
    while (count % size != 0)
      size = size % count + 1;
    shape.push_back(size);
    count /= size;
    if (m.draws.oneIn(6) && static_cast<int64_t>(shape.size()) + 1 < Maker::kMaxRank)
      shape.push_back(1);
  }
  if (count != 1)
    shape.push_back(count);
  if (m.draws.oneIn(2))
    std::reverse(shape.begin(), shape.end());
  return shape;
}

static Value makeReshape(Maker &m) {
  Value x = m.pickAny();
  if (!x)
    return {};
  Sizes shape = drawFactors(m, m.typeOf(x).getNumElements());
  return m.create<graph::ReshapeOp>(m.tensor(shape, m.elementOf(x)), x);
}

static Value makeTranspose(Maker &m) {
  Value x = m.pickAny();
  return x ? m.create<graph::TransposeOp>(x, m.drawPermutation(m.rankOf(x))) : Value();
}

static Value makeSlice(Maker &m) {
  Value x = m.pickAny();
  if (!x)
    return {};
  Sizes starts, limits, strides;
  int64_t least = m.options.emptyAxes ? 0 : 1;
  for (int64_t size : m.shapeOf(x)) {
    starts.push_back(m.draws.oneIn(2) ? 0 : m.draws.below(size));
    limits.push_back(m.draws.oneIn(2) ? size : m.draws.between(std::min(starts.back() + least, size), size));
    strides.push_back(m.draws.oneIn(4) ? m.draws.between(2, 3) : 1);
  }
  return m.create<graph::SliceOp>(x, starts, limits, strides);
}

static Value makePad(Maker &m) {
  Value x = m.pickAny();
  if (!x)
    return {};
  Sizes low, high, interior, shape;
  for (int64_t size : m.shapeOf(x)) {
    low.push_back(m.draws.oneIn(2) ? m.draws.below(3) : 0);
    high.push_back(m.draws.oneIn(2) ? m.draws.below(3) : 0);
    interior.push_back(m.draws.oneIn(4) ? 1 : 0);
    shape.push_back(low.back() + high.back() + size + std::max<int64_t>(size - 1, 0) * interior.back());
  }
  return m.fits(shape) ? m.create<graph::PadOp>(x, low, high, interior) : Value();
}

static Value makeConcat(Maker &m) {
  Value x = m.pickAny(1);
  if (!x)
    return {};
  int64_t axis = m.draws.below(m.rankOf(x));
  Values operands{x};
  Sizes shape = m.shapeOf(x);
  for (int64_t n = m.draws.below(3); n > 0; --n) {
    Sizes part = m.shapeOf(x);
    part[axis] = m.draws.oneIn(2) ? part[axis] : m.draws.between(m.options.emptyAxes ? 0 : 1, 3);
    operands.insert(operands.begin() + m.draws.below(operands.size() + 1), m.ofShape(part, m.elementOf(x)));
    shape[axis] += part[axis];
  }
  return m.fits(shape) ? m.create<graph::ConcatOp>(operands, axis) : Value();
}

//===----------------------------------------------------------------------===//
// Contractions and reductions
//===----------------------------------------------------------------------===//

/// Axes of equal sizes are contracted, run together or both stay.
static Value makeAnyContract(Maker &m) {
  Value x = m.pickFloat(), y = x ? m.pick(m.elementOf(x)) : Value();
  if (!x)
    return {};
  Sizes lhsOver, rhsOver, lhsBatch, rhsBatch;
  SmallVector<bool> used(m.rankOf(y), false);
  for (int64_t axis : m.drawPermutation(m.rankOf(x))) {
    if (m.draws.oneIn(4))
      continue;
    for (int64_t other : m.drawPermutation(m.rankOf(y))) {
      if (used[other] || m.sizeOf(x, axis) != m.sizeOf(y, other))
        continue;
      used[other] = true;
      bool isBatch = m.draws.oneIn(4);
      (isBatch ? lhsBatch : lhsOver).push_back(axis);
      (isBatch ? rhsBatch : rhsOver).push_back(other);
      break;
    }
  }
  Sizes shape;
  for (int64_t axis : lhsBatch)
    shape.push_back(m.sizeOf(x, axis));
  for (int64_t axis = 0; axis != m.rankOf(x); ++axis)
    if (!llvm::is_contained(lhsOver, axis) && !llvm::is_contained(lhsBatch, axis))
      shape.push_back(m.sizeOf(x, axis));
  for (int64_t axis = 0; axis != m.rankOf(y); ++axis)
    if (!used[axis])
      shape.push_back(m.sizeOf(y, axis));
  return m.fits(shape) ? m.create<graph::ContractOp>(x, y, lhsOver, rhsOver, lhsBatch, rhsBatch) : Value();
}

/// One axis against a matrix, as in most models.
static Value makeProduct(Maker &m) {
  Value x = m.pickFloat(1);
  if (!x)
    return {};
  int64_t axis = m.draws.below(m.rankOf(x)), other = m.draws.below(2);
  Sizes shape = m.shapeOf(x), weight{shape[axis], m.drawSize()};
  shape.erase(shape.begin() + axis);
  shape.push_back(weight.back());
  if (!m.fits(shape))
    return {};
  if (other == 1)
    std::swap(weight.front(), weight.back());
  Value y = m.ofShape(weight, m.elementOf(x));
  if (shape.size() > 1 && m.draws.oneIn(4))
    return m.create<graph::ContractOp>(y, x, Sizes{other}, Sizes{axis}, Sizes{}, Sizes{});
  return m.create<graph::ContractOp>(x, y, Sizes{axis}, Sizes{other}, Sizes{}, Sizes{});
}

static Value makeContract(Maker &m) { return m.draws.oneIn(5) ? makeAnyContract(m) : makeProduct(m); }

template <typename Op> static Value makeReduce(Maker &m) {
  Value x = m.pickNumber();
  return x ? m.create<Op>(x, m.drawAxes(m.rankOf(x))) : Value();
}

static Value makeArgmax(Maker &m) {
  Value x = m.pickNumber(1);
  int64_t axis = x ? m.drawAxis(x) : 0;
  return x && m.sizeOf(x, axis) != 0 ? m.create<graph::ArgmaxOp>(m.detached(x), axis) : Value();
}

static Value makeCumsum(Maker &m) {
  Value x = m.pickNumber(1);
  return x ? m.create<graph::CumsumOp>(x, m.drawAxis(x), m.draws.oneIn(2), m.draws.oneIn(2)) : Value();
}

static Value makeTopK(Maker &m) {
  Value x = m.pickNumber(1);
  return x ? m.create<graph::TopKOp>(m.draws.between(m.options.emptyAxes ? 0 : 1, m.shapeOf(x).back()), x) : Value();
}

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

static Value makeGather(Maker &m) {
  Value ids = m.pickInteger(), table = m.pickAny(1);
  if (!ids || !table)
    return {};
  Sizes shape = m.shapeOf(ids);
  llvm::append_range(shape, llvm::drop_begin(m.shapeOf(table)));
  return m.fits(shape) ? m.create<graph::GatherOp>(table, ids) : Value();
}

static Value makeScatterAdd(Maker &m) {
  Value ids = m.pickInteger();
  if (!ids)
    return {};
  Sizes row = m.drawShape(1), updates = m.shapeOf(ids);
  llvm::append_range(updates, row);
  if (!m.fits(updates))
    return {};
  Value values = m.ofShape(updates, m.drawFloatType());
  row.insert(row.begin(), m.draws.between(1, 5));
  return m.create<graph::ScatterAddOp>(m.tensor(row, m.elementOf(values)), values, ids);
}

/// A scalar start for each axis, inside or outside of it.
static Values drawStarts(Maker &m, Value x) {
  Values starts;
  Type element = m.drawIntegerType();
  for (int64_t axis = 0; axis != m.rankOf(x); ++axis)
    starts.push_back(m.ofShape({}, element));
  return starts;
}

/// A box no larger than `x`, mostly smaller: one of its size has only one place.
static Sizes drawBox(Maker &m, Value x) {
  Sizes box = m.shapeOf(x);
  for (int64_t &size : box) {
    int64_t least = std::min<int64_t>(m.options.emptyAxes ? 0 : 1, size);
    size = m.draws.oneIn(4) ? size : m.draws.between(least, std::max(size - 1, least));
  }
  return box;
}

static Value makeDynamicSlice(Maker &m) {
  Value x = m.pickAny();
  return x ? m.create<graph::DynamicSliceOp>(x, drawStarts(m, x), drawBox(m, x)) : Value();
}

static Value makeDynamicUpdateSlice(Maker &m) {
  Value x = m.pickAny();
  if (!x)
    return {};
  Value update = m.ofShape(drawBox(m, x), m.elementOf(x));
  return m.create<graph::DynamicUpdateSliceOp>(x.getType(), x, update, drawStarts(m, x));
}

/// What random numbers are made of: a key, a counter, a stream. Numbers that hang on an index that hangs on what a
/// gradient is wanted for have none.
namespace {
struct RandomState {
  explicit RandomState(Maker &m)
      : key(m.detached(m.ofShape({}, m.builder.getI64Type()))),
        counter(m.detached(m.ofShape({}, m.builder.getI32Type()))), stream(m.draws.below(1000)) {}
  Value key, counter;
  int64_t stream;
};
} // namespace

static Value makeRandomNormal(Maker &m) {
  RandomState state(m);
  Type element = m.draws.oneIn(4) ? Type(m.builder.getF64Type()) : m.builder.getF32Type();
  return m.create<graph::RandomNormalOp>(m.tensor(m.drawShape(), element), state.key, state.counter, state.stream);
}

static Value makeDropout(Maker &m) {
  Value x = m.pickFloat();
  if (!x)
    return {};
  RandomState state(m);
  APFloat rate(static_cast<double>(m.draws.below(8)) / 8);
  return m.create<graph::DropoutOp>(x.getType(), x, rate, state.key, state.counter, state.stream);
}

static Value makeRandom(Maker &m) {
  Sizes shape = m.drawShape();
  bool isUniform = !m.draws.oneIn(3), isWide = m.draws.oneIn(4);
  Type element = isUniform ? (isWide ? Type(m.builder.getF64Type()) : m.builder.getF32Type()) : m.builder.getI32Type();
  auto distribution = isUniform ? graph::Distribution::Uniform : graph::Distribution::Bits;
  RandomState state(m);
  return m.create<graph::RandomOp>(m.tensor(shape, element), distribution, state.key, state.counter, state.stream);
}

//===----------------------------------------------------------------------===//
// Composites
//===----------------------------------------------------------------------===//

template <typename Op> static Value makeAlongAxis(Maker &m) {
  Value x = m.pickFloat(1);
  return x ? m.create<Op>(x, m.drawAxis(x)) : Value();
}

static Value makeGatherAlongAxis(Maker &m) {
  Value x = m.pickAny(1);
  if (!x)
    return {};
  int64_t axis = m.draws.below(m.rankOf(x));
  Sizes shape = m.shapeOf(x);
  shape[axis] = m.draws.between(1, 4);
  Value ids = m.ofShape(shape, m.drawIntegerType());
  return m.fits(shape) ? m.create<graph::GatherAlongAxisOp>(x, ids, axis) : Value();
}

static Value makeGelu(Maker &m) {
  Value x = m.pickFloat();
  auto approximation =
      x && !m.elementOf(x).isF64() && m.draws.oneIn(2) ? graph::Approximation::None : graph::Approximation::Tanh;
  return x ? m.create<graph::GeluOp>(x.getType(), approximation, x) : Value();
}

static Value makeLogsumexp(Maker &m) {
  Value x = m.pickFloat(1);
  return x ? m.create<graph::LogsumexpOp>(x, m.drawAxis(x)) : Value();
}

/// A tensor whose rows can be normalized, with a gain and a bias for them; null where there is none.
static Values drawRows(Maker &m) {
  Value x = m.pickFloat(1);
  if (!x || m.shapeOf(x).back() == 0 || (m.shapeOf(x).back() == 1 && !m.draws.oneIn(8)))
    return {};
  Sizes row{m.shapeOf(x).back()};
  return {x, m.ofShape(row, m.elementOf(x)), m.ofShape(row, m.elementOf(x))};
}

static Value makeLayerNorm(Maker &m) {
  Values v = drawRows(m);
  return v.empty() ? Value() : m.create<graph::LayerNormOp>(v[0].getType(), v[0], v[1], v[2], APFloat(0.01));
}

static Value makeRmsNorm(Maker &m) {
  Values v = drawRows(m);
  return v.empty() ? Value() : m.create<graph::RmsNormOp>(v[0].getType(), v[0], v[1], APFloat(0.01));
}

static Value makeAttention(Maker &m) {
  Value query = m.pickFloat(2);
  if (!query || m.shapeOf(query).back() == 0)
    return {};
  Sizes keyShape = m.shapeOf(query), valueShape = keyShape;
  size_t rank = keyShape.size();
  keyShape[rank - 2] = valueShape[rank - 2] = m.drawSize();
  valueShape.back() = m.drawSize();
  Sizes weights = m.shapeOf(query);
  weights.back() = keyShape[rank - 2];
  if (!m.fits(keyShape) || !m.fits(valueShape) || !m.fits(weights))
    return {};
  Value key = m.ofShape(keyShape, m.elementOf(query)), value = m.ofShape(valueShape, m.elementOf(query)), mask;
  auto kind = static_cast<graph::AttentionMask>(m.draws.below(4));
  if (kind == graph::AttentionMask::Keys && rank < 3)
    kind = graph::AttentionMask::Causal;
  if (kind == graph::AttentionMask::Keys)
    mask = m.ofShape({keyShape.front(), keyShape[rank - 2]}, m.boolType());
  if (kind == graph::AttentionMask::Pairs)
    mask = m.ofShape({m.shapeOf(query)[rank - 2], keyShape[rank - 2]}, m.boolType());
  return m.create<graph::AttentionOp>(kind, query, key, value, mask);
}

/// Half of the time targets are classes, or what is ignored; otherwise some count as little.
static Value makeSoftmaxCrossEntropy(Maker &m) {
  Value x = m.pickFloat(1);
  if (!x)
    return {};
  Sizes shape = m.shapeOf(x);
  int64_t classes = shape.pop_back_val(), ignore = m.draws.between(-1, 1);
  if (classes == 0 || (classes == 1 && !m.draws.oneIn(8)))
    return {};
  Value targets = m.ofShape(shape, m.drawIntegerType());
  if (m.draws.oneIn(2)) {
    targets = m.create<graph::MaximumOp>(targets, m.splat(targets, std::min<int64_t>(ignore, 0)));
    targets = m.create<graph::MinimumOp>(targets, m.splat(targets, classes - 1));
  }
  APFloat smoothing(m.draws.oneIn(2) ? 0.0 : 0.125);
  return m.create<graph::SoftmaxCrossEntropyOp>(x, targets, ignore, smoothing);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

template <typename Op> static constexpr GeneratedOperation row(int64_t weight, Value (*make)(Maker &)) {
  return {Op::getOperationName(), weight, make};
}

ArrayRef<GeneratedOperation> check::operationTable() {
  using namespace graph;
  static constexpr GeneratedOperation rows[] = {
      row<ConstantOp>(2, makeConstant),
      row<IotaOp>(1, makeIota),
      row<NegOp>(2, makeUnary<NegOp>),
      row<AbsOp>(2, makeUnary<AbsOp>),
      row<ExpOp>(2, makeFloatUnary<ExpOp, Domain::Bounded>),
      row<LogOp>(2, makeFloatUnary<LogOp, Domain::Positive>),
      row<Log1pOp>(2, makeFloatUnary<Log1pOp, Domain::Positive>),
      row<ErfOp>(2, makeFloatUnary<ErfOp>),
      row<TanhOp>(4, makeFloatUnary<TanhOp>),
      row<SigmoidOp>(4, makeFloatUnary<SigmoidOp>),
      row<SqrtOp>(2, makeFloatUnary<SqrtOp, Domain::Positive>),
      row<RsqrtOp>(2, makeFloatUnary<RsqrtOp, Domain::Positive>),
      row<SinOp>(1, makeFloatUnary<SinOp>),
      row<CosOp>(1, makeFloatUnary<CosOp>),
      row<StopGradientOp>(1, makeUnary<StopGradientOp>),
      row<AddOp>(4, makeBinary<AddOp>),
      row<SubOp>(3, makeBinary<SubOp>),
      row<MulOp>(4, makeBinary<MulOp, Domain::Bounded>),
      row<DivOp>(2, makeBinary<DivOp, Domain::Positive>),
      row<MaximumOp>(2, makeBinary<MaximumOp>),
      row<MinimumOp>(2, makeBinary<MinimumOp>),
      row<PowOp>(1, makePow),
      row<AndOp>(2, makeLogic<AndOp>),
      row<OrOp>(2, makeLogic<OrOp>),
      row<NotOp>(2, makeNot),
      row<CompareOp>(3, makeCompare),
      row<SelectOp>(4, makeSelect),
      row<ConvertOp>(3, makeConvert),
      row<BroadcastOp>(3, makeBroadcast),
      row<ReshapeOp>(3, makeReshape),
      row<TransposeOp>(3, makeTranspose),
      row<SliceOp>(4, makeSlice),
      row<PadOp>(3, makePad),
      row<ConcatOp>(5, makeConcat),
      row<ContractOp>(12, makeContract),
      row<ReduceSumOp>(5, makeReduce<ReduceSumOp>),
      row<ReduceMaxOp>(3, makeReduce<ReduceMaxOp>),
      row<ReduceMinOp>(2, makeReduce<ReduceMinOp>),
      row<ReduceProdOp>(2, makeReduce<ReduceProdOp>),
      row<CumsumOp>(2, makeCumsum),
      row<TopKOp>(2, makeTopK),
      row<ArgmaxOp>(2, makeArgmax),
      row<GatherOp>(3, makeGather),
      row<ScatterAddOp>(2, makeScatterAdd),
      row<DynamicSliceOp>(2, makeDynamicSlice),
      row<DynamicUpdateSliceOp>(2, makeDynamicUpdateSlice),
      row<RandomOp>(1, makeRandom),
      row<SoftmaxOp>(2, makeAlongAxis<SoftmaxOp>),
      row<LogSoftmaxOp>(2, makeAlongAxis<LogSoftmaxOp>),
      row<LogsumexpOp>(2, makeLogsumexp),
      row<ReluOp>(2, makeFloatUnary<ReluOp>),
      row<SoftplusOp>(2, makeFloatUnary<SoftplusOp>),
      row<SiluOp>(2, makeFloatUnary<SiluOp>),
      row<GeluOp>(2, makeGelu),
      row<LayerNormOp>(2, makeLayerNorm),
      row<RmsNormOp>(2, makeRmsNorm),
      row<AttentionOp>(2, makeAttention),
      row<DropoutOp>(1, makeDropout),
      row<RandomNormalOp>(1, makeRandomNormal),
      row<GatherAlongAxisOp>(2, makeGatherAlongAxis),
      row<SoftmaxCrossEntropyOp>(2, makeSoftmaxCrossEntropy),
      row<ScanOp>(12, makeScan),
      row<CondOp>(4, makeCond),
      row<WhileOp>(3, makeWhile),
      row<CheckpointOp>(3, makeCheckpoint),
      row<BarrierOp>(1, makeUnary<BarrierOp>),
  };
  return rows;
}
