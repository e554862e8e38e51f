// RUN: moru-opt %s --graph-pad-bounded --split-input-file --verify-diagnostics
// What is said about bounded dimensions that do not fit: by the type, by the operations, by graph-pad-bounded.

// No encoding: nothing says how large the axis may be.
func.func @no_encoding(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{operand #0 must be static or bounded tensor of floating point}}
  %y = graph.tanh %x : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// C1: two entries for one axis.
// expected-error @below {{expected one dimension per axis (1) in #graph.dims<len max 8, _>, got 2}}
func.func @dims_c1(%x: tensor<?xf32, #graph.dims<len max 8, _>>)

// -----

// C2: a name for a static axis.
// expected-error @below {{expected names for the dynamic axes alone, got one for axis 0 of static size}}
func.func @dims_c2(%x: tensor<4xf32, #graph.dims<len max 8>>)

// -----

// C2: none for a dynamic one.
// expected-error @below {{expected names for the dynamic axes alone, got none for axis 0 of dynamic size}}
func.func @dims_c2_unnamed(%x: tensor<?xf32, #graph.dims<_>>)

// -----

// C3: a maximum of 0.
// expected-error @below {{expected a maximum of at least 1 for 'len', got 0}}
func.func @dims_c3(%x: tensor<?xf32, #graph.dims<len max 0>>)

// -----

// C3: two maxima of one name in one type.
// expected-error @below {{expected one maximum for 'len', got 8 and 9}}
func.func @dims_c3_twice(%x: tensor<?x?xf32, #graph.dims<len max 8, len max 9>>)

// -----

// C3: two maxima of one name in one function.
// expected-error @below {{expected one maximum for 'len', got 8 and 9; give one of the dimensions another name}}
func.func @two_maxima(%x: tensor<?xf32, #graph.dims<len max 8>>, %y: tensor<?xf32, #graph.dims<len max 9>>) {
  return
}

// -----

// Different names are different types.
func.func @other_name(%x: tensor<?xf32, #graph.dims<a max 8>>, %y: tensor<?xf32, #graph.dims<b max 8>>) -> tensor<?xi1, #graph.dims<a max 8>> {
  // expected-error @below {{expected the same sizes and names for the axes of all operands and results}}
  %z = graph.convert %y : tensor<?xf32, #graph.dims<b max 8>> -> tensor<?xi1, #graph.dims<a max 8>>
  return %z : tensor<?xi1, #graph.dims<a max 8>>
}

// -----

func.func @contract_c3(%x: tensor<2x?xf32, #graph.dims<_, a max 8>>, %y: tensor<8x3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{contracting dimensions differ: lhs axis 1 has size a max 8, rhs axis 0 has size 8}}
  // expected-error @below {{failed to infer returned types}}
  %z = graph.contract %x, %y over [1] with [0] : tensor<2x?xf32, #graph.dims<_, a max 8>>, tensor<8x3xf32> -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// -----

func.func @broadcast_c3(%x: tensor<8xf32>) -> tensor<?xf32, #graph.dims<a max 8>> {
  // expected-error @below {{expected operand axis 0 to have size 1 or a max 8, got 8}}
  %z = graph.broadcast %x along [0] : tensor<8xf32> -> tensor<?xf32, #graph.dims<a max 8>>
  return %z : tensor<?xf32, #graph.dims<a max 8>>
}

// -----

func.func @reshape_c3(%x: tensor<?x2xf32, #graph.dims<a max 8, _>>) -> tensor<16xf32> {
  // expected-error @below {{expected every bounded axis to stay itself, with as many entries before and behind it}}
  %z = graph.reshape %x : tensor<?x2xf32, #graph.dims<a max 8, _>> -> tensor<16xf32>
  return %z : tensor<16xf32>
}

// -----

func.func @slice_c3(%x: tensor<?x2xf32, #graph.dims<a max 8, _>>) -> tensor<2x2xf32> {
  // expected-error @below {{expected all of bounded axis 0 (a max 8), from 0 to 8 by 1, got 0 to 2 by 1; slice another axis, or make this one static}}
  // expected-error @below {{failed to infer returned types}}
  %z = graph.slice %x from [0, 0] to [2, 2] by [1, 1] : tensor<?x2xf32, #graph.dims<a max 8, _>> -> tensor<2x2xf32>
  return %z : tensor<2x2xf32>
}

// -----

func.func @pad_c2(%x: tensor<?xf32, #graph.dims<a max 8>>) -> tensor<9xf32> {
  // expected-error @below {{expected no padding on bounded axis 0 (a max 8), got 1, 0 and 0; pad another axis, or make this one static}}
  // expected-error @below {{failed to infer returned types}}
  %z = graph.pad %x low [1] high [0] interior [0] : tensor<?xf32, #graph.dims<a max 8>> -> tensor<9xf32>
  return %z : tensor<9xf32>
}

// -----

func.func @concat_c4(%x: tensor<?xf32, #graph.dims<a max 8>>) -> tensor<16xf32> {
  // expected-error @below {{expected a static axis to concatenate along, got bounded axis 0 (a max 8)}}
  // expected-error @below {{failed to infer returned types}}
  %z = graph.concat %x, %x along 0 : (tensor<?xf32, #graph.dims<a max 8>>, tensor<?xf32, #graph.dims<a max 8>>) -> tensor<16xf32>
  return %z : tensor<16xf32>
}

// -----

func.func @scan_c2(%xs: tensor<?xf32, #graph.dims<a max 8>>, %h: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{expected input 0 to have 8 entries along axis 0, got a max 8}}
  %r = graph.scan 8 carry(%c = %h) over(%x = %xs axis 0) : (tensor<f32>, tensor<?xf32, #graph.dims<a max 8>>) -> (tensor<f32>) {
    graph.yield carry(%x : tensor<f32>)
  }
  return %r : tensor<f32>
}

// -----

// State is kept between calls, and so cannot have a size of this call.
// expected-error @below {{expected a static type for an argument of role "state", which is kept between calls}}
func.func @bounded_state(%s: tensor<?xf32, #graph.dims<a max 8>> {graph.role = "state"}) {
  return
}

// -----

// Gradients are expanded first.
func.func @gradient(%x: tensor<?xf32, #graph.dims<a max 8>>) -> tensor<?xf32, #graph.dims<a max 8>> {
  %s = graph.reduce_sum %x over [0] : tensor<?xf32, #graph.dims<a max 8>> -> tensor<f32>
  // expected-error @below {{expected an operation whose padding is known, got graph.gradient on bounded dimensions}}
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<?xf32, #graph.dims<a max 8>>)
  return %d : tensor<?xf32, #graph.dims<a max 8>>
}
