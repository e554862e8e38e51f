// RUN: moru-opt %s --split-input-file --verify-diagnostics
// One case per message of the dialect's verifiers and parsers; the names give the constraints of KernelOps.td.

// A buffer holds numbers.
// expected-error @+1 {{expected an integer or floating-point element type, got 'index'}}
func.func private @buffer_element(!kernel.buffer<4xindex>)

// -----

// Sizes are known.
// expected-error @+1 {{expected static shape}}
func.func private @buffer_dynamic(!kernel.buffer<?xf32>)

// -----

// One stride per axis.
// expected-error @+1 {{expected 2 static strides and no offset, got strided<[1]>}}
func.func private @buffer_strides(!kernel.buffer<4x4xf32, strided<[1]>>)

// -----

// Where a view starts is the view's own number, not the layout's.
// expected-error @+1 {{expected 1 static strides and no offset, got strided<[1], offset: 4>}}
func.func private @buffer_offset(!kernel.buffer<4xf32, strided<[1], offset: 4>>)

// -----

// Strides are known too.
// expected-error @+1 {{expected 1 static strides and no offset, got strided<[?]>}}
func.func private @buffer_dynamic_stride(!kernel.buffer<4xf32, strided<[?]>>)

// -----

// An affine map is no layout of ours.
// expected-error @+1 {{expected a layout strided<[…]>, #kernel.panels<width> or #kernel.tiles<side, planes>, got affine_map<(d0) -> (d0)>}}
func.func private @buffer_layout(!kernel.buffer<4xf32, affine_map<(d0) -> (d0)>>)

// -----

