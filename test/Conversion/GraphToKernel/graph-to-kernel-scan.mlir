// RUN: moru-opt %s --graph-to-kernels | FileCheck %s

// What a step carries on is what it puts out: slot 0 holds the initial value, slot t + 1 the result of step t.
// CHECK-LABEL: func.func @carries_in_the_stacked_output(
// CHECK-SAME: %[[H0:[a-z0-9_]+]]: !kernel.buffer<2x3xf32>, %[[X:[a-z0-9_]+]]: !kernel.buffer<2x5x3xf32>
func.func @carries_in_the_stacked_output(%h0: tensor<2x3xf32>, %x: tensor<2x5x3xf32>) -> (tensor<2x3xf32>, tensor<2x5x3xf32>) {
  // CHECK: %[[ALL:[a-z0-9_]+]] = kernel.alloc : <6x2x3xf32>
  // CHECK-NOT: kernel.alloc
  // CHECK-DAG: %[[FIRST:[a-z0-9_]+]] = kernel.view %[[ALL]] at 0 : <6x2x3xf32> -> <2x3xf32>
  // CHECK-DAG: %[[LAST:[a-z0-9_]+]] = kernel.view %[[ALL]] at 30 : <6x2x3xf32> -> <2x3xf32>
  // CHECK-DAG: %[[STACKED:[a-z0-9_]+]] = kernel.view %[[ALL]] at 6 : <6x2x3xf32> -> <2x5x3xf32, strided<[3, 6, 1]>>
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[H0]]) writes(%[[FIRST]])
  // CHECK: kernel.loop %[[T:[a-z0-9_]+]] to 5 {
  // CHECK-DAG: %[[IN:[a-z0-9_]+]] = kernel.slot %[[ALL]][%[[T]]] axis 0
  // CHECK-DAG: %[[OUT:[a-z0-9_]+]] = kernel.slot %[[ALL]][%[[T]] + 1] axis 0
  // CHECK-DAG: %[[XT:[a-z0-9_]+]] = kernel.slot %[[X]][%[[T]]] axis 1
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[IN]], %{{.*}} = %[[XT]]) writes(%[[OUT]])
  // CHECK-NOT: kernel.compute
  // CHECK: }
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[LAST]])
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[STACKED]])
  %last, %all = graph.scan 5 carry(%h = %h0) over(%xt = %x axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<2x5x3xf32>) -> (tensor<2x3xf32>, tensor<2x5x3xf32>) {
    %n = graph.add %h, %xt : tensor<2x3xf32>
    graph.yield carry(%n : tensor<2x3xf32>) out(%n : tensor<2x3xf32>)
  }
  return %last, %all : tensor<2x3xf32>, tensor<2x5x3xf32>
}

// Without an output, two slots in turn; after five steps the last value lies in slot 1. The initial value is written where it is
// needed.
// CHECK-LABEL: func.func @takes_turns_in_two_slots(
func.func @takes_turns_in_two_slots(%h0: tensor<2x3xf32>, %x: tensor<5x2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: %[[RING:[a-z0-9_]+]] = kernel.alloc : <2x2x3xf32>
  // CHECK-NOT: kernel.alloc
  // CHECK-DAG: %[[FIRST:[a-z0-9_]+]] = kernel.view %[[RING]] at 0
  // CHECK-DAG: %[[LAST:[a-z0-9_]+]] = kernel.view %[[RING]] at 6
  // CHECK: kernel.compute map {{.*}}writes(%[[FIRST]]) attributes
  // CHECK-NEXT: graph.exp
  // CHECK: kernel.loop %[[T:[a-z0-9_]+]] to 5 {
  // CHECK-DAG: %[[IN:[a-z0-9_]+]] = kernel.slot %[[RING]][%[[T]] mod 2] axis 0
  // CHECK-DAG: %[[OUT:[a-z0-9_]+]] = kernel.slot %[[RING]][%[[T]] + 1 mod 2] axis 0
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[IN]], {{.*}}) writes(%[[OUT]])
  // CHECK: }
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[LAST]])
  %e = graph.exp %h0 : tensor<2x3xf32>
  %last = graph.scan 5 carry(%h = %e) over(%xt = %x axis 0) : (tensor<2x3xf32>, tensor<5x2x3xf32>) -> (tensor<2x3xf32>) {
    %n = graph.mul %h, %xt : tensor<2x3xf32>
    graph.yield carry(%n : tensor<2x3xf32>)
  }
  return %last : tensor<2x3xf32>
}

