//===- Differences.h - derivatives by differences, with their errors -*- C++ -*-===//
// Difference quotients of what the Reference evaluates in f64, extrapolated, with a bound on their error.
//===----------------------------------------------------------------------===//

#ifndef MORU_TEST_INTEGRATION_DIFFERENCES_H
#define MORU_TEST_INTEGRATION_DIFFERENCES_H

#include "moru/Reference/Evaluator.h"
#include "moru/Reference/Tolerances.h"

#include <cmath>
#include <vector>

namespace moru::test {

/// The largest of three steps h, h/2, h/4. A power of two: x ± h is exact for numbers of f32. Extrapolated, what is
/// left of the error is of order h^6 = 1e-13; the rounding of the quotients is of order 1e-16 / h.
constexpr double kStep = 0x1p-7;

/// All floating-point entries of some tensors one after the other, with bounds on their errors.
struct Flat {
  std::vector<double> values, errors;

  Flat() = default;
  explicit Flat(llvm::ArrayRef<reference::Tensor> tensors) {
    for (const reference::Tensor &tensor : tensors)
      for (int64_t i = 0; tensor.isFloat() && i != tensor.size(); ++i) {
        values.push_back(tensor.floats[i]);
        errors.push_back(tensor.bound(i));
      }
  }
  size_t size() const { return values.size(); }
};

/// (64 D(h/4) - 20 D(h/2) + D(h)) / 45, where D(t) = (at(t) - at(-t)) / 2t: the errors of order h^2 and h^4 cancel.
/// What the last extrapolation still changed bounds what is left; to it comes the rounding of the six values.
inline Flat differentiate(llvm::function_ref<Flat(double)> at) {
  constexpr double kWeights[] = {1.0 / 45, -20.0 / 45, 64.0 / 45};
  Flat above[3], below[3], result;
  for (int k = 0; k != 3; ++k) {
    above[k] = at(std::ldexp(kStep, -k));
    below[k] = at(-std::ldexp(kStep, -k));
  }
  for (size_t i = 0; i != above[0].size(); ++i) {
    double quotients[3], value = 0, error = 0;
    for (int k = 0; k != 3; ++k) {
      double width = std::ldexp(2 * kStep, -k);
      quotients[k] = (above[k].values[i] - below[k].values[i]) / width;
      value += kWeights[k] * quotients[k];
      error += std::abs(kWeights[k]) * (above[k].errors[i] + below[k].errors[i]) / width;
    }
    double former = (4 * quotients[2] - quotients[1]) / 3;
    result.values.push_back(value);
    result.errors.push_back(std::abs(value - former) + error + 4 * reference::kRoundoffF64 * std::abs(value));
  }
  return result;
}

} // namespace moru::test

#endif // MORU_TEST_INTEGRATION_DIFFERENCES_H
