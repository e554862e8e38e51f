//===- PlanTable.h - the plan of memory as a person can add it up ---------===//
// What `moru compile --emit=plan` prints before the module.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_PLANTABLE_H
#define MORU_DIALECT_KERNEL_PLANTABLE_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace moru::kernel {

/// For each planned function, as comments of MLIR: the arena with the kernel at which most of it is in use, a line for
/// each buffer (offset, size, from which kernel to which, type, source line), and the bytes of parameters, state,
/// inputs and outputs.
std::string printPlanTables(mlir::ModuleOp module);

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_PLANTABLE_H
