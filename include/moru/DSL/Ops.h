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
/// x, through which no gradient flows.
Tensor stopGradient(const Tensor &x, Here at = Here::current());
/// The same numbers in another element type. Float to integer truncates; to i1: is not zero.
Tensor convert(const Tensor &x, ElementType type, Here at = Here::current());
/// `condition ? x : y`; the side that is not chosen gets no gradient, not even 0 * infinity. Two numbers are f32.
Tensor where(const Tensor &condition, const Operand &x, const Operand &y, Here at = Here::current());

//===----------------------------------------------------------------------===//
// Products and reductions
//===----------------------------------------------------------------------===//

/// The matrix product, as NumPy's `@`: [..., M, K] @ [..., K, N] -> [..., M, N]; the leading axes are broadcast, a
/// vector on the left is a row and on the right a column, and that axis leaves the result.
Tensor matmul(const Tensor &x, const Tensor &y, Here at = Here::current());
/// Sums of products of two tensors in Einstein's notation: `einsum("bth,hv->btv", x, w)`. Letters on both sides of the
/// arrow stay, the others are summed over; each letter once per operand; no ellipsis.
Tensor einsum(std::string_view formula, const Tensor &x, const Tensor &y, Here at = Here::current());

/// Which axes to reduce: none given means all of them.
struct Axes {
  std::vector<int64_t> list;
  bool all = true;

  Axes() = default;
  Axes(int axis) : list{axis}, all(false) {}
  Axes(int64_t axis) : list{axis}, all(false) {}
  Axes(std::initializer_list<int64_t> axes) : list(axes), all(false) {}
};

/// Sum, mean and largest entry along axes, which leave the shape unless `keepDims`.
Tensor sum(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
Tensor mean(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
Tensor max(const Tensor &x, const Axes &axes = {}, bool keepDims = false, Here at = Here::current());
/// The index (i32) of the largest entry along an axis; the least where several are equal.
Tensor argmax(const Tensor &x, int64_t axis = -1, Here at = Here::current());

/// e^x / sum(e^x) along an axis, and its logarithm.
Tensor softmax(const Tensor &x, int64_t axis = -1, Here at = Here::current());
Tensor logSoftmax(const Tensor &x, int64_t axis = -1, Here at = Here::current());
/// The mean of -log softmax(logits)[target] over the targets that are not `ignoreIndex`; 0 if there is none. logits
/// [..., V], targets
/// [...] i32 -> []. The classes are the last axis (PyTorch: the second), and the index ignored by default is -1
/// (PyTorch: -100).
Tensor crossEntropy(const Tensor &logits, const Tensor &targets, int64_t ignoreIndex = -1, Here at = Here::current());

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
/// Entries `begin`, `begin + step`, … below `end` along an axis. Negative begin and end count from the end.
Tensor slice(const Tensor &x, int64_t axis, int64_t begin, std::optional<int64_t> end = std::nullopt, int64_t step = 1,
             Here at = Here::current());
/// Entry `index` along an axis, which leaves the shape.
Tensor select(const Tensor &x, int64_t axis, int64_t index, Here at = Here::current());
/// `low` zeros before and `high` behind, one number per axis.
Tensor pad(const Tensor &x, const std::vector<int64_t> &low, const std::vector<int64_t> &high,
           Here at = Here::current());
/// Tensors one after the other along an existing axis.
Tensor concat(const std::vector<Tensor> &tensors, int64_t axis = 0, Here at = Here::current());
/// Rows of a table by their numbers: table [N, …], ids [i…] -> [i…, …]. As NumPy's `take` along axis 0 (not PyTorch's
/// `gather`). An id outside the table gives zeros.
Tensor gather(const Tensor &table, const Tensor &ids, Here at = Here::current());
/// Rows added into a table of zeros: result[ids[i…]] += updates[i…]; updates [i…, …] -> [rows, …].
Tensor scatterAdd(const Tensor &updates, const Tensor &ids, int64_t rows, Here at = Here::current());

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
