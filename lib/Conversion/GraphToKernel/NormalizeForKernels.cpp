//===- NormalizeForKernels.cpp - reductions and contractions as kernels have them ===//
// Rewrites within the graph dialect, before the cut: see the pass's description for what holds afterwards.
//===----------------------------------------------------------------------===//

#include "Clusters.h"
#include "EmptyTensors.h"
#include "moru/Conversion/GraphToKernel/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#define DEBUG_TYPE "graph-normalize-for-kernels"

namespace moru {
#define GEN_PASS_DEF_NORMALIZEFORKERNELS
#include "moru/Conversion/GraphToKernel/Passes.h.inc"
} // namespace moru

using namespace mlir;
using namespace moru;
using namespace moru::graph;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// `axes` are the last one alone, or the leading ones and not all.
static bool isKernelReduction(ArrayRef<int64_t> axes, int64_t rank) {
  if (axes.size() == 1 && axes.front() == rank - 1)
    return true;
  return static_cast<int64_t>(axes.size()) < rank && llvm::equal(axes, llvm::seq<int64_t>(0, axes.size()));
}

/// `value` with its axes in the order `permutation`.
static Value transpose(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  return TransposeOp::create(builder, loc, value, permutation);
}

namespace {

/// reduce over [0, 2] of rank 3 -> reduce over [2], then over [0]; over [1] of rank 3 -> transpose, then over [0].
template <typename ReduceOp> struct SplitReduction : OpRewritePattern<ReduceOp> {
  using OpRewritePattern<ReduceOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    int64_t rank = typeOf(op.getOperand()).getRank();
    ArrayRef<int64_t> axes = op.getAxes();
    if (axes.empty() || isKernelReduction(axes, rank))
      return rewriter.notifyMatchFailure(op, "already in a kernel's form");
    if (axes.back() == rank - 1) {
      Value rows = ReduceOp::create(rewriter, op.getLoc(), op.getOperand(), ArrayRef<int64_t>{rank - 1});
      rewriter.replaceOpWithNewOp<ReduceOp>(op, rows, axes.drop_back());
      return success();
    }
    SmallVector<int64_t> permutation(axes);
    for (int64_t axis : llvm::seq<int64_t>(0, rank))
      if (!llvm::is_contained(axes, axis))
        permutation.push_back(axis);
    Value leading = transpose(rewriter, op.getLoc(), op.getOperand(), permutation);
    rewriter.replaceOpWithNewOp<ReduceOp>(op, leading, llvm::to_vector(llvm::seq<int64_t>(0, axes.size())));
    return success();
  }
};

/// Parts of a long row that are summed up alone: no fewer entries than a task is worth, no more parts than give work to
/// all threads. Rows that are many are tasks as they are.
static constexpr int64_t kLeastPart = 16 << 10, kMostParts = 64, kFewRows = 8;

/// The elementwise operation `op` on operands that `cut` makes of its own, with a result of `type`.
static Value computeCut(OpBuilder &builder, Operation *op, RankedTensorType type, function_ref<Value(Value)> cut) {
  IRMapping mapping;
  for (Value operand : llvm::SetVector<Value>(op->operand_begin(), op->operand_end()))
    mapping.map(operand, cut(operand));
  Operation *clone = builder.clone(*op, mapping);
  clone->getResult(0).setType(type);
  return clone->getResult(0);
}

/// `value`, whose last axis is cut into `parts`: computed so, where nothing else reads it as it is.
static Value cutLastAxis(OpBuilder &builder, Value value, int64_t parts) {
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape.back() /= parts;
  shape.insert(shape.end() - 1, parts);
  RankedTensorType type = typeOf(value).clone(shape);
  Operation *op = value.getDefiningOp();
  if (std::optional<double> splat = getSplatValue(value))
    return createSplat(builder, value.getLoc(), type, *splat);
  if (auto broadcast = dyn_cast_if_present<BroadcastOp>(op); broadcast && broadcast.getAxes().empty())
    return BroadcastOp::create(builder, value.getLoc(), type, broadcast.getOperand(), ArrayRef<int64_t>());
  if (!op || !value.hasOneUse() || !op->hasTrait<OpTrait::Elementwise>())
    return ReshapeOp::create(builder, value.getLoc(), type, value);
  return computeCut(builder, op, type, [&](Value operand) { return cutLastAxis(builder, operand, parts); });
}

