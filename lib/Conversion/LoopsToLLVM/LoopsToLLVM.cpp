// The pass loops-to-llvm: host functions, then kernels.

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "Lowering.h"

#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#define DEBUG_TYPE "loops-to-llvm"

using namespace mlir;

namespace moru {
#define GEN_PASS_DEF_LOOPSTOLLVM
#include "moru/Conversion/LoopsToLLVM/Passes.h.inc"

namespace {

struct LoopsToLLVM : impl::LoopsToLLVMBase<LoopsToLLVM> {
  using LoopsToLLVMBase::LoopsToLLVMBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LoopsToLLVMBase::getDependentDialects(registry);
    buildPipeline().getDependentDialects(registry);
  }

  void runOnOperation() override {
    FailureOr<KernelUses> kernels = findKernels(getOperation());
    if (failed(kernels) || (approximateMath && failed(approximate(*kernels))) || failed(verifyNames(*kernels)) ||
        failed(lowerHostFunctions(getOperation(), *kernels)) || failed(callLibm()))
      return signalPassFailure();
    lowerTiles(getOperation());
    OpPassManager pipeline = buildPipeline();
    if (failed(runPipeline(pipeline, getOperation())))
      return signalPassFailure();
    finishKernels(getOperation(), *kernels);
    storeBF16AsBits(getOperation());
  }

private:
  static OpPassManager buildPipeline() {
    OpPassManager pipeline(ModuleOp::getOperationName());
    buildKernelPipeline(pipeline);
    return pipeline;
  }

  /// A function of f64 is libm's, by its name: none of ours may have it, or the kernel would call that.
  LogicalResult verifyNames(const KernelUses &kernels) {
    Operation *culprit = nullptr;
    for (const auto &[name, use] : kernels)
      use.function->walk([&](Operation *op) {
        if (isa<math::ExpOp, math::LogOp, math::Log1pOp, math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(op))
          culprit = culprit ? culprit : getOperation().lookupSymbol(op->getName().stripDialect());
        else if (isa<math::PowFOp>(op))
          culprit = culprit ? culprit : getOperation().lookupSymbol("pow");
      });
    if (!culprit)
      return success();
    return culprit->emitError("expected a name that no function of libm has, got one that a kernel calls, '")
           << SymbolTable::getSymbolName(culprit).getValue() << "'";
  }

  /// What is left of the functions for which LLVM has no intrinsic (those of f64) is called.
  LogicalResult callLibm() {
    RewritePatternSet patterns(&getContext());
    populateMathToLibmConversionPatterns(patterns);
    ConversionTarget target(getContext());
    target.addIllegalOp<math::ErfOp, math::Log1pOp>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    return applyPartialConversion(getOperation(), target, std::move(patterns));
  }

  LogicalResult approximate(const KernelUses &kernels) {
    RewritePatternSet set(&getContext());
    populateApproximateMathPatterns(set, vectorBits);
    FrozenRewritePatternSet patterns(std::move(set));
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    for (const auto &[name, use] : kernels)
      if (failed(applyPatternsGreedily(use.function, patterns, config)))
        return use.function->emitOpError(
            "expected polynomials for every function of math, got a rewriting without end");
    return success();
  }
};

} // namespace
} // namespace moru
