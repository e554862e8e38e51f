// RUN: moru-opt %s --graph-to-kernels | FileCheck %s
// Results that replace an argument (`graph.donated`).

// Written into the argument, after the kernel that reads the old value in another order.
// CHECK-LABEL: func.func @updates_in_place_after_other_readers(
// CHECK-SAME: %[[W:[a-z0-9_]+]]: !kernel.buffer<4x8xf32> {graph.name = "w", graph.role = "parameter", kernel.updated = "w"},
// CHECK-SAME: %[[G:[a-z0-9_]+]]: !kernel.buffer<4x8xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8xf32> {graph.name = "y", graph.role = "output"})
func.func @updates_in_place_after_other_readers(%w: tensor<4x8xf32> {graph.name = "w", graph.role = "parameter"}, %g: tensor<4x8xf32>)
    -> (tensor<4x8xf32> {graph.name = "w", graph.donated = 0 : i64}, tensor<8xf32> {graph.name = "y"}) {
  // CHECK-NOT: kernel.alloc
  // CHECK: kernel.compute column_reduce {{.*}}reads(%{{.*}} = %[[W]]) writes(%[[Y]])
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[W]], %{{.*}} = %[[G]]) writes(%[[W]])
  // CHECK-NOT: kernel.compute
  %n = graph.sub %w, %g : tensor<4x8xf32>
  %r = graph.reduce_sum %w over [0] : tensor<4x8xf32> -> tensor<8xf32>
  return %n, %r : tensor<4x8xf32>, tensor<8xf32>
}

// A reader of the old value that needs the new one as well: the new one is made elsewhere and copied at the end.
// CHECK-LABEL: func.func @does_not_update_in_place_what_is_read_behind(
// CHECK-SAME: %[[H:[a-z0-9_]+]]: !kernel.buffer<4x4xf32>
func.func @does_not_update_in_place_what_is_read_behind(%h: tensor<4x4xf32> {graph.name = "h", graph.role = "state"})
    -> (tensor<4x4xf32> {graph.donated = 0 : i64}, tensor<4x4xf32>) {
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[H]]) writes(%[[N:[a-z0-9_]+]]) attributes
  // CHECK-NEXT: graph.tanh
  // CHECK: graph.add
  // CHECK: kernel.compute map {{.*}}reads(%[[A:[a-z0-9_]+]] = %[[N]]) writes(%[[H]]) attributes
  // CHECK-NEXT: kernel.yield %[[A]]
  %n = graph.tanh %h : tensor<4x4xf32>
  %t = graph.transpose %n by [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %y = graph.add %t, %h : tensor<4x4xf32>
  return %n, %y : tensor<4x4xf32>, tensor<4x4xf32>
}

// The update of a parameter does not join the contraction that makes its gradient: all parameters go through one kind of pass.
// CHECK-LABEL: func.func @keeps_an_update_out_of_the_epilogue(
// CHECK-SAME: %[[W:[a-z0-9_]+]]: !kernel.buffer<4x8xf32>
func.func @keeps_an_update_out_of_the_epilogue(%w: tensor<4x8xf32> {graph.name = "w", graph.role = "parameter"}, %x: tensor<6x4xf32>, %d: tensor<6x8xf32>)
    -> (tensor<4x8xf32> {graph.donated = 0 : i64}) {
  // CHECK: kernel.compute contract {{.*}}writes(%[[G:[a-z0-9_]+]]) attributes
  // CHECK-NEXT: graph.contract
  // CHECK-NEXT: kernel.yield
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[G]], %{{.*}} = %[[W]]) writes(%[[W]])
  %g = graph.contract %x, %d over [0] with [0] : tensor<6x4xf32>, tensor<6x8xf32> -> tensor<4x8xf32>
  %rate = graph.constant dense<0.1> : tensor<4x8xf32>
  %s = graph.mul %rate, %g : tensor<4x8xf32>
  %n = graph.sub %w, %s : tensor<4x8xf32>
  return %n : tensor<4x8xf32>
}

