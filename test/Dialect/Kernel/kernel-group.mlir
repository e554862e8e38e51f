// RUN: moru-opt %s --kernel-group | %FileCheck %s
// RUN: moru-opt %s --kernel-group --kernel-plan --kernel-verify-plan -o /dev/null
// RUN: moru-opt %s --check=each --kernel-group --kernel-plan --kernel-to-loops --loops-to-llvm -o /dev/null
// RUN: moru-opt %s --kernel-group --remarks-filter="kernel-group" --remark-format=emitRemark -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// A row of the second kernel needs its own row of the first one: eight tasks that wait for nobody.
// CHECK-LABEL: func.func @runs_parts_one_after_the_other
// CHECK: kernel.group parts 8 {
// CHECK-NEXT: kernel.compute map "a"
// CHECK: kernel.compute map "b"
// CHECK: }
// CHECK-NOT: kernel.compute
// CHECK: return
// REMARK: 2 kernels are launched together, cut into 8 parts
func.func @runs_parts_one_after_the_other(%x: !kernel.buffer<8x8x4xf32>, %y: !kernel.buffer<8x8x4xf32>) {
  %t = kernel.alloc : !kernel.buffer<8x8x4xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%t) : (!kernel.buffer<8x8x4xf32>) -> (!kernel.buffer<8x8x4xf32>) {
    %1 = graph.tanh %0 : tensor<8x8x4xf32>
    kernel.yield %1 : tensor<8x8x4xf32>
  }
  kernel.compute map "b" reads(%0 = %t) writes(%y) : (!kernel.buffer<8x8x4xf32>) -> (!kernel.buffer<8x8x4xf32>) {
    %1 = graph.exp %0 : tensor<8x8x4xf32>
    kernel.yield %1 : tensor<8x8x4xf32>
  }
  return
}

// Packed weights are needed whole: their kernel comes before the group. The sum over all rows comes behind it, and what
// follows both contractions is still one group.
// CHECK-LABEL: func.func @contracts_each_part
// CHECK: kernel.compute map "pack"
// CHECK: kernel.group parts 8 {
// CHECK-NEXT: kernel.compute contract "first"
// CHECK: kernel.compute contract "second"
// CHECK: }
// CHECK: kernel.compute column_reduce "sum"
// CHECK: return
// REMARK: a kernel is not launched with those before it: a part of it needs more of a buffer than the parts before it have written
func.func @contracts_each_part(%x: !kernel.buffer<8x64x32xf32>, %w: !kernel.buffer<32x32xf32>, %y: !kernel.buffer<8x64x32xf32>, %s: !kernel.buffer<64x32xf32>) {
  %p = kernel.alloc : !kernel.buffer<32x32xf32, #kernel.panels<32>>
  %t = kernel.alloc : !kernel.buffer<8x64x32xf32>
  kernel.compute map "pack" reads(%0 = %w) writes(%p) : (!kernel.buffer<32x32xf32>) -> (!kernel.buffer<32x32xf32, #kernel.panels<32>>) {
    kernel.yield %0 : tensor<32x32xf32>
  }
  kernel.compute contract "first" reads(%0 = %x, %1 = %p) writes(%t) : (!kernel.buffer<8x64x32xf32>, !kernel.buffer<32x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<8x64x32xf32>) {
    %2 = graph.contract %0, %1 over [2] with [0] : tensor<8x64x32xf32>, tensor<32x32xf32> -> tensor<8x64x32xf32>
    kernel.yield %2 : tensor<8x64x32xf32>
  }
  kernel.compute contract "second" reads(%0 = %t, %1 = %p) writes(%y) : (!kernel.buffer<8x64x32xf32>, !kernel.buffer<32x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<8x64x32xf32>) {
    %2 = graph.contract %0, %1 over [2] with [0] : tensor<8x64x32xf32>, tensor<32x32xf32> -> tensor<8x64x32xf32>
    kernel.yield %2 : tensor<8x64x32xf32>
  }
  kernel.compute column_reduce "sum" reads(%0 = %t) writes(%s) : (!kernel.buffer<8x64x32xf32>) -> (!kernel.buffer<64x32xf32>) {
    %1 = graph.reduce_sum %0 over [0] : tensor<8x64x32xf32> -> tensor<64x32xf32>
    kernel.yield %1 : tensor<64x32xf32>
  }
  return
}

// Each part reads all of the other operand: with few rows for each byte of it there are fewer parts.
// CHECK-LABEL: func.func @reads_the_other_operand_less_often
// CHECK: kernel.group parts 4 {
// CHECK-NEXT: kernel.compute contract "gradient"
// CHECK: kernel.compute map "update"
// CHECK: }
// CHECK: return
func.func @reads_the_other_operand_less_often(%x: !kernel.buffer<256x64xf32>, %g: !kernel.buffer<256x32xf32, #kernel.panels<32>>, %w: !kernel.buffer<64x32xf32>) {
  %d = kernel.alloc : !kernel.buffer<64x32xf32>
  kernel.compute contract "gradient" reads(%0 = %x, %1 = %g) writes(%d) : (!kernel.buffer<256x64xf32>, !kernel.buffer<256x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<64x32xf32>) {
    %2 = graph.contract %0, %1 over [0] with [0] : tensor<256x64xf32>, tensor<256x32xf32> -> tensor<64x32xf32>
    kernel.yield %2 : tensor<64x32xf32>
  }
  kernel.compute map "update" reads(%0 = %w, %1 = %d) writes(%w) : (!kernel.buffer<64x32xf32>, !kernel.buffer<64x32xf32>) -> (!kernel.buffer<64x32xf32>) {
    %2 = graph.sub %0, %1 : tensor<64x32xf32>
    kernel.yield %2 : tensor<64x32xf32>
  }
  return
}

