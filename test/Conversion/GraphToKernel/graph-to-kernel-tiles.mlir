// Which contractions run on matrix units, and what is packed for them.
// RUN: moru-opt %s --graph-to-kernel="tile-planes=3" | FileCheck %s
// RUN: moru-opt %s --graph-to-kernel="tile-planes=3" -o %t.mlir --remarks-filter=graph-to-kernel 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: moru-opt %s --graph-to-kernel | FileCheck %s --check-prefix=VECTORS
// VECTORS-NOT: kernel.tiles
// RUN: moru-opt %s --graph-to-kernel="tile-planes=1" | FileCheck %s --check-prefix=BF16

// Both operands are packed, each once.
// CHECK-LABEL: func.func @packs_both
// CHECK: kernel.alloc : <256x320xf32, #kernel.tiles<lhs, 3>>
// CHECK: kernel.alloc : <256x512xf32, #kernel.tiles<rhs, 3>>
// CHECK: kernel.compute contract "contract" reads(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) {{.*}}kernel.tiles<lhs, 3>>, {{.*}}kernel.tiles<rhs, 3>>
// CHECK: graph.contract {{.*}} over [0] with [0] {kernel.planes = 3 : i64}
// REMARK: contraction on matrix units: packing costs less than they save
func.func @packs_both(%a: tensor<320x256xf32>, %b: tensor<256x512xf32>) -> tensor<320x512xf32> {
  %0 = graph.contract %a, %b over [1] with [0] : tensor<320x256xf32>, tensor<256x512xf32> -> tensor<320x512xf32>
  return %0 : tensor<320x512xf32>
}

// -----

// A wide rhs is split where it is used: it would only pass through the caches.
// CHECK-LABEL: func.func @splits_a_wide_rhs
// CHECK-NOT: kernel.tiles<rhs
// CHECK: kernel.compute contract "contract" reads(%{{.*}} = %arg1, %{{.*}} = %{{.*}})
// CHECK-NOT: kernel.tiles<rhs
func.func @splits_a_wide_rhs(%a: tensor<320x256xf32>, %b: tensor<256x10000xf32>) -> tensor<320x10000xf32> {
  %0 = graph.contract %a, %b over [1] with [0] : tensor<320x256xf32>, tensor<256x10000xf32> -> tensor<320x10000xf32>
  return %0 : tensor<320x10000xf32>
}

// -----

// Too small: what tiles save is less than packing costs.
// CHECK-LABEL: func.func @leaves_a_small_one
// CHECK-NOT: kernel.tiles
// CHECK: #kernel.panels<32>
// REMARK: contraction on vectors: too small to pay for packing
func.func @leaves_a_small_one(%a: tensor<16x64xf32>, %b: tensor<64x64xf32>) -> tensor<16x64xf32> {
  %0 = graph.contract %a, %b over [1] with [0] : tensor<16x64xf32>, tensor<64x64xf32> -> tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}

// -----

// The lhs of a small one is split where it is used, so that the parts of a group can be rows; unless that would be done
// twice.
// CHECK-LABEL: func.func @splits_a_small_lhs
// CHECK-NOT: kernel.tiles<lhs
// CHECK: kernel.compute contract "contract" reads(%{{.*}} = %arg0, %{{.*}} = %{{.*}}) {{.*}}kernel.tiles<rhs, 3>>
// CHECK: kernel.planes = 3
// CHECK: return
func.func @splits_a_small_lhs(%a: tensor<512x64xf32>, %b: tensor<64x192xf32>) -> tensor<512x192xf32> {
  %0 = graph.contract %a, %b over [1] with [0] : tensor<512x64xf32>, tensor<64x192xf32> -> tensor<512x192xf32>
  return %0 : tensor<512x192xf32>
}

// CHECK-LABEL: func.func @packs_a_small_lhs_of_two
// CHECK: kernel.tiles<lhs, 3>
// CHECK: return
func.func @packs_a_small_lhs_of_two(%a: tensor<512x64xf32>, %b: tensor<64x192xf32>, %c: tensor<64x192xf32>) -> (tensor<512x192xf32>, tensor<512x192xf32>) {
  %0 = graph.contract %a, %b over [1] with [0] : tensor<512x64xf32>, tensor<64x192xf32> -> tensor<512x192xf32>
  %1 = graph.contract %a, %c over [1] with [0] : tensor<512x64xf32>, tensor<64x192xf32> -> tensor<512x192xf32>
  return %0, %1 : tensor<512x192xf32>, tensor<512x192xf32>
}

