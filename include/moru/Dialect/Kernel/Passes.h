//===- Passes.h - passes of the kernel dialect ----------------------------===//
// Declarations and registration of the passes described in Passes.td.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_PASSES_H
#define MORU_DIALECT_KERNEL_PASSES_H

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Pass/Pass.h"

namespace moru::kernel {

#define GEN_PASS_DECL
#include "moru/Dialect/Kernel/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "moru/Dialect/Kernel/Passes.h.inc"

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_PASSES_H
