// Contractions on matrix units: both operands split into planes of bf16 and packed in tiles.
// RUN: moru-opt %s --kernel-to-loops | FileCheck %s

// Every kernel and the whole program, run: odd sizes, several cuts and stretches of K, batches, two parts instead of three. Operands that are
// infinite, not a number, huge or denormal take the plain way.
// RUN: %if amx_bf16 %{ moru-opt %s --kernel-plan --kernel-to-loops --loops-to-llvm --check=each --check-seed=7 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=CHECKED %}
// CHECKED-NOT: error
// CHECKED: checks: compared {{[0-9]+}} entries

// K = 1600: 50 blocks in 5 cuts, and of these 2 are a stretch.
// CHECK-LABEL: func.func @stretches
// CHECK: kernel.launch @pack_lhs
// CHECK: kernel.launch @pack_rhs
// CHECK: kernel.launch @contract
func.func @stretches(%a: !kernel.buffer<33x1600xf32> {graph.name = "a", graph.role = "input"},
                     %b: !kernel.buffer<1600x40xf32> {graph.name = "b", graph.role = "input"},
                     %bias: !kernel.buffer<40xf32> {graph.name = "bias", graph.role = "input"},
                     %y: !kernel.buffer<33x40xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<1600x33xf32, #kernel.tiles<lhs, 3>>
  %rhs = kernel.alloc : !kernel.buffer<1600x40xf32, #kernel.tiles<rhs, 3>>
  kernel.compute map "pack lhs" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<33x1600xf32>) -> (!kernel.buffer<1600x33xf32, #kernel.tiles<lhs, 3>>) {
    %t = graph.transpose %0 by [1, 0] : tensor<33x1600xf32> -> tensor<1600x33xf32>
    kernel.yield %t : tensor<1600x33xf32>
  }
  kernel.compute map "pack rhs" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<1600x40xf32>) -> (!kernel.buffer<1600x40xf32, #kernel.tiles<rhs, 3>>) {
    kernel.yield %0 : tensor<1600x40xf32>
  }
  kernel.compute contract "contract+add" reads(%2 = %bias, %0 = %lhs, %1 = %rhs) writes(%y) : (!kernel.buffer<40xf32>, !kernel.buffer<1600x33xf32, #kernel.tiles<lhs, 3>>, !kernel.buffer<1600x40xf32, #kernel.tiles<rhs, 3>>) -> (!kernel.buffer<33x40xf32>) {
    %c = graph.contract %0, %1 over [0] with [0] {kernel.planes = 3 : i64} : tensor<1600x33xf32>, tensor<1600x40xf32> -> tensor<33x40xf32>
    %w = graph.broadcast %2 along [1] : tensor<40xf32> -> tensor<33x40xf32>
    %s = graph.add %c, %w : tensor<33x40xf32>
    kernel.yield %s : tensor<33x40xf32>
  }
  return
}

// The other way round in memory: squares are transposed in registers. Two batches, two parts.
// CHECK-LABEL: func.func @transposed
func.func @transposed(%a: !kernel.buffer<2x70x33xf32> {graph.name = "a", graph.role = "input"},
                      %b: !kernel.buffer<2x3x7x70xf32> {graph.name = "b", graph.role = "input"},
                      %y: !kernel.buffer<2x33x3x7xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<2x70x33xf32, #kernel.tiles<lhs, 2>>
  %rhs = kernel.alloc : !kernel.buffer<2x70x21xf32, #kernel.tiles<rhs, 2>>
  kernel.compute map "pack lhs" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<2x70x33xf32>) -> (!kernel.buffer<2x70x33xf32, #kernel.tiles<lhs, 2>>) {
    kernel.yield %0 : tensor<2x70x33xf32>
  }
  kernel.compute map "pack rhs" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<2x3x7x70xf32>) -> (!kernel.buffer<2x70x21xf32, #kernel.tiles<rhs, 2>>) {
    %t = graph.transpose %0 by [0, 3, 1, 2] : tensor<2x3x7x70xf32> -> tensor<2x70x3x7xf32>
    %r = graph.reshape %t : tensor<2x70x3x7xf32> -> tensor<2x70x21xf32>
    kernel.yield %r : tensor<2x70x21xf32>
  }
  kernel.compute contract "contract" reads(%0 = %lhs, %1 = %rhs) writes(%y) : (!kernel.buffer<2x70x33xf32, #kernel.tiles<lhs, 2>>, !kernel.buffer<2x70x21xf32, #kernel.tiles<rhs, 2>>) -> (!kernel.buffer<2x33x3x7xf32>) {
    %r = graph.reshape %1 : tensor<2x70x21xf32> -> tensor<2x70x3x7xf32>
    %c = graph.contract %0, %r over [1] with [1] batch [0] with [0] {kernel.planes = 2 : i64} : tensor<2x70x33xf32>, tensor<2x70x3x7xf32> -> tensor<2x33x3x7xf32>
    kernel.yield %c : tensor<2x33x3x7xf32>
  }
  return
}

