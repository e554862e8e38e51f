// RUN: moru-opt %s --kernel-to-loops --split-input-file | %FileCheck %s
// RUN: moru-opt %s --kernel-to-loops="vector-bits=256 vector-registers=16" --split-input-file | %FileCheck %s --check-prefix=AVX2

// 48 rows are four tiles of 12: the loop over k holds 24 sums, two loads of the panel, twelve of A, and one fma per sum; nothing is stored.
// The bias is added to the registers.

// CHECK-LABEL: func.func private @head_0
// CHECK-SAME: memref<48x256xf32>, %{{.*}}: memref<2x256x32xf32>
// CHECK-NOT: memref.alloc
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-2: vector.load
// CHECK-NOT: vector.load
// CHECK-COUNT-24: vector.fma
// CHECK-NOT: {{vector.fma|store}}
// CHECK: scf.yield
// CHECK-COUNT-24: vector.store
// CHECK-NOT: vector.store
// CHECK: return
// AVX2-LABEL: func.func private @head_0
// AVX2: %{{.*}}:8 = scf.for
// AVX2-COUNT-8: vector.fma %{{.*}} : vector<8xf32>
// AVX2-NOT: vector.fma
// AVX2: return
func.func @keeps_a_tile_in_registers(%a: !kernel.buffer<48x256xf32>, %b: !kernel.buffer<256x64xf32, #kernel.panels<32>>,
                                     %c: !kernel.buffer<64xf32>, %y: !kernel.buffer<48x64xf32>) {
  kernel.compute contract "head" reads(%l = %a, %r = %b, %s = %c) writes(%y)
      : (!kernel.buffer<48x256xf32>, !kernel.buffer<256x64xf32, #kernel.panels<32>>, !kernel.buffer<64xf32>) -> (!kernel.buffer<48x64xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x256xf32>, tensor<256x64xf32> -> tensor<48x64xf32>
    %1 = graph.broadcast %s along [1] : tensor<64xf32> -> tensor<48x64xf32>
    %2 = graph.add %0, %1 : tensor<48x64xf32>
    kernel.yield %2 : tensor<48x64xf32>
  }
  return
}

// -----

// 32 rows: tiles of 11, 11 and 10. The last columns are masked where they are stored, never in the loop over k.

// CHECK-LABEL: func.func private @tails_0
// CHECK: %{{.*}}:22 = scf.for
// CHECK-NOT: masked
// CHECK: scf.yield
// CHECK: vector.maskedstore
// CHECK: %{{.*}}:20 = scf.for
// CHECK-NOT: masked
// CHECK: scf.yield
// CHECK: vector.maskedstore
func.func @masks_stores_alone(%a: !kernel.buffer<32x256xf32>, %b: !kernel.buffer<256x1000xf32, #kernel.panels<32>>, %y: !kernel.buffer<32x1000xf32>) {
  kernel.compute contract "tails" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<32x256xf32>, !kernel.buffer<256x1000xf32, #kernel.panels<32>>) -> (!kernel.buffer<32x1000xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<32x256xf32>, tensor<256x1000xf32> -> tensor<32x1000xf32>
    kernel.yield %0 : tensor<32x1000xf32>
  }
  return
}

// -----

// Many rows and panels: two panels side by side, and six rows of each: fewer loads for as many products.

// CHECK-LABEL: func.func private @wide_0
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-4: vector.load
// CHECK-NOT: vector.load
// CHECK-COUNT-24: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// AVX2-LABEL: func.func private @wide_0
// AVX2: %{{.*}}:8 = scf.for
func.func @puts_panels_side_by_side(%a: !kernel.buffer<48x256xf32>, %b: !kernel.buffer<256x128xf32, #kernel.panels<32>>, %y: !kernel.buffer<48x128xf32>) {
  kernel.compute contract "wide" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<48x256xf32>, !kernel.buffer<256x128xf32, #kernel.panels<32>>) -> (!kernel.buffer<48x128xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x256xf32>, tensor<256x128xf32> -> tensor<48x128xf32>
    kernel.yield %0 : tensor<48x128xf32>
  }
  return
}

// -----

// One row: four panels side by side, so that eight sums are under way.

// CHECK-LABEL: func.func private @row_0
// CHECK: %{{.*}}:8 = scf.for
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: vector.fma
// CHECK: return
func.func @streams_panels_for_one_row(%a: !kernel.buffer<1x256xf32>, %b: !kernel.buffer<256x1024xf32, #kernel.panels<32>>, %y: !kernel.buffer<1x1024xf32>) {
  kernel.compute contract "row" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<1x256xf32>, !kernel.buffer<256x1024xf32, #kernel.panels<32>>) -> (!kernel.buffer<1x1024xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<1x256xf32>, tensor<256x1024xf32> -> tensor<1x1024xf32>
    kernel.yield %0 : tensor<1x1024xf32>
  }
  return
}

