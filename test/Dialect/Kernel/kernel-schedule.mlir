// RUN: moru-opt %s --kernel-schedule | FileCheck %s
// RUN: moru-opt %s --kernel-schedule --kernel-plan --kernel-verify-plan -o /dev/null

// A packed weight waits for its reader.
// CHECK-LABEL: func.func @packs_just_before_use(
// CHECK: "tanh"
// CHECK: "pack w"
// CHECK: "exp"
func.func @packs_just_before_use(%w: !kernel.buffer<4xf32>, %x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>, %z: !kernel.buffer<4xf32>) {
  %p = kernel.alloc : !kernel.buffer<4xf32>
  kernel.compute map "pack w" reads(%v = %w) writes(%p) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.abs %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  kernel.compute map "tanh" reads(%v = %x) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.tanh %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  kernel.compute map "exp" reads(%v = %p) writes(%z) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.exp %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  return
}

// The source of "copy" ends with it: to wait would keep that instead.
// CHECK-LABEL: func.func @does_not_keep_what_would_be_free(
// CHECK: "first"
// CHECK: "copy"
// CHECK: "tanh"
// CHECK: "exp"
func.func @does_not_keep_what_would_be_free(%w: !kernel.buffer<4xf32>, %x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>, %z: !kernel.buffer<4xf32>) {
  %a = kernel.alloc : !kernel.buffer<4xf32>
  %p = kernel.alloc : !kernel.buffer<4xf32>
  kernel.compute map "first" reads(%v = %w) writes(%a) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.abs %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  kernel.compute map "copy" reads(%v = %a) writes(%p) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.abs %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  kernel.compute map "tanh" reads(%v = %x) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.tanh %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  kernel.compute map "exp" reads(%v = %p) writes(%z) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.exp %v : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  return
}

// %w is updated behind its last reader, with the rate, a number that is quickly made, before it.
// CHECK-LABEL: func.func @updates_as_soon_as_it_can(
// CHECK: "reads w"
// CHECK: "gradient"
// CHECK: "rate"
// CHECK: "update w"
// CHECK: "more"
// CHECK: "last"
func.func @updates_as_soon_as_it_can(%w: !kernel.buffer<2000xf32>, %t: !kernel.buffer<f32>, %z: !kernel.buffer<2000xf32>) {
  %g = kernel.alloc : !kernel.buffer<2000xf32>
  %b = kernel.alloc : !kernel.buffer<2000xf32>
  %c = kernel.alloc : !kernel.buffer<2000xf32>
  %r = kernel.alloc : !kernel.buffer<f32>
  kernel.compute map "reads w" reads(%v = %w) writes(%b) : (!kernel.buffer<2000xf32>) -> (!kernel.buffer<2000xf32>) {
    %0 = graph.tanh %v : tensor<2000xf32>
    kernel.yield %0 : tensor<2000xf32>
  }
  kernel.compute map "gradient" reads(%v = %b) writes(%g) : (!kernel.buffer<2000xf32>) -> (!kernel.buffer<2000xf32>) {
    %0 = graph.tanh %v : tensor<2000xf32>
    kernel.yield %0 : tensor<2000xf32>
  }
  kernel.compute map "more" reads(%v = %b) writes(%c) : (!kernel.buffer<2000xf32>) -> (!kernel.buffer<2000xf32>) {
    %0 = graph.tanh %v : tensor<2000xf32>
    kernel.yield %0 : tensor<2000xf32>
  }
  kernel.compute map "last" reads(%v = %c) writes(%z) : (!kernel.buffer<2000xf32>) -> (!kernel.buffer<2000xf32>) {
    %0 = graph.exp %v : tensor<2000xf32>
    kernel.yield %0 : tensor<2000xf32>
  }
  kernel.compute map "rate" reads(%v = %t) writes(%r) : (!kernel.buffer<f32>) -> (!kernel.buffer<f32>) {
    %0 = graph.sqrt %v : tensor<f32>
    kernel.yield %0 : tensor<f32>
  }
  kernel.compute map "update w" reads(%v = %w, %d = %g, %f = %r) writes(%w) : (!kernel.buffer<2000xf32>, !kernel.buffer<2000xf32>, !kernel.buffer<f32>) -> (!kernel.buffer<2000xf32>) {
    %0 = graph.broadcast %f along [] : tensor<f32> -> tensor<2000xf32>
    %1 = graph.mul %d, %0 : tensor<2000xf32>
    %2 = graph.sub %v, %1 : tensor<2000xf32>
    kernel.yield %2 : tensor<2000xf32>
  }
  return
}

// What comes behind a loop and reads by its count stays there.
// CHECK-LABEL: func.func @a_slot_stays_behind_the_loop_that_it_counts(
// CHECK: kernel.while
// CHECK: kernel.slot
// CHECK: "last"
func.func @a_slot_stays_behind_the_loop_that_it_counts(%p: !kernel.buffer<i1>, %x: !kernel.buffer<3x4xf32>, %z: !kernel.buffer<4xf32>) {
  %n = kernel.while %p step %s : !kernel.buffer<i1> {
    kernel.compute map "condition" reads() writes(%p) : () -> (!kernel.buffer<i1>) {
      %0 = graph.constant dense<false> : tensor<i1>
      kernel.yield %0 : tensor<i1>
    }
  } do step %t {
    kernel.compute map "body" reads() writes(%p) : () -> (!kernel.buffer<i1>) {
      %0 = graph.constant dense<false> : tensor<i1>
      kernel.yield %0 : tensor<i1>
    }
  }
  %v = kernel.slot %x[%n mod 3] axis 0 : !kernel.buffer<3x4xf32> -> !kernel.buffer<4xf32>
  kernel.compute map "last" reads(%a = %v) writes(%z) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.tanh %a : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  return
}
