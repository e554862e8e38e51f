//===- BatchOverSteps.cpp - one operation for all steps of a loop ---------===//
// One function per kind of operation: where the axis of the steps goes, and the operation with it.
//===----------------------------------------------------------------------===//

#include "BatchOverSteps.h"
#include "Formula.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::graph;

SmallVector<int64_t> moru::graph::shiftAxes(ArrayRef<int64_t> axes, int64_t axis) {
  return llvm::map_to_vector(axes, [&](int64_t other) { return other + (other >= axis); });
}

Value moru::graph::moveSteps(OpBuilder &builder, Location loc, Stacked stacked, int64_t axis) {
  if (stacked.axis == axis)
    return stacked.value;
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, typeOf(stacked.value).getRank()));
  permutation.erase(permutation.begin() + stacked.axis);
  permutation.insert(permutation.begin() + axis, stacked.axis);
  return TransposeOp::create(builder, loc, stacked.value, permutation);
}

namespace {
using Lookup = llvm::function_ref<std::optional<Stacked>(Value)>;
using Result = std::optional<Stacked>;

/// `entries` with one more at `axis`.
SmallVector<int64_t> withEntry(ArrayRef<int64_t> entries, int64_t axis, int64_t entry) {
  SmallVector<int64_t> result(entries);
  result.insert(result.begin() + axis, entry);
  return result;
}

/// The axis that all varying operands share; null where they differ or none varies.
std::optional<int64_t> getCommonAxis(Operation *op, Lookup lookup) {
  std::optional<int64_t> common;
  for (Value operand : op->getOperands())
    if (Result stacked = lookup(operand)) {
      if (common && *common != stacked->axis)
        return std::nullopt;
      common = stacked->axis;
    }
  return common;
}

/// A copy of `op` on the stacks along `axis`; operands that do not vary are repeated.
Value cloneOverSteps(OpBuilder &builder, Operation *op, int64_t axis, int64_t length, Lookup lookup) {
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    Result stacked = lookup(operand);
    if (!stacked) {
      RankedTensorType type = insertAxis(typeOf(operand), axis, length);
      stacked = Stacked{broadcastAlongRemoved(builder, op->getLoc(), operand, type, axis), axis};
    }
    mapping.map(operand, stacked->value);
  }
  Operation *copy = builder.clone(*op, mapping);
  copy->getResult(0).setType(insertAxis(typeOf(op->getResult(0)), axis, length));
  return copy->getResult(0);
}

/// Operations that treat all axes alike: the axis of the steps stays where it is.
Result batchElementwise(OpBuilder *builder, Operation *op, int64_t length, Lookup lookup) {
  std::optional<int64_t> axis = getCommonAxis(op, lookup);
  if (!axis)
    return std::nullopt;
  return Stacked{builder ? cloneOverSteps(*builder, op, *axis, length, lookup) : Value(), *axis};
}

/// Operations along one axis, which keeps its place among the others.
template <typename OpTy> Result batchAlongAxis(OpBuilder *builder, OpTy op, int64_t length, Lookup lookup) {
  Result result = batchElementwise(builder, op, length, lookup);
  if (result && builder) {
    auto batched = result->value.getDefiningOp<OpTy>();
    batched.setAxis(op.getAxis() + (static_cast<int64_t>(op.getAxis()) >= result->axis));
  }
  return result;
}

Result batchBroadcast(OpBuilder *builder, BroadcastOp op, int64_t length, Lookup lookup) {
  Stacked x = *lookup(op.getOperand());
  ArrayRef<int64_t> axes = op.getAxes();
  // The steps stay between the operand axes that they are between, at their own place if that is there.
  int64_t first = x.axis ? axes[x.axis - 1] + 1 : 0;
  int64_t last = x.axis < static_cast<int64_t>(axes.size()) ? axes[x.axis] : typeOf(op).getRank();
  int64_t axis = std::clamp(x.axis, first, last);
  if (!builder)
    return Stacked{Value(), axis};
  SmallVector<int64_t> shifted = withEntry(shiftAxes(axes, axis), x.axis, axis);
  return Stacked{BroadcastOp::create(*builder, op.getLoc(), insertAxis(typeOf(op), axis, length), x.value, shifted),
                 axis};
}

/// The steps stay behind the leading axes, if these come through unchanged in number of entries.
Result batchReshape(OpBuilder *builder, ReshapeOp op, int64_t length, Lookup lookup) {
  Stacked x = *lookup(op.getOperand());
  auto countBefore = [](RankedTensorType type, int64_t axis) {
    int64_t count = 1;
    for (int64_t size : type.getShape().take_front(axis))
      count *= size;
    return count;
  };
  RankedTensorType to = typeOf(op);
  int64_t before = countBefore(typeOf(op.getOperand()), x.axis), axis = 0;
  while (axis < to.getRank() && countBefore(to, axis) != before)
    ++axis;
  if (countBefore(to, axis) != before)
    return std::nullopt;
  Value value;
  if (builder)
    value = ReshapeOp::create(*builder, op.getLoc(), insertAxis(to, axis, length), x.value);
  return Stacked{value, axis};
}

