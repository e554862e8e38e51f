// Functions whose gradients GradientsTest.cpp compares with finite differences, in f64 and of first and second order. Arguments of
// floating point are drawn from [0.4, 1.6), unless `test.low` and `test.high` say otherwise; integers are the entry's number modulo 3.
// `test.order = 1`: the second derivative is not compared, as it jumps.

func.func @arithmetic(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %0 = graph.add %x, %y : tensor<2x3xf64>
  %1 = graph.sub %0, %y : tensor<2x3xf64>
  %2 = graph.mul %1, %y : tensor<2x3xf64>
  %3 = graph.div %2, %0 : tensor<2x3xf64>
  %4 = graph.neg %3 : tensor<2x3xf64>
  %5 = graph.div %4, %x : tensor<2x3xf64>
  %6 = graph.sub %5, %x : tensor<2x3xf64>
  return %6 : tensor<2x3xf64>
}

func.func @exp_and_log(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>) {
  %0 = graph.exp %x : tensor<2x3xf64>
  %1 = graph.log %x : tensor<2x3xf64>
  return %0, %1 : tensor<2x3xf64>, tensor<2x3xf64>
}

func.func @tanh_and_sigmoid(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>) {
  %0 = graph.tanh %x : tensor<2x3xf64>
  %1 = graph.sigmoid %x : tensor<2x3xf64>
  return %0, %1 : tensor<2x3xf64>, tensor<2x3xf64>
}

func.func @roots(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>) {
  %0 = graph.sqrt %x : tensor<2x3xf64>
  %1 = graph.rsqrt %x : tensor<2x3xf64>
  return %0, %1 : tensor<2x3xf64>, tensor<2x3xf64>
}

func.func @sine_and_cosine(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>) {
  %0 = graph.sin %x : tensor<2x3xf64>
  %1 = graph.cos %x : tensor<2x3xf64>
  return %0, %1 : tensor<2x3xf64>, tensor<2x3xf64>
}

func.func @pow(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %0 = graph.pow %x, %y : tensor<2x3xf64>
  return %0 : tensor<2x3xf64>
}

func.func @abs_of_both_signs(%x: tensor<3x4xf64>) -> tensor<3x4xf64> attributes {test.low = -1.0, test.high = 1.0} {
  %0 = graph.abs %x : tensor<3x4xf64>
  %1 = graph.mul %0, %x : tensor<3x4xf64>
  return %1 : tensor<3x4xf64>
}

func.func @maximum_and_minimum(%x: tensor<3x4xf64>, %y: tensor<3x4xf64>) -> tensor<3x4xf64> {
  %0 = graph.maximum %x, %y : tensor<3x4xf64>
  %1 = graph.minimum %x, %y : tensor<3x4xf64>
  %2 = graph.mul %0, %0 : tensor<3x4xf64>
  %3 = graph.mul %2, %1 : tensor<3x4xf64>
  return %3 : tensor<3x4xf64>
}

func.func @relu_by_select(%x: tensor<3x4xf64>) -> tensor<3x4xf64> attributes {test.low = -1.0, test.high = 1.0} {
  %zero = graph.constant dense<0.0> : tensor<3x4xf64>
  %c = graph.compare gt %x, %zero : tensor<3x4xf64> -> tensor<3x4xi1>
  %0 = graph.mul %x, %x : tensor<3x4xf64>
  %1 = graph.select %c, %0, %zero : tensor<3x4xi1>, tensor<3x4xf64>
  return %1 : tensor<3x4xf64>
}

func.func @select_between_both(%x: tensor<3x4xf64>, %y: tensor<3x4xf64>, %i: tensor<3x4xi32>) -> tensor<3x4xf64> {
  %one = graph.constant dense<1> : tensor<3x4xi32>
  %c = graph.compare ge %i, %one : tensor<3x4xi32> -> tensor<3x4xi1>
  %0 = graph.mul %x, %y : tensor<3x4xf64>
  %1 = graph.select %c, %0, %y : tensor<3x4xi1>, tensor<3x4xf64>
  return %1 : tensor<3x4xf64>
}

func.func @convert_there_and_back(%x: tensor<4xf64>, %i: tensor<4xi32>) -> tensor<4xf64> {
  %0 = graph.convert %i : tensor<4xi32> -> tensor<4xf64>
  %1 = graph.mul %x, %0 : tensor<4xf64>
  %2 = graph.mul %1, %x : tensor<4xf64>
  return %2 : tensor<4xf64>
}

func.func @iota_weights(%x: tensor<2x4xf64>) -> tensor<2x4xf64> {
  %0 = graph.iota along 1 : tensor<2x4xf64>
  %1 = graph.mul %x, %0 : tensor<2x4xf64>
  %2 = graph.mul %1, %1 : tensor<2x4xf64>
  return %2 : tensor<2x4xf64>
}

func.func @broadcast_of_a_scalar(%x: tensor<f64>, %y: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %0 = graph.broadcast %x along [] : tensor<f64> -> tensor<2x3xf64>
  %1 = graph.mul %0, %y : tensor<2x3xf64>
  %2 = graph.mul %1, %y : tensor<2x3xf64>
  return %2 : tensor<2x3xf64>
}

func.func @broadcast_of_unit_and_new_axes(%x: tensor<2x1xf64>, %y: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %0 = graph.broadcast %x along [0, 2] : tensor<2x1xf64> -> tensor<2x3x4xf64>
  %1 = graph.mul %0, %y : tensor<2x3x4xf64>
  %2 = graph.mul %1, %0 : tensor<2x3x4xf64>
  return %2 : tensor<2x3x4xf64>
}

func.func @reshape_and_transpose(%x: tensor<2x6xf64>, %y: tensor<4x3xf64>) -> tensor<4x3xf64> {
  %0 = graph.reshape %x : tensor<2x6xf64> -> tensor<3x4xf64>
  %1 = graph.transpose %0 by [1, 0] : tensor<3x4xf64> -> tensor<4x3xf64>
  %2 = graph.mul %1, %y : tensor<4x3xf64>
  %3 = graph.mul %2, %1 : tensor<4x3xf64>
  return %3 : tensor<4x3xf64>
}

func.func @transpose_of_three_axes(%x: tensor<2x3x4xf64>) -> tensor<4x2x3xf64> {
  %0 = graph.transpose %x by [2, 0, 1] : tensor<2x3x4xf64> -> tensor<4x2x3xf64>
  %1 = graph.mul %0, %0 : tensor<4x2x3xf64>
  return %1 : tensor<4x2x3xf64>
}

func.func @slice_with_strides(%x: tensor<5x7xf64>) -> tensor<2x3xf64> {
  %0 = graph.slice %x from [1, 0] to [5, 6] by [3, 2] : tensor<5x7xf64> -> tensor<2x3xf64>
  %1 = graph.mul %0, %0 : tensor<2x3xf64>
  return %1 : tensor<2x3xf64>
}

