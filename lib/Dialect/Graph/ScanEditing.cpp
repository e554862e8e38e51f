//===- ScanEditing.cpp - scans with more or fewer values ------------------===//
// Rebuilds a scan around its body, and says which of its parts serve nothing.
//===----------------------------------------------------------------------===//

#include "ScanEditing.h"
#include "Formula.h"
#include "moru/Dialect/Graph/Cotangents.h"
#include "moru/Dialect/Graph/ResidualTable.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <map>

using namespace mlir;
using namespace moru::graph;

int64_t moru::graph::getPreferredAxis(ScanOp scan, Value slice) {
  int64_t axis = 0;
  if (!scan.getOutputAxes().empty())
    axis = scan.getOutputAxes().front();
  else if (!scan.getInputAxes().empty())
    axis = scan.getInputAxes().front();
  return std::min(axis, typeOf(slice).getRank());
}

/// A scan of other operands around the body of `scan`, whose arguments and yield fit already.
static ScanOp rebuildAroundBody(RewriterBase &rewriter, ScanOp scan, ValueRange inits, ValueRange inputs,
                                ArrayRef<int64_t> inputAxes, ArrayRef<int64_t> outputAxes) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan);
  auto result = ScanOp::create(rewriter, scan.getLoc(), inits, inputs, scan.getSteps(), inputAxes, outputAxes,
                               scan.getReverse(), scan.getYield().getOutputs().getTypes());
  result->setDiscardableAttrs(scan->getDiscardableAttrDictionary());
  result->removeDiscardableAttr(kResidualsAttr); // The outputs are others now.
  rewriter.eraseBlock(result.getBodyBlock());
  rewriter.inlineRegionBefore(scan.getBody(), result.getBody(), result.getBody().end());
  return result;
}

ScanOp moru::graph::extendScan(RewriterBase &rewriter, ScanOp scan, ArrayRef<Stacked> inputs,
                               ArrayRef<Stacked> outputs) {
  if (inputs.empty() && outputs.empty())
    return scan;
  SmallVector<Value> inputValues(scan.getInputs());
  SmallVector<int64_t> inputAxes(scan.getInputAxes()), outputAxes(scan.getOutputAxes());
  for (const Stacked &input : inputs) {
    inputValues.push_back(input.value);
    inputAxes.push_back(input.axis);
    scan.getBodyBlock()->addArgument(dropAxis(typeOf(input.value), input.axis), input.value.getLoc());
  }
  YieldOp yield = scan.getYield();
  rewriter.modifyOpInPlace(yield, [&] {
    for (const Stacked &output : outputs) {
      yield.getOutputsMutable().append(output.value);
      outputAxes.push_back(output.axis);
    }
  });
  size_t numResults = scan.getNumResults();
  ScanOp result = rebuildAroundBody(rewriter, scan, scan.getInits(), inputValues, inputAxes, outputAxes);
  rewriter.replaceOp(scan, result.getResults().take_front(numResults));
  return result;
}

/// The entries of `range` not marked in `removed`.
template <typename T, typename Range> static SmallVector<T> keep(const Range &range, const llvm::BitVector &removed) {
  SmallVector<T> kept;
  for (auto [index, entry] : llvm::enumerate(range))
    if (!removed.test(index))
      kept.push_back(entry);
  return kept;
}

ScanOp moru::graph::shrinkScan(RewriterBase &rewriter, ScanOp scan, const ScanRemovals &removals) {
  YieldOp yield = scan.getYield();
  auto nextCarries = keep<Value>(yield.getCarries(), removals.carries);
  auto outputs = keep<Value>(yield.getOutputs(), removals.outputs);
  rewriter.modifyOpInPlace(yield, [&] {
    yield.getCarriesMutable().assign(nextCarries);
    yield.getOutputsMutable().assign(outputs);
  });
  // What still reads a removed argument is dead; any value of its type will do until it is erased.
  llvm::BitVector arguments(scan.getBodyBlock()->getNumArguments());
  for (unsigned index : removals.carries.set_bits()) {
    rewriter.replaceAllUsesWith(scan.getCarryArgs()[index], scan.getInits()[index]);
    arguments.set(index);
  }
  for (unsigned index : removals.inputs.set_bits())
    arguments.set(scan.getNumCarries() + index);
  scan.getBodyBlock()->eraseArguments(arguments);

  ScanOp result = rebuildAroundBody(
      rewriter, scan, keep<Value>(scan.getInits(), removals.carries), keep<Value>(scan.getInputs(), removals.inputs),
      keep<int64_t>(scan.getInputAxes(), removals.inputs), keep<int64_t>(scan.getOutputAxes(), removals.outputs));
  SmallVector<Value> replacements;
  unsigned next = 0;
  for (unsigned index = 0; index != scan.getNumResults(); ++index) {
    bool removed = index < removals.carries.size() ? removals.carries.test(index)
                                                   : removals.outputs.test(index - removals.carries.size());
    replacements.push_back(removed ? Value() : Value(result.getResult(next++)));
  }
  for (auto [from, to] : llvm::zip(scan.getResults(), replacements))
    if (to)
      rewriter.replaceAllUsesWith(from, to);
  rewriter.eraseOp(scan);
  return result;
}

