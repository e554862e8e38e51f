//===- Recompute.h - what is made again rather than stored ----------------===//
// Before the cut into kernels: a reader elsewhere gets a computation of its own, where that reads no more than the
// value that it would read.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_GRAPHTOKERNEL_RECOMPUTE_H
#define MORU_LIB_CONVERSION_GRAPHTOKERNEL_RECOMPUTE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moru {

/// Computes again, for each reader, a step of arithmetic on one value that lies in a buffer anyway.
void recomputeCheapValues(mlir::func::FuncOp func);

/// Computes again, for readers that run later than others, chains of arithmetic on one value that is stored for them
/// anyway.
void recomputeForLaterReaders(mlir::func::FuncOp func);

} // namespace moru

#endif // MORU_LIB_CONVERSION_GRAPHTOKERNEL_RECOMPUTE_H
