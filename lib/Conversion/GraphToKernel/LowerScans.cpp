//===- LowerScans.cpp - loops of kernels ----------------------------------===//
// A scan becomes a kernel.loop; what it carries and what it collects lie in slots of buffers.
//===----------------------------------------------------------------------===//

#include "BlockLowering.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The type of `slots` values of `type`, one after the other.
static RankedTensorType stackType(RankedTensorType type, int64_t slots) {
  SmallVector<int64_t> shape{slots};
  llvm::append_range(shape, type.getShape());
  return RankedTensorType::get(shape, type.getElementType());
}

/// `next` is `argument` with boxes of it replaced, and neither it nor what lies between leaves the body otherwise.
static bool isUpdated(Value argument, Value next) {
  auto isYieldedOnce = [](Value value) {
    return llvm::count_if(value.getUses(), [](OpOperand &use) {
             return use.getOwner()->hasTrait<OpTrait::IsTerminator>() || isView(use.getOwner());
           }) == 1;
  };
  if (!isYieldedOnce(next))
    return false;
  for (Value value = next; value != argument;) {
    auto update = value.getDefiningOp<DynamicUpdateSliceOp>();
    if (!update || update->getBlock() != argument.getParentBlock())
      return false;
    value = update.getOperand();
    if (llvm::any_of(value.getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); }))
      return false;
  }
  return next != argument;
}

/// A carried value of which boxes are replaced stays in its place. One that is also an output lives in the output's
/// buffer, which then has one slot more: what one step writes is what the next reads. Other carried values take turns
/// in two slots.
BlockLowering::ScanPlan BlockLowering::planScan(ScanOp op) {
  ScanPlan plan;
  int64_t length = op.getLength();
  bool reverse = op.getReverse();
  graph::YieldOp yield = op.getYield();
  plan.outputs.resize(op.getNumOutputs());
  plan.aliased.assign(op.getNumOutputs(), -1);
  plan.shift.assign(op.getNumOutputs(), 0);
  for (auto [index, argument, next] : llvm::enumerate(op.getCarryArgs(), yield.getCarries())) {
    bool stacked = false;
    bool nextIsComputed = next.getParentBlock() == op.getBodyBlock() && next.getDefiningOp();
    for (auto [position, output] : llvm::enumerate(yield.getOutputs())) {
      if (plan.aliased[position] >= 0 || !nextIsComputed || (output != next && output != argument))
        continue;
      bool isNext = output == next;
      plan.aliased[position] = index;
      plan.shift[position] = isNext != reverse ? 1 : 0;
      stacked = true;
    }
    Carry carry;
    RankedTensorType type = typeOf(argument);
    if (!stacked && isUpdated(argument, next))
      carry = {{}, 1, 1, 1, 0, 0, 0, 0};
    else if (stacked)
      carry = {{},
               length + 1,
               0,
               reverse ? -1 : 1,
               reverse ? length : 0,
               reverse ? length - 1 : 1,
               reverse ? length : 0,
               reverse ? 0 : length};
    else
      carry = {{}, 2, 2, 1, 0, 1, 0, length % 2};
    carry.buffer = createAlloc(stackType(type, carry.slots), next.getLoc());
    plan.carries.push_back(carry);
  }
  for (auto [position, output] : llvm::enumerate(yield.getOutputs()))
    if (plan.aliased[position] < 0)
      plan.outputs[position] = createAlloc(stackType(typeOf(output), length), output.getLoc());
  return plan;
}

Value BlockLowering::getSlot(const Carry &carry, Value value, int64_t index) {
  RankedTensorType type = typeOf(value);
  return createView(carry.buffer, {index * type.getNumElements(), getRowMajorStrides(type.getShape())},
                    type.getShape());
}

void BlockLowering::prepareScans() {
  for (Operation &op : source) {
    auto scan = dyn_cast<ScanOp>(op);
    if (!scan)
      continue;
    ScanPlan &plan = scans[scan] = planScan(scan);
    placeInits(scan.getInits(), plan.carries);
  }
}

/// Wants the values that a loop starts with in their slots.
void BlockLowering::placeInits(ValueRange inits, ArrayRef<Carry> carries) {
  for (auto [init, carry] : llvm::zip(inits, carries)) {
    // A slot that is written again holds the value for the first step alone.
    if (carry.modulus != 0 && !init.hasOneUse())
      continue;
    if (forceHome(init, getSlot(carry, init, carry.first)) && carry.modulus != 0)
      overwritten.insert(init);
  }
}

/// Copies those that are made elsewhere.
void BlockLowering::copyInits(ValueRange inits, ArrayRef<Carry> carries) {
  for (auto [init, carry] : llvm::zip(inits, carries)) {
    auto home = state.homes.lookup(init).getDefiningOp<ViewOp>();
    if (!home || home.getSource() != carry.buffer)
      emitCopy(init, getSlot(carry, init, carry.first));
  }
}

void BlockLowering::emitScan(ScanOp op) {
  ScanPlan &plan = scans[op];
  int64_t length = op.getLength();
  Location loc = op.getLoc();
  copyInits(op.getInits(), plan.carries);
  SmallVector<Value> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(getBuffer(input));

  auto loop = LoopOp::create(builder, loc, length);
  OpBuilder body = OpBuilder::atBlockEnd(loop.getBodyBlock());
  bool reverse = op.getReverse();
  for (auto [argument, carry] : llvm::zip(op.getCarryArgs(), plan.carries))
    state.homes[argument] =
        createSlot(body, carry.buffer, loop.getStep(), carry.scale, carry.in, carry.modulus, 0, loc);
  for (auto [argument, buffer, axis] : llvm::zip(op.getInputArgs(), inputs, op.getInputAxes()))
    state.homes[argument] =
        createSlot(body, buffer, loop.getStep(), reverse ? -1 : 1, reverse ? length - 1 : 0, 0, axis, loc);

  graph::YieldOp yield = op.getYield();
  SmallVector<Destination> destinations;
  for (auto [argument, next, carry] : llvm::zip(op.getCarryArgs(), yield.getCarries(), plan.carries))
    if (carry.slots == 1)
      destinations.push_back({next, state.homes[argument], argument});
    else
      destinations.push_back(
          {next, createSlot(body, carry.buffer, loop.getStep(), carry.scale, carry.out, carry.modulus, 0, loc)});
  for (auto [position, output] : llvm::enumerate(yield.getOutputs()))
    if (plan.aliased[position] < 0)
      destinations.push_back({output, createSlot(body, plan.outputs[position], loop.getStep(), reverse ? -1 : 1,
                                                 reverse ? length - 1 : 0, 0, 0, loc)});
  emitBlock(*op.getBodyBlock(), loop.getBodyBlock(), destinations);

  for (auto [result, carry] : llvm::zip(op.getCarryResults(), plan.carries))
    state.homes[result] = getSlot(carry, result, carry.last);
  for (auto [position, result, output] : llvm::enumerate(op.getOutputResults(), yield.getOutputs())) {
    int64_t alias = plan.aliased[position];
    Value buffer = alias < 0 ? plan.outputs[position] : plan.carries[alias].buffer;
    state.homes[result] =
        createView(buffer, placeStacked(typeOf(output), op.getOutputAxes()[position], plan.shift[position]),
                   typeOf(result).getShape());
  }
}