/// A few rows of very many entries are cut into parts, so that more than one thread works on each: which parts, and in
/// which order their sums are added, follows from the shape.
///     reduce x over [0] : 1048576  ->  reduce (reduce x over [1] : 64x16384) over [0]
template <typename ReduceOp> struct CutLongRows : OpRewritePattern<ReduceOp> {
  using OpRewritePattern<ReduceOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = typeOf(op.getOperand());
    int64_t rank = type.getRank();
    if (op.getAxes() != ArrayRef<int64_t>(rank - 1))
      return rewriter.notifyMatchFailure(op, "not over the last axis alone");
    int64_t size = type.getShape().back(), parts = std::min(size / kLeastPart, kMostParts);
    if (parts < 2 || type.getNumElements() / size >= kFewRows)
      return rewriter.notifyMatchFailure(op, "rows are short, or many");
    while (size % parts != 0)
      --parts;
    if (parts < 2)
      return rewriter.notifyMatchFailure(op, "no equal parts");
    Value cut = cutLastAxis(rewriter, op.getOperand(), parts);
    Value sums = ReduceOp::create(rewriter, op.getLoc(), cut, ArrayRef<int64_t>{rank});
    rewriter.replaceOpWithNewOp<ReduceOp>(op, sums, ArrayRef<int64_t>{rank - 1});
    return success();
  }
};

/// Parts of a tall sum: work for all threads, where a part has so many rows that what its sums take is little beside
/// it.
static int64_t chooseTallParts(int64_t rows) {
  constexpr int64_t kMostParts = 8, kFewParts = 4, kLeastRows = 32;
  if (rows % kMostParts == 0 && rows >= 2 * kMostParts * kLeastRows)
    return kMostParts;
  return rows % kFewParts == 0 && rows >= kFewParts * kLeastRows ? kFewParts : 1;
}

/// Elementwise work for nothing but what reads it; what is made once for many calls stays as it is.
static bool isComputedOnTheWay(Value value) {
  Operation *op = value.getDefiningOp();
  return op && value.hasOneUse() && op->hasTrait<OpTrait::Elementwise>() && (!isOfParameters(value) || isWidening(op));
}

/// The entries that `value` is computed from lie in memory, their first axis outermost.
static bool liesByRows(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<ConstantOp, BroadcastOp>(op))
    return true;
  if (isa<ReshapeOp>(op))
    return liesByRows(op->getOperand(0));
  if (isComputedOnTheWay(value))
    return llvm::all_of(op->getOperands(), liesByRows);
  bool isRead = value.hasOneUse() && isa<GatherOp, PadOp, DynamicSliceOp, RandomOp>(op);
  return !isa<TransposeOp, SliceOp>(op) && !isRead;
}

/// `value`, whose first axis is cut into `parts`, which becomes the second one: [rows, ...] -> [rows / parts, parts,
/// ...].
static Value cutFirstAxis(OpBuilder &builder, Value value, int64_t parts) {
  auto cutShape = [&](ArrayRef<int64_t> shape) {
    SmallVector<int64_t> cut(shape);
    cut[0] /= parts;
    cut.insert(cut.begin() + 1, parts);
    return cut;
  };
  RankedTensorType type = typeOf(value).clone(cutShape(typeOf(value).getShape()));
  Operation *op = value.getDefiningOp();
  if (std::optional<double> splat = getSplatValue(value))
    return createSplat(builder, value.getLoc(), type, *splat);
  if (auto broadcast = dyn_cast_if_present<BroadcastOp>(op)) {
    SmallVector<int64_t> axes =
        llvm::map_to_vector(broadcast.getAxes(), [](int64_t axis) { return axis == 0 ? 0 : axis + 1; });
    Value operand = broadcast.getOperand();
    if (!axes.empty() && axes[0] == 0) {
      if (typeOf(operand).getDimSize(0) == 1) {
        SmallVector<int64_t> shape(typeOf(operand).getShape());
        shape.insert(shape.begin(), 1);
        operand = ReshapeOp::create(builder, value.getLoc(), typeOf(operand).clone(shape), operand);
      } else {
        operand = cutFirstAxis(builder, operand, parts);
      }
      axes.insert(axes.begin() + 1, 1);
    }
    return BroadcastOp::create(builder, value.getLoc(), type, operand, axes);
  }
  if (isComputedOnTheWay(value))
    return computeCut(builder, op, type, [&](Value operand) { return cutFirstAxis(builder, operand, parts); });
  SmallVector<int64_t> shape(typeOf(value).getShape()), permutation = {1, 0};
  shape[0] /= parts;
  shape.insert(shape.begin(), parts);
  for (int64_t axis = 2, rank = shape.size(); axis < rank; ++axis)
    permutation.push_back(axis);
  Value cut = ReshapeOp::create(builder, value.getLoc(), typeOf(value).clone(shape), value);
  return transpose(builder, value.getLoc(), cut, permutation);
}

