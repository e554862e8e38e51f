//===- Lifetimes.cpp - from where to where a buffer is in use -------------===//

#include "Lifetimes.h"

using namespace mlir;
using namespace moru::kernel;

SmallVector<Operation *> moru::kernel::getKernelUsers(Value buffer) {
  SmallVector<Operation *> users;
  for (Operation *user : buffer.getUsers()) {
    if (isa<ViewOp, SlotOp>(user))
      llvm::append_range(users, getKernelUsers(user->getResult(0)));
    else
      users.push_back(user);
  }
  return users;
}

llvm::MapVector<Operation *, Lifetime> moru::kernel::computeLifetimes(func::FuncOp func) {
  DenseMap<Operation *, Lifetime> positions;
  unsigned next = 0;
  func.walk<WalkOrder::PreOrder>([&](Operation *op) { positions[op] = {next, next}, ++next; });
  func.walk([&](Operation *op) {
    if (isa<LoopOp, CondOp, WhileOp>(op))
      op->walk([&](Operation *nested) { positions[op].to = std::max(positions[op].to, positions[nested].to); });
  });

  llvm::MapVector<Operation *, Lifetime> lifetimes;
  func.walk<WalkOrder::PreOrder>([&](AllocOp alloc) {
    Lifetime &lifetime = lifetimes[alloc];
    for (Operation *user : getKernelUsers(alloc)) {
      Operation *inBlock = alloc->getBlock()->findAncestorOpInBlock(*user);
      lifetime.from = std::min(lifetime.from, positions[inBlock].from);
      lifetime.to = std::max(lifetime.to, positions[inBlock].to);
    }
  });
  return lifetimes;
}