Result batchTranspose(OpBuilder *builder, TransposeOp op, Lookup lookup) {
  Stacked x = *lookup(op.getOperand());
  SmallVector<int64_t> permutation = withEntry(shiftAxes(op.getPermutation(), x.axis), x.axis, x.axis);
  return Stacked{builder ? Value(TransposeOp::create(*builder, op.getLoc(), x.value, permutation)) : Value(), x.axis};
}

Result batchSlice(OpBuilder *builder, SliceOp op, int64_t length, Lookup lookup) {
  Stacked x = *lookup(op.getOperand());
  Value value;
  if (builder)
    value = SliceOp::create(*builder, op.getLoc(), x.value, withEntry(op.getStarts(), x.axis, 0),
                            withEntry(op.getLimits(), x.axis, length), withEntry(op.getStrides(), x.axis, 1));
  return Stacked{value, x.axis};
}

Result batchPad(OpBuilder *builder, PadOp op, Lookup lookup) {
  Stacked x = *lookup(op.getOperand());
  Value value;
  if (builder)
    value = PadOp::create(*builder, op.getLoc(), x.value, withEntry(op.getLow(), x.axis, 0),
                          withEntry(op.getHigh(), x.axis, 0), withEntry(op.getInterior(), x.axis, 0));
  return Stacked{value, x.axis};
}

template <typename OpTy> Result batchReduction(OpBuilder *builder, OpTy op, Lookup lookup) {
  Stacked x = *lookup(op.getOperand());
  int64_t axis = x.axis - llvm::count_if(op.getAxes(), [&](int64_t removed) { return removed < x.axis; });
  Value value;
  if (builder)
    value = OpTy::create(*builder, op.getLoc(), x.value, shiftAxes(op.getAxes(), x.axis));
  return Stacked{value, axis};
}

/// One operand varies: the steps are one more free axis of it. Both do: one more batch axis.
Result batchContract(OpBuilder *builder, ContractOp op, Lookup lookup) {
  Result x = lookup(op.getLhs()), y = lookup(op.getRhs());
  SmallVector<int64_t> lhsOver(op.getLhsOver()), rhsOver(op.getRhsOver()), lhsBatch(op.getLhsBatch()),
      rhsBatch(op.getRhsBatch());
  auto before = [](ArrayRef<int64_t> axes, int64_t axis) {
    return llvm::count_if(axes, [&](int64_t other) { return other < axis; });
  };
  int64_t axis = lhsBatch.size();
  if (x && y)
    axis = 0;
  else if (x)
    axis += before(op.getLhsFree(), x->axis);
  else
    axis += op.getLhsFree().size() + before(op.getRhsFree(), y->axis);
  if (!builder)
    return Stacked{Value(), axis};
  if (x) {
    lhsOver = shiftAxes(lhsOver, x->axis);
    lhsBatch = shiftAxes(lhsBatch, x->axis);
  }
  if (y) {
    rhsOver = shiftAxes(rhsOver, y->axis);
    rhsBatch = shiftAxes(rhsBatch, y->axis);
  }
  if (x && y) {
    lhsBatch.insert(lhsBatch.begin(), x->axis);
    rhsBatch.insert(rhsBatch.begin(), y->axis);
  }
  return Stacked{ContractOp::create(*builder, op.getLoc(), x ? x->value : op.getLhs(), y ? y->value : op.getRhs(),
                                    lhsOver, rhsOver, lhsBatch, rhsBatch)
                     .like(op),
                 axis};
}

/// Rows of one table by the numbers of all steps.
Result batchGather(OpBuilder *builder, GatherOp op, Lookup lookup) {
  Result ids = lookup(op.getIds());
  if (!ids || lookup(op.getTable()))
    return std::nullopt;
  return Stacked{builder ? Value(GatherOp::create(*builder, op.getLoc(), op.getTable(), ids->value)) : Value(),
                 ids->axis};
}
} // namespace

std::optional<Stacked> moru::graph::batchOverSteps(OpBuilder *builder, Operation *op, int64_t length, Lookup lookup) {
  if (op->getNumRegions() || op->getNumResults() != 1 ||
      llvm::none_of(op->getOperands(), [&](Value operand) { return lookup(operand).has_value(); }))
    return std::nullopt;
  if (op->hasTrait<OpTrait::Elementwise>())
    return batchElementwise(builder, op, length, lookup);
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](BroadcastOp other) { return batchBroadcast(builder, other, length, lookup); })
      .Case([&](ReshapeOp other) { return batchReshape(builder, other, length, lookup); })
      .Case([&](TransposeOp other) { return batchTranspose(builder, other, lookup); })
      .Case([&](SliceOp other) { return batchSlice(builder, other, length, lookup); })
      .Case([&](PadOp other) { return batchPad(builder, other, lookup); })
      .Case<ConcatOp, CumsumOp, SoftmaxOp, LogSoftmaxOp>(
          [&](auto other) { return batchAlongAxis(builder, other, length, lookup); })
      .Case<ReduceSumOp, ReduceMaxOp, ReduceMinOp, ReduceProdOp>(
          [&](auto other) { return batchReduction(builder, other, lookup); })
      .Case([&](ContractOp other) { return batchContract(builder, other, lookup); })
      .Case([&](GatherOp other) { return batchGather(builder, other, lookup); })
      .Default(std::nullopt);
}
