//===- GraphToKernel.cpp - cut a program into kernels over buffers --------===//
// Each function is lowered block by block: Clusters decides what runs together, BlockLowering gives every value that
// passes between kernels a home (a buffer) before its producer is emitted, so that results, slots of loops and parts of
// concatenations are written where they belong. A copy is made only where two demands on one value conflict;
// kernel-verify-plan counts them.
//===----------------------------------------------------------------------===//

#include "Clusters.h"
#include "moru/Conversion/GraphToKernel/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#define DEBUG_TYPE "graph-to-kernel"

namespace moru {
#define GEN_PASS_DEF_GRAPHTOKERNEL
#include "moru/Conversion/GraphToKernel/Passes.h.inc"
} // namespace moru

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static BufferType bufferTypeOf(Value value) { return cast<BufferType>(value.getType()); }

//===----------------------------------------------------------------------===//
// Labels
//===----------------------------------------------------------------------===//

/// The name that the user gave where `value` was made; empty if there is none.
static StringRef getUserName(Value value) {
  Location loc = value.getLoc();
  if (auto fused = dyn_cast<FusedLoc>(loc); fused && !fused.getLocations().empty())
    loc = fused.getLocations().front();
  auto named = dyn_cast<NameLoc>(loc);
  return named ? named.getName().getValue() : StringRef();
}

/// `graph.name` of the argument of the host function that `buffer` is, or is a part of.
static StringRef getArgumentName(Value buffer) {
  while (Operation *view = buffer.getDefiningOp()) {
    if (!isa<ViewOp>(view))
      return {};
    buffer = view->getOperand(0);
  }
  auto argument = cast<BlockArgument>(buffer);
  auto host = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto name = host ? host.getArgAttrOfType<StringAttr>(argument.getArgNumber(), GraphDialect::kNameAttr) : StringAttr();
  return name ? name.getValue() : StringRef();
}

/// "pack W": what is done with an argument, or a named value; only what is done if it has no name.
static std::string describeMove(StringRef verb, Value value, Value buffer) {
  StringRef name = getArgumentName(buffer);
  if (name.empty())
    name = getUserName(value);
  return name.empty() ? verb.str() : (verb + " " + name).str();
}

/// The kinds of operations in program order, each once: "contract+add+tanh". The five of a softmax count as one.
static std::string describe(ArrayRef<Operation *> ops) {
  llvm::SmallSetVector<StringRef, 8> kinds;
  for (Operation *op : ops)
    kinds.insert(op->getName().stripDialect());
  if (kinds.contains("reduce_max") && kinds.contains("exp") && kinds.contains("reduce_sum")) {
    StringRef softmax = kinds.contains("log") ? "log_softmax" : "softmax";
    llvm::SmallSetVector<StringRef, 8> others;
    for (StringRef kind : kinds)
      if (!llvm::is_contained({"reduce_max", "sub", "exp", "reduce_sum", "div", "log"}, kind))
        others.insert(kind);
      else
        others.insert(softmax);
    kinds = others;
  }
  // What a line of a plan or a profile has room for: the first, and the last, which is what is stored.
  constexpr size_t kMaxKinds = 4;
  SmallVector<StringRef> words(kinds.begin(), kinds.end());
  if (words.size() > kMaxKinds)
    words.erase(words.begin() + kMaxKinds - 1, words.end() - 1);
  return llvm::join(words, "+");
}

