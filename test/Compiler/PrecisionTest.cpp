// Contractions on matrix units against those of fused multiply-additions: no less accurate, the same for what bf16
// cannot split, the same bits for any number of threads.

#include "moru/DSL/Compile.h"
#include "moru/DSL/Moru.h"
#include "moru/Support/Philox.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace moru;

namespace {

/// C[rows, columns] = A[rows, depth] B[depth, columns]: large enough for tiles, with narrow last panels.
constexpr int64_t kRows = 130, kColumns = 120, kDepth = 700;

HostTensor draw(int64_t rows, int64_t columns, uint32_t stream, const std::function<float(float, int64_t)> &shape) {
  HostTensor matrix(ElementType::F32, {rows, columns});
  for (int64_t i = 0; i < matrix.numElements(); ++i)
    matrix.data<float>()[i] = shape(2 * philoxUniform(7, stream, 0, uint64_t(i)) - 1, i);
  return matrix;
}

HostTensor multiply(const HostTensor &a, const HostTensor &b, Precision precision, int32_t threads = 1) {
  Program program;
  program.function("gemm", [&](Function &function) {
    Tensor x = function.input("a", f32({a.dim(0), a.dim(1)})), y = function.input("b", f32({b.dim(0), b.dim(1)}));
    function.output("c", matmul(x, y));
  });
  CompileOptions options;
  options.precision = precision;
  options.threads = threads;
  Result<Executable> executable = compile(program, options);
  EXPECT_TRUE(executable) << executable.message();
  Outputs outputs = executable->run("gemm", {{"a", a}, {"b", b}});
  EXPECT_TRUE(outputs) << outputs.message();
  return outputs["c"].clone();
}

/// Errors relative to the sums of magnitudes, in order.
std::vector<double> errorsOf(const HostTensor &a, const HostTensor &b, const HostTensor &c) {
  int64_t rows = a.dim(0), depth = a.dim(1), columns = b.dim(1);
  std::vector<double> errors;
  for (int64_t i = 0; i < rows; ++i) {
    std::vector<double> sums(size_t(columns), 0), magnitudes(size_t(columns), 0);
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < columns; ++j) {
        double product = double(a.data<float>()[i * depth + k]) * double(b.data<float>()[k * columns + j]);
        sums[size_t(j)] += product;
        magnitudes[size_t(j)] += std::abs(product);
      }
    for (int64_t j = 0; j < columns; ++j)
      errors.push_back(std::abs(double(c.data<float>()[i * columns + j]) - sums[size_t(j)]) / magnitudes[size_t(j)]);
  }
  std::sort(errors.begin(), errors.end());
  return errors;
}

class PrecisionTest : public testing::Test {
protected:
  void SetUp() override {
    if (!Target::host().hasTiles())
      GTEST_SKIP() << "this machine has no matrix units for bf16";
  }

  /// Median and 99.9 % quantile.
  static void expectNoLessAccurate(const HostTensor &a, const HostTensor &b, const char *what) {
    std::vector<double> tiles = errorsOf(a, b, multiply(a, b, Precision::F32x6));
    std::vector<double> vectors = errorsOf(a, b, multiply(a, b, Precision::F32));
    for (double quantile : {0.5, 0.999}) {
      auto place = size_t(quantile * double(tiles.size()));
      EXPECT_LE(tiles[place], vectors[place]) << what << ", quantile " << quantile;
    }
    // Three products are what they are said to be, and not the six.
    std::vector<double> three = errorsOf(a, b, multiply(a, b, Precision::F32x3));
    EXPECT_LT(three.back(), 3e-5) << what;
    EXPECT_GT(three.back(), tiles.back()) << what;
  }
};

TEST_F(PrecisionTest, SixProductsAreAsAccurateAsFusedMultiplyAdditions) {
  auto plain = [](float x, int64_t) { return x; };
  auto positive = [](float x, int64_t) { return std::abs(x); };
  HostTensor a = draw(kRows, kDepth, 1, plain), b = draw(kDepth, kColumns, 2, plain);
  expectNoLessAccurate(a, b, "uniform");
  expectNoLessAccurate(draw(kRows, kDepth, 3, positive), draw(kDepth, kColumns, 4, positive), "positive");
  auto scaledRows = [](float x, int64_t i) { return x * std::pow(10.0f, float(i / kDepth % 19 - 9)); };
  expectNoLessAccurate(draw(kRows, kDepth, 5, scaledRows), b, "rows of all magnitudes");
  auto scaled = [](float x, int64_t i) { return x * std::pow(10.0f, 12 * philoxUniform(7, 8, 0, uint64_t(i)) - 6); };
  expectNoLessAccurate(draw(kRows, kDepth, 6, scaled), b, "entries of all magnitudes");
}