/// Marks what no result that is read depends on.
static void markUnread(ScanOp scan, ScanRemovals &removals) {
  YieldOp yield = scan.getYield();
  llvm::SmallDenseSet<Value> needed;
  auto need = [&](ResultRange results, OperandRange yielded) {
    for (auto [result, value] : llvm::zip(results, yielded))
      if (!result.use_empty())
        needed.insert(value);
  };
  need(scan.getCarryResults(), yield.getCarries());
  need(scan.getOutputResults(), yield.getOutputs());
  for (size_t size = ~size_t(0); size != needed.size();) {
    size = needed.size();
    for (Operation &op : llvm::reverse(scan.getBodyBlock()->without_terminator()))
      if (!isMemoryEffectFree(&op) ||
          llvm::any_of(op.getResults(), [&](Value result) { return needed.contains(result); }))
        needed.insert_range(getReadValues(&op));
    for (auto [arg, next] : llvm::zip(scan.getCarryArgs(), yield.getCarries()))
      if (needed.contains(arg))
        needed.insert(next);
  }
  for (auto [index, arg, result] : llvm::enumerate(scan.getCarryArgs(), scan.getCarryResults()))
    if (!needed.contains(arg) && result.use_empty())
      removals.carries.set(index);
  for (auto [index, arg] : llvm::enumerate(scan.getInputArgs()))
    if (arg.use_empty())
      removals.inputs.set(index);
  for (auto [index, result] : llvm::enumerate(scan.getOutputResults()))
    if (result.use_empty())
      removals.outputs.set(index);
}

/// Lets one of two equal inputs, outputs or carries serve for both, and the value from outside for a carry that never
/// changes or an output that is an input; what is left over has no reader then.
static bool mergeEqual(RewriterBase &rewriter, ScanOp scan) {
  bool changed = false;
  auto replace = [&](Value from, Value to) {
    if (from.use_empty() || from == to)
      return;
    rewriter.replaceAllUsesWith(from, to);
    changed = true;
  };
  YieldOp yield = scan.getYield();
  for (auto [init, arg, next, result] :
       llvm::zip(scan.getInits(), scan.getCarryArgs(), yield.getCarries(), scan.getCarryResults()))
    if (next == arg || next == init) {
      replace(arg, init);
      replace(result, init);
    }
  std::map<std::tuple<void *, int64_t>, Value> inputs, outputs;
  for (auto [input, axis, arg] : llvm::zip(scan.getInputs(), scan.getInputAxes(), scan.getInputArgs()))
    replace(arg, inputs.try_emplace({input.getAsOpaquePointer(), axis}, arg).first->second);
  for (auto [output, axis, result] : llvm::zip(yield.getOutputs(), scan.getOutputAxes(), scan.getOutputResults()))
    replace(result, outputs.try_emplace({output.getAsOpaquePointer(), axis}, result).first->second);
  for (auto [output, axis, result] : llvm::zip(yield.getOutputs(), scan.getOutputAxes(), scan.getOutputResults()))
    for (auto [input, inputAxis, arg] : llvm::zip(scan.getInputs(), scan.getInputAxes(), scan.getInputArgs()))
      if (output == arg && axis == inputAxis)
        replace(result, input);
  std::map<std::tuple<void *, void *>, unsigned> carries;
  for (auto [index, init, next] : llvm::enumerate(scan.getInits(), yield.getCarries())) {
    unsigned first = carries.try_emplace({init.getAsOpaquePointer(), next.getAsOpaquePointer()}, index).first->second;
    replace(scan.getCarryArgs()[index], scan.getCarryArgs()[first]);
    replace(scan.getCarryResults()[index], scan.getCarryResults()[first]);
  }
  return changed;
}

bool moru::graph::cleanScan(RewriterBase &rewriter, ScanOp &scan) {
  bool changed = mergeEqual(rewriter, scan);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*scan.getBodyBlock())))
    if (isOpTriviallyDead(&op)) {
      rewriter.eraseOp(&op);
      changed = true;
    }
  ScanRemovals removals(scan);
  markUnread(scan, removals);
  if (!removals.any())
    return changed;
  scan = shrinkScan(rewriter, scan, removals);
  return true;
}

//===----------------------------------------------------------------------===//
// EditedScan
//===----------------------------------------------------------------------===//

std::optional<Stacked> EditedScan::findStacked(Value value) {
  for (auto [input, axis, arg] : llvm::zip(op.getInputs(), op.getInputAxes(), op.getInputArgs()))
    if (arg == value)
      return Stacked{input, axis};
  for (auto [output, axis, result] : llvm::zip(op.getYield().getOutputs(), op.getOutputAxes(), op.getOutputResults()))
    if (output == value)
      return Stacked{result, axis};
  return std::nullopt;
}

Stacked EditedScan::stack(Value value) {
  if (std::optional<Stacked> known = findStacked(value))
    return *known;
  int64_t axis = getPreferredAxis(op, value);
  op = extendScan(rewriter, op, {}, Stacked{value, axis});
  return {op.getOutputResults().back(), axis};
}

std::pair<Stacked, Stacked> EditedScan::stack(Value first, Value second) {
  stack(first);
  Stacked last = stack(second);
  return {stack(first), last};
}

void EditedScan::clean() {
  while (cleanScan(rewriter, op)) {
  }
}
