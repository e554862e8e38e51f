// A Hessian-vector product through a loop within a loop.
func.func @hvp(%x: tensor<TIMEx5x2x3xf32>, %h0: tensor<2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %last = graph.scan TIME carry(%h = %h0) over(%xt = %x axis 0) : (tensor<2x3xf32>, tensor<TIMEx5x2x3xf32>) -> tensor<2x3xf32> {
    %inner = graph.scan 5 carry(%g = %h) over(%xi = %xt axis 0) : (tensor<2x3xf32>, tensor<5x2x3xf32>) -> tensor<2x3xf32> {
      %0 = graph.contract %g, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
      %1 = graph.add %0, %xi : tensor<2x3xf32>
      %2 = graph.tanh %1 : tensor<2x3xf32>
      graph.yield carry(%2 : tensor<2x3xf32>)
    }
    graph.yield carry(%inner : tensor<2x3xf32>)
  }
  %sq = graph.mul %last, %last : tensor<2x3xf32>
  %loss = graph.reduce_sum %sq over [0, 1] : tensor<2x3xf32> -> tensor<f32>
  %dw = graph.gradient %loss wrt(%w) : tensor<f32>, (tensor<3x3xf32>)
  %dv = graph.mul %dw, %v : tensor<3x3xf32>
  %s = graph.reduce_sum %dv over [0, 1] : tensor<3x3xf32> -> tensor<f32>
  %hv = graph.gradient %s wrt(%w) : tensor<f32>, (tensor<3x3xf32>)
  return %hv : tensor<3x3xf32>
}