// The rhs is not in tiles: a panel is split into a local buffer before its use. The last panel is narrow.
// CHECK-LABEL: func.func @splits
func.func @splits(%a: !kernel.buffer<33x70xf32> {graph.name = "a", graph.role = "input"},
                  %b: !kernel.buffer<2x70x5x19xf32> {graph.name = "b", graph.role = "input"},
                  %y: !kernel.buffer<2x33x5x19xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<2x70x33xf32, #kernel.tiles<lhs, 3>>
  kernel.compute map "pack lhs" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<33x70xf32>) -> (!kernel.buffer<2x70x33xf32, #kernel.tiles<lhs, 3>>) {
    %t = graph.transpose %0 by [1, 0] : tensor<33x70xf32> -> tensor<70x33xf32>
    %w = graph.broadcast %t along [1, 2] : tensor<70x33xf32> -> tensor<2x70x33xf32>
    kernel.yield %w : tensor<2x70x33xf32>
  }
  kernel.compute contract "split" reads(%1 = %b, %0 = %lhs) writes(%y) : (!kernel.buffer<2x70x5x19xf32>, !kernel.buffer<2x70x33xf32, #kernel.tiles<lhs, 3>>) -> (!kernel.buffer<2x33x5x19xf32>) {
    %f = graph.reshape %1 : tensor<2x70x5x19xf32> -> tensor<2x70x95xf32>
    %r = graph.reshape %f : tensor<2x70x95xf32> -> tensor<2x70x5x19xf32>
    %c = graph.contract %0, %r over [1] with [1] batch [0] with [0] {kernel.planes = 3 : i64} : tensor<2x70x33xf32>, tensor<2x70x5x19xf32> -> tensor<2x33x5x19xf32>
    kernel.yield %c : tensor<2x33x5x19xf32>
  }
  return
}

// The same of an lhs.
// CHECK-LABEL: func.func @splits_lhs
func.func @splits_lhs(%a: !kernel.buffer<70x95xf32> {graph.name = "a", graph.role = "input"},
                      %b: !kernel.buffer<70x33xf32> {graph.name = "b", graph.role = "input"},
                      %y: !kernel.buffer<95x33xf32> {graph.name = "y", graph.role = "output"}) {
  %rhs = kernel.alloc : !kernel.buffer<70x33xf32, #kernel.tiles<rhs, 3>>
  kernel.compute map "pack rhs" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<70x33xf32>) -> (!kernel.buffer<70x33xf32, #kernel.tiles<rhs, 3>>) {
    kernel.yield %0 : tensor<70x33xf32>
  }
  kernel.compute contract "split lhs" reads(%0 = %a, %1 = %rhs) writes(%y) : (!kernel.buffer<70x95xf32>, !kernel.buffer<70x33xf32, #kernel.tiles<rhs, 3>>) -> (!kernel.buffer<95x33xf32>) {
    %c = graph.contract %0, %1 over [0] with [0] {kernel.planes = 3 : i64} : tensor<70x95xf32>, tensor<70x33xf32> -> tensor<95x33xf32>
    kernel.yield %c : tensor<95x33xf32>
  }
  return
}

