//===- GraphElementwiseOps.td - operations entry by entry --*- tablegen -*-===//
// Arithmetic, functions, comparisons, choices, conversions.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHELEMENTWISEOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHELEMENTWISEOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

class Graph_UnaryDoc<string formula, string gradient, string mnemonic> {
  string text = "`result = " # formula # "`, entry by entry. Gradient: `" # gradient # "`.\n\n```mlir\n%y = graph." # mnemonic #
                " %x : tensor<2x3xf32>\n```\n";
}

class Graph_FloatUnaryOp<string mnemonic, string phrase, string formula, string gradient>
    : Graph_UnaryOp<mnemonic, Graph_FloatTensor> {
  let summary = phrase;
  let description = Graph_UnaryDoc<formula, gradient, mnemonic>.text;
}

def Graph_NegOp : Graph_UnaryOp<"neg", Graph_NumberTensor> {
  let summary = "the negative";
  let description = Graph_UnaryDoc<"-x", "-dy", "neg">.text;
  let hasFolder = 1;
}
def Graph_AbsOp : Graph_UnaryOp<"abs", Graph_NumberTensor> {
  let summary = "the absolute value";
  let description = Graph_UnaryDoc<"|x|", "dy * sign(x), 0 at 0", "abs">.text;
}
def Graph_ExpOp : Graph_FloatUnaryOp<"exp", "the exponential", "e^x", "dy * y">;
def Graph_LogOp : Graph_FloatUnaryOp<"log", "the natural logarithm", "log x", "dy / x">;
def Graph_Log1pOp : Graph_FloatUnaryOp<"log1p", "the logarithm of one more, exact near 0", "log(1 + x)", "dy / (1 + x)">;
def Graph_TanhOp : Graph_FloatUnaryOp<"tanh", "the hyperbolic tangent", "tanh x", "dy * (1 - y * y)">;
def Graph_SigmoidOp : Graph_FloatUnaryOp<"sigmoid", "the logistic function", "1 / (1 + e^-x)", "dy * y * (1 - y)">;
def Graph_ErfOp : Graph_FloatUnaryOp<"erf", "the error function", "2 / sqrt(pi) * (integral of e^(-t^2) from 0 to x)",
    "dy * 2 / sqrt(pi) * e^(-x^2)">;
def Graph_SqrtOp : Graph_FloatUnaryOp<"sqrt", "the square root", "sqrt x", "dy / (2 y)">;
def Graph_RsqrtOp : Graph_FloatUnaryOp<"rsqrt", "the reciprocal of the square root", "1 / sqrt x", "-dy * y^3 / 2">;
def Graph_SinOp : Graph_FloatUnaryOp<"sin", "the sine", "sin x", "dy * cos x">;
def Graph_CosOp : Graph_FloatUnaryOp<"cos", "the cosine", "cos x", "-dy * sin x">;

def Graph_StopGradientOp : Graph_UnaryOp<"stop_gradient", Graph_Tensor> {
  let summary = "the operand, with a gradient of zero";
  let description = [{
    The identity in the forward direction; the operand's cotangent is zero. Removed once the gradients are expanded.

    ```mlir
    %y = graph.stop_gradient %x : tensor<2x3xf32>
    ```
  }];
}

class Graph_NumberBinaryOp<string mnemonic, string phrase, string formula, string gradient, list<Trait> extra = []>
    : Graph_BinaryOp<mnemonic, Graph_NumberTensor, !listconcat([Graph_Differentiable], extra)> {
  let summary = phrase;
  let description = "`result = " # formula # "`, entry by entry. Gradient: `" # gradient # "`.\n\n```mlir\n%z = graph." # mnemonic #
                    " %x, %y : tensor<2x3xf32>\n```\n";
}

def Graph_AddOp : Graph_NumberBinaryOp<"add", "the sum", "x + y", "dz, dz", [Commutative]> { let hasFolder = 1; let hasCanonicalizer = 1; }
def Graph_SubOp : Graph_NumberBinaryOp<"sub", "the difference", "x - y", "dz, -dz"> { let hasFolder = 1; let hasCanonicalizer = 1; }
def Graph_MulOp : Graph_NumberBinaryOp<"mul", "the product", "x * y", "dz * y, dz * x", [Commutative]> { let hasFolder = 1; let hasCanonicalizer = 1; }
def Graph_DivOp : Graph_NumberBinaryOp<"div", "the quotient; integers: rounded toward zero, x / 0 = 0", "x / y", "dz / y, -dz * z / y"> { let hasFolder = 1; }
def Graph_MaximumOp : Graph_NumberBinaryOp<"maximum", "the larger; NaN if either is", "max(x, y)", "dz to the larger, shared equally where x = y", [Commutative]> { let hasFolder = 1; }
def Graph_MinimumOp : Graph_NumberBinaryOp<"minimum", "the smaller; NaN if either is", "min(x, y)", "dz to the smaller, shared equally where x = y", [Commutative]> { let hasFolder = 1; }
def Graph_PowOp : Graph_BinaryOp<"pow", Graph_FloatTensor> {
  let summary = "the power";
  let description = [{
    `result = x^y`, entry by entry, as C's `pow`. Gradient: `dz * y * x^(y-1), dz * z * log x`.

    ```mlir
    %z = graph.pow %x, %y : tensor<2x3xf32>
    ```
  }];
}