// So much that each part would read whole is read less often by tasks over rows and columns.
// CHECK-LABEL: func.func @leaves_a_wide_gradient_to_tasks
// CHECK-NOT: parts
// CHECK: kernel.compute contract "gradient"
// CHECK-NOT: parts
// CHECK: return
func.func @leaves_a_wide_gradient_to_tasks(%x: !kernel.buffer<512x64xf32>, %g: !kernel.buffer<512x64xf32, #kernel.panels<32>>, %w: !kernel.buffer<64x64xf32>) {
  %d = kernel.alloc : !kernel.buffer<64x64xf32>
  kernel.compute contract "gradient" reads(%0 = %x, %1 = %g) writes(%d) : (!kernel.buffer<512x64xf32>, !kernel.buffer<512x64xf32, #kernel.panels<32>>) -> (!kernel.buffer<64x64xf32>) {
    %2 = graph.contract %0, %1 over [0] with [0] : tensor<512x64xf32>, tensor<512x64xf32> -> tensor<64x64xf32>
    kernel.yield %2 : tensor<64x64xf32>
  }
  kernel.compute map "update" reads(%0 = %w, %1 = %d) writes(%w) : (!kernel.buffer<64x64xf32>, !kernel.buffer<64x64xf32>) -> (!kernel.buffer<64x64xf32>) {
    %2 = graph.sub %0, %1 : tensor<64x64xf32>
    kernel.yield %2 : tensor<64x64xf32>
  }
  return
}

// Two chains that have nothing to do with each other are one launch; the tasks of one chain are its parts, and a
// chain of few rows is one task.
// CHECK-LABEL: func.func @launches_chains_beside_each_other
// CHECK: kernel.group {
// CHECK-NEXT: kernel.group parts 8 {
// CHECK-NEXT: kernel.compute map "a"
// CHECK: kernel.compute map "b"
// CHECK: }
// CHECK: kernel.group parts 1 {
// CHECK-NEXT: kernel.compute map "c"
// CHECK: kernel.compute map "d"
// CHECK: }
// CHECK-NOT: kernel.compute
// CHECK: return
// REMARK: 2 kernels that do not depend on each other are launched together
func.func @launches_chains_beside_each_other(%x: !kernel.buffer<8x8x4xf32>, %y: !kernel.buffer<8x8x4xf32>, %z: !kernel.buffer<4x8xf32>) {
  %t = kernel.alloc : !kernel.buffer<8x8x4xf32>
  %u = kernel.alloc : !kernel.buffer<4x8xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%t) : (!kernel.buffer<8x8x4xf32>) -> (!kernel.buffer<8x8x4xf32>) {
    %1 = graph.tanh %0 : tensor<8x8x4xf32>
    kernel.yield %1 : tensor<8x8x4xf32>
  }
  kernel.compute map "c" reads(%0 = %z) writes(%u) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %1 = graph.tanh %0 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  kernel.compute map "b" reads(%0 = %t) writes(%y) : (!kernel.buffer<8x8x4xf32>) -> (!kernel.buffer<8x8x4xf32>) {
    %1 = graph.exp %0 : tensor<8x8x4xf32>
    kernel.yield %1 : tensor<8x8x4xf32>
  }
  kernel.compute map "d" reads(%0 = %u) writes(%z) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %1 = graph.exp %0 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  return
}

// The second kernel writes what each part of the first one needs whole, so it is not beside it and not in one group with it.
// CHECK-LABEL: func.func @waits_for_those_that_read_the_old
// CHECK-NOT: kernel.group
// CHECK: kernel.compute map "reads all"
// CHECK: kernel.compute map "writes"
// CHECK: return
func.func @waits_for_those_that_read_the_old(%x: !kernel.buffer<8x8xf32>, %y: !kernel.buffer<8x8xf32>) {
  kernel.compute map "reads all" reads(%0 = %x) writes(%y) : (!kernel.buffer<8x8xf32>) -> (!kernel.buffer<8x8xf32>) {
    %1 = graph.transpose %0 by [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
    kernel.yield %1 : tensor<8x8xf32>
  }
  kernel.compute map "writes" reads(%0 = %x) writes(%x) : (!kernel.buffer<8x8xf32>) -> (!kernel.buffer<8x8xf32>) {
    %1 = graph.exp %0 : tensor<8x8xf32>
    kernel.yield %1 : tensor<8x8xf32>
  }
  return
}
