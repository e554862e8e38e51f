// RUN: moru-opt %s --kernel-to-loops --split-input-file | %FileCheck %s
// RUN: moru-opt %s --kernel-to-loops="vector-bits=256 vector-registers=16" --split-input-file | %FileCheck %s --check-prefix=AVX2

// A kernel becomes a function of memrefs and a task, and a launch; rank 2 without broadcasts is one axis.

// CHECK-LABEL: func.func @maps_as_one_axis
// CHECK: kernel.launch @scale_0(%{{.*}}, %{{.*}} : !kernel.buffer<8x20xf32>, !kernel.buffer<8x20xf32>) tasks 1
// CHECK: func.func private @scale_0(%{{.*}}: memref<8x20xf32>, %{{.*}}: memref<8x20xf32>, %{{.*}}: index) attributes {kernel.cost = array<i64: 160, 0, 0, 1280, 1280>, kernel.family = "map"}
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: vector.load %{{.*}} : memref<160xf32>, vector<16xf32>
// CHECK: arith.addf %{{.*}} fastmath<contract> : vector<16xf32>
// CHECK: vector.store
// AVX2-LABEL: func.func private @scale_0
// AVX2: vector.load %{{.*}} : memref<160xf32>, vector<8xf32>
func.func @maps_as_one_axis(%x: !kernel.buffer<8x20xf32>, %y: !kernel.buffer<8x20xf32>) {
  kernel.compute map "scale" reads(%a = %x) writes(%y) : (!kernel.buffer<8x20xf32>) -> (!kernel.buffer<8x20xf32>) {
    %0 = graph.add %a, %a : tensor<8x20xf32>
    kernel.yield %0 : tensor<8x20xf32>
  }
  return
}

// -----

// A product that is read twice, here or by another kernel, is rounded before anything is added to it.

// CHECK-LABEL: func.func private @products_0
// CHECK: %[[ONCE:.*]] = arith.mulf {{.*}} fastmath<contract>
// CHECK: arith.addf %[[ONCE]]
// CHECK: %[[TWICE:[a-z0-9]+]] = arith.mulf %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : vector<16xf32>
// CHECK: arith.addf %[[TWICE]]
// CHECK: %[[ELSEWHERE:[a-z0-9]+]] = arith.mulf %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : vector<16xf32>
// CHECK: arith.addf %[[ELSEWHERE]]
func.func @rounds_what_is_read_twice(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>, %z: !kernel.buffer<16xf32>) {
  kernel.compute map "products" reads(%a = %x) writes(%y, %z) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>, !kernel.buffer<16xf32>) {
    %once = graph.mul %a, %a : tensor<16xf32>
    %0 = graph.add %once, %a : tensor<16xf32>
    %twice = graph.mul %0, %0 : tensor<16xf32>
    %1 = graph.add %twice, %0 : tensor<16xf32>
    %elsewhere = graph.mul %1, %1 {kernel.rounded} : tensor<16xf32>
    %2 = graph.add %elsewhere, %1 : tensor<16xf32>
    kernel.yield %twice, %2 : tensor<16xf32>, tensor<16xf32>
  }
  return
}

// -----

// Kernels that differ in label and buffers alone share a function; another shape has its own.

// CHECK-LABEL: func.func @shares_functions
// CHECK: kernel.launch @first_0(%arg0, %arg1
// CHECK: kernel.launch @first_0(%arg1, %arg0
// CHECK: kernel.launch @other_1(%arg2
// CHECK-NOT: @second
func.func @shares_functions(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>, %z: !kernel.buffer<32xf32>) {
  kernel.compute map "first" reads(%a = %x) writes(%y) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %0 = graph.neg %a : tensor<16xf32>
    kernel.yield %0 : tensor<16xf32>
  }
  kernel.compute map "second" reads(%a = %y) writes(%x) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %0 = graph.neg %a : tensor<16xf32>
    kernel.yield %0 : tensor<16xf32>
  }
  kernel.compute map "other" reads(%a = %z) writes(%z) : (!kernel.buffer<32xf32>) -> (!kernel.buffer<32xf32>) {
    %0 = graph.neg %a : tensor<32xf32>
    kernel.yield %0 : tensor<32xf32>
  }
  return
}

// -----

// In place: the buffer is one parameter, and every read of a position comes before the store there.

