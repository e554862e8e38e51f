//===- Checker.cpp - runs a program after every pass -------------------------===//
// Keeps, for each function, its arguments, its right results and its last right form.
//===----------------------------------------------------------------------===//

#include "moru/Check/Checker.h"

#include "CheckNative.h"
#include "Equivalence.h"
#include "Run.h"

#include "moru/Reference/Tolerances.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

namespace {

/// A function on arguments of one kind.
struct RunRecord {
  InputKind kind;
  uint64_t seed;
  NamedValues inputs;
  /// The results before the first pass, and after the last one.
  NamedValues expected, latest;
  /// From the loops down: what each kernel is to compute, and the whole function's results with the bounds of
  /// arithmetic in the declared types.
  std::optional<KernelCases> cases;
  NamedValues declared;
  /// Digests of what the operations made after the last pass, once somebody has asked for them.
  std::optional<std::set<uint64_t>> made;
};

/// What is known about a function.
struct FunctionRecord {
  std::vector<RunRecord> runs;
  /// The numbers of its constants before the first pass.
  std::set<double> constants;
  /// The function before the first pass and after the last one, copies; the latter stays one of kernels when these
  /// become functions of their own.
  OwningOpRef<func::FuncOp> original, previous;
  /// From the loops down: the launches in order.
  std::vector<Launched> launches;
  /// Some of its numbers are bf16.
  bool isNarrow = false;
  /// A difference was reported; later ones would repeat it.
  bool isWrong = false;
};

/// A pass that has just run, as messages name it.
struct PassRun {
  StringRef argument;
  PassClass passClass;
  /// False for a mutant.
  bool remember;

  std::string describe() const { return ("pass '" + argument + "' (" + toString(passClass) + ")").str(); }
};

} // namespace

struct Checker::Implementation {
  CheckOptions options;
  std::map<std::string, FunctionRecord> records;
  Tally tally;
  /// The names of the functions in their order.
  std::vector<std::string> order;
  OwningOpRef<ModuleOp> wrongProgram;
  func::FuncOp wrong;

  LogicalResult begin(func::FuncOp function);
  LogicalResult check(StringRef pass, Operation *scope, bool remember);
  LogicalResult checkFunction(const PassRun &pass, func::FuncOp function, FunctionRecord &record);
  LogicalResult checkLaunches(const PassRun &pass, func::FuncOp function, FunctionRecord &record);
  LogicalResult checkLoops(const PassRun &pass, ModuleOp module);
  LogicalResult checkMachineCode(const PassRun &pass, ModuleOp module);
  LogicalResult checkKernels(const PassRun &pass, const NativeCode &code, bool whole);
  LogicalResult checkKernelsOn(const PassRun &pass, const NativeCode &code, FunctionRecord &record, RunRecord &run,
                               bool whole);
  LogicalResult keepWrong(const FunctionRecord &record, const RunRecord &run);
};

Checker::Checker(const CheckOptions &options) : implementation(std::make_unique<Implementation>()) {
  implementation->options = options;
}
Checker::~Checker() = default;

/// The functions of a module, or the one function that `scope` is.
static SmallVector<func::FuncOp> functionsIn(Operation *scope) {
  if (auto function = dyn_cast<func::FuncOp>(scope))
    return {function};
  SmallVector<func::FuncOp> functions;
  scope->walk([&](func::FuncOp function) { functions.push_back(function); });
  return functions;
}

static bool hasNarrowNumbers(func::FuncOp function) {
  auto isNarrow = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getElementType().isBF16();
  };
  WalkResult result = function.walk([&](Operation *op) {
    return llvm::any_of(op->getResultTypes(), isNarrow) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return result.wasInterrupted() || llvm::any_of(function.getArgumentTypes(), isNarrow);
}

static bool canRun(func::FuncOp function) {
  FunctionStage stage = getStage(function);
  return stage == FunctionStage::Graph || stage == FunctionStage::Kernels;
}

/// Whether a function has few arguments of few entries: then what an argument happens to be decides what is seen.
static bool isSmall(func::FuncOp function) {
  // A run on so many takes little time beside the translation of the kernels.
  constexpr int64_t kFewEntries = 4096;
  int64_t entries = 0;
  for (Type type : function.getArgumentTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.hasStaticShape())
      entries += tensor.getNumElements();
    else
      return false;
  return entries <= kFewEntries;
}

/// How many of its lone arguments a small function meets: all, unless it computes so many numbers that the runs, which
/// are kept, would take too much time and memory.
static int64_t countLoneDraws(func::FuncOp function) {
  // Less than the other runs of a step of training take.
  constexpr int64_t kMostEntries = 400'000;
  int64_t entries = 1;
  function.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.hasStaticShape())
        entries += tensor.getNumElements();
  });
  return std::clamp<int64_t>(kMostEntries / entries, 1, countLone(function));
}

