// What is made again for readers that run later, rather than stored for them.
// RUN: moru-opt %s --graph-to-kernel | FileCheck %s
// RUN: moru-opt %s --graph-to-llvm --check=each --check-seed=5 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=CHECKED
// CHECKED-NOT: error
// CHECKED: checks: compared {{[0-9]+}} entries

// The reverse needs x w + b and its sigmoid: the first is stored, the second made again of it.
// CHECK-LABEL: func.func @stores_what_chains_start_from
// CHECK: kernel.compute contract "contract+{{.*}}" {{.*}} writes(%[[Y:.*]], %[[H:.*]]) attributes
// CHECK: graph.sigmoid
// CHECK: kernel.compute contract
// CHECK: kernel.compute contract "contract+{{.*}}" reads({{.*}}%[[Y]]{{.*}}) writes(%{{[a-z0-9]+}}) attributes
// CHECK: graph.sigmoid
// CHECK-NOT: kernel.compute map "{{.*}}sigmoid
func.func @stores_what_chains_start_from(%x: tensor<256x64xf32>, %w: tensor<64x256xf32>, %b: tensor<256xf32>, %v: tensor<256x256xf32>) -> tensor<256x256xf32> {
  %c = graph.contract %x, %w over [1] with [0] : tensor<256x64xf32>, tensor<64x256xf32> -> tensor<256x256xf32>
  %r = graph.broadcast %b along [1] : tensor<256xf32> -> tensor<256x256xf32>
  %y = graph.add %c, %r : tensor<256x256xf32>
  %s = graph.sigmoid %y : tensor<256x256xf32>
  %h = graph.mul %y, %s : tensor<256x256xf32>
  %d = graph.contract %h, %v over [1] with [0] : tensor<256x256xf32>, tensor<256x256xf32> -> tensor<256x256xf32>
  %g = graph.contract %d, %v over [1] with [1] : tensor<256x256xf32>, tensor<256x256xf32> -> tensor<256x256xf32>
  %1 = graph.mul %g, %y : tensor<256x256xf32>
  %2 = graph.mul %1, %s : tensor<256x256xf32>
  return %2 : tensor<256x256xf32>
}

// Nothing that it starts from is stored: to store this would take as much.
// CHECK-LABEL: func.func @stores_the_only_one
// CHECK: graph.sigmoid
// CHECK-NOT: graph.sigmoid
func.func @stores_the_only_one(%x: tensor<256x64xf32>, %w: tensor<64x256xf32>, %v: tensor<256x256xf32>) -> tensor<256x256xf32> {
  %c = graph.contract %x, %w over [1] with [0] : tensor<256x64xf32>, tensor<64x256xf32> -> tensor<256x256xf32>
  %s = graph.sigmoid %c : tensor<256x256xf32>
  %h = graph.mul %c, %s : tensor<256x256xf32>
  %d = graph.contract %h, %v over [1] with [0] : tensor<256x256xf32>, tensor<256x256xf32> -> tensor<256x256xf32>
  %2 = graph.mul %d, %s : tensor<256x256xf32>
  return %2 : tensor<256x256xf32>
}
