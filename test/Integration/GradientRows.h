//===- GradientRows.h - the table of gradient tests -------------*- C++ -*-===//
// One row per operation and case of shapes; GradientTableTest.cpp tries each with every element type. A new operation
// adds a line here: its name, its arguments, its expression in the graph language.
//===----------------------------------------------------------------------===//

#ifndef MORU_TEST_INTEGRATION_GRADIENTROWS_H
#define MORU_TEST_INTEGRATION_GRADIENTROWS_H

#include "moru/DSL/Moru.h"

#include <functional>
#include <string>
#include <vector>

namespace moru::test {

/// An argument of a row. Floating point: entries of the whole row keep a distance from each other and from zero, so
/// that no difference crosses a tie or a kink. Integers where `range` is not zero: in [0, range), repeating.
struct RowInput {
  Shape shape;
  double low = -1.5, high = 1.5;
  int64_t range = 0;
};

inline RowInput in(Shape shape) { return {std::move(shape)}; }
inline RowInput positive(Shape shape) { return {std::move(shape), 0.4, 1.9}; }
inline RowInput ids(Shape shape, int64_t range) { return {std::move(shape), 0, 0, range}; }

/// The tensors of a row's arguments, in order.
using Args = const std::vector<Tensor> &;

/// The results of a row: one tensor or several.
struct Results {
  std::vector<Tensor> values;
  Results(const Tensor &value) : values{value} {}
  Results(std::vector<Tensor> values) : values(std::move(values)) {}
  Results(std::initializer_list<Tensor> values) : values(values) {}
};

struct GradientRow {
  std::string name;
  std::vector<RowInput> inputs;
  std::function<Results(Args)> body;
};

inline void addElementwiseRows(std::vector<GradientRow> &rows) {
  // Every shape that vectors treat differently: a scalar, nothing, one entry, a tail, vectors and a tail.
  using Unary = std::function<Tensor(const Tensor &)>;
  auto unary = [&](const std::string &name, RowInput (*draw)(Shape), const Unary &f) {
    for (const Shape &shape : {Shape{}, Shape{0}, Shape{2, 3}, Shape{1, 37}})
      rows.push_back({name + " " + toString(ElementType::F32, shape), {draw(shape)}, [f](Args x) { return f(x[0]); }});
  };
  unary("neg", in, [](const Tensor &x) { return -x; });
  unary("abs", in, [](const Tensor &x) { return abs(x) * x; });
  unary("exp", in, [](const Tensor &x) { return exp(x); });
  unary("log", positive, [](const Tensor &x) { return log(x); });
  unary("tanh", in, [](const Tensor &x) { return tanh(x); });
  unary("sigmoid", in, [](const Tensor &x) { return sigmoid(x); });
  unary("sqrt", positive, [](const Tensor &x) { return sqrt(x); });
  unary("rsqrt", positive, [](const Tensor &x) { return rsqrt(x); });
  unary("sin", in, [](const Tensor &x) { return sin(x); });
  unary("cos", in, [](const Tensor &x) { return cos(x); });
  unary("square", in, [](const Tensor &x) { return square(x); });
  unary("relu", in, [](const Tensor &x) { return relu(x) * x; });
  unary("log1p", positive, [](const Tensor &x) { return log1p(x); });
  unary("erf", in, [](const Tensor &x) { return erf(x); });
  unary("gelu", in, [](const Tensor &x) { return gelu(x); });
  unary("gelu by tanh", in, [](const Tensor &x) { return gelu(x, Approximate::Tanh); });
  unary("silu", in, [](const Tensor &x) { return silu(x); });
  unary("softplus", in, [](const Tensor &x) { return softplus(x); });
  unary(
      "softplus far", [](Shape shape) { return RowInput{std::move(shape), -90, 90}; },
      [](const Tensor &x) { return softplus(x); });

  // Every way in which two shapes broadcast.
  using Binary = std::function<Tensor(const Tensor &, const Tensor &)>;
  auto binary = [&](const std::string &name, RowInput (*draw)(Shape), const Binary &f) {
    auto add = [&](const char *how, const Shape &x, const Shape &y) {
      rows.push_back({name + " " + how, {draw(x), draw(y)}, [f](Args x) { return f(x[0], x[1]); }});
    };
    add("equal", {2, 3}, {2, 3});
    add("scalar", {}, {2, 3});
    add("row", {2, 17}, {17});
    add("column", {2, 3}, {2, 1});
    add("both sides", {2, 1, 3}, {4, 1});
    add("unit", {1, 1}, {3});
    add("nothing", {0, 3}, {3});
    rows.push_back({name + " itself", {draw({2, 3})}, [f](Args x) { return f(x[0], x[0]); }});
    rows.push_back({name + " number", {draw({5})}, [f](Args x) { return f(x[0], full({}, 0.5, x[0].type())); }});
  };
  binary("add", in, [](const Tensor &x, const Tensor &y) { return x + y; });
  binary("sub", in, [](const Tensor &x, const Tensor &y) { return x - y; });
  binary("mul", in, [](const Tensor &x, const Tensor &y) { return x * y; });
  binary("div", positive, [](const Tensor &x, const Tensor &y) { return x / y; });
  binary("pow", positive, [](const Tensor &x, const Tensor &y) { return pow(x, y); });
  auto largest = [](const Tensor &x, const Tensor &y) { return maximum(x, y) * x; };
  auto least = [](const Tensor &x, const Tensor &y) { return minimum(x, y) * y; };
  binary("maximum", in, largest);
  binary("minimum", in, least);
  binary("where", in, [](const Tensor &x, const Tensor &y) { return where(x < y, x * y, y - x); });
}

inline void addShapeRows(std::vector<GradientRow> &rows) {
  auto row = [&](std::string name, std::vector<RowInput> inputs, std::function<Results(Args)> body) {
    rows.push_back({std::move(name), std::move(inputs), std::move(body)});
  };
  row("constant", {in({3})}, [](Args x) { return x[0] * full({3}, 2.5, x[0].type()); });
  row("iota", {in({2, 4})}, [](Args x) { return x[0] * x[0] * iota({x[0].type(), {2, 4}, {}}, 1); });
  row("stop_gradient beside", {in({3})}, [](Args x) { return stopGradient(full({3}, 2, x[0].type())) * square(x[0]); });
  row("convert to f64", {in({5})}, [](Args x) { return square(convert(x[0], ElementType::F64)); });
  row("convert to f32", {in({5})}, [](Args x) { return square(convert(x[0], ElementType::F32)); });
  row("convert to bf16", {in({5})}, [](Args x) { return square(convert(x[0], ElementType::BF16)); });
  row("convert back", {in({5})},
      [](Args x) { return exp(convert(square(convert(x[0], ElementType::F32)), x[0].type())); });
  row("convert integers", {in({5}), ids({5}, 3)}, [](Args x) { return square(x[0]) * convert(x[1], x[0].type()); });
  row("broadcast new axis", {in({3})}, [](Args x) { return square(broadcastTo(x[0], {2, 3})); });
  row("broadcast unit axis", {in({2, 1, 3})}, [](Args x) { return square(broadcastTo(x[0], {2, 4, 3})); });
  row("broadcast scalar", {in({})}, [](Args x) { return square(broadcastTo(x[0], {2, 2, 2})); });
  row("broadcast to nothing", {in({1, 3})}, [](Args x) { return square(broadcastTo(x[0], {0, 3})); });
  row("broadcast to one", {in({})}, [](Args x) { return square(broadcastTo(x[0], {1, 1})); });
  row("reshape", {in({2, 6})}, [](Args x) { return square(reshape(x[0], {3, 4})); });
  row("reshape scalar", {in({1, 1})}, [](Args x) { return square(reshape(x[0], {})); });
  row("reshape nothing", {in({0, 6})}, [](Args x) { return square(reshape(x[0], {3, 0})); });
  row("reshape to infer", {in({2, 6})}, [](Args x) { return square(reshape(x[0], {-1})); });
  row("expandDims squeeze", {in({3, 1})}, [](Args x) { return square(squeeze(expandDims(x[0], -1), 1)); });
  row("transpose", {in({2, 5})}, [](Args x) { return square(transpose(x[0])); });
  row("transpose by cycle", {in({2, 3, 4})}, [](Args x) { return square(transpose(x[0], {2, 0, 1})); });
  row("transpose negative", {in({2, 3, 4})}, [](Args x) { return square(transpose(x[0], {-1, 1, 0})); });
  row("transpose unit", {in({1, 5, 1})}, [](Args x) { return square(transpose(x[0], {2, 1, 0})); });
  row("transpose nothing", {in({2, 0})}, [](Args x) { return square(transpose(x[0])); });
  row("slice", {in({5, 4})}, [](Args x) { return square(slice(x[0], 0, 1, 4)); });
  row("slice stride", {in({7, 2})}, [](Args x) { return square(slice(x[0], 0, 1, 7, 3)); });
  row("slice negative", {in({3, 6})}, [](Args x) { return square(slice(x[0], -1, -4, -1, 2)); });
  row("slice of all axes", {in({5, 6})}, [](Args x) { return square(slice(x[0], {1, 0}, {4, 6}, {2, 3})); });
  row("slice one", {in({3, 6})}, [](Args x) { return square(slice(x[0], 1, 5, 6)); });
  row("slice nothing", {in({3, 6})}, [](Args x) { return square(slice(x[0], 1, 2, 2)); });
  row("slice overlapping", {in({9})}, [](Args x) { return slice(x[0], 0, 0, 7) * slice(x[0], 0, 2, 9); });
  row("select", {in({3, 4})}, [](Args x) { return square(select(x[0], -1, 2)); });
  row("pad", {in({2, 3})}, [](Args x) { return exp(pad(x[0], {1, 0}, {0, 2})); });
  row("pad nothing", {in({0, 2})}, [](Args x) { return exp(pad(x[0], {2, 0}, {0, 1})); });
  row("pad with a number", {in({2, 3})}, [](Args x) { return exp(pad(x[0], {1, 0}, {0, 2}, 0.5)); });
  row("pad scalar", {in({})}, [](Args x) { return exp(pad(x[0], {}, {})); });
  row("concat", {in({2, 3}), in({2, 1})}, [](Args x) { return square(concat({x[0], x[1], x[0]}, 1)); });
  row("concat negative", {in({2, 3}), in({2, 17})}, [](Args x) { return square(concat({x[0], x[1]}, -1)); });
  row("concat nothing", {in({0, 3}), in({2, 3})}, [](Args x) { return square(concat({x[0], x[1]}, 0)); });
  row("split", {in({2, 6})}, [](Args x) {
    auto [a, b, c] = split<3>(x[0], -1);
    return a * b + exp(c) * a;
  });
}

inline void addReductionRows(std::vector<GradientRow> &rows) {
  auto row = [&](std::string name, std::vector<RowInput> inputs, std::function<Results(Args)> body) {
    rows.push_back({std::move(name), std::move(inputs), std::move(body)});
  };
  using Reduction = std::function<Tensor(const Tensor &, const Axes &, bool)>;
  auto reduction = [&](const std::string &name, RowInput (*draw)(Shape), const Reduction &f) {
    row(name + " all", {draw({2, 3})}, [f](Args x) { return f(x[0], {}, false); });
    row(name + " scalar", {draw({})}, [f](Args x) { return f(x[0], {}, false); });
    row(name + " first", {draw({3, 5})}, [f](Args x) { return f(x[0], 0, false); });
    row(name + " last", {draw({2, 17})}, [f](Args x) { return f(x[0], -1, false); });
    row(name + " middle", {draw({2, 3, 4})}, [f](Args x) { return f(x[0], 1, true); });
    row(name + " two", {draw({2, 3, 4})}, [f](Args x) { return f(x[0], {0, -1}, false); });
    row(name + " unit", {draw({3, 1})}, [f](Args x) { return f(x[0], 1, false); });
    row(name + " of no rows", {draw({0, 3})}, [f](Args x) { return f(x[0], 1, false); });
  };
  reduction("sum", in, [](const Tensor &x, const Axes &axes, bool keep) { return square(sum(x, axes, keep)); });
  row("sum of nothing", {in({2, 0})}, [](Args x) { return sum(x[0], 1) + 1; });
  reduction("mean", in, [](const Tensor &x, const Axes &axes, bool keep) { return square(mean(x, axes, keep)); });
  reduction("min", in, [](const Tensor &x, const Axes &axes, bool keep) { return square(min(x, axes, keep)); });
  reduction("prod", positive, [](const Tensor &x, const Axes &axes, bool keep) { return square(prod(x, axes, keep)); });
  row("prod of a zero", {in({5}), ids({5}, 5)}, [](Args x) { return prod(x[0] * convert(x[1], x[0].type())); });
  row("prod of two zeros", {in({2, 4}), ids({2, 4}, 2)},
      [](Args x) { return prod(where(x[1] == 1, x[0], x[0] * 0), 1) + sum(x[0], 1); });
  row("prod of nothing", {in({2, 0})}, [](Args x) { return prod(x[0], 1); });
  for (int64_t axis : {0, 1, -1})
    for (CumsumOptions options : {CumsumOptions(), CumsumOptions{.exclusive = true}, CumsumOptions{.reverse = true},
                                  CumsumOptions{.exclusive = true, .reverse = true}})
      row("cumsum " + std::to_string(axis) + (options.exclusive ? " exclusive" : "") +
              (options.reverse ? " reverse" : ""),
          {in({2, 3, 2})}, [=](Args x) { return square(cumsum(x[0], axis, options)); });
  row("cumsum long", {in({2, 35})}, [](Args x) { return square(cumsum(x[0], 1)); });
  row("cumsum of one", {in({3, 1})}, [](Args x) { return square(cumsum(x[0], 1)); });
  row("cumsum of nothing", {in({0, 2})}, [](Args x) { return square(cumsum(x[0], 0)); });
  row("topK", {in({2, 7})}, [](Args x) { return square(topK(x[0], 3).values); });
  row("topK first axis", {in({5, 2})}, [](Args x) { return square(topK(x[0], 2, 0).values); });
  row("topK one", {in({2, 4})}, [](Args x) { return square(topK(x[0], 1).values); });
  row("topK all", {in({2, 3, 2})}, [](Args x) { return square(topK(x[0], 3, 1).values); });
  row("topK indices", {in({2, 5})}, [](Args x) {
    auto [values, indices] = topK(x[0], 2);
    return values * convert(indices, x[0].type());
  });
  reduction("max", in, [](const Tensor &x, const Axes &axes, bool keep) { return square(max(x, axes, keep)); });

  row("matmul", {in({2, 3}), in({3, 4})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul large", {in({3, 17}), in({17, 2})}, [](Args x) { return square(matmul(x[0], x[1])); });
  row("matmul vectors", {in({5}), in({5})}, [](Args x) { return square(matmul(x[0], x[1])); });
  row("matmul row", {in({3}), in({3, 4})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul column", {in({2, 3}), in({3})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul batch", {in({2, 2, 3}), in({2, 3, 2})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul one matrix", {in({2, 2, 3}), in({3, 2})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul both batches", {in({2, 1, 2, 3}), in({3, 3, 2})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul transposed", {in({3, 2}), in({4, 3})},
      [](Args x) { return square(matmul(x[0], x[1], {.transposeA = true, .transposeB = true})); });
  row("matmul itself", {in({3, 3})}, [](Args x) { return matmul(x[0], x[0]); });
  row("matmul unit", {in({1, 1}), in({1, 1})}, [](Args x) { return matmul(x[0], x[1]); });
  row("matmul over nothing", {in({2, 0}), in({0, 3})}, [](Args x) { return matmul(x[0], x[1]) + 1; });
  row("matmul of no rows", {in({0, 3}), in({3, 2})}, [](Args x) { return matmul(x[0], x[1]); });
  row("einsum rows of both", {in({2, 3}), in({4, 3})}, [](Args x) { return einsum("ik,jk->ij", x[0], x[1]); });
  row("einsum first axes", {in({3, 2}), in({3, 4})}, [](Args x) { return einsum("ki,kj->ji", x[0], x[1]); });
  row("einsum outer", {in({3}), in({4})}, [](Args x) { return square(einsum("i,j->ij", x[0], x[1])); });
  row("einsum two sums", {in({2, 3, 4}), in({4, 2, 3})}, [](Args x) { return einsum("aij,jbi->ab", x[0], x[1]); });
  row("einsum batches", {in({3, 4, 2}), in({4, 2, 5, 3})}, [](Args x) { return einsum("bka,kacb->abc", x[0], x[1]); });
  row("einsum all", {in({2, 3}), in({3, 2})}, [](Args x) { return square(einsum("ij,ji->", x[0], x[1])); });

  for (const Shape &shape : {Shape{5}, Shape{2, 3}, Shape{1, 19}, Shape{3, 1}, Shape{0, 4}}) {
    std::string at = " " + toString(ElementType::F32, shape);
    row("softmax" + at, {in(shape)}, [](Args x) { return softmax(x[0]); });
    row("log_softmax" + at, {in(shape)}, [](Args x) { return logSoftmax(x[0]); });
    row("logsumexp" + at, {in(shape)}, [](Args x) { return square(logsumexp(x[0])); });
    RowInput gain = in({shape.back()}), bias = gain;
    row("layerNorm" + at, {in(shape), gain, bias}, [](Args x) { return layerNorm(x[0], x[1], x[2], 0x1p-7); });
    row("rmsNorm" + at, {in(shape), gain}, [](Args x) { return rmsNorm(x[0], x[1], 0x1p-7); });
  }
  row("softmax middle", {in({2, 3, 2})}, [](Args x) { return softmax(x[0], 1); });
  row("log_softmax first", {in({3, 2})}, [](Args x) { return logSoftmax(x[0], -2); });
  row("cross entropy", {in({2, 3, 4}), ids({2, 3}, 4)}, [](Args x) { return crossEntropy(x[0], x[1]); });
  row("cross entropy ignores", {in({5, 3}), ids({5}, 3)},
      [](Args x) { return crossEntropy(x[0], x[1], {.ignoreIndex = 1}); });
  row("logsumexp middle", {in({2, 3, 2})}, [](Args x) { return square(logsumexp(x[0], 1, true)); });
  row("cross entropy smooth", {in({5, 3}), ids({5}, 3)},
      [](Args x) { return crossEntropy(x[0], x[1], {.ignoreIndex = 2, .smoothing = 0.25}); });
  row("cross entropy of no class", {in({5, 3}), ids({5}, 5)}, [](Args x) { return crossEntropy(x[0], x[1]); });
  std::vector<RowInput> qkv{in({2, 4}), in({3, 4}), in({3, 2})}, heads{in({2, 3, 4}), in({2, 3, 4}), in({2, 3, 4})};
  row("attention", qkv, [](Args x) { return attention(x[0], x[1], x[2]); });
  row("attention causal", heads, [](Args x) { return attention(x[0], x[1], x[2], AttentionMask::Causal); });
  std::vector<RowInput> keys = heads, pairs = qkv;
  keys.push_back(ids({2, 3}, 2));
  pairs.push_back(ids({2, 3}, 4));
  row("attention keys", keys, [](Args x) { return attention(x[0], x[1], x[2], KeyMask{x[3] == 1}); });
  row("attention pairs", pairs, [](Args x) { return attention(x[0], x[1], x[2], PairMask{x[3] == 1}); });
  row("attention unseeing", pairs, [](Args x) {
    Tensor row = iota(i32({2, 3}), 0);
    return attention(x[0], x[1], x[2], PairMask{(x[3] == 1) & (row == 1)});
  });
  row("cross entropy of one", {in({4}), ids({}, 4)}, [](Args x) { return crossEntropy(x[0], x[1]); });
  row("cross entropy of none", {in({2, 4}), ids({2}, 1)},
      [](Args x) { return crossEntropy(x[0], x[1], {.ignoreIndex = 0}); });
}

inline void addIndexingRows(std::vector<GradientRow> &rows) {
  auto row = [&](std::string name, std::vector<RowInput> inputs, std::function<Results(Args)> body) {
    rows.push_back({std::move(name), std::move(inputs), std::move(body)});
  };
  row("gather", {in({4, 3}), ids({2, 2}, 4)}, [](Args x) { return square(gather(x[0], x[1])); });
  row("gather repeated", {in({3, 2}), ids({7}, 2)}, [](Args x) { return square(gather(x[0], x[1])); });
  row("gather one", {in({4, 17}), ids({}, 4)}, [](Args x) { return square(gather(x[0], x[1])); });
  row("gather from a vector", {in({5}), ids({3, 2}, 5)}, [](Args x) { return square(gather(x[0], x[1])); });
  row("gather nothing", {in({4, 3}), ids({0}, 4)}, [](Args x) { return square(gather(x[0], x[1])); });
  row("gather outside", {in({2, 3}), ids({5}, 4)}, [](Args x) { return square(gather(x[0], x[1])); });
  row("scatter_add outside", {in({5, 2}), ids({5}, 4)}, [](Args x) { return square(scatterAdd(x[0], x[1], 2)); });
  row("gather columns", {in({2, 4}), ids({3}, 4)}, [](Args x) { return square(gather(x[0], x[1], -1)); });
  row("gatherAlongAxis", {in({2, 4}), ids({2, 3}, 4)}, [](Args x) { return square(gatherAlongAxis(x[0], x[1], 1)); });
  row("gatherAlongAxis first", {in({3, 2}), ids({4, 2}, 3)},
      [](Args x) { return square(gatherAlongAxis(x[0], x[1], 0)); });
  row("gatherAlongAxis outside", {in({2, 3}), ids({2, 4}, 5)},
      [](Args x) { return square(gatherAlongAxis(x[0], x[1], -1)); });
  row("scatter_add onto", {in({2, 4}), ids({3}, 4), in({2, 3})},
      [](Args x) { return square(scatterAdd(x[0], x[1], x[2], 1)); });
  row("dynamicSlice", {in({4, 5}), ids({}, 4), ids({}, 3)},
      [](Args x) { return square(dynamicSlice(x[0], {x[1], x[2] + 1}, {2, 3})); });
  row("dynamicSlice moved", {in({4, 5}), ids({}, 4)},
      [](Args x) { return square(dynamicSlice(x[0], {x[1] + 9, x[1] - 9}, {2, 3})); });
  row("dynamicSlice all", {in({3}), ids({}, 4)}, [](Args x) { return square(dynamicSlice(x[0], {x[1]}, {3})); });
  row("dynamicSlice nothing", {in({3}), ids({}, 4)}, [](Args x) { return dynamicSlice(x[0], {x[1]}, {0}); });
  row("dynamicUpdateSlice", {in({4, 5}), in({2, 3}), ids({}, 4)},
      [](Args x) { return square(dynamicUpdateSlice(x[0], x[1], {x[2], x[2] + 1})); });
  row("dynamicUpdateSlice moved", {in({4, 2}), in({2, 2}), ids({}, 4)},
      [](Args x) { return square(dynamicUpdateSlice(x[0], x[1], {x[2] + 9, x[2]})); });
  row("dynamicUpdateSlice nothing", {in({3}), in({0}), ids({}, 4)},
      [](Args x) { return square(dynamicUpdateSlice(x[0], x[1], {x[2]})); });
  row("scatter_add", {in({5, 3}), ids({5}, 4)}, [](Args x) { return square(scatterAdd(x[0], x[1], 4)); });
  row("scatter_add repeated", {in({2, 3, 2}), ids({2, 3}, 2)},
      [](Args x) { return square(scatterAdd(x[0], x[1], 3)); });
  row("scatter_add nothing", {in({0, 3}), ids({0}, 4)}, [](Args x) { return scatterAdd(x[0], x[1], 4) + 1; });
}

inline void addRandomRows(std::vector<GradientRow> &rows) {
  auto state = [] {
    return RandomState{constant(HostTensor::scalar<int64_t>(17)), constant(HostTensor::scalar<int32_t>(3))};
  };
  rows.push_back({"dropout", {in({3, 7})}, [=](Args x) { return square(dropout(x[0], 0.5, state())); }});
  rows.push_back({"dropout of none", {in({5})}, [=](Args x) { return square(dropout(x[0], 0, state())); }});
  rows.push_back(
      {"random", {in({5})}, [=](Args x) { return square(x[0]) * convert(randomNormal({5}, state()), x[0].type()); }});
}

inline void addLoopRows(std::vector<GradientRow> &rows) {
  auto row = [&](std::string name, std::vector<RowInput> inputs, std::function<Results(Args)> body) {
    rows.push_back({std::move(name), std::move(inputs), std::move(body)});
  };
  row("scan", {in({3}), in({4, 3}), in({3, 3})}, [](Args x) {
    auto [last, out] = scan(Carry{x[0]}, x[1], 0, [&](Carry s, Tensor xt) {
      Tensor h = tanh(matmul(s[0], x[2]) + xt);
      return Step{.carry = {h}, .output = h * xt};
    });
    return Results{last[0], out};
  });
  row("scan backwards", {in({2}), in({2, 5})}, [](Args x) {
    auto [last, out] = scan(Carry{x[0]}, x[1], 1,
                            [](Carry s, Tensor xt) { return Step{.carry = {sin(s[0] * xt)}, .output = s[0] + xt}; },
                            {.reverse = true});
    return Results{last[0], out};
  });
  row("scan of one step", {in({2}), in({1, 2})}, [](Args x) {
    return scan(Carry{x[0]}, x[1], 0, [](Carry s, Tensor xt) { return Step{.carry = {exp(s[0]) * xt}}; }).last[0];
  });
  for (int64_t chosen : {0, 1})
    row("cond " + std::to_string(chosen), {in({2, 3}), in({3}), ids({}, 2)}, [=](Args x) {
      return cond(x[2] == chosen, [&] { return exp(x[0]) * x[1]; }, [&] { return square(x[0]) + 1; });
    });
  row("cond of one side", {in({3}), in({3}), ids({}, 2)},
      [](Args x) { return square(cond(x[2] == 1, [&] { return sin(x[0]); }, [&] { return x[1]; })); });
  row("cond in a scan", {in({3}), in({4, 3}), ids({4}, 3)}, [](Args x) {
    auto body = [&](Carry s, const std::vector<Tensor> &slices) {
      Tensor next = cond(slices[1] == 1, [&] { return tanh(s[0] * slices[0]); }, [&] { return s[0] + slices[0]; });
      return Step{.carry = {next}};
    };
    return scan(Carry{x[0]}, std::vector<Tensor>{x[1], x[2]}, 0, body).last[0];
  });
  row("checkpoint", {in({2, 3}), in({3, 2})},
      [](Args x) { return square(checkpoint([&] { return tanh(matmul(sin(x[0]), x[1])); })); });
  row("checkpoint in a scan", {in({3}), in({3, 3}), in({4, 3})}, [](Args x) {
    auto body = [&](Carry s, Tensor xt) {
      return Step{.carry = {checkpoint([&] { return tanh(matmul(s[0], x[1]) + xt); })}};
    };
    return scan(Carry{x[0]}, x[2], 0, body).last[0];
  });
  row("scan in a checkpoint", {in({2}), in({3, 2})}, [](Args x) {
    return checkpoint([&] {
      return scan(Carry{x[0]}, x[1], 0, [](Carry s, Tensor xt) { return Step{.carry = {sin(s[0] * xt)}}; }).last[0];
    });
  });
  row("scan within a scan", {in({2}), in({3, 2, 2})}, [](Args x) {
    auto outer = [](Carry s, Tensor xs) {
      auto [last, out] = scan(s, xs, 0, [](Carry t, Tensor xt) {
        Tensor next = tanh(t[0] * xt);
        return Step{.carry = {next}, .output = next};
      });
      return Step{.carry = last, .output = sum(out * xs, 0)};
    };
    auto [last, out] = scan(Carry{x[0]}, x[1], 0, outer);
    return Results{last[0], out};
  });
}

inline std::vector<GradientRow> gradientRows() {
  std::vector<GradientRow> rows;
  addElementwiseRows(rows);
  addShapeRows(rows);
  addReductionRows(rows);
  addIndexingRows(rows);
  addRandomRows(rows);
  addLoopRows(rows);
  return rows;
}

} // namespace moru::test

#endif // MORU_TEST_INTEGRATION_GRADIENTROWS_H
