// From a program to something that can be called.

#ifndef MORU_DSL_COMPILE_H
#define MORU_DSL_COMPILE_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Compiler/Executable.h"
#include "moru/DSL/Program.h"

namespace moru {

/// Compiles all functions of a program for this process. Fails with the program's mistakes, one per line, if it has
/// any. Parameters and state are zero at first: `executable->load(model.initialValues(seed), Role::Parameter)`.
Result<Executable> compile(const Program &program, const CompileOptions &options = {});

} // namespace moru

#endif // MORU_DSL_COMPILE_H
