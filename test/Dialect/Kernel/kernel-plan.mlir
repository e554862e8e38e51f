// RUN: moru-opt %s --kernel-plan | FileCheck %s
// RUN: moru-opt %s --kernel-plan --kernel-verify-plan -o /dev/null

// Two buffers in use at the same time lie behind each other, the larger first; the arena ends with the last.
// CHECK-LABEL: func.func @places_buffers_in_use_together_apart(
// CHECK-SAME: attributes {kernel.arena = 192 : i64}
func.func @places_buffers_in_use_together_apart(%x: !kernel.buffer<10xf32>, %y: !kernel.buffer<f32>) {
  // CHECK: kernel.alloc at 128 : <10xf32>
  // CHECK: kernel.alloc at 0 : <20xf32>
  %a = kernel.alloc : !kernel.buffer<10xf32>
  %b = kernel.alloc : !kernel.buffer<20xf32>
  kernel.compute map "fork" reads(%0 = %x) writes(%a) : (!kernel.buffer<10xf32>) -> (!kernel.buffer<10xf32>) {
    %1 = graph.tanh %0 : tensor<10xf32>
    kernel.yield %1 : tensor<10xf32>
  }
  kernel.compute map "fill" reads() writes(%b) : () -> (!kernel.buffer<20xf32>) {
    %1 = graph.constant dense<1.0> : tensor<20xf32>
    kernel.yield %1 : tensor<20xf32>
  }
  kernel.compute map "join" reads(%0 = %a, %1 = %b) writes(%y) : (!kernel.buffer<10xf32>, !kernel.buffer<20xf32>) -> (!kernel.buffer<f32>) {
    %2 = graph.slice %0 from [0] to [1] by [1] : tensor<10xf32> -> tensor<1xf32>
    %3 = graph.slice %1 from [0] to [1] by [1] : tensor<20xf32> -> tensor<1xf32>
    %4 = graph.add %2, %3 : tensor<1xf32>
    %5 = graph.reshape %4 : tensor<1xf32> -> tensor<f32>
    kernel.yield %5 : tensor<f32>
  }
  return
}

// %a is dead when %c is written; %b is not.
// CHECK-LABEL: func.func @reuses_bytes_of_the_dead(
// CHECK-SAME: attributes {kernel.arena = 128 : i64}
func.func @reuses_bytes_of_the_dead(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) {
  // CHECK: kernel.alloc at 0 : <16xf32>
  // CHECK: kernel.alloc at 64 : <4x4xf32>
  // CHECK: kernel.alloc at 0 : <16xf32>
  %a = kernel.alloc : !kernel.buffer<16xf32>
  %b = kernel.alloc : !kernel.buffer<4x4xf32>
  %c = kernel.alloc : !kernel.buffer<16xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.compute map "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<4x4xf32>) {
    %1 = graph.reshape %0 : tensor<16xf32> -> tensor<4x4xf32>
    kernel.yield %1 : tensor<4x4xf32>
  }
  kernel.compute map "c" reads(%0 = %b) writes(%c) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.reshape %0 : tensor<4x4xf32> -> tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.compute map "y" reads(%0 = %c) writes(%y) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.exp %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  return
}

// A chain of elementwise kernels needs one buffer, and each of them works in place.
// CHECK-LABEL: func.func @reuses_the_operand_of_an_elementwise_kernel(
// CHECK-SAME: attributes {kernel.arena = 64 : i64}
func.func @reuses_the_operand_of_an_elementwise_kernel(%x: !kernel.buffer<8xf32>, %y: !kernel.buffer<8xf32>) {
  // CHECK: %[[A:[a-z0-9_]+]] = kernel.alloc at 0
  // CHECK-NOT: kernel.alloc
  %a = kernel.alloc : !kernel.buffer<8xf32>
  %b = kernel.alloc : !kernel.buffer<8xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.tanh %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  // CHECK: kernel.compute map "b" reads(%{{.*}} = %[[A]]) writes(%[[A]])
  kernel.compute map "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.exp %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  kernel.compute map "y" reads(%0 = %b) writes(%y) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.sin %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  return
}

// A row is read as a whole before any of it is stored.
// CHECK-LABEL: func.func @reuses_the_operand_of_a_row_reduction(
func.func @reuses_the_operand_of_a_row_reduction(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  // CHECK: %[[A:[a-z0-9_]+]] = kernel.alloc at 0
  // CHECK-NOT: kernel.alloc
  %a = kernel.alloc : !kernel.buffer<4x8xf32>
  %b = kernel.alloc : !kernel.buffer<4x8xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %1 = graph.tanh %0 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  // CHECK: kernel.compute row_reduce "b" reads(%{{.*}} = %[[A]]) writes(%[[A]])
  kernel.compute row_reduce "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %1 = graph.reduce_max %0 over [1] : tensor<4x8xf32> -> tensor<4xf32>
    %2 = graph.broadcast %1 along [0] : tensor<4xf32> -> tensor<4x8xf32>
    %3 = graph.sub %0, %2 : tensor<4x8xf32>
    kernel.yield %3 : tensor<4x8xf32>
  }
  kernel.compute map "y" reads(%0 = %b) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %1 = graph.sin %0 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  return
}

