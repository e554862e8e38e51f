//===- RandomGraphsTest.cpp - what passes make of random graphs -----------===//
// Graphs of fixed seeds, before and after passes, evaluated by the Reference and by its interpreter of kernels. Results
// may differ by the rounding errors that the Reference bounds, in f64. A failure prints the seed and the smallest
// program of that seed that fails. MORU_FUZZ_GRAPHS=n tries n graphs instead, MORU_FUZZ_SEED=s begins with seed s.
//===----------------------------------------------------------------------===//

#include "RandomGraph.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/Conversion/GraphToKernel/Passes.h"
#include "moru/Dialect/Graph/Passes.h"
#include "moru/Dialect/Kernel/Passes.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Reference/KernelInterpreter.h"
#include "moru/Reference/Tolerances.h"

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
    /// f32 always: what is compiled; otherwise every other graph is f64.
    bool single = false;
    bool large = false;
  };

  func::FuncOp makeGraph(uint64_t seed, int64_t size, Kind kind) {
    module = ModuleOp::create(UnknownLoc::get(&context));
    test::RandomGraphOptions options;
    options.seed = seed;
    options.size = size;
    options.differentiable = kind.differentiable;
    options.donated = !kind.differentiable;
    options.floatType = Float64Type::get(&context);
    // Simplification rounds the constants that it folds: gradients are compared in f64.
    if (kind.single || (!kind.differentiable && seed % 2 == 0))
      options.floatType = Float32Type::get(&context);
    if (kind.large) {
      // Beyond two vectors of AVX-512, with every remainder.
      options.maxAxis = 70;
      options.maxEntries = 8192;
    }
    func::FuncOp function = test::RandomGraph(*module, options).getFunction();
    EXPECT_TRUE(succeeded(verify(*module))) << "seed " << seed << "\n" << print(*module);
    if (kind.differentiable)
      takeGradient(function);
    return function;
  }

  static SmallVector<Tensor> drawArguments(func::FuncOp function, uint64_t seed) {
    SmallVector<Tensor> arguments;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      Tensor tensor(cast<RankedTensorType>(type));
      for (int64_t i = 0; i != tensor.size(); ++i) {
        double number = philoxUniform(seed, index + 1, 0, i);
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
      // zero.
      if (std::abs(a - b) > tolerance)
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

  /// Makes `function` return the gradient of a weighted sum of its results with respect to its arguments.
  static void takeGradient(func::FuncOp function) {
    Operation *end = function.getBody().front().getTerminator();
    OpBuilder builder(end);
    Location loc = function.getLoc();
    Value loss;
    for (Value value : end->getOperands()) {
      auto type = cast<RankedTensorType>(value.getType());
      if (!isa<FloatType>(type.getElementType()))
        continue;
      Value weights = graph::SinOp::create(builder, loc, graph::createSplat(builder, loc, type, 2));
      if (type.getRank() != 0)
        weights = graph::CosOp::create(builder, loc, graph::IotaOp::create(builder, loc, type, type.getRank() - 1));
      Value sum = graph::ReduceSumOp::create(builder, loc, graph::MulOp::create(builder, loc, value, weights),
                                             llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())));
      loss = loss ? Value(graph::AddOp::create(builder, loc, loss, sum)) : sum;
    }
    SmallVector<Value> targets;
    for (Value argument : function.getArguments())
      if (isa<FloatType>(cast<RankedTensorType>(argument.getType()).getElementType()))
        targets.push_back(argument);
    if (!loss)
      return;
    auto gradient = graph::GradientOp::create(builder, loc, ValueRange(targets).getTypes(), loss, targets);
    end->setOperands(gradient.getResults());
    function.setType(FunctionType::get(function.getContext(), function.getArgumentTypes(), gradient.getResultTypes()));
  }

  /// Gives `function` the names and roles that a caller needs: what is replaced is state, everything else input.
  void nameForCaller(func::FuncOp function) {
    Builder builder(&context);
    for (BlockArgument argument : function.getArguments()) {
      unsigned index = argument.getArgNumber();
      function.setArgAttr(index, graph::GraphDialect::kNameAttr, builder.getStringAttr("a" + Twine(index)));
      function.setArgAttr(index, graph::GraphDialect::kRoleAttr,
                          builder.getStringAttr(graph::GraphDialect::kInputRole));
    }
    for (unsigned result = 0; result != function.getNumResults(); ++result) {
      function.setResultAttr(result, graph::GraphDialect::kNameAttr, builder.getStringAttr("r" + Twine(result)));
      if (auto donated = function.getResultAttrOfType<IntegerAttr>(result, graph::GraphDialect::kDonatedAttr))
        function.setArgAttr(donated.getInt(), graph::GraphDialect::kRoleAttr,
                            builder.getStringAttr(graph::GraphDialect::kStateRole));
    }
  }

  /// Compiles `function` for this machine, runs it, and compares what comes out with the Reference, within the error
  /// bounds of the declared types.
  std::string checkNative(func::FuncOp function, ArrayRef<Tensor> drawn) {
    SmallVector<Tensor> arguments(drawn);
    for (Tensor &argument : arguments)
      reference::roundToType(argument);
    reference::EvaluateOptions evaluateOptions;
    evaluateOptions.bounds = reference::Bounds::Declared;
    auto expected = reference::evaluate(function, arguments, evaluateOptions);
    if (failed(expected))
      return "the program cannot be evaluated\n" + print(*module);
    std::string diagnostics;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str() + "\n"; });
    CompileOptions options;
    options.cache = false;
    options.threads = 2;
    llvm::Expected<Executable> executable = compileModule(*module, options);
    if (!executable)
      return diagnostics + llvm::toString(executable.takeError()) + "\n" + print(*module);
    SmallVector<HostTensor> inputs;
    SmallVector<const HostTensor *> pointers;
    for (auto [index, argument] : llvm::enumerate(arguments)) {
      HostTensor host = reference::toHost(argument);
      if (Result<void> set = executable->set("a" + std::to_string(index), host); !set)
        inputs.push_back(std::move(host));
    }
    for (const HostTensor &input : inputs)
      pointers.push_back(&input);
    Outputs outputs = executable->run(function.getName().str(), pointers);
    if (!outputs)
      return outputs.message() + "\n" + print(*module);
    for (auto [index, tensor] : llvm::enumerate(*expected)) {
      const HostTensor *result = outputs.find(index);
      if (!result)
        return "result " + std::to_string(index) + " is missing\n" + print(*module);
      if (std::string message =
              compare(("result " + Twine(index)).str(), tensor, reference::fromHost(*result, tensor.type));
          !message.empty())
        return message + "\n" + print(*module);
    }
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

TEST_F(RandomGraphs, ComputeTheSameAsMachineCode) {
  run(12, 20, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    func::FuncOp function = makeGraph(seed, size, {.single = true, .large = seed % 2 == 0});
    nameForCaller(function);
    return checkNative(function, drawArguments(function, seed));
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

TEST_F(RandomGraphs, HaveGradientsThatMachineCodeComputes) {
  run(8, 12, [&](uint64_t seed, int64_t size) {
    MORU_TRACE_SEED(seed, size);
    func::FuncOp function = makeGraph(seed, size, {.differentiable = true, .single = true, .large = seed % 2 == 0});
    nameForCaller(function);
    return checkNative(function, drawArguments(function, seed));
  });
}

} // namespace
