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

namespace {
/// Which keys one query sees, [1 or batch, 1, positions]; an empty tensor where it sees all.
struct SeenByOne {
  int64_t positions;
  Tensor operator()(AttentionMask mask) const {
    return mask == AttentionMask::Causal ? iota(i32({1, 1, positions}), 2) == 0 : Tensor();
  }
  Tensor operator()(const KeyMask &mask) const { return expandDims(mask.isReal, 1); }
  Tensor operator()(const PairMask &mask) const { return expandDims(mask.isVisible, 0); }
};
} // namespace

/// Keys or values as heads see them: [batch, positions, groups * width] -> [positions, batch, heads, width].
static Tensor readByHeads(const Tensor &all, const Tensor &rows, int64_t heads, int64_t width) {
  int64_t batch = all.size(0), positions = all.size(1), groups = all.size(2) / width;
  if (rows) {
    // The vectors of `width` entries by their numbers.
    Tensor place = expandDims(transpose(rows), 2) * positions + iota(i32({positions, 1, 1}), 0);
    Tensor head = iota(i32({1, 1, heads}), 2) / (heads / groups);
    return gather(reshape(all, {batch * positions * groups, width}), place * groups + head);
  }
  Tensor split = transpose(reshape(all, {batch, positions, groups, width}), {1, 0, 2, 3});
  if (groups == heads)
    return split;
  Tensor repeated = broadcastTo(expandDims(split, 3), {positions, batch, groups, heads / groups, width});
  return reshape(repeated, {positions, batch, heads, width});
}

/// `attend` of one query: products and sums that read every key and value once, where it lies. A matrix product would
/// have them moved first.
static Tensor attendByOne(const Tensor &query, const KeyValues &memory, int64_t heads, const Mask &mask) {
  int64_t batch = query.size(0), width = query.size(2) / heads;
  Tensor keys = readByHeads(memory.keys, memory.rows, heads, width);
  Tensor products = sum(keys * reshape(query, {1, batch, heads, width}), -1);
  Tensor scores = transpose(products * (1 / std::sqrt(double(width))), {1, 2, 0});
  Tensor seen = std::visit(SeenByOne{memory.keys.size(1)}, mask);
  Tensor weights = softmax(seen ? where(seen, scores, -1e30) : scores);
  // A query that sees no key gives zeros.
  weights = seen ? where(seen, weights, 0) : weights;
  noteAttention(expandDims(weights, 2));
  Tensor values = readByHeads(memory.values, memory.rows, heads, width);
  return reshape(sum(values * expandDims(transpose(weights, {2, 0, 1}), 3), 0), query.dims());
}

Tensor attend(const Tensor &queries, const KeyValues &memory, int64_t heads, const Mask &mask, Here at) {
  CallerScope scope(at);
  if (queries.rank() == 3 && queries.size(1) == 1)
    return attendByOne(queries, memory, heads, mask);
  const Tensor &keys = memory.keys, &values = memory.values;
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
  return {state[name + ".keys"], state[name + ".values"], state[State::kRows]};
}

void KeyValues::store(State &state, const std::string &name) const {
  for (const auto &[entry, tensor] : {std::pair(name + ".keys", keys), std::pair(name + ".values", values)}) {
    state[entry] = tensor;
    state.markCache(entry);
  }
  if (rows)
    state[State::kRows] = rows;
}

KeyValues append(const KeyValues &cache, const KeyValues &entry, const Tensor &position, Here at) {
  CallerScope scope(at);
  Tensor zero = zeros({}, ElementType::I32);
  auto put = [&](const Tensor &all, const Tensor &one) { return dynamicUpdateSlice(all, one, {zero, position, zero}); };
  Tensor rows = cache.rows;
  if (rows)
    rows = where(iota(i32({1, rows.size(1)}), 1) == position, iota(i32({rows.size(0), 1}), 0), rows);
  return {put(cache.keys, entry.keys), put(cache.values, entry.values), rows};
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
  return output(attend(query(x), memory, heads, mask));
}

Tensor MultiHeadAttention::operator()(const Tensor &x, const Tensor &memory, const Mask &mask, Here at) const {
  CallerScope scope(at);
  return (*this)(x, project(memory), mask);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

TransformerLayer::TransformerLayer(Module &parent, std::string_view name, const LayerOptions &options, bool reads,
                                   Here at)
    : prefix(name), preNorm(options.preNorm),
      self(parent, prefix + ".self", options.dim, options.heads, options.initializer, options.attentionBias, at),
      feed(parent, {.weight = prefix + ".ff.W1", .bias = prefix + ".ff.b1"},
           {.weight = prefix + ".ff.W2", .bias = prefix + ".ff.b2"}, options.dim, options.hidden, options.activation,
           options.initializer, at) {
  if (reads)
    cross.emplace(parent, prefix + ".cross", options.dim, options.heads, options.initializer, options.attentionBias,
                  at);
  for (int i = 1; i <= (reads ? 3 : 2); ++i) {
    std::string norm = prefix + ".ln" + std::to_string(i);
    norms.emplace_back(parent, LinearNames{.weight = norm + ".g", .bias = norm + ".b"}, options.dim, 1e-5, at);
  }
}

Tensor TransformerLayer::around(size_t index, const Tensor &x,
                                const std::function<Tensor(const Tensor &)> &part) const {
  if (preNorm)
    return x + dropout(part(norms[index](x)));
  return norms[index](x + dropout(part(x)));
}

Tensor TransformerLayer::feedForward(const Tensor &x) const {
  return around(norms.size() - 1, x, [&](const Tensor &y) { return feed(y); });
}

Tensor EncoderLayer::operator()(const Tensor &x, const Mask &mask, Here at) const {
  CallerScope scope(at);
  return feedForward(around(0, x, [&](const Tensor &y) { return self(y, y, mask); }));
}

Tensor DecoderLayer::decode(const Tensor &x, const std::function<Tensor(const Tensor &)> &own, const KeyValues &source,
                            const Mask &mask) const {
  return feedForward(around(1, around(0, x, own), [&](const Tensor &y) { return (*cross)(y, source, mask); }));
}

Tensor DecoderLayer::operator()(const Tensor &x, const KeyValues &source, const Mask &mask, Here at) const {
  CallerScope scope(at);
  return decode(x, [&](const Tensor &y) { return self(y, y, AttentionMask::Causal); }, source, mask);
}

Tensor DecoderLayer::step(const Tensor &x, State &state, const Tensor &position, const KeyValues &source,
                          const Mask &mask, Here at) const {
  CallerScope scope(at);
  auto own = [&](const Tensor &y) {
    KeyValues past = append(KeyValues::load(state, prefix), self.project(y), position);
    past.store(state, prefix);
    return self(y, past, pastMask(past.keys.size(1), position));
  };
  return decode(x, own, source, mask);
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
