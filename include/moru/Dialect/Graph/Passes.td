//===- Passes.td - passes of the graph dialect --------------*- tablegen -*-===//
// Each description's example is a lit test of the same name under test/Dialect/Graph.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_PASSES_TD
#define MORU_DIALECT_GRAPH_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandGradients : Pass<"graph-expand-gradients", "::mlir::func::FuncOp"> {
  let summary = "replace graph.gradient with the operations that compute it";
  let description = [{
    Walks the operations between the targets and the loss in reverse topological order, adds up the cotangents of each value, and calls the
    rule of each operation. The inner gradients are expanded first, so that a gradient of a gradient is one too.

    What the reverse of a scan reads of the forward steps (its residuals) becomes further outputs of the scan, which `graph.residuals` on
    the scan counts; `printResidualTables` shows them. A remark on each scan says how much it keeps.

    ```mlir
    // before
    %y = graph.mul %x, %x : tensor<f32>
    %d = graph.gradient %y wrt(%x) : tensor<f32>, (tensor<f32>)
    // after
    %one = graph.constant dense<1.000000e+00> : tensor<f32>
    %left = graph.mul %one, %x : tensor<f32>
    %right = graph.mul %one, %x : tensor<f32>
    %d = graph.add %left, %right : tensor<f32>
    ```
  }];
  let options = [
    Option<"residuals", "residuals", "std::string", /*default=*/"\"keep\"",
           "keep: scans keep all that their reverse reads; recompute: the carried values alone, from which each step is done again">,
    Option<"budget", "budget", "int64_t", /*default=*/"0",
           "bytes that the residuals of all scans of a function may take, 0 for any number: a scan beyond it does elementwise work again, "
           "or all of a step">
  ];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

