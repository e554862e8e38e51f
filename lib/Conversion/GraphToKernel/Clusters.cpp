//===- Clusters.cpp - which operations run as one kernel ------------------===//
// Seeds (contractions, reductions, scatters, scans), producers pulled into reductions, then elementwise work joined to
// its producers in program order. A merge is refused where a value would have to leave the kernel and come back.
//===----------------------------------------------------------------------===//

#include "Clusters.h"

#include "moru/Dialect/Graph/Parameters.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/STLExtras.h"

#define DEBUG_TYPE "graph-to-kernel"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using kernel::Family;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static ArrayRef<int64_t> shapeOf(Value value) { return typeOf(value).getShape(); }

bool moru::isView(Operation *op) { return op && isa<SliceOp, TransposeOp, ReshapeOp, BarrierOp>(op); }

/// All that read `value` are contractions that have it packed in tiles.
static bool isReadInTiles(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isView(user) ? isReadInTiles(user->getResult(0)) : user->hasAttr(kernel::KernelDialect::kPlanesAttr);
  });
}

/// An argument that is rounded to be packed: each packing reads it as it is, rather than another kernel all of it
/// first.
static bool isRoundedForTiles(Operation *op) {
  return isa<ConvertOp>(op) && typeOf(op->getResult(0)).getElementType().isBF16() &&
         !getSourceOfViews(op->getOperand(0)).getDefiningOp() && isReadInTiles(op->getResult(0));
}

bool moru::isInlined(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  // A mask of positions is one comparison where it is read, and as many bytes as entries where it is stored.
  if (isa<CompareOp, AndOp, OrOp, NotOp>(op))
    return llvm::all_of(op->getOperands(), [](Value operand) {
      return typeOf(operand).getElementType().isInteger() && isInlined(operand);
    });
  return isa<ConstantOp, IotaOp, BroadcastOp>(op) || isRoundedForTiles(op) ||
         (isView(op) && isInlined(op->getOperand(0)));
}

void moru::collectSources(Value value, SetVector<Value> &sources) {
  if (!isInlined(value)) {
    sources.insert(value);
    return;
  }
  for (Value operand : value.getDefiningOp()->getOperands())
    collectSources(operand, sources);
}

