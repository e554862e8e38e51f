// The operations of the graph language: shapes and names of their results, what each expects. Their values and
// gradients are those of the recorded operations (`moru verify data/parity/ops`) and of the table in test/Integration.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace moru;

namespace {

/// Traces one function that must be free of mistakes and returns its text.
std::string textOf(const std::function<void(Function &)> &body) {
  Program program;
  EXPECT_TRUE(program.function("f", body)) << program.errorText();
  return program.print();
}

/// The messages of a function's mistakes.
std::vector<std::string> messagesOf(const std::function<void(Function &)> &body) {
  Program program;
  EXPECT_FALSE(program.function("f", body));
  std::vector<std::string> messages;
  for (const Diagnostic &error : program.errors()) {
    EXPECT_NE(error.file.find("OpsTest.cpp"), std::string::npos) << error.toString();
    messages.push_back(error.message);
  }
  return messages;
}

TEST(OpsTest, MatmulTransposesTheLastAxes) {
  textOf([](Function &f) {
    Tensor a = f.input("a", f32({7, 5})), b = f.input("b", f32({7, 3})), batch = f.input("c", f32({2, 5, 7}));
    EXPECT_EQ(matmul(a, b, {.transposeA = true}).shape(), (Shape{5, 3}));
    EXPECT_EQ(matmul(b, a, {.transposeA = true}).shape(), (Shape{3, 5}));
    EXPECT_EQ(matmul(batch, a, {.transposeA = false, .transposeB = false}).shape(), (Shape{2, 5, 5}));
    EXPECT_EQ(matmul(batch, batch, {.transposeB = true}).shape(), (Shape{2, 5, 5}));
    EXPECT_EQ(matmul(batch, batch, {.transposeA = true}).shape(), (Shape{2, 7, 7}));
    EXPECT_EQ(matmul(batch.withDims({"b", "t", "d"}), a).dims()[1], Dim("t", 5));
    EXPECT_EQ(contract("btd,dk->bkt", batch, a).shape(), (Shape{2, 5, 5}));
    f.output("y", a);
  });
}

TEST(OpsTest, ShapesFollowTheOptions) {
  textOf([](Function &f) {
    Tensor x = f.input("x", f32({3, 4, 5})), ids = f.input("ids", i32({2, 6})), i = f.input("i", i32({}));
    EXPECT_EQ(min(x, {0, 2}, true).shape(), (Shape{1, 4, 1}));
    EXPECT_EQ(prod(x).shape(), Shape{});
    EXPECT_EQ(logsumexp(x, 1).shape(), (Shape{3, 5}));
    EXPECT_EQ(logsumexp(x, -2, true).shape(), (Shape{3, 1, 5}));
    EXPECT_EQ(cumsum(x, -1, {.exclusive = true}).shape(), x.shape());
    EXPECT_EQ(topK(x, 2).values.shape(), (Shape{3, 4, 2}));
    EXPECT_EQ(topK(x, 2, 0).indices.shape(), (Shape{2, 4, 5}));
    EXPECT_EQ(topK(x, 2, 0).indices.type(), ElementType::I32);
    EXPECT_EQ(slice(x, {1, 0, -2}, {3, 4, 5}, {2, 1, 1}).shape(), (Shape{1, 4, 2}));
    EXPECT_EQ(slice(x, {0, 0, 0}, {3, -1, 5}).shape(), (Shape{3, 3, 5}));
    EXPECT_EQ(pad(x, {1, 0, 0}, {0, 2, 0}, -1.5).shape(), (Shape{4, 6, 5}));
    EXPECT_EQ(gather(x, ids).shape(), (Shape{2, 6, 4, 5}));
    EXPECT_EQ(gather(x, ids, 1).shape(), (Shape{3, 2, 6, 5}));
    EXPECT_EQ(gather(x, ids, -1).shape(), (Shape{3, 4, 2, 6}));
    EXPECT_EQ(scatterAdd(x, ids, gather(x, ids, 1), 1).shape(), x.shape());
    EXPECT_EQ(gatherAlongAxis(x, f.input("along", i32({3, 7, 5})), 1).shape(), (Shape{3, 7, 5}));
    EXPECT_EQ(dynamicSlice(x, {i, i, i}, {1, 2, 3}).shape(), (Shape{1, 2, 3}));
    EXPECT_EQ(dynamicUpdateSlice(x, zeros({1, 2, 3}), {i, i, i}).shape(), x.shape());
    f.output("y", x);
  });
}

TEST(OpsTest, AttentionMixesTheLastAxisOfTheValues) {
  textOf([](Function &f) {
    Tensor q = f.input("q", f32({2, 8, 4, 3})), k = f.input("k", f32({2, 8, 6, 3})),
           v = f.input("v", f32({2, 8, 6, 5}));
    Tensor keys = f.input("keys", i32({2, 6})) != 0, pairs = f.input("pairs", i32({4, 6})) != 0;
    for (const Tensor &y : {attention(q, k, v), attention(q, k, v, AttentionMask::Causal),
                            attention(q, k, v, KeyMask{keys}), attention(q, k, v, PairMask{pairs})})
      EXPECT_EQ(y.shape(), (Shape{2, 8, 4, 5}));
    f.output("y", q);
  });
}

/// Two draws of one function differ, whatever their state.
TEST(OpsTest, EachRandomOperationHasAStreamOfItsOwn) {
  std::string text = textOf([](Function &f) {
    RandomState state{f.input("seed", i64({})), f.input("step", i32({}))};
    Tensor x = randomUniform({2, 3}, state) + randomNormal({2, 3}, state);
    f.output("y", dropout(x, 0.5, state));
    f.output("bits", randomBits({4}, state));
  });
  for (const char *stream : {"stream 0", "stream 1", "stream 2", "stream 3"})
    EXPECT_NE(text.find(stream), std::string::npos) << stream << " is missing in\n" << text;
}

TEST(OpsTest, EachOperationSaysWhatItExpects) {
  auto messages = messagesOf([](Function &f) {
    Tensor x = f.input("x", f32({2, 6})), ids = f.input("ids", i32({2})), s = f.input("s", f32({}));
    Tensor i = f.input("i", i32({})), seed = f.input("seed", i64({}));
    RandomState state{seed, i};
    erf(ids);
    gelu(ids);
    matmul(x, s);
    matmul(x, x, {.transposeA = true, .transposeB = true});
    cumsum(x, 2);
    topK(x, 7);
    logsumexp(ids);
    layerNorm(x, s, s);
    rmsNorm(x, zeros({6}), -1);
    attention(x, s, s);
    attention(x, zeros({3, 5}), zeros({3, 6}));
    attention(x, x, x, KeyMask{x == x});
    crossEntropy(x, ids, {.smoothing = 2});
    dropout(x, 1, state);
    dropout(x, 0.5, {i, i});
    gatherAlongAxis(x, ids, 1);
    gather(x, ids, 2);
    scatterAdd(x, ids, s);
    dynamicSlice(x, {i}, {1, 1});
    dynamicSlice(x, {i, ids}, {1, 1});
    dynamicSlice(x, {i, i}, {1, 7});
    dynamicUpdateSlice(x, ids, {i, i});
    slice(x, {0}, {1});
    slice(x, {0, 3}, {2, 7});
    f.output("y", s);
  });
  const char *expected[] = {
      "erf: expected floating point: ids is [2] i32",
      "gelu: expected floating point: ids is [2] i32",
      "matmul: expected operands of rank 1 or more: x is [2, 6]",
      "matmul: contracting dimensions differ: ",
      "cumsum: expected an axis within rank 2, got 2: x is [2, 6]",
      "topK: expected numbers, and 0 <= k <= 6, got 7: x is [2, 6]",
      "logsumexp: expected floating point: ids is [2] i32",
      "layerNorm: expected a number for each place along the last axis: x is [2, 6]",
      "rmsNorm: expected an eps of at least 0, got -1",
      "attention: expected floating point of one type with equal leading axes: x is [2, 6]",
      "attention: expected as many entries in a query as in a key, and as many values as keys: x is [2, 6]",
      "attention: expected a mask [first axis, keys] of truth values: ",
      "crossEntropy: expected a smoothing in [0, 1], got 2",
      "dropout: expected a rate in [0, 1), got 1",
      "dropout: expected a key [] i64 and a counter [] i32: i is [] i32",
      "gatherAlongAxis: expected integer ids of x's shape but along axis 1: x is [2, 6]",
      "gather: expected an axis within rank 2, got 2: x is [2, 6]",
      "scatterAdd: expected updates of base's type and shape with the axes of integer ids in place of axis 0: ",
      "dynamicSlice: expected one start per axis, got 1: x is [2, 6]",
      "dynamicSlice: expected starts [] of i32 or i64: ids is [2] i32",
      "dynamicSlice: expected sizes, one per axis, that fit into x: x is [2, 6]",
      "dynamicUpdateSlice: expected an update of x's type that fits into it: x is [2, 6]",
      "slice: expected 2 numbers each for begin, end and stride: x is [2, 6]",
      "slice: expected 0 <= begin <= end <= 6 and step >= 1, got 3 to 7 by 1 along axis 1: x is [2, 6]",
  };
  EXPECT_EQ(messages.size(), std::size(expected));
  for (size_t index = 0; index < std::min(messages.size(), std::size(expected)); ++index)
    EXPECT_EQ(messages[index].substr(0, std::string(expected[index]).size()), expected[index]);
}

} // namespace
