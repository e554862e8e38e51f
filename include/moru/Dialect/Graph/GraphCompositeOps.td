//===- GraphCompositeOps.td - composites -------------------*- tablegen -*-===//
// Operations defined by a decomposition into others: their definition, their reference and their fallback.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHCOMPOSITEOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHCOMPOSITEOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

class Graph_CompositeOp<string mnemonic, list<Trait> traits = []>
    : Graph_PureOp<mnemonic, !listconcat([Graph_Decomposable], traits)>;

//===----------------------------------------------------------------------===//
// Entry by entry
//===----------------------------------------------------------------------===//

/// Needs a decomposition and nothing else.
class Graph_UnaryCompositeOp<string mnemonic, string phrase, string formula, string gradient>
    : Graph_UnaryOp<mnemonic, Graph_FloatTensor, [Graph_Decomposable]> {
  let summary = phrase;
  let description = Graph_UnaryDoc<formula, gradient, mnemonic>.text;
}
def Graph_ReluOp : Graph_UnaryCompositeOp<"relu", "the operand where it is positive, else 0", "max(x, 0)", "dy where x > 0, else 0">;
def Graph_SiluOp : Graph_UnaryCompositeOp<"silu", "the operand times its sigmoid", "x * sigmoid(x)", "dy * s * (1 + x * (1 - s)), s = sigmoid(x)">;
def Graph_SoftplusOp : Graph_UnaryCompositeOp<"softplus", "a smooth relu", "log(1 + e^x)", "dy * sigmoid(x)">;

def Graph_Approximation : I32EnumAttr<"Approximation", "how the normal distribution is computed", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Tanh", 1, "tanh">]> {
  let cppNamespace = "::moru::graph";
  let genSpecializedAttr = 0;
}
def Graph_ApproximationAttr : EnumAttr<Graph_Dialect, Graph_Approximation, "approximation">;

