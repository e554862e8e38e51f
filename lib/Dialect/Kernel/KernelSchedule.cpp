//===- KernelSchedule.cpp - an order of kernels that needs less memory ----===//
// Kernels keep the order of the program but for two kinds. What only fills buffers, and from values that are kept
// anyway, waits until somebody reads it: a packed weight then lives for one contraction. What only changes arguments in
// place runs as soon as it can: an update of a parameter frees the gradient. Neither changes a result, for who reads
// and writes a buffer does so in the same order.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/Passes.h"

#include "llvm/ADT/SetVector.h"

#include <functional>

#define DEBUG_TYPE "kernel-schedule"

namespace moru::kernel {
#define GEN_PASS_DEF_KERNELSCHEDULE
#include "moru/Dialect/Kernel/Passes.h.inc"
} // namespace moru::kernel

using namespace mlir;
using namespace moru::kernel;

/// Less than this is no reason for anything to wait: sums, counters and factors that updates need.
static constexpr int64_t kSmallBytes = 4096;

namespace {

/// A kernel, or a region of kernels, of the function's block, and what it does to arguments and allocations.
struct Step {
  Operation *op;
  llvm::SmallSetVector<Value, 4> reads, writes;
  /// Steps before it in the program that have to come before it.
  llvm::SmallSetVector<unsigned, 8> needs;
  bool waits = false, updates = false;
};

class Schedule {
public:
  explicit Schedule(Block &block) : block(block) {}
  void run();

private:
  void collect();
  void collectEffects(Step &step);
  void connect();
  void classify();
  bool isCheap(const Step &step) const;
  bool isKeptAnyway(Value root, unsigned from) const;
  bool canRun(unsigned number) const;
  void place(unsigned number);
  void placeUpdates();
  void rebuild();

  Block &block;
  SmallVector<Step> steps;
  llvm::DenseMap<Operation *, unsigned> numbers;
  /// For each root: the last step that reads or writes it, in the order of the program.
  llvm::DenseMap<Value, unsigned> lastUses;
  SmallVector<bool> placed;
  SmallVector<unsigned> order;
};

struct KernelSchedule : moru::kernel::impl::KernelScheduleBase<KernelSchedule> {
  void runOnOperation() override {
    if (!getOperation().isExternal() && getOperation().getBody().hasOneBlock())
      Schedule(getOperation().getBody().front()).run();
  }
};

} // namespace

/// All operands of kernels within the step; a loop's own buffers do no harm.
void Schedule::collectEffects(Step &step) {
  step.op->walk([&](Operation *op) {
    if (auto kernel = dyn_cast<ComputeOp>(op)) {
      for (Value buffer : kernel.getReads())
        step.reads.insert(getRoot(buffer));
      for (Value buffer : kernel.getWrites())
        step.writes.insert(getRoot(buffer));
    } else if (isa<CondOp, WhileOp>(op)) {
      step.reads.insert(getRoot(op->getOperand(0)));
    }
  });
}

void Schedule::collect() {
  for (Operation &op : block)
    if (isa<ComputeOp, PrepareOp, LoopOp, CondOp, WhileOp>(op)) {
      numbers[&op] = steps.size();
      steps.push_back({&op, {}, {}, {}});
      collectEffects(steps.back());
    }
}

/// Reads see what they saw before, writes come in the same order; a slot may count the steps of a loop before.
void Schedule::connect() {
  llvm::DenseMap<Value, unsigned> writers;
  llvm::DenseMap<Value, SmallVector<unsigned>> readers;
  for (auto [index, step] : llvm::enumerate(steps)) {
    unsigned number = unsigned(index);
    for (Value root : step.reads)
      if (auto writer = writers.find(root); writer != writers.end())
        step.needs.insert(writer->second);
    for (Value root : step.writes) {
      if (auto writer = writers.find(root); writer != writers.end())
        step.needs.insert(writer->second);
      step.needs.insert_range(readers[root]);
    }
    step.op->walk([&](Operation *op) {
      for (Value operand : op->getOperands())
        for (Operation *source = operand.getDefiningOp(); source; source = source->getOperand(0).getDefiningOp()) {
          if (auto slot = dyn_cast<SlotOp>(source))
            if (Operation *loop = slot.getStep().getDefiningOp())
              if (auto found = numbers.find(loop); found != numbers.end() && found->second != number)
                step.needs.insert(found->second);
          if (!isa<ViewOp, SlotOp>(source))
            break;
        }
    });
    for (Value root : step.reads)
      readers[root].push_back(number), lastUses[root] = number;
    for (Value root : step.writes)
      writers[root] = number, readers[root].clear(), lastUses[root] = number;
  }
}

/// Whether a value is there until after that step, whoever else reads it.
bool Schedule::isKeptAnyway(Value root, unsigned from) const {
  return isa<BlockArgument>(root) || lastUses.lookup(root) > from;
}

void Schedule::classify() {
  for (auto [index, step] : llvm::enumerate(steps)) {
    auto isArgument = [](Value root) { return isa<BlockArgument>(root); };
    step.updates = llvm::all_of(step.writes, isArgument);
    if (!isa<ComputeOp>(step.op) || llvm::any_of(step.writes, isArgument))
      continue;
    // The first who reads it: until then its operands have to live.
    unsigned first = unsigned(steps.size());
    for (unsigned later = unsigned(index) + 1; later < steps.size() && first == steps.size(); ++later)
      if (steps[later].needs.contains(unsigned(index)))
        first = later;
    step.waits = first < steps.size() && first > index + 1 &&
                 llvm::all_of(step.reads, [&](Value root) { return isKeptAnyway(root, first - 1); });
  }
}

bool Schedule::isCheap(const Step &step) const {
  return isa<ComputeOp>(step.op) && llvm::all_of(step.writes, [](Value root) {
           return cast<BufferType>(root.getType()).getSizeInBytes() <= kSmallBytes;
         });
}

/// Whether all that a step needs is there, or quickly made of what is there.
bool Schedule::canRun(unsigned number) const {
  return llvm::all_of(steps[number].needs,
                      [&](unsigned need) { return placed[need] || (isCheap(steps[need]) && canRun(need)); });
}

void Schedule::place(unsigned number) {
  if (placed[number])
    return;
  placed[number] = true;
  SmallVector<unsigned> needs = llvm::to_vector(steps[number].needs);
  llvm::sort(needs);
  for (unsigned need : needs)
    place(need);
  order.push_back(number);
}

void Schedule::placeUpdates() {
  for (auto [index, step] : llvm::enumerate(steps))
    if (step.updates && !placed[index] && !isCheap(step) && canRun(unsigned(index)))
      place(unsigned(index));
}

/// The steps in their new order, behind all else; but a slot that counts the steps of a loop stays behind that.
void Schedule::rebuild() {
  for (unsigned number : order)
    steps[number].op->moveBefore(block.getTerminator());
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (numbers.contains(&op))
      break;
    for (Value operand : op.getOperands())
      if (Operation *source = operand.getDefiningOp(); source && op.isBeforeInBlock(source))
        op.moveAfter(source);
  }
}

void Schedule::run() {
  collect();
  connect();
  classify();
  placed.assign(steps.size(), false);
  for (unsigned number = 0; number < steps.size(); ++number) {
    if (steps[number].waits || placed[number])
      continue;
    place(number);
    placeUpdates();
  }
  for (unsigned number = 0; number < steps.size(); ++number)
    place(number);
  rebuild();
}
