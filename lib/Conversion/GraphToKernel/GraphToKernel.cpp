//===- GraphToKernel.cpp - cut a program into kernels over buffers --------===//
// Each function is lowered block by block (BlockLowering.h). Here: the function around them, with buffers for tensors,
// arguments that results replace, and what is packed where.
//===----------------------------------------------------------------------===//

#include "BlockLowering.h"
#include "Placement.h"
#include "Recompute.h"

#include "moru/Conversion/GraphToKernel/Passes.h"
#include "moru/Dialect/Kernel/PaddedRows.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

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
    // A kernel that stores no entry does nothing.
    getOperation().walk([](ComputeOp op) {
      auto isEmpty = [](Value buffer) { return llvm::is_contained(cast<BufferType>(buffer.getType()).getShape(), 0); };
      if (llvm::all_of(op.getWrites(), isEmpty))
        op.erase();
    });
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
    for (const Packing &packing : getPackings(op)) {
      SmallVector<Packing> &wanted = state.wanted[getHomeBlock(packing.source)];
      if (!llvm::is_contained(wanted, packing))
        wanted.push_back(packing);
    }
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
    NamedAttrList list;
    list.set(GraphDialect::kNameAttr, name);
    list.set(GraphDialect::kRoleAttr, builder.getStringAttr(KernelDialect::kOutputRole));
    if (Attribute lengths = func.getResultAttr(result, GraphDialect::kLengthsAttr))
      list.set(GraphDialect::kLengthsAttr, lengths);
    attributes.push_back(list.getDictionary(&getContext()));
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

/// Nanoseconds on one core, measured: an entry that is split into three planes and packed; a multiplication and
/// addition of vectors; six of them on tiles.
static constexpr double kSplitTime = 0.35, kVectorTime = 0.0125, kTileTime = 0.006;

/// Whether to split and pack both operands costs less than tiles save. Numbers of bf16 are one plane.
static bool isFasterInTiles(ContractOp op, int64_t planes) {
  Type element = typeOf(op.getLhs()).getElementType();
  if (element != typeOf(op.getRhs()).getElementType() || !(planes == 1 ? element.isBF16() : element.isF32()))
    return false;
  auto count = [](Value value) { return double(typeOf(value).getNumElements()); };
  double products = count(op.getResult());
  for (int64_t axis : op.getLhsOver())
    products *= double(typeOf(op.getLhs()).getDimSize(axis));
  double packing = 0;
  for (bool isLhs : {true, false}) {
    // What is packed once for many calls costs nothing, but with few rows beside it all there is to do is to read it.
    constexpr int64_t kLeastRows = TileShape::kHalf;
    Value operand = isLhs ? op.getLhs() : op.getRhs();
    if (!isOfParameters(operand) || getTilePacking(op, planes, !isLhs).shape.back() < kLeastRows)
      packing += count(operand) * kSplitTime * double(planes) / 3;
  }
  double tiles = kTileTime * double(planes * (planes + 1)) / 12;
  return packing < products * (kVectorTime - tiles);
}

static int64_t depthOf(const Packing &packing) { return packing.shape[packing.shape.size() - 2]; }

/// Strides of `value` in the buffer behind its views, if that is in the order of its axes, or of those who merge them.
static std::optional<SmallVector<int64_t>> findStrides(Value value) {
  Operation *op = value.getDefiningOp();
  if (std::optional<SmallVector<int64_t>> order = op && !isView(op) ? findStorageOrder(value) : std::nullopt)
    return order;
  if (!isView(op))
    return getRowMajorStrides(typeOf(value).getShape());
  std::optional<SmallVector<int64_t>> strides = findStrides(op->getOperand(0));
  if (!strides || isa<BarrierOp>(op))
    return strides;
  std::optional<Placement> placement;
  if (auto slice = dyn_cast<SliceOp>(op))
    placement = placeSlice(slice, *strides);
  else if (auto transpose = dyn_cast<TransposeOp>(op))
    placement = placeTranspose(transpose, *strides);
  else
    placement = placeReshape(typeOf(op->getOperand(0)).getShape(), *strides, typeOf(value).getShape());
  return placement ? std::optional(placement->strides) : std::nullopt;
}

