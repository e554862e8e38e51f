//===- Parameters.h - which values are parameters ----------------*- C++ -*-===//

#ifndef MORU_DIALECT_GRAPH_PARAMETERS_H
#define MORU_DIALECT_GRAPH_PARAMETERS_H

#include "mlir/IR/Value.h"

namespace moru::graph {

/// `value` is an argument of a function that holds a parameter, and no result of the function takes its place.
bool isFixedParameter(mlir::Value value);

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_PARAMETERS_H
