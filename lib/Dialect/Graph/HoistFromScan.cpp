//===- HoistFromScan.cpp - graph-hoist-from-scan --------------------------===//
// Moves work that does not need the carry out of scans, inner scans first: invariant operations, contractions of input
// slices before the loop, sums over the steps and contractions of what leaves the loop behind it.
//===----------------------------------------------------------------------===//

#include "BatchOverSteps.h"
#include "Formula.h"
#include "moru/Dialect/Graph/Cotangents.h"
#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/TypeSwitch.h"

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
  ScanHoister(RewriterBase &rewriter, ScanOp scan) : rewriter(rewriter), scan(scan) {}

  void run() {
    hoistInvariants();
    hoistInputWork();
    hoistSums();
    sinkOutputWork();
    clean();
    if (isOpTriviallyDead(scan))
      rewriter.eraseOp(scan);
    else
      dissolve();
  }

private:
  void hoistInvariants();
  void hoistInputWork();
  void hoistSums();
  void sinkOutputWork();
  void dissolve();

  /// Removes what has no reader left, and what has none then.
  void clean() {
    while (cleanScan(rewriter, scan)) {
    }
  }

  int64_t length() { return scan.getLength(); }
  bool isInvariant(Value value) { return !isInBody(scan, value); }
  std::optional<Stacked> findStacked(Value value);
  Stacked stack(Value value);

  struct Term {
    Value value;
    bool isNegative;
  };
  bool collectTerms(Value value, Value carry, bool isNegative, SmallVectorImpl<Term> &terms);
  SmallVector<Term> findSum(unsigned index);
  void remarkKeptSum(unsigned index);
  bool canSum(Value value);
  Value sumOverSteps(Value value);
  Value sumContract(ContractOp op);
  Value sumScatter(ScatterAddOp op);
  Value sumReduction(ReduceSumOp op);
  Value sumLinear(Operation *op);
  Value sumStack(Value value);
  SetVector<Operation *> findSinkable();

  RewriterBase &rewriter;
  ScanOp scan;
};
} // namespace

/// Says what left the loop of `steps` steps, and where to.
static void remarkHoisted(Location loc, StringRef what, int64_t steps) {
  remark::passed(loc, remark::RemarkOpts::name("Hoisted").category(DEBUG_TYPE))
      << (what + " " + Twine(steps) + " steps").str();
}

/// Work worth a place of its own outside the loop: one large operation instead of many small ones. Elementwise work is
/// not: in the loop it costs no memory traffic.
static bool isHeavy(Operation *op) { return isa<ContractOp, GatherOp>(op); }

/// The stack of `value`'s slices, if there is one: an input, or an output.
std::optional<Stacked> ScanHoister::findStacked(Value value) {
  for (auto [input, axis, arg] : llvm::zip(scan.getInputs(), scan.getInputAxes(), scan.getInputArgs()))
    if (arg == value)
      return Stacked{input, axis};
  for (auto [output, axis, result] :
       llvm::zip(scan.getYield().getOutputs(), scan.getOutputAxes(), scan.getOutputResults()))
    if (output == value)
      return Stacked{result, axis};
  return std::nullopt;
}

/// The stack of `value`'s slices; a further output where there is none.
Stacked ScanHoister::stack(Value value) {
  if (std::optional<Stacked> known = findStacked(value))
    return *known;
  int64_t axis = getPreferredAxis(scan, value);
  scan = extendScan(rewriter, scan, {}, Stacked{value, axis});
  return {scan.getOutputResults().back(), axis};
}

/// scan { %y = f %w } → %y = f %w; scan { }
void ScanHoister::hoistInvariants() {
  for (Operation &op : llvm::make_early_inc_range(scan.getBodyBlock()->without_terminator()))
    if (isMemoryEffectFree(&op) && llvm::all_of(getReadValues(&op), [&](Value value) { return isInvariant(value); }))
      rewriter.moveOpBefore(&op, scan);
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
  for (auto [input, axis, arg] : llvm::zip(scan.getInputs(), scan.getInputAxes(), scan.getInputArgs()))
    ready[arg] = {input, axis};

  // Terms of a sum over the steps are taken out of the loop with the sum.
  llvm::SmallDenseSet<Value> summands;
  for (unsigned index = 0; index != scan.getNumCarries(); ++index)
    for (const Term &term : findSum(index))
      summands.insert(term.value);
  // What could be done before the loop, and of that what should.
  llvm::SmallDenseSet<Operation *> chosen;
  SmallVector<Operation *> candidates;
  for (Operation &op : scan.getBodyBlock()->without_terminator()) {
    if (llvm::any_of(op.getOperands(), [&](Value value) { return !isInvariant(value) && !ready.contains(value); }))
      continue;
    std::optional<Stacked> result = batchOverSteps(nullptr, &op, length(), lookup);
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
        if (!isInvariant(operand) && operand.getDefiningOp())
          chosen.insert(operand.getDefiningOp());
  if (chosen.empty())
    return;

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan);
  SmallVector<Stacked> inputs;
  SmallVector<Value> replaced;
  for (Operation *op : candidates) {
    if (!chosen.contains(op))
      continue;
    Value value = op->getResult(0);
    ready[value] = *batchOverSteps(&rewriter, op, length(), lookup);
    if (isHeavy(op))
      remarkHoisted(op->getLoc(), "done before the loop, for all", length());
    if (llvm::any_of(op->getUsers(), [&](Operation *user) { return !chosen.contains(user); })) {
      inputs.push_back(ready[value]);
      replaced.push_back(value);
    }
  }
  unsigned numInputs = scan.getInputs().size();
  scan = extendScan(rewriter, scan, inputs, {});
  for (auto [value, arg] : llvm::zip(replaced, scan.getInputArgs().drop_front(numInputs)))
    rewriter.replaceAllUsesWith(value, arg);
  clean();
}

