//===- ResidualTable.cpp - what is kept for the reverse -------------------===//
// Reads the marks that graph-expand-gradients leaves; changes nothing.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/ResidualTable.h"

#include "Formula.h"
#include "moru/Dialect/Graph/ProgramTable.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;

namespace {
/// A value that is kept.
struct Residual {
  /// As it is stored: all steps of a loop's value.
  RankedTensorType type;
  /// Where it was made.
  Value source;
  StringRef keeper;
};
} // namespace

/// The author's word for `value`, or the operation that makes it, and its type: `tanh f32 10x2x3`.
static std::string describe(const Residual &residual) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto named = dyn_cast<NameLoc>(residual.source.getLoc());
  if (named)
    stream << named.getName().getValue() << " ";
  else if (Operation *op = residual.source.getDefiningOp())
    stream << op->getName().stripDialect() << " ";
  else
    stream << "carry ";
  stream << residual.type.getElementType() << " ";
  llvm::interleave(residual.type.getShape(), stream, "x");
  return text;
}

static SmallVector<Residual> findResiduals(func::FuncOp function) {
  SmallVector<Residual> residuals;
  function.walk([&](ScanOp scan) {
    if (auto numbers = scan->getAttrOfType<DenseI64ArrayAttr>(kResidualsAttr))
      for (int64_t number : numbers.asArrayRef())
        residuals.push_back({typeOf(scan.getOutputResults()[number]), scan.getYield().getOutputs()[number], "a loop"});
  });
  llvm::SmallDenseSet<Value> known;
  function.walk([&](BarrierOp barrier) {
    // Arguments are there anyway: the function's, or slices of what a loop keeps.
    Value value = barrier.getOperand();
    if (value.getDefiningOp() && known.insert(value).second)
      residuals.push_back({typeOf(value), value, "a checkpoint"});
  });
  return residuals;
}

std::string moru::graph::printResidualTables(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (auto function : module.getOps<func::FuncOp>()) {
    SmallVector<Residual> residuals = findResiduals(function);
    if (residuals.empty())
      continue;
    Table table({"bytes", "what", "for the reverse of", "line"});
    int64_t total = 0;
    for (const Residual &residual : residuals) {
      total += getSizeInBytes(residual.type);
      table.add({formatCount(getSizeInBytes(residual.type)), describe(residual), residual.keeper.str(),
                 describeLine(residual.source.getLoc())});
    }
    stream << "// @" << function.getName() << ": " << formatBytes(uint64_t(total)) << " kept for the reverse\n";
    printAsComments(table, stream);
  }
  return text;
}