Value moru::getSourceOfViews(Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

bool moru::isOfParameters(Value value) {
  if (isa<BlockArgument>(value))
    return graph::isFixedParameter(value);
  Operation *op = value.getDefiningOp();
  return (isView(op) || op->hasTrait<OpTrait::Elementwise>() || isa<ConstantOp, BroadcastOp>(op)) &&
         op->getParentOp() && isa<func::FuncOp>(op->getParentOp()) && llvm::all_of(op->getOperands(), isOfParameters);
}

static Packing getPacking(ContractOp op, bool isLhs, int64_t planes) {
  SmallVector<unsigned> pairs = llvm::to_vector(llvm::seq<unsigned>(0, op.getLhsOver().size()));
  llvm::sort(pairs, [&](unsigned a, unsigned b) { return op.getLhsOver()[a] < op.getLhsOver()[b]; });
  Packing packing;
  packing.planes = planes;
  packing.isLhs = isLhs;
  packing.source = isLhs ? op.getLhs() : op.getRhs();
  // A computation that is made again reads the same panels.
  while (auto barrier = packing.source.getDefiningOp<BarrierOp>())
    packing.source = barrier.getOperand();
  ArrayRef<int64_t> sizes = shapeOf(packing.source);
  auto addGroup = [&](ArrayRef<int64_t> axes, bool evenIfEmpty) {
    if (axes.empty() && !evenIfEmpty)
      return;
    int64_t size = 1;
    for (int64_t axis : axes)
      size *= sizes[axis];
    llvm::append_range(packing.permutation, axes);
    packing.shape.push_back(size);
  };
  ArrayRef<int64_t> overAxes = isLhs ? op.getLhsOver() : op.getRhsOver();
  addGroup(isLhs ? op.getLhsBatch() : op.getRhsBatch(), false);
  SmallVector<int64_t> over;
  for (unsigned pair : pairs)
    over.push_back(overAxes[pair]);
  addGroup(over, true);
  addGroup(isLhs ? op.getLhsFree() : op.getRhsFree(), true);
  return packing;
}

Packing moru::getTilePacking(ContractOp op, int64_t planes, bool isLhs) { return getPacking(op, isLhs, planes); }

Packing moru::getTilePacking(ContractOp op, bool isLhs) {
  return getPacking(op, isLhs, op->getAttrOfType<IntegerAttr>(kernel::KernelDialect::kPlanesAttr).getInt());
}

/// The lhs of `op` with its contracted axes last, where another axis runs along memory: a kernel that goes along K
/// would find each entry in a line of its own, which the first cache cannot keep.
static std::optional<Packing> getRowPacking(ContractOp op) {
  // Less is read too rarely for a copy to pay.
  constexpr int64_t kLeastRows = 128, kLeastDepth = 64, kLeastColumns = 128;
  ArrayRef<int64_t> shape = shapeOf(op.getLhs());
  if (shape.empty() || !op.getLhsBatch().empty() || shape.back() < kLeastRows ||
      llvm::is_contained(op.getLhsOver(), int64_t(shape.size()) - 1) || isView(op.getLhs().getDefiningOp()) ||
      !typeOf(op.getLhs()).getElementType().isF32())
    return std::nullopt;
  Packing packing = getPacking(op, /*isLhs=*/true, 0);
  int64_t depth = packing.shape.front(), columns = getPacking(op, /*isLhs=*/false, 0).shape.back();
  if (depth < kLeastDepth || columns < kLeastColumns)
    return std::nullopt;
  std::rotate(packing.permutation.begin(), packing.permutation.begin() + op.getLhsOver().size(),
              packing.permutation.end());
  std::rotate(packing.shape.begin(), packing.shape.begin() + 1, packing.shape.end());
  return packing;
}

/// The rhs lies in rows that a kernel can copy into panels itself, a few at a time, just before they are used: nobody
/// else wants the panels, which are not made once for many calls; there are enough rows of lhs to read a copy often,
/// and enough columns for tasks to have their own.
static bool copiesPanels(ContractOp op, const Packing &rhs) {
  constexpr int64_t kLeastRows = 128, kLeastDepth = 256, kLeastColumns = 1024;
  // A kernel that reads its result does not cut K, and has all of a panel on its stack.
  constexpr int64_t kMostDepth = 8192;
  Value source = rhs.source;
  bool isAlone = llvm::count_if(source.getUsers(), [&](Operation *user) {
                   auto other = dyn_cast<ContractOp>(user);
                   return other && other.getRhs() == source && getPacking(other, /*isLhs=*/false, 0) == rhs;
                 }) == 1;
  return !isOfParameters(source) && source.getParentBlock() == op->getBlock() && !isInlined(source) && isAlone &&
         typeOf(source).getElementType().isF32() && rhs.shape.size() == 2 &&
         rhs.permutation.back() + 1 == int64_t(rhs.permutation.size()) && shapeOf(source).back() >= kLeastColumns &&
         rhs.shape.front() >= kLeastDepth && rhs.shape.front() <= kMostDepth &&
         getPacking(op, /*isLhs=*/true, 0).shape.back() >= kLeastRows;
}

SmallVector<Packing> moru::getPackings(ContractOp op) {
  if (!op->hasAttr(kernel::KernelDialect::kPlanesAttr)) {
    SmallVector<Packing> packings;
    if (Packing rhs = getPacking(op, /*isLhs=*/false, 0); !copiesPanels(op, rhs))
      packings.push_back(rhs);
    if (std::optional<Packing> rows = getRowPacking(op))
      packings.push_back(*rows);
    return packings;
  }
  auto splits = op->getAttrOfType<StringAttr>(kernel::KernelDialect::kSplitsAttr);
  SmallVector<Packing> packings;
  if (!splits || splits == "rhs")
    packings.push_back(getTilePacking(op, /*isLhs=*/true));
  if (!splits || splits == "lhs")
    packings.push_back(getTilePacking(op, /*isLhs=*/false));
  return packings;
}

bool moru::splitsAlongDepth(ContractOp op) {
  auto splits = op->getAttrOfType<StringAttr>(kernel::KernelDialect::kSplitsAttr);
  return splits && splits == "deep";
}

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

/// Each entry of the result from few entries of the operands.
static bool isMapLike(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() || isa<GatherOp, PadOp, DynamicSliceOp, RandomOp>(op);
}

/// The family of an operation that starts a kernel of its own kind; none for what is map-like.
static std::optional<Family> getSeedFamily(Operation *op);

static bool isRowReduction(Operation *op) {
  if (!isReduction(op))
    return false;
  ArrayRef<int64_t> axes = getReducedAxes(op);
  return axes.size() == 1 && axes.front() == typeOf(op->getOperand(0)).getRank() - 1;
}

/// Operand `index` of `op` is needed at the position of the result (of the reduced entries) alone.
static bool isLocalOperand(Operation *op, unsigned index) {
  if (isa<ScatterAddOp>(op))
    return index == 0;
  if (isa<DynamicUpdateSliceOp>(op))
    return index == 1;
  if (isa<CumsumOp>(op))
    return true;
  return op->hasTrait<OpTrait::Elementwise>() || isReduction(op);
}

static std::optional<Family> getSeedFamily(Operation *op) {
  if (isa<ScatterAddOp, DynamicUpdateSliceOp>(op))
    return Family::GatherScatter;
  if (isa<TopKOp>(op) || isRowReduction(op))
    return Family::RowReduce;
  if (isa<CumsumOp>(op) || isReduction(op))
    return Family::ColumnReduce;
  return std::nullopt;
}

/// `broadcast` spreads one number per row over the row.
static bool isRowBroadcast(BroadcastOp broadcast) {
  int64_t rank = typeOf(broadcast.getOperand()).getRank();
  return rank + 1 == typeOf(broadcast.getResult()).getRank() &&
         llvm::equal(broadcast.getAxes(), llvm::seq<int64_t>(0, rank)) &&
         shapeOf(broadcast.getOperand()) == shapeOf(broadcast.getResult()).drop_back();
}

static void addEdges(Value value, bool fusible, SmallVectorImpl<Edge> &edges) {
  if (isInlined(value)) {
    auto broadcast = value.getDefiningOp<BroadcastOp>();
    if (fusible && broadcast && isRowBroadcast(broadcast) && !isInlined(broadcast.getOperand())) {
      Value row = broadcast.getOperand();
      edges.push_back({getSourceOfViews(row), !isView(row.getDefiningOp()), true});
      return;
    }
    for (Value operand : value.getDefiningOp()->getOperands())
      addEdges(operand, false, edges);
    return;
  }
  edges.push_back({getSourceOfViews(value), fusible && !isView(value.getDefiningOp()), false});
}

static SmallVector<Edge> findEdges(Operation *op) {
  SmallVector<Edge> edges;
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    addEdges(operand, isLocalOperand(op, index), edges);
  for (Region &region : op->getRegions())
    region.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (operand.getParentRegion()->isProperAncestor(&region) || operand.getParentRegion() == op->getParentRegion())
          addEdges(operand, false, edges);
    });
  return edges;
}

