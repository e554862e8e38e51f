// Tensors without entries, as arguments, constants, results of loops and parts of others.
// RUN: moru-fuzz %s | count 0

func.func @f(%x: tensor<0x5xf64>, %ids: tensor<1x0xi32>) -> (tensor<1x6xf64>, tensor<1x0x1xf64>, tensor<0x0xf32>, tensor<1x0xi32>) {
  %zero = graph.constant dense<0.0> : tensor<1x5xf64>
  %none = graph.constant dense<0.5> : tensor<0x0xf32>
  %c = graph.concat %x, %zero, %x along 0 : (tensor<0x5xf64>, tensor<1x5xf64>, tensor<0x5xf64>) -> tensor<1x5xf64>
  %one = graph.constant dense<1.0> : tensor<1x1xf64>
  %d = graph.concat %one, %c along 1 : (tensor<1x1xf64>, tensor<1x5xf64>) -> tensor<1x6xf64>
  %last, %all = graph.scan 1 carry(%h = %one) out(axis 1) : (tensor<1x1xf64>) -> (tensor<1x1xf64>, tensor<1x1x1xf64>) {
    %t = graph.tanh %h : tensor<1x1xf64>
    graph.yield carry(%t : tensor<1x1xf64>) out(%t : tensor<1x1xf64>)
  }
  %part = graph.slice %all from [0, 1, 0] to [1, 1, 1] by [1, 1, 1] : tensor<1x1x1xf64> -> tensor<1x0x1xf64>
  return %d, %part, %none, %ids : tensor<1x6xf64>, tensor<1x0x1xf64>, tensor<0x0xf32>, tensor<1x0xi32>
}
