// From loops to the LLVM dialect: the pass described in Passes.td, and its parts.

#ifndef MORU_CONVERSION_LOOPSTOLLVM_LOOPSTOLLVM_H
#define MORU_CONVERSION_LOOPSTOLLVM_LOOPSTOLLVM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <string>

namespace moru {

#define GEN_PASS_DECL
#include "moru/Conversion/LoopsToLLVM/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "moru/Conversion/LoopsToLLVM/Passes.h.inc"

/// The function that the runtime calls for a kernel is called `<kernel>_entry`.
constexpr llvm::StringLiteral kKernelEntrySuffix = "_entry";
std::string kernelEntryName(llvm::StringRef kernel);

/// Patterns that replace functions of `math` by polynomials, on scalars and vectors of f32 and narrower types. With
/// vectors of 512 bits AVX-512 scales by powers of two: fewer instructions for the same bits.
void populateApproximateMathPatterns(mlir::RewritePatternSet &patterns, int64_t vectorBits);

/// Replaces operations on tiles by calls of LLVM's intrinsics. Everything else is still in loops.
void lowerTiles(mlir::ModuleOp module);

/// Gives every value of type bf16 in a module of the LLVM dialect the type i16. The module only moves such values.
void storeBF16AsBits(mlir::ModuleOp module);

} // namespace moru

#endif // MORU_CONVERSION_LOOPSTOLLVM_LOOPSTOLLVM_H
