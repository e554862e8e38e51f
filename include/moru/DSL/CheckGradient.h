// Derivatives against finite differences: for authors of a cell, a loss or an operation of their own.

#ifndef MORU_DSL_CHECKGRADIENT_H
#define MORU_DSL_CHECKGRADIENT_H

#include "moru/DSL/Program.h"

#include <functional>
#include <string>
#include <vector>

namespace moru {

struct GradientCheckOptions {
  /// Of the drawn inputs and parameters, and of the entries that are looked at.
  uint64_t seed = 1;
  /// Entries of each tensor that are looked at.
  int64_t entries = 8;
  /// Largest relative difference that passes. Differences in f64 with steps of 1e-3, extrapolated, are good to about
  /// 1e-9.
  double tolerance = 1e-6;
};

/// The worst entry.
struct GradientCheck {
  /// |derivative - difference quotient| / the largest derivative of the tensor.
  double worst = 0;
  bool passed = true;
  /// `lstm.cpp:9: l0.Wh[3, 17]: derivative 0.5, difference quotient 0.25 (relative difference 0.5); wrong from
  /// graph.tanh at lstm.cpp:14 on`. The operation is the one whose gradient rule is at fault; of a loop, those of its
  /// body whose rules are wrong are named too: `graph.scan at lstm.cpp:12, in it graph.tanh at lstm.cpp:14`.
  std::string text;
};

/// Traces a loss, which declares its inputs on the function, and compares its derivatives with respect to parameters
/// with central differences, both computed in f64 by the Reference on drawn numbers, whatever the element types are.
/// Entries at a kink (max, relu) are passed over; a check that had to pass over all is not passed. Fails with the
/// mistakes of the trace.
Result<GradientCheck> checkGradient(const std::function<Tensor(Function &)> &loss,
                                    const std::vector<Tensor> &parameters, const GradientCheckOptions &options = {},
                                    Here at = Here::current());

} // namespace moru

#endif // MORU_DSL_CHECKGRADIENT_H
