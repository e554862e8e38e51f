// The operations of the graph language. Names, axis conventions and defaults are those of NumPy and PyTorch in
// camelCase; where the two disagree, the comment says which. Axes may be negative and then count from the end. Operands
// of elementwise operations are broadcast as in NumPy; element types are never converted silently, only a plain number
// takes the type of the tensor beside it.

#ifndef MORU_DSL_OPS_H
#define MORU_DSL_OPS_H

#include "moru/DSL/Tensor.h"

#include <array>
#include <optional>

namespace moru {

//===----------------------------------------------------------------------===//
// Tensors from nothing
//===----------------------------------------------------------------------===//

/// All entries 0, 1 or `value`.
Tensor zeros(const Dims &dims, ElementType type = ElementType::F32, Here at = Here::current());
Tensor ones(const Dims &dims, ElementType type = ElementType::F32, Here at = Here::current());
Tensor full(const Dims &dims, double value, ElementType type = ElementType::F32, Here at = Here::current());
/// Zeros of the shape and type of `x`.
Tensor zerosLike(const Tensor &x, Here at = Here::current());
/// A tensor of known entries; it becomes part of the program.
Tensor constant(const HostTensor &values, Here at = Here::current());
/// The index along `axis`: `iota(i32({2, 3}), 1)` is [[0, 1, 2], [0, 1, 2]].
Tensor iota(const TensorType &type, int64_t axis = -1, Here at = Here::current());

//===----------------------------------------------------------------------===//
// Entry by entry
//===----------------------------------------------------------------------===//

Tensor operator+(const Operand &x, const Operand &y);
Tensor operator-(const Operand &x, const Operand &y);
Tensor operator*(const Operand &x, const Operand &y);
/// Integers: rounded toward zero (as C++, not as Python), x / 0 = 0.
Tensor operator/(const Operand &x, const Operand &y);
Tensor operator-(const Operand &x);
/// The operators by name.
inline Tensor add(const Operand &x, const Operand &y) { return x + y; }
inline Tensor sub(const Operand &x, const Operand &y) { return x - y; }
inline Tensor mul(const Operand &x, const Operand &y) { return x * y; }
inline Tensor div(const Operand &x, const Operand &y) { return x / y; }

/// Comparisons give i1; with NaN all but != are false.
Tensor operator<(const Operand &x, const Operand &y);
Tensor operator<=(const Operand &x, const Operand &y);
Tensor operator>(const Operand &x, const Operand &y);
Tensor operator>=(const Operand &x, const Operand &y);
Tensor operator==(const Operand &x, const Operand &y);
Tensor operator!=(const Operand &x, const Operand &y);
/// Of truth values (i1).
Tensor operator&(const Operand &x, const Operand &y);
Tensor operator|(const Operand &x, const Operand &y);
Tensor logicalNot(const Tensor &x, Here at = Here::current());

/// The larger and the smaller; NaN if either is. Where both are equal they share the gradient.
Tensor maximum(const Operand &x, const Operand &y);
Tensor minimum(const Operand &x, const Operand &y);
/// x^y of floating point.
Tensor pow(const Operand &x, const Operand &y);

Tensor abs(const Tensor &x, Here at = Here::current());
Tensor exp(const Tensor &x, Here at = Here::current());
/// The natural logarithm.
Tensor log(const Tensor &x, Here at = Here::current());
/// log(1 + x), exact near 0.
Tensor log1p(const Tensor &x, Here at = Here::current());
/// The error function.
Tensor erf(const Tensor &x, Here at = Here::current());
Tensor tanh(const Tensor &x, Here at = Here::current());
/// 1 / (1 + e^-x).
Tensor sigmoid(const Tensor &x, Here at = Here::current());
Tensor sqrt(const Tensor &x, Here at = Here::current());
/// 1 / sqrt(x).
Tensor rsqrt(const Tensor &x, Here at = Here::current());
Tensor sin(const Tensor &x, Here at = Here::current());
Tensor cos(const Tensor &x, Here at = Here::current());
/// x * x.
Tensor square(const Tensor &x, Here at = Here::current());
/// x where x > 0, else 0; the slope at 0 is 0.
Tensor relu(const Tensor &x, Here at = Here::current());
/// x * sigmoid(x).
Tensor silu(const Tensor &x, Here at = Here::current());
/// log(1 + e^x).
Tensor softplus(const Tensor &x, Here at = Here::current());
/// How gelu computes the normal distribution: by erf, or by tanh as GPT-2 does.
enum class Approximate { None, Tanh };
/// x times the share of the normal distribution below it.
Tensor gelu(const Tensor &x, Approximate approximate = Approximate::None, Here at = Here::current());
/// x, through which no gradient flows.
Tensor stopGradient(const Tensor &x, Here at = Here::current());
/// The same numbers in another element type. Float to integer truncates; to i1: is not zero.
Tensor convert(const Tensor &x, ElementType type, Here at = Here::current());
/// `condition ? x : y`; the side that is not chosen gets no gradient, not even 0 * infinity. Two numbers are f32.
Tensor where(const Tensor &condition, const Operand &x, const Operand &y, Here at = Here::current());

//===----------------------------------------------------------------------===//
// Products and reductions
//===----------------------------------------------------------------------===//

struct MatmulOptions {
  bool transposeA = false, transposeB = false;
};

/// The matrix product, as NumPy's `@`: [..., M, K] @ [..., K, N] -> [..., M, N]; the leading axes are broadcast, a
/// vector on the left is a row and on the right a column, and that axis leaves the result. With `transposeA` or
/// `transposeB` the last two axes of that operand change places first.
Tensor matmul(const Tensor &x, const Tensor &y, MatmulOptions options = {}, Here at = Here::current());
/// Sums of products of two tensors in Einstein's notation: `einsum("bth,hv->btv", x, w)`. Letters on both sides of the
/// arrow stay, the others are summed over; each letter once per operand; no ellipsis.
Tensor einsum(std::string_view formula, const Tensor &x, const Tensor &y, Here at = Here::current());
/// The same under the name of the operation.
inline Tensor contract(std::string_view spec, const Tensor &x, const Tensor &y, Here at = Here::current()) {
  return einsum(spec, x, y, at);
}

/// Which axes to reduce: none given means all of them.
struct Axes {
  std::vector<int64_t> list;
  bool all = true;

