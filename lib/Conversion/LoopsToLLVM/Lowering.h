// The two halves of loops-to-llvm: the host's functions and the kernels.

#ifndef MORU_LIB_CONVERSION_LOOPSTOLLVM_LOWERING_H
#define MORU_LIB_CONVERSION_LOOPSTOLLVM_LOWERING_H

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"

namespace moru {

/// A kernel's function and, for each of its parameters that is a buffer, whether a launch gives its memory in another
/// one too.
struct KernelUse {
  mlir::func::FuncOp function;
  llvm::BitVector aliased;
};

/// The kernels of a module by name, in the order of their first launch; an error for a launch that does not fit its
/// kernel.
using KernelUses = llvm::MapVector<mlir::StringAttr, KernelUse>;
mlir::FailureOr<KernelUses> findKernels(mlir::ModuleOp module);

/// Declares the entry of each kernel, then replaces every function of the kernel dialect by one of the LLVM dialect
/// (with scf.for where it loops). Expects planned buffers.
mlir::LogicalResult lowerHostFunctions(mlir::ModuleOp module, const KernelUses &kernels);

/// Upstream's passes that take the kernels' functions (and the loops of the host) to the LLVM dialect.
void buildKernelPipeline(mlir::OpPassManager &manager);

/// What is left once kernels are functions of the LLVM dialect: linkage, `noalias`, and the bodies of the entries.
void finishKernels(mlir::ModuleOp module, const KernelUses &kernels);

} // namespace moru

#endif // MORU_LIB_CONVERSION_LOOPSTOLLVM_LOWERING_H
