// Loops over an axis and derivatives. A loop stays a loop: it is traced once, never unrolled, and so is its reverse.

#ifndef MORU_DSL_SCAN_H
#define MORU_DSL_SCAN_H

#include "moru/DSL/Ops.h"

#include <functional>
#include <type_traits>

namespace moru {

/// The values that go from one step to the next: `Carry{h, c}`, `s[0]`.
struct Carry {
  std::vector<Tensor> values;

  Carry() = default;
  Carry(std::initializer_list<Tensor> values) : values(values) {}
  explicit Carry(std::vector<Tensor> values) : values(std::move(values)) {}
  size_t size() const { return values.size(); }
  const Tensor &operator[](size_t index) const { return values[index]; }
};

/// What the body returns: the next carry, and a slice of the output (none: a loop that only carries).
struct Step {
  Carry carry;
  Tensor output = {};
};
/// The same with several outputs.
struct MultiStep {
  Carry carry;
  std::vector<Tensor> outputs;
};

/// The last carry, and the slices of the output stacked along the axis.
struct ScanResult {
  Carry last;
  Tensor output;
};
struct MultiScanResult {
  Carry last;
  std::vector<Tensor> outputs;
};

struct ScanOptions {
  /// From the last index to the first; outputs stay at the index at which they were made.
  bool reverse = false;
  /// What the loop is called in dumps and profiles.
  std::string name = "scan";
  /// The number of steps, needed only where nothing is sliced.
  int64_t length = 0;
};

namespace detail {
using ScanBody = std::function<MultiStep(const Carry &, const std::vector<Tensor> &)>;
MultiScanResult scan(const Carry &init, const std::vector<Tensor> &inputs, int64_t axis, const ScanBody &body,
                     const ScanOptions &options, Here at);
inline MultiStep toMultiStep(MultiStep step) { return step; }
inline MultiStep toMultiStep(Step step) {
  MultiStep result{std::move(step.carry), {}};
  if (step.output)
    result.outputs.push_back(std::move(step.output));
  return result;
}
template <typename Result> auto fromMultiScan(MultiScanResult result) {
  if constexpr (std::is_same_v<Result, MultiStep>)
    return result;
  else
    return ScanResult{std::move(result.last), result.outputs.empty() ? Tensor() : std::move(result.outputs.front())};
}
} // namespace detail

/// A loop over `axis` of `xs`. The body gets the carry and the slice of xs (without the axis) and returns a `Step`: the
/// next carry, of the same shapes, and a slice of the output, which is stacked along the same axis. The body may use
/// tensors from outside; what it makes is visible outside only as carry or output.
///
///     auto [last, hs] = scan(Carry{h0}, xs, /*axis=*/1, [&](Carry s, Tensor x) {
///       Tensor h = tanh(x + matmul(s[0], W));
///       return Step{.carry = {h}, .output = h};
///     });
template <typename Body>
auto scan(const Carry &init, const Tensor &xs, int64_t axis, Body body, const ScanOptions &options = {},
          Here at = Here::current()) {
  using Result = std::invoke_result_t<Body, Carry, Tensor>;
  return detail::fromMultiScan<Result>(detail::scan(
      init, {xs}, axis,
      [&](const Carry &carry, const std::vector<Tensor> &slices) {
        return detail::toMultiStep(body(carry, slices[0]));
      },
      options, at));
}

/// The same over several tensors of equal size along the axis; the body gets their slices as a vector. Without any,
/// give `options.length`.
template <typename Body>
auto scan(const Carry &init, const std::vector<Tensor> &xs, int64_t axis, Body body, const ScanOptions &options = {},
          Here at = Here::current()) {
  using Result = std::invoke_result_t<Body, Carry, std::vector<Tensor>>;
  return detail::fromMultiScan<Result>(detail::scan(
      init, xs, axis,
      [&](const Carry &carry, const std::vector<Tensor> &slices) { return detail::toMultiStep(body(carry, slices)); },
      options, at));
}

/// The derivatives of a scalar with respect to tensors, each of the tensor's shape: tensors like any other, which may
/// be differentiated again. Zeros where the loss does not depend on one.
std::vector<Tensor> gradient(const Tensor &loss, const std::vector<Tensor> &tensors, Here at = Here::current());

} // namespace moru

#endif // MORU_DSL_SCAN_H
