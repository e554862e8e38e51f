// A sum that is far below the largest entry in f64 and equal to it in f32 has no share here and a third there.
// RUN: moru-fuzz %s | count 0

func.func @f(%x: tensor<3x1xf32> {graph.check = dense<[[0.0], [-1.0e4], [1.09951163E+12]]> : tensor<3x1xf32>}, %c: tensor<3x1xi1> {graph.check = dense<[[true], [true], [false]]> : tensor<3x1xi1>}) -> tensor<3x1xf32> {
  %sums = graph.cumsum %x along 0 exclusive reverse : tensor<3x1xf32>
  %y = graph.select %c, %sums, %x : tensor<3x1xi1>, tensor<3x1xf32>
  %logs = graph.log_softmax %y along 0 : tensor<3x1xf32>
  return %logs : tensor<3x1xf32>
}
