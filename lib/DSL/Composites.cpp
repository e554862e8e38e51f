//===- Composites.cpp - normalization, attention, losses, dropout ----------===//
// Operations of the graph dialect that have a decomposition. Each checks its operands first, so that building cannot
// fail.
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "moru/DSL/Ops.h"

using namespace mlir;

namespace moru {

using detail::AxisNames;
using detail::OpBuilding;

//===----------------------------------------------------------------------===//
// Along an axis
//===----------------------------------------------------------------------===//

/// The axis, of an operand of floating point; records a mistake otherwise.
static std::optional<int64_t> floatAxis(OpBuilding &op, const Tensor &x, int64_t axis) {
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (place && !isFloat(x.type())) {
    op.fail("expected floating point: " + op.describe(x, "x"));
    return std::nullopt;
  }
  return place;
}

template <typename OpTy> static Tensor softmaxLike(StringRef name, const Tensor &x, int64_t axis, Here at) {
  OpBuilding op(name, at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = floatAxis(op, x, axis);
  if (!place)
    return op.poison();
  return op.result(OpTy::create(op.builder(), op.loc(), op[0], *place), detail::namesOf(x));
}

Tensor softmax(const Tensor &x, int64_t axis, Here at) { return softmaxLike<graph::SoftmaxOp>("softmax", x, axis, at); }

Tensor logSoftmax(const Tensor &x, int64_t axis, Here at) {
  return softmaxLike<graph::LogSoftmaxOp>("logSoftmax", x, axis, at);
}

Tensor logsumexp(const Tensor &x, int64_t axis, bool keepDims, Here at) {
  OpBuilding op("logsumexp", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = floatAxis(op, x, axis);
  if (!place)
    return op.poison();
  AxisNames names = detail::namesOf(x);
  names.erase(names.begin() + *place);
  Tensor result = op.result(graph::LogsumexpOp::create(op.builder(), op.loc(), op[0], *place), names);
  return keepDims ? expandDims(result, *place, at) : result;
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

/// Operand 0 has rows, the others one number for each place of a row; records a mistake otherwise.
static bool checkNormalization(OpBuilding &op, const Tensor &x, ArrayRef<std::pair<const Tensor *, StringRef>> rows,
                               double eps) {
  if (!isFloat(x.type()) || x.rank() == 0 || x.size(-1) == 0) {
    op.fail("expected floating point with at least one entry along the last axis: " + op.describe(x, "x"));
    return false;
  }
  if (!op.isStaticAxis(x, x.rank() - 1, "normalize along"))
    return false;
  for (auto [tensor, role] : rows)
    if (tensor->type() != x.type() || tensor->shape() != Shape{x.size(-1)}) {
      op.fail("expected a number for each place along the last axis: " + op.describe(x, "x") + ", " +
              op.describe(*tensor, role));
      return false;
    }
  if (!(eps >= 0)) {
    op.fail("expected an eps of at least 0, got " + std::to_string(eps));
    return false;
  }
  return true;
}

Tensor layerNorm(const Tensor &x, const Tensor &gain, const Tensor &bias, double eps, Here at) {
  OpBuilding op("layerNorm", at, {&x, &gain, &bias});
  if (!op || !checkNormalization(op, x, {{&gain, "gain"}, {&bias, "bias"}}, eps))
    return op.poison();
  return op.result(
      graph::LayerNormOp::create(op.builder(), op.loc(), op[0].getType(), op[0], op[1], op[2], APFloat(eps)),
      detail::namesOf(x));
}

Tensor rmsNorm(const Tensor &x, const Tensor &gain, double eps, Here at) {
  OpBuilding op("rmsNorm", at, {&x, &gain});
  if (!op || !checkNormalization(op, x, {{&gain, "gain"}}, eps))
    return op.poison();
  return op.result(graph::RmsNormOp::create(op.builder(), op.loc(), op[0].getType(), op[0], op[1], APFloat(eps)),
                   detail::namesOf(x));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static Tensor buildAttention(const Tensor &q, const Tensor &k, const Tensor &v, graph::AttentionMask kind,
                             const Tensor *mask, Here at) {
  SmallVector<const Tensor *> operands{&q, &k, &v};
  if (mask)
    operands.push_back(mask);
  OpBuilding op("attention", at, operands);
  if (!op)
    return op.poison();
  auto all = [&] { return op.describe(q, "q") + ", " + op.describe(k, "k") + ", " + op.describe(v, "v"); };
  int64_t rank = q.rank();
  auto fits = [&](const Tensor &other) {
    return other.type() == q.type() && other.rank() == rank &&
           std::equal(q.shape().begin(), q.shape().end() - 2, other.shape().begin());
  };
  if (!isFloat(q.type()) || rank < 2 || !fits(k) || !fits(v))
    return op.fail("expected floating point of one type with equal leading axes: " + all());
  if (q.size(-1) != k.size(-1) || q.size(-1) == 0 || k.size(-2) != v.size(-2))
    return op.fail("expected as many entries in a query as in a key, and as many values as keys: " + all());
  if (!op.isStaticAxis(q, rank - 1, "multiply queries and keys along", "q"))
    return op.poison();
  bool isKeys = kind == graph::AttentionMask::Keys;
  if (mask && ((isKeys && rank < 3) || mask->type() != ElementType::I1 ||
               mask->shape() != Shape{isKeys ? q.size(0) : q.size(-2), k.size(-2)}))
    return op.fail((isKeys ? "expected a mask [first axis, keys] of truth values: "
                           : "expected a mask [queries, keys] of truth values: ") +
                   op.describe(*mask, "mask") + ", " + all());
  AxisNames names = detail::namesOf(q);
  names.back() = detail::namesOf(v).back();
  return op.result(
      graph::AttentionOp::create(op.builder(), op.loc(), kind, op[0], op[1], op[2], mask ? op[3] : Value()), names);
}

Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, AttentionMask mask, Here at) {
  auto kind = mask == AttentionMask::Causal ? graph::AttentionMask::Causal : graph::AttentionMask::None;
  return buildAttention(q, k, v, kind, nullptr, at);
}

Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, KeyMask mask, Here at) {
  return buildAttention(q, k, v, graph::AttentionMask::Keys, &mask.isReal, at);
}

Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, PairMask mask, Here at) {
  return buildAttention(q, k, v, graph::AttentionMask::Pairs, &mask.isVisible, at);
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

Tensor crossEntropy(const Tensor &logits, const Tensor &targets, CrossEntropyOptions options, Here at) {
  OpBuilding op("crossEntropy", at, {&logits, &targets});
  if (!op)
    return op.poison();
  auto both = [&] { return op.describe(logits, "logits") + ", " + op.describe(targets, "targets"); };
  if (!isFloat(logits.type()) || isFloat(targets.type()) || targets.type() == ElementType::I1)
    return op.fail("expected logits of floating point and targets of integers: " + both());
  if (logits.rank() == 0 || Shape(logits.shape().begin(), logits.shape().end() - 1) != targets.shape())
    return op.fail("expected targets of the logits' shape without the last axis: " + both());
  if (logits.size(-1) == 0)
    return op.fail("expected at least one class: " + both());
  if (!op.isStaticAxis(logits, logits.rank() - 1, "choose classes from", "logits"))
    return op.poison();
  if (!(options.smoothing >= 0 && options.smoothing <= 1))
    return op.fail("expected a smoothing in [0, 1], got " + std::to_string(options.smoothing));
  return op.result(graph::SoftmaxCrossEntropyOp::create(op.builder(), op.loc(), op[0], op[1], options.ignoreIndex,
                                                        APFloat(options.smoothing)));
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

/// Key and counter are scalars of i64 and i32; records a mistake otherwise.
static bool checkRandom(OpBuilding &op, const RandomState &state) {
  if (state.key.type() == ElementType::I64 && state.key.rank() == 0 && state.counter.type() == ElementType::I32 &&
      state.counter.rank() == 0)
    return true;
  op.fail("expected a key [] i64 and a counter [] i32: " + op.describe(state.key, "key") + ", " +
          op.describe(state.counter, "counter"));
  return false;
}

/// A stream of its own for each operation of a program.
static int64_t nextStream(OpBuilding &op) { return op.trace->program.nextStream++; }

static Tensor random(StringRef name, graph::Distribution distribution, const TensorType &type, const RandomState &state,
                     Here at) {
  OpBuilding op(name, at, {&state.key, &state.counter});
  if (!op || !op.checkDims(type.dims) || !checkRandom(op, state))
    return op.poison();
  return op.result(graph::RandomOp::create(op.builder(), op.loc(), op.type(type.type, detail::sizesOf(type.dims)),
                                           distribution, op[0], op[1], nextStream(op)),
                   detail::namesOf(type.dims));
}

Tensor randomBits(const Dims &dims, const RandomState &state, Here at) {
  return random("randomBits", graph::Distribution::Bits, i32(dims), state, at);
}

Tensor randomUniform(const Dims &dims, const RandomState &state, Here at) {
  return random("randomUniform", graph::Distribution::Uniform, f32(dims), state, at);
}

Tensor randomNormal(const Dims &dims, const RandomState &state, Here at) {
  OpBuilding op("randomNormal", at, {&state.key, &state.counter});
  if (!op || !op.checkDims(dims) || !checkRandom(op, state))
    return op.poison();
  return op.result(graph::RandomNormalOp::create(op.builder(), op.loc(),
                                                 op.type(ElementType::F32, detail::sizesOf(dims)), op[0], op[1],
                                                 nextStream(op)),
                   detail::namesOf(dims));
}

Tensor dropout(const Tensor &x, double rate, const RandomState &state, Here at) {
  OpBuilding op("dropout", at, {&x, &state.key, &state.counter});
  if (!op)
    return op.poison();
  if (!isFloat(x.type()))
    return op.fail("expected floating point: " + op.describe(x, "x"));
  if (!(rate >= 0 && rate < 1))
    return op.fail("expected a rate in [0, 1), got " + std::to_string(rate));
  if (!checkRandom(op, state))
    return op.poison();
  return op.result(graph::DropoutOp::create(op.builder(), op.loc(), op[0].getType(), op[0], APFloat(rate), op[1], op[2],
                                            nextStream(op)),
                   detail::namesOf(x));
}

} // namespace moru
