//===- Compile.cpp - compiles a program -----------------------------------===//
// The way from the language to the compiler.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Compile.h"
#include "moru/DSL/ProgramModule.h"

#include "moru/Compiler/CompileModule.h"

namespace moru {

Result<Executable> compile(const Program &program, const CompileOptions &options) {
  if (!program.ok())
    return Failure{llvm::StringRef(program.errorText()).rtrim().str()};
  llvm::Expected<Executable> executable = compileModule(moduleOf(program), options);
  if (!executable)
    return Failure{llvm::toString(executable.takeError())};
  return std::move(*executable);
}

} // namespace moru
