// RUN: moru-opt %s --split-input-file --verify-diagnostics -o %t
// Every message of the verifiers. The numbers are the constraints of GraphOps.td.

func.func @iota_c1() {
  // expected-error @below {{expected an axis within rank 2, got 2}}
  %0 = graph.iota along 2 : tensor<2x3xi32>
  return
}

// -----

func.func @broadcast_c1(%x: tensor<3xf32>) {
  // expected-error @below {{expected one axis per operand axis (1), got 2}}
  %0 = graph.broadcast %x along [0, 1] : tensor<3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @broadcast_c2(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected axes to be increasing and within rank 2, got [1, 0]}}
  %0 = graph.broadcast %x along [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @broadcast_c3(%x: tensor<3xf32>) {
  // expected-error @below {{expected operand axis 0 to have size 1 or 4, got 3}}
  %0 = graph.broadcast %x along [1] : tensor<3xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @broadcast_c4(%x: tensor<3xf32>) {
  // expected-error @below {{expected element type 'f32', got 'f64'}}
  %0 = graph.broadcast %x along [1] : tensor<3xf32> -> tensor<2x3xf64>
  return
}

// -----

func.func @reshape_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected 6 entries, got 8}}
  %0 = graph.reshape %x : tensor<2x3xf32> -> tensor<8xf32>
  return
}

// -----

func.func @reshape_c2(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected element type 'f32', got 'i32'}}
  %0 = graph.reshape %x : tensor<2x3xf32> -> tensor<6xi32>
  return
}

// -----

func.func @transpose_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected a permutation of 2 axes, got 2 entries}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.transpose %x by [1, 1] : tensor<2x3xf32> -> tensor<3x3xf32>
  return
}

// -----

func.func @slice_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected starts, limits and strides for 2 axes, got 1, 2 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.slice %x from [0] to [2, 3] by [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_c2(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected 0 <= start <= limit <= 3 and stride >= 1 on axis 1, got 0, 4 and 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.slice %x from [0, 0] to [2, 4] by [1, 1] : tensor<2x3xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @slice_of_another_shape(%x: tensor<2x3xf32>) {
  // expected-error @below {{inferred type(s) 'tensor<2x2xf32>' are incompatible with return type(s) of operation 'tensor<2x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.slice %x from [0, 0] to [2, 2] by [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @pad_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected low, high and interior for 2 axes, got 2, 1 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.pad %x low [0, 0] high [0] interior [0, 0] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @pad_c1_negative(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected no negative padding on axis 1, got -1, 0 and 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.pad %x low [0, -1] high [0, 0] interior [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @concat_c1() {
  // expected-error @below {{expected at least one operand}}
  // expected-error @below {{failed to infer returned types}}
  %0 = "graph.concat"() {axis = 0 : i64} : () -> tensor<2xf32>
  return
}

// -----

func.func @concat_c2(%x: tensor<2xf32>) {
  // expected-error @below {{expected an axis within rank 1, got 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.concat %x, %x along 1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @concat_c3(%x: tensor<2x3xf32>, %y: tensor<3x3xf32>) {
  // expected-error @below {{expected operands that differ in axis 1 alone, got 'tensor<2x3xf32>' and 'tensor<3x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.concat %x, %y along 1 : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @concat_c3_rank(%x: tensor<2x3xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{expected operands that differ in axis 1 alone, got 'tensor<2x3xf32>' and 'tensor<3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.concat %x, %y along 1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @contract_c1(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) {
  // expected-error @below {{expected as many axes of rhs as of lhs, got 1 with 2 and batch 0 with 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.contract %x, %y over [1] with [0, 1] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_c2(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) {
  // expected-error @below {{expected distinct axes within the ranks 2 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.contract %x, %y over [1] with [0] batch [1] with [1] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_c3(%x: tensor<2x3xf32>, %y: tensor<5x4xf32>) {
  // expected-error @below {{contracting dimensions differ: lhs axis 1 has size 3, rhs axis 0 has size 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.contract %x, %y over [1] with [0] : tensor<2x3xf32>, tensor<5x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_c3_batch(%x: tensor<2x3xf32>, %y: tensor<5x3xf32>) {
  // expected-error @below {{batch dimensions differ: lhs axis 0 has size 2, rhs axis 0 has size 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.contract %x, %y over [1] with [1] batch [0] with [0] : tensor<2x3xf32>, tensor<5x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @contract_c4(%x: tensor<2x3xf32>, %y: tensor<3x4xf64>) {
  // expected-error @below {{expected equal element types, got 'f32' and 'f64'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.contract %x, %y over [1] with [0] : tensor<2x3xf32>, tensor<3x4xf64> -> tensor<2x4xf32>
  return
}

// -----

// Only sums of bf16 may be wider than what is multiplied.
func.func @contract_c4_result(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) {
  // expected-error @below {{'graph.contract' op inferred type(s) 'tensor<2x4xf32>' are incompatible with return type(s) of operation 'tensor<2x4xf64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.contract %x, %y over [1] with [0] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf64>
  return
}

// -----

func.func @reduce_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected axes to be increasing and within rank 2, got 0 after 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.reduce_sum %x over [1, 0] : tensor<2x3xf32> -> tensor<f32>
  return
}

// -----

func.func @argmax_c1(%x: tensor<2x0xf32>) {
  // expected-error @below {{expected an axis of at least one entry within rank 2, got 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.argmax %x over 1 : tensor<2x0xf32> -> tensor<2xi32>
  return
}

// -----

func.func @gather_c1(%x: tensor<f32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected a table of rank 1 or more, got rank 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.gather %x[%i] : tensor<f32>, tensor<2xi32> -> tensor<2xf32>
  return
}

// -----

func.func @scatter_add_of_rank_0(%x: tensor<2xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected a result of rank 1 or more, got rank 0}}
  %0 = graph.scatter_add %x at %i : tensor<2xf32>, tensor<2xi32> -> tensor<f32>
  return
}

