//===- HessianTest.cpp - Hessian-vector products ---------------------------===//
// H v, the gradient of <gradient, v>: against differences of the gradient, as machine code, and its length.
//===----------------------------------------------------------------------===//

#include "Differences.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/DSL/Moru.h"
#include "moru/DSL/ProgramModule.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Support/Philox.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace moru;
using moru::test::Flat;
using Numbers = std::vector<reference::Tensor>;

namespace {

/// A model and its loss; integers that the loss asks for are below `kClasses`.
struct Subject {
  nn::Module model;
  std::function<Tensor(Function &)> loss;
};
constexpr int64_t kClasses = 7;

Subject makeLstm(int64_t steps) {
  struct Model : nn::Module {
    nn::Embedding embed{*this, "E", kClasses, 3};
    nn::Lstm lstm{*this, "l0", 3, 4};
    nn::Linear proj{*this, {.weight = "Wproj", .bias = "bproj"}, 4, kClasses};
  } model;
  return {model, [model, steps](Function &f) {
            Tensor ids = f.input("ids", i32({2, steps})), next = f.input("next", i32({2, steps}));
            return crossEntropy(model.proj(model.lstm(model.embed(ids)).output), next);
          }};
}

Subject makeMlp() {
  struct Model : nn::Module {
    nn::Linear first{*this, "first", 5, 17}, second{*this, "second", 17, 4}, last{*this, "last", 4, kClasses};
  } model;
  return {model, [model](Function &f) {
            Tensor x = f.input("x", f32({3, 5})), classes = f.input("classes", i32({3}));
            return crossEntropy(model.last(sigmoid(model.second(tanh(model.first(x))))), classes);
          }};
}

/// The functions g, which returns the gradient, and hv, which takes a direction for each parameter behind the inputs
/// and returns the gradient and H v.
Program trace(const Subject &subject) {
  Program program;
  std::vector<Tensor> parameters = subject.model.parameters();
  auto output = [](Function &f, const std::string &name, const std::vector<Tensor> &values) {
    for (size_t i = 0; i != values.size(); ++i)
      f.output(name + std::to_string(i), values[i]);
  };
  program.function("g", [&](Function &f) { output(f, "g", gradient(subject.loss(f), parameters)); });
  program.function("hv", [&](Function &f) {
    std::vector<Tensor> g = gradient(subject.loss(f), parameters);
    Tensor product = zeros({});
    for (size_t i = 0; i != g.size(); ++i)
      product = product + sum(g[i] * f.input("v" + std::to_string(i), {g[i].type(), g[i].dims(), {}}));
    output(f, "g", g);
    output(f, "hv", gradient(product, parameters));
  });
  EXPECT_TRUE(program.ok()) << program.errorText();
  return program;
}

/// Numbers of f32 in (-1, 1) by the names of the arguments, directions of few digits, so that what a step adds is
/// exact.
Numbers draw(func::FuncOp function) {
  Numbers arguments;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    reference::Tensor &tensor = arguments.emplace_back(cast<RankedTensorType>(type));
    for (int64_t i = 0; i != tensor.size(); ++i)
      tensor.set(i, tensor.isFloat() ? std::round(256 * (2 * philoxUniform(3, index, 0, i) - 1)) / 256
                                     : static_cast<double>((3 * i + 1) % kClasses));
  }
  return arguments;
}

Numbers evaluate(func::FuncOp function, ArrayRef<reference::Tensor> arguments, reference::Bounds bounds) {
  reference::EvaluateOptions options;
  options.bounds = bounds;
  auto results = reference::evaluate(function, arguments, options);
  EXPECT_TRUE(succeeded(results));
  return succeeded(results) ? Numbers(results->begin(), results->end()) : Numbers();
}

bool isParameter(func::FuncOp function, unsigned argument) {
  auto role = function.getArgAttrOfType<StringAttr>(argument, graph::GraphDialect::kRoleAttr);
  return role && role.getValue() == graph::GraphDialect::kParameterRole;
}

std::string nameOf(func::FuncOp function, unsigned argument) {
  return function.getArgAttrOfType<StringAttr>(argument, graph::GraphDialect::kNameAttr).str();
}

void expand(ModuleOp module) {
  PassManager manager(module.getContext());
  populateGraphToGradient(manager, {});
  ASSERT_TRUE(succeeded(manager.run(module)));
}