/// Whether rows that end within a block of K can be stored with zeros behind them: they are made by a kernel of this
/// function, once, and long enough that packing them costs more than filling in the zeros.
static bool canPadRows(ContractOp op, const Packing &packing) {
  constexpr int64_t kLeastDepth = 1024;
  Operation *maker = packing.source.getDefiningOp();
  int64_t last = typeOf(packing.source).getRank() - 1;
  return maker && !isView(maker) && maker->getBlock() == op->getBlock() && isa<func::FuncOp>(op->getParentOp()) &&
         op.getLhsBatch().empty() && op.getLhsOver() == ArrayRef<int64_t>(last) && depthOf(packing) >= kLeastDepth &&
         llvm::none_of(packing.source.getUsers(), llvm::IsaPred<func::ReturnOp, ConcatOp>) &&
         !findStorageOrder(packing.source);
}

/// An lhs of bf16 whose rows lie as those of tiles do, so that nothing is gained by packing it.
static bool liesInRows(ContractOp op) {
  Packing packing = getTilePacking(op, /*isLhs=*/true);
  int64_t rows = packing.shape.back(), depth = depthOf(packing);
  if (packing.planes != 1 || isInlined(packing.source) || rows % TileShape::kPanel)
    return false;
  if (depth % TileShape::kBlock)
    return canPadRows(op, packing);
  std::optional<SmallVector<int64_t>> strides = findStrides(packing.source);
  if (!strides)
    return false;
  SmallVector<int64_t> sizes, steps;
  for (int64_t axis : packing.permutation) {
    sizes.push_back(typeOf(packing.source).getDimSize(axis));
    steps.push_back((*strides)[axis]);
  }
  size_t numBatch = op.getLhsBatch().size(), numOver = op.getLhsOver().size();
  auto along = [&](size_t first, size_t count) {
    return getCommonStride(ArrayRef(sizes).slice(first, count), ArrayRef(steps).slice(first, count));
  };
  std::optional<int64_t> over = along(numBatch, numOver);
  std::optional<int64_t> free = along(numBatch + numOver, sizes.size() - numBatch - numOver);
  // Rows so far apart would be in each other's way in the first cache.
  constexpr int64_t kCacheStride = 4096 / 2;
  return over == 1 && free && *free > 0 && *free % kCacheStride != 0;
}

/// Whether both operands are split within the kernel, a stretch of K at a time, since K is so deep that their planes
/// would go through main memory; the narrower one must be narrow enough to stay in the second cache with a stretch that
/// is worth it.
static bool isDeep(ContractOp op) {
  constexpr int64_t kLeastDepth = 1024, kMostColumns = 512;
  Packing lhs = getTilePacking(op, true), rhs = getTilePacking(op, false);
  return !isOfParameters(lhs.source) && !isOfParameters(rhs.source) && depthOf(lhs) > kLeastDepth &&
         std::min(lhs.shape.back(), rhs.shape.back()) <= kMostColumns && getHomeBlock(lhs.source) == op->getBlock() &&
         getHomeBlock(rhs.source) == op->getBlock();
}

/// Whether a contraction is small enough to be launched together with others in parts of rows (see kernel-group), which
/// tiles of its lhs in memory would forbid; and nothing is split twice for it.
static bool splitsSmallLhs(ContractOp op) {
  constexpr int64_t kMostFlops = 32 << 20, kLeastRows = 256;
  Packing lhs = getTilePacking(op, true), rhs = getTilePacking(op, false);
  auto isSplitToo = [&](Operation *user) {
    auto other = dyn_cast<ContractOp>(user);
    return other && other != op && other.getLhs() == op.getLhs() && llvm::equal(other.getLhsOver(), op.getLhsOver());
  };
  return op.getLhsBatch().empty() && !isOfParameters(lhs.source) && getHomeBlock(lhs.source) == op->getBlock() &&
         lhs.shape.back() >= kLeastRows && 2 * lhs.shape.back() * rhs.shape.back() * depthOf(lhs) <= kMostFlops &&
         llvm::none_of(op.getLhs().getUsers(), isSplitToo);
}

