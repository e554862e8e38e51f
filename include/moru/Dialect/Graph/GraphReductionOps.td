//===- GraphReductionOps.td - contractions and reductions --*- tablegen -*-===//
// Operations that combine the entries along axes.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHREDUCTIONOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHREDUCTIONOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

def Graph_ContractOp : Graph_PureOp<"contract", [Graph_Differentiable, InferTypeOpAdaptorWithIsCompatible]> {
  let summary = "sums of products over pairs of axes";
  let description = [{
    `lhsBatch[k]` and `rhsBatch[k]` run together; the products are summed over the pairs `lhsOver[k]`, `rhsOver[k]`. The axes of the
    result are the batch axes, then the remaining axes of lhs, then those of rhs, each in their order. Gradient: contractions of dy with the
    other operand.

    Constraints:
    - (C1) `lhsOver` and `rhsOver` have equal length, so do `lhsBatch` and `rhsBatch`.
    - (C2) the axes of one operand are distinct and within its rank.
    - (C3) paired axes have equal sizes.
    - (C4) the element types of the operands are equal. The result has it, too, or f32 where they are bf16: then no product and no sum is
      rounded to bf16.

    ```mlir
    %c = graph.contract %a, %b over [1] with [0] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
    %d = graph.contract %p, %q over [2] with [1] batch [0] with [0] : tensor<5x2x3xf32>, tensor<5x3x4xf32> -> tensor<5x2x4xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$lhs, Graph_FloatTensor:$rhs, DenseI64ArrayAttr:$lhsOver, DenseI64ArrayAttr:$rhsOver,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$lhsBatch, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$rhsBatch);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `over` $lhsOver `with` $rhsOver (`batch` $lhsBatch^ `with` $rhsBatch)? attr-dict
    `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// The axes of lhs (rhs) that are neither contracted nor batch, in order.
    ::llvm::SmallVector<int64_t> getLhsFree();
    ::llvm::SmallVector<int64_t> getRhsFree();
    /// Gives the result the element type of `other`'s, see C4. Returns this one.
    ContractOp like(ContractOp other);
  }];
  let hasCanonicalizer = 1;
}

class Graph_ReduceOp<string mnemonic, string phrase, string ofNothing, string rule> : Graph_PureOp<mnemonic,
    [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = phrase;
  let description = "Over `axes`, which leave the shape. Of no entries: " # ofNothing # ". Gradient: " # rule # [{.

    Constraints:
    - (C1) `axes` is strictly increasing and within the rank.

    ```mlir
    %y = graph.}] # mnemonic # [{ %x over [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Graph_NumberTensor:$operand, DenseI64ArrayAttr:$axes);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$operand `over` $axes attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}
def Graph_ReduceSumOp : Graph_ReduceOp<"reduce_sum", "the sum along axes", "0", "dy broadcast"> { let hasCanonicalizer = 1; }
def Graph_ReduceMaxOp : Graph_ReduceOp<"reduce_max", "the largest along axes; NaN if any is", "-inf, or the least integer",
    "dy shared equally among the entries that are largest">;
def Graph_ReduceMinOp : Graph_ReduceOp<"reduce_min", "the least along axes; NaN if any is", "inf, or the largest integer",
    "dy shared equally among the entries that are least">;
def Graph_ReduceProdOp : Graph_ReduceOp<"reduce_prod", "the product along axes", "1",
    "dy times the product of the other entries, without a division, so that zeros do no harm">;

def Graph_ArgmaxOp : Graph_PureOp<"argmax", [Graph_NotDifferentiable, InferTypeOpAdaptor]> {
  let summary = "the index of the largest entry along an axis";
  let description = [{
    The least such index where several are equal, as i32. NaN counts as larger than every number.

    Constraints:
    - (C1) `axis` is within the rank and its size is not 0.

    ```mlir
    %y = graph.argmax %x over 1 : tensor<2x3xf32> -> tensor<2xi32>
    ```
  }];
  let arguments = (ins Graph_NumberTensor:$operand, I64Attr:$axis);
  let results = (outs Graph_IntegerTensor:$result);
  let assemblyFormat = "$operand `over` $axis attr-dict `:` type($operand) `->` type($result)";
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "its result is an index"; } }];
}

def Graph_CumsumOp : Graph_PureOp<"cumsum", [SameOperandsAndResultType, Graph_Differentiable]> {
  let summary = "the sums of the entries so far along an axis";
  let description = [{
    `result[…, i, …]` is the sum of the operand's entries 0 … i along `axis`; with `exclusive` of the entries before i alone, the first of which
    is 0; with `reverse` the sums start at the end. Gradient: the cumulative sum of dy in the other direction.

    Constraints:
    - (C1) `axis` is within the rank.

    ```mlir
    %y = graph.cumsum %x along 1 : tensor<2x3xf32>
    %z = graph.cumsum %x along 0 exclusive reverse : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_NumberTensor:$operand, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$operand `along` $axis (`exclusive` $exclusive^)? (`reverse` $reverse^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Graph_TopKOp : Graph_PureOp<"top_k", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "the k largest along the last axis, and their indices";
  let description = [{
    The largest first; of equal entries the one with the lesser index first; NaN counts as larger than every number. The indices are i32.
    Gradient: the cotangents of the values go to the entries they came from.

    Constraints:
    - (C1) the operand has rank 1 or more, and `0 <= k <=` the size of its last axis; a length of less is an error at
      run time.

    ```mlir
    %values, %indices = graph.top_k 2 of %x : tensor<3x5xf32> -> tensor<3x2xf32>, tensor<3x2xi32>
    ```
  }];
  let arguments = (ins I64Attr:$k, Graph_NumberTensor:$operand);
  let results = (outs Graph_NumberTensor:$values, Graph_IntegerTensor:$indices);
  let assemblyFormat = "$k `of` $operand attr-dict `:` type($operand) `->` type($values) `,` type($indices)";
}

#endif // MORU_DIALECT_GRAPH_GRAPHREDUCTIONOPS_TD
