// Translation to LLVM IR, LLVM's optimizations, and emission.

#include "moru/Compiler/Codegen.h"

#include "moru/Compiler/ObjectCache.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Cost.h"
#include "moru/Support/Files.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/TimeProfiler.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/SplitModule.h"

#include <mutex>

using namespace llvm;

namespace moru {
namespace {

void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    InitializeNativeTargetAsmParser();
  });
}

/// LLVM only warns about a feature that it does not know; a wrong list must not pass.
Error checkFeatures(const Target &target, const llvm::Target &backend) {
  std::unique_ptr<MCSubtargetInfo> info(backend.createMCSubtargetInfo(Triple(target.triple), "x86-64", ""));
  for (const std::string &feature : target.features)
    if (none_of(info->getAllProcessorFeatures(), [&](const auto &known) { return feature == known.Key; }))
      return makeError("expected features of " + target.triple + ", got '" + feature + "'");
  return Error::success();
}

/// Every definition gets the target's features and a vector width, so that the backend neither splits our vectors nor
/// prefers narrower ones; and no loop becomes a call of memcpy or memset, which an object file would have to find
/// somewhere.
void setAttributes(Module &module, const Target &target) {
  std::string bits = utostr(target.vectorBits);
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("tune-cpu", target.tuneCpu());
    function.addFnAttr("target-features", target.featureString());
    function.addFnAttr("prefer-vector-width", bits);
    function.addFnAttr("min-legal-vector-width", bits);
    function.addFnAttr("no-builtins");
    function.setDoesNotThrow();
  }
}

/// Kernels are vectors and loops already, in their final shape: what is left is arithmetic of addresses, invariants,
/// loops of a few steps, and the kernel in its entry. Half the time of LLVM's O2 for the same innermost loops.
constexpr StringLiteral kKernelPasses =
    "cgscc(inline),globaldce,function<eager-inv>(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,"
    "instcombine<no-verify-fixpoint>,loop-mssa(loop-instsimplify,loop-simplifycfg,licm<allowspeculation>,"
    "loop-rotate<header-duplication>,licm<allowspeculation>,simple-loop-unswitch<no-nontrivial;trivial>),"
    "simplifycfg,instcombine<no-verify-fixpoint>,loop(indvars,loop-deletion,loop-unroll-full),sroa<modify-cfg>,gvn<>,"
    "bdce,instcombine<no-verify-fixpoint>,dse,loop-mssa(licm<allowspeculation>),loop-vectorize,loop-unroll<O2>,"
    "instcombine<no-verify-fixpoint>,simplifycfg)";

ModulePassManager buildPasses(PassBuilder &builder, CodeQuality quality) {
  if (quality == CodeQuality::Plain)
    return builder.buildO0DefaultPipeline(OptimizationLevel::O0);
  ModulePassManager passes;
  cantFail(builder.parsePassPipeline(passes, kKernelPasses));
  return passes;
}

void optimize(Module &module, TargetMachine &machine, CodeQuality quality) {
  TimeTraceScope scope("optimize LLVM IR");
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager callGraph;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  buildPasses(builder, quality).run(module, modules);
}

} // namespace

Expected<std::unique_ptr<TargetMachine>> createTargetMachine(const Target &target, CodeQuality quality) {
  initializeTargets();
  Triple triple(target.triple);
  std::string reason;
  const llvm::Target *found = TargetRegistry::lookupTarget(triple, reason);
  if (!found)
    return makeError("expected a target that this LLVM supports, got " + target.triple + ": " + reason);
  if (Error error = checkFeatures(target, *found))
    return error;
  auto level = quality == CodeQuality::Plain ? CodeGenOptLevel::None : CodeGenOptLevel::Default;
  std::unique_ptr<TargetMachine> machine(found->createTargetMachine(
      triple, "x86-64", target.featureString(), TargetOptions(), Reloc::PIC_, CodeModel::Small, level));
  if (!machine)
    return makeError("expected code generation for " + target.triple + ", got none in this LLVM");
  return machine;
}

Expected<Codegen> Codegen::create(mlir::ModuleOp module, const Target &target, CodeQuality quality, bool cache) {
  TimeTraceScope scope("translate to LLVM IR");
  Codegen codegen;
  Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(target, quality);
  if (!machine)
    return machine.takeError();
  codegen.machine = std::move(*machine);
  codegen.context = std::make_unique<LLVMContext>();
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  codegen.listKernels(module);
  codegen.llvmModule = mlir::translateModuleToLLVMIR(module, *codegen.context, "moru");
  if (!codegen.llvmModule)
    return makeError(
        "expected a module of the LLVM dialect only, got one that does not translate; see the errors before");
  codegen.llvmModule->setTargetTriple(Triple(target.triple));
  codegen.llvmModule->setDataLayout(codegen.machine->createDataLayout());
  setAttributes(*codegen.llvmModule, target);
  codegen.target = target;
  codegen.quality = quality;
  codegen.cache = cache;
  return codegen;
}

