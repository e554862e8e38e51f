// An infinite factor beside one that rounding may make positive, negative or zero; a number that bf16 may take for
// infinite.
// RUN: moru-fuzz %s | count 0

func.func @sign(%x: tensor<2x4xbf16> {graph.check = dense<[[1.0, 1.0, 1.0, 1.0], [0.3, 0.2, 0.1, -0.6]]> : tensor<2x4xbf16>}, %y: tensor<1x2xbf16> {graph.check = dense<[[1.0, 0x7F80]]> : tensor<1x2xbf16>}) -> tensor<1xbf16> {
  %wide = graph.sin %x : tensor<2x4xbf16>
  %back = graph.cos %x : tensor<2x4xbf16>
  %two = graph.constant dense<2.0> : tensor<2x4xbf16>
  %double = graph.mul %x, %two : tensor<2x4xbf16>
  %sine = graph.sin %double : tensor<2x4xbf16>
  %product = graph.mul %wide, %back : tensor<2x4xbf16>
  %twice = graph.mul %product, %two : tensor<2x4xbf16>
  %zero = graph.sub %sine, %twice : tensor<2x4xbf16>
  %sums = graph.reduce_sum %zero over [1] : tensor<2x4xbf16> -> tensor<2xbf16>
  %r = graph.contract %y, %sums over [1] with [0] : tensor<1x2xbf16>, tensor<2xbf16> -> tensor<1xbf16>
  return %r : tensor<1xbf16>
}

func.func @beyond(%x: tensor<1xbf16> {graph.check = dense<3.30e38> : tensor<1xbf16>}, %y: tensor<1xbf16> {graph.check = dense<1.0e37> : tensor<1xbf16>}) -> tensor<1xbf16> {
  %r = graph.add %x, %y : tensor<1xbf16>
  return %r : tensor<1xbf16>
}
