// The stages one after the other, with a file for each where one is asked for. Every module takes one pass manager, so
// that `--check=each` sees the whole way.

#include "moru/Compiler/CompileModule.h"

#include "moru/Check/Instrument.h"
#include "moru/Compiler/Codegen.h"
#include "moru/Compiler/LoadExecutable.h"
#include "moru/Compiler/ObjectCache.h"
#include "moru/Compiler/ReadSignature.h"
#include "moru/Dialect/Graph/Dims.h"
#include "moru/Dialect/Graph/ResidualTable.h"
#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Dialect/Kernel/PlanTable.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Support/Files.h"
#include "moru/Support/ReturnMemory.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;
using namespace mlir;

namespace moru {

//===----------------------------------------------------------------------===//
// Names and texts
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kEmitNames[] = {"graph", "gradient", "simplified", "kernels", "plan",
                                               "loops", "llvm",     "asm",        "obj"};
/// How the file of a stage in `--dump-stages` ends.
static constexpr StringLiteral kEmitSuffixes[] = {".mlir", ".mlir", ".mlir", ".mlir", ".mlir",
                                                  ".mlir", ".ll",   ".s",    ".o"};

StringRef getName(Emit emit) { return kEmitNames[size_t(emit)]; }

std::optional<Emit> parseEmit(StringRef name) {
  for (auto [index, known] : enumerate(kEmitNames))
    if (known == name)
      return Emit(index);
  return std::nullopt;
}

std::string_view toString(Precision precision) {
  switch (precision) {
  case Precision::F32:
    return "f32";
  case Precision::F32x6:
    return "f32x6";
  case Precision::F32x3:
    return "f32x3";
  case Precision::BF16:
    return "bf16";
  }
  llvm_unreachable("every precision has a name");
}

std::optional<Precision> parsePrecision(std::string_view name) {
  for (Precision precision : {Precision::F32, Precision::F32x6, Precision::F32x3, Precision::BF16})
    if (toString(precision) == name)
      return precision;
  return std::nullopt;
}

std::string emitNames() { return llvm::join(ArrayRef(kEmitNames), ", "); }

std::string printModule(ModuleOp module, bool locations) {
  std::string text;
  raw_string_ostream stream(text);
  OpPrintingFlags flags;
  // Local scope: each location stands on its own line.
  flags.printNameLocAsPrefix().useLocalScope();
  if (locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
  module->print(stream, flags);
  stream << "\n";
  return text;
}

static std::string printStage(ModuleOp module, Emit emit, bool locations) {
  std::string text;
  if (emit == Emit::Plan)
    text = kernel::printPlanTables(module);
  else if (emit == Emit::Gradient)
    text = graph::printResidualTables(module);
  return text + printModule(module, locations);
}

//===----------------------------------------------------------------------===//
// The way
//===----------------------------------------------------------------------===//

namespace {

/// Looks at the module between two passes.
struct Look : PassWrapper<Look, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Look)
  explicit Look(std::function<LogicalResult(ModuleOp)> look) : look(std::move(look)) {}
  StringRef getName() const override { return "Look"; }
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(look(getOperation())))
      signalPassFailure();
  }
  std::function<LogicalResult(ModuleOp)> look;
};

/// One module on its way, a copy of the caller's.
class Way {
public:
  Way(ModuleOp source, const CompileOptions &options, const check::InstrumentOptions &instruments)
      : options(options), instruments(instruments), module(source.clone()), manager(source.getContext()),
        stream(messages), diagnostics(sources, source.getContext(), stream) {
    // To verify everything after each pass takes as long as the passes; `addStages` does so once, and the tests of the
    // passes every time.
    manager.enableVerifier(instruments.checkEach);
    // Programs are traced by one thread, and lowered by all; but the checks keep one state for all functions, and
    // remarks come in order.
    MLIRContext *context = source.getContext();
    wasThreaded = context->isMultithreadingEnabled();
    context->disableMultithreading(instruments.checkEach || (!wasThreaded && context->getRemarkEngine()));
  }
  ~Way() { manager.getContext()->disableMultithreading(!wasThreaded); }