// expected-error @+1 {{expected tiles of 2 or 3 planes over f32, or of 1 over bf16, of rank 2 or more, got #kernel.tiles<rhs, 4> over 'f32' of rank 2}}
func.func private @buffer_tiles(!kernel.buffer<4x4xf32, #kernel.tiles<rhs, 4>>)

// -----

// Panels cut the last of at least two axes.
// expected-error @+1 {{expected panels of width 1 or more over rank 2 or more, got #kernel.panels<16> over rank 1}}
func.func private @buffer_panels_rank(!kernel.buffer<4xf32, #kernel.panels<16>>)

// -----

// A panel has columns.
// expected-error @+1 {{expected panels of width 1 or more over rank 2 or more, got #kernel.panels<0> over rank 2}}
func.func private @buffer_panels_width(!kernel.buffer<4x4xf32, #kernel.panels<0>>)

// -----

// C1: gaps belong to views, not to memory.
func.func @alloc_c1() {
  // expected-error @+1 {{expected a dense layout, got '!kernel.buffer<4x4xf32, strided<[8, 1]>>'}}
  %a = kernel.alloc : !kernel.buffer<4x4xf32, strided<[8, 1]>>
  return
}

// -----

// C2: a buffer starts on a cache line.
func.func @alloc_c2_aligned() {
  // expected-error @+1 {{expected an offset that is a multiple of 64, got 32}}
  %a = kernel.alloc at 32 : !kernel.buffer<4xf32>
  return
}

// -----

// C2: a buffer lies in the arena.
func.func @alloc_c2_negative() {
  // expected-error @+1 {{expected an offset that is a multiple of 64, got -64}}
  %a = kernel.alloc at -64 : !kernel.buffer<4xf32>
  return
}

// -----

// C1: what is packed cannot be sliced.
func.func @view_c1_panels(%a: !kernel.buffer<4x4xf32, #kernel.panels<16>>) {
  // expected-error @+1 {{expected strided buffers of one element type, got}}
  %v = kernel.view %a at 0 : !kernel.buffer<4x4xf32, #kernel.panels<16>> -> !kernel.buffer<4x4xf32>
  return
}

// -----

// C1: a view never reinterprets bits.
func.func @view_c1_element(%a: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected strided buffers of one element type, got '!kernel.buffer<4xf32>' and '!kernel.buffer<4xi32>'}}
  %v = kernel.view %a at 0 : !kernel.buffer<4xf32> -> !kernel.buffer<4xi32>
  return
}

// -----

// C2: entries 1 … 4 of four.
func.func @view_c2_end(%a: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected a part of the source's 16 bytes, got one that ends at 20}}
  %v = kernel.view %a at 1 : !kernel.buffer<4xf32> -> !kernel.buffer<4xf32>
  return
}

// -----

// C2: a stride of 3 reaches entry 9 of eight.
func.func @view_c2_stride(%a: !kernel.buffer<8xf32>) {
  // expected-error @+1 {{expected a part of the source's 32 bytes, got one that ends at 40}}
  %v = kernel.view %a at 0 : !kernel.buffer<8xf32> -> !kernel.buffer<4xf32, strided<[3]>>
  return
}

// -----

// C2: before the source.
func.func @view_c2_begin(%a: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected a part of the source's 16 bytes, got one that ends at 4}}
  %v = kernel.view %a at -1 : !kernel.buffer<4xf32> -> !kernel.buffer<2xf32>
  return
}

// -----

// C1: there is no axis 2.
func.func @slot_c1_axis(%a: !kernel.buffer<4x8xf32>) {
  kernel.loop %t to 4 {
    // expected-error @+1 {{expected an axis of a strided buffer of rank 2, got 2}}
    %s = kernel.slot %a[%t] axis 2 : !kernel.buffer<4x8xf32> -> !kernel.buffer<4xf32>
  }
  return
}

// -----

// C1: panels have no slices.
func.func @slot_c1_panels(%a: !kernel.buffer<4x8xf32, #kernel.panels<8>>) {
  kernel.loop %t to 4 {
    // expected-error @+1 {{expected an axis of a strided buffer of rank 2, got 0}}
    %s = kernel.slot %a[%t] axis 0 : !kernel.buffer<4x8xf32, #kernel.panels<8>> -> !kernel.buffer<8xf32>
  }
  return
}

// -----

// C2: one step moves by one slot.
func.func @slot_c2_scale(%a: !kernel.buffer<4x8xf32>) {
  kernel.loop %t to 4 {
    // expected-error @+1 {{expected scale 1 or -1 and a modulus that is not negative, got 2 and 0}}
    %s = "kernel.slot"(%a, %t) {scale = 2 : i64, offset = 0 : i64, modulus = 0 : i64, axis = 0 : i64}
        : (!kernel.buffer<4x8xf32>, index) -> !kernel.buffer<8xf32>
  }
  return
}

// -----

// C2: modulo a negative number.
func.func @slot_c2_modulus(%a: !kernel.buffer<4x8xf32>) {
  kernel.loop %t to 4 {
    // expected-error @+1 {{expected scale 1 or -1 and a modulus that is not negative, got 1 and -2}}
    %s = kernel.slot %a[%t mod -2] axis 0 : !kernel.buffer<4x8xf32> -> !kernel.buffer<8xf32>
  }
  return
}

// -----

// C3: a column lies 8 entries apart.
func.func @slot_c3(%a: !kernel.buffer<4x8xf32>) {
  kernel.loop %t to 8 {
    // expected-error @+1 {{expected result type '!kernel.buffer<4xf32, strided<[8]>>', got '!kernel.buffer<4xf32>'}}
    %s = kernel.slot %a[%t] axis 1 : !kernel.buffer<4x8xf32> -> !kernel.buffer<4xf32>
  }
  return
}

// -----

// C1: a loop without a step.
func.func @loop_c1_length() {
  // expected-error @+1 {{expected a length of at least 1 and one index argument, got length 0 and 1 arguments}}
  kernel.loop %t to 0 {
  }
  return
}

// -----

// C1: the step is all that a body is given.
func.func @loop_c1_arguments() {
  // expected-error @+1 {{expected a length of at least 1 and one index argument, got length 2 and 2 arguments}}
  "kernel.loop"() <{length = 2 : i64}> ({
  ^bb0(%t: index, %u: index):
  }) : () -> ()
  return
}

// -----

// C1: the region sees logical tensors of the buffers' types.
func.func @compute_c1(%x: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected region arguments of the types that are read, got ('tensor<8xf32>')}}
  "kernel.compute"(%x, %x) <{family = #kernel<family map>, label = "f", operandSegmentSizes = array<i32: 1, 1>}> ({
  ^bb0(%a: tensor<8xf32>):
    %y = graph.constant dense<0.0> : tensor<4xf32>
    kernel.yield %y : tensor<4xf32>
  }) : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> ()
  return
}

// -----

// C2: a result of another shape than its buffer's.
func.func @compute_c2_type(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<8xf32>) {
  // expected-error @+1 {{expected a yield of the types that are written}}
  kernel.compute map "f" reads(%a = %x) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<8xf32>) {
    kernel.yield %a : tensor<4xf32>
  }
  return
}

// -----

// C2: two buffers to write, one result.
func.func @compute_c2_count(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected a yield of the types that are written}}
  kernel.compute map "f" reads(%a = %x) writes(%x, %y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) {
    kernel.yield %a : tensor<4xf32>
  }
  return
}

// -----

// C3: loops stand around kernels, not within.
func.func @compute_c3_scan(%x: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected plain graph operations in the region, got graph.scan}}
  kernel.compute map "f" reads(%a = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.scan 3 carry(%c = %a) : (tensor<4xf32>) -> (tensor<4xf32>) {
      graph.yield carry(%c : tensor<4xf32>)
    }
    kernel.yield %r : tensor<4xf32>
  }
  return
}

// -----

// C3: gradients are expanded long before.
func.func @compute_c3_gradient(%x: !kernel.buffer<f32>) {
  // expected-error @+1 {{expected plain graph operations in the region, got graph.gradient}}
  kernel.compute map "f" reads(%a = %x) writes(%x) : (!kernel.buffer<f32>) -> (!kernel.buffer<f32>) {
    %d = graph.gradient %a wrt(%a) : tensor<f32>, (tensor<f32>)
    kernel.yield %d : tensor<f32>
  }
  return
}

