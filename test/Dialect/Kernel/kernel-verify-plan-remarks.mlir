// RUN: moru-opt %s --kernel-verify-plan --remarks-filter="kernel-verify-plan" --remark-format=emitRemark -o %t 2>&1 | FileCheck %s
// A copy that a program cannot do without is no error, unless it was forbidden: it is said where it happens.

// CHECK: remarks.mlir:[[@LINE+3]]:{{.*}}kernel "copy w" only copies a buffer of 64 bytes
func.func @remarks_a_copy(%w: !kernel.buffer<16xf32> {graph.name = "w", graph.role = "parameter"}) {
  %a = kernel.alloc : !kernel.buffer<16xf32>
  kernel.compute map "copy w" reads(%0 = %w) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    kernel.yield %0 : tensor<16xf32>
  }
  return
}

// CHECK-NOT: kernel "h"
func.func @says_nothing_of_state(%h: !kernel.buffer<16xf32> {graph.name = "h", graph.role = "state"}) {
  %a = kernel.alloc : !kernel.buffer<16xf32>
  kernel.compute map "h" reads(%0 = %h) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    kernel.yield %0 : tensor<16xf32>
  }
  return
}
