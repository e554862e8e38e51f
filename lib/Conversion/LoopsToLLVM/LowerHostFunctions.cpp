// The host's side: functions that place buffers and launch kernels become functions over pointers.

#include "Lowering.h"

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Cost.h"
#include "moru/Runtime/Runtime.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>

using namespace mlir;
using namespace moru::kernel;

namespace moru {
namespace {

/// Bytes, and half of the operations, of what a core does in some ten microseconds: to hand half of less to another one
/// costs as much as it saves, and more where that one sleeps.
constexpr int64_t kLeastSharedWork = 384 << 10;

/// Writes one function.
class HostFunction {
public:
  HostFunction(func::FuncOp source)
      : source(source), builder(source.getLoc(), source), pointer(LLVM::LLVMPointerType::get(source.getContext())) {}

  LogicalResult lower() {
    if (source.getNumResults() != 0 || source.isExternal() || !source.getBody().hasOneBlock())
      return source.emitOpError("expected a host function with one block and without results");
    auto type = LLVM::LLVMFunctionType::get(builder.getI32Type(), {pointer, pointer});
    auto function = LLVM::LLVMFuncOp::create(builder, source.getName(), type);
    builder.setInsertionPointToStart(function.addEntryBlock(builder));
    context = function.getArgument(0);
    loadArguments(function.getArgument(1));
    prepareLaunches();
    if (failed(lowerBlock(source.getBody().front())))
      return failure();
    builder.setLoc(source.getLoc());
    LLVM::ReturnOp::create(builder, LLVM::ConstantOp::create(builder, builder.getI32Type(), 0));
    source.erase();
    return success();
  }

private:
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(builder, builder.getI64Type(), builder.getI64IntegerAttr(value));
  }

  Value addBytes(Value base, Value bytes) {
    return LLVM::GEPOp::create(builder, pointer, builder.getI8Type(), base, ArrayRef<LLVM::GEPArg>{bytes});
  }
  Value addBytes(Value base, int64_t bytes) { return bytes ? addBytes(base, constant(bytes)) : base; }

  /// A member of the context.
  Value loadMember(size_t offset) { return LLVM::LoadOp::create(builder, pointer, addBytes(context, int64_t(offset))); }

  void loadArguments(Value arguments) {
    for (BlockArgument argument : source.getArguments()) {
      builder.setLoc(argument.getLoc());
      Value place = addBytes(arguments, int64_t(argument.getArgNumber() * sizeof(void *)));
      values[argument] = LLVM::LoadOp::create(builder, pointer, place);
    }
    builder.setLoc(source.getLoc());
  }

  /// What launches and buffers of the arena need, once: the array of pointers as large as the largest launch.
  void prepareLaunches() {
    size_t largest = 0;
    source.walk([&](LaunchOp launch) { largest = std::max(largest, size_t(launch.getBuffers().size())); });
    source.walk([&](GroupOp group) { largest = std::max(largest, countBuffers(group)); });
    arena = loadMember(offsetof(moru_context, arena));
    parallelFor = loadMember(offsetof(moru_context, parallel_for));
    if (largest)
      buffers = LLVM::AllocaOp::create(builder, pointer, pointer, constant(int64_t(largest)));
    else
      buffers = LLVM::ZeroOp::create(builder, pointer);
  }

  static size_t countBuffers(Operation *op) {
    size_t count = 0;
    op->walk([&](LaunchOp launch) { count += launch.getBuffers().size(); });
    return count;
  }

  LogicalResult lowerBlock(Block &block) {
    for (Operation &op : block) {
      builder.setLoc(op.getLoc());
      LogicalResult result =
          llvm::TypeSwitch<Operation *, LogicalResult>(&op)
              .Case<AllocOp, ViewOp, SlotOp, PrepareOp, LoopOp, CondOp, WhileOp, GroupOp, LaunchOp>(
                  [&](auto op) { return lowerOp(op); })
              .Case([](func::ReturnOp) { return success(); })
              .Default([](Operation *op) {
                return op->emitOpError(
                    "expected buffers, control flow and launches alone in a host function; kernels must "
                    "be functions (kernel-to-loops) before loops-to-llvm");
              });
      if (failed(result))
        return failure();
    }
    return success();
  }

