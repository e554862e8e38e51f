//===- Nn.cpp - layers ----------------------------------------------------===//
// Each layer is what a user could write; values are named so that a dump reads like the formula.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Nn.h"

#include <cmath>

namespace moru::nn {

//===----------------------------------------------------------------------===//
// Embedding, Linear
//===----------------------------------------------------------------------===//

Embedding::Embedding(Module &parent, std::string_view name, int64_t count, int64_t dim,
                     const init::Initializer &initializer, Here at)
    : weight(parent.parameter(name, {count, dim}, initializer, ElementType::F32, at)) {}

Tensor Embedding::operator()(const Tensor &ids, Here at) const { return gather(weight, ids, 0, at); }

Linear::Linear(Module &parent, const LinearNames &names, int64_t in, int64_t out,
               std::optional<init::Initializer> initializer, Here at) {
  weight = parent.parameter(names.weight, {in, out},
                            initializer.value_or(init::uniform(1 / std::sqrt(double(std::max<int64_t>(in, 1))))),
                            ElementType::F32, at);
  if (!names.bias.empty())
    bias = parent.parameter(names.bias, {out}, init::zeros(), ElementType::F32, at);
}

Linear::Linear(Module &parent, std::string_view name, int64_t in, int64_t out,
               std::optional<init::Initializer> initializer, Here at)
    : Linear(parent, LinearNames{std::string(name) + ".weight", std::string(name) + ".bias"}, in, out, initializer,
             at) {}

Tensor Linear::operator()(const Tensor &x, Here at) const {
  CallerScope scope(at);
  Tensor y = matmul(x, weight);
  return bias ? y + bias : y;
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

static thread_local TrainingScope *currentScope = nullptr;

TrainingScope::TrainingScope(double rate, std::function<RandomState()> random)
    : rate(rate), random(std::move(random)), previous(currentScope) {
  currentScope = this;
}

TrainingScope::~TrainingScope() { currentScope = previous; }

Tensor dropout(const Tensor &x, Here at) {
  TrainingScope *scope = currentScope;
  if (!scope || scope->rate == 0)
    return x;
  if (!scope->state)
    scope->state = scope->random();
  return moru::dropout(x, scope->rate, *scope->state, at);
}

//===----------------------------------------------------------------------===//
// Recurrent layers
//===----------------------------------------------------------------------===//

Tensor lengthMask(const Tensor &lengths, int64_t time, Here at) {
  CallerScope scope(at);
  return iota(i32({1, dim("time", time)}), 1) < expandDims(lengths, 1);
}

Lstm::Lstm(Module &parent, std::string_view name, int64_t in, int64_t hidden,
           std::optional<init::Initializer> initializer, Here at)
    : name(name), hidden(hidden) {
  init::Initializer matrix = initializer.value_or(init::uniform(1 / std::sqrt(double(std::max<int64_t>(hidden, 1)))));
  Module own(parent, name);
  Wx = own.parameter("Wx", {in, 4 * hidden}, matrix, ElementType::F32, at);
  Wh = own.parameter("Wh", {hidden, 4 * hidden}, matrix, ElementType::F32, at);
  b = own.parameter("b", {4 * hidden}, init::zeros(), ElementType::F32, at);
}

Lstm::State Lstm::start(int64_t batch, Here at) const {
  CallerScope scope(at);
  return {zeros({dim("batch", batch), hidden}), zeros({dim("batch", batch), hidden})};
}

Lstm::State Lstm::advance(const Tensor &z, const State &from) const {
  auto [zf, zi, zg, zo] = split<4>(z + matmul(from.h.named("h"), Wh), -1);
  Tensor f = sigmoid(zf).named("f"), i = sigmoid(zi).named("i"), g = tanh(zg).named("g"), o = sigmoid(zo).named("o");
  Tensor c = (f * from.c.named("c") + i * g).named("c_next");
  return {(o * tanh(c)).named("h_next"), c};
}

Lstm::State Lstm::step(const Tensor &x, const State &from, Here at) const {
  CallerScope scope(at);
  return advance(matmul(x, Wx) + b, from);
}

Lstm::Output Lstm::operator()(const Tensor &x, Here at) const { return (*this)(x, start(x.size(0), at), at); }

Lstm::Output Lstm::operator()(const Tensor &x, const State &from, Here at) const {
  return (*this)(x, from, Tensor(), at);
}

Lstm::Output Lstm::operator()(const Tensor &x, const State &from, const Tensor &lengths, Here at) const {
  CallerScope scope(at);
  // The input's share of all gates, for all time steps at once: [batch, time, 4 hidden].
  std::vector<Tensor> inputs = {(matmul(x, Wx) + b).named("z")};
  if (lengths)
    inputs.push_back(lengthMask(lengths, x.size(1)).named("going"));
  auto cell = [&](Carry s, const std::vector<Tensor> &slices) {
    auto [h, c] = advance(slices[0], {s[0], s[1]});
    if (lengths) {
      Tensor going = expandDims(slices[1], 1);
      h = where(going, h, s[0]);
      c = where(going, c, s[1]);
    }
    return Step{.carry = {h, c}, .output = h};
  };
  auto [last, hs] = scan(Carry{from.h, from.c}, inputs, /*axis=*/1, cell, {.name = name});
  return {hs, {last[0], last[1]}};
}

LstmLayers::LstmLayers(Module &parent, std::string_view name, int64_t layers, int64_t in, int64_t hidden,
                       std::optional<init::Initializer> initializer, Here at) {
  for (int64_t i = 0; i < layers; ++i) {
    names.push_back(std::string(name) + std::to_string(i));
    this->layers.emplace_back(parent, names.back(), i == 0 ? in : hidden, hidden, initializer, at);
  }
}

State LstmLayers::start(int64_t batch, Here at) const {
  State state;
  for (size_t i = 0; i < layers.size(); ++i) {
    Lstm::State zero = layers[i].start(batch, at);
    state[names[i] + ".h"] = zero.h;
    state[names[i] + ".c"] = zero.c;
  }
  return state;
}

Tensor LstmLayers::operator()(const Tensor &x, State &state, const Tensor &lengths, Here at) const {
  Tensor hs = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    Lstm::State from{state[names[i] + ".h"], state[names[i] + ".c"]};
    auto [output, last] = layers[i](hs, from, lengths, at);
    hs = dropout(output, at);
    state[names[i] + ".h"] = last.h;
    state[names[i] + ".c"] = last.c;
  }
  return hs;
}

Gru::Gru(Module &parent, std::string_view name, int64_t in, int64_t hidden,
         std::optional<init::Initializer> initializer, Here at)
    : name(name), hidden(hidden) {
  init::Initializer matrix = initializer.value_or(init::uniform(1 / std::sqrt(double(std::max<int64_t>(hidden, 1)))));
  Module own(parent, name);
  Wx = own.parameter("Wx", {in, 3 * hidden}, matrix, ElementType::F32, at);
  Wh = own.parameter("Wh", {hidden, 3 * hidden}, matrix, ElementType::F32, at);
  b = own.parameter("b", {3 * hidden}, init::zeros(), ElementType::F32, at);
}

Tensor Gru::start(int64_t batch, Here at) const { return zeros({dim("batch", batch), hidden}, ElementType::F32, at); }

Tensor Gru::advance(const Tensor &z, const Tensor &h) const {
  auto [zr, zu, zn] = split<3>(z, -1);
  auto [yr, yu, yn] = split<3>(matmul(h.named("h"), Wh), -1);
  Tensor r = sigmoid(zr + yr).named("r"), u = sigmoid(zu + yu).named("u"), n = tanh(zn + r * yn).named("n");
  return ((1 - u) * n + u * h).named("h_next");
}

Tensor Gru::step(const Tensor &x, const Tensor &h, Here at) const {
  CallerScope scope(at);
  return advance(matmul(x, Wx) + b, h);
}

Gru::Output Gru::operator()(const Tensor &x, const Tensor &h, const Tensor &lengths, Here at) const {
  CallerScope scope(at);
  std::vector<Tensor> inputs = {(matmul(x, Wx) + b).named("z")};
  if (lengths)
    inputs.push_back(lengthMask(lengths, x.size(1)).named("going"));
  auto cell = [&](Carry s, const std::vector<Tensor> &slices) {
    Tensor next = advance(slices[0], s[0]);
    if (lengths)
      next = where(expandDims(slices[1], 1), next, s[0]);
    return Step{.carry = {next}, .output = next};
  };
  auto [last, hs] = scan(Carry{h}, inputs, /*axis=*/1, cell, {.name = name});
  return {hs, last[0]};
}

} // namespace moru::nn
