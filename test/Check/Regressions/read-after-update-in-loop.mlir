// What a step yields of a carried value, beside the update that takes its place: all over a row, or a part of it.
// RUN: moru-fuzz %s | count 0

func.func @broadcast(%x: tensor<3xf64>, %one: tensor<f64>, %update: tensor<f64>) -> (tensor<3xf64>, tensor<f64>) {
  %last:2 = graph.scan 2 carry(%row = %x, %c = %one) : (tensor<3xf64>, tensor<f64>) -> (tensor<3xf64>, tensor<f64>) {
    %next = graph.dynamic_update_slice %c with %update at() : (tensor<f64>, tensor<f64>) -> tensor<f64>
    %all = graph.broadcast %c along [] : tensor<f64> -> tensor<3xf64>
    graph.yield carry(%all, %next : tensor<3xf64>, tensor<f64>)
  }
  return %last#0, %last#1 : tensor<3xf64>, tensor<f64>
}

func.func @part(%x: tensor<4xf32>, %update: tensor<2xf32>, %start: tensor<i32>) -> (tensor<4xf32>, tensor<3x2xf32>) {
  %last, %parts = graph.scan 3 carry(%c = %x) out(axis 0) : (tensor<4xf32>) -> (tensor<4xf32>, tensor<3x2xf32>) {
    %part = graph.slice %c from [1] to [3] by [1] : tensor<4xf32> -> tensor<2xf32>
    %next = graph.dynamic_update_slice %c with %update at(%start) : (tensor<4xf32>, tensor<2xf32>, tensor<i32>) -> tensor<4xf32>
    graph.yield carry(%next : tensor<4xf32>) out(%part : tensor<2xf32>)
  }
  return %last, %parts : tensor<4xf32>, tensor<3x2xf32>
}