// -----

func.func @scatter_add_c1(%x: tensor<2x3xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected updates of shape [2, 4], got [2, 3]}}
  %0 = graph.scatter_add %x at %i : tensor<2x3xf32>, tensor<2xi32> -> tensor<5x4xf32>
  return
}

// -----

func.func @scatter_add_c2(%x: tensor<2x3xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected element type 'f32', got 'f64'}}
  %0 = graph.scatter_add %x at %i : tensor<2x3xf32>, tensor<2xi32> -> tensor<5x3xf64>
  return
}

// -----

func.func @softmax_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected an axis within rank 2, got -1}}
  %0 = graph.softmax %x along -1 : tensor<2x3xf32>
  return
}

// -----

func.func @softmax_cross_entropy_c1(%x: tensor<2x3xf32>, %t: tensor<3xi32>) {
  // expected-error @below {{expected targets of the logits' shape without the last axis, got 'tensor<3xi32>' for 'tensor<2x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.softmax_cross_entropy %x, %t ignore -1 : tensor<2x3xf32>, tensor<3xi32> -> tensor<f32>
  return
}

// -----

func.func @scan_c1_inputs(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected one axis per input (1), got 0}}
  %0 = "graph.scan"(%xs) <{inputAxes = array<i64>, length = 4 : i64, operandSegmentSizes = array<i32: 0, 1>, outputAxes = array<i64: 0>}> ({
  ^bb0(%x: tensor<3xf32>):
    graph.yield out(%x : tensor<3xf32>)
  }) : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @scan_c1_input_axis(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected the axis of input 0 within rank 2, got 2}}
  %0 = "graph.scan"(%xs) <{inputAxes = array<i64: 2>, length = 4 : i64, operandSegmentSizes = array<i32: 0, 1>, outputAxes = array<i64: 0>}> ({
  ^bb0(%x: tensor<3xf32>):
    graph.yield out(%x : tensor<3xf32>)
  }) : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @scan_c1_output_axis(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected the axis of output 0 within rank 2, got 2}}
  %0 = graph.scan 4 over(%x = %xs axis 0) out(axis 2) : (tensor<4x3xf32>) -> tensor<3x4xf32> {
    graph.yield out(%x : tensor<3xf32>)
  }
  return
}

