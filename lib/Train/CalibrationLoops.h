// The loops by which a machine's peaks are measured.

#ifndef MORU_LIB_TRAIN_CALIBRATIONLOOPS_H
#define MORU_LIB_TRAIN_CALIBRATIONLOOPS_H

#include "moru/Compiler/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"

#include <string>

namespace moru {

/// What is measured: each function without arguments, and what one call of it does.
struct CalibrationLoops {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// `multiply` and, where there are matrix units, `multiply_tiles`.
  double vectorFlops = 0, tileFlops = 0;
  /// For each working set: the bytes that `read0`, `read1` … read, which may be several times the set.
  llvm::SmallVector<double> readBytes;

  static std::string readName(size_t set) { return "read" + std::to_string(set); }
};

/// A module of the stage `loops` with one task for each thread. `fill` comes first: it writes numbers from 1 to 2
/// wherever the others read. `sets` are working sets in bytes, of all threads together.
CalibrationLoops buildCalibrationLoops(mlir::MLIRContext &context, const Target &target, int64_t threads,
                                       llvm::ArrayRef<int64_t> sets);

} // namespace moru

#endif // MORU_LIB_TRAIN_CALIBRATIONLOOPS_H
