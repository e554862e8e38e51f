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

/// Operations at the top of a module that go through LLVM together.
struct CodePart {
  std::vector<mlir::Operation *> operations;
  /// Operations in all.
  size_t size = 0;
  /// A long function of the host: hundreds of launches one after the other, each of which runs once in a call. To find
  /// registers for what they pass would take longer than any kernel.
  bool isLongHost = false;
};

/// A module in parts: operations that name each other's local symbols are together, long functions of the host alone.
/// Apart from those at most `count`, of about the same size; the largest first. They follow from the module alone.
std::vector<CodePart> cutIntoParts(mlir::ModuleOp module, size_t count);

/// An object for each part of a module of the LLVM dialect, from its translation on made in a thread of its own. Errors
/// of the translation are emitted as diagnostics too.
llvm::Expected<std::vector<std::string>> emitObjects(mlir::ModuleOp module, const Target &target, CodeQuality quality);

} // namespace moru

#endif // MORU_COMPILER_CODEPARTS_H
