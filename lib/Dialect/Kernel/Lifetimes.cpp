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

bool moru::kernel::isFixedParameter(func::FuncOp func, BlockArgument argument) {
  auto role = func.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::GraphDialect::kRoleAttr);
  return argument.getOwner() == &func.getBody().front() && role &&
         role.getValue() == graph::GraphDialect::kParameterRole &&
         !func.getArgAttr(argument.getArgNumber(), KernelDialect::kUpdatedAttr);
}

/// Written in a `kernel.prepare` and read outside.
static bool outlivesCalls(ArrayRef<Operation *> users) {
  auto isInside = [](Operation *user) { return isa_and_nonnull<PrepareOp>(user->getParentOp()); };
  return llvm::any_of(users, isInside) && !llvm::all_of(users, isInside);
}

llvm::MapVector<Operation *, Lifetime> moru::kernel::computeLifetimes(func::FuncOp func) {
  DenseMap<Operation *, Lifetime> positions;
  unsigned next = 0;
  func.walk<WalkOrder::PreOrder>([&](Operation *op) { positions[op] = {next, next}, ++next; });
  func.walk([&](Operation *op) {
    if (isa<LoopOp, CondOp, WhileOp, PrepareOp, GroupOp>(op))
      op->walk([&](Operation *nested) { positions[op].to = std::max(positions[op].to, positions[nested].to); });
  });

  llvm::MapVector<Operation *, Lifetime> lifetimes;
  func.walk<WalkOrder::PreOrder>([&](AllocOp alloc) {
    Lifetime &lifetime = lifetimes[alloc];
    SmallVector<Operation *> users = getKernelUsers(alloc);
    if (outlivesCalls(users))
      lifetime = {0, next - 1};
    for (Operation *user : users) {
      Operation *inBlock = alloc->getBlock()->findAncestorOpInBlock(*user);
      lifetime.from = std::min(lifetime.from, positions[inBlock].from);
      lifetime.to = std::max(lifetime.to, positions[inBlock].to);
    }
  });
  return lifetimes;
}