/// Kinds of arguments and seeds to draw them from: those with numbers as programs meet them several times, and all of
/// them twice as often for small functions, which meet lone arguments in turn, too.
static SmallVector<std::pair<InputKind, uint64_t>> listDraws(func::FuncOp function, const CheckOptions &options) {
  // Odd, so that all seeds differ; far from the seeds that a campaign takes in order.
  constexpr uint64_t kNextSeed = 0x9E3779B97F4A7C15;
  if (hasFixedInputs(function))
    return {{InputKind::Ordinary, options.seed}};
  SmallVector<std::pair<InputKind, uint64_t>> list;
  bool isRepeated = options.draws > 1 && isSmall(function);
  for (int64_t draw = 0, draws = options.draws * (isRepeated ? 2 : 1); draw < draws; ++draw)
    for (InputKind kind : options.kinds)
      if (draw == 0 || (isRepeated && kind != InputKind::Lone) || kind == InputKind::Ordinary ||
          kind == InputKind::Signed)
        list.push_back({kind, options.seed + static_cast<uint64_t>(draw) * kNextSeed});
  bool enumerates = isRepeated && llvm::is_contained(options.kinds, InputKind::Lone);
  // Where there are too many, those at even distances.
  for (int64_t lone = 1, draws = enumerates ? countLoneDraws(function) : 0; lone < draws; ++lone)
    list.push_back({InputKind::Lone, options.seed + static_cast<uint64_t>(lone * countLone(function) / draws)});
  return list;
}

LogicalResult Checker::Implementation::begin(func::FuncOp function) {
  if (!canRun(function) || records.contains(function.getName().str()))
    return success();
  FunctionRecord record;
  record.constants = collectConstants(function);
  record.isNarrow = hasNarrowNumbers(function);
  for (auto [kind, seed] : listDraws(function, options)) {
    RunRecord run{kind, seed, drawNamedInputs(function, seed, kind), {}, {}, {}, {}, {}};
    FailureOr<NamedValues> results = check::run(function, run.inputs);
    if (failed(results))
      return failure();
    run.expected = run.latest = std::move(*results);
    record.runs.push_back(std::move(run));
  }
  record.original = cast<func::FuncOp>(function->clone());
  record.previous = cast<func::FuncOp>(function->clone());
  order.push_back(function.getName().str());
  records.insert({function.getName().str(), std::move(record)});
  return success();
}

/// The first function that is wrong is kept. Always fails.
LogicalResult Checker::Implementation::keepWrong(const FunctionRecord &record, const RunRecord &run) {
  if (wrong)
    return failure();
  wrongProgram = ModuleOp::create(record.original.get()->getLoc());
  for (const std::string &name : order)
    wrongProgram->push_back(records.at(name).original.get()->clone());
  wrong = wrongProgram->lookupSymbol<func::FuncOp>(record.original.get().getName());
  SmallVector<Tensor> values;
  for (const auto &[name, tensor] : run.inputs)
    values.push_back(tensor);
  fixInputs(wrong, values);
  return failure();
}

//===----------------------------------------------------------------------===//
// In the Reference
//===----------------------------------------------------------------------===//

