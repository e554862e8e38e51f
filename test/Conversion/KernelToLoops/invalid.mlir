// RUN: moru-opt %s --kernel-to-loops --split-input-file --verify-diagnostics

// A composite has no code of its own.
func.func @composite(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  kernel.compute map "softmax" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    // expected-error @+1 {{cannot be generated in a kernel of family map}}
    %0 = graph.softmax %a along 1 : tensor<4x8xf32>
    kernel.yield %0 : tensor<4x8xf32>
  }
  return
}

// -----

// Loops run over one shape.
func.func @two_shapes(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>, %z: !kernel.buffer<32xf32>) {
  // expected-error @+1 {{expected results of one shape in a map kernel, got 'tensor<4x8xf32>' and 'tensor<32xf32>'}}
  kernel.compute map "shapes" reads(%a = %x) writes(%y, %z) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>, !kernel.buffer<32xf32>) {
    %0 = graph.reshape %a : tensor<4x8xf32> -> tensor<32xf32>
    kernel.yield %a, %0 : tensor<4x8xf32>, tensor<32xf32>
  }
  return
}

// -----

// The right-hand side is not in panels, and has batches.
func.func @no_panels(%a: !kernel.buffer<2x4x8xf32>, %b: !kernel.buffer<2x8x32xf32>, %y: !kernel.buffer<2x4x32xf32>) {
  kernel.compute contract "mm" reads(%l = %a, %r = %b) writes(%y) : (!kernel.buffer<2x4x8xf32>, !kernel.buffer<2x8x32xf32>) -> (!kernel.buffer<2x4x32xf32>) {
    // expected-error @+1 {{expected rhs to be an argument in panels, or a reshape of one, to generate a kernel with batches}}
    %0 = graph.contract %l, %r over [2] with [1] batch [0] with [0] : tensor<2x4x8xf32>, tensor<2x8x32xf32> -> tensor<2x4x32xf32>
    kernel.yield %0 : tensor<2x4x32xf32>
  }
  return
}

// -----

// The left-hand side is in panels.
func.func @panels_twice(%a: !kernel.buffer<4x8xf32, #kernel.panels<32>>, %b: !kernel.buffer<8x32xf32, #kernel.panels<32>>, %y: !kernel.buffer<4x32xf32>) {
  kernel.compute contract "mm" reads(%l = %a, %r = %b) writes(%y)
      : (!kernel.buffer<4x8xf32, #kernel.panels<32>>, !kernel.buffer<8x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<4x32xf32>) {
    // expected-error @+1 {{expected lhs in a strided layout to generate a kernel, got panels}}
    %0 = graph.contract %l, %r over [1] with [0] : tensor<4x8xf32>, tensor<8x32xf32> -> tensor<4x32xf32>
    kernel.yield %0 : tensor<4x32xf32>
  }
  return
}

// -----

// A panel is not a number of whole vectors.
func.func @narrow_panels(%a: !kernel.buffer<4x8xf32>, %b: !kernel.buffer<8x32xf32, #kernel.panels<12>>, %y: !kernel.buffer<4x32xf32>) {
  kernel.compute contract "mm" reads(%l = %a, %r = %b) writes(%y) : (!kernel.buffer<4x8xf32>, !kernel.buffer<8x32xf32, #kernel.panels<12>>) -> (!kernel.buffer<4x32xf32>) {
    // expected-error @+1 {{expected panels of a multiple of 16 entries, got 12}}
    %0 = graph.contract %l, %r over [1] with [0] : tensor<4x8xf32>, tensor<8x32xf32> -> tensor<4x32xf32>
    kernel.yield %0 : tensor<4x32xf32>
  }
  return
}

// -----

// The panels run along n, but k is contracted.
func.func @transposed_rhs(%a: !kernel.buffer<4x8xf32>, %b: !kernel.buffer<32x8xf32, #kernel.panels<32>>, %y: !kernel.buffer<4x32xf32>) {
  kernel.compute contract "mm" reads(%l = %a, %r = %b) writes(%y) : (!kernel.buffer<4x8xf32>, !kernel.buffer<32x8xf32, #kernel.panels<32>>) -> (!kernel.buffer<4x32xf32>) {
    // expected-error @+1 {{expected rhs's axes in the order batch, contracted, free to generate a kernel}}
    %0 = graph.contract %l, %r over [1] with [1] : tensor<4x8xf32>, tensor<32x8xf32> -> tensor<4x32xf32>
    kernel.yield %0 : tensor<4x32xf32>
  }
  return
}

