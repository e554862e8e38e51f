//===- StepSums.cpp - a value of a loop's body, added up over the steps ---===//
// What can be added up so, what that takes, and one function per kind of sum.
//===----------------------------------------------------------------------===//

#include "StepSums.h"
#include "BatchOverSteps.h"
#include "Formula.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::graph;

bool StepSums::canSum(Value value) {
  if (scan.isInvariant(value) || scan.findStacked(value))
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
        return isa<FloatType>(typeOf(quotient).getElementType()) && scan.isInvariant(quotient.getRhs()) &&
               canSum(quotient.getLhs());
      })
      .Case([&](MulOp product) {
        return (scan.isInvariant(product.getLhs()) && canSum(product.getRhs())) ||
               (scan.isInvariant(product.getRhs()) && canSum(product.getLhs())) || canSumProduct(product);
      })
      .Default(false);
}

Value StepSums::sum(Value value) {
  if (scan.isInvariant(value)) {
    Value steps = createSplat(rewriter, value.getLoc(), typeOf(value), static_cast<double>(scan.length()));
    return MulOp::create(rewriter, value.getLoc(), value, steps);
  }
  Operation *op = value.getDefiningOp();
  if (auto contract = dyn_cast_or_null<ContractOp>(op))
    return sumContract(contract);
  if (auto scatter = dyn_cast_or_null<ScatterAddOp>(op))
    return sumScatter(scatter);
  if (auto reduction = dyn_cast_or_null<ReduceSumOp>(op))
    return sumReduction(reduction);
  if (scan.findStacked(value))
    return sumStack(value);
  if (auto product = dyn_cast<MulOp>(op); product && bothVary(product))
    return sumProduct(product);
  return sumLinear(op);
}

/// The slices of `value`, added up.
Value StepSums::sumStack(Value value) {
  Stacked x = scan.stack(value);
  return ReduceSumOp::create(rewriter, value.getLoc(), x.value, x.axis);
}

/// sum of f(x_t) = f(sum of x_t)
Value StepSums::sumLinear(Operation *op) {
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, isa<MulOp, DivOp>(op) && scan.isInvariant(operand) ? operand : sum(operand));
  return rewriter.clone(*op, mapping)->getResult(0);
}

//===----------------------------------------------------------------------===//
// Contractions, scatters, reductions
//===----------------------------------------------------------------------===//

/// sum over t of a_t · b_t = the contraction over the steps too
Value StepSums::sumContract(ContractOp op) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (!bothVary(op))
    return ContractOp::create(rewriter, op.getLoc(), scan.isInvariant(lhs) ? lhs : sumOrStack(lhs),
                              scan.isInvariant(rhs) ? rhs : sumOrStack(rhs), op.getLhsOver(), op.getRhsOver(),
                              op.getLhsBatch(), op.getRhsBatch())
        .like(op);
  auto [x, y] = scan.stack(lhs, rhs);
  SmallVector<std::pair<int64_t, int64_t>> over{{x.axis, y.axis}};
  for (auto [left, right] : llvm::zip(shiftAxes(op.getLhsOver(), x.axis), shiftAxes(op.getRhsOver(), y.axis)))
    over.emplace_back(left, right);
  llvm::sort(over);
  auto lhsOver = llvm::map_to_vector(over, [](auto pair) { return pair.first; });
  auto rhsOver = llvm::map_to_vector(over, [](auto pair) { return pair.second; });
  return ContractOp::create(rewriter, op.getLoc(), x.value, y.value, lhsOver, rhsOver,
                            shiftAxes(op.getLhsBatch(), x.axis), shiftAxes(op.getRhsBatch(), y.axis))
      .like(op);
}

/// The rows of all steps, added at the numbers of all steps.
Value StepSums::sumScatter(ScatterAddOp op) {
  Value updates = op.getUpdates(), ids = op.getIds();
  if (scan.isInvariant(ids))
    return ScatterAddOp::create(rewriter, op.getLoc(), op.getType(), sumOrStack(updates), ids);
  if (scan.isInvariant(updates)) {
    Stacked stackedIds = scan.stack(ids);
    RankedTensorType type = insertAxis(typeOf(updates), stackedIds.axis, scan.length());
    Value rows = broadcastAlongRemoved(rewriter, op.getLoc(), updates, type, stackedIds.axis);
    return ScatterAddOp::create(rewriter, op.getLoc(), op.getType(), rows, stackedIds.value);
  }
  auto [stackedIds, stackedUpdates] = scan.stack(ids, updates);
  Value rows = moveSteps(rewriter, op.getLoc(), stackedUpdates, stackedIds.axis);
  return ScatterAddOp::create(rewriter, op.getLoc(), op.getType(), rows, stackedIds.value);
}

