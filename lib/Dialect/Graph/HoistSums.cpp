//===- HoistSums.cpp - carries that add up, behind the loop ---------------===//
// Finds the carries of a scan that only add something up at each step and builds their sums without the loop, or, where
// that would take more memory than allowed, behind an inner loop over a chunk of the steps.
//===----------------------------------------------------------------------===//

#include "BatchOverSteps.h"
#include "Formula.h"
#include "HoistFromScan.h"

#include "mlir/IR/Remarks.h"

#define DEBUG_TYPE "graph-hoist-from-scan"

using namespace mlir;
using namespace moru::graph;

void SumHoister::run() {
  if (!fitBudget())
    hoist();
}

//===----------------------------------------------------------------------===//
// The terms
//===----------------------------------------------------------------------===//

/// The terms that a step adds to `carry` to get `value`; false where the carry is not exactly once in the sum.
bool SumHoister::collectTerms(Value value, Value carry, bool isNegative, SmallVectorImpl<Term> &terms) {
  if (value == carry)
    return !isNegative;
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<AddOp, SubOp>(op) || !value.hasOneUse() || scan.isInvariant(value)) {
    terms.push_back({value, isNegative});
    return false;
  }
  bool inLeft = collectTerms(op->getOperand(0), carry, isNegative, terms);
  bool inRight = collectTerms(op->getOperand(1), carry, isNegative != isa<SubOp>(op), terms);
  return inLeft != inRight;
}

/// What the steps add to carry `index`, if it is a sum that can be had without the loop and nobody reads it on the way.
SmallVector<SumHoister::Term> SumHoister::findSum(unsigned index) {
  Value carry = scan->getCarryArgs()[index], next = scan->getYield().getCarries()[index];
  SmallVector<Term> terms;
  if (scan->getCarryResults()[index].use_empty() || !carry.hasOneUse() || !next.hasOneUse() || next == carry ||
      !collectTerms(next, carry, false, terms) ||
      !llvm::all_of(terms, [&](const Term &term) { return sums.canSum(term.value); }))
    return {};
  return terms;
}

/// `value`, and what it is a linear function of, up to contractions and sums.
void SumHoister::collectSummands(Value value, llvm::SmallDenseSet<Value> &summands) {
  if (scan.isInvariant(value) || !summands.insert(value).second || !value.getDefiningOp())
    return;
  if (!isa<ContractOp, ReduceSumOp, ScatterAddOp>(value.getDefiningOp()))
    for (Value operand : value.getDefiningOp()->getOperands())
      collectSummands(operand, summands);
}

llvm::SmallDenseSet<Value> SumHoister::findSummands() {
  llvm::SmallDenseSet<Value> summands;
  for (unsigned index = 0; index != scan->getNumCarries(); ++index)
    for (const Term &term : findSum(index))
      collectSummands(term.value, summands);
  return summands;
}

//===----------------------------------------------------------------------===//
// The sums
//===----------------------------------------------------------------------===//

/// Where carry `index` looks like a sum and yet stays in the loop: why.
void SumHoister::remarkKeptSum(unsigned index) {
  Value carry = scan->getCarryArgs()[index], next = scan->getYield().getCarries()[index];
  if (!next.getDefiningOp<AddOp>() || !llvm::is_contained(next.getDefiningOp()->getOperands(), carry))
    return;
  remark::missed(next.getLoc(), remark::RemarkOpts::name("Hoisted").category(DEBUG_TYPE))
      << (carry.hasOneUse() && next.hasOneUse()
              ? "the sum over the steps stays in the loop: its terms would have to be stored"
              : "the sum over the steps stays in the loop: a step reads it");
}

/// scan carry(%acc = %init) { %p = contract %x, %y; %next = add %acc, %p; yield carry(%next) }
/// → contract %xs, %ys over the steps too, added to %init. The carry has no reader then.
void SumHoister::hoist() {
  RewriterBase &rewriter = scan.rewriter;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan.op->getNextNode());
  for (unsigned index = 0; index != scan->getNumCarries(); ++index) {
    SmallVector<Term> terms = findSum(index);
    if (terms.empty()) {
      remarkKeptSum(index);
      continue;
    }
    remarkHoisted(terms.front().value.getLoc(), "added up behind the loop, for all", scan.length());
    Value total = scan->getInits()[index];
    for (const Term &term : terms) {
      Value sum = sums.sum(term.value);
      if (term.isNegative)
        total = rewriter.createOrFold<SubOp>(sum.getLoc(), total, sum);
      else
        total = rewriter.createOrFold<AddOp>(sum.getLoc(), total, sum);
    }
    rewriter.replaceAllUsesWith(scan->getCarryResults()[index], total);
  }
  scan.clean();
}

