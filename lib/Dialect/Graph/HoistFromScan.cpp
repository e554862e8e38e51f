//===- HoistFromScan.cpp - graph-hoist-from-scan --------------------------===//
// Moves work that does not need the carry out of scans, inner scans first: invariant operations, contractions of input
// slices before the loop, sums over the steps and contractions of what leaves the loop behind it.
//===----------------------------------------------------------------------===//

#include "HoistFromScan.h"
#include "BatchOverSteps.h"
#include "Formula.h"
#include "moru/Dialect/Graph/Cotangents.h"
#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/Remarks.h"

#define DEBUG_TYPE "graph-hoist-from-scan"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_HOISTFROMSCAN
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

namespace {
struct HoistFromScan : moru::graph::impl::HoistFromScanBase<HoistFromScan> {
  using HoistFromScanBase::HoistFromScanBase;
  void runOnOperation() override;
};

/// The work on one scan, which is replaced as often as its operands or results change.
class ScanHoister {
public:
  ScanHoister(RewriterBase &rewriter, ScanOp op, int64_t budget)
      : rewriter(rewriter), scan{rewriter, op}, sums(scan, budget) {}

  void run() {
    hoistInvariants();
    hoistInputWork();
    sums.run();
    sinkOutputWork();
    scan.clean();
    if (isOpTriviallyDead(scan.op))
      rewriter.eraseOp(scan.op);
    else
      dissolve();
  }

private:
  void hoistInvariants();
  void hoistInputWork();
  SetVector<Operation *> findSinkable();
  void sinkOutputWork();
  void dissolve();

  RewriterBase &rewriter;
  EditedScan scan;
  SumHoister sums;
};
} // namespace

void moru::graph::remarkHoisted(Location loc, StringRef what, int64_t steps) {
  remark::passed(loc, remark::RemarkOpts::name("Hoisted").category(DEBUG_TYPE))
      << (what + " " + Twine(steps) + " steps").str();
}

/// Work worth a place of its own outside the loop: one large operation instead of many small ones. Elementwise work is
/// not: in the loop it costs no memory traffic.
static bool isHeavy(Operation *op) { return isa<ContractOp, GatherOp>(op); }

/// scan { %y = f %w } → %y = f %w; scan { }
void ScanHoister::hoistInvariants() {
  for (Operation &op : llvm::make_early_inc_range(scan->getBodyBlock()->without_terminator()))
    if (isMemoryEffectFree(&op) &&
        llvm::all_of(getReadValues(&op), [&](Value value) { return scan.isInvariant(value); }))
      rewriter.moveOpBefore(&op, scan.op);
}

//===----------------------------------------------------------------------===//
// Before the loop
//===----------------------------------------------------------------------===//

