//===- Passes.h - from graph to kernels -----------------------------------===//
// Declarations and registration of the passes described in Passes.td.
//===----------------------------------------------------------------------===//

#ifndef MORU_CONVERSION_GRAPHTOKERNEL_PASSES_H
#define MORU_CONVERSION_GRAPHTOKERNEL_PASSES_H

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Pass/Pass.h"

namespace moru {

#define GEN_PASS_DECL
#include "moru/Conversion/GraphToKernel/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "moru/Conversion/GraphToKernel/Passes.h.inc"

} // namespace moru

#endif // MORU_CONVERSION_GRAPHTOKERNEL_PASSES_H
