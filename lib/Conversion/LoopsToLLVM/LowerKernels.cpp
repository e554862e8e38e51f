// The kernels' side: who launches them with which buffers, upstream's passes, and their entries.

#include "Lowering.h"

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace moru::kernel;

namespace moru {
namespace {

/// The argument or the allocation that a buffer is a part of.
Value rootOf(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<ViewOp, SlotOp>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

/// Whether two buffers may share bytes: parts of the same one, or neighbors that the plan has put over each other.
bool mayAlias(Value a, Value b) {
  a = rootOf(a), b = rootOf(b);
  if (a == b)
    return true;
  auto first = a.getDefiningOp<AllocOp>(), second = b.getDefiningOp<AllocOp>();
  if (!first || !second || !first.getOffset() || !second.getOffset())
    return false;
  auto end = [](AllocOp op) { return int64_t(*op.getOffset()) + op.getResult().getType().getSizeInBytes(); };
  return int64_t(*first.getOffset()) < end(second) && int64_t(*second.getOffset()) < end(first);
}

/// The function takes one memref per buffer, then the task.
LogicalResult verifyLaunch(LaunchOp launch, func::FuncOp function) {
  if (!function)
    return launch.emitOpError("expected the function of a kernel, got none of the name ") << launch.getCalleeAttr();
  size_t count = launch.getBuffers().size();
  if (function.getNumArguments() != count + 1 || !function.getArgument(count).getType().isIndex() ||
      function.getNumResults() != 0)
    return launch.emitOpError("expected a kernel of ")
           << count << " memrefs and an index, got " << function.getFunctionType();
  for (auto [index, argument] : llvm::enumerate(function.getArguments().drop_back()))
    if (!isa<MemRefType>(argument.getType()))
      return launch.emitOpError("expected a memref as argument ")
             << index << " of the kernel, got " << argument.getType();
  return success();
}

void noteAliases(LaunchOp launch, KernelUse &use) {
  OperandRange buffers = launch.getBuffers();
  for (size_t i = 0; i < buffers.size(); ++i)
    for (size_t j = 0; j < buffers.size(); ++j)
      if (i != j && mayAlias(buffers[i], buffers[j]))
        use.aliased.set(i);
}

/// `void kernel_entry(ptr buffers, i64 task)`: loads the pointers and calls the kernel.
void fillEntry(LLVM::LLVMFuncOp entry, LLVM::LLVMFuncOp kernel) {
  ImplicitLocOpBuilder builder(kernel.getLoc(), entry.getContext());
  builder.setInsertionPointToStart(entry.addEntryBlock(builder));
  auto pointer = LLVM::LLVMPointerType::get(entry.getContext());
  SmallVector<Value> arguments;
  for (size_t i = 0, count = kernel.getNumArguments() - 1; i < count; ++i) {
    Value place =
        LLVM::GEPOp::create(builder, pointer, pointer, entry.getArgument(0), ArrayRef<LLVM::GEPArg>{int32_t(i)});
    arguments.push_back(LLVM::LoadOp::create(builder, pointer, place));
  }
  arguments.push_back(entry.getArgument(1));
  LLVM::CallOp::create(builder, kernel, arguments);
  LLVM::ReturnOp::create(builder, ValueRange());
}

} // namespace

FailureOr<KernelUses> findKernels(ModuleOp module) {
  KernelUses kernels;
  SymbolTable symbols(module);
  WalkResult result = module.walk([&](LaunchOp launch) -> WalkResult {
    auto function = symbols.lookup<func::FuncOp>(launch.getCallee());
    if (failed(verifyLaunch(launch, function)))
      return failure();
    auto [place, isNew] = kernels.try_emplace(function.getSymNameAttr());
    if (isNew)
      place->second = {function, llvm::BitVector(launch.getBuffers().size())};
    noteAliases(launch, place->second);
    return success();
  });
  if (result.wasInterrupted())
    return failure();
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(KernelDialect::kFamilyAttr) && !kernels.contains(function.getSymNameAttr()))
      kernels[function.getSymNameAttr()] = {function, llvm::BitVector(function.getNumArguments() - 1, true)};
  return kernels;
}

void buildKernelPipeline(OpPassManager &manager) {
  // Each kernel by itself, so that they are lowered side by side.
  OpPassManager &kernels = manager.nest<func::FuncOp>();
  // Vectors of two or more axes become 1-D ones; never a loop over an alloca.
  kernels.addPass(createConvertVectorToSCFPass(VectorTransferToSCFOptions().enableFullUnroll()));
  // Subviews of static strides become additions.
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createSCFToControlFlowPass());
  // Vectors first: their patterns want memref, arith and math still in place.
  kernels.addPass(createConvertVectorToLLVMPass());
  kernels.addPass(createConvertMathToLLVMPass());
  kernels.addPass(createUBToLLVMConversionPass());
  kernels.addPass(createConvertIndexToLLVMPass());
  kernels.addPass(createArithToLLVMConversionPass());
  // The host's functions are of LLVM already, but for their loops.
  OpPassManager &hosts = manager.nest<LLVM::LLVMFuncOp>();
  hosts.addPass(createSCFToControlFlowPass());
  hosts.addPass(createConvertVectorToLLVMPass()); // It folds; there are no vectors.
  hosts.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(functions));
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

void finishKernels(ModuleOp module, const KernelUses &kernels) {
  SymbolTable symbols(module);
  for (const auto &[name, use] : kernels) {
    auto kernel = symbols.lookup<LLVM::LLVMFuncOp>(name);
    auto entry = symbols.lookup<LLVM::LLVMFuncOp>(kernelEntryName(name));
    kernel.setLinkage(LLVM::Linkage::Internal);
    for (size_t i = 0; i < use.aliased.size(); ++i)
      if (!use.aliased.test(i))
        kernel.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), UnitAttr::get(module.getContext()));
    fillEntry(entry, kernel);
  }
}

} // namespace moru