// -----

// K is deep: neither is packed before. The sum is cut into parts, each work for a thread.
// CHECK-LABEL: func.func @cuts_a_deep_sum
// CHECK-NOT: kernel.tiles
// CHECK: %[[PARTS:.*]] = kernel.alloc : <8x320x256xf32>
// CHECK: kernel.compute contract "contract" reads(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) writes(%[[PARTS]])
// CHECK: graph.contract {{.*}} batch [0] with [0] {kernel.planes = 3 : i64}
// CHECK: kernel.compute column_reduce "reduce_sum" reads(%{{.*}} = %[[PARTS]])
func.func @cuts_a_deep_sum(%a: tensor<320x10000xf32>, %b: tensor<256x10000xf32>) -> tensor<320x256xf32> {
  %0 = graph.contract %a, %b over [1] with [1] : tensor<320x10000xf32>, tensor<256x10000xf32> -> tensor<320x256xf32>
  %1 = graph.tanh %0 : tensor<320x256xf32>
  return %1 : tensor<320x256xf32>
}

// -----

// Columns enough for all threads: no parts, and nothing follows within the kernel, whose result holds the sums.
// CHECK-LABEL: func.func @splits_both
// CHECK-NOT: kernel.tiles
// CHECK: kernel.compute contract "contract"
// CHECK-NOT: batch
// CHECK: kernel.compute map "tanh"
func.func @splits_both(%a: tensor<2048x256xf32>, %b: tensor<2048x10000xf32>) -> tensor<256x10000xf32> {
  %0 = graph.contract %a, %b over [0] with [0] : tensor<2048x256xf32>, tensor<2048x10000xf32> -> tensor<256x10000xf32>
  %1 = graph.tanh %0 : tensor<256x10000xf32>
  return %1 : tensor<256x10000xf32>
}

// -----

// A part of a larger result is no place for sums on their way: they are made elsewhere and copied.
// CHECK-LABEL: func.func @copies_a_part
// CHECK: kernel.compute contract "contract" reads({{.*}}) writes(%[[SUMS:.*]]) attributes
// CHECK: kernel.compute map "copy{{.*}}" reads(%{{.*}} = %[[SUMS]])
func.func @copies_a_part(%a: tensor<2048x256xf32>, %b: tensor<2048x10000xf32>, %c: tensor<4x256x10000xf32>) -> tensor<512x10000xf32> {
  %0 = graph.contract %a, %b over [0] with [0] : tensor<2048x256xf32>, tensor<2048x10000xf32> -> tensor<256x10000xf32>
  %1 = graph.reduce_sum %c over [0] : tensor<4x256x10000xf32> -> tensor<256x10000xf32>
  %2 = graph.concat %0, %1 along 0 : (tensor<256x10000xf32>, tensor<256x10000xf32>) -> tensor<512x10000xf32>
  return %2 : tensor<512x10000xf32>
}

// -----

// bf16: rows that lie as tiles do are read where they lie; an argument is rounded on the way into its tiles.
// BF16-LABEL: func.func @reads_rows_of_bf16
// BF16-NOT: kernel.tiles<lhs
// BF16: kernel.compute map "pack{{.*}}" reads(%[[W:[a-z0-9]+]] = %arg1) {{.*}} -> (!kernel.buffer<256x512xbf16, #kernel.tiles<rhs, 1>>)
// BF16-NEXT: graph.convert %[[W]] : tensor<256x512xf32> -> tensor<256x512xbf16>
// BF16: kernel.compute contract "contract" {{.*}} : (!kernel.buffer<320x256xbf16>, !kernel.buffer<256x512xbf16, #kernel.tiles<rhs, 1>>) -> (!kernel.buffer<320x512xf32>)
func.func @reads_rows_of_bf16(%a: tensor<320x256xf32>, %b: tensor<256x512xf32>) -> tensor<320x512xf32> {
  %t = graph.tanh %a : tensor<320x256xf32>
  %r = graph.convert %t : tensor<320x256xf32> -> tensor<320x256xbf16>
  %w = graph.convert %b : tensor<256x512xf32> -> tensor<256x512xbf16>
  %0 = graph.contract %r, %w over [1] with [0] : tensor<320x256xbf16>, tensor<256x512xbf16> -> tensor<320x512xf32>
  return %0 : tensor<320x512xf32>
}