// CHECK-LABEL: func.func private @in_place_0(
// CHECK-SAME: %{{.*}}: memref<64xf32>, %{{.*}}: memref<64xf32>, %{{.*}}: index)
// CHECK: vector.load
// CHECK: vector.load
// CHECK: vector.store
func.func @updates_in_place(%p: !kernel.buffer<64xf32>, %g: !kernel.buffer<64xf32>) {
  kernel.compute map "in_place" reads(%a = %p, %b = %g) writes(%p) : (!kernel.buffer<64xf32>, !kernel.buffer<64xf32>) -> (!kernel.buffer<64xf32>) {
    %0 = graph.sub %a, %b : tensor<64xf32>
    kernel.yield %0 : tensor<64xf32>
  }
  return
}

// -----

// What does not depend on the inner loop is outside of it: the scalar is loaded and squared once.

// CHECK-LABEL: func.func private @hoists_0
// CHECK: memref.load %{{.*}} : memref<1xf32>
// CHECK: arith.mulf %{{.*}} fastmath<contract> : f32
// CHECK: scf.for
// CHECK-NOT: {{memref.load|fastmath<contract> : f32}}
// CHECK: vector.store
func.func @hoists_scalars(%x: !kernel.buffer<640xf32>, %s: !kernel.buffer<f32>, %y: !kernel.buffer<640xf32>) {
  kernel.compute map "hoists" reads(%a = %x, %b = %s) writes(%y) : (!kernel.buffer<640xf32>, !kernel.buffer<f32>) -> (!kernel.buffer<640xf32>) {
    %0 = graph.mul %b, %b : tensor<f32>
    %1 = graph.broadcast %0 along [] : tensor<f32> -> tensor<640xf32>
    %2 = graph.mul %a, %1 : tensor<640xf32>
    kernel.yield %2 : tensor<640xf32>
  }
  return
}

// -----

// A tail is one masked step behind the loop; inside the loop nothing is masked.

// CHECK-LABEL: func.func private @tail_0
// CHECK: scf.for
// CHECK-NOT: masked
// CHECK: }
// CHECK: vector.maskedload %{{.*}} : memref<53xf32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
// CHECK: vector.maskedstore
func.func @masks_tails_alone(%x: !kernel.buffer<53xf32>, %y: !kernel.buffer<53xf32>) {
  kernel.compute map "tail" reads(%a = %x) writes(%y) : (!kernel.buffer<53xf32>) -> (!kernel.buffer<53xf32>) {
    %0 = graph.neg %a : tensor<53xf32>
    kernel.yield %0 : tensor<53xf32>
  }
  return
}

// -----

// Padding along the last axis cuts the loop: zeros, the entries, zeros; no condition and no single entry.

// CHECK-LABEL: func.func private @pads_0
// CHECK-NOT: scf.if
// CHECK-NOT: memref.load
// CHECK-NOT: arith.select
// CHECK: return
func.func @pads_in_pieces(%x: !kernel.buffer<4x32xf32>, %y: !kernel.buffer<4x96xf32>) {
  kernel.compute map "pads" reads(%a = %x) writes(%y) : (!kernel.buffer<4x32xf32>) -> (!kernel.buffer<4x96xf32>) {
    %0 = graph.pad %a low [0, 32] high [0, 32] interior [0, 0] : tensor<4x32xf32> -> tensor<4x96xf32>
    kernel.yield %0 : tensor<4x96xf32>
  }
  return
}

// -----

// A transposed source goes through registers in squares: 16 loads, 64 shuffles, 16 stores, all of whole vectors.

// CHECK-LABEL: func.func private @pack_0
// CHECK-SAME: memref<2x128x32xf32>
// CHECK-NOT: memref.load
// CHECK-COUNT-16: vector.load
// CHECK-COUNT-64: vector.shuffle
// CHECK-COUNT-16: vector.store
// CHECK-NOT: vector.store
// CHECK: return
func.func @transposes_in_registers(%x: !kernel.buffer<64x128xf32>, %y: !kernel.buffer<128x64xf32, #kernel.panels<32>>) {
  kernel.compute map "pack" reads(%a = %x) writes(%y) : (!kernel.buffer<64x128xf32>) -> (!kernel.buffer<128x64xf32, #kernel.panels<32>>) {
    %0 = graph.transpose %a by [1, 0] : tensor<64x128xf32> -> tensor<128x64xf32>
    kernel.yield %0 : tensor<128x64xf32>
  }
  return
}

// -----

// The sum over a row: four vectors of sums in the loop, the tail masked behind it, halves added to halves.