// -----

func.func @scan_c2(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected input 0 to have 5 entries along axis 0, got 4}}
  %0 = graph.scan 5 over(%x = %xs axis 0) out(axis 0) : (tensor<4x3xf32>) -> tensor<5x3xf32> {
    graph.yield out(%x : tensor<3xf32>)
  }
  return
}

// -----

func.func @scan_c3(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected body arguments of types ('tensor<3xf32>'), got ('tensor<4xf32>')}}
  %0 = "graph.scan"(%xs) <{inputAxes = array<i64: 0>, length = 4 : i64, operandSegmentSizes = array<i32: 0, 1>, outputAxes = array<i64: 0>}> ({
  ^bb0(%x: tensor<4xf32>):
    graph.yield out(%x : tensor<4xf32>)
  }) : (tensor<4x3xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @scan_c4_yield(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected a yield of 0 carried values and 1 outputs}}
  %0 = graph.scan 4 over(%x = %xs axis 0) out(axis 0) : (tensor<4x3xf32>) -> tensor<4x3xf32> {
    graph.yield carry(%x : tensor<3xf32>)
  }
  return
}

// -----

func.func @scan_c4_carried_type(%h0: tensor<3xf32>, %xs: tensor<4x2xf32>) {
  // expected-error @below {{expected carried types ('tensor<3xf32>'), got ('tensor<2xf32>') from the yield}}
  %0 = graph.scan 4 carry(%h = %h0) over(%x = %xs axis 0) : (tensor<3xf32>, tensor<4x2xf32>) -> tensor<3xf32> {
    graph.yield carry(%x : tensor<2xf32>)
  }
  return
}

// -----

func.func @scan_c4_results(%xs: tensor<4x3xf32>) {
  // expected-error @below {{expected result types ('tensor<4x3xf32>'), got ('tensor<3x4xf32>')}}
  %0 = graph.scan 4 over(%x = %xs axis 0) out(axis 0) : (tensor<4x3xf32>) -> tensor<3x4xf32> {
    graph.yield out(%x : tensor<3xf32>)
  }
  return
}

// -----

func.func @scan_c5(%h0: tensor<3xf32>) {
  // expected-error @below {{expected a length of at least 1, got 0}}
  %0 = graph.scan 0 carry(%h = %h0) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield carry(%h : tensor<3xf32>)
  }
  return
}

// -----

func.func @scan_operand_types(%h0: tensor<3xf32>) {
  // expected-error @below {{expected 1 operand types, got 0}}
  %0 = graph.scan 4 carry(%h = %h0) : () -> tensor<3xf32> {
    graph.yield carry(%h : tensor<3xf32>)
  }
  return
}

// -----

func.func @scan_of_no_tensor(%h0: f32) {
  // expected-error @below {{expected operand types to be tensors, got 'f32'}}
  %0 = graph.scan 4 carry(%h = %h0) : (f32) -> f32 {
    graph.yield
  }
  return
}

// -----

func.func @scan_axis_in_the_text(%xs: tensor<3xf32>) {
  // expected-error @below {{expected an axis within 'tensor<3xf32>', got 1}}
  %0 = graph.scan 3 over(%x = %xs axis 1) out(axis 0) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield out(%x : tensor<f32>)
  }
  return
}

// -----

func.func @cond_predicate(%p: tensor<2xi1>) {
  // expected-note @above {{prior use here}}
  // expected-error @below {{use of value '%p' expects different type than prior uses: 'tensor<i1>' vs 'tensor<2xi1>'}}
  graph.cond %p {
  } else {
  }
  return
}