/// An error at the place that `locate` finds, with the pass and the numbers.
static LogicalResult reportDifference(const PassRun &pass, func::FuncOp function, const FunctionRecord &record,
                                      const RunRecord &run, const RunOptions &options, StringRef output,
                                      const Tensor &got, const Difference &difference) {
  Operation *culprit = locate(record.previous.get(), function, run.inputs, output, options);
  InFlightDiagnostic diagnostic = emitError(culprit ? culprit->getLoc() : function.getLoc());
  diagnostic << pass.describe() << " has changed result '" << output << "' of '" << function.getName() << "': expected "
             << llvm::formatv("{0:e9} within {1:e1}, got {2:e9} at {3}", difference.expected, difference.tolerance,
                              difference.got, reference::indexToString(got.shape(), difference.index))
                    .str();
  if (run.kind != InputKind::Ordinary)
    diagnostic << ", on " << toString(run.kind) << " arguments";
  if (culprit)
    diagnostic.attachNote(culprit->getLoc())
        << "the first operation with operands that the program has made before and a result that it has not: "
        << culprit->getName();
  return failure();
}

/// After a pass that may change nothing, no operation makes what none has made before, whether a result shows it or
/// not.
static LogicalResult compareMade(const PassRun &pass, func::FuncOp function, const FunctionRecord &record,
                                 RunRecord &before, const MadeValues &now) {
  if (!before.made) {
    MadeValues made;
    if (failed(run(record.previous.get(), before.inputs, {.made = &made})))
      return failure();
    before.made.emplace(llvm::make_first_range(made).begin(), llvm::make_first_range(made).end());
  }
  for (const auto &[digest, value] : now)
    if (!before.made->count(digest))
      return emitError(value.getLoc()) << pass.describe() << " has changed a value within '" << function.getName()
                                       << "': expected operations that make what the program has made before, got "
                                       << "one that makes another";
  return success();
}

/// Runs `function` and compares its results with those of the record.
static FailureOr<NamedValues> runAndCompare(const PassRun &pass, func::FuncOp function, const FunctionRecord &record,
                                            RunRecord &before, const Meanings &meanings, Tally &tally) {
  bool exact = pass.passClass == PassClass::Exact;
  MadeValues made;
  // The Reference expands gradients in a copy of its own.
  bool hasGradient = function.walk([](graph::GradientOp) { return WalkResult::interrupt(); }).wasInterrupted();
  bool comparesMade = exact && !hasGradient;
  RunOptions options{.made = comparesMade ? &made : nullptr, .meanings = meanings, .exactConstants = &record.constants};
  FailureOr<NamedValues> got = run(function, before.inputs, options);
  if (failed(got))
    return emitError(function.getLoc()) << pass.describe() << " has made of '" << function.getName()
                                        << "' what the Reference cannot run";
  for (auto &[name, value] : exact ? before.latest : before.expected) {
    auto it = got->find(name);
    if (it == got->end() || it->second.type != value.type)
      return emitError(function.getLoc()) << pass.describe() << " has lost result '" << name << "' of '"
                                          << function.getName() << "' or changed its type: expected " << value.type;
    if (pass.passClass == PassClass::Distributes)
      admitDistribution(value, it->second);
    // Where numbers are huge, what is rewritten may overflow on the way.
    if (before.kind != InputKind::Huge)
      keepDecided(value, it->second);
    if (std::optional<Difference> difference = compare(value, it->second, exact, reference::kSecondOrder, &tally))
      return reportDifference(pass, function, record, before, options, name, it->second, *difference);
  }
  if (comparesMade && failed(compareMade(pass, function, record, before, made)))
    return failure();
  return got;
}

/// Whether differences of a function say something about its derivatives there: no entry is far out.
static bool areCalm(const RunRecord &run) {
  // Drawn ones are within six deviations of one.
  constexpr double kFar = 6.1;
  return run.kind == InputKind::Ordinary && llvm::all_of(run.inputs, [&](const auto &input) {
           return llvm::all_of(input.second.floats, [&](double entry) { return std::abs(entry) <= kFar; });
         });
}

