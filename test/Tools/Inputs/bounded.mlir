#d = #graph.dims<len max 4, _>
func.func @f(%x: tensor<?x2xf32, #d> {graph.name = "x"}) -> (tensor<2xf32> {graph.name = "sum"}, tensor<?x2xf32, #d> {graph.name = "double"}) {
  %s = graph.reduce_sum %x over [0] : tensor<?x2xf32, #d> -> tensor<2xf32>
  %y = graph.add %x, %x : tensor<?x2xf32, #d>
  return %s, %y : tensor<2xf32>, tensor<?x2xf32, #d>
}
