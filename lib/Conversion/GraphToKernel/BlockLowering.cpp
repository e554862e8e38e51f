//===- BlockLowering.cpp - the kernels of one block -----------------------===//
// Homes of values, then one kernel per node in the order of Clusters. Loops stand in LowerScans.cpp.
//===----------------------------------------------------------------------===//

#include "BlockLowering.h"

#include "Labels.h"
#include "moru/Dialect/Kernel/Cost.h"
#include "moru/Dialect/Kernel/PaddedRows.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "graph-to-kernel"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static BufferType bufferTypeOf(Value value) { return cast<BufferType>(value.getType()); }

//===----------------------------------------------------------------------===//
// Buffers and kernels
//===----------------------------------------------------------------------===//

Value BlockLowering::createAlloc(RankedTensorType type, Location loc, Attribute layout) {
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.getInsertionBlock();
  Operation *last = nullptr;
  for (Operation &op : *block) {
    if (!isa<AllocOp>(op))
      break;
    last = &op;
  }
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(block);
  return AllocOp::create(builder, loc, BufferType::get(type, layout), IntegerAttr());
}

Value BlockLowering::createView(Value buffer, Placement placement, ArrayRef<int64_t> shape) {
  BufferType type = getStridedBuffer(shape, bufferTypeOf(buffer).getElementType(), placement.strides);
  if (placement.offset == 0 && type == buffer.getType())
    return buffer;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(buffer);
  // Allocations stay in front, so that a plan is read from the top.
  while (builder.getInsertionPoint() != builder.getInsertionBlock()->end() &&
         isa<AllocOp>(*builder.getInsertionPoint()))
    builder.setInsertionPointAfter(&*builder.getInsertionPoint());
  return ViewOp::create(builder, buffer.getLoc(), type, buffer, placement.offset);
}

Value BlockLowering::createSlot(OpBuilder &at, Value buffer, Value step, int64_t scale, int64_t offset, int64_t modulus,
                                int64_t axis, Location loc) {
  BufferType type = bufferTypeOf(buffer);
  SmallVector<int64_t> shape(type.getShape()), strides = type.getStrides();
  shape.erase(shape.begin() + axis);
  strides.erase(strides.begin() + axis);
  return SlotOp::create(at, loc, getStridedBuffer(shape, type.getElementType(), strides), buffer, step, scale, offset,
                        modulus, axis);
}

ComputeOp BlockLowering::beginKernel(Family family, StringRef label, ArrayRef<Value> reads, ArrayRef<Value> writes,
                                     Location loc) {
  auto op = ComputeOp::create(builder, loc, family, label, reads, writes);
  return op;
}

void BlockLowering::endKernel(ComputeOp op, ArrayRef<Value> results) {
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  kernel::YieldOp::create(body, op.getLoc(), results);
  kernel::noteCost(op);
}

//===----------------------------------------------------------------------===//
// Homes
//===----------------------------------------------------------------------===//

bool BlockLowering::forceHome(Value value, Value buffer, Value overwritten) {
  Operation *op = value.getDefiningOp();
  Node *node = op && op->getBlock() == &source ? clusters.getOwner(op) : nullptr;
  if (!node || isa<ScanOp, graph::WhileOp>(op) || node->kind == Node::Kind::Pack || state.homes.count(value))
    return false;
  // Between its stretches sums lie in the result, which must not be a part of what is read.
  if (auto contract = dyn_cast<ContractOp>(op); contract && splitsAlongDepth(contract) && buffer.getDefiningOp())
    return false;
  if (overwritten)
    if (node->kind != Node::Kind::Compute || !clusters.readsInPlace(node, overwritten) ||
        !runReadersBefore(overwritten, node))
      return false;
  state.homes[value] = buffer;
  return true;
}

/// Puts the other nodes that read `value` before `node`; false if one of them needs what `node` makes.
bool BlockLowering::runReadersBefore(Value value, Node *node) {
  SmallVector<Node *> readers;
  for (const std::unique_ptr<Node> &other : clusters.getNodes())
    if (other.get() != node && clusters.reads(other.get(), value))
      readers.push_back(other.get());
  if (clusters.reaches(node, readers))
    return false;
  node->after.insert(readers.begin(), readers.end());
  return true;
}

