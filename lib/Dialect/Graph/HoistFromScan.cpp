//===- HoistFromScan.cpp - graph-hoist-from-scan --------------------------===//
// Moves work that does not need the carry out of scans.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Passes.h"

#define DEBUG_TYPE "graph-hoist-from-scan"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_HOISTFROMSCAN
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

namespace {
struct HoistFromScan : moru::graph::impl::HoistFromScanBase<HoistFromScan> {
  using HoistFromScanBase::HoistFromScanBase;
  void runOnOperation() override;
};
} // namespace

void HoistFromScan::runOnOperation() {}
