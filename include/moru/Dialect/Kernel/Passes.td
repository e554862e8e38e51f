//===- Passes.td - passes of the kernel dialect -------------*- tablegen -*-===//
// Each description's example is a lit test of the same name under test/Dialect/Kernel.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_PASSES_TD
#define MORU_DIALECT_KERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def KernelPrepare : Pass<"kernel-prepare", "::mlir::func::FuncOp"> {
  let summary = "set apart what depends on parameters alone";
  let description = [{
    Moves the kernels that read nothing but parameters that the function does not update, or what such kernels have made, into one
    `kernel.prepare` at the beginning: weights are packed once for many calls.

    ```mlir
    // before
    func.func @example(%w: !kernel.buffer<4xf32> {graph.name = "w", graph.role = "parameter"}, %x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>) {
      %b = kernel.alloc : !kernel.buffer<4xf32>
      kernel.compute map "exp" reads(%v = %w) writes(%b) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        %0 = graph.exp %v : tensor<4xf32>
        kernel.yield %0 : tensor<4xf32>
      }
      kernel.compute map "add" reads(%v = %b, %u = %x) writes(%y) : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        %1 = graph.add %v, %u : tensor<4xf32>
        kernel.yield %1 : tensor<4xf32>
      }
      return
    }
    // after
    kernel.prepare {
      kernel.compute map "exp" …
    }
    kernel.compute map "add" …
    ```
  }];
  let dependentDialects = ["::moru::kernel::KernelDialect"];
}

def KernelSchedule : Pass<"kernel-schedule", "::mlir::func::FuncOp"> {
  let summary = "run kernels when their results are needed, and updates as soon as they can";
  let description = [{
    A kernel that only fills buffers, from values that are in use until its first reader anyway, is moved before that reader: so a packed
    weight is there for its contraction alone. A kernel that only changes arguments in place is moved forward to where all that it reads is
    there and nobody needs the old values: so a gradient is gone when its parameter is updated. All others keep their order.

    ```mlir
    // before
    %p = kernel.alloc : !kernel.buffer<4xf32>
    kernel.compute map "pack w" reads(%v = %w) writes(%p) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %0 = graph.abs %v : tensor<4xf32>
      kernel.yield %0 : tensor<4xf32>
    }
    kernel.compute map "tanh" reads(%v = %x) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %1 = graph.tanh %v : tensor<4xf32>
      kernel.yield %1 : tensor<4xf32>
    }
    kernel.compute map "exp" reads(%u = %p) writes(%z) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %2 = graph.exp %u : tensor<4xf32>
      kernel.yield %2 : tensor<4xf32>
    }
    // after
    kernel.compute map "tanh" …
    kernel.compute map "pack w" …
    kernel.compute map "exp" …
    ```
  }];
  let dependentDialects = ["::moru::kernel::KernelDialect"];
}

def KernelGroup : Pass<"kernel-group", "::mlir::func::FuncOp"> {
  let summary = "launch small kernels together";
  let description = [{
    A launch ends when its last task does, which takes about a microsecond beside the work; and what a kernel has written may lie in another
    core's cache when the next one reads it. Small kernels of the function's own block that fall into equal parts along the first axis of their
    results (a batch's sequences, say), and of which each needs only the same part of those before it, become a `kernel.group` with parts:
    a task does its part of all of them. Parts are few enough that each computes longer than it reads what all of them need whole. Kernels on
    the way that need nothing of the group move before it, others behind it. Of what is left, small kernels that do not depend on each
    other become groups without parts.

    Where a kernel could have been in a group and is not, a remark says why.

    ```mlir
    // before
    %t = kernel.alloc : !kernel.buffer<64x4xf32>
    kernel.compute map "exp" reads(%v = %x) writes(%t) : (!kernel.buffer<64x4xf32>) -> (!kernel.buffer<64x4xf32>) {
      %0 = graph.exp %v : tensor<64x4xf32>
      kernel.yield %0 : tensor<64x4xf32>
    }
    kernel.compute map "tanh" reads(%w = %t) writes(%y) : (!kernel.buffer<64x4xf32>) -> (!kernel.buffer<64x4xf32>) {
      %1 = graph.tanh %w : tensor<64x4xf32>
      kernel.yield %1 : tensor<64x4xf32>
    }
    // after
    kernel.group parts 8 {
      kernel.compute map "exp" …
      kernel.compute map "tanh" …
    }
    ```
  }];
  let dependentDialects = ["::moru::kernel::KernelDialect"];
  let options = [
    Option<"l2Bytes", "l2-bytes", "int64_t", "1048576", "Bytes of the second cache, in half of which stays what all parts of a group read">,
  ];
}

def KernelPlan : Pass<"kernel-plan", "::mlir::func::FuncOp"> {
  let summary = "give every buffer its place in one arena";
  let description = [{
    Finds from where to where each `kernel.alloc` is in use (in a loop: for all of it, unless the buffer lives within the body) and gives
    buffers that live at different times the same bytes, largest first. Offsets are multiples of 64; the function's `kernel.arena` is the
    size of the arena.

    ```mlir
    // before
    %b = kernel.alloc : !kernel.buffer<4xf32>
    kernel.compute map "exp" reads(%v = %x) writes(%b) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %0 = graph.exp %v : tensor<4xf32>
      kernel.yield %0 : tensor<4xf32>
    }
    kernel.compute map "tanh" reads(%w = %b) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %1 = graph.tanh %w : tensor<4xf32>
      kernel.yield %1 : tensor<4xf32>
    }
    // after
    func.func @example(…) attributes {kernel.arena = 64 : i64} {
    %b = kernel.alloc at 0 : <4xf32>
    ```
  }];
  let dependentDialects = ["::moru::kernel::KernelDialect"];
}

def KernelVerifyPlan : Pass<"kernel-verify-plan", "::mlir::func::FuncOp"> {
  let summary = "check that no kernel reads what another has overwritten, and that nothing is copied";
  let description = [{
    An error where a buffer is unplanned or where buffers that are in use at the same time overlap. A kernel that only copies a parameter or an
    activation is a remark, with `forbid-copies` an error: a program whose step is known to need none is tested with it.

    ```mlir
    func.func @example(%x: !kernel.buffer<4xf32>) attributes {kernel.arena = 64 : i64} {
      %b = kernel.alloc at 0 : !kernel.buffer<4xf32>
      kernel.compute map "exp" reads(%v = %x) writes(%b) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        %0 = graph.exp %v : tensor<4xf32>
        kernel.yield %0 : tensor<4xf32>
      }
      return
    }
    ```
  }];
  let dependentDialects = ["::moru::kernel::KernelDialect"];
  let options = [
    Option<"forbidCopies", "forbid-copies", "bool", "false", "A kernel that only copies a parameter or an activation is an error">,
  ];
}

#endif // MORU_DIALECT_KERNEL_PASSES_TD
