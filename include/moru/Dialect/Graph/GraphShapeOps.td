//===- GraphShapeOps.td - operations that move entries -----*- tablegen -*-===//
// Shapes, axes, boxes: nothing is computed.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHSHAPEOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHSHAPEOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

def Graph_BroadcastOp : Graph_PureOp<"broadcast", [Graph_Differentiable]> {
  let summary = "a tensor repeated along new or unit axes";
  let description = [{
    Operand axis k becomes result axis `axes[k]`; along every other result axis, and along operand axes of size 1 whose result axis is
    larger, the values repeat. Gradient: the sum over the repeated axes.

    Constraints:
    - (C1) `axes` has one entry per operand axis.
    - (C2) `axes` is strictly increasing and within the rank of the result.
    - (C3) operand axis k has size 1 or the size of result axis `axes[k]`.
    - (C4) the element types are equal.

    ```mlir
    %y = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, DenseI64ArrayAttr:$axes);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `along` $axes attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Graph_ReshapeOp : Graph_PureOp<"reshape", [Graph_Differentiable]> {
  let summary = "the same entries in row-major order under another shape";
  let description = [{
    Gradient: dy reshaped back.

    Constraints:
    - (C1) both shapes have the same number of entries.
    - (C2) the element types are equal.
    - (C3) a bounded axis stays itself: as many entries before it and behind it.

    ```mlir
    %y = graph.reshape %x : tensor<2x6xf32> -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Graph_TransposeOp : Graph_PureOp<"transpose", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "the axes in another order";
  let description = [{
    Result axis k is operand axis `permutation[k]`. Gradient: dy transposed by the inverse.

    Constraints:
    - (C1) `permutation` holds each of 0 … rank-1 once.

    ```mlir
    %y = graph.transpose %x by [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, DenseI64ArrayAttr:$permutation);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `by` $permutation attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Graph_SliceOp : Graph_PureOp<"slice", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "a box of a tensor, with strides";
  let description = [{
    `result[i] = operand[starts + i * strides]`; along axis k the indices `starts[k], starts[k] + strides[k], …` below `limits[k]`.
    Gradient: dy padded with zeros.

    Constraints:
    - (C1) `starts`, `limits`, `strides` have one entry per axis.
    - (C2) `0 <= starts <= limits <= size`, `strides >= 1`.
    - (C3) of a bounded axis all is taken: from 0 to the maximum by 1.

    ```mlir
    %y = graph.slice %x from [0, 1] to [2, 3] by [1, 1] : tensor<2x4xf32> -> tensor<2x2xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$limits, DenseI64ArrayAttr:$strides);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `from` $starts `to` $limits `by` $strides attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Graph_PadOp : Graph_PureOp<"pad", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "a tensor within a border of zeros, its entries spread out";
  let description = [{
    Along axis k: `low[k]` zeros, then the entries with `interior[k]` zeros between neighbors, then `high[k]` zeros. It undoes `slice`.
    Gradient: dy sliced.

    Constraints:
    - (C1) `low`, `high`, `interior` have one entry per axis, none negative.
    - (C2) on a bounded axis they are 0.

    ```mlir
    %y = graph.pad %x low [0, 1] high [0, 1] interior [0, 0] : tensor<2x2xf32> -> tensor<2x4xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, DenseI64ArrayAttr:$interior);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `low` $low `high` $high `interior` $interior attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

def Graph_ConcatOp : Graph_PureOp<"concat", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "tensors one after the other along an axis";
  let description = [{
    Gradient: dy sliced.

    Constraints:
    - (C1) there is at least one operand.
    - (C2) `axis` is within the rank.
    - (C3) element types, ranks and all sizes but that of `axis` are equal.
    - (C4) `axis` is static, unless there is one operand.

    ```mlir
    %z = graph.concat %x, %y along 1 : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$operands, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operands `along` $axis attr-dict `:` functional-type($operands, $result)";
  let hasFolder = 1;
}

#endif // MORU_DIALECT_GRAPH_GRAPHSHAPEOPS_TD
