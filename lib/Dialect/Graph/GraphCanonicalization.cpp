//===- GraphCanonicalization.cpp - algebra of the graph dialect -----------===//
// One block per operation: rules that build something, each shown before and after. They hold for every input, NaN and
// infinities included; a sum may be added up in another order.
//===----------------------------------------------------------------------===//

#include "Formula.h"
#include "ScanEditing.h"
#include "moru/Dialect/Graph/Cotangents.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace moru::graph;

namespace {

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

/// add x, (neg y) → sub x, y
struct FoldNegIntoAdd : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp op, PatternRewriter &rewriter) const override {
    for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (auto neg = y.getDefiningOp<NegOp>()) {
        rewriter.replaceOpWithNewOp<SubOp>(op, x, neg.getOperand());
        return success();
      }
    return rewriter.notifyMatchFailure(op, "no operand is a negative");
  }
};

/// A pad along a single axis: `value` lies at [low, low + size) and zeros elsewhere.
struct Part {
  Value value;
  int64_t axis, low, size;
  /// Its place in the sum.
  size_t order = 0;
};

/// add (add (pad a), (pad c)), (pad b) → concat a, b, c, where they lie side by side: the gradient of a split.
struct FoldPadsIntoConcat : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;

  static std::optional<Part> getPart(Value value) {
    auto pad = value.getDefiningOp<PadOp>();
    if (!pad || llvm::any_of(pad.getInterior(), [](int64_t n) { return n != 0; }))
      return std::nullopt;
    RankedTensorType from = typeOf(pad.getOperand()), to = typeOf(pad.getResult());
    std::optional<Part> part;
    for (int64_t axis : llvm::seq<int64_t>(0, from.getRank()))
      if (from.getDimSize(axis) != to.getDimSize(axis)) {
        if (part)
          return std::nullopt;
        part = Part{pad.getOperand(), axis, pad.getLow()[axis], from.getDimSize(axis)};
      }
    return part;
  }

  /// The terms of a sum of sums; inner sums count where nobody else reads them.
  static void collectTerms(Value value, bool isRoot, SmallVectorImpl<Value> &terms) {
    auto add = value.getDefiningOp<AddOp>();
    if (!add || !(isRoot || value.hasOneUse()))
      return terms.push_back(value);
    collectTerms(add.getLhs(), false, terms);
    collectTerms(add.getRhs(), false, terms);
  }

  /// `run`, whose parts lie side by side, within zeros up to the shape of `op`.
  static Value join(ArrayRef<Part> run, AddOp op, PatternRewriter &rewriter) {
    RankedTensorType type = typeOf(op);
    int64_t axis = run.front().axis;
    auto values = llvm::map_to_vector(run, [](const Part &part) { return part.value; });
    Value joined = run.size() > 1 ? Value(ConcatOp::create(rewriter, op.getLoc(), values, axis)) : values.front();
    SmallVector<int64_t> low(type.getRank(), 0), high(type.getRank(), 0), interior(type.getRank(), 0);
    low[axis] = run.front().low;
    high[axis] = type.getDimSize(axis) - run.back().low - run.back().size;
    return rewriter.createOrFold<PadOp>(op.getLoc(), joined, low, high, interior);
  }

  LogicalResult matchAndRewrite(AddOp op, PatternRewriter &rewriter) const override {
    if (op->hasOneUse() && isa<AddOp>(*op->user_begin()))
      return rewriter.notifyMatchFailure(op, "the sum it belongs to is looked at instead");
    SmallVector<Value> terms, rest;
    collectTerms(op, true, terms);
    SmallVector<Part> parts;
    for (Value term : terms) {
      std::optional<Part> part = getPart(term);
      if (!part || (!parts.empty() && parts.front().axis != part->axis)) {
        rest.push_back(term);
        continue;
      }
      part->order = parts.size();
      parts.push_back(*part);
    }
    llvm::sort(parts, [](const Part &a, const Part &b) { return std::tie(a.low, a.order) < std::tie(b.low, b.order); });
    auto meets = [](const Part &a, const Part &b) { return a.low + a.size == b.low; };
    if (std::adjacent_find(parts.begin(), parts.end(), meets) == parts.end())
      return rewriter.notifyMatchFailure(op, "no two terms lie side by side");
    for (ArrayRef<Part> left = parts; !left.empty();) {
      size_t size = 1;
      while (size != left.size() && meets(left[size - 1], left[size]))
        ++size;
      rest.push_back(join(left.take_front(size), op, rewriter));
      left = left.drop_front(size);
    }
    Value sum = rest.front();
    for (Value term : ArrayRef(rest).drop_front())
      sum = AddOp::create(rewriter, op.getLoc(), sum, term);
    rewriter.replaceOp(op, sum);
    return success();
  }
};