// CHECK-LABEL: func.func private @sums_0
// CHECK: scf.for
// CHECK: %{{.*}}:4 = scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-NOT: masked
// CHECK-COUNT-4: vector.load
// CHECK: scf.yield
// CHECK: vector.maskedload
// CHECK: vector.shuffle {{.*}} [0, 1, 2, 3, 4, 5, 6, 7]
// CHECK: vector.shuffle {{.*}} [8, 9, 10, 11, 12, 13, 14, 15]
// CHECK-NOT: vector.reduction
// CHECK: return
func.func @sums_rows_in_a_fixed_order(%x: !kernel.buffer<7x1000xf32>, %y: !kernel.buffer<7xf32>) {
  kernel.compute row_reduce "sums" reads(%a = %x) writes(%y) : (!kernel.buffer<7x1000xf32>) -> (!kernel.buffer<7xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<7x1000xf32> -> tensor<7xf32>
    kernel.yield %0 : tensor<7xf32>
  }
  return
}

// -----

// Eight vectors of columns at once down the rows, without a horizontal step: eight such pieces of a row are work for all threads.

// CHECK-LABEL: func.func private @columns_0
// CHECK: %{{.*}}:8 = scf.for
// CHECK-COUNT-8: vector.load
// CHECK: scf.yield
// CHECK-NOT: vector.shuffle
// CHECK: return
func.func @sums_columns(%x: !kernel.buffer<320x1024xf32>, %y: !kernel.buffer<1024xf32>) {
  kernel.compute column_reduce "columns" reads(%a = %x) writes(%y) : (!kernel.buffer<320x1024xf32>) -> (!kernel.buffer<1024xf32>) {
    %0 = graph.reduce_sum %a over [0] : tensor<320x1024xf32> -> tensor<1024xf32>
    kernel.yield %0 : tensor<1024xf32>
  }
  return
}

// -----

// Zeros, then one addition per id, under a branch for ids outside of the table.

// CHECK-LABEL: func.func private @scatter_0
// CHECK: scf.for
// CHECK: vector.store
// CHECK: scf.for
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: arith.addf
func.func @scatters(%u: !kernel.buffer<6x64xf32>, %i: !kernel.buffer<6xi32>, %y: !kernel.buffer<100x64xf32>) {
  kernel.compute gather_scatter "scatter" reads(%a = %u, %b = %i) writes(%y) : (!kernel.buffer<6x64xf32>, !kernel.buffer<6xi32>) -> (!kernel.buffer<100x64xf32>) {
    %0 = graph.scatter_add %a at %b : tensor<6x64xf32>, tensor<6xi32> -> tensor<100x64xf32>
    kernel.yield %0 : tensor<100x64xf32>
  }
  return
}

// -----

// A softmax in three passes: the maximum; exponentials, which are stored in the result's place, and their sum; the quotient. No second exponential.

// CHECK-LABEL: func.func private @softmax_0
// CHECK-COUNT-4: arith.maximumf
// CHECK-COUNT-4: math.exp
// CHECK-NOT: math.exp
// CHECK: arith.divf
// CHECK-NOT: math.exp
// CHECK: return
func.func @keeps_exponentials(%x: !kernel.buffer<7x1024xf32>, %y: !kernel.buffer<7x1024xf32>) {
  kernel.compute row_reduce "softmax" reads(%a = %x) writes(%y) : (!kernel.buffer<7x1024xf32>) -> (!kernel.buffer<7x1024xf32>) {
    %0 = graph.reduce_max %a over [1] : tensor<7x1024xf32> -> tensor<7xf32>
    %1 = graph.broadcast %0 along [0] : tensor<7xf32> -> tensor<7x1024xf32>
    %2 = graph.sub %a, %1 : tensor<7x1024xf32>
    %3 = graph.exp %2 : tensor<7x1024xf32>
    %4 = graph.reduce_sum %3 over [1] : tensor<7x1024xf32> -> tensor<7xf32>
    %5 = graph.broadcast %4 along [0] : tensor<7xf32> -> tensor<7x1024xf32>
    %6 = graph.div %3, %5 : tensor<7x1024xf32>
    kernel.yield %6 : tensor<7x1024xf32>
  }
  return
}

// -----

// What lies in the result's place is read after the exponentials: they are not kept.

