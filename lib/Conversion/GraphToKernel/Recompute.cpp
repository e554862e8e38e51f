//===- Recompute.cpp - what is made again rather than stored --------------===//

#include "Recompute.h"

#include "Clusters.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

//===----------------------------------------------------------------------===//
// Single steps
//===----------------------------------------------------------------------===//

/// A step of arithmetic on one value that lies in a buffer anyway, since somebody else reads it: to compute it again
/// costs its reader nothing. Not in bf16: what a kernel keeps in a register has more digits than what another stores.
static bool isCheapToRecompute(Operation *op) {
  // bf16 that is read in f32: a shift.
  if (isa<ConvertOp>(op) && typeOf(op->getOperand(0)).getElementType().isBF16())
    return true;
  if (!isa<AddOp, SubOp, MulOp, NegOp, AbsOp, MaximumOp, MinimumOp>(op) ||
      typeOf(op->getResult(0)).getElementType().isBF16())
    return false;
  SetVector<Value> sources;
  for (Value operand : op->getOperands())
    collectSources(operand, sources);
  if (sources.size() != 1 || sources.front().getType() != op->getResult(0).getType())
    return false;
  Operation *source = sources.front().getDefiningOp();
  bool isStored = !source || llvm::any_of(sources.front().getUsers(), [&](Operation *user) { return user != op; });
  return isStored && (!source || !source->hasTrait<OpTrait::Elementwise>());
}

/// %s = mul %g, %g with two readers -> one for each: otherwise the square would be stored beside %g. It stays the same
/// number in both: x - max x is positive nowhere, which a fused multiply-subtract of an unrounded x would break.
void moru::recomputeCheapValues(func::FuncOp func) {
  SmallVector<Operation *> candidates;
  func.walk([&](Operation *op) {
    if (!op->getResults().empty() && isCheapToRecompute(op))
      candidates.push_back(op);
  });
  for (Operation *op : candidates) {
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : op->getResult(0).getUses())
      if (use.getOwner()->getBlock() == op->getBlock() && !use.getOwner()->hasTrait<OpTrait::IsTerminator>())
        uses.push_back(&use);
    OpBuilder builder(op);
    if (uses.size() > 1 && isa<MulOp>(op))
      op->setAttr(KernelDialect::kRoundedAttr, builder.getUnitAttr());
    for (OpOperand *use : ArrayRef(uses).drop_back(std::min<size_t>(uses.size(), 1)))
      use->set(builder.clone(*op)->getResult(0));
  }
}

//===----------------------------------------------------------------------===//
// Chains, for later readers
//===----------------------------------------------------------------------===//

namespace {

/// Chains of one block.
///     %y = add %c, %b           %y = add %c, %b
///     %s = sigmoid %y           %s = sigmoid %y
///     %h = mul %y, %s           %h = mul %y, %s
///     ... %d of %h              ... %d of %h
///     %1 = mul %d, %y     ->    %1 = mul %d, %y
///     %2 = mul %1, %s           %t = sigmoid (barrier %y)
///                               %2 = mul %1, %t
/// Then %y alone is stored for what comes later, and %s is not. A step runs later than another one if more
/// contractions, sums and the like must have been done before it. The barrier keeps the chain out of the kernel that
/// makes %y.
class LaterReaders {
public:
  explicit LaterReaders(Block &block) : block(block) {}

  void run();

private:
  /// A value's computation from `source`, which is stored, and from what is small.
  struct Chain {
    Value source;
    SetVector<Operation *> steps;
  };

  unsigned getLevel(Value value) const { return levels.lookup(value.getDefiningOp()); }
  void findLevel(Operation *op);
  SmallVector<OpOperand *> findLater(Value value) const;
  bool isReadAtOnce(Value value) const;
  std::optional<Chain> findChain(Value value) const;
  bool addSteps(Value value, RankedTensorType type, Chain &chain) const;
  void recompute(Value value, const Chain &chain, ArrayRef<OpOperand *> uses);

  Block &block;
  DenseMap<Operation *, unsigned> levels;
  /// Large values that lie in a buffer for later readers.
  llvm::SmallPtrSet<void *, 32> stored;
  /// The copy of a step for the readers of a level.
  DenseMap<std::pair<Operation *, unsigned>, Operation *> copies;
};

} // namespace

/// Runs in the kernel that makes its operands; as does a sum over a row with what follows it.
static bool isStep(Operation *op) {
  bool isAlongRow = isReduction(op) && getReducedAxes(op) == ArrayRef<int64_t>(typeOf(op->getOperand(0)).getRank() - 1);
  return op->hasTrait<OpTrait::Elementwise>() || isAlongRow || isView(op) || isa<ConstantOp, IotaOp, BroadcastOp>(op);
}

