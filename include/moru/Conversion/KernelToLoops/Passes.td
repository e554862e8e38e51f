//===- Passes.td - from kernels to loops --------------------*- tablegen -*-===//
// The arrow from the kernel dialect to functions of scf, vector, memref, arith and math.
//===----------------------------------------------------------------------===//

#ifndef MORU_CONVERSION_KERNELTOLOOPS_PASSES_TD
#define MORU_CONVERSION_KERNELTOLOOPS_PASSES_TD

include "mlir/Pass/PassBase.td"

def KernelToLoops : Pass<"kernel-to-loops", "::mlir::ModuleOp"> {
  let summary = "turn every kernel into a function of loops over native vectors";
  let description = [{
    Each `kernel.compute` becomes a function over memrefs and the number of a task, and a `kernel.launch` in its place. Kernels that differ
    in nothing but label, location and buffers share a function. Loops work on 1-D vectors of the width of a register; the tails of an axis are
    steps of their own behind the loop. Which entries a task computes, and in which order sums are added up, follows from shapes and
    options alone.

    Class: reassociates (sums of reductions and contractions).

    ```mlir
    // before
    kernel.compute map "tanh" reads(%a = %x) writes(%y) : (!kernel.buffer<8x4xf32>) -> (!kernel.buffer<8x4xf32>) {
      %0 = graph.tanh %a : tensor<8x4xf32>
      kernel.yield %0 : tensor<8x4xf32>
    }
    // after
    kernel.launch @tanh_0(%x, %y : !kernel.buffer<8x4xf32>, !kernel.buffer<8x4xf32>) tasks 1
    …
    func.func private @tanh_0(%from: memref<8x4xf32>, %to: memref<8x4xf32>, %task: index) … {
      …
      %v = vector.load %flat_x[%i] : memref<32xf32>, vector<16xf32>
      %t = math.tanh %v … : vector<16xf32>
      vector.store %t, %flat_y[%i] : memref<32xf32>, vector<16xf32>
      …
    }
    ```
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "512", "Bits of a vector register">,
    Option<"vectorRegisters", "vector-registers", "int64_t", "32", "Number of vector registers">,
    Option<"l1Bytes", "l1-bytes", "int64_t", "32768", "Bytes of the first cache">,
    Option<"l2Bytes", "l2-bytes", "int64_t", "1048576", "Bytes of the second cache">
  ];
  let dependentDialects = [
    "::mlir::amx::AMXDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::moru::kernel::KernelDialect"
  ];
}

#endif // MORU_CONVERSION_KERNELTOLOOPS_PASSES_TD