func.func @pad_with_interior(%x: tensor<2x3xf64>) -> tensor<4x9xf64> {
  %0 = graph.mul %x, %x : tensor<2x3xf64>
  %1 = graph.pad %0 low [1, 0] high [0, 4] interior [1, 1] : tensor<2x3xf64> -> tensor<4x9xf64>
  return %1 : tensor<4x9xf64>
}

func.func @concat(%x: tensor<2x3xf64>, %y: tensor<2x1xf64>) -> tensor<2x7xf64> {
  %0 = graph.concat %x, %y, %x along 1 : (tensor<2x3xf64>, tensor<2x1xf64>, tensor<2x3xf64>) -> tensor<2x7xf64>
  %1 = graph.mul %0, %0 : tensor<2x7xf64>
  return %1 : tensor<2x7xf64>
}

func.func @split_into_two_out_of_order(%x: tensor<2x6xf64>) -> tensor<2x3xf64> {
  %b = graph.slice %x from [0, 3] to [2, 6] by [1, 1] : tensor<2x6xf64> -> tensor<2x3xf64>
  %a = graph.slice %x from [0, 0] to [2, 3] by [1, 1] : tensor<2x6xf64> -> tensor<2x3xf64>
  %0 = graph.mul %a, %b : tensor<2x3xf64>
  return %0 : tensor<2x3xf64>
}

func.func @contract_matrices(%x: tensor<2x3xf64>, %y: tensor<3x4xf64>) -> tensor<2x4xf64> {
  %0 = graph.contract %x, %y over [1] with [0] : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  %1 = graph.mul %0, %0 : tensor<2x4xf64>
  return %1 : tensor<2x4xf64>
}

func.func @contract_with_rows_of_rhs(%x: tensor<2x3xf64>, %y: tensor<4x3xf64>) -> tensor<2x4xf64> {
  %0 = graph.contract %x, %y over [1] with [1] : tensor<2x3xf64>, tensor<4x3xf64> -> tensor<2x4xf64>
  %1 = graph.mul %0, %0 : tensor<2x4xf64>
  return %1 : tensor<2x4xf64>
}

func.func @contract_over_the_first_axes(%x: tensor<3x2xf64>, %y: tensor<3x4xf64>) -> tensor<2x4xf64> {
  %0 = graph.contract %x, %y over [0] with [0] : tensor<3x2xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  %1 = graph.mul %0, %0 : tensor<2x4xf64>
  return %1 : tensor<2x4xf64>
}

func.func @contract_in_general_position(%x: tensor<2x3x4x5xf64>, %y: tensor<5x6x2x4xf64>) -> tensor<2x3x6xf64> {
  %0 = graph.contract %x, %y over [3, 2] with [0, 3] batch [0] with [2]
      : tensor<2x3x4x5xf64>, tensor<5x6x2x4xf64> -> tensor<2x3x6xf64>
  %1 = graph.mul %0, %0 : tensor<2x3x6xf64>
  return %1 : tensor<2x3x6xf64>
}

func.func @contract_of_two_batch_axes(%x: tensor<3x4x2xf64>, %y: tensor<4x2x5x3xf64>) -> tensor<2x3x5xf64> {
  %0 = graph.contract %x, %y over [1] with [0] batch [2, 0] with [1, 3]
      : tensor<3x4x2xf64>, tensor<4x2x5x3xf64> -> tensor<2x3x5xf64>
  %1 = graph.mul %0, %0 : tensor<2x3x5xf64>
  return %1 : tensor<2x3x5xf64>
}

func.func @outer_and_inner_product(%x: tensor<3xf64>, %y: tensor<3xf64>) -> (tensor<3x3xf64>, tensor<f64>) {
  %0 = graph.contract %x, %y over [] with [] : tensor<3xf64>, tensor<3xf64> -> tensor<3x3xf64>
  %1 = graph.contract %x, %y over [0] with [0] : tensor<3xf64>, tensor<3xf64> -> tensor<f64>
  %2 = graph.mul %1, %1 : tensor<f64>
  %3 = graph.mul %0, %0 : tensor<3x3xf64>
  return %3, %2 : tensor<3x3xf64>, tensor<f64>
}

func.func @contract_of_a_transpose(%x: tensor<3x2x4xf64>, %y: tensor<3x5xf64>) -> tensor<2x4x5xf64> {
  %0 = graph.transpose %x by [1, 2, 0] : tensor<3x2x4xf64> -> tensor<2x4x3xf64>
  %1 = graph.contract %0, %y over [2] with [0] : tensor<2x4x3xf64>, tensor<3x5xf64> -> tensor<2x4x5xf64>
  %2 = graph.mul %1, %1 : tensor<2x4x5xf64>
  return %2 : tensor<2x4x5xf64>
}

func.func @reduce_sum(%x: tensor<2x3x4xf64>) -> tensor<3xf64> {
  %0 = graph.reduce_sum %x over [0, 2] : tensor<2x3x4xf64> -> tensor<3xf64>
  %1 = graph.mul %0, %0 : tensor<3xf64>
  return %1 : tensor<3xf64>
}

func.func @reduce_max(%x: tensor<2x3x4xf64>) -> tensor<3xf64> {
  %0 = graph.reduce_max %x over [0, 2] : tensor<2x3x4xf64> -> tensor<3xf64>
  %1 = graph.mul %0, %0 : tensor<3xf64>
  return %1 : tensor<3xf64>
}

func.func @gather_and_scatter(%table: tensor<3x4xf64>, %ids: tensor<2x5xi32>) -> tensor<6x4xf64> {
  %0 = graph.gather %table[%ids] : tensor<3x4xf64>, tensor<2x5xi32> -> tensor<2x5x4xf64>
  %1 = graph.mul %0, %0 : tensor<2x5x4xf64>
  %2 = graph.scatter_add %1 at %ids : tensor<2x5x4xf64>, tensor<2x5xi32> -> tensor<6x4xf64>
  %3 = graph.mul %2, %2 : tensor<6x4xf64>
  return %3 : tensor<6x4xf64>
}

func.func @softmax(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %0 = graph.softmax %x along 1 : tensor<2x3x4xf64>
  return %0 : tensor<2x3x4xf64>
}

func.func @log_softmax(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %0 = graph.log_softmax %x along 1 : tensor<2x3xf64>
  return %0 : tensor<2x3xf64>
}

func.func @cross_entropy(%x: tensor<2x3x4xf64>, %t: tensor<2x3xi32>) -> tensor<f64> {
  %0 = graph.softmax_cross_entropy %x, %t ignore 1 : tensor<2x3x4xf64>, tensor<2x3xi32> -> tensor<f64>
  %1 = graph.mul %0, %0 : tensor<f64>
  return %1 : tensor<f64>
}

