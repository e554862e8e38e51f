// Branches and loops of unknown length, nested in each other and in a scan.
func.func @collatz(%n: tensor<i32> {graph.name = "n", graph.role = "input"},
                   %xs: tensor<4x3xf32> {graph.name = "xs", graph.role = "input"})
    -> (tensor<i32> {graph.name = "steps"}, tensor<4x3xf32> {graph.name = "ys"}) {
  %one = graph.constant dense<1> : tensor<i32>
  %two = graph.constant dense<2> : tensor<i32>
  %three = graph.constant dense<3> : tensor<i32>
  %zero = graph.constant dense<0> : tensor<i32>
  %last, %steps = graph.while carry(%a = %n, %i = %zero) : (tensor<i32>, tensor<i32>) -> (tensor<i32>, tensor<i32>) {
    %p = graph.compare ne %a, %one : tensor<i32> -> tensor<i1>
    graph.yield out(%p : tensor<i1>)
  } do(%b, %j) {
    %half = graph.div %b, %two : tensor<i32>
    %twice = graph.mul %half, %two : tensor<i32>
    %even = graph.compare eq %twice, %b : tensor<i32> -> tensor<i1>
    %next = graph.cond %even -> (tensor<i32>) {
      graph.yield out(%half : tensor<i32>)
    } else {
      %0 = graph.mul %b, %three : tensor<i32>
      %1 = graph.add %0, %one : tensor<i32>
      graph.yield out(%1 : tensor<i32>)
    }
    %k = graph.add %j, %one : tensor<i32>
    graph.yield carry(%next, %k : tensor<i32>, tensor<i32>)
  }
  %limit = graph.constant dense<1.0e1> : tensor<f32>
  %ys = graph.scan 4 over(%x = %xs axis 0) out(axis 0) : (tensor<4x3xf32>) -> tensor<4x3xf32> {
    %y = graph.while carry(%u = %x) : (tensor<3xf32>) -> tensor<3xf32> {
      %s = graph.reduce_sum %u over [0] : tensor<3xf32> -> tensor<f32>
      %q = graph.compare lt %s, %limit : tensor<f32> -> tensor<i1>
      graph.yield out(%q : tensor<i1>)
    } do(%v) {
      %d = graph.add %v, %v : tensor<3xf32>
      graph.yield carry(%d : tensor<3xf32>)
    }
    graph.yield out(%y : tensor<3xf32>)
  }
  return %steps, %ys : tensor<i32>, tensor<4x3xf32>
}
