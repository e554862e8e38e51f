// Layers. Parameter names and formulas are part of the contract: weights are [in, out], rows are vectors, y = x W + b.

#ifndef MORU_DSL_NN_H
#define MORU_DSL_NN_H

#include "moru/DSL/Module.h"
#include "moru/DSL/Scan.h"
#include "moru/DSL/State.h"

#include <functional>
#include <optional>
#include <variant>

namespace moru::nn {

/// Rows of a table by their ids: ids [...] -> [..., dim].
class Embedding {
public:
  /// One parameter, called `name`: [count, dim], by default normal with deviation 1 (as PyTorch).
  Embedding(Module &parent, std::string_view name, int64_t count, int64_t dim,
            const init::Initializer &initializer = init::normal(1), Here at = Here::current());

  Tensor operator()(const Tensor &ids, Here at = Here::current()) const;

  /// [count, dim]
  Tensor weight;
};

/// Names of the two parameters; without a bias where its name is empty.
struct LinearNames {
  std::string weight, bias = {};
};

/// y = x W + b: x [..., in] -> [..., out].
class Linear {
public:
  /// Parameters [in, out] and [out]; the weight by default uniform in ±1/sqrt(in), the bias 0 (PyTorch draws the bias
  /// as well).
  Linear(Module &parent, const LinearNames &names, int64_t in, int64_t out,
         std::optional<init::Initializer> initializer = std::nullopt, Here at = Here::current());
  /// The parameters are `<name>.weight` and `<name>.bias`.
  Linear(Module &parent, std::string_view name, int64_t in, int64_t out,
         std::optional<init::Initializer> initializer = std::nullopt, Here at = Here::current());

  Tensor operator()(const Tensor &x, Here at = Here::current()) const;

  /// [in, out], [out]; no bias: an empty tensor.
  Tensor weight, bias;
};

/// While it lives, layers do what they do in training alone: `dropout` leaves entries out. Of two the inner one counts.
class TrainingScope {
public:
  /// Entries are left out with probability `rate`; `random` is called once, when the first layer needs it.
  TrainingScope(double rate, std::function<RandomState()> random);
  ~TrainingScope();
  TrainingScope(const TrainingScope &) = delete;
  TrainingScope &operator=(const TrainingScope &) = delete;

private:
  friend Tensor dropout(const Tensor &x, Here at);
  double rate;
  std::function<RandomState()> random;
  std::optional<RandomState> state;
  TrainingScope *previous;
};

/// In training each entry is 0 with the probability of the scope, else divided by what remains; elsewhere x itself.
Tensor dropout(const Tensor &x, Here at = Here::current());

/// True where a position is below the length of its sequence: lengths [batch] i32 -> [batch, time] i1.
Tensor lengthMask(const Tensor &lengths, int64_t time, Here at = Here::current());

/// One LSTM layer. Gate order f, i, g, o (PyTorch: i, f, g, o), one bias:
///
///     z = x Wx + h Wh + b;   c' = sigmoid(z_f) c + sigmoid(z_i) tanh(z_g);   h' = sigmoid(z_o) tanh(c')
class Lstm {
public:
  struct State {
    /// [batch, hidden]
    Tensor h, c;
  };
  struct Output {
    /// h of every step: [batch, time, hidden].
    Tensor output;
    /// After the last step.
    State state;
  };

  /// Parameters `<name>.Wx` [in, 4 hidden], `<name>.Wh` [hidden, 4 hidden], `<name>.b` [4 hidden]; matrices by default
  /// uniform in ±1/sqrt(hidden), the bias 0.
  Lstm(Module &parent, std::string_view name, int64_t in, int64_t hidden,
       std::optional<init::Initializer> initializer = std::nullopt, Here at = Here::current());

  /// x [batch, time, in], from a state of zeros.
  Output operator()(const Tensor &x, Here at = Here::current()) const;
  /// The same from a given state.
  Output operator()(const Tensor &x, const State &from, Here at = Here::current()) const;
  /// The same; where a sequence has ended, by `lengths` [batch] i32, its state stays as it is, and so does the output.
  Output operator()(const Tensor &x, const State &from, const Tensor &lengths, Here at = Here::current()) const;
  /// One time step: x [batch, in].
  State step(const Tensor &x, const State &from, Here at = Here::current()) const;
  /// A state of zeros.
  State start(int64_t batch, Here at = Here::current()) const;

