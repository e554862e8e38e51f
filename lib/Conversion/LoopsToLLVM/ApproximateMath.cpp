// Polynomials in place of functions of libm.

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace moru {

void populateApproximateMathPatterns(RewritePatternSet &patterns) {
  // Functions without a polynomial of their own, in terms of those that have one; and those for which x86 has no
  // instruction.
  math::populateExpansionPatterns(patterns,
                                  {"powf", "fpowi", "sinh", "cosh", "tan", "asinh", "acosh", "atanh", "exp2", "round"});
  // f16 and bf16 are computed in f32.
  populateMathPolynomialApproximationPatterns(patterns);
}

} // namespace moru
