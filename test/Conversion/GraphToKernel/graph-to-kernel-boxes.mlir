// RUN: moru-opt %s --graph-to-kernels | FileCheck %s
// Boxes at computed places: where they are replaced, the rest stays where it is.

// A cache that a result replaces: nothing but the box is written.
// CHECK-LABEL: func.func @updates_a_donated_cache_in_place(
// CHECK-SAME: %[[C:[a-z0-9_]+]]: !kernel.buffer<64x8xf32> {{.*}}, %[[K:[a-z0-9_]+]]: !kernel.buffer<1x8xf32>, %[[I:[a-z0-9_]+]]: !kernel.buffer<i32>
func.func @updates_a_donated_cache_in_place(%cache: tensor<64x8xf32> {graph.name = "cache", graph.role = "state"}, %k: tensor<1x8xf32>, %i: tensor<i32>)
    -> (tensor<64x8xf32> {graph.name = "cache", graph.donated = 0 : i64}) {
  // CHECK-NOT: kernel.alloc
  // CHECK: kernel.compute gather_scatter "update cache" reads(%{{.*}} = %[[C]], %{{.*}} = %[[K]], %{{.*}} = %[[I]]) writes(%[[C]])
  // CHECK-SAME: bytes = 68
  // CHECK-NOT: kernel.compute
  %zero = graph.constant dense<0> : tensor<i32>
  %n = graph.dynamic_update_slice %cache with %k at(%i, %zero) : (tensor<64x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<64x8xf32>
  return %n : tensor<64x8xf32>
}

// One update after the other, with a reader between: all in the argument's place, and what is written is computed on the way.
// CHECK-LABEL: func.func @updates_several_boxes_in_place(
// CHECK-SAME: %[[C:[a-z0-9_]+]]: !kernel.buffer<64x8xf32>
func.func @updates_several_boxes_in_place(%cache: tensor<64x8xf32> {graph.name = "cache", graph.role = "state"}, %k: tensor<1x8xf32>, %i: tensor<i32>, %j: tensor<i32>)
    -> (tensor<64x8xf32> {graph.name = "cache", graph.donated = 0 : i64}, tensor<8xf32>) {
  // CHECK-NOT: kernel.alloc
  // CHECK: kernel.compute gather_scatter {{.*}}= %[[C]]{{.*}}) writes(%[[C]])
  // CHECK: kernel.compute column_reduce {{.*}}= %[[C]])
  // CHECK: kernel.compute gather_scatter {{.*}}= %[[C]]{{.*}}) writes(%[[C]])
  // CHECK-NEXT: graph.neg
  // CHECK-NOT: kernel.compute
  %zero = graph.constant dense<0> : tensor<i32>
  %a = graph.dynamic_update_slice %cache with %k at(%i, %zero) : (tensor<64x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<64x8xf32>
  %m = graph.neg %k : tensor<1x8xf32>
  %b = graph.dynamic_update_slice %a with %m at(%j, %zero) : (tensor<64x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<64x8xf32>
  %s = graph.reduce_sum %a over [0] : tensor<64x8xf32> -> tensor<8xf32>
  return %b, %s : tensor<64x8xf32>, tensor<8xf32>
}

// What a reader of the new value needs of the old one: the update is made elsewhere.
// CHECK-LABEL: func.func @does_not_update_in_place_what_is_read_behind(
// CHECK-SAME: %[[C:[a-z0-9_]+]]: !kernel.buffer<4x8xf32>
func.func @does_not_update_in_place_what_is_read_behind(%cache: tensor<4x8xf32> {graph.name = "cache", graph.role = "state"}, %k: tensor<1x8xf32>, %i: tensor<i32>)
    -> (tensor<4x8xf32> {graph.name = "cache", graph.donated = 0 : i64}, tensor<4x8xf32>) {
  // CHECK: %[[N:[a-z0-9_]+]] = kernel.alloc : <4x8xf32>
  // CHECK: kernel.compute gather_scatter {{.*}}= %[[C]]{{.*}}) writes(%[[N]])
  %zero = graph.constant dense<0> : tensor<i32>
  %n = graph.dynamic_update_slice %cache with %k at(%i, %zero) : (tensor<4x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
  %y = graph.add %n, %cache : tensor<4x8xf32>
  return %n, %y : tensor<4x8xf32>, tensor<4x8xf32>
}

// A loop that replaces one box of what it carries has one slot for it.
// CHECK-LABEL: func.func @keeps_an_updated_carry_in_its_place(
func.func @keeps_an_updated_carry_in_its_place(%c0: tensor<64x8xf32>, %k: tensor<5x1x8xf32>, %at: tensor<5xi32>) -> tensor<64x8xf32> {
  // CHECK: %[[S:[a-z0-9_]+]] = kernel.alloc : <1x64x8xf32>
  // CHECK: kernel.loop %[[T:[a-z0-9_]+]] to 5 {
  // CHECK: %[[IN:[a-z0-9_]+]] = kernel.slot %[[S]][%[[T]] mod 1] axis 0
  // CHECK: kernel.compute gather_scatter {{.*}}reads(%{{.*}} = %[[IN]], {{.*}}) writes(%[[IN]])
  // CHECK-NOT: kernel.compute
  // CHECK: }
  %zero = graph.constant dense<0> : tensor<i32>
  %last = graph.scan 5 carry(%c = %c0) over(%kt = %k axis 0, %i = %at axis 0) : (tensor<64x8xf32>, tensor<5x1x8xf32>, tensor<5xi32>) -> (tensor<64x8xf32>) {
    %n = graph.dynamic_update_slice %c with %kt at(%i, %zero) : (tensor<64x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<64x8xf32>
    graph.yield carry(%n : tensor<64x8xf32>)
  }
  return %last : tensor<64x8xf32>
}

// A slice at a computed place is read where it is needed, with what follows.
// CHECK-LABEL: func.func @reads_a_box_in_its_readers_kernel(
func.func @reads_a_box_in_its_readers_kernel(%x: tensor<64x8xf32>, %i: tensor<i32>, %b: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK: kernel.compute map
  // CHECK-SAME: bytes = 388
  // CHECK: graph.dynamic_slice
  // CHECK: graph.add
  // CHECK-NOT: kernel.compute
  %zero = graph.constant dense<0> : tensor<i32>
  %s = graph.dynamic_slice %x at(%i, %zero) sizes [4, 8] : (tensor<64x8xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
  %y = graph.add %s, %b : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// Both results of a top_k are made, also where one of them is not read; random numbers where they are needed.
// CHECK-LABEL: func.func @makes_both_results_of_top_k(
func.func @makes_both_results_of_top_k(%x: tensor<3x50xf32>, %key: tensor<i64>, %step: tensor<i32>) -> tensor<3x4xi32> {
  // CHECK: kernel.compute map
  // CHECK: graph.random
  // CHECK: graph.add
  // CHECK: kernel.compute row_reduce "top_k"
  // CHECK-NEXT: %[[V:.*]], %[[I:.*]] = graph.top_k 4
  // CHECK-NEXT: kernel.yield %[[V]], %[[I]]
  // CHECK-NOT: kernel.compute
  %u = graph.random uniform key %key counter %step stream 0 : tensor<i64>, tensor<i32> -> tensor<3x50xf32>
  %y = graph.add %x, %u : tensor<3x50xf32>
  %v, %i = graph.top_k 4 of %y : tensor<3x50xf32> -> tensor<3x4xf32>, tensor<3x4xi32>
  return %i : tensor<3x4xi32>
}

// What is summed up is computed on the way.
// CHECK-LABEL: func.func @computes_the_terms_of_running_sums(
func.func @computes_the_terms_of_running_sums(%x: tensor<3x50xf32>) -> tensor<3x50xf32> {
  // CHECK: kernel.compute column_reduce
  // CHECK-NEXT: graph.exp
  // CHECK-NEXT: graph.cumsum
  // CHECK-NOT: kernel.compute
  %e = graph.exp %x : tensor<3x50xf32>
  %y = graph.cumsum %e along 1 : tensor<3x50xf32>
  return %y : tensor<3x50xf32>
}
