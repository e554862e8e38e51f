//===- KernelGroup.cpp - small kernels that are launched together ---------===//
// First groups with parts: from each small kernel on, whatever needs of the group only its own part joins it; what it
// does not depend on may move before the group, everything else behind it. Then groups of what is independent.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/Cost.h"
#include "moru/Dialect/Kernel/Parts.h"
#include "moru/Dialect/Kernel/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

#define DEBUG_TYPE "kernel-group"

namespace moru::kernel {
#define GEN_PASS_DEF_KERNELGROUP
#include "moru/Dialect/Kernel/Passes.h.inc"
} // namespace moru::kernel

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

/// Parts of a group: as many as give work of about equal size to each of two, four or eight workers. The first that
/// divides and leaves rows enough for the tile of a contraction, or columns enough for a cache line of sums.
static constexpr int64_t kParts[] = {8, 4, 2, 6, 7, 5, 3, 1};
static constexpr int64_t kLeastRows = 8, kLeastColumns = 32;
/// Work of a part that is small: some 30 microseconds on one core. Beside more than that a launch costs nothing, and
/// more threads than parts would find no work.
static constexpr int64_t kMostPartFlops = 4 << 20, kMostPartBytes = 1 << 20;
/// Operations for each byte of what every part reads whole (the other operand of a contraction), so that reading it
/// again for each part takes less time than computing does.
static constexpr int64_t kFlopsPerWholeByte = 8;
/// What the parts of a contraction with which a group begins read whole: of more, tasks over rows and columns read less
/// than parts of rows do (a weight's gradient: 7 % of a training step).
static constexpr int64_t kMostWholeBytes = 96 << 10;
/// In a group of one part, whose kernels run on one core: what would be one task anyway.
static constexpr int64_t kMostTaskFlops = 2 << 20, kMostTaskBytes = 128 << 10;
/// Work of what is launched beside others: some ten tasks.
static constexpr int64_t kMostFlops = 32 << 20, kMostBytes = 4 << 20;
/// Work of a function in which launches count: some ten milliseconds. In larger ones they are less than the hundredth
/// part, and kernels that are cut by themselves use the caches better (a training step of 20 GFLOP was 5 % slower).
static constexpr int64_t kMostFunctionFlops = int64_t(2) << 30;
/// Bytes that kernels beside each other use, about: what they make lives until all are done.
static constexpr int64_t kMostTogether = 16 << 20;
/// What buffers of a group may take together: they all live as long as the group.
static constexpr int64_t kMostGroupBytes = 32 << 20;

namespace {

/// What an operation reads or writes of an argument or an allocation.
struct Access {
  Value root;
  bool isWrite = false;
  /// Where part i uses the bytes [i * partBytes, (i + 1) * partBytes) of the root alone; otherwise 0.
  int64_t partBytes = 0;
};
using Accesses = SmallVector<Access>;

/// An operation of the block that is moved as a whole.
struct Node {
  Operation *op;
  /// Of all of it.
  Accesses accesses;
  ComputeOp getKernel() const { return dyn_cast<ComputeOp>(op); }
};

/// Roots that are read and written.
class Footprint {
public:
  void add(const Node &node) {
    for (const Access &access : node.accesses)
      (access.isWrite ? writes : reads).insert(access.root);
  }
  /// Whether the order of `node` and what was added matters.
  bool conflictsWith(const Node &node) const {
    return llvm::any_of(node.accesses, [&](const Access &access) {
      return writes.contains(access.root) || (access.isWrite && reads.contains(access.root));
    });
  }

private:
  DenseSet<Value> reads, writes;
};

/// A group with parts that grows.
class PartGroup {
public:
  explicit PartGroup(int64_t l2Bytes) : l2Bytes(l2Bytes) {}

  /// Whether `node` could be the first of a group; then it is.
  bool start(Node *node);
  /// Joins `node` where it may; otherwise `why` says what is in the way.
  bool join(Node *node, std::string &why);
  bool conflictsWith(const Node &node) const { return footprint.conflictsWith(node); }
  /// Whether `node` reads what the group has written.
  bool feeds(const Node &node) const {
    return llvm::any_of(node.accesses, [&](const Access &access) {
      auto state = states.find(access.root);
      return !access.isWrite && state != states.end() && state->second.isWritten;
    });
  }

  SmallVector<Node *> nodes;
  int64_t parts = 0;

private:
  struct State {
    bool isWritten = false;
    int64_t partBytes = 0;
  };
  static int64_t countWholeBytes(ComputeOp op, int64_t parts);
  static int64_t limitParts(ComputeOp op, int64_t most);
  std::optional<Accesses> findAccesses(ComputeOp op, std::string &why) const;
  bool isRelated(const Accesses &accesses) const;
  bool tryAdd(Node *node, const Accesses &accesses, std::string &why);