// -----

func.func @cond_predicate_type(%p: tensor<2xi1>) {
  // expected-error @below {{operand #0 must be tensor<i1>, but got 'tensor<2xi1>'}}
  "graph.cond"(%p) ({
    graph.yield
  }, {
    graph.yield
  }) : (tensor<2xi1>) -> ()
  return
}

// -----

func.func @cond_c1(%p: tensor<i1>) {
  // expected-error @below {{expected the second region without arguments, got 1}}
  "graph.cond"(%p) ({
    graph.yield
  }, {
  ^bb0(%x: tensor<f32>):
    graph.yield
  }) : (tensor<i1>) -> ()
  return
}

// -----

func.func @cond_c2_type(%p: tensor<i1>, %x: tensor<3xf32>, %y: tensor<2xf32>) {
  // expected-error @below {{expected the second region to yield outputs of types ('tensor<3xf32>') and no carried value, got ('tensor<2xf32>') and 0}}
  %0 = graph.cond %p -> (tensor<3xf32>) {
    graph.yield out(%x : tensor<3xf32>)
  } else {
    graph.yield out(%y : tensor<2xf32>)
  }
  return
}

// -----

func.func @cond_c2_carry(%p: tensor<i1>, %x: tensor<3xf32>) {
  // expected-error @below {{expected the first region to yield outputs of types ('tensor<3xf32>') and no carried value, got () and 1}}
  %0 = graph.cond %p -> (tensor<3xf32>) {
    graph.yield carry(%x : tensor<3xf32>)
  } else {
    graph.yield out(%x : tensor<3xf32>)
  }
  return
}

// -----

func.func @while_c1_results(%x: tensor<3xf32>, %p: tensor<i1>) {
  // expected-error @below {{expected results of the carried types ('tensor<3xf32>'), got ('tensor<2xf32>')}}
  %0 = graph.while carry(%y = %x) : (tensor<3xf32>) -> tensor<2xf32> {
    graph.yield out(%p : tensor<i1>)
  } do(%z) {
    graph.yield carry(%z : tensor<3xf32>)
  }
  return
}

// -----

