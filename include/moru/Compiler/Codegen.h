// From a module in the LLVM dialect to machine code: LLVM IR, assembly and object files. The JIT runs
// objects that are made here of the same functions in the same way, so that compiled ahead of time and just in time the
// bits are the same.

#ifndef MORU_COMPILER_CODEGEN_H
#define MORU_COMPILER_CODEGEN_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Compiler/ProgramCode.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>
#include <vector>

namespace moru {

/// LLVM's machine for a target; position-independent code. Fails where this LLVM does not know the triple or a feature.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const Target &target, CodeQuality quality);

/// One module on its way through LLVM: translated when it is created, optimized when that is first needed, emitted in
/// any form and order.
class Codegen {
public:
  /// Takes a module of the LLVM dialect only. Triple, data layout and each function's features are set before anything
  /// is optimized. Errors of the translation are emitted as diagnostics too. With a cache, `emitObject` looks there
  /// first.
  static llvm::Expected<Codegen> create(mlir::ModuleOp module, const Target &target, CodeQuality quality,
                                        bool cache = false);

  /// The optimized LLVM IR as text.
  std::string emitLLVM();
  llvm::Expected<std::string> emitAssembly();
  llvm::Expected<std::string> emitObject();
  /// The same code in several objects, which are made side by side, whatever is in the cache: how it is cut follows
  /// from the module alone.
  llvm::Expected<std::vector<std::string>> emitObjects();

  /// The optimized module, for tests and counts.
  const llvm::Module &module();

  const std::vector<KernelCode> &kernels() const { return kernelList; }

private:
  Codegen() = default;
  llvm::Expected<std::string> emitFile(llvm::CodeGenFileType type);
  void listKernels(mlir::ModuleOp module);

  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> llvmModule;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::vector<KernelCode> kernelList;
  Target target;
  CodeQuality quality = CodeQuality::Optimized;
  bool optimized = false;
  /// `emitObject` takes objects from the user's cache and puts them there.
  bool cache = false;
};

} // namespace moru

#endif // MORU_COMPILER_CODEGEN_H
