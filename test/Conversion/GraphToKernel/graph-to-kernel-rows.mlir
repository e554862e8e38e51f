// A contraction along whose lhs another axis than K runs through memory: the lhs is first turned over into rows along K.
// RUN: moru-opt %s --graph-to-kernels | FileCheck %s
// RUN: moru-opt %s --graph-to-kernels --kernel-plan --kernel-to-loops --loops-to-llvm --check=each --check-seed=3 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=CHECKED
// CHECKED-NOT: error
// CHECKED: checks: compared {{[0-9]+}} entries

// The gradient of a weight: K is the batch and the time.
// CHECK-LABEL: func.func @turns_rows(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x10x130xf32>
// CHECK: %[[ROWS:[a-z0-9_]+]] = kernel.alloc : <130x80xf32>
// CHECK: kernel.compute map "pack x transposed" reads(%{{.*}} = %[[X]]) writes(%[[ROWS]])
// CHECK: kernel.compute contract {{.*}} = %[[ROWS]])
// CHECK: graph.contract %{{.*}}, %{{.*}} over [1, 2] with [0, 1] : tensor<130x8x10xf32>, tensor<8x10x131xf32> -> tensor<130x131xf32>
func.func @turns_rows(%x: tensor<8x10x130xf32> {graph.name = "x", graph.role = "input"},
                      %dy: tensor<8x10x131xf32> {graph.name = "dy", graph.role = "input"}) -> (tensor<130x131xf32> {graph.name = "dw"}) {
  %dw = graph.contract %x, %dy over [0, 1] with [0, 1] : tensor<8x10x130xf32>, tensor<8x10x131xf32> -> tensor<130x131xf32>
  return %dw : tensor<130x131xf32>
}

// Few columns: each entry of the lhs is read too rarely for a copy to pay.
// CHECK-LABEL: func.func @reads_across(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<80x130xf32>
// CHECK: kernel.compute contract {{.*}}reads({{.*}} = %[[X]],
func.func @reads_across(%x: tensor<80x130xf32> {graph.name = "x", graph.role = "input"},
                        %dy: tensor<80x16xf32> {graph.name = "dy", graph.role = "input"}) -> (tensor<130x16xf32> {graph.name = "dw"}) {
  %dw = graph.contract %x, %dy over [0] with [0] : tensor<80x130xf32>, tensor<80x16xf32> -> tensor<130x16xf32>
  return %dw : tensor<130x16xf32>
}
