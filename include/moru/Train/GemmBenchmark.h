// A matrix product alone, measured as the peers measure theirs.

#ifndef MORU_TRAIN_GEMMBENCHMARK_H
#define MORU_TRAIN_GEMMBENCHMARK_H

#include "moru/Compiler/CompileOptions.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace moru {

/// C[rows, columns] = A[rows, depth] B[depth, columns], f32.
struct GemmShape {
  int64_t rows, columns, depth;
  /// A lies in memory as [depth, rows]; B as [columns, depth].
  bool transposesA = false, transposesB = false;
  /// B is new with every call, as in training. Otherwise it is a parameter, and what is made of it alone is made once.
  bool isFresh = false;
};

/// Calls for a third of a second after a warm-up. The fields are those of gemm_peer.py, and `product_ms`,
/// `product_gflops`: of the kernel that multiplies, without the packing of operands; `fma_share`, `product_fma_share`:
/// of the calibrated peak of multiply-additions, more than 1 where matrix units are faster; `calibration` before and
/// after.
llvm::Expected<llvm::json::Object> benchmarkGemm(const GemmShape &shape, const CompileOptions &options);

} // namespace moru

#endif // MORU_TRAIN_GEMMBENCHMARK_H
