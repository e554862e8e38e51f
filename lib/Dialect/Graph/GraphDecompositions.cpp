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
