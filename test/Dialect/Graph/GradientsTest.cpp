//===- GradientsTest.cpp - gradients against finite differences -----------===//
// Every function of Inputs/gradients.mlir: the loss is a fixed weighted sum of
// its results; its gradient, expanded, and the gradient of a weighted sum of
// that gradient, are compared with central differences computed by the
// Reference, before and after simplification.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Dialect/Graph/Passes.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Support/Philox.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using moru::reference::Tensor;

namespace {

/// Step of the central differences: their error is about step² in f64 sums of
/// size one, plus 1e-16 / step.
constexpr double kStep = 1e-5;
/// Ten times that error, with room for third derivatives of size 100.
constexpr double kTolerance = 2e-6;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

class Gradients : public ::testing::Test {
protected:
  Gradients() {
    context.loadDialect<GraphDialect, func::FuncDialect>();
    context.allowUnregisteredDialects();
    module = parseSourceFile<ModuleOp>(MORU_TEST_FOLDER "/Inputs/gradients.mlir", &context);
  }

  /// Numbers in [low, high), the same for the same stream.
  static std::vector<double> draw(int64_t count, uint32_t stream, double low, double high) {
    std::vector<double> values;
    for (int64_t i = 0; i != count; ++i)
      values.push_back(low + (high - low) * philoxUniform(11, stream, 0, i));
    return values;
  }

  static SmallVector<Tensor> drawArguments(func::FuncOp function) {
    auto bound = [&](StringRef name, double otherwise) {
      auto attr = function->getAttrOfType<FloatAttr>(name);
      return attr ? attr.getValueAsDouble() : otherwise;
    };
    SmallVector<Tensor> arguments;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      Tensor tensor(cast<RankedTensorType>(type));
      auto values = draw(tensor.size(), index, bound("test.low", 0.4), bound("test.high", 1.6));
      for (int64_t i = 0; i != tensor.size(); ++i)
        tensor.set(i, tensor.isFloat() ? values[i] : static_cast<double>(i % 3));
      arguments.push_back(tensor);
    }
    return arguments;
  }

  /// Appends to `function` the sum of all floating-point values of `values`,
  /// each entry with a weight of its own.
  static Value addWeightedSum(OpBuilder &builder, Location loc, ValueRange values, uint32_t stream) {
    Value total;
    for (Value value : values) {
      if (!isa<FloatType>(typeOf(value).getElementType()))
        continue;
      auto numbers = draw(typeOf(value).getNumElements(), stream++, -1, 1);
      Value weights =
          ConstantOp::create(builder, loc, DenseElementsAttr::get(typeOf(value), ArrayRef<double>(numbers)));
      Value product = MulOp::create(builder, loc, value, weights);
      Value sum =
          ReduceSumOp::create(builder, loc, product, llvm::to_vector(llvm::seq<int64_t>(0, typeOf(value).getRank())));
      total = total ? Value(AddOp::create(builder, loc, total, sum)) : sum;
    }
    return total;
  }

  static SmallVector<Value> floatArguments(func::FuncOp function) {
    SmallVector<Value> values;
    for (Value argument : function.getArguments())
      if (isa<FloatType>(typeOf(argument).getElementType()))
        values.push_back(argument);
    return values;
  }

  /// A copy of `function` that returns the loss whose `order`-th derivative is
  /// to be tested.
  func::FuncOp makeLoss(func::FuncOp function, int order) {
    func::FuncOp copy = function.clone();
    module->push_back(copy);
    copy.setName((function.getName() + "_loss" + Twine(order)).str());
    Operation *end = copy.getBody().front().getTerminator();
    OpBuilder builder(end);
    Value loss = addWeightedSum(builder, copy.getLoc(), end->getOperands(), 100);
    if (order == 2) {
      SmallVector<Value> targets = floatArguments(copy);
      auto gradient = GradientOp::create(builder, copy.getLoc(), ValueRange(targets).getTypes(), loss, targets);
      loss = addWeightedSum(builder, copy.getLoc(), gradient.getResults(), 200);
    }
    setResults(copy, loss);
    return copy;
  }