func.func @while_c1_arguments(%x: tensor<3xf32>, %p: tensor<i1>) {
  // expected-error @below {{expected arguments of the carried types ('tensor<3xf32>'), got ()}}
  %0 = "graph.while"(%x) ({
    graph.yield out(%p : tensor<i1>)
  }, {
  ^bb0(%z: tensor<3xf32>):
    graph.yield carry(%z : tensor<3xf32>)
  }) : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @while_c2(%x: tensor<3xf32>) {
  // expected-error @below {{expected the condition to yield one output of type 'tensor<i1>', got ('tensor<3xf32>')}}
  %0 = graph.while carry(%y = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield out(%y : tensor<3xf32>)
  } do(%z) {
    graph.yield carry(%z : tensor<3xf32>)
  }
  return
}

// -----

func.func @while_c3(%x: tensor<3xf32>, %p: tensor<i1>) {
  // expected-error @below {{expected the body to yield carried values of types ('tensor<3xf32>') and no output, got () and 1}}
  %0 = graph.while carry(%y = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield out(%p : tensor<i1>)
  } do(%z) {
    graph.yield out(%z : tensor<3xf32>)
  }
  return
}

// -----

func.func @while_c2_no_yield(%x: tensor<3xf32>, %p: tensor<i1>) {
  // expected-error @below {{expected the condition to end with graph.yield, got graph.exp}}
  %0 = graph.while carry(%y = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    %1 = graph.exp %y : tensor<3xf32>
  } do(%y) {
    graph.yield carry(%y : tensor<3xf32>)
  }
  return
}

// -----

func.func @while_c3_no_yield(%x: tensor<3xf32>, %p: tensor<i1>) {
  // expected-error @below {{expected the body to end with graph.yield, got graph.exp}}
  %0 = graph.while carry(%y = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield out(%p : tensor<i1>)
  } do(%y) {
    %1 = graph.exp %y : tensor<3xf32>
  }
  return
}

// -----

func.func @cond_c2_no_yield(%p: tensor<i1>, %x: tensor<3xf32>) {
  // expected-error @below {{expected the second region to end with graph.yield, got graph.exp}}
  "graph.cond"(%p) ({
    graph.yield
  }, {
    %1 = graph.exp %x : tensor<3xf32>
  }) : (tensor<i1>) -> ()
  return
}

// -----

func.func @scan_c4_no_yield(%x: tensor<3xf32>) {
  // expected-error @below {{expected the body to end with graph.yield, got graph.exp}}
  %0 = graph.scan 3 carry(%y = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    %1 = graph.exp %y : tensor<3xf32>
  }
  return
}

// -----

func.func @while_operand_types(%x: tensor<3xf32>) {
  // expected-error @below {{expected 1 operand types, got 0}}
  %0 = graph.while carry(%y = %x) : () -> tensor<3xf32> {
    graph.yield
  } do(%z) {
    graph.yield
  }
  return
}

// -----

func.func @while_names_of_the_body(%x: tensor<3xf32>, %p: tensor<i1>) {
  %0 = graph.while carry(%y = %x) : (tensor<3xf32>) -> tensor<3xf32> {
    graph.yield out(%p : tensor<i1>)
  // expected-error @below {{expected 1 names for the body, got 0}}
  } do {
    graph.yield
  }
  return
}

// -----

func.func @checkpoint_c1() {
  // expected-error @below {{expected a region without arguments, got 1}}
  "graph.checkpoint"() ({
  ^bb0(%x: tensor<f32>):
    graph.yield
  }) : () -> ()
  return
}

// -----

func.func @checkpoint_c2(%x: tensor<3xf32>) {
  // expected-error @below {{expected a region to yield outputs of types ('tensor<2xf32>') and no carried value, got ('tensor<3xf32>') and 0}}
  %0 = graph.checkpoint -> (tensor<2xf32>) {
    graph.yield out(%x : tensor<3xf32>)
  }
  return
}

// -----

func.func @yield_elsewhere() {
  // expected-error @below {{'graph.yield' op expects parent op to be one of 'graph.scan, graph.cond, graph.while, graph.checkpoint'}}
  graph.yield
}

// -----

func.func @gradient_c1(%x: tensor<2xf32>) {
  // expected-error @below {{expected a loss of rank 0, got 'tensor<2xf32>'}}
  %0 = graph.gradient %x wrt(%x) : tensor<2xf32>, (tensor<2xf32>)
  return
}

// -----

func.func @gradient_c2(%x: tensor<f32>) {
  // expected-error @below {{expected result types ('tensor<f32>'), got ('tensor<2xf32>')}}
  %0 = "graph.gradient"(%x, %x) : (tensor<f32>, tensor<f32>) -> tensor<2xf32>
  return
}

// -----

// Dimensions are static.
func.func @dynamic_shape(%x: tensor<?xf32>) {
  // expected-error @below {{'graph.tanh' op operand #0 must be static or bounded tensor of floating point}}
  %0 = graph.tanh %x : tensor<?xf32>
  return
}

// -----

func.func @reduce_min_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected axes to be increasing and within rank 2, got 2 after -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.reduce_min %x over [2] : tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @reduce_prod_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected axes to be increasing and within rank 2, got 0 after 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.reduce_prod %x over [0, 0] : tensor<2x3xf32> -> tensor<3xf32>
  return
}

// -----

func.func @cumsum_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected an axis within rank 2, got 2}}
  %0 = graph.cumsum %x along 2 : tensor<2x3xf32>
  return
}

// -----

