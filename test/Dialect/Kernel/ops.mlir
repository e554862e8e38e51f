// RUN: moru-opt %s | moru-opt | FileCheck %s
// RUN: moru-opt %s --mlir-print-op-generic | moru-opt | FileCheck %s
// Every operation and every layout prints as it parses (alloc, view and slot leave `!kernel.buffer` out).

// CHECK-LABEL: func.func @layouts(
// CHECK-SAME: %{{.*}}: !kernel.buffer<f32>
// CHECK-SAME: %{{.*}}: !kernel.buffer<4xi1>
// CHECK-SAME: %{{.*}}: !kernel.buffer<32x1024xf32, strided<[10240, 1]>>
// CHECK-SAME: %{{.*}}: !kernel.buffer<3x256x1000xbf16, #kernel.panels<32>>
func.func @layouts(%scalar: !kernel.buffer<f32>, %bits: !kernel.buffer<4xi1>,
                   %strided: !kernel.buffer<32x1024xf32, strided<[10240, 1]>>,
                   %panels: !kernel.buffer<3x256x1000xbf16, #kernel.panels<32>>) {
  return
}

// CHECK-LABEL: func.func @allocs()
func.func @allocs() {
  // CHECK: kernel.alloc : <32x10xf32>
  %a = kernel.alloc : !kernel.buffer<32x10xf32>
  // CHECK: kernel.alloc at 4096 : <16x40xf32, #kernel.panels<32>>
  %b = kernel.alloc at 4096 : !kernel.buffer<16x40xf32, #kernel.panels<32>>
  return
}

// CHECK-LABEL: func.func @views(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<32x11x8xf32>
func.func @views(%x: !kernel.buffer<32x11x8xf32>) {
  // CHECK: %[[V:[a-z0-9_]+]] = kernel.view %[[X]] at 8 : <32x11x8xf32> -> <32x10x8xf32, strided<[88, 8, 1]>>
  %v = kernel.view %x at 8 : !kernel.buffer<32x11x8xf32> -> !kernel.buffer<32x10x8xf32, strided<[88, 8, 1]>>
  // CHECK: kernel.view %[[V]] at 0 : {{.*}} -> <8x10x32xf32, strided<[1, 8, 88]>>
  %t = kernel.view %v at 0 : !kernel.buffer<32x10x8xf32, strided<[88, 8, 1]>> -> !kernel.buffer<8x10x32xf32, strided<[1, 8, 88]>>
  return
}

// CHECK-LABEL: func.func @slots(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<7x3x4xf32>
func.func @slots(%x: !kernel.buffer<7x3x4xf32>) {
  // CHECK: kernel.loop %[[T:[a-z0-9_]+]] to 6 {
  kernel.loop %t to 6 {
    // CHECK: kernel.slot %[[X]][%[[T]]] axis 0 : {{.*}} -> <3x4xf32>
    %forward = kernel.slot %x[%t] axis 0 : !kernel.buffer<7x3x4xf32> -> !kernel.buffer<3x4xf32>
    // CHECK: kernel.slot %[[X]][%[[T]] + 1] axis 0
    %next = kernel.slot %x[%t + 1] axis 0 : !kernel.buffer<7x3x4xf32> -> !kernel.buffer<3x4xf32>
    // CHECK: kernel.slot %[[X]][%[[T]] + 1 mod 2] axis 0
    %ring = kernel.slot %x[%t + 1 mod 2] axis 0 : !kernel.buffer<7x3x4xf32> -> !kernel.buffer<3x4xf32>
    // CHECK: kernel.slot %[[X]][%[[T]] mod 3] axis 1 : {{.*}} -> <7x4xf32, strided<[12, 1]>>
    %inner = kernel.slot %x[%t mod 3] axis 1 : !kernel.buffer<7x3x4xf32> -> !kernel.buffer<7x4xf32, strided<[12, 1]>>
    // CHECK: kernel.slot %[[X]][6 minus %[[T]]] axis 0
    %reverse = kernel.slot %x[6 minus %t] axis 0 : !kernel.buffer<7x3x4xf32> -> !kernel.buffer<3x4xf32>
    // CHECK: kernel.slot %[[X]][0 minus %[[T]] mod 2] axis 0
    %both = kernel.slot %x[0 minus %t mod 2] axis 0 : !kernel.buffer<7x3x4xf32> -> !kernel.buffer<3x4xf32>
    // CHECK: }
  }
  return
}

