// A scatter starts from zeros: its result cannot take the place of what is added up.
// RUN: moru-fuzz %s | count 0

func.func @f(%x: tensor<1xf32> {graph.name = "x", graph.role = "state"}) -> (tensor<1xf32> {graph.donated = 0 : i64}) {
  %ids = graph.constant dense<0> : tensor<1xi32>
  %y = graph.scatter_add %x at %ids : tensor<1xf32>, tensor<1xi32> -> tensor<1xf32>
  return %y : tensor<1xf32>
}
