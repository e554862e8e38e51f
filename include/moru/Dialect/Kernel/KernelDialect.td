//===- KernelDialect.td - the kernel dialect ----------------*- tablegen -*-===//
// The dialect in which a program is cut into the pieces that run.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_KERNELDIALECT_TD
#define MORU_DIALECT_KERNEL_KERNELDIALECT_TD

include "mlir/IR/OpBase.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::moru::kernel";
  let summary = "A tensor program as fused kernels over buffers";
  let description = [{
    A function of this dialect is the host's side of a step: buffers, loops over time and a sequence of kernels. A `kernel.compute` reads and
    writes buffers; its region of graph operations over the logical tensors is its meaning, whatever the layout of the buffers, so a dump
    shows what was fused in the model's own terms and a checker can run each kernel alone.

    Invariants:
    - A buffer is written by the kernels that name it in `writes` and by nothing else; a buffer in both `reads` and `writes` is updated
      in place.
    - A function has no results: arguments are parameters, state and inputs, then the outputs (`graph.role = "output"`). An argument that is
      updated in place carries `kernel.updated`, the name of the result that replaces it.
    - Before `kernel-plan` a `kernel.alloc` is a buffer of its own; after it, each has a byte `offset` in one arena, whose size is the
      function's attribute `kernel.arena`.
    - Strides are in elements. The logical index runs in row-major order whatever the strides.

    ```mlir
    func.func @f(%x: !kernel.buffer<8x4xf32> {graph.name = "x", graph.role = "input"},
                 %y: !kernel.buffer<8x4xf32> {graph.name = "y", graph.role = "output"}) {
      kernel.compute map "tanh" reads(%a = %x) writes(%y) : (!kernel.buffer<8x4xf32>) -> (!kernel.buffer<8x4xf32>) {
        %0 = graph.tanh %a : tensor<8x4xf32>
        kernel.yield %0 : tensor<8x4xf32>
      }
      return
    }
    ```
  }];
  let dependentDialects = ["::moru::graph::GraphDialect", "::mlir::func::FuncDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// `graph.role` of an argument that receives a result.
    static constexpr llvm::StringLiteral kOutputRole = "output";
    /// On an argument that is updated in place: the name of the result.
    static constexpr llvm::StringLiteral kUpdatedAttr = "kernel.updated";
    /// On a planned function: bytes of the arena.
    static constexpr llvm::StringLiteral kArenaAttr = "kernel.arena";
    /// On a function that was a kernel (from `kernel-to-loops` on): the family.
    static constexpr llvm::StringLiteral kFamilyAttr = "kernel.family";
    /// On an operation of a kernel that other kernels, or other parts of this one, compute too: it is rounded to its
    /// type everywhere, and never a part of a fused multiply-add.
    static constexpr llvm::StringLiteral kRoundedAttr = "kernel.rounded";
    /// On a contraction that runs on matrix units: planes of bf16 of each operand.
    static constexpr llvm::StringLiteral kPlanesAttr = "kernel.planes";
    /// On such a contraction of a graph: "lhs", "rhs" or "both", which are not packed before the kernel. What does not lie
    /// as tiles do is split within it, panel by panel, just before use.
    static constexpr llvm::StringLiteral kSplitsAttr = "kernel.splits";
  }];
}

#endif // MORU_DIALECT_KERNEL_KERNELDIALECT_TD
