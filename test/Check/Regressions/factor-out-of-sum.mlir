// A factor that leaves the sum over the steps: 0 * inf + 1 * inf is no number, (0 + 1) * inf is infinite.
// RUN: moru-fuzz %s | count 0
// RUN: moru-opt %s --check=each --graph-hoist-from-scan | FileCheck %s

func.func @gradient(%x: tensor<2x1x1xbf16> {graph.check = dense<0x7F80> : tensor<2x1x1xbf16>}) -> tensor<2x1x1xbf16> {
  %products = graph.scan reverse 2 out(axis 0) : () -> tensor<2xbf16> {
    %p = graph.contract %x, %x over [1, 0, 2] with [1, 0, 2] : tensor<2x1x1xbf16>, tensor<2x1x1xbf16> -> tensor<bf16>
    graph.yield out(%p : tensor<bf16>)
  }
  %i = graph.iota along 0 : tensor<2xbf16>
  %weighted = graph.mul %products, %i : tensor<2xbf16>
  %sum = graph.reduce_sum %weighted over [0] : tensor<2xbf16> -> tensor<bf16>
  %dx = graph.gradient %sum wrt(%x) : tensor<bf16>, (tensor<2x1x1xbf16>)
  return %dx : tensor<2x1x1xbf16>
}

// CHECK-LABEL: @sum
// CHECK-NOT: graph.scan
func.func @sum(%x: tensor<f32> {graph.check = dense<0x7F800000> : tensor<f32>}) -> tensor<f32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %i = graph.iota along 0 : tensor<2xf32>
  %sum = graph.scan 2 carry(%acc = %zero) over(%step = %i axis 0) : (tensor<f32>, tensor<2xf32>) -> tensor<f32> {
    %p = graph.mul %step, %x : tensor<f32>
    %next = graph.add %acc, %p : tensor<f32>
    graph.yield carry(%next : tensor<f32>)
  }
  return %sum : tensor<f32>
}