// CHECK-LABEL: func.func @nested_loops(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<2x3x4xf32>
func.func @nested_loops(%x: !kernel.buffer<2x3x4xf32>) {
  // CHECK: kernel.loop %[[I:[a-z0-9_]+]] to 2 {
  kernel.loop %i to 2 {
    // CHECK: %[[ROW:[a-z0-9_]+]] = kernel.slot %[[X]][%[[I]]]
    %row = kernel.slot %x[%i] axis 0 : !kernel.buffer<2x3x4xf32> -> !kernel.buffer<3x4xf32>
    // CHECK: kernel.loop %[[J:[a-z0-9_]+]] to 3 {
    kernel.loop %j to 3 {
      // CHECK: kernel.slot %[[ROW]][2 minus %[[J]]]
      %entry = kernel.slot %row[2 minus %j] axis 0 : !kernel.buffer<3x4xf32> -> !kernel.buffer<4xf32>
    }
  }
  return
}

// CHECK-LABEL: func.func @updates_in_place(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<4xf32>
func.func @updates_in_place(%x: !kernel.buffer<4xf32>) {
  // CHECK: kernel.compute map "scale" reads(%[[A:[a-z0-9_]+]] = %[[X]]) writes(%[[X]]) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
  kernel.compute map "scale" reads(%a = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    // CHECK: %[[Y:[a-z0-9_]+]] = graph.add %[[A]], %[[A]]
    %y = graph.add %a, %a : tensor<4xf32>
    // CHECK: kernel.yield %[[Y]] : tensor<4xf32>
    kernel.yield %y : tensor<4xf32>
  }
  return
}

// CHECK-LABEL: func.func @fills(
func.func @fills(%x: !kernel.buffer<4xf32>) {
  // CHECK: kernel.compute map "fill" reads() writes(%{{.*}}) : () -> (!kernel.buffer<4xf32>) {
  kernel.compute map "fill" reads() writes(%x) : () -> (!kernel.buffer<4xf32>) {
    %zero = graph.constant dense<0.0> : tensor<4xf32>
    kernel.yield %zero : tensor<4xf32>
  }
  return
}

// CHECK-LABEL: func.func @families(
func.func @families(%x: !kernel.buffer<8x4xf32>, %w: !kernel.buffer<4x16xf32, #kernel.panels<16>>, %ids: !kernel.buffer<8xi32>,
                    %rows: !kernel.buffer<8xf32>, %columns: !kernel.buffer<4xf32>, %product: !kernel.buffer<8x16xf32>,
                    %table: !kernel.buffer<5x4xf32>) {
  // CHECK: kernel.compute row_reduce "rows" {{.*}} attributes {bytes = 160 : i64, flops = 32 : i64}
  kernel.compute row_reduce "rows" reads(%0 = %x) writes(%rows) attributes {flops = 32 : i64, bytes = 160 : i64}
      : (!kernel.buffer<8x4xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.reduce_max %0 over [1] : tensor<8x4xf32> -> tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  // CHECK: kernel.compute column_reduce "columns"
  kernel.compute column_reduce "columns" reads(%0 = %x) writes(%columns) : (!kernel.buffer<8x4xf32>) -> (!kernel.buffer<4xf32>) {
    %1 = graph.reduce_sum %0 over [0] : tensor<8x4xf32> -> tensor<4xf32>
    kernel.yield %1 : tensor<4xf32>
  }
  // CHECK: kernel.compute contract "product"
  kernel.compute contract "product" reads(%0 = %x, %1 = %w) writes(%product)
      : (!kernel.buffer<8x4xf32>, !kernel.buffer<4x16xf32, #kernel.panels<16>>) -> (!kernel.buffer<8x16xf32>) {
    %2 = graph.contract %0, %1 over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
    kernel.yield %2 : tensor<8x16xf32>
  }
  // CHECK: kernel.compute gather_scatter "table"
  kernel.compute gather_scatter "table" reads(%0 = %x, %1 = %ids) writes(%table)
      : (!kernel.buffer<8x4xf32>, !kernel.buffer<8xi32>) -> (!kernel.buffer<5x4xf32>) {
    %2 = graph.scatter_add %0 at %1 : tensor<8x4xf32>, tensor<8xi32> -> tensor<5x4xf32>
    kernel.yield %2 : tensor<5x4xf32>
  }
  return
}

// CHECK-LABEL: func.func @several_results(
func.func @several_results(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>, %z: !kernel.buffer<4xi1>) {
  // CHECK: kernel.compute map "both" reads(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) writes(%{{.*}}, %{{.*}}) : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>, !kernel.buffer<4xi1>)
  kernel.compute map "both" reads(%0 = %x, %1 = %y) writes(%y, %z)
      : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>, !kernel.buffer<4xi1>) {
    %2 = graph.sub %0, %1 : tensor<4xf32>
    %3 = graph.compare lt %0, %1 : tensor<4xf32> -> tensor<4xi1>
    // CHECK: kernel.yield %{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xi1>
    kernel.yield %2, %3 : tensor<4xf32>, tensor<4xi1>
  }
  return
}

