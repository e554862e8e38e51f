//===- RowReduce.h - the two forms of a row_reduce ------------------------===//
// Long rows pass by one after the other, several times where a reduction waits for another one. Short rows stand in
// registers, several of them together, and are read once.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_KERNELTOLOOPS_ROWREDUCE_H
#define MORU_LIB_CONVERSION_KERNELTOLOOPS_ROWREDUCE_H

#include "Families.h"

namespace moru {

/// The reductions of a kernel by how many others each waits for.
class ReductionPasses {
public:
  explicit ReductionPasses(kernel::ComputeOp kernel);

  llvm::ArrayRef<llvm::SmallVector<mlir::Operation *>> get() const { return passes; }
  /// Reductions one behind the other that a tensor waits for.
  size_t getDepth(mlir::Value tensor);

private:
  std::vector<llvm::SmallVector<mlir::Operation *>> passes;
  llvm::DenseMap<mlir::Value, size_t> depths;
};

/// The results of a row_reduce: of the rows' entries, and of one number per row.
struct RowOutputs {
  llvm::SmallVector<KernelOutput> wide, narrow;
};

/// Rows of `shape` that are short enough to stand in registers, several at once; 0 where they are not.
int64_t chooseShortRows(KernelJob &job, llvm::ArrayRef<int64_t> shape, const RowOutputs &outputs);
/// The kernel in groups of `rows`.
int64_t emitShortRows(KernelJob &job, llvm::ArrayRef<int64_t> shape, const RowOutputs &outputs, int64_t rows);

} // namespace moru

#endif // MORU_LIB_CONVERSION_KERNELTOLOOPS_ROWREDUCE_H
