//===- ExpandGradients.cpp - graph-expand-gradients -----------------------===//
// Replaces each graph.gradient with the reverse walk from its loss. Program order expands the inner gradients first:
// when the outer one is reached, they are ordinary operations.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Cotangents.h"
#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "graph-expand-gradients"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_EXPANDGRADIENTS
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

namespace {
struct ExpandGradients : moru::graph::impl::ExpandGradientsBase<ExpandGradients> {
  using ExpandGradientsBase::ExpandGradientsBase;
  void runOnOperation() override;
};
} // namespace

/// The walk goes through the loss's block; what it builds stands where the gradient was asked for.
static LogicalResult expandGradient(GradientOp gradient, ResidualPolicy &policy) {
  OpBuilder builder(gradient);
  Value loss = gradient.getLoss();
  Cotangents cotangents(builder, *loss.getParentBlock(), llvm::to_vector(gradient.getTargets()), policy);
  auto lossType = cast<RankedTensorType>(loss.getType());
  cotangents.add(loss, [&] { return createSplat(builder, gradient.getLoc(), lossType, 1); });
  if (Operation *last = loss.getDefiningOp(); last && failed(cotangents.propagate(last)))
    return failure();
  for (auto [target, result] : llvm::zip(gradient.getTargets(), gradient.getResults())) {
    Value cotangent = cotangents.lookup(target);
    if (!cotangent)
      cotangent = createSplat(builder, gradient.getLoc(), cast<RankedTensorType>(target.getType()), 0);
    result.replaceAllUsesWith(cotangent);
  }
  gradient.erase();
  return success();
}

void ExpandGradients::runOnOperation() {
  SmallVector<GradientOp> gradients;
  getOperation().walk([&](GradientOp op) { gradients.push_back(op); });
  ResidualPolicy policy;
  if (residuals == "recompute")
    policy.level = ResidualLevel::Carries;
  else if (residuals != "keep") {
    getOperation().emitError("expected option residuals to be keep or recompute, got \"") << residuals << "\"";
    return signalPassFailure();
  }
  if (budget > 0)
    policy.budget = budget;
  for (GradientOp gradient : gradients)
    if (failed(expandGradient(gradient, policy)))
      return signalPassFailure();
}