func.func @top_k_c1(%x: tensor<2x3xf32>) {
  // expected-error @below {{expected a last axis of at least 4 entries, got 'tensor<2x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = graph.top_k 4 of %x : tensor<2x3xf32> -> tensor<2x4xf32>, tensor<2x4xi32>
  return
}

// -----

func.func @top_k_c1_rank(%x: tensor<f32>) {
  // expected-error @below {{expected a last axis of at least 1 entries, got 'tensor<f32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = graph.top_k 1 of %x : tensor<f32> -> tensor<1xf32>, tensor<1xi32>
  return
}

// -----

func.func @dynamic_slice_c1(%x: tensor<2x3xf32>, %i: tensor<i32>) {
  // expected-error @below {{expected one start per axis (2), got 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.dynamic_slice %x at(%i) sizes [1, 1] : (tensor<2x3xf32>, tensor<i32>) -> tensor<1x1xf32>
  return
}

// -----

func.func @dynamic_slice_c2(%x: tensor<2xf32>, %i: tensor<1xi32>) {
  // expected-error @below {{expected starts of rank 0, got 'tensor<1xi32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.dynamic_slice %x at(%i) sizes [1] : (tensor<2xf32>, tensor<1xi32>) -> tensor<1xf32>
  return
}

// -----

func.func @dynamic_slice_c3(%x: tensor<2xf32>, %i: tensor<i32>) {
  // expected-error @below {{expected sizes of a box that fits into 'tensor<2xf32>', got [3]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.dynamic_slice %x at(%i) sizes [3] : (tensor<2xf32>, tensor<i32>) -> tensor<3xf32>
  return
}

// -----

func.func @dynamic_update_slice_c1(%x: tensor<2xf32>, %u: tensor<1xf32>) {
  // expected-error @below {{expected one start per axis (1), got 0}}
  %0 = graph.dynamic_update_slice %x with %u at() : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @dynamic_update_slice_c3(%x: tensor<2xf32>, %u: tensor<3xf32>, %i: tensor<i32>) {
  // expected-error @below {{expected an update that fits into 'tensor<2xf32>', got 'tensor<3xf32>'}}
  %0 = graph.dynamic_update_slice %x with %u at(%i) : (tensor<2xf32>, tensor<3xf32>, tensor<i32>) -> tensor<2xf32>
  return
}

// -----

func.func @dynamic_update_slice_c3_element(%x: tensor<2xf32>, %u: tensor<1xf64>, %i: tensor<i32>) {
  // expected-error @below {{expected an update that fits into 'tensor<2xf32>', got 'tensor<1xf64>'}}
  %0 = graph.dynamic_update_slice %x with %u at(%i) : (tensor<2xf32>, tensor<1xf64>, tensor<i32>) -> tensor<2xf32>
  return
}

// -----

func.func @dynamic_update_slice_c4(%x: tensor<2xf32>, %u: tensor<1xf32>, %i: tensor<i32>) {
  // expected-error @below {{expected a result of type 'tensor<2xf32>', got 'tensor<3xf32>'}}
  %0 = graph.dynamic_update_slice %x with %u at(%i) : (tensor<2xf32>, tensor<1xf32>, tensor<i32>) -> tensor<3xf32>
  return
}

// -----

func.func @random_c1(%key: tensor<i32>, %step: tensor<i32>) {
  // expected-error @below {{expected a key tensor<i64> and a counter tensor<i32>, got 'tensor<i32>' and 'tensor<i32>'}}
  %0 = graph.random uniform key %key counter %step stream 0 : tensor<i32>, tensor<i32> -> tensor<2xf32>
  return
}

// -----

func.func @random_c2(%key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected a stream in [0, 2^32), got -1}}
  %0 = graph.random uniform key %key counter %step stream -1 : tensor<i64>, tensor<i32> -> tensor<2xf32>
  return
}

// -----

func.func @random_c3(%key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected f32 or f64, got 'bf16'}}
  %0 = graph.random uniform key %key counter %step stream 0 : tensor<i64>, tensor<i32> -> tensor<2xbf16>
  return
}

