// The MLIR module behind a program: for the compiler and the tools, not for models.

#ifndef MORU_DSL_PROGRAMMODULE_H
#define MORU_DSL_PROGRAMMODULE_H

#include "mlir/IR/BuiltinOps.h"

namespace moru {

class Program;

/// The module; it belongs to the program.
mlir::ModuleOp moduleOf(const Program &program);

} // namespace moru

#endif // MORU_DSL_PROGRAMMODULE_H
