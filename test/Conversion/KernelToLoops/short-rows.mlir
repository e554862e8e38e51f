// RUN: moru-opt %s --kernel-to-loops | %FileCheck %s
// RUN: moru-opt %s --check=each --kernel-plan --kernel-to-loops --loops-to-llvm -o /dev/null
// RUN: moru-opt %s --check=each --kernel-plan --kernel-to-loops="vector-bits=256 vector-registers=16" --loops-to-llvm -o /dev/null

// Sixteen rows at once: each is loaded once and stored once, and the largest entries of all are found with 15 maxima.
// CHECK-LABEL: func.func private @softmax
// CHECK: scf.for
// CHECK-COUNT-16: vector.load
// CHECK-NOT: vector.load
// CHECK-COUNT-15: arith.maximumf {{.*}} fastmath<nsz> : vector<16xf32>
// CHECK-NOT: arith.maximumf
// CHECK-COUNT-16: math.exp
// CHECK-NOT: math.exp
// CHECK-COUNT-16: vector.store
// CHECK-NOT: vector.store
// CHECK: return
func.func @short(%x: !kernel.buffer<4x32x16xf32>, %y: !kernel.buffer<4x32x16xf32>) {
  kernel.compute row_reduce "softmax" reads(%a = %x) writes(%y) : (!kernel.buffer<4x32x16xf32>) -> (!kernel.buffer<4x32x16xf32>) {
    %0 = graph.reduce_max %a over [2] : tensor<4x32x16xf32> -> tensor<4x32xf32>
    %1 = graph.broadcast %0 along [0, 1] : tensor<4x32xf32> -> tensor<4x32x16xf32>
    %2 = graph.sub %a, %1 : tensor<4x32x16xf32>
    %3 = graph.exp %2 : tensor<4x32x16xf32>
    %4 = graph.reduce_sum %3 over [2] : tensor<4x32x16xf32> -> tensor<4x32xf32>
    %5 = graph.broadcast %4 along [0, 1] : tensor<4x32xf32> -> tensor<4x32x16xf32>
    %6 = graph.div %3, %5 : tensor<4x32x16xf32>
    kernel.yield %6 : tensor<4x32x16xf32>
  }
  return
}

// Two vectors per row, the second one not full; what follows from sums is computed for all eight rows at once.
// CHECK-LABEL: func.func private @norm
// CHECK: scf.for
// CHECK-COUNT-8: vector.maskedload
// CHECK-COUNT-1: arith.divf {{.*}} : vector<8xf32>
// CHECK: math.sqrt {{.*}} : vector<8xf32>
// CHECK-NOT: math.sqrt
// CHECK: vector.store {{.*}} vector<8xf32>
// CHECK: return
func.func @tails(%x: !kernel.buffer<24x20xf32>, %y: !kernel.buffer<24x20xf32>, %s: !kernel.buffer<24xf32>) {
  kernel.compute row_reduce "norm" reads(%a = %x) writes(%y, %s) : (!kernel.buffer<24x20xf32>) -> (!kernel.buffer<24x20xf32>, !kernel.buffer<24xf32>) {
    %0 = graph.mul %a, %a : tensor<24x20xf32>
    %1 = graph.reduce_sum %0 over [1] : tensor<24x20xf32> -> tensor<24xf32>
    %2 = graph.constant dense<20.0> : tensor<24xf32>
    %3 = graph.div %1, %2 : tensor<24xf32>
    %4 = graph.sqrt %3 : tensor<24xf32>
    %5 = graph.broadcast %4 along [0] : tensor<24xf32> -> tensor<24x20xf32>
    %6 = graph.sub %a, %5 : tensor<24x20xf32>
    kernel.yield %6, %4 : tensor<24x20xf32>, tensor<24xf32>
  }
  return
}

// Rows of an odd number have no groups.
// CHECK-LABEL: func.func private @odd
// CHECK: scf.for
// CHECK-COUNT-1: vector.load
// CHECK-NOT: vector.load
// CHECK: return
func.func @odd_rows(%x: !kernel.buffer<7x16xf32>, %y: !kernel.buffer<7xf32>) {
  kernel.compute row_reduce "odd" reads(%a = %x) writes(%y) : (!kernel.buffer<7x16xf32>) -> (!kernel.buffer<7xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<7x16xf32> -> tensor<7xf32>
    kernel.yield %0 : tensor<7xf32>
  }
  return
}

// A kernel of a group with parts works on the part of the task's number, of 2 x 64 entries.
// CHECK-LABEL: func.func private @part
// CHECK-SAME: %[[TASK:[a-z0-9]+]]: index)
// CHECK: %[[SIZE:.*]] = arith.constant 128 : index
// CHECK: %[[FIRST:.*]] = arith.muli %[[TASK]], %[[SIZE]] : index
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%[[FIRST]]], sizes: [128], strides: [1]
func.func @parts(%x: !kernel.buffer<8x64xf32>, %y: !kernel.buffer<8x64xf32>) {
  kernel.group parts 4 {
    kernel.compute map "part" reads(%a = %x) writes(%y) : (!kernel.buffer<8x64xf32>) -> (!kernel.buffer<8x64xf32>) {
      %0 = graph.exp %a : tensor<8x64xf32>
      kernel.yield %0 : tensor<8x64xf32>
    }
  }
  return
}