/// Rows that are no sums of bf16 take the same additions in the same order as without matrix units.
TEST_F(PrecisionTest, WhatCannotBeSplitIsMultipliedAsItIs) {
  auto plain = [](float x, int64_t) { return x; };
  HostTensor b = draw(kDepth, kColumns, 2, plain);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float awkward[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), 0x1.8p127f,
                           std::numeric_limits<float>::max()};
  for (float number : awkward) {
    HostTensor a = draw(kRows, kDepth, 1, plain);
    a.data<float>()[kDepth * 5 + 3] = number;
    HostTensor tiles = multiply(a, b, Precision::F32x6), vectors = multiply(a, b, Precision::F32);
    for (int64_t j = 0; j < 32 * kColumns; ++j)
      ASSERT_EQ(std::memcmp(tiles.data<float>() + j, vectors.data<float>() + j, sizeof(float)), 0)
          << number << ": entry " << j << ": " << tiles.data<float>()[j] << ", " << vectors.data<float>()[j];
  }
  // A row of denormals.
  HostTensor a = draw(kRows, kDepth, 1, [](float x, int64_t i) { return i / kDepth == 40 ? x * 0x1p-130f : x; });
  HostTensor tiles = multiply(a, b, Precision::F32x6), vectors = multiply(a, b, Precision::F32);
  EXPECT_EQ(std::memcmp(tiles.data<float>() + 40 * kColumns, vectors.data<float>() + 40 * kColumns, 4 * kColumns), 0);
}

TEST_F(PrecisionTest, TheSameBitsForAnyNumberOfThreads) {
  auto plain = [](float x, int64_t) { return x; };
  HostTensor a = draw(kRows, kDepth, 1, plain), b = draw(kDepth, 2048, 2, plain);
  for (Precision precision : {Precision::F32x6, Precision::BF16}) {
    HostTensor expected = multiply(a, b, precision, 1);
    for (int32_t threads : {2, 3, 8})
      EXPECT_TRUE(multiply(a, b, precision, threads).sameBits(expected)) << toString(precision) << " " << threads;
  }
}

/// One row: rows of the matrix are added up as they lie in memory, in parts; rest columns, and rows that leave none.
TEST(OneRowTest, SumsOfWholeRows) {
  auto plain = [](float x, int64_t) { return x; };
  for (auto [depth, columns] : {std::pair<int64_t, int64_t>(512, 1000), {256, 1029}, {130, 2048}}) {
    HostTensor a = draw(1, depth, 1, plain), b = draw(depth, columns, 2, plain);
    HostTensor expected = multiply(a, b, Precision::F32, 1);
    EXPECT_LT(errorsOf(a, b, expected).back(), 1e-6) << depth;
    for (int32_t threads : {2, 3, 8})
      EXPECT_TRUE(multiply(a, b, Precision::F32, threads).sameBits(expected)) << depth << " " << threads;
  }
}

/// The nearest bf16, as f32; of two the even one.
float toBF16(float x, int64_t) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

HostTensor rounded(HostTensor matrix) {
  for (int64_t i = 0; i < matrix.numElements(); ++i)
    matrix.data<float>()[i] = toBF16(matrix.data<float>()[i], i);
  return matrix;
}

/// On matrix units or on vectors: operands are rounded, and nothing else is.
TEST(BF16Test, RoundsTheOperandsAlone) {
  auto plain = [](float x, int64_t) { return x; };
  HostTensor a = draw(kRows, kDepth, 1, plain), b = draw(kDepth, kColumns, 2, plain);
  HostTensor c = multiply(a, b, Precision::BF16);
  EXPECT_LT(errorsOf(rounded(a.clone()), rounded(b.clone()), c).back(), 3e-6);
  EXPECT_GT(errorsOf(a, b, c).back(), 1e-4);
}

TEST(BF16Test, KeepsWhatIsNotFinite) {
  auto plain = [](float x, int64_t) { return x; };
  HostTensor b = draw(kDepth, kColumns, 2, plain), a = draw(kRows, kDepth, 1, plain);
  a.data<float>()[kDepth * 5 + 3] = std::numeric_limits<float>::infinity();
  a.data<float>()[kDepth * 6 + 3] = std::numeric_limits<float>::quiet_NaN();
  HostTensor c = multiply(a, b, Precision::BF16);
  for (int64_t j = 0; j < kColumns; ++j) {
    EXPECT_EQ(c.data<float>()[5 * kColumns + j], std::copysign(INFINITY, b.data<float>()[3 * kColumns + j])) << j;
    EXPECT_TRUE(std::isnan(c.data<float>()[6 * kColumns + j])) << j;
    EXPECT_TRUE(std::isfinite(c.data<float>()[7 * kColumns + j])) << j;
  }
}

/// K = 4,100 of operands that are split within the kernel, in parts that are added: no less accurate, and a marked
/// panel makes only its own rows wait.
TEST_F(PrecisionTest, DeepSums) {
  auto plain = [](float x, int64_t) { return x; };
  constexpr int64_t kDeep = 4100;
  HostTensor a = draw(kRows, kDeep, 1, plain), b = draw(kDeep, 160, 2, plain);
  expectNoLessAccurate(a, b, "deep");
  HostTensor expected = multiply(a, b, Precision::F32x6, 1);
  for (int32_t threads : {2, 3, 8})
    EXPECT_TRUE(multiply(a, b, Precision::F32x6, threads).sameBits(expected)) << threads;
  a.data<float>()[kDeep * 5 + 4001] = 0x1.8p127f;
  HostTensor marked = multiply(a, b, Precision::F32x6);
  EXPECT_EQ(std::memcmp(marked.data<float>() + 32 * 160, expected.data<float>() + 32 * 160, 4 * 160 * (kRows - 32)), 0);
  EXPECT_LT(errorsOf(a, b, marked).back(), 1e-5);
}

} // namespace
