// The box that is written comes from the state that the result replaces: it is read before anything else is written there.
// RUN: moru-fuzz %s | count 0

func.func @f(%state: tensor<3xf64> {graph.name = "state", graph.role = "state", graph.check = dense<[5.0, 6.0, 7.0]> : tensor<3xf64>})
    -> (tensor<3xf64> {graph.name = "next", graph.donated = 0}) {
  %ones = graph.constant dense<1.0> : tensor<3xf64>
  %zero = graph.constant dense<0> : tensor<i32>
  %next = graph.dynamic_update_slice %ones with %state at(%zero) : (tensor<3xf64>, tensor<3xf64>, tensor<i32>) -> tensor<3xf64>
  return %next : tensor<3xf64>
}
