// The running error bounds: plain f32 arithmetic stays within them, they are not vacuous, and near-ties are undecided.

#include "Program.h"

#include <cmath>

using namespace moru;
using namespace moru::reference;
using Numbers = std::vector<double>;

namespace {

class BoundsTest : public ProgramTest {
protected:
  /// |f32 - f64| <= bound for every entry, and no bound is above `loosest`.
  static void expectWithin(const Tensor &expected, const std::vector<float> &got, double loosest) {
    ASSERT_EQ(expected.bounds.size(), got.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_LE(std::abs(expected.floats[i] - static_cast<double>(got[i])), expected.bounds[i]) << "entry " << i;
      EXPECT_LE(expected.bounds[i], loosest) << "entry " << i;
    }
  }
};

TEST_F(BoundsTest, ContractionThenActivation) {
  auto f = function("%x: tensor<4x200xf32>, %w: tensor<200x3xf32>, %b: tensor<3xf32>", "tensor<4x3xf32>", R"(
    %0 = graph.contract %x, %w over [1] with [0] : tensor<4x200xf32>, tensor<200x3xf32> -> tensor<4x3xf32>
    %1 = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<4x3xf32>
    %2 = graph.add %0, %1 : tensor<4x3xf32>
    %3 = graph.tanh %2 : tensor<4x3xf32>
    return %3 : tensor<4x3xf32>)");
  Numbers x = draw(800, 1), w = draw(600, 2, -0.1, 0.1), b = draw(3, 3);
  std::vector<float> got;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 3; ++j) {
      float sum = 0;
      for (int k = 0; k < 200; ++k)
        sum += float(x[i * 200 + k]) * float(w[k * 3 + j]);
      got.push_back(std::tanh(sum + float(b[j])));
    }
  expectWithin(run(f, {x, w, b}, Bounds::Declared)[0], got, 1e-3);
}

TEST_F(BoundsTest, SumsInAnyOrder) {
  auto f = function("%x: tensor<1000xf32>", "tensor<f32>",
                    "%0 = graph.reduce_sum %x over [0] : tensor<1000xf32> -> tensor<f32>\nreturn %0 : tensor<f32>");
  Numbers x = draw(1000, 4);
  float forward = 0, backward = 0;
  for (int i = 0; i < 1000; ++i) {
    forward += float(x[i]);
    backward += float(x[999 - i]);
  }
  Tensor result = run(f, {x}, Bounds::Declared)[0];
  expectWithin(result, {forward}, 0.1);
  expectWithin(result, {backward}, 0.1);
}

TEST_F(BoundsTest, SoftmaxDirectAndByParts) {
  auto f = function("%x: tensor<1x50xf32>, %t: tensor<1xi32>", "tensor<1x50xf32>, tensor<1x50xf32>, tensor<f32>", R"(
    %0 = graph.softmax %x along 1 : tensor<1x50xf32>
    %1 = graph.log_softmax %x along 1 : tensor<1x50xf32>
    %2 = graph.softmax_cross_entropy %x, %t ignore -1 : tensor<1x50xf32>, tensor<1xi32> -> tensor<f32>
    return %0, %1, %2 : tensor<1x50xf32>, tensor<1x50xf32>, tensor<f32>)");
  Numbers x = draw(50, 5, -20, 20);
  float largest = *std::max_element(x.begin(), x.end()), sum = 0;
  for (double value : x)
    sum += std::exp(float(value) - largest);
  std::vector<float> shares, logs;
  for (double value : x) {
    shares.push_back(std::exp(float(value) - largest) * (1 / sum));
    logs.push_back(float(value) - (largest + std::log(sum)));
  }
  auto results = run(f, {x, {7}}, Bounds::Declared);
  expectWithin(results[0], shares, 1e-3);
  expectWithin(results[1], logs, 1e-3);
  expectWithin(results[2], {-logs[7]}, 1e-3);
}

