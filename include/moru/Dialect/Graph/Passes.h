//===- Passes.h - passes of the graph dialect -----------------------------===//
// Declarations and registration of the passes described in Passes.td.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_PASSES_H
#define MORU_DIALECT_GRAPH_PASSES_H

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/Pass/Pass.h"

namespace moru::graph {

#define GEN_PASS_DECL
#include "moru/Dialect/Graph/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "moru/Dialect/Graph/Passes.h.inc"

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_PASSES_H