void LaterReaders::findLevel(Operation *op) {
  unsigned level = 0;
  auto see = [&](Value operand) {
    if (Operation *maker = operand.getDefiningOp(); maker && maker->getBlock() == &block)
      level = std::max(level, levels.lookup(maker));
  };
  op->walk([&](Operation *nested) { llvm::for_each(nested->getOperands(), see); });
  levels[op] = level + (isStep(op) ? 0 : 1);
}

/// The reading steps of `value` that run later.
SmallVector<OpOperand *> LaterReaders::findLater(Value value) const {
  SmallVector<OpOperand *> later;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user->getBlock() == &block && levels.lookup(user) > getLevel(value) && user->hasTrait<OpTrait::Elementwise>())
      later.push_back(&use);
  }
  return later;
}

/// A step reads `value` in the kernel that makes it.
bool LaterReaders::isReadAtOnce(Value value) const {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    return user->hasTrait<OpTrait::Elementwise>() && user->getBlock() == &block &&
           levels.lookup(user) == getLevel(value);
  });
}

/// Adds what computes `value` from one source of `type`; fails where there is another one, or too many steps.
bool LaterReaders::addSteps(Value value, RankedTensorType type, Chain &chain) const {
  // What a load from main memory takes for a vector is worth about so many operations.
  constexpr size_t kMostSteps = 12;
  if (stored.contains(value.getAsOpaquePointer())) {
    bool isOther = chain.source && chain.source != value;
    chain.source = value;
    return !isOther;
  }
  Operation *op = value.getDefiningOp();
  if (isInlined(value))
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      // A number for each row or column.
      return typeOf(operand).getNumElements() * 16 <= type.getNumElements();
    });
  if (!op || op->getBlock() != &block || !op->hasTrait<OpTrait::Elementwise>() || op->getNumResults() != 1)
    return false;
  if (!llvm::all_of(op->getOperands(), [&](Value operand) { return addSteps(operand, type, chain); }))
    return false;
  chain.steps.insert(op);
  return chain.steps.size() <= kMostSteps;
}

std::optional<LaterReaders::Chain> LaterReaders::findChain(Value value) const {
  Chain chain;
  if (!addSteps(value, typeOf(value), chain) || !chain.source ||
      typeOf(chain.source).getShape() != typeOf(value).getShape())
    return std::nullopt;
  return chain;
}

void LaterReaders::recompute(Value value, const Chain &chain, ArrayRef<OpOperand *> uses) {
  for (OpOperand *use : uses) {
    unsigned level = levels.lookup(use->getOwner());
    IRMapping mapping;
    for (Operation *step : chain.steps) {
      Operation *&copy = copies[{step, level}];
      if (!copy) {
        OpBuilder builder(step->getContext());
        builder.setInsertionPointAfter(step);
        for (Value operand : step->getOperands())
          if (operand == chain.source && !mapping.contains(operand))
            mapping.map(operand, BarrierOp::create(builder, operand.getLoc(), operand).getResult());
        copy = builder.clone(*step, mapping);
        levels[copy] = level;
      }
      mapping.map(step->getResult(0), copy->getResult(0));
    }
    use->set(mapping.lookup(value));
  }
}

void LaterReaders::run() {
  // Below that, what a kernel does not read from main memory.
  constexpr int64_t kLeastEntries = 32 << 10;
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator()) {
    findLevel(&op);
    ops.push_back(&op);
  }
  for (BlockArgument argument : block.getArguments())
    stored.insert(argument.getAsOpaquePointer());
  for (Operation *op : ops) {
    if (op->getNumResults() != 1 || typeOf(op->getResult(0)).getNumElements() < kLeastEntries || isView(op) ||
        isInlined(op->getResult(0)))
      continue;
    Value value = op->getResult(0);
    SmallVector<OpOperand *> later = findLater(value);
    bool isF32 = typeOf(value).getElementType().isF32(),
         isReturned = value.isUsedOutsideOfBlock(&block) || llvm::any_of(value.getUsers(), [](Operation *user) {
                        return user->hasTrait<OpTrait::IsTerminator>();
                      });
    std::optional<Chain> chain;
    if (!later.empty() && isF32 && !isReturned && op->hasTrait<OpTrait::Elementwise>() && isReadAtOnce(value))
      chain = findChain(value);
    if (chain)
      recompute(value, *chain, later);
    else if (!later.empty() || isReturned)
      stored.insert(value.getAsOpaquePointer());
  }
}

void moru::recomputeForLaterReaders(func::FuncOp func) {
  SmallVector<Block *> blocks;
  func.walk([&](Block *block) { blocks.push_back(block); });
  for (Block *block : blocks)
    LaterReaders(*block).run();
}
