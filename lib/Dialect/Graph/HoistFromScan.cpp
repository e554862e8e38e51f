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
  ScanHoister(RewriterBase &rewriter, ScanOp scan, int64_t budget) : rewriter(rewriter), scan(scan), budget(budget) {}

  void run() {
    hoistInvariants();
    hoistInputWork();
    if (!fitBudget())
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
  void collectSummands(Value value, llvm::SmallDenseSet<Value> &summands);
  void hoistInputWork();
  void hoistSums();
  bool fitBudget();
  void cutIntoChunks(int64_t steps);
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
  Value sumProduct(MulOp op);
  bool canSumProduct(MulOp op);
  bool canScale(Value value);
  Value scaleInside(Value scalar, Value value);
  Value getVaryingScalar(MulOp op, unsigned side);
  void collectStacks(Value value, SetVector<Value> &stacks);
  Value sumStack(Value value);
  SetVector<Operation *> findSinkable();

  RewriterBase &rewriter;
  ScanOp scan;
  /// Bytes that stacks for sums may take; 0: any number.
  int64_t budget;
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

/// `value`, and what it is a linear function of, up to contractions and sums.
void ScanHoister::collectSummands(Value value, llvm::SmallDenseSet<Value> &summands) {
  if (isInvariant(value) || !summands.insert(value).second || !value.getDefiningOp())
    return;
  if (!isa<ContractOp, ReduceSumOp, ScatterAddOp>(value.getDefiningOp()))
    for (Value operand : value.getDefiningOp()->getOperands())
      collectSummands(operand, summands);
}

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
      collectSummands(term.value, summands);
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
      .Case<TransposeOp, ReshapeOp, NegOp, PadOp, SliceOp, BroadcastOp, BarrierOp>(
          [&](auto linear) { return canSum(linear->getOperand(0)); })
      .Case<AddOp, SubOp>([&](auto sum) { return canSum(sum.getLhs()) && canSum(sum.getRhs()); })
      .Case([&](ConcatOp parts) { return llvm::all_of(parts.getOperands(), [&](Value part) { return canSum(part); }); })
      // Rounding the sum once is better than rounding its terms.
      .Case([&](ConvertOp convert) {
        return isa<FloatType>(typeOf(convert.getOperand()).getElementType()) &&
               isa<FloatType>(typeOf(convert).getElementType()) && canSum(convert.getOperand());
      })
      .Case([&](DivOp quotient) {
        return isa<FloatType>(typeOf(quotient).getElementType()) && isInvariant(quotient.getRhs()) &&
               canSum(quotient.getLhs());
      })
      .Case([&](MulOp product) {
        return (isInvariant(product.getLhs()) && canSum(product.getRhs())) ||
               (isInvariant(product.getRhs()) && canSum(product.getLhs())) || canSumProduct(product);
      })
      .Default(false);
}

//===----------------------------------------------------------------------===//
// Products of two values that vary
//===----------------------------------------------------------------------===//

namespace {
/// A factor of a product: what it repeats, if it is a broadcast, and the axes of the product that it has.
struct Factor {
  Value value;
  SmallVector<int64_t> axes;

  explicit Factor(Value factor) : value(factor) {
    auto broadcast = factor.getDefiningOp<BroadcastOp>();
    if (broadcast && isPlain(broadcast)) {
      value = broadcast.getOperand();
      llvm::append_range(axes, broadcast.getAxes());
    } else {
      llvm::append_range(axes, llvm::seq<int64_t>(0, typeOf(factor).getRank()));
    }
  }

  bool has(int64_t axis) const { return llvm::is_contained(axes, axis); }
  /// Where the stack of the factor has `axis` of the product.
  int64_t stackedAxis(int64_t axis, int64_t stepAxis) const {
    int64_t place = llvm::find(axes, axis) - axes.begin();
    return place + (place >= stepAxis);
  }

private:
  /// No axis of the operand is repeated itself.
  static bool isPlain(BroadcastOp op) {
    return llvm::all_of(llvm::enumerate(op.getAxes()), [&](auto entry) {
      return typeOf(op.getOperand()).getDimSize(entry.index()) == typeOf(op).getDimSize(entry.value());
    });
  }
};
} // namespace

/// The scalar that operand `side` of `op` repeats, if it varies and scales something else; null otherwise.
Value ScanHoister::getVaryingScalar(MulOp op, unsigned side) {
  Factor factor(op->getOperand(side));
  return typeOf(factor.value).getRank() == 0 && !isInvariant(factor.value) && typeOf(op).getRank() ? factor.value
                                                                                                   : Value();
}

/// A factor that differs from step to step can be applied to an operand of what makes `value`.
bool ScanHoister::canScale(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isInvariant(value))
    return false;
  return TypeSwitch<Operation *, bool>(op)
      .Case<ContractOp, ReduceSumOp, ScatterAddOp>([](auto) { return true; })
      .Case<TransposeOp, ReshapeOp, NegOp>([&](auto linear) { return canScale(linear.getOperand()); })
      .Default(false);
}

