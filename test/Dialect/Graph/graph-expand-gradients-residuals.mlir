// RUN: moru-opt %s --graph-expand-gradients --graph-simplify-algebra | FileCheck %s --check-prefixes=CHECK,KEEP
// RUN: moru-opt %s --graph-expand-gradients=residuals=recompute --graph-simplify-algebra | FileCheck %s --check-prefixes=CHECK,CARRIES
// RUN: moru-opt %s --graph-expand-gradients=budget=320 --graph-simplify-algebra | FileCheck %s --check-prefixes=CHECK,HEAVY
// RUN: moru-opt %s --graph-expand-gradients=budget=319 --graph-simplify-algebra | FileCheck %s --check-prefixes=CHECK,CARRIES
// RUN: moru-opt %s --graph-expand-gradients --remarks-filter="graph-expand-gradients" --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: moru-opt %s --graph-expand-gradients=budget=100 --remarks-filter="graph-expand-gradients" --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=BEYOND
// RUN: not moru-opt %s --graph-expand-gradients=residuals=some 2>&1 | FileCheck %s --check-prefix=OPTION
// What a loop keeps for its reverse. A step makes four values of 32 bytes that its reverse reads: the product with the weights, its
// sine, the exponential of that, and the carry, which is there in any case.

// OPTION: error: expected option residuals to be keep or recompute, got "some"

// CHECK-LABEL: func.func @of_a_loop
// KEEP: graph.scan 5 carry({{.*}}) out(axis 0, axis 0, axis 0) {{.*}}:
// KEEP: graph.scan reverse 5
// KEEP-NOT: graph.sin
// KEEP-NOT: graph.exp
// KEEP: return

// Of what is kept the contraction and the carry remain.
// HEAVY: graph.scan 5 carry({{.*}}) out(axis 0, axis 0) {{.*}}:
// HEAVY: graph.scan reverse 5
// HEAVY-NOT: over [1] with [0]
// HEAVY-DAG: graph.sin
// HEAVY-DAG: graph.exp
// HEAVY: return

// The carry alone; each step is done again.
// CARRIES: graph.scan 5 carry({{.*}}) out(axis 0) {{.*}}:
// CARRIES: graph.scan reverse 5
// CARRIES: graph.contract %{{.*}}, %{{.*}} over [1] with [0]
// CARRIES: graph.sin
// CARRIES: return

// REMARK: residuals.mlir:[[@LINE+3]]:{{.*}}the reverse keeps {{[0-9]+}} bytes and does nothing again
// BEYOND: residuals.mlir:[[@LINE+2]]:{{.*}}the reverse keeps 160 bytes and does each step again: more than the budget
func.func @of_a_loop(%h0: tensor<2x4xf32>, %w: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %last = graph.scan 5 carry(%h = %h0) : (tensor<2x4xf32>) -> tensor<2x4xf32> {
    %0 = graph.contract %h, %w over [1] with [0] : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
    %1 = graph.sin %0 : tensor<2x4xf32>
    %2 = graph.exp %1 : tensor<2x4xf32>
    graph.yield carry(%2 : tensor<2x4xf32>)
  }
  %loss = graph.reduce_sum %last over [0, 1] : tensor<2x4xf32> -> tensor<f32>
  %d = graph.gradient %loss wrt(%w) : tensor<f32>, (tensor<4x4xf32>)
  return %d : tensor<4x4xf32>
}
