// RUN: moru-opt %s --graph-hoist-from-scan --split-input-file | FileCheck %s
// RUN: moru-opt %s --graph-hoist-from-scan=budget=200 --split-input-file | FileCheck %s --check-prefix=BUDGET
// Sums over the steps of anything linear: products of two values that vary, scaled by what varies, converted, in nested loops; and in
// chunks of steps where the operands of all of them would take too much memory.

// An outer product spelled as two broadcasts.
// CHECK-LABEL: func.func @sums_outer_products
// CHECK-SAME: %[[A:.*]]: tensor<6x3xf32>, %[[B:.*]]: tensor<4x6xf32>
// CHECK-NOT: graph.scan
// CHECK: %[[S:.*]] = graph.contract %[[A]], %[[B]] over [0] with [1] : tensor<6x3xf32>, tensor<4x6xf32> -> tensor<3x4xf32>
// CHECK: graph.add %{{.*}}, %[[S]]
func.func @sums_outer_products(%as: tensor<6x3xf32>, %bs: tensor<4x6xf32>, %s0: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %s = graph.scan 6 carry(%acc = %s0) over(%a = %as axis 0, %b = %bs axis 1) : (tensor<3x4xf32>, tensor<6x3xf32>, tensor<4x6xf32>) -> tensor<3x4xf32> {
    %0 = graph.broadcast %a along [0] : tensor<3xf32> -> tensor<3x4xf32>
    %1 = graph.broadcast %b along [1] : tensor<4xf32> -> tensor<3x4xf32>
    %2 = graph.mul %0, %1 : tensor<3x4xf32>
    %3 = graph.add %acc, %2 : tensor<3x4xf32>
    graph.yield carry(%3 : tensor<3x4xf32>)
  }
  return %s : tensor<3x4xf32>
}

// -----

// The factors in the other order, one axis shared: the result's axes come back in their order.
// CHECK-LABEL: func.func @sums_batched_outer_products
// CHECK-SAME: %[[A:.*]]: tensor<6x5x3xf32>, %[[B:.*]]: tensor<6x5x4xf32>
// CHECK-NOT: graph.scan
// CHECK: %[[D:.*]] = graph.transpose %[[B]]
// CHECK: %[[C:.*]] = graph.contract %[[A]], %[[D]] over [0] with [0] batch [1] with [2] : {{.*}} -> tensor<5x3x4xf32>
// CHECK: %[[T:.*]] = graph.transpose %[[C]] by [2, 0, 1] : tensor<5x3x4xf32> -> tensor<4x5x3xf32>
// CHECK: graph.add %{{.*}}, %[[T]]
func.func @sums_batched_outer_products(%as: tensor<6x5x3xf32>, %bs: tensor<6x5x4xf32>, %s0: tensor<4x5x3xf32>) -> tensor<4x5x3xf32> {
  %s = graph.scan 6 carry(%acc = %s0) over(%a = %as axis 0, %b = %bs axis 0) : (tensor<4x5x3xf32>, tensor<6x5x3xf32>, tensor<6x5x4xf32>) -> tensor<4x5x3xf32> {
    %0 = graph.broadcast %a along [1, 2] : tensor<5x3xf32> -> tensor<4x5x3xf32>
    %t = graph.transpose %b by [1, 0] : tensor<5x4xf32> -> tensor<4x5xf32>
    %1 = graph.broadcast %t along [0, 1] : tensor<4x5xf32> -> tensor<4x5x3xf32>
    %2 = graph.mul %0, %1 : tensor<4x5x3xf32>
    %3 = graph.add %acc, %2 : tensor<4x5x3xf32>
    graph.yield carry(%3 : tensor<4x5x3xf32>)
  }
  return %s : tensor<4x5x3xf32>
}

// -----