// The operand is read once more behind the kernel.
// CHECK-LABEL: func.func @does_not_reuse_what_is_read_later(
// CHECK-SAME: attributes {kernel.arena = 128 : i64}
func.func @does_not_reuse_what_is_read_later(%x: !kernel.buffer<8xf32>, %y: !kernel.buffer<8xf32>) {
  // CHECK: %[[A:[a-z0-9_]+]] = kernel.alloc at 0
  // CHECK: %[[B:[a-z0-9_]+]] = kernel.alloc at 64
  %a = kernel.alloc : !kernel.buffer<8xf32>
  %b = kernel.alloc : !kernel.buffer<8xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.tanh %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  // CHECK: kernel.compute map "b" reads(%{{.*}} = %[[A]]) writes(%[[B]])
  kernel.compute map "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.exp %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  kernel.compute map "y" reads(%0 = %a, %1 = %b) writes(%y) : (!kernel.buffer<8xf32>, !kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %2 = graph.add %0, %1 : tensor<8xf32>
    kernel.yield %2 : tensor<8xf32>
  }
  return
}

// A transposition reads entries that are already overwritten; a reduction of columns reads all before it writes one.
// CHECK-LABEL: func.func @does_not_reuse_what_is_read_elsewhere(
// CHECK-SAME: attributes {kernel.arena = 128 : i64}
func.func @does_not_reuse_what_is_read_elsewhere(%x: !kernel.buffer<4x4xf32>, %y: !kernel.buffer<4xf32>) {
  // CHECK: %[[A:[a-z0-9_]+]] = kernel.alloc at 0
  // CHECK: %[[B:[a-z0-9_]+]] = kernel.alloc at 64
  %a = kernel.alloc : !kernel.buffer<4x4xf32>
  %b = kernel.alloc : !kernel.buffer<4x4xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<4x4xf32>) {
    %1 = graph.tanh %0 : tensor<4x4xf32>
    kernel.yield %1 : tensor<4x4xf32>
  }
  // CHECK: kernel.compute map "b" reads(%{{.*}} = %[[A]]) writes(%[[B]])
  kernel.compute map "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<4x4xf32>) {
    %1 = graph.transpose %0 by [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
    %2 = graph.add %0, %1 : tensor<4x4xf32>
    kernel.yield %2 : tensor<4x4xf32>
  }
  kernel.compute column_reduce "y" reads(%0 = %b) writes(%y) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<4xf32>) {
    %1 = graph.reduce_sum %0 over [0] : tensor<4x4xf32> -> tensor<4xf32>
    kernel.yield %1 : tensor<4xf32>
  }
  return
}

// The kernel reads the buffer once as it is and once through a view.
// CHECK-LABEL: func.func @does_not_reuse_what_is_viewed_too(
func.func @does_not_reuse_what_is_viewed_too(%x: !kernel.buffer<4x4xf32>, %y: !kernel.buffer<4x4xf32>) {
  // CHECK: %[[A:[a-z0-9_]+]] = kernel.alloc at 0
  // CHECK: %[[B:[a-z0-9_]+]] = kernel.alloc at 64
  %a = kernel.alloc : !kernel.buffer<4x4xf32>
  %b = kernel.alloc : !kernel.buffer<4x4xf32>
  %t = kernel.view %a at 0 : !kernel.buffer<4x4xf32> -> !kernel.buffer<4x4xf32, strided<[1, 4]>>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<4x4xf32>) {
    %1 = graph.tanh %0 : tensor<4x4xf32>
    kernel.yield %1 : tensor<4x4xf32>
  }
  // CHECK: kernel.compute map "b" {{.*}} writes(%[[B]])
  kernel.compute map "b" reads(%0 = %a, %1 = %t) writes(%b)
      : (!kernel.buffer<4x4xf32>, !kernel.buffer<4x4xf32, strided<[1, 4]>>) -> (!kernel.buffer<4x4xf32>) {
    %2 = graph.add %0, %1 : tensor<4x4xf32>
    kernel.yield %2 : tensor<4x4xf32>
  }
  kernel.compute map "y" reads(%0 = %b) writes(%y) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<4x4xf32>) {
    %1 = graph.sin %0 : tensor<4x4xf32>
    kernel.yield %1 : tensor<4x4xf32>
  }
  return
}

