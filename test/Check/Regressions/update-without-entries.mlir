// A box without entries replaces nothing.
// RUN: moru-fuzz %s | count 0

func.func @f(%x: tensor<3x1x3xf32>, %nothing: tensor<1x0x3xf32>, %i: tensor<i32>) -> tensor<3x1x3xf32> {
  %0 = graph.tanh %x : tensor<3x1x3xf32>
  %y = graph.dynamic_update_slice %0 with %nothing at(%i, %i, %i) : (tensor<3x1x3xf32>, tensor<1x0x3xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<3x1x3xf32>
  return %y : tensor<3x1x3xf32>
}
