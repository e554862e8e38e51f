// Recurrent layers: their formulas, state that is carried from call to call, and sequences that end early.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace moru;

namespace {

constexpr int64_t kRows = 2, kTime = 4, kIn = 3, kHidden = 5;

HostTensor numbers(Shape shape, double phase) {
  HostTensor tensor(ElementType::F32, std::move(shape));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.set(i, std::sin(0.7 * double(i) + phase));
  return tensor;
}

/// What is in `tensor` from entry `first` on, of `count` entries.
std::vector<float> entries(const HostTensor &tensor, int64_t first, int64_t count) {
  return {tensor.data<float>() + first, tensor.data<float>() + first + count};
}

Executable compiled(const Program &program, const nn::Module &model) {
  EXPECT_TRUE(program.ok()) << program.errorText();
  Result<Executable> executable = compile(program, {.cache = false});
  EXPECT_TRUE(executable) << executable.message();
  EXPECT_TRUE(executable->load(model.initialValues(3), Role::Parameter));
  return executable.take();
}

struct GruModel : nn::Module {
  nn::Gru gru{*this, "gru", kIn, kHidden};
};

TEST(NnTest, AGruStepIsItsFormula) {
  GruModel model;
  Program program;
  program.function("step", [&](Function &f) {
    f.output("h", model.gru.step(f.input("x", f32({kRows, kIn})), f.input("h0", f32({kRows, kHidden}))));
  });
  Executable executable = compiled(program, model);
  HostTensor x = numbers({kRows, kIn}, 0.2), h = numbers({kRows, kHidden}, 1.1), bias = numbers({3 * kHidden}, 2.2);
  ASSERT_TRUE(executable.set("gru.b", bias));
  Outputs outputs = executable.run("step", {{"x", x}, {"h0", h}});
  ASSERT_TRUE(outputs) << outputs.message();
  const HostTensor &Wx = *executable.find("gru.Wx"), &Wh = *executable.find("gru.Wh");
  auto sigmoid = [](double value) { return 1 / (1 + std::exp(-value)); };
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t k = 0; k < kHidden; ++k) {
      double z[3], y[3];
      for (int64_t gate = 0; gate < 3; ++gate) {
        int64_t column = gate * kHidden + k;
        z[gate] = bias.at(column), y[gate] = 0;
        for (int64_t i = 0; i < kIn; ++i)
          z[gate] += x.at(row * kIn + i) * Wx.at(i * 3 * kHidden + column);
        for (int64_t i = 0; i < kHidden; ++i)
          y[gate] += h.at(row * kHidden + i) * Wh.at(i * 3 * kHidden + column);
      }
      double r = sigmoid(z[0] + y[0]), u = sigmoid(z[1] + y[1]), n = std::tanh(z[2] + r * y[2]);
      EXPECT_NEAR(outputs["h"].at(row * kHidden + k), (1 - u) * n + u * h.at(row * kHidden + k), 1e-6);
    }
}

TEST(NnTest, AGruOfShortSequencesKeepsTheirLastState) {
  GruModel model;
  Program program;
  program.function("padded", [&](Function &f) {
    Tensor x = f.input("x", f32({kRows, kTime, kIn}));
    nn::Gru::Output output = model.gru(x, model.gru.start(kRows), f.input("lengths", i32({kRows})));
    f.output("all", output.output);
    f.output("last", output.state);
  });
  program.function("whole", [&](Function &f) {
    nn::Gru::Output output = model.gru(f.input("x", f32({kRows, kTime, kIn})), model.gru.start(kRows));
    f.output("all", output.output);
    f.output("last", output.state);
  });
  Executable executable = compiled(program, model);
  HostTensor x = numbers({kRows, kTime, kIn}, 0.4), lengths(ElementType::I32, {kRows});
  lengths.data<int32_t>()[0] = kTime;
  lengths.data<int32_t>()[1] = 2;
  Outputs whole = executable.run("whole", {{"x", x}});
  ASSERT_TRUE(whole) << whole.message();
  Outputs padded = executable.run("padded", {{"x", x}, {"lengths", lengths}});
  ASSERT_TRUE(padded) << padded.message();
  EXPECT_EQ(entries(padded["last"], 0, kHidden), entries(whole["last"], 0, kHidden));
  // The second row after two steps, in the state and in every output behind them.
  std::vector<float> end = entries(whole["all"], (kTime + 1) * kHidden, kHidden);
  EXPECT_EQ(entries(padded["last"], kHidden, kHidden), end);
  for (int64_t time = 1; time < kTime; ++time)
    EXPECT_EQ(entries(padded["all"], (kTime + time) * kHidden, kHidden), end);
}

TEST(NnTest, AGruHasTheGradientsOfItsFormula) {
  GruModel model;
  auto check = checkGradient(
      [&](Function &f) {
        Tensor x = f.input("x", f32({kRows, kTime, kIn})), h = f.input("h", f32({kRows, kHidden}));
        Tensor lengths = cumsum(iota(i32({kRows}), 0) + 1, 0);
        return sum(square(model.gru(x, h, lengths).output));
      },
      model.parameters());
  ASSERT_TRUE(check) << check.message();
  EXPECT_TRUE(check->passed) << check->text;
}

TEST(NnTest, LstmLayersGoOnFromTheirState) {
  struct Model : nn::Module {
    nn::LstmLayers lstm{*this, "l", 2, kIn, kHidden};
  } model;
  Program program;
  program.function("halves", [&](Function &f) {
    Tensor x = f.input("x", f32({kRows, kTime, kIn}));
    State state = model.lstm.start(kRows);
    Tensor first = model.lstm(slice(x, 1, 0, 2), state), second = model.lstm(slice(x, 1, 2), state);
    f.output("y", concat({first, second}, 1));
  });
  program.function("whole", [&](Function &f) {
    State state = model.lstm.start(kRows);
    f.output("y", model.lstm(f.input("x", f32({kRows, kTime, kIn})), state));
    EXPECT_EQ(state.entries().size(), 4u);
  });
  Executable executable = compiled(program, model);
  EXPECT_EQ(executable.find("l1.Wx")->shape(), (Shape{kHidden, 4 * kHidden}));
  HostTensor x = numbers({kRows, kTime, kIn}, 0.9);
  Outputs whole = executable.run("whole", {{"x", x}});
  ASSERT_TRUE(whole) << whole.message();
  Outputs halves = executable.run("halves", {{"x", x}});
  ASSERT_TRUE(halves) << halves.message();
  for (int64_t i = 0; i < whole["y"].numElements(); ++i)
    EXPECT_NEAR(halves["y"].at(i), whole["y"].at(i), 1e-6);
}

} // namespace