// -----

func.func @random_c3_bits(%key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected i32, got 'f32'}}
  %0 = graph.random bits key %key counter %step stream 0 : tensor<i64>, tensor<i32> -> tensor<2xf32>
  return
}

// -----

func.func @random_normal_c1(%key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected a key tensor<i64> and a counter tensor<i32>, got 'tensor<i64>' and 'tensor<i64>'}}
  %0 = graph.random_normal key %key counter %key stream 0 : tensor<i64>, tensor<i64> -> tensor<2xf32>
  return
}

// -----

func.func @random_normal_c2(%key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected a stream in [0, 2^32), got 4294967296}}
  %0 = graph.random_normal key %key counter %step stream 4294967296 : tensor<i64>, tensor<i32> -> tensor<2xf32>
  return
}

// -----

func.func @random_normal_c3(%key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected f32 or f64, got 'bf16'}}
  %0 = graph.random_normal key %key counter %step stream 0 : tensor<i64>, tensor<i32> -> tensor<2xbf16>
  return
}

// -----

func.func @dropout_c1(%x: tensor<2xf32>, %step: tensor<i32>) {
  // expected-error @below {{expected a key tensor<i64> and a counter tensor<i32>, got 'tensor<i32>' and 'tensor<i32>'}}
  %0 = graph.dropout %x rate 0.5 key %step counter %step stream 0 : tensor<2xf32>, tensor<i32>, tensor<i32>
  return
}

// -----

func.func @dropout_c2(%x: tensor<2xf32>, %key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected a stream in [0, 2^32), got -1}}
  %0 = graph.dropout %x rate 0.5 key %key counter %step stream -1 : tensor<2xf32>, tensor<i64>, tensor<i32>
  return
}

// -----

func.func @dropout_c3(%x: tensor<2xf32>, %key: tensor<i64>, %step: tensor<i32>) {
  // expected-error @below {{expected a rate in [0, 1), got 1.000000e+00 : f64}}
  %0 = graph.dropout %x rate 1.0 key %key counter %step stream 0 : tensor<2xf32>, tensor<i64>, tensor<i32>
  return
}

// -----

func.func @gather_along_axis_c1(%x: tensor<2x5xf32>, %i: tensor<2x3xi32>) {
  // expected-error @below {{expected an axis within rank 2, got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.gather_along_axis %x[%i] along 2 : tensor<2x5xf32>, tensor<2x3xi32> -> tensor<2x3xf32>
  return
}

// -----

func.func @gather_along_axis_c2(%x: tensor<2x5xf32>, %i: tensor<3x3xi32>) {
  // expected-error @below {{expected ids of the operand's shape but for axis 1, got 'tensor<3x3xi32>' for 'tensor<2x5xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.gather_along_axis %x[%i] along 1 : tensor<2x5xf32>, tensor<3x3xi32> -> tensor<3x3xf32>
  return
}

// -----

func.func @logsumexp_c1(%x: tensor<2x5xf32>) {
  // expected-error @below {{expected an axis within rank 2, got -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.logsumexp %x over -1 : tensor<2x5xf32> -> tensor<2xf32>
  return
}

// -----

func.func @layer_norm_c1(%x: tensor<2x0xf32>, %g: tensor<0xf32>) {
  // expected-error @below {{expected a static last axis of at least one entry, got 'tensor<2x0xf32>'}}
  %0 = graph.layer_norm %x, %g, %g epsilon 0.1 : tensor<2x0xf32>, tensor<0xf32>
  return
}

// -----

func.func @layer_norm_c2(%x: tensor<2x3xf32>, %g: tensor<2xf32>) {
  // expected-error @below {{expected gain and bias of type 'tensor<3xf32>', got 'tensor<2xf32>'}}
  %0 = graph.layer_norm %x, %g, %g epsilon 0.1 : tensor<2x3xf32>, tensor<2xf32>
  return
}