/// sub x, (neg y) → add x, y;  sub 0, x → neg x
struct FoldNegIntoSub : OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SubOp op, PatternRewriter &rewriter) const override {
    if (auto neg = op.getRhs().getDefiningOp<NegOp>()) {
      rewriter.replaceOpWithNewOp<AddOp>(op, op.getLhs(), neg.getOperand());
      return success();
    }
    if (getSplatValue(op.getLhs()) == 0.0) {
      rewriter.replaceOpWithNewOp<NegOp>(op, op.getRhs());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "neither a negative subtrahend nor a zero");
  }
};

/// mul (neg x), (neg y) → mul x, y;  mul x, -1 → neg x
struct FoldNegIntoMul : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    auto left = op.getLhs().getDefiningOp<NegOp>(), right = op.getRhs().getDefiningOp<NegOp>();
    if (left && right) {
      rewriter.replaceOpWithNewOp<MulOp>(op, left.getOperand(), right.getOperand());
      return success();
    }
    for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (getSplatValue(y) == -1.0) {
        rewriter.replaceOpWithNewOp<NegOp>(op, x);
        return success();
      }
    return rewriter.notifyMatchFailure(op, "no sign to take out");
  }
};

/// select c, (select c, x, y), z → select c, x, z, and the same on the other side
struct FoldSelectOfSelect : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    Value onTrue = op.getOnTrue(), onFalse = op.getOnFalse();
    if (auto inner = onTrue.getDefiningOp<SelectOp>(); inner && inner.getCondition() == op.getCondition())
      onTrue = inner.getOnTrue();
    if (auto inner = onFalse.getDefiningOp<SelectOp>(); inner && inner.getCondition() == op.getCondition())
      onFalse = inner.getOnFalse();
    if (onTrue == op.getOnTrue() && onFalse == op.getOnFalse())
      return rewriter.notifyMatchFailure(op, "no select of the same condition");
    rewriter.replaceOpWithNewOp<SelectOp>(op, op.getType(), op.getCondition(), onTrue, onFalse);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

/// broadcast (broadcast x) → broadcast x
struct FoldBroadcastOfBroadcast : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<BroadcastOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "its operand is no broadcast");
    auto axes = llvm::map_to_vector(inner.getAxes(), [&](int64_t axis) { return op.getAxes()[axis]; });
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getOperand(), axes);
    return success();
  }
};

/// reshape (reshape x) → reshape x
struct FoldReshapeOfReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<ReshapeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "its operand is no reshape");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getOperand());
    return success();
  }
};

/// transpose (transpose x by p) by q → transpose x by p[q]
struct FoldTransposeOfTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "its operand is no transpose");
    auto axes = llvm::map_to_vector(op.getPermutation(), [&](int64_t axis) { return inner.getPermutation()[axis]; });
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getOperand(), axes);
    return success();
  }
};