/// x * y + z over random magnitudes, and quotients and roots.
TEST_F(BoundsTest, ElementwiseChains) {
  auto f = function("%x: tensor<300xf32>, %y: tensor<300xf32>", "tensor<300xf32>", R"(
    %0 = graph.exp %x : tensor<300xf32>
    %1 = graph.mul %0, %y : tensor<300xf32>
    %2 = graph.sub %1, %x : tensor<300xf32>
    %3 = graph.sqrt %0 : tensor<300xf32>
    %4 = graph.div %2, %3 : tensor<300xf32>
    %5 = graph.sigmoid %4 : tensor<300xf32>
    %6 = graph.rsqrt %0 : tensor<300xf32>
    %7 = graph.mul %5, %6 : tensor<300xf32>
    %8 = graph.log %0 : tensor<300xf32>
    %9 = graph.maximum %7, %8 : tensor<300xf32>
    return %9 : tensor<300xf32>)");
  Numbers x = draw(300, 6, -3, 3), y = draw(300, 7);
  std::vector<float> got;
  for (int i = 0; i < 300; ++i) {
    float a = std::exp(float(x[i])), b = a * float(y[i]) - float(x[i]), c = b / std::sqrt(a);
    float d = 1 / (1 + std::exp(-c)) * (1 / std::sqrt(a));
    got.push_back(std::max(d, std::log(a)));
  }
  expectWithin(run(f, {x, y}, Bounds::Declared)[0], got, 1e-3);
}

