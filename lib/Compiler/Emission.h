//===- Emission.h - the way of one module through LLVM ---------------------===//
// The steps that a whole module and a part of one have in common.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_COMPILER_EMISSION_H
#define MORU_LIB_COMPILER_EMISSION_H

#include "moru/Compiler/Codegen.h"

namespace moru {

/// Once before anything of that context is translated.
void registerTranslation(mlir::MLIRContext &context);

/// With triple, data layout and each function's features.
llvm::Expected<std::unique_ptr<llvm::Module>> translateToLLVM(mlir::ModuleOp module, llvm::LLVMContext &context,
                                                              llvm::TargetMachine &machine, const Target &target);

void optimize(llvm::Module &module, llvm::TargetMachine &machine, CodeQuality quality);

/// Changes the module on its way.
llvm::Expected<std::string> emit(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType type);

} // namespace moru

#endif // MORU_LIB_COMPILER_EMISSION_H