/// transpose (contract a, b) → contract b, a, where it exchanges the free axes of a and b
struct FoldTransposeOfContract : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto contract = op.getOperand().getDefiningOp<ContractOp>();
    if (!contract || !contract->hasOneUse())
      return rewriter.notifyMatchFailure(op, "its operand is no contraction of its own");
    int64_t batch = contract.getLhsBatch().size(), left = contract.getLhsFree().size(),
            rank = typeOf(op.getOperand()).getRank();
    auto exchanged = llvm::to_vector(llvm::seq<int64_t>(0, batch));
    llvm::append_range(exchanged, llvm::seq<int64_t>(batch + left, rank));
    llvm::append_range(exchanged, llvm::seq<int64_t>(batch, batch + left));
    if (op.getPermutation() != ArrayRef<int64_t>(exchanged))
      return rewriter.notifyMatchFailure(op, "it does not exchange the operands' free axes");
    rewriter.replaceOp(op, ContractOp::create(rewriter, op.getLoc(), contract.getRhs(), contract.getLhs(),
                                              contract.getRhsOver(), contract.getLhsOver(), contract.getRhsBatch(),
                                              contract.getLhsBatch())
                               .like(contract));
    return success();
  }
};

/// slice (slice x) → slice x;  slice (concat x, y) → slice of x or y, where it reads from one alone
struct FoldSliceOfSliceOrConcat : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    if (auto inner = op.getOperand().getDefiningOp<SliceOp>())
      return mergeSlices(op, inner, rewriter);
    auto concat = op.getOperand().getDefiningOp<ConcatOp>();
    if (!concat)
      return rewriter.notifyMatchFailure(op, "its operand is neither a slice nor a concat");
    int64_t axis = concat.getAxis(), start = 0;
    for (Value operand : concat.getOperands()) {
      int64_t end = start + typeOf(operand).getDimSize(axis);
      if (op.getStarts()[axis] >= start && op.getLimits()[axis] <= end) {
        SmallVector<int64_t> starts(op.getStarts()), limits(op.getLimits());
        starts[axis] -= start;
        limits[axis] -= start;
        rewriter.replaceOpWithNewOp<SliceOp>(op, operand, starts, limits, op.getStrides());
        return success();
      }
      start = end;
    }
    return rewriter.notifyMatchFailure(op, "it reads from several operands");
  }

  static LogicalResult mergeSlices(SliceOp op, SliceOp inner, PatternRewriter &rewriter) {
    SmallVector<int64_t> starts, limits, strides;
    for (auto [axis, start, stride] : llvm::enumerate(op.getStarts(), op.getStrides())) {
      int64_t size = op.getType().getDimSize(axis), step = inner.getStrides()[axis];
      if (size == 0)
        return rewriter.notifyMatchFailure(op, "it is empty");
      starts.push_back(inner.getStarts()[axis] + start * step);
      strides.push_back(stride * step);
      limits.push_back(starts.back() + (size - 1) * strides.back() + 1);
    }
    rewriter.replaceOpWithNewOp<SliceOp>(op, inner.getOperand(), starts, limits, strides);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Reductions and contractions
//===----------------------------------------------------------------------===//

/// reduce_sum (broadcast x) over the repeated axes → x * (number of repetitions)
struct FoldSumOfBroadcast : OpRewritePattern<ReduceSumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceSumOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getOperand().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "its operand is no broadcast");
    int64_t count = 1;
    for (int64_t axis : op.getAxes()) {
      if (llvm::is_contained(broadcast.getAxes(), axis))
        return rewriter.notifyMatchFailure(op, "an axis is not repeated");
      count *= typeOf(op.getOperand()).getDimSize(axis);
    }
    auto axes = llvm::map_to_vector(broadcast.getAxes(), [&](int64_t axis) {
      return axis - llvm::count_if(op.getAxes(), [&](int64_t removed) { return removed < axis; });
    });
    Value rest = rewriter.createOrFold<BroadcastOp>(op.getLoc(), op.getType(), broadcast.getOperand(), axes);
    Value factor = createSplat(rewriter, op.getLoc(), typeOf(rest), static_cast<double>(count));
    rewriter.replaceOpWithNewOp<MulOp>(op, rest, factor);
    return success();
  }
};

