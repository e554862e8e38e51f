//===- GradientSumsTest.cpp - sums of many cotangents of bf16 --------------===//
// A value of bf16 that is used n times gets n cotangents. Added in bf16, which has eight digits, the sum would stand
// still at 256 times the size of a term. What machine code computes has to be within a few roundings of bf16 of the
// sum.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Moru.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace moru;

namespace {

/// Of a product, a sum that is rounded once, and where two kernels share the work another time: each is off by 2^-9 at
/// most.
constexpr double kTolerance = 4 * 0x1p-9;

/// Compiles `loss` of x and the inputs, runs its gradient with respect to x, which is 1, and expects `expected` in each
/// entry.
void expectGradient(const TensorType &type, const std::function<Tensor(Function &, Tensor)> &loss, double expected) {
  Program program;
  program.function("f", [&](Function &f) {
    Tensor x = f.input("x", type);
    f.output("dx", gradient(loss(f, x), {x})[0]);
  });
  ASSERT_TRUE(program.ok()) << program.errorText();
  Result<Executable> executable = compile(program, {.threads = 1, .cache = false});
  ASSERT_TRUE(executable) << executable.message();
  Shape shape;
  for (const Dim &dim : type.dims)
    shape.push_back(dim.size);
  HostTensor x(type.type, shape);
  for (int64_t i = 0; i != x.numElements(); ++i)
    x.set(i, 1);
  Outputs outputs = (*executable)(x);
  ASSERT_TRUE(outputs) << outputs.message();
  for (int64_t i = 0; i != x.numElements(); ++i)
    EXPECT_NEAR(outputs["dx"].at(i), expected, kTolerance * expected) << "entry " << i;
}

TEST(GradientSums, OfAValueUsedOften) {
  constexpr int kUses = 700;
  expectGradient(
      bf16({3}),
      [](Function &, Tensor x) {
        Tensor total = zeros({3}, ElementType::F32);
        for (int i = 0; i != kUses; ++i)
          total = total + convert(x * (1 + i % 4), ElementType::F32);
        return sum(total);
      },
      kUses * 2.5);
}

TEST(GradientSums, OfAValueThatALoopReads) {
  constexpr int64_t kSteps = 1500;
  auto loop = [](Tensor w, const std::function<Tensor(Tensor)> &f) {
    Tensor init = zeros({}, ElementType::F32), xs = ones({kSteps, 3}, ElementType::BF16);
    auto body = [&](Carry s, Tensor xt) { return Step{.carry = {s[0] + sum(convert(f(w) * xt, ElementType::F32))}}; };
    return scan(Carry{init}, xs, 0, body).last[0];
  };
  // A sum that leaves the loop, and one that has to stay in it.
  expectGradient(bf16({3}), [&](Function &, Tensor w) { return loop(w, [](Tensor w) { return w; }); }, kSteps);
  expectGradient(
      bf16({3}),
      [&](Function &, Tensor w) {
        Tensor init = ones({3}, ElementType::BF16), total = zeros({}, ElementType::F32);
        auto body = [&](Carry s) {
          Tensor next = minimum(s[0], w * 4);
          return Step{.carry = {next, s[1] + sum(convert(next * w, ElementType::F32))}};
        };
        return scan(Carry{init, total}, std::vector<Tensor>(), 0,
                    [&](Carry s, const std::vector<Tensor> &) { return body(s); }, {.length = kSteps})
            .last[1];
      },
      kSteps);
}

TEST(GradientSums, OfARowThatIsReadOften) {
  constexpr int64_t kIds = 900;
  expectGradient(
      bf16({1, 5}),
      [](Function &, Tensor table) {
        return sum(convert(gather(table, zeros({kIds}, ElementType::I32)), ElementType::F32));
      },
      kIds);
}

TEST(GradientSums, OfABroadcastValue) {
  expectGradient(
      bf16({}), [](Function &, Tensor x) { return sum(convert(broadcastTo(x, {30, 40}), ElementType::F32)); }, 1200);
}

TEST(GradientSums, OfAContraction) {
  constexpr int64_t kRows = 1100;
  expectGradient(
      bf16({2, 3}),
      [](Function &, Tensor w) {
        return sum(convert(matmul(ones({kRows, 2}, ElementType::BF16), w), ElementType::F32));
      },
      kRows);
}

} // namespace
