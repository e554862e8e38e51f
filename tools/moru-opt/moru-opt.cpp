//===- moru-opt.cpp - run passes and pipelines on a module ----------------===//
// Everything MlirOptMain gives, with Moru's dialects, passes and stages. Upstream dialects: those that a stage emits.
//===----------------------------------------------------------------------===//

#include "moru/Pipeline/Pipeline.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  moru::registerDialects(registry);
  moru::registerPasses();
  moru::registerPipelines();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerInlinerPass();
  mlir::registerStripDebugInfoPass();
  mlir::registerSymbolDCEPass();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Moru optimizer driver\n", registry));
}