// Neither is in tiles: K = 805 in stretches, of which the last one is short and has a part of a block. The halves of a panel of which only one exists.
// CHECK-LABEL: func.func @splits_both
func.func @splits_both(%a: !kernel.buffer<2x41x805xf32> {graph.name = "a", graph.role = "input"},
                       %b: !kernel.buffer<2x805x13xf32> {graph.name = "b", graph.role = "input"},
                       %y: !kernel.buffer<2x41x13xf32> {graph.name = "y", graph.role = "output"}) {
  kernel.compute contract "split both" reads(%0 = %a, %1 = %b) writes(%y) : (!kernel.buffer<2x41x805xf32>, !kernel.buffer<2x805x13xf32>) -> (!kernel.buffer<2x41x13xf32>) {
    %t = graph.transpose %0 by [0, 2, 1] : tensor<2x41x805xf32> -> tensor<2x805x41xf32>
    %c = graph.contract %t, %1 over [1] with [1] batch [0] with [0] {kernel.planes = 3 : i64} : tensor<2x805x41xf32>, tensor<2x805x13xf32> -> tensor<2x41x13xf32>
    kernel.yield %c : tensor<2x41x13xf32>
  }
  return
}

// bf16: one plane. Rows in steps of a larger buffer, in two batches, are tiles as they lie; K = 8224 has three cuts, each a stretch.
// CHECK-LABEL: func.func @rows
func.func @rows(%a: !kernel.buffer<2x32x8224xbf16, strided<[8224, 16448, 1]>> {graph.name = "a", graph.role = "input"},
                %b: !kernel.buffer<2x24x8224xbf16> {graph.name = "b", graph.role = "input"},
                %y: !kernel.buffer<2x32x24xf32> {graph.name = "y", graph.role = "output"}) {
  %rhs = kernel.alloc : !kernel.buffer<2x8224x24xbf16, #kernel.tiles<rhs, 1>>
  kernel.compute map "pack rhs" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<2x24x8224xbf16>) -> (!kernel.buffer<2x8224x24xbf16, #kernel.tiles<rhs, 1>>) {
    %t = graph.transpose %0 by [0, 2, 1] : tensor<2x24x8224xbf16> -> tensor<2x8224x24xbf16>
    kernel.yield %t : tensor<2x8224x24xbf16>
  }
  kernel.compute contract "rows" reads(%0 = %a, %1 = %rhs) writes(%y) : (!kernel.buffer<2x32x8224xbf16, strided<[8224, 16448, 1]>>, !kernel.buffer<2x8224x24xbf16, #kernel.tiles<rhs, 1>>) -> (!kernel.buffer<2x32x24xf32>) {
    %t = graph.transpose %0 by [0, 2, 1] : tensor<2x32x8224xbf16> -> tensor<2x8224x32xbf16>
    %c = graph.contract %t, %1 over [1] with [1] batch [0] with [0] {kernel.planes = 1 : i64} : tensor<2x8224x32xbf16>, tensor<2x8224x24xbf16> -> tensor<2x32x24xf32>
    kernel.yield %c : tensor<2x32x24xf32>
  }
  return
}

// Odd sizes, packed: pairs of rows, and columns transposed in registers. An rhs that is rounded on its way, a panel at a time.
// CHECK-LABEL: func.func @odd_bf16
func.func @odd_bf16(%a: !kernel.buffer<33x71xbf16> {graph.name = "a", graph.role = "input"},
                    %b: !kernel.buffer<71x95xf32> {graph.name = "b", graph.role = "input"},
                    %c: !kernel.buffer<71x33xbf16> {graph.name = "c", graph.role = "input"},
                    %y: !kernel.buffer<33x95xf32> {graph.name = "y", graph.role = "output"},
                    %z: !kernel.buffer<33x95xf32> {graph.name = "z", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<71x33xbf16, #kernel.tiles<lhs, 1>>
  %other = kernel.alloc : !kernel.buffer<71x33xbf16, #kernel.tiles<lhs, 1>>
  kernel.compute map "pack lhs" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<33x71xbf16>) -> (!kernel.buffer<71x33xbf16, #kernel.tiles<lhs, 1>>) {
    %t = graph.transpose %0 by [1, 0] : tensor<33x71xbf16> -> tensor<71x33xbf16>
    kernel.yield %t : tensor<71x33xbf16>
  }
  kernel.compute map "pack other" reads(%0 = %c) writes(%other) : (!kernel.buffer<71x33xbf16>) -> (!kernel.buffer<71x33xbf16, #kernel.tiles<lhs, 1>>) {
    kernel.yield %0 : tensor<71x33xbf16>
  }
  kernel.compute contract "rounds" reads(%1 = %b, %0 = %lhs) writes(%y) : (!kernel.buffer<71x95xf32>, !kernel.buffer<71x33xbf16, #kernel.tiles<lhs, 1>>) -> (!kernel.buffer<33x95xf32>) {
    %r = graph.convert %1 : tensor<71x95xf32> -> tensor<71x95xbf16>
    %s = graph.contract %0, %r over [0] with [0] {kernel.planes = 1 : i64} : tensor<71x33xbf16>, tensor<71x95xbf16> -> tensor<33x95xf32>
    kernel.yield %s : tensor<33x95xf32>
  }
  kernel.compute contract "rounds other" reads(%1 = %b, %0 = %other) writes(%z) : (!kernel.buffer<71x95xf32>, !kernel.buffer<71x33xbf16, #kernel.tiles<lhs, 1>>) -> (!kernel.buffer<33x95xf32>) {
    %r = graph.convert %1 : tensor<71x95xf32> -> tensor<71x95xbf16>
    %s = graph.contract %0, %r over [0] with [0] {kernel.planes = 1 : i64} : tensor<71x33xbf16>, tensor<71x95xbf16> -> tensor<33x95xf32>
    kernel.yield %s : tensor<33x95xf32>
  }
  return
}