// -----

// Rows that are columns in memory are packed, and so are some that do not fill a panel.
// BF16-LABEL: func.func @packs_columns_and_odd_rows
// BF16-COUNT-2: kernel.alloc : <{{.*}}xbf16, #kernel.tiles<lhs, 1>>
func.func @packs_columns_and_odd_rows(%a: tensor<256x320xbf16>, %b: tensor<256x512xbf16>, %c: tensor<300x256xbf16>) -> (tensor<320x512xf32>, tensor<300x512xf32>) {
  %0 = graph.contract %a, %b over [0] with [0] : tensor<256x320xbf16>, tensor<256x512xbf16> -> tensor<320x512xf32>
  %1 = graph.contract %c, %b over [1] with [0] : tensor<300x256xbf16>, tensor<256x512xbf16> -> tensor<300x512xf32>
  return %0, %1 : tensor<320x512xf32>, tensor<300x512xf32>
}

// -----

// Long rows that end within a block are stored with zeros behind them, and read where they lie.
// BF16-LABEL: func.func @pads_rows
// BF16-NOT: kernel.tiles<lhs
// BF16: %[[A:.*]] = kernel.alloc : <320x2016xbf16>
// BF16: kernel.compute map "fill" {{.*}} -> (!kernel.buffer<320x16xbf16, strided<[2016, 1]>>)
// BF16: kernel.compute map {{.*}} -> (!kernel.buffer<320x2000xbf16, strided<[2016, 1]>>)
// BF16: graph.contract {{.*}} {kernel.padded_rows, kernel.planes = 1 : i64} : tensor<2000x320xbf16>
func.func @pads_rows(%a: tensor<320x2000xf32>, %b: tensor<2000x512xbf16>) -> tensor<320x512xf32> {
  %t = graph.tanh %a : tensor<320x2000xf32>
  %r = graph.convert %t : tensor<320x2000xf32> -> tensor<320x2000xbf16>
  %0 = graph.contract %r, %b over [1] with [0] : tensor<320x2000xbf16>, tensor<2000x512xbf16> -> tensor<320x512xf32>
  return %0 : tensor<320x512xf32>
}

// -----

// A result of the function has no room for zeros: it is packed, within the kernel or before.
// BF16-LABEL: func.func @returns_rows
// BF16-NOT: kernel.padded_rows
func.func @returns_rows(%a: tensor<320x2000xf32>, %b: tensor<2000x512xbf16>) -> (tensor<320x512xf32>, tensor<320x2000xbf16>) {
  %t = graph.tanh %a : tensor<320x2000xf32>
  %r = graph.convert %t : tensor<320x2000xf32> -> tensor<320x2000xbf16>
  %0 = graph.contract %r, %b over [1] with [0] : tensor<320x2000xbf16>, tensor<2000x512xbf16> -> tensor<320x512xf32>
  return %0, %r : tensor<320x512xf32>, tensor<320x2000xbf16>
}

// -----

// On vectors, what is rounded is multiplied in f32: its maker writes it so.
// VECTORS-LABEL: func.func @writes_rounded_numbers_in_f32
// VECTORS: kernel.compute map "tanh+convert" {{.*}} -> (!kernel.buffer<2x16x64xf32>)
// VECTORS: graph.contract {{.*}} : tensor<32x64xf32>, tensor<64x64xf32> -> tensor<32x64xf32>
func.func @writes_rounded_numbers_in_f32(%a: tensor<2x16x64xf32>, %w: tensor<64x64xbf16>) -> tensor<32x64xf32> {
  %t = graph.tanh %a : tensor<2x16x64xf32>
  %r = graph.convert %t : tensor<2x16x64xf32> -> tensor<2x16x64xbf16>
  %v = graph.reshape %r : tensor<2x16x64xbf16> -> tensor<32x64xbf16>
  %0 = graph.contract %v, %w over [1] with [0] : tensor<32x64xbf16>, tensor<64x64xbf16> -> tensor<32x64xf32>
  return %0 : tensor<32x64xf32>
}
