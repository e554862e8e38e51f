//===- KernelVerifyPlan.cpp - no overlap, no hidden copy ------------------===//
// An independent look at what kernel-plan promises: it changes nothing.
//===----------------------------------------------------------------------===//

#include "Lifetimes.h"
#include "moru/Dialect/Kernel/Passes.h"

#include "mlir/IR/Remarks.h"

#define DEBUG_TYPE "kernel-verify-plan"

namespace moru::kernel {
#define GEN_PASS_DEF_KERNELVERIFYPLAN
#include "moru/Dialect/Kernel/Passes.h.inc"
} // namespace moru::kernel

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

namespace {

struct KernelVerifyPlan : moru::kernel::impl::KernelVerifyPlanBase<KernelVerifyPlan> {
  using KernelVerifyPlanBase::KernelVerifyPlanBase;

  void runOnOperation() override {
    if (failed(verifyOffsets()) || failed(verifyPrepared()) || failed(verifyCopies()))
      signalPassFailure();
  }

private:
  LogicalResult verifyOffsets();
  LogicalResult verifyPrepared();
  LogicalResult verifyCopies();
};

} // namespace

LogicalResult KernelVerifyPlan::verifyOffsets() {
  auto arena = getOperation()->getAttrOfType<IntegerAttr>(KernelDialect::kArenaAttr);
  if (!arena)
    return success();
  auto lifetimes = computeLifetimes(getOperation());
  for (auto it = lifetimes.begin(); it != lifetimes.end(); ++it) {
    auto alloc = cast<AllocOp>(it->first);
    if (!alloc.getOffset())
      return alloc.emitError("expected every buffer to have an offset once the arena has a size");
    int64_t begin = *alloc.getOffset(), end = begin + alloc.getType().getSizeInBytes();
    if (end > arena.getInt())
      return alloc.emitError() << "expected the buffer to end within the arena of " << arena.getInt() << " bytes, got "
                               << end;
    for (auto other = lifetimes.begin(); other != it; ++other) {
      auto otherAlloc = cast<AllocOp>(other->first);
      int64_t otherBegin = *otherAlloc.getOffset(), otherEnd = otherBegin + otherAlloc.getType().getSizeInBytes();
      if (begin < otherEnd && otherBegin < end && it->second.overlaps(other->second)) {
        InFlightDiagnostic diagnostic = alloc.emitError()
                                        << "bytes [" << begin << ", " << end << ") are in use at the same time as ["
                                        << otherBegin << ", " << otherEnd << ")";
        diagnostic.attachNote(otherAlloc.getLoc()) << "the other buffer";
        return diagnostic;
      }
    }
  }
  return success();
}

/// What is prepared is made of parameters, and nobody else writes it.
LogicalResult KernelVerifyPlan::verifyPrepared() {
  llvm::DenseSet<Value> prepared;
  WalkResult result = getOperation().walk([&](ComputeOp op) {
    bool isInside = isa<PrepareOp>(op->getParentOp());
    for (Value read : op.getReads()) {
      auto argument = dyn_cast<BlockArgument>(getRoot(read));
      if (isInside && !prepared.contains(getRoot(read)) && !(argument && isFixedParameter(getOperation(), argument))) {
        op.emitError() << "expected a kernel that is prepared to read parameters, or what is prepared before it";
        return WalkResult::interrupt();
      }
    }
    for (Value write : op.getWrites()) {
      if (isInside)
        prepared.insert(getRoot(write));
      else if (prepared.contains(getRoot(write))) {
        op.emitError() << "expected what is prepared to stay as it is, got a kernel that writes to it";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Parameters and activations are never copied; what comes in as state or input and what goes out may be.
LogicalResult KernelVerifyPlan::verifyCopies() {
  WalkResult result = getOperation().walk([&](ComputeOp op) {
    for (auto [value, write] : llvm::zip(op.getYield().getValues(), op.getWrites())) {
      auto argument = dyn_cast<BlockArgument>(value);
      if (!argument || cast<BufferType>(write.getType()).isPacked())
        continue;
      Value read = op.getReads()[argument.getArgNumber()];
      auto isBoundary = [&](Value buffer) {
        while (Operation *view = buffer.getDefiningOp()) {
          if (!isa<ViewOp, SlotOp>(view))
            return false;
          buffer = view->getOperand(0);
        }
        auto outer = cast<BlockArgument>(buffer);
        auto role = getOperation().getArgAttrOfType<StringAttr>(outer.getArgNumber(), graph::GraphDialect::kRoleAttr);
        return role && role.getValue() != graph::GraphDialect::kParameterRole;
      };
      if (isBoundary(read) || isBoundary(write))
        continue;
      std::string message = ("kernel \"" + op.getLabel() + "\" only copies a buffer of " +
                             Twine(cast<BufferType>(read.getType()).getSizeInBytes()) + " bytes")
                                .str();
      if (!forbidCopies) {
        remark::missed(op.getLoc(), remark::RemarkOpts::name("Copy").category(DEBUG_TYPE)) << message;
        continue;
      }
      op.emitError() << message;
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}
