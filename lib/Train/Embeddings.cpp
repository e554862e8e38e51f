// Embeddings: where a program looks ids up.

#include "moru/Train/Embeddings.h"

#include "moru/DSL/ProgramModule.h"
#include "moru/Dialect/Graph/Graph.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moru;

/// The argument that `value` is, moved and cut but not computed with; null if it is none.
static BlockArgument findArgument(func::FuncOp function, Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp>(op))
      return {};
    value = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(value);
  return argument.getOwner() == &function.getBody().front() ? argument : BlockArgument();
}

static std::string nameOf(func::FuncOp function, BlockArgument argument) {
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::GraphDialect::kNameAttr);
  return name ? name.str() : "";
}

std::vector<EmbeddingUse> moru::findEmbeddings(const Program &program, StringRef name) {
  std::vector<EmbeddingUse> uses;
  auto function = moduleOf(program).lookupSymbol<func::FuncOp>(name);
  if (!function)
    return uses;
  function.walk([&](graph::GatherOp op) {
    BlockArgument table = findArgument(function, op->getOperand(0)), ids = findArgument(function, op->getOperand(1));
    if (!table || !ids)
      return;
    EmbeddingUse use{nameOf(function, table), nameOf(function, ids)};
    if (!use.parameter.empty() && !llvm::is_contained(uses, use))
      uses.push_back(std::move(use));
  });
  return uses;
}