// A slot is overwritten two steps later: an initial value that is read again behind the loop has a buffer of its own.
// CHECK-LABEL: func.func @does_not_make_a_ring_the_home_of_what_is_read_later(
func.func @does_not_make_a_ring_the_home_of_what_is_read_later(%h0: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: %[[RING:[a-z0-9_]+]] = kernel.alloc : <2x3xf32>
  // CHECK: %[[E:[a-z0-9_]+]] = kernel.alloc : <3xf32>
  // CHECK: %[[FIRST:[a-z0-9_]+]] = kernel.view %[[RING]] at 0
  // CHECK: kernel.compute map {{.*}}writes(%[[E]]) attributes
  // CHECK-NEXT: graph.exp
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[E]]) writes(%[[FIRST]])
  // CHECK: kernel.loop
  %e = graph.exp %h0 : tensor<3xf32>
  %last = graph.scan 4 carry(%h = %e) : (tensor<3xf32>) -> (tensor<3xf32>) {
    %n = graph.tanh %h : tensor<3xf32>
    graph.yield carry(%n : tensor<3xf32>)
  }
  %y = graph.add %e, %last : tensor<3xf32>
  return %y : tensor<3xf32>
}

// Backwards, the value before the step (a residual of the gradient) and the one after it are the same slots, one apart. What is no
// carry has five.
// CHECK-LABEL: func.func @shares_slots_with_residuals_backwards(
// CHECK-SAME: %{{.*}}: !kernel.buffer<3xf32>, %{{.*}}: !kernel.buffer<5x3xf32>, %[[BEFORE:[a-z0-9_]+]]: !kernel.buffer<5x3xf32> {{.*}}, %[[AFTER:[a-z0-9_]+]]: !kernel.buffer<5x3xf32> {{.*}}, %{{.*}}: !kernel.buffer<5x3xf32>
func.func @shares_slots_with_residuals_backwards(%h0: tensor<3xf32>, %x: tensor<5x3xf32>) -> (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>) {
  // CHECK: %[[ALL:[a-z0-9_]+]] = kernel.alloc : <6x3xf32>
  // CHECK: %[[OTHER:[a-z0-9_]+]] = kernel.alloc : <5x3xf32>
  // CHECK-NOT: kernel.alloc
  // CHECK-DAG: %[[VB:[a-z0-9_]+]] = kernel.view %[[ALL]] at 3 : <6x3xf32> -> <5x3xf32>
  // CHECK-DAG: %[[VA:[a-z0-9_]+]] = kernel.view %[[ALL]] at 0 : <6x3xf32> -> <5x3xf32>
  // CHECK-DAG: %[[FIRST:[a-z0-9_]+]] = kernel.view %[[ALL]] at 15 : <6x3xf32> -> <3xf32>
  // CHECK: kernel.compute map {{.*}}writes(%[[FIRST]])
  // CHECK: kernel.loop %[[T:[a-z0-9_]+]] to 5 {
  // CHECK-DAG: %[[IN:[a-z0-9_]+]] = kernel.slot %[[ALL]][5 minus %[[T]]] axis 0
  // CHECK-DAG: %[[OUT:[a-z0-9_]+]] = kernel.slot %[[ALL]][4 minus %[[T]]] axis 0
  // CHECK-DAG: %[[OT:[a-z0-9_]+]] = kernel.slot %[[OTHER]][4 minus %[[T]]] axis 0
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[IN]], {{.*}}) writes(%[[OUT]], %[[OT]])
  // CHECK-NOT: kernel.compute
  // CHECK: }
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[VB]]) writes(%[[BEFORE]])
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[VA]]) writes(%[[AFTER]])
  %last, %before, %after, %other = graph.scan reverse 5 carry(%h = %h0) over(%xt = %x axis 0) out(axis 0, axis 0, axis 0)
      : (tensor<3xf32>, tensor<5x3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>) {
    %n = graph.mul %h, %xt : tensor<3xf32>
    %o = graph.tanh %n : tensor<3xf32>
    graph.yield carry(%n : tensor<3xf32>) out(%h, %n, %o : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  }
  return %before, %after, %other : tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>
}

// The weight is packed before the loop, and what is computed of it too once; the body reads it as it is.
// CHECK-LABEL: func.func @packs_an_invariant_weight_before_the_loop(
// CHECK-SAME: %{{.*}}: !kernel.buffer<2x3xf32>, %[[W:[a-z0-9_]+]]: !kernel.buffer<3x3xf32>, %[[B:[a-z0-9_]+]]: !kernel.buffer<3xf32>
func.func @packs_an_invariant_weight_before_the_loop(%h0: tensor<2x3xf32>, %w: tensor<3x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
  // CHECK: %[[P:[a-z0-9_]+]] = kernel.alloc : <3x3xf32, #kernel.panels<16>>
  // CHECK: kernel.compute map "pack{{.*}}reads(%{{.*}} = %[[W]]) writes(%[[P]])
  // CHECK: kernel.loop
  // CHECK-NOT: kernel.compute map
  // CHECK: kernel.compute contract {{.*}}reads(%{{.*}} = %{{.*}}, %{{.*}} = %[[B]], %{{.*}} = %[[P]])
  // CHECK-NOT: kernel.compute
  // CHECK: }
  %last = graph.scan 5 carry(%h = %h0) : (tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    %n = graph.contract %h, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    %bb = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<2x3xf32>
    %s = graph.add %n, %bb : tensor<2x3xf32>
    %t = graph.tanh %s : tensor<2x3xf32>
    graph.yield carry(%t : tensor<2x3xf32>)
  }
  return %last : tensor<2x3xf32>
}

