// One kernel: e^x - y, on whole vectors of every width.
func.func @difference(%x: tensor<64xf32>, %y: tensor<64xf32>) -> tensor<64xf32> {
  %0 = graph.exp %x : tensor<64xf32>
  %1 = graph.sub %0, %y : tensor<64xf32>
  return %1 : tensor<64xf32>
}