ArrayRef<Edge> Clusters::getEdges(Operation *op) const {
  auto [place, isNew] = edges.try_emplace(op);
  if (isNew)
    place->second = std::make_unique<SmallVector<Edge>>(findEdges(op));
  return *place->second;
}

/// What must run before `op`: the operations of this block that make what it reads, and the packing of its operands.
const Clusters::Needs &Clusters::getNeeds(Operation *op) const {
  auto [place, isNew] = needs.try_emplace(op);
  if (!isNew)
    return *place->second;
  auto found = std::make_unique<Needs>();
  for (const Edge &edge : getEdges(op))
    if (Operation *producer = edge.source.getDefiningOp(); producer && producer->getBlock() == &block)
      found->producers.push_back(producer);
  op->walk([&](ContractOp contract) {
    SmallVector<Packing> packings = getPackings(contract);
    for (const std::unique_ptr<Node> &candidate : nodes)
      if (candidate->kind == Node::Kind::Pack && llvm::is_contained(packings, candidate->packing))
        found->packs.push_back(candidate.get());
  });
  Needs &result = *found;
  needs[op] = std::move(found);
  return result;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

Clusters::Clusters(Block &block, ArrayRef<Packing> packings, llvm::SmallPtrSetImpl<Operation *> &keepsOutOfEpilogue)
    : block(block), keepsOutOfEpilogue(keepsOutOfEpilogue) {
  addSeeds();
  for (const Packing &packing : packings) {
    Node *node = addNode(Node::Kind::Pack, packing.source.getDefiningOp());
    node->packing = packing;
  }
  SmallVector<Node *> reductions;
  for (const std::unique_ptr<Node> &node : nodes)
    if (node->family == Family::RowReduce || node->family == Family::ColumnReduce ||
        node->family == Family::GatherScatter)
      reductions.push_back(node.get());
  for (Node *node : reductions)
    addToTable(node);
  for (Node *node : llvm::reverse(reductions))
    pullProducers(node);
  for (const std::unique_ptr<Node> &node : nodes)
    if (node->family == Family::Contract)
      addColumnSums(node.get());
  growKernels();
  llvm::erase_if(
      nodes, [](const std::unique_ptr<Node> &node) { return node->kind == Node::Kind::Compute && node->ops.empty(); });
}

Node *Clusters::addNode(Node::Kind kind, Operation *op) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->position = nodes.size();
  if (kind != Node::Kind::Pack) {
    node->ops.insert(op);
    owners[op] = node.get();
  }
  nodes.push_back(std::move(node));
  return nodes.back().get();
}

