// The whole way from a module of the graph dialect (or of a later stage) to machine code: `compileModule` runs it to
// the end, `emitModule` stops after a stage and gives its text. Both work on a copy.

#ifndef MORU_COMPILER_COMPILEMODULE_H
#define MORU_COMPILER_COMPILEMODULE_H

#include "moru/Check/Instrument.h"
#include "moru/Compiler/CompileOptions.h"
#include "moru/Compiler/Executable.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>

namespace moru {

/// What `--emit` names, in order: the stages that are MLIR, then what LLVM makes of them.
enum class Emit : uint8_t { Graph, Gradient, Simplified, Kernels, Plan, Loops, LLVM, Assembly, Object };

/// "graph", …, "asm", "obj".
llvm::StringRef getName(Emit emit);
std::optional<Emit> parseEmit(llvm::StringRef name);
/// All names, for messages: "graph, gradient, …".
std::string emitNames();

/// The text of a module, values under their names, without locations.
std::string printModule(mlir::ModuleOp module, bool locations = false);

/// A module that was read from a file, of any stage that is MLIR.
struct ModuleFile {
  static llvm::Expected<std::unique_ptr<ModuleFile>> read(llvm::StringRef path);
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Takes a module to `emit`: MLIR, LLVM IR and assembly as text, an object file as its bytes. Before the text of
/// `plan` stands the memory of each function as a table, in comments.
llvm::Expected<std::string> emitModule(mlir::ModuleOp module, Emit emit, const CompileOptions &options,
                                       bool locations = false);

/// Compiles all public functions and loads them into this process.
llvm::Expected<Executable> compileModule(mlir::ModuleOp module, const CompileOptions &options);
/// The same with checks of another kind than `options.checkEach`.
llvm::Expected<Executable> compileModule(mlir::ModuleOp module, const CompileOptions &options,
                                         const check::InstrumentOptions &instruments);

} // namespace moru

#endif // MORU_COMPILER_COMPILEMODULE_H