TEST_F(BoundsTest, ExactArgumentsMovedAboutStayExact) {
  auto f = function("%x: tensor<2x3xf32>", "tensor<3x2xf32>", R"(
    %0 = graph.transpose %x by [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    %1 = graph.neg %0 : tensor<3x2xf32>
    return %1 : tensor<3x2xf32>)");
  Tensor result = run(f, {draw(6, 8)}, Bounds::Declared)[0];
  for (int64_t i = 0; i < result.size(); ++i)
    EXPECT_EQ(result.bound(i), 0);
}

/// 1 / 3 + 1 / 3 + 1 / 3 is 1 in some roundings and not in others: a comparison with 1 is undecided, one with 2 is not;
/// exact operands are always decided.
TEST_F(BoundsTest, NearTiesAreUndecided) {
  auto f =
      function("%x: tensor<2xf32>, %y: tensor<2xf32>", "tensor<2xi1>, tensor<2xi1>, tensor<2xf32>, tensor<i32>", R"(
    %three = graph.constant dense<3.0> : tensor<2xf32>
    %third = graph.div %x, %three : tensor<2xf32>
    %two = graph.add %third, %third : tensor<2xf32>
    %sum = graph.add %two, %third : tensor<2xf32>
    %0 = graph.compare lt %sum, %y : tensor<2xf32> -> tensor<2xi1>
    %1 = graph.compare lt %x, %y : tensor<2xf32> -> tensor<2xi1>
    %2 = graph.select %0, %x, %three : tensor<2xi1>, tensor<2xf32>
    %3 = graph.argmax %sum over 0 : tensor<2xf32> -> tensor<i32>
    return %0, %1, %2, %3 : tensor<2xi1>, tensor<2xi1>, tensor<2xf32>, tensor<i32>)");
  auto results = run(f, {{1, 1}, {1, 2}}, Bounds::Declared);
  EXPECT_EQ(results[0].bound(0), undecided());
  EXPECT_EQ(results[0].bound(1), 0);
  EXPECT_EQ(results[1].bound(0), 0);
  EXPECT_EQ(results[2].bound(0), 2); // |1 - 3|
  EXPECT_EQ(results[2].bound(1), 0);
  EXPECT_EQ(results[3].bound(0), undecided());
}

TEST_F(BoundsTest, BeyondFloatIsUnknown) {
  auto f =
      function("%x: tensor<2xf32>", "tensor<2xf32>", "%0 = graph.exp %x : tensor<2xf32>\nreturn %0 : tensor<2xf32>");
  Tensor result = run(f, {{80, 100}}, Bounds::Declared)[0];
  EXPECT_LT(result.bound(0), result.floats[0] * 1e-5);
  EXPECT_TRUE(std::isnan(result.bound(1)));
  EXPECT_LT(run(f, {{80, 100}}, Bounds::Double)[0].bound(1), 1e35);
}

/// A decision between nearly equal numbers makes what it chooses undecided; a clear one does not.
/// The other branch, or another step, may make what is no number.
TEST_F(BoundsTest, WhatADecisionOnANearTieMakesIsUnknown) {
  auto f = function("%x: tensor<f32>, %y: tensor<f32>", "tensor<f32>, tensor<f32>", R"(
    %0 = graph.mul %x, %x : tensor<f32>
    %p = graph.compare lt %0, %y : tensor<f32> -> tensor<i1>
    %1 = graph.cond %p -> (tensor<f32>) {
      graph.yield out(%x : tensor<f32>)
    } else {
      graph.yield out(%y : tensor<f32>)
    }
    %2 = graph.while carry(%a = %0) : (tensor<f32>) -> tensor<f32> {
      %q = graph.compare lt %a, %y : tensor<f32> -> tensor<i1>
      graph.yield out(%q : tensor<i1>)
    } do(%b) {
      %3 = graph.add %b, %y : tensor<f32>
      graph.yield carry(%3 : tensor<f32>)
    }
    return %1, %2 : tensor<f32>, tensor<f32>)");
  for (const Tensor &result : run(f, {{3}, {9}}, Bounds::Declared))
    EXPECT_TRUE(std::isnan(result.bound(0)));
  for (const Tensor &result : run(f, {{3}, {10}}, Bounds::Declared))
    EXPECT_LT(result.bound(0), 1e-4);
}

/// A row that is one of several finite ones could be any finite number.
TEST_F(BoundsTest, ARowChosenByANearTieIsAsFiniteAsItsTable) {
  auto f = function("%x: tensor<2xf32>, %table: tensor<2x1xf32>", "tensor<1x1xf32>", R"(
    %0 = graph.mul %x, %x : tensor<2xf32>
    %1 = graph.argmax %0 over 0 : tensor<2xf32> -> tensor<i32>
    %2 = graph.reshape %1 : tensor<i32> -> tensor<1xi32>
    %3 = graph.gather %table[%2] : tensor<2x1xf32>, tensor<1xi32> -> tensor<1x1xf32>
    return %3 : tensor<1x1xf32>)");
  EXPECT_EQ(run(f, {{3, 3}, {1, 2}}, Bounds::Declared)[0].bound(0), undecided());
  EXPECT_TRUE(std::isnan(run(f, {{3, 3}, {1, INFINITY}}, Bounds::Declared)[0].bound(0)));
  EXPECT_EQ(run(f, {{3, 4}, {1, INFINITY}}, Bounds::Declared)[0].bound(0), 0);
}

/// However far off its logarithm is, a share lies between 0 and 1.
TEST_F(BoundsTest, SharesAreBoundedByOne) {
  auto f = function("%x: tensor<3xf32>", "tensor<3xf32>", R"(
    %0 = graph.mul %x, %x : tensor<3xf32>
    %1 = graph.softmax %0 along 0 : tensor<3xf32>
    return %1 : tensor<3xf32>)");
  Tensor result = run(f, {{1e15, 1e15, 1}}, Bounds::Declared)[0];
  for (int64_t i : {0, 1}) {
    EXPECT_GE(result.bound(i), 0.5);
    EXPECT_LT(result.bound(i), 0.5 + 1e-6);
  }
  EXPECT_LT(result.bound(2), 1e-40);
}

/// What is unknown stays so: a mask hides a number, not an infinity.
TEST_F(BoundsTest, AZeroHidesUndecidedAndNotUnknown) {
  auto f =
      function("%x: tensor<2xf32>, %y: tensor<2xf32>", "tensor<2xf32>",
               "%0 = graph.exp %x : tensor<2xf32>\n%1 = graph.mul %0, %y : tensor<2xf32>\nreturn %1 : tensor<2xf32>");
  Tensor result = run(f, {{1, 100}, {0, 0}}, Bounds::Declared)[0];
  EXPECT_EQ(result.bound(0), 0);
  EXPECT_TRUE(std::isnan(result.bound(1)));
}

/// In f32 the first sum may leave the range, in whatever order; infinity and NaN are certain where an operand is.
TEST_F(BoundsTest, PartialSumsBeyondTheRangeAreUnknown) {
  auto f = function("%x: tensor<4x3xf32>", "tensor<4xf32>",
                    "%0 = graph.reduce_sum %x over [1] : tensor<4x3xf32> -> tensor<4xf32>\nreturn %0 : tensor<4xf32>");
  Tensor result = run(f, {{3e38, 3e38, -3e38, 1, 2, 3, INFINITY, 1, 1, INFINITY, -INFINITY, 1}}, Bounds::Declared)[0];
  EXPECT_TRUE(std::isnan(result.bound(0)));
  EXPECT_LT(result.bound(1), 1e-5);
  EXPECT_EQ(result.bound(2), 0);
  EXPECT_TRUE(std::isnan(result.floats[3]));
  EXPECT_EQ(result.bound(3), 0);
}

/// Each product of a contraction may underflow.
TEST_F(BoundsTest, ProductsUnderflowOneByOne) {
  auto f = function("%x: tensor<64xf32>, %y: tensor<64xf32>", "tensor<f32>",
                    "%0 = graph.contract %x, %y over [0] with [0] : tensor<64xf32>, tensor<64xf32> -> tensor<f32>\n"
                    "return %0 : tensor<f32>");
  Tensor result = run(f, {std::vector<double>(64, 1e-23), std::vector<double>(64, 1e-23)}, Bounds::Declared)[0];
  EXPECT_GE(result.bound(0), 64 * 1e-46);
}

} // namespace
