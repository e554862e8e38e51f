// Floating-point operations that a program asks for.

#include "moru/Train/CountFlops.h"

#include "moru/DSL/ProgramModule.h"
#include "moru/Dialect/Graph/Graph.h"

using namespace mlir;

/// 2 · entries of the result · products that each sums.
static double flopsOf(moru::graph::ContractOp op) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType());
  double flops = 2.0 * double(cast<RankedTensorType>(op.getType()).getNumElements());
  for (int64_t axis : op.getLhsOver())
    flops *= double(lhs.getDimSize(unsigned(axis)));
  for (Operation *parent = op->getParentOp(); parent; parent = parent->getParentOp())
    if (auto scan = dyn_cast<moru::graph::ScanOp>(parent))
      flops *= double(scan.getLength());
  return flops;
}

double moru::countContractionFlops(const Program &program, std::string_view name) {
  auto function = moduleOf(program).lookupSymbol<func::FuncOp>(StringRef(name));
  double flops = 0;
  if (function)
    function.walk([&](graph::ContractOp op) { flops += flopsOf(op); });
  return flops;
}
