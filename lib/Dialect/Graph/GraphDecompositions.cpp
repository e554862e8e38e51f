//===- GraphDecompositions.cpp - composites in primitive operations -------===//
// One block per composite: its definition, which is its reference and its fallback too.
//===----------------------------------------------------------------------===//

#include "Formula.h"

using namespace mlir;
using namespace moru::graph;

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

CrossEntropyTargets::CrossEntropyTargets(Formula &f, SoftmaxCrossEntropyOp op) {
  OpBuilder &builder = f.builder;
  RankedTensorType logits = typeOf(op.getLogits());
  Value targets = op.getTargets();
  int64_t last = logits.getRank() - 1;
  Value classes =
      IotaOp::create(builder, f.loc, RankedTensorType::get(logits.getShape(), typeOf(targets).getElementType()), last);
  hit = f.compare(Direction::Eq, classes, f.expand(targets, classes, last));
  valid =
      f.compare(Direction::Ne, targets, f.splat(targets, static_cast<double>(static_cast<int64_t>(op.getIgnore()))));
  auto rows = RankedTensorType::get(typeOf(targets).getShape(), logits.getElementType());
  Value ones = createSplat(builder, f.loc, rows, 1), zeros = createSplat(builder, f.loc, rows, 0);
  count = f.sum(f.select(valid, ones, zeros), llvm::to_vector(llvm::seq<int64_t>(0, last)));
  count = MaximumOp::create(builder, f.loc, count, f.splat(count, 1));
}

// loss = sum over valid rows of (log(sum(exp(s))) - s[target]) / count, s = logits - max(logits); the target's entry is
// a sum of a selection along the row, so that it is one more reduction of the row and no gather.
SmallVector<Value> SoftmaxCrossEntropyOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  int64_t last = typeOf(getLogits()).getRank() - 1;
  CrossEntropyTargets targets(f, *this);
  Value s = shiftByMaximum(f, getLogits(), last);
  Value picked = f.sum(f.select(targets.hit, s, f.splat(s, 0)), last);
  Value rows = f.sub(f.log(f.sum(f.exp(s), last)), picked);
  Value counted = f.select(targets.valid, rows, f.splat(rows, 0));
  return {f.div(f.sum(counted, llvm::to_vector(llvm::seq<int64_t>(0, last))), targets.count)};
}