// A parameter and its moments in one pass, all in place.
// CHECK-LABEL: func.func @updates_a_parameter_and_its_state_together(
// CHECK-SAME: %[[W:[a-z0-9_]+]]: !kernel.buffer<8xf32> {{.*}}, %[[M:[a-z0-9_]+]]: !kernel.buffer<8xf32> {{.*}}, %[[G:[a-z0-9_]+]]: !kernel.buffer<8xf32>
func.func @updates_a_parameter_and_its_state_together(%w: tensor<8xf32> {graph.role = "parameter"}, %m: tensor<8xf32> {graph.role = "state"}, %g: tensor<8xf32>)
    -> (tensor<8xf32> {graph.donated = 0 : i64}, tensor<8xf32> {graph.donated = 1 : i64}) {
  // CHECK-NOT: kernel.alloc
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[M]], %{{.*}} = %[[G]], %{{.*}} = %[[W]]) writes(%[[M]], %[[W]])
  // CHECK-NOT: kernel.compute
  %mn = graph.add %m, %g : tensor<8xf32>
  %wn = graph.sub %w, %mn : tensor<8xf32>
  return %wn, %mn : tensor<8xf32>, tensor<8xf32>
}

// Each is saved before the other is overwritten.
// CHECK-LABEL: func.func @swaps_two_states(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8xf32> {{.*}}, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8xf32>
func.func @swaps_two_states(%x: tensor<8xf32> {graph.role = "state"}, %y: tensor<8xf32> {graph.role = "state"})
    -> (tensor<8xf32> {graph.donated = 0 : i64}, tensor<8xf32> {graph.donated = 1 : i64}) {
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[Y]]) writes(%[[YS:[a-z0-9_]+]]) attributes
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[X]]) writes(%[[XS:[a-z0-9_]+]]) attributes
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[YS]]) writes(%[[X]])
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[XS]]) writes(%[[Y]])
  return %y, %x : tensor<8xf32>, tensor<8xf32>
}

// The same with something computed: one is updated in place, the other waits for the last reader of its old value.
// CHECK-LABEL: func.func @updates_two_states_from_each_other(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<4x4xf32> {{.*}}, %[[Y:[a-z0-9_]+]]: !kernel.buffer<4x4xf32>
func.func @updates_two_states_from_each_other(%x: tensor<4x4xf32> {graph.role = "state"}, %y: tensor<4x4xf32> {graph.role = "state"})
    -> (tensor<4x4xf32> {graph.donated = 0 : i64}, tensor<4x4xf32> {graph.donated = 1 : i64}) {
  // CHECK-DAG: %[[XT:[a-z0-9_]+]] = kernel.view %[[X]] at 0 : <4x4xf32> -> <4x4xf32, strided<[1, 4]>>
  // CHECK-DAG: %[[YT:[a-z0-9_]+]] = kernel.view %[[Y]] at 0 : <4x4xf32> -> <4x4xf32, strided<[1, 4]>>
  // CHECK: kernel.compute map {{.*}}writes(%[[YN:[a-z0-9_]+]]) attributes
  // CHECK: kernel.compute map {{.*}}writes(%[[X]]) attributes
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[YN]]) writes(%[[Y]])
  %yt = graph.transpose %y by [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %xt = graph.transpose %x by [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %xn = graph.add %x, %yt : tensor<4x4xf32>
  %yn = graph.sub %y, %xt : tensor<4x4xf32>
  return %xn, %yn : tensor<4x4xf32>, tensor<4x4xf32>
}

// Nothing is to be done, and nothing is.
// CHECK-LABEL: func.func @does_not_copy_an_argument_onto_itself(
func.func @does_not_copy_an_argument_onto_itself(%x: tensor<8xf32> {graph.role = "state"}) -> (tensor<8xf32> {graph.donated = 0 : i64}) {
  // CHECK-NEXT: return
  return %x : tensor<8xf32>
}

// The old value goes out although a new one takes its place.
// CHECK-LABEL: func.func @returns_what_it_overwrites(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8xf32> {{.*}}, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8xf32>
func.func @returns_what_it_overwrites(%x: tensor<8xf32> {graph.role = "state"}) -> (tensor<8xf32> {graph.donated = 0 : i64}, tensor<8xf32>) {
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[X]]) writes(%[[S:[a-z0-9_]+]]) attributes
  // CHECK-NEXT: kernel.yield
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[X]]) writes(%[[X]])
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[S]]) writes(%[[Y]])
  %n = graph.tanh %x : tensor<8xf32>
  return %n, %x : tensor<8xf32>, tensor<8xf32>
}