/// The operands that are split within the kernel, a panel just before its use, if any. One: where all of the other one
/// stays in the second cache, so that each panel is used once, and the split operand would not; where its panels alone
/// are work for all threads; and where it is made anew whenever the contraction runs. Or the lhs of a small one. Not of
/// bf16: to pack panel by panel waits for main memory longer than to pack all of it as it lies, and a packed parameter
/// can be kept.
static StringRef chooseSplit(ContractOp op, int64_t planes, int64_t l2Bytes) {
  constexpr int64_t kLeastColumns = 1024, kMostDepth = 1024;
  if (planes == 1)
    return "";
  if (isDeep(op))
    return "deep";
  if (splitsSmallLhs(op))
    return "lhs";
  auto bytes = [&](const Packing &packing) { return 2 * planes * packing.shape.back() * depthOf(packing); };
  for (bool isLhs : {false, true}) {
    Packing split = getTilePacking(op, isLhs), other = getTilePacking(op, !isLhs);
    if (!isOfParameters(split.source) && bytes(other) <= l2Bytes * 5 / 8 && bytes(split) > l2Bytes / 2 &&
        split.shape.back() >= kLeastColumns && depthOf(split) <= kMostDepth &&
        getHomeBlock(split.source) == op->getBlock())
      return isLhs ? "lhs" : "rhs";
  }
  return "";
}

/// Into how many parts of equal length to cut an axis of `size` entries that is summed over, so that there is work for
/// several threads: the number with the least waste at the end of blocks and in what the parts' sums take; 0: none.
static int64_t chooseParts(int64_t size) {
  constexpr int64_t kFewest = 8, kMost = 32, kBlock = TileShape::kBlock, kLanes = 16;
  int64_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t parts = kFewest; parts <= kMost; ++parts) {
    if (size % parts != 0)
      continue;
    int64_t length = size / parts;
    double waste = double(llvm::alignTo(length, kBlock)) / double(length) + 0.005 * double(parts) +
                   (parts % 2 ? 0.5 / double(parts) : 0) + (length % kLanes ? 0.02 : 0);
    if (waste < least) {
      least = waste;
      best = parts;
    }
  }
  return best;
}

/// A contraction whose result is small and whose K is deep: as a sum of contractions over parts of K, each work for a
/// thread. Which parts depends on shapes alone.
static void cutDeepSum(ContractOp op) {
  constexpr int64_t kWide = 64 * TileShape::kPanel;
  int64_t columns = std::max(getTilePacking(op, true).shape.back(), getTilePacking(op, false).shape.back());
  RankedTensorType lhsType = typeOf(op.getLhs());
  size_t pair = 0;
  for (size_t i : llvm::seq<size_t>(1, op.getLhsOver().size()))
    if (lhsType.getDimSize(op.getLhsOver()[i]) > lhsType.getDimSize(op.getLhsOver()[pair]))
      pair = i;
  int64_t size = lhsType.getDimSize(op.getLhsOver()[pair]), parts = chooseParts(size);
  if (columns >= kWide || parts == 0)
    return;
  OpBuilder builder(op);
  auto cut = [&](Value operand, int64_t axis) -> Value {
    SmallVector<int64_t> shape(typeOf(operand).getShape());
    shape[axis] = size / parts;
    shape.insert(shape.begin() + axis, parts);
    return ReshapeOp::create(builder, op.getLoc(), typeOf(operand).clone(shape), operand);
  };
  auto shift = [](ArrayRef<int64_t> axes, int64_t axis) {
    return llvm::map_to_vector(axes, [&](int64_t other) { return other + (other >= axis ? 1 : 0); });
  };
  int64_t lhsAxis = op.getLhsOver()[pair], rhsAxis = op.getRhsOver()[pair];
  SmallVector<int64_t> lhsBatch = shift(op.getLhsBatch(), lhsAxis), rhsBatch = shift(op.getRhsBatch(), rhsAxis);
  lhsBatch.insert(lhsBatch.begin(), lhsAxis);
  rhsBatch.insert(rhsBatch.begin(), rhsAxis);
  auto sums = ContractOp::create(builder, op.getLoc(), cut(op.getLhs(), lhsAxis), cut(op.getRhs(), rhsAxis),
                                 shift(op.getLhsOver(), lhsAxis), shift(op.getRhsOver(), rhsAxis), lhsBatch, rhsBatch);
  sums->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  Value sum = ReduceSumOp::create(builder, op.getLoc(), op.getType(), sums, ArrayRef<int64_t>{0});
  op.getResult().replaceAllUsesWith(sum);
  op.erase();
}

