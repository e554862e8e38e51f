//===- GraphOps.td - operations of the graph dialect -------*- tablegen -*-===//
// One entry per operation, in the files below by what it does: semantics, numbered constraints (C1, C2, …; the same numbers stand in the
// verifier and in the names of tests) and an example that parses.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHOPS_TD

include "moru/Dialect/Graph/GraphCreationOps.td"
include "moru/Dialect/Graph/GraphElementwiseOps.td"
include "moru/Dialect/Graph/GraphShapeOps.td"
include "moru/Dialect/Graph/GraphReductionOps.td"
include "moru/Dialect/Graph/GraphIndexingOps.td"
include "moru/Dialect/Graph/GraphCompositeOps.td"
include "moru/Dialect/Graph/GraphControlFlowOps.td"

#endif // MORU_DIALECT_GRAPH_GRAPHOPS_TD