// Every target of rank 0 is 0, which is ignored here.
func.func @cross_entropy_of_nothing(%x: tensor<4xf64>, %t: tensor<i32>) -> tensor<f64> {
  %0 = graph.softmax_cross_entropy %x, %t ignore 0 : tensor<4xf64>, tensor<i32> -> tensor<f64>
  return %0 : tensor<f64>
}

func.func @value_used_often(%x: tensor<2xf64>) -> tensor<2xf64> {
  %0 = graph.tanh %x : tensor<2xf64>
  %1 = graph.mul %0, %x : tensor<2xf64>
  %2 = graph.add %1, %0 : tensor<2xf64>
  %3 = graph.mul %2, %1 : tensor<2xf64>
  return %3 : tensor<2xf64>
}

func.func @scan_without_carry(%xs: tensor<2x5x3xf64>, %w: tensor<3x2xf64>) -> tensor<5x2x2xf64> {
  %ys = graph.scan 5 over(%x = %xs axis 1) out(axis 0) : (tensor<2x5x3xf64>) -> tensor<5x2x2xf64> {
    %0 = graph.contract %x, %w over [1] with [0] : tensor<2x3xf64>, tensor<3x2xf64> -> tensor<2x2xf64>
    %1 = graph.tanh %0 : tensor<2x2xf64>
    graph.yield out(%1 : tensor<2x2xf64>)
  }
  return %ys : tensor<5x2x2xf64>
}

func.func @scan_of_no_input(%x: tensor<3xf64>, %w: tensor<3x3xf64>) -> tensor<3xf64> {
  %last = graph.scan 4 carry(%h = %x) : (tensor<3xf64>) -> tensor<3xf64> {
    %0 = graph.contract %h, %w over [0] with [0] : tensor<3xf64>, tensor<3x3xf64> -> tensor<3xf64>
    %1 = graph.sin %0 : tensor<3xf64>
    graph.yield carry(%1 : tensor<3xf64>)
  }
  return %last : tensor<3xf64>
}

func.func @scan_backwards(%h0: tensor<2xf64>, %xs: tensor<4x2xf64>) -> (tensor<2xf64>, tensor<2x4xf64>) {
  %last, %hs = graph.scan reverse 4 carry(%h = %h0) over(%x = %xs axis 0) out(axis 1)
      : (tensor<2xf64>, tensor<4x2xf64>) -> (tensor<2xf64>, tensor<2x4xf64>) {
    %0 = graph.mul %h, %x : tensor<2xf64>
    %1 = graph.sin %0 : tensor<2xf64>
    graph.yield carry(%1 : tensor<2xf64>) out(%0 : tensor<2xf64>)
  }
  return %last, %hs : tensor<2xf64>, tensor<2x4xf64>
}

func.func @elman(%h0: tensor<2x3xf64>, %xs: tensor<2x5x4xf64>, %wx: tensor<4x3xf64>, %wh: tensor<3x3xf64>, %b: tensor<3xf64>,
                 %wy: tensor<3x2xf64>) -> tensor<2x5x2xf64> attributes {test.low = -0.7, test.high = 0.7} {
  %last, %ys = graph.scan 5 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf64>, tensor<2x5x4xf64>) -> (tensor<2x3xf64>, tensor<2x5x2xf64>) {
    %0 = graph.contract %x, %wx over [1] with [0] : tensor<2x4xf64>, tensor<4x3xf64> -> tensor<2x3xf64>
    %1 = graph.contract %h, %wh over [1] with [0] : tensor<2x3xf64>, tensor<3x3xf64> -> tensor<2x3xf64>
    %2 = graph.broadcast %b along [1] : tensor<3xf64> -> tensor<2x3xf64>
    %3 = graph.add %0, %2 : tensor<2x3xf64>
    %4 = graph.add %1, %3 : tensor<2x3xf64>
    %5 = graph.tanh %4 : tensor<2x3xf64>
    %6 = graph.contract %5, %wy over [1] with [0] : tensor<2x3xf64>, tensor<3x2xf64> -> tensor<2x2xf64>
    %7 = graph.mul %6, %6 : tensor<2x2xf64>
    graph.yield carry(%5 : tensor<2x3xf64>) out(%7 : tensor<2x2xf64>)
  }
  return %ys : tensor<2x5x2xf64>
}

func.func @lstm(%E: tensor<3x2xf64>, %Wx: tensor<2x8xf64>, %Wh: tensor<2x8xf64>, %b: tensor<8xf64>, %Wp: tensor<2x3xf64>,
                %ids: tensor<2x4xi32>, %next: tensor<2x4xi32>) -> tensor<f64> attributes {test.low = -0.9, test.high = 0.9} {
  %zero = graph.constant dense<0.0> : tensor<2x2xf64>
  %x = graph.gather %E[%ids] : tensor<3x2xf64>, tensor<2x4xi32> -> tensor<2x4x2xf64>
  %z = graph.contract %x, %Wx over [2] with [0] : tensor<2x4x2xf64>, tensor<2x8xf64> -> tensor<2x4x8xf64>
  %bb = graph.broadcast %b along [2] : tensor<8xf64> -> tensor<2x4x8xf64>
  %zb = graph.add %z, %bb : tensor<2x4x8xf64>
  %hl, %cl, %hs = graph.scan 4 carry(%h = %zero, %c = %zero) over(%zt = %zb axis 1) out(axis 1)
      : (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x4x8xf64>) -> (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x4x2xf64>) {
    %r = graph.contract %h, %Wh over [1] with [0] : tensor<2x2xf64>, tensor<2x8xf64> -> tensor<2x8xf64>
    %a = graph.add %zt, %r : tensor<2x8xf64>
    %f0 = graph.slice %a from [0, 0] to [2, 2] by [1, 1] : tensor<2x8xf64> -> tensor<2x2xf64>
    %i0 = graph.slice %a from [0, 2] to [2, 4] by [1, 1] : tensor<2x8xf64> -> tensor<2x2xf64>
    %g0 = graph.slice %a from [0, 4] to [2, 6] by [1, 1] : tensor<2x8xf64> -> tensor<2x2xf64>
    %o0 = graph.slice %a from [0, 6] to [2, 8] by [1, 1] : tensor<2x8xf64> -> tensor<2x2xf64>
    %f = graph.sigmoid %f0 : tensor<2x2xf64>
    %i = graph.sigmoid %i0 : tensor<2x2xf64>
    %g = graph.tanh %g0 : tensor<2x2xf64>
    %o = graph.sigmoid %o0 : tensor<2x2xf64>
    %fc = graph.mul %f, %c : tensor<2x2xf64>
    %ig = graph.mul %i, %g : tensor<2x2xf64>
    %c1 = graph.add %fc, %ig : tensor<2x2xf64>
    %tc = graph.tanh %c1 : tensor<2x2xf64>
    %h1 = graph.mul %o, %tc : tensor<2x2xf64>
    graph.yield carry(%h1, %c1 : tensor<2x2xf64>, tensor<2x2xf64>) out(%h1 : tensor<2x2xf64>)
  }
  %y = graph.contract %hs, %Wp over [2] with [0] : tensor<2x4x2xf64>, tensor<2x3xf64> -> tensor<2x4x3xf64>
  %loss = graph.softmax_cross_entropy %y, %next ignore -1 : tensor<2x4x3xf64>, tensor<2x4xi32> -> tensor<f64>
  return %loss : tensor<f64>
}

