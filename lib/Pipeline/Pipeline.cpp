//===- Pipeline.cpp - the stages in order ---------------------------------===//
// Which passes lie between two stages, and why in this order.
//===----------------------------------------------------------------------===//

#include "moru/Pipeline/Pipeline.h"

#include "moru/Conversion/GraphToKernel/Passes.h"
#include "moru/Conversion/KernelToLoops/KernelToLoops.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Dialect/Graph/Passes.h"
#include "moru/Dialect/Kernel/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace moru;

std::optional<Stage> moru::getStage(StringRef name) {
  return llvm::StringSwitch<std::optional<Stage>>(name)
      .Case("graph", Stage::Graph)
      .Case("gradient", Stage::Gradient)
      .Case("simplified", Stage::Simplified)
      .Case("kernels", Stage::Kernels)
      .Case("plan", Stage::Plan)
      .Case("loops", Stage::Loops)
      .Case("llvm", Stage::LLVM)
      .Default(std::nullopt);
}

StringRef moru::getName(Stage stage) {
  switch (stage) {
  case Stage::Graph:
    return "graph";
  case Stage::Gradient:
    return "gradient";
  case Stage::Simplified:
    return "simplified";
  case Stage::Kernels:
    return "kernels";
  case Stage::Plan:
    return "plan";
  case Stage::Loops:
    return "loops";
  case Stage::LLVM:
    return "llvm";
  }
  llvm_unreachable("every stage has a name");
}

void moru::populateGraphToGradient(OpPassManager &manager, const PipelineOptions &options) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  graph::ExpandGradientsOptions gradients;
  gradients.residuals = options.recompute ? "recompute" : "keep";
  gradients.budget = options.memoryBudget;
  functions.addPass(graph::createExpandGradients(gradients));
  // Behind the gradients, whose rules know nothing of padding: what they sum up is masked like any other sum.
  functions.addPass(graph::createPadBounded());
}

void moru::populateGraphSimplify(OpPassManager &manager, const PipelineOptions &options) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  // First, so that hoisting sees sums and contractions in their plain form and no dead carries.
  functions.addPass(graph::createSimplifyAlgebra());
  if (options.hoist) {
    functions.addPass(graph::createHoistFromScan({.budget = options.memoryBudget}));
    functions.addPass(graph::createSimplifyAlgebra());
  }
  // The cut into kernels works on primitive operations; what forward and backward share (a softmax's sums) becomes one.
  if (options.decompose) {
    functions.addPass(graph::createDecomposeComposites());
    functions.addPass(graph::createSimplifyAlgebra());
  }
  // Last: what is rounded for one contraction is rounded for all.
  if (options.roundContractions) {
    functions.addPass(graph::createRoundContractions());
    functions.addPass(graph::createSimplifyAlgebra());
  }
}

void moru::populateGraphToKernels(OpPassManager &manager, const PipelineOptions &options) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createNormalizeForKernels());
  // The forms of different reductions share their first steps.
  functions.addPass(createCSEPass());
  // A panel is two vectors wide: enough independent sums to hide the latency of a multiply-add at every height of tile.
  constexpr int64_t kPanelVectors = 2;
  manager.addPass(createGraphToKernel({.panelWidth = kPanelVectors * options.vectorBits / 32,
                                       .tilePlanes = options.tilePlanes,
                                       .l2Bytes = options.l2Bytes}));
  // Views that several readers asked for become one.
  manager.addNestedPass<func::FuncOp>(createCSEPass());
  manager.addNestedPass<func::FuncOp>(kernel::createKernelPrepare());
}

void moru::populateKernelsToPlan(OpPassManager &manager, const PipelineOptions &options) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(kernel::createKernelSchedule());
  // Before the plan: the order of kernels decides how long buffers live.
  if (options.group)
    functions.addPass(kernel::createKernelGroup({.l2Bytes = options.l2Bytes}));
  functions.addPass(kernel::createKernelPlan());
  functions.addPass(kernel::createKernelVerifyPlan());
}

void moru::populatePlanToLoops(OpPassManager &manager, const PipelineOptions &options) {
  KernelToLoopsOptions loops;
  loops.vectorBits = options.vectorBits;
  loops.vectorRegisters = options.vectorRegisters;
  loops.l1Bytes = options.l1Bytes;
  loops.l2Bytes = options.l2Bytes;
  manager.addPass(createKernelToLoops(loops));
}

void moru::populateLoopsToLLVM(OpPassManager &manager, const PipelineOptions &options) {
  LoopsToLLVMOptions lowering;
  lowering.vectorBits = options.vectorBits;
  manager.addPass(createLoopsToLLVM(lowering));
}

