// RUN: moru-opt %s --loops-to-llvm | %FileCheck %s
// Where LLVM sees bf16, it may take vectors apart by calls.

// CHECK-LABEL: llvm.func internal @moves_narrow_numbers_as_bits
// CHECK-NOT: bf16
// CHECK: %[[HALF:.*]] = llvm.mlir.constant(16128 : i16) : i16
// CHECK: llvm.store %[[HALF]]
// CHECK: %[[X:.*]] = llvm.load {{.*}} -> vector<4xi16>
// CHECK-NEXT: llvm.zext %[[X]] : vector<4xi16> to vector<4xi32>
// CHECK-NOT: bf16
// CHECK: llvm.return
func.func private @moves_narrow_numbers_as_bits(%x: memref<4xbf16>, %y: memref<bf16>, %z: memref<4xi32>, %task: index)
    attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : bf16
  memref.store %half, %y[] : memref<bf16>
  %v = vector.load %x[%c0] : memref<4xbf16>, vector<4xbf16>
  %bits = arith.bitcast %v : vector<4xbf16> to vector<4xi16>
  %wide = arith.extui %bits : vector<4xi16> to vector<4xi32>
  vector.store %wide, %z[%c0] : memref<4xi32>, vector<4xi32>
  return
}
