//===- NativeCode.cpp - the second, plain way to machine code -------------------===//
// Upstream's conversions, no optimization, libm for every function of math: nothing that Moru does below the loops.
//===----------------------------------------------------------------------===//

#include "Native.h"

#include "moru/Compiler/Codegen.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

struct NativeCode::Implementation {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

NativeCode::NativeCode(std::unique_ptr<Implementation> implementation) : implementation(std::move(implementation)) {}
NativeCode::~NativeCode() = default;

/// LLVM has no plain code for tiles: without optimization it does not find places for them.
static CodeQuality getQuality(ModuleOp module) {
  WalkResult walk = module.walk([](LLVM::CallIntrinsicOp op) {
    return op.getIntrin().starts_with("llvm.x86.tile") ? WalkResult::interrupt() : WalkResult::advance();
  });
  return walk.wasInterrupted() ? CodeQuality::Optimized : CodeQuality::Plain;
}

llvm::Expected<std::unique_ptr<NativeCode>> NativeCode::create(ModuleOp module) {
  llvm::Expected<Codegen> codegen = Codegen::create(module, Target::host(), getQuality(module), /*cache=*/false);
  if (!codegen)
    return codegen.takeError();
  llvm::Expected<std::string> object = codegen->emitObject();
  if (!object)
    return object.takeError();
  auto jit = llvm::orc::LLJITBuilder().setLinkProcessSymbolsByDefault(true).create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(*object, "check")))
    return error;
  return std::unique_ptr<NativeCode>(new NativeCode(std::make_unique<Implementation>(Implementation{std::move(*jit)})));
}

void *NativeCode::lookup(StringRef name) const {
  llvm::Expected<llvm::orc::ExecutorAddr> address = implementation->jit->lookup(name);
  if (address)
    return address->toPtr<void *>();
  llvm::consumeError(address.takeError());
  return nullptr;
}

static void buildPlainPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass(VectorTransferToSCFOptions().enableFullUnroll()));
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  // log1p is libm's, not log(1 + x); libm has no absolute value of integers, so it comes second.
  ConvertMathToLLVMPassOptions math;
  math.approximateLog1p = false;
  manager.addPass(createConvertMathToLLVMPass(math));
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createConvertIndexToLLVMPass());
  // libm's scalars are taken out of vectors.
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(functions));
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

/// `void kernel_entry(ptr buffers, i64 task)`, which loads the pointers and calls the kernel.
static void addEntry(ModuleOp module, LLVM::LLVMFuncOp kernel) {
  ImplicitLocOpBuilder builder(kernel.getLoc(), module.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()), {pointer, builder.getI64Type()});
  auto entry = LLVM::LLVMFuncOp::create(builder, kernel.getName().str() + "_entry", type);
  builder.setInsertionPointToStart(entry.addEntryBlock(builder));
  SmallVector<Value> arguments;
  for (int32_t i = 0, count = static_cast<int32_t>(kernel.getNumArguments()) - 1; i < count; ++i) {
    Value place = LLVM::GEPOp::create(builder, pointer, pointer, entry.getArgument(0), ArrayRef<LLVM::GEPArg>{i});
    arguments.push_back(LLVM::LoadOp::create(builder, pointer, place));
  }
  arguments.push_back(entry.getArgument(1));
  LLVM::CallOp::create(builder, kernel, arguments);
  LLVM::ReturnOp::create(builder, ValueRange());
}

OwningOpRef<ModuleOp> check::lowerKernelsPlainly(ModuleOp module) {
  OwningOpRef<ModuleOp> copy(ModuleOp::create(module.getLoc()));
  SmallVector<std::string> names;
  for (auto constant : module.getOps<memref::GlobalOp>())
    copy->push_back(constant->clone());
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(kernel::KernelDialect::kFamilyAttr)) {
      copy->push_back(function->clone());
      names.push_back(function.getName().str());
    }
  lowerTiles(*copy);
  PassManager manager(module.getContext());
  buildPlainPipeline(manager);
  if (failed(manager.run(*copy)))
    return {};
  for (StringRef name : names)
    addEntry(*copy, copy->lookupSymbol<LLVM::LLVMFuncOp>(name));
  storeBF16AsBits(*copy);
  return copy;
}