/// What a kernel is called: after the argument that it updates, the user's word for what it makes, or what it does.
static std::string describe(ArrayRef<Operation *> ops, ArrayRef<Value> outputs, ArrayRef<Value> writes) {
  for (Value write : writes)
    if (auto argument = dyn_cast<BlockArgument>(write))
      if (auto host = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
          host && host.getArgAttr(argument.getArgNumber(), KernelDialect::kUpdatedAttr))
        if (StringRef name = getArgumentName(write); !name.empty())
          return ("update " + name).str();
  StringRef name = getUserName(outputs.back());
  return name.empty() ? describe(ops) : name.str();
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

namespace {
/// Where the entries of a value lie in a buffer.
struct Placement {
  int64_t offset = 0;
  SmallVector<int64_t> strides;
};
} // namespace

static Placement placeSlice(SliceOp op, ArrayRef<int64_t> strides) {
  Placement placement;
  for (auto [start, step, stride] : llvm::zip(op.getStarts(), op.getStrides(), strides)) {
    placement.offset += start * stride;
    placement.strides.push_back(step * stride);
  }
  return placement;
}

static Placement placeTranspose(TransposeOp op, ArrayRef<int64_t> strides) {
  Placement placement;
  for (int64_t axis : op.getPermutation())
    placement.strides.push_back(strides[axis]);
  return placement;
}

/// Strides of `to` over entries that lie as `from` under `strides`, if the reshape keeps each axis within a run of
/// `from`.
static std::optional<Placement> placeReshape(ArrayRef<int64_t> from, ArrayRef<int64_t> strides, ArrayRef<int64_t> to) {
  // Runs of axes that lie densely behind each other, as (size, innermost stride), axes of size 1 left out.
  SmallVector<std::pair<int64_t, int64_t>> runs;
  for (auto [size, stride] : llvm::zip(from, strides)) {
    if (size == 1)
      continue;
    if (!runs.empty() && runs.back().second == size * stride)
      runs.back() = {runs.back().first * size, stride};
    else
      runs.push_back({size, stride});
  }
  Placement placement;
  placement.strides.assign(to.size(), 1);
  for (int64_t axis = static_cast<int64_t>(to.size()) - 1; axis >= 0; --axis) {
    if (to[axis] == 1)
      continue;
    while (!runs.empty() && runs.back().first == 1)
      runs.pop_back();
    if (runs.empty() || runs.back().first % to[axis] != 0)
      return std::nullopt;
    placement.strides[axis] = runs.back().second;
    runs.back() = {runs.back().first / to[axis], runs.back().second * to[axis]};
  }
  return placement;
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

/// Floating-point operations of a region: two per product of a contraction, one per entry of everything elementwise or
/// reduced.
static int64_t countFlops(Block &body) {
  int64_t flops = 0;
  for (Operation &op : body.without_terminator()) {
    if (auto contract = dyn_cast<ContractOp>(op)) {
      int64_t depth = 1;
      for (int64_t axis : contract.getLhsOver())
        depth *= typeOf(contract.getLhs()).getDimSize(axis);
      flops += 2 * depth * typeOf(contract.getResult()).getNumElements();
    } else if (isa<ReduceSumOp, ReduceMaxOp, ScatterAddOp>(op)) {
      flops += typeOf(op.getOperand(0)).getNumElements();
    } else if (op.hasTrait<OpTrait::Elementwise>()) {
      flops += typeOf(op.getResult(0)).getNumElements();
    }
  }
  return flops;
}

/// Bytes of the logical tensors that a kernel reads and writes, each once; of a gathered table the rows that are read.
static int64_t countBytes(ComputeOp op) {
  auto bytesOf = [](RankedTensorType type) {
    return type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
  };
  int64_t bytes = 0;
  for (BlockArgument argument : op.getBodyBlock()->getArguments()) {
    auto gather = argument.hasOneUse() ? dyn_cast<GatherOp>(*argument.user_begin()) : GatherOp();
    bytes += bytesOf(gather && gather.getTable() == argument ? typeOf(gather.getResult()) : typeOf(argument));
  }
  for (Value value : op.getYield().getValues())
    bytes += bytesOf(typeOf(value));
  return bytes;
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

namespace {

/// State of one function's lowering.
struct FunctionState {
  /// The buffer of each value that has one.
  DenseMap<Value, Value> homes;
  /// Further places that the kernel of a value writes it to: its parts of concatenations beyond the first.
  DenseMap<Value, SmallVector<Value>> otherHomes;
  /// Buffers of packed operands, and those wanted by contractions, by the block in which their source is made.
  SmallVector<std::pair<Packing, Value>> packed;
  llvm::MapVector<Block *, SmallVector<Packing>> wanted;
  /// Operations whose results replace an argument.
  SmallPtrSet<Operation *, 16> updates;
  int64_t panelWidth;
};

/// The kernels of one block.
class BlockLowering {
public:
  BlockLowering(Block &source, OpBuilder builder, FunctionState &state)
      : source(source), builder(builder), state(state), clusters(source, state.wanted.lookup(&source), state.updates) {}

  /// Wants `value` in `buffer`; false if somebody must copy it there once it is made. If the buffer is an argument's,
  /// readers of the argument go first.
  bool forceHome(Value value, Value buffer, Value overwritten = {});
  /// Emits everything.
  void run();
  /// The buffer that holds `value`, made on the spot if it has none.
  Value getBuffer(Value value);
  void emitCopy(Value value, Value buffer);
  /// Copies an argument, or a view of one, to a buffer from which it is copied again at the end.
  void saveBeforehand(Value value);

private:
  void prepareConcats();
  void writeAlso(Value value, Value part, bool isOverwritten);
  bool isHome(Value value, Value buffer);
  void prepareScans();
  void emitCompute(Node &node);
  void emitPack(Node &node);
  void emitConcat(ConcatOp op);
  void emitScan(ScanOp op);
  Value getView(Value value);
  Value createView(Value source, Placement placement, ArrayRef<int64_t> shape);
  /// A buffer for what is made at `loc`.
  Value createAlloc(RankedTensorType type, Location loc, Attribute layout = {});
  Value createSlot(OpBuilder &at, Value buffer, Value step, int64_t scale, int64_t offset, int64_t modulus,
                   int64_t axis, Location loc);
  ComputeOp beginKernel(Family family, StringRef label, ArrayRef<Value> reads, ArrayRef<Value> writes, Location loc);
  void endKernel(ComputeOp op, ArrayRef<Value> results);

  /// How the carried values and outputs of a scan are stored.
  struct Carry {
    Value buffer;
    int64_t slots, modulus;
    /// Index of the slot = scale * step + offset.
    int64_t scale, in, out;
    int64_t first, last;
  };
  struct ScanPlan {
    SmallVector<Carry> carries;
    /// Per output: the buffer [length, slice…], or null where a carry's buffer holds it; then `aliased` and `shift` say
    /// which and from where.
    SmallVector<Value> outputs;
    SmallVector<int64_t> aliased, shift;
  };
  ScanPlan planScan(ScanOp op);
  /// The slot of a carried value at a fixed index, outside the loop.
  Value getSlot(const Carry &carry, Value value, int64_t index);

  Block &source;
  OpBuilder builder;
  FunctionState &state;
  Clusters clusters;
  DenseMap<Operation *, ScanPlan> scans;
  DenseMap<Value, Value> saved;
  /// Values in a slot that the loop that reads it overwrites.
  DenseSet<Value> overwritten;
};

} // namespace

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
  op->setAttr("flops", builder.getI64IntegerAttr(countFlops(*op.getBodyBlock())));
  op->setAttr("bytes", builder.getI64IntegerAttr(countBytes(op)));
}

//===----------------------------------------------------------------------===//
// Homes
//===----------------------------------------------------------------------===//

bool BlockLowering::forceHome(Value value, Value buffer, Value overwritten) {
  Operation *op = value.getDefiningOp();
  Node *node = op && op->getBlock() == &source ? clusters.getOwner(op) : nullptr;
  if (!node || node->kind == Node::Kind::Scan || node->kind == Node::Kind::Pack || state.homes.count(value))
    return false;
  if (overwritten) {
    if (node->kind != Node::Kind::Compute || !clusters.readsInPlace(node, overwritten))
      return false;
    SmallVector<Node *> readers;
    for (const std::unique_ptr<Node> &other : clusters.getNodes())
      if (other.get() != node && clusters.reads(other.get(), overwritten))
        readers.push_back(other.get());
    if (llvm::any_of(readers, [&](Node *reader) { return clusters.reaches(node, reader); }))
      return false;
    node->after.insert(readers.begin(), readers.end());
  }
  state.homes[value] = buffer;
  return true;
}

Value BlockLowering::getView(Value value) {
  Operation *op = value.getDefiningOp();
  Value buffer = getBuffer(op->getOperand(0));
  SmallVector<int64_t> strides = bufferTypeOf(buffer).getStrides();
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

void BlockLowering::saveBeforehand(Value value) {
  if (saved.count(value))
    return;
  Value buffer = createAlloc(typeOf(value), value.getLoc());
  emitCopy(value, buffer);
  saved[value] = buffer;
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

void BlockLowering::run() {
  prepareScans();
  prepareConcats();
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
    case Node::Kind::Scan:
      emitScan(cast<ScanOp>(node->ops.front()));
      break;
    }
  }
}

void BlockLowering::emitPack(Node &node) {
  const Packing &packing = node.packing;
  Location loc = packing.source.getLoc();
  auto type = RankedTensorType::get(packing.shape, typeOf(packing.source).getElementType());
  Value buffer = createAlloc(type, loc, PanelsAttr::get(builder.getContext(), state.panelWidth));
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
  Value value = inlineInto(body, packing.source, mapping);
  if (!llvm::equal(packing.permutation, llvm::seq<int64_t>(0, packing.permutation.size())))
    value = TransposeOp::create(body, loc, value, packing.permutation);
  if (value.getType() != type)
    value = ReshapeOp::create(body, loc, type, value);
  endKernel(kernel, {value});
  state.packed.push_back({packing, buffer});
}

void BlockLowering::emitCompute(Node &node) {
  SmallVector<Operation *> ops(node.ops.begin(), node.ops.end());
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  ContractOp contract;
  SetVector<Value> sources;
  for (Operation *op : ops) {
    if (auto found = dyn_cast<ContractOp>(op)) {
      contract = found;
      sources.insert(found.getLhs());
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
  for (Value source : sources)
    reads.push_back(getBuffer(source));
  Value packed;
  if (contract) {
    Packing packing = getPacking(contract);
    for (auto &[candidate, buffer] : state.packed)
      if (candidate == packing)
        packed = buffer;
    reads.push_back(packed);
  }
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
  std::string label = describe(ops, outputs, writes);
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
    mapping.map(source, argument);
  for (Operation *op : ops) {
    if (op != contract.getOperation()) {
      for (Value operand : op->getOperands())
        inlineInto(body, operand, mapping);
      body.clone(*op, mapping);
      continue;
    }
    // The rhs in the order batch, over, free, as it was packed.
    Value lhs = inlineInto(body, contract.getLhs(), mapping), rhs = kernel.getBodyBlock()->getArguments().back();
    Packing packing = getPacking(contract);
    SmallVector<int64_t> shape, lhsOver(contract.getLhsOver());
    for (int64_t axis : packing.permutation)
      shape.push_back(typeOf(contract.getRhs()).getDimSize(axis));
    llvm::sort(lhsOver);
    int64_t numBatch = contract.getRhsBatch().size();
    if (shape != packing.shape)
      rhs = ReshapeOp::create(body, op->getLoc(), RankedTensorType::get(shape, typeOf(rhs).getElementType()), rhs);
    auto canonical = ContractOp::create(body, op->getLoc(), lhs, rhs, lhsOver,
                                        llvm::to_vector(llvm::seq<int64_t>(numBatch, numBatch + lhsOver.size())),
                                        contract.getLhsBatch(), llvm::to_vector(llvm::seq<int64_t>(0, numBatch)));
    mapping.map(contract.getResult(), canonical.getResult());
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
// Concatenations
//===----------------------------------------------------------------------===//

/// Where operand `index` of `op` lies in its buffer.
static Placement placeConcatOperand(ConcatOp op, unsigned index, ArrayRef<int64_t> strides) {
  Placement placement;
  placement.strides.assign(strides.begin(), strides.end());
  for (Value before : op.getOperands().take_front(index))
    placement.offset += typeOf(before).getDimSize(op.getAxis()) * strides[op.getAxis()];
  return placement;
}

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
      if (!forceHome(operand, part))
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

//===----------------------------------------------------------------------===//
// Scans
//===----------------------------------------------------------------------===//

/// The type of `slots` values of `type`, one after the other.
static RankedTensorType stackType(RankedTensorType type, int64_t slots) {
  SmallVector<int64_t> shape{slots};
  llvm::append_range(shape, type.getShape());
  return RankedTensorType::get(shape, type.getElementType());
}

/// `[slots, slice…]` from slot `first`, `length` of them, with the slots along `axis`.
static Placement placeStacked(RankedTensorType slice, int64_t axis, int64_t first) {
  SmallVector<int64_t> strides = getRowMajorStrides(slice.getShape());
  int64_t slot = slice.getNumElements();
  Placement placement{first * slot, strides};
  placement.strides.insert(placement.strides.begin() + axis, slot);
  return placement;
}

/// A carried value that is also an output lives in the output's buffer, which then has one slot more: what one step
/// writes is what the next reads. Other carried values take turns in two slots.
BlockLowering::ScanPlan BlockLowering::planScan(ScanOp op) {
  ScanPlan plan;
  int64_t length = op.getLength();
  bool reverse = op.getReverse();
  graph::YieldOp yield = op.getYield();
  plan.outputs.resize(op.getNumOutputs());
  plan.aliased.assign(op.getNumOutputs(), -1);
  plan.shift.assign(op.getNumOutputs(), 0);
  for (auto [index, argument, next] : llvm::enumerate(op.getCarryArgs(), yield.getCarries())) {
    bool stacked = false;
    bool nextIsComputed = next.getParentBlock() == op.getBodyBlock() && next.getDefiningOp();
    for (auto [position, output] : llvm::enumerate(yield.getOutputs())) {
      if (plan.aliased[position] >= 0 || !nextIsComputed || (output != next && output != argument))
        continue;
      bool isNext = output == next;
      plan.aliased[position] = index;
      plan.shift[position] = isNext != reverse ? 1 : 0;
      stacked = true;
    }
    Carry carry;
    RankedTensorType type = typeOf(argument);
    if (stacked)
      carry = {{},
               length + 1,
               0,
               reverse ? -1 : 1,
               reverse ? length : 0,
               reverse ? length - 1 : 1,
               reverse ? length : 0,
               reverse ? 0 : length};
    else
      carry = {{}, 2, 2, 1, 0, 1, 0, length % 2};
    carry.buffer = createAlloc(stackType(type, carry.slots), next.getLoc());
    plan.carries.push_back(carry);
  }
  for (auto [position, output] : llvm::enumerate(yield.getOutputs()))
    if (plan.aliased[position] < 0)
      plan.outputs[position] = createAlloc(stackType(typeOf(output), length), output.getLoc());
  return plan;
}

Value BlockLowering::getSlot(const Carry &carry, Value value, int64_t index) {
  RankedTensorType type = typeOf(value);
  return createView(carry.buffer, {index * type.getNumElements(), getRowMajorStrides(type.getShape())},
                    type.getShape());
}

void BlockLowering::prepareScans() {
  for (Operation &op : source) {
    auto scan = dyn_cast<ScanOp>(op);
    if (!scan)
      continue;
    ScanPlan &plan = scans[scan] = planScan(scan);
    for (auto [init, carry] : llvm::zip(scan.getInits(), plan.carries)) {
      // A slot that is written again holds the value for the first step alone.
      if (carry.modulus != 0 && !init.hasOneUse())
        continue;
      if (forceHome(init, getSlot(carry, init, carry.first)) && carry.modulus != 0)
        overwritten.insert(init);
    }
  }
}

void BlockLowering::emitScan(ScanOp op) {
  ScanPlan &plan = scans[op];
  int64_t length = op.getLength();
  Location loc = op.getLoc();
  for (auto [init, carry] : llvm::zip(op.getInits(), plan.carries)) {
    auto home = state.homes.lookup(init).getDefiningOp<ViewOp>();
    if (home && home.getSource() == carry.buffer)
      continue;
    emitCopy(init, getSlot(carry, init, carry.first));
  }
  SmallVector<Value> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(getBuffer(input));

  auto loop = LoopOp::create(builder, loc, length);
  OpBuilder body = OpBuilder::atBlockEnd(loop.getBodyBlock());
  bool reverse = op.getReverse();
  for (auto [argument, carry] : llvm::zip(op.getCarryArgs(), plan.carries))
    state.homes[argument] =
        createSlot(body, carry.buffer, loop.getStep(), carry.scale, carry.in, carry.modulus, 0, loc);
  for (auto [argument, buffer, axis] : llvm::zip(op.getInputArgs(), inputs, op.getInputAxes()))
    state.homes[argument] =
        createSlot(body, buffer, loop.getStep(), reverse ? -1 : 1, reverse ? length - 1 : 0, 0, axis, loc);

  BlockLowering inner(*op.getBodyBlock(), body, state);
  graph::YieldOp yield = op.getYield();
  SmallVector<std::pair<Value, Value>> copies;
  auto want = [&](Value value, Value slot) {
    if (!inner.forceHome(value, slot))
      copies.push_back({value, slot});
  };
  for (auto [next, carry] : llvm::zip(yield.getCarries(), plan.carries))
    want(next, createSlot(inner.builder, carry.buffer, loop.getStep(), carry.scale, carry.out, carry.modulus, 0, loc));
  for (auto [position, output] : llvm::enumerate(yield.getOutputs()))
    if (plan.aliased[position] < 0)
      want(output, createSlot(inner.builder, plan.outputs[position], loop.getStep(), reverse ? -1 : 1,
                              reverse ? length - 1 : 0, 0, 0, loc));
  inner.run();
  for (auto [value, slot] : copies)
    inner.emitCopy(value, slot);

  for (auto [result, carry] : llvm::zip(op.getCarryResults(), plan.carries))
    state.homes[result] = getSlot(carry, result, carry.last);
  for (auto [position, result, output] : llvm::enumerate(op.getOutputResults(), yield.getOutputs())) {
    int64_t alias = plan.aliased[position];
    Value buffer = alias < 0 ? plan.outputs[position] : plan.carries[alias].buffer;
    state.homes[result] =
        createView(buffer, placeStacked(typeOf(output), op.getOutputAxes()[position], plan.shift[position]),
                   typeOf(result).getShape());
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {

struct GraphToKernel : moru::impl::GraphToKernelBase<GraphToKernel> {
  using GraphToKernelBase::GraphToKernelBase;

  void runOnOperation() override {
    for (func::FuncOp func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      FunctionType type = func.getFunctionType();
      if (!func.isDeclaration() &&
          llvm::any_of(llvm::concat<const Type>(type.getInputs(), type.getResults()), llvm::IsaPred<RankedTensorType>))
        lowerFunction(func);
    }
  }

private:
  void lowerFunction(func::FuncOp func);
  void collectPackings(func::FuncOp func, FunctionState &state);
  void collectUpdates(func::FuncOp func, FunctionState &state);
  func::FuncOp createHostFunction(func::FuncOp func, SmallVectorImpl<Value> &destinations);
};

} // namespace

/// The block in which `value` is made available to contractions; packing happens there, once.
static Block *getHomeBlock(Value value) {
  if (!isInlined(value))
    return isView(value.getDefiningOp()) ? getHomeBlock(value.getDefiningOp()->getOperand(0)) : value.getParentBlock();
  return value.getParentBlock();
}

void GraphToKernel::collectPackings(func::FuncOp func, FunctionState &state) {
  func.walk([&](ContractOp op) {
    Packing packing = getPacking(op);
    SmallVector<Packing> &wanted = state.wanted[getHomeBlock(op.getRhs())];
    if (!llvm::is_contained(wanted, packing))
      wanted.push_back(packing);
  });
}

/// Operations from which only donated results are made: they update an argument and belong into one pass over it.
void GraphToKernel::collectUpdates(func::FuncOp func, FunctionState &state) {
  for (OpOperand &operand : func.getBody().front().getTerminator()->getOpOperands())
    if (func.getResultAttr(operand.getOperandNumber(), GraphDialect::kDonatedAttr))
      if (Operation *op = operand.get().getDefiningOp())
        state.updates.insert(op);
  for (Operation &op : llvm::reverse(func.getBody().front().without_terminator()))
    if (op.getNumResults() == 1 && !op.use_empty() &&
        llvm::all_of(
            op.getUsers(),
            [&](Operation *user) { return state.updates.contains(user) && user->getBlock() == op.getBlock(); }) &&
        op.hasTrait<OpTrait::Elementwise>())
      state.updates.insert(&op);
}

/// The function with buffers for tensors; `destinations[i]` is where result i goes.
func::FuncOp GraphToKernel::createHostFunction(func::FuncOp func, SmallVectorImpl<Value> &destinations) {
  OpBuilder builder(func);
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  for (BlockArgument argument : func.getArguments()) {
    types.push_back(BufferType::get(typeOf(argument)));
    attributes.push_back(func.getArgAttrDict(argument.getArgNumber()));
    if (!attributes.back())
      attributes.back() = builder.getDictionaryAttr({});
  }
  SmallVector<int64_t> positions;
  for (unsigned result : llvm::seq<unsigned>(0, func.getNumResults())) {
    auto name = func.getResultAttrOfType<StringAttr>(result, GraphDialect::kNameAttr);
    if (!name)
      name = builder.getStringAttr("result" + std::to_string(result));
    if (auto donated = func.getResultAttrOfType<IntegerAttr>(result, GraphDialect::kDonatedAttr)) {
      NamedAttrList list(attributes[donated.getInt()]);
      list.set(KernelDialect::kUpdatedAttr, name);
      attributes[donated.getInt()] = list.getDictionary(&getContext());
      positions.push_back(donated.getInt());
      continue;
    }
    positions.push_back(types.size());
    types.push_back(BufferType::get(cast<RankedTensorType>(func.getResultTypes()[result])));
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(GraphDialect::kNameAttr, name),
         builder.getNamedAttr(GraphDialect::kRoleAttr, builder.getStringAttr(KernelDialect::kOutputRole))}));
  }
  auto host = func::FuncOp::create(builder, func.getLoc(), func.getName(), builder.getFunctionType(types, {}));
  host.setVisibility(func.getVisibility());
  host.addEntryBlock();
  for (auto [index, attribute] : llvm::enumerate(attributes))
    host.setArgAttrs(index, attribute);
  for (BlockArgument argument : func.getArguments())
    host.getArgument(argument.getArgNumber()).setLoc(argument.getLoc());
  for (int64_t position : positions)
    destinations.push_back(host.getArgument(position));
  return host;
}

/// `value` is an argument that a result replaces, or a view of one.
static bool isOverwrittenArgument(func::FuncOp func, Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && llvm::any_of(llvm::seq<unsigned>(0, func.getNumResults()), [&](unsigned result) {
           auto donated = func.getResultAttrOfType<IntegerAttr>(result, GraphDialect::kDonatedAttr);
           return donated && donated.getInt() == argument.getArgNumber() &&
                  func.getBody().front().getTerminator()->getOperand(result) != argument;
         });
}

/// A step of arithmetic on one value that lies in a buffer anyway: to compute it again costs its reader nothing.
static bool isCheapToRecompute(Operation *op) {
  if (!isa<AddOp, SubOp, MulOp, NegOp, AbsOp, MaximumOp, MinimumOp>(op))
    return false;
  SetVector<Value> sources;
  for (Value operand : op->getOperands())
    collectSources(operand, sources);
  if (sources.size() != 1 || sources.front().getType() != op->getResult(0).getType())
    return false;
  Operation *source = sources.front().getDefiningOp();
  return !source || !source->hasTrait<OpTrait::Elementwise>();
}

/// %s = mul %g, %g with two readers -> one for each: otherwise the square would be stored beside %g.
static void recomputeCheapValues(func::FuncOp func) {
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
    for (OpOperand *use : ArrayRef(uses).drop_back(std::min<size_t>(uses.size(), 1)))
      use->set(builder.clone(*op)->getResult(0));
  }
}

void GraphToKernel::lowerFunction(func::FuncOp func) {
  recomputeCheapValues(func);
  FunctionState state;
  state.panelWidth = panelWidth;
  SmallVector<Value> destinations;
  collectPackings(func, state);
  collectUpdates(func, state);
  func::FuncOp host = createHostFunction(func, destinations);
  for (auto [argument, buffer] : llvm::zip(func.getArguments(), host.getArguments()))
    state.homes[argument] = buffer;

  Block &source = func.getBody().front();
  OpBuilder builder = OpBuilder::atBlockEnd(&host.getBody().front());
  BlockLowering lowering(source, builder, state);
  SmallVector<std::pair<Value, Value>> copies;
  for (auto [result, value, destination] : llvm::enumerate(source.getTerminator()->getOperands(), destinations)) {
    Value argument;
    if (auto donated = func.getResultAttrOfType<IntegerAttr>(result, GraphDialect::kDonatedAttr))
      argument = func.getArgument(donated.getInt());
    if (value != argument && !lowering.forceHome(value, destination, argument))
      copies.push_back({value, destination});
  }
  // What is returned of an argument is saved before another result overwrites it.
  for (auto &[value, destination] : copies) {
    SetVector<Value> sources;
    collectSources(value, sources);
    for (Value source : sources)
      if (isOverwrittenArgument(func, source))
        lowering.saveBeforehand(source);
  }
  lowering.run();
  for (auto [value, destination] : copies)
    lowering.emitCopy(value, destination);
  builder.setInsertionPointToEnd(&host.getBody().front());
  func::ReturnOp::create(builder, func.getLoc());
  func.erase();
}