//===----------------------------------------------------------------------===//
// Sums behind the loop
//===----------------------------------------------------------------------===//

/// The terms that a step adds to `carry` to get `value`; false where the carry is not exactly once in the sum.
bool ScanHoister::collectTerms(Value value, Value carry, bool isNegative, SmallVectorImpl<Term> &terms) {
  if (value == carry)
    return !isNegative;
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<AddOp, SubOp>(op) || !value.hasOneUse() || isInvariant(value)) {
    terms.push_back({value, isNegative});
    return false;
  }
  bool inLeft = collectTerms(op->getOperand(0), carry, isNegative, terms);
  bool inRight = collectTerms(op->getOperand(1), carry, isNegative != isa<SubOp>(op), terms);
  return inLeft != inRight;
}

/// What the steps add to carry `index`, if it is a sum that can be had without the loop and nobody reads it on the way.
SmallVector<ScanHoister::Term> ScanHoister::findSum(unsigned index) {
  Value carry = scan.getCarryArgs()[index], next = scan.getYield().getCarries()[index];
  SmallVector<Term> terms;
  if (scan.getCarryResults()[index].use_empty() || !carry.hasOneUse() || !next.hasOneUse() || next == carry ||
      !collectTerms(next, carry, false, terms) ||
      !llvm::all_of(terms, [&](const Term &term) { return canSum(term.value); }))
    return {};
  return terms;
}

/// The sum of `value` over the steps can be had without adding in the loop, for at most the memory of its operands.
bool ScanHoister::canSum(Value value) {
  if (isInvariant(value) || findStacked(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  return TypeSwitch<Operation *, bool>(op)
      .Case<ContractOp, ReduceSumOp, ScatterAddOp>([](auto) { return true; })
      .Case<TransposeOp, ReshapeOp, NegOp, PadOp, SliceOp>([&](auto linear) { return canSum(linear.getOperand()); })
      // Rounding the sum once is better than rounding its terms.
      .Case([&](ConvertOp convert) {
        return isa<FloatType>(typeOf(convert.getOperand()).getElementType()) && canSum(convert.getOperand());
      })
      .Case<AddOp, SubOp>([&](auto sum) { return canSum(sum.getLhs()) && canSum(sum.getRhs()); })
      .Case([&](MulOp product) {
        return (isInvariant(product.getLhs()) && canSum(product.getRhs())) ||
               (isInvariant(product.getRhs()) && canSum(product.getLhs()));
      })
      .Default(false);
}

/// sum over t of a_t · b_t = the contraction over the steps too
Value ScanHoister::sumContract(ContractOp op) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (isInvariant(lhs) || isInvariant(rhs)) {
    Value left = isInvariant(lhs) ? lhs : canSum(lhs) ? sumOverSteps(lhs) : sumStack(lhs);
    Value right = isInvariant(rhs) ? rhs : canSum(rhs) ? sumOverSteps(rhs) : sumStack(rhs);
    return ContractOp::create(rewriter, op.getLoc(), left, right, op.getLhsOver(), op.getRhsOver(), op.getLhsBatch(),
                              op.getRhsBatch());
  }
  stack(lhs); // Stacking replaces the scan and with it the values of other stacks.
  stack(rhs);
  Stacked x = stack(lhs), y = stack(rhs);
  SmallVector<std::pair<int64_t, int64_t>> over{{x.axis, y.axis}};
  for (auto [left, right] : llvm::zip(shiftAxes(op.getLhsOver(), x.axis), shiftAxes(op.getRhsOver(), y.axis)))
    over.emplace_back(left, right);
  llvm::sort(over);
  auto lhsOver = llvm::map_to_vector(over, [](auto pair) { return pair.first; });
  auto rhsOver = llvm::map_to_vector(over, [](auto pair) { return pair.second; });
  return ContractOp::create(rewriter, op.getLoc(), x.value, y.value, lhsOver, rhsOver,
                            shiftAxes(op.getLhsBatch(), x.axis), shiftAxes(op.getRhsBatch(), y.axis));
}

/// The rows of all steps, added at the numbers of all steps.
Value ScanHoister::sumScatter(ScatterAddOp op) {
  Value updates = op.getUpdates(), ids = op.getIds();
  if (isInvariant(ids))
    return ScatterAddOp::create(rewriter, op.getLoc(), op.getType(),
                                canSum(updates) ? sumOverSteps(updates) : sumStack(updates), ids);
  stack(ids);
  if (!isInvariant(updates))
    stack(updates);
  Stacked stackedIds = stack(ids);
  Value rows;
  if (isInvariant(updates)) {
    RankedTensorType type = getStackedType(updates.getType(), stackedIds.axis, length());
    rows = broadcastAlongRemoved(rewriter, op.getLoc(), updates, type.getShape(), stackedIds.axis);
  } else {
    rows = moveSteps(rewriter, op.getLoc(), stack(updates), stackedIds.axis);
  }
  return ScatterAddOp::create(rewriter, op.getLoc(), op.getType(), rows, stackedIds.value);
}

/// The sum over the steps too.
Value ScanHoister::sumReduction(ReduceSumOp op) {
  Stacked x = stack(op.getOperand());
  SmallVector<int64_t> axes = shiftAxes(op.getAxes(), x.axis);
  axes.push_back(x.axis);
  llvm::sort(axes);
  return ReduceSumOp::create(rewriter, op.getLoc(), x.value, axes);
}

/// sum of f(x_t) = f(sum of x_t)
Value ScanHoister::sumLinear(Operation *op) {
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, isa<MulOp>(op) && isInvariant(operand) ? operand : sumOverSteps(operand));
  return rewriter.clone(*op, mapping)->getResult(0);
}

