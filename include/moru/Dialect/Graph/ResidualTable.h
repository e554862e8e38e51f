//===- ResidualTable.h - what is kept for the reverse ---------------------===//
// A table of the values that loops and checkpoints keep for their gradients, for people.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_RESIDUALTABLE_H
#define MORU_DIALECT_GRAPH_RESIDUALTABLE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace moru::graph {

/// On a scan: the numbers of the outputs that are there for its reverse alone.
inline constexpr llvm::StringLiteral kResidualsAttr = "graph.residuals";

/// As comments, one table per function of `module` whose gradients are expanded: the bytes that each residual takes,
/// what it is and the author's line; a function that keeps nothing has none.
std::string printResidualTables(mlir::ModuleOp module);

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_RESIDUALTABLE_H