/// Entry `part` of the first axis, as a tensor of `type`.
static Value takePart(OpBuilder &builder, Location loc, Value sums, int64_t part, RankedTensorType type) {
  ArrayRef<int64_t> shape = typeOf(sums).getShape();
  SmallVector<int64_t> starts(shape.size(), 0), limits(shape), strides(shape.size(), 1);
  starts[0] = part;
  limits[0] = part + 1;
  Value slice = SliceOp::create(builder, loc, sums, starts, limits, strides);
  return ReshapeOp::create(builder, loc, type, slice);
}

/// A sum of so many rows that it is cut.
static bool isTall(ReduceSumOp op) {
  // Below that, nothing comes from memory; and rows that are very short are added up in registers anyway.
  constexpr int64_t kLeastEntries = 64 << 10, kLeastColumns = 64;
  RankedTensorType type = typeOf(op.getOperand());
  ArrayRef<int64_t> axes = op.getAxes();
  if (axes.empty() || axes.back() == type.getRank() - 1 || !isKernelReduction(axes, type.getRank()) ||
      !type.getElementType().isF32() || !liesByRows(op.getOperand()))
    return false;
  return chooseTallParts(type.getDimSize(0)) > 1 && type.getNumElements() >= kLeastEntries &&
         typeOf(op.getResult()).getNumElements() >= kLeastColumns;
}

static void eraseUnused(Operation *op) {
  if (!op || !isOpTriviallyDead(op))
    return;
  SmallVector<Value> operands(op->getOperands());
  op->erase();
  for (Value operand : llvm::SetVector<Value>(operands.begin(), operands.end()))
    eraseUnused(operand.getDefiningOp());
}

/// Sums of many rows: each part of the rows lies in one piece, so that a thread reads memory in its order. What the
/// parts add up to is elementwise work, which joins what follows.
///     reduce_sum x over [0] : 768x3072  ->  %p = reduce_sum (transpose (reshape x)) over [0] : 96x8x3072
///                                           slice %p at 0 + slice %p at 1 + ...
static void cutTallColumns(ReduceSumOp op) {
  Operation *root = op;
  if (auto reshape = op->hasOneUse() ? dyn_cast<ReshapeOp>(*op->getUsers().begin()) : nullptr)
    root = reshape;
  OpBuilder builder(op);
  Location loc = op.getLoc();
  SmallVector<int64_t> over = {0};
  for (int64_t axis : op.getAxes().drop_front())
    over.push_back(axis + 1);
  int64_t count = chooseTallParts(typeOf(op.getOperand()).getDimSize(0));
  Value sums = ReduceSumOp::create(builder, loc, cutFirstAxis(builder, op.getOperand(), count), over);
  builder.setInsertionPoint(root);
  SmallVector<Value> parts;
  for (int64_t part = 0; part < count; ++part)
    parts.push_back(takePart(builder, loc, sums, part, typeOf(root->getResult(0))));
  // Neighbors first, then their sums.
  for (; parts.size() > 1; parts.resize(parts.size() / 2))
    for (size_t i = 0; 2 * i < parts.size(); ++i)
      parts[i] = AddOp::create(builder, loc, parts[2 * i], parts[2 * i + 1]);
  root->getResult(0).replaceAllUsesWith(parts[0]);
  eraseUnused(root);
}