void Clusters::addSeeds() {
  for (Operation &op : block.without_terminator()) {
    if (op.getNumRegions()) {
      addNode(Node::Kind::Regions, &op);
    } else if (isa<ConcatOp>(op)) {
      addNode(Node::Kind::Concat, &op);
    } else if (isa<ContractOp>(op)) {
      Node *node = addNode(Node::Kind::Compute, &op);
      node->family = Family::Contract;
      node->shape.assign(shapeOf(op.getResult(0)).begin(), shapeOf(op.getResult(0)).end());
    } else if (std::optional<Family> family = getSeedFamily(&op)) {
      Node *node = addNode(Node::Kind::Compute, &op);
      node->family = *family;
      // What an update writes are the entries of the box.
      ArrayRef<int64_t> shape = shapeOf(op.getOperand(isa<DynamicUpdateSliceOp>(op) ? 1 : 0));
      node->shape.assign(shape.begin(), shape.end());
    }
  }
}

bool Clusters::isUsedOnlyIn(Value value, const SetVector<Operation *> &ops) const {
  for (Operation *user : value.getUsers()) {
    if (ops.contains(user))
      continue;
    if (user->getBlock() != &block || user->getNumResults() != 1 || !isInlined(user->getResult(0)) ||
        !isUsedOnlyIn(user->getResult(0), ops))
      return false;
  }
  return true;
}

bool moru::isWidening(Operation *op) {
  return op && isa<ConvertOp>(op) && typeOf(op->getOperand(0)).getElementType().isBF16() &&
         typeOf(op->getResult(0)).getElementType().isF32();
}

/// `value` is made once for many calls, and `reader` is not.
static bool isMadeOnce(Value value, Operation *reader) {
  return isOfParameters(value) && !isWidening(value.getDefiningOp()) && !isOfParameters(reader->getResult(0));
}

