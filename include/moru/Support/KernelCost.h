// What one launch of a kernel has to do at least: figures that follow from its operations and the sizes of its tensors.
// Plain data, free of LLVM and MLIR.

#ifndef MORU_SUPPORT_KERNELCOST_H
#define MORU_SUPPORT_KERNELCOST_H

#include <cstdint>

namespace moru {

struct KernelCost {
  /// Floating-point operations that the program asks for: two per product of a contraction, one per entry of everything
  /// elementwise or reduced, whatever a function of it takes.
  int64_t flops = 0;
  /// Those among `flops` that belong to a contraction.
  int64_t contractionFlops = 0;
  /// Products of parts that matrix units do for one product of a contraction (f32x6: 6); 0 where there are no matrix
  /// units in use.
  int64_t products = 0;
  /// Bytes of operands and results, each once; of a gathered table the rows that are read, of a box its own.
  int64_t bytes = 0;
  /// Those among `bytes` that parameters and other arguments of the program hold; the others are in the arena.
  int64_t residentBytes = 0;

  /// Operations that are carried out.
  int64_t executedFlops() const { return flops + (products > 1 ? (products - 1) * contractionFlops : 0); }
};

} // namespace moru

#endif // MORU_SUPPORT_KERNELCOST_H
