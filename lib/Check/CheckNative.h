//===- CheckNative.h - compiled kernels against the Reference ----------*- C++ -*-===//
// Internal to lib/Check.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_CHECKNATIVE_H
#define MORU_LIB_CHECK_CHECKNATIVE_H

#include "Native.h"

namespace moru::check {

/// One launch of the host's function, and what it means.
struct Launched {
  std::string callee;
  int64_t tasks;
  mlir::Location location;
  kernel::ComputeOp meaning;
};

/// One execution of a kernel to be repeated natively: its operands rounded to their types, and what the Reference makes
/// of these, with bounds for arithmetic in the declared types.
struct KernelCase {
  std::vector<reference::Tensor> reads, expected;
};

/// For each kernel of a function its first and its last execution.
using KernelCases = llvm::DenseMap<mlir::Operation *, std::vector<KernelCase>>;
mlir::FailureOr<KernelCases> collectCases(mlir::func::FuncOp kernels, const NamedValues &inputs);
/// Adds, for each kernel that has a case, one on drawn operands: what a program computes may be the same number all
/// over, of one sign or far from where functions end, where a mistake is not seen.
mlir::LogicalResult addDrawnCases(KernelCases &cases, uint64_t seed, InputKind kind);

/// Runs every launched kernel alone, its tasks in falling order, and compares. `what` begins the message: "pass 'x'
/// (exact)".
mlir::LogicalResult checkKernelsAlone(llvm::StringRef what, const NativeCode &code, llvm::ArrayRef<Launched> launches,
                                      const KernelCases &cases, Tally &tally);

/// Runs the compiled host's function as a whole, with an arena full of NaN, and compares its results. `kernels` is the
/// function when it was one of kernels.
mlir::LogicalResult checkWholeProgram(llvm::StringRef what, const NativeCode &code, mlir::func::FuncOp kernels,
                                      const NamedValues &inputs, const NamedValues &expected, Tally &tally);

/// The results of `kernels` with the bounds of arithmetic in the declared types. `sharply`: a bound is no larger than
/// what rounding does in a few runs in which it is drawn, with room to spare: over a whole step the sums of worst cases
/// grow beyond use. For ordinary arguments, where nothing hangs on a decision that rounding may turn.
mlir::FailureOr<NamedValues> runDeclared(mlir::func::FuncOp kernels, const NamedValues &inputs, bool sharply);

} // namespace moru::check

#endif // MORU_LIB_CHECK_CHECKNATIVE_H