/// argmax x -> -max(where x = max x: -index, elsewhere: -size): the least index of the largest entry. NaN is larger
/// than every number: where the largest is NaN, those entries that are.
struct LowerArgmax : OpRewritePattern<ArgmaxOp> {
  using OpRewritePattern<ArgmaxOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ArgmaxOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    int64_t axis = op.getAxis();
    RankedTensorType type = typeOf(op.getOperand());
    RankedTensorType indexType = type.clone(rewriter.getI32Type());
    Value largest = ReduceMaxOp::create(rewriter, loc, op.getOperand(), ArrayRef<int64_t>{axis});
    Value spread = broadcastAlongRemoved(rewriter, loc, largest, type.getShape(), axis);
    Value isLargest =
        CompareOp::create(rewriter, loc, type.clone(rewriter.getI1Type()), Direction::Eq, op.getOperand(), spread);
    if (isa<FloatType>(type.getElementType())) {
      Value isNan =
          CompareOp::create(rewriter, loc, isLargest.getType(), Direction::Ne, op.getOperand(), op.getOperand());
      isLargest = OrOp::create(rewriter, loc, isLargest, isNan);
    }
    Value index = NegOp::create(rewriter, loc, IotaOp::create(rewriter, loc, indexType, axis));
    Value none = createSplat(rewriter, loc, indexType, -static_cast<double>(type.getDimSize(axis)));
    Value candidates = SelectOp::create(rewriter, loc, isLargest, index, none);
    rewriter.replaceOpWithNewOp<NegOp>(
        op, ReduceMaxOp::create(rewriter, loc, candidates, ArrayRef<int64_t>{axis}).getResult());
    return success();
  }
};

/// Whether `sums` are of exponentials of differences from the largest: at least 1 and at most their number, or NaN.
static bool isSumFromOneOn(Value sums) {
  auto sum = sums.getDefiningOp<ReduceSumOp>();
  auto exp = sum ? sum.getOperand().getDefiningOp<ExpOp>() : nullptr;
  auto difference = exp ? exp.getOperand().getDefiningOp<SubOp>() : nullptr;
  auto spread = difference ? difference.getRhs().getDefiningOp<BroadcastOp>() : nullptr;
  auto largest = spread ? spread.getOperand().getDefiningOp<ReduceMaxOp>() : nullptr;
  if (!largest || largest.getOperand() != difference.getLhs() || largest.getAxes() != sum.getAxes())
    return false;
  // The largest of an entry's own row.
  SmallVector<int64_t> kept;
  for (int64_t axis : llvm::seq<int64_t>(0, typeOf(difference).getRank()))
    if (!llvm::is_contained(sum.getAxes(), axis))
      kept.push_back(axis);
  return spread.getAxes() == ArrayRef<int64_t>(kept);
}

/// A row divided by one number is multiplied by its reciprocal, where that is neither denormal nor infinite: division
/// takes longer than the exponential.
///     div x, broadcast s  ->  mul x, broadcast (div 1, s)
struct DivideOnceForRow : OpRewritePattern<DivOp> {
  using OpRewritePattern<DivOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    auto spread = op.getRhs().getDefiningOp<BroadcastOp>();
    if (!spread || !typeOf(op).getElementType().isF32() || !isSumFromOneOn(spread.getOperand()))
      return rewriter.notifyMatchFailure(op, "no divisor of a row whose reciprocal is a normal number");
    Location loc = op.getLoc();
    Value one = createSplat(rewriter, loc, typeOf(spread.getOperand()), 1);
    Value inverse = DivOp::create(rewriter, loc, one, spread.getOperand());
    Value factor = BroadcastOp::create(rewriter, loc, typeOf(op), inverse, spread.getAxes());
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), factor);
    return success();
  }
};

/// The axis of `value` that lies densely in memory, as far as transpositions tell; -1 where all have one entry.
static int64_t getDenseAxis(Value value) {
  if (auto convert = value.getDefiningOp<ConvertOp>())
    return getDenseAxis(convert.getOperand());
  if (auto transposed = value.getDefiningOp<TransposeOp>()) {
    int64_t axis = getDenseAxis(transposed.getOperand());
    return axis < 0 ? axis : llvm::find(transposed.getPermutation(), axis) - transposed.getPermutation().begin();
  }
  int64_t axis = typeOf(value).getRank() - 1;
  while (axis >= 0 && typeOf(value).getDimSize(axis) == 1)
    --axis;
  return axis;
}