/// reduce_sum (reduce_sum x) → reduce_sum x
struct FoldSumOfSum : OpRewritePattern<ReduceSumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceSumOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<ReduceSumOp>();
    if (!inner || !inner->hasOneUse())
      return rewriter.notifyMatchFailure(op, "its operand is no sum of its own");
    SmallVector<int64_t> axes(inner.getAxes()), left;
    for (int64_t axis : llvm::seq<int64_t>(0, typeOf(inner.getOperand()).getRank()))
      if (!llvm::is_contained(inner.getAxes(), axis))
        left.push_back(axis);
    for (int64_t axis : op.getAxes())
      axes.push_back(left[axis]);
    llvm::sort(axes);
    rewriter.replaceOpWithNewOp<ReduceSumOp>(op, inner.getOperand(), axes);
    return success();
  }
};

/// reduce_sum (contract a, b batch …) over batch axes → contract a, b over them too
struct FoldSumOfContract : OpRewritePattern<ReduceSumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceSumOp op, PatternRewriter &rewriter) const override {
    auto contract = op.getOperand().getDefiningOp<ContractOp>();
    if (!contract || !contract->hasOneUse())
      return rewriter.notifyMatchFailure(op, "its operand is no contraction of its own");
    int64_t numBatch = contract.getLhsBatch().size();
    if (llvm::any_of(op.getAxes(), [&](int64_t axis) { return axis >= numBatch; }))
      return rewriter.notifyMatchFailure(op, "it sums over more than batch axes");
    SmallVector<int64_t> lhsOver(contract.getLhsOver()), rhsOver(contract.getRhsOver()), lhsBatch, rhsBatch;
    for (auto [axis, left, right] : llvm::enumerate(contract.getLhsBatch(), contract.getRhsBatch())) {
      bool isSummed = llvm::is_contained(op.getAxes(), static_cast<int64_t>(axis));
      (isSummed ? lhsOver : lhsBatch).push_back(left);
      (isSummed ? rhsOver : rhsBatch).push_back(right);
    }
    rewriter.replaceOp(op, ContractOp::create(rewriter, op.getLoc(), contract.getLhs(), contract.getRhs(), lhsOver,
                                              rhsOver, lhsBatch, rhsBatch)
                               .like(contract));
    return success();
  }
};

/// contract (transpose a), b → contract a, b over other axes, where the free axes keep their order
struct FoldTransposeIntoContract : OpRewritePattern<ContractOp> {
  using OpRewritePattern::OpRewritePattern;

  /// Rewrites `axes` of the transposed value to axes of what was transposed.
  static SmallVector<int64_t> through(TransposeOp transpose, ArrayRef<int64_t> axes) {
    return llvm::map_to_vector(axes, [&](int64_t axis) { return transpose.getPermutation()[axis]; });
  }

  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    auto left = op.getLhs().getDefiningOp<TransposeOp>(), right = op.getRhs().getDefiningOp<TransposeOp>();
    if (left && !llvm::is_sorted(through(left, op.getLhsFree())))
      left = nullptr;
    if (right && !llvm::is_sorted(through(right, op.getRhsFree())))
      right = nullptr;
    if (!left && !right)
      return rewriter.notifyMatchFailure(op, "no transposed operand whose free axes keep their order");
    Value lhs = left ? left.getOperand() : op.getLhs(), rhs = right ? right.getOperand() : op.getRhs();
    SmallVector<int64_t> lhsOver(op.getLhsOver()), rhsOver(op.getRhsOver()), lhsBatch(op.getLhsBatch()),
        rhsBatch(op.getRhsBatch());
    if (left) {
      lhsOver = through(left, lhsOver);
      lhsBatch = through(left, lhsBatch);
    }
    if (right) {
      rhsOver = through(right, rhsOver);
      rhsBatch = through(right, rhsBatch);
    }
    rewriter.replaceOp(
        op, ContractOp::create(rewriter, op.getLoc(), lhs, rhs, lhsOver, rhsOver, lhsBatch, rhsBatch).like(op));
    return success();
  }
};