func.func @embedding_and_loss_in_the_loop(%E: tensor<3x2xf64>, %W: tensor<2x2xf64>, %V: tensor<2x3xf64>, %ids: tensor<2x4xi32>)
    -> tensor<f64> {
  %zero = graph.constant dense<0.0> : tensor<2x2xf64>
  %none = graph.constant dense<0.0> : tensor<f64>
  %hl, %loss = graph.scan 4 carry(%h = %zero, %l = %none) over(%id = %ids axis 1)
      : (tensor<2x2xf64>, tensor<f64>, tensor<2x4xi32>) -> (tensor<2x2xf64>, tensor<f64>) {
    %x = graph.gather %E[%id] : tensor<3x2xf64>, tensor<2xi32> -> tensor<2x2xf64>
    %r = graph.contract %h, %W over [1] with [0] : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
    %a = graph.sub %x, %r : tensor<2x2xf64>
    %h1 = graph.tanh %a : tensor<2x2xf64>
    %y = graph.contract %h1, %V over [1] with [0] : tensor<2x2xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
    %ce = graph.softmax_cross_entropy %y, %id ignore -1 : tensor<2x3xf64>, tensor<2xi32> -> tensor<f64>
    %l1 = graph.add %l, %ce : tensor<f64>
    graph.yield carry(%h1, %l1 : tensor<2x2xf64>, tensor<f64>)
  }
  return %loss : tensor<f64>
}

func.func @attention_in_the_loop(%s0: tensor<2x3xf64>, %H: tensor<2x4x3xf64>, %W: tensor<3x3xf64>) -> tensor<2x5x3xf64> {
  %last, %cs = graph.scan 5 carry(%s = %s0) out(axis 1) : (tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x5x3xf64>) {
    %q = graph.contract %s, %W over [1] with [0] : tensor<2x3xf64>, tensor<3x3xf64> -> tensor<2x3xf64>
    %s1 = graph.tanh %q : tensor<2x3xf64>
    %e = graph.contract %s1, %H over [1] with [2] batch [0] with [0] : tensor<2x3xf64>, tensor<2x4x3xf64> -> tensor<2x4xf64>
    %a = graph.softmax %e along 1 : tensor<2x4xf64>
    %c = graph.contract %a, %H over [1] with [1] batch [0] with [0] : tensor<2x4xf64>, tensor<2x4x3xf64> -> tensor<2x3xf64>
    graph.yield carry(%s1 : tensor<2x3xf64>) out(%c : tensor<2x3xf64>)
  }
  return %cs : tensor<2x5x3xf64>
}

func.func @scan_in_a_scan(%h0: tensor<2xf64>, %xs: tensor<3x4x2xf64>, %w: tensor<2x2xf64>) -> (tensor<2xf64>, tensor<3x2xf64>)
    attributes {test.low = -0.8, test.high = 0.8} {
  %last, %ys = graph.scan 3 carry(%h = %h0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<2xf64>, tensor<3x4x2xf64>) -> (tensor<2xf64>, tensor<3x2xf64>) {
    %scale = graph.tanh %h : tensor<2xf64>
    %inner = graph.scan 4 carry(%g = %h) over(%xt = %x axis 0) : (tensor<2xf64>, tensor<4x2xf64>) -> tensor<2xf64> {
      %0 = graph.contract %g, %w over [0] with [0] : tensor<2xf64>, tensor<2x2xf64> -> tensor<2xf64>
      %1 = graph.mul %scale, %xt : tensor<2xf64>
      %2 = graph.add %0, %1 : tensor<2xf64>
      %3 = graph.sin %2 : tensor<2xf64>
      graph.yield carry(%3 : tensor<2xf64>)
    }
    %next = graph.mul %inner, %inner : tensor<2xf64>
    graph.yield carry(%next : tensor<2xf64>) out(%inner : tensor<2xf64>)
  }
  return %last, %ys : tensor<2xf64>, tensor<3x2xf64>
}

// The carry of integers counts; it carries no cotangent.
func.func @scan_with_a_counter(%x: tensor<3xf64>) -> tensor<3xf64> {
  %none = graph.constant dense<0> : tensor<i32>
  %one = graph.constant dense<1> : tensor<i32>
  %last, %n = graph.scan 4 carry(%h = %x, %i = %none) : (tensor<3xf64>, tensor<i32>) -> (tensor<3xf64>, tensor<i32>) {
    %i1 = graph.add %i, %one : tensor<i32>
    %f = graph.convert %i1 : tensor<i32> -> tensor<f64>
    %ff = graph.broadcast %f along [] : tensor<f64> -> tensor<3xf64>
    %0 = graph.mul %h, %ff : tensor<3xf64>
    %1 = graph.sin %0 : tensor<3xf64>
    graph.yield carry(%1, %i1 : tensor<3xf64>, tensor<i32>)
  }
  return %last : tensor<3xf64>
}

func.func @intermediate_output_and_last_carry(%x: tensor<2xf64>, %xs: tensor<3x2xf64>) -> (tensor<2xf64>, tensor<3x2xf64>, tensor<2xf64>) {
  %a, %b, %all = graph.scan 3 carry(%p = %x, %q = %x) over(%xt = %xs axis 0) out(axis 0)
      : (tensor<2xf64>, tensor<2xf64>, tensor<3x2xf64>) -> (tensor<2xf64>, tensor<2xf64>, tensor<3x2xf64>) {
    %0 = graph.mul %q, %xt : tensor<2xf64>
    graph.yield carry(%0, %p : tensor<2xf64>, tensor<2xf64>) out(%q : tensor<2xf64>)
  }
  return %a, %all, %b : tensor<2xf64>, tensor<3x2xf64>, tensor<2xf64>
}

