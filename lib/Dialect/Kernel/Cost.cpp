//===- Cost.cpp - what a kernel has to do at least ------------------------===//
// Counts operations and bytes; changes nothing but the attributes that say so.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/Cost.h"

#include "Lifetimes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static int64_t bytesOf(RankedTensorType type) {
  return type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
}

static int64_t countFlops(ContractOp contract) {
  int64_t depth = 1;
  for (int64_t axis : contract.getLhsOver())
    depth *= typeOf(contract.getLhs()).getDimSize(axis);
  return 2 * depth * typeOf(contract.getResult()).getNumElements();
}

/// Of everything but contractions.
static int64_t countFlops(Operation &op) {
  if (isReduction(&op) || isa<ScatterAddOp, CumsumOp, TopKOp>(op))
    return typeOf(op.getOperand(0)).getNumElements();
  return op.hasTrait<OpTrait::Elementwise>() ? typeOf(op.getResult(0)).getNumElements() : 0;
}

/// Each pair of planes whose parts are not below the accuracy of the mode: 1, 3 or 6 for 1, 2 or 3 planes.
static int64_t countProducts(ContractOp contract) {
  auto planes = contract->getAttrOfType<IntegerAttr>(KernelDialect::kPlanesAttr);
  return planes ? planes.getInt() * (planes.getInt() + 1) / 2 : 0;
}

ScatterAddOp kernel::findAddedRows(Value argument) {
  auto add = isa<BlockArgument>(argument) && argument.hasOneUse() ? dyn_cast<AddOp>(*argument.user_begin()) : nullptr;
  if (!add)
    return nullptr;
  auto rows = (add.getLhs() == argument ? add.getRhs() : add.getLhs()).getDefiningOp<ScatterAddOp>();
  return rows && rows->hasOneUse() ? rows : nullptr;
}

/// `tensor` is an operand of which a box is replaced, or to which rows are added, where it lies.
static bool isUpdatedInPlace(ComputeOp op, Value tensor) {
  auto argument = dyn_cast<BlockArgument>(tensor);
  if (!argument || !argument.hasOneUse() || !llvm::is_contained(op.getWrites(), op.getReads()[argument.getArgNumber()]))
    return false;
  bool isBox = isa<DynamicUpdateSliceOp>(*argument.user_begin()) && argument.user_begin()->getOperand(0) == argument;
  return isBox || findAddedRows(argument);
}

static int64_t countReadBytes(ComputeOp op, BlockArgument argument) {
  Operation *user = argument.hasOneUse() ? *argument.user_begin() : nullptr;
  if (user && isa<GatherOp, DynamicSliceOp>(user) && user->getOperand(0) == argument)
    return bytesOf(typeOf(user->getResult(0)));
  return isUpdatedInPlace(op, argument) ? 0 : bytesOf(typeOf(argument));
}

static int64_t countWrittenBytes(ComputeOp op, Value value) {
  if (auto add = value.getDefiningOp<AddOp>())
    for (Value operand : add->getOperands())
      if (ScatterAddOp rows = findAddedRows(operand); rows && isUpdatedInPlace(op, operand))
        return bytesOf(typeOf(rows.getUpdates()));
  auto update = value.getDefiningOp<DynamicUpdateSliceOp>();
  return bytesOf(typeOf(update && isUpdatedInPlace(op, update.getOperand()) ? update.getUpdate() : value));
}

/// Whether a buffer is an argument of the host's function or a part of one, or what is prepared of arguments for many
/// calls.
static bool isResident(Value buffer) {
  Value root = getRoot(buffer);
  return isa<BlockArgument>(root) ||
         llvm::any_of(getKernelUsers(root), [](Operation *user) { return isa<PrepareOp>(user->getParentOp()); });
}

KernelCost kernel::computeCost(ComputeOp op) {
  KernelCost cost;
  for (Operation &inner : op.getBodyBlock()->without_terminator()) {
    if (auto contract = dyn_cast<ContractOp>(inner)) {
      cost.contractionFlops += countFlops(contract);
      cost.products = std::max(cost.products, countProducts(contract));
    } else {
      cost.flops += countFlops(inner);
    }
  }
  cost.flops += cost.contractionFlops;
  auto add = [&](Value buffer, int64_t bytes) {
    cost.bytes += bytes;
    cost.residentBytes += isResident(buffer) ? bytes : 0;
  };
  for (auto [argument, buffer] : llvm::zip_equal(op.getBodyBlock()->getArguments(), op.getReads()))
    add(buffer, countReadBytes(op, argument));
  for (auto [value, buffer] : llvm::zip_equal(op.getYield().getValues(), op.getWrites()))
    add(buffer, countWrittenBytes(op, value));
  return cost;
}

void kernel::noteCost(ComputeOp op) {
  Builder builder(op.getContext());
  KernelCost cost = computeCost(op);
  op->setAttr("flops", builder.getI64IntegerAttr(cost.flops));
  op->setAttr("bytes", builder.getI64IntegerAttr(cost.bytes));
}

/// On a function that was a kernel: the members of KernelCost, in their order.
static constexpr llvm::StringLiteral kCostAttr = "kernel.cost";

void kernel::setCost(Operation *function, const KernelCost &cost) {
  int64_t numbers[] = {cost.flops, cost.contractionFlops, cost.products, cost.bytes, cost.residentBytes};
  function->setAttr(kCostAttr, DenseI64ArrayAttr::get(function->getContext(), numbers));
}

std::optional<KernelCost> kernel::getCost(Operation *function) {
  auto attribute = function->getAttrOfType<DenseI64ArrayAttr>(kCostAttr);
  if (!attribute || attribute.size() != 5)
    return std::nullopt;
  return KernelCost{attribute[0], attribute[1], attribute[2], attribute[3], attribute[4]};
}