/// In the body: `scalar * value`, with the factor at an operand of the contraction or sum that makes `value`.
Value ScanHoister::scaleInside(Value scalar, Value value) {
  Operation *op = value.getDefiningOp();
  unsigned place = 0;
  if (auto contract = dyn_cast<ContractOp>(op))
    place = typeOf(contract.getRhs()).getNumElements() < typeOf(contract.getLhs()).getNumElements();
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan.getYield());
  Value operand = op->getOperand(place), scaled;
  if (isa<ContractOp, ReduceSumOp, ScatterAddOp>(op))
    scaled = MulOp::create(rewriter, op->getLoc(),
                           broadcastTo(rewriter, op->getLoc(), scalar, typeOf(operand).getShape()), operand);
  else
    scaled = scaleInside(scalar, operand);
  IRMapping mapping;
  mapping.map(operand, scaled);
  Operation *copy = rewriter.clone(*op, mapping);
  for (auto [index, original] : llvm::enumerate(op->getOperands()))
    if (index != place)
      copy->setOperand(index, original);
  return copy->getResult(0);
}

/// Both factors vary: the sum of their products is a contraction over the steps, for less memory than the products
/// themselves would take.
bool ScanHoister::canSumProduct(MulOp op) {
  if (!isa<FloatType>(typeOf(op).getElementType()))
    return false;
  for (unsigned side : {0, 1})
    if (getVaryingScalar(op, side) && canScale(op->getOperand(1 - side)))
      return true;
  Factor lhs(op.getLhs()), rhs(op.getRhs());
  if (isInvariant(lhs.value) || isInvariant(rhs.value))
    return false;
  int64_t entries = 0;
  for (const Factor &factor : {lhs, rhs})
    if (!findStacked(factor.value))
      entries += typeOf(factor.value).getNumElements();
  return entries < typeOf(op).getNumElements();
}

/// sum over t of a_t[i] * b_t[j] = contract as, bs over the steps; where the factors have the same axes, the sum of the
/// products of the stacks
Value ScanHoister::sumProduct(MulOp op) {
  for (unsigned side : {0, 1})
    if (Value scalar = getVaryingScalar(op, side); scalar && canScale(op->getOperand(1 - side)))
      return sumOverSteps(scaleInside(scalar, op->getOperand(1 - side)));
  Factor lhs(op.getLhs()), rhs(op.getRhs());
  stack(lhs.value); // Stacking replaces the scan and with it the values of other stacks.
  stack(rhs.value);
  Stacked x = stack(lhs.value), y = stack(rhs.value);
  SmallVector<int64_t> shared, onlyLhs, onlyRhs, lhsBatch, rhsBatch;
  for (int64_t axis : llvm::seq<int64_t>(0, typeOf(op).getRank())) {
    if (lhs.has(axis) && rhs.has(axis)) {
      shared.push_back(axis);
      lhsBatch.push_back(lhs.stackedAxis(axis, x.axis));
      rhsBatch.push_back(rhs.stackedAxis(axis, y.axis));
    } else if (lhs.has(axis)) {
      onlyLhs.push_back(axis);
    } else if (rhs.has(axis)) {
      onlyRhs.push_back(axis);
    }
  }
  Value sum;
  SmallVector<int64_t> axes;
  if (onlyLhs.empty() && onlyRhs.empty()) {
    Value products = MulOp::create(rewriter, op.getLoc(), x.value, moveSteps(rewriter, op.getLoc(), y, x.axis));
    sum = ReduceSumOp::create(rewriter, op.getLoc(), products, x.axis);
    axes = shared;
  } else {
    sum = ContractOp::create(rewriter, op.getLoc(), x.value, y.value, x.axis, y.axis, lhsBatch, rhsBatch);
    for (ArrayRef<int64_t> group : {ArrayRef(shared), ArrayRef(onlyLhs), ArrayRef(onlyRhs)})
      llvm::append_range(axes, group);
    SmallVector<int64_t> sorted(axes);
    llvm::sort(sorted);
    auto order =
        llvm::map_to_vector(sorted, [&](int64_t axis) -> int64_t { return llvm::find(axes, axis) - axes.begin(); });
    if (!llvm::is_sorted(order))
      sum = TransposeOp::create(rewriter, op.getLoc(), sum, order);
    axes = sorted;
  }
  return sum.getType() == op.getType() ? sum
                                       : Value(BroadcastOp::create(rewriter, op.getLoc(), op.getType(), sum, axes));
}

//===----------------------------------------------------------------------===//
// Kinds of sums
//===----------------------------------------------------------------------===//

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
    mapping.map(operand, isa<MulOp, DivOp>(op) && isInvariant(operand) ? operand : sumOverSteps(operand));
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
  if (findStacked(value))
    return sumStack(value);
  if (auto product = dyn_cast<MulOp>(op); product && !isInvariant(product.getLhs()) && !isInvariant(product.getRhs()))
    return sumProduct(product);
  return sumLinear(op);
}

//===----------------------------------------------------------------------===//
// The memory of sums
//===----------------------------------------------------------------------===//