// What is added is asked for before it is read; so is the next panel of the longer operand, which passes by.
// CHECK-LABEL: func.func @passing
func.func @passing(%a: !kernel.buffer<64x64xbf16> {graph.name = "a", graph.role = "input"},
                   %b: !kernel.buffer<64x512xbf16> {graph.name = "b", graph.role = "input"},
                   %d: !kernel.buffer<64x512xf32> {graph.name = "d", graph.role = "input"},
                   %y: !kernel.buffer<64x512xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<64x64xbf16, #kernel.tiles<lhs, 1>>
  %rhs = kernel.alloc : !kernel.buffer<64x512xbf16, #kernel.tiles<rhs, 1>>
  kernel.compute map "pack passing a" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<64x64xbf16>) -> (!kernel.buffer<64x64xbf16, #kernel.tiles<lhs, 1>>) {
    kernel.yield %0 : tensor<64x64xbf16>
  }
  kernel.compute map "pack passing b" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<64x512xbf16>) -> (!kernel.buffer<64x512xbf16, #kernel.tiles<rhs, 1>>) {
    kernel.yield %0 : tensor<64x512xbf16>
  }
  kernel.compute contract "passing" reads(%0 = %lhs, %1 = %rhs, %2 = %d) writes(%y) : (!kernel.buffer<64x64xbf16, #kernel.tiles<lhs, 1>>, !kernel.buffer<64x512xbf16, #kernel.tiles<rhs, 1>>, !kernel.buffer<64x512xf32>) -> (!kernel.buffer<64x512xf32>) {
    %c = graph.contract %0, %1 over [0] with [0] {kernel.planes = 1 : i64} : tensor<64x64xbf16>, tensor<64x512xbf16> -> tensor<64x512xf32>
    %s = graph.add %c, %2 : tensor<64x512xf32>
    kernel.yield %s : tensor<64x512xf32>
  }
  return
}

// 25 blocks of K: the sums of both panels of B stay from one chunk to the next.
// CHECK-LABEL: func.func @chunks
func.func @chunks(%a: !kernel.buffer<799x71xbf16> {graph.name = "a", graph.role = "input"},
                  %b: !kernel.buffer<799x33xbf16> {graph.name = "b", graph.role = "input"},
                  %y: !kernel.buffer<71x33xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<799x71xbf16, #kernel.tiles<lhs, 1>>
  %rhs = kernel.alloc : !kernel.buffer<799x33xbf16, #kernel.tiles<rhs, 1>>
  kernel.compute map "pack chunks a" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<799x71xbf16>) -> (!kernel.buffer<799x71xbf16, #kernel.tiles<lhs, 1>>) {
    kernel.yield %0 : tensor<799x71xbf16>
  }
  kernel.compute map "pack chunks b" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<799x33xbf16>) -> (!kernel.buffer<799x33xbf16, #kernel.tiles<rhs, 1>>) {
    kernel.yield %0 : tensor<799x33xbf16>
  }
  kernel.compute contract "chunks" reads(%0 = %lhs, %1 = %rhs) writes(%y) : (!kernel.buffer<799x71xbf16, #kernel.tiles<lhs, 1>>, !kernel.buffer<799x33xbf16, #kernel.tiles<rhs, 1>>) -> (!kernel.buffer<71x33xf32>) {
    %c = graph.contract %0, %1 over [0] with [0] {kernel.planes = 1 : i64} : tensor<799x71xbf16>, tensor<799x33xbf16> -> tensor<71x33xf32>
    kernel.yield %c : tensor<71x33xf32>
  }
  return
}

