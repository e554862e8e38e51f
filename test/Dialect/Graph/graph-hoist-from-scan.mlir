// RUN: moru-opt %s --graph-hoist-from-scan --split-input-file | FileCheck %s

// A sum of contractions over the steps is one contraction over the steps too.
// CHECK-LABEL: func.func @sums_contractions
// CHECK-SAME: %[[H:.*]]: tensor<2x5x3xf32>, %[[Z:.*]]: tensor<5x2x4xf32>, %[[A:.*]]: tensor<3x4xf32>
func.func @sums_contractions(%hs: tensor<2x5x3xf32>, %zs: tensor<5x2x4xf32>, %acc0: tensor<3x4xf32>) -> tensor<3x4xf32> {
  // CHECK-NOT: graph.scan
  // CHECK: %[[P:.*]] = graph.contract %[[H]], %[[Z]] over [0, 1] with [1, 0]
  // CHECK: %[[S:.*]] = graph.add %[[A]], %[[P]]
  // CHECK: return %[[S]]
  %sum = graph.scan 5 carry(%acc = %acc0) over(%h = %hs axis 1, %z = %zs axis 0)
      : (tensor<3x4xf32>, tensor<2x5x3xf32>, tensor<5x2x4xf32>) -> tensor<3x4xf32> {
    %p = graph.contract %h, %z over [0] with [0] : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<3x4xf32>
    %next = graph.add %acc, %p : tensor<3x4xf32>
    graph.yield carry(%next : tensor<3x4xf32>)
  }
  return %sum : tensor<3x4xf32>
}

// -----

// Operands that are no slices of inputs become outputs; what leaves the loop already is used as it is. Zero is not added.
// CHECK-LABEL: func.func @stacks_operands
func.func @stacks_operands(%h0: tensor<2x3xf32>) -> (tensor<3x3xf32>, tensor<2x5x3xf32>) {
  // CHECK: %[[R:.*]]:3 = graph.scan 5 carry(%[[H:.*]] = %{{.*}}) out(axis 1, axis 1)
  // CHECK: %[[T:.*]] = graph.tanh
  // CHECK-NOT: graph.contract
  // CHECK: graph.yield carry(%[[T]] : tensor<2x3xf32>) out(%[[T]], %[[H]] :
  // CHECK: %[[W:.*]] = graph.contract %[[R]]#2, %[[R]]#1 over [0, 1] with [0, 1]
  // CHECK: return %[[W]], %[[R]]#1
  %zero = graph.constant dense<0.0> : tensor<3x3xf32>
  %last, %sum, %all = graph.scan 5 carry(%h = %h0, %acc = %zero) out(axis 1)
      : (tensor<2x3xf32>, tensor<3x3xf32>) -> (tensor<2x3xf32>, tensor<3x3xf32>, tensor<2x5x3xf32>) {
    %t = graph.tanh %h : tensor<2x3xf32>
    %p = graph.contract %h, %t over [0] with [0] : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<3x3xf32>
    %next = graph.add %p, %acc : tensor<3x3xf32>
    graph.yield carry(%t, %next : tensor<2x3xf32>, tensor<3x3xf32>) out(%t : tensor<2x3xf32>)
  }
  return %sum, %all : tensor<3x3xf32>, tensor<2x5x3xf32>
}

// -----

