// Stretches of K that are no longer than a chunk: sums go on from one to the next, and results are made by the last one.
// RUN: moru-opt %s --kernel-to-loops="l1-bytes=65536 l2-bytes=131072" | FileCheck %s
// RUN: %if amx_bf16 %{ moru-opt %s --kernel-plan --kernel-to-loops="l1-bytes=65536 l2-bytes=131072" --loops-to-llvm --check=each --check-seed=7 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=CHECKED %}
// CHECKED-NOT: error
// CHECKED: checks: compared {{[0-9]+}} entries

func.func @main(%a: !kernel.buffer<607x71xbf16> {graph.name = "a", graph.role = "input"},
                %b: !kernel.buffer<607x40xbf16> {graph.name = "b", graph.role = "input"},
                %y: !kernel.buffer<71x40xf32> {graph.name = "y", graph.role = "output"}) {
  %lhs = kernel.alloc : !kernel.buffer<607x71xbf16, #kernel.tiles<lhs, 1>>
  %rhs = kernel.alloc : !kernel.buffer<607x40xbf16, #kernel.tiles<rhs, 1>>
  kernel.compute map "pack a" reads(%0 = %a) writes(%lhs) : (!kernel.buffer<607x71xbf16>) -> (!kernel.buffer<607x71xbf16, #kernel.tiles<lhs, 1>>) {
    kernel.yield %0 : tensor<607x71xbf16>
  }
  kernel.compute map "pack b" reads(%0 = %b) writes(%rhs) : (!kernel.buffer<607x40xbf16>) -> (!kernel.buffer<607x40xbf16, #kernel.tiles<rhs, 1>>) {
    kernel.yield %0 : tensor<607x40xbf16>
  }
  kernel.compute contract "product" reads(%0 = %lhs, %1 = %rhs) writes(%y) : (!kernel.buffer<607x71xbf16, #kernel.tiles<lhs, 1>>, !kernel.buffer<607x40xbf16, #kernel.tiles<rhs, 1>>) -> (!kernel.buffer<71x40xf32>) {
    %c = graph.contract %0, %1 over [0] with [0] {kernel.planes = 1 : i64} : tensor<607x71xbf16>, tensor<607x40xbf16> -> tensor<71x40xf32>
    kernel.yield %c : tensor<71x40xf32>
  }
  return
}

// CHECK-LABEL: func.func private @product_
// CHECK-NOT: amx.tile_zero
// CHECK: scf.for %{{.*}} = %c0 to %c3
// CHECK: amx.tile_load %alloca
// CHECK-COUNT-4: amx.tile_mulf
// CHECK: scf.if
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK: return