// Arguments are the caller's: only those named in writes are updated.
// CHECK-LABEL: func.func @does_not_reuse_arguments(
func.func @does_not_reuse_arguments(%x: !kernel.buffer<8xf32>, %y: !kernel.buffer<8xf32>) {
  // CHECK: %[[A:[a-z0-9_]+]] = kernel.alloc at 0
  %a = kernel.alloc : !kernel.buffer<8xf32>
  // CHECK: kernel.compute map "a" {{.*}} writes(%[[A]])
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.tanh %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  kernel.compute map "y" reads(%0 = %a) writes(%y) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %1 = graph.sin %0 : tensor<8xf32>
    kernel.yield %1 : tensor<8xf32>
  }
  return
}

// %ring is written in one step and read in the next: it stays for all of the loop. %in lives within a step, and shares its bytes
// with %after, which is written behind the loop, but not with %before, which every step reads.
// CHECK-LABEL: func.func @keeps_buffers_for_all_of_a_loop(
func.func @keeps_buffers_for_all_of_a_loop(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) {
  // CHECK: kernel.alloc at 0 : <2x16xf32>
  // CHECK: kernel.alloc at 128 : <16xf32>
  // CHECK: kernel.alloc at 128 : <4x4xf32>
  %ring = kernel.alloc : !kernel.buffer<2x16xf32>
  %before = kernel.alloc : !kernel.buffer<16xf32>
  %after = kernel.alloc : !kernel.buffer<4x4xf32>
  %first = kernel.view %ring at 0 : !kernel.buffer<2x16xf32> -> !kernel.buffer<16xf32>
  kernel.compute map "before" reads(%0 = %x) writes(%before, %first) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>, !kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    %2 = graph.cos %0 : tensor<16xf32>
    kernel.yield %1, %2 : tensor<16xf32>, tensor<16xf32>
  }
  // CHECK: kernel.loop
  kernel.loop %t to 5 {
    // CHECK: kernel.alloc at 192 : <4x4xf32>
    %in = kernel.alloc : !kernel.buffer<4x4xf32>
    %old = kernel.slot %ring[%t mod 2] axis 0 : !kernel.buffer<2x16xf32> -> !kernel.buffer<16xf32>
    %new = kernel.slot %ring[%t + 1 mod 2] axis 0 : !kernel.buffer<2x16xf32> -> !kernel.buffer<16xf32>
    kernel.compute map "in" reads(%0 = %old) writes(%in) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<4x4xf32>) {
      %1 = graph.reshape %0 : tensor<16xf32> -> tensor<4x4xf32>
      kernel.yield %1 : tensor<4x4xf32>
    }
    kernel.compute map "new" reads(%0 = %in, %1 = %before) writes(%new) : (!kernel.buffer<4x4xf32>, !kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
      %2 = graph.reshape %0 : tensor<4x4xf32> -> tensor<16xf32>
      %3 = graph.add %2, %1 : tensor<16xf32>
      kernel.yield %3 : tensor<16xf32>
    }
  }
  %last = kernel.view %ring at 16 : !kernel.buffer<2x16xf32> -> !kernel.buffer<16xf32>
  kernel.compute map "after" reads(%0 = %last) writes(%after) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<4x4xf32>) {
    %1 = graph.reshape %0 : tensor<16xf32> -> tensor<4x4xf32>
    kernel.yield %1 : tensor<4x4xf32>
  }
  kernel.compute map "y" reads(%0 = %after) writes(%y) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.reshape %0 : tensor<4x4xf32> -> tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  return
}

// Panels take whole panels: 5 x 2 x 4 entries for 5 x 6.
// CHECK-LABEL: func.func @counts_the_padding_of_panels(
// CHECK-SAME: attributes {kernel.arena = 192 : i64}
func.func @counts_the_padding_of_panels(%x: !kernel.buffer<5x6xf32>, %y: !kernel.buffer<5x6xf32>) {
  %a = kernel.alloc : !kernel.buffer<5x6xf32, #kernel.panels<4>>
  kernel.compute map "pack" reads(%0 = %x) writes(%a) : (!kernel.buffer<5x6xf32>) -> (!kernel.buffer<5x6xf32, #kernel.panels<4>>) {
    kernel.yield %0 : tensor<5x6xf32>
  }
  kernel.compute map "y" reads(%0 = %a) writes(%y) : (!kernel.buffer<5x6xf32, #kernel.panels<4>>) -> (!kernel.buffer<5x6xf32>) {
    %1 = graph.exp %0 : tensor<5x6xf32>
    kernel.yield %1 : tensor<5x6xf32>
  }
  return
}

// CHECK-LABEL: func.func @erases_unused_buffers(
// CHECK-SAME: attributes {kernel.arena = 0 : i64}
func.func @erases_unused_buffers() {
  // CHECK-NOT: kernel.alloc
  %a = kernel.alloc : !kernel.buffer<16xf32>
  %v = kernel.view %a at 0 : !kernel.buffer<16xf32> -> !kernel.buffer<4x4xf32>
  %w = kernel.view %v at 4 : !kernel.buffer<4x4xf32> -> !kernel.buffer<4xf32>
  return
}