// CHECK-LABEL: func.func private @needs_both_0
// CHECK-COUNT-4: math.exp
// CHECK: math.exp
// CHECK: return
func.func @keeps_nothing_over_what_is_needed(%x: !kernel.buffer<7x1024xf32>) {
  kernel.compute row_reduce "needs_both" reads(%a = %x) writes(%x) : (!kernel.buffer<7x1024xf32>) -> (!kernel.buffer<7x1024xf32>) {
    %0 = graph.exp %a : tensor<7x1024xf32>
    %1 = graph.reduce_sum %0 over [1] : tensor<7x1024xf32> -> tensor<7xf32>
    %2 = graph.broadcast %1 along [0] : tensor<7xf32> -> tensor<7x1024xf32>
    %3 = graph.div %0, %2 : tensor<7x1024xf32>
    %4 = graph.mul %3, %a : tensor<7x1024xf32>
    kernel.yield %4 : tensor<7x1024xf32>
  }
  return
}

// -----

// Two sums over a row that do not wait for each other share a pass.

// CHECK-LABEL: func.func private @moments_0
// CHECK: iter_args
// CHECK-NOT: iter_args
// CHECK: return
func.func @shares_passes(%x: !kernel.buffer<7x1024xf32>, %s: !kernel.buffer<7xf32>, %q: !kernel.buffer<7xf32>) {
  kernel.compute row_reduce "moments" reads(%a = %x) writes(%s, %q) : (!kernel.buffer<7x1024xf32>) -> (!kernel.buffer<7xf32>, !kernel.buffer<7xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<7x1024xf32> -> tensor<7xf32>
    %1 = graph.mul %a, %a : tensor<7x1024xf32>
    %2 = graph.reduce_sum %1 over [1] : tensor<7x1024xf32> -> tensor<7xf32>
    kernel.yield %0, %2 : tensor<7xf32>, tensor<7xf32>
  }
  return
}

// -----

// Rows that are long and come from memory are added up in the result, as they lie: for each part its rows, each of them
// from end to end, with a request for what lies a page ahead.

// CHECK-LABEL: func.func @sums_whole_rows
// CHECK: kernel.launch @rows_0({{.*}}) tasks 8
// CHECK: func.func private @rows_0(%{{.*}}: memref<64x8x1024xf32, strided<[1024, 65536, 1]>>
// CHECK: scf.for
// CHECK: vector.store
// CHECK: scf.for %[[ROW:[^ ]+]] =
// CHECK: scf.for
// CHECK: memref.prefetch
// CHECK: vector.load
// CHECK: vector.load
// CHECK: arith.addf
// CHECK: vector.store
// CHECK-NOT: iter_args
// CHECK: return
func.func @sums_whole_rows(%w: !kernel.buffer<64x8x1024xf32, strided<[1024, 65536, 1]>>, %y: !kernel.buffer<8x1024xf32>) {
  kernel.compute column_reduce "rows" reads(%a = %w) writes(%y) : (!kernel.buffer<64x8x1024xf32, strided<[1024, 65536, 1]>>) -> (!kernel.buffer<8x1024xf32>) {
    %0 = graph.reduce_sum %a over [0] : tensor<64x8x1024xf32> -> tensor<8x1024xf32>
    kernel.yield %0 : tensor<8x1024xf32>
  }
  return
}

// -----

// The same where rows do not lie behind each other: strips of columns, their sums in registers.

// CHECK-LABEL: func.func private @strips_0
// CHECK-NOT: memref.prefetch
// CHECK: iter_args
// CHECK: return
func.func @sums_strips(%w: !kernel.buffer<64x8x1024xf32>, %y: !kernel.buffer<8x1024xf32>) {
  kernel.compute column_reduce "strips" reads(%a = %w) writes(%y) : (!kernel.buffer<64x8x1024xf32>) -> (!kernel.buffer<8x1024xf32>) {
    %0 = graph.reduce_sum %a over [0] : tensor<64x8x1024xf32> -> tensor<8x1024xf32>
    kernel.yield %0 : tensor<8x1024xf32>
  }
  return
}

// -----

// bf16: half as many requests as vectors, which a line has two of.

// CHECK-LABEL: func.func private @narrow_0
// CHECK: scf.for
// CHECK: scf.for
// CHECK: memref.prefetch
// CHECK: vector.load {{.*}} vector<16xf32>
// CHECK: vector.load {{.*}} vector<16xbf16>
// CHECK-NOT: memref.prefetch
// CHECK: vector.load {{.*}} vector<16xbf16>
// CHECK: memref.prefetch
func.func @sums_rows_of_bf16(%w: !kernel.buffer<64x8x1024xbf16, strided<[1024, 65536, 1]>>, %y: !kernel.buffer<8x1024xf32>) {
  kernel.compute column_reduce "narrow" reads(%a = %w) writes(%y) : (!kernel.buffer<64x8x1024xbf16, strided<[1024, 65536, 1]>>) -> (!kernel.buffer<8x1024xf32>) {
    %0 = graph.convert %a : tensor<64x8x1024xbf16> -> tensor<64x8x1024xf32>
    %1 = graph.reduce_sum %0 over [0] : tensor<64x8x1024xf32> -> tensor<8x1024xf32>
    kernel.yield %1 : tensor<8x1024xf32>
  }
  return
}