void expectDerivativeOfGradient(const Subject &subject) {
  Program program = trace(subject);
  ModuleOp module = moduleOf(program);
  expand(module);
  auto g = module.lookupSymbol<func::FuncOp>("g"), hv = module.lookupSymbol<func::FuncOp>("hv");
  Numbers arguments = draw(hv);
  size_t numParameters = g.getNumResults();
  std::map<std::string, size_t> places;
  for (unsigned index = 0; index != hv.getNumArguments(); ++index)
    places[nameOf(hv, index)] = index;

  Flat expected = test::differentiate([&](double step) {
    Numbers moved;
    size_t parameter = 0;
    for (unsigned index = 0; index != g.getNumArguments(); ++index) {
      moved.push_back(arguments[places.at(nameOf(g, index))]);
      if (!isParameter(g, index))
        continue;
      const reference::Tensor &direction = arguments[places.at("v" + std::to_string(parameter++))];
      for (int64_t i = 0; i != direction.size(); ++i)
        moved.back().floats[i] += step * direction.floats[i];
    }
    return Flat(evaluate(g, moved, reference::Bounds::Double));
  });
  Flat got(ArrayRef(evaluate(hv, arguments, reference::Bounds::Double)).take_back(numParameters));
  ASSERT_EQ(got.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i != got.size(); ++i) {
    double tolerance = expected.errors[i] + reference::kSecondOrder * got.errors[i];
    largest = std::max(largest, std::abs(got.values[i]));
    EXPECT_LE(tolerance, 1e-8) << "the differences say nothing of entry " << i;
    EXPECT_LE(std::abs(got.values[i] - expected.values[i]), tolerance) << "entry " << i << ": " << got.values[i];
  }
  EXPECT_GT(largest, 1e-2) << "there is something to compare";
}

TEST(Hessian, OfAnLstmIsTheDerivativeOfTheGradient) { expectDerivativeOfGradient(makeLstm(4)); }
TEST(Hessian, OfAPerceptronIsTheDerivativeOfTheGradient) { expectDerivativeOfGradient(makeMlp()); }

/// Runs hv for a target and compares it with the Reference, within the Reference's bounds for f32.
void expectMachineCodeToAgree(const Subject &subject, const Target &target) {
  Program program = trace(subject);
  auto hv = moduleOf(program).lookupSymbol<func::FuncOp>("hv");
  Numbers arguments = draw(hv), expected = evaluate(hv, arguments, reference::Bounds::Declared);
  llvm::Expected<Executable> executable =
      compileModule(moduleOf(program), {.target = target, .threads = 1, .cache = false});
  ASSERT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
  std::vector<HostTensor> inputs;
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    HostTensor host = reference::toHost(argument);
    if (isParameter(hv, index))
      ASSERT_TRUE(executable->set(nameOf(hv, index), host));
    else
      inputs.push_back(std::move(host));
  }
  std::vector<const HostTensor *> pointers;
  for (const HostTensor &input : inputs)
    pointers.push_back(&input);
  Outputs outputs = executable->run("hv", pointers);
  ASSERT_TRUE(outputs) << outputs.message();
  for (auto [number, tensor] : llvm::enumerate(expected)) {
    ASSERT_TRUE(outputs.find(number));
    for (int64_t i = 0; i != tensor.size(); ++i) {
      EXPECT_LE(tensor.bound(i), 1e-2) << "the bounds say nothing of result " << number << ", entry " << i;
      EXPECT_NEAR(outputs.find(number)->at(i), tensor.at(i), reference::kSecondOrder * tensor.bound(i))
          << "result " << number << ", entry " << i;
    }
  }
}

class HessianAsMachineCode : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (std::vector<std::string> missing = target.missingOnHost(); !missing.empty())
      GTEST_SKIP() << "this machine lacks " << missing.front();
  }

  Target target = Target::parse(GetParam()).take();
};

TEST_P(HessianAsMachineCode, OfAnLstm) { expectMachineCodeToAgree(makeLstm(4), target); }
TEST_P(HessianAsMachineCode, OfAPerceptron) { expectMachineCodeToAgree(makeMlp(), target); }

INSTANTIATE_TEST_SUITE_P(Targets, HessianAsMachineCode, testing::Values("x86-64-v4", "x86-64-v3"),
                         [](const auto &info) { return "v" + std::string(1, info.param[8]); });

/// Operations of hv once it has come to `stage`, those in loops among them.
int64_t countOperations(int64_t steps, Stage stage) {
  Program program = trace(makeLstm(steps));
  PassManager manager(moduleOf(program).getContext());
  populateStages(manager, Stage::Graph, stage, PipelineOptions());
  EXPECT_TRUE(succeeded(manager.run(moduleOf(program))));
  int64_t count = 0;
  moduleOf(program).lookupSymbol<func::FuncOp>("hv").walk([&](Operation *) { ++count; });
  return count;
}

TEST(Hessian, HasALengthThatDoesNotDependOnTheSteps) {
  for (Stage stage : {Stage::Gradient, Stage::Simplified, Stage::Kernels}) {
    int64_t ofFew = countOperations(5, stage), ofMany = countOperations(50, stage);
    EXPECT_EQ(ofFew, ofMany) << getName(stage).str();
    RecordProperty("operations_" + getName(stage).str(), static_cast<int>(ofFew));
    EXPECT_GT(ofFew, 0);
  }
}

} // namespace
