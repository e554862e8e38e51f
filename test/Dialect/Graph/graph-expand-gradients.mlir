// RUN: moru-opt %s --graph-expand-gradients --graph-simplify-algebra | FileCheck %s
// The gradients in their simplified form. That they are derivatives, GradientsTest.cpp checks.

// CHECK-LABEL: func.func @square
// CHECK-SAME: %[[X:.*]]: tensor<f32>
func.func @square(%x: tensor<f32>) -> tensor<f32> {
  // CHECK-NEXT: %[[D:.*]] = graph.add %[[X]], %[[X]]
  // CHECK-NEXT: return %[[D]]
  %y = graph.mul %x, %x : tensor<f32>
  %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// CHECK-LABEL: func.func @gradient_of_a_gradient
func.func @gradient_of_a_gradient(%x: tensor<f32>) -> tensor<f32> {
  // CHECK-NEXT: %[[TWO:.*]] = graph.constant dense<2.000000e+00>
  // CHECK-NEXT: return %[[TWO]]
  %y = graph.mul %x, %x : tensor<f32>
  %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  %e = graph.gradient %d wrt(%x) : tensor<f32>, (tensor<f32>)
  return %e : tensor<f32>
}

// CHECK-LABEL: func.func @zeros_where_the_loss_does_not_depend
func.func @zeros_where_the_loss_does_not_depend(%x: tensor<f32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK-NEXT: %[[ZERO:.*]] = graph.constant dense<0.000000e+00> : tensor<2xf32>
  // CHECK-NEXT: return %[[ZERO]]
  %0 = graph.exp %x : tensor<f32>
  %d = graph.gradient %0 wrt(%y) : tensor<f32>, (tensor<2xf32>)
  return %d : tensor<2xf32>
}

// CHECK-LABEL: func.func @with_respect_to_an_intermediate_value
// CHECK-SAME: %[[X:.*]]: tensor<f32>
func.func @with_respect_to_an_intermediate_value(%x: tensor<f32>) -> tensor<f32> {
  // CHECK: %[[Y:.*]] = graph.exp %[[X]]
  // CHECK: %[[D:.*]] = graph.cos %[[Y]]
  // CHECK-NEXT: return %[[D]]
  %y = graph.exp %x : tensor<f32>
  %z = graph.sin %y : tensor<f32>
  %d = graph.gradient %z wrt(%y) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// CHECK-LABEL: func.func @stops_where_it_is_told
func.func @stops_where_it_is_told(%x: tensor<f32>) -> tensor<f32> {
  // CHECK-NOT: stop_gradient
  // CHECK: return %arg0
  %s = graph.stop_gradient %x : tensor<f32>
  %y = graph.mul %s, %x : tensor<f32>
  %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// Nothing flows to the condition, nor is 0 * dy built.
// CHECK-LABEL: func.func @select_does_not_multiply
func.func @select_does_not_multiply(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: %[[C:.*]] = graph.compare gt
  // CHECK-NOT: graph.mul
  // CHECK: graph.select %[[C]], %{{.*}}, %{{.*}} : tensor<4xi1>, tensor<4xf32>
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %c = graph.compare gt %x, %zero : tensor<4xf32> -> tensor<4xi1>
  %r = graph.select %c, %x, %zero : tensor<4xi1>, tensor<4xf32>
  %s = graph.reduce_sum %r over [0] : tensor<4xf32> -> tensor<f32>
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<4xf32>)
  return %d : tensor<4xf32>
}

// Neither operand's cotangent needs a transpose.
// CHECK-LABEL: func.func @contract_without_transposes
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>, %[[W:.*]]: tensor<3x4xf32>, %[[V:.*]]: tensor<2x4xf32>
func.func @contract_without_transposes(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>, %v: tensor<2x4xf32>)
    -> (tensor<2x3xf32>, tensor<3x4xf32>) {
  // CHECK-NOT: graph.transpose
  // CHECK-DAG: %[[DX:.*]] = graph.contract %[[V]], %[[W]] over [1] with [1]
  // CHECK-DAG: %[[DW:.*]] = graph.contract %[[X]], %[[V]] over [0] with [0]
  // CHECK: return %[[DX]], %[[DW]]
  %0 = graph.contract %x, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  %1 = graph.mul %0, %v : tensor<2x4xf32>
  %2 = graph.reduce_sum %1 over [0, 1] : tensor<2x4xf32> -> tensor<f32>
  %dx, %dw = graph.gradient %2 wrt(%x, %w) : tensor<f32>, (tensor<2x3xf32>, tensor<3x4xf32>)
  return %dx, %dw : tensor<2x3xf32>, tensor<3x4xf32>
}

// The slices' gradients come back as one concat.
// CHECK-LABEL: func.func @split_comes_back_as_concat
func.func @split_comes_back_as_concat(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  // CHECK-NOT: graph.pad
  // CHECK: graph.concat %{{.*}}, %{{.*}}, %{{.*}} along 1
  %a = graph.slice %x from [0, 0] to [2, 2] by [1, 1] : tensor<2x6xf32> -> tensor<2x2xf32>
  %b = graph.slice %x from [0, 2] to [2, 4] by [1, 1] : tensor<2x6xf32> -> tensor<2x2xf32>
  %c = graph.slice %x from [0, 4] to [2, 6] by [1, 1] : tensor<2x6xf32> -> tensor<2x2xf32>
  %0 = graph.mul %a, %c : tensor<2x2xf32>
  %1 = graph.mul %0, %b : tensor<2x2xf32>
  %2 = graph.reduce_sum %1 over [0, 1] : tensor<2x2xf32> -> tensor<f32>
  %d = graph.gradient %2 wrt(%x) : tensor<f32>, (tensor<2x6xf32>)
  return %d : tensor<2x6xf32>
}

// The reverse of a loop is a loop: residuals are outputs of the forward scan (the tanh is one already), the cotangent of the captured
// weight is a carry, that of the input an output.
// CHECK-LABEL: func.func @scan
// CHECK-SAME: %[[H0:.*]]: tensor<2x3xf32>, %[[XS:.*]]: tensor<2x9x3xf32>, %[[W:.*]]: tensor<3x3xf32>
func.func @scan(%h0: tensor<2x3xf32>, %xs: tensor<2x9x3xf32>, %w: tensor<3x3xf32>) -> (tensor<3x3xf32>, tensor<2x9x3xf32>) {
  // CHECK: %[[F:.*]]:3 = graph.scan 9 carry(%[[H:.*]] = %[[H0]]) over({{.*}} = %[[XS]] axis 1) out(axis 1, axis 1)
  // CHECK: %[[T:.*]] = graph.tanh
  // CHECK: graph.yield carry(%[[T]] : tensor<2x3xf32>) out(%[[T]], %[[H]] : tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK: %[[R:.*]]:3 = graph.scan reverse 9 carry(%[[DH:.*]] = %{{.*}}, %[[DW:.*]] = %{{.*}}) over({{.*}} = %[[F]]#1 axis 1, %[[P:.*]] = %[[F]]#2 axis 1) out(axis 1)
  // CHECK-NOT: graph.tanh
  // CHECK: %[[NEXT:.*]] = graph.contract %[[DA:.*]], %[[W]] over [1] with [1]
  // CHECK: %[[PART:.*]] = graph.contract %[[P]], %[[DA]] over [0] with [0]
  // CHECK: %[[SUM:.*]] = graph.add %[[DW]], %[[PART]]
  // CHECK: graph.yield carry(%[[NEXT]], %[[SUM]] : {{.*}}) out(%[[DA]] : tensor<2x3xf32>)
  // CHECK: return %[[R]]#1, %[[R]]#2
  %last, %hs = graph.scan 9 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<2x9x3xf32>) -> (tensor<2x3xf32>, tensor<2x9x3xf32>) {
    %0 = graph.contract %h, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    %1 = graph.add %0, %x : tensor<2x3xf32>
    %2 = graph.tanh %1 : tensor<2x3xf32>
    graph.yield carry(%2 : tensor<2x3xf32>) out(%2 : tensor<2x3xf32>)
  }
  %loss = graph.reduce_sum %hs over [0, 1, 2] : tensor<2x9x3xf32> -> tensor<f32>
  %dw, %dx = graph.gradient %loss wrt(%w, %xs) : tensor<f32>, (tensor<3x3xf32>, tensor<2x9x3xf32>)
  return %dw, %dx : tensor<3x3xf32>, tensor<2x9x3xf32>
}

// Broadcasts are built again in the reverse body, only the product is stored; the loss, which nobody reads, is not computed, and what
// does not matter to the target is not differentiated.
// CHECK-LABEL: func.func @keeps_residuals_few
func.func @keeps_residuals_few(%xs: tensor<5x2x3xf32>, %b: tensor<3xf32>) -> tensor<5x2x3xf32> {
  // CHECK: %[[P:.*]] = graph.scan 5 over(%{{[^ ]*}} = %{{[^ ]*}} axis 0) out(axis 0) :
  // CHECK: graph.scan reverse 5 over(%{{[^ ]*}} = %{{[^ ]*}} axis 0, %{{[^ ]*}} = %[[P]] axis 0) out(axis 0) :
  // CHECK: graph.broadcast
  // CHECK-NOT: graph.reduce_sum
  %none = graph.constant dense<0.0> : tensor<f32>
  %loss = graph.scan 5 carry(%l = %none) over(%x = %xs axis 0) : (tensor<f32>, tensor<5x2x3xf32>) -> tensor<f32> {
    %bb = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<2x3xf32>
    %0 = graph.mul %x, %bb : tensor<2x3xf32>
    %1 = graph.mul %0, %x : tensor<2x3xf32>
    %2 = graph.reduce_sum %1 over [0, 1] : tensor<2x3xf32> -> tensor<f32>
    %3 = graph.add %l, %2 : tensor<f32>
    graph.yield carry(%3 : tensor<f32>)
  }
  %d = graph.gradient %loss wrt(%xs) : tensor<f32>, (tensor<5x2x3xf32>)
  return %d : tensor<5x2x3xf32>
}

// Three terms of bf16 are added in f32; two would gain nothing.
// CHECK-LABEL: func.func @adds_many_terms_of_bf16_in_f32(
func.func @adds_many_terms_of_bf16_in_f32(%x: tensor<bf16>, %a: tensor<bf16>, %b: tensor<bf16>) -> (tensor<bf16>, tensor<bf16>) {
  %0 = graph.mul %x, %a : tensor<bf16>
  %1 = graph.mul %x, %b : tensor<bf16>
  %2 = graph.add %0, %1 : tensor<bf16>
  %loss = graph.add %2, %x : tensor<bf16>
  // CHECK-COUNT-2: graph.add {{.*}} : tensor<f32>
  // CHECK: graph.convert {{.*}} : tensor<f32> -> tensor<bf16>
  %g = graph.gradient %loss wrt(%x) : tensor<bf16>, (tensor<bf16>)
  // CHECK: graph.add {{.*}} : tensor<bf16>
  // CHECK-NOT: f32
  // CHECK: return
  %h = graph.gradient %2 wrt(%x) : tensor<bf16>, (tensor<bf16>)
  return %g, %h : tensor<bf16>, tensor<bf16>
}