// Panels too long for the second cache: sums of all places of a task stay from stretch to stretch.
// CHECK-LABEL: func.func @long
func.func @long(%a: !kernel.buffer<5003x40xbf16> {graph.name = "a", graph.role = "input"},
                  %b: !kernel.buffer<5003x33xbf16> {graph.name = "b", graph.role = "input"},
                  %y: !kernel.buffer<40x33xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<5003x40xbf16, #kernel.tiles<lhs, 1>>
  %rhs = kernel.alloc : !kernel.buffer<5003x33xbf16, #kernel.tiles<rhs, 1>>
  kernel.compute map "pack long a" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<5003x40xbf16>) -> (!kernel.buffer<5003x40xbf16, #kernel.tiles<lhs, 1>>) {
    kernel.yield %0 : tensor<5003x40xbf16>
  }
  kernel.compute map "pack long b" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<5003x33xbf16>) -> (!kernel.buffer<5003x33xbf16, #kernel.tiles<rhs, 1>>) {
    kernel.yield %0 : tensor<5003x33xbf16>
  }
  kernel.compute contract "long" reads(%0 = %lhs, %1 = %rhs) writes(%y) : (!kernel.buffer<5003x40xbf16, #kernel.tiles<lhs, 1>>, !kernel.buffer<5003x33xbf16, #kernel.tiles<rhs, 1>>) -> (!kernel.buffer<40x33xf32>) {
    %c = graph.contract %0, %1 over [0] with [0] {kernel.planes = 1 : i64} : tensor<5003x40xbf16>, tensor<5003x33xbf16> -> tensor<40x33xf32>
    kernel.yield %c : tensor<40x33xf32>
  }
  return
}

// Rows with zeros behind them are read up to a whole block.
// CHECK-LABEL: func.func @padded
func.func @padded(%a: !kernel.buffer<64x71xbf16> {graph.name = "a", graph.role = "input"},
                  %b: !kernel.buffer<71x40xbf16> {graph.name = "b", graph.role = "input"},
                  %y: !kernel.buffer<64x40xf32> {graph.name = "y", graph.role = "output"}) {
  %rows = kernel.alloc : !kernel.buffer<64x96xbf16>
  %rhs = kernel.alloc : !kernel.buffer<71x40xbf16, #kernel.tiles<rhs, 1>>
  %lhs = kernel.view %rows at 0 : !kernel.buffer<64x96xbf16> -> !kernel.buffer<64x71xbf16, strided<[96, 1]>>
  %rest = kernel.view %rows at 71 : !kernel.buffer<64x96xbf16> -> !kernel.buffer<64x25xbf16, strided<[96, 1]>>
  kernel.compute map "fill" reads() writes(%rest) : () -> (!kernel.buffer<64x25xbf16, strided<[96, 1]>>) {
    %z = graph.constant dense<0.0> : tensor<64x25xbf16>
    kernel.yield %z : tensor<64x25xbf16>
  }
  kernel.compute map "move" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<64x71xbf16>) -> (!kernel.buffer<64x71xbf16, strided<[96, 1]>>) {
    kernel.yield %0 : tensor<64x71xbf16>
  }
  kernel.compute map "pack padded" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<71x40xbf16>) -> (!kernel.buffer<71x40xbf16, #kernel.tiles<rhs, 1>>) {
    kernel.yield %0 : tensor<71x40xbf16>
  }
  kernel.compute contract "padded" reads(%0 = %rows, %1 = %rhs) writes(%y) : (!kernel.buffer<64x96xbf16>, !kernel.buffer<71x40xbf16, #kernel.tiles<rhs, 1>>) -> (!kernel.buffer<64x40xf32>) {
    %s = graph.slice %0 from [0, 0] to [64, 71] by [1, 1] : tensor<64x96xbf16> -> tensor<64x71xbf16>
    %t = graph.transpose %s by [1, 0] : tensor<64x71xbf16> -> tensor<71x64xbf16>
    %c = graph.contract %t, %1 over [0] with [0] {kernel.padded_rows, kernel.planes = 1 : i64} : tensor<71x64xbf16>, tensor<71x40xbf16> -> tensor<64x40xf32>
    kernel.yield %c : tensor<64x40xf32>
  }
  return
}

