// Where differences of the loss say less than they seem to: constants of rules in few digits, kinks, rounding.
// RUN: moru-opt %s --check=each --graph-expand-gradients | FileCheck %s

// 2 / sqrt(pi) is 1.125 in bf16.
// CHECK-LABEL: @narrow
func.func @narrow(%x: tensor<18xbf16> {graph.check = dense<0.0> : tensor<18xbf16>}) -> tensor<18xbf16> {
  %y = graph.erf %x : tensor<18xbf16>
  %loss = graph.reduce_sum %y over [0] : tensor<18xbf16> -> tensor<bf16>
  %dx = graph.gradient %loss wrt(%x) : tensor<bf16>, (tensor<18xbf16>)
  return %dx : tensor<18xbf16>
}

// CHECK-LABEL: @kink
func.func @kink(%x: tensor<3xf32> {graph.check = dense<0.0> : tensor<3xf32>}) -> tensor<3xf32> {
  %y = graph.relu %x : tensor<3xf32>
  %loss = graph.reduce_sum %y over [0] : tensor<3xf32> -> tensor<f32>
  %dx = graph.gradient %loss wrt(%x) : tensor<f32>, (tensor<3xf32>)
  return %dx : tensor<3xf32>
}

// Beside terms of 1e30, what y adds is rounding.
// CHECK-LABEL: @large
func.func @large(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %factor = graph.constant dense<1.0e30> : tensor<3xf32>
  %products = graph.mul %x, %factor : tensor<3xf32>
  %terms = graph.add %products, %y : tensor<3xf32>
  %loss = graph.reduce_sum %terms over [0] : tensor<3xf32> -> tensor<f32>
  %dy = graph.gradient %loss wrt(%y) : tensor<f32>, (tensor<3xf32>)
  return %dy : tensor<3xf32>
}