/// One makes something once for many calls, the other one does not.
static bool isPartlyMadeOnce(const Node *a, const Node *b) {
  auto isOnce = [](Operation *op) { return isOfParameters(op->getResult(0)) && !isWidening(op); };
  auto isEachTime = [](Operation *op) { return !isOfParameters(op->getResult(0)); };
  return (llvm::any_of(a->ops, isOnce) && llvm::any_of(b->ops, isEachTime)) ||
         (llvm::any_of(b->ops, isOnce) && llvm::any_of(a->ops, isEachTime));
}

/// What rows are added to is where their sums are kept: a sum of another value and a scatter_add that nothing else
/// reads becomes a part of its kernel, which adds to that value's entries.
void Clusters::addToTable(Node *node) {
  auto scatter = dyn_cast<ScatterAddOp>(node->ops.front());
  auto add = scatter && scatter->hasOneUse() ? dyn_cast<AddOp>(*scatter->user_begin()) : nullptr;
  if (!add || add->getBlock() != &block)
    return;
  Value table = add.getLhs() == scatter.getResult() ? add.getRhs() : add.getLhs();
  Node *maker = getProducer(table);
  bool isMadeForIt = table.hasOneUse() && table.getDefiningOp() && !isView(table.getDefiningOp()) && maker &&
                     maker != node && maker->kind == Node::Kind::Compute;
  if (!isMadeForIt || isInlined(table) || shapeOf(table) == ArrayRef<int64_t>(node->shape))
    return;
  node->ops.insert(add);
  owners[add] = node;
}

/// Elementwise work whose only reader is a reduction happens on the way into it.
void Clusters::pullProducers(Node *node) {
  SmallVector<Operation *> worklist(node->ops.begin(), node->ops.end());
  while (!worklist.empty()) {
    for (Edge edge : getEdges(worklist.pop_back_val())) {
      Operation *producer = edge.source.getDefiningOp();
      if (!edge.fusible || edge.perRow || !producer || producer->getBlock() != &block || owners.count(producer) ||
          !isMapLike(producer) || isMadeOnce(edge.source, node->ops.front()) ||
          shapeOf(edge.source) != ArrayRef<int64_t>(node->shape) || !isUsedOnlyIn(edge.source, node->ops))
        continue;
      node->ops.insert(producer);
      owners[producer] = node;
      worklist.push_back(producer);
    }
  }
}

/// Where the kernel of a contraction copies its rhs into panels, it sees each entry once: sums over the contracted axes
/// become a part of it.
void Clusters::addColumnSums(Node *node) {
  auto contract = node->ops.empty() ? nullptr : dyn_cast<ContractOp>(node->ops.front());
  if (!contract || contract->hasAttr(kernel::KernelDialect::kPlanesAttr))
    return;
  Packing rhs = getPacking(contract, /*isLhs=*/false, 0);
  if (!copiesPanels(contract, rhs) || !llvm::is_sorted(rhs.permutation))
    return;
  SmallVector<int64_t> over = llvm::to_vector(llvm::seq<int64_t>(0, contract.getRhsOver().size()));
  for (Operation *user : rhs.source.getUsers())
    if (auto sum = dyn_cast<ReduceSumOp>(user);
        sum && sum->getBlock() == &block && getReducedAxes(sum) == ArrayRef(over))
      if (Node *owner = getOwner(sum); owner->family == Family::ColumnReduce && owner->ops.size() == 1)
        tryMerge(node, owner);
}

