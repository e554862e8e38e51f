// RUN: moru-opt %s --graph-decompose-composites | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
func.func @softmax(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK-NEXT: %[[M:.*]] = graph.reduce_max %[[X]] over [1]
  // CHECK-NEXT: %[[MB:.*]] = graph.broadcast %[[M]] along [0]
  // CHECK-NEXT: %[[S:.*]] = graph.sub %[[X]], %[[MB]]
  // CHECK-NEXT: %[[E:.*]] = graph.exp %[[S]]
  // CHECK-NEXT: %[[Z:.*]] = graph.reduce_sum %[[E]] over [1]
  // CHECK-NEXT: %[[ZB:.*]] = graph.broadcast %[[Z]] along [0]
  // CHECK-NEXT: %[[Y:.*]] = graph.div %[[E]], %[[ZB]]
  // CHECK-NEXT: return %[[Y]]
  %y = graph.softmax %x along 1 : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @log_softmax
func.func @log_softmax(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: %[[S:.*]] = graph.sub
  // CHECK: %[[E:.*]] = graph.exp %[[S]]
  // CHECK: %[[Z:.*]] = graph.reduce_sum %[[E]] over [0]
  // CHECK: %[[L:.*]] = graph.log %[[Z]]
  // CHECK: %[[LB:.*]] = graph.broadcast %[[L]] along [1]
  // CHECK: graph.sub %[[S]], %[[LB]]
  %y = graph.log_softmax %x along 0 : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// The target's logit is a sum of a selection along the row: no gather. A target that is ignored is no class here.
// CHECK-LABEL: func.func @cross_entropy
func.func @cross_entropy(%x: tensor<2x5xf32>, %t: tensor<2xi32>) -> tensor<f32> {
  // CHECK-NOT: graph.gather
  // CHECK-NOT: graph.compare ne
  // CHECK: graph.compare ge
  // CHECK: graph.compare lt
  // CHECK: %[[PICKED:.*]] = graph.select {{.*}} : tensor<2x5xi1>, tensor<2x5xf32>
  // CHECK: graph.reduce_sum %[[PICKED]] over [1]
  // CHECK: graph.div %{{.*}}, %{{.*}} : tensor<f32>
  %l = graph.softmax_cross_entropy %x, %t ignore -7 : tensor<2x5xf32>, tensor<2xi32> -> tensor<f32>
  return %l : tensor<f32>
}

// CHECK-LABEL: func.func @cross_entropy_that_ignores_a_class
// CHECK-SAME: %[[X:.*]]: tensor<2x5xf32>, %[[T:.*]]: tensor<2xi32>
func.func @cross_entropy_that_ignores_a_class(%x: tensor<2x5xf32>, %t: tensor<2xi32>) -> tensor<f32> {
  // CHECK: %[[IGNORED:.*]] = graph.constant dense<3> : tensor<2xi32>
  // CHECK: graph.compare ne %[[T]], %[[IGNORED]]
  %l = graph.softmax_cross_entropy %x, %t ignore 3 : tensor<2x5xf32>, tensor<2xi32> -> tensor<f32>
  return %l : tensor<f32>
}

// A decomposition that holds a composite is decomposed in turn.
// CHECK-LABEL: func.func @attention_and_dropout
func.func @attention_and_dropout(%q: tensor<2x3x4xf32>, %key: tensor<i64>, %step: tensor<i32>) -> tensor<2x3x4xf32> {
  // CHECK: graph.contract
  // CHECK-NOT: graph.softmax
  // CHECK: graph.exp
  // CHECK: graph.contract
  %0 = graph.attention none %q, %q, %q : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  // CHECK: %[[U:.*]] = graph.random uniform key %{{.*}} counter %{{.*}} stream 5 : tensor<i64>, tensor<i32> -> tensor<2x3x4xf32>
  // CHECK: graph.compare ge %[[U]]
  %1 = graph.dropout %0 rate 0.5 key %key counter %step stream 5 : tensor<2x3x4xf32>, tensor<i64>, tensor<i32>
  return %1 : tensor<2x3x4xf32>
}

// Primitive operations stay as they are.
// CHECK-LABEL: func.func @keeps_primitives
func.func @keeps_primitives(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK-NEXT: graph.sigmoid
  // CHECK-NEXT: return
  %y = graph.sigmoid %x : tensor<2xf32>
  return %y : tensor<2xf32>
}
