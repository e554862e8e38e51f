//===- CheckCompiled.cpp - a program and its machine code ---------------------------===//
// Compiles as any caller does, and calls the executable by names.
//===----------------------------------------------------------------------===//

#include "moru/Check/CheckCompiled.h"

#include "moru/Check/Instrument.h"
#include "moru/Compiler/CompileModule.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"

#include "Run.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

namespace {
/// One module on its way.
class CompiledChecker {
public:
  CompiledChecker(ModuleOp module, const CompiledCheckOptions &options) : module(module), options(options) {}
  CompiledCheck run();

private:
  void check(func::FuncOp function, InputKind kind);
  /// The results of the machine code on `inputs`, or nothing and a message.
  SmallVector<const HostTensor *> call(func::FuncOp function, ArrayRef<Tensor> inputs);
  std::optional<Difference> compareResult(func::FuncOp function, ArrayRef<Tensor> inputs, unsigned index,
                                          const Tensor &expected, const HostTensor &got);
  void compareResults(func::FuncOp function, InputKind kind, ArrayRef<Tensor> inputs, ArrayRef<Tensor> expected,
                      ArrayRef<const HostTensor *> got);

  ModuleOp module;
  const CompiledCheckOptions &options;
  std::optional<Executable> executable;
  CompiledCheck result;
};
} // namespace

SmallVector<const HostTensor *> CompiledChecker::call(func::FuncOp function, ArrayRef<Tensor> inputs) {
  std::vector<HostTensor> values;
  SmallVector<const HostTensor *> pointers, results;
  values.reserve(inputs.size());
  for (auto [index, input] : llvm::enumerate(inputs)) {
    values.push_back(reference::toHost(input));
    auto name = function.getArgAttrOfType<StringAttr>(index, graph::GraphDialect::kNameAttr);
    if (!name || !executable->find(name.str()))
      pointers.push_back(&values.back());
    else if (Result<void> set = executable->set(name.str(), values.back()); !set)
      result.message = set.message();
  }
  Outputs outputs = executable->run(function.getName().str(), pointers);
  if (!outputs)
    result.message = "the executable does not run: " + outputs.message();
  for (unsigned index = 0; result.message.empty() && index < function.getNumResults(); ++index)
    results.push_back(outputs.find(index));
  return results;
}

/// A copy of `module` at a later stage; null if it cannot get there.
static OwningOpRef<ModuleOp> copyAtStage(ModuleOp module, Stage stage) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager manager(module.getContext());
  populateStages(manager, Stage::Graph, stage, {});
  return succeeded(manager.run(*copy)) ? std::move(copy) : OwningOpRef<ModuleOp>();
}

/// Sums of sums that passes have made one sum of stray as far as that one: what is outside of the bounds of the program
/// as it was written may be within those of the simplified one. Where factors have left sums, see
/// PassClass::Distributes.
std::optional<Difference> CompiledChecker::compareResult(func::FuncOp function, ArrayRef<Tensor> inputs, unsigned index,
                                                         const Tensor &expected, const HostTensor &got) {
  Tensor value = reference::fromHost(got, expected.type);
  std::optional<Difference> difference = compare(expected, value, /*exact=*/false, 1, &result.tally);
  if (!difference || !std::isfinite(difference->tolerance))
    return difference;
  OwningOpRef<ModuleOp> simplified = copyAtStage(module, Stage::Simplified);
  if (!simplified)
    return difference;
  reference::EvaluateOptions options;
  options.bounds = reference::Bounds::Declared;
  FailureOr<SmallVector<Tensor>> others =
      reference::evaluate(simplified->lookupSymbol<func::FuncOp>(function.getName()), inputs, options);
  if (failed(others))
    return difference;
  Tensor widened = expected;
  admitDistribution(widened, (*others)[index]);
  widened.addBounds();
  // Terms that sums of their own can hold may be too large for one sum of all.
  auto overflows = [&](size_t i) { return !std::isfinite(value.at(static_cast<int64_t>(i))); };
  for (auto [i, bound] : llvm::enumerate(widened.bounds))
    if (double other = (*others)[index].bound(i); std::isfinite(other) || (std::isnan(other) && overflows(i)))
      bound = reference::worse(bound, other);
  return compare(widened, value, /*exact=*/false, 1);
}

void CompiledChecker::compareResults(func::FuncOp function, InputKind kind, ArrayRef<Tensor> inputs,
                                     ArrayRef<Tensor> expected, ArrayRef<const HostTensor *> got) {
  for (auto [index, pair] : llvm::enumerate(llvm::zip_equal(expected, got))) {
    const auto &[value, host] = pair;
    std::optional<Difference> difference = compareResult(function, inputs, index, value, *host);
    if (!difference)
      continue;
    result.message = llvm::formatv(
        "machine code for {0} has changed result {1} of '{2}' on {3} arguments: expected {4:e9} within "
        "{5:e1}, got {6:e9} at {7}",
        options.target.name, index, function.getName(), toString(kind), difference->expected, difference->tolerance,
        difference->got, reference::indexToString(value.shape(), difference->index));
    return;
  }
}

void CompiledChecker::check(func::FuncOp function, InputKind kind) {
  SmallVector<Tensor> inputs = drawInputs(function, options.check.seed, kind);
  reference::EvaluateOptions evaluateOptions;
  evaluateOptions.bounds = reference::Bounds::Declared;
  FailureOr<SmallVector<Tensor>> expected = reference::evaluate(function, inputs, evaluateOptions);
  if (failed(expected)) {
    result.message = "the Reference cannot run '" + function.getName().str() + "'";
    return;
  }
  SmallVector<const HostTensor *> got = call(function, inputs);
  if (result.message.empty())
    compareResults(function, kind, inputs, *expected, got);
  if (!result.message.empty()) {
    result.function = function.getName();
    result.inputs = std::move(inputs);
  }
}

CompiledCheck CompiledChecker::run() {
  std::string messages;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      messages += (messages.empty() ? "" : "\n") + diagnostic.str();
    return success();
  });
  CompileOptions compile;
  compile.target = options.target;
  compile.threads = options.threads;
  compile.cache = false;
  InstrumentOptions instruments;
  instruments.checkEach = true;
  instruments.check = options.check;
  instruments.tally = &result.tally;
  instruments.leavesReproducer = false;
  instruments.onWrong = [&](func::FuncOp function) {
    result.function = function.getName();
    result.inputs = drawInputs(function, options.check.seed);
  };
  llvm::Expected<Executable> compiled = compileModule(module, compile, instruments);
  // The gradients are expanded once, for all runs of the Reference.
  OwningOpRef<ModuleOp> expanded = copyAtStage(module, Stage::Gradient);
  if (!compiled || !expanded) {
    result.message = compiled ? "the gradients cannot be expanded" : llvm::toString(compiled.takeError());
    return std::move(result);
  }
  executable.emplace(std::move(*compiled));
  for (func::FuncOp function : expanded->getOps<func::FuncOp>()) {
    SmallVector<InputKind> kinds = options.check.kinds;
    if (hasFixedInputs(function))
      kinds = {InputKind::Ordinary};
    for (InputKind kind : kinds)
      if (result.message.empty())
        check(function, kind);
  }
  if (!result.message.empty() && !messages.empty())
    result.message += "\n" + messages;
  return std::move(result);
}

CompiledCheck check::checkCompiled(ModuleOp module, const CompiledCheckOptions &options) {
  return CompiledChecker(module, options).run();
}
