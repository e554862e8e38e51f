//===- RegionGradients.cpp - the gradient rules of cond and checkpoint ----===//
// Both compute a region again and walk the copy backwards; what leaves are the cotangents of the values from outside.
//===----------------------------------------------------------------------===//

#include "Formula.h"
#include "moru/Dialect/Graph/Cotangents.h"

using namespace mlir;
using namespace moru::graph;

/// Appends to `into` a copy of `source` without its yield, under `mapping`, and walks it backwards from the cotangents
/// of what it yields. Returns the cotangents of `captured`, null where there is none.
static FailureOr<SmallVector<Value>> differentiateCopy(Block &source, Block &into, IRMapping &mapping,
                                                       ArrayRef<Value> captured, ArrayRef<Value> resultCotangents,
                                                       const Cotangents &outer) {
  OpBuilder builder = OpBuilder::atBlockEnd(&into);
  for (Operation &op : source.without_terminator())
    builder.clone(op, mapping);
  SmallVector<Value> targets;
  for (Value value : captured)
    if (outer.isActive(value))
      targets.push_back(mapping.lookupOrDefault(value));
  Cotangents inner(builder, into, targets, outer.getPolicy());
  for (auto [output, cotangent] : llvm::zip(cast<YieldOp>(source.getTerminator()).getOutputs(), resultCotangents))
    inner.add(mapping.lookupOrDefault(output), cotangent);
  if (!into.empty() && failed(inner.propagate(&into.back())))
    return failure();
  return llvm::map_to_vector(captured, [&](Value value) {
    return outer.isWanted(value) ? inner.lookup(mapping.lookupOrDefault(value)) : Value();
  });
}

/// Ends `block` with the cotangents marked in `kept`, zeros for those that are null.
static void yieldCotangents(Block &block, Location loc, ArrayRef<Value> captured, ArrayRef<Value> cotangents,
                            ArrayRef<bool> kept) {
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  SmallVector<Value> outputs;
  for (auto [value, cotangent, isKept] : llvm::zip(captured, cotangents, kept))
    if (isKept)
      outputs.push_back(cotangent ? cotangent : createSplat(builder, loc, typeOf(value), 0));
  YieldOp::create(builder, loc, ValueRange(), outputs);
}

/// The entries of `values` marked in `kept`.
static SmallVector<Value> pick(ArrayRef<Value> values, ArrayRef<bool> kept) {
  SmallVector<Value> picked;
  for (auto [value, isKept] : llvm::zip(values, kept))
    if (isKept)
      picked.push_back(value);
  return picked;
}

// y = p ? f(x) : g(x): dx = p ? f'(x) dy : g'(x) dy, each computed within its branch
LogicalResult CondOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  SmallVector<Value> captured = getCapturedValues(*this);
  auto holder = CondOp::create(builder, getLoc(), getPredicate(), TypeRange());
  SmallVector<Value> cotangents[2];
  SmallVector<bool> kept(captured.size(), false);
  for (bool branch : {true, false}) {
    IRMapping mapping;
    FailureOr<SmallVector<Value>> found =
        differentiateCopy(*getBranch(branch), *holder.getBranch(branch), mapping, captured, dy, d);
    if (failed(found))
      return failure();
    cotangents[branch] = *found;
    for (auto [index, cotangent] : llvm::enumerate(*found))
      kept[index] |= static_cast<bool>(cotangent);
  }
  for (bool branch : {true, false})
    yieldCotangents(*holder.getBranch(branch), getLoc(), captured, cotangents[branch], kept);
  SmallVector<Value> receivers = pick(captured, kept);
  auto gradient = CondOp::create(builder, getLoc(), getPredicate(), ValueRange(receivers).getTypes());
  gradient.getOnTrue().takeBody(holder.getOnTrue());
  gradient.getOnFalse().takeBody(holder.getOnFalse());
  holder.erase();
  for (auto [value, cotangent] : llvm::zip(receivers, gradient.getResults()))
    d.add(value, Value(cotangent));
  return success();
}

// y = f(x): dx = f'(barrier x) dy, f computed again: a checkpoint itself, so that its own gradient keeps nothing either
LogicalResult CheckpointOp::buildGradient(OpBuilder &builder, ArrayRef<Value> dy, Cotangents &d) {
  SmallVector<Value> captured = getCapturedValues(*this);
  IRMapping mapping;
  for (Value value : captured)
    if (!value.getDefiningOp<ConstantOp>())
      mapping.map(value, BarrierOp::create(builder, getLoc(), value).getResult());
  auto holder = CheckpointOp::create(builder, getLoc(), TypeRange());
  FailureOr<SmallVector<Value>> cotangents =
      differentiateCopy(*getBodyBlock(), *holder.getBodyBlock(), mapping, captured, dy, d);
  if (failed(cotangents))
    return failure();
  auto kept = llvm::map_to_vector(*cotangents, [](Value cotangent) { return static_cast<bool>(cotangent); });
  yieldCotangents(*holder.getBodyBlock(), getLoc(), captured, *cotangents, kept);
  SmallVector<Value> receivers = pick(captured, kept);
  auto gradient = CheckpointOp::create(builder, getLoc(), ValueRange(receivers).getTypes());
  gradient.getBody().takeBody(holder.getBody());
  holder.erase();
  for (auto [value, cotangent] : llvm::zip(receivers, gradient.getResults()))
    d.add(value, Value(cotangent));
  return success();
}

// dx = dy
LogicalResult BarrierOp::buildGradient(OpBuilder &, ArrayRef<Value> dy, Cotangents &d) {
  d.add(getOperand(), dy[0]);
  return success();
}