  static void setResults(func::FuncOp function, ValueRange values) {
    function.getBody().front().getTerminator()->setOperands(values);
    function.setType(FunctionType::get(function.getContext(), function.getArgumentTypes(), values.getTypes()));
  }

  /// A copy of `loss` that returns its gradient, brought to `stage`.
  func::FuncOp makeGradient(func::FuncOp loss, Stage stage) {
    func::FuncOp copy = loss.clone();
    copy.setName((loss.getName() + "_gradient").str());
    OpBuilder builder(copy.getBody().front().getTerminator());
    SmallVector<Value> targets = floatArguments(copy);
    auto gradient = GradientOp::create(builder, copy.getLoc(), ValueRange(targets).getTypes(),
                                       copy.getBody().front().getTerminator()->getOperand(0), targets);
    setResults(copy, gradient.getResults());
    OwningOpRef<ModuleOp> holder = ModuleOp::create(copy.getLoc());
    holder->push_back(copy);
    PassManager manager(&context);
    populateStages(manager, Stage::Graph, stage, options);
    EXPECT_TRUE(succeeded(manager.run(*holder)));
    copy->remove();
    module->push_back(copy);
    return copy;
  }

  /// The derivatives of `loss` at `arguments` by central differences.
  static std::vector<double> differentiate(func::FuncOp loss, SmallVector<Tensor> arguments) {
    std::vector<double> derivatives;
    auto at = [&] {
      auto results = reference::evaluate(loss, arguments);
      EXPECT_TRUE(succeeded(results));
      return succeeded(results) ? results->front().at(0) : 0;
    };
    for (Tensor &argument : arguments)
      for (int64_t i = 0; argument.isFloat() && i != argument.size(); ++i) {
        double value = argument.floats[i];
        argument.floats[i] = value + kStep;
        double above = at();
        argument.floats[i] = value - kStep;
        double below = at();
        argument.floats[i] = value;
        derivatives.push_back((above - below) / (2 * kStep));
      }
    return derivatives;
  }

  void check(func::FuncOp function, int order, Stage stage) {
    SCOPED_TRACE((function.getName() + ", order " + Twine(order) + ", stage " + getName(stage)).str());
    func::FuncOp loss = makeLoss(function, order);
    func::FuncOp gradient = makeGradient(loss, stage);
    // What differences are taken of holds no gradient of its own.
    PassManager manager(&context);
    populateGraphToGradient(manager, {});
    ASSERT_TRUE(succeeded(manager.run(*module)));
    SmallVector<Tensor> arguments = drawArguments(function);
    std::vector<double> expected = differentiate(loss, arguments);
    auto results = reference::evaluate(gradient, arguments);
    ASSERT_TRUE(succeeded(results));
    std::vector<double> got;
    for (const Tensor &result : *results)
      llvm::append_range(got, result.floats);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i != got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], kTolerance * (1 + std::abs(expected[i]))) << "entry " << i;
    loss.erase();
    gradient.erase();
  }

  void checkAll(int order, Stage stage) {
    ASSERT_TRUE(module);
    for (func::FuncOp function : llvm::to_vector(module->getOps<func::FuncOp>())) {
      auto last = function->getAttrOfType<IntegerAttr>("test.order");
      if (!last || last.getInt() >= order)
        check(function, order, stage);
    }
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  /// How gradients are expanded and simplified.
  PipelineOptions options;
};

TEST_F(Gradients, AreDerivatives) { checkAll(1, Stage::Gradient); }

TEST_F(Gradients, AreDerivativesWhenSimplified) { checkAll(1, Stage::Simplified); }

TEST_F(Gradients, OfGradientsAreDerivatives) { checkAll(2, Stage::Gradient); }

TEST_F(Gradients, OfGradientsAreDerivativesWhenSimplified) { checkAll(2, Stage::Simplified); }

/// What loops keep for their reverse changes no derivative.
TEST_F(Gradients, AreDerivativesWhenRecomputed) {
  options.recompute = true;
  checkAll(1, Stage::Gradient);
  checkAll(1, Stage::Simplified);
}

TEST_F(Gradients, OfGradientsAreDerivativesWhenRecomputed) {
  options.recompute = true;
  checkAll(2, Stage::Simplified);
}