/// The values of which `sumOverSteps` makes stacks that are not there yet.
void ScanHoister::collectStacks(Value value, SetVector<Value> &stacks) {
  auto add = [&](Value operand) {
    if (!isInvariant(operand) && !findStacked(operand))
      stacks.insert(operand);
  };
  Operation *op = value.getDefiningOp();
  if (isInvariant(value) || !op || findStacked(value))
    return;
  if (auto contract = dyn_cast<ContractOp>(op)) {
    bool isHalf = isInvariant(contract.getLhs()) || isInvariant(contract.getRhs());
    for (Value operand : op->getOperands())
      isHalf &&canSum(operand) ? collectStacks(operand, stacks) : add(operand);
  } else if (isa<ReduceSumOp, ScatterAddOp>(op)) {
    llvm::for_each(op->getOperands(), add);
  } else if (auto product = dyn_cast<MulOp>(op);
             product && !isInvariant(product.getLhs()) && !isInvariant(product.getRhs())) {
    for (unsigned side : {0, 1})
      if (getVaryingScalar(product, side) && canScale(op->getOperand(1 - side)))
        return collectStacks(op->getOperand(1 - side), stacks);
    add(Factor(product.getLhs()).value);
    add(Factor(product.getRhs()).value);
  } else {
    for (Value operand : op->getOperands())
      collectStacks(operand, stacks);
  }
}

/// scan 100 { … } → scan 4 { scan 25 { … } }: the same steps in the same order, so that the inner scan's stacks are
/// those of a chunk.
void ScanHoister::cutIntoChunks(int64_t steps) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan);
  Location loc = scan.getLoc();
  int64_t chunks = length() / steps;
  SmallVector<Value> inputs;
  for (auto [input, axis] : llvm::zip(scan.getInputs(), scan.getInputAxes())) {
    SmallVector<int64_t> shape(typeOf(input).getShape());
    shape[axis] = chunks;
    shape.insert(shape.begin() + axis + 1, steps);
    inputs.push_back(ReshapeOp::create(rewriter, loc, typeOf(input).clone(shape), input));
  }
  SmallVector<Type> ofChunk;
  for (auto [output, axis] : llvm::zip(scan.getYield().getOutputs(), scan.getOutputAxes()))
    ofChunk.push_back(getStackedType(output.getType(), axis, steps));
  auto outer = ScanOp::create(rewriter, loc, scan.getInits(), inputs, chunks, scan.getInputAxes(), scan.getOutputAxes(),
                              scan.getReverse(), ofChunk);
  rewriter.setInsertionPointToEnd(outer.getBodyBlock());
  auto inner = ScanOp::create(rewriter, loc, ValueRange(outer.getCarryArgs()), ValueRange(outer.getInputArgs()), steps,
                              scan.getInputAxes(), scan.getOutputAxes(), scan.getReverse(),
                              scan.getYield().getOutputs().getTypes());
  YieldOp::create(rewriter, loc, ValueRange(inner.getCarryResults()), ValueRange(inner.getOutputResults()));
  rewriter.eraseBlock(inner.getBodyBlock());
  rewriter.inlineRegionBefore(scan.getBody(), inner.getBody(), inner.getBody().end());

  rewriter.setInsertionPointAfter(outer);
  SmallVector<Value> results(outer.getCarryResults());
  for (auto [result, chunked] : llvm::zip(scan.getOutputResults(), outer.getOutputResults()))
    results.push_back(ReshapeOp::create(rewriter, loc, result.getType(), chunked));
  rewriter.replaceOp(scan, results);
  scan = outer;
  ScanHoister(rewriter, inner, /*budget=*/0).hoistSums();
}

/// Where the stacks of all sums take more than the budget: the steps are cut into the largest equal chunks whose stacks
/// do not. Returns whether the sums have been dealt with.
bool ScanHoister::fitBudget() {
  SetVector<Value> stacks;
  for (unsigned index = 0; index != scan.getNumCarries(); ++index)
    for (const Term &term : findSum(index))
      collectStacks(term.value, stacks);
  int64_t bytes = 0;
  for (Value value : stacks)
    bytes += typeOf(value).getNumElements() * ((typeOf(value).getElementTypeBitWidth() + 7) / 8);
  if (!budget || bytes * length() <= budget)
    return false;
  int64_t steps = length() - 1;
  while (steps > 1 && (length() % steps || bytes * steps > budget))
    --steps;
  auto options = remark::RemarkOpts::name("Hoisted").category(DEBUG_TYPE);
  if (steps < 2) {
    remark::missed(scan.getLoc(), options) << "the sums stay in the loop: no chunk of its steps fits the budget";
    return true;
  }
  remark::passed(scan.getLoc(), options) << (Twine("added up in chunks of ") + Twine(steps) + " steps").str();
  cutIntoChunks(steps);
  return true;
}

//===----------------------------------------------------------------------===//
// Sums of carries
//===----------------------------------------------------------------------===//

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
    ScanHoister(rewriter, scan, budget).run();
}