/// Whether `op` may be a part of a kernel like `node`, by its shape and kind alone.
bool Clusters::accepts(Node *node, Operation *op) const {
  if (node->kind != Node::Kind::Compute)
    return false;
  ArrayRef<int64_t> full = node->shape;
  bool isFull = isReduction(op) ? shapeOf(op->getOperand(0)) == full : shapeOf(op->getResult(0)) == full;
  switch (node->family) {
  case Family::Map:
    return isFull && (isMapLike(op) || isRowReduction(op));
  case Family::Contract:
    // The result of one that splits both operands holds its sums on the way.
    return isFull && op->hasTrait<OpTrait::Elementwise>() && !keepsOutOfEpilogue.contains(op) &&
           !llvm::any_of(node->ops, [](Operation *member) {
             auto contract = dyn_cast<ContractOp>(member);
             return contract && splitsAlongDepth(contract);
           });
  case Family::RowReduce:
    if (isa<TopKOp>(node->ops.front()))
      return false;
    if (isReduction(op))
      return isFull && isRowReduction(op);
    return isMapLike(op) && (isFull || shapeOf(op->getResult(0)) == full.drop_back());
  case Family::ColumnReduce:
  case Family::GatherScatter:
    return false;
  }
  llvm_unreachable("all families are covered");
}

/// What `guest` makes is read in `host` and in itself alone.
bool Clusters::servesAlone(Node *guest, Node *host) const {
  SetVector<Operation *> readers(host->ops.begin(), host->ops.end());
  readers.insert_range(guest->ops);
  return llvm::all_of(guest->ops, [&](Operation *op) {
    return llvm::all_of(op->getResults(), [&](Value result) { return isUsedOnlyIn(result, readers); });
  });
}

/// All members of `guest` may be parts of `host`. Only what follows a contraction joins it, or serves that alone.
bool Clusters::hosts(Node *host, Node *guest, bool guestFollows) const {
  if (guest->kind != Node::Kind::Compute || (guest->family != Family::Map && guest->family != Family::RowReduce) ||
      (host->family == Family::Contract && !guestFollows && !servesAlone(guest, host)))
    return false;
  return llvm::all_of(guest->ops, [&](Operation *op) { return accepts(host, op); });
}

/// The largest values first: what is saved by keeping them within a kernel decides which of two merges that exclude
/// each other is made.
void Clusters::growKernels() {
  struct Candidate {
    Operation *producer, *consumer;
    int64_t bytes;
    unsigned position;
  };
  SmallVector<Candidate> candidates;
  for (auto [position, op] : llvm::enumerate(block.without_terminator())) {
    if (isView(&op) || op.getNumResults() == 0 || isInlined(op.getResult(0)))
      continue;
    if (!getOwner(&op)) {
      Node *node = addNode(Node::Kind::Compute, &op);
      node->shape.assign(shapeOf(op.getResult(0)).begin(), shapeOf(op.getResult(0)).end());
    }
    for (Edge edge : getEdges(&op))
      if (edge.fusible && getProducer(edge.source) && !isMadeOnce(edge.source, &op)) {
        RankedTensorType type = typeOf(edge.source);
        int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
        candidates.push_back({edge.source.getDefiningOp(), &op, bytes, static_cast<unsigned>(position)});
      }
  }
  llvm::sort(candidates, [](const Candidate &a, const Candidate &b) {
    return std::tie(b.bytes, a.position) < std::tie(a.bytes, b.position);
  });
  // A merge can make another one possible (a map becomes a row reduction), so until nothing changes.
  for (bool changed = true; changed;) {
    changed = false;
    for (const Candidate &candidate : candidates) {
      Node *producer = getOwner(candidate.producer), *consumer = getOwner(candidate.consumer);
      if (producer == consumer)
        continue;
      if (hosts(producer, consumer, true))
        changed |= tryMerge(producer, consumer);
      else if (hosts(consumer, producer, false))
        changed |= tryMerge(consumer, producer);
    }
  }
  if (block.getParentOp()->getContext()->getRemarkEngine())
    for (const Candidate &candidate : candidates)
      if (getOwner(candidate.producer) != getOwner(candidate.consumer))
        remarkApart(candidate.producer, candidate.consumer);
}

bool Clusters::tryMerge(Node *into, Node *from) {
  if (!whyNotMerge(into, from).empty())
    return false;
  if (from->family == Family::RowReduce)
    into->family = Family::RowReduce;
  for (Operation *op : from->ops) {
    into->ops.insert(op);
    owners[op] = into;
  }
  from->ops.clear();
  return true;
}

