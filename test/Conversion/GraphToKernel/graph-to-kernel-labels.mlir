// RUN: moru-opt %s --graph-to-kernels | FileCheck %s
// What kernels are called: in dumps, plans and profiles.

// CHECK-LABEL: func.func @names_arguments
// CHECK: kernel.compute map "pack w"
// CHECK: kernel.compute map "pack w transposed"
// CHECK: kernel.compute map "update w"
func.func @names_arguments(%w: tensor<4x4xf32> {graph.name = "w", graph.role = "parameter"}, %x: tensor<2x4xf32> {graph.name = "x", graph.role = "input"})
    -> (tensor<4x4xf32> {graph.name = "w", graph.donated = 0 : i64}, tensor<2x4xf32> {graph.name = "y"}) {
  %a = graph.contract %x, %w over [1] with [0] : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %b = graph.contract %a, %w over [1] with [1] : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %n = graph.tanh %w : tensor<4x4xf32>
  return %n, %b : tensor<4x4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func.func @names_operations
// CHECK: kernel.compute map "pack"
// CHECK: kernel.compute contract "contract+add+tanh"
// CHECK: kernel.compute row_reduce "softmax"
func.func @names_operations(%x: tensor<8x4xf32>, %w: tensor<4x16xf32>, %b: tensor<16xf32>) -> tensor<8x16xf32> {
  %c = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
  %bb = graph.broadcast %b along [1] : tensor<16xf32> -> tensor<8x16xf32>
  %s = graph.add %c, %bb : tensor<8x16xf32>
  %t = graph.tanh %s : tensor<8x16xf32>
  %m = graph.reduce_max %t over [1] : tensor<8x16xf32> -> tensor<8xf32>
  %mb = graph.broadcast %m along [0] : tensor<8xf32> -> tensor<8x16xf32>
  %d = graph.sub %t, %mb : tensor<8x16xf32>
  %e = graph.exp %d : tensor<8x16xf32>
  %z = graph.reduce_sum %e over [1] : tensor<8x16xf32> -> tensor<8xf32>
  %zb = graph.broadcast %z along [0] : tensor<8xf32> -> tensor<8x16xf32>
  %y = graph.div %e, %zb : tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// Of more than four kinds the first three and the last: what is stored.
// CHECK-LABEL: func.func @shortens_long_names
// CHECK: kernel.compute map "exp+sin+tanh+mul"
func.func @shortens_long_names(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = graph.exp %x : tensor<8xf32>
  %1 = graph.sin %0 : tensor<8xf32>
  %2 = graph.tanh %1 : tensor<8xf32>
  %3 = graph.cos %2 : tensor<8xf32>
  %4 = graph.abs %3 : tensor<8xf32>
  %5 = graph.mul %4, %0 : tensor<8xf32>
  return %5 : tensor<8xf32>
}

// The user's name for a value goes before what makes it.
// CHECK-LABEL: func.func @takes_the_name_of_the_user
// CHECK: kernel.compute map "hidden"
// CHECK-NOT: "exp
func.func @takes_the_name_of_the_user(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = graph.exp %x : tensor<8xf32>
  %1 = graph.tanh %0 : tensor<8xf32> loc("hidden"("model.cpp":12:3))
  return %1 : tensor<8xf32>
}