// -----

// Two contracted axes that are not neighbors in memory: a loop in a loop, and no division in either.

// CHECK-LABEL: func.func private @window_0
// CHECK: iter_args
// CHECK: iter_args
// CHECK-NOT: arith.{{divui|remui}}
// CHECK: return
func.func @contracts_a_window(%a: !kernel.buffer<8x10x24xf32, strided<[264, 24, 1]>>, %b: !kernel.buffer<80x32xf32, #kernel.panels<32>>,
                              %y: !kernel.buffer<24x32xf32>) {
  kernel.compute contract "window" reads(%l = %a, %p = %b) writes(%y)
      : (!kernel.buffer<8x10x24xf32, strided<[264, 24, 1]>>, !kernel.buffer<80x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<24x32xf32>) {
    %r = graph.reshape %p : tensor<80x32xf32> -> tensor<8x10x32xf32>
    %0 = graph.contract %l, %r over [0, 1] with [0, 1] : tensor<8x10x24xf32>, tensor<8x10x32xf32> -> tensor<24x32xf32>
    kernel.yield %0 : tensor<24x32xf32>
  }
  return
}

// -----

// So much of a panel would not stay in the second cache: k is cut into blocks, sums between them lie in the output.

// CHECK-LABEL: func.func private @long_0
// CHECK: scf.if {{.*}} -> (vector<16xf32>
// CHECK: vector.load
// CHECK: iter_args
// CHECK-COUNT-24: vector.fma
// CHECK-NOT: vector.fma
// CHECK: return
func.func @cuts_long_sums(%a: !kernel.buffer<48x16384xf32>, %b: !kernel.buffer<16384x64xf32, #kernel.panels<32>>, %y: !kernel.buffer<48x64xf32>) {
  kernel.compute contract "long" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<48x16384xf32>, !kernel.buffer<16384x64xf32, #kernel.panels<32>>) -> (!kernel.buffer<48x64xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x16384xf32>, tensor<16384x64xf32> -> tensor<48x64xf32>
    kernel.yield %0 : tensor<48x64xf32>
  }
  return
}

// -----

// The only output is read by the epilogue: nothing may lie there before, and the sum is one loop.

// CHECK-LABEL: func.func private @residual_0
// CHECK-NOT: scf.if
// CHECK: iter_args
// CHECK-NOT: iter_args
// CHECK: return
func.func @does_not_cut_over_what_is_read(%a: !kernel.buffer<48x16384xf32>, %b: !kernel.buffer<16384x64xf32, #kernel.panels<32>>, %y: !kernel.buffer<48x64xf32>) {
  kernel.compute contract "residual" reads(%l = %a, %r = %b, %x = %y) writes(%y)
      : (!kernel.buffer<48x16384xf32>, !kernel.buffer<16384x64xf32, #kernel.panels<32>>, !kernel.buffer<48x64xf32>) -> (!kernel.buffer<48x64xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x16384xf32>, tensor<16384x64xf32> -> tensor<48x64xf32>
    %1 = graph.add %0, %x : tensor<48x64xf32>
    kernel.yield %1 : tensor<48x64xf32>
  }
  return
}

// -----

// Each entry of k lies in lines of its own: those that the tile multiplies 16 steps later are asked for.

// CHECK-LABEL: func.func private @gradient_0
// CHECK: iter_args
// CHECK: memref.prefetch {{.*}}, read, locality<3>, data
// CHECK: memref.prefetch
// CHECK-NOT: memref.prefetch
// CHECK: vector.fma
// CHECK: return
func.func @asks_for_rows_ahead(%a: !kernel.buffer<512x64xf32>, %b: !kernel.buffer<512x64xf32, #kernel.panels<32>>, %y: !kernel.buffer<64x64xf32>) {
  kernel.compute contract "gradient" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<512x64xf32>, !kernel.buffer<512x64xf32, #kernel.panels<32>>) -> (!kernel.buffer<64x64xf32>) {
    %0 = graph.contract %l, %r over [0] with [0] : tensor<512x64xf32>, tensor<512x64xf32> -> tensor<64x64xf32>
    kernel.yield %0 : tensor<64x64xf32>
  }
  return
}

// -----

// Along k the machine finds the lines by itself.

// CHECK-LABEL: func.func private @forward_0
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @leaves_lines_along_k_to_the_machine(%a: !kernel.buffer<64x512xf32>, %b: !kernel.buffer<512x64xf32, #kernel.panels<32>>, %y: !kernel.buffer<64x64xf32>) {
  kernel.compute contract "forward" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<64x512xf32>, !kernel.buffer<512x64xf32, #kernel.panels<32>>) -> (!kernel.buffer<64x64xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<64x512xf32>, tensor<512x64xf32> -> tensor<64x64xf32>
    kernel.yield %0 : tensor<64x64xf32>
  }
  return
}