/// No edge between the two that is not fusible, and no path from one to the other through a third: empty, or what is in
/// the way.
StringRef Clusters::whyNotMerge(Node *a, Node *b) const {
  if (isPartlyMadeOnce(a, b))
    return "one of them is made once for many calls";
  bool isRow = a->family == Family::RowReduce || b->family == Family::RowReduce;
  SetVector<Node *> frontier;
  for (Node *node : {a, b})
    for (Operation *op : node->ops)
      for (Edge edge : getEdges(op)) {
        Node *producer = getProducer(edge.source);
        if (producer == a || producer == b) {
          if (!edge.fusible || (edge.perRow && !isRow))
            return "an entry depends on more than the entry at its own place";
        } else if (producer) {
          frontier.insert(producer);
        }
      }
  if (reaches({a, b}, frontier.getArrayRef()))
    return "another kernel has to run between the two";
  return {};
}

//===----------------------------------------------------------------------===//
// Remarks
//===----------------------------------------------------------------------===//

/// Why neither may be a part of the other's kernel, by kind and shape.
StringRef Clusters::whyNotHosted(Node *producer, Node *consumer) const {
  if (producer->family == Family::ColumnReduce || producer->family == Family::GatherScatter)
    return "no entry is known before all are added up";
  if (consumer->family == Family::ColumnReduce || consumer->family == Family::GatherScatter)
    return "what is added up is needed elsewhere too";
  if (consumer->family == Family::Contract)
    return "the kernel of a contraction takes only what follows it, or serves that alone";
  if (llvm::any_of(consumer->ops, [&](Operation *op) { return keepsOutOfEpilogue.contains(op); }))
    return "it updates an argument in a pass of its own";
  if (producer->family == Family::Contract && consumer->family == Family::RowReduce)
    return "the rows of a contraction are not whole before it ends";
  return "the two work on different shapes";
}

