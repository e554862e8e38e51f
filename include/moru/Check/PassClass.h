//===- PassClass.h - what a pass may change in a result -----------*- C++ -*-===//
// Every pass declares one class; the tolerance of the check after it follows from the class and from the running error
// bounds.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_PASSCLASS_H
#define MORU_CHECK_PASSCLASS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace moru::check {

/// What a pass may change.
enum class PassClass {
  /// Nothing: the same operations on the same values, so the same bits.
  Exact,
  /// The order and grouping of sums and products, and with it the rounding.
  Reassociates,
  /// As above, and factors leave sums: 0 * inf + 1 * inf, no number, becomes (0 + 1) * inf, infinite. What is not
  /// finite
  /// stays so.
  Distributes,
  /// Functions are replaced by approximations; the accuracies are in Tolerances.h.
  Approximates
};

/// A pass, by its argument, and its class.
struct ClassifiedPass {
  llvm::StringLiteral argument;
  PassClass passClass;
};

/// All passes that have a class: Moru's own, and the upstream ones that pipelines use.
llvm::ArrayRef<ClassifiedPass> classifiedPasses();

/// The class of a pass, if it has declared one.
std::optional<PassClass> getPassClass(llvm::StringRef argument);

/// "exact", "reassociates", "distributes", "approximates".
llvm::StringRef toString(PassClass passClass);

} // namespace moru::check

#endif // MORU_CHECK_PASSCLASS_H
