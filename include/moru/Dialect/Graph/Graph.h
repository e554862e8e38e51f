//===- Graph.h - the graph dialect ----------------------------------------===//
// Declarations of the dialect, its interfaces and its operations. Semantics stand in GraphOps.td.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPH_H
#define MORU_DIALECT_GRAPH_GRAPH_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace moru::graph {
struct Extent;
class Cotangents;
} // namespace moru::graph

#include "mlir/IR/TensorEncoding.h"
#include "moru/Dialect/Graph/Dims.h"

#include "moru/Dialect/Graph/GraphDialect.h.inc"
#include "moru/Dialect/Graph/GraphEnums.h.inc"
#include "moru/Dialect/Graph/GraphInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moru/Dialect/Graph/GraphAttributes.h.inc"

namespace moru::graph {
class YieldOp;
} // namespace moru::graph

#define GET_OP_CLASSES
#include "moru/Dialect/Graph/GraphOps.h.inc"

namespace moru::graph {

/// A constant of `type` with all entries equal to `value` (converted to the element type).
mlir::Value createSplat(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, double value);

/// `value` broadcast to the shape of `like`, bounded axes included; see below.
mlir::Value broadcastTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::RankedTensorType like);

/// `value` (rank 0 or any shape reachable by adding leading axes) broadcast to `shape`, aligned at the last axis.
mlir::Value broadcastTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> shape);

/// `value`, whose axes are those of `shape` without `removed` (increasing), broadcast back to `shape`: undoes a
/// reduction over `removed`.
mlir::Value broadcastAlongRemoved(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                                  llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> removed);
/// The same with the shape of `like`, bounded axes included.
mlir::Value broadcastAlongRemoved(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                                  mlir::RankedTensorType like, llvm::ArrayRef<int64_t> removed);

/// The sum, product, least or largest along axes; and these axes.
bool isReduction(mlir::Operation *op);
llvm::ArrayRef<int64_t> getReducedAxes(mlir::Operation *reduction);

/// The number that `value` holds in every entry, if it is a splat constant.
std::optional<double> getSplatValue(mlir::Value value);

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_GRAPH_H
