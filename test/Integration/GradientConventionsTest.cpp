//===- GradientConventionsTest.cpp - gradients at ties and kinks -----------===//
// Where a derivative is not defined the documentation says what the gradient is; differences say nothing there. Each
// row is a function of a vector x, a point, and the exact gradient of the sum of its results, in the Reference and as
// machine code.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Moru.h"
#include "moru/DSL/ProgramModule.h"
#include "moru/Reference/Evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace mlir;
using namespace moru;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Convention {
  std::string name;
  std::vector<double> x, gradient;
  std::function<Tensor(Tensor)> f;
};

std::vector<Convention> conventions() {
  using V = std::vector<double>;
  auto numbers = [](V values) {
    HostTensor tensor(ElementType::F32, {int64_t(values.size())});
    for (size_t i = 0; i != values.size(); ++i)
      tensor.set(int64_t(i), values[i]);
    return constant(tensor);
  };
  auto indices = [](std::vector<int32_t> values) { return constant(HostTensor::from<int32_t>(values)); };
  return {
      {"abs has slope 0 at 0", V{0, -2, 3}, V{0, -1, 1}, [](Tensor x) { return abs(x); }},
      {"relu has slope 0 at 0", V{0, -2, 3}, V{0, 0, 1}, [](Tensor x) { return relu(x); }},
      {"maximum shares a tie", V{1, 2, 0}, V{0.5, 1, 0}, [=](Tensor x) { return maximum(x, numbers({1, 1, 1})); }},
      {"minimum shares a tie", V{1, 2, 0}, V{0.5, 0, 1}, [=](Tensor x) { return minimum(x, numbers({1, 1, 1})); }},
      {"maximum of itself", V{1, 2, 0}, V{1, 1, 1}, [](Tensor x) { return maximum(x, x); }},
      {"max shares among the largest", V{2, 1, 2, 2, 2}, V{0.25, 0, 0.25, 0.25, 0.25}, [](Tensor x) { return max(x); }},
      {"min shares among the least", V{1, 1, 2}, V{0.5, 0.5, 0}, [](Tensor x) { return min(x); }},
      {"topK takes the first of equals", V{1, 3, 3, 3}, V{0, 1, 1, 0}, [](Tensor x) { return topK(x, 2).values; }},
      {"prod of one zero", V{2, 0, 3}, V{0, 6, 0}, [](Tensor x) { return prod(x); }},
      {"prod of two zeros", V{0, 0, 3}, V{0, 0, 0}, [](Tensor x) { return prod(x); }},
      {"where hides what is not chosen", V{-2, 1, -1}, V{0, 1, 0},
       [](Tensor x) { return where(x > 0, log(x), zerosLike(x)); }},
      {"sqrt is steep at 0", V{0, 1, 4}, V{kInfinity, 0.5, 0.25}, [](Tensor x) { return sqrt(x); }},
      {"log has a pole at 0", V{0, 1, 4}, V{kInfinity, 1, 0.25}, [](Tensor x) { return log(x); }},
      {"pow to the first power at 0", V{0, 2}, V{1, 1}, [](Tensor x) { return pow(x, full({2}, 1)); }},
      {"an id outside gives nothing back", V{1, 2}, V{1, 0}, [=](Tensor x) { return gather(x, indices({0, 2, -1})); }},
      {"logsumexp of -inf", V{-kInfinity, -kInfinity}, V{0, 0}, [](Tensor x) { return logsumexp(x); }},
      {"softmax of equals", V{7, 7}, V{0, 0}, [](Tensor x) { return softmax(x) * 3; }},
      {"stopGradient", V{1, 2}, V{0, 0}, [](Tensor x) { return square(stopGradient(x)); }},
      {"convert to integers and a constant", V{1.5, 2.5}, V{2, 2}, [](Tensor x) { return x * 2; }},
      {"NaN stays NaN", V{kNaN, 1}, V{kNaN, 2}, [](Tensor x) { return square(x); }},
  };
}

bool isSame(double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); }

TEST(GradientConventions, HoldInTheReferenceAndAsMachineCode) {
  std::vector<Convention> rows = conventions();
  Program program;
  for (size_t index = 0; index != rows.size(); ++index)
    program.function("row" + std::to_string(index), [&](Function &f) {
      Tensor x = f.input("x", f32({int64_t(rows[index].x.size())}));
      f.output("g", gradient(sum(rows[index].f(x)), {x})[0]);
    });
  ASSERT_TRUE(program.ok()) << program.errorText();
  Result<Executable> executable = compile(program, {.threads = 1, .cache = false});
  ASSERT_TRUE(executable) << executable.message();
  for (size_t index = 0; index != rows.size(); ++index) {
    const Convention &row = rows[index];
    std::string name = "row" + std::to_string(index);
    auto function = moduleOf(program).lookupSymbol<func::FuncOp>(name);
    reference::Tensor x = reference::makeTensor(cast<RankedTensorType>(function.getArgumentTypes()[0]), row.x);
    auto byReference = reference::evaluate(function, x);
    ASSERT_TRUE(succeeded(byReference)) << row.name;
    HostTensor host = reference::toHost(x);
    Outputs outputs = executable->run(name, {&host});
    ASSERT_TRUE(outputs) << row.name << ": " << outputs.message();
    for (size_t i = 0; i != row.x.size(); ++i) {
      EXPECT_TRUE(isSame(byReference->front().floats[i], row.gradient[i]))
          << row.name << ", Reference, entry " << i << ": " << byReference->front().floats[i];
      EXPECT_TRUE(isSame(outputs["g"].at(int64_t(i)), row.gradient[i]))
          << row.name << ", machine code, entry " << i << ": " << outputs["g"].at(int64_t(i));
    }
  }
}

} // namespace