  LogicalResult lowerOp(AllocOp op) {
    std::optional<uint64_t> offset = op.getOffset();
    if (!offset)
      return op.emitOpError("expected an offset in the arena, got none; run kernel-plan before loops-to-llvm");
    values[op.getResult()] = addBytes(arena, int64_t(*offset));
    return success();
  }

  LogicalResult lowerOp(ViewOp op) {
    int64_t bytes = int64_t(op.getOffset()) * op.getSource().getType().getElementBytes();
    values[op.getResult()] = addBytes(values.lookup(op.getSource()), bytes);
    return success();
  }

  /// (scale * step + offset) mod modulus, never negative.
  Value slotIndex(SlotOp op) {
    Value index = LLVM::MulOp::create(builder, values.lookup(op.getStep()), constant(int64_t(op.getScale())));
    index = LLVM::AddOp::create(builder, index, constant(int64_t(op.getOffset())));
    if (!op.getModulus())
      return index;
    Value modulus = constant(int64_t(op.getModulus()));
    Value remainder = LLVM::SRemOp::create(builder, index, modulus);
    return LLVM::SRemOp::create(builder, LLVM::AddOp::create(builder, remainder, modulus), modulus);
  }

  LogicalResult lowerOp(SlotOp op) {
    BufferType type = op.getSource().getType();
    int64_t stride = type.getStrides()[op.getAxis()] * type.getElementBytes();
    Value bytes = LLVM::MulOp::create(builder, slotIndex(op), constant(stride));
    values[op.getResult()] = addBytes(values.lookup(op.getSource()), bytes);
    return success();
  }