// What leaves the loop behind it: every kind of operation that can.
func.func @work_behind_the_loop(%h0: tensor<2x6xf64>, %w: tensor<6x6xf64>, %xs: tensor<4x2x6xf64>, %b: tensor<6xf64>)
    -> (tensor<2x6xf64>, tensor<2x4x9xf64>, tensor<4x3xf64>) attributes {test.low = -0.6, test.high = 0.6} {
  %last, %ys, %zs = graph.scan 4 carry(%h = %h0) over(%x = %xs axis 0) out(axis 1, axis 0)
      : (tensor<2x6xf64>, tensor<4x2x6xf64>) -> (tensor<2x6xf64>, tensor<2x4x9xf64>, tensor<4x3xf64>) {
    %0 = graph.add %h, %x : tensor<2x6xf64>
    %h1 = graph.tanh %0 : tensor<2x6xf64>
    %1 = graph.contract %w, %h1 over [0] with [1] : tensor<6x6xf64>, tensor<2x6xf64> -> tensor<6x2xf64>
    %2 = graph.transpose %1 by [1, 0] : tensor<6x2xf64> -> tensor<2x6xf64>
    %3 = graph.broadcast %b along [1] : tensor<6xf64> -> tensor<2x6xf64>
    %4 = graph.add %2, %3 : tensor<2x6xf64>
    %5 = graph.softmax %4 along 1 : tensor<2x6xf64>
    %6 = graph.slice %5 from [0, 1] to [2, 6] by [1, 2] : tensor<2x6xf64> -> tensor<2x3xf64>
    %7 = graph.pad %6 low [0, 1] high [0, 0] interior [0, 1] : tensor<2x3xf64> -> tensor<2x6xf64>
    %8 = graph.concat %7, %6 along 1 : (tensor<2x6xf64>, tensor<2x3xf64>) -> tensor<2x9xf64>
    %9 = graph.reshape %8 : tensor<2x9xf64> -> tensor<2x3x3xf64>
    %10 = graph.log_softmax %9 along 2 : tensor<2x3x3xf64>
    %11 = graph.reduce_max %10 over [0, 2] : tensor<2x3x3xf64> -> tensor<3xf64>
    %12 = graph.contract %8, %8 over [1] with [1] batch [0] with [0] : tensor<2x9xf64>, tensor<2x9xf64> -> tensor<2xf64>
    %13 = graph.broadcast %12 along [0] : tensor<2xf64> -> tensor<2x9xf64>
    %14 = graph.mul %13, %8 : tensor<2x9xf64>
    graph.yield carry(%h1 : tensor<2x6xf64>) out(%14, %11 : tensor<2x9xf64>, tensor<3xf64>)
  }
  return %last, %ys, %zs : tensor<2x6xf64>, tensor<2x4x9xf64>, tensor<4x3xf64>
}

// What leaves the loop as a sum: linear operations of contractions, rows and reductions, with both signs.
func.func @sums_over_the_steps(%h0: tensor<2x3xf64>, %w: tensor<3x3xf64>, %xs: tensor<4x2x3xf64>, %ids: tensor<2x4xi32>, %s0: tensor<3x3xf64>,
                               %t0: tensor<5x3xf64>) -> (tensor<2x3xf64>, tensor<3x3xf64>, tensor<5x3xf64>, tensor<3x3xf64>) {
  %two = graph.constant dense<2.0> : tensor<3x3xf64>
  %last, %s, %t, %u = graph.scan 4 carry(%h = %h0, %s1 = %s0, %t1 = %t0, %u1 = %s0) over(%x = %xs axis 0, %id = %ids axis 1)
      : (tensor<2x3xf64>, tensor<3x3xf64>, tensor<5x3xf64>, tensor<3x3xf64>, tensor<4x2x3xf64>, tensor<2x4xi32>)
      -> (tensor<2x3xf64>, tensor<3x3xf64>, tensor<5x3xf64>, tensor<3x3xf64>) {
    %0 = graph.mul %h, %x : tensor<2x3xf64>
    %h1 = graph.sin %0 : tensor<2x3xf64>
    %1 = graph.contract %h1, %x over [0] with [0] : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<3x3xf64>
    %2 = graph.transpose %1 by [1, 0] : tensor<3x3xf64> -> tensor<3x3xf64>
    %3 = graph.mul %2, %two : tensor<3x3xf64>
    %4 = graph.contract %h1, %w over [1] with [0] : tensor<2x3xf64>, tensor<3x3xf64> -> tensor<2x3xf64>
    %5 = graph.contract %4, %4 over [0] with [0] : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<3x3xf64>
    %6 = graph.sub %3, %5 : tensor<3x3xf64>
    %s2 = graph.add %6, %s1 : tensor<3x3xf64>
    %7 = graph.scatter_add %h1 at %id : tensor<2x3xf64>, tensor<2xi32> -> tensor<5x3xf64>
    %8 = graph.neg %7 : tensor<5x3xf64>
    %9 = graph.reduce_sum %0 over [0] : tensor<2x3xf64> -> tensor<3xf64>
    %10 = graph.reshape %9 : tensor<3xf64> -> tensor<1x3xf64>
    %11 = graph.pad %10 low [1, 0] high [3, 0] interior [0, 0] : tensor<1x3xf64> -> tensor<5x3xf64>
    %12 = graph.sub %t1, %8 : tensor<5x3xf64>
    %t2 = graph.sub %12, %11 : tensor<5x3xf64>
    %u2 = graph.sub %u1, %w : tensor<3x3xf64>
    graph.yield carry(%h1, %s2, %t2, %u2 : tensor<2x3xf64>, tensor<3x3xf64>, tensor<5x3xf64>, tensor<3x3xf64>)
  }
  return %last, %s, %t, %u : tensor<2x3xf64>, tensor<3x3xf64>, tensor<5x3xf64>, tensor<3x3xf64>
}

func.func @error_function_and_log1p(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>) attributes {test.low = -0.8, test.high = 1.0} {
  %0 = graph.erf %x : tensor<2x3xf64>
  %1 = graph.log1p %x : tensor<2x3xf64>
  return %0, %1 : tensor<2x3xf64>, tensor<2x3xf64>
}

func.func @reduce_min(%x: tensor<3x4x2xf64>) -> tensor<4xf64> {
  %0 = graph.reduce_min %x over [0, 2] : tensor<3x4x2xf64> -> tensor<4xf64>
  %1 = graph.mul %0, %0 : tensor<4xf64>
  return %1 : tensor<4xf64>
}

func.func @reduce_prod(%x: tensor<3x4x2xf64>) -> (tensor<4xf64>, tensor<f64>) attributes {test.low = 0.8, test.high = 1.3} {
  %0 = graph.reduce_prod %x over [0, 2] : tensor<3x4x2xf64> -> tensor<4xf64>
  %1 = graph.reduce_prod %x over [0, 1, 2] : tensor<3x4x2xf64> -> tensor<f64>
  return %0, %1 : tensor<4xf64>, tensor<f64>
}

// The derivatives at zeros, first and second, are right too: rows with one, two and three zeros.
func.func @reduce_prod_of_zeros(%x: tensor<4x3xf64>) -> tensor<4xf64> attributes {test.low = 0.0, test.high = 0.0} {
  %base = graph.constant dense<[[1.5, 0.5, 2.0], [0.0, 1.5, 0.5], [0.0, 1.5, 0.0], [0.0, 0.0, 0.0]]> : tensor<4x3xf64>
  %0 = graph.add %x, %base : tensor<4x3xf64>
  %1 = graph.reduce_prod %0 over [1] : tensor<4x3xf64> -> tensor<4xf64>
  return %1 : tensor<4xf64>
}