// CHECK-LABEL: func.func @branches(
func.func @branches(%p: !kernel.buffer<i1>, %x: !kernel.buffer<4xf32>) {
  // CHECK: kernel.cond %{{.*}} : <i1> {
  kernel.cond %p : !kernel.buffer<i1> {
    // CHECK-NEXT: kernel.launch @a
    kernel.launch @a(%x : !kernel.buffer<4xf32>) tasks 1
  // CHECK-NEXT: } else {
  } else {
    // CHECK-NEXT: kernel.launch @b
    kernel.launch @b(%x : !kernel.buffer<4xf32>) tasks 1
  }
  // CHECK: kernel.cond %{{.*}} : <i1> {
  // CHECK-NEXT: } else {
  // CHECK-NEXT: }
  kernel.cond %p : !kernel.buffer<i1> {
  } else {
  }
  return
}

// CHECK-LABEL: func.func @loops_of_unknown_length(
func.func @loops_of_unknown_length(%x: !kernel.buffer<2x4xf32>, %y: !kernel.buffer<4xf32>, %p: !kernel.buffer<i1>) {
  // CHECK: %[[COUNT:.*]] = kernel.while %{{.*}} step %[[T:.*]] : !kernel.buffer<i1> {
  %count = kernel.while %p step %t : !kernel.buffer<i1> {
    // CHECK: kernel.slot %{{.*}}[%[[T]] mod 2] axis 0
    %a = kernel.slot %x[%t mod 2] axis 0 : !kernel.buffer<2x4xf32> -> !kernel.buffer<4xf32>
    kernel.launch @test(%a, %p : !kernel.buffer<4xf32>, !kernel.buffer<i1>) tasks 1
  // CHECK: } do step %[[U:.*]] {
  } do step %u {
    // CHECK: kernel.slot %{{.*}}[%[[U]] mod 2] axis 0
    %a = kernel.slot %x[%u mod 2] axis 0 : !kernel.buffer<2x4xf32> -> !kernel.buffer<4xf32>
    %b = kernel.slot %x[%u + 1 mod 2] axis 0 : !kernel.buffer<2x4xf32> -> !kernel.buffer<4xf32>
    kernel.launch @step(%a, %b : !kernel.buffer<4xf32>, !kernel.buffer<4xf32>) tasks 1
  }
  // CHECK: kernel.slot %{{.*}}[%[[COUNT]] mod 2] axis 0
  %last = kernel.slot %x[%count mod 2] axis 0 : !kernel.buffer<2x4xf32> -> !kernel.buffer<4xf32>
  kernel.launch @copy(%last, %y : !kernel.buffer<4xf32>, !kernel.buffer<4xf32>) tasks 1
  return
}

// CHECK-LABEL: func.func @launches(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>
func.func @launches(%x: !kernel.buffer<8x4xf32>, %y: !kernel.buffer<8x4xf32>) {
  // CHECK: kernel.launch @tanh_0(%[[X]], %[[Y]] : !kernel.buffer<8x4xf32>, !kernel.buffer<8x4xf32>) tasks 2
  kernel.launch @tanh_0(%x, %y : !kernel.buffer<8x4xf32>, !kernel.buffer<8x4xf32>) tasks 2
  return
}

// An offset of zero and a stride list that says row-major are kept as they are written: printing decides nothing.
// CHECK-LABEL: func.func @keeps_explicit_layout(
// CHECK-SAME: !kernel.buffer<2x3xf32, strided<[3, 1]>>
// CHECK-NOT: !kernel.buffer<2x3xf32>
func.func @keeps_explicit_layout(%x: !kernel.buffer<2x3xf32, strided<[3, 1]>>) {
  return
}

// CHECK-LABEL: func.func @groups
// CHECK: kernel.group {
// CHECK: kernel.group parts 4 {
func.func @groups(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>) {
  kernel.group {
    kernel.group parts 4 {
      kernel.launch @exp(%x : !kernel.buffer<4xf32>) tasks 4
    }
    kernel.launch @exp(%y : !kernel.buffer<4xf32>) tasks 2
  }
  return
}