  Tensor Wx, Wh, b;

private:
  /// The state after a step; z is the input's share of the gates.
  State advance(const Tensor &z, const State &from) const;

  std::string name;
  int64_t hidden;
};

/// LSTM layers, one on top of the other: `<name>0`, `<name>1`, …, with dropout behind each.
class LstmLayers {
public:
  LstmLayers(Module &parent, std::string_view name, int64_t layers, int64_t in, int64_t hidden,
             std::optional<init::Initializer> initializer = std::nullopt, Here at = Here::current());

  /// A state of zeros: `<name>0.h`, `<name>0.c`, …
  State start(int64_t batch, Here at = Here::current()) const;
  /// x [batch, time, in] -> [batch, time, hidden], from a state, which is replaced by that after the last step; a
  /// sequence ends by `lengths` [batch] i32, if they are given.
  Tensor operator()(const Tensor &x, State &state, const Tensor &lengths = {}, Here at = Here::current()) const;

private:
  std::vector<std::string> names;
  std::vector<Lstm> layers;
};

/// One GRU layer. Gates r, u and the candidate n, one bias (PyTorch: two):
///
///     z = x Wx + b;   y = h Wh;   r = sigmoid(z_r + y_r);   u = sigmoid(z_u + y_u);   n = tanh(z_n + r y_n)
///     h' = (1 - u) n + u h
class Gru {
public:
  struct Output {
    /// h of every step: [batch, time, hidden].
    Tensor output;
    /// After the last step: [batch, hidden].
    Tensor state;
  };

  /// Parameters `<name>.Wx` [in, 3 hidden], `<name>.Wh` [hidden, 3 hidden], `<name>.b` [3 hidden]; matrices by default
  /// uniform in ±1/sqrt(hidden), the bias 0.
  Gru(Module &parent, std::string_view name, int64_t in, int64_t hidden,
      std::optional<init::Initializer> initializer = std::nullopt, Here at = Here::current());

  /// x [batch, time, in] from a state h. Where a sequence has ended, by `lengths` [batch] i32 if they are given, its
  /// state stays as it is, and so does the output.
  Output operator()(const Tensor &x, const Tensor &h, const Tensor &lengths = {}, Here at = Here::current()) const;
  /// One time step: x [batch, in] -> h.
  Tensor step(const Tensor &x, const Tensor &h, Here at = Here::current()) const;
  /// A state of zeros.
  Tensor start(int64_t batch, Here at = Here::current()) const;

  Tensor Wx, Wh, b;

private:
  /// The state after a step; z is the input's share.
  Tensor advance(const Tensor &z, const Tensor &h) const;

  std::string name;
  int64_t hidden;
};

//===----------------------------------------------------------------------===//
// Transformers
//===----------------------------------------------------------------------===//

/// Layer normalization over the last axis [..., dim], with the biased variance:
///
///     y = (x - mean(x)) / sqrt(var(x) + epsilon) * g + b
class LayerNorm {
public:
  /// Gain and bias [dim], called `weight` and `bias` of the names: 1 and 0 at first.
  LayerNorm(Module &parent, const LinearNames &names, int64_t dim, double epsilon = 1e-5, Here at = Here::current());

  Tensor operator()(const Tensor &x, Here at = Here::current()) const;

  Tensor gain, bias;

private:
  double epsilon;
};

/// Root-mean-square normalization over the last axis: y = x / sqrt(mean(x^2) + epsilon) * g.
class RmsNorm {
public:
  /// The gain [dim] is called `name`: 1 at first.
  RmsNorm(Module &parent, std::string_view name, int64_t dim, double epsilon = 1e-5, Here at = Here::current());

  Tensor operator()(const Tensor &x, Here at = Here::current()) const;

