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

static thread_local AttentionScope *currentAttention = nullptr;

AttentionScope::AttentionScope() : previous(currentAttention) { currentAttention = this; }
AttentionScope::~AttentionScope() { currentAttention = previous; }

void noteAttention(const Tensor &weights) {
  if (currentAttention)
    currentAttention->weights.push_back(weights);
}

/// Notes what queries look at: the weights are what comes out where each key's value is a unit vector of its own.
static void noteWeights(const Tensor &q, const Tensor &k, const Mask &mask) {
  if (!currentAttention)
    return;
  int64_t keys = k.size(-2);
  Tensor units = convert(iota(i32({keys, keys}), 0) == iota(i32({keys, keys}), 1), ElementType::F32);
  Dims dims = k.dims();
  dims.back() = keys;
  Tensor values = broadcastTo(units, dims);
  Tensor weights = std::visit([&](const auto &kind) { return attention(q, k, values, kind); }, mask);
  // Heads in groups are heads, too.
  if (Dims all = weights.dims(); all.size() == 5)
    weights = reshape(weights, {all[0], all[1].size * all[2].size, all[3], all[4]});
  noteAttention(weights);
}

/// [batch, time, dim] -> [batch, heads, time, dim / heads].
static Tensor splitHeads(const Tensor &x, int64_t heads) {
  Dims dims = x.dims();
  return transpose(reshape(x, {dims[0], dims[1], heads, x.size(2) / heads}), {0, 2, 1, 3});
}

/// [batch, time, dim] -> [batch, groups, heads, time, width]: each head of fewer than the queries have, repeated.
static Tensor splitGroups(const Tensor &x, int64_t groups, int64_t heads) {
  Tensor split = expandDims(splitHeads(x, groups), 2);
  Dims dims = split.dims();
  dims[2] = heads;
  return broadcastTo(split, dims);
}

/// `attend` where the keys have fewer heads than the queries.
static Tensor attendInGroups(const Tensor &queries, const Tensor &keys, const Tensor &values, int64_t heads,
                             int64_t groups, const Mask &mask) {
  Tensor split = splitHeads(queries, heads);
  Dims dims = split.dims(), grouped{dims[0], groups, heads / groups, dims[2], dims[3]};
  Tensor q = reshape(split, grouped), k = splitGroups(keys, groups, heads / groups),
         v = splitGroups(values, groups, heads / groups);
  noteWeights(q, k, mask);
  Tensor mixed = std::visit([&](const auto &kind) { return attention(q, k, v, kind); }, mask);
  return reshape(transpose(reshape(mixed, dims), {0, 2, 1, 3}), queries.dims());
}

Tensor attend(const Tensor &queries, const Tensor &keys, const Tensor &values, int64_t heads, const Mask &mask,
              Here at) {
  CallerScope scope(at);
  int64_t groups = queries.size(2) > keys.size(2) ? heads * keys.size(2) / queries.size(2) : heads;
  if (groups < heads)
    return attendInGroups(queries, keys, values, heads, groups, mask);
  Tensor q = splitHeads(queries, heads), k = splitHeads(keys, heads), v = splitHeads(values, heads);
  noteWeights(q, k, mask);
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

/// Names of a projection: `<name>.W_Q`, and `<name>.b_Q` if it has a bias.
static LinearNames projection(std::string_view name, const char *letter, bool hasBias) {
  std::string prefix(name);
  return {.weight = prefix + ".W_" + letter, .bias = hasBias ? prefix + ".b_" + letter : ""};
}

MultiHeadAttention::MultiHeadAttention(Module &parent, std::string_view name, int64_t dim, int64_t heads,
                                       std::optional<init::Initializer> initializer, bool biases, Here at)
    : query(parent, projection(name, "Q", biases), dim, dim, initializer, at),
      key(parent, projection(name, "K", biases), dim, dim, initializer, at),
      value(parent, projection(name, "V", biases), dim, dim, initializer, at),
      output(parent, projection(name, "O", biases), dim, dim, initializer, at), heads(heads) {}

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

Tensor sinusoidHalves(int64_t positions, int64_t dim, Here at) {
  HostTensor table(ElementType::F32, {positions, dim});
  int64_t half = dim / 2;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t k = 0; k < half; ++k) {
      double angle = double(p + 1) * std::pow(10000.0, -double(k) / double(std::max<int64_t>(half - 1, 1)));
      table.data<float>()[p * dim + k] = float(std::sin(angle));
      table.data<float>()[p * dim + half + k] = float(std::cos(angle));
    }
  return constant(table, at);
}

Tensor rotations(int64_t positions, int64_t width, double theta, Here at) {
  HostTensor table(ElementType::F32, {positions, width / 2, 2});
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t k = 0; k < width / 2; ++k) {
      double angle = double(p) * std::pow(theta, -2 * double(k) / double(width));
      float *entry = table.data<float>() + (p * (width / 2) + k) * 2;
      entry[0] = float(std::cos(angle));
      entry[1] = float(std::sin(angle));
    }
  return constant(table, at);
}

Tensor rotate(const Tensor &x, const Tensor &rotation, Here at) {
  CallerScope scope(at);
  Dims dims = x.dims();
  int64_t pairs = rotation.size(1);
  // [batch, time, heads, width / 2]
  auto part = [&](const Tensor &y, int64_t index) { return select(y, -1, index); };
  Tensor split = reshape(x, {dims[0], dims[1], x.size(2) / (2 * pairs), pairs, 2});
  Tensor a = part(split, 0), b = part(split, 1);
  Tensor c = expandDims(part(rotation, 0), 1), s = expandDims(part(rotation, 1), 1);
  return reshape(concat({expandDims(a * c - b * s, 4), expandDims(a * s + b * c, 4)}, 4), dims);
}

} // namespace moru::nn
