//===- RandomGraphsTest.cpp - what passes make of random graphs -----------===//
// Graphs of fixed seeds, before and after passes that do not follow each other in a compilation, and cut into kernels
// of several widths; what a compilation makes of such graphs, moru-fuzz checks. Results may differ by the rounding
// errors that the Reference bounds, in f64. A failure prints the seed and the smallest program of that seed that fails.
// MORU_FUZZ_GRAPHS=n tries n graphs instead, MORU_FUZZ_SEED=s begins with seed s.
//===----------------------------------------------------------------------===//

#include "moru/Check/RandomGraph.h"
#include "moru/Conversion/GraphToKernel/Passes.h"
#include "moru/Dialect/Graph/Passes.h"
#include "moru/Dialect/Kernel/Passes.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Reference/KernelInterpreter.h"
#include "moru/Reference/Tolerances.h"
#include "moru/Support/Philox.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace moru;
using moru::reference::Tensor;

namespace {

int64_t fromEnvironment(const char *name, int64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

std::string print(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

class RandomGraphs : public ::testing::Test {
protected:
  RandomGraphs() {
    llvm::sys::PrintStackTraceOnErrorSignal("RandomGraphsTest");
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.disableMultithreading();
  }

  /// Compares a program of `seed` and `size` before and after passes; an empty string, or what is wrong.
  using Check = std::function<std::string(uint64_t seed, int64_t size)>;

  /// Graphs of up to `maxSize` operations; neighboring seeds differ in size.
  void run(int64_t graphs, int64_t maxSize, const Check &check) {
    graphs = fromEnvironment("MORU_FUZZ_GRAPHS", graphs);
    uint64_t first = fromEnvironment("MORU_FUZZ_SEED", 0);
    for (uint64_t seed = first; seed != first + graphs; ++seed) {
      int64_t size = 2 + 7 * seed % (maxSize - 1);
      if (check(seed, size).empty())
        continue;
      for (int64_t smaller = 1; smaller <= size; ++smaller) {
        std::string message = check(seed, smaller);
        if (message.empty())
          continue;
        ADD_FAILURE() << "seed " << seed << ", size " << smaller << " (" << size << "): " << message;
        break;
      }
    }
  }

  /// What a test wants of its graphs.
  struct Kind {
    bool differentiable = false;
  };

  func::FuncOp makeGraph(uint64_t seed, int64_t size, Kind kind) {
    module = ModuleOp::create(UnknownLoc::get(&context));
    check::RandomGraphOptions options;
    options.seed = seed;
    options.size = size;
    options.gradients = kind.differentiable ? 1 : 0;
    options.donated = !kind.differentiable;
    // Simplification rounds the constants that it folds.
    options.floatTypes = {Float64Type::get(&context)};
    func::FuncOp function = check::addRandomFunction(*module, "random", options);
    EXPECT_TRUE(succeeded(verify(*module))) << "seed " << seed << "\n" << print(*module);
    return function;
  }

  static SmallVector<Tensor> drawArguments(func::FuncOp function, uint64_t seed) {
    SmallVector<Tensor> arguments;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      Tensor tensor(cast<RankedTensorType>(type));
      for (int64_t i = 0; i != tensor.size(); ++i) {
        double number = philoxUniform(seed, index + 1, 0, i);
        if (tensor.type.getElementType().isInteger(1))
          tensor.integers[i] = number < 0.5;
        else
          tensor.set(i, tensor.isFloat() ? 3 * number - 1.5 : std::floor(7 * number) - 1);
      }
      arguments.push_back(tensor);
    }
    return arguments;
  }

  /// Entry by entry within both bounds.
  static std::string compare(StringRef what, const Tensor &expected, const Tensor &got) {
    if (expected.type != got.type)
      return (what + " has another type").str();
    for (int64_t i = 0; i != expected.size(); ++i) {
      double a = expected.at(i), b = got.at(i);
      if (a == b || (std::isnan(a) && std::isnan(b)))
        continue;
      double tolerance = reference::kSecondOrder * (expected.bound(i) + got.bound(i));
      // Where a decision was made between equal numbers, the bound is infinite, and not a number once it has met a
      // zero. Otherwise a result that is not a number is wrong.
      if (!std::isnan(tolerance) && !(std::abs(a - b) <= tolerance))
        return llvm::formatv("{0}{1}: expected {2:f15}, got {3:f15} (tolerance {4:e2})", what,
                             reference::indexToString(expected.shape(), i), a, b, tolerance);
    }
    return {};
  }

  /// The program's results, in f64 with bounds; `error` says why there are none.
  static SmallVector<Tensor> evaluate(func::FuncOp function, ArrayRef<Tensor> arguments, std::string &error) {
    reference::EvaluateOptions options;
    options.bounds = reference::Bounds::Double;
    auto results = reference::evaluate(function, arguments, options);
    if (succeeded(results))
      return *results;
    error += "the program cannot be evaluated\n";
    return {};
  }

  /// Runs `passes` on a copy of the module; null with `error` if they fail.
  OwningOpRef<ModuleOp> transform(ModuleOp source, function_ref<void(OpPassManager &)> passes, std::string &error) {
    OwningOpRef<ModuleOp> copy = source.clone();
    PassManager manager(&context);
    passes(manager);
    if (succeeded(manager.run(*copy)))
      return copy;
    error += "a pass fails\n";
    return {};
  }

  /// Interprets the kernels of `kernels` and compares what they leave in the arguments with the results of `function`.
  static std::string interpretAndCompare(func::FuncOp function, ModuleOp kernels, ArrayRef<Tensor> arguments,
                                         ArrayRef<Tensor> expected) {
    func::FuncOp host = *kernels.getOps<func::FuncOp>().begin();
    SmallVector<Tensor> buffers(arguments);
    SmallVector<int64_t> positions;
    SmallVector<bool> isUpdated(arguments.size(), false);
    for (unsigned result = 0; result != function.getNumResults(); ++result) {
      auto donated = function.getResultAttrOfType<IntegerAttr>(result, graph::GraphDialect::kDonatedAttr);
      positions.push_back(donated ? donated.getInt() : buffers.size());
      if (donated)
        isUpdated[donated.getInt()] = true;
      else
        buffers.push_back(Tensor(cast<RankedTensorType>(function.getResultTypes()[result])));
    }
    if (buffers.size() != host.getNumArguments())
      return "the kernels take another number of arguments";
    reference::InterpretOptions options;
    options.bounds = reference::Bounds::Double;
    auto got = reference::interpret(host, buffers, options);
    if (failed(got))
      return "the kernels cannot be run";
    for (auto [result, position] : llvm::enumerate(positions))
      if (std::string message = compare(("result " + Twine(result)).str(), expected[result], (*got)[position]);
          !message.empty())
        return message;
    for (auto [index, argument] : llvm::enumerate(arguments))
      if (!isUpdated[index])
        if (std::string message = compare(("argument " + Twine(index)).str(), argument, (*got)[index]);
            !message.empty())
          return message;
    return {};
  }

  /// `function` as kernels, unplanned and planned, against its results.
  std::string checkKernels(func::FuncOp function, ArrayRef<Tensor> arguments, bool simplify, uint64_t seed) {
    std::string diagnostics;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str() + "\n"; });
    SmallVector<Tensor> expected = evaluate(function, arguments, diagnostics);
    auto source = cast<ModuleOp>(function->getParentOp());
    constexpr int64_t kWidths[] = {2, 4, 32};
    OwningOpRef<ModuleOp> kernels = transform(
        source,
        [&](OpPassManager &manager) {
          populateGraphToGradient(manager, {});
          OpPassManager &functions = manager.nest<func::FuncOp>();
          if (simplify)
            populateGraphSimplify(manager, {});
          else
            functions.addPass(graph::createDecomposeComposites());
          functions.addPass(createNormalizeForKernels());
          manager.addPass(createGraphToKernel({kWidths[seed % 3]}));
          manager.addNestedPass<func::FuncOp>(createCSEPass());
        },
        diagnostics);
    if (!diagnostics.empty())
      return diagnostics + print(source);
    std::string message = interpretAndCompare(function, *kernels, arguments, expected);
    if (!message.empty() || !diagnostics.empty())
      return "kernels: " + message + "\n" + diagnostics + print(source) + "\n" + print(*kernels);
    OwningOpRef<ModuleOp> plan =
        transform(*kernels, [](OpPassManager &manager) { populateKernelsToPlan(manager, {}); }, diagnostics);
    if (plan)
      message = interpretAndCompare(function, *plan, arguments, expected);
    if (!message.empty() || !diagnostics.empty())
      return "plan: " + message + "\n" + diagnostics + print(source) + "\n" + print(plan ? *plan : *kernels);
    return {};
  }