  Tensor gain;

private:
  double epsilon;
};

enum class Activation : uint8_t {
  Relu,
  /// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), as GPT-2's (PyTorch: `approximate="tanh"`).
  Gelu,
  Silu,
};

Tensor activate(const Tensor &x, Activation activation, Here at = Here::current());

/// Two linear layers with an activation between: [..., dim] -> [..., hidden] -> [..., dim].
class FeedForward {
public:
  FeedForward(Module &parent, const LinearNames &in, const LinearNames &out, int64_t dim, int64_t hidden,
              Activation activation, std::optional<init::Initializer> initializer = std::nullopt,
              Here at = Here::current());

  Tensor operator()(const Tensor &x, Here at = Here::current()) const;

  Linear in, out;

private:
  Activation activation;
};

/// While it lives, attention is noted: for each that is computed, the weights of every query on every key, [batch,
/// heads, time, memory time] or without heads, in their order. Of two the inner one counts.
class AttentionScope {
public:
  AttentionScope();
  ~AttentionScope();
  AttentionScope(const AttentionScope &) = delete;
  AttentionScope &operator=(const AttentionScope &) = delete;

  std::vector<Tensor> weights;

private:
  AttentionScope *previous;
};

/// Notes weights that were not computed by `attend`.
void noteAttention(const Tensor &weights);

/// Which keys a query sees; see `attention`.
using Mask = std::variant<AttentionMask, KeyMask, PairMask>;

/// Keys and values of a sequence that queries look at; of the ids so far, for decoding one id at a time.
struct KeyValues {
  /// [batch, positions, dim]
  Tensor keys, values;
  /// [batch, positions] i32: in which row of the keys and values each position of a sequence lies. Empty: in its own.
  Tensor rows = {};

  /// In a model's state, as `<name>.keys` and `<name>.values`; there they are caches, whose rows come from the state.
  static KeyValues load(const State &state, const std::string &name);
  void store(State &state, const std::string &name) const;
};

/// Attention with `heads` heads. Queries [batch, time, dim], keys and values [batch, memory time, dim]; the last axis
/// is cut into heads of dim / heads, each gives softmax(Q K^T / sqrt(dim / heads)) V over the keys that a query sees,
/// and what they give stands side by side: [batch, time, dim]. Keys and values may have fewer heads, by which their
/// last axis is shorter: then each is looked at by as many heads of the queries in turn.
///
/// One query of each sequence (time 1) looks each key and value up where it lies, in other sequences' rows too; nothing
/// of the size of the memory is written.
Tensor attend(const Tensor &queries, const KeyValues &memory, int64_t heads, const Mask &mask = AttentionMask::None,
              Here at = Here::current());

/// No keys and values yet, room for `positions` of them: zeros.
KeyValues emptyKeyValues(int64_t batch, int64_t positions, int64_t dim, Here at = Here::current());
/// With those of one more id [batch, 1, dim] at `position` [] i32, each in its own row.
KeyValues append(const KeyValues &cache, const KeyValues &entry, const Tensor &position, Here at = Here::current());
/// One query sees what stands up to `position`.
Mask pastMask(int64_t positions, const Tensor &position, Here at = Here::current());

/// Attention with its projections: queries x W_Q, keys m W_K, values m W_V, output y W_O, each plus b_Q, b_K, b_V, b_O
/// if there are biases.
class MultiHeadAttention {
public:
  /// Parameters `<name>.W_Q`, `.W_K`, `.W_V`, `.W_O` [dim, dim]; `dim` is a multiple of `heads`.
  MultiHeadAttention(Module &parent, std::string_view name, int64_t dim, int64_t heads,
                     std::optional<init::Initializer> initializer = std::nullopt, bool biases = false,
                     Here at = Here::current());

  /// From x [batch, time, dim] to what `memory` [batch, memory time, dim] says.
  Tensor operator()(const Tensor &x, const Tensor &memory, const Mask &mask = AttentionMask::None,
                    Here at = Here::current()) const;
  /// The same in two parts, for a memory that stays or grows.
  KeyValues project(const Tensor &memory, Here at = Here::current()) const;
  Tensor operator()(const Tensor &x, const KeyValues &memory, const Mask &mask = AttentionMask::None,
                    Here at = Here::current()) const;

