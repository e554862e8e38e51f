//===- GraphCreationOps.td - tensors from nothing ----------*- tablegen -*-===//
// Constants, indices and random numbers.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHCREATIONOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHCREATIONOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

def Graph_ConstantOp : Graph_PureOp<"constant", [ConstantLike, Graph_Differentiable, AllTypesMatch<["value", "result"]>]> {
  let summary = "a tensor known when the graph is built";
  let description = [{
    Gradient: none of its operands (it has none).

    ```mlir
    %half = graph.constant dense<0.5> : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Graph_IotaOp : Graph_PureOp<"iota", [Graph_Differentiable]> {
  let summary = "the index along one axis";
  let description = [{
    `result[i0, …, in] = i_axis`, converted to the element type.

    Constraints:
    - (C1) `axis` is in [0, rank).

    ```mlir
    %i = graph.iota along 1 : tensor<2x3xi32>
    ```
  }];
  let arguments = (ins I64Attr:$axis);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "`along` $axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Graph_Distribution : I32EnumAttr<"Distribution", "what random numbers look like", [
    I32EnumAttrCase<"Bits", 0, "bits">, I32EnumAttrCase<"Uniform", 1, "uniform">]> {
  let cppNamespace = "::moru::graph";
  let genSpecializedAttr = 0;
}
def Graph_DistributionAttr : EnumAttr<Graph_Dialect, Graph_Distribution, "distribution">;

def Graph_RandomOp : Graph_PureOp<"random", [Graph_NotDifferentiable]> {
  let summary = "random numbers as a function of key, counter, stream and place";
  let description = [{
    Entry i (in row-major order) is made of the first word of the Philox4x32-10 block with the words of the key, the low one first, as key and
    (low word of i, high word of i, `stream`, counter) as counter; see `moru/Support/Philox.h`. `bits`: these 32 bits; `uniform`:
    `(bits >> 8) * 2^-24`, in [0, 1). The same operands give the same numbers: a program counts its steps, and gives each operation a stream.
    With bounded axes i is the place in a tensor of the maxima.

    Constraints:
    - (C1) the key is a `tensor<i64>`, the counter a `tensor<i32>`.
    - (C2) `stream` is in [0, 2^32).
    - (C3) the element type is i32 for `bits`, f32 or f64 for `uniform`.

    ```mlir
    %u = graph.random uniform key %seed counter %step stream 3 : tensor<i64>, tensor<i32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_DistributionAttr:$distribution, Graph_IntegerTensor:$key, Graph_IntegerTensor:$counter, I64Attr:$stream);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = [{
    `` $distribution `key` $key `counter` $counter `stream` $stream attr-dict `:` type($key) `,` type($counter) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "its operands are integers"; } }];
}

#endif // MORU_DIALECT_GRAPH_GRAPHCREATIONOPS_TD
