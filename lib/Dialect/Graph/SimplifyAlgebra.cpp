//===- SimplifyAlgebra.cpp - graph-simplify-algebra -----------------------===//
// Canonicalization, common subexpressions and dead values, to a fixed point.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#define DEBUG_TYPE "graph-simplify-algebra"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_SIMPLIFYALGEBRA
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

namespace {
struct SimplifyAlgebra : moru::graph::impl::SimplifyAlgebraBase<SimplifyAlgebra> {
  using SimplifyAlgebraBase::SimplifyAlgebraBase;
  void runOnOperation() override;
};
} // namespace

/// Once no gradient is left to be expanded, stop_gradient is the identity, and a checkpoint what it computes.
static void removeMarksForGradients(func::FuncOp function) {
  if (function.walk([](GradientOp) { return WalkResult::interrupt(); }).wasInterrupted())
    return;
  function.walk([](StopGradientOp op) {
    op.replaceAllUsesWith(op.getOperand());
    op.erase();
  });
  function.walk([](CheckpointOp op) { op.inlineBody(); });
}

void SimplifyAlgebra::runOnOperation() {
  if (failed(verifyStatic(getOperation())))
    return signalPassFailure();
  removeMarksForGradients(getOperation());
  MLIRContext *context = &getContext();
  RewritePatternSet patterns(context);
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (name.getDialectNamespace() == GraphDialect::getDialectNamespace())
      name.getCanonicalizationPatterns(patterns, context);
  FrozenRewritePatternSet frozen(std::move(patterns));
  // A rule enables others along a chain of operations, one link per round; a chain of a thousand is none that a model
  // has.
  GreedyRewriteConfig config;
  config.setMaxIterations(1000);
  for (bool changed = true; changed;) {
    changed = false;
    if (failed(applyPatternsGreedily(getOperation(), frozen, config, &changed))) {
      getOperation().emitError("the algebraic rules do not come to rest");
      return signalPassFailure();
    }
    IRRewriter rewriter(context);
    DominanceInfo dominance(getOperation());
    bool cseChanged = false;
    eliminateCommonSubExpressions(rewriter, dominance, getOperation(), &cseChanged);
    changed |= cseChanged;
  }
}