def PadBounded : Pass<"graph-pad-bounded", "::mlir::func::FuncOp"> {
  let summary = "make bounded dimensions static, at their maxima, with masks";
  let description = [{
    Every axis of a name gets the size of the name's maximum; its length becomes an i32 argument of role `length`, called as the name. Entries
    behind the length, the padding, may hold anything, NaN too, and never reach a result: masks are inserted where an operation combines
    entries along the axis (zeros for contractions, sums and cumulative sums from behind, the least number for maxima, argmax and softmax,
    the ignored class for losses, an id outside the table for scatter_add), where a gather could find padding, and in loops over the axis,
    which keep what they carry in the steps behind the length. A composite that combines along the axis and has no mask of its own is replaced
    with its definition first. Entry by entry, padding stays padding, and nothing is done.

    `graph.lengths` of an argument or result says which of its axes have which lengths.

    ```mlir
    // before
    %y = graph.exp %x : tensor<?x2xf32, #graph.dims<len max 8, _>>
    %s = graph.reduce_sum %y over [0] : tensor<?x2xf32, #graph.dims<len max 8, _>> -> tensor<2xf32>
    // after
    func.func @example(%x: tensor<8x2xf32> {graph.lengths = ["len", ""]}, %len: tensor<i32> {graph.name = "len", graph.role = "length"}) -> …
    %index = graph.iota along 0 : tensor<8xi32>
    %limit = graph.broadcast %len along [] : tensor<i32> -> tensor<8xi32>
    %inside = graph.compare lt %index, %limit : tensor<8xi32> -> tensor<8xi1>
    %y = graph.exp %x : tensor<8x2xf32>
    %zero = graph.constant dense<0.000000e+00> : tensor<f32>
    %mask = graph.broadcast %inside along [0] : tensor<8xi1> -> tensor<8x2xi1>
    %zeros = graph.broadcast %zero along [] : tensor<f32> -> tensor<8x2xf32>
    %masked = graph.select %mask, %y, %zeros : tensor<8x2xi1>, tensor<8x2xf32>
    %s = graph.reduce_sum %masked over [0] : tensor<8x2xf32> -> tensor<2xf32>
    ```
  }];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

def HoistFromScan : Pass<"graph-hoist-from-scan", "::mlir::func::FuncOp"> {
  let summary = "move work that does not need the carry out of scans";
  let description = [{
    Two kinds of work leave a loop: a carry `acc + f(slices)` whose `acc` is read nowhere else, for f a contraction, a reduction or a
    scatter_add, becomes one operation over all steps after the loop, on the stacked operands; and operations on invariant values or on input
    slices alone are done before the loop, for all steps at once where the operation allows it.

    ```mlir
    // before
    %dw = graph.scan 5 carry(%acc = %zero) over(%h = %hs axis 0, %dz = %dzs axis 0)
        : (tensor<3x4xf32>, tensor<5x2x3xf32>, tensor<5x2x4xf32>) -> tensor<3x4xf32> {
      %p = graph.contract %h, %dz over [0] with [0] : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<3x4xf32>
      %next = graph.add %acc, %p : tensor<3x4xf32>
      graph.yield carry(%next : tensor<3x4xf32>)
    }
    // after
    %p = graph.contract %hs, %dzs over [0, 1] with [0, 1] : tensor<5x2x3xf32>, tensor<5x2x4xf32> -> tensor<3x4xf32>
    %dw = graph.add %zero, %p : tensor<3x4xf32>
    ```
  }];
  let options = [
    Option<"budget", "budget", "int64_t", /*default=*/"0",
           "bytes that the operands stacked for one sum may take, 0 for any number: beyond it the steps are cut into equal chunks, and the "
           "sum of a chunk is one operation">
  ];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

def SimplifyAlgebra : Pass<"graph-simplify-algebra", "::mlir::func::FuncOp"> {
  let summary = "canonical forms: folds, zeros and ones, broadcasts and transposes moved where they cost nothing";
  let description = [{
    Canonicalization, common subexpressions and dead values, with the algebraic rules of the dialect; bodies of scans included, where unused
    and duplicated carries, inputs and outputs go too.

    ```mlir
    // before
    %one = graph.constant dense<1.0> : tensor<4xf32>
    %z = graph.mul %x, %one : tensor<4xf32>
    %y = graph.tanh %z : tensor<4xf32>
    // after
    %y = graph.tanh %x : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

def DecomposeComposites : Pass<"graph-decompose-composites", "::mlir::func::FuncOp"> {
  let summary = "replace composites with their definitions";
  let description = [{
    The last pass of stage `simplified`: the cut into kernels works on primitive operations, and puts the reductions of a softmax back
    together with what surrounds them.

    ```mlir
    // before
    %y = graph.softmax %x along 1 : tensor<2x3xf32>
    // after
    %max = graph.reduce_max %x over [1] : tensor<2x3xf32> -> tensor<2xf32>
    %m = graph.broadcast %max along [0] : tensor<2xf32> -> tensor<2x3xf32>
    %d = graph.sub %x, %m : tensor<2x3xf32>
    %e = graph.exp %d : tensor<2x3xf32>
    %sum = graph.reduce_sum %e over [1] : tensor<2x3xf32> -> tensor<2xf32>
    %s = graph.broadcast %sum along [0] : tensor<2xf32> -> tensor<2x3xf32>
    %y = graph.div %e, %s : tensor<2x3xf32>
    ```
  }];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

def RoundContractions : Pass<"graph-round-contractions", "::mlir::func::FuncOp"> {
  let summary = "round the operands of contractions to bf16";
  let description = [{
    Precision `bf16`: contractions of f32 that are worth it multiply operands in bf16 and add up in f32. Everything else stays f32: parameters,
    states, losses, reductions. A value is rounded once, where it is made, whatever the views through which contractions read it.
    A sum of a value that is otherwise read by contractions alone, the gradient of a bias, is one of the rounded numbers.

    A contraction with one row or column reads each entry of the other side once: rounding on the way there is no gain. Where that side is a
    parameter that the function does not update, its rounded form can be kept, and half as many bytes are read.

    ```mlir
    // before
    %t = graph.tanh %x : tensor<64x128xf32>
    %y = graph.contract %t, %w over [1] with [0] : tensor<64x128xf32>, tensor<128x64xf32> -> tensor<64x64xf32>
    // after
    %b = graph.convert %w : tensor<128x64xf32> -> tensor<128x64xbf16>
    %t = graph.tanh %x : tensor<64x128xf32>
    %a = graph.convert %t : tensor<64x128xf32> -> tensor<64x128xbf16>
    %y = graph.contract %a, %b over [1] with [0] : tensor<64x128xbf16>, tensor<128x64xbf16> -> tensor<64x64xf32>
    ```
  }];
  let dependentDialects = ["::moru::graph::GraphDialect"];
}

#endif // MORU_DIALECT_GRAPH_PASSES_TD