// -----

// An epilogue that changes the shape.
func.func @reshaped_result(%a: !kernel.buffer<4x8xf32>, %b: !kernel.buffer<8x32xf32, #kernel.panels<32>>, %y: !kernel.buffer<128xf32>) {
  // expected-error @+1 {{expected results of the contraction's shape, got 'tensor<128xf32>'}}
  kernel.compute contract "mm" reads(%l = %a, %r = %b) writes(%y) : (!kernel.buffer<4x8xf32>, !kernel.buffer<8x32xf32, #kernel.panels<32>>) -> (!kernel.buffer<128xf32>) {
    %0 = graph.contract %l, %r over [1] with [0] : tensor<4x8xf32>, tensor<8x32xf32> -> tensor<4x32xf32>
    %1 = graph.reshape %0 : tensor<4x32xf32> -> tensor<128xf32>
    kernel.yield %1 : tensor<128xf32>
  }
  return
}

// -----

// A row_reduce sums along rows.
func.func @columns_in_rows(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<8xf32>) {
  kernel.compute row_reduce "sum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<8xf32>) {
    // expected-error @+1 {{expected a reduction over the last axis alone in a row_reduce kernel}}
    %0 = graph.reduce_sum %a over [0] : tensor<4x8xf32> -> tensor<8xf32>
    kernel.yield %0 : tensor<8xf32>
  }
  return
}

// -----

func.func @two_row_shapes(%x: !kernel.buffer<4x8xf32>, %z: !kernel.buffer<4x9xf32>, %y: !kernel.buffer<4xf32>) {
  kernel.compute row_reduce "sum" reads(%a = %x, %b = %z) writes(%y) : (!kernel.buffer<4x8xf32>, !kernel.buffer<4x9xf32>) -> (!kernel.buffer<4xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<4x8xf32> -> tensor<4xf32>
    // expected-error @+1 {{expected reductions of one shape in a row_reduce kernel}}
    %1 = graph.reduce_sum %b over [1] : tensor<4x9xf32> -> tensor<4xf32>
    %2 = graph.add %0, %1 : tensor<4xf32>
    kernel.yield %2 : tensor<4xf32>
  }
  return
}

// -----

// Nothing is reduced.
func.func @no_reduction(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  // expected-error @+1 {{expected a reduction in a row_reduce kernel, got none}}
  kernel.compute row_reduce "sum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    kernel.yield %a : tensor<4x8xf32>
  }
  return
}

// -----

func.func @other_rows(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<2x8xf32>) {
  // expected-error @+1 {{expected results of shape [rows…, columns] or [rows…], got 'tensor<2x8xf32>'}}
  kernel.compute row_reduce "sum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<2x8xf32>) {
    %0 = graph.reduce_sum %a over [1] : tensor<4x8xf32> -> tensor<4xf32>
    %1 = graph.slice %a from [0, 0] to [2, 8] by [1, 1] : tensor<4x8xf32> -> tensor<2x8xf32>
    kernel.yield %1 : tensor<2x8xf32>
  }
  return
}

// -----

func.func @two_column_sums(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<8xf32>) {
  // expected-error @+1 {{expected one reduction in a column_reduce kernel, got 2}}
  kernel.compute column_reduce "sum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<8xf32>) {
    %0 = graph.reduce_sum %a over [0] : tensor<4x8xf32> -> tensor<8xf32>
    %1 = graph.reduce_max %a over [0] : tensor<4x8xf32> -> tensor<8xf32>
    %2 = graph.add %0, %1 : tensor<8xf32>
    kernel.yield %2 : tensor<8xf32>
  }
  return
}

// -----

func.func @wide_column_result(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  // expected-error @+1 {{expected results of the shape of the reduction's result, got 'tensor<4x8xf32>'}}
  kernel.compute column_reduce "sum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %0 = graph.reduce_sum %a over [0] : tensor<4x8xf32> -> tensor<8xf32>
    %1 = graph.broadcast %0 along [1] : tensor<8xf32> -> tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  return
}

// -----

// Nothing is scattered.
func.func @no_scatter(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  // expected-error @+1 {{expected exactly one scatter_add in a gather_scatter kernel}}
  kernel.compute gather_scatter "scatter" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    kernel.yield %a : tensor<4x8xf32>
  }
  return
}

// -----