/// scan over(%x = %xs) { %z = contract %x, %w; … } → %zs = contract %xs, %w; scan over(%z = %zs) { … }
/// What the contraction's operands are made of goes with it, and elementwise work on its result alone.
void ScanHoister::hoistInputWork() {
  llvm::MapVector<Value, Stacked> ready;
  auto lookup = [&](Value value) -> std::optional<Stacked> {
    if (auto *found = ready.find(value); found != ready.end())
      return found->second;
    return std::nullopt;
  };
  for (auto [input, axis, arg] : llvm::zip(scan->getInputs(), scan->getInputAxes(), scan->getInputArgs()))
    ready[arg] = {input, axis};

  // Terms of a sum over the steps are taken out of the loop with the sum.
  llvm::SmallDenseSet<Value> summands = sums.findSummands();
  // What could be done before the loop, and of that what should.
  llvm::SmallDenseSet<Operation *> chosen;
  SmallVector<Operation *> candidates;
  for (Operation &op : scan->getBodyBlock()->without_terminator()) {
    if (llvm::any_of(op.getOperands(), [&](Value value) { return !scan.isInvariant(value) && !ready.contains(value); }))
      continue;
    std::optional<Stacked> result = batchOverSteps(nullptr, &op, scan.length(), lookup);
    if (!result)
      continue;
    ready[op.getResult(0)] = *result;
    candidates.push_back(&op);
    bool extendsChosen = op.hasTrait<OpTrait::Elementwise>() && llvm::any_of(op.getOperands(), [&](Value value) {
                           return value.getDefiningOp() && chosen.contains(value.getDefiningOp());
                         });
    if ((isHeavy(&op) && !summands.contains(op.getResult(0))) || extendsChosen)
      chosen.insert(&op);
  }
  for (Operation *op : llvm::reverse(candidates))
    if (chosen.contains(op))
      for (Value operand : op->getOperands())
        if (!scan.isInvariant(operand) && operand.getDefiningOp())
          chosen.insert(operand.getDefiningOp());
  if (chosen.empty())
    return;

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan.op);
  SmallVector<Stacked> inputs;
  SmallVector<Value> replaced;
  for (Operation *op : candidates) {
    if (!chosen.contains(op))
      continue;
    Value value = op->getResult(0);
    ready[value] = *batchOverSteps(&rewriter, op, scan.length(), lookup);
    if (isHeavy(op))
      remarkHoisted(op->getLoc(), "done before the loop, for all", scan.length());
    if (llvm::any_of(op->getUsers(), [&](Operation *user) { return !chosen.contains(user); })) {
      inputs.push_back(ready[value]);
      replaced.push_back(value);
    }
  }
  unsigned numInputs = scan->getInputs().size();
  scan.op = extendScan(rewriter, scan.op, inputs, {});
  for (auto [value, arg] : llvm::zip(replaced, scan->getInputArgs().drop_front(numInputs)))
    rewriter.replaceAllUsesWith(value, arg);
  scan.clean();
}

//===----------------------------------------------------------------------===//
// Behind the loop
//===----------------------------------------------------------------------===//

/// Contractions on which no carry depends, and all that depends on them.
SetVector<Operation *> ScanHoister::findSinkable() {
  YieldOp yield = scan->getYield();
  llvm::SmallDenseSet<Value> feedsCarry(yield.getCarries().begin(), yield.getCarries().end());
  for (Operation &op : llvm::reverse(*scan->getBodyBlock()))
    if (llvm::any_of(op.getResults(), [&](Value result) { return feedsCarry.contains(result); }))
      feedsCarry.insert_range(getReadValues(&op));

  llvm::SmallDenseSet<Operation *> blocked;
  while (true) {
    SetVector<Operation *> sunk;
    DenseMap<Value, int64_t> axes;
    auto lookup = [&](Value value) -> std::optional<Stacked> {
      if (scan.isInvariant(value))
        return std::nullopt;
      if (auto found = axes.find(value); found != axes.end())
        return Stacked{Value(), found->second};
      if (std::optional<Stacked> known = scan.findStacked(value))
        return known;
      return Stacked{Value(), getPreferredAxis(scan.op, value)};
    };
    bool settled = true;
    for (Operation &op : scan->getBodyBlock()->without_terminator()) {
      auto reads = getReadValues(&op);
      auto isSunk = [&](Value value) { return sunk.contains(value.getDefiningOp()); };
      if (!llvm::any_of(reads, isSunk) &&
          (!isa<ContractOp>(op) || feedsCarry.contains(op.getResult(0)) || blocked.contains(&op)))
        continue;
      std::optional<Stacked> result = batchOverSteps(nullptr, &op, scan.length(), lookup);
      if (result) {
        sunk.insert(&op);
        axes[op.getResult(0)] = result->axis;
        continue;
      }
      // It stays in the loop, and so does what it reads.
      blocked.insert(&op);
      for (Value value : reads)
        if (isSunk(value))
          blocked.insert(value.getDefiningOp());
      settled = false;
    }
    if (settled)
      return sunk;
    // A blocked operation that is no contraction blocks the contractions it comes from.
    for (Operation &op : llvm::reverse(*scan->getBodyBlock()))
      if (blocked.contains(&op))
        for (Value value : getReadValues(&op))
          if (Operation *maker = value.getDefiningOp(); maker && sunk.contains(maker))
            blocked.insert(maker);
  }
}