// CHECK-LABEL: func.func @sums_reductions_rows_and_slices
// CHECK-SAME: %[[X:.*]]: tensor<2x5x3xf32>, %[[IDS:.*]]: tensor<2x5xi32>
func.func @sums_reductions_rows_and_slices(%xs: tensor<2x5x3xf32>, %ids: tensor<2x5xi32>) -> (tensor<3xf32>, tensor<9x3xf32>, tensor<2x3xf32>) {
  // CHECK-NOT: graph.scan
  // CHECK: %[[B:.*]] = graph.reduce_sum %[[X]] over [0, 1]
  // CHECK: %[[E:.*]] = graph.scatter_add %[[X]] at %[[IDS]]
  // CHECK: %[[N:.*]] = graph.reduce_sum %[[X]] over [1]
  // CHECK: %[[S:.*]] = graph.sub %{{.*}}, %[[N]]
  // CHECK: return %[[B]], %[[E]], %[[S]]
  %b0 = graph.constant dense<0.0> : tensor<3xf32>
  %e0 = graph.constant dense<0.0> : tensor<9x3xf32>
  %s0 = graph.constant dense<0.0> : tensor<2x3xf32>
  %b, %e, %s = graph.scan 5 carry(%b1 = %b0, %e1 = %e0, %s1 = %s0) over(%x = %xs axis 1, %id = %ids axis 1)
      : (tensor<3xf32>, tensor<9x3xf32>, tensor<2x3xf32>, tensor<2x5x3xf32>, tensor<2x5xi32>) -> (tensor<3xf32>, tensor<9x3xf32>, tensor<2x3xf32>) {
    %0 = graph.reduce_sum %x over [0] : tensor<2x3xf32> -> tensor<3xf32>
    %b2 = graph.add %b1, %0 : tensor<3xf32>
    %1 = graph.scatter_add %x at %id : tensor<2x3xf32>, tensor<2xi32> -> tensor<9x3xf32>
    %e2 = graph.add %e1, %1 : tensor<9x3xf32>
    %s2 = graph.sub %s1, %x : tensor<2x3xf32>
    graph.yield carry(%b2, %e2, %s2 : tensor<3xf32>, tensor<9x3xf32>, tensor<2x3xf32>)
  }
  return %b, %e, %s : tensor<3xf32>, tensor<9x3xf32>, tensor<2x3xf32>
}

// -----

// The input's projection with its bias is done before the loop, the output's behind it.
// CHECK-LABEL: func.func @projections
// CHECK-SAME: %[[X:.*]]: tensor<2x5x3xf32>, %[[W:.*]]: tensor<3x3xf32>, %[[B:.*]]: tensor<3xf32>
func.func @projections(%xs: tensor<2x5x3xf32>, %w: tensor<3x3xf32>, %b: tensor<3xf32>, %h0: tensor<2x3xf32>) -> tensor<2x5x3xf32> {
  // CHECK: %[[P:.*]] = graph.contract %[[X]], %[[W]] over [2] with [0]
  // CHECK: %[[BB:.*]] = graph.broadcast {{.*}} -> tensor<2x5x3xf32>
  // CHECK: %[[Z:.*]] = graph.add %[[P]], %[[BB]]
  // CHECK: %[[R:.*]]:2 = graph.scan 5 carry(%{{.*}} = %{{.*}}) over(%{{.*}} = %[[Z]] axis 1) out(axis 1)
  // CHECK-NOT: graph.contract
  // CHECK: graph.yield
  // CHECK: %[[Y:.*]] = graph.contract %[[R]]#1, %[[W]] over [2] with [0]
  // CHECK: return %[[Y]]
  %last, %ys = graph.scan 5 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<2x5x3xf32>) -> (tensor<2x3xf32>, tensor<2x5x3xf32>) {
    %0 = graph.contract %x, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    %1 = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<2x3xf32>
    %2 = graph.add %0, %1 : tensor<2x3xf32>
    %3 = graph.mul %2, %h : tensor<2x3xf32>
    %4 = graph.contract %3, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    graph.yield carry(%3 : tensor<2x3xf32>) out(%4 : tensor<2x3xf32>)
  }
  return %ys : tensor<2x5x3xf32>
}

// -----

