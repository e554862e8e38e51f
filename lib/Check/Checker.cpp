//===- Checker.cpp - runs a program after every pass -------------------------===//
// Keeps, for each function, its arguments, its right results and its last right form.
//===----------------------------------------------------------------------===//

#include "moru/Check/Checker.h"

#include "CheckNative.h"
#include "Run.h"

#include "moru/Reference/Tolerances.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

namespace {

/// What is known about a function.
struct FunctionRecord {
  NamedValues inputs;
  /// The numbers of its constants before the first pass.
  std::set<double> constants;
  /// The results before the first pass, and after the last one.
  NamedValues expected, latest;
  /// The function after the last pass, a copy; it stays one of kernels when these become functions of their own.
  OwningOpRef<func::FuncOp> previous;
  /// From the loops down: the launches in order, what each kernel is to compute, and the whole function's results with
  /// the bounds of arithmetic in the declared types.
  std::vector<Launched> launches;
  std::optional<KernelCases> cases;
  NamedValues declared;
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

  LogicalResult begin(func::FuncOp function);
  LogicalResult check(StringRef pass, Operation *scope, bool remember);
  LogicalResult checkFunction(const PassRun &pass, func::FuncOp function, FunctionRecord &record);
  LogicalResult checkLaunches(const PassRun &pass, func::FuncOp function, FunctionRecord &record);
  LogicalResult checkLoops(const PassRun &pass, ModuleOp module);
  LogicalResult checkMachineCode(const PassRun &pass, ModuleOp module);
  LogicalResult checkKernels(const PassRun &pass, const NativeCode &code, bool whole);
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

static bool canRun(func::FuncOp function) {
  FunctionStage stage = getStage(function);
  return stage == FunctionStage::Graph || stage == FunctionStage::Kernels;
}

LogicalResult Checker::Implementation::begin(func::FuncOp function) {
  if (!canRun(function) || records.contains(function.getName().str()))
    return success();
  FunctionRecord record;
  record.inputs = drawNamedInputs(function, options.seed);
  record.constants = collectConstants(function);
  FailureOr<NamedValues> results = run(function, record.inputs);
  if (failed(results))
    return failure();
  record.expected = record.latest = std::move(*results);
  record.previous = cast<func::FuncOp>(function->clone());
  records.insert({function.getName().str(), std::move(record)});
  return success();
}

//===----------------------------------------------------------------------===//
// In the Reference
//===----------------------------------------------------------------------===//

/// An error at the place that `locate` finds, with the pass and the numbers.
static LogicalResult reportDifference(const PassRun &pass, func::FuncOp function, const FunctionRecord &record,
                                      const RunOptions &options, StringRef output, const Tensor &got,
                                      const Difference &difference) {
  Operation *culprit = locate(record.previous.get(), function, record.inputs, output, options);
  InFlightDiagnostic diagnostic = emitError(culprit ? culprit->getLoc() : function.getLoc());
  diagnostic << pass.describe() << " has changed result '" << output << "' of '" << function.getName() << "': expected "
             << llvm::formatv("{0:e9} within {1:e1}, got {2:e9} at {3}", difference.expected, difference.tolerance,
                              difference.got, reference::indexToString(got.shape(), difference.index))
                    .str();
  if (culprit)
    diagnostic.attachNote(culprit->getLoc())
        << "the first operation with operands that the program has made before and a result that it has not: "
        << culprit->getName();
  return failure();
}

/// Runs `function` and compares its results with those of the record.
static FailureOr<NamedValues> runAndCompare(const PassRun &pass, func::FuncOp function, const FunctionRecord &record,
                                            const Meanings &meanings) {
  RunOptions options{.meanings = meanings, .exactConstants = &record.constants};
  FailureOr<NamedValues> got = run(function, record.inputs, options);
  if (failed(got))
    return emitError(function.getLoc()) << pass.describe() << " has made of '" << function.getName()
                                        << "' what the Reference cannot run";
  bool exact = pass.passClass == PassClass::Exact;
  for (const auto &[name, value] : exact ? record.latest : record.expected) {
    auto it = got->find(name);
    if (it == got->end() || it->second.type != value.type)
      return emitError(function.getLoc()) << pass.describe() << " has lost result '" << name << "' of '"
                                          << function.getName() << "' or changed its type: expected " << value.type;
    if (std::optional<Difference> difference = compare(value, it->second, exact, reference::kSecondOrder))
      return reportDifference(pass, function, record, options, name, it->second, *difference);
  }
  return got;
}

LogicalResult Checker::Implementation::checkFunction(const PassRun &pass, func::FuncOp function,
                                                     FunctionRecord &record) {
  if (pass.remember && pass.argument == "graph-expand-gradients" &&
      failed(checkGradients(record.previous.get(), record.inputs, options.seed)))
    return emitError(function.getLoc()) << pass.describe() << " makes gradients that differ from finite differences";
  FailureOr<NamedValues> got = runAndCompare(pass, function, record, Meanings());
  if (failed(got) || !pass.remember)
    return got;
  record.latest = std::move(*got);
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
  if (failed(launches) || failed(runAndCompare(pass, function, record, meanings)))
    return failure();
  record.launches = std::move(*launches);
  return success();
}

//===----------------------------------------------------------------------===//
// Natively
//===----------------------------------------------------------------------===//

LogicalResult Checker::Implementation::checkKernels(const PassRun &pass, const NativeCode &code, bool whole) {
  for (auto &[name, record] : records) {
    if (record.launches.empty() || record.isWrong)
      continue;
    if (!record.cases) {
      FailureOr<KernelCases> cases = collectCases(record.previous.get(), record.inputs);
      FailureOr<NamedValues> declared =
          run(record.previous.get(), record.inputs, {.bounds = reference::Bounds::Declared});
      if (failed(cases) || failed(declared))
        return failure();
      record.cases = std::move(*cases);
      record.declared = std::move(*declared);
    }
    if (failed(checkKernelsAlone(pass.describe(), code, record.launches, *record.cases)))
      return failure();
    if (whole &&
        failed(checkWholeProgram(pass.describe(), code, record.previous.get(), record.inputs, record.declared)))
      return failure();
  }
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

LogicalResult Checker::probe(StringRef pass, Operation *scope) {
  std::map<std::string, std::vector<Launched>> launches;
  for (auto &[name, record] : implementation->records)
    launches[name] = record.launches;
  LogicalResult result = implementation->check(pass, scope, false);
  for (auto &[name, record] : implementation->records)
    record.launches = launches[name];
  return result;
}
