// RUN: moru-opt %s | moru-opt | FileCheck %s
// Every operation is printed as it is parsed.

// CHECK-LABEL: func.func @constants
func.func @constants() -> (tensor<2x3xf32>, tensor<2xi64>, tensor<2x3xi32>) {
  // CHECK: graph.constant dense<5.000000e-01> : tensor<2x3xf32>
  %0 = graph.constant dense<0.5> : tensor<2x3xf32>
  // CHECK: graph.constant dense<[1, 2]> : tensor<2xi64>
  %1 = graph.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: graph.iota along 1 : tensor<2x3xi32>
  %2 = graph.iota along 1 : tensor<2x3xi32>
  return %0, %1, %2 : tensor<2x3xf32>, tensor<2xi64>, tensor<2x3xi32>
}

// CHECK-LABEL: func.func @unary
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
func.func @unary(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: graph.neg %[[X]] : tensor<2x3xf32>
  %0 = graph.neg %x : tensor<2x3xf32>
  // CHECK: graph.abs %{{.*}} : tensor<2x3xf32>
  %1 = graph.abs %0 : tensor<2x3xf32>
  // CHECK: graph.exp %{{.*}} : tensor<2x3xf32>
  %2 = graph.exp %1 : tensor<2x3xf32>
  // CHECK: graph.log %{{.*}} : tensor<2x3xf32>
  %3 = graph.log %2 : tensor<2x3xf32>
  // CHECK: graph.tanh %{{.*}} : tensor<2x3xf32>
  %4 = graph.tanh %3 : tensor<2x3xf32>
  // CHECK: graph.sigmoid %{{.*}} : tensor<2x3xf32>
  %5 = graph.sigmoid %4 : tensor<2x3xf32>
  // CHECK: graph.sqrt %{{.*}} : tensor<2x3xf32>
  %6 = graph.sqrt %5 : tensor<2x3xf32>
  // CHECK: graph.rsqrt %{{.*}} : tensor<2x3xf32>
  %7 = graph.rsqrt %6 : tensor<2x3xf32>
  // CHECK: graph.sin %{{.*}} : tensor<2x3xf32>
  %8 = graph.sin %7 : tensor<2x3xf32>
  // CHECK: graph.cos %{{.*}} : tensor<2x3xf32>
  %9 = graph.cos %8 : tensor<2x3xf32>
  // CHECK: graph.stop_gradient %{{.*}} : tensor<2x3xf32>
  %10 = graph.stop_gradient %9 : tensor<2x3xf32>
  // CHECK: graph.erf %{{.*}} : tensor<2x3xf32>
  %11 = graph.erf %10 : tensor<2x3xf32>
  // CHECK: graph.log1p %{{.*}} : tensor<2x3xf32>
  %12 = graph.log1p %11 : tensor<2x3xf32>
  return %12 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @binary
func.func @binary(%x: tensor<2x3xbf16>, %y: tensor<2x3xbf16>) -> tensor<2x3xbf16> {
  // CHECK: graph.add %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %0 = graph.add %x, %y : tensor<2x3xbf16>
  // CHECK: graph.sub %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %1 = graph.sub %0, %y : tensor<2x3xbf16>
  // CHECK: graph.mul %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %2 = graph.mul %1, %y : tensor<2x3xbf16>
  // CHECK: graph.div %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %3 = graph.div %2, %y : tensor<2x3xbf16>
  // CHECK: graph.maximum %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %4 = graph.maximum %3, %y : tensor<2x3xbf16>
  // CHECK: graph.minimum %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %5 = graph.minimum %4, %y : tensor<2x3xbf16>
  // CHECK: graph.pow %{{.*}}, %{{.*}} : tensor<2x3xbf16>
  %6 = graph.pow %5, %y : tensor<2x3xbf16>
  return %6 : tensor<2x3xbf16>
}

// CHECK-LABEL: func.func @decisions
func.func @decisions(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xf32> {
  // CHECK: graph.compare lt %{{.*}}, %{{.*}} : tensor<4xi32> -> tensor<4xi1>
  %0 = graph.compare lt %x, %y : tensor<4xi32> -> tensor<4xi1>
  // CHECK: graph.compare ne
  %1 = graph.compare ne %x, %y : tensor<4xi32> -> tensor<4xi1>
  // CHECK: graph.and %{{.*}}, %{{.*}} : tensor<4xi1>
  %2 = graph.and %0, %1 : tensor<4xi1>
  // CHECK: graph.or %{{.*}}, %{{.*}} : tensor<4xi1>
  %3 = graph.or %2, %1 : tensor<4xi1>
  // CHECK: graph.not %{{.*}} : tensor<4xi1>
  %4 = graph.not %3 : tensor<4xi1>
  // CHECK: graph.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<4xi1>, tensor<4xi32>
  %5 = graph.select %4, %x, %y : tensor<4xi1>, tensor<4xi32>
  // CHECK: graph.convert %{{.*}} : tensor<4xi32> -> tensor<4xf32>
  %6 = graph.convert %5 : tensor<4xi32> -> tensor<4xf32>
  return %6 : tensor<4xf32>
}

// CHECK-LABEL: func.func @shapes
func.func @shapes(%b: tensor<3xf32>) -> tensor<4x9xf32> {
  // CHECK: graph.broadcast %{{.*}} along [1] : tensor<3xf32> -> tensor<4x3xf32>
  %0 = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<4x3xf32>
  // CHECK: graph.reshape %{{.*}} : tensor<4x3xf32> -> tensor<2x6xf32>
  %1 = graph.reshape %0 : tensor<4x3xf32> -> tensor<2x6xf32>
  // CHECK: graph.transpose %{{.*}} by [1, 0] : tensor<2x6xf32> -> tensor<6x2xf32>
  %2 = graph.transpose %1 by [1, 0] : tensor<2x6xf32> -> tensor<6x2xf32>
  // CHECK: graph.slice %{{.*}} from [1, 0] to [6, 2] by [3, 1] : tensor<6x2xf32> -> tensor<2x2xf32>
  %3 = graph.slice %2 from [1, 0] to [6, 2] by [3, 1] : tensor<6x2xf32> -> tensor<2x2xf32>
  // CHECK: graph.pad %{{.*}} low [1, 0] high [1, 1] interior [0, 2] : tensor<2x2xf32> -> tensor<4x5xf32>
  %4 = graph.pad %3 low [1, 0] high [1, 1] interior [0, 2] : tensor<2x2xf32> -> tensor<4x5xf32>
  // CHECK: graph.concat %{{.*}}, %{{.*}} along 1 : (tensor<4x5xf32>, tensor<4x4xf32>) -> tensor<4x9xf32>
  %5 = graph.constant dense<1.0> : tensor<4x4xf32>
  %6 = graph.concat %4, %5 along 1 : (tensor<4x5xf32>, tensor<4x4xf32>) -> tensor<4x9xf32>
  return %6 : tensor<4x9xf32>
}

// CHECK-LABEL: func.func @contraction_of_bf16
func.func @contraction_of_bf16(%x: tensor<2x3xbf16>, %y: tensor<3x4xbf16>) -> tensor<2x4xf32> {
  // CHECK: graph.contract %{{.*}}, %{{.*}} over [1] with [0] : tensor<2x3xbf16>, tensor<3x4xbf16> -> tensor<2x4xf32>
  %0 = graph.contract %x, %y over [1] with [0] : tensor<2x3xbf16>, tensor<3x4xbf16> -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @contractions
func.func @contractions(%x: tensor<5x2x3xf32>, %y: tensor<5x3x4xf32>, %w: tensor<4x6xf32>) -> tensor<5x2x6xf32> {
  // CHECK: graph.contract %{{.*}}, %{{.*}} over [2] with [1] batch [0] with [0] : tensor<5x2x3xf32>, tensor<5x3x4xf32> -> tensor<5x2x4xf32>
  %0 = graph.contract %x, %y over [2] with [1] batch [0] with [0] : tensor<5x2x3xf32>, tensor<5x3x4xf32> -> tensor<5x2x4xf32>
  // CHECK: graph.contract %{{.*}}, %{{.*}} over [2] with [0] : tensor<5x2x4xf32>, tensor<4x6xf32> -> tensor<5x2x6xf32>
  %1 = graph.contract %0, %w over [2] with [0] : tensor<5x2x4xf32>, tensor<4x6xf32> -> tensor<5x2x6xf32>
  return %1 : tensor<5x2x6xf32>
}

// CHECK-LABEL: func.func @reductions
func.func @reductions(%x: tensor<2x3x4xf32>) -> (tensor<3xf32>, tensor<f32>, tensor<2x4xi32>) {
  // CHECK: graph.reduce_sum %{{.*}} over [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  %0 = graph.reduce_sum %x over [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  // CHECK: graph.reduce_max %{{.*}} over [0, 1, 2] : tensor<2x3x4xf32> -> tensor<f32>
  %1 = graph.reduce_max %x over [0, 1, 2] : tensor<2x3x4xf32> -> tensor<f32>
  // CHECK: graph.argmax %{{.*}} over 1 : tensor<2x3x4xf32> -> tensor<2x4xi32>
  %2 = graph.argmax %x over 1 : tensor<2x3x4xf32> -> tensor<2x4xi32>
  return %0, %1, %2 : tensor<3xf32>, tensor<f32>, tensor<2x4xi32>
}

// CHECK-LABEL: func.func @more_reductions
func.func @more_reductions(%x: tensor<2x3x4xi64>) -> (tensor<3xi64>, tensor<2x4xi64>, tensor<2x3x2xi64>, tensor<2x3x2xi32>) {
  // CHECK: graph.reduce_min %{{.*}} over [0, 2] : tensor<2x3x4xi64> -> tensor<3xi64>
  %0 = graph.reduce_min %x over [0, 2] : tensor<2x3x4xi64> -> tensor<3xi64>
  // CHECK: graph.reduce_prod %{{.*}} over [1] : tensor<2x3x4xi64> -> tensor<2x4xi64>
  %1 = graph.reduce_prod %x over [1] : tensor<2x3x4xi64> -> tensor<2x4xi64>
  // CHECK: graph.cumsum %{{.*}} along 1 : tensor<2x3x4xi64>
  %2 = graph.cumsum %x along 1 : tensor<2x3x4xi64>
  // CHECK: graph.cumsum %{{.*}} along 2 exclusive reverse : tensor<2x3x4xi64>
  %3 = graph.cumsum %2 along 2 exclusive reverse : tensor<2x3x4xi64>
  // CHECK: graph.top_k 2 of %{{.*}} : tensor<2x3x4xi64> -> tensor<2x3x2xi64>, tensor<2x3x2xi32>
  %4, %5 = graph.top_k 2 of %3 : tensor<2x3x4xi64> -> tensor<2x3x2xi64>, tensor<2x3x2xi32>
  return %0, %1, %4, %5 : tensor<3xi64>, tensor<2x4xi64>, tensor<2x3x2xi64>, tensor<2x3x2xi32>
}

// CHECK-LABEL: func.func @boxes
func.func @boxes(%x: tensor<4x8xf32>, %i: tensor<i32>, %j: tensor<i64>) -> tensor<4x8xf32> {
  // CHECK: graph.dynamic_slice %{{.*}} at(%{{.*}}, %{{.*}}) sizes [1, 3] : (tensor<4x8xf32>, tensor<i32>, tensor<i64>) -> tensor<1x3xf32>
  %0 = graph.dynamic_slice %x at(%i, %j) sizes [1, 3] : (tensor<4x8xf32>, tensor<i32>, tensor<i64>) -> tensor<1x3xf32>
  // CHECK: graph.dynamic_update_slice %{{.*}} with %{{.*}} at(%{{.*}}, %{{.*}}) : (tensor<4x8xf32>, tensor<1x3xf32>, tensor<i32>, tensor<i64>) -> tensor<4x8xf32>
  %1 = graph.dynamic_update_slice %x with %0 at(%i, %j) : (tensor<4x8xf32>, tensor<1x3xf32>, tensor<i32>, tensor<i64>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @random
func.func @random(%seed: tensor<i64>, %step: tensor<i32>) -> (tensor<2x3xf32>, tensor<5xi32>) {
  // CHECK: graph.random uniform key %{{.*}} counter %{{.*}} stream 3 : tensor<i64>, tensor<i32> -> tensor<2x3xf32>
  %0 = graph.random uniform key %seed counter %step stream 3 : tensor<i64>, tensor<i32> -> tensor<2x3xf32>
  // CHECK: graph.random bits key %{{.*}} counter %{{.*}} stream 4 : tensor<i64>, tensor<i32> -> tensor<5xi32>
  %1 = graph.random bits key %seed counter %step stream 4 : tensor<i64>, tensor<i32> -> tensor<5xi32>
  return %0, %1 : tensor<2x3xf32>, tensor<5xi32>
}

// CHECK-LABEL: func.func @indexing
func.func @indexing(%table: tensor<9x4xf32>, %ids: tensor<2x3xi32>) -> tensor<7x4xf32> {
  // CHECK: graph.gather %{{.*}}[%{{.*}}] : tensor<9x4xf32>, tensor<2x3xi32> -> tensor<2x3x4xf32>
  %0 = graph.gather %table[%ids] : tensor<9x4xf32>, tensor<2x3xi32> -> tensor<2x3x4xf32>
  // CHECK: graph.scatter_add %{{.*}} at %{{.*}} : tensor<2x3x4xf32>, tensor<2x3xi32> -> tensor<7x4xf32>
  %1 = graph.scatter_add %0 at %ids : tensor<2x3x4xf32>, tensor<2x3xi32> -> tensor<7x4xf32>
  return %1 : tensor<7x4xf32>
}

// CHECK-LABEL: func.func @composites
func.func @composites(%x: tensor<2x5xf32>, %t: tensor<2xi32>) -> tensor<f32> {
  // CHECK: graph.softmax %{{.*}} along 1 : tensor<2x5xf32>
  %0 = graph.softmax %x along 1 : tensor<2x5xf32>
  // CHECK: graph.log_softmax %{{.*}} along 0 : tensor<2x5xf32>
  %1 = graph.log_softmax %0 along 0 : tensor<2x5xf32>
  // CHECK: graph.softmax_cross_entropy %{{.*}}, %{{.*}} ignore -1 : tensor<2x5xf32>, tensor<2xi32> -> tensor<f32>
  %2 = graph.softmax_cross_entropy %1, %t ignore -1 : tensor<2x5xf32>, tensor<2xi32> -> tensor<f32>
  return %2 : tensor<f32>
}

// CHECK-LABEL: func.func @more_composites
func.func @more_composites(%x: tensor<2x5xf32>, %t: tensor<2xi32>, %ids: tensor<2x3xi32>, %g: tensor<5xf32>, %seed: tensor<i64>, %step: tensor<i32>) -> tensor<f32> {
  // CHECK: graph.relu %{{.*}} : tensor<2x5xf32>
  %0 = graph.relu %x : tensor<2x5xf32>
  // CHECK: graph.silu %{{.*}} : tensor<2x5xf32>
  %1 = graph.silu %0 : tensor<2x5xf32>
  // CHECK: %[[P:.*]] = graph.softplus %{{.*}} : tensor<2x5xf32>
  %p = graph.softplus %1 : tensor<2x5xf32>
  // CHECK: graph.gelu none %[[P]] : tensor<2x5xf32>
  %2 = graph.gelu none %p : tensor<2x5xf32>
  // CHECK: graph.gelu tanh %{{.*}} : tensor<2x5xf32>
  %3 = graph.gelu tanh %2 : tensor<2x5xf32>
  // CHECK: graph.random_normal key %{{.*}} counter %{{.*}} stream 1 : tensor<i64>, tensor<i32> -> tensor<2x5xf32>
  %4 = graph.random_normal key %seed counter %step stream 1 : tensor<i64>, tensor<i32> -> tensor<2x5xf32>
  // CHECK: graph.dropout %{{.*}} rate 2.500000e-01 key %{{.*}} counter %{{.*}} stream 2 : tensor<2x5xf32>, tensor<i64>, tensor<i32>
  %5 = graph.dropout %4 rate 0.25 key %seed counter %step stream 2 : tensor<2x5xf32>, tensor<i64>, tensor<i32>
  // CHECK: graph.gather_along_axis %{{.*}}[%{{.*}}] along 1 : tensor<2x5xf32>, tensor<2x3xi32> -> tensor<2x3xf32>
  %6 = graph.gather_along_axis %5[%ids] along 1 : tensor<2x5xf32>, tensor<2x3xi32> -> tensor<2x3xf32>
  // CHECK: graph.logsumexp %{{.*}} over 0 : tensor<2x3xf32> -> tensor<3xf32>
  %7 = graph.logsumexp %6 over 0 : tensor<2x3xf32> -> tensor<3xf32>
  // CHECK: graph.layer_norm %{{.*}}, %{{.*}}, %{{.*}} epsilon 1.000000e-05 : tensor<2x5xf32>, tensor<5xf32>
  %8 = graph.layer_norm %3, %g, %g epsilon 1.0e-5 : tensor<2x5xf32>, tensor<5xf32>
  // CHECK: graph.rms_norm %{{.*}}, %{{.*}} epsilon 1.000000e-05 : tensor<2x5xf32>, tensor<5xf32>
  %9 = graph.rms_norm %8, %g epsilon 1.0e-5 : tensor<2x5xf32>, tensor<5xf32>
  // CHECK: graph.softmax_cross_entropy %{{.*}}, %{{.*}} ignore -1 smoothing 1.000000e-01 : tensor<2x5xf32>, tensor<2xi32> -> tensor<f32>
  %10 = graph.softmax_cross_entropy %9, %t ignore -1 smoothing 0.1 : tensor<2x5xf32>, tensor<2xi32> -> tensor<f32>
  return %10 : tensor<f32>
}

// CHECK-LABEL: func.func @attentions
func.func @attentions(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x5xf32>, %keys: tensor<2x6xi1>, %pairs: tensor<4x6xi1>) -> tensor<2x4x5xf32> {
  // CHECK: graph.attention none %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6x5xf32>) -> tensor<2x4x5xf32>
  %0 = graph.attention none %q, %k, %v : (tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6x5xf32>) -> tensor<2x4x5xf32>
  // CHECK: graph.attention causal
  %1 = graph.attention causal %q, %k, %v : (tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6x5xf32>) -> tensor<2x4x5xf32>
  // CHECK: graph.attention keys %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} : (tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6x5xf32>, tensor<2x6xi1>) -> tensor<2x4x5xf32>
  %2 = graph.attention keys %q, %k, %v mask %keys : (tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6x5xf32>, tensor<2x6xi1>) -> tensor<2x4x5xf32>
  // CHECK: graph.attention pairs
  %3 = graph.attention pairs %q, %k, %v mask %pairs : (tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6x5xf32>, tensor<4x6xi1>) -> tensor<2x4x5xf32>
  %4 = graph.add %0, %1 : tensor<2x4x5xf32>
  %5 = graph.add %2, %3 : tensor<2x4x5xf32>
  %6 = graph.add %4, %5 : tensor<2x4x5xf32>
  return %6 : tensor<2x4x5xf32>
}

// CHECK-LABEL: func.func @scans
func.func @scans(%h0: tensor<2x3xf32>, %xs: tensor<2x10x3xf32>) -> (tensor<2x10x3xf32>, tensor<10x2x3xf32>) {
  // CHECK: graph.scan 10 carry(%[[H:.*]] = %{{.*}}) over(%[[X:.*]] = %{{.*}} axis 1) out(axis 1)
  // CHECK-SAME: : (tensor<2x3xf32>, tensor<2x10x3xf32>) -> (tensor<2x3xf32>, tensor<2x10x3xf32>) {
  %last, %all = graph.scan 10 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<2x10x3xf32>) -> (tensor<2x3xf32>, tensor<2x10x3xf32>) {
    // CHECK: %[[S:.*]] = graph.add %[[H]], %[[X]]
    %0 = graph.add %h, %x : tensor<2x3xf32>
    // CHECK: graph.yield carry(%[[S]] : tensor<2x3xf32>) out(%[[S]] : tensor<2x3xf32>)
    graph.yield carry(%0 : tensor<2x3xf32>) out(%0 : tensor<2x3xf32>)
  }
  // CHECK: graph.scan reverse 10 over(%{{.*}} = %{{.*}} axis 1) out(axis 0) : (tensor<2x10x3xf32>) -> tensor<10x2x3xf32>
  %turned = graph.scan reverse 10 over(%x = %all axis 1) out(axis 0) : (tensor<2x10x3xf32>) -> tensor<10x2x3xf32> {
    graph.yield out(%x : tensor<2x3xf32>)
  }
  return %all, %turned : tensor<2x10x3xf32>, tensor<10x2x3xf32>
}

// CHECK-LABEL: func.func @branches
func.func @branches(%p: tensor<i1>, %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<f32>) {
  // CHECK: %{{.*}}:2 = graph.cond %{{.*}} -> (tensor<3xf32>, tensor<f32>) {
  %y, %z = graph.cond %p -> (tensor<3xf32>, tensor<f32>) {
    %0 = graph.reduce_sum %x over [0] : tensor<3xf32> -> tensor<f32>
    // CHECK: graph.yield out(%{{.*}}, %{{.*}} : tensor<3xf32>, tensor<f32>)
    graph.yield out(%x, %0 : tensor<3xf32>, tensor<f32>)
  // CHECK-NEXT: } else {
  } else {
    %1 = graph.exp %x : tensor<3xf32>
    %2 = graph.constant dense<0.0> : tensor<f32>
    graph.yield out(%1, %2 : tensor<3xf32>, tensor<f32>)
  }
  // CHECK: graph.cond %{{.*}} attributes {graph.note = "empty"} {
  graph.cond %p attributes {graph.note = "empty"} {
  } else {
  }
  return %y, %z : tensor<3xf32>, tensor<f32>
}

// CHECK-LABEL: func.func @loops_of_unknown_length
func.func @loops_of_unknown_length(%i0: tensor<i32>, %x0: tensor<3xf32>, %n: tensor<i32>, %p: tensor<i1>) -> tensor<3xf32> {
  // CHECK: %{{.*}}:2 = graph.while carry(%[[I:.*]] = %{{.*}}, %[[X:.*]] = %{{.*}}) : (tensor<i32>, tensor<3xf32>) -> (tensor<i32>, tensor<3xf32>) {
  %i, %x = graph.while carry(%j = %i0, %y = %x0) : (tensor<i32>, tensor<3xf32>) -> (tensor<i32>, tensor<3xf32>) {
    // CHECK: graph.compare lt %[[I]]
    %q = graph.compare lt %j, %n : tensor<i32> -> tensor<i1>
    graph.yield out(%q : tensor<i1>)
  // CHECK: } do(%[[J:.*]], %[[Y:.*]]) {
  } do(%k, %z) {
    // CHECK: graph.add %[[J]], %[[J]]
    %0 = graph.add %k, %k : tensor<i32>
    %1 = graph.exp %z : tensor<3xf32>
    // CHECK: graph.yield carry(%{{.*}}, %{{.*}} : tensor<i32>, tensor<3xf32>)
    graph.yield carry(%0, %1 : tensor<i32>, tensor<3xf32>)
  }
  // CHECK: graph.while : () -> () {
  graph.while : () -> () {
    graph.yield out(%p : tensor<i1>)
  // CHECK: } do {
  } do {
    graph.yield
  }
  return %x : tensor<3xf32>
}

// CHECK-LABEL: func.func @checkpoints
func.func @checkpoints(%x: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: graph.checkpoint -> (tensor<3xf32>) {
  %y = graph.checkpoint -> (tensor<3xf32>) {
    // CHECK: graph.barrier %{{.*}} : tensor<3xf32>
    %0 = graph.barrier %x : tensor<3xf32>
    // CHECK: graph.yield out(%{{.*}} : tensor<3xf32>)
    graph.yield out(%0 : tensor<3xf32>)
  }
  return %y : tensor<3xf32>
}

// CHECK-LABEL: func.func @gradients
func.func @gradients(%x: tensor<2xf32>, %y: tensor<f32>) -> (tensor<2xf32>, tensor<f32>) {
  %0 = graph.reduce_sum %x over [0] : tensor<2xf32> -> tensor<f32>
  %1 = graph.mul %0, %y : tensor<f32>
  // CHECK: graph.gradient %{{.*}} wrt(%{{.*}}, %{{.*}}) : tensor<f32>, (tensor<2xf32>, tensor<f32>)
  %dx, %dy = graph.gradient %1 wrt(%x, %y) : tensor<f32>, (tensor<2xf32>, tensor<f32>)
  return %dx, %dy : tensor<2xf32>, tensor<f32>
}