// CHECK-LABEL: func.func @hoists_invariant_work
func.func @hoists_invariant_work(%w: tensor<3xf32>, %h0: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: %[[E:.*]] = graph.exp
  // CHECK: graph.scan
  // CHECK-NOT: graph.exp
  // CHECK: graph.mul %{{.*}}, %[[E]]
  %last = graph.scan 4 carry(%h = %h0) : (tensor<3xf32>) -> tensor<3xf32> {
    %0 = graph.exp %w : tensor<3xf32>
    %1 = graph.mul %h, %0 : tensor<3xf32>
    graph.yield carry(%1 : tensor<3xf32>)
  }
  return %last : tensor<3xf32>
}

// -----

// A sum that is read on the way stays.
// CHECK-LABEL: func.func @keeps_a_sum_that_is_read
func.func @keeps_a_sum_that_is_read(%xs: tensor<5x3xf32>, %s0: tensor<3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
  // CHECK: graph.scan 5 carry
  // CHECK: graph.add
  // CHECK-NOT: graph.reduce_sum
  %s, %all = graph.scan 5 carry(%a = %s0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<3xf32>, tensor<5x3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
    %b = graph.add %a, %x : tensor<3xf32>
    graph.yield carry(%b : tensor<3xf32>) out(%b : tensor<3xf32>)
  }
  return %s, %all : tensor<3xf32>, tensor<5x3xf32>
}

// -----

// Elementwise work on slices costs nothing in the loop, a stored copy of its result would.
// CHECK-LABEL: func.func @keeps_elementwise_work
func.func @keeps_elementwise_work(%xs: tensor<5x3xf32>, %s0: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK-NOT: graph.exp
  // CHECK: graph.scan 5
  // CHECK: graph.exp
  // CHECK: graph.yield
  %s = graph.scan 5 carry(%a = %s0) over(%x = %xs axis 0) : (tensor<3xf32>, tensor<5x3xf32>) -> tensor<3xf32> {
    %0 = graph.exp %x : tensor<3xf32>
    %b = graph.mul %a, %0 : tensor<3xf32>
    graph.yield carry(%b : tensor<3xf32>)
  }
  return %s : tensor<3xf32>
}

// -----

// A contraction that the next step needs stays.
// CHECK-LABEL: func.func @keeps_the_recurrence
func.func @keeps_the_recurrence(%w: tensor<3x3xf32>, %h0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK-NOT: graph.contract
  // CHECK: graph.scan 4 carry
  // CHECK: graph.contract
  // CHECK: graph.yield
  %last = graph.scan 4 carry(%h = %h0) : (tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = graph.contract %h, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    graph.yield carry(%0 : tensor<2x3xf32>)
  }
  return %last : tensor<2x3xf32>
}

// -----

// A loop that carries nothing is none.
// CHECK-LABEL: func.func @dissolves_a_loop_without_carry
// CHECK-SAME: %[[X:.*]]: tensor<5x3xf32>
func.func @dissolves_a_loop_without_carry(%xs: tensor<5x3xf32>, %v: tensor<3xf32>) -> (tensor<5x3xf32>, tensor<3x5xf32>, tensor<5x3xf32>) {
  // CHECK-NOT: graph.scan
  // CHECK: %[[E:.*]] = graph.exp %[[X]] : tensor<5x3xf32>
  // CHECK: %[[T:.*]] = graph.transpose %[[E]] by [1, 0]
  // CHECK: %[[B:.*]] = graph.broadcast %{{.*}} along [1] : tensor<3xf32> -> tensor<5x3xf32>
  // CHECK: return %[[E]], %[[T]], %[[B]]
  %0, %1, %2 = graph.scan 5 over(%x = %xs axis 0) out(axis 0, axis 1, axis 0)
      : (tensor<5x3xf32>) -> (tensor<5x3xf32>, tensor<3x5xf32>, tensor<5x3xf32>) {
    %e = graph.exp %x : tensor<3xf32>
    graph.yield out(%e, %e, %v : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  }
  return %0, %1, %2 : tensor<5x3xf32>, tensor<3x5xf32>, tensor<5x3xf32>
}