  LogicalResult lowerOp(PrepareOp op) {
    Value flag = LLVM::LoadOp::create(builder, builder.getI32Type(),
                                      addBytes(context, int64_t(offsetof(moru_context, prepared))));
    Value zero = LLVM::ConstantOp::create(builder, builder.getI32Type(), 0);
    Value isMissing = LLVM::ICmpOp::create(builder, LLVM::ICmpPredicate::eq, flag, zero);
    auto branch = scf::IfOp::create(builder, isMissing, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    return lowerBlock(*op.getBodyBlock());
  }

  LogicalResult lowerOp(LoopOp op) {
    auto loop = scf::ForOp::create(builder, constant(0), constant(int64_t(op.getLength())), constant(1));
    values[op.getStep()] = loop.getInductionVar();
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    return lowerBlock(*op.getBodyBlock());
  }

  /// A truth value is a byte.
  Value loadPredicate(Value buffer) {
    Value byte = LLVM::LoadOp::create(builder, builder.getI8Type(), values.lookup(buffer));
    Value zero = LLVM::ConstantOp::create(builder, builder.getI8Type(), builder.getI8IntegerAttr(0));
    return LLVM::ICmpOp::create(builder, LLVM::ICmpPredicate::ne, byte, zero);
  }

  LogicalResult lowerOp(CondOp op) {
    auto branches = scf::IfOp::create(builder, loadPredicate(op.getPredicate()), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branches.thenBlock()->getTerminator());
    if (failed(lowerBlock(*op.getBranch(true))))
      return failure();
    builder.setInsertionPoint(branches.elseBlock()->getTerminator());
    return lowerBlock(*op.getBranch(false));
  }

  LogicalResult lowerOp(WhileOp op) {
    Type count = builder.getI64Type();
    auto loop = scf::WhileOp::create(builder, TypeRange(count), ValueRange(constant(0)));
    values[op.getCount()] = loop.getResult(0);
    OpBuilder::InsertionGuard guard(builder);
    Block *before = builder.createBlock(&loop.getBefore(), {}, count, op.getLoc());
    values[op.getConditionStep()] = before->getArgument(0);
    if (failed(lowerBlock(*op.getConditionBlock())))
      return failure();
    builder.setLoc(op.getLoc());
    scf::ConditionOp::create(builder, loadPredicate(op.getPredicate()), ValueRange(before->getArgument(0)));
    Block *after = builder.createBlock(&loop.getAfter(), {}, count, op.getLoc());
    values[op.getStep()] = after->getArgument(0);
    if (failed(lowerBlock(*op.getBodyBlock())))
      return failure();
    builder.setLoc(op.getLoc());
    Value next = LLVM::AddOp::create(builder, after->getArgument(0), constant(1));
    scf::YieldOp::create(builder, next);
    return success();
  }

  LogicalResult lowerOp(LaunchOp op) {
    storeBuffers(op, 0);
    launch(kernelEntryName(op.getCallee()), int64_t(op.getTasks()));
    return success();
  }

  /// The pointers of its kernels, one behind the other, are those of one launch.
  LogicalResult lowerOp(GroupOp op) {
    for (Operation &inner : *op.getBodyBlock())
      if (!isa<LaunchOp, GroupOp>(inner))
        return inner.emitOpError("expected launches alone in a group; kernels must be functions (kernel-to-loops) "
                                 "before loops-to-llvm");
    size_t first = 0;
    op.walk([&](LaunchOp launch) {
      storeBuffers(launch, first);
      first += launch.getBuffers().size();
    });
    std::string entry = createGroupEntry(op);
    int64_t tasks = countTasks(op);
    if (tasks > 1 && isSmall(op)) {
      remark::passed(op.getLoc(), remark::RemarkOpts::name("Grouped").category("loops-to-llvm"))
          << (Twine(tasks) + " tasks run on one thread: they are shorter than the way to another one").str();
      entry = createWholeEntry(entry, tasks, sumCosts(op));
      tasks = 1;
    }
    launch(entry, tasks);
    return success();
  }

  static std::optional<KernelCost> findCost(LaunchOp launch) {
    return getCost(SymbolTable::lookupNearestSymbolFrom(launch, launch.getCalleeAttr()));
  }

  static bool isSmall(GroupOp op) {
    bool isKnown =
        !op->walk([](LaunchOp launch) { return WalkResult(success(findCost(launch).has_value())); }).wasInterrupted();
    KernelCost sum = sumCosts(op);
    return isKnown && sum.bytes + sum.flops / 2 < kLeastSharedWork;
  }

  static int64_t countTasks(Operation *op) {
    if (auto launch = dyn_cast<LaunchOp>(op))
      return int64_t(launch.getTasks());
    auto group = cast<GroupOp>(op);
    if (group.getParts())
      return int64_t(*group.getParts());
    int64_t tasks = 0;
    for (Operation &member : *group.getBodyBlock())
      tasks += countTasks(&member);
    return tasks;
  }

  void storeBuffers(LaunchOp op, size_t first) {
    for (auto [index, buffer] : llvm::enumerate(op.getBuffers()))
      LLVM::StoreOp::create(builder, values.lookup(buffer),
                            addBytes(buffers, int64_t((first + index) * sizeof(void *))));
  }

  void launch(StringRef entryName, int64_t tasks) {
    auto entry = LLVM::AddressOfOp::create(builder, pointer, entryName);
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                            {pointer, pointer, pointer, builder.getI64Type()});
    LLVM::CallOp::create(builder, type, ValueRange{parallelFor, context, entry, buffers, constant(tasks)});
  }