LogicalResult Checker::Implementation::checkFunction(const PassRun &pass, func::FuncOp function,
                                                     FunctionRecord &record) {
  if (pass.remember && pass.argument == "graph-expand-gradients" && areCalm(record.runs.front()) &&
      failed(checkGradients(record.previous.get(), record.runs.front().inputs, options.seed))) {
    emitError(function.getLoc()) << pass.describe() << " makes gradients that differ from finite differences";
    return keepWrong(record, record.runs.front());
  }
  for (RunRecord &run : record.runs) {
    FailureOr<NamedValues> got = runAndCompare(pass, function, record, run, Meanings(), tally);
    if (failed(got))
      return keepWrong(record, run);
    if (pass.remember) {
      run.latest = std::move(*got);
      run.made.reset();
    }
  }
  if (!pass.remember)
    return success();
  record.previous = cast<func::FuncOp>(function->clone());
  return success();
}

/// The launches of `function` in order, each with the kernel that it was.
static FailureOr<std::vector<Launched>> matchLaunches(const PassRun &pass, func::FuncOp function, func::FuncOp kernels,
                                                      Meanings &meanings) {
  SmallVector<kernel::ComputeOp> computes;
  kernels.walk([&](kernel::ComputeOp op) { computes.push_back(op); });
  std::vector<Launched> launches;
  function.walk([&](kernel::LaunchOp launch) {
    if (launches.size() < computes.size()) {
      meanings[launch] = computes[launches.size()];
      launches.push_back({launch.getCallee().str(), static_cast<int64_t>(launch.getTasks()), launch.getLoc(),
                          computes[launches.size()]});
    } else {
      launches.push_back({launch.getCallee().str(), 0, launch.getLoc(), {}});
    }
  });
  if (launches.size() == computes.size())
    return launches;
  return emitError(function.getLoc()) << pass.describe() << ": expected " << computes.size()
                                      << " launches, one per kernel, got " << launches.size();
}

/// The host's side of loops: windows, loops and the order of launches, with kernels standing for their launches.
LogicalResult Checker::Implementation::checkLaunches(const PassRun &pass, func::FuncOp function,
                                                     FunctionRecord &record) {
  Meanings meanings;
  FailureOr<std::vector<Launched>> launches = matchLaunches(pass, function, record.previous.get(), meanings);
  if (failed(launches))
    return keepWrong(record, record.runs.front());
  for (RunRecord &run : record.runs)
    if (failed(runAndCompare(pass, function, record, run, meanings, tally)))
      return keepWrong(record, run);
  record.launches = std::move(*launches);
  return success();
}

//===----------------------------------------------------------------------===//
// Natively
//===----------------------------------------------------------------------===//

LogicalResult Checker::Implementation::checkKernelsOn(const PassRun &pass, const NativeCode &code,
                                                      FunctionRecord &record, RunRecord &run, bool whole) {
  func::FuncOp kernels = record.previous.get();
  if (!run.cases) {
    FailureOr<KernelCases> cases = collectCases(kernels, run.inputs);
    FailureOr<NamedValues> declared =
        runDeclared(kernels, run.inputs, /*sharply=*/run.kind == InputKind::Ordinary && !record.isNarrow);
    if (failed(cases) || failed(declared))
      return failure();
    if (failed(addDrawnCases(*cases, run.seed, run.kind)))
      return failure();
    run.cases = std::move(*cases);
    run.declared = std::move(*declared);
  }
  if (failed(checkKernelsAlone(pass.describe(), code, record.launches, *run.cases, tally)))
    return failure();
  return success(!whole ||
                 succeeded(checkWholeProgram(pass.describe(), code, kernels, run.inputs, run.declared, tally)));
}

LogicalResult Checker::Implementation::checkKernels(const PassRun &pass, const NativeCode &code, bool whole) {
  for (auto &[name, record] : records)
    for (RunRecord &run : record.runs)
      if (!record.launches.empty() && !record.isWrong && failed(checkKernelsOn(pass, code, record, run, whole)))
        return keepWrong(record, run);
  return success();
}

/// Kernels are functions of loops: a copy of them is lowered by upstream's passes.
LogicalResult Checker::Implementation::checkLoops(const PassRun &pass, ModuleOp module) {
  OwningOpRef<ModuleOp> lowered = lowerKernelsPlainly(module);
  if (!lowered)
    return emitError(module.getLoc()) << pass.describe() << " has made kernels that upstream's passes cannot lower";
  llvm::Expected<std::unique_ptr<NativeCode>> code = NativeCode::create(*lowered);
  if (!code)
    return emitError(module.getLoc()) << pass.describe() << ": " << llvm::toString(code.takeError());
  return checkKernels(pass, **code, /*whole=*/false);
}

