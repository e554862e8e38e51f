// RUN: moru-opt %s --graph-normalize-for-kernels | FileCheck %s

// CHECK-LABEL: func.func @splits_off_the_last_axis(
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>
func.func @splits_off_the_last_axis(%x: tensor<8x4xf32>) -> tensor<f32> {
  // CHECK: %[[R:.*]] = graph.reduce_sum %[[X]] over [1] : tensor<8x4xf32> -> tensor<8xf32>
  // CHECK: graph.reduce_sum %[[R]] over [0] : tensor<8xf32> -> tensor<f32>
  %s = graph.reduce_sum %x over [0, 1] : tensor<8x4xf32> -> tensor<f32>
  return %s : tensor<f32>
}

// CHECK-LABEL: func.func @splits_leading_and_last(
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>
func.func @splits_leading_and_last(%x: tensor<2x3x4xf32>) -> tensor<3xf32> {
  // CHECK: %[[R:.*]] = graph.reduce_max %[[X]] over [2] : tensor<2x3x4xf32> -> tensor<2x3xf32>
  // CHECK: graph.reduce_max %[[R]] over [0] : tensor<2x3xf32> -> tensor<3xf32>
  %s = graph.reduce_max %x over [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  return %s : tensor<3xf32>
}

// CHECK-LABEL: func.func @moves_middle_axes_to_the_front(
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4x5xf32>
func.func @moves_middle_axes_to_the_front(%x: tensor<2x3x4x5xf32>) -> tensor<2x5xf32> {
  // CHECK: %[[T:.*]] = graph.transpose %[[X]] by [1, 2, 0, 3] : tensor<2x3x4x5xf32> -> tensor<3x4x2x5xf32>
  // CHECK: graph.reduce_sum %[[T]] over [0, 1] : tensor<3x4x2x5xf32> -> tensor<2x5xf32>
  %s = graph.reduce_sum %x over [1, 2] : tensor<2x3x4x5xf32> -> tensor<2x5xf32>
  return %s : tensor<2x5xf32>
}

// CHECK-LABEL: func.func @keeps_rows_and_columns(
func.func @keeps_rows_and_columns(%x: tensor<2x3x4xf32>) -> (tensor<2x3xf32>, tensor<4xf32>, tensor<3x4xf32>) {
  // CHECK-NEXT: graph.reduce_sum %{{.*}} over [2]
  // CHECK-NEXT: graph.reduce_sum %{{.*}} over [0, 1]
  // CHECK-NEXT: graph.reduce_max %{{.*}} over [0]
  // CHECK-NEXT: return
  %r = graph.reduce_sum %x over [2] : tensor<2x3x4xf32> -> tensor<2x3xf32>
  %c = graph.reduce_sum %x over [0, 1] : tensor<2x3x4xf32> -> tensor<4xf32>
  %m = graph.reduce_max %x over [0] : tensor<2x3x4xf32> -> tensor<3x4xf32>
  return %r, %c, %m : tensor<2x3xf32>, tensor<4xf32>, tensor<3x4xf32>
}

// The least index where the largest entry stands: the largest of -index there, and of -4 elsewhere.
// One long row in parts of equal size; what is added up is computed in their shape.
// CHECK-LABEL: func.func @cuts_a_long_row(
// CHECK-SAME: %[[X:.*]]: tensor<1000000xf32>, %[[S:.*]]: tensor<f32>
func.func @cuts_a_long_row(%x: tensor<1000000xf32>, %s: tensor<f32>) -> tensor<f32> {
  // CHECK-DAG: %[[P:.*]] = graph.reshape %[[X]] : tensor<1000000xf32> -> tensor<50x20000xf32>
  // CHECK-DAG: %[[B:.*]] = graph.broadcast %[[S]] along [] : tensor<f32> -> tensor<50x20000xf32>
  // CHECK: %[[M:.*]] = graph.mul %[[P]], %[[B]]
  // CHECK: %[[R:.*]] = graph.reduce_sum %[[M]] over [1] : tensor<50x20000xf32> -> tensor<50xf32>
  // CHECK: graph.reduce_sum %[[R]] over [0] : tensor<50xf32> -> tensor<f32>
  %b = graph.broadcast %s along [] : tensor<f32> -> tensor<1000000xf32>
  %m = graph.mul %x, %b : tensor<1000000xf32>
  %y = graph.reduce_sum %m over [0] : tensor<1000000xf32> -> tensor<f32>
  return %y : tensor<f32>
}

// CHECK-LABEL: func.func @does_not_cut_short_or_many_rows(
func.func @does_not_cut_short_or_many_rows(%x: tensor<20000xf32>, %z: tensor<8x1000000xf32>) -> (tensor<f32>, tensor<8xf32>) {
  // CHECK-NOT: graph.reshape
  %y = graph.reduce_sum %x over [0] : tensor<20000xf32> -> tensor<f32>
  %w = graph.reduce_max %z over [1] : tensor<8x1000000xf32> -> tensor<8xf32>
  return %y, %w : tensor<f32>, tensor<8xf32>
}

// CHECK-LABEL: func.func @lowers_argmax(
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>
func.func @lowers_argmax(%x: tensor<8x4xf32>) -> tensor<8xi32> {
  // CHECK-DAG: %[[NONE:.*]] = graph.constant dense<-4> : tensor<8x4xi32>
  // CHECK-DAG: %[[MAX:.*]] = graph.reduce_max %[[X]] over [1]
  // CHECK-DAG: %[[SPREAD:.*]] = graph.broadcast %[[MAX]] along [0] : tensor<8xf32> -> tensor<8x4xf32>
  // CHECK-DAG: %[[EQUAL:.*]] = graph.compare eq %[[X]], %[[SPREAD]]
  // CHECK-DAG: %[[NAN:.*]] = graph.compare ne %[[X]], %[[X]]
  // CHECK-DAG: %[[IS:.*]] = graph.or %[[EQUAL]], %[[NAN]]
  // CHECK-DAG: %[[IOTA:.*]] = graph.iota along 1 : tensor<8x4xi32>
  // CHECK-DAG: %[[INDEX:.*]] = graph.neg %[[IOTA]]
  // CHECK: %[[SELECT:.*]] = graph.select %[[IS]], %[[INDEX]], %[[NONE]]
  // CHECK: %[[LEAST:.*]] = graph.reduce_max %[[SELECT]] over [1]
  // CHECK: %[[Y:.*]] = graph.neg %[[LEAST]] : tensor<8xi32>
  // CHECK: return %[[Y]]
  %y = graph.argmax %x over 1 : tensor<8x4xf32> -> tensor<8xi32>
  return %y : tensor<8xi32>
}

// CHECK-LABEL: func.func @multiplies_and_sums_a_matrix_and_a_vector(
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>, %[[V:.*]]: tensor<4xf32>
func.func @multiplies_and_sums_a_matrix_and_a_vector(%x: tensor<8x4xf32>, %v: tensor<4xf32>) -> tensor<8xf32> {
  // CHECK-NOT: graph.contract
  // CHECK: %[[VV:.*]] = graph.broadcast %[[V]] along [1] : tensor<4xf32> -> tensor<8x4xf32>
  // CHECK: %[[P:.*]] = graph.mul %[[X]], %[[VV]]
  // CHECK: graph.reduce_sum %[[P]] over [1] : tensor<8x4xf32> -> tensor<8xf32>
  %y = graph.contract %x, %v over [1] with [0] : tensor<8x4xf32>, tensor<4xf32> -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// The other side has no free axis: sums down the columns, which lie densely.
// CHECK-LABEL: func.func @multiplies_and_sums_a_vector_and_a_matrix(
// CHECK-SAME: %[[V:.*]]: tensor<4xf32>, %[[W:.*]]: tensor<4x8xf32>
func.func @multiplies_and_sums_a_vector_and_a_matrix(%v: tensor<4xf32>, %w: tensor<4x8xf32>) -> tensor<8xf32> {
  // CHECK-NOT: graph.contract
  // CHECK-NOT: graph.transpose
  // CHECK: %[[VV:.*]] = graph.broadcast %[[V]] along [0] : tensor<4xf32> -> tensor<4x8xf32>
  // CHECK: %[[P:.*]] = graph.mul %[[W]], %[[VV]]
  // CHECK: graph.reduce_sum %[[P]] over [0]
  %y = graph.contract %v, %w over [0] with [0] : tensor<4xf32>, tensor<4x8xf32> -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// One row is as good as none. A transposed weight lies densely along what is summed.
// CHECK-LABEL: func.func @multiplies_and_sums_one_row(
// CHECK-SAME: %[[X:.*]]: tensor<1x4xf32>, %[[W:.*]]: tensor<8x4xf32>
func.func @multiplies_and_sums_one_row(%x: tensor<1x4xf32>, %w: tensor<8x4xf32>) -> tensor<1x8xf32> {
  // CHECK-NOT: graph.contract
  // CHECK: %[[V:.*]] = graph.reshape {{.*}} : tensor<{{.*}}> -> tensor<4xf32>
  // CHECK: %[[VV:.*]] = graph.broadcast %[[V]] along [1] : tensor<4xf32> -> tensor<8x4xf32>
  // CHECK: %[[P:.*]] = graph.mul {{.*}}, %[[VV]]
  // CHECK: %[[S:.*]] = graph.reduce_sum %[[P]] over [1] : tensor<8x4xf32> -> tensor<8xf32>
  // CHECK: graph.reshape %[[S]] : tensor<8xf32> -> tensor<1x8xf32>
  %t = graph.transpose %w by [1, 0] : tensor<8x4xf32> -> tensor<4x8xf32>
  %y = graph.contract %x, %t over [1] with [0] : tensor<1x4xf32>, tensor<4x8xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// CHECK-LABEL: func.func @multiplies_and_sums_a_batch_of_dot_products(
// CHECK-SAME: %[[X:.*]]: tensor<5x4xf32>, %[[Y:.*]]: tensor<4x5xf32>
func.func @multiplies_and_sums_a_batch_of_dot_products(%x: tensor<5x4xf32>, %y: tensor<4x5xf32>) -> tensor<5xf32> {
  // CHECK: %[[T:.*]] = graph.transpose %[[Y]] by [1, 0]
  // CHECK: %[[P:.*]] = graph.mul
  // CHECK: graph.reduce_sum %[[P]] over [1] : tensor<5x4xf32> -> tensor<5xf32>
  %z = graph.contract %x, %y over [1] with [0] batch [0] with [1] : tensor<5x4xf32>, tensor<4x5xf32> -> tensor<5xf32>
  return %z : tensor<5xf32>
}

// CHECK-LABEL: func.func @multiplies_an_outer_product(
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>, %[[Y:.*]]: tensor<4xf32>
func.func @multiplies_an_outer_product(%x: tensor<8xf32>, %y: tensor<4xf32>) -> tensor<8x4xf32> {
  // CHECK-DAG: %[[A:.*]] = graph.broadcast %[[X]] along [0] : tensor<8xf32> -> tensor<8x4xf32>
  // CHECK-DAG: %[[B:.*]] = graph.broadcast %[[Y]] along [1] : tensor<4xf32> -> tensor<8x4xf32>
  // CHECK: graph.mul %[[A]], %[[B]]
  // CHECK-NOT: graph.reduce_sum
  %z = graph.contract %x, %y over [] with [] : tensor<8xf32>, tensor<4xf32> -> tensor<8x4xf32>
  return %z : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @keeps_contractions_of_matrices(
func.func @keeps_contractions_of_matrices(%x: tensor<8x4xf32>, %w: tensor<16x4xf32>) -> tensor<8x16xf32> {
  // CHECK-NEXT: graph.contract %{{.*}}, %{{.*}} over [1] with [1]
  // CHECK-NEXT: return
  %y = graph.contract %x, %w over [1] with [1] : tensor<8x4xf32>, tensor<16x4xf32> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @works_within_scans(
func.func @works_within_scans(%x: tensor<3x8x4xf32>) -> tensor<3xf32> {
  // CHECK: graph.scan
  %y = graph.scan 3 over(%a = %x axis 0) out(axis 0) : (tensor<3x8x4xf32>) -> (tensor<3xf32>) {
    // CHECK: graph.reduce_sum %{{.*}} over [1]
    // CHECK: graph.reduce_sum %{{.*}} over [0]
    %s = graph.reduce_sum %a over [0, 1] : tensor<8x4xf32> -> tensor<f32>
    graph.yield out(%s : tensor<f32>)
  }
  return %y : tensor<3xf32>
}

// The body would have to copy a part of what it computes; the part is a view of the stacked whole. Parts of one value share it.
// CHECK-LABEL: func.func @stores_whole_what_a_loop_puts_out_in_parts(
func.func @stores_whole_what_a_loop_puts_out_in_parts(%x: tensor<5x2x6xf32>) -> (tensor<2x5x3xf32>, tensor<2x5x3xf32>, tensor<5x2x6xf32>) {
  // CHECK: %[[S:.*]]:2 = graph.scan 5 over(%{{.*}} = %{{.*}} axis 0) out(axis 1, axis 0)
  // CHECK: %[[T:.*]] = graph.tanh
  // CHECK: graph.yield out(%[[T]], %[[T]] :
  // CHECK: %[[A:.*]] = graph.slice %[[S]]#0 from [0, 0, 0] to [2, 5, 3] by [1, 1, 1]
  // CHECK: %[[B:.*]] = graph.slice %[[S]]#0 from [0, 0, 3] to [2, 5, 6] by [1, 1, 1]
  // CHECK: return %[[A]], %[[B]], %[[S]]#1
  %a, %b, %t = graph.scan 5 over(%xt = %x axis 0) out(axis 1, axis 1, axis 0) : (tensor<5x2x6xf32>) -> (tensor<2x5x3xf32>, tensor<2x5x3xf32>, tensor<5x2x6xf32>) {
    %y = graph.tanh %xt : tensor<2x6xf32>
    %l = graph.slice %y from [0, 0] to [2, 3] by [1, 1] : tensor<2x6xf32> -> tensor<2x3xf32>
    %r = graph.slice %y from [0, 3] to [2, 6] by [1, 1] : tensor<2x6xf32> -> tensor<2x3xf32>
    graph.yield out(%l, %r, %y : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x6xf32>)
  }
  return %a, %b, %t : tensor<2x5x3xf32>, tensor<2x5x3xf32>, tensor<5x2x6xf32>
}

// CHECK-LABEL: func.func @leaves_parts_of_inputs_in_the_loop(
func.func @leaves_parts_of_inputs_in_the_loop(%x: tensor<5x2x6xf32>) -> tensor<5x2x3xf32> {
  // CHECK: %[[S:.*]] = graph.scan
  // CHECK: return %[[S]]
  %a = graph.scan 5 over(%xt = %x axis 0) out(axis 0) : (tensor<5x2x6xf32>) -> tensor<5x2x3xf32> {
    %l = graph.slice %xt from [0, 0] to [2, 3] by [1, 1] : tensor<2x6xf32> -> tensor<2x3xf32>
    graph.yield out(%l : tensor<2x3xf32>)
  }
  return %a : tensor<5x2x3xf32>
}

// CHECK-LABEL: func.func @makes_nothing_of_nothing(
func.func @makes_nothing_of_nothing(%x: tensor<2x0xf32>, %y: tensor<0x2xf32>) -> tensor<0x2xf32> {
  // CHECK: %[[C:.*]] = graph.constant dense<0.000000e+00> : tensor<0x2xf32>
  // CHECK-NEXT: return %[[C]]
  %t = graph.transpose %x by [1, 0] : tensor<2x0xf32> -> tensor<0x2xf32>
  %z = graph.mul %t, %y : tensor<0x2xf32>
  return %z : tensor<0x2xf32>
}

// CHECK-LABEL: func.func @sums_nothing_to_zero(
func.func @sums_nothing_to_zero(%x: tensor<2x0xf32>, %y: tensor<0x3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2x2xf32>) {
  // CHECK-DAG: graph.constant dense<0.000000e+00> : tensor<2x3xf32>
  // CHECK-DAG: graph.constant dense<0xFF800000> : tensor<2xf32>
  // CHECK-DAG: graph.constant dense<0.000000e+00> : tensor<2x2xf32>
  // CHECK-NEXT: return
  %c = graph.contract %x, %y over [1] with [0] : tensor<2x0xf32>, tensor<0x3xf32> -> tensor<2x3xf32>
  %m = graph.reduce_max %x over [1] : tensor<2x0xf32> -> tensor<2xf32>
  %p = graph.pad %x low [0, 1] high [0, 1] interior [0, 0] : tensor<2x0xf32> -> tensor<2x2xf32>
  return %c, %m, %p : tensor<2x3xf32>, tensor<2xf32>, tensor<2x2xf32>
}

// CHECK-LABEL: func.func @joins_what_has_entries(
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>, %[[N:.*]]: tensor<2x0xf32>, %[[Y:.*]]: tensor<2x1xf32>
func.func @joins_what_has_entries(%x: tensor<2x3xf32>, %n: tensor<2x0xf32>, %y: tensor<2x1xf32>) -> tensor<2x4xf32> {
  // CHECK: graph.concat %[[X]], %[[Y]] along 1
  %z = graph.concat %x, %n, %y along 1 : (tensor<2x3xf32>, tensor<2x0xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}

// A matrix of many rows: parts of it, each in one piece of memory, are added up by what follows. The vector is cut alike.
// CHECK-LABEL: func.func @cuts_a_tall_sum(
// CHECK-SAME: %[[X:.*]]: tensor<1x512xf32>, %[[W:.*]]: tensor<512x384xf32>
func.func @cuts_a_tall_sum(%x: tensor<1x512xf32>, %w: tensor<512x384xf32>) -> tensor<1x384xf32> {
  // CHECK-DAG: %[[PARTS:.*]] = graph.reshape %[[W]] : tensor<512x384xf32> -> tensor<8x64x384xf32>
  // CHECK-DAG: %[[ROWS:.*]] = graph.transpose %[[PARTS]] by [1, 0, 2] : tensor<8x64x384xf32> -> tensor<64x8x384xf32>
  // CHECK-DAG: %[[V:.*]] = graph.broadcast %{{.*}} along [0, 1] : tensor<64x8xf32> -> tensor<64x8x384xf32>
  // CHECK: %[[P:.*]] = graph.mul %[[ROWS]], %[[V]]
  // CHECK: %[[S:.*]] = graph.reduce_sum %[[P]] over [0] : tensor<64x8x384xf32> -> tensor<8x384xf32>
  // CHECK-COUNT-8: graph.slice %[[S]]
  // CHECK-COUNT-7: graph.add {{.*}} : tensor<1x384xf32>
  // CHECK-NEXT: return
  %y = graph.contract %x, %w over [1] with [0] : tensor<1x512xf32>, tensor<512x384xf32> -> tensor<1x384xf32>
  return %y : tensor<1x384xf32>
}

// Fewer rows: fewer parts.
// CHECK-LABEL: func.func @cuts_a_sum_into_four(
func.func @cuts_a_sum_into_four(%x: tensor<128x512xf32>) -> tensor<512xf32> {
  // CHECK: graph.reduce_sum %{{.*}} over [0] : tensor<32x4x512xf32> -> tensor<4x512xf32>
  %y = graph.reduce_sum %x over [0] : tensor<128x512xf32> -> tensor<512xf32>
  return %y : tensor<512xf32>
}

// What is small, has few rows, does not lie row by row, or is read on the way into the sum stays whole.
// CHECK-LABEL: func.func @does_not_cut_other_sums(
func.func @does_not_cut_other_sums(%small: tensor<128x64xf32>, %low: tensor<100x4096xf32>, %turned: tensor<512x512xf32>,
                                   %table: tensor<9x512xf32>, %ids: tensor<512xi32>)
    -> (tensor<64xf32>, tensor<4096xf32>, tensor<512xf32>, tensor<512xf32>) {
  // CHECK-NOT: graph.reshape
  // CHECK-NOT: graph.slice
  %a = graph.reduce_sum %small over [0] : tensor<128x64xf32> -> tensor<64xf32>
  %b = graph.reduce_sum %low over [0] : tensor<100x4096xf32> -> tensor<4096xf32>
  %t = graph.transpose %turned by [1, 0] : tensor<512x512xf32> -> tensor<512x512xf32>
  %c = graph.reduce_sum %t over [0] : tensor<512x512xf32> -> tensor<512xf32>
  %g = graph.gather %table[%ids] : tensor<9x512xf32>, tensor<512xi32> -> tensor<512x512xf32>
  %d = graph.reduce_sum %g over [0] : tensor<512x512xf32> -> tensor<512xf32>
  return %a, %b, %c, %d : tensor<64xf32>, tensor<4096xf32>, tensor<512xf32>, tensor<512xf32>
}

// One division for each row of a softmax: its sum is at least 1, so the reciprocal is a normal number.
// CHECK-LABEL: func.func @divides_once_for_a_row(
func.func @divides_once_for_a_row(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK: %[[E:.*]] = graph.exp
  // CHECK: %[[S:.*]] = graph.reduce_sum %[[E]] over [1]
  // CHECK: %[[R:.*]] = graph.div %{{.*}}, %[[S]] : tensor<8xf32>
  // CHECK: %[[F:.*]] = graph.broadcast %[[R]] along [0]
  // CHECK: graph.mul %[[E]], %[[F]] : tensor<8x4xf32>
  %m = graph.reduce_max %x over [1] : tensor<8x4xf32> -> tensor<8xf32>
  %b = graph.broadcast %m along [0] : tensor<8xf32> -> tensor<8x4xf32>
  %d = graph.sub %x, %b : tensor<8x4xf32>
  %e = graph.exp %d : tensor<8x4xf32>
  %s = graph.reduce_sum %e over [1] : tensor<8x4xf32> -> tensor<8xf32>
  %t = graph.broadcast %s along [0] : tensor<8xf32> -> tensor<8x4xf32>
  %y = graph.div %e, %t : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// The largest of another row says nothing of this one's sum, and a sum of anything may be denormal.
// CHECK-LABEL: func.func @divides_each_entry(
func.func @divides_each_entry(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  // CHECK: graph.div %{{.*}} : tensor<4x4xf32>
  // CHECK: graph.div %{{.*}} : tensor<4x4xf32>
  // CHECK-NOT: graph.div
  %m = graph.reduce_max %x over [1] : tensor<4x4xf32> -> tensor<4xf32>
  %b = graph.broadcast %m along [1] : tensor<4xf32> -> tensor<4x4xf32>
  %d = graph.sub %x, %b : tensor<4x4xf32>
  %e = graph.exp %d : tensor<4x4xf32>
  %s = graph.reduce_sum %e over [1] : tensor<4x4xf32> -> tensor<4xf32>
  %t = graph.broadcast %s along [0] : tensor<4xf32> -> tensor<4x4xf32>
  %y = graph.div %e, %t : tensor<4x4xf32>
  %u = graph.reduce_sum %x over [1] : tensor<4x4xf32> -> tensor<4xf32>
  %v = graph.broadcast %u along [0] : tensor<4xf32> -> tensor<4x4xf32>
  %z = graph.div %x, %v : tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}
