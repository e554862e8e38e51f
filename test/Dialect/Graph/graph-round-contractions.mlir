// Which operands are rounded to bf16, once each and where.
// RUN: moru-opt %s --graph-round-contractions | FileCheck %s

// Precision bf16, checked after every pass and run natively, on vectors alone and where there are matrix units on these.
// RUN: moru-opt %s --graph-to-llvm="round-contractions" --check=each --check-seed=3 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=CHECKED
// RUN: %if amx_bf16 %{ moru-opt %s --graph-to-llvm="round-contractions tile-planes=1" --check=each --check-seed=3 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=CHECKED %}
// CHECKED-NOT: error
// CHECKED: checks: compared {{[0-9]+}} entries

// CHECK-LABEL: func.func @rounds_both_operands
func.func @rounds_both_operands(%x: tensor<64x128xf32>, %w: tensor<128x64xf32>) -> tensor<64x64xf32> {
  // CHECK: %[[W:.*]] = graph.convert %arg1 : tensor<128x64xf32> -> tensor<128x64xbf16>
  // CHECK: %[[T:.*]] = graph.tanh %arg0 : tensor<64x128xf32>
  // CHECK: %[[A:.*]] = graph.convert %[[T]] : tensor<64x128xf32> -> tensor<64x128xbf16>
  // CHECK: graph.contract %[[A]], %[[W]] over [1] with [0] : tensor<64x128xbf16>, tensor<128x64xbf16> -> tensor<64x64xf32>
  %t = graph.tanh %x : tensor<64x128xf32>
  %y = graph.contract %t, %w over [1] with [0] : tensor<64x128xf32>, tensor<128x64xf32> -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// One conversion, of what the views are taken of.
// CHECK-LABEL: func.func @rounds_behind_views
func.func @rounds_behind_views(%x: tensor<4x16x128xf32>, %w: tensor<128x64xf32>) -> (tensor<64x64xf32>, tensor<128x128xf32>) {
  // CHECK: %[[E:.*]] = graph.exp
  // CHECK-NEXT: %[[A:.*]] = graph.convert %[[E]] : tensor<4x16x128xf32> -> tensor<4x16x128xbf16>
  // CHECK-NOT: tensor<64x128xf32> -> tensor<64x128xbf16>
  // CHECK: %[[R:.*]] = graph.reshape %[[A]] : tensor<4x16x128xbf16> -> tensor<64x128xbf16>
  // CHECK: graph.contract %[[R]],
  // CHECK: graph.contract %[[R]], %[[R]]
  %e = graph.exp %x : tensor<4x16x128xf32>
  %r = graph.reshape %e : tensor<4x16x128xf32> -> tensor<64x128xf32>
  %y = graph.contract %r, %w over [1] with [0] : tensor<64x128xf32>, tensor<128x64xf32> -> tensor<64x64xf32>
  %z = graph.contract %r, %r over [0] with [0] : tensor<64x128xf32>, tensor<64x128xf32> -> tensor<128x128xf32>
  return %y, %z : tensor<64x64xf32>, tensor<128x128xf32>
}

// The parameter is rounded outside of the loop.
// CHECK-LABEL: func.func @rounds_outside_of_loops
func.func @rounds_outside_of_loops(%h: tensor<32x128xf32>, %w: tensor<128x128xf32>) -> tensor<32x128xf32> {
  // CHECK: %[[W:.*]] = graph.convert %arg1
  // CHECK: graph.scan
  // CHECK: graph.contract %{{.*}}, %[[W]]
  %r = graph.scan 3 carry(%c = %h) over() : (tensor<32x128xf32>) -> tensor<32x128xf32> {
    %n = graph.contract %c, %w over [1] with [0] : tensor<32x128xf32>, tensor<128x128xf32> -> tensor<32x128xf32>
    %t = graph.tanh %n : tensor<32x128xf32>
    graph.yield carry(%t : tensor<32x128xf32>)
  }
  return %r : tensor<32x128xf32>
}

// CHECK-LABEL: func.func @leaves_what_is_small
// CHECK-NOT: bf16
func.func @leaves_what_is_small(%x: tensor<8x16xf32>, %w: tensor<16x8xf32>) -> tensor<8x8xf32> {
  %y = graph.contract %x, %w over [1] with [0] : tensor<8x16xf32>, tensor<16x8xf32> -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// A parameter that is not updated is read in bf16, and multiplied in f32.
// CHECK-LABEL: func.func @reads_half_of_a_parameter
func.func @reads_half_of_a_parameter(%x: tensor<1x256xf32> {graph.name = "x", graph.role = "input"},
                                     %w: tensor<256x256xf32> {graph.name = "w", graph.role = "parameter"}) -> tensor<1x256xf32> {
  // CHECK: %[[B:.*]] = graph.convert %arg1 : tensor<256x256xf32> -> tensor<256x256xbf16>
  // CHECK: %[[W:.*]] = graph.convert %[[B]] : tensor<256x256xbf16> -> tensor<256x256xf32>
  // CHECK: graph.contract %arg0, %[[W]] over [1] with [0] : tensor<1x256xf32>, tensor<256x256xf32>
  %y = graph.contract %x, %w over [1] with [0] : tensor<1x256xf32>, tensor<256x256xf32> -> tensor<1x256xf32>
  return %y : tensor<1x256xf32>
}

// To round one that is updated would read all of it, and write.
// CHECK-LABEL: func.func @leaves_an_updated_parameter
// CHECK-NOT: bf16
func.func @leaves_an_updated_parameter(%x: tensor<1x256xf32> {graph.name = "x", graph.role = "input"},
                                       %w: tensor<256x256xf32> {graph.name = "w", graph.role = "parameter"})
    -> (tensor<1x256xf32>, tensor<256x256xf32> {graph.donated = 1, graph.name = "w"}) {
  %y = graph.contract %x, %w over [1] with [0] : tensor<1x256xf32>, tensor<256x256xf32> -> tensor<1x256xf32>
  %u = graph.add %w, %w : tensor<256x256xf32>
  return %y, %u : tensor<1x256xf32>, tensor<256x256xf32>
}

// The sum takes the rounded numbers, too; what is read elsewhere stays as it is.
// CHECK-LABEL: func.func @sums_what_is_rounded
func.func @sums_what_is_rounded(%x: tensor<64x128xf32>, %w: tensor<128x64xf32>) -> (tensor<64x64xf32>, tensor<128xf32>, tensor<64xf32>) {
  // CHECK: %[[T:.*]] = graph.tanh
  // CHECK: %[[A:.*]] = graph.convert %[[T]] : tensor<64x128xf32> -> tensor<64x128xbf16>
  // CHECK: %[[F:.*]] = graph.convert %[[A]] : tensor<64x128xbf16> -> tensor<64x128xf32>
  // CHECK: graph.reduce_sum %[[F]] over [0]
  // CHECK: graph.reduce_sum %arg1 over [0]
  %t = graph.tanh %x : tensor<64x128xf32>
  %y = graph.contract %t, %w over [1] with [0] : tensor<64x128xf32>, tensor<128x64xf32> -> tensor<64x64xf32>
  %s = graph.reduce_sum %t over [0] : tensor<64x128xf32> -> tensor<128xf32>
  %v = graph.reduce_sum %w over [0] : tensor<128x64xf32> -> tensor<64xf32>
  return %y, %s, %v : tensor<64x64xf32>, tensor<128xf32>, tensor<64xf32>
}