/// Decides which contractions run on matrix units, and how they find their operands.
static void chooseTiles(func::FuncOp func, int64_t planes, int64_t l2Bytes) {
  if (planes == 0)
    return;
  OpBuilder builder(func.getContext());
  SmallVector<ContractOp> deep;
  func.walk([&](ContractOp op) {
    bool chosen = isFasterInTiles(op, planes);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Tiles").category(DEBUG_TYPE))
        << (chosen ? "contraction on matrix units: packing costs less than they save"
                   : "contraction on vectors: too small to pay for packing");
    if (!chosen)
      return;
    op->setAttr(KernelDialect::kPlanesAttr, builder.getI64IntegerAttr(planes));
    StringRef split = chooseSplit(op, planes, l2Bytes);
    if (split != "lhs" && liesInRows(op)) {
      split = split.empty() ? "lhs" : "both";
      if (depthOf(getTilePacking(op, /*isLhs=*/true)) % TileShape::kBlock)
        op->setAttr(kPaddedRowsAttr, builder.getUnitAttr());
    }
    if (split.empty())
      return;
    op->setAttr(KernelDialect::kSplitsAttr, builder.getStringAttr(split));
    if (splitsAlongDepth(op))
      deep.push_back(op);
  });
  for (ContractOp op : deep)
    cutDeepSum(op);
}

/// `value` of bf16 in f32, behind its views, so that who makes it can write that.
static Value widen(Value value, llvm::MapVector<Value, Value> &wide) {
  if (Value known = wide.lookup(value))
    return known;
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  RankedTensorType type = typeOf(value).clone(builder.getF32Type());
  Operation *op = value.getDefiningOp();
  if (!isView(op))
    return wide[value] = ConvertOp::create(builder, value.getLoc(), type, value);
  IRMapping mapping;
  mapping.map(op->getOperand(0), widen(op->getOperand(0), wide));
  Value view = builder.clone(*op, mapping)->getResult(0);
  view.setType(type);
  return wide[value] = view;
}

/// Sums in f32 of products of bf16 that run on vectors have operands of f32: to widen each entry of a lhs where it is
/// multiplied would take longer than to multiply it.
static void widenOperands(func::FuncOp func) {
  llvm::MapVector<Value, Value> wide;
  func.walk([&](ContractOp op) {
    if (op->hasAttr(KernelDialect::kPlanesAttr) ||
        typeOf(op.getLhs()).getElementType() == typeOf(op.getResult()).getElementType())
      return;
    op.getLhsMutable().assign(widen(op.getLhs(), wide));
    op.getRhsMutable().assign(widen(op.getRhs(), wide));
  });
  // Views come after what they are taken of.
  for (auto [value, unused] : llvm::reverse(wide))
    if (Operation *op = value.getDefiningOp(); isView(op) && op->use_empty())
      op->erase();
}

void GraphToKernel::lowerFunction(func::FuncOp func) {
  func.walk([](CheckpointOp op) { op.inlineBody(); });
  recomputeCheapValues(func);
  recomputeForLaterReaders(func);
  chooseTiles(func, tilePlanes, l2Bytes);
  widenOperands(func);
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
  SmallVector<BlockLowering::Destination> results;
  for (auto [result, value, destination] : llvm::enumerate(source.getTerminator()->getOperands(), destinations)) {
    Value argument;
    if (auto donated = func.getResultAttrOfType<IntegerAttr>(result, GraphDialect::kDonatedAttr))
      argument = func.getArgument(donated.getInt());
    if (value != argument)
      results.push_back({value, destination, argument});
  }
  BlockLowering(source, builder, state).run(results);
  builder.setInsertionPointToEnd(&host.getBody().front());
  func::ReturnOp::create(builder, func.getLoc());
  func.erase();
}