/// The module is all LLVM dialect: it runs as it is, without optimization.
LogicalResult Checker::Implementation::checkMachineCode(const PassRun &pass, ModuleOp module) {
  OwningOpRef<ModuleOp> copy(module.clone());
  llvm::Expected<std::unique_ptr<NativeCode>> code = NativeCode::create(*copy);
  if (!code)
    return emitError(module.getLoc()) << pass.describe() << ": " << llvm::toString(code.takeError());
  return checkKernels(pass, **code, /*whole=*/true);
}

//===----------------------------------------------------------------------===//
// By stage
//===----------------------------------------------------------------------===//

/// Moru's passes are named after what they work on.
static bool isOwnPass(StringRef argument) {
  return argument.starts_with("graph-") || argument.starts_with("kernel-") || argument.starts_with("loops-");
}

LogicalResult Checker::Implementation::check(StringRef argument, Operation *scope, bool remember) {
  std::optional<PassClass> passClass = getPassClass(argument);
  // A conversion of upstream's is a step of the pass of ours that runs it, which is checked as a whole.
  if (!passClass && !isOwnPass(argument))
    return success();
  if (!passClass)
    return emitError(scope->getLoc(), "expected pass '")
           << argument << "' to declare its class in lib/Check/PassClass.cpp";
  PassRun pass{argument, *passClass, remember};
  bool hasLaunches = false;
  for (func::FuncOp function : functionsIn(scope)) {
    auto it = records.find(function.getName().str());
    FunctionStage stage = getStage(function);
    hasLaunches |= stage == FunctionStage::Launches;
    if (it == records.end() || it->second.isWrong || stage == FunctionStage::Other)
      continue;
    LogicalResult result = stage == FunctionStage::Launches ? checkLaunches(pass, function, it->second)
                                                            : checkFunction(pass, function, it->second);
    it->second.isWrong = failed(result) && remember;
    if (failed(result))
      return failure();
  }
  auto module = dyn_cast<ModuleOp>(scope);
  if (!module || !options.native)
    return success();
  if (hasLaunches)
    return checkLoops(pass, module);
  bool isLowered = module.getOps<func::FuncOp>().empty() && !module.getOps<LLVM::LLVMFuncOp>().empty();
  return isLowered ? checkMachineCode(pass, module) : success();
}

LogicalResult Checker::begin(Operation *scope) {
  for (func::FuncOp function : functionsIn(scope))
    if (failed(implementation->begin(function)))
      return failure();
  return success();
}

LogicalResult Checker::check(StringRef pass, Operation *scope) { return implementation->check(pass, scope, true); }

LogicalResult Checker::probe(StringRef pass, Operation *scope, Tally &tally) {
  std::map<std::string, std::vector<Launched>> launches;
  for (auto &[name, record] : implementation->records)
    launches[name] = record.launches;
  Tally before = std::exchange(implementation->tally, {});
  LogicalResult result = implementation->check(pass, scope, false);
  tally += std::exchange(implementation->tally, before);
  implementation->wrong = {};
  implementation->wrongProgram = {};
  for (auto &[name, record] : implementation->records)
    record.launches = launches[name];
  return result;
}

bool Checker::areEquivalent(Operation *scope, Operation *other, bool finite) const {
  auto findMeanings = [&](func::FuncOp function) {
    Meanings meanings;
    auto it = implementation->records.find(function.getName().str());
    PassRun pass{"", PassClass::Exact, /*remember=*/false};
    if (it != implementation->records.end() && getStage(function) == FunctionStage::Launches &&
        failed(matchLaunches(pass, function, it->second.previous.get(), meanings)))
      meanings.clear(); // Not as many launches as kernels: nothing can be proved.
    return meanings;
  };
  return check::areEquivalent(scope, other, findMeanings, finite);
}

const Tally &Checker::tally() const { return implementation->tally; }

func::FuncOp Checker::wrongFunction() const { return implementation->wrong; }