def Graph_AndOp : Graph_BinaryOp<"and", Graph_BoolTensor, [Commutative, Graph_NotDifferentiable]> {
  let summary = "both are true";
  let description = "```mlir\n%c = graph.and %a, %b : tensor<4xi1>\n```\n";
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "its operands are truth values"; } }];
}
def Graph_OrOp : Graph_BinaryOp<"or", Graph_BoolTensor, [Commutative, Graph_NotDifferentiable]> {
  let summary = "at least one is true";
  let description = "```mlir\n%c = graph.or %a, %b : tensor<4xi1>\n```\n";
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "its operands are truth values"; } }];
}
def Graph_NotOp : Graph_UnaryOp<"not", Graph_BoolTensor, [Graph_NotDifferentiable]> {
  let summary = "the opposite truth value";
  let description = "```mlir\n%c = graph.not %a : tensor<4xi1>\n```\n";
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "its operand is a truth value"; } }];
}

def Graph_Direction : I32EnumAttr<"Direction", "how two numbers are compared", [
    I32EnumAttrCase<"Eq", 0, "eq">, I32EnumAttrCase<"Ne", 1, "ne">, I32EnumAttrCase<"Lt", 2, "lt">,
    I32EnumAttrCase<"Le", 3, "le">, I32EnumAttrCase<"Gt", 4, "gt">, I32EnumAttrCase<"Ge", 5, "ge">]> {
  let cppNamespace = "::moru::graph";
  let genSpecializedAttr = 0;
}
def Graph_DirectionAttr : EnumAttr<Graph_Dialect, Graph_Direction, "direction">;

def Graph_CompareOp : Graph_PureOp<"compare", [SameTypeOperands, SameOperandsAndResultShape, Graph_SameExtents, Elementwise,
    Graph_NotDifferentiable]> {
  let summary = "a comparison, entry by entry";
  let description = [{
    Comparisons with NaN are false, except `ne`.

    ```mlir
    %c = graph.compare lt %x, %y : tensor<2x3xf32> -> tensor<2x3xi1>
    ```
  }];
  let arguments = (ins Graph_DirectionAttr:$direction, Graph_NumberTensor:$lhs, Graph_NumberTensor:$rhs);
  let results = (outs Graph_BoolTensor:$result);
  let assemblyFormat = "`` $direction $lhs `,` $rhs attr-dict `:` type($lhs) `->` type($result)";
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "its result is a truth value"; } }];
  let hasFolder = 1;
}

def Graph_SelectOp : Graph_PureOp<"select", [AllTypesMatch<["onTrue", "onFalse", "result"]>, SameOperandsAndResultShape, Graph_SameExtents, Elementwise,
    Graph_Differentiable]> {
  let summary = "one of two values, entry by entry";
  let description = [{
    `result = condition ? onTrue : onFalse`. Gradient: dy to the side that was chosen, zero (not 0 * dy) to the other.

    ```mlir
    %z = graph.select %c, %x, %y : tensor<2x3xi1>, tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_BoolTensor:$condition, Graph_Tensor:$onTrue, Graph_Tensor:$onFalse);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$condition `,` $onTrue `,` $onFalse attr-dict `:` type($condition) `,` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Graph_ConvertOp : Graph_PureOp<"convert", [SameOperandsAndResultShape, Graph_SameExtents, Elementwise, Graph_Differentiable]> {
  let summary = "the same numbers in another element type";
  let description = [{
    Float to float rounds to nearest even; float to integer truncates toward zero and saturates, NaN gives 0; to i1: is not zero; from
    i1: 0 or 1. Gradient: dy converted back; none for integers.

    ```mlir
    %f = graph.convert %i : tensor<4xi32> -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

#endif // MORU_DIALECT_GRAPH_GRAPHELEMENTWISEOPS_TD