// Rows that lie beside each other in memory are split in a loop, a vector of each part in turn: once for whole halves of
// panels, and once for the last columns. The half without columns is zeros.
// CHECK-LABEL: func.func private @pack_rhs_1(
// CHECK-COUNT-2: vector.load {{.*}} : memref<64000xf32>
// CHECK-COUNT-3: vector.store {{.*}} : memref<307204xbf16>
// CHECK-NOT: {{vector.load .* : memref<64000xf32>|vector.store .* : memref<307204xbf16>}}
// CHECK-COUNT-2: vector.maskedload {{.*}} : memref<64000xf32>
// CHECK-COUNT-4: vector.store {{.*}} : memref<307204xbf16>
// CHECK-NOT: {{vector.load .* : memref<64000xf32>|vector.store .* : memref<307204xbf16>}}
// CHECK: return

// Six products of three parts in a block, for all cuts of K, none of whose operands comes from the stack; the prefetches are for the next block.
// CHECK-LABEL: func.func private @contract_add_
// CHECK: amx.tile_zero : !amx.tile<16x16xf32>
// CHECK: scf.for
// CHECK-COUNT-24: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK: scf.yield
// CHECK: amx.tile_store
// CHECK-NOT: amx.tile_mulf
// CHECK: return

// CHECK-LABEL: func.func private @split_
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<1024xf32>
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<{{[0-9]+}}xbf16>
// With each block of products some lines of the next panel, as it is before it is split.
// CHECK: amx.tile_zero
// CHECK: memref.prefetch {{.*}}, read, locality<3>, data : memref<{{[0-9]+}}xf32>
// CHECK: amx.tile_load %alloca_{{[0-9]+}}

// One product in a block of bf16, and no panel by itself.
// CHECK-LABEL: func.func private @rows_
// CHECK-NOT: memref.alloca() {{.*}}xbf16>
// CHECK: amx.tile_load %alloca
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK: scf.yield

// CHECK-LABEL: func.func private @passing_
// CHECK: amx.tile_zero : !amx.tile<16x16xf32>
// CHECK: memref.prefetch {{.*}}, write, locality<3>, data : memref<32768xf32>
// CHECK: memref.prefetch {{.*}}, read, locality<3>, data : memref<32768xf32>
// CHECK-COUNT-16: memref.prefetch {{.*}}, read, locality<2>, data : memref<{{[0-9]+}}xbf16>
// CHECK-NOT: locality<2>
// CHECK: amx.tile_load

// The sums of two places; a chunk from zero, those in between and the last one from sums that are there.
// CHECK-LABEL: func.func private @chunks_
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<2048xf32>
// CHECK-COUNT-4: amx.tile_zero
// CHECK: scf.for
// CHECK-COUNT-4: amx.tile_mulf
// CHECK: scf.yield
// CHECK-COUNT-4: amx.tile_store
// CHECK-NOT: amx.tile_zero
// CHECK: amx.tile_load %alloca
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-NOT: write
// CHECK: amx.tile_load %alloca
// CHECK: memref.prefetch {{.*}}, write
// Rows of the place before are stored between the products, those of the last one behind them.
// CHECK: scf.if
// CHECK: vector.store {{.*}} : memref<2343xf32>
// CHECK: amx.tile_mulf
// CHECK: amx.tile_store
// CHECK: vector.store {{.*}} : memref<2343xf32>

// Three stretches: all sums from zero in memory; the last chunk of the last one alone makes results.
// CHECK-LABEL: func.func private @long_
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<4096xf32>
// CHECK-NOT: amx.tile_zero
// CHECK: scf.for %{{.*}} = %c0 to %c3
// CHECK-COUNT-4: amx.tile_mulf
// CHECK: scf.if
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf

// CHECK-LABEL: func.func private @padded_
// CHECK-NOT: memref.alloca() {{.*}}xbf16>
// CHECK: amx.tile_zero : !amx.tile<16x16xf32>
