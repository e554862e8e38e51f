//===- KernelPrepare.cpp - set apart what depends on parameters alone -----===//

#include "Lifetimes.h"
#include "moru/Dialect/Kernel/Passes.h"

#include "mlir/IR/Remarks.h"

#define DEBUG_TYPE "kernel-prepare"

namespace moru::kernel {
#define GEN_PASS_DEF_KERNELPREPARE
#include "moru/Dialect/Kernel/Passes.h.inc"
} // namespace moru::kernel

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

namespace {

struct KernelPrepare : moru::kernel::impl::KernelPrepareBase<KernelPrepare> {
  void runOnOperation() override;

private:
  void findPrepared();
  bool isPrepared(Value buffer);
  void moveViewsBefore(Value buffer, Operation *place);

  llvm::SetVector<Operation *> prepared;
};

} // namespace

/// It holds a parameter, or what kernels that are set apart have written.
bool KernelPrepare::isPrepared(Value buffer) {
  Value root = getRoot(buffer);
  if (auto argument = dyn_cast<BlockArgument>(root))
    return isFixedParameter(getOperation(), argument);
  return llvm::all_of(getKernelUsers(root), [&](Operation *user) {
    auto compute = dyn_cast<ComputeOp>(user);
    return prepared.contains(user) ||
           (compute && llvm::none_of(compute.getWrites(), [&](Value write) { return getRoot(write) == root; }));
  });
}

/// In the order of the program: a kernel's operands are known to be prepared before it is looked at.
void KernelPrepare::findPrepared() {
  for (ComputeOp op : getOperation().getBody().front().getOps<ComputeOp>()) {
    prepared.insert(op);
    auto isAlloc = [](Value buffer) { return isa_and_nonnull<AllocOp>(getRoot(buffer).getDefiningOp()); };
    bool isFixed = llvm::all_of(op.getReads(), [&](Value read) { return isPrepared(read); }) &&
                   llvm::all_of(op.getWrites(), [&](Value write) { return isAlloc(write) && isPrepared(write); });
    if (!isFixed)
      prepared.remove(op);
  }
}

void KernelPrepare::moveViewsBefore(Value buffer, Operation *place) {
  auto view = buffer.getDefiningOp<ViewOp>();
  if (!view || view->isBeforeInBlock(place))
    return;
  moveViewsBefore(view.getSource(), place);
  view->moveBefore(place);
}

void KernelPrepare::runOnOperation() {
  prepared.clear();
  findPrepared();
  // A buffer that is filled in parts is prepared if all of its parts are.
  for (bool changed = true; changed;) {
    size_t before = prepared.size();
    prepared.remove_if([&](Operation *op) {
      auto compute = cast<ComputeOp>(op);
      return !llvm::all_of(compute.getWrites(), [&](Value write) { return isPrepared(write); }) ||
             !llvm::all_of(compute.getReads(), [&](Value read) { return isPrepared(read); });
    });
    changed = prepared.size() != before;
  }
  if (prepared.empty())
    return;
  Block &block = getOperation().getBody().front();
  Operation *place = &*llvm::find_if(block, [](Operation &op) { return !isa<AllocOp, ViewOp>(op); });
  OpBuilder builder(place);
  auto prepare = PrepareOp::create(builder, getOperation().getLoc());
  for (Operation *op : prepared) {
    auto compute = cast<ComputeOp>(op);
    for (Value buffer : llvm::concat<Value>(llvm::to_vector(compute.getReads()), llvm::to_vector(compute.getWrites())))
      moveViewsBefore(buffer, prepare);
    op->moveBefore(prepare.getBodyBlock(), prepare.getBodyBlock()->end());
    remark::passed(op->getLoc(), remark::RemarkOpts::name("Prepared").category(DEBUG_TYPE))
        << ("\"" + compute.getLabel() + "\" depends on parameters alone: once for all calls with the same ones").str();
  }
}
