// RUN: moru-opt %s --graph-to-kernels | FileCheck %s
// Branches write the buffers of the results, a while's carried values take turns in two slots: nothing is copied.

// CHECK-LABEL: func.func @writes_results_in_both_branches(
// CHECK-SAME: %[[P:[a-z0-9_]+]]: !kernel.buffer<i1>, %[[X:[a-z0-9_]+]]: !kernel.buffer<3xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<3xf32> {{.*}}output
// CHECK: kernel.cond %[[P]] : <i1> {
// CHECK-NEXT: kernel.compute map "exp" reads(%{{.*}} = %[[X]]) writes(%[[Y]])
// CHECK: } else {
// CHECK: kernel.compute map "sin+mul" reads(%{{.*}} = %[[X]]) writes(%[[Y]])
// CHECK-NOT: kernel.compute
// CHECK: return
func.func @writes_results_in_both_branches(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %y = graph.cond %p -> (tensor<3xf32>) {
    %0 = graph.exp %x : tensor<3xf32>
    graph.yield out(%0 : tensor<3xf32>)
  } else {
    %1 = graph.sin %x : tensor<3xf32>
    %2 = graph.mul %1, %x : tensor<3xf32>
    graph.yield out(%2 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// What is yielded as it is must be copied, in that branch alone.
// CHECK-LABEL: func.func @copies_what_a_branch_passes_on(
// CHECK: kernel.cond
// CHECK-NEXT: kernel.compute map "copy x"
// CHECK: } else {
// CHECK-NEXT: kernel.compute map "exp"
func.func @copies_what_a_branch_passes_on(%p: tensor<i1>, %x: tensor<3xf32> {graph.name = "x"}) -> tensor<3xf32> {
  %y = graph.cond %p -> (tensor<3xf32>) {
    graph.yield out(%x : tensor<3xf32>)
  } else {
    %0 = graph.exp %x : tensor<3xf32>
    graph.yield out(%0 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// CHECK-LABEL: func.func @takes_turns_in_two_slots(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<3xf32>, %[[L:[a-z0-9_]+]]: !kernel.buffer<f32>
// CHECK-DAG: %[[RING:[a-z0-9_]+]] = kernel.alloc : <2x3xf32>
// CHECK-DAG: %[[P:[a-z0-9_]+]] = kernel.alloc : <i1>
// CHECK-DAG: %[[FIRST:[a-z0-9_]+]] = kernel.view %[[RING]] at 0
// CHECK: kernel.compute map "exp" reads(%{{.*}} = %[[X]]) writes(%[[FIRST]])
// CHECK: %[[COUNT:[a-z0-9_]+]] = kernel.while %[[P]] step %[[T:[a-z0-9_]+]] : !kernel.buffer<i1> {
// CHECK: kernel.slot %[[RING]][%[[T]] mod 2] axis 0
// CHECK: kernel.compute {{.*}} writes(%[[P]])
// CHECK: } do step %[[U:[a-z0-9_]+]] {
// CHECK-DAG: %[[IN:[a-z0-9_]+]] = kernel.slot %[[RING]][%[[U]] mod 2] axis 0
// CHECK-DAG: %[[OUT:[a-z0-9_]+]] = kernel.slot %[[RING]][%[[U]] + 1 mod 2] axis 0
// CHECK: kernel.compute map "add" reads(%{{.*}} = %[[IN]]) writes(%[[OUT]])
// CHECK-NOT: kernel.compute
// CHECK: }
// CHECK: %[[LAST:[a-z0-9_]+]] = kernel.slot %[[RING]][%[[COUNT]] mod 2] axis 0
// CHECK: kernel.compute map "sin" reads(%{{.*}} = %[[LAST]])
func.func @takes_turns_in_two_slots(%x: tensor<3xf32>, %limit: tensor<f32>) -> tensor<3xf32> {
  %e = graph.exp %x : tensor<3xf32>
  %y = graph.while carry(%a = %e) : (tensor<3xf32>) -> tensor<3xf32> {
    %s = graph.reduce_sum %a over [0] : tensor<3xf32> -> tensor<f32>
    %p = graph.compare lt %s, %limit : tensor<f32> -> tensor<i1>
    graph.yield out(%p : tensor<i1>)
  } do(%b) {
    %0 = graph.add %b, %b : tensor<3xf32>
    graph.yield carry(%0 : tensor<3xf32>)
  }
  %z = graph.sin %y : tensor<3xf32>
  return %z : tensor<3xf32>
}

// The weights are packed once, before the loops and branches that contract with them.
// CHECK-LABEL: func.func @packs_outside(
// CHECK: kernel.compute map "pack w"
// CHECK-NOT: pack
// CHECK: kernel.loop
// CHECK: kernel.cond
// CHECK: kernel.compute contract
func.func @packs_outside(%h0: tensor<2x4xf32>, %ps: tensor<5xi1>, %w: tensor<4x4xf32> {graph.name = "w"}) -> tensor<2x4xf32> {
  %last = graph.scan 5 carry(%h = %h0) over(%p = %ps axis 0) : (tensor<2x4xf32>, tensor<5xi1>) -> tensor<2x4xf32> {
    %0 = graph.cond %p -> (tensor<2x4xf32>) {
      %1 = graph.contract %h, %w over [1] with [0] : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
      graph.yield out(%1 : tensor<2x4xf32>)
    } else {
      %2 = graph.neg %h : tensor<2x4xf32>
      graph.yield out(%2 : tensor<2x4xf32>)
    }
    graph.yield carry(%0 : tensor<2x4xf32>)
  }
  return %last : tensor<2x4xf32>
}

// A recomputation reads what it starts from where it lies, in a kernel of its own, though it could be done where %x is
// made.
// CHECK-LABEL: func.func @computes_again(
// CHECK: kernel.compute map "sin+exp" {{.*}}writes(%[[X:[a-z0-9_]+]], %{{.*}})
// CHECK: kernel.compute map "exp+mul" reads(%{{.*}} = %[[X]])
// CHECK-NOT: graph.barrier
// CHECK: return
func.func @computes_again(%w: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %x = graph.sin %w : tensor<3xf32>
  %0 = graph.exp %x : tensor<3xf32>
  %1 = graph.barrier %x : tensor<3xf32>
  %2 = graph.exp %1 : tensor<3xf32>
  %3 = graph.mul %2, %2 : tensor<3xf32>
  return %0, %3 : tensor<3xf32>, tensor<3xf32>
}