  /// `function` after `passes`, which leave it a graph, against its results.
  std::string checkGraph(func::FuncOp function, ArrayRef<Tensor> arguments,
                         function_ref<void(OpPassManager &)> passes) {
    std::string diagnostics;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str() + "\n"; });
    SmallVector<Tensor> expected = evaluate(function, arguments, diagnostics);
    auto source = cast<ModuleOp>(function->getParentOp());
    OwningOpRef<ModuleOp> result = transform(source, passes, diagnostics);
    if (!diagnostics.empty())
      return diagnostics + print(source);
    SmallVector<Tensor> got = evaluate(*result->getOps<func::FuncOp>().begin(), arguments, diagnostics);
    if (!diagnostics.empty())
      return diagnostics + print(source) + "\n" + print(*result);
    for (auto [index, pair] : llvm::enumerate(llvm::zip_equal(expected, got)))
      if (std::string message = compare(("result " + Twine(index)).str(), std::get<0>(pair), std::get<1>(pair));
          !message.empty())
        return message + "\n" + print(source) + "\n" + print(*result);
    return {};
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

/// Names the seed if a pass crashes.
#define MORU_TRACE_SEED(seed, size)                                                                                    \
  llvm::PrettyStackTraceFormat trace("seed %llu, size %lld", static_cast<unsigned long long>(seed),                    \
                                     static_cast<long long>(size))

