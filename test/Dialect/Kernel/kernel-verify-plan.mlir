// RUN: moru-opt %s --kernel-verify-plan=forbid-copies=true --split-input-file --verify-diagnostics

// Side by side, and one after the other in the same bytes.
func.func @accepts_a_plan(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) attributes {kernel.arena = 128 : i64} {
  %a = kernel.alloc at 0 : !kernel.buffer<16xf32>
  %b = kernel.alloc at 64 : !kernel.buffer<16xf32>
  %c = kernel.alloc at 0 : !kernel.buffer<16xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.compute map "b" reads(%0 = %a) writes(%b) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.compute map "c" reads(%0 = %b) writes(%c) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.compute map "y" reads(%0 = %c) writes(%y) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  return
}

// -----

// Before kernel-plan a buffer has no place, and that is no error.
func.func @accepts_an_unplanned_function(%x: !kernel.buffer<16xf32>) {
  %a = kernel.alloc : !kernel.buffer<16xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  return
}

// -----

// The arena has a size but the buffer no place in it.
func.func @missing_offset(%x: !kernel.buffer<16xf32>) attributes {kernel.arena = 64 : i64} {
  // expected-error @+1 {{expected every buffer to have an offset once the arena has a size}}
  %a = kernel.alloc : !kernel.buffer<16xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  return
}

// -----

// The last 64 bytes are nobody's.
func.func @beyond_the_arena(%x: !kernel.buffer<16xf32>) attributes {kernel.arena = 64 : i64} {
  // expected-error @+1 {{expected the buffer to end within the arena of 64 bytes, got 128}}
  %a = kernel.alloc at 64 : !kernel.buffer<16xf32>
  kernel.compute map "a" reads(%0 = %x) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  return
}

// -----

// Both are read at the end.
func.func @overlap(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) attributes {kernel.arena = 192 : i64} {
  // expected-note @+1 {{the other buffer}}
  %a = kernel.alloc at 0 : !kernel.buffer<32xf32>
  // expected-error @+1 {{bytes [64, 128) are in use at the same time as [0, 128)}}
  %b = kernel.alloc at 64 : !kernel.buffer<16xf32>
  kernel.compute map "a" reads() writes(%a) : () -> (!kernel.buffer<32xf32>) {
    %1 = graph.constant dense<1.0> : tensor<32xf32>
    kernel.yield %1 : tensor<32xf32>
  }
  kernel.compute map "b" reads(%0 = %x) writes(%b) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.compute map "y" reads(%0 = %a, %1 = %b) writes(%y) : (!kernel.buffer<32xf32>, !kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %2 = graph.slice %0 from [0] to [16] by [1] : tensor<32xf32> -> tensor<16xf32>
    %3 = graph.add %2, %1 : tensor<16xf32>
    kernel.yield %3 : tensor<16xf32>
  }
  return
}

// -----

// What the first step reads, the second reads again, after %in has been written.
func.func @overlap_in_a_loop(%x: !kernel.buffer<16xf32>, %y: !kernel.buffer<16xf32>) attributes {kernel.arena = 64 : i64} {
  // expected-note @+1 {{the other buffer}}
  %before = kernel.alloc at 0 : !kernel.buffer<16xf32>
  kernel.compute map "before" reads(%0 = %x) writes(%before) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    %1 = graph.tanh %0 : tensor<16xf32>
    kernel.yield %1 : tensor<16xf32>
  }
  kernel.loop %t to 2 {
    // expected-error @+1 {{bytes [0, 64) are in use at the same time as [0, 64)}}
    %in = kernel.alloc at 0 : !kernel.buffer<16xf32>
    kernel.compute map "in" reads(%0 = %before) writes(%in) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
      %1 = graph.tanh %0 : tensor<16xf32>
      kernel.yield %1 : tensor<16xf32>
    }
    kernel.compute map "y" reads(%0 = %in) writes(%y) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
      %1 = graph.tanh %0 : tensor<16xf32>
      kernel.yield %1 : tensor<16xf32>
    }
  }
  return
}