func.func @cumulative_sums(%x: tensor<3x4xf64>) -> (tensor<3x4xf64>, tensor<3x4xf64>) {
  %0 = graph.cumsum %x along 1 : tensor<3x4xf64>
  %1 = graph.mul %0, %0 : tensor<3x4xf64>
  %2 = graph.cumsum %x along 0 exclusive reverse : tensor<3x4xf64>
  %3 = graph.mul %2, %x : tensor<3x4xf64>
  return %1, %3 : tensor<3x4xf64>, tensor<3x4xf64>
}

func.func @top_k(%x: tensor<3x5xf64>) -> tensor<3x2xf64> {
  %values, %indices = graph.top_k 2 of %x : tensor<3x5xf64> -> tensor<3x2xf64>, tensor<3x2xi32>
  %0 = graph.mul %values, %values : tensor<3x2xf64>
  return %0 : tensor<3x2xf64>
}

func.func @dynamic_slices(%x: tensor<4x5xf64>, %u: tensor<2x3xf64>, %i: tensor<i32>) -> (tensor<2x3xf64>, tensor<4x5xf64>) {
  %four = graph.constant dense<4> : tensor<i32>
  %0 = graph.dynamic_slice %x at(%i, %four) sizes [2, 3] : (tensor<4x5xf64>, tensor<i32>, tensor<i32>) -> tensor<2x3xf64>
  %1 = graph.mul %0, %0 : tensor<2x3xf64>
  %2 = graph.dynamic_update_slice %x with %u at(%four, %i) : (tensor<4x5xf64>, tensor<2x3xf64>, tensor<i32>, tensor<i32>) -> tensor<4x5xf64>
  %3 = graph.mul %2, %2 : tensor<4x5xf64>
  return %1, %3 : tensor<2x3xf64>, tensor<4x5xf64>
}

func.func @activations(%x: tensor<3x4xf64>) -> (tensor<3x4xf64>, tensor<3x4xf64>, tensor<3x4xf64>, tensor<3x4xf64>)
    attributes {test.low = -2.0, test.high = 2.0} {
  %0 = graph.relu %x : tensor<3x4xf64>
  %1 = graph.mul %0, %x : tensor<3x4xf64>
  %2 = graph.silu %x : tensor<3x4xf64>
  %3 = graph.gelu none %x : tensor<3x4xf64>
  %4 = graph.gelu tanh %x : tensor<3x4xf64>
  return %1, %2, %3, %4 : tensor<3x4xf64>, tensor<3x4xf64>, tensor<3x4xf64>, tensor<3x4xf64>
}

func.func @random_numbers(%x: tensor<3x4xf64>) -> (tensor<3x4xf64>, tensor<3x4xf64>) {
  %key = graph.constant dense<12345> : tensor<i64>
  %counter = graph.constant dense<6> : tensor<i32>
  %0 = graph.dropout %x rate 0.3 key %key counter %counter stream 1 : tensor<3x4xf64>, tensor<i64>, tensor<i32>
  %1 = graph.random_normal key %key counter %counter stream 2 : tensor<i64>, tensor<i32> -> tensor<3x4xf64>
  %2 = graph.mul %1, %x : tensor<3x4xf64>
  %3 = graph.mul %0, %x : tensor<3x4xf64>
  return %2, %3 : tensor<3x4xf64>, tensor<3x4xf64>
}

func.func @gather_along_axis(%x: tensor<4x3x2xf64>, %ids: tensor<4x5x2xi32>) -> tensor<4x5x2xf64> {
  %two = graph.constant dense<2> : tensor<4x5x2xi32>
  %some = graph.mul %ids, %two : tensor<4x5x2xi32>
  %0 = graph.gather_along_axis %x[%some] along 1 : tensor<4x3x2xf64>, tensor<4x5x2xi32> -> tensor<4x5x2xf64>
  %1 = graph.mul %0, %0 : tensor<4x5x2xf64>
  return %1 : tensor<4x5x2xf64>
}

func.func @logsumexp(%x: tensor<2x3x4xf64>) -> (tensor<2x4xf64>, tensor<2x3xf64>) {
  %0 = graph.logsumexp %x over 1 : tensor<2x3x4xf64> -> tensor<2x4xf64>
  %1 = graph.logsumexp %x over 2 : tensor<2x3x4xf64> -> tensor<2x3xf64>
  return %0, %1 : tensor<2x4xf64>, tensor<2x3xf64>
}

func.func @normalizations(%x: tensor<2x3x4xf64>, %g: tensor<4xf64>, %b: tensor<4xf64>) -> (tensor<2x3x4xf64>, tensor<2x3x4xf64>)
    attributes {test.low = -1.0, test.high = 1.0} {
  %0 = graph.layer_norm %x, %g, %b epsilon 0.1 : tensor<2x3x4xf64>, tensor<4xf64>
  %1 = graph.rms_norm %x, %g epsilon 0.1 : tensor<2x3x4xf64>, tensor<4xf64>
  return %0, %1 : tensor<2x3x4xf64>, tensor<2x3x4xf64>
}

func.func @attention(%q: tensor<2x3x4xf64>, %k: tensor<2x5x4xf64>, %v: tensor<2x5x3xf64>)
    -> (tensor<2x3x3xf64>, tensor<2x3x3xf64>, tensor<2x3x3xf64>, tensor<2x3x3xf64>) attributes {test.low = -1.0, test.high = 1.0} {
  %keys = graph.constant dense<[[true, true, false, true, false], [false, false, false, false, false]]> : tensor<2x5xi1>
  %pairs = graph.constant dense<[[true, false, true, true, false], [false, false, false, false, false], [false, true, false, false, true]]>
      : tensor<3x5xi1>
  %0 = graph.attention none %q, %k, %v : (tensor<2x3x4xf64>, tensor<2x5x4xf64>, tensor<2x5x3xf64>) -> tensor<2x3x3xf64>
  %1 = graph.attention causal %q, %k, %v : (tensor<2x3x4xf64>, tensor<2x5x4xf64>, tensor<2x5x3xf64>) -> tensor<2x3x3xf64>
  %2 = graph.attention keys %q, %k, %v mask %keys
      : (tensor<2x3x4xf64>, tensor<2x5x4xf64>, tensor<2x5x3xf64>, tensor<2x5xi1>) -> tensor<2x3x3xf64>
  %3 = graph.attention pairs %q, %k, %v mask %pairs
      : (tensor<2x3x4xf64>, tensor<2x5x4xf64>, tensor<2x5x3xf64>, tensor<3x5xi1>) -> tensor<2x3x3xf64>
  return %0, %1, %2, %3 : tensor<2x3x3xf64>, tensor<2x3x3xf64>, tensor<2x3x3xf64>, tensor<2x3x3xf64>
}