  /// To a stage of MLIR; `Emit::LLVM` and later: to the LLVM dialect.
  llvm::Error runTo(Emit emit);
  Expected<Codegen> generate();
  Expected<std::string> emitCode(Emit emit);
  ModuleOp get() { return *module; }
  ProgramSignature &programSignature() { return *signature; }

private:
  void addStages(Emit last);
  void addDump(Emit emit);
  llvm::Error dump(Emit emit, StringRef text);
  llvm::Error failure(StringRef what);

  const CompileOptions &options;
  const check::InstrumentOptions &instruments;
  OwningOpRef<ModuleOp> module;
  mlir::PassManager manager;
  bool wasThreaded;
  std::optional<ProgramSignature> signature;
  std::string messages;
  raw_string_ostream stream;
  SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics;
};

} // namespace

/// The messages that were collected, as one error.
llvm::Error Way::failure(StringRef what) { return makeError(messages.empty() ? what : StringRef(messages).rtrim()); }

llvm::Error Way::dump(Emit emit, StringRef text) {
  if (options.dumpStages.empty())
    return llvm::Error::success();
  std::string file = (getName(emit) + kEmitSuffixes[size_t(emit)]).str();
  return writeFile(options.dumpStages + "/" + std::to_string(int(emit) + 1) + "-" + file, text);
}

void Way::addDump(Emit emit) {
  if (options.dumpStages.empty())
    return;
  manager.addPass(std::make_unique<Look>([this, emit](ModuleOp module) -> LogicalResult {
    llvm::Error error = dump(emit, printStage(module, emit, /*locations=*/false));
    if (!error)
      return success();
    // Not a diagnostic: nothing is wrong with the module.
    stream << toString(std::move(error));
    return mlir::failure();
  }));
}

/// Parts of bf16 into which contractions on matrix units split their operands; 0: none runs there.
static int64_t getTilePlanes(Precision precision) {
  switch (precision) {
  case Precision::F32:
    return 0;
  case Precision::F32x6:
    return 3;
  case Precision::F32x3:
    return 2;
  case Precision::BF16:
    return 1;
  }
  llvm_unreachable("every precision has its planes");
}

static PipelineOptions pipelineOptions(const CompileOptions &compile) {
  const Target &target = compile.target;
  PipelineOptions options;
  options.recompute = compile.recompute;
  options.memoryBudget = compile.memoryBudget;
  // What is launched together lives together: not where memory is short.
  options.group = compile.group && !compile.recompute && compile.memoryBudget == 0;
  options.vectorBits = target.vectorBits;
  options.vectorRegisters = target.vectorRegisters;
  options.l1Bytes = target.l1Bytes;
  options.l2Bytes = target.l2Bytes;
  options.roundContractions = compile.precision == Precision::BF16;
  if (target.hasTiles())
    options.tilePlanes = getTilePlanes(compile.precision);
  return options;
}

/// The stage that a module is in, as far as its operations tell.
static Emit findStage(ModuleOp module) {
  Emit stage = Emit::Graph;
  module.walk([&](Operation *op) {
    if (isa<kernel::LaunchOp>(op))
      stage = Emit::Loops;
    else if (isa<kernel::ComputeOp>(op))
      stage =
          op->getParentOfType<func::FuncOp>()->hasAttr(kernel::KernelDialect::kArenaAttr) ? Emit::Plan : Emit::Kernels;
    return isa<kernel::KernelDialect>(op->getDialect()) && stage != Emit::Graph ? WalkResult::interrupt()
                                                                                : WalkResult::advance();
  });
  return stage;
}

void Way::addStages(Emit last) {
  PipelineOptions pipeline = pipelineOptions(options);
  Emit first = findStage(*module);
  addDump(first);
  for (Emit emit = first; emit < last && emit < Emit::LLVM; emit = Emit(int(emit) + 1)) {
    Emit next = Emit(int(emit) + 1);
    if (next == Emit::LLVM)
      manager.addPass(std::make_unique<Look>([this](ModuleOp module) -> LogicalResult {
        if (failed(verify(module)))
          return mlir::failure();
        FailureOr<ProgramSignature> read = readSignature(module);
        if (succeeded(read))
          signature = std::move(*read);
        return read;
      }));
    populateStages(manager, *getStage(getName(emit)), *getStage(getName(next)), pipeline);
    if (next < Emit::LLVM)
      addDump(next);
  }
}

