//===- ControlFlow.cpp - branches, loops, checkpoints ---------------------===//
// A body is traced once, into the region of a draft without results; what it returns decides the types of the results.
//===----------------------------------------------------------------------===//

#include "moru/DSL/ControlFlow.h"
#include "Trace.h"

using namespace mlir;

namespace moru {

using detail::OpBuilding;
using detail::RegionBody;

namespace {
/// What a body has returned.
struct Traced {
  std::vector<Tensor> tensors;
  SmallVector<Value> values;
  bool isGood() const {
    return llvm::all_of(values, [](Value value) { return bool(value); });
  }
  /// A region that returns them.
  void yield(OpBuilding &op, Block *block, bool asCarries) const {
    OpBuilder::InsertionGuard guard(op.builder());
    op.builder().setInsertionPointToEnd(block);
    ValueRange none;
    graph::YieldOp::create(op.builder(), op.loc(), asCarries ? ValueRange(values) : none,
                           asCarries ? none : ValueRange(values));
  }
};
} // namespace

/// Traces `body` into `block`. The values are looked up there, where the body's own are visible.
static Traced traceInto(OpBuilding &op, Block *block, const RegionBody &body) {
  OpBuilder::InsertionGuard guard(op.builder());
  op.builder().setInsertionPointToEnd(block);
  Traced traced{body(), {}};
  for (const Tensor &tensor : traced.tensors)
    traced.values.push_back(op.trace->use(tensor, op.at, op.name));
  return traced;
}

static std::vector<Tensor> wrapResults(OpBuilding &op, ResultRange results, const std::vector<Tensor> &like) {
  std::vector<Tensor> tensors;
  for (auto [result, tensor] : llvm::zip(results, like))
    tensors.push_back(op.result(result, detail::namesOf(tensor)));
  return tensors;
}

static bool isSameType(const Tensor &a, const Tensor &b) { return a.shape() == b.shape() && a.type() == b.type(); }

/// `tensor` is one truth value; records a mistake where it is not.
static bool checkPredicate(OpBuilding &op, const Tensor &tensor, StringRef role) {
  if (tensor.rank() == 0 && tensor.type() == ElementType::I1)
    return true;
  op.fail("expected a scalar truth value: " + op.describe(tensor, role));
  return false;
}

//===----------------------------------------------------------------------===//
// Cond
//===----------------------------------------------------------------------===//

/// Both branches return the same types; records a mistake where they do not.
static bool checkBranches(OpBuilding &op, const Traced &onTrue, const Traced &onFalse) {
  if (onTrue.tensors.size() != onFalse.tensors.size()) {
    op.fail("the branches return " + Twine(onTrue.tensors.size()) + " and " + Twine(onFalse.tensors.size()) +
            " tensors");
    return false;
  }
  if (!onTrue.isGood() || !onFalse.isGood())
    return false;
  for (auto [index, left, right] : llvm::enumerate(onTrue.tensors, onFalse.tensors))
    if (!isSameType(left, right)) {
      op.fail("the branches differ in result " + Twine(index) + ": " + op.describe(left, "the first's") + ", " +
              op.describe(right, "the second's"));
      return false;
    }
  return true;
}

std::vector<Tensor> detail::cond(const Tensor &predicate, const RegionBody &onTrue, const RegionBody &onFalse,
                                 Here at) {
  OpBuilding op("cond", at, {&predicate});
  if (!op || !checkPredicate(op, predicate, "the predicate")) {
    // Traced all the same, so that the branches' own mistakes are shown too.
    onFalse();
    return std::vector<Tensor>(onTrue().size(), op.poison());
  }
  auto draft = graph::CondOp::create(op.builder(), op.loc(), op[0], TypeRange());
  Traced first = traceInto(op, draft.getBranch(true), onTrue);
  Traced second = traceInto(op, draft.getBranch(false), onFalse);
  // After a mistake the draft stays, for tensors that the author may still hold; the function goes as a whole.
  if (!checkBranches(op, first, second))
    return std::vector<Tensor>(first.tensors.size(), op.poison());
  auto result = graph::CondOp::create(op.builder(), op.loc(), op[0], ValueRange(first.values).getTypes());
  result.getOnTrue().takeBody(draft.getOnTrue());
  result.getOnFalse().takeBody(draft.getOnFalse());
  draft.erase();
  first.yield(op, result.getBranch(true), false);
  second.yield(op, result.getBranch(false), false);
  return wrapResults(op, result.getResults(), first.tensors);
}

//===----------------------------------------------------------------------===//
// While
//===----------------------------------------------------------------------===//

/// The body returns what the loop started with; records a mistake where it does not.
static bool checkNext(OpBuilding &op, const Carry &init, const Traced &next) {
  if (next.tensors.size() != init.size()) {
    op.fail("the loop starts with " + Twine(init.size()) + " carried values, its body returns " +
            Twine(next.tensors.size()));
    return false;
  }
  if (!next.isGood())
    return false;
  for (auto [index, before, after] : llvm::enumerate(init.values, next.tensors))
    if (!isSameType(before, after)) {
      op.fail("carried value " + Twine(index) + " changes: " + op.describe(before, "at first it") + ", " +
              op.describe(after, "the body's result"));
      return false;
    }
  return true;
}

/// The carried values within a region.
static Carry wrapArguments(OpBuilding &op, const Carry &init, Block *block) {
  Carry carry;
  for (auto [tensor, argument] : llvm::zip(init.values, block->getArguments())) {
    carry.values.push_back(op.result(argument, detail::namesOf(tensor)));
    carry.values.back().get()->name = tensor.get()->isParameter() ? "" : tensor.name();
  }
  return carry;
}

Carry detail::whileLoop(const Carry &init, const std::function<Tensor(const Carry &)> &condition,
                        const std::function<Carry(const Carry &)> &body, Here at) {
  auto operands = llvm::map_to_vector(init.values, [](const Tensor &tensor) { return &tensor; });
  OpBuilding op("whileLoop", at, operands);
  Carry unknown(std::vector<Tensor>(init.size(), op.poison()));
  if (!op) {
    condition(unknown);
    body(unknown);
    return unknown;
  }
  auto loop = graph::WhileOp::create(op.builder(), op.loc(), op.operands());
  Traced goesOn = traceInto(op, loop.getConditionBlock(), [&]() -> std::vector<Tensor> {
    return {condition(wrapArguments(op, init, loop.getConditionBlock()))};
  });
  Traced next =
      traceInto(op, loop.getBodyBlock(), [&] { return body(wrapArguments(op, init, loop.getBodyBlock())).values; });
  bool good = goesOn.isGood() && checkPredicate(op, goesOn.tensors.front(), "the condition");
  if (!checkNext(op, init, next) || !good)
    return unknown;
  goesOn.yield(op, loop.getConditionBlock(), false);
  next.yield(op, loop.getBodyBlock(), true);
  return Carry(wrapResults(op, loop.getResults(), init.values));
}

//===----------------------------------------------------------------------===//
// Checkpoint
//===----------------------------------------------------------------------===//

std::vector<Tensor> detail::checkpoint(const RegionBody &body, Here at) {
  OpBuilding op("checkpoint", at);
  if (!op)
    return std::vector<Tensor>(body().size(), op.poison());
  auto draft = graph::CheckpointOp::create(op.builder(), op.loc(), TypeRange());
  Traced traced = traceInto(op, draft.getBodyBlock(), body);
  if (!traced.isGood())
    return std::vector<Tensor>(traced.tensors.size(), op.poison());
  auto result = graph::CheckpointOp::create(op.builder(), op.loc(), ValueRange(traced.values).getTypes());
  result.getBody().takeBody(draft.getBody());
  draft.erase();
  traced.yield(op, result.getBodyBlock(), false);
  return wrapResults(op, result.getResults(), traced.tensors);
}

} // namespace moru