/// A contraction with at most one row, or at most one column, is a product and a sum: each entry of the other side is
/// used once, packing it would cost more than it saves. What lies densely decides whether sums run along rows or
/// columns.
///     contract x, w over [1] with [0] : 1x256, 256x1000  ->  reshape (reduce (w * broadcast x) over [0] : 256x1000)
struct LowerDotProduct : OpRewritePattern<ContractOp> {
  using OpRewritePattern<ContractOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    SmallVector<int64_t> lhsFree = op.getLhsFree(), rhsFree = op.getRhsFree();
    if (op.getLhsOver().empty())
      return lowerOuterProduct(op, lhsFree, rhsFree, rewriter);
    bool isLhsOne = countEntries(op.getLhs(), lhsFree) == 1;
    if (!isLhsOne && countEntries(op.getRhs(), rhsFree) != 1)
      return rewriter.notifyMatchFailure(op, "both sides have free axes of several entries");
    Side lhs{widen(op, op.getLhs(), rewriter), op.getLhsBatch(), lhsFree, op.getLhsOver()};
    Side rhs{widen(op, op.getRhs(), rewriter), op.getRhsBatch(), rhsFree, op.getRhsOver()};
    const Side &one = isLhsOne ? lhs : rhs, &many = isLhsOne ? rhs : lhs;
    bool overFirst = llvm::is_contained(many.free, getDenseAxis(many.value));
    Location loc = op.getLoc();
    Value full = arrange(rewriter, loc, many, overFirst), part = arrange(rewriter, loc, one, overFirst);
    // The axes of the one entry are those of the many ones.
    int64_t numBatch = many.batch.size(), numFree = many.free.size(), numOver = many.over.size();
    SmallVector<int64_t> partShape;
    for (auto [axis, size] : llvm::enumerate(typeOf(full).getShape()))
      if (overFirst ? int64_t(axis) < numOver + numBatch
                    : int64_t(axis) < numBatch || int64_t(axis) >= numBatch + numFree)
        partShape.push_back(size);
    if (typeOf(part).getShape() != ArrayRef<int64_t>(partShape))
      part = ReshapeOp::create(rewriter, loc, typeOf(part).clone(partShape), part);
    int64_t firstFree = overFirst ? numOver + numBatch : numBatch, firstOver = overFirst ? 0 : numBatch + numFree;
    part = broadcastAlongRemoved(rewriter, loc, part, typeOf(full).getShape(),
                                 llvm::to_vector(llvm::seq<int64_t>(firstFree, firstFree + numFree)));
    Value product = MulOp::create(rewriter, loc, full, part);
    Value sums = ReduceSumOp::create(rewriter, loc, product,
                                     llvm::to_vector(llvm::seq<int64_t>(firstOver, firstOver + numOver)));
    if (sums.getType() != op.getType())
      sums = ReshapeOp::create(rewriter, loc, op.getType(), sums);
    rewriter.replaceOp(op, sums);
    return success();
  }

private:
  /// An operand and what its axes are.
  struct Side {
    Value value;
    SmallVector<int64_t> batch, free, over;
    Side(Value value, ArrayRef<int64_t> batch, ArrayRef<int64_t> free, ArrayRef<int64_t> over)
        : value(value), batch(batch), free(free), over(over) {}
  };

  /// `operand` as a number of the result's type.
  static Value widen(ContractOp op, Value operand, OpBuilder &builder) {
    RankedTensorType type = typeOf(operand).clone(typeOf(op.getResult()).getElementType());
    return type == operand.getType() ? operand : ConvertOp::create(builder, op.getLoc(), type, operand);
  }

  static int64_t countEntries(Value value, ArrayRef<int64_t> axes) {
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= typeOf(value).getDimSize(axis);
    return count;
  }

  /// Axes in the order batch, free, over; or over, batch, free.
  static Value arrange(OpBuilder &builder, Location loc, const Side &side, bool overFirst) {
    SmallVector<int64_t> permutation;
    if (overFirst)
      permutation = side.over;
    llvm::append_range(permutation, side.batch);
    llvm::append_range(permutation, side.free);
    if (!overFirst)
      llvm::append_range(permutation, side.over);
    return transpose(builder, loc, side.value, permutation);
  }

  /// Nothing is summed: result[b, i, j] = lhs[b, i] * rhs[b, j].
  static LogicalResult lowerOuterProduct(ContractOp op, ArrayRef<int64_t> lhsFree, ArrayRef<int64_t> rhsFree,
                                         PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    ArrayRef<int64_t> shape = typeOf(op.getResult()).getShape();
    int64_t numBatch = op.getLhsBatch().size(), rank = shape.size(), lhsEnd = numBatch + lhsFree.size();
    auto spread = [&](Value value, ArrayRef<int64_t> batch, ArrayRef<int64_t> free, int64_t from, int64_t to) {
      SmallVector<int64_t> permutation(batch);
      llvm::append_range(permutation, free);
      return broadcastAlongRemoved(rewriter, loc, transpose(rewriter, loc, value, permutation), shape,
                                   llvm::to_vector(llvm::seq<int64_t>(from, to)));
    };
    Value lhs = spread(widen(op, op.getLhs(), rewriter), op.getLhsBatch(), lhsFree, lhsEnd, rank);
    Value rhs = spread(widen(op, op.getRhs(), rewriter), op.getRhsBatch(), rhsFree, numBatch, lhsEnd);
    rewriter.replaceOpWithNewOp<MulOp>(op, lhs, rhs);
    return success();
  }
};