void moru::populateStages(OpPassManager &manager, Stage from, Stage to, const PipelineOptions &options) {
  auto crosses = [&](Stage stage) { return from < stage && stage <= to; };
  if (crosses(Stage::Gradient))
    populateGraphToGradient(manager, options);
  if (crosses(Stage::Simplified))
    populateGraphSimplify(manager, options);
  if (crosses(Stage::Kernels))
    populateGraphToKernels(manager, options);
  if (crosses(Stage::Plan))
    populateKernelsToPlan(manager, options);
  if (crosses(Stage::Loops))
    populatePlanToLoops(manager, options);
  if (crosses(Stage::LLVM))
    populateLoopsToLLVM(manager, options);
}

void moru::registerDialects(DialectRegistry &registry) {
  registry
      .insert<graph::GraphDialect, kernel::KernelDialect, amx::AMXDialect, arith::ArithDialect, func::FuncDialect,
              LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
}

void moru::registerPasses() {
  graph::registerGraphPasses();
  registerGraphToKernelPasses();
  registerKernelToLoopsPasses();
  registerLoopsToLLVMPasses();
  kernel::registerKernelPasses();
}

namespace {
/// PipelineOptions on the command line of a pipeline.
struct Flags : PassPipelineOptions<Flags> {
  Option<bool> hoist{*this, "hoist", llvm::cl::desc("move work that does not need the carry out of scans"),
                     llvm::cl::init(true)};
  Option<bool> decompose{*this, "decompose", llvm::cl::desc("replace composites with their definitions"),
                         llvm::cl::init(true)};
  Option<bool> recompute{*this, "recompute", llvm::cl::desc("keep the carried values of loops alone for their reverse"),
                         llvm::cl::init(false)};
  Option<bool> group{*this, "group", llvm::cl::desc("launch small kernels together"), llvm::cl::init(true)};
  Option<int64_t> memoryBudget{*this, "memory-budget",
                               llvm::cl::desc("bytes for what loops keep and stack; 0: any number"), llvm::cl::init(0)};
  Option<int64_t> vectorBits{*this, "vector-bits", llvm::cl::desc("bits of the target's vectors"), llvm::cl::init(512)};
  Option<int64_t> vectorRegisters{*this, "vector-registers", llvm::cl::desc("number of the target's vectors"),
                                  llvm::cl::init(32)};
  Option<int64_t> tilePlanes{
      *this, "tile-planes",
      llvm::cl::desc("parts of bf16 that matrix units multiply; 1: operands of bf16 alone; 0: none"),
      llvm::cl::init(0)};
  Option<bool> roundContractions{*this, "round-contractions", llvm::cl::desc("round operands of contractions to bf16"),
                                 llvm::cl::init(false)};
  PipelineOptions get() const {
    return {.hoist = hoist,
            .decompose = decompose,
            .recompute = recompute,
            .group = group,
            .memoryBudget = memoryBudget,
            .vectorBits = vectorBits,
            .vectorRegisters = vectorRegisters,
            .tilePlanes = tilePlanes,
            .roundContractions = roundContractions};
  }
};
} // namespace

void moru::registerPipelines() {
  PassPipelineRegistration<Flags>(
      "graph-to-gradient", "stage graph to stage gradient: expand graph.gradient",
      [](OpPassManager &manager, const Flags &flags) { populateGraphToGradient(manager, flags.get()); });
  PassPipelineRegistration<Flags>(
      "graph-simplify", "stage gradient to stage simplified: algebra, hoisting out of scans, decomposition, precision",
      [](OpPassManager &manager, const Flags &flags) { populateGraphSimplify(manager, flags.get()); });
  PassPipelineRegistration<Flags>(
      "graph-to-kernels", "stage simplified to stage kernels: cut into fused kernels over buffers",
      [](OpPassManager &manager, const Flags &flags) { populateGraphToKernels(manager, flags.get()); });
  PassPipelineRegistration<Flags>(
      "kernels-to-plan", "stage kernels to stage plan: one arena, and the check of it",
      [](OpPassManager &manager, const Flags &flags) { populateKernelsToPlan(manager, flags.get()); });
  PassPipelineRegistration<Flags>(
      "plan-to-loops", "stage plan to stage loops: every kernel as loops over vectors",
      [](OpPassManager &manager, const Flags &flags) { populatePlanToLoops(manager, flags.get()); });
  PassPipelineRegistration<Flags>("graph-to-llvm", "stage graph to stage llvm: all of the way",
                                  [](OpPassManager &manager, const Flags &flags) {
                                    populateStages(manager, Stage::Graph, Stage::LLVM, flags.get());
                                  });
  PassPipelineRegistration<Flags>("graph-to-simplified", "stage graph to stage simplified",
                                  [](OpPassManager &manager, const Flags &flags) {
                                    populateStages(manager, Stage::Graph, Stage::Simplified, flags.get());
                                  });
}
