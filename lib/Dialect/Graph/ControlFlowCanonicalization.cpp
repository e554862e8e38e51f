//===- ControlFlowCanonicalization.cpp - rules of branches and loops ------===//
// What is decided, unread, the same on every way or the same in every step leaves a cond or a while. The rules of scan
// stand in GraphCanonicalization.cpp.
//===----------------------------------------------------------------------===//

#include "Formula.h"
#include "moru/Dialect/Graph/Cotangents.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/BitVector.h"

#include <map>

using namespace mlir;
using namespace moru::graph;

namespace {
//===----------------------------------------------------------------------===//
// Cond
//===----------------------------------------------------------------------===//

/// The truth value that `value` always has, if it is a constant.
std::optional<bool> getConstantTruth(Value value) {
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)))
    return std::nullopt;
  return elements.getSplatValue<bool>();
}

/// cond true { a } else { b } → a
struct FoldConstantCond : OpRewritePattern<CondOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CondOp op, PatternRewriter &rewriter) const override {
    std::optional<bool> truth = getConstantTruth(op.getPredicate());
    if (!truth)
      return rewriter.notifyMatchFailure(op, "its predicate is no constant");
    YieldOp yield = op.getYield(*truth);
    SmallVector<Value> values(yield.getOutputs());
    rewriter.eraseOp(yield);
    rewriter.inlineBlockBefore(op.getBranch(*truth), op);
    rewriter.replaceOp(op, values);
    return success();
  }
};

/// %y, %z = cond %p { yield %a, %x } else { yield %b, %x } → %y = cond %p { yield %a } else { yield %b }, %x in place
/// of %z; so too for a result that nobody reads or that another one has already.
struct CleanCond : OpRewritePattern<CondOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CondOp op, PatternRewriter &rewriter) const override {
    YieldOp yields[2] = {op.getYield(false), op.getYield(true)};
    // What takes the place of each result that is read: a value from outside, or one of the results that are kept.
    SmallVector<Value> outside(op.getNumResults());
    SmallVector<std::optional<unsigned>> places(op.getNumResults());
    std::map<std::pair<void *, void *>, unsigned> known;
    SmallVector<unsigned> kept;
    for (unsigned index = 0; index != op.getNumResults(); ++index) {
      if (op.getResult(index).use_empty())
        continue;
      Value left = yields[0].getOutputs()[index], right = yields[1].getOutputs()[index];
      if (left == right) {
        outside[index] = left;
        continue;
      }
      auto [place, isNew] = known.try_emplace({left.getAsOpaquePointer(), right.getAsOpaquePointer()}, kept.size());
      if (isNew)
        kept.push_back(index);
      places[index] = place->second;
    }
    if (kept.size() == op.getNumResults())
      return rewriter.notifyMatchFailure(op, "every result is read and differs from the others");
    auto types = llvm::map_to_vector(kept, [&](unsigned index) { return op.getResult(index).getType(); });
    auto result = CondOp::create(rewriter, op.getLoc(), op.getPredicate(), types);
    result->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    for (bool branch : {true, false}) {
      auto outputs = llvm::map_to_vector(kept, [&](unsigned index) { return yields[branch].getOutputs()[index]; });
      rewriter.modifyOpInPlace(yields[branch], [&] { yields[branch].getOutputsMutable().assign(outputs); });
      Region &from = branch ? op.getOnTrue() : op.getOnFalse(), &to = branch ? result.getOnTrue() : result.getOnFalse();
      rewriter.eraseBlock(&to.front());
      rewriter.inlineRegionBefore(from, to, to.end());
    }
    for (auto [old, value, place] : llvm::zip(op.getResults(), outside, places))
      if (place)
        rewriter.replaceAllUsesWith(old, result.getResult(*place));
      else if (value)
        rewriter.replaceAllUsesWith(old, value);
    rewriter.eraseOp(op);
    return success();
  }
};

/// Within the branch that is run where %p is true, %p is true.
struct FoldKnownPredicate : OpRewritePattern<CondOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CondOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (bool branch : {true, false}) {
      Block *block = op.getBranch(branch);
      auto isInBranch = [&](OpOperand &use) { return block->findAncestorOpInBlock(*use.getOwner()) != nullptr; };
      if (llvm::none_of(op.getPredicate().getUses(), isInBranch))
        continue;
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(block);
      Value known = createSplat(rewriter, op.getLoc(), typeOf(op.getPredicate()), branch);
      rewriter.replaceUsesWithIf(op.getPredicate(), known, isInBranch);
      changed = true;
    }
    return success(changed);
  }
};

//===----------------------------------------------------------------------===//
// While
//===----------------------------------------------------------------------===//

/// while { false } do { … } → the values that it starts with
struct FoldWhileWithoutStep : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op, PatternRewriter &rewriter) const override {
    if (getConstantTruth(op.getGoesOn()) != false)
      return rewriter.notifyMatchFailure(op, "it may have a step");
    rewriter.replaceOp(op, op.getInits());
    return success();
  }
};

