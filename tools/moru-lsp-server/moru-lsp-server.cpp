//===- moru-lsp-server.cpp - the language server of .mlir files -----------===//
// MLIR's language server with Moru's dialects: diagnostics, definitions, hover and the rest in any editor that speaks
// the Language Server Protocol.
//===----------------------------------------------------------------------===//

#include "moru/Pipeline/Pipeline.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/InitLLVM.h"

#include <cstdlib>

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::DialectRegistry registry;
  moru::registerDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry)) ? EXIT_FAILURE : EXIT_SUCCESS;
}