TEST_F(RandomGraphs, AreKernelsThatComputeTheSame) {
  run(400, 24, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    func::FuncOp function = makeGraph(seed, size, {});
    return checkKernels(function, drawArguments(function, seed), /*simplify=*/false, seed);
  });
}

TEST_F(RandomGraphs, AreKernelsThatComputeTheSameWhenSimplified) {
  run(300, 24, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    func::FuncOp function = makeGraph(seed, size, {});
    return checkKernels(function, drawArguments(function, seed), /*simplify=*/true, seed);
  });
}

TEST_F(RandomGraphs, ComputeTheSameWhenSimplified) {
  run(400, 24, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    func::FuncOp function = makeGraph(seed, size, {});
    return checkGraph(function, drawArguments(function, seed),
                      [](OpPassManager &manager) { populateGraphSimplify(manager, {}); });
  });
}

TEST_F(RandomGraphs, HaveGradientsThatSurviveSimplification) {
  run(300, 16, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    func::FuncOp function = makeGraph(seed, size, {.differentiable = true});
    return checkGraph(function, drawArguments(function, seed), [](OpPassManager &manager) {
      populateGraphToGradient(manager, {});
      populateGraphSimplify(manager, {});
    });
  });
}

TEST_F(RandomGraphs, HaveGradientsThatAreKernels) {
  run(150, 16, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    makeGraph(seed, size, {.differentiable = true});
    std::string diagnostics;
    OwningOpRef<ModuleOp> expanded =
        transform(*module, [](OpPassManager &manager) { populateGraphToGradient(manager, {}); }, diagnostics);
    if (!expanded)
      return "the gradient cannot be expanded\n" + print(*module);
    module = std::move(expanded);
    func::FuncOp function = *module->getOps<func::FuncOp>().begin();
    return checkKernels(function, drawArguments(function, seed), /*simplify=*/seed % 2 == 0, seed);
  });
}

} // namespace