// CHECK-LABEL: func.func @sums_products_of_stacks
// CHECK-NOT: graph.scan
// CHECK: %[[M:.*]] = graph.mul %{{.*}}, %{{.*}} : tensor<6x3xf32>
// CHECK: graph.reduce_sum %[[M]] over [0]
func.func @sums_products_of_stacks(%as: tensor<6x3xf32>, %bs: tensor<6x3xf32>, %s0: tensor<3xf32>) -> tensor<3xf32> {
  %s = graph.scan 6 carry(%acc = %s0) over(%a = %as axis 0, %b = %bs axis 0) : (tensor<3xf32>, tensor<6x3xf32>, tensor<6x3xf32>) -> tensor<3xf32> {
    %0 = graph.mul %a, %b : tensor<3xf32>
    %1 = graph.sub %acc, %0 : tensor<3xf32>
    graph.yield carry(%1 : tensor<3xf32>)
  }
  return %s : tensor<3xf32>
}

// -----

// A factor of each step is applied to an operand: the sum stays one contraction. Negated, transposed, converted, divided by what does not
// vary.
// CHECK-LABEL: func.func @sums_scaled_contractions
// CHECK-NOT: graph.scan
// CHECK: %[[M:.*]] = graph.mul %{{.*}}, %{{.*}} : tensor<6x2x3xf32>
// CHECK: %[[C:.*]] = graph.contract %[[M]], %{{.*}} over [0, 1] with [0, 1]
// CHECK: %[[N:.*]] = graph.neg %[[C]]
// CHECK: %[[T:.*]] = graph.transpose %[[N]]
// CHECK: %[[D:.*]] = graph.div %[[T]], %{{.*}} : tensor<4x3xf32>
// CHECK: %[[F:.*]] = graph.convert %[[D]] : tensor<4x3xf32> -> tensor<4x3xf64>
// CHECK: graph.add %{{.*}}, %[[F]]
func.func @sums_scaled_contractions(%as: tensor<6x2x3xf32>, %bs: tensor<6x2x4xf32>, %cs: tensor<6xf32>, %w: tensor<4x3xf32>, %s0: tensor<4x3xf64>) -> tensor<4x3xf64> {
  %s = graph.scan 6 carry(%acc = %s0) over(%a = %as axis 0, %b = %bs axis 0, %c = %cs axis 0)
      : (tensor<4x3xf64>, tensor<6x2x3xf32>, tensor<6x2x4xf32>, tensor<6xf32>) -> tensor<4x3xf64> {
    %0 = graph.contract %a, %b over [0] with [0] : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<3x4xf32>
    %1 = graph.broadcast %c along [] : tensor<f32> -> tensor<3x4xf32>
    %2 = graph.mul %0, %1 : tensor<3x4xf32>
    %3 = graph.neg %2 : tensor<3x4xf32>
    %4 = graph.transpose %3 by [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
    %5 = graph.div %4, %w : tensor<4x3xf32>
    %6 = graph.convert %5 : tensor<4x3xf32> -> tensor<4x3xf64>
    %7 = graph.add %acc, %6 : tensor<4x3xf64>
    graph.yield carry(%7 : tensor<4x3xf64>)
  }
  return %s : tensor<4x3xf64>
}

// -----

// Out of both loops.
// CHECK-LABEL: func.func @leaves_nested_loops
// CHECK-SAME: %[[A:.*]]: tensor<6x5x3xf32>, %[[B:.*]]: tensor<6x5x4xf32>
// CHECK-NOT: graph.scan
// CHECK: graph.contract %[[A]], %[[B]] over [0, 1] with [0, 1]
func.func @leaves_nested_loops(%as: tensor<6x5x3xf32>, %bs: tensor<6x5x4xf32>, %s0: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %s = graph.scan 6 carry(%acc = %s0) over(%a = %as axis 0, %b = %bs axis 0) : (tensor<3x4xf32>, tensor<6x5x3xf32>, tensor<6x5x4xf32>) -> tensor<3x4xf32> {
    %0 = graph.scan 5 carry(%inner = %acc) over(%x = %a axis 0, %y = %b axis 0) : (tensor<3x4xf32>, tensor<5x3xf32>, tensor<5x4xf32>) -> tensor<3x4xf32> {
      %1 = graph.contract %x, %y over [] with [] : tensor<3xf32>, tensor<4xf32> -> tensor<3x4xf32>
      %2 = graph.add %inner, %1 : tensor<3x4xf32>
      graph.yield carry(%2 : tensor<3x4xf32>)
    }
    graph.yield carry(%0 : tensor<3x4xf32>)
  }
  return %s : tensor<3x4xf32>
}

// -----

// The tanh of a step takes 24 bytes, of all 12 steps 288: with a budget of 200, 6 steps at a time.
// CHECK-LABEL: func.func @adds_in_chunks
// CHECK: graph.scan 12
// CHECK-NOT: graph.scan
// CHECK: graph.contract
// BUDGET-LABEL: func.func @adds_in_chunks
// BUDGET: %[[X:.*]] = graph.reshape %{{.*}} : tensor<12x2x3xf32> -> tensor<2x6x2x3xf32>
// BUDGET: graph.scan 2 carry({{.*}}) over(%{{.*}} = %[[X]] axis 0) out(axis 0)
// BUDGET: %[[R:.*]]:3 = graph.scan 6 carry(
// BUDGET: graph.tanh
// BUDGET-NOT: graph.contract
// BUDGET: graph.yield
// BUDGET: %[[C:.*]] = graph.contract %{{.*}}, %{{.*}} over [0, 1] with [0, 1]
// BUDGET: graph.add %{{.*}}, %[[C]]
// BUDGET: graph.yield
// BUDGET: graph.reshape %{{.*}} : tensor<2x6x2x3xf32> -> tensor<12x2x3xf32>
func.func @adds_in_chunks(%xs: tensor<12x2x3xf32>, %h0: tensor<2x3xf32>, %s0: tensor<3x3xf32>) -> (tensor<3x3xf32>, tensor<12x2x3xf32>) {
  %h, %s, %ys = graph.scan 12 carry(%h1 = %h0, %acc = %s0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<2x3xf32>, tensor<3x3xf32>, tensor<12x2x3xf32>) -> (tensor<2x3xf32>, tensor<3x3xf32>, tensor<12x2x3xf32>) {
    %0 = graph.mul %h1, %x : tensor<2x3xf32>
    %1 = graph.tanh %0 : tensor<2x3xf32>
    %2 = graph.contract %x, %1 over [0] with [0] : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<3x3xf32>
    %3 = graph.add %acc, %2 : tensor<3x3xf32>
    %4 = graph.sin %1 : tensor<2x3xf32>
    graph.yield carry(%4, %3 : tensor<2x3xf32>, tensor<3x3xf32>) out(%4 : tensor<2x3xf32>)
  }
  return %s, %ys : tensor<3x3xf32>, tensor<12x2x3xf32>
}

// -----

// The left operands take no memory, but scaled ones do: 24 bytes a step, of all 12 steps 288.
// BUDGET-LABEL: func.func @counts_what_is_scaled
// BUDGET: graph.scan 2
// BUDGET: graph.scan 6
// BUDGET: graph.mul %{{.*}} : tensor<2x3xf32>
// BUDGET: graph.contract
// BUDGET: graph.yield
func.func @counts_what_is_scaled(%as: tensor<12x2x3xf32>, %bs: tensor<12x2x4xf32>, %h0: tensor<f32>, %s0: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %h, %s = graph.scan 12 carry(%h1 = %h0, %acc = %s0) over(%a = %as axis 0, %b = %bs axis 0)
      : (tensor<f32>, tensor<4x3xf32>, tensor<12x2x3xf32>, tensor<12x2x4xf32>) -> (tensor<f32>, tensor<4x3xf32>) {
    %0 = graph.tanh %h1 : tensor<f32>
    %1 = graph.contract %a, %b over [0] with [0] : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<3x4xf32>
    %2 = graph.transpose %1 by [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
    %3 = graph.broadcast %0 along [] : tensor<f32> -> tensor<4x3xf32>
    %4 = graph.mul %2, %3 : tensor<4x3xf32>
    %5 = graph.add %acc, %4 : tensor<4x3xf32>
    graph.yield carry(%0, %5 : tensor<f32>, tensor<4x3xf32>)
  }
  return %s : tensor<4x3xf32>
}

// -----

// That the contraction is an output too spares nothing: the sum is made of its operands.
// BUDGET-LABEL: func.func @counts_operands_of_outputs
// BUDGET: graph.scan 2
// BUDGET: graph.scan 6
func.func @counts_operands_of_outputs(%xs: tensor<12x2x3xf32>, %h0: tensor<2x3xf32>, %s0: tensor<3x3xf32>) -> (tensor<3x3xf32>, tensor<12x3x3xf32>) {
  %h, %s, %ys = graph.scan 12 carry(%h1 = %h0, %acc = %s0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<2x3xf32>, tensor<3x3xf32>, tensor<12x2x3xf32>) -> (tensor<2x3xf32>, tensor<3x3xf32>, tensor<12x3x3xf32>) {
    %0 = graph.mul %h1, %x : tensor<2x3xf32>
    %1 = graph.tanh %0 : tensor<2x3xf32>
    %2 = graph.contract %x, %1 over [0] with [0] : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<3x3xf32>
    %3 = graph.add %acc, %2 : tensor<3x3xf32>
    graph.yield carry(%1, %3 : tensor<2x3xf32>, tensor<3x3xf32>) out(%2 : tensor<3x3xf32>)
  }
  return %s, %ys : tensor<3x3xf32>, tensor<12x3x3xf32>
}

// -----

// Seven steps have no equal chunks: the sum stays.
// BUDGET-LABEL: func.func @keeps_what_has_no_chunks
// BUDGET: graph.scan 7
// BUDGET: graph.contract
// BUDGET: graph.yield
func.func @keeps_what_has_no_chunks(%xs: tensor<7x4x3xf32>, %h0: tensor<4x3xf32>, %s0: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %h, %s = graph.scan 7 carry(%h1 = %h0, %acc = %s0) over(%x = %xs axis 0)
      : (tensor<4x3xf32>, tensor<3x3xf32>, tensor<7x4x3xf32>) -> (tensor<4x3xf32>, tensor<3x3xf32>) {
    %0 = graph.mul %h1, %x : tensor<4x3xf32>
    %1 = graph.tanh %0 : tensor<4x3xf32>
    %2 = graph.contract %x, %1 over [0] with [0] : tensor<4x3xf32>, tensor<4x3xf32> -> tensor<3x3xf32>
    %3 = graph.add %acc, %2 : tensor<3x3xf32>
    graph.yield carry(%1, %3 : tensor<4x3xf32>, tensor<3x3xf32>)
  }
  return %s : tensor<3x3xf32>
}

// -----

// What is not linear stays, and so does a sum that a step reads; an elementwise product whose factors are not stacked would take more
// memory than it saves.
// CHECK-LABEL: func.func @keeps_other_sums
// CHECK: graph.scan 6
// CHECK-DAG: graph.exp
// CHECK-DAG: graph.mul
// CHECK: graph.yield carry(%{{.*}}, %{{.*}}, %{{.*}} :
func.func @keeps_other_sums(%as: tensor<6x3xf32>, %h0: tensor<3xf32>, %s0: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %h, %s, %t = graph.scan 6 carry(%h1 = %h0, %acc = %s0, %other = %s0) over(%a = %as axis 0)
      : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<6x3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
    %0 = graph.mul %h1, %a : tensor<3xf32>
    %1 = graph.sin %0 : tensor<3xf32>
    %2 = graph.exp %1 : tensor<3xf32>
    %3 = graph.add %acc, %2 : tensor<3xf32>
    %4 = graph.mul %1, %2 : tensor<3xf32>
    %5 = graph.add %other, %4 : tensor<3xf32>
    graph.yield carry(%1, %3, %5 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  }
  return %s, %t : tensor<3xf32>, tensor<3xf32>
}