// -----

// C4: a contract kernel without a contraction.
func.func @compute_c4_none(%x: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected exactly one contraction, got 0}}
  kernel.compute contract "f" reads(%a = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    kernel.yield %a : tensor<4xf32>
  }
  return
}

// -----

// C4: a contraction in a map.
func.func @compute_c4_map(%x: !kernel.buffer<4x4xf32>, %y: !kernel.buffer<4x4xf32>) {
  // expected-error @+1 {{expected no contraction, got 1}}
  kernel.compute map "f" reads(%a = %x) writes(%y) : (!kernel.buffer<4x4xf32>) -> (!kernel.buffer<4x4xf32>) {
    %c = graph.contract %a, %a over [1] with [0] : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    kernel.yield %c : tensor<4x4xf32>
  }
  return
}

// -----

// A family that is not in the list.
func.func @compute_family(%x: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected a kernel family, got 'recurrent'}}
  kernel.compute recurrent "f" reads(%a = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    kernel.yield %a : tensor<4xf32>
  }
  return
}

// -----

// Kernels read buffers.
func.func @compute_reads(%x: tensor<4xf32>, %y: !kernel.buffer<4xf32>) {
  kernel.compute map "f" reads(%a = %x) writes(%y)
      // expected-error @+1 {{expected buffers, got 'tensor<4xf32>'}}
      : (tensor<4xf32>) -> (!kernel.buffer<4xf32>) {
    kernel.yield %a : tensor<4xf32>
  }
  return
}

// -----

// C1: nothing would run.
func.func @launch_c1(%x: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected at least 1 task, got 0}}
  kernel.launch @f(%x : !kernel.buffer<4xf32>) tasks 0
  return
}

// -----

// C1: one truth value decides.
func.func @cond_c1_predicate(%p: !kernel.buffer<2xi1>) {
  // expected-error @+1 {{expected a predicate of type !kernel.buffer<i1> and regions without arguments, got '!kernel.buffer<2xi1>' and 0 arguments}}
  kernel.cond %p : !kernel.buffer<2xi1> {
  } else {
  }
  return
}

// -----

// C1: a branch has no step.
func.func @cond_c1_arguments(%p: !kernel.buffer<i1>) {
  // expected-error @+1 {{expected a predicate of type !kernel.buffer<i1> and regions without arguments, got '!kernel.buffer<i1>' and 1 arguments}}
  "kernel.cond"(%p) ({
  ^bb0(%t: index):
  }, {
  ^bb0:
  }) : (!kernel.buffer<i1>) -> ()
  return
}

// -----

// C1: the condition is a truth value.
func.func @while_c1(%p: !kernel.buffer<f32>) {
  // expected-error @+1 {{expected a predicate of type !kernel.buffer<i1> and one index argument per region, got '!kernel.buffer<f32>', ('index') and ('index')}}
  %count = kernel.while %p step %t : !kernel.buffer<f32> {
  } do step %u {
  }
  return
}

// -----

// C3: the host decides between kernels, not a kernel.
func.func @compute_c3_regions(%p: !kernel.buffer<i1>, %x: !kernel.buffer<4xf32>) {
  // expected-error @+1 {{expected plain graph operations in the region, got graph.cond}}
  kernel.compute map "f" reads(%a = %p, %b = %x) writes(%x) : (!kernel.buffer<i1>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.cond %a -> (tensor<4xf32>) {
      graph.yield out(%b : tensor<4xf32>)
    } else {
      graph.yield out(%b : tensor<4xf32>)
    }
    kernel.yield %0 : tensor<4xf32>
  }
  return
}

// -----

// C1: what is prepared are kernels.
func.func @prepare_c1() {
  // expected-error @+1 {{expected kernels alone, got kernel.alloc}}
  kernel.prepare {
    %a = kernel.alloc : !kernel.buffer<4xf32>
  }
  return
}

// -----

// Nothing to launch.
func.func @group_c1() {
  // expected-error @below {{expected kernels, got none}}
  kernel.group {
  }
  return
}

// -----

// Buffers belong in front of the group.
func.func @group_c1_kernels_alone() {
  // expected-error @below {{expected kernels alone, got kernel.alloc}}
  kernel.group {
    %b = kernel.alloc : !kernel.buffer<4xf32>
  }
  return
}

// -----

// No parts are no work.
func.func @group_c2(%x: !kernel.buffer<4xf32>) {
  // expected-error @below {{expected at least 1 part, got 0}}
  kernel.group parts 0 {
    kernel.compute map "exp" reads(%0 = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %1 = graph.exp %0 : tensor<4xf32>
      kernel.yield %1 : tensor<4xf32>
    }
  }
  return
}

// -----

// A launch has a task for each part.
func.func @group_c2_tasks(%x: !kernel.buffer<4xf32>) {
  kernel.group parts 2 {
    // expected-error @below {{expected as many tasks as the group has parts, 2, got 4}}
    kernel.launch @exp(%x : !kernel.buffer<4xf32>) tasks 4
  }
  return
}