// -----

// B in rows: a tile's 64 columns are copied onto the stack, whole vectors at a time, before the tiles are multiplied with
// the copy. The last of its panels has no 32 columns.

// CHECK-LABEL: func.func private @rows_0
// CHECK-SAME: memref<48x300xf32>, %{{.*}}: memref<300x150xf32>
// CHECK: %[[COPY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<19200xf32>
// CHECK: scf.for
// CHECK-COUNT-4: vector.store %{{.*}}, %[[COPY]]
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-4: vector.load %[[COPY]]
// CHECK-NOT: vector.load
// CHECK-COUNT-24: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @copies_rows(%a: !kernel.buffer<48x300xf32>, %b: !kernel.buffer<300x150xf32>, %y: !kernel.buffer<48x150xf32>) {
  kernel.compute contract "rows" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<48x300xf32>, !kernel.buffer<300x150xf32>) -> (!kernel.buffer<48x150xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x300xf32>, tensor<300x150xf32> -> tensor<48x150xf32>
    kernel.yield %0 : tensor<48x150xf32>
  }
  return
}

// -----

// The columns' sums are taken while the rows are copied: four vectors are carried along, nothing is read twice.

// CHECK-LABEL: func.func private @sums_0
// CHECK-SAME: %[[B:[a-z0-9]+]]: memref<300x128xf32>, %{{.*}}: memref<48x128xf32>, %[[SUMS:[a-z0-9]+]]: memref<128xf32>
// CHECK: scf.if
// CHECK: %{{.*}}:4 = scf.for
// CHECK-COUNT-4: arith.addf
// CHECK: scf.yield
// CHECK-COUNT-4: vector.store %{{.*}}, %[[SUMS]]
// CHECK: else
// CHECK-NOT: arith.addf
// CHECK: return
func.func @adds_up_columns(%a: !kernel.buffer<48x300xf32>, %b: !kernel.buffer<300x128xf32>, %y: !kernel.buffer<48x128xf32>, %s: !kernel.buffer<128xf32>) {
  kernel.compute contract "sums" reads(%l = %a, %r = %b) writes(%y, %s)
      : (!kernel.buffer<48x300xf32>, !kernel.buffer<300x128xf32>) -> (!kernel.buffer<48x128xf32>, !kernel.buffer<128xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x300xf32>, tensor<300x128xf32> -> tensor<48x128xf32>
    %1 = graph.reduce_sum %r over [0] : tensor<300x128xf32> -> tensor<128xf32>
    kernel.yield %0, %1 : tensor<48x128xf32>, tensor<128xf32>
  }
  return
}

// -----

// Rows of two axes that lie in memory in another order than in the result: one run of tiles, and no loop around them
// over the axis that is not cut into tiles.

// CHECK-LABEL: func.func private @swapped_0
// CHECK: scf.for
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-24: vector.fma
// CHECK: scf.yield
// CHECK-NOT: vector.fma
// CHECK: return
func.func @runs_through_swapped_rows(%a: !kernel.buffer<4x12x64xf32, strided<[64, 256, 1]>>, %b: !kernel.buffer<64x32xf32, #kernel.panels<32>>,
                                     %y: !kernel.buffer<4x12x32xf32>) {
  kernel.compute contract "swapped" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<4x12x64xf32, strided<[64, 256, 1]>>, !kernel.buffer<64x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<4x12x32xf32>) {
    %0 = graph.contract %l, %r over [2] with [0] : tensor<4x12x64xf32>, tensor<64x32xf32> -> tensor<4x12x32xf32>
    kernel.yield %0 : tensor<4x12x32xf32>
  }
  return
}

// -----

// A long chain for each vector of sums: four of them are computed operation by operation.

// CHECK-LABEL: func.func private @gate_0
// CHECK: scf.for
// CHECK-COUNT-4: math.exp
// CHECK: arith.divf
// CHECK-NOT: math.exp
// CHECK-COUNT-4: vector.store
// CHECK: math.exp
// CHECK: return
func.func @interleaves_chains(%a: !kernel.buffer<48x64xf32>, %b: !kernel.buffer<64x64xf32, #kernel.panels<32>>, %y: !kernel.buffer<48x64xf32>) {
  kernel.compute contract "gate" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<48x64xf32>, !kernel.buffer<64x64xf32, #kernel.panels<32>>) -> (!kernel.buffer<48x64xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<48x64xf32>, tensor<64x64xf32> -> tensor<48x64xf32>
    %1 = graph.exp %0 : tensor<48x64xf32>
    %2 = graph.div %0, %1 : tensor<48x64xf32>
    kernel.yield %2 : tensor<48x64xf32>
  }
  return
}