/// The sum over the steps too.
Value StepSums::sumReduction(ReduceSumOp op) {
  Stacked x = scan.stack(op.getOperand());
  SmallVector<int64_t> axes = shiftAxes(op.getAxes(), x.axis);
  axes.push_back(x.axis);
  llvm::sort(axes);
  return ReduceSumOp::create(rewriter, op.getLoc(), x.value, axes);
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

/// A factor that differs from step to step can be applied to an operand of what makes `value`.
bool StepSums::canScale(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || scan.isInvariant(value))
    return false;
  return TypeSwitch<Operation *, bool>(op)
      .Case<ContractOp, ReduceSumOp, ScatterAddOp>([](auto) { return true; })
      .Case<TransposeOp, ReshapeOp, NegOp>([&](auto linear) { return canScale(linear.getOperand()); })
      .Default(false);
}

/// The operand of `op` at which a factor of its result can be applied; of a contraction, the smaller one.
static unsigned getScaledOperand(Operation *op) {
  auto contract = dyn_cast<ContractOp>(op);
  return contract && typeOf(contract.getRhs()).getNumElements() < typeOf(contract.getLhs()).getNumElements();
}

/// In the body: `scalar * value`, with the factor at an operand of the contraction or sum that makes `value`.
Value StepSums::scaleInside(Value scalar, Value value) {
  Operation *op = value.getDefiningOp();
  unsigned place = getScaledOperand(op);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(scan->getYield());
  Value operand = op->getOperand(place), scaled;
  if (isa<ContractOp, ReduceSumOp, ScatterAddOp>(op))
    scaled =
        MulOp::create(rewriter, op->getLoc(), broadcastTo(rewriter, op->getLoc(), scalar, typeOf(operand)), operand);
  else
    scaled = scaleInside(scalar, operand);
  Operation *copy = rewriter.clone(*op);
  copy->setOperand(place, scaled);
  return copy->getResult(0);
}

/// The operand of `op` that repeats a scalar which varies, where the other one can be scaled by it from inside.
std::optional<unsigned> StepSums::findScalar(MulOp op) {
  for (unsigned side : {0, 1}) {
    Factor factor(op->getOperand(side));
    if (typeOf(op).getRank() && typeOf(factor.value).getRank() == 0 && !scan.isInvariant(factor.value) &&
        canScale(op->getOperand(1 - side)))
      return side;
  }
  return std::nullopt;
}

/// Both factors vary: the sum of their products is a contraction over the steps, for less memory than the products
/// themselves would take.
bool StepSums::canSumProduct(MulOp op) {
  if (!isa<FloatType>(typeOf(op).getElementType()))
    return false;
  if (findScalar(op))
    return true;
  Factor lhs(op.getLhs()), rhs(op.getRhs());
  if (scan.isInvariant(lhs.value) || scan.isInvariant(rhs.value))
    return false;
  int64_t entries = 0;
  for (const Factor &factor : {lhs, rhs})
    if (!scan.findStacked(factor.value))
      entries += typeOf(factor.value).getNumElements();
  return entries < typeOf(op).getNumElements();
}

/// sum over t of a_t[i] * b_t[j] = contract as, bs over the steps; where the factors have the same axes, the sum of the
/// products of the stacks
Value StepSums::sumProduct(MulOp op) {
  if (std::optional<unsigned> side = findScalar(op))
    return sum(scaleInside(Factor(op->getOperand(*side)).value, op->getOperand(1 - *side)));
  Factor lhs(op.getLhs()), rhs(op.getRhs());
  auto [x, y] = scan.stack(lhs.value, rhs.value);
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
// The memory of sums
//===----------------------------------------------------------------------===//

void StepSums::collectStacks(Value value, SetVector<Value> &stacks) {
  auto add = [&](Value operand) {
    if (!scan.isInvariant(operand) && !scan.findStacked(operand))
      stacks.insert(operand);
  };
  Operation *op = value.getDefiningOp();
  if (scan.isInvariant(value) || !op)
    return;
  if (auto contract = dyn_cast<ContractOp>(op); contract && !bothVary(contract)) {
    for (Value operand : op->getOperands())
      if (canSum(operand))
        collectStacks(operand, stacks);
      else
        add(operand);
  } else if (isa<ContractOp, ReduceSumOp, ScatterAddOp>(op)) {
    llvm::for_each(op->getOperands(), add);
  } else if (scan.findStacked(value)) {
    return;
  } else if (auto product = dyn_cast<MulOp>(op); product && bothVary(product)) {
    if (std::optional<unsigned> side = findScalar(product))
      return collectScaled(op->getOperand(1 - *side), stacks);
    add(Factor(product.getLhs()).value);
    add(Factor(product.getRhs()).value);
  } else {
    for (Value operand : op->getOperands())
      collectStacks(operand, stacks);
  }
}

/// `collectStacks` of `value` scaled inside: the operand that is scaled is one more, whether it is stacked or not.
void StepSums::collectScaled(Value value, SetVector<Value> &stacks) {
  Operation *op = value.getDefiningOp();
  Value scaled = op->getOperand(getScaledOperand(op));
  if (!isa<ContractOp, ReduceSumOp, ScatterAddOp>(op))
    return collectScaled(scaled, stacks);
  collectStacks(value, stacks);
  stacks.insert(scaled);
}
