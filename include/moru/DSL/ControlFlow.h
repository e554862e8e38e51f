// Branches, loops of unknown length, and regions that are computed again for their gradient. Their bodies are traced
// once; they may use tensors from outside, and what they make is visible outside only where it is returned.

#ifndef MORU_DSL_CONTROLFLOW_H
#define MORU_DSL_CONTROLFLOW_H

#include "moru/DSL/Scan.h"

#include <functional>
#include <type_traits>

namespace moru {

namespace detail {
using RegionBody = std::function<std::vector<Tensor>()>;
std::vector<Tensor> cond(const Tensor &predicate, const RegionBody &onTrue, const RegionBody &onFalse, Here at);
Carry whileLoop(const Carry &init, const std::function<Tensor(const Carry &)> &condition,
                const std::function<Carry(const Carry &)> &body, Here at);
std::vector<Tensor> checkpoint(const RegionBody &body, Here at);

/// A body that returns one tensor, or several, as one that returns several.
template <typename Body> RegionBody toRegionBody(Body &body) {
  return [&body]() -> std::vector<Tensor> {
    if constexpr (std::is_convertible_v<std::invoke_result_t<Body>, Tensor>)
      return {body()};
    else
      return body();
  };
}
/// What such a body's caller gets: one tensor, or several.
template <typename Body> auto fromRegionBody(std::vector<Tensor> results) {
  if constexpr (std::is_convertible_v<std::invoke_result_t<Body>, Tensor>)
    return std::move(results.front());
  else
    return results;
}
} // namespace detail

/// What `onTrue()` returns where the scalar `predicate` is true, what `onFalse()` returns where it is not: a Tensor, or
/// a std::vector<Tensor>, of the same shapes and types from both. Only the branch that is chosen is computed. Its
/// gradient computes it again; the predicate receives none.
///
///     Tensor y = cond(norm > 1.f, [&] { return g / norm; }, [&] { return g; });
template <typename OnTrue, typename OnFalse>
auto cond(const Tensor &predicate, OnTrue onTrue, OnFalse onFalse, Here at = Here::current()) {
  return detail::fromRegionBody<OnTrue>(
      detail::cond(predicate, detail::toRegionBody(onTrue), detail::toRegionBody(onFalse), at));
}

/// Steps as long as `condition(carry)`, a scalar truth value, is true; `body(carry)` returns the next carry, of the
/// same shapes and types. Returns the carry for which the condition was false. There is no gradient through it: the
/// number of steps is not known (`scan` has one).
///
///     Carry last = whileLoop(Carry{x}, [&](Carry s) { return s[0] < 100.f; }, [&](Carry s) { return Carry{s[0] * 2.f};
///     });
template <typename Condition, typename Body>
Carry whileLoop(const Carry &init, Condition condition, Body body, Here at = Here::current()) {
  return detail::whileLoop(init, condition, body, at);
}

/// What `body()` returns: a Tensor, or a std::vector<Tensor>. A gradient through it keeps nothing that is made within,
/// only what it uses from outside: it computes the body again.
///
///     Tensor h = checkpoint([&] { return block(x); });
template <typename Body> auto checkpoint(Body body, Here at = Here::current()) {
  return detail::fromRegionBody<Body>(detail::checkpoint(detail::toRegionBody(body), at));
}

} // namespace moru

#endif // MORU_DSL_CONTROLFLOW_H