// What is added to the table afterwards would be added to zeros too early.
func.func @scatter_and_more(%u: !kernel.buffer<4x8xf32>, %i: !kernel.buffer<4xi32>, %y: !kernel.buffer<9x8xf32>) {
  // expected-error @+1 {{expected the scatter_add, or its sum with an argument, as the result, in a strided layout}}
  kernel.compute gather_scatter "scatter" reads(%a = %u, %b = %i) writes(%y) : (!kernel.buffer<4x8xf32>, !kernel.buffer<4xi32>) -> (!kernel.buffer<9x8xf32>) {
    %0 = graph.scatter_add %a at %b : tensor<4x8xf32>, tensor<4xi32> -> tensor<9x8xf32>
    %1 = graph.neg %0 : tensor<9x8xf32>
    kernel.yield %1 : tensor<9x8xf32>
  }
  return
}

// -----

// Two running sums have loops of their own.
func.func @two_cumsums(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  // expected-error @+1 {{expected one cumsum alone in its kernel}}
  kernel.compute column_reduce "cumsum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %0 = graph.cumsum %a along 0 : tensor<4x8xf32>
    %1 = graph.cumsum %0 along 1 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  return
}

// -----

// What follows a running sum is a kernel of its own.
func.func @cumsum_and_more(%x: !kernel.buffer<4x8xf32>, %y: !kernel.buffer<4x8xf32>) {
  // expected-error @+1 {{expected the cumsum itself as the result, in a strided layout}}
  kernel.compute column_reduce "cumsum" reads(%a = %x) writes(%y) : (!kernel.buffer<4x8xf32>) -> (!kernel.buffer<4x8xf32>) {
    %0 = graph.cumsum %a along 0 : tensor<4x8xf32>
    %1 = graph.neg %0 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  return
}

// -----

// The order of one row depends on another.
func.func @two_top_ks(%x: !kernel.buffer<8xf32>, %v: !kernel.buffer<2xf32>, %i: !kernel.buffer<2xi32>) {
  // expected-error @+1 {{expected one top_k alone in its kernel}}
  kernel.compute row_reduce "top_k" reads(%a = %x) writes(%v, %i) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<2xf32>, !kernel.buffer<2xi32>) {
    %0, %1 = graph.top_k 4 of %a : tensor<8xf32> -> tensor<4xf32>, tensor<4xi32>
    %2, %3 = graph.top_k 2 of %0 : tensor<4xf32> -> tensor<2xf32>, tensor<2xi32>
    kernel.yield %2, %3 : tensor<2xf32>, tensor<2xi32>
  }
  return
}

// -----

// The values alone: where the indices are kept is not known.
func.func @values_alone(%x: !kernel.buffer<8xf32>, %v: !kernel.buffer<2xf32>) {
  // expected-error @+1 {{expected both the values and the indices of the top_k, in strided layouts}}
  kernel.compute row_reduce "top_k" reads(%a = %x) writes(%v) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<2xf32>) {
    %0, %1 = graph.top_k 2 of %a : tensor<8xf32> -> tensor<2xf32>, tensor<2xi32>
    kernel.yield %0 : tensor<2xf32>
  }
  return
}

// -----

// The values twice.
func.func @values_twice(%x: !kernel.buffer<8xf32>, %v: !kernel.buffer<2xf32>, %w: !kernel.buffer<2xf32>) {
  // expected-error @+1 {{expected the values and the indices of the top_k as results, each once}}
  kernel.compute row_reduce "top_k" reads(%a = %x) writes(%v, %w) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<2xf32>, !kernel.buffer<2xf32>) {
    %0, %1 = graph.top_k 2 of %a : tensor<8xf32> -> tensor<2xf32>, tensor<2xi32>
    kernel.yield %0, %0 : tensor<2xf32>, tensor<2xf32>
  }
  return
}

// -----

// What follows an update would have to be done for all entries.
func.func @update_and_more(%x: !kernel.buffer<4x8xf32>, %u: !kernel.buffer<1x8xf32>, %i: !kernel.buffer<i32>, %y: !kernel.buffer<4x8xf32>) {
  // expected-error @+1 {{expected one dynamic_update_slice, itself the result, in a strided layout}}
  kernel.compute gather_scatter "update" reads(%a = %x, %b = %u, %c = %i) writes(%y) : (!kernel.buffer<4x8xf32>, !kernel.buffer<1x8xf32>, !kernel.buffer<i32>) -> (!kernel.buffer<4x8xf32>) {
    %0 = graph.dynamic_update_slice %a with %b at(%c, %c) : (tensor<4x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
    %1 = graph.neg %0 : tensor<4x8xf32>
    kernel.yield %1 : tensor<4x8xf32>
  }
  return
}