/// scan { %y = contract %h, %w; yield out(%y) } → scan { yield out(%h) }; %ys = contract %hs, %w
void ScanHoister::sinkOutputWork() {
  SetVector<Operation *> sunk = findSinkable();
  if (sunk.empty())
    return;
  for (Operation *op : sunk)
    for (Value operand : op->getOperands())
      if (!scan.isInvariant(operand) && !sunk.contains(operand.getDefiningOp()))
        scan.stack(operand);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan.op->getNextNode());
  DenseMap<Value, Stacked> built;
  auto lookup = [&](Value value) -> std::optional<Stacked> {
    if (scan.isInvariant(value))
      return std::nullopt;
    if (auto found = built.find(value); found != built.end())
      return found->second;
    return scan.findStacked(value);
  };
  for (Operation *op : sunk) {
    built[op->getResult(0)] = *batchOverSteps(&rewriter, op, scan.length(), lookup);
    if (isHeavy(op))
      remarkHoisted(op->getLoc(), "done behind the loop, for all", scan.length());
  }
  for (auto [output, axis, result] :
       llvm::zip(scan->getYield().getOutputs(), scan->getOutputAxes(), scan->getOutputResults()))
    if (auto found = built.find(output); found != built.end() && !result.use_empty())
      rewriter.replaceAllUsesWith(result, moveSteps(rewriter, scan->getLoc(), found->second, axis));
}

//===----------------------------------------------------------------------===//
// Loops that need not be one
//===----------------------------------------------------------------------===//

/// scan over(%x = %xs axis 0) out(axis 0) { %y = exp %x; yield out(%y) } → %ys = exp %xs
/// A scan that carries nothing does the same to every slice.
void ScanHoister::dissolve() {
  if (scan->getNumCarries())
    return;
  llvm::DenseMap<Value, Stacked> stacks;
  for (auto [input, axis, arg] : llvm::zip(scan->getInputs(), scan->getInputAxes(), scan->getInputArgs()))
    stacks[arg] = {input, axis};
  auto lookup = [&](Value value) -> std::optional<Stacked> {
    if (auto found = stacks.find(value); found != stacks.end())
      return found->second;
    return std::nullopt;
  };
  auto body = scan->getBodyBlock()->without_terminator();
  for (Operation &op : body) {
    std::optional<Stacked> result = batchOverSteps(nullptr, &op, scan.length(), lookup);
    if (!result)
      return;
    stacks[op.getResult(0)] = *result;
  }
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan.op);
  for (Operation &op : body)
    stacks[op.getResult(0)] = *batchOverSteps(&rewriter, &op, scan.length(), lookup);
  SmallVector<Value> results;
  for (auto [output, axis] : llvm::zip(scan->getYield().getOutputs(), scan->getOutputAxes())) {
    if (std::optional<Stacked> stacked = lookup(output)) {
      results.push_back(moveSteps(rewriter, scan->getLoc(), *stacked, axis));
      continue;
    }
    RankedTensorType type = insertAxis(typeOf(output), axis, scan.length());
    results.push_back(broadcastAlongRemoved(rewriter, scan->getLoc(), output, type, axis));
  }
  remarkHoisted(scan->getLoc(), "no loop is needed: one operation each for all", scan.length());
  rewriter.replaceOp(scan.op, results);
}

void HoistFromScan::runOnOperation() {
  if (failed(verifyStatic(getOperation())))
    return signalPassFailure();
  SmallVector<ScanOp> scans;
  getOperation().walk([&](ScanOp scan) { scans.push_back(scan); }); // Inner scans come first.
  IRRewriter rewriter(&getContext());
  for (ScanOp scan : scans)
    ScanHoister(rewriter, scan, budget).run();
}
