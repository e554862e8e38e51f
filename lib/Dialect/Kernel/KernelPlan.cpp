//===- KernelPlan.cpp - every buffer's place in one arena -----------------===//
// First a kernel's result takes over the buffer of an operand that it alone still reads, entry by entry; then offsets
// by lifetime, largest buffer first, each at the lowest offset that is free throughout its life. Bits and offsets
// depend on the program alone.
//===----------------------------------------------------------------------===//

#include "Lifetimes.h"
#include "moru/Dialect/Kernel/Passes.h"

#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "kernel-plan"

namespace moru::kernel {
#define GEN_PASS_DEF_KERNELPLAN
#include "moru/Dialect/Kernel/Passes.h.inc"
} // namespace moru::kernel

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

/// A cache line, and the widest vector.
static constexpr int64_t kAlignment = 64;

namespace {

struct KernelPlan : moru::kernel::impl::KernelPlanBase<KernelPlan> {
  void runOnOperation() override {
    reuseOperands();
    eraseUnused();
    assignOffsets();
  }

private:
  void reuseOperands();
  void eraseUnused();
  void assignOffsets();
};

} // namespace

/// Every use of `argument` needs the entry at the position that is computed, or all of its row before any of the row is
/// stored.
static bool isReadInPlace(BlockArgument argument) {
  return llvm::all_of(argument.getUsers(), [](Operation *user) {
    return user->hasTrait<OpTrait::Elementwise>() || graph::isReduction(user) || isa<moru::kernel::YieldOp>(user);
  });
}

/// A box of `argument` is replaced, and nothing else is done with it.
static bool isUpdated(BlockArgument argument) {
  auto update = argument.hasOneUse() ? dyn_cast<graph::DynamicUpdateSliceOp>(*argument.user_begin()) : nullptr;
  return update && update.getOperand() == argument;
}

/// %b = f(%a), %a not read again -> %a = f(%a)
void KernelPlan::reuseOperands() {
  getOperation().walk([&](ComputeOp op) {
    bool isUpdate = op.getFamily() == Family::GatherScatter;
    if (!isUpdate && op.getFamily() != Family::Map && op.getFamily() != Family::RowReduce)
      return;
    for (OpOperand &write : op.getWritesMutable()) {
      auto target = write.get().getDefiningOp<AllocOp>();
      if (!target || target->getBlock() != op->getBlock() || !target.getType().isRowMajor())
        continue;
      auto isFirst = [&](Operation *user) {
        return user != op && target->getBlock()->findAncestorOpInBlock(*user)->isBeforeInBlock(op);
      };
      if (llvm::any_of(getKernelUsers(target), isFirst))
        continue;
      for (auto [read, argument] : llvm::zip(op.getReads(), op.getBodyBlock()->getArguments())) {
        auto source = read.getDefiningOp<AllocOp>();
        if (!source || source == target || source.getType() != target.getType() ||
            source->getBlock() != op->getBlock() || llvm::is_contained(op.getWrites(), read) ||
            !(isUpdate ? isUpdated(argument) : isReadInPlace(argument)) || llvm::count(op.getReads(), read) != 1)
          continue;
        auto isLater = [&](Operation *user) {
          return op->isBeforeInBlock(source->getBlock()->findAncestorOpInBlock(*user));
        };
        // What is prepared is read again in the next call.
        auto isPreparing = [&](Operation *user) {
          return user->getParentOp() != op->getParentOp() && isa<PrepareOp>(user->getParentOp());
        };
        if (llvm::any_of(getKernelUsers(source), isPreparing))
          continue;
        // Other views of the source within this kernel would see new values.
        auto readsElsewhere = llvm::count(getKernelUsers(source), op.getOperation()) != 1;
        if (readsElsewhere || llvm::any_of(getKernelUsers(source), isLater))
          continue;
        if (target->isBeforeInBlock(source))
          source->moveBefore(target);
        target.getResult().replaceAllUsesWith(source.getResult());
        break;
      }
    }
  });
}

/// From behind, so that a chain of unused views goes as a whole.
void KernelPlan::eraseUnused() {
  SmallVector<Operation *> candidates;
  getOperation().walk([&](Operation *op) {
    if (isa<AllocOp, ViewOp, SlotOp>(op))
      candidates.push_back(op);
  });
  for (Operation *op : llvm::reverse(candidates))
    if (op->use_empty())
      op->erase();
}

void KernelPlan::assignOffsets() {
  struct Placed {
    AllocOp op;
    Lifetime lifetime;
    int64_t size, offset;
    size_t position;
  };
  SmallVector<Placed> buffers;
  for (auto [op, lifetime] : computeLifetimes(getOperation())) {
    auto alloc = cast<AllocOp>(op);
    int64_t size = llvm::alignTo(std::max<int64_t>(alloc.getType().getSizeInBytes(), 1), kAlignment);
    buffers.push_back({alloc, lifetime, size, 0, buffers.size()});
  }
  llvm::sort(buffers, [](const Placed &a, const Placed &b) {
    return std::tie(b.size, a.position) < std::tie(a.size, b.position);
  });

  int64_t arena = 0;
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (const Placed &other : ArrayRef(buffers).take_front(index))
      if (other.lifetime.overlaps(buffer.lifetime))
        taken.push_back({other.offset, other.offset + other.size});
    llvm::sort(taken);
    for (auto [begin, end] : taken) {
      if (buffer.offset + buffer.size <= begin)
        break;
      buffer.offset = std::max(buffer.offset, end);
    }
    buffer.op.setOffset(buffer.offset);
    arena = std::max(arena, buffer.offset + buffer.size);
  }
  getOperation()->setAttr(KernelDialect::kArenaAttr, Builder(&getContext()).getI64IntegerAttr(arena));
}
