// RUN: moru-opt %s --graph-simplify-algebra | FileCheck %s
// Branches that are decided, results and carries that nobody reads, what is the same on every way or in every step.

// CHECK-LABEL: func.func @takes_the_branch_of_a_constant
// CHECK-NOT: graph.cond
// CHECK: %[[Y:.*]] = graph.exp
// CHECK-NOT: graph.tanh
// CHECK: return %[[Y]]
func.func @takes_the_branch_of_a_constant(%x: tensor<3xf32>) -> tensor<3xf32> {
  %p = graph.constant dense<true> : tensor<i1>
  %y = graph.cond %p -> (tensor<3xf32>) {
    %0 = graph.exp %x : tensor<3xf32>
    graph.yield out(%0 : tensor<3xf32>)
  } else {
    %1 = graph.tanh %x : tensor<3xf32>
    graph.yield out(%1 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// CHECK-LABEL: func.func @knows_the_predicate_within_a_branch
// CHECK: graph.cond %{{.*}} -> (tensor<3xf32>) {
// CHECK-NEXT: %[[E:.*]] = graph.exp
// CHECK-NEXT: graph.yield out(%[[E]]
// CHECK-NEXT: } else {
// CHECK-NEXT: graph.yield out(%arg1
func.func @knows_the_predicate_within_a_branch(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %y = graph.cond %p -> (tensor<3xf32>) {
    %0 = graph.cond %p -> (tensor<3xf32>) {
      %1 = graph.exp %x : tensor<3xf32>
      graph.yield out(%1 : tensor<3xf32>)
    } else {
      graph.yield out(%x : tensor<3xf32>)
    }
    graph.yield out(%0 : tensor<3xf32>)
  } else {
    graph.yield out(%x : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// One result is read, one is not, one is the same in both branches, one is there twice.
// CHECK-LABEL: func.func @removes_results
// CHECK-SAME: (%[[P:.*]]: tensor<i1>, %[[X:.*]]: tensor<3xf32>)
// CHECK: %[[Y:.*]] = graph.cond %[[P]] -> (tensor<3xf32>) {
// CHECK-NOT: graph.tanh
// CHECK: return %[[Y]], %[[X]], %[[Y]]
func.func @removes_results(%p: tensor<i1>, %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %y, %unread, %same, %twice = graph.cond %p -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
    %0 = graph.exp %x : tensor<3xf32>
    %1 = graph.tanh %x : tensor<3xf32>
    graph.yield out(%0, %1, %x, %0 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  } else {
    %2 = graph.sin %x : tensor<3xf32>
    graph.yield out(%2, %x, %x, %2 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  }
  return %y, %same, %twice : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// CHECK-LABEL: func.func @keeps_branches_that_differ
// CHECK: graph.cond
// CHECK: graph.exp
// CHECK: } else {
// CHECK: graph.sin
func.func @keeps_branches_that_differ(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %y = graph.cond %p -> (tensor<3xf32>) {
    %0 = graph.exp %x : tensor<3xf32>
    graph.yield out(%0 : tensor<3xf32>)
  } else {
    %1 = graph.sin %x : tensor<3xf32>
    graph.yield out(%1 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// CHECK-LABEL: func.func @removes_a_loop_without_a_step
// CHECK-NOT: graph.while
// CHECK: return %arg0
func.func @removes_a_loop_without_a_step(%x: tensor<3xf32>) -> tensor<3xf32> {
  %p = graph.constant dense<false> : tensor<i1>
  %y = graph.while carry(%a = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield out(%p : tensor<i1>)
  } do(%b) {
    %0 = graph.exp %b : tensor<3xf32>
    graph.yield carry(%0 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// %w never changes, %u serves itself alone; exp(w) is the same in every step.
// CHECK-LABEL: func.func @cleans_a_while
// CHECK-SAME: (%[[I0:.*]]: tensor<i32>, %[[X0:.*]]: tensor<3xf32>, %[[W:.*]]: tensor<3xf32>, %[[N:.*]]: tensor<i32>)
// CHECK: %[[E:.*]] = graph.exp %[[W]]
// CHECK: %[[R:.*]]:2 = graph.while carry(%{{.*}} = %[[I0]], %{{.*}} = %[[X0]])
// CHECK-NOT: graph.sin
// CHECK: } do(%{{.*}}, %[[X:.*]]) {
// CHECK-NOT: graph.exp
// CHECK: graph.mul %[[X]], %[[E]]
// CHECK: return %[[R]]#1, %[[W]]
func.func @cleans_a_while(%i0: tensor<i32>, %x0: tensor<3xf32>, %w0: tensor<3xf32>, %n: tensor<i32>)
    -> (tensor<3xf32>, tensor<3xf32>) {
  %one = graph.constant dense<1> : tensor<i32>
  %i, %x, %w, %u = graph.while carry(%i1 = %i0, %x1 = %x0, %w1 = %w0, %u1 = %x0)
      : (tensor<i32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<i32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
    %p = graph.compare lt %i1, %n : tensor<i32> -> tensor<i1>
    graph.yield out(%p : tensor<i1>)
  } do(%i2, %x2, %w2, %u2) {
    %0 = graph.add %i2, %one : tensor<i32>
    %1 = graph.exp %w2 : tensor<3xf32>
    %2 = graph.mul %x2, %1 : tensor<3xf32>
    %3 = graph.sin %u2 : tensor<3xf32>
    graph.yield carry(%0, %2, %w2, %3 : tensor<i32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  }
  return %x, %w : tensor<3xf32>, tensor<3xf32>
}

// A carry that the condition reads stays, though its result is not read.
// CHECK-LABEL: func.func @keeps_what_the_condition_reads
// CHECK: graph.while carry(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}})
func.func @keeps_what_the_condition_reads(%i0: tensor<i32>, %x0: tensor<3xf32>, %n: tensor<i32>) -> tensor<3xf32> {
  %one = graph.constant dense<1> : tensor<i32>
  %i, %x = graph.while carry(%i1 = %i0, %x1 = %x0) : (tensor<i32>, tensor<3xf32>) -> (tensor<i32>, tensor<3xf32>) {
    %p = graph.compare lt %i1, %n : tensor<i32> -> tensor<i1>
    graph.yield out(%p : tensor<i1>)
  } do(%i2, %x2) {
    %0 = graph.add %i2, %one : tensor<i32>
    %1 = graph.exp %x2 : tensor<3xf32>
    graph.yield carry(%0, %1 : tensor<i32>, tensor<3xf32>)
  }
  return %x : tensor<3xf32>
}

// CHECK-LABEL: func.func @inlines_checkpoints
// CHECK-NOT: graph.checkpoint
// CHECK: %[[Y:.*]] = graph.exp
// CHECK: return %[[Y]]
func.func @inlines_checkpoints(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = graph.checkpoint -> (tensor<3xf32>) {
    %0 = graph.exp %x : tensor<3xf32>
    graph.yield out(%0 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// CHECK-LABEL: func.func @keeps_checkpoints_while_there_are_gradients
// CHECK: graph.checkpoint
func.func @keeps_checkpoints_while_there_are_gradients(%x: tensor<f32>) -> tensor<f32> {
  %y = graph.checkpoint -> (tensor<f32>) {
    %0 = graph.exp %x : tensor<f32>
    graph.yield out(%0 : tensor<f32>)
  }
  %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// A recomputation is not merged with what it computes again; what costs nothing is not held up.
// CHECK-LABEL: func.func @looks_not_behind_barriers
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>)
// CHECK-DAG: %[[A:.*]] = graph.exp %[[X]]
// CHECK-DAG: %[[B:.*]] = graph.barrier %[[X]]
// CHECK-DAG: %[[C:.*]] = graph.exp %[[B]]
// CHECK-DAG: %[[D:.*]] = graph.broadcast %[[B]]
// CHECK-DAG: %[[E:.*]] = graph.constant
// CHECK: return %[[A]], %[[C]], %[[D]], %[[E]]
func.func @looks_not_behind_barriers(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<2x3xf32>, tensor<3xf32>) {
  %0 = graph.exp %x : tensor<3xf32>
  %1 = graph.barrier %x : tensor<3xf32>
  %2 = graph.exp %1 : tensor<3xf32>
  %3 = graph.broadcast %x along [1] : tensor<3xf32> -> tensor<2x3xf32>
  %4 = graph.barrier %3 : tensor<2x3xf32>
  %5 = graph.constant dense<1.0> : tensor<3xf32>
  %6 = graph.barrier %5 : tensor<3xf32>
  return %0, %2, %4, %6 : tensor<3xf32>, tensor<3xf32>, tensor<2x3xf32>, tensor<3xf32>
}
