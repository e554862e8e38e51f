//===- EmptyTensors.cpp - tensors without entries --------------------------===//
// What is made of nothing is known: nothing, zeros, or the identity of a reduction.
//===----------------------------------------------------------------------===//

#include "EmptyTensors.h"

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;

static bool isEmpty(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements() == 0; }

namespace {

/// f(…) : tensor<0x3xf32>  ->  constant dense<0.0> : tensor<0x3xf32>
struct ReplaceEmptyResult : RewritePattern {
  explicit ReplaceEmptyResult(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa_and_present<GraphDialect>(op->getDialect()) || !isPure(op) || op->hasTrait<OpTrait::ConstantLike>() ||
        op->getNumRegions() != 0 || op->getNumResults() == 0 || !llvm::all_of(op->getResults(), isEmpty))
      return rewriter.notifyMatchFailure(op, "it makes entries");
    SmallVector<Value> constants;
    for (Type type : op->getResultTypes())
      constants.push_back(createSplat(rewriter, op->getLoc(), cast<RankedTensorType>(type), 0));
    rewriter.replaceOp(op, constants);
    return success();
  }
};

/// Operations that give zeros where they read nothing:
///     contract %x, %y over [1] with [0] : tensor<2x0xf32>, tensor<0x3xf32>  ->  constant dense<0.0> : tensor<2x3xf32>
template <typename OpTy> struct ReplaceOperationOnNothing : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (isEmpty(op.getResult()) || !isEmpty(op->getOperand(0)))
      return rewriter.notifyMatchFailure(op, "it reads entries or makes none");
    auto type = cast<RankedTensorType>(op.getResult().getType());
    rewriter.replaceOp(op, createSplat(rewriter, op.getLoc(), type, 0));
    return success();
  }
};

/// reduce_max %x over [1] : tensor<2x0xf32>  ->  constant dense<-inf> : tensor<2xf32>
template <typename ReduceOp> struct ReplaceReductionOfNothing : OpRewritePattern<ReduceOp> {
  using OpRewritePattern<ReduceOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    if (isEmpty(op.getResult()) || !isEmpty(op.getOperand()))
      return rewriter.notifyMatchFailure(op, "it reads entries or makes none");
    auto type = cast<RankedTensorType>(op.getResult().getType());
    rewriter.replaceOpWithNewOp<ConstantOp>(op, DenseElementsAttr::get(type, identity(type.getElementType())));
    return success();
  }

private:
  /// What the reduction of nothing is.
  static Attribute identity(Type element) {
    constexpr bool isMin = std::is_same_v<ReduceOp, ReduceMinOp>, isProd = std::is_same_v<ReduceOp, ReduceProdOp>;
    if (auto floatType = dyn_cast<FloatType>(element))
      return isProd ? FloatAttr::get(floatType, 1)
                    : FloatAttr::get(floatType, APFloat::getInf(floatType.getFloatSemantics(), /*Negative=*/!isMin));
    unsigned width = element.getIntOrFloatBitWidth();
    if (isProd)
      return IntegerAttr::get(element, 1);
    return IntegerAttr::get(element, isMin ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width));
  }
};

/// concat %x, %nothing, %y  ->  concat %x, %y
struct DropEmptyParts : OpRewritePattern<ConcatOp> {
  using OpRewritePattern<ConcatOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> parts = llvm::filter_to_vector(op.getOperands(), [](Value part) { return !isEmpty(part); });
    if (parts.empty() || parts.size() == op.getNumOperands())
      return rewriter.notifyMatchFailure(op, "all parts have entries, or none has");
    rewriter.replaceOpWithNewOp<ConcatOp>(op, parts, op.getAxis());
    return success();
  }
};

/// dynamic_update_slice %x with %nothing at(…)  ->  %x
struct DropEmptyUpdate : OpRewritePattern<DynamicUpdateSliceOp> {
  using OpRewritePattern<DynamicUpdateSliceOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(DynamicUpdateSliceOp op, PatternRewriter &rewriter) const override {
    if (!isEmpty(op.getUpdate()))
      return rewriter.notifyMatchFailure(op, "the box has entries");
    rewriter.replaceOp(op, op.getOperand());
    return success();
  }
};

} // namespace

void moru::populateReplaceEmptyTensorsPatterns(RewritePatternSet &patterns) {
  patterns.add<ReplaceEmptyResult, ReplaceOperationOnNothing<ContractOp>, ReplaceOperationOnNothing<ReduceSumOp>,
               ReplaceOperationOnNothing<PadOp>, ReplaceOperationOnNothing<ScatterAddOp>,
               ReplaceOperationOnNothing<GatherOp>, ReplaceReductionOfNothing<ReduceMaxOp>,
               ReplaceReductionOfNothing<ReduceMinOp>, ReplaceReductionOfNothing<ReduceProdOp>, DropEmptyParts,
               DropEmptyUpdate>(patterns.getContext());
}
