// RUN: moru-opt %s --split-input-file --verify-diagnostics --graph-expand-gradients -o %t
// A gradient through an operation that has none is an error at its line, never a silent zero.

func.func @through_compare(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  // expected-error @below {{gradient through graph.compare: its result is a truth value}}
  %c = graph.compare gt %x, %zero : tensor<4xf32> -> tensor<4xi1>
  // expected-note @below {{here the loss depends on it; choose with graph.select, or say graph.stop_gradient if a gradient of zero is meant}}
  %m = graph.convert %c : tensor<4xi1> -> tensor<4xf32>
  %s = graph.reduce_sum %m over [0] : tensor<4xf32> -> tensor<f32>
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<4xf32>)
  return %d : tensor<4xf32>
}

// -----

func.func @through_argmax(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{gradient through graph.argmax: its result is an index}}
  %i = graph.argmax %x over 0 : tensor<4xf32> -> tensor<i32>
  // expected-note @below {{here the loss depends on it}}
  %s = graph.convert %i : tensor<i32> -> tensor<f32>
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<4xf32>)
  return %d : tensor<4xf32>
}

// -----

func.func private @mystery(tensor<f32>) -> tensor<f32>
func.func @through_a_call(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{gradient through func.call: it has no gradient rule}}
  %y = func.call @mystery(%x) : (tensor<f32>) -> tensor<f32>
  %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// -----

// In a loop as well.
func.func @in_a_scan(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %n0 = graph.constant dense<0.0> : tensor<4xf32>
  %n = graph.scan 3 carry(%a = %n0) over(%xt = %x axis 0) : (tensor<4xf32>, tensor<3x4xf32>) -> tensor<4xf32> {
    // expected-error @below {{gradient through graph.compare: its result is a truth value}}
    %c = graph.compare gt %xt, %zero : tensor<4xf32> -> tensor<4xi1>
    // expected-note @below {{here the loss depends on it}}
    %m = graph.convert %c : tensor<4xi1> -> tensor<4xf32>
    %b = graph.add %a, %m : tensor<4xf32>
    graph.yield carry(%b : tensor<4xf32>)
  }
  %s = graph.reduce_sum %n over [0] : tensor<4xf32> -> tensor<f32>
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<3x4xf32>)
  return %d : tensor<3x4xf32>
}

// -----

// No error: nothing has to flow through the comparison, the mask does not depend on the target, or the gradient is stopped.
func.func @does_not_complain(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %c = graph.compare gt %y, %zero : tensor<4xf32> -> tensor<4xi1>
  %m = graph.convert %c : tensor<4xi1> -> tensor<4xf32>
  %0 = graph.mul %x, %m : tensor<4xf32>
  %k = graph.stop_gradient %x : tensor<4xf32>
  %c2 = graph.compare gt %k, %zero : tensor<4xf32> -> tensor<4xi1>
  %m2 = graph.convert %c2 : tensor<4xi1> -> tensor<4xf32>
  %1 = graph.mul %0, %m2 : tensor<4xf32>
  %s = graph.reduce_sum %1 over [0] : tensor<4xf32> -> tensor<f32>
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<4xf32>)
  return %d, %d : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func @through_while(%x: tensor<f32>) -> tensor<f32> {
  %limit = graph.constant dense<1.0e2> : tensor<f32>
  // expected-error @below {{gradient through graph.while: there is no reverse-mode gradient because the number of its steps is not known}}
  %y = graph.while carry(%a = %x) : (tensor<f32>) -> tensor<f32> {
    %p = graph.compare lt %a, %limit : tensor<f32> -> tensor<i1>
    graph.yield out(%p : tensor<i1>)
  } do(%b) {
    %0 = graph.add %b, %b : tensor<f32>
    graph.yield carry(%0 : tensor<f32>)
  }
  %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// -----

// The step at which a carry first passed a limit: lost within the loop, used behind it.
func.func @through_a_count_in_a_scan(%x: tensor<f32>, %i0: tensor<i32>) -> tensor<f32> {
  %limit = graph.constant dense<1.0e2> : tensor<f32>
  %one = graph.constant dense<1> : tensor<i32>
  %y, %n = graph.scan 4 carry(%a = %x, %i = %i0) : (tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>) {
    // expected-error @below {{gradient through graph.compare: its result is a truth value}}
    %p = graph.compare lt %a, %limit : tensor<f32> -> tensor<i1>
    %0 = graph.add %a, %a : tensor<f32>
    %1 = graph.add %i, %one : tensor<i32>
    %2 = graph.select %p, %1, %i : tensor<i1>, tensor<i32>
    graph.yield carry(%0, %2 : tensor<f32>, tensor<i32>)
  }
  // expected-note @below {{here the loss depends on it}}
  %s = graph.convert %n : tensor<i32> -> tensor<f32>
  %loss = graph.mul %s, %y : tensor<f32>
  %d = graph.gradient %loss wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}

// -----

func.func @through_the_choice_of_a_number(%x: tensor<f32>) -> tensor<f32> {
  %zero = graph.constant dense<0> : tensor<i32>
  %one = graph.constant dense<1> : tensor<i32>
  %limit = graph.constant dense<1.0e2> : tensor<f32>
  // expected-error @below {{gradient through graph.compare: its result is a truth value}}
  %p = graph.compare lt %x, %limit : tensor<f32> -> tensor<i1>
  %n = graph.cond %p -> (tensor<i32>) {
    graph.yield out(%one : tensor<i32>)
  } else {
    graph.yield out(%zero : tensor<i32>)
  }
  // expected-note @below {{here the loss depends on it}}
  %s = graph.convert %n : tensor<i32> -> tensor<f32>
  %d = graph.gradient %s wrt(%x) : tensor<f32>, (tensor<f32>)
  return %d : tensor<f32>
}