// What changes with the steps is packed in each.
// CHECK-LABEL: func.func @does_not_pack_a_steps_own_operand_before_the_loop
func.func @does_not_pack_a_steps_own_operand_before_the_loop(%h0: tensor<2x3xf32>, %ws: tensor<5x3x3xf32>) -> tensor<2x3xf32> {
  // CHECK-NOT: "pack
  // CHECK: kernel.loop
  // CHECK: kernel.compute map "pack
  // CHECK: kernel.compute contract
  %last = graph.scan 5 carry(%h = %h0) over(%w = %ws axis 0) : (tensor<2x3xf32>, tensor<5x3x3xf32>) -> (tensor<2x3xf32>) {
    %n = graph.contract %h, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    graph.yield carry(%n : tensor<2x3xf32>)
  }
  return %last : tensor<2x3xf32>
}

// The inner loop's slots live within a step of the outer one; the inner body reads the outer carry.
// CHECK-LABEL: func.func @nests_loops(
// CHECK-SAME: %{{.*}}: !kernel.buffer<3xf32>, %[[X:[a-z0-9_]+]]: !kernel.buffer<2x4x3xf32>
func.func @nests_loops(%h0: tensor<3xf32>, %x: tensor<2x4x3xf32>) -> tensor<2x3xf32> {
  // CHECK: %[[OUTER:[a-z0-9_]+]] = kernel.alloc : <3x3xf32>
  // CHECK: kernel.loop %[[I:[a-z0-9_]+]] to 2 {
  // CHECK: %[[RING:[a-z0-9_]+]] = kernel.alloc : <2x3xf32>
  // CHECK-DAG: %[[H:[a-z0-9_]+]] = kernel.slot %[[OUTER]][%[[I]]] axis 0
  // CHECK-DAG: %[[ROW:[a-z0-9_]+]] = kernel.slot %[[X]][%[[I]]] axis 0
  // CHECK: kernel.loop %[[J:[a-z0-9_]+]] to 4 {
  // CHECK-DAG: %[[IN:[a-z0-9_]+]] = kernel.slot %[[RING]][%[[J]] mod 2]
  // CHECK-DAG: %[[XS:[a-z0-9_]+]] = kernel.slot %[[ROW]][%[[J]]]
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[IN]], %{{.*}} = %[[XS]], %{{.*}} = %[[H]])
  %last, %all = graph.scan 2 carry(%h = %h0) over(%xt = %x axis 0) out(axis 0)
      : (tensor<3xf32>, tensor<2x4x3xf32>) -> (tensor<3xf32>, tensor<2x3xf32>) {
    %in = graph.scan 4 carry(%k = %h) over(%xs = %xt axis 0) : (tensor<3xf32>, tensor<4x3xf32>) -> (tensor<3xf32>) {
      %m = graph.add %k, %xs : tensor<3xf32>
      %p = graph.mul %m, %h : tensor<3xf32>
      graph.yield carry(%p : tensor<3xf32>)
    }
    graph.yield carry(%in : tensor<3xf32>) out(%in : tensor<3xf32>)
  }
  return %all : tensor<2x3xf32>
}

// Two carried values that change places go through their other slots.
// CHECK-LABEL: func.func @swaps_carries(
func.func @swaps_carries(%a0: tensor<3xf32>, %b0: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  // CHECK: kernel.loop %[[T:[a-z0-9_]+]] to 3 {
  // CHECK-DAG: %[[A:[a-z0-9_]+]] = kernel.slot %[[RA:[a-z0-9_]+]][%[[T]] mod 2]
  // CHECK-DAG: %[[B:[a-z0-9_]+]] = kernel.slot %[[RB:[a-z0-9_]+]][%[[T]] mod 2]
  // CHECK-DAG: %[[AN:[a-z0-9_]+]] = kernel.slot %[[RA]][%[[T]] + 1 mod 2]
  // CHECK-DAG: %[[BN:[a-z0-9_]+]] = kernel.slot %[[RB]][%[[T]] + 1 mod 2]
  // CHECK-DAG: kernel.compute map {{.*}}reads(%{{.*}} = %[[A]]) writes(%[[BN]])
  // CHECK-DAG: kernel.compute map {{.*}}reads(%{{.*}} = %[[B]]) writes(%[[AN]])
  %a3, %b3 = graph.scan 3 carry(%a = %a0, %b = %b0) : (tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
    graph.yield carry(%b, %a : tensor<3xf32>, tensor<3xf32>)
  }
  return %a3, %b3 : tensor<3xf32>, tensor<3xf32>
}
