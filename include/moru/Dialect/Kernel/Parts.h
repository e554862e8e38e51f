//===- Parts.h - a kernel cut along the first axis of its results ---------===//
// A kernel whose results' first axis has N entries falls into P equal parts, where P divides N and each entry of a
// result depends only on the entries of the same part of some operands, and on any entries of others:
//   contract x, w : [32, 16, 8], [8, 4] -> [32, 16, 4]   part i of 4 reads x[8i … 8i+7] and all of w;
//   reduce_sum x over [0]: no parts, as each entry of the sum depends on all of x along its first axis.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_PARTS_H
#define MORU_DIALECT_KERNEL_PARTS_H

#include "moru/Dialect/Kernel/Kernel.h"

#include "llvm/ADT/DenseMap.h"

#include <optional>

namespace moru::kernel {

/// How a kernel falls into parts.
struct KernelParts {
  /// For each buffer that is read the axis that is cut; none: each part needs all of it, and -1: no part reads it.
  llvm::SmallVector<std::optional<int64_t>> reads;
  /// The axis of each value of the region that is cut, none for one that is needed whole.
  llvm::DenseMap<mlir::Value, std::optional<int64_t>> axes;
};

/// How `op` falls into `parts` along the first axis of its results; otherwise nothing, and in `why` the reason.
std::optional<KernelParts> findParts(ComputeOp op, int64_t parts, std::string &why);

/// The type of a part of a buffer that is cut along `axis`, and the entries from one part to the next.
BufferType getPartType(BufferType type, int64_t axis, int64_t parts);
int64_t getPartStride(BufferType type, int64_t axis, int64_t parts);

/// Changes the types in the region of `op` to those of one part. The buffers keep theirs: the result is for a generator
/// of code, not for the verifier.
void cutToPart(ComputeOp op, const KernelParts &found, int64_t parts);

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_PARTS_H