// The buffers of two branches lie in one place, beside what is read behind the branches; so do those of a loop's
// condition and body, beside what is carried.
// CHECK-LABEL: func.func @shares_bytes_between_branches(
// CHECK-SAME: attributes {kernel.arena = 192 : i64}
func.func @shares_bytes_between_branches(%p: !kernel.buffer<i1>, %x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) {
  // CHECK: kernel.alloc at 128 : <16xf32>
  %a = kernel.alloc : !kernel.buffer<16xf32>
  kernel.launch @a(%x, %a : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
  kernel.cond %p : !kernel.buffer<i1> {
    // CHECK: kernel.alloc at 0 : <16xf32>
    %b = kernel.alloc : !kernel.buffer<16xf32>
    kernel.launch @a(%x, %b : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
    kernel.launch @a(%b, %y : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
  } else {
    // CHECK: kernel.alloc at 0 : <32xf32>
    %c = kernel.alloc : !kernel.buffer<32xf32>
    kernel.launch @b(%c, %y : !kernel.buffer<32xf32>, !kernel.buffer<16xf32>) tasks 1
  }
  kernel.launch @a(%a, %y : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
  return
}

// %a is read by the condition of the next step: nothing in the body may take its place, though the body does not read it.
// CHECK-LABEL: func.func @keeps_what_the_next_step_reads(
// CHECK-SAME: attributes {kernel.arena = 192 : i64}
func.func @keeps_what_the_next_step_reads(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) {
  %p = kernel.alloc : !kernel.buffer<i1>
  // CHECK: kernel.alloc at 64 : <16xf32>
  %a = kernel.alloc : !kernel.buffer<16xf32>
  kernel.launch @a(%x, %a : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
  %count = kernel.while %p step %t : !kernel.buffer<i1> {
    kernel.launch @c(%a, %p : !kernel.buffer<16xf32>, !kernel.buffer<i1>) tasks 1
  } do step %u {
    // CHECK: do step
    // CHECK: kernel.alloc at 128 : <16xf32>
    %b = kernel.alloc : !kernel.buffer<16xf32>
    kernel.launch @a(%x, %b : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
    kernel.launch @a(%b, %y : !kernel.buffer<16xf32>, !kernel.buffer<16xf32>) tasks 1
  }
  return
}

// Within a group with parts all buffers live as long as the group, but one that has been read for the last time gives its
// place to another one of its size; one of another size, of which a part lies elsewhere, stays apart.
// CHECK-LABEL: func.func @shares_places_within_a_group(
// CHECK-SAME: attributes {kernel.arena = 192 : i64}
func.func @shares_places_within_a_group(%x: !kernel.buffer<2x8xf32>, %y: !kernel.buffer<2x8xf32>) {
  // CHECK: %[[A:.*]] = kernel.alloc at {{[0-9]+}} : <2x8xf32>
  // CHECK: %[[C:.*]] = kernel.view %[[A]] at 0 : <2x8xf32> -> <2x4x2xf32>
  %a = kernel.alloc : !kernel.buffer<2x8xf32>
  %b = kernel.alloc : !kernel.buffer<2x16xf32>
  %c = kernel.alloc : !kernel.buffer<2x4x2xf32>
  kernel.group parts 2 {
    kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<2x8xf32>) -> (!kernel.buffer<2x8xf32>) {
      %1 = graph.tanh %0 : tensor<2x8xf32>
      kernel.yield %1 : tensor<2x8xf32>
    }
    kernel.compute map "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<2x8xf32>) -> (!kernel.buffer<2x16xf32>) {
      %1 = graph.concat %0, %0 along 1 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x16xf32>
      kernel.yield %1 : tensor<2x16xf32>
    }
    // CHECK: kernel.compute map "c" {{.*}} writes(%[[C]])
    kernel.compute map "c" reads(%0 = %b) writes(%c) : (!kernel.buffer<2x16xf32>) -> (!kernel.buffer<2x4x2xf32>) {
      %1 = graph.slice %0 from [0, 0] to [2, 16] by [1, 2] : tensor<2x16xf32> -> tensor<2x8xf32>
      %2 = graph.reshape %1 : tensor<2x8xf32> -> tensor<2x4x2xf32>
      kernel.yield %2 : tensor<2x4x2xf32>
    }
    kernel.compute map "y" reads(%0 = %c) writes(%y) : (!kernel.buffer<2x4x2xf32>) -> (!kernel.buffer<2x8xf32>) {
      %1 = graph.reshape %0 : tensor<2x4x2xf32> -> tensor<2x8xf32>
      kernel.yield %1 : tensor<2x8xf32>
    }
  }
  return
}
