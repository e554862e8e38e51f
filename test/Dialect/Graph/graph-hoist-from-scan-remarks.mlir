// RUN: moru-opt %s --graph-hoist-from-scan --remarks-filter="graph-hoist-from-scan" --remark-format=emitRemark -o %t 2>&1 | FileCheck %s
// What leaves a loop is said at its line, and what might have but stays, with the reason.

func.func @says_what_it_does(%xs: tensor<2x5x3xf32>, %w: tensor<3x3xf32>, %h0: tensor<2x3xf32>, %s0: tensor<3x3xf32>, %n0: tensor<2x3xf32>)
    -> (tensor<2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2x5x3xf32>) {
  %h, %s, %n, %ys = graph.scan 5 carry(%h1 = %h0, %s1 = %s0, %n1 = %n0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2x5x3xf32>)
      -> (tensor<2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2x5x3xf32>) {
    // CHECK-DAG: remarks.mlir:[[@LINE+1]]:{{.*}}done before the loop, for all 5 steps
    %0 = graph.contract %x, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    %h2 = graph.mul %h1, %0 : tensor<2x3xf32>
    // CHECK-DAG: remarks.mlir:[[@LINE+1]]:{{.*}}added up behind the loop, for all 5 steps
    %p = graph.contract %h1, %h2 over [0] with [0] : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<3x3xf32>
    %s2 = graph.add %s1, %p : tensor<3x3xf32>
    // CHECK-DAG: remarks.mlir:[[@LINE+2]]:{{.*}}the sum over the steps stays in the loop: its terms would have to be stored
    %e = graph.exp %h2 : tensor<2x3xf32>
    %n2 = graph.add %n1, %e : tensor<2x3xf32>
    // CHECK-DAG: remarks.mlir:[[@LINE+1]]:{{.*}}done behind the loop, for all 5 steps
    %y = graph.contract %h2, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    graph.yield carry(%h2, %s2, %n2 : tensor<2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>) out(%y : tensor<2x3xf32>)
  }
  return %h, %s, %n, %ys : tensor<2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2x5x3xf32>
}

// A sum that a step reads, for example as an output, is no sum that anyone could take out.
func.func @says_why_not(%xs: tensor<5x3xf32>, %s0: tensor<3xf32>) -> tensor<5x3xf32> {
  %s, %all = graph.scan 5 carry(%a = %s0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<3xf32>, tensor<5x3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
    // CHECK-DAG: remarks.mlir:[[@LINE+1]]:{{.*}}the sum over the steps stays in the loop: a step reads it
    %b = graph.add %a, %x : tensor<3xf32>
    graph.yield carry(%b : tensor<3xf32>) out(%b : tensor<3xf32>)
  }
  return %all : tensor<5x3xf32>
}
