// A matrix product alone, measured as the peers measure theirs.

#ifndef MORU_TRAIN_GEMMBENCHMARK_H
#define MORU_TRAIN_GEMMBENCHMARK_H

#include "moru/Compiler/CompileOptions.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace moru {

/// C[rows, columns] = A[rows, depth] B[depth, columns], f32. Calls for a third of a second after a warm-up. The fields
/// are those of gemm_peer.py, and `product_ms`, `product_gflops`: of the kernel that multiplies, without the packing of
/// operands; `fma_share`, `product_fma_share`: of the calibrated peak of multiply-additions, more than 1 where matrix
/// units are faster; `calibration` before and after.
llvm::Expected<llvm::json::Object> benchmarkGemm(int64_t rows, int64_t columns, int64_t depth,
                                                 const CompileOptions &options);

} // namespace moru

#endif // MORU_TRAIN_GEMMBENCHMARK_H
