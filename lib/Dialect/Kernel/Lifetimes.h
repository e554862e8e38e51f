//===- Lifetimes.h - from where to where a buffer is in use ---------------===//
// Positions number the operations of a function in program order; a use within a loop or a branch counts for all of it
// unless the buffer is of that region itself. So the buffers of two branches may lie in one place, and those of a
// loop's condition and of its body too: none of them holds anything beyond its region. What `kernel.prepare` leaves for
// the kernels behind it lives from call to call: always.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_KERNEL_LIFETIMES_H
#define MORU_LIB_DIALECT_KERNEL_LIFETIMES_H

#include "moru/Dialect/Kernel/Kernel.h"

#include "llvm/ADT/MapVector.h"

namespace moru::kernel {

/// First and last position at which a buffer is written or read.
struct Lifetime {
  unsigned from = ~0u, to = 0;
  bool isUnused() const { return from > to; }
  bool overlaps(const Lifetime &other) const { return from <= other.to && other.from <= to; }
};

/// The argument is a parameter that the function leaves as it is.
bool isFixedParameter(mlir::func::FuncOp func, mlir::BlockArgument argument);

/// The lifetimes of all buffers of `func`, in program order.
llvm::MapVector<mlir::Operation *, Lifetime> computeLifetimes(mlir::func::FuncOp func);

/// The kernels that read or write `buffer`, through views and slots too.
llvm::SmallVector<mlir::Operation *> getKernelUsers(mlir::Value buffer);

} // namespace moru::kernel

#endif // MORU_LIB_DIALECT_KERNEL_LIFETIMES_H
