//===- Passes.td - from loops to the LLVM dialect -----------*- tablegen -*-===//
// The last arrow before LLVM IR.
//===----------------------------------------------------------------------===//

#ifndef MORU_CONVERSION_LOOPSTOLLVM_PASSES_TD
#define MORU_CONVERSION_LOOPSTOLLVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def LoopsToLLVM : Pass<"loops-to-llvm", "::mlir::ModuleOp"> {
  let summary = "lower the host's functions and the kernels to the LLVM dialect";
  let description = [{
    A host function (one that launches kernels) becomes `i32 name(ptr context, ptr arguments)`, as `moru_function` in Runtime.h: its buffers
    are loaded from the array of arguments, a `kernel.alloc` is the arena plus its offset, a `kernel.view` and a `kernel.slot` are
    additions, a `kernel.launch` fills one array of pointers (allocated once, at the function's entry) and calls the context's
    `parallel_for`. A `kernel.group` is one launch; of one that is shorter than the way to another thread, all tasks are one.

    A kernel's function becomes `void name(ptr…, i64 task)` with bare pointers, inlined by LLVM into `void name_entry(ptr buffers, i64 task)`. A
    parameter is `noalias` where no launch gives the kernel the same buffer in another parameter. Functions of `math` become
    polynomials (`approximate-math`), so that a vector never waits for scalar calls of libm. bf16, which loops only move, becomes i16.

    Class: exact, but for `approximate-math`, which approximates within the ulps of `Reference/Tolerances.h`.

    ```mlir
    // before
    func.func @f(%x: !kernel.buffer<8xf32>, %y: !kernel.buffer<8xf32>) attributes {kernel.arena = 0 : i64} {
      kernel.launch @k(%x, %y : !kernel.buffer<8xf32>, !kernel.buffer<8xf32>) tasks 1
      return
    }
    func.func private @k(%p: memref<8xf32>, %q: memref<8xf32>, %task: index) {
      %i = arith.constant 0 : index
      %v = vector.load %p[%i] : memref<8xf32>, vector<8xf32>
      vector.store %v, %q[%i] : memref<8xf32>, vector<8xf32>
      return
    }
    // after
    llvm.func @f(%context: !llvm.ptr, %arguments: !llvm.ptr) -> i32 {
      …
      llvm.call %parallel_for(%context, %entry, %buffers, %tasks) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64) -> ()
      llvm.return %zero : i32
    }
    ```
  }];
  let options = [
    Option<"approximateMath", "approximate-math", "bool", "true", "Replace functions of the math dialect by polynomials">,
    Option<"vectorBits", "vector-bits", "int64_t", "256", "Bits of a vector register; from 512 on, with AVX-512's instructions">
  ];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::mlir::affine::AffineDialect"
  ];
}

#endif // MORU_CONVERSION_LOOPSTOLLVM_PASSES_TD
