//===- PassClass.cpp - what a pass may change in a result ------------------===//
// The table. A pass of Moru's that is not in it cannot be checked, and a test says so.
//===----------------------------------------------------------------------===//

#include "moru/Check/PassClass.h"

#include "llvm/ADT/STLExtras.h"

using namespace moru::check;

llvm::ArrayRef<ClassifiedPass> moru::check::classifiedPasses() {
  static constexpr ClassifiedPass passes[] = {
      {"graph-expand-gradients", PassClass::Reassociates},
      {"graph-pad-bounded", PassClass::Reassociates},
      {"graph-simplify-algebra", PassClass::Reassociates},
      {"graph-hoist-from-scan", PassClass::Distributes},
      {"graph-decompose-composites", PassClass::Reassociates},
      // The Reference computes in f64, whatever the types: what they round away is in the bounds of compiled code.
      {"graph-round-contractions", PassClass::Reassociates},
      {"graph-normalize-for-kernels", PassClass::Reassociates},
      // Contracted axes are summed over in the order of the layout.
      {"graph-to-kernel", PassClass::Reassociates},
      {"kernel-prepare", PassClass::Exact},
      {"kernel-schedule", PassClass::Exact},
      {"kernel-group", PassClass::Exact},
      {"kernel-plan", PassClass::Exact},
      {"kernel-verify-plan", PassClass::Exact},
      {"kernel-to-loops", PassClass::Reassociates},
      {"loops-to-llvm", PassClass::Approximates},
      // Upstream.
      {"canonicalize", PassClass::Reassociates},
      {"cse", PassClass::Exact},
      {"inline", PassClass::Exact},
      {"strip-debuginfo", PassClass::Exact},
      {"symbol-dce", PassClass::Exact},
  };
  return passes;
}

std::optional<PassClass> moru::check::getPassClass(llvm::StringRef argument) {
  for (const ClassifiedPass &pass : classifiedPasses())
    if (pass.argument == argument)
      return pass.passClass;
  return std::nullopt;
}

llvm::StringRef moru::check::toString(PassClass passClass) {
  switch (passClass) {
  case PassClass::Exact:
    return "exact";
  case PassClass::Reassociates:
    return "reassociates";
  case PassClass::Distributes:
    return "distributes";
  case PassClass::Approximates:
    return "approximates";
  }
  llvm_unreachable("every class has a name");
}
