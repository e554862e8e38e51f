//===- Cotangents.cpp - the reverse walk of differentiation ---------------===//
// Finds what depends on the targets, then calls the rules from the loss backwards and adds up what they give.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Cotangents.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::graph;

/// Not `getUsedValuesDefinedAbove`: while the reverse of a loop is built, it uses values of the forward body, which is
/// no ancestor of it.
SmallVector<Value> moru::graph::getCapturedValues(Operation *op) {
  SetVector<Value> captured;
  for (Region &region : op->getRegions())
    region.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (!op->isProperAncestor(operand.getParentBlock()->getParentOp()) &&
            operand.getParentBlock()->getParentOp() != op)
          captured.insert(operand);
    });
  return captured.takeVector();
}

SmallVector<Value> moru::graph::getReadValues(Operation *op) {
  SetVector<Value> values(op->getOperands().begin(), op->getOperands().end());
  if (op->getNumRegions())
    values.insert_range(getCapturedValues(op));
  return values.takeVector();
}

Value moru::graph::widenBF16(OpBuilder &builder, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return ConvertOp::create(builder, value.getLoc(), type.clone(builder.getF32Type()), value);
}

Cotangents::Cotangents(OpBuilder &builder, Block &block, ArrayRef<Value> targets, ResidualPolicy &policy)
    : builder(builder), policy(policy), active(targets.begin(), targets.end()) {
  findActive(block);
}

void Cotangents::findActive(Block &block) {
  for (Operation &op : block) {
    if (isa<StopGradientOp>(op) || !dependsOnTarget(&op))
      continue;
    TypeSwitch<Operation *>(&op)
        .Case<ScanOp, WhileOp, CondOp, CheckpointOp>([&](auto region) { findActiveWithin(region); })
        .Default([&](Operation *plain) { active.insert_range(plain->getResults()); });
  }
}

void Cotangents::addActive(ValueRange from, ValueRange to) {
  for (auto [source, target] : llvm::zip(from, to))
    if (active.contains(source))
      active.insert(target);
}

/// What one step makes active is so for the next one.
void Cotangents::findActiveWithin(ScanOp op) {
  addActive(op.getInputs(), op.getInputArgs());
  addActive(op.getInits(), op.getCarryArgs());
  for (size_t size = 0; size != active.size();) {
    size = active.size();
    findActive(*op.getBodyBlock());
    addActive(op.getYield().getCarries(), op.getCarryArgs());
  }
  addActive(op.getCarryArgs(), op.getCarryResults());
  addActive(op.getYield().getOutputs(), op.getOutputResults());
}

void Cotangents::findActiveWithin(WhileOp op) {
  addActive(op.getInits(), op.getBodyArgs());
  for (size_t size = 0; size != active.size();) {
    size = active.size();
    addActive(op.getBodyArgs(), op.getConditionArgs());
    findActive(*op.getConditionBlock());
    findActive(*op.getBodyBlock());
    addActive(op.getYield().getCarries(), op.getBodyArgs());
  }
  addActive(op.getBodyArgs(), op.getResults());
  if (active.contains(op.getGoesOn()))
    active.insert_range(op.getResults());
}

void Cotangents::findActiveWithin(CondOp op) {
  for (bool branch : {true, false}) {
    findActive(*op.getBranch(branch));
    addActive(op.getYield(branch).getOutputs(), op.getResults());
  }
  if (active.contains(op.getPredicate()))
    active.insert_range(op.getResults());
}

void Cotangents::findActiveWithin(CheckpointOp op) {
  findActive(*op.getBodyBlock());
  addActive(op.getYield().getOutputs(), op.getResults());
}

bool Cotangents::dependsOnTarget(Operation *op) const {
  return llvm::any_of(getReadValues(op), [&](Value value) { return active.contains(value); });
}

bool Cotangents::isWanted(Value value) const {
  return active.contains(value) && isa<FloatType>(getElementTypeOrSelf(value));
}

void Cotangents::add(Value value, Value cotangent) {
  if (!cotangent || !isWanted(value))
    return;
  assert(cotangent.getType() == value.getType() && "a cotangent has the type of its value");
  Sum &sum = sums[value];
  if (!sum.value) {
    sum.value = cotangent;
    return;
  }
  if (sum.isPair && getElementTypeOrSelf(cotangent).isBF16())
    widen(sum);
  sum.isPair = !sum.isWide;
  Value term = sum.isWide ? widenBF16(builder, cotangent) : cotangent;
  sum.value = AddOp::create(builder, cotangent.getLoc(), sum.value, term);
}

/// add %a, %b : bf16  ->  add (convert %a), (convert %b) : f32
void Cotangents::widen(Sum &sum) {
  auto pair = sum.value.getDefiningOp<AddOp>();
  Value lhs = widenBF16(builder, pair.getLhs()), rhs = widenBF16(builder, pair.getRhs());
  sum = {AddOp::create(builder, pair.getLoc(), lhs, rhs), /*isWide=*/true, /*isPair=*/false};
  if (pair->use_empty())
    pair->erase();
}

Value Cotangents::lookup(Value value) {
  auto found = sums.find(value);
  if (found == sums.end())
    return {};
  Sum &sum = found->second;
  if (sum.isWide)
    sum = {ConvertOp::create(builder, sum.value.getLoc(), value.getType(), sum.value)};
  return sum.value;
}