  int64_t l2Bytes;
  llvm::MapVector<Value, State> states;
  Footprint footprint;
};

/// The operations of a block, and their new order.
class Grouping {
public:
  Grouping(Block &block, int64_t l2Bytes) : block(block), l2Bytes(l2Bytes) {}

  void run() {
    collectNodes();
    groupParts();
    groupIndependent();
    for (Node *node : nodes)
      node->op->moveBefore(block.getTerminator());
  }

private:
  void collectNodes();
  void groupParts();
  void groupIndependent();
  /// Appends `group` to `order`, in a group of its own where there are several.
  void place(ArrayRef<Node *> group, std::optional<int64_t> parts, SmallVectorImpl<Node *> &order);

  Block &block;
  int64_t l2Bytes;
  std::vector<std::unique_ptr<Node>> storage;
  SmallVector<Node *> nodes;
};

struct KernelGroup : moru::kernel::impl::KernelGroupBase<KernelGroup> {
  using KernelGroupBase::KernelGroupBase;

  void runOnOperation() override {
    // A slot's place is known only once the operation that counts its step has run.
    if (getOperation().isExternal() || !getOperation().getBody().front().getOps<SlotOp>().empty())
      return;
    Block &block = getOperation().getBody().front();
    int64_t flops = 0;
    getOperation().walk([&](ComputeOp op) { flops += computeCost(op).flops; });
    if (flops > kMostFunctionFlops) {
      remark::missed(getOperation().getLoc(), remark::RemarkOpts::name("Grouped").category(DEBUG_TYPE))
          << "launches are few for so much work: each kernel has its own";
      return;
    }
    SmallVector<Operation *> buffers;
    for (Operation &op : block)
      if (isa<AllocOp, ViewOp>(op))
        buffers.push_back(&op);
    for (Operation *op : llvm::reverse(buffers))
      op->moveBefore(&block, block.begin());
    Grouping(block, l2Bytes).run();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// The argument or the allocation that a buffer is a part of; and how many entries behind its first, -1 for a place
/// that a step decides.
static std::pair<Value, int64_t> findRoot(Value buffer) {
  int64_t offset = 0;
  while (Operation *op = buffer.getDefiningOp()) {
    if (auto view = dyn_cast<ViewOp>(op))
      offset = offset < 0 ? offset : offset + int64_t(view.getOffset());
    else if (isa<SlotOp>(op))
      offset = -1;
    else
      break;
    buffer = op->getOperand(0);
  }
  return {buffer, offset};
}

static int64_t getBytes(Value buffer) { return cast<BufferType>(buffer.getType()).getSizeInBytes(); }

/// See Access. `axis`: the one that is cut. The parts are all of the root.
static int64_t getPartBytes(Value buffer, int64_t axis, int64_t parts) {
  auto type = cast<BufferType>(buffer.getType());
  auto [root, offset] = findRoot(buffer);
  int64_t bytes = getPartStride(type, axis, parts) * type.getElementBytes();
  if (offset < 0 || bytes * parts != getBytes(root))
    return 0;
  if (type.isPacked())
    return bytes;
  // What the other axes reach must not go beyond the part.
  int64_t reach = offset + 1;
  for (auto [k, size, step] : llvm::enumerate(type.getShape(), type.getStrides()))
    if (int64_t(k) != axis)
      reach += (size - 1) * step;
  return reach <= type.getStrides()[axis] ? bytes : 0;
}

/// Flops and bytes of a kernel or a group.
static std::pair<int64_t, int64_t> getWork(Operation *op) {
  if (auto group = dyn_cast<GroupOp>(op)) {
    std::pair<int64_t, int64_t> sum;
    for (Operation &member : *group.getBodyBlock()) {
      auto [flops, bytes] = getWork(&member);
      sum.first += flops, sum.second += bytes;
    }
    return sum;
  }
  auto kernel = dyn_cast<ComputeOp>(op);
  KernelCost cost = kernel ? computeCost(kernel) : KernelCost();
  return {cost.flops, cost.bytes};
}

//===----------------------------------------------------------------------===//
// A group with parts
//===----------------------------------------------------------------------===//

std::optional<Accesses> PartGroup::findAccesses(ComputeOp op, std::string &why) const {
  auto [flops, bytes] = getWork(op);
  int64_t mostFlops = parts == 1 ? kMostTaskFlops : kMostPartFlops * parts;
  if (flops > mostFlops || bytes > (parts == 1 ? kMostTaskBytes : kMostPartBytes * parts))
    return why = "it is large enough for a launch of its own", std::nullopt;
  std::optional<KernelParts> found = findParts(op, parts, why);
  if (!found)
    return std::nullopt;
  Accesses accesses;
  for (auto [buffer, axis] : llvm::zip(op.getReads(), found->reads))
    accesses.push_back({findRoot(buffer).first, false, axis && *axis >= 0 ? getPartBytes(buffer, *axis, parts) : 0});
  for (Value buffer : op.getWrites())
    accesses.push_back({findRoot(buffer).first, true, getPartBytes(buffer, 0, parts)});
  return accesses;
}

/// Whether the kernel uses parts that a kernel of the group uses.
bool PartGroup::isRelated(const Accesses &accesses) const {
  return llvm::any_of(accesses, [&](const Access &access) {
    auto state = states.find(access.root);
    return access.partBytes && state != states.end() && state->second.partBytes == access.partBytes;
  });
}

bool PartGroup::tryAdd(Node *node, const Accesses &accesses, std::string &why) {
  llvm::MapVector<Value, State> next = states;
  for (const Access &access : accesses) {
    auto [place, isNew] = next.insert({access.root, {false, access.partBytes}});
    State &state = place->second;
    bool isShared = state.isWritten || access.isWrite;
    if (isShared && (access.partBytes == 0 || state.partBytes != access.partBytes))
      return why = "a part of it needs more of a buffer than the parts before it have written", false;
    state.isWritten |= access.isWrite;
    state.partBytes = state.partBytes == access.partBytes ? access.partBytes : 0;
  }
  if (!nodes.empty() && !isRelated(accesses))
    return why = "its parts have nothing to do with those of the group", false;
  int64_t bytes = 0, whole = 0;
  for (auto &[root, state] : next)
    (state.partBytes ? bytes : whole) += getBytes(root);
  if (bytes > kMostGroupBytes || whole > l2Bytes)
    return why = "the group would take too much memory", false;
  states = std::move(next);
  footprint.add(*node);
  nodes.push_back(node);
  return true;
}

bool PartGroup::start(Node *node) {
  ComputeOp op = node->getKernel();
  if (!op || op.getWrites().empty())
    return false;
  ArrayRef<int64_t> shape = cast<BufferType>(op.getWrites()[0].getType()).getShape();
  if (shape.empty() || llvm::is_contained(shape, 0))
    return false;
  int64_t rows = 1;
  for (int64_t size : shape.drop_back())
    rows *= size;
  int64_t most = shape.size() == 1 ? shape[0] / kLeastColumns : rows / kLeastRows;
  parts = *llvm::find_if(kParts, [&](int64_t count) { return count == 1 || (shape[0] % count == 0 && count <= most); });
  parts = limitParts(op, parts);
  if (parts > 1 && countWholeBytes(op, parts) > kMostWholeBytes)
    return false;
  std::string why;
  std::optional<Accesses> accesses = findAccesses(op, why);
  return accesses && tryAdd(node, *accesses, why);
}

/// Of a contraction: bytes that every part reads.
int64_t PartGroup::countWholeBytes(ComputeOp op, int64_t parts) {
  std::string why;
  std::optional<KernelParts> found = findParts(op, parts, why);
  int64_t whole = 0;
  if (found && computeCost(op).contractionFlops > 0)
    for (auto [buffer, axis] : llvm::zip(op.getReads(), found->reads))
      whole += axis ? 0 : getBytes(buffer);
  return whole;
}

/// The largest number of parts, `most` at most, that read what they share about as fast as they compute.
int64_t PartGroup::limitParts(ComputeOp op, int64_t most) {
  int64_t whole = countWholeBytes(op, most), flops = computeCost(op).flops;
  if (whole == 0)
    return most;
  auto *fitting = llvm::find_if(kParts, [&](int64_t count) {
    return count == 1 || (most % count == 0 && count * whole * kFlopsPerWholeByte <= flops);
  });
  return *fitting;
}

bool PartGroup::join(Node *node, std::string &why) {
  if (!node->getKernel())
    return false;
  std::optional<Accesses> accesses = findAccesses(node->getKernel(), why);
  return accesses && tryAdd(node, *accesses, why);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

void Grouping::collectNodes() {
  for (Operation &op : block.without_terminator()) {
    if (isa<AllocOp, ViewOp>(op))
      continue;
    auto node = std::make_unique<Node>();
    node->op = &op;
    op.walk([&](Operation *nested) {
      if (auto kernel = dyn_cast<ComputeOp>(nested)) {
        for (Value buffer : kernel.getReads())
          node->accesses.push_back({findRoot(buffer).first, false});
        for (Value buffer : kernel.getWrites())
          node->accesses.push_back({findRoot(buffer).first, true});
        return;
      }
      // The predicates that the host reads.
      for (Value operand : nested->getOperands())
        if (isa<BufferType>(operand.getType()) && !isa<ViewOp, SlotOp>(nested))
          node->accesses.push_back({findRoot(operand).first, false});
    });
    nodes.push_back(node.get());
    storage.push_back(std::move(node));
  }
}

void Grouping::place(ArrayRef<Node *> group, std::optional<int64_t> parts, SmallVectorImpl<Node *> &order) {
  if (group.size() < 2)
    return order.append(group.begin(), group.end());
  OpBuilder builder(group.back()->op);
  auto op = GroupOp::create(builder, group[0]->op->getLoc(), parts);
  auto node = std::make_unique<Node>();
  node->op = op;
  for (Node *member : group) {
    member->op->moveBefore(op.getBodyBlock(), op.getBodyBlock()->end());
    node->accesses.append(member->accesses);
  }
  order.push_back(node.get());
  storage.push_back(std::move(node));
}

/// The nodes of `among` that must run before `node`, in their order.
static SmallVector<Node *> findNeeded(Node *node, ArrayRef<Node *> among) {
  SmallVector<Node *> needed;
  Footprint footprint;
  footprint.add(*node);
  for (Node *other : llvm::reverse(among))
    if (footprint.conflictsWith(*other)) {
      footprint.add(*other);
      needed.push_back(other);
    }
  std::reverse(needed.begin(), needed.end());
  return needed;
}

void Grouping::groupParts() {
  SmallVector<Node *> order;
  while (!nodes.empty()) {
    PartGroup group(l2Bytes);
    // Behind the group: what depends on it, and what does not (and moves before it where a kernel of the group needs
    // it).
    SmallVector<Node *> before, behind, free;
    Footprint dependent, independent;
    llvm::SmallDenseSet<Node *> moved;
    for (Node *node : nodes) {
      if (group.nodes.empty()) {
        if (!group.start(node))
          before.push_back(node);
        continue;
      }
      std::string why;
      bool waits = dependent.conflictsWith(*node);
      SmallVector<Node *> needed;
      if (!waits && independent.conflictsWith(*node))
        needed = findNeeded(node, free);
      if (!waits && group.join(node, why)) {
        before.append(needed);
        moved.insert(needed.begin(), needed.end());
        llvm::erase_if(free, [&](Node *other) { return moved.contains(other); });
        llvm::erase_if(behind, [&](Node *other) { return moved.contains(other); });
        independent = Footprint();
        for (Node *other : free)
          independent.add(*other);
        continue;
      }
      behind.push_back(node);
      if (waits || group.conflictsWith(*node)) {
        dependent.add(*node);
        if (group.nodes.size() > 1 && group.feeds(*node) && !why.empty())
          remark::missed(node->op->getLoc(), remark::RemarkOpts::name("Grouped").category(DEBUG_TYPE))
              << ("a kernel is not launched with those before it: " + why);
      } else {
        free.push_back(node);
        independent.add(*node);
      }
    }
    order.append(before);
    if (group.nodes.size() > 1)
      remark::passed(group.nodes[0]->op->getLoc(), remark::RemarkOpts::name("Grouped").category(DEBUG_TYPE))
          << (Twine(group.nodes.size()) + " kernels are launched together, cut into " + Twine(group.parts) +
              (group.parts == 1 ? " part" : " parts"))
                 .str();
    place(group.nodes, group.parts, order);
    nodes = behind;
  }
  nodes = order;
}

void Grouping::groupIndependent() {
  SmallVector<Node *> order;
  auto isSmall = [](Node *node) {
    auto [flops, bytes] = getWork(node->op);
    return isa<ComputeOp, GroupOp>(node->op) && flops <= kMostFlops && bytes <= kMostBytes;
  };
  while (!nodes.empty()) {
    SmallVector<Node *> group, behind;
    Footprint footprint;
    int64_t bytes = 0;
    for (Node *node : nodes) {
      bool joins = bytes <= kMostTogether && isSmall(node) && !footprint.conflictsWith(*node);
      bytes += joins ? getWork(node->op).second : 0;
      if (group.empty() && !joins) {
        order.push_back(node);
        continue;
      }
      (joins ? group : behind).push_back(node);
      footprint.add(*node);
    }
    // The largest first: the last tasks are then the shortest.
    SmallVector<std::pair<int64_t, Node *>> sorted;
    for (auto [number, node] : llvm::enumerate(group))
      sorted.push_back(
          {-(getWork(node->op).first + getWork(node->op).second) * int64_t(group.size()) + int64_t(number), node});
    llvm::sort(sorted, llvm::less_first());
    group = llvm::map_to_vector(sorted, [](auto item) { return item.second; });
    if (group.size() > 1)
      remark::passed(group[0]->op->getLoc(), remark::RemarkOpts::name("Grouped").category(DEBUG_TYPE))
          << (Twine(group.size()) + " kernels that do not depend on each other are launched together").str();
    place(group, std::nullopt, order);
    nodes = behind;
  }
  nodes = order;
}