  Axes() = default;
  Axes(int axis) : list{axis}, all(false) {}
  Axes(int64_t axis) : list{axis}, all(false) {}
  Axes(std::initializer_list<int64_t> axes) : list(axes), all(false) {}
  Axes(std::vector<int64_t> axes) : list(std::move(axes)), all(false) {}
};

/// Sum, mean, product, largest and least entry along axes, which leave the shape unless `keepDims`. Of no entries: 0,
/// NaN, 1, -inf and inf (integers: the ends of their type), where PyTorch and NumPy refuse max and min. Equal entries
/// share the gradient of max and min.
Tensor sum(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
Tensor mean(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
Tensor max(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
Tensor min(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
Tensor prod(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());

struct CumsumOptions {
  /// The sums of the entries before each, the first of which is 0.
  bool exclusive = false;
  /// From the end.
  bool reverse = false;
};

/// The sums of the entries so far along an axis.
Tensor cumsum(const Tensor &x, int64_t axis, CumsumOptions options = {}, Here at = Here::current());
/// The number of entries along an axis, an i32 scalar: of a bounded dimension, what it is in the call.
Tensor length(const Tensor &x, int64_t axis, Here at = Here::current());
/// The index (i32) of the largest entry along an axis; the least where several are equal.
Tensor argmax(const Tensor &x, int64_t axis = -1, Here at = Here::current());

/// The k largest along an axis, the largest first, and their indices (i32). Of equal entries the one with the lesser
/// index comes first (PyTorch: any); NaN counts as larger than every number.
struct TopK {
  Tensor values, indices;
};
TopK topK(const Tensor &x, int64_t k, int64_t axis = -1, Here at = Here::current());

//===----------------------------------------------------------------------===//
// Layers without parameters
//===----------------------------------------------------------------------===//

/// e^x / sum(e^x) along an axis, and its logarithm.
Tensor softmax(const Tensor &x, int64_t axis = -1, Here at = Here::current());
Tensor logSoftmax(const Tensor &x, int64_t axis = -1, Here at = Here::current());
/// log(sum(e^x)) along an axis, which leaves the shape unless `keepDims`; -inf, with a gradient of 0, where all entries
/// are -inf.
Tensor logsumexp(const Tensor &x, int64_t axis = -1, bool keepDims = false, Here at = Here::current());

/// (x - mean) / sqrt(variance + eps) * gain + bias along the last axis, with the variance not corrected.
/// x [..., N], gain [N], bias [N].
Tensor layerNorm(const Tensor &x, const Tensor &gain, const Tensor &bias, double eps = 1e-5, Here at = Here::current());
/// x / sqrt(mean(x * x) + eps) * gain along the last axis (PyTorch's default eps is the type's).
/// x [..., N], gain [N].
Tensor rmsNorm(const Tensor &x, const Tensor &gain, double eps = 1e-5, Here at = Here::current());

/// Which keys a query sees: all of them, or those up to its own place.
enum class AttentionMask { None, Causal };
/// Those that are real: [B, S] i1 for the first leading axis B.
struct KeyMask {
  Tensor isReal;
};
/// Those that stand in its row: [T, S] i1.
struct PairMask {
  Tensor isVisible;
};
/// softmax(q k^T / sqrt(D)) v over the keys that a query sees: q [..., T, D], k [..., S, D], v [..., S, E] ->
/// [..., T, E]. A query that sees no key gives zeros (PyTorch: NaN) and passes no gradient.
Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, AttentionMask mask = AttentionMask::None,
                 Here at = Here::current());
Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, KeyMask mask, Here at = Here::current());
Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, PairMask mask, Here at = Here::current());

struct CrossEntropyOptions {
  /// Targets of this number do not count (PyTorch's default: -100).
  int64_t ignoreIndex = -1;
  /// The share of the target distribution that is spread over all classes.
  double smoothing = 0;
};

/// The mean of -log softmax(logits)[target] over the targets that count; 0 if there is none. A target that is no class
/// does not count. logits [..., V], targets [...] of integers -> []. The classes are the last axis (PyTorch: the
/// second).
Tensor crossEntropy(const Tensor &logits, const Tensor &targets, CrossEntropyOptions options = {},
                    Here at = Here::current());

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

/// What random numbers are a function of, beside their place and the operation that draws them: a key [] i64, the seed,
/// and a counter [] i32, the step. The same state gives an operation the same numbers.
struct RandomState {
  Tensor key, counter;
};

/// 32 random bits (i32); multiples of 2^-24 in [0, 1); numbers of the standard normal distribution.
Tensor randomBits(const Dims &dims, const RandomState &state, Here at = Here::current());
Tensor randomUniform(const Dims &dims, const RandomState &state, Here at = Here::current());
Tensor randomNormal(const Dims &dims, const RandomState &state, Here at = Here::current());
/// Each entry set to 0 with probability `rate`, else divided by 1 - rate; a rate of 1 is refused.
Tensor dropout(const Tensor &x, double rate, const RandomState &state, Here at = Here::current());

//===----------------------------------------------------------------------===//
// Shape and place
//===----------------------------------------------------------------------===//

/// The same entries under another shape; one axis may be -1 and is worked out.
Tensor reshape(const Tensor &x, const Dims &dims, Here at = Here::current());
/// Result axis k is axis `permutation[k]`; without one, all axes in reverse order (NumPy).
Tensor transpose(const Tensor &x, const std::vector<int64_t> &permutation = {}, Here at = Here::current());
/// A unit axis put in at `axis` of the result; a unit axis taken out.
Tensor expandDims(const Tensor &x, int64_t axis, Here at = Here::current());
Tensor squeeze(const Tensor &x, int64_t axis, Here at = Here::current());
/// x repeated to the shape, as NumPy's broadcasting does.
Tensor broadcastTo(const Tensor &x, const Dims &dims, Here at = Here::current());
inline Tensor broadcast(const Tensor &x, const Dims &shape, Here at = Here::current()) {
  return broadcastTo(x, shape, at);
}
namespace detail {
Tensor sliceAxis(const Tensor &x, int64_t axis, int64_t begin, std::optional<int64_t> end, int64_t step, Here at);
} // namespace detail
/// Entries `begin`, `begin + step`, … below `end` along an axis. Negative begin and end count from the end.
template <std::integral Axis, std::integral Begin>
Tensor slice(const Tensor &x, Axis axis, Begin begin, std::optional<int64_t> end = std::nullopt, int64_t step = 1,
             Here at = Here::current()) {
  return detail::sliceAxis(x, int64_t(axis), int64_t(begin), end, step, at);
}
/// The same along all axes, with one number for each; without strides they are 1.
Tensor slice(const Tensor &x, const std::vector<int64_t> &begin, const std::vector<int64_t> &end,
             const std::vector<int64_t> &stride = {}, Here at = Here::current());
/// Entry `index` along an axis, which leaves the shape.
Tensor select(const Tensor &x, int64_t axis, int64_t index, Here at = Here::current());
/// `low` times `value` before and `high` times behind, one number per axis.
Tensor pad(const Tensor &x, const std::vector<int64_t> &low, const std::vector<int64_t> &high, double value = 0,
           Here at = Here::current());
/// Tensors one after the other along an existing axis.
Tensor concat(const std::vector<Tensor> &tensors, int64_t axis = 0, Here at = Here::current());
/// Slices of a table by their numbers along an axis: table [N, …], ids [i…] -> [i…, …]. As NumPy's `take` (PyTorch's
/// `gather` is gatherAlongAxis). An id outside the table gives zeros.
Tensor gather(const Tensor &table, const Tensor &ids, int64_t axis = 0, Here at = Here::current());
/// One entry along an axis for each place of ids: x [a, N, b], ids [a, i, b] -> [a, i, b] for axis 1. As NumPy's
/// `take_along_axis`. An id outside the axis gives 0.
Tensor gatherAlongAxis(const Tensor &x, const Tensor &ids, int64_t axis, Here at = Here::current());
/// Rows added into a table of zeros: result[ids[i…]] += updates[i…]; updates [i…, …] -> [rows, …].
Tensor scatterAdd(const Tensor &updates, const Tensor &ids, int64_t rows, Here at = Here::current());
/// Slices added to `base` along an axis: base [N, …], ids [i…], updates [i…, …] -> [N, …] for axis 0.
Tensor scatterAdd(const Tensor &base, const Tensor &ids, const Tensor &updates, int64_t axis = 0,
                  Here at = Here::current());
/// A box of the given sizes from `starts` ([] i32 or i64, one per axis) on; starts are moved so that it lies inside.
Tensor dynamicSlice(const Tensor &x, const std::vector<Tensor> &starts, const std::vector<int64_t> &sizes,
                    Here at = Here::current());
/// x with the box from `starts` on replaced by `update`.
Tensor dynamicUpdateSlice(const Tensor &x, const Tensor &update, const std::vector<Tensor> &starts,
                          Here at = Here::current());

/// `count` equal parts along an axis.
std::vector<Tensor> split(const Tensor &x, int64_t count, int64_t axis, Here at = Here::current());

/// N equal parts, to be bound at once: `auto [f, i, g, o] = split<4>(z, -1)`.
template <size_t N> std::array<Tensor, N> split(const Tensor &x, int64_t axis, Here at = Here::current()) {
  std::vector<Tensor> parts = split(x, int64_t(N), axis, at);
  std::array<Tensor, N> result;
  for (size_t i = 0; i < N; ++i)
    result[i] = parts[i];
  return result;
}

} // namespace moru

#endif // MORU_DSL_OPS_H