bool BlockLowering::forceHomeOfSource(Value value, Value buffer) {
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<ReshapeOp, TransposeOp>(op))
    return forceHome(value, buffer);
  Value operand = op->getOperand(0);
  BufferType type = bufferTypeOf(buffer);
  std::optional<Placement> placement;
  if (auto transpose = dyn_cast<TransposeOp>(op))
    placement = placeTransposed(transpose, type.getStrides());
  else
    placement = placeReshape(type.getShape(), type.getStrides(), typeOf(operand).getShape());
  if (!placement || state.homes.count(value))
    return false;
  Value home = createView(buffer, *placement, typeOf(operand).getShape());
  if (!forceHomeOfSource(operand, home)) {
    if (home != buffer && home.use_empty())
      home.getDefiningOp()->erase();
    return false;
  }
  state.homes[value] = buffer;
  return true;
}

/// The block's terminator reads `value`, or a view of it.
static bool isYielded(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    return user->hasTrait<OpTrait::IsTerminator>() || (isView(user) && isYielded(user->getResult(0)));
  });
}

/// Reshapes of something that is computed: its entries in their order.
static bool isReshaped(Value value) {
  auto reshape = value.getDefiningOp<ReshapeOp>();
  return reshape && (!isView(reshape.getOperand().getDefiningOp()) || isReshaped(reshape.getOperand()));
}

void BlockLowering::forceHomeOfUpdates(Value value, Value buffer, Value overwritten) {
  for (auto update = value.getDefiningOp<DynamicUpdateSliceOp>(); update;) {
    Value operand = update.getOperand();
    Node *node = clusters.getOwner(update);
    if (operand == overwritten || isYielded(operand) || !clusters.readsInPlace(node, operand) ||
        !operand.getDefiningOp<DynamicUpdateSliceOp>() || !runReadersBefore(operand, node) ||
        !forceHome(operand, buffer, overwritten))
      return;
    update = operand.getDefiningOp<DynamicUpdateSliceOp>();
  }
}

Value BlockLowering::getView(Value value) {
  Operation *op = value.getDefiningOp();
  Value buffer = getBuffer(op->getOperand(0));
  SmallVector<int64_t> strides = bufferTypeOf(buffer).getStrides();
  if (isa<BarrierOp>(op))
    return buffer;
  std::optional<Placement> placement;
  if (auto slice = dyn_cast<SliceOp>(op))
    placement = placeSlice(slice, strides);
  else if (auto transpose = dyn_cast<TransposeOp>(op))
    placement = placeTranspose(transpose, strides);
  else
    placement = placeReshape(bufferTypeOf(buffer).getShape(), strides, typeOf(value).getShape());
  if (placement)
    return createView(buffer, *placement, typeOf(value).getShape());
  Value copy = createAlloc(typeOf(value), value.getLoc());
  ComputeOp kernel = beginKernel(Family::Map, "reshape", {buffer}, {copy}, value.getLoc());
  OpBuilder body = OpBuilder::atBlockEnd(kernel.getBodyBlock());
  endKernel(kernel, {ReshapeOp::create(body, value.getLoc(), value.getType(), kernel.getBodyBlock()->getArgument(0))});
  return copy;
}

Value BlockLowering::getBuffer(Value value) {
  if (Value home = state.homes.lookup(value))
    return home;
  if (isInlined(value)) {
    Value buffer = createAlloc(typeOf(value), value.getLoc());
    emitCopy(value, buffer);
    return buffer;
  }
  assert(isView(value.getDefiningOp()) && "every value that a node makes has a home before it is read");
  return getView(value);
}

/// Clones into `body` what computes `value` from the values in `mapping`.
static Value inlineInto(OpBuilder &body, Value value, IRMapping &mapping) {
  if (Value mapped = mapping.lookupOrNull(value))
    return mapped;
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    inlineInto(body, operand, mapping);
  return body.clone(*op, mapping)->getResult(0);
}

/// Copies arguments that `value` is copied from at the end, or views of them, to buffers of their own where another
/// value takes the argument's place before that.
void BlockLowering::saveOverwritten(Value value, ArrayRef<Destination> destinations) {
  SetVector<Value> sources;
  collectSources(value, sources);
  for (Value source : sources) {
    bool isOverwritten = llvm::any_of(destinations, [&](const Destination &destination) {
      return destination.overwritten && destination.overwritten == getSourceOfViews(source);
    });
    if (!isOverwritten || saved.count(source))
      continue;
    Value buffer = createAlloc(typeOf(source), source.getLoc());
    emitCopy(source, buffer);
    saved[source] = buffer;
  }
}