const Module &Codegen::module() {
  if (!optimized)
    optimize(*llvmModule, *machine, quality);
  optimized = true;
  return *llvmModule;
}

void Codegen::listKernels(mlir::ModuleOp module) {
  for (auto entry : module.getOps<mlir::LLVM::LLVMFuncOp>()) {
    StringRef name = entry.getName();
    if (entry.isExternal() || entry.getLinkage() != mlir::LLVM::Linkage::External ||
        !name.consume_back(kKernelEntrySuffix))
      continue;
    mlir::Operation *kernel = module.lookupSymbol(name);
    // A group has an entry alone.
    std::optional<KernelCost> cost = kernel::getCost(kernel ? kernel : entry);
    kernelList.push_back({name.str(), cost.value_or(KernelCost())});
  }
}

std::string Codegen::emitLLVM() {
  std::string text;
  raw_string_ostream out(text);
  module().print(out, nullptr);
  return text;
}

static Expected<std::string> emit(Module &module, TargetMachine &machine, CodeGenFileType type) {
  TimeTraceScope scope("emit machine code");
  SmallVector<char, 0> buffer;
  raw_svector_ostream out(buffer);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr, type, /*DisableVerify=*/true))
    return makeError("expected an emitter of this kind of file, got none in this LLVM");
  passes.run(module);
  return std::string(buffer.data(), buffer.size());
}

Expected<std::string> Codegen::emitFile(CodeGenFileType type) {
  // Emission changes the module; a copy leaves it for the next form.
  std::unique_ptr<Module> copy = CloneModule(module());
  return emit(*copy, *machine, type);
}

Expected<std::string> Codegen::emitAssembly() { return emitFile(CodeGenFileType::AssemblyFile); }

static std::string bitcodeOf(const Module &module) {
  std::string bitcode;
  raw_string_ostream out(bitcode);
  WriteBitcodeToFile(module, out);
  return bitcode;
}

Expected<std::string> Codegen::emitObject() {
  std::optional<ObjectCache> user = cache && !optimized ? ObjectCache::ofUser() : std::nullopt;
  std::string key;
  if (user) {
    key = ObjectCache::key(bitcodeOf(*llvmModule), target, quality);
    if (std::optional<std::string> object = user->find(key))
      return std::move(*object);
  }
  Expected<std::string> object = emitFile(CodeGenFileType::ObjectFile);
  if (object && user)
    user->store(key, *object);
  return object;
}

/// Objects of one program: enough to keep all threads at work until the last one, whichever take longest.
static constexpr unsigned kParts = 16;

/// A part as bitcode becomes an object, in a context of its own.
static Expected<std::string> compilePart(const std::string &bitcode, const Target &target, CodeQuality quality) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> part = parseBitcodeFile(MemoryBufferRef(bitcode, "moru"), context);
  if (!part)
    return part.takeError();
  Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(target, quality);
  if (!machine)
    return machine.takeError();
  optimize(**part, **machine, quality);
  return emit(**part, **machine, CodeGenFileType::ObjectFile);
}

Expected<std::vector<std::string>> Codegen::emitObjects() {
  struct Part {
    std::string bitcode;
    std::optional<Expected<std::string>> object;
  };
  std::vector<Part> parts;
  auto add = [&](std::unique_ptr<Module> module) {
    if (all_of(module->functions(), [](const Function &function) { return function.isDeclaration(); }))
      return;
    parts.push_back({bitcodeOf(*module), std::nullopt});
  };
  // Local functions stay with who calls them; nothing is renamed.
  SplitModule(*llvmModule, kParts, add, /*PreserveLocals=*/true);
  // The largest first, so that none of them is left for the end.
  llvm::sort(parts, [](const Part &a, const Part &b) {
    size_t sizeA = a.bitcode.size(), sizeB = b.bitcode.size();
    return sizeA != sizeB ? sizeA > sizeB : a.bitcode < b.bitcode;
  });
  DefaultThreadPool pool(hardware_concurrency());
  for (Part &part : parts)
    pool.async([&] { part.object = compilePart(part.bitcode, target, quality); });
  pool.wait();
  std::vector<std::string> objects;
  Error errors = Error::success();
  for (Part &part : parts)
    if (*part.object)
      objects.push_back(std::move(**part.object));
    else
      errors = joinErrors(std::move(errors), part.object->takeError());
  if (errors)
    return errors;
  return objects;
}

} // namespace moru
