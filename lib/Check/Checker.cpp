//===- Checker.cpp - runs a program after every pass -------------------------===//
// Keeps, for each function, its arguments, its right results and its last right form.
//===----------------------------------------------------------------------===//

#include "moru/Check/Checker.h"

#include "Run.h"

#include "moru/Reference/Tolerances.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

namespace {

/// What is known about a function.
struct FunctionRecord {
  NamedValues inputs;
  /// The results before the first pass, and after the last one.
  NamedValues expected, latest;
  /// The function after the last pass, a copy.
  OwningOpRef<func::FuncOp> previous;
  /// A difference was reported; later ones would repeat it.
  bool isWrong = false;
};

} // namespace

struct Checker::Implementation {
  CheckOptions options;
  std::map<std::string, FunctionRecord> records;

  LogicalResult begin(func::FuncOp function);
  LogicalResult check(StringRef pass, Operation *scope, bool remember);
  LogicalResult checkFunction(StringRef pass, PassClass passClass, func::FuncOp function, bool remember);
  LogicalResult compareResults(StringRef pass, PassClass passClass, func::FuncOp function, FunctionRecord &record,
                               const NamedValues &got);
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
  FailureOr<NamedValues> results = run(function, record.inputs);
  if (failed(results))
    return failure();
  record.expected = record.latest = std::move(*results);
  record.previous = cast<func::FuncOp>(function->clone());
  records.insert({function.getName().str(), std::move(record)});
  return success();
}

/// An error at the place that `locate` finds, with the pass and the numbers.
static LogicalResult reportDifference(StringRef pass, PassClass passClass, func::FuncOp function,
                                      const FunctionRecord &record, StringRef output, const Tensor &got,
                                      const Difference &difference) {
  Operation *culprit = locate(record.previous.get(), function, record.inputs, output);
  InFlightDiagnostic diagnostic = emitError(culprit ? culprit->getLoc() : function.getLoc());
  diagnostic << "pass '" << pass << "' (" << toString(passClass) << ") has changed result '" << output << "' of '"
             << function.getName() << "': expected "
             << llvm::formatv("{0:e9} within {1:e1}, got {2:e9} at {3}", difference.expected, difference.tolerance,
                              difference.got, reference::indexToString(got.shape(), difference.index))
                    .str();
  if (culprit)
    diagnostic.attachNote(culprit->getLoc())
        << "the first operation with operands that the program has made before and a result that it has not: "
        << culprit->getName();
  return failure();
}

LogicalResult Checker::Implementation::compareResults(StringRef pass, PassClass passClass, func::FuncOp function,
                                                      FunctionRecord &record, const NamedValues &got) {
  bool exact = passClass == PassClass::Exact;
  const NamedValues &expected = exact ? record.latest : record.expected;
  for (const auto &[name, value] : expected) {
    auto it = got.find(name);
    if (it == got.end() || it->second.type != value.type)
      return function.emitError("pass '") << pass << "' has lost result '" << name << "' of '" << function.getName()
                                          << "' or changed its type: expected " << value.type;
    if (std::optional<Difference> difference = compare(value, it->second, exact, reference::kSecondOrder))
      return reportDifference(pass, passClass, function, record, name, it->second, *difference);
  }
  return success();
}

LogicalResult Checker::Implementation::checkFunction(StringRef pass, PassClass passClass, func::FuncOp function,
                                                     bool remember) {
  auto it = records.find(function.getName().str());
  if (it == records.end() || it->second.isWrong || !canRun(function))
    return success();
  FunctionRecord &record = it->second;
  if (remember && pass == "graph-expand-gradients" &&
      failed(checkGradients(record.previous.get(), record.inputs, options.seed))) {
    record.isWrong = true;
    return function.emitError("pass '") << pass << "' makes gradients that differ from finite differences";
  }
  FailureOr<NamedValues> got = run(function, record.inputs);
  LogicalResult result =
      failed(got) ? function.emitError("pass '") << pass << "' has made of '" << function.getName()
                                                 << "' what the Reference cannot run"
                  : compareResults(pass, passClass, function, record, *got);
  if (!remember)
    return result;
  record.isWrong = failed(result);
  if (succeeded(result)) {
    record.latest = std::move(*got);
    record.previous = cast<func::FuncOp>(function->clone());
  }
  return result;
}

LogicalResult Checker::Implementation::check(StringRef pass, Operation *scope, bool remember) {
  std::optional<PassClass> passClass = getPassClass(pass);
  if (!passClass)
    return scope->emitError("expected pass '") << pass << "' to declare its class in lib/Check/PassClass.cpp";
  LogicalResult result = success();
  for (func::FuncOp function : functionsIn(scope))
    if (failed(checkFunction(pass, *passClass, function, remember)))
      result = failure();
  return result;
}

LogicalResult Checker::begin(Operation *scope) {
  for (func::FuncOp function : functionsIn(scope))
    if (failed(implementation->begin(function)))
      return failure();
  return success();
}

LogicalResult Checker::check(StringRef pass, Operation *scope) { return implementation->check(pass, scope, true); }

LogicalResult Checker::probe(StringRef pass, Operation *scope) { return implementation->check(pass, scope, false); }
