//===- CheckCompiled.h - a program and its machine code ------------*- C++ -*-===//
// The check of a whole compilation: after every pass in the Reference (Checker.h), then as optimized machine code.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_CHECKCOMPILED_H
#define MORU_CHECK_CHECKCOMPILED_H

#include "moru/Check/Checker.h"
#include "moru/Compiler/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace moru::check {

/// What to compile for, and on what to run.
struct CompiledCheckOptions {
  Target target = Target::host();
  CheckOptions check;
  int32_t threads = 1;
};

/// What was found.
struct CompiledCheck {
  /// The first difference or error; empty where there is none.
  std::string message;
  Tally tally;
  /// The function that differs, and the arguments on which it does, where they are known.
  std::string function;
  llvm::SmallVector<reference::Tensor> inputs;
};

/// Compiles the functions of `module` (stage graph), checks what each pass makes of them as `options.check` says, runs
/// the machine code and compares its results with the Reference's within the bounds of the declared types.
CompiledCheck checkCompiled(mlir::ModuleOp module, const CompiledCheckOptions &options);

} // namespace moru::check

#endif // MORU_CHECK_CHECKCOMPILED_H