void Cotangents::add(Value value, llvm::function_ref<Value()> build) {
  if (isWanted(value))
    add(value, build());
}

void Cotangents::replace(Value from, Value to) {
  if (active.contains(from))
    active.insert(to);
  if (Value sum = lookup(from))
    sums[to] = {sum};
  forget(from);
}

void Cotangents::forget(Value value) {
  active.erase(value);
  sums.erase(value);
}

LogicalResult Cotangents::propagate(Operation *last) {
  for (Operation *op = last; op;) {
    op = decomposeWithoutRule(op);
    if (!op)
      break;
    Operation *previous = op->getPrevNode(); // The rule of a scan replaces the scan.
    if (failed(propagateThrough(op)))
      return failure();
    op = previous;
  }
  return success();
}

bool Cotangents::mustCross(Operation *op) const {
  return llvm::any_of(op->getResults(), [&](Value result) { return sums.contains(result); }) && dependsOnTarget(op);
}

Operation *Cotangents::decomposeWithoutRule(Operation *op) {
  auto composite = dyn_cast<DecomposableOpInterface>(op);
  if (!composite || isa<DifferentiableOpInterface>(op) || !mustCross(op))
    return op;
  Operation *before = op->getPrevNode();
  OpBuilder parts(op);
  SmallVector<Value> values = composite.decompose(parts);
  Operation *first = before ? before->getNextNode() : &op->getBlock()->front();
  for (Operation &part : llvm::make_range(first->getIterator(), op->getIterator()))
    if (!isa<StopGradientOp>(part) && dependsOnTarget(&part))
      active.insert_range(part.getResults());
  // What is known of a result holds for the part that it is; that part may be an operand, or have other uses too.
  for (auto [result, value] : llvm::zip_equal(op->getResults(), values)) {
    add(value, lookup(result));
    forget(result);
  }
  op->replaceAllUsesWith(values);
  Operation *last = op->getPrevNode();
  op->erase();
  return last;
}

LogicalResult Cotangents::propagateThrough(Operation *op) {
  if (!mustCross(op))
    return success();
  auto cotangents = llvm::map_to_vector(op->getResults(), [&](Value result) { return lookup(result); });
  if (auto differentiable = dyn_cast<DifferentiableOpInterface>(op)) {
    if (failed(checkDiscreteOperand(op)))
      return failure();
    return differentiable.buildGradient(builder, cotangents, *this);
  }
  StringRef reason = "it has no gradient rule";
  if (auto other = dyn_cast<NonDifferentiableOpInterface>(op))
    reason = other.whyNotDifferentiable();
  return op->emitError() << "gradient through " << op->getName() << ": " << reason;
}

/// The values that an argument of a region may be.
static SmallVector<Value> getSources(BlockArgument argument) {
  Operation *parent = argument.getOwner()->getParentOp();
  unsigned index = argument.getArgNumber();
  if (auto scan = dyn_cast<ScanOp>(parent)) {
    SmallVector<Value> sources{scan->getOperand(index)};
    if (index < scan.getNumCarries())
      sources.push_back(scan.getYield().getCarries()[index]);
    return sources;
  }
  if (auto loop = dyn_cast<WhileOp>(parent))
    return {loop.getInits()[index], loop.getYield().getCarries()[index]};
  return {};
}

/// The values that `value` is made of or chosen from, in one step backwards, into regions too.
static SmallVector<Value> getSources(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return getSources(argument);
  unsigned index = cast<OpResult>(value).getResultNumber();
  return TypeSwitch<Operation *, SmallVector<Value>>(value.getDefiningOp())
      .Case([&](ScanOp op) {
        SmallVector<Value> sources{op.getYield()->getOperand(index)};
        if (index < op.getNumCarries())
          sources.push_back(op.getInits()[index]);
        return sources;
      })
      .Case([&](CondOp op) {
        return SmallVector<Value>{op.getPredicate(), op.getYield(true).getOutputs()[index],
                                  op.getYield(false).getOutputs()[index]};
      })
      .Case([&](CheckpointOp op) { return SmallVector<Value>{op.getYield().getOutputs()[index]}; })
      .Default([](Operation *op) { return SmallVector<Value>(op->getOperands()); });
}

/// Where truth values or integers that depend on a target become floating point again, the operation that made them
/// lost the gradient: an error at its line instead of a silent zero. (As condition of a select or index of a gather
/// they carry none by definition.)
LogicalResult Cotangents::checkDiscreteOperand(Operation *op) {
  auto convert = dyn_cast<ConvertOp>(op);
  if (!convert || isWanted(convert.getOperand()))
    return success();
  SetVector<Value> path;
  path.insert(convert.getOperand());
  for (size_t index = 0; index != path.size(); ++index) {
    if (!active.contains(path[index]))
      continue;
    Operation *maker = path[index].getDefiningOp();
    if (auto lost = dyn_cast_or_null<NonDifferentiableOpInterface>(maker)) {
      InFlightDiagnostic error = maker->emitError()
                                 << "gradient through " << maker->getName() << ": " << lost.whyNotDifferentiable();
      error.attachNote(op->getLoc()) << "here the loss depends on it; choose with graph.select, or say "
                                        "graph.stop_gradient if a gradient of zero is meant";
      return error;
    }
    for (Value source : getSources(path[index]))
      if (!isa<FloatType>(getElementTypeOrSelf(source)))
        path.insert(source);
  }
  return success();
}
