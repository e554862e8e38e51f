//===- KernelToLoops.h - from kernels to loops ----------------------------===//
// Declaration and registration of the pass described in Passes.td.
//===----------------------------------------------------------------------===//

#ifndef MORU_CONVERSION_KERNELTOLOOPS_KERNELTOLOOPS_H
#define MORU_CONVERSION_KERNELTOLOOPS_KERNELTOLOOPS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace moru {

#define GEN_PASS_DECL
#include "moru/Conversion/KernelToLoops/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "moru/Conversion/KernelToLoops/Passes.h.inc"

} // namespace moru

#endif // MORU_CONVERSION_KERNELTOLOOPS_KERNELTOLOOPS_H