// -----

// A parameter never needs a second place.
func.func @copies_a_parameter(%x: !kernel.buffer<16xf32> {graph.name = "w", graph.role = "parameter"}) {
  %a = kernel.alloc : !kernel.buffer<16xf32>
  // expected-error @+1 {{kernel "w" only copies a buffer of 64 bytes}}
  kernel.compute map "w" reads(%0 = %x) writes(%a) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    kernel.yield %0 : tensor<16xf32>
  }
  return
}

// -----

// Nor does an activation, in a loop neither.
func.func @copies_an_activation() {
  %a = kernel.alloc : !kernel.buffer<2x16xf32>
  %b = kernel.alloc : !kernel.buffer<16xf32>
  kernel.loop %t to 2 {
    %s = kernel.slot %a[%t] axis 0 : !kernel.buffer<2x16xf32> -> !kernel.buffer<16xf32>
    // expected-error @+1 {{kernel "b" only copies a buffer of 64 bytes}}
    kernel.compute map "b" reads(%0 = %s) writes(%b) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
      kernel.yield %0 : tensor<16xf32>
    }
  }
  return
}

// -----

// Packing is not copying, nor is a kernel that computes something besides; a state comes in and an output goes out as a copy, through
// views too.
func.func @accepts_copies_at_the_boundary(%w: !kernel.buffer<16x4xf32> {graph.name = "w", graph.role = "parameter"},
                                          %h: !kernel.buffer<16xf32> {graph.name = "h", graph.role = "state"},
                                          %y: !kernel.buffer<2x16xf32> {graph.name = "y", graph.role = "output"}) {
  %a = kernel.alloc : !kernel.buffer<16x4xf32, #kernel.panels<16>>
  %b = kernel.alloc : !kernel.buffer<16xf32>
  %v = kernel.view %y at 16 : !kernel.buffer<2x16xf32> -> !kernel.buffer<16xf32>
  kernel.compute map "pack" reads(%0 = %w) writes(%a) : (!kernel.buffer<16x4xf32>) -> (!kernel.buffer<16x4xf32, #kernel.panels<16>>) {
    kernel.yield %0 : tensor<16x4xf32>
  }
  kernel.compute map "h" reads(%0 = %h) writes(%b) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    kernel.yield %0 : tensor<16xf32>
  }
  kernel.compute map "y" reads(%0 = %b) writes(%v) : (!kernel.buffer<16xf32>) -> (!kernel.buffer<16xf32>) {
    kernel.yield %0 : tensor<16xf32>
  }
  return
}

// -----

// What is prepared depends on parameters that stay as they are.
func.func @prepares_of_an_input(%x: !kernel.buffer<4xf32> {graph.name = "x", graph.role = "input"}) {
  %a = kernel.alloc : !kernel.buffer<4xf32>
  kernel.prepare {
    // expected-error @+1 {{expected a kernel that is prepared to read parameters, or what is prepared before it}}
    kernel.compute map "exp" reads(%0 = %x) writes(%a) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %r = graph.exp %0 : tensor<4xf32>
      kernel.yield %r : tensor<4xf32>
    }
  }
  return
}

// -----

func.func @writes_what_is_prepared(%w: !kernel.buffer<4xf32> {graph.name = "w", graph.role = "parameter"},
                                   %x: !kernel.buffer<4xf32> {graph.name = "x", graph.role = "input"}) {
  %a = kernel.alloc : !kernel.buffer<4xf32>
  kernel.prepare {
    kernel.compute map "exp" reads(%0 = %w) writes(%a) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %r = graph.exp %0 : tensor<4xf32>
      kernel.yield %r : tensor<4xf32>
    }
  }
  // expected-error @+1 {{expected what is prepared to stay as it is, got a kernel that writes to it}}
  kernel.compute map "tanh" reads(%0 = %x) writes(%a) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.tanh %0 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  return
}
