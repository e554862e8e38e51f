// Schedules and optimizers against their formulas, in compiled code.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cmath>
#include <numbers>

using namespace moru;

namespace {

/// The learning rates of steps 1 … 12.
std::vector<double> ratesOf(const optim::Schedule &schedule) {
  Program program;
  program.function("rate", [&](Function &f) { f.output("rate", schedule(f.input("t", f32({})))); });
  auto executable = compile(program, {.cache = false});
  EXPECT_TRUE(executable) << executable.message() << program.errorText();
  std::vector<double> rates;
  for (int t = 1; executable && t <= 12; ++t)
    rates.push_back((*executable)(HostTensor::scalar<float>(float(t))).scalar("rate"));
  return rates;
}

void expectRates(const optim::Schedule &schedule, const std::function<double(double t)> &formula) {
  std::vector<double> rates = ratesOf(schedule);
  ASSERT_EQ(rates.size(), 12u);
  for (int t = 1; t <= 12; ++t)
    EXPECT_NEAR(rates[t - 1], formula(t), 2e-7) << "t = " << t;
}

TEST(ScheduleTest, FollowsItsFormula) {
  expectRates(0.25, [](double) { return 0.25; });
  expectRates(optim::warmupConstant(0.5, 4), [](double t) { return 0.5 * std::min(t / 4, 1.0); });
  expectRates(optim::warmupLinear(0.5, 4, 10),
              [](double t) { return t <= 4 ? 0.5 * t / 4 : 0.5 * std::max(10 - t, 0.0) / 6; });
  expectRates(optim::warmupCosine(0.5, 4, 10), [](double t) {
    return t <= 4 ? 0.5 * t / 4 : 0.5 * (1 + std::cos(std::numbers::pi * std::min((t - 4) / 6, 1.0))) / 2;
  });
  expectRates(optim::warmupCosine(0.5, 0, 10),
              [](double t) { return 0.5 * (1 + std::cos(std::numbers::pi * std::min(t / 10, 1.0))) / 2; });
  expectRates(optim::inverseSqrt(0.5, 64, 8),
              [](double t) { return 0.5 / 8 * std::min(1 / std::sqrt(t), t * std::pow(8, -1.5)); });
  expectRates(optim::Schedule([](const Tensor &t) { return 1.0 / t; }), [](double t) { return 1 / t; });
}

/// Minimizes (w - 3)² / 2 from w = 0, so that the gradient is w - 3; w after each of five steps.
std::vector<double> descend(const optim::Optimizer &optimizer) {
  nn::Module model;
  Tensor w = model.parameter("w", {1}, init::zeros());
  Program program =
      trainStep(model, optimizer, [&](Tensor aim) { return sum(square(w - aim)) * 0.5; }, {f32({1}).named("aim")});
  auto executable = compile(program, {.cache = false});
  EXPECT_TRUE(executable) << executable.message();
  std::vector<double> values;
  HostTensor aim = HostTensor::full<float>({1}, 3.0f);
  for (int step = 0; executable && step < 5; ++step) {
    EXPECT_TRUE((*executable)(aim));
    values.push_back(executable->find("w")->data<float>()[0]);
  }
  return values;
}

/// An update of two batches takes the mean of their gradients, each time.
TEST(AccumulateTest, TakesTheMeanOfBatches) {
  nn::Module model;
  Tensor w = model.parameter("w", {1}, init::zeros());
  optim::Optimizer optimizer = optim::Sgd{.learningRate = 0.5};
  optimizer.accumulate = 2;
  Program program;
  auto loss = [&](Function &f) { return sum(square(w - f.input("aim", f32({1})))) * 0.5; };
  program.function("accumulate_step", [&](Function &f) { buildAccumulateStep(f, model, loss(f)); });
  program.function("train_step", [&](Function &f) { buildTrainStep(f, model, optimizer, loss(f)); });
  auto executable = compile(program, {.cache = false});
  ASSERT_TRUE(executable) << executable.message() << program.errorText();
  double expected = 0;
  for (int step = 0; step < 3; ++step) {
    float one = float(step), other = 3 - 2 * float(step);
    ASSERT_TRUE(executable->run("accumulate_step", {{"aim", HostTensor::full<float>({1}, one)}}));
    EXPECT_FLOAT_EQ(executable->find("w")->data<float>()[0], float(expected)) << "not before the update";
    Outputs outputs = executable->run("train_step", {{"aim", HostTensor::full<float>({1}, other)}});
    ASSERT_TRUE(outputs) << outputs.message();
    double mean = ((expected - one) + (expected - other)) / 2;
    EXPECT_NEAR(outputs.scalar("grad_norm"), std::abs(mean), 1e-6);
    expected -= 0.5 * mean;
    EXPECT_NEAR(executable->find("w")->data<float>()[0], expected, 1e-6);
  }
}

void expectDescent(const optim::Optimizer &optimizer, const std::function<double(double w, int t)> &step) {
  double w = 0;
  std::vector<double> values = descend(optimizer);
  ASSERT_EQ(values.size(), 5u);
  for (int t = 1; t <= 5; ++t) {
    w = step(w, t);
    EXPECT_NEAR(values[t - 1], w, 2e-6) << "t = " << t;
  }
}

TEST(OptimizerTest, FollowsItsFormula) {
  expectDescent(optim::Sgd{.learningRate = 0.1}, [](double w, int) { return w - 0.1 * (w - 3); });
  double v = 0;
  expectDescent(optim::Sgd{.learningRate = 0.1, .momentum = 0.9}, [&](double w, int) {
    v = 0.9 * v + (w - 3);
    return w - 0.1 * v;
  });
  v = 0;
  expectDescent(optim::Sgd{.learningRate = 0.1, .momentum = 0.9, .nesterov = true}, [&](double w, int) {
    v = 0.9 * v + (w - 3);
    return w - 0.1 * ((w - 3) + 0.9 * v);
  });
  expectDescent(optim::Sgd{.learningRate = 0.1, .clip = 0.5},
                [](double w, int) { return w - 0.1 * (w - 3) * std::min(1.0, 0.5 / std::abs(w - 3)); });
  double m = 0, s = 0;
  auto adam = [&](double w, int t) {
    m = 0.8 * m + 0.2 * (w - 3);
    s = 0.95 * s + 0.05 * (w - 3) * (w - 3);
    return w - 0.1 * (m / (1 - std::pow(0.8, t))) / (std::sqrt(s / (1 - std::pow(0.95, t))) + 1e-3);
  };
  expectDescent(optim::Adam{.learningRate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}, adam);
  // No decay of vectors.
  m = s = 0;
  expectDescent(optim::AdamW{.learningRate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weightDecay = 0.5},
                adam);
}

TEST(OptimizerTest, OnesOwnIsARule) {
  optim::Optimizer sign;
  sign.learningRate = 0.25;
  sign.slots = {"count"};
  sign.rule = [](optim::Update &u) {
    u.slots[0] = u.slots[0] + 1;
    return u.parameter - u.learningRate * where(u.gradient > 0, 1.0, -1.0 * u.slots[0]);
  };
  expectDescent(sign, [](double w, int t) { return w - 0.25 * (w > 3 ? 1 : -t); });
}

} // namespace
