// From a module in the LLVM dialect to an executable in this process.

#ifndef MORU_COMPILER_LOADEXECUTABLE_H
#define MORU_COMPILER_LOADEXECUTABLE_H

#include "moru/Compiler/Codegen.h"
#include "moru/Compiler/Executable.h"

namespace moru {

/// Generates code for a module that `loops-to-llvm` has made and loads it. `signature` has a function for each that the
/// module offers (readSignature, before loops-to-llvm). Fails as Codegen, Jit and Executable do.
llvm::Expected<Executable> loadExecutable(mlir::ModuleOp module, ProgramSignature signature,
                                          const CompileOptions &options);

/// As above, from code that is generated already: the object that `--emit=obj` writes is the one that runs.
llvm::Expected<Executable> loadExecutable(Codegen &codegen, ProgramSignature signature, const CompileOptions &options);

} // namespace moru

#endif // MORU_COMPILER_LOADEXECUTABLE_H
