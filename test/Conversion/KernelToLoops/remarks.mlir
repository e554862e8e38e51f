// RUN: moru-opt %s --kernel-to-loops --remarks-filter="kernel-to-loops.*" --remark-format=emitRemark -o /dev/null 2>&1 | %FileCheck %s

// Each decision is told: which loops, how many tasks, and where memory is read entry by entry.

// CHECK: Function=pack_0 | Remark="blocks of 16 x 16 entries, transposed in registers; 1 tasks"
// CHECK: Function=mm_1 | Remark="tiles of 11 x 32, the last of 10 rows; 1 blocks of k; 1 tasks"
// CHECK: Function=every_other_2 | Remark="1 rows of 128 entries in 1 tasks; some accesses entry by entry"
// CHECK-NOT: Remark=
func.func @f(%x: !kernel.buffer<64x32xf32>, %p: !kernel.buffer<32x64xf32, #kernel.panels<32>>, %a: !kernel.buffer<32x32xf32>, %y: !kernel.buffer<32x64xf32>,
             %z: !kernel.buffer<4x32xf32>) {
  kernel.compute map "pack" reads(%l = %x) writes(%p) : (!kernel.buffer<64x32xf32>) -> (!kernel.buffer<32x64xf32, #kernel.panels<32>>) {
    %0 = graph.transpose %l by [1, 0] : tensor<64x32xf32> -> tensor<32x64xf32>
    kernel.yield %0 : tensor<32x64xf32>
  }
  kernel.compute contract "mm" reads(%l = %a, %r = %p) writes(%y) : (!kernel.buffer<32x32xf32>, !kernel.buffer<32x64xf32, #kernel.panels<32>>) -> (!kernel.buffer<32x64xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<32x32xf32>, tensor<32x64xf32> -> tensor<32x64xf32>
    kernel.yield %0 : tensor<32x64xf32>
  }
  kernel.compute map "every_other" reads(%l = %y) writes(%z) : (!kernel.buffer<32x64xf32>) -> (!kernel.buffer<4x32xf32>) {
    %0 = graph.slice %l from [0, 0] to [4, 64] by [1, 2] : tensor<32x64xf32> -> tensor<4x32xf32>
    kernel.yield %0 : tensor<4x32xf32>
  }
  return
}