// One target is ignored, one is no class.
func.func @smoothed_cross_entropy(%x: tensor<4x3xf64>) -> (tensor<f64>, tensor<f64>) {
  %targets = graph.constant dense<[1, 0, 3, 2]> : tensor<4xi32>
  %0 = graph.softmax_cross_entropy %x, %targets ignore 0 smoothing 0.2 : tensor<4x3xf64>, tensor<4xi32> -> tensor<f64>
  %1 = graph.softmax_cross_entropy %x, %targets ignore -1 : tensor<4x3xf64>, tensor<4xi32> -> tensor<f64>
  return %0, %1 : tensor<f64>, tensor<f64>
}

// A composite whose result is the loss itself, and one that is its first operation, in a loop too.
func.func @composites_in_a_scan(%x: tensor<3x4xf64>, %h0: tensor<4xf64>) -> tensor<4xf64> {
  %last = graph.scan 3 carry(%h = %h0) over(%v = %x axis 0) : (tensor<4xf64>, tensor<3x4xf64>) -> tensor<4xf64> {
    %0 = graph.silu %h : tensor<4xf64>
    %1 = graph.mul %0, %v : tensor<4xf64>
    %2 = graph.gelu tanh %1 : tensor<4xf64>
    graph.yield carry(%2 : tensor<4xf64>)
  }
  return %last : tensor<4xf64>
}

// The predicate is decided by an integer; both branches capture, one of them holds another cond.
func.func @branches(%x: tensor<3xf64>, %y: tensor<3xf64>, %n: tensor<3xi32>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) {
  %one = graph.constant dense<1> : tensor<3xi32>
  %less = graph.compare lt %n, %one : tensor<3xi32> -> tensor<3xi1>
  %ps = graph.slice %less from [0] to [1] by [1] : tensor<3xi1> -> tensor<1xi1>
  %qs = graph.slice %less from [1] to [2] by [1] : tensor<3xi1> -> tensor<1xi1>
  %p = graph.reshape %ps : tensor<1xi1> -> tensor<i1>
  %q = graph.reshape %qs : tensor<1xi1> -> tensor<i1>
  %a, %b = graph.cond %p -> (tensor<3xf64>, tensor<3xf64>) {
    %0 = graph.mul %x, %y : tensor<3xf64>
    %1 = graph.sin %0 : tensor<3xf64>
    %2 = graph.cond %q -> (tensor<3xf64>) {
      graph.yield out(%1 : tensor<3xf64>)
    } else {
      %3 = graph.exp %1 : tensor<3xf64>
      %4 = graph.mul %3, %x : tensor<3xf64>
      graph.yield out(%4 : tensor<3xf64>)
    }
    graph.yield out(%2, %x : tensor<3xf64>, tensor<3xf64>)
  } else {
    graph.yield out(%x, %y : tensor<3xf64>, tensor<3xf64>)
  }
  %c = graph.cond %q -> (tensor<3xf64>) {
    %5 = graph.exp %x : tensor<3xf64>
    graph.yield out(%5 : tensor<3xf64>)
  } else {
    %6 = graph.mul %a, %y : tensor<3xf64>
    graph.yield out(%6 : tensor<3xf64>)
  }
  return %a, %b, %c : tensor<3xf64>, tensor<3xf64>, tensor<3xf64>
}

// The branch is another one at each step, and reads the carry, the slice and a value from outside.
func.func @cond_in_scan(%h0: tensor<2xf64>, %w: tensor<2xf64>, %xs: tensor<4x2xf64>, %ns: tensor<4xi32>)
    -> (tensor<2xf64>, tensor<4x2xf64>) {
  %one = graph.constant dense<1> : tensor<i32>
  %last, %all = graph.scan 4 carry(%h = %h0) over(%x = %xs axis 0, %n = %ns axis 0) out(axis 0)
      : (tensor<2xf64>, tensor<4x2xf64>, tensor<4xi32>) -> (tensor<2xf64>, tensor<4x2xf64>) {
    %p = graph.compare eq %n, %one : tensor<i32> -> tensor<i1>
    %0 = graph.mul %h, %w : tensor<2xf64>
    %1 = graph.cond %p -> (tensor<2xf64>) {
      %2 = graph.mul %0, %x : tensor<2xf64>
      %3 = graph.tanh %2 : tensor<2xf64>
      graph.yield out(%3 : tensor<2xf64>)
    } else {
      %4 = graph.add %h, %w : tensor<2xf64>
      graph.yield out(%4 : tensor<2xf64>)
    }
    graph.yield carry(%1 : tensor<2xf64>) out(%0 : tensor<2xf64>)
  }
  return %last, %all : tensor<2xf64>, tensor<4x2xf64>
}

func.func @scan_in_cond(%h0: tensor<2xf64>, %w: tensor<2xf64>, %xs: tensor<3x2xf64>, %n: tensor<i32>) -> tensor<2xf64> {
  %one = graph.constant dense<1> : tensor<i32>
  %p = graph.compare lt %n, %one : tensor<i32> -> tensor<i1>
  %y = graph.cond %p -> (tensor<2xf64>) {
    %last = graph.scan 3 carry(%h = %h0) over(%x = %xs axis 0) : (tensor<2xf64>, tensor<3x2xf64>) -> tensor<2xf64> {
      %0 = graph.mul %h, %w : tensor<2xf64>
      %1 = graph.add %0, %x : tensor<2xf64>
      %2 = graph.sin %1 : tensor<2xf64>
      graph.yield carry(%2 : tensor<2xf64>)
    }
    graph.yield out(%last : tensor<2xf64>)
  } else {
    %3 = graph.mul %h0, %w : tensor<2xf64>
    graph.yield out(%3 : tensor<2xf64>)
  }
  return %y : tensor<2xf64>
}

// The inner loop starts from the outer one's carry and reads its slice, its own and a value from outside of both.
func.func @nested_scans(%h0: tensor<2xf64>, %w: tensor<2xf64>, %xs: tensor<3x4x2xf64>) -> (tensor<2xf64>, tensor<3x2xf64>) {
  %last, %all = graph.scan 3 carry(%h = %h0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<2xf64>, tensor<3x4x2xf64>) -> (tensor<2xf64>, tensor<3x2xf64>) {
    %0 = graph.sin %h : tensor<2xf64>
    %inner = graph.scan reverse 4 carry(%g = %0) over(%xi = %x axis 0) : (tensor<2xf64>, tensor<4x2xf64>) -> tensor<2xf64> {
      %1 = graph.mul %g, %w : tensor<2xf64>
      %2 = graph.add %1, %xi : tensor<2xf64>
      %3 = graph.tanh %2 : tensor<2xf64>
      %4 = graph.mul %3, %h : tensor<2xf64>
      graph.yield carry(%4 : tensor<2xf64>)
    }
    graph.yield carry(%inner : tensor<2xf64>) out(%0 : tensor<2xf64>)
  }
  return %last, %all : tensor<2xf64>, tensor<3x2xf64>
}