//===----------------------------------------------------------------------===//
// The budget
//===----------------------------------------------------------------------===//

/// scan 100 { … } → scan 4 { scan 25 { … } }: the same steps in the same order, so that the inner scan's stacks are
/// those of a chunk.
void SumHoister::cutIntoChunks(int64_t steps) {
  RewriterBase &rewriter = scan.rewriter;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan.op);
  Location loc = scan->getLoc();
  int64_t chunks = scan.length() / steps;
  SmallVector<Value> inputs;
  for (auto [input, axis] : llvm::zip(scan->getInputs(), scan->getInputAxes())) {
    SmallVector<int64_t> shape(typeOf(input).getShape());
    shape[axis] = chunks;
    shape.insert(shape.begin() + axis + 1, steps);
    inputs.push_back(ReshapeOp::create(rewriter, loc, typeOf(input).clone(shape), input));
  }
  SmallVector<Type> ofChunk;
  for (auto [output, axis] : llvm::zip(scan->getYield().getOutputs(), scan->getOutputAxes()))
    ofChunk.push_back(insertAxis(typeOf(output), axis, steps));
  auto outer = ScanOp::create(rewriter, loc, scan->getInits(), inputs, chunks, scan->getInputAxes(),
                              scan->getOutputAxes(), scan->getReverse(), ofChunk);
  rewriter.setInsertionPointToEnd(outer.getBodyBlock());
  auto inner = ScanOp::create(rewriter, loc, ValueRange(outer.getCarryArgs()), ValueRange(outer.getInputArgs()), steps,
                              scan->getInputAxes(), scan->getOutputAxes(), scan->getReverse(),
                              scan->getYield().getOutputs().getTypes());
  YieldOp::create(rewriter, loc, ValueRange(inner.getCarryResults()), ValueRange(inner.getOutputResults()));
  rewriter.eraseBlock(inner.getBodyBlock());
  rewriter.inlineRegionBefore(scan->getBody(), inner.getBody(), inner.getBody().end());

  rewriter.setInsertionPointAfter(outer);
  SmallVector<Value> results(outer.getCarryResults());
  for (auto [result, chunked] : llvm::zip(scan->getOutputResults(), outer.getOutputResults()))
    results.push_back(ReshapeOp::create(rewriter, loc, result.getType(), chunked));
  rewriter.replaceOp(scan.op, results);
  scan.op = outer;
  EditedScan chunk{rewriter, inner};
  SumHoister(chunk, /*budget=*/0).hoist();
}

/// Where the stacks of all sums take more than the budget: the steps are cut into the largest equal chunks whose stacks
/// do not. Returns whether the sums have been dealt with.
bool SumHoister::fitBudget() {
  if (!budget)
    return false;
  SetVector<Value> stacks;
  for (unsigned index = 0; index != scan->getNumCarries(); ++index)
    for (const Term &term : findSum(index))
      sums.collectStacks(term.value, stacks);
  int64_t bytes = 0;
  for (Value value : stacks)
    bytes += getSizeInBytes(typeOf(value));
  int64_t length = scan.length();
  if (bytes * length <= budget)
    return false;
  int64_t steps = length - 1;
  while (steps > 1 && (length % steps || bytes * steps > budget))
    --steps;
  auto options = remark::RemarkOpts::name("Hoisted").category(DEBUG_TYPE);
  if (steps < 2) {
    remark::missed(scan->getLoc(), options) << "the sums stay in the loop: no chunk of its steps fits the budget";
    return true;
  }
  remark::passed(scan->getLoc(), options) << (Twine("added up in chunks of ") + Twine(steps) + " steps").str();
  cutIntoChunks(steps);
  return true;
}
