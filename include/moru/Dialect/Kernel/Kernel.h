//===- Kernel.h - the kernel dialect --------------------------------------===//
// Declarations of the dialect, the buffer type, layouts and operations. Semantics stand in KernelOps.td.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_KERNEL_H
#define MORU_DIALECT_KERNEL_KERNEL_H

#include "moru/Dialect/Graph/Graph.h"

#include "moru/Dialect/Kernel/KernelDialect.h.inc"
#include "moru/Dialect/Kernel/KernelEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moru/Dialect/Kernel/KernelAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "moru/Dialect/Kernel/KernelTypes.h.inc"

namespace moru::kernel {
class YieldOp;
} // namespace moru::kernel

#define GET_OP_CLASSES
#include "moru/Dialect/Kernel/KernelOps.h.inc"

namespace moru::kernel {

/// The strides, in elements, of a dense row-major tensor of `shape`.
llvm::SmallVector<int64_t> getRowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// A buffer type of `shape` under `strides`; the layout is left out where they are row-major.
BufferType getStridedBuffer(llvm::ArrayRef<int64_t> shape, mlir::Type elementType, llvm::ArrayRef<int64_t> strides);

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_KERNEL_H