  Linear query, key, value, output;

private:
  int64_t heads;
};

/// Sizes of a Transformer's layer, and its variants.
struct LayerOptions {
  int64_t dim, heads, hidden;
  /// x + f(LN(x)) around each part f instead of LN(x + f(x)).
  bool preNorm = false;
  bool attentionBias = false;
  Activation activation = Activation::Relu;
  std::optional<init::Initializer> initializer = std::nullopt;
};

/// What the layers of an encoder and of a decoder share: parts, each with dropout, a residual and a norm around it.
class TransformerLayer {
public:
  const std::string &name() const { return prefix; }

protected:
  TransformerLayer(Module &parent, std::string_view name, const LayerOptions &options, bool reads, Here at);
  /// Part number `index` with what is around it.
  Tensor around(size_t index, const Tensor &x, const std::function<Tensor(const Tensor &)> &part) const;
  Tensor feedForward(const Tensor &x) const;

  std::string prefix;
  bool preNorm;
  MultiHeadAttention self;
  FeedForward feed;
  std::optional<MultiHeadAttention> cross;
  std::vector<LayerNorm> norms;
};

/// One layer of an encoder: attention, then a feed-forward layer.
class EncoderLayer : public TransformerLayer {
public:
  /// Parameters `<name>.self.W_Q` …, `<name>.ff.W1`, `.b1`, `.W2`, `.b2`, `<name>.ln1.g`, `.b`, `<name>.ln2.g`, `.b`.
  EncoderLayer(Module &parent, std::string_view name, const LayerOptions &options, Here at = Here::current())
      : TransformerLayer(parent, name, options, /*reads=*/false, at) {}

  /// x [batch, time, dim].
  Tensor operator()(const Tensor &x, const Mask &mask = AttentionMask::None, Here at = Here::current()) const;
};

/// One layer of a decoder: attention to what was written before, attention to a source, a feed-forward layer.
class DecoderLayer : public TransformerLayer {
public:
  /// Parameters as those of an encoder's layer, `<name>.cross.W_Q` … and `<name>.ln3.g`, `.b`.
  DecoderLayer(Module &parent, std::string_view name, const LayerOptions &options, Here at = Here::current())
      : TransformerLayer(parent, name, options, /*reads=*/true, at) {}

  /// Keys and values of a source [batch, source time, dim].
  KeyValues read(const Tensor &source, Here at = Here::current()) const { return cross->project(source, at); }
  /// x [batch, time, dim], each id after those before it.
  Tensor operator()(const Tensor &x, const KeyValues &source, const Mask &mask = AttentionMask::None,
                    Here at = Here::current()) const;
  /// One more id, x [batch, 1, dim] at `position` [] i32; those before it are in the state under the layer's name.
  Tensor step(const Tensor &x, State &state, const Tensor &position, const KeyValues &source,
              const Mask &mask = AttentionMask::None, Here at = Here::current()) const;

private:
  Tensor decode(const Tensor &x, const std::function<Tensor(const Tensor &)> &own, const KeyValues &source,
                const Mask &mask) const;
};

/// Positions as waves, [positions, dim]: entry [p, 2k] is sin(p / 10000^(2k / dim)), [p, 2k + 1] the cosine of the
/// same.
Tensor sinusoids(int64_t positions, int64_t dim, Here at = Here::current());

/// The same wave lengths apart in another order, and from position 1 on: entry [p, k] is sin((p + 1) r_k), [p, dim/2 +
/// k] the cosine of the same, r_k = 10000^(-k / (dim/2 - 1)).
Tensor sinusoidHalves(int64_t positions, int64_t dim, Here at = Here::current());

/// Rotary positions as cosine and sine, [positions, width / 2, 2]: pair k of position p is turned by
/// p theta^(-2k / width).
Tensor rotations(int64_t positions, int64_t width, double theta = 10'000, Here at = Here::current());
/// x [batch, time, heads * width] with entries 2k and 2k + 1 of each head turned by `rotation` [time, width / 2, 2].
Tensor rotate(const Tensor &x, const Tensor &rotation, Here at = Here::current());

} // namespace moru::nn

#endif // MORU_DSL_NN_H