/// Says of an edge that could have stayed within one kernel why it does not.
void Clusters::remarkApart(Operation *producer, Operation *consumer) const {
  Node *from = getOwner(producer), *to = getOwner(consumer);
  bool isHosted = hosts(from, to, true) || hosts(to, from, false);
  remark::missed(consumer->getLoc(), remark::RemarkOpts::name("Fused").category(DEBUG_TYPE))
      << (consumer->getName().stripDialect() + " is not fused with " + producer->getName().stripDialect() + ": " +
          (isHosted ? whyNotMerge(from, to) : whyNotHosted(from, to)))
             .str();
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

Node *Clusters::getProducer(Value value) const {
  Operation *op = getSourceOfViews(value).getDefiningOp();
  return op && op->getBlock() == &block ? getOwner(op) : nullptr;
}

void Clusters::forEachDependency(Node *node, function_ref<void(Node *)> visit) const {
  auto see = [&](Node *producer) {
    if (producer && producer != node)
      visit(producer);
  };
  for (Node *earlier : node->after)
    see(earlier);
  if (node->kind == Node::Kind::Pack) {
    SetVector<Value> sources;
    collectSources(node->packing.source, sources);
    for (Value source : sources)
      see(getProducer(source));
  }
  for (Operation *op : node->ops) {
    const Needs &needs = getNeeds(op);
    for (Operation *producer : needs.producers)
      see(getOwner(producer));
    for (Node *pack : needs.packs)
      see(pack);
  }
}

bool Clusters::reaches(ArrayRef<Node *> from, ArrayRef<Node *> to) const {
  SmallVector<Node *> worklist(to);
  SmallPtrSet<Node *, 16> seen(to.begin(), to.end());
  while (!worklist.empty()) {
    Node *node = worklist.pop_back_val();
    if (llvm::is_contained(from, node))
      return true;
    forEachDependency(node, [&](Node *dependency) {
      if (seen.insert(dependency).second)
        worklist.push_back(dependency);
    });
  }
  return false;
}

SmallVector<Node *> Clusters::getOrder() const {
  // The position of a node is that of its last operation, so that it comes where the program has it.
  DenseMap<Operation *, unsigned> positions;
  for (auto [index, op] : llvm::enumerate(block))
    positions[&op] = index + 1;
  auto rank = [&](Node *node) {
    unsigned last = 0;
    for (Operation *op : node->ops)
      last = std::max(last, positions.lookup(op));
    if (node->kind == Node::Kind::Pack)
      if (Operation *op = node->packing.source.getDefiningOp(); op && op->getBlock() == &block)
        last = positions.lookup(op);
    return std::make_pair(last, node->position);
  };
  SmallVector<Node *> sorted;
  for (const std::unique_ptr<Node> &node : nodes)
    sorted.push_back(node.get());
  llvm::sort(sorted, [&](Node *a, Node *b) { return rank(a) < rank(b); });

  SmallVector<Node *> order;
  SmallPtrSet<Node *, 16> placed;
  std::function<void(Node *)> place = [&](Node *node) {
    if (!placed.insert(node).second)
      return;
    SetVector<Node *> found;
    forEachDependency(node, [&](Node *dependency) { found.insert(dependency); });
    SmallVector<Node *> dependencies = found.takeVector();
    llvm::sort(dependencies, [&](Node *a, Node *b) { return rank(a) < rank(b); });
    for (Node *dependency : dependencies)
      place(dependency);
    order.push_back(node);
  };
  for (Node *node : sorted)
    place(node);
  return order;
}

SmallVector<Value> Clusters::getOutputs(Node *node) const {
  SmallVector<Value> outputs;
  for (Operation *op : node->ops) {
    // What makes several results makes them all.
    if (llvm::all_of(op->getResults(), [&](Value result) { return isUsedOnlyIn(result, node->ops); }))
      continue;
    for (Value result : op->getResults())
      if (op->getNumResults() > 1 || !isUsedOnlyIn(result, node->ops))
        outputs.push_back(result);
  }
  llvm::sort(outputs, [](Value a, Value b) {
    if (a.getDefiningOp() == b.getDefiningOp())
      return cast<OpResult>(a).getResultNumber() < cast<OpResult>(b).getResultNumber();
    return a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
  });
  return outputs;
}

bool Clusters::reads(Node *node, Value value) const {
  SetVector<Value> sources;
  if (node->kind == Node::Kind::Pack)
    collectSources(node->packing.source, sources);
  for (Value source : sources)
    if (getSourceOfViews(source) == value)
      return true;
  return llvm::any_of(node->ops, [&](Operation *op) {
    return llvm::any_of(getEdges(op), [&](const Edge &edge) { return edge.source == value; });
  });
}

bool Clusters::readsInPlace(Node *node, Value value) const {
  // The sums are zero before anything is added to them.
  if (llvm::any_of(node->ops, llvm::IsaPred<ScatterAddOp>))
    return false;
  unsigned updates = 0;
  // Before a box is written, all else is: who reads the box's entries must not find that instead.
  bool writesBox = llvm::any_of(node->ops, llvm::IsaPred<DynamicUpdateSliceOp>);
  for (Operation *op : node->ops) {
    // An update leaves what it does not replace where it is.
    auto update = dyn_cast<DynamicUpdateSliceOp>(op);
    bool isUpdated = update && update.getOperand() == value;
    for (auto [index, edge] : llvm::enumerate(getEdges(op))) {
      if (edge.source != value)
        continue;
      if (isUpdated && index == 0)
        ++updates;
      else if (writesBox || !edge.fusible || edge.perRow || shapeOf(value) != ArrayRef<int64_t>(node->shape))
        return false;
    }
  }
  return updates == 0 || llvm::count_if(node->ops, [&](Operation *op) {
                           return llvm::any_of(getEdges(op), [&](const Edge &edge) { return edge.source == value; });
                         }) == 1;
}