/// The slices of `value`, added up.
Value ScanHoister::sumStack(Value value) {
  Stacked x = stack(value);
  return ReduceSumOp::create(rewriter, value.getLoc(), x.value, x.axis);
}

Value ScanHoister::sumOverSteps(Value value) {
  if (isInvariant(value)) {
    Value steps = createSplat(rewriter, value.getLoc(), typeOf(value), static_cast<double>(length()));
    return MulOp::create(rewriter, value.getLoc(), value, steps);
  }
  Operation *op = value.getDefiningOp();
  if (auto contract = dyn_cast_or_null<ContractOp>(op))
    return sumContract(contract);
  if (auto scatter = dyn_cast_or_null<ScatterAddOp>(op))
    return sumScatter(scatter);
  if (auto reduction = dyn_cast_or_null<ReduceSumOp>(op))
    return sumReduction(reduction);
  return findStacked(value) ? sumStack(value) : sumLinear(op);
}

/// Where carry `index` looks like a sum and yet stays in the loop: why.
void ScanHoister::remarkKeptSum(unsigned index) {
  Value carry = scan.getCarryArgs()[index], next = scan.getYield().getCarries()[index];
  if (!next.getDefiningOp<AddOp>() || !llvm::is_contained(next.getDefiningOp()->getOperands(), carry))
    return;
  remark::missed(next.getLoc(), remark::RemarkOpts::name("Hoisted").category(DEBUG_TYPE))
      << (carry.hasOneUse() && next.hasOneUse()
              ? "the sum over the steps stays in the loop: its terms would have to be stored"
              : "the sum over the steps stays in the loop: a step reads it");
}

/// scan carry(%acc = %init) { %p = contract %x, %y; %next = add %acc, %p; yield carry(%next) }
/// → contract %xs, %ys over the steps too, added to %init. The carry has no reader then.
void ScanHoister::hoistSums() {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan->getNextNode());
  for (unsigned index = 0; index != scan.getNumCarries(); ++index) {
    SmallVector<Term> terms = findSum(index);
    if (terms.empty()) {
      remarkKeptSum(index);
      continue;
    }
    remarkHoisted(terms.front().value.getLoc(), "added up behind the loop, for all", length());
    Value total = scan.getInits()[index];
    for (const Term &term : terms) {
      Value sum = sumOverSteps(term.value);
      if (term.isNegative)
        total = rewriter.createOrFold<SubOp>(sum.getLoc(), total, sum);
      else
        total = rewriter.createOrFold<AddOp>(sum.getLoc(), total, sum);
    }
    rewriter.replaceAllUsesWith(scan.getCarryResults()[index], total);
  }
  clean();
}

//===----------------------------------------------------------------------===//
// Other work behind the loop
//===----------------------------------------------------------------------===//

