// RUN: moru-opt %s --loops-to-llvm="vector-bits=512" | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: moru-opt %s --loops-to-llvm="vector-bits=256" | FileCheck %s --check-prefixes=CHECK,NARROW

// With AVX-512 one instruction multiplies by a power of two, and leaves out what would become too small.
// CHECK-LABEL: llvm.func internal @wide
// WIDE: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// WIDE-NOT: llvm.shl
// NARROW-NOT: scalef
// NARROW-COUNT-2: llvm.shl
// CHECK: llvm.return
func.func private @wide(%x: memref<16xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %a = vector.load %x[%c0] : memref<16xf32>, vector<16xf32>
  %b = math.exp %a : vector<16xf32>
  vector.store %b, %x[%c0] : memref<16xf32>, vector<16xf32>
  return
}

// What is not a vector of AVX-512 has two factors.
// CHECK-LABEL: llvm.func internal @single
// CHECK-NOT: scalef
// CHECK: llvm.return
func.func private @single(%x: memref<16xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %a = memref.load %x[%c0] : memref<16xf32>
  %b = math.exp %a : f32
  memref.store %b, %x[%c0] : memref<16xf32>
  return
}

// What is never positive needs no bound: neither side of it is compared but for what would become too small.
// CHECK-LABEL: llvm.func internal @decay
// WIDE-NOT: llvm.select
// WIDE: llvm.fcmp
// WIDE-NOT: {{llvm.select|llvm.fcmp}}
// WIDE: scalef
// CHECK: llvm.return
func.func private @decay(%x: memref<16xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %a = vector.load %x[%c0] : memref<16xf32>, vector<16xf32>
  %b = math.absf %a : vector<16xf32>
  %c = arith.negf %b : vector<16xf32>
  %d = math.exp %c : vector<16xf32>
  vector.store %d, %x[%c0] : memref<16xf32>, vector<16xf32>
  return
}
