// Kernels alone are run on NaN that stay what functions take for NaN.
// RUN: moru-fuzz %s | count 0

func.func @power(%x: tensor<3xf32> {graph.check = dense<[0x7FC00000, 1.0, 0x7FC00000]> : tensor<3xf32>}, %y: tensor<3xf32> {graph.check = dense<[1.0, 0x7FC00000, 0.0]> : tensor<3xf32>}) -> tensor<3xf32> {
  %z = graph.pow %x, %y : tensor<3xf32>
  return %z : tensor<3xf32>
}

func.func @least(%x: tensor<1x31xf64> {graph.check = dense<0x7FF8000000000000> : tensor<1x31xf64>}) -> tensor<31xf64> {
  %y = graph.reduce_min %x over [0] : tensor<1x31xf64> -> tensor<31xf64>
  return %y : tensor<31xf64>
}