/// A carry that no step changes is the value that it starts with.
struct FoldInvariantCarry : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (auto [index, init, next] : llvm::enumerate(op.getInits(), op.getYield().getCarries())) {
      if (next != op.getBodyArgs()[index] && next != init)
        continue;
      for (Value known :
           {Value(op.getConditionArgs()[index]), Value(op.getBodyArgs()[index]), Value(op.getResult(index))})
        if (!known.use_empty() && known != next) {
          rewriter.replaceAllUsesWith(known, init);
          changed = true;
        }
      if (next == op.getBodyArgs()[index]) {
        rewriter.replaceAllUsesWith(next, init);
        changed = true;
      }
    }
    return success(changed);
  }
};

/// Carries on which neither the condition nor a result that is read depends leave the loop.
struct RemoveUnreadCarries : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op, PatternRewriter &rewriter) const override {
    llvm::BitVector removed = findUnread(op);
    if (removed.none())
      return rewriter.notifyMatchFailure(op, "every carry is needed");
    SmallVector<Value> inits, nexts;
    for (auto [index, init, next] : llvm::enumerate(op.getInits(), op.getYield().getCarries()))
      if (!removed.test(index)) {
        inits.push_back(init);
        nexts.push_back(next);
      }
    YieldOp yield = op.getYield();
    rewriter.modifyOpInPlace(yield, [&] { yield.getCarriesMutable().assign(nexts); });
    for (Block *block : {op.getConditionBlock(), op.getBodyBlock()}) {
      // What still reads a removed argument is dead; any value of its type will do until it is erased.
      for (unsigned index : removed.set_bits())
        rewriter.replaceAllUsesWith(block->getArgument(index), op.getInits()[index]);
      block->eraseArguments(removed);
    }
    auto result = WhileOp::create(rewriter, op.getLoc(), inits);
    result->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    for (auto [from, to] :
         {std::pair(&op.getCondition(), &result.getCondition()), {&op.getBody(), &result.getBody()}}) {
      rewriter.eraseBlock(&to->front());
      rewriter.inlineRegionBefore(*from, *to, to->end());
    }
    unsigned next = 0;
    for (unsigned index = 0; index != op.getNumResults(); ++index)
      if (!removed.test(index))
        rewriter.replaceAllUsesWith(op.getResult(index), result.getResult(next++));
    rewriter.eraseOp(op);
    return success();
  }

  static llvm::BitVector findUnread(WhileOp op) {
    llvm::SmallDenseSet<Value> needed{op.getGoesOn()};
    auto isNeeded = [&](unsigned index) {
      return !op.getResult(index).use_empty() || needed.contains(op.getConditionArgs()[index]) ||
             needed.contains(op.getBodyArgs()[index]);
    };
    for (size_t size = 0; size != needed.size();) {
      size = needed.size();
      for (Block *block : {op.getConditionBlock(), op.getBodyBlock()})
        for (Operation &inner : llvm::reverse(block->without_terminator()))
          if (!isMemoryEffectFree(&inner) ||
              llvm::any_of(inner.getResults(), [&](Value result) { return needed.contains(result); }))
            needed.insert_range(getReadValues(&inner));
      for (auto [index, next] : llvm::enumerate(op.getYield().getCarries()))
        if (isNeeded(index))
          needed.insert(next);
    }
    llvm::BitVector unread(op.getNumResults());
    for (unsigned index = 0; index != op.getNumResults(); ++index)
      if (!isNeeded(index))
        unread.set(index);
    return unread;
  }
};

/// while { %c = f %w; … } → %c = f %w; while { … }: what every step computes alike is computed once. No operation
/// fails, so that it does no harm if there is no step.
struct HoistFromWhile : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (Block *block : {op.getConditionBlock(), op.getBodyBlock()})
      for (Operation &inner : llvm::make_early_inc_range(block->without_terminator())) {
        auto isOutside = [&](Value value) { return !op->isAncestor(value.getParentBlock()->getParentOp()); };
        // A loop within might not end; a constant has its place already.
        if (inner.getNumRegions() || inner.hasTrait<OpTrait::ConstantLike>() ||
            !llvm::all_of(inner.getOperands(), isOutside))
          continue;
        rewriter.moveOpBefore(&inner, op);
        changed = true;
      }
    return success(changed);
  }
};

//===----------------------------------------------------------------------===//
// Barrier
//===----------------------------------------------------------------------===//

/// barrier constant → constant;  barrier (f x) → f (barrier x), where f does no arithmetic: what is repeated or seen in
/// another shape costs nothing to have twice.
struct SinkBarrier : OpRewritePattern<BarrierOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BarrierOp op, PatternRewriter &rewriter) const override {
    Operation *maker = op.getOperand().getDefiningOp();
    if (isa_and_nonnull<ConstantOp, IotaOp, BarrierOp>(maker)) {
      rewriter.replaceOp(op, op.getOperand());
      return success();
    }
    if (!isa_and_nonnull<BroadcastOp, ReshapeOp, TransposeOp, SliceOp>(maker))
      return rewriter.notifyMatchFailure(op, "its operand is computed");
    Value source = BarrierOp::create(rewriter, op.getLoc(), maker->getOperand(0));
    IRMapping mapping;
    mapping.map(maker->getOperand(0), source);
    rewriter.replaceOp(op, rewriter.clone(*maker, mapping)->getResults());
    return success();
  }
};
} // namespace

void CondOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldConstantCond, CleanCond, FoldKnownPredicate>(context);
}
void WhileOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldWhileWithoutStep, FoldInvariantCarry, RemoveUnreadCarries, HoistFromWhile>(context);
}
void BarrierOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SinkBarrier>(context);
}