/// A loop's output that is a part of a value which the body computes is stored whole, and the part is taken behind the
/// loop, where it is a view: the body would have to copy it.
///     out(slice v)  ->  out(v), then a slice of the result
struct StoreSlicedOutputWhole : OpRewritePattern<ScanOp> {
  using OpRewritePattern<ScanOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ScanOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> stored;
    SmallVector<int64_t> axes;
    // For each output of old, the one of new that holds it.
    SmallVector<size_t> places;
    bool changes = false;
    for (auto [value, axis] : llvm::zip(op.getYield().getOutputs(), op.getOutputAxes())) {
      SliceOp slice = getPart(op, value);
      changes |= slice != nullptr;
      Value whole = slice ? slice.getOperand() : value;
      size_t place = 0;
      while (place < stored.size() && (stored[place] != whole || axes[place] != axis))
        ++place;
      places.push_back(place);
      if (place == stored.size()) {
        stored.push_back(whole);
        axes.push_back(axis);
      }
    }
    if (!changes)
      return rewriter.notifyMatchFailure(op, "no output is a part of a computed value");
    SmallVector<Value> replacements;
    rewrite(op, stored, axes, places, rewriter, replacements);
    rewriter.replaceOp(op, replacements);
    return success();
  }

private:
  /// The slice that makes `value`, if the body computes what it is taken from.
  static SliceOp getPart(ScanOp op, Value value) {
    auto slice = value.getDefiningOp<SliceOp>();
    if (!slice || slice->getBlock() != op.getBodyBlock())
      return nullptr;
    Operation *source = slice.getOperand().getDefiningOp();
    return source && source->getBlock() == op.getBodyBlock() ? slice : nullptr;
  }

  static void rewrite(ScanOp op, ArrayRef<Value> stored, ArrayRef<int64_t> axes, ArrayRef<size_t> places,
                      PatternRewriter &rewriter, SmallVectorImpl<Value> &replacements) {
    SmallVector<SliceOp> parts =
        llvm::map_to_vector(op.getYield().getOutputs(), [&](Value value) { return getPart(op, value); });
    YieldOp yield = op.getYield();
    auto scan = ScanOp::create(rewriter, op.getLoc(), op.getInits(), op.getInputs(), op.getLength(), op.getInputAxes(),
                               axes, op.getReverse(), ValueRange(stored).getTypes());
    rewriter.modifyOpInPlace(yield, [&] { yield.getOutputsMutable().assign(stored); });
    scan.getBody().takeBody(op.getBody());
    llvm::append_range(replacements, scan.getCarryResults());
    for (auto [part, place] : llvm::zip(parts, places)) {
      Value whole = scan.getOutputResults()[place];
      if (!part) {
        replacements.push_back(whole);
        continue;
      }
      auto withStep = [&](ArrayRef<int64_t> list, int64_t step) {
        SmallVector<int64_t> result(list);
        result.insert(result.begin() + axes[place], step);
        return result;
      };
      replacements.push_back(SliceOp::create(rewriter, part.getLoc(), whole, withStep(part.getStarts(), 0),
                                             withStep(part.getLimits(), op.getLength()),
                                             withStep(part.getStrides(), 1)));
    }
  }
};

struct NormalizeForKernels : moru::impl::NormalizeForKernelsBase<NormalizeForKernels> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<SplitReduction<ReduceSumOp>, SplitReduction<ReduceProdOp>, SplitReduction<ReduceMaxOp>,
             SplitReduction<ReduceMinOp>, CutLongRows<ReduceSumOp>, CutLongRows<ReduceProdOp>, CutLongRows<ReduceMaxOp>,
             CutLongRows<ReduceMinOp>, DivideOnceForRow, LowerArgmax, LowerDotProduct, StoreSlicedOutputWhole>(
            &getContext());
    populateReplaceEmptyTensorsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    SmallVector<ReduceSumOp> tall;
    getOperation()->walk([&](ReduceSumOp op) {
      if (isTall(op))
        tall.push_back(op);
    });
    llvm::for_each(tall, cutTallColumns);
  }
};

} // namespace
