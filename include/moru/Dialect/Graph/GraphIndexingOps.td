//===- GraphIndexingOps.td - operations with computed places -*- tablegen -*-===//
// Tables, rows by number, boxes at computed places.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHINDEXINGOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHINDEXINGOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

def Graph_GatherOp : Graph_PureOp<"gather", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "rows of a table by their numbers";
  let description = [{
    `result[i…, j…] = table[ids[i…], j…]`: ids index the first axis of the table. An id outside [0, rows) gives a row of zeros and receives no
    gradient; the host checks ids before a step. Gradient: `scatter_add` of dy.

    Constraints:
    - (C1) the table has rank 1 or more.

    ```mlir
    %x = graph.gather %table[%ids] : tensor<100x8xf32>, tensor<2x3xi32> -> tensor<2x3x8xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$table, Graph_IntegerTensor:$ids);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$table `[` $ids `]` attr-dict `:` type($table) `,` type($ids) `->` type($result)";
}

def Graph_ScatterAddOp : Graph_PureOp<"scatter_add", [Graph_Differentiable]> {
  let summary = "rows added into a table of zeros by their numbers";
  let description = [{
    `result[r, j…] = sum over i… with ids[i…] = r of updates[i…, j…]`, added in the order of i…; ids outside the table are ignored.
    Gradient: `gather` of dy.

    Constraints:
    - (C1) the updates' shape is that of ids followed by that of a row of the result.
    - (C2) the element types of updates and result are equal.

    ```mlir
    %d = graph.scatter_add %updates at %ids : tensor<2x3x8xf32>, tensor<2x3xi32> -> tensor<100x8xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$updates, Graph_IntegerTensor:$ids);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$updates `at` $ids attr-dict `:` type($updates) `,` type($ids) `->` type($result)";
  let hasVerifier = 1;
}

def Graph_DynamicSliceOp : Graph_PureOp<"dynamic_slice", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "a box of a tensor at a computed place";
  let description = [{
    `result[i] = operand[starts + i]`, where each start is first moved into [0, size of the axis - size of the box], so that the box lies inside.
    Gradient: `dynamic_update_slice` of zeros with dy.

    Constraints:
    - (C1) `starts` and `sizes` have one entry per axis.
    - (C2) the starts have rank 0.
    - (C3) `0 <= sizes <=` the sizes of the operand; its maximum for a bounded axis.

    ```mlir
    %y = graph.dynamic_slice %x at(%i, %j) sizes [1, 3] : (tensor<4x8xf32>, tensor<i32>, tensor<i32>) -> tensor<1x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, Variadic<Graph_IntegerTensor>:$starts, DenseI64ArrayAttr:$sizes);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `at` `(` $starts `)` `sizes` $sizes attr-dict `:` functional-type(operands, results)";
}

def Graph_DynamicUpdateSliceOp : Graph_PureOp<"dynamic_update_slice", [Graph_Differentiable]> {
  let summary = "a tensor with a box at a computed place replaced";
  let description = [{
    The operand, but `result[starts + i] = update[i]`, where each start is first moved into [0, size of the axis - size of the update], so that
    the update lies inside. Gradient: dy with zeros in the box to the operand, `dynamic_slice` of dy to the update.

    Constraints:
    - (C1) `starts` has one entry per axis.
    - (C2) the starts have rank 0.
    - (C3) the update has the element type and the rank of the operand and is nowhere larger; bounded axes are the same.
    - (C4) the result has the type of the operand.

    ```mlir
    %y = graph.dynamic_update_slice %x with %u at(%i, %j) : (tensor<4x8xf32>, tensor<1x3xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$update, Variadic<Graph_IntegerTensor>:$starts);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `with` $update `at` `(` $starts `)` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // MORU_DIALECT_GRAPH_GRAPHINDEXINGOPS_TD