/// Some loops fit, others do not; sums over the steps are cut into chunks.
TEST_F(Gradients, AreDerivativesWithinABudget) {
  for (int64_t budget : {64, 256, 1024}) {
    options.memoryBudget = budget;
    checkAll(1, Stage::Simplified);
  }
}

/// What a program computes does not change when it is simplified.
TEST_F(Gradients, FunctionsMeanTheSameWhenSimplified) {
  ASSERT_TRUE(module);
  OwningOpRef<ModuleOp> simplified = module->clone();
  PassManager manager(&context);
  populateStages(manager, Stage::Graph, Stage::Simplified, PipelineOptions());
  ASSERT_TRUE(succeeded(manager.run(*simplified)));
  for (auto [before, after] : llvm::zip(module->getOps<func::FuncOp>(), simplified->getOps<func::FuncOp>())) {
    SCOPED_TRACE(before.getName().str());
    SmallVector<Tensor> arguments = drawArguments(before);
    auto expected = reference::evaluate(before, arguments), got = reference::evaluate(after, arguments);
    ASSERT_TRUE(succeeded(expected) && succeeded(got));
    for (auto [left, right] : llvm::zip(*got, *expected))
      for (int64_t i = 0; i != right.size(); ++i)
        EXPECT_NEAR(left.at(i), right.at(i), 1e-12 * (1 + std::abs(right.at(i)))) << "entry " << i;
  }
}

/// A rule that no function exercises is a rule nobody checked.
TEST_F(Gradients, CoverEveryRule) {
  ASSERT_TRUE(module);
  llvm::StringSet<> used;
  module->walk([&](Operation *op) { used.insert(op->getName().getStringRef()); });
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.hasInterface<DifferentiableOpInterface>() && name.getStringRef() != "graph.stop_gradient")
      EXPECT_TRUE(used.contains(name.getStringRef()))
          << name.getStringRef().str() << " is in no function of gradients.mlir";
}

/// max, min, reduce_max share equally, |x| has slope 0 at 0, what select did
/// not choose gets an exact zero.
TEST_F(Gradients, AtTiesFollowTheConventions) {
  module = parseSourceString<ModuleOp>(R"mlir(
    func.func @f(%x: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) {
      %zero = graph.constant dense<0.0> : tensor<3xf64>
      %a = graph.maximum %x, %zero : tensor<3xf64>
      %b = graph.reduce_max %x over [0] : tensor<3xf64> -> tensor<f64>
      %c = graph.abs %x : tensor<3xf64>
      %p = graph.compare gt %x, %zero : tensor<3xf64> -> tensor<3xi1>
      %l = graph.log %x : tensor<3xf64>
      %d = graph.select %p, %l, %zero : tensor<3xi1>, tensor<3xf64>
      %as = graph.reduce_sum %a over [0] : tensor<3xf64> -> tensor<f64>
      %cs = graph.reduce_sum %c over [0] : tensor<3xf64> -> tensor<f64>
      %ds = graph.reduce_sum %d over [0] : tensor<3xf64> -> tensor<f64>
      %0 = graph.gradient %as wrt(%x) : tensor<f64>, (tensor<3xf64>)
      %1 = graph.gradient %b wrt(%x) : tensor<f64>, (tensor<3xf64>)
      %2 = graph.gradient %cs wrt(%x) : tensor<f64>, (tensor<3xf64>)
      %3 = graph.gradient %ds wrt(%x) : tensor<f64>, (tensor<3xf64>)
      return %0, %1, %2, %3 : tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>
    })mlir",
                                       &context);
  ASSERT_TRUE(module);
  auto function = *module->getOps<func::FuncOp>().begin();
  Tensor x(cast<RankedTensorType>(function.getArgumentTypes().front()));
  x.floats = {0, -1, 0};
  auto results = reference::evaluate(function, x);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0].floats, (std::vector<double>{0.5, 0, 0.5}));
  EXPECT_EQ((*results)[1].floats, (std::vector<double>{0.5, 0, 0.5}));
  EXPECT_EQ((*results)[2].floats, (std::vector<double>{0, -1, 0}));
  x.floats = {2, 4, 0.5};
  results = reference::evaluate(function, x);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[3].floats, (std::vector<double>{0.5, 0.25, 2}));
}

} // namespace
