// Values of each operation, by hand or by a law that they obey.

#include "Program.h"

#include "moru/Dialect/Graph/Passes.h"

#include "mlir/Pass/PassManager.h"

#include <cmath>

using namespace moru;
using namespace moru::reference;
using Numbers = std::vector<double>;
using Integers = std::vector<int64_t>;

namespace {

class EvaluatorTest : public ProgramTest {
protected:
  /// One unary operation on four numbers.
  Numbers unary(const std::string &name, const Numbers &x) {
    auto f = function("%x: tensor<4xf32>", "tensor<4xf32>",
                      "%y = graph." + name + " %x : tensor<4xf32>\nreturn %y : tensor<4xf32>");
    return run(f, {x})[0].floats;
  }
  Numbers binary(const std::string &name, const Numbers &x, const Numbers &y) {
    auto f = function("%x: tensor<4xf32>, %y: tensor<4xf32>", "tensor<4xf32>",
                      "%z = graph." + name + " %x, %y : tensor<4xf32>\nreturn %z : tensor<4xf32>");
    return run(f, {x, y})[0].floats;
  }
  Integers integerBinary(const std::string &name, const Numbers &x, const Numbers &y) {
    auto f = function("%x: tensor<4xi32>, %y: tensor<4xi32>", "tensor<4xi32>",
                      "%z = graph." + name + " %x, %y : tensor<4xi32>\nreturn %z : tensor<4xi32>");
    return run(f, {x, y})[0].integers;
  }
};

TEST_F(EvaluatorTest, EveryOperationHasOne) {
  for (mlir::RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "graph" && name.getStringRef() != graph::YieldOp::getOperationName())
      EXPECT_TRUE(hasEvaluator(name)) << "add an evaluator to lib/Reference for " << name.getStringRef().str();
}

TEST_F(EvaluatorTest, ElementwiseFunctions) {
  Numbers x = {-1.5, 0, 0.25, 3};
  expectNear(unary("neg", x), {1.5, 0, -0.25, -3});
  expectNear(unary("abs", x), {1.5, 0, 0.25, 3});
  expectNear(unary("stop_gradient", x), x);
  expectNear(unary("exp", x), {0.22313016014842982, 1, 1.2840254166877414, 20.085536923187668});
  expectNear(unary("log", {0.5, 1, 2.718281828459045, 100}), {-0.6931471805599453, 0, 1, 4.605170185988092});
  expectNear(unary("tanh", x), {-0.9051482536448664, 0, 0.24491866240370913, 0.9950547536867305});
  expectNear(unary("sigmoid", x), {0.18242552380635635, 0.5, 0.5621765008857981, 0.9525741268224334});
  expectNear(unary("sqrt", {0, 1, 4, 2}), {0, 1, 2, 1.4142135623730951});
  expectNear(unary("rsqrt", {0.25, 1, 4, 2}), {2, 1, 0.5, 0.7071067811865476});
  expectNear(unary("sin", x), {-0.9974949866040544, 0, 0.24740395925452294, 0.1411200080598672});
  expectNear(unary("cos", x), {0.0707372016677029, 1, 0.9689124217106447, -0.9899924966004454});
  expectNear(unary("erf", x), {-0.9661051464753108, 0, 0.27632639016823696, 0.9999779095030014});
  expectNear(unary("softplus", {-1000, 0, 1, 1000}), {0, 0.6931471805599453, 1.3132616875182228, 1000});
  expectNear(unary("log1p", {-0.5, 0, 1e-20, 1}), {-0.6931471805599453, 0, 1e-20, 0.6931471805599453}, 1e-32 + 1e-15);
}

TEST_F(EvaluatorTest, ElementwiseBinary) {
  Numbers x = {-1.5, 2, 0.25, 3}, y = {2, 2, -4, 0.5};
  expectNear(binary("add", x, y), {0.5, 4, -3.75, 3.5});
  expectNear(binary("sub", x, y), {-3.5, 0, 4.25, 2.5});
  expectNear(binary("mul", x, y), {-3, 4, -1, 1.5});
  expectNear(binary("div", x, y), {-0.75, 1, -0.0625, 6});
  expectNear(binary("maximum", x, y), {2, 2, 0.25, 3});
  expectNear(binary("minimum", x, y), {-1.5, 2, -4, 0.5});
  expectNear(binary("pow", {2, 9, 0.5, 3}, {10, 0.5, -1, 0}), {1024, 3, 2, 1});
  EXPECT_TRUE(std::isnan(binary("maximum", {NAN, 0, 0, 0}, {1, 0, 0, 0})[0]));
  EXPECT_TRUE(std::isnan(binary("minimum", {1, 0, 0, 0}, {NAN, 0, 0, 0})[0]));
}

TEST_F(EvaluatorTest, IntegersWrapAndDivideTowardZero) {
  EXPECT_EQ(integerBinary("add", {2147483647, 1, -5, 0}, {1, 2, 3, 0}), (Integers{-2147483648LL, 3, -2, 0}));
  EXPECT_EQ(integerBinary("mul", {65536, 3, -5, 0}, {65536, 2, 3, 9}), (Integers{0, 6, -15, 0}));
  EXPECT_EQ(integerBinary("div", {7, -7, 7, -2147483648.0}, {2, 2, 0, -1}), (Integers{3, -3, 0, -2147483648LL}));
}

TEST_F(EvaluatorTest, TruthValues) {
  auto f = function("%a: tensor<4xi1>, %b: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>",
                    "tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xf32>", R"(
    %0 = graph.and %a, %b : tensor<4xi1>
    %1 = graph.or %a, %b : tensor<4xi1>
    %2 = graph.not %a : tensor<4xi1>
    %3 = graph.compare le %x, %y : tensor<4xf32> -> tensor<4xi1>
    %4 = graph.compare ne %x, %y : tensor<4xf32> -> tensor<4xi1>
    %5 = graph.select %a, %x, %y : tensor<4xi1>, tensor<4xf32>
    return %0, %1, %2, %3, %4, %5 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xf32>)");
  auto results = run(f, {{0, 0, 1, 1}, {0, 1, 0, 1}, {1, 2, NAN, 4}, {1, 1, 1, 5}});
  EXPECT_EQ(results[0].integers, (Integers{0, 0, 0, 1}));
  EXPECT_EQ(results[1].integers, (Integers{0, 1, 1, 1}));
  EXPECT_EQ(results[2].integers, (Integers{1, 1, 0, 0}));
  EXPECT_EQ(results[3].integers, (Integers{1, 0, 0, 1}));
  EXPECT_EQ(results[4].integers, (Integers{0, 1, 1, 1}));
  EXPECT_EQ(results[5].floats[3], 4);
  EXPECT_EQ(results[5].floats[1], 1);
}

TEST_F(EvaluatorTest, ConversionTruncatesAndSaturates) {
  auto f = function("%x: tensor<5xf32>", "tensor<5xi32>, tensor<5xi1>, tensor<5xf32>", R"(
    %0 = graph.convert %x : tensor<5xf32> -> tensor<5xi32>
    %1 = graph.convert %x : tensor<5xf32> -> tensor<5xi1>
    %2 = graph.convert %1 : tensor<5xi1> -> tensor<5xf32>
    return %0, %1, %2 : tensor<5xi32>, tensor<5xi1>, tensor<5xf32>)");
  auto results = run(f, {{-1.75, 0, 3e9, NAN, 2.5}});
  EXPECT_EQ(results[0].integers, (Integers{-1, 0, 2147483647, 0, 2}));
  EXPECT_EQ(results[1].integers, (Integers{1, 0, 1, 1, 1}));
  EXPECT_EQ(results[2].floats, (Numbers{1, 0, 1, 1, 1}));
}

TEST_F(EvaluatorTest, ConstantsAndIota) {
  auto f = function("", "tensor<2x3xi32>, tensor<2x2xf32>, tensor<3xi1>", R"(
    %0 = graph.iota along 1 : tensor<2x3xi32>
    %1 = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    %2 = graph.constant dense<true> : tensor<3xi1>
    return %0, %1, %2 : tensor<2x3xi32>, tensor<2x2xf32>, tensor<3xi1>)");
  auto results = run(f, {});
  EXPECT_EQ(results[0].integers, (Integers{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(results[1].floats, (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(results[2].integers, (Integers{1, 1, 1}));
}

TEST_F(EvaluatorTest, ShapesMoveEntries) {
  auto f =
      function("%x: tensor<2x3xf32>, %b: tensor<1xf32>",
               "tensor<3x2xf32>, tensor<3x2xf32>, tensor<1x2xf32>, tensor<2x4xf32>, tensor<2x6xf32>, tensor<2x2xf32>",
               R"(
    %0 = graph.transpose %x by [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    %1 = graph.reshape %x : tensor<2x3xf32> -> tensor<3x2xf32>
    %2 = graph.slice %x from [1, 0] to [2, 3] by [1, 2] : tensor<2x3xf32> -> tensor<1x2xf32>
    %3 = graph.slice %x from [0, 0] to [2, 2] by [1, 1] : tensor<2x3xf32> -> tensor<2x2xf32>
    %4 = graph.pad %3 low [0, 1] high [0, 0] interior [0, 1] : tensor<2x2xf32> -> tensor<2x4xf32>
    %5 = graph.concat %x, %x along 1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
    %6 = graph.broadcast %b along [1] : tensor<1xf32> -> tensor<2x2xf32>
    return %0, %1, %2, %4, %5, %6 : tensor<3x2xf32>, tensor<3x2xf32>, tensor<1x2xf32>, tensor<2x4xf32>, tensor<2x6xf32>, tensor<2x2xf32>)");
  auto results = run(f, {{1, 2, 3, 4, 5, 6}, {7}});
  EXPECT_EQ(results[0].floats, (Numbers{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(results[1].floats, (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(results[2].floats, (Numbers{4, 6}));
  EXPECT_EQ(results[3].floats, (Numbers{0, 1, 0, 2, 0, 4, 0, 5}));
  EXPECT_EQ(results[4].floats, (Numbers{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  EXPECT_EQ(results[5].floats, (Numbers{7, 7, 7, 7}));
}

/// contract of [2, 3, 4] and [4, 2, 5], batch over the 2, contracted over the 4, against three loops over the
/// definition.
TEST_F(EvaluatorTest, ContractSumsProducts) {
  auto f = function("%x: tensor<2x3x4xf32>, %y: tensor<4x2x5xf32>", "tensor<2x3x5xf32>", R"(
    %0 = graph.contract %x, %y over [2] with [0] batch [0] with [1] : tensor<2x3x4xf32>, tensor<4x2x5xf32> -> tensor<2x3x5xf32>
    return %0 : tensor<2x3x5xf32>)");
  Numbers x = draw(24, 1), y = draw(40, 2), expected;
  for (int b = 0; b < 2; ++b)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 5; ++j) {
        double sum = 0;
        for (int k = 0; k < 4; ++k)
          sum += x[(b * 3 + i) * 4 + k] * y[(k * 2 + b) * 5 + j];
        expected.push_back(sum);
      }
  expectNear(run(f, {x, y})[0].floats, expected);
}

TEST_F(EvaluatorTest, ContractOverSeveralAxesIsOneSum) {
  auto f = function("%x: tensor<2x3xf32>, %y: tensor<3x2xf32>", "tensor<f32>", R"(
    %0 = graph.contract %x, %y over [0, 1] with [1, 0] : tensor<2x3xf32>, tensor<3x2xf32> -> tensor<f32>
    return %0 : tensor<f32>)");
  expectNear(run(f, {{1, 2, 3, 4, 5, 6}, {1, 10, 100, 1000, 10000, 100000}})[0].floats,
             {1 + 200 + 30000 + 40 + 5000 + 600000});
}

TEST_F(EvaluatorTest, ContractKeepsNaN) {
  auto f = function("%x: tensor<1x2xf32>, %y: tensor<2x1xf32>", "tensor<1x1xf32>", R"(
    %0 = graph.contract %x, %y over [1] with [0] : tensor<1x2xf32>, tensor<2x1xf32> -> tensor<1x1xf32>
    return %0 : tensor<1x1xf32>)");
  EXPECT_TRUE(std::isnan(run(f, {{0, 1}, {INFINITY, 1}})[0].floats[0]));
}

TEST_F(EvaluatorTest, Reductions) {
  auto f = function("%x: tensor<2x3x2xf32>", "tensor<3xf32>, tensor<2x2xf32>, tensor<2x2xi32>, tensor<f32>", R"(
    %0 = graph.reduce_sum %x over [0, 2] : tensor<2x3x2xf32> -> tensor<3xf32>
    %1 = graph.reduce_max %x over [1] : tensor<2x3x2xf32> -> tensor<2x2xf32>
    %2 = graph.argmax %x over 1 : tensor<2x3x2xf32> -> tensor<2x2xi32>
    %3 = graph.reduce_sum %x over [0, 1, 2] : tensor<2x3x2xf32> -> tensor<f32>
    return %0, %1, %2, %3 : tensor<3xf32>, tensor<2x2xf32>, tensor<2x2xi32>, tensor<f32>)");
  auto results = run(f, {{1, 2, 5, 4, 5, -6, 7, 8, 9, 10, 11, 12}});
  EXPECT_EQ(results[0].floats, (Numbers{18, 28, 22}));
  EXPECT_EQ(results[1].floats, (Numbers{5, 4, 11, 12}));
  EXPECT_EQ(results[2].integers, (Integers{1, 1, 2, 2}));
  EXPECT_EQ(results[3].floats, (Numbers{68}));
}

TEST_F(EvaluatorTest, LeastAndProducts) {
  auto f = function("%x: tensor<2x3xf32>, %n: tensor<2x3xi32>",
                    "tensor<2xf32>, tensor<3xf32>, tensor<3xi32>, tensor<2xi32>", R"(
    %0 = graph.reduce_min %x over [1] : tensor<2x3xf32> -> tensor<2xf32>
    %1 = graph.reduce_prod %x over [0] : tensor<2x3xf32> -> tensor<3xf32>
    %2 = graph.reduce_min %n over [0] : tensor<2x3xi32> -> tensor<3xi32>
    %3 = graph.reduce_prod %n over [1] : tensor<2x3xi32> -> tensor<2xi32>
    return %0, %1, %2, %3 : tensor<2xf32>, tensor<3xf32>, tensor<3xi32>, tensor<2xi32>)");
  auto results = run(f, {{1, -2, 5, 4, NAN, -6}, {1, 2, 3, 4, 65536, 65536}});
  EXPECT_EQ(results[0].floats[0], -2);
  EXPECT_TRUE(std::isnan(results[0].floats[1]));
  EXPECT_EQ(results[1].floats[0], 4);
  EXPECT_EQ(results[1].floats[2], -30);
  EXPECT_EQ(results[2].integers, (Integers{1, 2, 3}));
  EXPECT_EQ(results[3].integers, (Integers{6, 0})); // 2^34, wrapped.
}

/// What stands in the descriptions of the reductions, and softmax, of axes without entries.
TEST_F(EvaluatorTest, OfNothing) {
  auto f = function("%x: tensor<1x0xf32>, %n: tensor<1x0xi32>",
                    "tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xi32>, tensor<1xi32>", R"(
    %0 = graph.reduce_sum %x over [1] : tensor<1x0xf32> -> tensor<1xf32>
    %1 = graph.reduce_max %x over [1] : tensor<1x0xf32> -> tensor<1xf32>
    %2 = graph.reduce_min %x over [1] : tensor<1x0xf32> -> tensor<1xf32>
    %3 = graph.reduce_prod %x over [1] : tensor<1x0xf32> -> tensor<1xf32>
    %4 = graph.reduce_max %n over [1] : tensor<1x0xi32> -> tensor<1xi32>
    %5 = graph.reduce_min %n over [1] : tensor<1x0xi32> -> tensor<1xi32>
    %6 = graph.softmax %x along 1 : tensor<1x0xf32>
    %7 = graph.cumsum %x along 1 : tensor<1x0xf32>
    %8, %9 = graph.top_k 0 of %x : tensor<1x0xf32> -> tensor<1x0xf32>, tensor<1x0xi32>
    return %0, %1, %2, %3, %4, %5
        : tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xi32>, tensor<1xi32>)");
  auto results = run(f, {{}, {}}, Bounds::Declared);
  Numbers got;
  for (int i = 0; i < 4; ++i)
    got.push_back(results[i].floats[0]);
  EXPECT_EQ(got, (Numbers{0, -INFINITY, INFINITY, 1}));
  EXPECT_EQ(results[4].integers[0], std::numeric_limits<int32_t>::min());
  EXPECT_EQ(results[5].integers[0], std::numeric_limits<int32_t>::max());
}

TEST_F(EvaluatorTest, CumulativeSums) {
  auto f = function("%x: tensor<2x3xf32>", "tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>", R"(
    %0 = graph.cumsum %x along 1 : tensor<2x3xf32>
    %1 = graph.cumsum %x along 1 exclusive : tensor<2x3xf32>
    %2 = graph.cumsum %x along 0 reverse : tensor<2x3xf32>
    return %0, %1, %2 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>)");
  auto results = run(f, {{1, 2, 3, 4, 5, 6}});
  EXPECT_EQ(results[0].floats, (Numbers{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(results[1].floats, (Numbers{0, 1, 3, 0, 4, 9}));
  EXPECT_EQ(results[2].floats, (Numbers{5, 7, 9, 4, 5, 6}));
}

/// Of equal entries the first comes first; NaN comes before all numbers.
TEST_F(EvaluatorTest, TopKInOrder) {
  auto f = function("%x: tensor<2x4xf32>", "tensor<2x3xf32>, tensor<2x3xi32>", R"(
    %0, %1 = graph.top_k 3 of %x : tensor<2x4xf32> -> tensor<2x3xf32>, tensor<2x3xi32>
    return %0, %1 : tensor<2x3xf32>, tensor<2x3xi32>)");
  auto results = run(f, {{1, 5, 5, 2, -INFINITY, 3, NAN, INFINITY}});
  EXPECT_EQ(results[1].integers, (Integers{1, 2, 3, 2, 3, 1}));
  EXPECT_EQ(results[0].floats[2], 2);
  EXPECT_TRUE(std::isnan(results[0].floats[3]));
}

/// A start that would let the box stick out is moved inwards.
TEST_F(EvaluatorTest, BoxesStayInside) {
  auto f = function("%x: tensor<5xf32>, %u: tensor<2xf32>, %i: tensor<i32>", "tensor<2xf32>, tensor<5xf32>", R"(
    %0 = graph.dynamic_slice %x at(%i) sizes [2] : (tensor<5xf32>, tensor<i32>) -> tensor<2xf32>
    %1 = graph.dynamic_update_slice %x with %u at(%i) : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
    return %0, %1 : tensor<2xf32>, tensor<5xf32>)");
  Numbers x = {1, 2, 3, 4, 5}, u = {8, 9};
  EXPECT_EQ(run(f, {x, u, {1}})[0].floats, (Numbers{2, 3}));
  EXPECT_EQ(run(f, {x, u, {-7}})[0].floats, (Numbers{1, 2}));
  EXPECT_EQ(run(f, {x, u, {4}})[0].floats, (Numbers{4, 5}));
  EXPECT_EQ(run(f, {x, u, {2}})[1].floats, (Numbers{1, 2, 8, 9, 5}));
  EXPECT_EQ(run(f, {x, u, {9}})[1].floats, (Numbers{1, 2, 3, 8, 9}));
}

/// The numbers of Philox.h, another stream for another number, and nothing but the operands counts.
TEST_F(EvaluatorTest, RandomNumbersAreThoseOfPhilox) {
  auto f = function("%k: tensor<i64>, %c: tensor<i32>", "tensor<2x3xf32>, tensor<2x3xi32>", R"(
    %0 = graph.random uniform key %k counter %c stream 7 : tensor<i64>, tensor<i32> -> tensor<2x3xf32>
    %1 = graph.random bits key %k counter %c stream 8 : tensor<i64>, tensor<i32> -> tensor<2x3xi32>
    return %0, %1 : tensor<2x3xf32>, tensor<2x3xi32>)");
  auto results = run(f, {{12345678901.0}, {3}});
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(results[0].floats[i], philoxUniform(12345678901, 7, 3, i));
    EXPECT_EQ(results[1].integers[i], int32_t(philoxBits(12345678901, 8, 3, i)));
  }
}

TEST_F(EvaluatorTest, GatherGivesZerosForIdsOutside) {
  auto f = function("%t: tensor<3x2xf32>, %i: tensor<4xi32>", "tensor<4x2xf32>", R"(
    %0 = graph.gather %t[%i] : tensor<3x2xf32>, tensor<4xi32> -> tensor<4x2xf32>
    return %0 : tensor<4x2xf32>)");
  EXPECT_EQ(run(f, {{1, 2, 3, 4, 5, 6}, {2, 0, -1, 3}})[0].floats, (Numbers{5, 6, 1, 2, 0, 0, 0, 0}));
}

TEST_F(EvaluatorTest, ScatterAddAddsRowsOfTheSameNumber) {
  auto f = function("%u: tensor<4x2xf32>, %i: tensor<4xi32>", "tensor<3x2xf32>", R"(
    %0 = graph.scatter_add %u at %i : tensor<4x2xf32>, tensor<4xi32> -> tensor<3x2xf32>
    return %0 : tensor<3x2xf32>)");
  EXPECT_EQ(run(f, {{1, 2, 3, 4, 5, 6, 7, 8}, {2, 0, 2, 3}})[0].floats, (Numbers{3, 4, 0, 0, 6, 8}));
}

/// Shares sum to one, log_softmax is the logarithm of softmax, and cross entropy the mean of -log_softmax at the
/// targets.
TEST_F(EvaluatorTest, SoftmaxAndItsRelatives) {
  auto f = function("%x: tensor<2x4xf32>, %t: tensor<2xi32>",
                    "tensor<2x4xf32>, tensor<2x4xf32>, tensor<f32>, tensor<2x4xf32>", R"(
    %0 = graph.softmax %x along 1 : tensor<2x4xf32>
    %1 = graph.log_softmax %x along 1 : tensor<2x4xf32>
    %2 = graph.softmax_cross_entropy %x, %t ignore -1 : tensor<2x4xf32>, tensor<2xi32> -> tensor<f32>
    %3 = graph.softmax %x along 0 : tensor<2x4xf32>
    return %0, %1, %2, %3 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<f32>, tensor<2x4xf32>)");
  Numbers x = draw(8, 3);
  auto results = run(f, {x, {3, 1}});
  const Numbers &y = results[0].floats, &logs = results[1].floats, &down = results[3].floats;
  EXPECT_NEAR(y[0] + y[1] + y[2] + y[3], 1, 1e-14);
  EXPECT_NEAR(y[0] / y[1], std::exp(x[0] - x[1]), 1e-13);
  EXPECT_NEAR(down[1] + down[5], 1, 1e-14);
  for (int i = 0; i < 8; ++i)
    EXPECT_NEAR(logs[i], std::log(y[i]), 1e-13);
  EXPECT_NEAR(results[2].floats[0], -(logs[3] + logs[5]) / 2, 1e-13);
  EXPECT_NEAR(run(f, {x, {-1, 1}})[2].floats[0], -logs[5], 1e-13);
  EXPECT_EQ(run(f, {x, {-1, -1}})[2].floats[0], 0);
}

/// The targets 4 and -2 are no classes: they count as little as the ignored 1. The decomposition says the same.
TEST_F(EvaluatorTest, CrossEntropyCountsTargetsThatAreClasses) {
  auto f = function("%x: tensor<4x3xf64>", "tensor<f64>, tensor<f64>", R"(
    %t = graph.constant dense<[4, 2, -2, 1]> : tensor<4xi32>
    %0 = graph.softmax_cross_entropy %x, %t ignore 1 smoothing 0.3 : tensor<4x3xf64>, tensor<4xi32> -> tensor<f64>
    %1 = graph.log_softmax %x along 1 : tensor<4x3xf64>
    %2 = graph.slice %1 from [1, 0] to [2, 3] by [1, 1] : tensor<4x3xf64> -> tensor<1x3xf64>
    %w = graph.constant dense<[[-0.1, -0.1, -0.8]]> : tensor<1x3xf64>
    %3 = graph.mul %2, %w : tensor<1x3xf64>
    %4 = graph.reduce_sum %3 over [0, 1] : tensor<1x3xf64> -> tensor<f64>
    return %0, %4 : tensor<f64>, tensor<f64>)");
  Numbers x = draw(12, 5);
  auto results = run(f, {x});
  EXPECT_NEAR(results[0].floats[0], results[1].floats[0], 1e-14);
  mlir::PassManager manager(&context);
  manager.addNestedPass<mlir::func::FuncOp>(graph::createDecomposeComposites());
  ASSERT_TRUE(succeeded(manager.run(*module)));
  EXPECT_NEAR(run(f, {x})[0].floats[0], results[0].floats[0], 1e-14);
}

/// What no gradient test sees: rows that are all -inf, or hold inf or NaN, and queries that see no key.
TEST_F(EvaluatorTest, CompositesOfExtremes) {
  auto f = function("%x: tensor<5x2xf32>, %q: tensor<1x2x1xf32>, %m: tensor<2x2xi1>",
                    "tensor<5xf32>, tensor<1x2x1xf32>, tensor<5x2xf32>", R"(
    %0 = graph.logsumexp %x over 1 : tensor<5x2xf32> -> tensor<5xf32>
    %1 = graph.attention pairs %q, %q, %q mask %m : (tensor<1x2x1xf32>, tensor<1x2x1xf32>, tensor<1x2x1xf32>, tensor<2x2xi1>) -> tensor<1x2x1xf32>
    %2 = graph.relu %x : tensor<5x2xf32>
    return %0, %1, %2 : tensor<5xf32>, tensor<1x2x1xf32>, tensor<5x2xf32>)");
  double inf = INFINITY;
  auto results = run(f, {{-inf, -inf, inf, 0, NAN, 1, 1e4, -inf, -1e30, -1e30}, {3, 4}, {0, 0, 1, 0}});
  const Numbers &y = results[0].floats;
  EXPECT_EQ(y[0], -inf);
  EXPECT_EQ(y[1], inf);
  EXPECT_TRUE(std::isnan(y[2]));
  EXPECT_EQ(y[3], 1e4);
  EXPECT_EQ(y[4], -1e30);
  EXPECT_EQ(results[1].floats, (Numbers{0, 3}));
  EXPECT_EQ(results[2].floats[0], 0);
  EXPECT_TRUE(std::isnan(results[2].floats[4]));
}

/// Mean 0, variance 1, no number beyond what 24 bits reach, and the numbers are their stream's.
TEST_F(EvaluatorTest, NormalNumbers) {
  auto f = function("%k: tensor<i64>, %c: tensor<i32>", "tensor<40000xf64>", R"(
    %0 = graph.random_normal key %k counter %c stream 7 : tensor<i64>, tensor<i32> -> tensor<40000xf64>
    return %0 : tensor<40000xf64>)");
  Numbers z = run(f, {{99}, {3}})[0].floats;
  double sum = 0, squares = 0, fourth = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    sum += z[i], squares += z[i] * z[i], fourth += std::pow(z[i], 4);
    // The distribution function gives back the uniform number, to the accuracy of the polynomial.
    EXPECT_NEAR(std::erfc(-z[i] / std::sqrt(2)) / 2, philoxUniform(99, 7, 3, i) + 0x1p-25, 1e-6);
  }
  double count = double(z.size());
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourth / count, 3, 5 * std::sqrt(96 / count));
}

/// A hidden entry has the share 0 and leaves the bounds of the others alone.
TEST_F(EvaluatorTest, BoundsOfSoftmaxWithHiddenEntries) {
  auto f = function("%x: tensor<3xf32>", "tensor<3xf32>, tensor<3xf32>", R"(
    %0 = graph.softmax %x along 0 : tensor<3xf32>
    %1 = graph.log_softmax %x along 0 : tensor<3xf32>
    return %0, %1 : tensor<3xf32>, tensor<3xf32>)");
  auto results = run(f, {{-INFINITY, 1, 2}}, Bounds::Declared);
  EXPECT_EQ(results[0].floats[0], 0);
  EXPECT_EQ(results[1].floats[0], -INFINITY);
  for (const Tensor &result : results)
    for (double bound : result.bounds)
      EXPECT_LT(bound, 1e-5);
}

TEST_F(EvaluatorTest, SoftmaxOfLargeNumbersIsFinite) {
  auto f = function("%x: tensor<2xf32>", "tensor<2xf32>",
                    "%0 = graph.softmax %x along 0 : tensor<2xf32>\nreturn %0 : tensor<2xf32>");
  expectNear(run(f, {{1e30, 1e30}})[0].floats, {0.5, 0.5});
}

const char *kRunningSums = R"(
  %last, %all = graph.scan DIRECTION 3 carry(%s = %init) over(%v = %x axis 1) out(axis 0)
      : (tensor<2xf32>, tensor<2x3xf32>) -> (tensor<2xf32>, tensor<3x2xf32>) {
    %w = graph.mul %v, %scale : tensor<2xf32>
    %n = graph.add %s, %w : tensor<2xf32>
    graph.yield carry(%n : tensor<2xf32>) out(%n : tensor<2xf32>)
  }
  return %last, %all : tensor<2xf32>, tensor<3x2xf32>)";

class ScanTest : public EvaluatorTest {
protected:
  llvm::SmallVector<Tensor> runningSums(const std::string &direction) {
    std::string body = kRunningSums;
    body.replace(body.find("DIRECTION"), 9, direction);
    auto f = function("%init: tensor<2xf32>, %x: tensor<2x3xf32>, %scale: tensor<2xf32>",
                      "tensor<2xf32>, tensor<3x2xf32>", body);
    return run(f, {{100, 200}, {1, 2, 3, 4, 5, 6}, {1, 10}});
  }
};

TEST_F(ScanTest, CarriesSlicesAndCaptures) {
  auto results = runningSums("");
  EXPECT_EQ(results[0].floats, (Numbers{106, 350}));
  EXPECT_EQ(results[1].floats, (Numbers{101, 240, 103, 290, 106, 350}));
}

TEST_F(ScanTest, RunsBackwards) {
  auto results = runningSums("reverse");
  EXPECT_EQ(results[0].floats, (Numbers{106, 350}));
  EXPECT_EQ(results[1].floats, (Numbers{106, 350, 105, 310, 103, 260}));
}

TEST_F(EvaluatorTest, ObserverSeesEachStep) {
  std::string body = kRunningSums;
  body.replace(body.find("DIRECTION"), 9, "");
  auto f = function("%init: tensor<2xf32>, %x: tensor<2x3xf32>, %scale: tensor<2xf32>",
                    "tensor<2xf32>, tensor<3x2xf32>", body);
  llvm::SmallVector<Tensor> arguments;
  for (mlir::Type type : f.getArgumentTypes())
    arguments.emplace_back(mlir::cast<mlir::RankedTensorType>(type));
  EvaluateOptions options;
  int64_t sums = 0;
  options.observe = [&](mlir::Value value, const Tensor &, llvm::ArrayRef<int64_t> steps) {
    sums += value.getDefiningOp<graph::AddOp>() && steps.size() == 1;
  };
  EXPECT_TRUE(mlir::succeeded(evaluate(f, arguments, options)));
  EXPECT_EQ(sums, 3);
}

TEST_F(EvaluatorTest, WrongNumberOfArgumentsIsAnError) {
  auto f = function("%x: tensor<f32>", "tensor<f32>", "return %x : tensor<f32>");
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_TRUE(mlir::failed(evaluate(f, {})));
  EXPECT_NE(message.find("expected"), std::string::npos);
}

TEST_F(EvaluatorTest, CondRunsOneBranch) {
  auto f = function("%p: tensor<i1>, %x: tensor<2xf32>", "tensor<2xf32>, tensor<f32>", R"(
    %y, %z = graph.cond %p -> (tensor<2xf32>, tensor<f32>) {
      %0 = graph.reduce_sum %x over [0] : tensor<2xf32> -> tensor<f32>
      graph.yield out(%x, %0 : tensor<2xf32>, tensor<f32>)
    } else {
      %1 = graph.neg %x : tensor<2xf32>
      %2 = graph.constant dense<5.0> : tensor<f32>
      graph.yield out(%1, %2 : tensor<2xf32>, tensor<f32>)
    }
    return %y, %z : tensor<2xf32>, tensor<f32>)");
  auto taken = run(f, {{1}, {2, 3}}), other = run(f, {{0}, {2, 3}});
  expectNear(taken[0].floats, {2, 3});
  expectNear(taken[1].floats, {5});
  expectNear(other[0].floats, {-2, -3});
  expectNear(other[1].floats, {5});
}

static const char *const kDouble = R"(
    %two = graph.constant dense<2.0> : tensor<f32>
    %y = graph.while carry(%a = %x) : (tensor<f32>) -> tensor<f32> {
      %p = graph.compare lt %a, %limit : tensor<f32> -> tensor<i1>
      graph.yield out(%p : tensor<i1>)
    } do(%b) {
      %0 = graph.mul %b, %two : tensor<f32>
      graph.yield carry(%0 : tensor<f32>)
    }
    return %y : tensor<f32>)";

TEST_F(EvaluatorTest, WhileStepsAsLongAsItsConditionHolds) {
  auto f = function("%x: tensor<f32>, %limit: tensor<f32>", "tensor<f32>", kDouble);
  expectNear(run(f, {{3}, {100}})[0].floats, {192});
  expectNear(run(f, {{300}, {100}})[0].floats, {300});
}

/// 0 doubled stays below any limit.
TEST_F(EvaluatorTest, WhileThatDoesNotEndIsAnError) {
  auto f = function("%x: tensor<f32>, %limit: tensor<f32>", "tensor<f32>", kDouble);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message = diagnostic.str();
    return mlir::success();
  });
  auto type = mlir::cast<mlir::RankedTensorType>(f.getArgumentTypes()[0]);
  EXPECT_TRUE(mlir::failed(evaluate(f, {makeTensor(type, {0}), makeTensor(type, {1})})));
  EXPECT_EQ(message, "expected a loop that ends, got one that has not after 100000 steps");
}

} // namespace