/// contract (scalar), x → mul (broadcast scalar), x
struct FoldContractOfScalar : OpRewritePattern<ContractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    Value scalar = op.getLhs(), other = op.getRhs();
    if (typeOf(scalar).getRank())
      std::swap(scalar, other);
    if (typeOf(scalar).getRank())
      return rewriter.notifyMatchFailure(op, "neither operand is a scalar");
    for (Value *operand : {&scalar, &other})
      if (typeOf(*operand).getElementType() != typeOf(op.getResult()).getElementType())
        *operand = widenBF16(rewriter, *operand);
    Value repeated = broadcastTo(rewriter, op.getLoc(), scalar, typeOf(other).getShape());
    rewriter.replaceOpWithNewOp<MulOp>(op, repeated, other);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// Unread, constant and equal carries, inputs and outputs leave the scan.
struct CleanScan : OpRewritePattern<ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScanOp op, PatternRewriter &rewriter) const override {
    return success(cleanScan(rewriter, op));
  }
};

/// A scan of one step is its body: a slice is all of its input, and of its output.
struct InlineSingleStep : OpRewritePattern<ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScanOp op, PatternRewriter &rewriter) const override {
    if (op.getLength() != 1 || op.getLengthNameAttr())
      return rewriter.notifyMatchFailure(op, "more than one step, or a number that is not known");
    SmallVector<Value> arguments(op.getInits());
    for (auto [input, arg] : llvm::zip(op.getInputs(), op.getInputArgs()))
      arguments.push_back(ReshapeOp::create(rewriter, op.getLoc(), arg.getType(), input));
    YieldOp yield = op.getYield();
    rewriter.inlineBlockBefore(op.getBodyBlock(), op, arguments);
    SmallVector<Value> results(yield.getCarries());
    for (auto [output, result] : llvm::zip(yield.getOutputs(), op.getOutputResults()))
      results.push_back(ReshapeOp::create(rewriter, op.getLoc(), result.getType(), output));
    rewriter.eraseOp(yield);
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// An input that is the same at every step is a value from outside:
/// scan over(%x = (broadcast %y) axis 1) → %z = broadcast %y without axis 1, in place of %x
struct FoldInvariantInput : OpRewritePattern<ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScanOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (auto [input, axis, arg] : llvm::zip(op.getInputs(), op.getInputAxes(), op.getInputArgs())) {
      if (arg.use_empty())
        continue;
      Value slice;
      if (std::optional<double> value = getSplatValue(input))
        slice = createSplat(rewriter, op.getLoc(), typeOf(arg), *value);
      else if (auto broadcast = input.getDefiningOp<BroadcastOp>())
        slice = sliceBroadcast(broadcast, axis, typeOf(arg), rewriter);
      if (!slice)
        continue;
      rewriter.replaceAllUsesWith(arg, slice);
      changed = true;
    }
    return success(changed);
  }

  /// The slices of `broadcast` along `axis`, if they are all the same and no operand axis is lost.
  static Value sliceBroadcast(BroadcastOp broadcast, int64_t axis, RankedTensorType type, PatternRewriter &rewriter) {
    if (llvm::is_contained(broadcast.getAxes(), axis))
      return nullptr;
    auto axes = llvm::map_to_vector(broadcast.getAxes(), [&](int64_t kept) { return kept - (kept > axis); });
    return rewriter.createOrFold<BroadcastOp>(broadcast.getLoc(), type, broadcast.getOperand(), axes);
  }
};

} // namespace

void AddOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldNegIntoAdd, FoldPadsIntoConcat>(context);
}
void SubOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldNegIntoSub>(context);
}
void MulOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldNegIntoMul>(context);
}
void SelectOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldSelectOfSelect>(context);
}
void BroadcastOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldBroadcastOfBroadcast>(context);
}
void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldReshapeOfReshape>(context);
}
void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldTransposeOfTranspose, FoldTransposeOfContract>(context);
}
void SliceOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldSliceOfSliceOrConcat>(context);
}
void ReduceSumOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldSumOfBroadcast, FoldSumOfContract, FoldSumOfSum>(context);
}
void ContractOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldContractOfScalar, FoldTransposeIntoContract>(context);
}
void ScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<CleanScan, FoldInvariantInput, InlineSingleStep>(context);
}
