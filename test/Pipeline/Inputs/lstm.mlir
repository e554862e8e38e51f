func.func @lstm(%ids: tensor<4xTIMExi32>, %next: tensor<4xTIMExi32>, %E: tensor<20x6xf32>, %Wx: tensor<6x12xf32>, %Wh: tensor<3x12xf32>, %b: tensor<12xf32>, %Wp: tensor<3x20xf32>, %bp: tensor<20xf32>)
   -> (tensor<f32>, tensor<20x6xf32>, tensor<6x12xf32>, tensor<3x12xf32>, tensor<12xf32>, tensor<3x20xf32>, tensor<20xf32>) {
  %zero = graph.constant dense<0.0> : tensor<4x3xf32>
  %x = graph.gather %E[%ids] : tensor<20x6xf32>, tensor<4xTIMExi32> -> tensor<4xTIMEx6xf32>
  %z = graph.contract %x, %Wx over [2] with [0] : tensor<4xTIMEx6xf32>, tensor<6x12xf32> -> tensor<4xTIMEx12xf32>
  %bb = graph.broadcast %b along [2] : tensor<12xf32> -> tensor<4xTIMEx12xf32>
  %zb = graph.add %z, %bb : tensor<4xTIMEx12xf32>
  %hl, %cl, %hs = graph.scan TIME carry(%h = %zero, %c = %zero) over(%zt = %zb axis 1) out(axis 1) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4xTIMEx12xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4xTIMEx3xf32>) {
    %r = graph.contract %h, %Wh over [1] with [0] : tensor<4x3xf32>, tensor<3x12xf32> -> tensor<4x12xf32>
    %a = graph.add %zt, %r : tensor<4x12xf32>
    %f0 = graph.slice %a from [0, 0] to [4, 3] by [1, 1] : tensor<4x12xf32> -> tensor<4x3xf32>
    %i0 = graph.slice %a from [0, 3] to [4, 6] by [1, 1] : tensor<4x12xf32> -> tensor<4x3xf32>
    %g0 = graph.slice %a from [0, 6] to [4, 9] by [1, 1] : tensor<4x12xf32> -> tensor<4x3xf32>
    %o0 = graph.slice %a from [0, 9] to [4, 12] by [1, 1] : tensor<4x12xf32> -> tensor<4x3xf32>
    %f = graph.sigmoid %f0 : tensor<4x3xf32>
    %i = graph.sigmoid %i0 : tensor<4x3xf32>
    %g = graph.tanh %g0 : tensor<4x3xf32>
    %o = graph.sigmoid %o0 : tensor<4x3xf32>
    %fc = graph.mul %f, %c : tensor<4x3xf32>
    %ig = graph.mul %i, %g : tensor<4x3xf32>
    %c1 = graph.add %fc, %ig : tensor<4x3xf32>
    %tc = graph.tanh %c1 : tensor<4x3xf32>
    %h1 = graph.mul %o, %tc : tensor<4x3xf32>
    graph.yield carry(%h1, %c1 : tensor<4x3xf32>, tensor<4x3xf32>) out(%h1 : tensor<4x3xf32>)
  }
  %lg = graph.contract %hs, %Wp over [2] with [0] : tensor<4xTIMEx3xf32>, tensor<3x20xf32> -> tensor<4xTIMEx20xf32>
  %bpp = graph.broadcast %bp along [2] : tensor<20xf32> -> tensor<4xTIMEx20xf32>
  %y = graph.add %lg, %bpp : tensor<4xTIMEx20xf32>
  %loss = graph.softmax_cross_entropy %y, %next ignore -1 : tensor<4xTIMEx20xf32>, tensor<4xTIMExi32> -> tensor<f32>
  %g:6 = graph.gradient %loss wrt(%E, %Wx, %Wh, %b, %Wp, %bp) : tensor<f32>, (tensor<20x6xf32>, tensor<6x12xf32>, tensor<3x12xf32>, tensor<12xf32>, tensor<3x20xf32>, tensor<20xf32>)
  return %loss, %g#0, %g#1, %g#2, %g#3, %g#4, %g#5 : tensor<f32>, tensor<20x6xf32>, tensor<6x12xf32>, tensor<3x12xf32>, tensor<12xf32>, tensor<3x20xf32>, tensor<20xf32>
}
