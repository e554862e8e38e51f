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

/// The objects of a module, what `loops-to-llvm` has left of it, with its kernels.
llvm::Expected<ProgramCode> makeProgramCode(Codegen &codegen, ProgramSignature signature);

/// As above, from code that is there already.
llvm::Expected<Executable> loadExecutable(ProgramCode code, const CompileOptions &options);

} // namespace moru

#endif // MORU_COMPILER_LOADEXECUTABLE_H