void BlockLowering::emitCopy(Value value, Value buffer) {
  SetVector<Value> sources;
  collectSources(value, sources);
  SmallVector<Value> reads;
  for (Value source : sources)
    reads.push_back(saved.count(source) ? saved[source] : getBuffer(source));
  std::string label;
  if (sources.empty())
    label = "fill";
  else if (isInlined(value))
    label = describe({value.getDefiningOp()});
  else
    label = describeMove("copy", value, reads.front());
  ComputeOp kernel = beginKernel(Family::Map, label, reads, {buffer}, value.getLoc());
  IRMapping mapping;
  for (auto [source, argument] : llvm::zip(sources, kernel.getBodyBlock()->getArguments()))
    mapping.map(source, argument);
  OpBuilder body = OpBuilder::atBlockEnd(kernel.getBodyBlock());
  endKernel(kernel, {inlineInto(body, value, mapping)});
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

void BlockLowering::run(ArrayRef<Destination> destinations) {
  SmallVector<Destination> copies;
  for (const Destination &destination : destinations)
    if (forceHome(destination.value, destination.buffer, destination.overwritten))
      forceHomeOfUpdates(destination.value, destination.buffer, destination.overwritten);
    else if (destination.overwritten || !isReshaped(destination.value) ||
             !forceHomeOfSource(destination.value, destination.buffer))
      copies.push_back(destination);
  for (const Destination &copy : copies)
    saveOverwritten(copy.value, destinations);
  emitNodes();
  for (const Destination &copy : copies)
    emitCopy(copy.value, copy.buffer);
}

void BlockLowering::emitNodes() {
  prepareScans();
  prepareWhiles();
  prepareConcats();
  preparePaddedRows();
  prepareMerges();
  for (Node *node : clusters.getOrder()) {
    switch (node->kind) {
    case Node::Kind::Compute:
      emitCompute(*node);
      break;
    case Node::Kind::Pack:
      emitPack(*node);
      break;
    case Node::Kind::Concat:
      emitConcat(cast<ConcatOp>(node->ops.front()));
      break;
    case Node::Kind::Regions:
      TypeSwitch<Operation *>(node->ops.front())
          .Case([&](ScanOp op) { emitScan(op); })
          .Case([&](graph::CondOp op) { emitCond(op); })
          .Case([&](graph::WhileOp op) { emitWhile(op); });
      break;
    }
  }
}

/// The operand with its axes in the order of `packing`, and its groups collapsed.
static Value arrange(OpBuilder &body, const Packing &packing, IRMapping &mapping) {
  Location loc = packing.source.getLoc();
  Value value = inlineInto(body, packing.source, mapping);
  if (!llvm::equal(packing.permutation, llvm::seq<int64_t>(0, packing.permutation.size())))
    value = TransposeOp::create(body, loc, value, packing.permutation);
  if (typeOf(value).getShape() != ArrayRef<int64_t>(packing.shape))
    value = ReshapeOp::create(body, loc, typeOf(value).clone(packing.shape), value);
  return value;
}

void BlockLowering::emitPack(Node &node) {
  const Packing &packing = node.packing;
  Location loc = packing.source.getLoc();
  auto type = RankedTensorType::get(packing.shape, typeOf(packing.source).getElementType());
  // Few columns (an attention head's) are multiplied with half a panel, and packed as such.
  bool isNarrow = packing.shape.back() <= state.panelWidth / 2 && state.panelWidth % 2 == 0;
  Attribute layout;
  if (!packing.isLhs)
    layout = PanelsAttr::get(builder.getContext(), isNarrow ? state.panelWidth / 2 : state.panelWidth);
  if (packing.planes)
    layout = TilesAttr::get(builder.getContext(), packing.isLhs ? TileSide::Lhs : TileSide::Rhs, packing.planes);
  Value buffer = createAlloc(type, loc, layout);
  SetVector<Value> sources;
  collectSources(packing.source, sources);
  SmallVector<Value> reads;
  for (Value source : sources)
    reads.push_back(getBuffer(source));
  std::string label = reads.size() == 1 ? describeMove("pack", packing.source, reads.front()) : "pack";
  if (!llvm::is_sorted(packing.permutation))
    label += " transposed";
  ComputeOp kernel = beginKernel(Family::Map, label, reads, {buffer}, loc);
  OpBuilder body = OpBuilder::atBlockEnd(kernel.getBodyBlock());
  IRMapping mapping;
  for (auto [source, argument] : llvm::zip(sources, kernel.getBodyBlock()->getArguments()))
    mapping.map(source, argument);
  endKernel(kernel, {arrange(body, packing, mapping)});
  state.packed.push_back({packing, buffer});
}

/// The contraction of packed operands, which are the kernel's last arguments: in the order batch, over, free.
static Value emitContract(OpBuilder &body, ContractOp op, ArrayRef<Packing> packings, ComputeOp kernel,
                          IRMapping &mapping) {
  size_t numBatch = op.getRhsBatch().size(), numOver = op.getRhsOver().size();
  auto expand = [&](const Packing &packing, Value collapsed) -> Value {
    SmallVector<int64_t> shape;
    for (int64_t axis : packing.permutation)
      shape.push_back(typeOf(packing.source).getDimSize(axis));
    if (shape == packing.shape)
      return collapsed;
    return ReshapeOp::create(body, op.getLoc(), typeOf(collapsed).clone(shape), collapsed);
  };
  SmallVector<int64_t> batch = llvm::to_vector(llvm::seq<int64_t>(0, numBatch));
  SmallVector<int64_t> over = llvm::to_vector(llvm::seq<int64_t>(numBatch, numBatch + numOver));
  ArrayRef<BlockArgument> packed = kernel.getBodyBlock()->getArguments().take_back(packings.size());
  Attribute planes = op->getAttr(KernelDialect::kPlanesAttr);
  auto getOperand = [&](bool isLhs) -> Value {
    for (auto [packing, argument] : llvm::zip_equal(packings, packed))
      if (packing.isLhs == isLhs)
        return expand(packing, argument);
    Packing packing = getTilePacking(op, planes ? cast<IntegerAttr>(planes).getInt() : 0, isLhs);
    return expand(packing, arrange(body, packing, mapping));
  };
  if (!planes) {
    Value rhs = getOperand(/*isLhs=*/false);
    if (llvm::any_of(packings, [](const Packing &packing) { return packing.isLhs; })) {
      Value lhs = getOperand(/*isLhs=*/true);
      int64_t rank = typeOf(lhs).getRank();
      SmallVector<int64_t> last = llvm::to_vector(llvm::seq<int64_t>(rank - int64_t(numOver), rank));
      return ContractOp::create(body, op.getLoc(), lhs, rhs, last, over, batch, batch).like(op);
    }
    SmallVector<int64_t> lhsOver(op.getLhsOver());
    llvm::sort(lhsOver);
    return ContractOp::create(body, op.getLoc(), inlineInto(body, op.getLhs(), mapping), rhs, lhsOver, over,
                              op.getLhsBatch(), batch)
        .like(op);
  }
  Value lhs = getOperand(/*isLhs=*/true), rhs = getOperand(/*isLhs=*/false);
  ContractOp contract = ContractOp::create(body, op.getLoc(), lhs, rhs, over, over, batch, batch).like(op);
  contract->setAttr(KernelDialect::kPlanesAttr, planes);
  if (Attribute padded = op->getAttr(kPaddedRowsAttr))
    contract->setAttr(kPaddedRowsAttr, padded);
  return contract;
}

/// The first entries of each row of `value`, which has more of them than `type`.
static Value cutRows(OpBuilder &body, Value value, RankedTensorType type) {
  SmallVector<int64_t> starts(type.getRank(), 0), steps(type.getRank(), 1);
  return SliceOp::create(body, value.getLoc(), type, value, starts, type.getShape(), steps);
}

void BlockLowering::emitCompute(Node &node) {
  SmallVector<Operation *> ops(node.ops.begin(), node.ops.end());
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  ContractOp contract;
  SmallVector<Packing> packings;
  SetVector<Value> sources;
  for (Operation *op : ops) {
    if (auto found = dyn_cast<ContractOp>(op)) {
      contract = found;
      packings = getPackings(found);
      // What is not packed is read where it lies.
      auto planes = found->getAttrOfType<IntegerAttr>(KernelDialect::kPlanesAttr);
      for (bool isLhs : {true, false}) {
        if (llvm::any_of(packings, [&](const Packing &packing) { return packing.isLhs == isLhs; }))
          continue;
        if (isLhs && !planes)
          sources.insert(found.getLhs());
        else
          collectSources(getTilePacking(found, planes ? planes.getInt() : 0, isLhs).source, sources);
      }
      continue;
    }
    for (Value operand : op->getOperands())
      collectSources(operand, sources);
  }
  sources.remove_if([&](Value value) { return value.getDefiningOp() && node.ops.contains(value.getDefiningOp()); });

  SmallVector<Value> outputs = clusters.getOutputs(&node);
  if (outputs.empty())
    return;
  SmallVector<Value> reads, writes;
  Value padded =
      contract && contract->hasAttr(kPaddedRowsAttr) ? getTilePacking(contract, /*isLhs=*/true).source : Value();
  for (Value source : sources)
    reads.push_back(source == padded ? getBuffer(source).getDefiningOp<ViewOp>().getSource() : getBuffer(source));
  for (const Packing &packing : packings)
    reads.push_back(llvm::find_if(state.packed, [&](const auto &packed) { return packed.first == packing; })->second);
  SmallVector<Location> locations;
  for (Operation *op : ops)
    locations.push_back(op->getLoc());
  for (Value output : outputs) {
    Value &home = state.homes[output];
    if (!home)
      home = createAlloc(typeOf(output), output.getLoc());
    writes.push_back(state.homes[output]);
  }

  Location loc = builder.getFusedLoc(locations);
  // What a kernel is about comes first in its name.
  SmallVector<Operation *> named;
  for (bool isContract : {true, false})
    llvm::copy_if(ops, std::back_inserter(named), [&](Operation *op) { return isa<ContractOp>(op) == isContract; });
  std::string label = describe(named, outputs, writes);
  SmallVector<Value> yielded(outputs);
  for (Value output : outputs)
    for (Value other : state.otherHomes.lookup(output)) {
      yielded.push_back(output);
      writes.push_back(other);
    }
  ComputeOp kernel = beginKernel(node.family, label, reads, writes, loc);
  OpBuilder body = OpBuilder::atBlockEnd(kernel.getBodyBlock());
  IRMapping mapping;
  for (auto [source, argument] : llvm::zip(sources, kernel.getBodyBlock()->getArguments()))
    mapping.map(source, source == padded ? cutRows(body, argument, typeOf(source)) : argument);
  for (Operation *op : ops) {
    if (op != contract.getOperation()) {
      for (Value operand : op->getOperands())
        inlineInto(body, operand, mapping);
      body.clone(*op, mapping);
      continue;
    }
    mapping.map(contract.getResult(), emitContract(body, contract, packings, kernel, mapping));
  }
  SmallVector<Value> results;
  for (Value output : yielded)
    results.push_back(mapping.lookup(output));
  endKernel(kernel, results);
  if (ops.size() > 1)
    remark::passed(loc, remark::RemarkOpts::name("Fused").category(DEBUG_TYPE))
        << (Twine(ops.size()) + " operations into " + stringifyFamily(node.family) + " \"" + kernel.getLabel() + "\"")
               .str();
}

//===----------------------------------------------------------------------===//
// Merged axes
//===----------------------------------------------------------------------===//

/// What is read with its axes in another order and some of them merged is stored in that order, or each reader would
/// have to copy it.
void BlockLowering::prepareMerges() {
  for (ReshapeOp merge : source.getOps<ReshapeOp>())
    if (TransposeOp order = getStorageOrder(merge); order && !state.homes.count(order.getOperand())) {
      Value buffer = createAlloc(typeOf(merge), merge.getLoc());
      if (!forceHomeOfSource(merge, buffer))
        buffer.getDefiningOp()->erase();
    }
}

//===----------------------------------------------------------------------===//
// Padded rows
//===----------------------------------------------------------------------===//

/// Stores `value` with zeros behind each row, up to a whole block; false if its home is elsewhere.
bool BlockLowering::padRows(Value value) {
  RankedTensorType type = typeOf(value);
  SmallVector<int64_t> shape(type.getShape());
  int64_t size = shape.back();
  shape.back() = llvm::alignTo(size, TileShape::kBlock);
  SmallVector<int64_t> strides = getRowMajorStrides(shape);
  Value buffer = createAlloc(type.clone(shape), value.getLoc());
  Value home = createView(buffer, {0, strides}, type.getShape());
  if (!forceHome(value, home)) {
    home.getDefiningOp()->erase();
    buffer.getDefiningOp()->erase();
    return false;
  }
  shape.back() -= size;
  Value rest = createView(buffer, {size, strides}, shape);
  ComputeOp kernel = beginKernel(Family::Map, "fill", {}, {rest}, value.getLoc());
  OpBuilder body = OpBuilder::atBlockEnd(kernel.getBodyBlock());
  endKernel(kernel, {createSplat(body, value.getLoc(), type.clone(shape), 0)});
  return true;
}

void BlockLowering::preparePaddedRows() {
  DenseMap<Value, bool> padded;
  for (ContractOp op : source.getOps<ContractOp>()) {
    if (!op->hasAttr(kPaddedRowsAttr))
      continue;
    Value value = getTilePacking(op, /*isLhs=*/true).source;
    auto [place, isNew] = padded.try_emplace(value, false);
    if (isNew)
      place->second = padRows(value);
    if (!place->second)
      op->removeAttr(kPaddedRowsAttr);
  }
}

//===----------------------------------------------------------------------===//
// Concatenations
//===----------------------------------------------------------------------===//

/// Outer concatenations first, so that the parts of an inner one lie in the outer one's buffer.
void BlockLowering::prepareConcats() {
  for (Operation &op : llvm::reverse(source)) {
    auto concat = dyn_cast<ConcatOp>(op);
    if (!concat)
      continue;
    Value buffer = state.homes.lookup(concat.getResult());
    if (!buffer)
      buffer = state.homes[concat.getResult()] = createAlloc(typeOf(concat.getResult()), concat.getLoc());
    SmallVector<int64_t> strides = bufferTypeOf(buffer).getStrides();
    bool isOverwritten = overwritten.contains(concat.getResult());
    for (auto [index, operand] : llvm::enumerate(concat.getOperands())) {
      if (isOverwritten && !operand.hasOneUse())
        continue;
      Value part = createView(buffer, placeConcatOperand(concat, index, strides), typeOf(operand).getShape());
      if (!forceHome(operand, part) && (isOverwritten || !forceHomeOfSource(operand, part)))
        writeAlso(operand, part, isOverwritten);
      else if (isOverwritten)
        overwritten.insert(operand);
    }
  }
}

/// A value that has its home elsewhere is written to `part` too by its own kernel, where that is a map.
void BlockLowering::writeAlso(Value value, Value part, bool isOverwritten) {
  Operation *op = value.getDefiningOp();
  Node *node = op && op->getBlock() == &source ? clusters.getOwner(op) : nullptr;
  if (!isOverwritten && node && node->kind == Node::Kind::Compute && node->family == Family::Map)
    state.otherHomes[value].push_back(part);
}

/// `buffer` itself, not another view of its place, is a home of `value`.
bool BlockLowering::isHome(Value value, Value buffer) {
  return state.homes.lookup(value) == buffer || llvm::is_contained(state.otherHomes.lookup(value), buffer);
}

/// `a` and `b` are views of the same place of one buffer.
static bool isSamePlace(Value a, Value b) {
  auto first = a ? a.getDefiningOp<ViewOp>() : nullptr, second = b ? b.getDefiningOp<ViewOp>() : nullptr;
  return a == b || (first && second && first.getSource() == second.getSource() && first.getType() == second.getType() &&
                    first.getOffset() == second.getOffset());
}

void BlockLowering::emitConcat(ConcatOp op) {
  Value buffer = state.homes.lookup(op.getResult());
  SmallVector<int64_t> strides = bufferTypeOf(buffer).getStrides();
  for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
    Value part = createView(buffer, placeConcatOperand(op, index, strides), typeOf(operand).getShape());
    bool isThere =
        isSamePlace(state.homes.lookup(operand), part) ||
        llvm::any_of(state.otherHomes.lookup(operand), [&](Value other) { return isSamePlace(other, part); });
    if (!isThere)
      emitCopy(operand, part);
    else if (auto view = part.getDefiningOp<ViewOp>(); view && view.use_empty() && !isHome(operand, part))
      view.erase();
  }
}
