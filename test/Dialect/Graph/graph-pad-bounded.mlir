// RUN: moru-opt %s --graph-pad-bounded --graph-simplify-algebra --split-input-file | FileCheck %s

// Padding is masked where entries are combined.
// CHECK-LABEL: func.func @sum
// CHECK-SAME: %[[X:.*]]: tensor<8x2xf32> {graph.lengths = ["len", ""]}
// CHECK-SAME: %[[LEN:.*]]: tensor<i32> {graph.name = "len", graph.role = "length"}) -> tensor<2xf32>
func.func @sum(%x: tensor<?x2xf32, #graph.dims<len max 8, _>>) -> tensor<2xf32> {
  // CHECK-DAG: %[[ZERO:.*]] = graph.constant dense<0.000000e+00> : tensor<8x2xf32>
  // CHECK-DAG: %[[I:.*]] = graph.iota along 0 : tensor<8xi32>
  // CHECK-DAG: %[[L:.*]] = graph.broadcast %[[LEN]] along []
  // CHECK: %[[IN:.*]] = graph.compare lt %[[I]], %[[L]]
  // CHECK: %[[Y:.*]] = graph.exp %[[X]] : tensor<8x2xf32>
  // CHECK: %[[M:.*]] = graph.broadcast %[[IN]] along [0]
  // CHECK: %[[S:.*]] = graph.select %[[M]], %[[Y]], %[[ZERO]]
  // CHECK: graph.reduce_sum %[[S]] over [0]
  %y = graph.exp %x : tensor<?x2xf32, #graph.dims<len max 8, _>>
  %s = graph.reduce_sum %y over [0] : tensor<?x2xf32, #graph.dims<len max 8, _>> -> tensor<2xf32>
  return %s : tensor<2xf32>
}

// -----

// Entry by entry, along other axes and in results nothing is masked.
// CHECK-LABEL: func.func @masks_nothing
// CHECK-SAME: -> (tensor<8x3xf32> {graph.lengths = ["len", ""]}, tensor<8xf32> {graph.lengths = ["len"]})
// CHECK-NOT: graph.select
#d2 = #graph.dims<len max 8, _>
func.func @masks_nothing(%x: tensor<?x2xf32, #d2>, %w: tensor<2x3xf32>)
    -> (tensor<?x3xf32, #d2>, tensor<?xf32, #graph.dims<len max 8>>) {
  %y = graph.contract %x, %w over [1] with [0] : tensor<?x2xf32, #d2>, tensor<2x3xf32> -> tensor<?x3xf32, #d2>
  %z = graph.softmax %y along 1 : tensor<?x3xf32, #d2>
  %s = graph.reduce_sum %z over [1] : tensor<?x3xf32, #d2> -> tensor<?xf32, #graph.dims<len max 8>>
  return %z, %s : tensor<?x3xf32, #d2>, tensor<?xf32, #graph.dims<len max 8>>
}

// -----

// Both sides of a contraction: zero times NaN is NaN.
// CHECK-LABEL: func.func @masks_both_sides
// CHECK: %[[A:.*]] = graph.select
// CHECK: %[[B:.*]] = graph.select
// CHECK: graph.contract %[[A]], %[[B]] over [0] with [0]
#d2 = #graph.dims<len max 8, _>
func.func @masks_both_sides(%x: tensor<?x2xf32, #d2>, %y: tensor<?x3xf32, #d2>) -> tensor<2x3xf32> {
  %z = graph.contract %x, %y over [0] with [0] : tensor<?x2xf32, #d2>, tensor<?x3xf32, #d2> -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// -----

// A loop keeps what it carries behind the length; in a sum the terms are masked, so that it can still leave the loop.
// CHECK-LABEL: func.func @keeps_carries
// CHECK: graph.scan 8 carry(%[[H:.*]] = %{{.*}}, %[[ACC:.*]] = %{{.*}}) over(%[[X:.*]] = %{{.*}} axis 0, %[[IN:.*]] = %{{.*}} axis 0)
// CHECK: %[[N:.*]] = graph.tanh
// CHECK: %[[M:.*]] = graph.broadcast %[[IN]] along [] : tensor<i1> -> tensor<2xi1>
// CHECK: %[[X1:.*]] = graph.select %[[M]], %[[X]], %{{.*}}
// CHECK: %[[H1:.*]] = graph.select %[[M]], %[[H]], %{{.*}}
// CHECK: %[[P:.*]] = graph.contract %[[X1]], %[[H1]]
// CHECK: %[[SUM:.*]] = graph.add %[[ACC]], %[[P]]
// CHECK: %[[NEXT:.*]] = graph.select %[[M]], %[[N]], %[[H]]
// CHECK: graph.yield carry(%[[NEXT]], %[[SUM]] :
#d2 = #graph.dims<len max 8, _>
func.func @keeps_carries(%xs: tensor<?x2xf32, #d2>, %h0: tensor<2xf32>, %acc0: tensor<2x2xf32>) -> (tensor<2xf32>, tensor<2x2xf32>) {
  %h, %acc = graph.scan len max 8 carry(%c = %h0, %a = %acc0) over(%x = %xs axis 0)
      : (tensor<2xf32>, tensor<2x2xf32>, tensor<?x2xf32, #d2>) -> (tensor<2xf32>, tensor<2x2xf32>) {
    %1 = graph.add %c, %x : tensor<2xf32>
    %2 = graph.tanh %1 : tensor<2xf32>
    %3 = graph.contract %x, %c over [] with [] : tensor<2xf32>, tensor<2xf32> -> tensor<2x2xf32>
    %4 = graph.add %a, %3 : tensor<2x2xf32>
    graph.yield carry(%2, %4 : tensor<2xf32>, tensor<2x2xf32>)
  }
  return %h, %acc : tensor<2xf32>, tensor<2x2xf32>
}

// -----

// What needs an entry says so; a place among random numbers does not depend on the length.
// CHECK-LABEL: func.func @needs_entries
// CHECK-SAME: %{{.*}}: tensor<i32> {graph.minimum = 2 : i64, graph.name = "len", graph.role = "length"}
// CHECK: graph.random uniform {{.*}} -> tensor<3x8xf32>
// CHECK: graph.top_k 2 of
#d = #graph.dims<_, len max 8>
func.func @needs_entries(%x: tensor<3x?xf32, #d>, %key: tensor<i64>, %step: tensor<i32>) -> tensor<3x2xf32> {
  %r = graph.random uniform key %key counter %step stream 3 : tensor<i64>, tensor<i32> -> tensor<3x?xf32, #d>
  %y = graph.add %x, %r : tensor<3x?xf32, #d>
  %values, %indices = graph.top_k 2 of %y : tensor<3x?xf32, #d> -> tensor<3x2xf32>, tensor<3x2xi32>
  return %values : tensor<3x2xf32>
}

// -----

// A program without bounded dimensions stays as it is.
// CHECK-LABEL: func.func @static
// CHECK-SAME: (%{{.*}}: tensor<4xf32>) -> tensor<4xf32>
// CHECK-NOT: graph.select
func.func @static(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = graph.tanh %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
