// RUN: moru-opt %s --graph-simplify-algebra | FileCheck %s

// CHECK-LABEL: func.func @zeros_and_ones
func.func @zeros_and_ones(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: return %arg0
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %one = graph.constant dense<1.0> : tensor<4xf32>
  %0 = graph.mul %x, %one : tensor<4xf32>
  %1 = graph.add %zero, %0 : tensor<4xf32>
  %2 = graph.div %1, %one : tensor<4xf32>
  %3 = graph.sub %2, %zero : tensor<4xf32>
  return %3 : tensor<4xf32>
}

// x may be NaN or infinite.
// CHECK-LABEL: func.func @keeps_a_product_with_zero
func.func @keeps_a_product_with_zero(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: graph.mul
  // CHECK: graph.sub %arg0, %arg0
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %0 = graph.mul %x, %zero : tensor<4xf32>
  %1 = graph.sub %x, %x : tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @constants_of_constants
func.func @constants_of_constants() -> (tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>) {
  // CHECK-DAG: %[[A:.*]] = graph.constant dense<3.500000e+00> : tensor<4xf32>
  // CHECK-DAG: %[[B:.*]] = graph.constant dense<true> : tensor<4xi1>
  // CHECK-DAG: %[[C:.*]] = graph.constant dense<1.500000e+00> : tensor<4xbf16>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  %a = graph.constant dense<1.5> : tensor<4xf32>
  %b = graph.constant dense<2.0> : tensor<4xf32>
  %0 = graph.add %a, %b : tensor<4xf32>
  %1 = graph.compare lt %a, %b : tensor<4xf32> -> tensor<4xi1>
  %2 = graph.convert %a : tensor<4xf32> -> tensor<4xbf16>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>
}

// CHECK-LABEL: func.func @signs
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>
func.func @signs(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK-DAG: graph.sub %[[X]], %[[Y]]
  // CHECK-DAG: graph.add %[[X]], %[[Y]]
  // CHECK-DAG: graph.mul %[[X]], %[[Y]]
  // CHECK-NOT: graph.neg
  %nx = graph.neg %x : tensor<4xf32>
  %ny = graph.neg %y : tensor<4xf32>
  %0 = graph.add %ny, %x : tensor<4xf32>
  %1 = graph.sub %x, %ny : tensor<4xf32>
  %2 = graph.mul %nx, %ny : tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @shape_of_shape
// CHECK-SAME: %[[X:.*]]: tensor<3xf32>, %[[Y:.*]]: tensor<2x3x4xf32>
func.func @shape_of_shape(%x: tensor<3xf32>, %y: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<4x2x3xf32>, tensor<1x1x1xf32>) {
  // CHECK-DAG: graph.broadcast %[[X]] along [1] : tensor<3xf32> -> tensor<2x3x4xf32>
  // CHECK-DAG: graph.transpose %[[Y]] by [2, 0, 1]
  // CHECK-DAG: graph.slice %[[Y]] from [1, 2, 3] to [2, 3, 4] by [2, 2, 1]
  %0 = graph.broadcast %x along [1] : tensor<3xf32> -> tensor<2x3xf32>
  %1 = graph.broadcast %0 along [0, 1] : tensor<2x3xf32> -> tensor<2x3x4xf32>
  %2 = graph.transpose %y by [1, 0, 2] : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  %3 = graph.transpose %2 by [2, 1, 0] : tensor<3x2x4xf32> -> tensor<4x2x3xf32>
  %4 = graph.slice %y from [1, 0, 1] to [2, 3, 4] by [1, 2, 1] : tensor<2x3x4xf32> -> tensor<1x2x3xf32>
  %5 = graph.slice %4 from [0, 1, 2] to [1, 2, 3] by [2, 1, 1] : tensor<1x2x3xf32> -> tensor<1x1x1xf32>
  return %1, %3, %5 : tensor<2x3x4xf32>, tensor<4x2x3xf32>, tensor<1x1x1xf32>
}

// CHECK-LABEL: func.func @contract_absorbs_transposes
// CHECK-SAME: %[[X:.*]]: tensor<3x2xf32>, %[[Y:.*]]: tensor<3x4xf32>
func.func @contract_absorbs_transposes(%x: tensor<3x2xf32>, %y: tensor<3x4xf32>) -> tensor<4x2xf32> {
  // CHECK-NEXT: graph.contract %[[Y]], %[[X]] over [0] with [0]
  // CHECK-NEXT: return
  %0 = graph.transpose %x by [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  %1 = graph.contract %0, %y over [1] with [0] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  %2 = graph.transpose %1 by [1, 0] : tensor<2x4xf32> -> tensor<4x2xf32>
  return %2 : tensor<4x2xf32>
}

// The free axes would change their order.
// CHECK-LABEL: func.func @keeps_a_transpose_of_free_axes
func.func @keeps_a_transpose_of_free_axes(%x: tensor<5x2x3xf32>, %y: tensor<3x4xf32>) -> tensor<2x5x4xf32> {
  // CHECK-NEXT: graph.transpose
  // CHECK-NEXT: graph.contract
  %0 = graph.transpose %x by [1, 0, 2] : tensor<5x2x3xf32> -> tensor<2x5x3xf32>
  %1 = graph.contract %0, %y over [2] with [0] : tensor<2x5x3xf32>, tensor<3x4xf32> -> tensor<2x5x4xf32>
  return %1 : tensor<2x5x4xf32>
}

// CHECK-LABEL: func.func @sums
func.func @sums(%x: tensor<f32>, %y: tensor<2x3xf32>, %z: tensor<2x3xf32>) -> (tensor<3xf32>, tensor<f32>) {
  // CHECK-DAG: %[[TWO:.*]] = graph.constant dense<2.000000e+00> : tensor<3xf32>
  // CHECK: %[[B:.*]] = graph.broadcast %arg0 along [] : tensor<f32> -> tensor<3xf32>
  // CHECK: graph.mul %[[B]], %[[TWO]]
  // CHECK: graph.contract %arg1, %arg2 over [1, 0] with [1, 0]
  // CHECK-NOT: graph.reduce_sum
  %0 = graph.broadcast %x along [] : tensor<f32> -> tensor<2x3xf32>
  %1 = graph.reduce_sum %0 over [0] : tensor<2x3xf32> -> tensor<3xf32>
  %2 = graph.contract %y, %z over [1] with [1] batch [0] with [0] : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2xf32>
  %3 = graph.reduce_sum %2 over [0] : tensor<2xf32> -> tensor<f32>
  return %1, %3 : tensor<3xf32>, tensor<f32>
}

// CHECK-LABEL: func.func @pads_side_by_side
// CHECK-SAME: %[[X:.*]]: tensor<2x2xf32>, %[[Y:.*]]: tensor<2x3xf32>
func.func @pads_side_by_side(%x: tensor<2x2xf32>, %y: tensor<2x3xf32>) -> tensor<2x6xf32> {
  // CHECK-NEXT: %[[C:.*]] = graph.concat %[[Y]], %[[X]] along 1
  // CHECK-NEXT: graph.pad %[[C]] low [0, 1] high [0, 0]
  %0 = graph.pad %x low [0, 4] high [0, 0] interior [0, 0] : tensor<2x2xf32> -> tensor<2x6xf32>
  %1 = graph.pad %y low [0, 1] high [0, 2] interior [0, 0] : tensor<2x3xf32> -> tensor<2x6xf32>
  %2 = graph.add %0, %1 : tensor<2x6xf32>
  return %2 : tensor<2x6xf32>
}

// CHECK-LABEL: func.func @keeps_overlapping_pads
func.func @keeps_overlapping_pads(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x5xf32> {
  // CHECK-NOT: graph.concat
  // CHECK: graph.add
  %0 = graph.pad %x low [0, 0] high [0, 2] interior [0, 0] : tensor<2x3xf32> -> tensor<2x5xf32>
  %1 = graph.pad %y low [0, 2] high [0, 0] interior [0, 0] : tensor<2x3xf32> -> tensor<2x5xf32>
  %2 = graph.add %0, %1 : tensor<2x5xf32>
  return %2 : tensor<2x5xf32>
}

// Unread outputs, carries that serve themselves alone, equal inputs and unchanging carries leave the scan.
// CHECK-LABEL: func.func @cleans_scans
func.func @cleans_scans(%xs: tensor<4x3xf32>, %h0: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: %[[R:.*]] = graph.scan 4 carry(%[[H:.*]] = %arg1) over(%[[X:.*]] = %arg0 axis 0) :
  // CHECK-NEXT: %[[A:.*]] = graph.add %[[H]], %[[X]]
  // CHECK-NEXT: %[[B:.*]] = graph.mul %[[A]], %[[X]]
  // CHECK-NEXT: %[[C:.*]] = graph.mul %[[B]], %arg1
  // CHECK-NEXT: graph.yield carry(%[[C]] : tensor<3xf32>)
  %0, %1, %2, %3 = graph.scan 4 carry(%h = %h0, %self = %h0, %same = %h0) over(%x = %xs axis 0, %y = %xs axis 0) out(axis 0)
      : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4x3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<4x3xf32>) {
    %a = graph.add %h, %x : tensor<3xf32>
    %b = graph.mul %a, %y : tensor<3xf32>
    %c = graph.mul %b, %same : tensor<3xf32>
    %s = graph.exp %self : tensor<3xf32>
    graph.yield carry(%c, %s, %same : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) out(%s : tensor<3xf32>)
  }
  return %0 : tensor<3xf32>
}

// CHECK-LABEL: func.func @invariant_inputs
func.func @invariant_inputs(%v: tensor<3xf32>, %h0: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: graph.scan 4 carry(%[[H:.*]] = %arg1) :
  // CHECK: graph.mul %[[H]], %arg0
  %vs = graph.broadcast %v along [1] : tensor<3xf32> -> tensor<4x3xf32>
  %0 = graph.scan 4 carry(%h = %h0) over(%x = %vs axis 0) : (tensor<3xf32>, tensor<4x3xf32>) -> tensor<3xf32> {
    %1 = graph.mul %h, %x : tensor<3xf32>
    graph.yield carry(%1 : tensor<3xf32>)
  }
  return %0 : tensor<3xf32>
}

// While a gradient waits, stop_gradient does too.
// CHECK-LABEL: func.func @keeps_stop_gradient_before_expansion
func.func @keeps_stop_gradient_before_expansion(%x: tensor<f32>) -> tensor<f32> {
  // CHECK: graph.stop_gradient
  // CHECK: graph.gradient
  %0 = graph.stop_gradient %x : tensor<f32>
  %1 = graph.mul %0, %x : tensor<f32>
  %2 = graph.gradient %1 wrt(%x) : tensor<f32>, (tensor<f32>)
  return %2 : tensor<f32>
}

// A scan of one step is its body.
// CHECK-LABEL: func.func @inlines_a_scan_of_one_step(
// CHECK-SAME: %[[X:.*]]: tensor<2x1x3xf32>, %[[H:.*]]: tensor<2x3xf32>
func.func @inlines_a_scan_of_one_step(%xs: tensor<2x1x3xf32>, %h0: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x1x3xf32>) {
  // CHECK-NOT: graph.scan
  // CHECK: %[[SLICE:.*]] = graph.reshape %[[X]] : tensor<2x1x3xf32> -> tensor<2x3xf32>
  // CHECK: %[[SUM:.*]] = graph.add %[[H]], %[[SLICE]]
  // CHECK: %[[ALL:.*]] = graph.reshape %[[SUM]] : tensor<2x3xf32> -> tensor<2x1x3xf32>
  // CHECK: return %[[SUM]], %[[ALL]]
  %last, %all = graph.scan 1 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<2x1x3xf32>) -> (tensor<2x3xf32>, tensor<2x1x3xf32>) {
    %1 = graph.add %h, %x : tensor<2x3xf32>
    graph.yield carry(%1 : tensor<2x3xf32>) out(%1 : tensor<2x3xf32>)
  }
  return %last, %all : tensor<2x3xf32>, tensor<2x1x3xf32>
}
