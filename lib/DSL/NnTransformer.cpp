//===- NnTransformer.cpp - layers of Transformers -------------------------===//
// Norms, feed-forward layers, attention, and what decoding with it keeps.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Nn.h"

#include <cmath>

namespace moru::nn {

//===----------------------------------------------------------------------===//
// Norms, activations
//===----------------------------------------------------------------------===//

LayerNorm::LayerNorm(Module &parent, const LinearNames &names, int64_t dim, double epsilon, Here at)
    : gain(parent.parameter(names.weight, {dim}, init::ones(), ElementType::F32, at)),
      bias(parent.parameter(names.bias, {dim}, init::zeros(), ElementType::F32, at)), epsilon(epsilon) {}

Tensor LayerNorm::operator()(const Tensor &x, Here at) const {
  CallerScope scope(at);
  return layerNorm(x, gain, bias, epsilon);
}

RmsNorm::RmsNorm(Module &parent, std::string_view name, int64_t dim, double epsilon, Here at)
    : gain(parent.parameter(name, {dim}, init::ones(), ElementType::F32, at)), epsilon(epsilon) {}

Tensor RmsNorm::operator()(const Tensor &x, Here at) const {
  CallerScope scope(at);
  return rmsNorm(x, gain, epsilon);
}

Tensor activate(const Tensor &x, Activation activation, Here at) {
  CallerScope scope(at);
  switch (activation) {
  case Activation::Relu:
    return relu(x);
  case Activation::Gelu:
    return gelu(x, Approximate::Tanh);
  case Activation::Silu:
    return silu(x);
  }
  return x;
}

FeedForward::FeedForward(Module &parent, const LinearNames &in, const LinearNames &out, int64_t dim, int64_t hidden,
                         Activation activation, std::optional<init::Initializer> initializer, Here at)
    : in(parent, in, dim, hidden, initializer, at), out(parent, out, hidden, dim, initializer, at),
      activation(activation) {}

Tensor FeedForward::operator()(const Tensor &x, Here at) const {
  CallerScope scope(at);
  return out(activate(in(x), activation));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// [batch, time, dim] -> [batch, heads, time, dim / heads].
static Tensor splitHeads(const Tensor &x, int64_t heads) {
  Dims dims = x.dims();
  return transpose(reshape(x, {dims[0], dims[1], heads, x.size(2) / heads}), {0, 2, 1, 3});
}

Tensor attend(const Tensor &queries, const Tensor &keys, const Tensor &values, int64_t heads, const Mask &mask,
              Here at) {
  CallerScope scope(at);
  Tensor q = splitHeads(queries, heads), k = splitHeads(keys, heads), v = splitHeads(values, heads);
  Tensor mixed = std::visit([&](const auto &kind) { return attention(q, k, v, kind); }, mask);
  return reshape(transpose(mixed, {0, 2, 1, 3}), queries.dims());
}

KeyValues emptyKeyValues(int64_t batch, int64_t positions, int64_t dim, Here at) {
  CallerScope scope(at);
  Dims dims{moru::dim("batch", batch), moru::dim("positions", positions), dim};
  return {zeros(dims), zeros(dims)};
}

KeyValues KeyValues::load(const State &state, const std::string &name) {
  return {state[name + ".keys"], state[name + ".values"]};
}

void KeyValues::store(State &state, const std::string &name) const {
  state[name + ".keys"] = keys;
  state[name + ".values"] = values;
}

KeyValues append(const KeyValues &cache, const KeyValues &entry, const Tensor &position, Here at) {
  CallerScope scope(at);
  Tensor zero = zeros({}, ElementType::I32);
  auto put = [&](const Tensor &all, const Tensor &one) { return dynamicUpdateSlice(all, one, {zero, position, zero}); };
  return {put(cache.keys, entry.keys), put(cache.values, entry.values)};
}

Mask pastMask(int64_t positions, const Tensor &position, Here at) {
  CallerScope scope(at);
  return PairMask{iota(i32({1, positions}), 1) <= position};
}

MultiHeadAttention::MultiHeadAttention(Module &parent, std::string_view name, int64_t dim, int64_t heads,
                                       std::optional<init::Initializer> initializer, Here at)
    : query(parent, {.weight = std::string(name) + ".W_Q"}, dim, dim, initializer, at),
      key(parent, {.weight = std::string(name) + ".W_K"}, dim, dim, initializer, at),
      value(parent, {.weight = std::string(name) + ".W_V"}, dim, dim, initializer, at),
      output(parent, {.weight = std::string(name) + ".W_O"}, dim, dim, initializer, at), heads(heads) {}

KeyValues MultiHeadAttention::project(const Tensor &memory, Here at) const {
  CallerScope scope(at);
  return {key(memory), value(memory)};
}

Tensor MultiHeadAttention::operator()(const Tensor &x, const KeyValues &memory, const Mask &mask, Here at) const {
  CallerScope scope(at);
  return output(attend(query(x), memory.keys, memory.values, heads, mask));
}

Tensor MultiHeadAttention::operator()(const Tensor &x, const Tensor &memory, const Mask &mask, Here at) const {
  CallerScope scope(at);
  return (*this)(x, project(memory), mask);
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

Tensor sinusoids(int64_t positions, int64_t dim, Here at) {
  HostTensor table(ElementType::F32, {positions, dim});
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t k = 0; k < dim; ++k) {
      double angle = double(p) / std::pow(10000.0, double(k / 2 * 2) / double(dim));
      table.data<float>()[p * dim + k] = float(k % 2 ? std::cos(angle) : std::sin(angle));
    }
  return constant(table, at);
}

} // namespace moru::nn