/// Contractions on which no carry depends, and all that depends on them.
SetVector<Operation *> ScanHoister::findSinkable() {
  YieldOp yield = scan.getYield();
  llvm::SmallDenseSet<Value> feedsCarry(yield.getCarries().begin(), yield.getCarries().end());
  for (Operation &op : llvm::reverse(*scan.getBodyBlock()))
    if (llvm::any_of(op.getResults(), [&](Value result) { return feedsCarry.contains(result); }))
      feedsCarry.insert_range(getReadValues(&op));

  llvm::SmallDenseSet<Operation *> blocked;
  while (true) {
    SetVector<Operation *> sunk;
    DenseMap<Value, int64_t> axes;
    auto lookup = [&](Value value) -> std::optional<Stacked> {
      if (isInvariant(value))
        return std::nullopt;
      if (auto found = axes.find(value); found != axes.end())
        return Stacked{Value(), found->second};
      if (std::optional<Stacked> known = findStacked(value))
        return known;
      return Stacked{Value(), getPreferredAxis(scan, value)};
    };
    bool settled = true;
    for (Operation &op : scan.getBodyBlock()->without_terminator()) {
      auto reads = getReadValues(&op);
      auto isSunk = [&](Value value) { return sunk.contains(value.getDefiningOp()); };
      if (!llvm::any_of(reads, isSunk) &&
          (!isa<ContractOp>(op) || feedsCarry.contains(op.getResult(0)) || blocked.contains(&op)))
        continue;
      std::optional<Stacked> result = batchOverSteps(nullptr, &op, length(), lookup);
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
    for (Operation &op : llvm::reverse(*scan.getBodyBlock()))
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
      if (!isInvariant(operand) && !sunk.contains(operand.getDefiningOp()))
        stack(operand);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan->getNextNode());
  DenseMap<Value, Stacked> built;
  auto lookup = [&](Value value) -> std::optional<Stacked> {
    if (isInvariant(value))
      return std::nullopt;
    if (auto found = built.find(value); found != built.end())
      return found->second;
    return findStacked(value);
  };
  for (Operation *op : sunk) {
    built[op->getResult(0)] = *batchOverSteps(&rewriter, op, length(), lookup);
    if (isHeavy(op))
      remarkHoisted(op->getLoc(), "done behind the loop, for all", length());
  }
  for (auto [output, axis, result] :
       llvm::zip(scan.getYield().getOutputs(), scan.getOutputAxes(), scan.getOutputResults()))
    if (auto found = built.find(output); found != built.end() && !result.use_empty())
      rewriter.replaceAllUsesWith(result, moveSteps(rewriter, scan.getLoc(), found->second, axis));
}

//===----------------------------------------------------------------------===//
// Loops that need not be one
//===----------------------------------------------------------------------===//

/// scan over(%x = %xs axis 0) out(axis 0) { %y = exp %x; yield out(%y) } → %ys = exp %xs
/// A scan that carries nothing does the same to every slice.
void ScanHoister::dissolve() {
  if (scan.getNumCarries())
    return;
  llvm::DenseMap<Value, Stacked> stacks;
  for (auto [input, axis, arg] : llvm::zip(scan.getInputs(), scan.getInputAxes(), scan.getInputArgs()))
    stacks[arg] = {input, axis};
  auto lookup = [&](Value value) -> std::optional<Stacked> {
    if (auto found = stacks.find(value); found != stacks.end())
      return found->second;
    return std::nullopt;
  };
  auto body = scan.getBodyBlock()->without_terminator();
  for (Operation &op : body) {
    std::optional<Stacked> result = batchOverSteps(nullptr, &op, length(), lookup);
    if (!result)
      return;
    stacks[op.getResult(0)] = *result;
  }
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan);
  for (Operation &op : body)
    stacks[op.getResult(0)] = *batchOverSteps(&rewriter, &op, length(), lookup);
  SmallVector<Value> results;
  for (auto [output, axis] : llvm::zip(scan.getYield().getOutputs(), scan.getOutputAxes())) {
    if (std::optional<Stacked> stacked = lookup(output)) {
      results.push_back(moveSteps(rewriter, scan.getLoc(), *stacked, axis));
      continue;
    }
    RankedTensorType type = getStackedType(output.getType(), axis, length());
    results.push_back(broadcastAlongRemoved(rewriter, scan.getLoc(), output, type.getShape(), axis));
  }
  remarkHoisted(scan.getLoc(), "no loop is needed: one operation each for all", length());
  rewriter.replaceOp(scan, results);
}

void HoistFromScan::runOnOperation() {
  if (failed(verifyStatic(getOperation())))
    return signalPassFailure();
  SmallVector<ScanOp> scans;
  getOperation().walk([&](ScanOp scan) { scans.push_back(scan); }); // Inner scans come first.
  IRRewriter rewriter(&getContext());
  for (ScanOp scan : scans)
    ScanHoister(rewriter, scan).run();
}