  /// An empty `void entry(ptr buffers, i64 task)` of this function's, where the builder stands then.
  LLVM::LLVMFuncOp beginEntry(const Twine &suffix, const KernelCost &cost) {
    builder.setInsertionPointToEnd(source->getParentOfType<ModuleOp>().getBody());
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), {pointer, builder.getI64Type()});
    auto function = LLVM::LLVMFuncOp::create(builder, kernelEntryName((source.getName() + suffix).str()), type);
    setCost(function, cost);
    builder.setInsertionPointToStart(function.addEntryBlock(builder));
    return function;
  }

  /// `void group_entry(ptr buffers, i64 task)`: calls the entries of the group's kernels, each with its part of the
  /// buffers; of a group without parts the one that the task belongs to.
  std::string createGroupEntry(GroupOp op) {
    OpBuilder::InsertionGuard guard(builder);
    LLVM::LLVMFuncOp function = beginEntry("_group_" + Twine(numGroups++), sumCosts(op));
    Block *block = &function.getBody().front();
    Value pointers = block->getArgument(0), task = block->getArgument(1);
    for (Operation &member : *op.getBodyBlock()) {
      Block *next = op.getParts() ? nullptr : function.addBlock();
      if (next)
        branchToMember(function, task, countTasks(&member), next);
      auto nested = dyn_cast<GroupOp>(member);
      std::string callee = nested ? createGroupEntry(nested) : kernelEntryName(cast<LaunchOp>(member).getCallee());
      // Kernels that are alike stay one function.
      LLVM::CallOp::create(builder, TypeRange(), callee, ValueRange{pointers, task}).setNoInline(true);
      if (next) {
        LLVM::ReturnOp::create(builder, ValueRange());
        builder.setInsertionPointToStart(next);
        task = LLVM::SubOp::create(builder, task, constant(countTasks(&member)));
      }
      pointers = addBytes(pointers, int64_t(countBuffers(&member) * sizeof(void *)));
    }
    LLVM::ReturnOp::create(builder, ValueRange());
    return function.getName().str();
  }

  /// An entry of one task that does all tasks of another one in their order.
  std::string createWholeEntry(StringRef entry, int64_t tasks, const KernelCost &cost) {
    OpBuilder::InsertionGuard guard(builder);
    LLVM::LLVMFuncOp function = beginEntry("_whole_" + Twine(numWhole++), cost);
    Block *block = &function.getBody().front();
    auto loop = scf::ForOp::create(builder, constant(0), constant(tasks), constant(1));
    LLVM::ReturnOp::create(builder, ValueRange());
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    LLVM::CallOp::create(builder, TypeRange(), entry, ValueRange{block->getArgument(0), loop.getInductionVar()});
    return function.getName().str();
  }

  static KernelCost sumCosts(GroupOp op) {
    KernelCost sum;
    op.walk([&](LaunchOp launch) {
      std::optional<KernelCost> cost = findCost(launch);
      if (!cost)
        return;
      sum.flops += cost->flops, sum.contractionFlops += cost->contractionFlops;
      sum.bytes += cost->bytes, sum.residentBytes += cost->residentBytes;
      sum.products = std::max(sum.products, cost->products);
    });
    return sum;
  }

  /// On to a block of its own where the task is one of the member's, else to `next`.
  void branchToMember(LLVM::LLVMFuncOp function, Value task, int64_t tasks, Block *next) {
    Block *own = new Block();
    function.getBody().getBlocks().insert(next->getIterator(), own);
    Value isOwn = LLVM::ICmpOp::create(builder, LLVM::ICmpPredicate::slt, task, constant(tasks));
    LLVM::CondBrOp::create(builder, isOwn, own, ValueRange(), next, ValueRange());
    builder.setInsertionPointToStart(own);
  }

  func::FuncOp source;
  ImplicitLocOpBuilder builder;
  LLVM::LLVMPointerType pointer;
  /// Pointers of buffers, and steps of loops as i64.
  DenseMap<Value, Value> values;
  Value context, arena, parallelFor, buffers;
  int64_t numGroups = 0, numWhole = 0;
};

/// A function of the kernel dialect, whether or not it has arguments.
bool isHostFunction(func::FuncOp function, const KernelUses &kernels) {
  return !kernels.contains(function.getSymNameAttr()) && !function->hasAttr(KernelDialect::kFamilyAttr) &&
         function.isPublic();
}

void declareEntries(ModuleOp module, const KernelUses &kernels) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()), {pointer, builder.getI64Type()});
  for (const auto &[name, use] : kernels)
    LLVM::LLVMFuncOp::create(builder, use.function->getLoc(), kernelEntryName(name), type);
}

} // namespace

std::string kernelEntryName(StringRef kernel) { return (kernel + kKernelEntrySuffix).str(); }

LogicalResult lowerHostFunctions(ModuleOp module, const KernelUses &kernels) {
  declareEntries(module, kernels);
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (isHostFunction(function, kernels) && failed(HostFunction(function).lower()))
      return failure();
  return success();
}

} // namespace moru
