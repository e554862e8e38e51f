// A product that a row's maximum and the distance from it both read is one number: were one of them rounded and the
// other not, the largest entry would lie above the maximum, and its exponential overflow.
// RUN: moru-fuzz %s --cpu=x86-64-v3 | count 0
// RUN: moru-fuzz %s | count 0

func.func @in_one_kernel(%x: tensor<100xf32>) -> tensor<100xf32> {
  %factor = graph.constant dense<3.7e14> : tensor<100xf32>
  %scaled = graph.mul %x, %factor : tensor<100xf32>
  %y = graph.softmax %scaled along 0 : tensor<100xf32>
  return %y : tensor<100xf32>
}

func.func @behind_a_contraction(%q: tensor<6x6xbf16> {graph.check = dense<-1.180590e+21> : tensor<6x6xbf16>}, %v: tensor<3x6xbf16> {graph.check = dense<1.0> : tensor<3x6xbf16>}) -> tensor<6x6xbf16> {
  %k = graph.constant dense<1.0> : tensor<3x6xbf16>
  %y = graph.attention none %q, %k, %v : (tensor<6x6xbf16>, tensor<3x6xbf16>, tensor<3x6xbf16>) -> tensor<6x6xbf16>
  return %y : tensor<6x6xbf16>
}
