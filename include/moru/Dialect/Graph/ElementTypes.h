// Element types of MLIR and of tensors on the host: one table for both directions.

#ifndef MORU_DIALECT_GRAPH_ELEMENTTYPES_H
#define MORU_DIALECT_GRAPH_ELEMENTTYPES_H

#include "moru/Support/HostTensor.h"

#include "mlir/IR/Types.h"

#include <optional>

namespace moru::graph {

/// The type of the host's elements, or nothing where the host has none. Signless and signed integers are the same.
std::optional<ElementType> toElementType(mlir::Type type);

/// The type of MLIR; signless for every integer.
mlir::Type fromElementType(mlir::MLIRContext *context, ElementType type);

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_ELEMENTTYPES_H
