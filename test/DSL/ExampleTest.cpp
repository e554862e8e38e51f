// The first program of a newcomer, and the layer underneath: traced, compiled, trained.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

using namespace moru;

namespace {

struct LstmLm : nn::Module {
  struct Config {
    int64_t vocab = 20, dim = 8, hidden = 16;
  };
  nn::Embedding embed;
  nn::Lstm lstm;
  nn::Linear proj;

  explicit LstmLm(Config c)
      : embed(*this, "E", c.vocab, c.dim), lstm(*this, "l0", c.dim, c.hidden),
        proj(*this, {.weight = "Wproj", .bias = "bproj"}, c.hidden, c.vocab) {}

  Tensor operator()(Tensor ids) { return proj(lstm(embed(ids)).output); } // [B, T] -> [B, T, V]
};

/// Ids that count up, and the next ones.
HostTensor counting(int32_t from) {
  HostTensor ids(ElementType::I32, {4, 10});
  for (int32_t i = 0; i < 40; ++i)
    ids.data<int32_t>()[i] = (i + from) % 20;
  return ids;
}

TEST(ExampleTest, TrainsAModelOfThirtyLines) {
  LstmLm model({});
  auto step =
      trainStep(model, optim::Adam{.learningRate = 1e-2f},
                [&](Tensor ids, Tensor next) { return crossEntropy(model(ids), next); }, {i32({4, 10}), i32({4, 10})});
  auto exe = compile(step, {.target = Target::host(), .cache = false});
  ASSERT_TRUE(exe) << exe.message();
  ASSERT_TRUE(exe->load(model.initialValues(/*seed=*/1), Role::Parameter));
  HostTensor ids = counting(0), next = counting(1);
  double first = (*exe)(ids, next).scalar("loss"), last = first;
  for (int i = 0; i < 100; ++i)
    last = (*exe)(ids, next).scalar("loss");
  EXPECT_GT(first, 2.5);
  EXPECT_LT(last, 0.5);
}

TEST(ExampleTest, ACellOfOnesOwnIsAScan) {
  nn::Module model;
  Tensor Wx = model.parameter("Wx", {3, 16}, init::uniform(0.5)),
         Wh = model.parameter("Wh", {4, 16}, init::uniform(0.5)), b = model.parameter("b", {16}, init::zeros());
  Program program;
  program.function("derivatives", [&](Function &f) {
    Tensor x = f.input("x", f32({2, 5, 3})), h0 = zeros({2, 4}), c0 = zeros({2, 4});
    Tensor z = matmul(x, Wx) + b; // All time steps at once; no hint needed.
    auto [last, hs] = scan(Carry{h0, c0}, z, /*axis=*/1, [&](Carry s, Tensor zt) {
      auto [f, i, g, o] = split<4>(zt + matmul(s[0], Wh), -1);
      Tensor c = sigmoid(f) * s[1] + sigmoid(i) * tanh(g);
      Tensor h = sigmoid(o) * tanh(c);
      return Step{.carry = {h, c}, .output = h};
    });
    auto grads = gradient(sum(square(hs)) + sum(last[1]), {Wx, Wh, b}); // Tensors like any other.
    f.output("dWx", grads[0]);
    f.output("curvature", gradient(sum(square(grads[2])), {b})[0]); // Differentiated again.
  });
  ASSERT_TRUE(program.ok()) << program.errorText();
  auto exe = compile(program, {.cache = false});
  ASSERT_TRUE(exe) << exe.message();
  ASSERT_TRUE(exe->load(model.initialValues(1), Role::Parameter));
  HostTensor x = HostTensor::full<float>({2, 5, 3}, 0.5f);
  Outputs outputs = (*exe)(x);
  ASSERT_TRUE(outputs) << outputs.message();
  EXPECT_EQ(outputs["dWx"].shape(), (Shape{3, 16}));
  EXPECT_NE(outputs["dWx"].data<float>()[0], 0.0f);
  EXPECT_NE(outputs["curvature"].data<float>()[0], 0.0f);
}

} // namespace
