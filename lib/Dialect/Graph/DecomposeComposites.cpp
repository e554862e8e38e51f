//===- DecomposeComposites.cpp - graph-decompose-composites ---------------===//
// Replaces each composite with the primitive operations that define it.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "graph-decompose-composites"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_DECOMPOSECOMPOSITES
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

namespace {
struct DecomposeComposites : moru::graph::impl::DecomposeCompositesBase<DecomposeComposites> {
  using DecomposeCompositesBase::DecomposeCompositesBase;
  void runOnOperation() override;
};
} // namespace

void DecomposeComposites::runOnOperation() {
  SmallVector<DecomposableOpInterface> composites;
  auto collect = [&] {
    composites.clear();
    getOperation().walk([&](DecomposableOpInterface op) { composites.push_back(op); });
    return !composites.empty();
  };
  // A decomposition may hold composites.
  while (collect())
    for (DecomposableOpInterface composite : composites) {
      OpBuilder builder(composite);
      composite->replaceAllUsesWith(composite.decompose(builder));
      composite->erase();
    }
}
