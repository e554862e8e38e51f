// Over no axes a contraction is a product: of a negative zero the reciprocal root is negative.
// RUN: moru-fuzz %s --cpu=x86-64-v3 | count 0
// RUN: moru-fuzz %s | count 0

func.func @f(%x: tensor<2xf32> {graph.check = dense<[1.0, -0.0]> : tensor<2xf32>}) -> tensor<2x2xf32> {
  %squares = graph.contract %x, %x over [] with [] : tensor<2xf32>, tensor<2xf32> -> tensor<2x2xf32>
  %roots = graph.rsqrt %squares : tensor<2x2xf32>
  return %roots : tensor<2x2xf32>
}
