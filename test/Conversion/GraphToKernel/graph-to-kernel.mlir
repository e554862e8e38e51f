// RUN: moru-opt %s --graph-to-kernels | FileCheck %s
// RUN: moru-opt %s --graph-to-kernels --kernels-to-plan | FileCheck %s --check-prefix=PLAN
// RUN: moru-opt %s --graph-to-llvm --check=each -o /dev/null
// What runs as one kernel, what is a view, and what is written in place. Scans: graph-to-kernel-scan.mlir; results that replace
// arguments: graph-to-kernel-donated.mlir.

// Results become arguments, in the order of the function's results, behind its own arguments.
// CHECK-LABEL: func.func @writes_results_into_arguments(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<4xf32> {graph.name = "x", graph.role = "input"},
// CHECK-SAME: %[[Y:[a-z0-9_]+]]: !kernel.buffer<4xf32> {graph.name = "y", graph.role = "output"},
// CHECK-SAME: %[[Z:[a-z0-9_]+]]: !kernel.buffer<4xi1> {graph.name = "result1", graph.role = "output"})
func.func @writes_results_into_arguments(%x: tensor<4xf32> {graph.name = "x", graph.role = "input"})
    -> (tensor<4xf32> {graph.name = "y"}, tensor<4xi1>) {
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[X]]) writes(%[[Y]], %[[Z]])
  // CHECK-SAME: {bytes = 36 : i64, flops = 8 : i64}
  %y = graph.tanh %x : tensor<4xf32>
  %z = graph.compare lt %x, %y : tensor<4xf32> -> tensor<4xi1>
  return %y, %z : tensor<4xf32>, tensor<4xi1>
}

