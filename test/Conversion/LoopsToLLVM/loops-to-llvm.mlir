// RUN: moru-opt %s --loops-to-llvm | %FileCheck %s
// Host functions become functions over the runtime's pointers; kernels get bare pointers and an entry.

// CHECK-LABEL: llvm.func @launches_through_the_context
// CHECK-SAME: (%[[CONTEXT:.*]]: !llvm.ptr, %[[ARGUMENTS:.*]]: !llvm.ptr) -> i32
// CHECK-DAG: %[[ENTRY:.*]] = llvm.mlir.addressof @negate_entry
// CHECK-DAG: %[[TWO:.*]] = llvm.mlir.constant(2 : i64)
// CHECK: %[[X:.*]] = llvm.load %[[ARGUMENTS]]
// CHECK: llvm.getelementptr %[[ARGUMENTS]][8]
// CHECK: %[[Y:.*]] = llvm.load
// The arena is the context's member at byte 8, parallel_for the one at byte 24.
// CHECK: llvm.getelementptr %[[CONTEXT]][8]
// CHECK: %[[ARENA:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[CONTEXT]][24]
// CHECK: %[[PARALLEL:.*]] = llvm.load
// CHECK: %[[BUFFERS:.*]] = llvm.alloca %[[TWO]] x !llvm.ptr
// CHECK-NOT: llvm.alloca
// CHECK: %[[T:.*]] = llvm.getelementptr %[[ARENA]][128]
// CHECK: llvm.store %[[X]], %[[BUFFERS]]
// CHECK: %[[SECOND:.*]] = llvm.getelementptr %[[BUFFERS]][8]
// CHECK: llvm.store %[[T]], %[[SECOND]]
// CHECK: llvm.call %[[PARALLEL]](%[[CONTEXT]], %[[ENTRY]], %[[BUFFERS]], %[[TWO]]) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64) -> ()
// CHECK: llvm.store %[[T]], %[[BUFFERS]]
// CHECK: llvm.call %[[PARALLEL]]
// CHECK: llvm.return
func.func @launches_through_the_context(%x: !kernel.buffer<32xf32>, %y: !kernel.buffer<32xf32>) {
  %t = kernel.alloc at 128 : !kernel.buffer<32xf32>
  kernel.launch @negate(%x, %t : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  kernel.launch @negate(%t, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  return
}

// CHECK-LABEL: llvm.func @steps_through_slots
// CHECK: llvm.cond_br
// CHECK: llvm.mul
// CHECK: llvm.srem
// CHECK: llvm.srem
// CHECK: llvm.br
// CHECK-NOT: kernel.
// CHECK: llvm.return
func.func @steps_through_slots(%x: !kernel.buffer<10x32xf32>, %y: !kernel.buffer<2x32xf32>) {
  kernel.loop %t to 10 {
    %a = kernel.slot %x[9 minus %t] axis 0 : !kernel.buffer<10x32xf32> -> !kernel.buffer<32xf32>
    %b = kernel.slot %y[%t + 1 mod 2] axis 0 : !kernel.buffer<2x32xf32> -> !kernel.buffer<32xf32>
    kernel.launch @negate(%a, %b : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  }
  return
}

// A group is one launch: the pointers of all its kernels one behind the other, and a function that calls them.
// CHECK-LABEL: llvm.func @groups(
// CHECK: %[[FIVE:.*]] = llvm.mlir.constant(5 : i64)
// CHECK: %[[ENTRY:.*]] = llvm.mlir.addressof @groups_group_0_entry
// CHECK: llvm.call %{{.*}}(%{{.*}}, %[[ENTRY]], %{{.*}}, %[[FIVE]])
// CHECK-NOT: llvm.call
// CHECK: llvm.return
func.func @groups(%x: !kernel.buffer<32xf32>, %y: !kernel.buffer<32xf32>, %z: !kernel.buffer<32xf32>, %w: !kernel.buffer<32xf32>) {
  kernel.group {
    kernel.group parts 2 {
      kernel.launch @negate(%x, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
      kernel.launch @negate(%y, %x : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
    }
    kernel.launch @negate(%z, %w : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 3
  }
  return
}

// Where all tasks together are known to be shorter than the way to another thread, they are one.
// CHECK-LABEL: llvm.func @groups_small(
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i64)
// CHECK: %[[ENTRY:.*]] = llvm.mlir.addressof @groups_small_whole_0_entry
// CHECK: llvm.call %{{.*}}(%{{.*}}, %[[ENTRY]], %{{.*}}, %[[ONE]])
// CHECK: llvm.return
func.func @groups_small(%x: !kernel.buffer<32xf32>, %y: !kernel.buffer<32xf32>, %z: !kernel.buffer<32xf32>, %w: !kernel.buffer<32xf32>) {
  kernel.group {
    kernel.launch @small(%x, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
    kernel.launch @small(%z, %w : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 3
  }
  return
}

// And where one of the kernels is not small, they are not.
// CHECK-LABEL: llvm.func @groups_large(
// CHECK: %[[TEN:.*]] = llvm.mlir.constant(10 : i64)
// CHECK: %[[ENTRY:.*]] = llvm.mlir.addressof @groups_large_group_0_entry
// CHECK: llvm.call %{{.*}}(%{{.*}}, %[[ENTRY]], %{{.*}}, %[[TEN]])
func.func @groups_large(%x: !kernel.buffer<32xf32>, %y: !kernel.buffer<32xf32>, %z: !kernel.buffer<32xf32>, %w: !kernel.buffer<32xf32>) {
  kernel.group {
    kernel.launch @small(%x, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
    kernel.launch @large(%z, %w : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 8
  }
  return
}
func.func private @small(%x: memref<32xf32>, %y: memref<32xf32>, %task: index) attributes {kernel.family = "map", kernel.cost = array<i64: 32, 0, 0, 256, 256>} {
  return
}
func.func private @large(%x: memref<32xf32>, %y: memref<32xf32>, %task: index) attributes {kernel.family = "map", kernel.cost = array<i64: 1000000, 1000000, 1, 256, 256>} {
  return
}

// The host reads a byte.
// CHECK-LABEL: llvm.func @decides
// CHECK: %[[BYTE:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i8
// CHECK: %[[TRUE:.*]] = llvm.icmp "ne" %[[BYTE]], %{{.*}} : i8
// CHECK: llvm.cond_br %[[TRUE]], ^[[THEN:bb[0-9]+]], ^[[ELSE:bb[0-9]+]]
// CHECK: ^[[THEN]]:
// CHECK: llvm.call
// CHECK: llvm.br ^[[END:bb[0-9]+]]
// CHECK: ^[[ELSE]]:
// CHECK-NOT: llvm.call
// CHECK: llvm.br ^[[END]]
func.func @decides(%p: !kernel.buffer<i1>, %x: !kernel.buffer<32xf32>, %y: !kernel.buffer<32xf32>) {
  kernel.cond %p : !kernel.buffer<i1> {
    kernel.launch @negate(%x, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  } else {
  }
  return
}

// The condition runs before each step, and the number of steps is known behind the loop.
// CHECK-LABEL: llvm.func @goes_on
// CHECK: ^[[CONDITION:bb[0-9]+]](%[[STEP:.*]]: i64):
// CHECK: llvm.call
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> i8
// CHECK: llvm.cond_br %{{.*}}, ^[[BODY:bb[0-9]+]], ^[[END:bb[0-9]+]]
// CHECK: ^[[BODY]]:
// CHECK: llvm.call
// CHECK: %[[NEXT:.*]] = llvm.add %[[STEP]]
// CHECK: llvm.br ^[[CONDITION]](%[[NEXT]] : i64)
// CHECK: ^[[END]]:
// CHECK: llvm.mul %[[STEP]]
// CHECK: llvm.call
func.func @goes_on(%x: !kernel.buffer<2x32xf32>, %y: !kernel.buffer<32xf32>, %p: !kernel.buffer<i1>) {
  %count = kernel.while %p step %t : !kernel.buffer<i1> {
    %a = kernel.slot %x[%t mod 2] axis 0 : !kernel.buffer<2x32xf32> -> !kernel.buffer<32xf32>
    kernel.launch @negate(%a, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  } do step %u {
    %b = kernel.slot %x[%u + 1 mod 2] axis 0 : !kernel.buffer<2x32xf32> -> !kernel.buffer<32xf32>
    kernel.launch @negate(%y, %b : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  }
  %c = kernel.slot %x[%count mod 2] axis 0 : !kernel.buffer<2x32xf32> -> !kernel.buffer<32xf32>
  kernel.launch @negate(%c, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  return
}

// CHECK-LABEL: llvm.func @adds_views
// CHECK: llvm.getelementptr {{.*}}[256]
func.func @adds_views(%x: !kernel.buffer<128xf32>) {
  %a = kernel.view %x at 64 : !kernel.buffer<128xf32> -> !kernel.buffer<32xf32>
  kernel.launch @update(%a, %a : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 1
  return
}

// Nothing else has its bytes: both pointers are noalias.
// CHECK-LABEL: llvm.func internal @negate
// CHECK-SAME: !llvm.ptr {llvm.noalias}{{.*}}!llvm.ptr {llvm.noalias}{{.*}}i64
// CHECK: llvm.load {{.*}} : !llvm.ptr -> vector<16xf32>
// CHECK: llvm.store {{.*}} : vector<16xf32>, !llvm.ptr
func.func private @negate(%x: memref<32xf32>, %y: memref<32xf32>, %task: index) attributes {kernel.family = "map"} {
  %c16 = arith.constant 16 : index
  %i = arith.muli %task, %c16 : index
  %a = vector.load %x[%i] : memref<32xf32>, vector<16xf32>
  %b = arith.negf %a : vector<16xf32>
  vector.store %b, %y[%i] : memref<32xf32>, vector<16xf32>
  return
}

// In place: the launch gives the same buffer twice.
// CHECK-LABEL: llvm.func internal @update
// CHECK-NOT: llvm.noalias
// CHECK-NOT: llvm.call
// CHECK: llvm.return
func.func private @update(%x: memref<32xf32>, %y: memref<32xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %a = vector.load %x[%c0] : memref<32xf32>, vector<16xf32>
  %b = math.exp %a : vector<16xf32>
  vector.store %b, %y[%c0] : memref<32xf32>, vector<16xf32>
  return
}

// A tile of a part of a buffer begins where the part does, not where the buffer does.
// CHECK-LABEL: llvm.func internal @tile_of_part(
// CHECK-SAME: %[[TASK:[a-z0-9]+]]: i64)
// CHECK: %[[FIRST:.*]] = llvm.mul %[[TASK]], %{{.*}} : i64
// CHECK: %[[BYTES:.*]] = llvm.mul %[[FIRST]], %{{.*}} : i64
// CHECK: %[[ADDRESS:.*]] = llvm.add %{{.*}}, %[[BYTES]] : i64
// CHECK: %[[POINTER:.*]] = llvm.inttoptr %[[ADDRESS]] : i64 to !llvm.ptr
// CHECK: llvm.call_intrinsic "llvm.x86.tileloadd64.internal"({{.*}}, %[[POINTER]], {{.*}})
func.func private @tile_of_part(%x: memref<4x16x32xbf16>, %y: memref<2048xbf16>, %task: index) attributes {kernel.family = "contract"} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c512 = arith.constant 512 : index
  %first = arith.muli %task, %c512 : index
  %part = memref.reinterpret_cast %x to offset: [%first], sizes: [512], strides: [1] : memref<4x16x32xbf16> to memref<512xbf16, strided<[1], offset: ?>>
  %tile = amx.tile_load %part[%c0], %c32 : memref<512xbf16, strided<[1], offset: ?>> into !amx.tile<16x32xbf16>
  amx.tile_store %y[%c0], %tile, %c32 : memref<2048xbf16>, !amx.tile<16x32xbf16>
  return
}

// CHECK-LABEL: llvm.func @negate_entry
// CHECK-SAME: (%[[BUFFERS:.*]]: !llvm.ptr, %[[TASK:.*]]: i64)
// CHECK: %[[FIRST:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[BUFFERS]][1]
// CHECK: %[[SECOND:.*]] = llvm.load
// CHECK: llvm.call @negate(%[[FIRST]], %[[SECOND]], %[[TASK]])

// The entries of groups stand behind those of kernels.
// CHECK: llvm.func @groups_group_0_entry(%[[POINTERS:.*]]: !llvm.ptr, %[[TASK:.*]]: i64)
// CHECK: %[[OWN:.*]] = llvm.icmp "slt" %[[TASK]], %{{.*}} : i64
// CHECK: llvm.cond_br %[[OWN]]
// CHECK: llvm.call @groups_group_1_entry(%[[POINTERS]], %[[TASK]])
// CHECK: llvm.return
// CHECK: %[[REST:.*]] = llvm.sub %[[TASK]], %{{.*}} : i64
// CHECK: llvm.call @negate_entry(%{{.*}}, %[[REST]])
// CHECK: llvm.func @groups_group_1_entry(
// CHECK: llvm.call @negate_entry
// CHECK: llvm.getelementptr %{{.*}}[16]
// CHECK: llvm.call @negate_entry
// CHECK: llvm.return

// CHECK: llvm.func @groups_small_whole_0_entry(%[[POINTERS:.*]]: !llvm.ptr, %{{.*}}: i64)
// CHECK: ^bb1(%[[TASK:[0-9]+]]: i64):
// CHECK: llvm.call @groups_small_group_0_entry(%[[POINTERS]], %[[TASK]])
// CHECK: llvm.return
