// RUN: moru-opt %s --loops-to-llvm --split-input-file --verify-diagnostics
// What loops-to-llvm cannot lower, and why.

// The buffer has no place yet.
func.func @unplanned() {
  // expected-error @below {{expected an offset in the arena, got none; run kernel-plan before loops-to-llvm}}
  %a = kernel.alloc : !kernel.buffer<32xf32>
  return
}

// -----

// The kernel is still a region.
func.func @not_a_function(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>) {
  // expected-error @below {{expected buffers, control flow and launches alone in a host function}}
  kernel.compute map "tanh" reads(%a = %x) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.tanh %a : tensor<4xf32>
    kernel.yield %0 : tensor<4xf32>
  }
  return
}

// -----

func.func @no_such_kernel(%x: !kernel.buffer<4xf32>) {
  // expected-error @below {{expected the function of a kernel, got none of the name @missing}}
  kernel.launch @missing(%x : !kernel.buffer<4xf32>) tasks 1
  return
}

// -----

func.func private @kernel(%x: memref<4xf32>, %task: index) {
  return
}
func.func @wrong_number_of_buffers(%x: !kernel.buffer<4xf32>) {
  // expected-error @below {{expected a kernel of 2 memrefs and an index, got '(memref<4xf32>, index) -> ()'}}
  kernel.launch @kernel(%x, %x : !kernel.buffer<4xf32>, !kernel.buffer<4xf32>) tasks 1
  return
}

// -----

func.func private @kernel(%x: f32, %task: index) {
  return
}
func.func @not_a_memref(%x: !kernel.buffer<4xf32>) {
  // expected-error @below {{expected a memref as argument 0 of the kernel, got 'f32'}}
  kernel.launch @kernel(%x : !kernel.buffer<4xf32>) tasks 1
  return
}

// -----

// expected-error @below {{expected a host function with one block and without results}}
func.func @has_a_result(%x: !kernel.buffer<4xf32>) -> !kernel.buffer<4xf32> {
  return %x : !kernel.buffer<4xf32>
}

// -----

// The kernel would call this function in place of libm's.
// expected-error @below {{expected a name that no function of libm has, got one that a kernel calls, 'erf'}}
func.func @erf(%x: !kernel.buffer<1xf64>) {
  kernel.launch @erf_0(%x : !kernel.buffer<1xf64>) tasks 1
  return
}

func.func private @erf_0(%x: memref<1xf64>, %task: index) attributes {kernel.family = "map"} {
  %zero = arith.constant 0 : index
  %a = memref.load %x[%zero] : memref<1xf64>
  %b = math.erf %a : f64
  memref.store %b, %x[%zero] : memref<1xf64>
  return
}
