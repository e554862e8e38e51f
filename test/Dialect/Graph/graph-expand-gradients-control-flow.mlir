// RUN: moru-opt %s --graph-expand-gradients --graph-simplify-algebra | FileCheck %s
// Gradients of branches and checkpoints; what does not depend on a target receives none and stands in nobody's way.

// CHECK-LABEL: func.func @of_a_cond
// CHECK-SAME: (%[[P:.*]]: tensor<i1>, %[[X:.*]]: tensor<f32>, %[[Y:.*]]: tensor<f32>)
// CHECK: %[[D:.*]]:2 = graph.cond %[[P]] -> (tensor<f32>, tensor<f32>) {
// CHECK: graph.yield out(%[[Y]], %[[X]] : tensor<f32>, tensor<f32>)
// CHECK: } else {
// CHECK: %[[C:.*]] = graph.cos %[[X]]
// CHECK: graph.yield out(%[[C]], %{{.*}} : tensor<f32>, tensor<f32>)
// CHECK: return %[[D]]#0, %[[D]]#1
func.func @of_a_cond(%p: tensor<i1>, %x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %z = graph.cond %p -> (tensor<f32>) {
    %0 = graph.mul %x, %y : tensor<f32>
    graph.yield out(%0 : tensor<f32>)
  } else {
    %1 = graph.sin %x : tensor<f32>
    graph.yield out(%1 : tensor<f32>)
  }
  %dx, %dy = graph.gradient %z wrt(%x, %y) : tensor<f32>, (tensor<f32>, tensor<f32>)
  return %dx, %dy : tensor<f32>, tensor<f32>
}

// The exponential is computed twice, once for each direction.
// CHECK-LABEL: func.func @of_a_checkpoint
// CHECK-SAME: (%[[X:.*]]: tensor<f32>)
// CHECK-DAG: %[[E:.*]] = graph.exp %[[X]]
// CHECK-DAG: %[[Y:.*]] = graph.tanh %[[E]]
// CHECK-DAG: %[[B:.*]] = graph.barrier %[[X]]
// CHECK-DAG: %[[E2:.*]] = graph.exp %[[B]]
// CHECK-DAG: %[[Y2:.*]] = graph.tanh %[[E2]]
// CHECK: graph.mul %[[Y2]], %[[Y2]]
// CHECK: return %[[Y]], %{{.*}}
func.func @of_a_checkpoint(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %y = graph.checkpoint -> (tensor<f32>) {
    %0 = graph.exp %x : tensor<f32>
    %1 = graph.tanh %0 : tensor<f32>
    graph.yield out(%1 : tensor<f32>)
  }
  %dx = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  return %y, %dx : tensor<f32>, tensor<f32>
}

// The number of steps is an integer that a scan carries beside what is differentiated: comparing it loses nothing.
// CHECK-LABEL: func.func @beside_a_count
// CHECK-NOT: graph.gradient
// CHECK: return
func.func @beside_a_count(%x: tensor<f32>, %i0: tensor<i32>) -> tensor<f32> {
  %one = graph.constant dense<1> : tensor<i32>
  %y, %n, %all = graph.scan 4 carry(%a = %x, %i = %i0) out(axis 0)
      : (tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>, tensor<4xi32>) {
    %0 = graph.sin %a : tensor<f32>
    %1 = graph.add %i, %one : tensor<i32>
    graph.yield carry(%0, %1 : tensor<f32>, tensor<i32>) out(%i : tensor<i32>)
  }
  %p = graph.compare gt %n, %one : tensor<i32> -> tensor<i1>
  %s = graph.convert %p : tensor<i1> -> tensor<f32>
  %t = graph.reduce_sum %all over [0] : tensor<4xi32> -> tensor<i32>
  %u = graph.convert %t : tensor<i32> -> tensor<f32>
  %2 = graph.mul %s, %y : tensor<f32>
  %loss = graph.mul %2, %u : tensor<f32>
  %d = graph.gradient %loss wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// A loop of unknown length that does not depend on the targets is no obstacle, nor one whose gradient is stopped.
// CHECK-LABEL: func.func @beside_a_while
// CHECK: %[[N:.*]] = graph.while
// CHECK-NOT: graph.gradient
// CHECK: return %[[N]]
func.func @beside_a_while(%x: tensor<f32>, %c: tensor<f32>, %limit: tensor<f32>) -> tensor<f32> {
  %n = graph.while carry(%a = %c) : (tensor<f32>) -> tensor<f32> {
    %p = graph.compare lt %a, %limit : tensor<f32> -> tensor<i1>
    graph.yield out(%p : tensor<i1>)
  } do(%b) {
    %0 = graph.add %b, %b : tensor<f32>
    graph.yield carry(%0 : tensor<f32>)
  }
  %loss = graph.mul %x, %n : tensor<f32>
  %d = graph.gradient %loss wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}
