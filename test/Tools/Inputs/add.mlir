func.func @add(%x: tensor<2x2xf32> {graph.name = "x"}, %y: tensor<2x2xf32> {graph.name = "y"})
    -> (tensor<2x2xf32> {graph.name = "sum"}) {
  %0 = graph.add %x, %y : tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
