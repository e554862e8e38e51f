//===- Verify.h - checks that several operations share --------------------===//
// Private to lib/Dialect/Graph: what verifiers and shape rules of different files have in common.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_GRAPH_VERIFY_H
#define MORU_LIB_DIALECT_GRAPH_VERIFY_H

#include "Formula.h"

namespace moru::graph {

/// `axis` is within `rank`.
llvm::LogicalResult verifyAxis(mlir::Operation *op, int64_t axis, int64_t rank);

/// What random numbers are made of: a key tensor<i64>, a counter tensor<i32>, a stream of 32 bits.
llvm::LogicalResult verifyRandomOperands(mlir::Operation *op, mlir::Value key, mlir::Value counter, int64_t stream);

} // namespace moru::graph

#endif // MORU_LIB_DIALECT_GRAPH_VERIFY_H