def Graph_GeluOp : Graph_CompositeOp<"gelu", [AllTypesMatch<["operand", "result"]>, SameOperandsAndResultShape, Elementwise]> {
  let summary = "the operand times the share of the normal distribution below it";
  let description = [{
    `none`: `x * (1 + erf(x / sqrt 2)) / 2`; `tanh`: `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`, entry by entry.

    ```mlir
    %y = graph.gelu tanh %x : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_ApproximationAttr:$approximate, Graph_FloatTensor:$operand);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "`` $approximate $operand attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Random
//===----------------------------------------------------------------------===//

def Graph_RandomNormalOp : Graph_CompositeOp<"random_normal"> {
  let summary = "random numbers of the standard normal distribution";
  let description = [{
    The inverse of the distribution function at `(bits >> 8) + 1/2` 2^24ths, for the bits of `graph.random`: with x = twice that less 1, which is
    exact, `x * p(sqrt(-log((1 - x) * (1 + x))))`, where p is one polynomial. No number is farther from 0 than 5.42.

    Constraints:
    - (C1) the key is a `tensor<i64>`, the counter a `tensor<i32>`.
    - (C2) `stream` is in [0, 2^32).
    - (C3) the element type is f32 or f64.

    ```mlir
    %z = graph.random_normal key %seed counter %step stream 3 : tensor<i64>, tensor<i32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_IntegerTensor:$key, Graph_IntegerTensor:$counter, I64Attr:$stream);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "`key` $key `counter` $counter `stream` $stream attr-dict `:` type($key) `,` type($counter) `->` type($result)";
  let hasVerifier = 1;
}

def Graph_DropoutOp : Graph_CompositeOp<"dropout", [AllTypesMatch<["operand", "result"]>]> {
  let summary = "random entries set to zero, the others scaled up";
  let description = [{
    `x / (1 - rate)` where the `uniform` number of `graph.random` at the entry is at least `rate`, else 0. Gradient: the same of dy.

    Constraints:
    - (C1) the key is a `tensor<i64>`, the counter a `tensor<i32>`.
    - (C2) `stream` is in [0, 2^32).
    - (C3) `rate` is in [0, 1).

    ```mlir
    %y = graph.dropout %x rate 1.000000e-01 key %seed counter %step stream 3 : tensor<2x3xf32>, tensor<i64>, tensor<i32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$operand, F64Attr:$rate, Graph_IntegerTensor:$key, Graph_IntegerTensor:$counter, I64Attr:$stream);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $operand `rate` $rate `key` $key `counter` $counter `stream` $stream attr-dict `:` type($operand) `,` type($key) `,` type($counter)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

def Graph_GatherAlongAxisOp : Graph_CompositeOp<"gather_along_axis", [InferTypeOpAdaptor]> {
  let summary = "entries along an axis by their numbers";
  let description = [{
    `result[…, i, …] = operand[…, ids[…, i, …], …]` along `axis`. A number outside the axis gives 0 and receives no gradient.

    Constraints:
    - (C1) `axis` is within the rank.
    - (C2) ids have the shape of the operand but for `axis`.
    - (C3) the shapes are static.

    ```mlir
    %y = graph.gather_along_axis %x[%ids] along 1 : tensor<2x5xf32>, tensor<2x3xi32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand, Graph_IntegerTensor:$ids, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `[` $ids `]` `along` $axis attr-dict `:` type($operand) `,` type($ids) `->` type($result)";
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

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

def Graph_LogsumexpOp : Graph_CompositeOp<"logsumexp", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "the logarithm of the sum of exponentials along an axis";
  let description = [{
    `y = log(sum(e^x))` over `axis`, which leaves the shape, computed with the largest entry subtracted; -inf where all entries are, and the
    gradient is 0 there. Gradient: `dy * softmax(x)`.

    Constraints:
    - (C1) `axis` is within the rank.

    ```mlir
    %y = graph.logsumexp %x over 1 : tensor<2x3xf32> -> tensor<2xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$operand, I64Attr:$axis);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$operand `over` $axis attr-dict `:` type($operand) `->` type($result)";
}

def Graph_LayerNormOp : Graph_CompositeOp<"layer_norm",
    [Graph_Differentiable, AllTypesMatch<["operand", "result"]>, AllTypesMatch<["gain", "bias"]>]> {
  let summary = "rows shifted and scaled to mean 0 and variance 1, then by gain and bias";
  let description = [{
    `y = n * gain + bias`, `n = (x - mean(x)) * r`, `r = 1 / sqrt(variance(x) + epsilon)` along the last axis; the variance is the mean of the
    squares, not corrected. Gradient: `dx = r * (dn - mean(dn) - n * mean(dn * n))` with `dn = dy * gain`; `dgain` and `dbias` are the sums of
    `dy * n` and `dy` over the rows.

    Constraints:
    - (C1) the operand has rank 1 or more, and a static last axis of at least one entry.
    - (C2) gain and bias have the element type of the operand and the shape of its last axis.
    - (C3) `epsilon` is not negative.

    ```mlir
    %y = graph.layer_norm %x, %g, %b epsilon 1.000000e-05 : tensor<2x3xf32>, tensor<3xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$operand, Graph_FloatTensor:$gain, Graph_FloatTensor:$bias, F64Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$operand `,` $gain `,` $bias `epsilon` $epsilon attr-dict `:` type($operand) `,` type($gain)";
  let hasVerifier = 1;
}

def Graph_RmsNormOp : Graph_CompositeOp<"rms_norm", [Graph_Differentiable, AllTypesMatch<["operand", "result"]>]> {
  let summary = "rows scaled to mean square 1, then by a gain";
  let description = [{
    `y = n * gain`, `n = x * r`, `r = 1 / sqrt(mean(x^2) + epsilon)` along the last axis. Gradient: `dx = r * (dn - n * mean(dn * n))` with
    `dn = dy * gain`; `dgain` is the sum of `dy * n` over the rows.

    Constraints:
    - (C1) the operand has rank 1 or more, and a static last axis of at least one entry.
    - (C2) the gain has the element type of the operand and the shape of its last axis.
    - (C3) `epsilon` is not negative.

    ```mlir
    %y = graph.rms_norm %x, %g epsilon 1.000000e-05 : tensor<2x3xf32>, tensor<3xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$operand, Graph_FloatTensor:$gain, F64Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$operand `,` $gain `epsilon` $epsilon attr-dict `:` type($operand) `,` type($gain)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Graph_AttentionMask : I32EnumAttr<"AttentionMask", "which keys a query sees", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Causal", 1, "causal">, I32EnumAttrCase<"Keys", 2, "keys">,
    I32EnumAttrCase<"Pairs", 3, "pairs">]> {
  let cppNamespace = "::moru::graph";
  let genSpecializedAttr = 0;
}
def Graph_AttentionMaskAttr : EnumAttr<Graph_Dialect, Graph_AttentionMask, "attention_mask">;

def Graph_AttentionOp : Graph_CompositeOp<"attention", [InferTypeOpAdaptor]> {
  let summary = "mixtures of values, weighted by how queries match keys";
  let description = [{
    `softmax(q k^T / sqrt(D)) v` over the keys that a query sees, for queries […, T, D], keys […, S, D] and values […, S, E]: […, T, E]. With mask
    `causal` query t sees keys 0 … t; with `keys` those where the operand `mask` [first leading axis, S] is true, with `pairs` those where `mask`
    [T, S] is. A query that sees no key gives zeros and passes no gradient.

    Constraints:
    - (C1) query, key and value have one element type and rank, 2 or more, and equal leading axes.
    - (C2) query and key have equal last axes, of at least one entry; key and value have equal last axes but one.
    - (C3) there is a mask for `keys` (then the rank is 3 or more) and `pairs`, of the shape above, and none otherwise.

    ```mlir
    %y = graph.attention causal %q, %k, %v : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
    %z = graph.attention keys %q, %k, %v mask %m
        : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4xi1>) -> tensor<2x4x8xf32>
    ```
  }];
  let arguments = (ins Graph_AttentionMaskAttr:$kind, Graph_FloatTensor:$query, Graph_FloatTensor:$key, Graph_FloatTensor:$value,
                       Optional<Graph_BoolTensor>:$mask);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "`` $kind $query `,` $key `,` $value (`mask` $mask^)? attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

def Graph_SoftmaxCrossEntropyOp : Graph_CompositeOp<"softmax_cross_entropy", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "the mean negative log-probability of the targets";
  let description = [{
    The mean, over the positions that count, of `-sum(q * log_softmax(logits))` along the last axis, where q is `1 - smoothing` at the target,
    plus `smoothing / classes` everywhere. A position counts unless its target is `ignore` or no class, that is outside [0, classes); the host
    checks targets before a step. 0 if no position counts, and so is the gradient then. Gradient: `(softmax - q) * dloss / count` at the positions
    that count.

    Constraints:
    - (C1) the shape of the targets is that of the logits without the last axis.
    - (C2) `smoothing` is in [0, 1].
    - (C3) the number of classes is static, and at least 1.

    ```mlir
    %loss = graph.softmax_cross_entropy %logits, %targets ignore -1 : tensor<2x3x10xf32>, tensor<2x3xi32> -> tensor<f32>
    %soft = graph.softmax_cross_entropy %logits, %targets ignore 0 smoothing 1.000000e-01 : tensor<2x3x10xf32>, tensor<2x3xi32> -> tensor<f32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$logits, Graph_IntegerTensor:$targets, I64Attr:$ignore, DefaultValuedAttr<F64Attr, "0.0">:$smoothing);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $logits `,` $targets `ignore` $ignore (`smoothing` $smoothing^)? attr-dict `:` type($logits) `,` type($targets) `->` type($result)
  }];
}

#endif // MORU_DIALECT_GRAPH_GRAPHCOMPOSITEOPS_TD