// CHECK-LABEL: func.func @fuses_bias_and_tanh_into_a_contraction(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>, %[[W:[a-z0-9_]+]]: !kernel.buffer<4x16xf32>, %[[B:[a-z0-9_]+]]: !kernel.buffer<16xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8x16xf32>
func.func @fuses_bias_and_tanh_into_a_contraction(%x: tensor<8x4xf32>, %w: tensor<4x16xf32>, %b: tensor<16xf32>) -> tensor<8x16xf32> {
  // CHECK: %[[PACKED:[a-z0-9_]+]] = kernel.alloc : <4x16xf32, #kernel.panels<16>>
  // CHECK: kernel.compute map "pack{{.*}}reads(%{{.*}} = %[[W]]) writes(%[[PACKED]])
  // CHECK: kernel.compute contract {{.*}}reads(%[[XT:[a-z0-9_]+]] = %[[X]], %[[BT:[a-z0-9_]+]] = %[[B]], %[[PT:[a-z0-9_]+]] = %[[PACKED]]) writes(%[[Y]])
  // CHECK: %[[C:[a-z0-9_]+]] = graph.contract %[[XT]], %[[PT]] over [1] with [0]
  // CHECK: %[[BB:[a-z0-9_]+]] = graph.broadcast %[[BT]] along [1]
  // CHECK: %[[S:[a-z0-9_]+]] = graph.add %[[C]], %[[BB]]
  // CHECK: %[[T:[a-z0-9_]+]] = graph.tanh %[[S]]
  // CHECK: kernel.yield %[[T]]
  // CHECK-NOT: kernel.compute
  %c = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
  %bb = graph.broadcast %b along [1] : tensor<16xf32> -> tensor<8x16xf32>
  %s = graph.add %c, %bb : tensor<8x16xf32>
  %y = graph.tanh %s : tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// An epilogue has the shape of the contraction's result: a reduction of it is another kernel.
// CHECK-LABEL: func.func @does_not_reduce_in_an_epilogue(
func.func @does_not_reduce_in_an_epilogue(%x: tensor<8x4xf32>, %w: tensor<4x16xf32>) -> tensor<8xf32> {
  // CHECK: kernel.compute contract
  // CHECK: kernel.yield %{{.*}} : tensor<8x16xf32>
  // CHECK: kernel.compute row_reduce
  %c = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
  %r = graph.reduce_max %c over [1] : tensor<8x16xf32> -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// What a contraction reads is in a buffer: its producers never join it.
// CHECK-LABEL: func.func @does_not_fuse_into_the_operand_of_a_contraction(
func.func @does_not_fuse_into_the_operand_of_a_contraction(%x: tensor<8x4xf32>, %w: tensor<4x16xf32>) -> tensor<8x16xf32> {
  // CHECK: kernel.compute map "pack
  // CHECK: kernel.compute map {{.*}}writes(%[[E:[a-z0-9_]+]]) attributes
  // CHECK-NEXT: graph.exp
  // CHECK: kernel.compute contract {{.*}}reads(%{{.*}} = %[[E]],
  %e = graph.exp %x : tensor<8x4xf32>
  %c = graph.contract %e, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
  return %c : tensor<8x16xf32>
}

// Batch axes, two contracted axes in another order than rhs has them, two free axes: rhs is packed as [batch, over, free].
// CHECK-LABEL: func.func @packs_a_general_contraction(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<2x5x3x4xf32>, %[[W:[a-z0-9_]+]]: !kernel.buffer<4x6x5x7x3xf32>
func.func @packs_a_general_contraction(%x: tensor<2x5x3x4xf32>, %w: tensor<4x6x5x7x3xf32>) -> tensor<5x2x6x7xf32> {
  // CHECK: kernel.compute map {{.*}}reads(%[[WT:[a-z0-9_]+]] = %[[W]]) writes(%[[P:[a-z0-9_]+]]) attributes
  // CHECK: %[[T:[a-z0-9_]+]] = graph.transpose %[[WT]] by [2, 4, 0, 1, 3]
  // CHECK: %[[R:[a-z0-9_]+]] = graph.reshape %[[T]] : tensor<5x3x4x6x7xf32> -> tensor<5x12x42xf32>
  // CHECK: kernel.yield %[[R]]
  // CHECK: kernel.compute contract {{.*}}reads(%[[XT:[a-z0-9_]+]] = %[[X]], %[[PT:[a-z0-9_]+]] = %[[P]])
  // CHECK: %[[U:[a-z0-9_]+]] = graph.reshape %[[PT]] : tensor<5x12x42xf32> -> tensor<5x3x4x6x7xf32>
  // CHECK: graph.contract %[[XT]], %[[U]] over [2, 3] with [1, 2] batch [1] with [0]
  %c = graph.contract %x, %w over [3, 2] with [0, 4] batch [1] with [2] : tensor<2x5x3x4xf32>, tensor<4x6x5x7x3xf32> -> tensor<5x2x6x7xf32>
  return %c : tensor<5x2x6x7xf32>
}

// Two contractions with one rhs share its packed form; W and its transpose are two forms.
// CHECK-LABEL: func.func @packs_once_per_form(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>, %[[W:[a-z0-9_]+]]: !kernel.buffer<4x4xf32>
func.func @packs_once_per_form(%x: tensor<8x4xf32>, %w: tensor<4x4xf32>) -> tensor<8x4xf32> {
  // CHECK-COUNT-2: kernel.compute map "pack
  // CHECK-NOT: kernel.compute map
  // CHECK-COUNT-3: kernel.compute contract
  %a = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %b = graph.contract %a, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %c = graph.contract %b, %w over [1] with [1] : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %c : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @reads_a_transposed_operand_through_a_view(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<4x8xf32>
func.func @reads_a_transposed_operand_through_a_view(%x: tensor<4x8xf32>, %w: tensor<4x16xf32>) -> tensor<8x16xf32> {
  // CHECK: %[[T:[a-z0-9_]+]] = kernel.view %[[X]] at 0 : <4x8xf32> -> <8x4xf32, strided<[1, 8]>>
  // CHECK: kernel.compute contract {{.*}}reads(%{{.*}} = %[[T]],
  %t = graph.transpose %x by [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
  %y = graph.contract %t, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x16xf32> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @makes_softmax_one_row_reduction(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>
func.func @makes_softmax_one_row_reduction(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-NOT: kernel.alloc
  // CHECK: kernel.compute row_reduce {{.*}}reads(%{{.*}} = %[[X]]) writes(%[[Y]])
  // CHECK-NOT: kernel.compute
  %m = graph.reduce_max %x over [1] : tensor<8x4xf32> -> tensor<8xf32>
  %mb = graph.broadcast %m along [0] : tensor<8xf32> -> tensor<8x4xf32>
  %d = graph.sub %x, %mb : tensor<8x4xf32>
  %e = graph.exp %d : tensor<8x4xf32>
  %s = graph.reduce_sum %e over [1] : tensor<8x4xf32> -> tensor<8xf32>
  %sb = graph.broadcast %s along [0] : tensor<8xf32> -> tensor<8x4xf32>
  %y = graph.div %e, %sb : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @reduces_columns_of_a_product(
func.func @reduces_columns_of_a_product(%x: tensor<8x4xf32>, %y: tensor<8x4xf32>) -> tensor<4xf32> {
  // CHECK-NOT: kernel.alloc
  // CHECK: kernel.compute column_reduce
  // CHECK: %[[P:[a-z0-9_]+]] = graph.mul
  // CHECK: graph.reduce_sum %[[P]] over [0]
  // CHECK-NOT: kernel.compute
  %p = graph.mul %x, %y : tensor<8x4xf32>
  %c = graph.reduce_sum %p over [0] : tensor<8x4xf32> -> tensor<4xf32>
  return %c : tensor<4xf32>
}

// Rows and columns of one value: it is computed once, with the first, and stored for the second.
// CHECK-LABEL: func.func @keeps_a_producer_with_several_readers(
func.func @keeps_a_producer_with_several_readers(%x: tensor<8x4xf32>) -> (tensor<8xf32>, tensor<4xf32>) {
  // CHECK: %[[E:[a-z0-9_]+]] = kernel.alloc : <8x4xf32>
  // CHECK: kernel.compute row_reduce {{.*}}writes(%[[E]], %{{.*}}) attributes
  // CHECK-NEXT: graph.exp
  // CHECK: kernel.compute column_reduce {{.*}}reads(%{{.*}} = %[[E]]) writes
  // CHECK-NOT: graph.exp
  // CHECK: return
  %e = graph.exp %x : tensor<8x4xf32>
  %r = graph.reduce_sum %e over [1] : tensor<8x4xf32> -> tensor<8xf32>
  %c = graph.reduce_sum %e over [0] : tensor<8x4xf32> -> tensor<4xf32>
  return %r, %c : tensor<8xf32>, tensor<4xf32>
}

// The sum over columns is not known while the rows are computed.
// CHECK-LABEL: func.func @does_not_fuse_behind_a_column_reduction(
func.func @does_not_fuse_behind_a_column_reduction(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK: kernel.compute column_reduce
  // CHECK: kernel.compute map
  %c = graph.reduce_sum %x over [0] : tensor<8x4xf32> -> tensor<4xf32>
  %b = graph.broadcast %c along [1] : tensor<4xf32> -> tensor<8x4xf32>
  %y = graph.sub %x, %b : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @makes_argmax_one_row_reduction(
func.func @makes_argmax_one_row_reduction(%x: tensor<6x3xf32>) -> tensor<6xi32> {
  // CHECK-NOT: kernel.alloc
  // CHECK-COUNT-1: kernel.compute row_reduce
  // CHECK-NOT: kernel.compute
  %y = graph.argmax %x over 1 : tensor<6x3xf32> -> tensor<6xi32>
  return %y : tensor<6xi32>
}

// CHECK-LABEL: func.func @gathers_on_the_way(
func.func @gathers_on_the_way(%table: tensor<9x3xf32>, %ids: tensor<2x5xi32>) -> tensor<2x5xf32> {
  // CHECK-COUNT-1: kernel.compute row_reduce
  // CHECK: graph.gather
  // CHECK-NOT: kernel.compute
  %g = graph.gather %table[%ids] : tensor<9x3xf32>, tensor<2x5xi32> -> tensor<2x5x3xf32>
  %m = graph.mul %g, %g : tensor<2x5x3xf32>
  %s = graph.reduce_sum %m over [2] : tensor<2x5x3xf32> -> tensor<2x5xf32>
  return %s : tensor<2x5xf32>
}

// The updates are computed on the way; what follows waits until all of them are added.
// CHECK-LABEL: func.func @scatters_computed_updates(
func.func @scatters_computed_updates(%u: tensor<6x3xf32>, %ids: tensor<6xi32>) -> tensor<4x3xf32> {
  // CHECK: kernel.compute gather_scatter
  // CHECK-NEXT: graph.exp
  // CHECK-NEXT: graph.scatter_add
  // CHECK-NEXT: kernel.yield
  // CHECK: kernel.compute map
  // CHECK-NEXT: graph.neg
  %e = graph.exp %u : tensor<6x3xf32>
  %s = graph.scatter_add %e at %ids : tensor<6x3xf32>, tensor<6xi32> -> tensor<4x3xf32>
  %y = graph.neg %s : tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @slices_are_views(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x12xf32>
func.func @slices_are_views(%x: tensor<8x12xf32>) -> tensor<4x4xf32> {
  // CHECK-DAG: %[[A:[a-z0-9_]+]] = kernel.view %[[X]] at 0 : <8x12xf32> -> <4x4xf32, strided<[24, 1]>>
  // CHECK-DAG: %[[B:[a-z0-9_]+]] = kernel.view %[[X]] at 56 : <8x12xf32> -> <4x4xf32, strided<[12, 1]>>
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[A]], %{{.*}} = %[[B]])
  // CHECK-NOT: kernel.compute
  %a = graph.slice %x from [0, 0] to [8, 4] by [2, 1] : tensor<8x12xf32> -> tensor<4x4xf32>
  %b = graph.slice %x from [4, 8] to [8, 12] by [1, 1] : tensor<8x12xf32> -> tensor<4x4xf32>
  %y = graph.add %a, %b : tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// The transposed entries lie under no two strides in the new order.
// CHECK-LABEL: func.func @copies_where_a_reshape_is_no_view(
func.func @copies_where_a_reshape_is_no_view(%x: tensor<6x3xf32>) -> tensor<18xf32> {
  // CHECK: %[[T:[a-z0-9_]+]] = kernel.view %{{.*}} at 0 : <6x3xf32> -> <3x6xf32, strided<[1, 3]>>
  // CHECK: kernel.compute map {{.*}}reads(%[[A:[a-z0-9_]+]] = %[[T]]) writes(%[[R:[a-z0-9_]+]]) attributes
  // CHECK-NEXT: graph.reshape %[[A]] : tensor<3x6xf32> -> tensor<18xf32>
  // CHECK: kernel.compute map {{.*}}reads(%{{.*}} = %[[R]])
  %t = graph.transpose %x by [1, 0] : tensor<6x3xf32> -> tensor<3x6xf32>
  %r = graph.reshape %t : tensor<3x6xf32> -> tensor<18xf32>
  %y = graph.exp %r : tensor<18xf32>
  return %y : tensor<18xf32>
}

// Whoever makes a part writes it where it belongs, of a concatenation within another one too; an argument is copied there.
// CHECK-LABEL: func.func @writes_concatenations_in_place(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8x14xf32>
func.func @writes_concatenations_in_place(%x: tensor<8x4xf32>) -> tensor<8x14xf32> {
  // CHECK-NOT: kernel.alloc
  // CHECK-DAG: %[[A:[a-z0-9_]+]] = kernel.view %[[Y]] at 0 : <8x14xf32> -> <8x4xf32, strided<[14, 1]>>
  // CHECK-DAG: %[[P:[a-z0-9_]+]] = kernel.view %[[Y]] at 4 : <8x14xf32> -> <8x10xf32, strided<[14, 1]>>
  // CHECK-DAG: %[[B:[a-z0-9_]+]] = kernel.view %[[P]] at 0 : <8x10xf32, strided<[14, 1]>> -> <8x6xf32, strided<[14, 1]>>
  // CHECK-DAG: %[[C:[a-z0-9_]+]] = kernel.view %[[P]] at 6 : <8x10xf32, strided<[14, 1]>> -> <8x4xf32, strided<[14, 1]>>
  // CHECK-DAG: kernel.compute map {{.*}}writes(%[[A]]) attributes
  // CHECK-DAG: kernel.compute map {{.*}}writes(%[[B]]) attributes
  // CHECK-DAG: kernel.compute map {{.*}}reads(%{{.*}} = %[[X]]) writes(%[[C]]) attributes
  %a = graph.exp %x : tensor<8x4xf32>
  %b = graph.pad %x low [0, 1] high [0, 1] interior [0, 0] : tensor<8x4xf32> -> tensor<8x6xf32>
  %i = graph.concat %b, %x along 1 : (tensor<8x6xf32>, tensor<8x4xf32>) -> tensor<8x10xf32>
  %y = graph.concat %a, %i along 1 : (tensor<8x4xf32>, tensor<8x10xf32>) -> tensor<8x14xf32>
  return %y : tensor<8x14xf32>
}

// CHECK-LABEL: func.func @fills_results_that_nobody_computes(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<3xf32>, %[[C:[a-z0-9_]+]]: !kernel.buffer<2x3xf32> {{.*}}, %[[B:[a-z0-9_]+]]: !kernel.buffer<2x3xf32> {{.*}}, %[[I:[a-z0-9_]+]]: !kernel.buffer<2xi32> {{.*}}, %[[Y:[a-z0-9_]+]]: !kernel.buffer<3xf32>
func.func @fills_results_that_nobody_computes(%x: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<3xf32>) {
  // CHECK: kernel.compute map {{.*}}reads() writes(%[[C]])
  // CHECK: kernel.compute map {{.*}}reads(%[[A:[a-z0-9_]+]] = %[[X]]) writes(%[[B]])
  // CHECK-NEXT: graph.broadcast %[[A]] along [1]
  // CHECK: kernel.compute map {{.*}}reads() writes(%[[I]])
  // CHECK-NEXT: graph.iota along 0
  // CHECK: kernel.compute map {{.*}}reads(%[[A:[a-z0-9_]+]] = %[[X]]) writes(%[[Y]])
  // CHECK-NEXT: kernel.yield %[[A]]
  %c = graph.constant dense<1.0> : tensor<2x3xf32>
  %b = graph.broadcast %x along [1] : tensor<3xf32> -> tensor<2x3xf32>
  %i = graph.iota along 0 : tensor<2xi32>
  return %c, %b, %i, %x : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<3xf32>
}

// A square that a norm and an update both need is computed in both, as the same number: only the gradient itself passes
// between the kernels.
// CHECK-LABEL: func.func @recomputes_a_square_for_each_reader
// CHECK: kernel.compute contract {{.*}} writes(%[[G:[0-9a-z]+]]) attributes
// CHECK: kernel.compute row_reduce {{.*}} reads(%{{[a-z0-9]+}} = %[[G]])
// CHECK: graph.mul {{.*}} {kernel.rounded}
// CHECK: kernel.compute map {{.*}} reads(%{{.*}} = %[[G]]
// CHECK: graph.mul {{.*}} {kernel.rounded}
// CHECK-NOT: kernel.compute
func.func @recomputes_a_square_for_each_reader(%x: tensor<8x4xf32>, %y: tensor<8x16xf32>, %v: tensor<4x16xf32>)
    -> (tensor<4xf32>, tensor<4x16xf32> {graph.donated = 2 : i64}) {
  %g = graph.contract %x, %y over [0] with [0] : tensor<8x4xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  %s = graph.mul %g, %g : tensor<4x16xf32>
  %n = graph.reduce_sum %s over [1] : tensor<4x16xf32> -> tensor<4xf32>
  %a = graph.add %v, %s : tensor<4x16xf32>
  %w = graph.sub %a, %g : tensor<4x16xf32>
  return %n, %w : tensor<4xf32>, tensor<4x16xf32>
}

// Where nobody needs the gradient itself, the square alone passes between the kernels.
// CHECK-LABEL: func.func @stores_what_alone_is_read
// CHECK: kernel.compute contract "contract+mul" {{.*}} writes(%[[S:[0-9a-z]+]]) attributes
// CHECK: kernel.compute row_reduce "reduce_sum" reads(%{{[a-z0-9]+}} = %[[S]])
// CHECK: kernel.compute map "add" reads(%{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %[[S]])
// CHECK-NOT: kernel.compute
func.func @stores_what_alone_is_read(%x: tensor<8x4xf32>, %y: tensor<8x16xf32>, %v: tensor<4x16xf32>)
    -> (tensor<4xf32>, tensor<4x16xf32> {graph.donated = 2 : i64}) {
  %g = graph.contract %x, %y over [0] with [0] : tensor<8x4xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  %s = graph.mul %g, %g : tensor<4x16xf32>
  %n = graph.reduce_sum %s over [1] : tensor<4x16xf32> -> tensor<4xf32>
  %w = graph.add %v, %s : tensor<4x16xf32>
  return %n, %w : tensor<4xf32>, tensor<4x16xf32>
}

// A part of two concatenations is written to both by the kernel that makes it.
// CHECK-LABEL: func.func @writes_a_part_of_two_concatenations_twice(
// CHECK-SAME: %[[X:[a-z0-9_]+]]: !kernel.buffer<8x4xf32>, %[[Y:[a-z0-9_]+]]: !kernel.buffer<8x8xf32> {{.*}}, %[[Z:[a-z0-9_]+]]: !kernel.buffer<8x8xf32>
func.func @writes_a_part_of_two_concatenations_twice(%x: tensor<8x4xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  // CHECK-DAG: %[[Y0:[a-z0-9_]+]] = kernel.view %[[Y]] at 0 :
  // CHECK-DAG: %[[Y1:[a-z0-9_]+]] = kernel.view %[[Y]] at 4 :
  // CHECK-DAG: %[[Z0:[a-z0-9_]+]] = kernel.view %[[Z]] at 0 :
  // CHECK-DAG: %[[Z1:[a-z0-9_]+]] = kernel.view %[[Z]] at 4 :
  // CHECK-DAG: kernel.compute map "tanh" {{.*}}writes(%[[Z1]], %[[Y0]])
  // CHECK-DAG: kernel.compute map "exp" {{.*}}writes(%[[Z0]], %[[Y1]])
  // CHECK-NOT: "copy
  %a = graph.tanh %x : tensor<8x4xf32>
  %b = graph.exp %x : tensor<8x4xf32>
  %y = graph.concat %a, %b along 1 : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x8xf32>
  %z = graph.concat %b, %a along 1 : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x8xf32>
  return %y, %z : tensor<8x8xf32>, tensor<8x8xf32>
}

// CHECK-LABEL: func.func @takes_no_arguments(
// CHECK-SAME: %[[Y:[a-z0-9_]+]]: !kernel.buffer<3xf32> {graph.name = "result0", graph.role = "output"})
func.func @takes_no_arguments() -> tensor<3xf32> {
  // CHECK: kernel.compute map {{.*}}reads() writes(%[[Y]])
  %c = graph.constant dense<1.0> : tensor<3xf32>
  return %c : tensor<3xf32>
}

// CHECK-LABEL: func.func @launches_nothing_for_nothing(
// CHECK-NOT: kernel.compute
// CHECK: return
func.func @launches_nothing_for_nothing(%x: tensor<0x3xf32>) -> tensor<0x3xf32> {
  %y = graph.neg %x : tensor<0x3xf32>
  return %y : tensor<0x3xf32>
}

// A mask of positions is made where it is used; one that needs more than positions is stored once.
// CHECK-LABEL: func.func @computes_masks_of_positions_where_they_are_read(
// CHECK-NOT: xi1>
// CHECK: kernel.compute
// CHECK: graph.compare
// CHECK-NOT: kernel.compute
// CHECK: return
func.func @computes_masks_of_positions_where_they_are_read(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %i = graph.iota along 0 : tensor<8x8xi32>
  %j = graph.iota along 1 : tensor<8x8xi32>
  %m = graph.compare le %j, %i : tensor<8x8xi32> -> tensor<8x8xi1>
  %z = graph.select %m, %x, %y : tensor<8x8xi1>, tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// Who merges axes in another order reads a view, for the value is stored in that order: nobody copies it.
// CHECK-LABEL: func.func @stores_in_the_order_of_merges(
func.func @stores_in_the_order_of_merges(%x: tensor<2x3x4x16xf32>) -> (tensor<2x4x48xf32>, tensor<2x3x4xf32>) {
  // CHECK: %[[M:[a-z0-9_]+]] = kernel.alloc : <2x4x48xf32>
  // CHECK: %[[V:[a-z0-9_]+]] = kernel.view %{{.*}} -> <2x3x4x16xf32, strided<[192, 16, 48, 1]>>
  // CHECK: kernel.compute row_reduce {{.*}}writes(%[[V]],
  // CHECK-NOT: "reshape"
  // CHECK: kernel.compute column_reduce {{.*}}reads(%{{[a-z0-9_]+}} = %[[M]])
  %e = graph.exp %x : tensor<2x3x4x16xf32>
  %t = graph.transpose %e by [0, 2, 1, 3] : tensor<2x3x4x16xf32> -> tensor<2x4x3x16xf32>
  %r = graph.reshape %t : tensor<2x4x3x16xf32> -> tensor<2x4x48xf32>
  %s = graph.reduce_sum %e over [3] : tensor<2x3x4x16xf32> -> tensor<2x3x4xf32>
  %c = graph.cumsum %r along 2 : tensor<2x4x48xf32>
  return %c, %s : tensor<2x4x48xf32>, tensor<2x3x4xf32>
}

// Parts of a concatenation that are merged on the way are written where they belong.
// CHECK-LABEL: func.func @merges_into_parts(
func.func @merges_into_parts(%x: tensor<2x3x4x16xf32>) -> tensor<2x4x96xf32> {
  // CHECK-DAG: kernel.view %{{.*}} at 48 : <2x4x96xf32> -> <2x4x48xf32, strided<[384, 96, 1]>>
  // CHECK-DAG: kernel.compute map {{.*}}-> (!kernel.buffer<2x3x4x16xf32, strided<[384, 16, 96, 1]>>, !kernel.buffer<2x3x4x16xf32, strided<[384, 16, 96, 1]>>)
  // CHECK-NOT: kernel.compute
  %e = graph.exp %x : tensor<2x3x4x16xf32>
  %t = graph.transpose %e by [0, 2, 1, 3] : tensor<2x3x4x16xf32> -> tensor<2x4x3x16xf32>
  %r = graph.reshape %t : tensor<2x4x3x16xf32> -> tensor<2x4x48xf32>
  %n = graph.neg %e : tensor<2x3x4x16xf32>
  %u = graph.transpose %n by [0, 2, 1, 3] : tensor<2x3x4x16xf32> -> tensor<2x4x3x16xf32>
  %v = graph.reshape %u : tensor<2x4x3x16xf32> -> tensor<2x4x48xf32>
  %c = graph.concat %r, %v along 2 : (tensor<2x4x48xf32>, tensor<2x4x48xf32>) -> tensor<2x4x96xf32>
  return %c : tensor<2x4x96xf32>
}

// A parameter that is rounded is stored in bf16; who reads it widens it on the way.

// CHECK-LABEL: func.func @keeps_rounded_parameters
// CHECK: kernel.compute map "convert" {{.*}} -> (!kernel.buffer<64x8xbf16>)
// CHECK-NOT: xf32>) -> tensor<64x8xf32>
// CHECK: kernel.yield %{{.*}} : tensor<64x8xbf16>
// CHECK: kernel.compute row_reduce {{.*}} : (!kernel.buffer<64x8xbf16>
// CHECK: graph.convert %{{.*}} : tensor<64x8xbf16> -> tensor<64x8xf32>
// CHECK: graph.reduce_sum
func.func @keeps_rounded_parameters(%w: tensor<64x8xf32> {graph.name = "w", graph.role = "parameter"}, %x: tensor<8xf32>) -> tensor<64xf32> {
  %r = graph.convert %w : tensor<64x8xf32> -> tensor<64x8xbf16>
  %c = graph.convert %r : tensor<64x8xbf16> -> tensor<64x8xf32>
  %b = graph.broadcast %x along [1] : tensor<8xf32> -> tensor<64x8xf32>
  %p = graph.mul %c, %b : tensor<64x8xf32>
  %s = graph.reduce_sum %p over [1] : tensor<64x8xf32> -> tensor<64xf32>
  return %s : tensor<64xf32>
}

// A result that is a reshape is written where it belongs by the kernel that computes it.

// CHECK-LABEL: func.func @writes_reshaped_results
// CHECK-SAME: %[[Y:[a-z0-9]+]]: !kernel.buffer<1x12xf32> {{.*}})
// CHECK: %[[V:.*]] = kernel.view %[[Y]] at 0 : <1x12xf32> -> <3x4xf32>
// CHECK: kernel.compute map {{.*}} writes(%[[V]])
// CHECK-NOT: kernel.compute
// CHECK: return
func.func @writes_reshaped_results(%x: tensor<3x4xf32>) -> tensor<1x12xf32> {
  %0 = graph.exp %x : tensor<3x4xf32>
  %1 = graph.reshape %0 : tensor<3x4xf32> -> tensor<1x12xf32>
  return %1 : tensor<1x12xf32>
}

// Columns beyond one vector take a whole panel, up to one half of it (as in @fuses_bias_and_tanh_into_a_contraction).
// CHECK-LABEL: func.func @packs_more_than_half_a_panel_whole
// CHECK: kernel.alloc : <4x17xf32, #kernel.panels<32>>
func.func @packs_more_than_half_a_panel_whole(%x: tensor<8x4xf32>, %w: tensor<4x17xf32>) -> tensor<8x17xf32> {
  %0 = graph.contract %x, %w over [1] with [0] : tensor<8x4xf32>, tensor<4x17xf32> -> tensor<8x17xf32>
  return %0 : tensor<8x17xf32>
}

// Rows are added where the value that they are added to lies: the table is written by who makes it, and by nobody else.

// CHECK-LABEL: func.func @adds_rows_to_a_table
// CHECK: kernel.compute contract
// CHECK: kernel.compute gather_scatter {{.*}}reads(
// CHECK: graph.scatter_add
// CHECK-NEXT: graph.add
// CHECK-NOT: kernel.compute gather_scatter
// CHECK: return
// PLAN-LABEL: func.func @adds_rows_to_a_table
// PLAN: %[[T:[a-z0-9_]+]] = kernel.alloc at {{[0-9]+}} : <100x8xf32>
// PLAN-NOT: kernel.alloc at {{[0-9]+}} : <100x8xf32>
// PLAN: kernel.compute gather_scatter {{.*}} = %[[T]]{{.*}}writes(%[[T]])
func.func @adds_rows_to_a_table(%x: tensor<100x4xf32>, %w: tensor<4x8xf32>, %u: tensor<5x8xf32>, %ids: tensor<5xi32>) -> tensor<8xf32> {
  %t = graph.contract %x, %w over [1] with [0] : tensor<100x4xf32>, tensor<4x8xf32> -> tensor<100x8xf32>
  %r = graph.scatter_add %u at %ids : tensor<5x8xf32>, tensor<5xi32> -> tensor<100x8xf32>
  %y = graph.add %t, %r : tensor<100x8xf32>
  %s = graph.reduce_sum %y over [0] : tensor<100x8xf32> -> tensor<8xf32>
  return %s : tensor<8xf32>
}
