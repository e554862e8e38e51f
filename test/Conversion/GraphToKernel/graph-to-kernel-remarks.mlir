// RUN: moru-opt %s --graph-to-kernel --remarks-filter="graph-to-kernel" --remark-format=emitRemark -o %t 2>&1 | FileCheck %s

func.func @says_what_is_fused_and_what_not(%x: tensor<8x4xf32>, %w: tensor<4x16xf32>, %v: tensor<16x16xf32>) -> (tensor<8x16xf32>, tensor<8xf32>) {
  // CHECK-DAG: remarks.mlir:[[@LINE+3]]:{{.*}}reduce_max is not fused with tanh: the rows of a contraction are not whole before it ends
  %c = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
  %t = graph.tanh %c : tensor<8x16xf32>
  %m = graph.reduce_max %t over [1] : tensor<8x16xf32> -> tensor<8xf32>
  return %t, %m : tensor<8x16xf32>, tensor<8xf32>
}

func.func @waits_for_sums(%x: tensor<8x4xf32>) -> tensor<4xf32> {
  // CHECK-DAG: remarks.mlir:[[@LINE+2]]:{{.*}}exp is not fused with reduce_sum: no entry is known before all are added up
  %s = graph.reduce_sum %x over [0] : tensor<8x4xf32> -> tensor<4xf32>
  %y = graph.exp %s : tensor<4xf32>
  return %y : tensor<4xf32>
}

func.func @updates_apart(%w: tensor<4x8xf32>, %x: tensor<6x4xf32>, %d: tensor<6x8xf32>) -> (tensor<4x8xf32> {graph.donated = 0 : i64}) {
  // CHECK-DAG: remarks.mlir:[[@LINE+2]]:{{.*}}sub is not fused with contract: it updates an argument in a pass of its own
  %g = graph.contract %x, %d over [0] with [0] : tensor<6x4xf32>, tensor<6x8xf32> -> tensor<4x8xf32>
  %n = graph.sub %w, %g : tensor<4x8xf32>
  return %n : tensor<4x8xf32>
}

func.func @does_not_join_a_contraction_from_above(%x: tensor<8x4xf32>, %w: tensor<4x4xf32>) -> tensor<8x4xf32> {
  // CHECK-DAG: remarks.mlir:[[@LINE+3]]:{{.*}}add is not fused with exp: an entry depends on more than the entry at its own place
  %e = graph.exp %x : tensor<8x4xf32>
  %c = graph.contract %e, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %y = graph.add %c, %e : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

func.func @needs_another_kernel_in_between(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-DAG: remarks.mlir:[[@LINE+4]]:{{.*}}sub is not fused with exp: another kernel has to run between the two
  %e = graph.exp %x : tensor<8x4xf32>
  %s = graph.reduce_sum %e over [0] : tensor<8x4xf32> -> tensor<4xf32>
  %b = graph.broadcast %s along [1] : tensor<4xf32> -> tensor<8x4xf32>
  %y = graph.sub %e, %b : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

func.func @fuses(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-DAG: remarks.mlir:[[@LINE+2]]:{{.*}}2 operations into map "exp+tanh"
  // CHECK-NOT: tanh is not fused
  %e = graph.exp %x : tensor<8x4xf32>
  %y = graph.tanh %e : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
