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

/// The distance of neighbors along axes that are taken as one, if they have one; 0 where there is one entry.
std::optional<int64_t> getCommonStride(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides);

/// Where the tiles of a buffer lie, in numbers of bf16: see TilesAttr.
struct TileShape {
  /// Of a buffer in tiles.
  explicit TileShape(BufferType type);

  /// Columns of a panel, and of one half of it, which a tile has; entries of K in a block.
  static constexpr int64_t kPanel = 32, kHalf = 16, kBlock = 32;
  static constexpr int64_t kTileSize = kHalf * kBlock;

  int64_t planes, depth, columns, panels, blocks, batches = 1;

  /// From a block of a panel to the next.
  int64_t getBlockSize() const { return planes * 2 * kTileSize; }
  int64_t getPanelSize() const { return blocks * getBlockSize(); }
  /// Where the marks of halves begin, one after the other.
  int64_t getMarks() const { return batches * panels * getPanelSize(); }
  int64_t getNumMarks() const { return planes > 1 ? batches * panels * 2 : 0; }
  int64_t getSizeInBytes() const { return 2 * (getMarks() + getNumMarks()); }
};

/// The argument or the allocation that a buffer is a part of: buffers with different roots share no bytes.
mlir::Value getRoot(mlir::Value buffer);

/// A buffer type of `shape` under `strides`; the layout is left out where they are row-major.
BufferType getStridedBuffer(llvm::ArrayRef<int64_t> shape, mlir::Type elementType, llvm::ArrayRef<int64_t> strides);

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_KERNEL_H
