// The code of a module in several objects, which are made side by side.

#ifndef MORU_COMPILER_CODEPARTS_H
#define MORU_COMPILER_CODEPARTS_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Compiler/ProgramCode.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace moru {

/// The kernels that a module of the LLVM dialect has entries of.
std::vector<KernelCode> listKernels(mlir::ModuleOp module);

/// The operations at the top of a module, in parts: those that name each other's local symbols are together. At most
/// `count`, of about the same size, the largest first; they follow from the module alone.
std::vector<std::vector<mlir::Operation *>> cutIntoParts(mlir::ModuleOp module, size_t count);

/// An object for each part of a module of the LLVM dialect, from its translation on made in a thread of its own. Errors
/// of the translation are emitted as diagnostics too.
llvm::Expected<std::vector<std::string>> emitObjects(mlir::ModuleOp module, const Target &target, CodeQuality quality);

} // namespace moru

#endif // MORU_COMPILER_CODEPARTS_H
