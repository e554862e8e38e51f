// Terms of which each sum holds its own, and one sum of all does not.
// RUN: moru-fuzz %s | count 0

func.func @g(%arg0: tensor<f32> {graph.check = dense<0.000000e+00> : tensor<f32>}, %arg1: tensor<2x2xf32> {graph.check = dense<0.000000e+00> : tensor<2x2xf32>}, %arg2: tensor<2xi64> {graph.check = dense<0> : tensor<2xi64>}, %arg3: tensor<f32> {graph.check = dense<0.000000e+00> : tensor<f32>}, %arg4: tensor<2xf32> {graph.check = dense<0.000000e+00> : tensor<2xf32>}, %arg5: tensor<2x5xf32> {graph.check = dense<[[0.325291634, 1.000000e+04, 0.136775389, 0.212729588, 0.0054589659], [0.370555222, 1.000000e+04, 0.2348537, 0.330305696, 1.70141183E+38]]> : tensor<2x5xf32>}, %arg6: tensor<2xf32> {graph.check = dense<0.000000e+00> : tensor<2xf32>}, %arg7: tensor<5x2xf32> {graph.check = dense<0.000000e+00> : tensor<5x2xf32>}, %arg8: tensor<2x2xf32> {graph.check = dense<0.000000e+00> : tensor<2x2xf32>}) -> (tensor<f32>, tensor<2x2xf32>, tensor<f32>, tensor<2xf32>, tensor<2x5xf32>, tensor<2xf32>, tensor<5x2xf32>, tensor<2x2xf32>) {
  %0:8 = graph.scan 2 carry(%arg9 = %arg4, %arg10 = %arg0, %arg11 = %arg5) over(%arg12 = %arg2 axis 0) out(axis 1, axis 0, axis 1, axis 0, axis 0) : (tensor<2xf32>, tensor<f32>, tensor<2x5xf32>, tensor<2xi64>) -> (tensor<2xf32>, tensor<f32>, tensor<2x5xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<2x2xf32>, tensor<2x5x5x2xf32>, tensor<2x1x1xf32>) {
    %13:4 = graph.scan 2 carry(%arg13 = %arg5, %arg14 = %arg6) over(%arg15 = %arg1 axis 1, %arg16 = %arg4 axis 0) out(axis 0, axis 2) : (tensor<2x5xf32>, tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> (tensor<2x5xf32>, tensor<2xf32>, tensor<2x2xf32>, tensor<5x5x2xf32>) {
      %15 = graph.contract %arg7, %arg13 over [1] with [0] : tensor<5x2xf32>, tensor<2x5xf32> -> tensor<5x5xf32>
      graph.yield carry(%arg13, %arg14 : tensor<2x5xf32>, tensor<2xf32>) out(%arg6, %15 : tensor<2xf32>, tensor<5x5xf32>)
    }
    %14 = graph.constant dense<0.000000e+00> : tensor<1x1xf32>
    graph.yield carry(%arg9, %arg10, %arg11 : tensor<2xf32>, tensor<f32>, tensor<2x5xf32>) out(%arg6, %arg0, %arg6, %13#3, %14 : tensor<2xf32>, tensor<f32>, tensor<2xf32>, tensor<5x5x2xf32>, tensor<1x1xf32>)
  }
  %1 = graph.iota along 0 : tensor<2x5x5x2xf32>
  %2 = graph.iota along 1 : tensor<2x5x5x2xf32>
  %3 = graph.add %1, %1 : tensor<2x5x5x2xf32>
  %4 = graph.add %3, %2 : tensor<2x5x5x2xf32>
  %5 = graph.add %4, %4 : tensor<2x5x5x2xf32>
  %6 = graph.iota along 3 : tensor<2x5x5x2xf32>
  %7 = graph.add %5, %5 : tensor<2x5x5x2xf32>
  %8 = graph.add %7, %6 : tensor<2x5x5x2xf32>
  %9 = graph.cos %8 : tensor<2x5x5x2xf32>
  %10 = graph.mul %0#6, %9 : tensor<2x5x5x2xf32>
  %11 = graph.reduce_sum %10 over [0, 1, 2, 3] : tensor<2x5x5x2xf32> -> tensor<f32>
  %12:8 = graph.gradient %11 wrt(%arg0, %arg1, %arg3, %arg4, %arg5, %arg6, %arg7, %arg8) : tensor<f32>, (tensor<f32>, tensor<2x2xf32>, tensor<f32>, tensor<2xf32>, tensor<2x5xf32>, tensor<2xf32>, tensor<5x2xf32>, tensor<2x2xf32>)
  return %12#0, %12#1, %12#2, %12#3, %12#4, %12#5, %12#6, %12#7 : tensor<f32>, tensor<2x2xf32>, tensor<f32>, tensor<2xf32>, tensor<2x5xf32>, tensor<2xf32>, tensor<5x2xf32>, tensor<2x2xf32>
}
