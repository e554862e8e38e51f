// Layers. Parameter names and formulas are part of the contract: weights are [in, out], rows are vectors, y = x W + b.

#ifndef MORU_DSL_NN_H
#define MORU_DSL_NN_H

#include "moru/DSL/Module.h"
#include "moru/DSL/Scan.h"

#include <optional>

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
  /// A state of zeros.
  State start(int64_t batch, Here at = Here::current()) const;

  Tensor Wx, Wh, b;

private:
  std::string name;
  int64_t hidden;
};

} // namespace moru::nn

#endif // MORU_DSL_NN_H
