// Bounded dimensions of the language: one compiled function for every length, and what is said about wrong lengths.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace moru;

namespace {

std::string mistakeOf(const std::function<void(Function &)> &body) {
  Program program;
  EXPECT_FALSE(program.function("f", body));
  return program.errorText();
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

HostTensor counting(Shape shape) {
  HostTensor tensor(ElementType::F32, std::move(shape));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.set(i, double(i + 1));
  return tensor;
}

TEST(BoundedTest, NamesTravelToTheTypesAndToDiagnostics) {
  Program program;
  Dim len = dim("len", {.max = 6});
  ASSERT_TRUE(program.function("f", [&](Function &f) {
    Tensor x = f.input("x", f32({len, 3}));
    f.output("y", tanh(x));
  })) << program.errorText();
  EXPECT_HAS(program.print(), "%x: tensor<?x3xf32, #graph.dims<len max 6, _>>");
  EXPECT_HAS(mistakeOf([&](Function &f) { matmul(f.input("x", f32({len, 3})), f.input("W", f32({len, 4}))); }),
             "matmul: contracting dimensions differ: x is [len<=6, 3], W is [len<=6, 4]");
  EXPECT_HAS(mistakeOf([&](Function &f) { f.input("x", f32({len})) + f.input("y", f32({dim("m", {.max = 6})})); }),
             "+: shapes do not broadcast: x is [len<=6], y is [m<=6]");
  EXPECT_HAS(mistakeOf([&](Function &f) { f.input("x", f32({len})) + f.input("y", f32({6})); }),
             "+: shapes do not broadcast: x is [len<=6], y is [6]");
}

TEST(BoundedTest, MistakesAreReportedWhereTheyAreMade) {
  Dim len = dim("len", {.max = 6});
  EXPECT_HAS(mistakeOf([&](Function &f) { slice(f.input("x", f32({len, 3})), 0, 1); }),
             "slice: expected an axis of known size to slice, got axis 0 (len<=6): x is [len<=6, 3]");
  EXPECT_HAS(mistakeOf([&](Function &f) { split(f.input("x", f32({len, 3})), 2, 0); }),
             "split: expected an axis of known size to split, got axis 0 (len<=6)");
  EXPECT_HAS(mistakeOf([&](Function &f) { concat({f.input("x", f32({len})), f.input("y", f32({2}))}, 0); }),
             "concat: expected an axis of known size to concatenate along");
  EXPECT_HAS(mistakeOf([&](Function &f) { pad(f.input("x", f32({len})), {1}, {0}); }),
             "pad: expected an axis of known size to pad");
  EXPECT_HAS(mistakeOf([&](Function &f) { reshape(f.input("x", f32({len, 3})), {-1}); }),
             "reshape: expected every bounded dimension to stay itself");
  EXPECT_HAS(mistakeOf([&](Function &f) { f.state("s", f32({len})); }),
             "state \"s\": expected sizes that are known, got the bounded dimension len<=6");
  EXPECT_HAS(mistakeOf([&](Function &f) { f.input("x", f32({len, dim("len", {.max = 7})})); }),
             "expected one maximum for dimension \"len\", got 7 and before 6");
  EXPECT_HAS(mistakeOf([&](Function &f) { f.input("x", f32({dim("n", {.max = 0})})); }),
             "expected a maximum within 1 and 2147483647 for dimension \"n\", got 0");
  EXPECT_HAS(mistakeOf([&](Function &f) { zeros({f.input("x", f32({len})).size(0) + 1}); }),
             "expected sizes of at least 0");
  EXPECT_HAS(mistakeOf([&](Function &f) { f.input("x", f32({len})) + zeros({dim("len", {.max = 7})}); }),
             "full: expected one maximum for dimension \"len\", got 7 and before 6");
  EXPECT_HAS(mistakeOf([&](Function &f) { crossEntropy(f.input("x", f32({3, len})), f.input("t", i32({3}))); }),
             "crossEntropy: expected an axis of known size to choose classes from, got axis 1 (len<=6)");
  EXPECT_HAS(mistakeOf([&](Function &f) { rmsNorm(f.input("x", f32({3, len})), f.input("g", f32({len}))); }),
             "rmsNorm: expected an axis of known size to normalize along, got axis 1 (len<=6)");
  EXPECT_HAS(mistakeOf([&](Function &f) {
               Tensor q = f.input("q", f32({3, len}));
               attention(q, q, q);
             }),
             "attention: expected an axis of known size to multiply queries and keys along, got axis 1 (len<=6)");
  EXPECT_HAS(
      mistakeOf([&](Function &f) { gatherAlongAxis(f.input("x", f32({len, 3})), f.input("i", i32({len, 2})), 1); }),
      "gatherAlongAxis: expected an axis of known size to number entries across, got axis 0 (len<=6)");
  EXPECT_HAS(mistakeOf([&](Function &f) { topK(f.input("x", f32({len})), 7); }),
             "topK: expected numbers, and 0 <= k <= 6, got 7: x is [len<=6]");
  EXPECT_HAS(mistakeOf([&](Function &f) { dynamicSlice(f.input("x", f32({len})), {f.input("i", i32({}))}, {6}); }),
             "dynamicSlice: expected an axis of known size to take a part of, got axis 0 (len<=6)");
}

// Places are numbers of the program, and an axis of any length may lie beside them or be what is searched.
TEST(BoundedTest, PlacesAndOrderAlongBoundedAxes) {
  Program program;
  ASSERT_TRUE(program.function("f", [&](Function &f) {
    Tensor x = f.input("x", f32({dim("len", {.max = 6}), 3})), ids = f.input("ids", i32({2})),
           i = f.input("i", i32({}));
    f.output("largest", topK(sum(x, -1), 2).indices);
    f.output("columns", dynamicSlice(x, {i, i}, {x.size(0), 2}));
    f.output("zeroed", dynamicUpdateSlice(x, zeros({x.dims()[0], 1}), {i, i}));
    f.output("added", scatterAdd(x, ids, ones({2, 3})));
  })) << program.errorText();
  auto exe = compile(program, {.cache = false});
  ASSERT_TRUE(exe) << exe.message();
  HostTensor ids(ElementType::I32, {2}), one = HostTensor::full<int32_t>({}, 1);
  ids.set(0, 1);
  ids.set(1, 4); // Beyond the shorter ones.
  for (int64_t length : {6, 2, 5}) {
    Outputs out = (*exe)(counting({length, 3}), ids, one);
    ASSERT_TRUE(out) << out.message();
    EXPECT_EQ(out["largest"].at(0), double(length - 1));
    EXPECT_EQ(out["largest"].at(1), double(length - 2));
    EXPECT_EQ(out["columns"].shape(), (Shape{length, 2}));
    ASSERT_EQ(out["added"].shape(), (Shape{length, 3}));
    for (int64_t row = 0; row < length; ++row) {
      EXPECT_EQ(out["columns"].at(row * 2), double(row * 3 + 2));
      EXPECT_EQ(out["zeroed"].at(row * 3 + 1), 0);
      EXPECT_EQ(out["zeroed"].at(row * 3 + 2), double(row * 3 + 3));
      EXPECT_EQ(out["added"].at(row * 3), double(row * 3 + 1 + (row == 1 || row == 4)));
    }
  }
  EXPECT_HAS((*exe)(counting({1, 3}), ids, one).message(), "expected at least 2 entries along axis 0 (len), got 1");
}

TEST(BoundedTest, OneCompiledFunctionServesEveryLength) {
  Program program;
  program.function("f", [&](Function &f) {
    Tensor x = f.input("x", f32({2, dim("len", {.max = 6}), 3}));
    f.output("mean", mean(x, {1, 2}));
    f.output("y", x * 2);
    f.output("sums", sum(reshape(x, {2, x.size(1), 3, 1}), {0, 2, 3}));
    f.output("length", length(x, 1));
  });
  ASSERT_TRUE(program.ok()) << program.errorText();
  auto exe = compile(program, {.cache = false});
  ASSERT_TRUE(exe) << exe.message();
  HostTensor poison = HostTensor::full<float>({2, 6, 3}, NAN);
  for (int64_t length : {1, 6, 3, 0, 5}) {
    ASSERT_TRUE((*exe)(poison));
    HostTensor x = counting({2, length, 3});
    Outputs out = (*exe)(x);
    ASSERT_TRUE(out) << out.message();
    EXPECT_EQ(out["y"].shape(), (Shape{2, length, 3}));
    EXPECT_EQ(out["sums"].shape(), Shape{length});
    EXPECT_EQ(out.scalar("length"), double(length));
    for (int64_t i = 0; i < x.numElements(); ++i)
      EXPECT_EQ(out["y"].at(i), 2 * x.at(i));
    for (int64_t t = 0; t < length; ++t) {
      double sum = 0;
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t k = 0; k < 3; ++k)
          sum += x.at((b * length + t) * 3 + k);
      EXPECT_EQ(out["sums"].at(t), sum);
    }
    for (int64_t b = 0; b < 2 && length; ++b)
      EXPECT_NEAR(out["mean"].at(b), (2 * double(b * length * 3) + double(length * 3) + 1) / 2, 1e-5);
  }
}

TEST(BoundedTest, WrongLengthsAreNamed) {
  Program program;
  Dim len = dim("len", {.max = 6});
  program.function("f", [&](Function &f) {
    Tensor x = f.input("x", f32({len, 3})), y = f.input("y", f32({len}));
    f.output("best", argmax(sum(x, -1) + y));
  });
  auto exe = compile(program, {.cache = false});
  ASSERT_TRUE(exe) << exe.message();
  EXPECT_HAS((*exe)(counting({7, 3}), counting({7})).message(),
             "f: input 'x': expected [len<=6, 3] f32, got [7, 3] f32");
  EXPECT_HAS((*exe)(counting({4, 3}), counting({5})).message(),
             "f: input 'y': expected 4 entries along axis 0 (len, as in 'x'), got 5");
  EXPECT_HAS((*exe)(counting({0, 3}), counting({0})).message(),
             "f: input 'x': expected at least 1 entries along axis 0 (len), got 0");
  EXPECT_EQ((*exe)(counting({4, 3}), counting({4})).scalar("best"), 3);
  EXPECT_EQ(exe->run("f", {{"y", counting({2})}, {"x", counting({2, 3})}}).scalar("best"), 1);
}

/// A language model whose sequences and batches are of any size: its step gives the same gradients as one compiled for
/// that size.
TEST(BoundedTest, TrainsAtAnyLength) {
  struct Model : nn::Module {
    nn::Embedding embed{*this, "E", 11, 4};
    nn::Lstm lstm{*this, "l0", 4, 6};
    nn::Linear proj{*this, {.weight = "W", .bias = "b"}, 6, 11};
  } model;
  auto makeStep = [&](const Dims &dims) {
    return trainStep(
        model, optim::Sgd{.learningRate = 0.5f},
        [&](Tensor ids, Tensor next) { return crossEntropy(model.proj(model.lstm(model.embed(ids)).output), next); },
        {i32(dims), i32(dims)});
  };
  auto bounded = compile(makeStep({dim("batch", {.max = 4}), dim("len", {.max = 9})}), {.cache = false});
  ASSERT_TRUE(bounded) << bounded.message();
  for (Shape shape : {Shape{3, 5}, Shape{1, 1}, Shape{4, 9}, Shape{2, 7}}) {
    auto exact = compile(makeStep({shape[0], shape[1]}), {.cache = false});
    ASSERT_TRUE(exact) << exact.message();
    HostTensor ids(ElementType::I32, shape), next(ElementType::I32, shape);
    for (int64_t i = 0; i < ids.numElements(); ++i) {
      ids.set(i, double(i * 7 % 11));
      next.set(i, double((i * 7 + 3) % 11));
    }
    for (auto *exe : {&*bounded, &*exact}) {
      ASSERT_TRUE(exe->load(model.initialValues(1), Role::Parameter));
      exe->clear(Role::State);
    }
    for (int step = 0; step < 3; ++step)
      EXPECT_NEAR((*bounded)(ids, next).scalar("loss"), (*exact)(ids, next).scalar("loss"), 1e-5);
    for (const ArgumentSignature &parameter : exact->residents()) {
      const HostTensor &a = *bounded->find(parameter.name), &b = *exact->find(parameter.name);
      for (int64_t i = 0; i < b.numElements(); ++i)
        EXPECT_NEAR(a.at(i), b.at(i), 1e-5) << parameter.name << " " << i;
    }
  }
}

} // namespace
