// RUN: moru-opt %s --loops-to-llvm --split-input-file | %FileCheck %s
// A parameter is noalias only where no launch gives its bytes in another parameter.

// Two slots of one buffer.
// CHECK-LABEL: llvm.func @slots_of_one_buffer
// CHECK: llvm.func internal @kernel
// CHECK-NOT: llvm.noalias
// CHECK: llvm.func @kernel_entry
func.func @slots_of_one_buffer(%x: !kernel.buffer<10x4xf32>) {
  kernel.loop %t to 9 {
    %a = kernel.slot %x[%t] axis 0 : !kernel.buffer<10x4xf32> -> !kernel.buffer<4xf32>
    %b = kernel.slot %x[%t + 1] axis 0 : !kernel.buffer<10x4xf32> -> !kernel.buffer<4xf32>
    kernel.launch @kernel(%a, %b : !kernel.buffer<4xf32>, !kernel.buffer<4xf32>) tasks 1
  }
  return
}
func.func private @kernel(%x: memref<4xf32>, %y: memref<4xf32>, %task: index) {
  return
}

// -----

// The plan has put %b over the end of %a, but not over %c.
// CHECK-LABEL: llvm.func @neighbors_in_the_arena
// CHECK: llvm.func internal @kernel(
// CHECK-SAME: !llvm.ptr,
// CHECK-SAME: !llvm.ptr,
// CHECK-SAME: !llvm.ptr {llvm.noalias},
func.func @neighbors_in_the_arena() {
  %a = kernel.alloc at 0 : !kernel.buffer<32xf32>
  %b = kernel.alloc at 64 : !kernel.buffer<32xf32>
  %c = kernel.alloc at 192 : !kernel.buffer<32xf32>
  kernel.launch @kernel(%a, %b, %c : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 1
  return
}
func.func private @kernel(%x: memref<32xf32>, %y: memref<32xf32>, %z: memref<32xf32>, %task: index) {
  return
}

// -----

// Without a launch nothing is known about the buffers; the entry is there all the same.
// CHECK: llvm.func internal @never_launched
// CHECK-NOT: llvm.noalias
// CHECK: llvm.func @never_launched_entry
func.func private @never_launched(%x: memref<4xf32>, %task: index) attributes {kernel.family = "map"} {
  return
}
