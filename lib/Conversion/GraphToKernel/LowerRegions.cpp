//===- LowerRegions.cpp - branches and loops of unknown length ------------===//
// A cond becomes a kernel.cond whose branches write the same buffers; a while becomes a kernel.while whose carried
// values take turns in two slots, so that no step copies any: the number of steps says where the last ones lie.
//===----------------------------------------------------------------------===//

#include "BlockLowering.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Carried values of a while take turns in this many slots.
static constexpr int64_t kTurns = 2;

void BlockLowering::emitBlock(Block &block, Block *into, ArrayRef<Destination> destinations) {
  BlockLowering(block, OpBuilder::atBlockEnd(into), state).run(destinations);
}

void BlockLowering::emitCond(graph::CondOp op) {
  Value predicate = getBuffer(op.getPredicate());
  SmallVector<Value> buffers;
  for (Value result : op.getResults()) {
    Value home = state.homes.lookup(result);
    buffers.push_back(home ? home : createAlloc(typeOf(result), result.getLoc()));
    state.homes[result] = buffers.back();
  }
  auto branches = kernel::CondOp::create(builder, op.getLoc(), predicate);
  for (bool branch : {true, false}) {
    SmallVector<Destination> destinations;
    for (auto [output, buffer] : llvm::zip(op.getYield(branch).getOutputs(), buffers))
      destinations.push_back({output, buffer});
    emitBlock(*op.getBranch(branch), branches.getBranch(branch), destinations);
  }
}

void BlockLowering::prepareWhiles() {
  for (Operation &op : source) {
    auto loop = dyn_cast<graph::WhileOp>(op);
    if (!loop)
      continue;
    SmallVector<Carry> &carries = whiles[loop];
    for (Value next : loop.getYield().getCarries()) {
      SmallVector<int64_t> shape(typeOf(next).getShape());
      shape.insert(shape.begin(), kTurns);
      Value buffer = createAlloc(RankedTensorType::get(shape, typeOf(next).getElementType()), next.getLoc());
      carries.push_back({buffer, kTurns, kTurns, /*scale=*/1, /*in=*/0, /*out=*/1, /*first=*/0, /*last=*/0});
    }
    placeInits(loop.getInits(), carries);
  }
}

void BlockLowering::emitWhile(graph::WhileOp op) {
  Location loc = op.getLoc();
  ArrayRef<Carry> carries = whiles[op];
  copyInits(op.getInits(), carries);
  Value predicate = createAlloc(typeOf(op.getGoesOn()), op.getGoesOn().getLoc());
  auto loop = kernel::WhileOp::create(builder, loc, predicate);
  auto slot = [&](OpBuilder &at, const Carry &carry, Value step, int64_t offset) {
    return createSlot(at, carry.buffer, step, carry.scale, offset, carry.modulus, 0, loc);
  };

  OpBuilder condition = OpBuilder::atBlockEnd(loop.getConditionBlock());
  for (auto [argument, carry] : llvm::zip(op.getConditionArgs(), carries))
    state.homes[argument] = slot(condition, carry, loop.getConditionStep(), carry.in);
  emitBlock(*op.getConditionBlock(), loop.getConditionBlock(), Destination{op.getGoesOn(), predicate});

  OpBuilder body = OpBuilder::atBlockEnd(loop.getBodyBlock());
  SmallVector<Destination> destinations;
  for (auto [argument, next, carry] : llvm::zip(op.getBodyArgs(), op.getYield().getCarries(), carries)) {
    state.homes[argument] = slot(body, carry, loop.getStep(), carry.in);
    destinations.push_back({next, slot(body, carry, loop.getStep(), carry.out)});
  }
  emitBlock(*op.getBodyBlock(), loop.getBodyBlock(), destinations);
  for (auto [result, carry] : llvm::zip(op.getResults(), carries))
    state.homes[result] = slot(builder, carry, loop.getCount(), carry.in);
}
