//===- Pipeline.h - the stages in order -----------------------------------===//
// The way a program takes, as named stages: what `moru compile --emit=<stage>` stops after and `moru-opt` runs alone.
// Each arrow between two stages is a populate function and a registered pipeline.
//===----------------------------------------------------------------------===//

#ifndef MORU_PIPELINE_PIPELINE_H
#define MORU_PIPELINE_PIPELINE_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace moru {

/// What the program is after an arrow, in order.
enum class Stage {
  /// As the model was traced.
  Graph,
  /// `graph.gradient` expanded.
  Gradient,
  /// Simplified, work hoisted out of scans, composites decomposed.
  Simplified,
  /// Cut into fused kernels over buffers.
  Kernels,
  /// Every buffer has its place in the arena.
  Plan,
  /// Every kernel is a function of loops over vectors.
  Loops,
  /// The LLVM dialect.
  LLVM,
};

/// The stage called `name` as in `--emit=<name>`, if there is one.
std::optional<Stage> getStage(llvm::StringRef name);

/// The name of `stage`.
llvm::StringRef getName(Stage stage);

/// Which parts of the stages are run; all are on by default.
struct PipelineOptions {
  /// Move work that does not need the carry out of scans.
  bool hoist = true;
  /// Replace composites with their definitions at the end of `simplified`.
  bool decompose = true;
  /// Loops keep the carried values alone for their reverse, and do each step again there.
  bool recompute = false;
  /// Launch small kernels together.
  bool group = true;
  /// Bytes that loops may keep for their reverse, and that the stacked operands of a sum over the steps may take; 0:
  /// any number.
  int64_t memoryBudget = 0;
  /// Bits of the target's vectors: 512 with AVX-512, 256 with AVX2.
  int64_t vectorBits = 512;
  /// Number of these vectors: 32 with AVX-512, 16 with AVX2.
  int64_t vectorRegisters = 32;
  /// Parts of bf16 into which large contractions split f32 for matrix units; 1: these multiply bf16 alone; 0: no matrix
  /// units.
  int64_t tilePlanes = 0;
  /// Contractions of f32 have their operands rounded to bf16.
  bool roundContractions = false;
  /// Bytes of the first and the second cache that blocking aims at.
  int64_t l1Bytes = 32 << 10;
  int64_t l2Bytes = 1 << 20;
};

/// graph → gradient. Pipeline `graph-to-gradient`.
void populateGraphToGradient(mlir::OpPassManager &manager, const PipelineOptions &options);

/// gradient → simplified. Pipeline `graph-simplify`.
void populateGraphSimplify(mlir::OpPassManager &manager, const PipelineOptions &options);

/// simplified → kernels. Pipeline `graph-to-kernels`.
void populateGraphToKernels(mlir::OpPassManager &manager, const PipelineOptions &options);

/// kernels → plan. Pipeline `kernels-to-plan`.
void populateKernelsToPlan(mlir::OpPassManager &manager, const PipelineOptions &options);

/// plan → loops. Pipeline `plan-to-loops`.
void populatePlanToLoops(mlir::OpPassManager &manager, const PipelineOptions &options);

/// loops → llvm.
void populateLoopsToLLVM(mlir::OpPassManager &manager, const PipelineOptions &options);

/// Everything between `from` (exclusive) and `to` (inclusive).
void populateStages(mlir::OpPassManager &manager, Stage from, Stage to, const PipelineOptions &options);

/// The dialects that any stage may hold.
void registerDialects(mlir::DialectRegistry &registry);

/// Moru's passes, for use by name. Once per process.
void registerPasses();

/// The pipelines above, for use by name. Once per process.
void registerPipelines();

} // namespace moru

#endif // MORU_PIPELINE_PIPELINE_H
