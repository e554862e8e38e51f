//===- Cost.h - what a kernel has to do at least --------------------------===//
// The attributes `flops` and `bytes` of a kernel, and `kernel.cost` of the function that it becomes.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_COST_H
#define MORU_DIALECT_KERNEL_COST_H

#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Support/KernelCost.h"

#include <optional>

namespace moru::kernel {

/// Of one run of a kernel.
KernelCost computeCost(ComputeOp op);

/// Writes `flops` and `bytes` down at a kernel, for people who read it.
void noteCost(ComputeOp op);

/// The rows that are added to the entries of `argument`, where a kernel does nothing else with it:
///     %rows = graph.scatter_add %updates at %ids
///     %sum = graph.add %argument, %rows
/// They can be added where it lies.
graph::ScatterAddOp findAddedRows(mlir::Value argument);

/// As an attribute of a kernel's function, by which the cost reaches those who measure; and back.
void setCost(mlir::Operation *function, const KernelCost &cost);
std::optional<KernelCost> getCost(mlir::Operation *function);

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_COST_H
