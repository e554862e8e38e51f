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
  ASSERT_TRUE(check) << check.message();
  EXPECT_FALSE(check->passed);
  EXPECT_NE(check->text.find("graph.stop_gradient at "), std::string::npos) << check->text;
  EXPECT_NE(check->text.find("test/DSL/CheckGradientTest.cpp:" + std::to_string(line)), std::string::npos)
      << check->text;
}

TEST(CheckGradientTest, FailsWithTheMistakesOfTheTrace) {
  auto check = checkGradient([](Function &f) { return f.input("x", f32({2})) + f.input("y", f32({3})); }, {});
  EXPECT_NE(check.message().find("shapes do not broadcast"), std::string::npos);
}