// -----

// Long rows that are added up along themselves are asked for ahead, too; a matrix that stays in a cache is not.

// CHECK-LABEL: func.func private @far_0
// CHECK: memref.prefetch
// CHECK-LABEL: func.func private @near_1
// CHECK-NOT: memref.prefetch
func.func @asks_for_rows(%x: !kernel.buffer<256x256xf32>, %y: !kernel.buffer<256xf32>, %s: !kernel.buffer<16x256xf32>, %z: !kernel.buffer<16xf32>) {
  kernel.compute row_reduce "far" reads(%a = %x) writes(%y) : (!kernel.buffer<256x256xf32>) -> (!kernel.buffer<256xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<256x256xf32> -> tensor<256xf32>
    kernel.yield %0 : tensor<256xf32>
  }
  kernel.compute row_reduce "near" reads(%a = %s) writes(%z) : (!kernel.buffer<16x256xf32>) -> (!kernel.buffer<16xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<16x256xf32> -> tensor<16xf32>
    kernel.yield %0 : tensor<16xf32>
  }
  return
}

// -----

// Blocks of rows of a batch are digits of one number: what is taken apart again is not put together before, or vectors would be
// read an entry at a time.

// CHECK-LABEL: func.func private @turned_0
// CHECK-NOT: memref.load
// CHECK-COUNT-20: vector.load
// CHECK-NOT: memref.load
// CHECK: return
func.func @turns_heads(%x: !kernel.buffer<4x20x8x32xf32>, %y: !kernel.buffer<32x32x20xf32, #kernel.panels<32>>) {
  kernel.compute map "turned" reads(%a = %x) writes(%y) : (!kernel.buffer<4x20x8x32xf32>) -> (!kernel.buffer<32x32x20xf32, #kernel.panels<32>>) {
    %0 = graph.transpose %a by [0, 2, 3, 1] : tensor<4x20x8x32xf32> -> tensor<4x8x32x20xf32>
    %1 = graph.reshape %0 : tensor<4x8x32x20xf32> -> tensor<32x32x20xf32>
    kernel.yield %1 : tensor<32x32x20xf32>
  }
  return
}

// -----

// Rows are added to a table's entries, which are copied first; where the table is the result itself, nothing is written
// but those rows.

// CHECK-LABEL: func.func private @copied_0
// CHECK: scf.for
// CHECK: vector.store
// CHECK: scf.for
// CHECK: scf.if
// CHECK-LABEL: func.func private @there_1
// CHECK: scf.if
// CHECK: vector.store
// CHECK-NOT: vector.store
// CHECK: return
func.func @adds_rows(%t: !kernel.buffer<64x16xf32>, %u: !kernel.buffer<5x16xf32>, %i: !kernel.buffer<5xi32>, %y: !kernel.buffer<64x16xf32>) {
  kernel.compute gather_scatter "copied" reads(%a = %t, %b = %u, %c = %i) writes(%y) : (!kernel.buffer<64x16xf32>, !kernel.buffer<5x16xf32>, !kernel.buffer<5xi32>) -> (!kernel.buffer<64x16xf32>) {
    %0 = graph.scatter_add %b at %c : tensor<5x16xf32>, tensor<5xi32> -> tensor<64x16xf32>
    %1 = graph.add %a, %0 : tensor<64x16xf32>
    kernel.yield %1 : tensor<64x16xf32>
  }
  kernel.compute gather_scatter "there" reads(%a = %t, %b = %u, %c = %i) writes(%t) : (!kernel.buffer<64x16xf32>, !kernel.buffer<5x16xf32>, !kernel.buffer<5xi32>) -> (!kernel.buffer<64x16xf32>) {
    %0 = graph.scatter_add %b at %c : tensor<5x16xf32>, tensor<5xi32> -> tensor<64x16xf32>
    %1 = graph.add %a, %0 : tensor<64x16xf32>
    kernel.yield %1 : tensor<64x16xf32>
  }
  return
}
