// Who packs the rhs of a contraction: a kernel before it, or the contraction itself.
// RUN: moru-opt %s --graph-to-kernels | %FileCheck %s

// An rhs in rows that nobody else multiplies with: the kernel copies a few columns at a time, and reads it where it lies.
// CHECK-LABEL: func.func @copies_panels(
// CHECK-NOT: panels
// CHECK: kernel.compute map "{{.*}}exp{{.*}}writes(%[[E:[a-z0-9_]+]])
// CHECK-NOT: kernel.compute map "pack"
// CHECK: kernel.compute contract {{.*}} = %[[E]]
// CHECK-NOT: panels
// CHECK: return
func.func @copies_panels(%x: tensor<130x4x70xf32> {graph.name = "x", graph.role = "input"},
                         %y: tensor<4x70x1030xf32> {graph.name = "y", graph.role = "input"}) -> (tensor<130x1030xf32> {graph.name = "z"}) {
  %e = graph.exp %y : tensor<4x70x1030xf32>
  %z = graph.contract %x, %e over [1, 2] with [0, 1] : tensor<130x4x70xf32>, tensor<4x70x1030xf32> -> tensor<130x1030xf32>
  return %z : tensor<130x1030xf32>
}

// Two contractions share the panels.
// CHECK-LABEL: func.func @packs_once(
// CHECK: kernel.compute map "pack{{.*}}#kernel.panels
// CHECK-NOT: kernel.compute map "pack
// CHECK: return
func.func @packs_once(%x: tensor<130x280xf32> {graph.name = "x", graph.role = "input"}, %w: tensor<131x280xf32> {graph.name = "w", graph.role = "input"},
                      %y: tensor<280x1030xf32> {graph.name = "y", graph.role = "input"}) -> (tensor<130x1030xf32> {graph.name = "z"}, tensor<131x1030xf32> {graph.name = "u"}) {
  %e = graph.exp %y : tensor<280x1030xf32>
  %z = graph.contract %x, %e over [1] with [0] : tensor<130x280xf32>, tensor<280x1030xf32> -> tensor<130x1030xf32>
  %u = graph.contract %w, %e over [1] with [0] : tensor<131x280xf32>, tensor<280x1030xf32> -> tensor<131x1030xf32>
  return %z, %u : tensor<130x1030xf32>, tensor<131x1030xf32>
}

// A sum over the contracted axes is taken where the entries are copied.
// CHECK-LABEL: func.func @adds_up_columns(
// CHECK-NOT: column_reduce
// CHECK: kernel.compute contract "contract+reduce_sum"
// CHECK-NOT: column_reduce
// CHECK: return
func.func @adds_up_columns(%x: tensor<130x4x70xf32> {graph.name = "x", graph.role = "input"}, %y: tensor<4x70x1030xf32> {graph.name = "y", graph.role = "input"})
    -> (tensor<130x1030xf32> {graph.name = "z"}, tensor<1030xf32> {graph.name = "s"}) {
  %e = graph.exp %y : tensor<4x70x1030xf32>
  %z = graph.contract %x, %e over [1, 2] with [0, 1] : tensor<130x4x70xf32>, tensor<4x70x1030xf32> -> tensor<130x1030xf32>
  %s = graph.reduce_sum %e over [0, 1] : tensor<4x70x1030xf32> -> tensor<1030xf32>
  return %z, %s : tensor<130x1030xf32>, tensor<1030xf32>
}

// A sum over fewer axes is a kernel of its own.
// CHECK-LABEL: func.func @leaves_other_sums(
// CHECK: kernel.compute column_reduce
// CHECK: return
func.func @leaves_other_sums(%x: tensor<130x4x70xf32> {graph.name = "x", graph.role = "input"}, %y: tensor<4x70x1030xf32> {graph.name = "y", graph.role = "input"})
    -> (tensor<130x1030xf32> {graph.name = "z"}, tensor<70x1030xf32> {graph.name = "s"}) {
  %e = graph.exp %y : tensor<4x70x1030xf32>
  %z = graph.contract %x, %e over [1, 2] with [0, 1] : tensor<130x4x70xf32>, tensor<4x70x1030xf32> -> tensor<130x1030xf32>
  %s = graph.reduce_sum %e over [0] : tensor<4x70x1030xf32> -> tensor<70x1030xf32>
  return %z, %s : tensor<130x1030xf32>, tensor<70x1030xf32>
}

// Parameters that stay as they are, are packed once for many calls.
// CHECK-LABEL: func.func @packs_parameters(
// CHECK: kernel.compute map "pack
// CHECK: return
func.func @packs_parameters(%x: tensor<130x280xf32> {graph.name = "x", graph.role = "input"}, %w: tensor<280x1030xf32> {graph.name = "w", graph.role = "parameter"})
    -> (tensor<130x1030xf32> {graph.name = "z"}) {
  %z = graph.contract %x, %w over [1] with [0] : tensor<130x280xf32>, tensor<280x1030xf32> -> tensor<130x1030xf32>
  return %z : tensor<130x1030xf32>
}

// What is multiplied with the same matrix transposed needs panels of its own, and shares none.
// CHECK-LABEL: func.func @copies_one_way(
// CHECK-NOT: kernel.compute map "pack w"
// CHECK: kernel.compute map "pack w transposed"
// CHECK-NOT: kernel.compute map "pack w"
// CHECK: return
func.func @copies_one_way(%x: tensor<130x280xf32> {graph.name = "x", graph.role = "input"}, %dy: tensor<130x1030xf32> {graph.name = "dy", graph.role = "input"},
                          %w: tensor<280x1030xf32> {graph.name = "w", graph.role = "input"})
    -> (tensor<130x1030xf32> {graph.name = "y"}, tensor<130x280xf32> {graph.name = "dx"}) {
  %y = graph.contract %x, %w over [1] with [0] : tensor<130x280xf32>, tensor<280x1030xf32> -> tensor<130x1030xf32>
  %dx = graph.contract %dy, %w over [1] with [1] : tensor<130x1030xf32>, tensor<280x1030xf32> -> tensor<130x280xf32>
  return %y, %dx : tensor<130x1030xf32>, tensor<130x280xf32>
}
