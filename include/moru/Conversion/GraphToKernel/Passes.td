//===- Passes.td - from graph to kernels --------------------*- tablegen -*-===//
// The cut of a program into kernels.
//===----------------------------------------------------------------------===//

#ifndef MORU_CONVERSION_GRAPHTOKERNEL_PASSES_TD
#define MORU_CONVERSION_GRAPHTOKERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormalizeForKernels : Pass<"graph-normalize-for-kernels", "::mlir::func::FuncOp"> {
  let summary = "bring reductions and contractions into the forms that kernels have";
  let description = [{
    Reductions become sequences of reductions over the last axis or over leading axes; an argmax becomes two reductions; a contraction
    with one row or one column becomes a product and a sum; a row divided by one number is multiplied by its reciprocal, where that is a
    normal number; a loop whose output is a part of a value that its body computes stores the value whole, and the part is taken behind
    it. A sum of very many rows becomes sums of parts of them, which are added. Tensors without entries become constants, and what is
    made of nothing with them: a sum over an axis of length 0 is zero.

    ```mlir
    // before
    %s = graph.reduce_sum %x over [0, 1] : tensor<8x4xf32> -> tensor<f32>
    // after
    %r = graph.reduce_sum %x over [1] : tensor<8x4xf32> -> tensor<8xf32>
    %s = graph.reduce_sum %r over [0] : tensor<8xf32> -> tensor<f32>
    ```
  }];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

def GraphToKernel : Pass<"graph-to-kernel", "::mlir::ModuleOp"> {
  let summary = "cut each function into fused kernels over buffers";
  let description = [{
    Groups operations that can run as one kernel, gives each value that passes between kernels a buffer, and turns scans into loops. Slices,
    transposes and reshapes become views, the operands of a concatenation are written where they belong, the carried values of a scan live in
    the stacked output where there is one; results that replace an argument are written into it.

    ```mlir
    // before
    %c = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
    %y = graph.add %c, %b : tensor<8x16xf32>
    // after
    %packed = kernel.alloc : <4x16xf32, #kernel.panels<16>>
    kernel.compute map "pack" reads(…) writes(%packed) …
    …
    kernel.compute contract "contract+add" reads(…) writes(…) … {
      %c = graph.contract … over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
      %y = graph.add %c, … : tensor<8x16xf32>
      kernel.yield %y : tensor<8x16xf32>
    }
    ```
  }];
  let dependentDialects = ["::moru::kernel::KernelDialect"];
  let options = [
    Option<"panelWidth", "panel-width", "int64_t", "32",
           "Width of the panels of packed operands, in entries: two vectors of the target (AVX-512: 32, AVX2: 16); half of it for few columns">,
    Option<"tilePlanes", "tile-planes", "int64_t", "0",
           "Planes of bf16 into which matrix units have operands of f32 split, 2 or 3; 1: they multiply bf16 alone; 0: no matrix units">,
    Option<"l2Bytes", "l2-bytes", "int64_t", "1048576", "Bytes of the second cache">,
  ];
}

#endif // MORU_CONVERSION_GRAPHTOKERNEL_PASSES_TD
