//===- KernelPlan.cpp - every buffer's place in one arena -----------------===//
// First a kernel's result takes over the buffer of an operand that it alone still reads, entry by entry; then offsets
// by lifetime, largest buffer first, each at the lowest offset that is free throughout its life. Bits and offsets
// depend on the program alone.
//===----------------------------------------------------------------------===//

#include "Lifetimes.h"
#include "moru/Dialect/Kernel/Cost.h"
#include "moru/Dialect/Kernel/Passes.h"

#include "llvm/ADT/SetVector.h"
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
    shareWithinGroups();
    eraseUnused();
    assignOffsets();
  }

private:
  void reuseOperands();
  void shareWithinGroups();
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

/// A box of `argument` is replaced, or rows are added to it, and nothing else is done with it.
static bool isUpdated(BlockArgument argument) {
  if (findAddedRows(argument))
    return true;
  auto update = argument.hasOneUse() ? dyn_cast<graph::DynamicUpdateSliceOp>(*argument.user_begin()) : nullptr;
  return update && update.getOperand() == argument;
}

static Value findRoot(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<ViewOp, SlotOp>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

/// Whether a kernel of `group` writes into `buffer`.
static bool isWrittenIn(GroupOp group, Value buffer) {
  return llvm::any_of(group.getBodyBlock()->getOps<ComputeOp>(), [&](ComputeOp kernel) {
    return llvm::any_of(kernel.getWrites(), [&](Value write) { return findRoot(write) == buffer; });
  });
}

/// Whether a result of `op` may take the place of `source`, as far as it depends on the other kernels of a group: where
/// all that the group does with the operand it does with the same parts (it does so where it writes them).
static bool mayReuseInGroup(ComputeOp op, Value source) {
  auto group = dyn_cast<GroupOp>(op->getParentOp());
  return !group || (group.getParts() && isWrittenIn(group, source));
}

/// %b = f(%a), %a not read again -> %a = f(%a)
void KernelPlan::reuseOperands() {
  getOperation().walk([&](ComputeOp op) {
    // The block of the buffers.
    Operation *place = op;
    while (isa<GroupOp>(place->getParentOp()))
      place = place->getParentOp();
    bool isUpdate = op.getFamily() == Family::GatherScatter;
    if (!isUpdate && op.getFamily() != Family::Map && op.getFamily() != Family::RowReduce)
      return;
    for (OpOperand &write : op.getWritesMutable()) {
      auto target = write.get().getDefiningOp<AllocOp>();
      if (!target || target->getBlock() != place->getBlock() || !target.getType().isRowMajor())
        continue;
      // Within a group its kernels' order counts, elsewhere that of what stands in the buffers' block.
      auto isBefore = [&](Operation *a, Operation *b) {
        if (a->getBlock() != b->getBlock())
          a = place->getBlock()->findAncestorOpInBlock(*a), b = place->getBlock()->findAncestorOpInBlock(*b);
        return a != b && a->isBeforeInBlock(b);
      };
      auto isFirst = [&](Operation *user) { return isBefore(user, op); };
      if (llvm::any_of(getKernelUsers(target), isFirst))
        continue;
      for (auto [read, argument] : llvm::zip(op.getReads(), op.getBodyBlock()->getArguments())) {
        auto source = read.getDefiningOp<AllocOp>();
        if (!source || source == target || source.getType() != target.getType() ||
            source->getBlock() != place->getBlock() || llvm::is_contained(op.getWrites(), read) ||
            !mayReuseInGroup(op, source) || !(isUpdate ? isUpdated(argument) : isReadInPlace(argument)) ||
            llvm::count(op.getReads(), read) != 1)
          continue;
        auto isLater = [&](Operation *user) { return isBefore(op, user); };
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

namespace {
/// A buffer of one group with parts, and its first and its last kernel there.
struct GroupBuffer {
  AllocOp alloc;
  unsigned first = ~0u, last = 0;

  /// Whether one may lie where the other does, part by part.
  bool fits(GroupBuffer &other) {
    BufferType own = alloc.getType(), type = other.alloc.getType();
    return own == type || (own.isRowMajor() && type.isRowMajor() && own.getElementType() == type.getElementType() &&
                           own.getSizeInBytes() == type.getSizeInBytes());
  }
};
} // namespace

/// The buffers that nothing outside of `group` uses, in the order of their first kernels.
static SmallVector<GroupBuffer> findGroupBuffers(GroupOp group) {
  DenseMap<Operation *, unsigned> numbers;
  llvm::SetVector<Operation *> allocs;
  for (auto [number, kernel] : llvm::enumerate(group.getBodyBlock()->getOps<ComputeOp>())) {
    numbers[kernel] = number;
    for (Value buffer : kernel->getOperands())
      if (auto alloc = findRoot(buffer).getDefiningOp<AllocOp>())
        allocs.insert(alloc);
  }
  SmallVector<GroupBuffer> buffers;
  for (Operation *op : allocs) {
    GroupBuffer buffer{cast<AllocOp>(op)};
    SmallVector<Operation *> users = getKernelUsers(op->getResult(0));
    if (!llvm::all_of(users, [&](Operation *user) { return numbers.contains(user); }))
      continue;
    for (Operation *user : users)
      buffer.first = std::min(buffer.first, numbers[user]), buffer.last = std::max(buffer.last, numbers[user]);
    buffers.push_back(buffer);
  }
  llvm::sort(buffers, [&](const GroupBuffer &a, const GroupBuffer &b) { return a.first < b.first; });
  return buffers;
}

/// Tasks of a group with parts are anywhere in it at one time, so its buffers all live as long as it does. But what a
/// task does with its part of a buffer it does in order, and so a buffer may hold another one of its size before.
void KernelPlan::shareWithinGroups() {
  getOperation().walk([&](GroupOp group) {
    if (!group.getParts())
      return;
    SmallVector<GroupBuffer> places;
    for (GroupBuffer &buffer : findGroupBuffers(group)) {
      auto *place =
          llvm::find_if(places, [&](GroupBuffer &other) { return other.last < buffer.first && other.fits(buffer); });
      if (place == places.end()) {
        places.push_back(buffer);
        continue;
      }
      place->last = buffer.last;
      Value home = place->alloc;
      place->alloc->moveBefore(&buffer.alloc->getBlock()->front());
      if (home.getType() != buffer.alloc.getType()) {
        OpBuilder builder(buffer.alloc);
        home = ViewOp::create(builder, buffer.alloc.getLoc(), buffer.alloc.getType(), home, /*offset=*/0);
      }
      buffer.alloc.getResult().replaceAllUsesWith(home);
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
