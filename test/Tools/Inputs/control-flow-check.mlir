// What ends for any numbers: checks draw them.
func.func @f(%x: tensor<4x3xf32> {graph.name = "x", graph.role = "input"}, %w: tensor<3x3xf32> {graph.name = "w", graph.role = "parameter"},
             %p: tensor<i1> {graph.name = "p", graph.role = "input"})
    -> (tensor<4x3xf32> {graph.name = "y"}, tensor<3x3xf32> {graph.name = "dw"}) {
  %zero = graph.constant dense<0> : tensor<i32>
  %one = graph.constant dense<1> : tensor<i32>
  %three = graph.constant dense<3> : tensor<i32>
  %i, %y = graph.while carry(%j = %zero, %a = %x) : (tensor<i32>, tensor<4x3xf32>) -> (tensor<i32>, tensor<4x3xf32>) {
    %q = graph.compare lt %j, %three : tensor<i32> -> tensor<i1>
    graph.yield out(%q : tensor<i1>)
  } do(%k, %b) {
    %0 = graph.contract %b, %w over [1] with [0] : tensor<4x3xf32>, tensor<3x3xf32> -> tensor<4x3xf32>
    %1 = graph.tanh %0 : tensor<4x3xf32>
    %2 = graph.add %k, %one : tensor<i32>
    graph.yield carry(%2, %1 : tensor<i32>, tensor<4x3xf32>)
  }
  %z = graph.scan 3 carry(%h = %x) : (tensor<4x3xf32>) -> tensor<4x3xf32> {
    %3 = graph.cond %p -> (tensor<4x3xf32>) {
      %4 = graph.contract %h, %w over [1] with [0] : tensor<4x3xf32>, tensor<3x3xf32> -> tensor<4x3xf32>
      %5 = graph.checkpoint -> (tensor<4x3xf32>) {
        %6 = graph.sin %4 : tensor<4x3xf32>
        %7 = graph.mul %6, %h : tensor<4x3xf32>
        graph.yield out(%7 : tensor<4x3xf32>)
      }
      graph.yield out(%5 : tensor<4x3xf32>)
    } else {
      %8 = graph.sin %h : tensor<4x3xf32>
      graph.yield out(%8 : tensor<4x3xf32>)
    }
    graph.yield carry(%3 : tensor<4x3xf32>)
  }
  %loss = graph.reduce_sum %z over [0, 1] : tensor<4x3xf32> -> tensor<f32>
  %dw = graph.gradient %loss wrt(%w) : tensor<f32>, (tensor<3x3xf32>)
  return %y, %dw : tensor<4x3xf32>, tensor<3x3xf32>
}
