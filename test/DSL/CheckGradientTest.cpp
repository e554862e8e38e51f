// Derivatives against finite differences.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

using namespace moru;

TEST(CheckGradientTest, AcceptsALayerWithALoop) {
  struct Model : nn::Module {
    nn::Embedding embed{*this, "E", 7, 3};
    nn::Lstm lstm{*this, "l0", 3, 4};
    nn::Linear proj{*this, "proj", 4, 7};
  } model;
  auto check = checkGradient(
      [&](Function &f) {
        Tensor ids = f.input("ids", i32({2, 5})), targets = f.input("targets", i32({2, 5}));
        return crossEntropy(model.proj(model.lstm(model.embed(ids)).output), targets);
      },
      model.parameters());
  ASSERT_TRUE(check) << check.message();
  EXPECT_TRUE(check->passed) << check->text;
  EXPECT_GT(check->worst, 0);
}

TEST(CheckGradientTest, AcceptsADerivativeOfADerivativeThroughALoop) {
  struct Model : nn::Module {
    nn::Lstm lstm{*this, "l0", 3, 2};
  } model;
  auto check = checkGradient(
      [&](Function &f) {
        Tensor y = model.lstm(f.input("x", f32({2, 4, 3}))).output;
        return sum(square(gradient(sum(square(y)), {model.lstm.Wh})[0]));
      },
      model.parameters());
  ASSERT_TRUE(check) << check.message();
  EXPECT_TRUE(check->passed) << check->text;
}

/// The check has failed and lays it to a stop_gradient at `line`.
static void expectBlamed(const Result<GradientCheck> &check, unsigned line, const std::string &before = "") {
  ASSERT_TRUE(check) << check.message();
  EXPECT_FALSE(check->passed);
  EXPECT_NE(check->text.find(before + "graph.stop_gradient at "), std::string::npos) << check->text;
  EXPECT_NE(check->text.find("test/DSL/CheckGradientTest.cpp:" + std::to_string(line)), std::string::npos)
      << check->text;
}

TEST(CheckGradientTest, NamesTheOperationThatLiesAboutItsGradient) {
  nn::Module model;
  Tensor w = model.parameter("w", {3}, init::ones());
  unsigned line = 0;
  auto check = checkGradient(
      [&](Function &f) {
        Tensor x = exp(f.input("x", f32({2, 3})) * w);
        line = Here::current().line() + 1;
        Tensor y = stopGradient(x) * x;
        return sum(tanh(y));
      },
      {w});
  expectBlamed(check, line);
}

TEST(CheckGradientTest, FailsWithTheMistakesOfTheTrace) {
  nn::Module model;
  Tensor w = model.parameter("w", {3}, init::ones());
  auto check = checkGradient([](Function &f) { return f.input("x", f32({2})) + f.input("y", f32({3})); }, {w});
  EXPECT_NE(check.message().find("shapes do not broadcast"), std::string::npos);
}

TEST(CheckGradientTest, NamesTheOperationWithinALoop) {
  nn::Module model;
  Tensor w = model.parameter("w", {3}, init::ones());
  unsigned line = 0;
  auto check = checkGradient(
      [&](Function &f) {
        Tensor xs = f.input("xs", f32({4, 3}));
        auto body = [&](Carry s, Tensor x) {
          line = Here::current().line() + 1;
          Tensor gate = stopGradient(sigmoid(s[0] * w));
          return Step{.carry = {tanh(gate * x + s[0])}};
        };
        return sum(scan(Carry{exp(w)}, xs, 0, body).last[0]);
      },
      {w});
  expectBlamed(check, line, ", in it ");
  EXPECT_NE(check->text.find("w["), std::string::npos) << check->text;
}

TEST(CheckGradientTest, NamesTheOperationBelowADerivative) {
  nn::Module model;
  Tensor w = model.parameter("w", {3}, init::ones());
  unsigned line = 0;
  auto check = checkGradient(
      [&](Function &f) {
        Tensor g = gradient(sum(exp(f.input("x", f32({3})) * w)), {w})[0];
        line = Here::current().line() + 1;
        Tensor y = stopGradient(g) * g;
        return sum(y);
      },
      {w});
  expectBlamed(check, line);
}

TEST(CheckGradientTest, ComparesInDoublePrecisionWhateverTheElementType) {
  for (ElementType type : {ElementType::F32, ElementType::F64, ElementType::BF16}) {
    nn::Module model;
    Tensor w = model.parameter("w", {3, 2}, init::normal(1), type);
    auto check = checkGradient(
        [&](Function &f) {
          Tensor x = f.input("x", {type, {4, 3}, {}});
          return mean(square(tanh(matmul(x, w))));
        },
        {w});
    ASSERT_TRUE(check) << check.message();
    EXPECT_TRUE(check->passed) << toString(type) << ": " << check->text;
    EXPECT_LT(check->worst, 1e-8) << toString(type);
  }
}

TEST(CheckGradientTest, DoesNotPassWhereNothingWasCompared) {
  nn::Module model;
  Tensor w = model.parameter("w", {3}, init::ones());
  // Many waves within a step.
  auto check = checkGradient([&](Function &) { return sum(sin(w * 1e4)); }, {w});
  ASSERT_TRUE(check) << check.message();
  EXPECT_FALSE(check->passed);
  EXPECT_NE(check->text.find("nothing was compared"), std::string::npos) << check->text;
}

TEST(CheckGradientTest, AsksForParametersAndALoss) {
  auto none = checkGradient([](Function &f) { return sum(f.input("x", f32({2}))); }, {});
  EXPECT_NE(none.message().find("expected parameters"), std::string::npos) << none.message();
  nn::Module model;
  Tensor w = model.parameter("w", {3}, init::ones());
  auto vector = checkGradient([&](Function &) { return w * 2; }, {w});
  EXPECT_NE(vector.message().find("expected a loss that is a scalar"), std::string::npos) << vector.message();
  auto discrete = checkGradient([&](Function &) { return convert(sum(argmax(w)), ElementType::F32); }, {w});
  EXPECT_NE(discrete.message().find("CheckGradientTest.cpp:"), std::string::npos) << discrete.message();
  EXPECT_NE(discrete.message().find("gradient through graph.argmax"), std::string::npos) << discrete.message();
}
