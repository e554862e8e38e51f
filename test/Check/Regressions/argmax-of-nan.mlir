// NaN is the largest: a maximum that is NaN equals none of the entries.
// RUN: moru-fuzz %s | count 0

func.func @f(%x: tensor<2x2xf32> {graph.check = dense<[[0.200282648, 0x7FC00000], [0x7F800000, 0x7FC00000]]> : tensor<2x2xf32>}) -> tensor<2xi32> {
  %y = graph.argmax %x over 0 : tensor<2x2xf32> -> tensor<2xi32>
  return %y : tensor<2xi32>
}
