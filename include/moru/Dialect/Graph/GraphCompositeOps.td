//===- GraphCompositeOps.td - composites -------------------*- tablegen -*-===//
// Operations defined by a decomposition into others: their definition, their reference and their fallback.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHCOMPOSITEOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHCOMPOSITEOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

class Graph_SoftmaxLikeOp<string mnemonic, string phrase, string formula, string gradient> : Graph_PureOp<mnemonic,
    [SameOperandsAndResultType, Graph_Differentiable, Graph_Decomposable]> {
  let summary = phrase;
  let description = "`" # formula # "` along `axis`, computed with the largest entry subtracted. Gradient: `" # gradient # [{`.

    Constraints:
    - (C1) `axis` is within the rank.

    ```mlir
    %y = graph.}] # mnemonic # [{ %x along 1 : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$operand, I64Attr:$axis);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$operand `along` $axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}
def Graph_SoftmaxOp : Graph_SoftmaxLikeOp<"softmax", "positive shares that sum to one", "y = e^x / sum(e^x)", "y * (dy - sum(dy * y))">;
def Graph_LogSoftmaxOp : Graph_SoftmaxLikeOp<"log_softmax", "the logarithm of softmax", "y = x - log(sum(e^x))", "dy - e^y * sum(dy)">;

def Graph_SoftmaxCrossEntropyOp : Graph_PureOp<"softmax_cross_entropy",
    [Graph_Differentiable, Graph_Decomposable, InferTypeOpAdaptor]> {
  let summary = "the mean negative log-probability of the targets";
  let description = [{
    The mean, over the positions whose target is not `ignore`, of `-log_softmax(logits)[target]`, along the last axis. 0 if every
    target is ignored, and so is the gradient then. Gradient: `(softmax - onehot) * dloss / count` at the positions that count.

    Constraints:
    - (C1) the shape of the targets is that of the logits without the last axis.

    ```mlir
    %loss = graph.softmax_cross_entropy %logits, %targets ignore -1 : tensor<2x3x10xf32>, tensor<2x3xi32> -> tensor<f32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$logits, Graph_IntegerTensor:$targets, I64Attr:$ignore);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$logits `,` $targets `ignore` $ignore attr-dict `:` type($logits) `,` type($targets) `->` type($result)";
}

#endif // MORU_DIALECT_GRAPH_GRAPHCOMPOSITEOPS_TD