// -----

func.func @layer_norm_c3(%x: tensor<2x3xf32>, %g: tensor<3xf32>) {
  // expected-error @below {{expected an epsilon of at least 0, got -1.000000e+00 : f64}}
  %0 = graph.layer_norm %x, %g, %g epsilon -1.0 : tensor<2x3xf32>, tensor<3xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<f32>, %g: tensor<1xf32>) {
  // expected-error @below {{expected a static last axis of at least one entry, got 'tensor<f32>'}}
  %0 = graph.rms_norm %x, %g epsilon 0.1 : tensor<f32>, tensor<1xf32>
  return
}

// -----

func.func @rms_norm_c2(%x: tensor<2x3xf32>, %g: tensor<3xf64>) {
  // expected-error @below {{expected gain and bias of type 'tensor<3xf32>', got 'tensor<3xf64>'}}
  %0 = graph.rms_norm %x, %g epsilon 0.1 : tensor<2x3xf32>, tensor<3xf64>
  return
}

// -----

func.func @rms_norm_c3(%x: tensor<2x3xf32>, %g: tensor<3xf32>) {
  // expected-error @below {{expected an epsilon of at least 0, got 0x7FF8000000000000 : f64}}
  %0 = graph.rms_norm %x, %g epsilon 0x7FF8000000000000 : tensor<2x3xf32>, tensor<3xf32>
  return
}

// -----

func.func @attention_c1(%q: tensor<2x4x8xf32>, %k: tensor<3x4x8xf32>) {
  // expected-error @below {{expected one element type, rank (2 or more) and leading axes, got 'tensor<2x4x8xf32>', 'tensor<3x4x8xf32>' and 'tensor<2x4x8xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.attention none %q, %k, %q : (tensor<2x4x8xf32>, tensor<3x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<2x4x8xf32>, %k: tensor<2x4x7xf32>) {
  // expected-error @below {{expected as many entries in a query as in a key, and as many values as keys, got 'tensor<2x4x8xf32>', 'tensor<2x4x7xf32>' and 'tensor<2x4x8xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.attention none %q, %k, %q : (tensor<2x4x8xf32>, tensor<2x4x7xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @attention_c3_missing(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{expected a mask operand}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.attention keys %q, %q, %q : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @attention_c3_needless(%q: tensor<2x4x8xf32>, %m: tensor<2x4xi1>) {
  // expected-error @below {{expected no mask operand}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.attention causal %q, %q, %q mask %m : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4xi1>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @attention_c3_shape(%q: tensor<2x4x8xf32>, %m: tensor<2x4xi1>) {
  // expected-error @below {{expected a mask of shape [4, 4], got 'tensor<2x4xi1>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.attention pairs %q, %q, %q mask %m : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4xi1>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @attention_c3_rank(%q: tensor<4x8xf32>, %m: tensor<2x4xi1>) {
  // expected-error @below {{expected a rank of 3 or more for a mask of keys, got 'tensor<4x8xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.attention keys %q, %q, %q mask %m : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<2x4xi1>) -> tensor<4x8xf32>
  return
}

// -----

func.func @softmax_cross_entropy_c2(%x: tensor<2x3xf32>, %t: tensor<2xi32>) {
  // expected-error @below {{expected a smoothing in [0, 1], got 1.500000e+00 : f64}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.softmax_cross_entropy %x, %t ignore -1 smoothing 1.5 : tensor<2x3xf32>, tensor<2xi32> -> tensor<f32>
  return
}

// -----

func.func @softmax_cross_entropy_c3(%x: tensor<2x0xf32>, %t: tensor<2xi32>) {
  // expected-error @below {{expected a static number of classes, at least one, got 'tensor<2x0xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = graph.softmax_cross_entropy %x, %t ignore -1 : tensor<2x0xf32>, tensor<2xi32> -> tensor<f32>
  return
}