/// Whether a tensor's bytes can be counted and addressed, so that nothing that is computed from its shape overflows.
static bool isAddressable(mlir::Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return true;
  uint64_t bytes = 8;
  for (int64_t size : graph::hasExtents(tensor) ? graph::getCapacity(tensor) : SmallVector<int64_t>(tensor.getShape()))
    if (!ShapedType::isDynamic(size) && size > 0)
      bytes = SaturatingMultiply(bytes, uint64_t(size));
  constexpr uint64_t kAddressSpace = uint64_t(1) << 47; // of a process on x86-64
  return bytes <= kAddressSpace;
}

/// Fails at the first operation with a tensor beyond any memory.
static LogicalResult checkSizes(ModuleOp module) {
  auto check = [](Operation *op, TypeRange types) {
    for (mlir::Type type : types)
      if (!isAddressable(type)) {
        emitError(op->getLoc()) << "'" << op->getName() << "' op expected tensors that fit the memory of a process, "
                                << "2^47 bytes, got " << type;
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  };
  return mlir::failure(module
                           .walk<WalkOrder::PreOrder>([&](Operation *op) {
                             for (Region &region : op->getRegions())
                               for (Block &block : region)
                                 if (check(op, block.getArgumentTypes()).wasInterrupted())
                                   return WalkResult::interrupt();
                             return check(op, op->getResultTypes());
                           })
                           .wasInterrupted());
}

llvm::Error Way::runTo(Emit emit) {
  if (failed(checkSizes(*module)))
    return failure("");
  if (!options.dumpStages.empty())
    if (llvm::Error error = createFolder(options.dumpStages))
      return error;
  addStages(emit);
  if (failed(check::instrument(manager, instruments)) || failed(manager.run(*module)))
    return failure("compilation failed without a message: please report the module");
  return llvm::Error::success();
}

Expected<Codegen> Way::generate() {
  if (llvm::Error error = runTo(Emit::LLVM))
    return error;
  Expected<Codegen> codegen = Codegen::create(*module, options.target, options.quality, options.cache);
  if (!codegen)
    return messages.empty() ? codegen.takeError() : joinErrors(failure(""), codegen.takeError());
  // Texts of code that is in the cache already would have to be made anew.
  if (options.dumpStages.empty())
    return codegen;
  if (llvm::Error error = dump(Emit::LLVM, codegen->emitLLVM()))
    return error;
  Expected<std::string> assembly = codegen->emitAssembly();
  if (!assembly)
    return assembly.takeError();
  if (llvm::Error error = dump(Emit::Assembly, *assembly))
    return error;
  return codegen;
}

Expected<std::string> Way::emitCode(Emit emit) {
  Expected<Codegen> codegen = generate();
  if (!codegen)
    return codegen.takeError();
  if (emit == Emit::LLVM)
    return codegen->emitLLVM();
  return emit == Emit::Assembly ? codegen->emitAssembly() : codegen->emitObject();
}

/// The parser calls itself for every bracket, and would take bytecode, whose reader trusts what it reads.
static llvm::Error checkText(StringRef text, StringRef path) {
  constexpr size_t kMaxDepth = 256; // several times that of any program
  if (text.starts_with("ML\xEFR"))
    return makeError(path +
                     ": expected the text of a module, got bytecode; write it with moru-opt without --emit-bytecode");
  size_t depth = 0;
  for (size_t offset = 0; offset < text.size(); ++offset) {
    char character = text[offset];
    if (StringRef("([{<").contains(character) && ++depth > kMaxDepth)
      return makeError(path + ": byte " + Twine(offset) + ": expected brackets nested at most " + Twine(kMaxDepth) +
                       " deep, got more");
    bool isArrow = character == '>' && offset && text[offset - 1] == '-';
    if (StringRef(")]}>").contains(character) && !isArrow && depth)
      --depth;
  }
  return llvm::Error::success();
}

Expected<std::unique_ptr<ModuleFile>> ModuleFile::read(StringRef path) {
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  if (llvm::Error error = checkText(*text, path))
    return error;
  auto file = std::make_unique<ModuleFile>();
  DialectRegistry registry;
  registerDialects(registry);
  file->context.appendDialectRegistry(registry);
  SourceMgr sources;
  sources.AddNewSourceBuffer(MemoryBuffer::getMemBufferCopy(*text, path), SMLoc());
  std::string messages;
  raw_string_ostream stream(messages);
  SourceMgrDiagnosticHandler handler(sources, &file->context, stream);
  file->module = parseSourceFile<ModuleOp>(sources, &file->context);
  if (!file->module)
    return makeError(messages.empty() ? path + ": expected a module of MLIR" : StringRef(messages).rtrim());
  return file;
}

static check::InstrumentOptions instrumentsOf(const CompileOptions &options) {
  check::InstrumentOptions instruments;
  instruments.checkEach = options.checkEach;
  return instruments;
}

Expected<std::string> emitModule(ModuleOp module, Emit emit, const CompileOptions &options, bool locations) {
  check::InstrumentOptions instruments = instrumentsOf(options);
  Way way(module, options, instruments);
  if (emit >= Emit::LLVM)
    return way.emitCode(emit);
  if (llvm::Error error = way.runTo(emit))
    return error;
  return printStage(way.get(), emit, locations);
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// All of the way, with nothing left behind of it but the code.
static Expected<ProgramCode> makeCode(ModuleOp module, const CompileOptions &options,
                                      const check::InstrumentOptions &instruments) {
  Way way(module, options, instruments);
  Expected<Codegen> codegen = way.generate();
  if (!codegen)
    return codegen.takeError();
  return makeProgramCode(*codegen, std::move(way.programSignature()));
}

/// Everything that the code of a program follows from, but the target and the quality.
static std::string describeSource(ModuleOp module, const CompileOptions &options) {
  std::string source;
  raw_string_ostream out(source);
  // One more option does not compile until it is said here whether it is a part of the key.
  auto &[target, quality, precision, threads, recompute, memoryBudget, group, cache, dumpStages, checkEach] = options;
  out << toString(precision) << ' ' << recompute << ' ' << memoryBudget << ' ' << group << '\n';
  if (failed(writeBytecodeToFile(module, out)))
    source.clear();
  return source;
}

/// The code of a program that was compiled before, or else made now. A program that is to be looked at on its way is
/// made anew.
static Expected<ProgramCode> findOrMakeCode(ModuleOp module, const CompileOptions &options) {
  bool isLookedAt = options.checkEach || !options.dumpStages.empty();
  std::optional<ObjectCache> cache = options.cache && !isLookedAt ? ObjectCache::ofUser() : std::nullopt;
  std::string source = cache ? describeSource(module, options) : "", key;
  if (!source.empty()) {
    key = ObjectCache::key(source, options.target, options.quality);
    if (std::optional<std::string> bytes = cache->find(key))
      if (std::optional<ProgramCode> code = ProgramCode::fromBytes(*bytes))
        return std::move(*code);
  }
  Expected<ProgramCode> code = makeCode(module, options, instrumentsOf(options));
  if (code && !key.empty())
    cache->store(key, code->toBytes());
  return code;
}

Expected<Executable> compileModule(ModuleOp module, const CompileOptions &options) {
  Expected<ProgramCode> code = findOrMakeCode(module, options);
  if (!code)
    return code.takeError();
  Expected<Executable> executable = loadExecutable(std::move(*code), options);
  returnCompilerMemory();
  return executable;
}

Expected<Executable> compileModule(ModuleOp module, const CompileOptions &options,
                                   const check::InstrumentOptions &instruments) {
  Expected<ProgramCode> code = makeCode(module, options, instruments);
  if (!code)
    return code.takeError();
  return loadExecutable(std::move(*code), options);
}

} // namespace moru