// Alone, in a scan, around a scan, within another.
func.func @checkpoints(%x: tensor<2xf64>, %w: tensor<2xf64>, %xs: tensor<3x2xf64>) -> (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) {
  %a = graph.checkpoint -> (tensor<2xf64>) {
    %0 = graph.mul %x, %w : tensor<2xf64>
    %1 = graph.checkpoint -> (tensor<2xf64>) {
      %2 = graph.sin %0 : tensor<2xf64>
      %3 = graph.exp %2 : tensor<2xf64>
      graph.yield out(%3 : tensor<2xf64>)
    }
    %4 = graph.mul %1, %0 : tensor<2xf64>
    graph.yield out(%4 : tensor<2xf64>)
  }
  %b = graph.scan 3 carry(%h = %a) over(%xt = %xs axis 0) : (tensor<2xf64>, tensor<3x2xf64>) -> tensor<2xf64> {
    %5 = graph.checkpoint -> (tensor<2xf64>) {
      %6 = graph.mul %h, %w : tensor<2xf64>
      %7 = graph.sin %6 : tensor<2xf64>
      %8 = graph.mul %7, %xt : tensor<2xf64>
      %9 = graph.exp %8 : tensor<2xf64>
      graph.yield out(%9 : tensor<2xf64>)
    }
    graph.yield carry(%5 : tensor<2xf64>)
  }
  %c = graph.checkpoint -> (tensor<2xf64>) {
    %10 = graph.barrier %w : tensor<2xf64>
    %11 = graph.scan 3 carry(%h = %x) over(%xt = %xs axis 0) : (tensor<2xf64>, tensor<3x2xf64>) -> tensor<2xf64> {
      %12 = graph.mul %h, %10 : tensor<2xf64>
      %13 = graph.add %12, %xt : tensor<2xf64>
      %14 = graph.sin %13 : tensor<2xf64>
      graph.yield carry(%14 : tensor<2xf64>)
    }
    graph.yield out(%11 : tensor<2xf64>)
  }
  return %a, %b, %c : tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
}

// Regions within regions read what the loop around all of them carries.
func.func @regions_in_a_cond_in_a_scan(%h0: tensor<2xf64>, %w: tensor<2xf64>, %xs: tensor<3x2xf64>, %ns: tensor<3xi32>) -> tensor<2xf64> {
  %one = graph.constant dense<1> : tensor<i32>
  %last = graph.scan 3 carry(%h = %h0) over(%x = %xs axis 0, %n = %ns axis 0) : (tensor<2xf64>, tensor<3x2xf64>, tensor<3xi32>) -> tensor<2xf64> {
    %p = graph.compare eq %n, %one : tensor<i32> -> tensor<i1>
    %q = graph.compare lt %n, %one : tensor<i32> -> tensor<i1>
    %0 = graph.cond %p -> (tensor<2xf64>) {
      %1 = graph.mul %x, %w : tensor<2xf64>
      %2 = graph.checkpoint -> (tensor<2xf64>) {
        %3 = graph.sin %1 : tensor<2xf64>
        %4 = graph.mul %3, %h : tensor<2xf64>
        graph.yield out(%4 : tensor<2xf64>)
      }
      graph.yield out(%2 : tensor<2xf64>)
    } else {
      %5 = graph.cond %q -> (tensor<2xf64>) {
        %6 = graph.scan 2 carry(%g = %x) : (tensor<2xf64>) -> tensor<2xf64> {
          %7 = graph.mul %g, %h : tensor<2xf64>
          %8 = graph.tanh %7 : tensor<2xf64>
          graph.yield carry(%8 : tensor<2xf64>)
        }
        graph.yield out(%6 : tensor<2xf64>)
      } else {
        %9 = graph.mul %h, %h : tensor<2xf64>
        graph.yield out(%9 : tensor<2xf64>)
      }
      graph.yield out(%5 : tensor<2xf64>)
    }
    graph.yield carry(%0 : tensor<2xf64>)
  }
  return %last : tensor<2xf64>
}

// What leaves the loop as a sum of products of values that vary.
func.func @sums_of_products(%h0: tensor<2x3xf64>, %xs: tensor<4x2x3xf64>, %cs: tensor<4xf64>, %s0: tensor<3x2xf64>, %t0: tensor<2x3x3xf64>, %u0: tensor<2x3xf64>)
    -> (tensor<2x3xf64>, tensor<3x2xf64>, tensor<2x3x3xf64>, tensor<2x3xf64>) {
  %last, %s, %t, %u = graph.scan reverse 4 carry(%h = %h0, %s1 = %s0, %t1 = %t0, %u1 = %u0) over(%x = %xs axis 0, %c = %cs axis 0)
      : (tensor<2x3xf64>, tensor<3x2xf64>, tensor<2x3x3xf64>, tensor<2x3xf64>, tensor<4x2x3xf64>, tensor<4xf64>)
      -> (tensor<2x3xf64>, tensor<3x2xf64>, tensor<2x3x3xf64>, tensor<2x3xf64>) {
    %0 = graph.mul %h, %x : tensor<2x3xf64>
    %h1 = graph.sin %0 : tensor<2x3xf64>
    %1 = graph.contract %h1, %x over [1] with [1] : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x2xf64>
    %2 = graph.broadcast %c along [] : tensor<f64> -> tensor<2x2xf64>
    %3 = graph.mul %2, %1 : tensor<2x2xf64>
    %4 = graph.slice %3 from [0, 0] to [2, 1] by [1, 1] : tensor<2x2xf64> -> tensor<2x1xf64>
    %5 = graph.concat %3, %4 along 1 : (tensor<2x2xf64>, tensor<2x1xf64>) -> tensor<2x3xf64>
    %6 = graph.transpose %5 by [1, 0] : tensor<2x3xf64> -> tensor<3x2xf64>
    %s2 = graph.sub %s1, %6 : tensor<3x2xf64>
    %7 = graph.broadcast %h1 along [0, 2] : tensor<2x3xf64> -> tensor<2x3x3xf64>
    %8 = graph.broadcast %x along [0, 1] : tensor<2x3xf64> -> tensor<2x3x3xf64>
    %9 = graph.mul %7, %8 : tensor<2x3x3xf64>
    %t2 = graph.add %9, %t1 : tensor<2x3x3xf64>
    %10 = graph.mul %x, %x : tensor<2x3xf64>
    %u2 = graph.add %u1, %10 : tensor<2x3xf64>
    graph.yield carry(%h1, %s2, %t2, %u2 : tensor<2x3xf64>, tensor<3x2xf64>, tensor<2x3x3xf64>, tensor<2x3xf64>)
  }
  return %last, %s, %t, %u : tensor<2x3xf64>, tensor<3x2xf64>, tensor<2x3x3xf64>, tensor<2x3xf64>
}
