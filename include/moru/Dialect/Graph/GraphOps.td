//===- GraphOps.td - operations of the graph dialect --------*- tablegen -*-===//
// One entry per operation: semantics, numbered constraints (C1, C2, …; the same numbers stand in the verifier and in the names of tests)
// and an example that parses.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHOPS_TD

include "moru/Dialect/Graph/GraphDialect.td"
include "moru/Dialect/Graph/GraphInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Types and bases
//===----------------------------------------------------------------------===//

def Graph_Float : AnyTypeOf<[F32, F64, BF16]>;
def Graph_Integer : AnyTypeOf<[I32, I64]>;
def Graph_Element : AnyTypeOf<[F32, F64, BF16, I32, I64, I1]>;

class Graph_TensorOf<list<Type> elements, string what> : TensorOf<elements, [HasStaticShapePred], what>;
def Graph_Tensor : Graph_TensorOf<[F32, F64, BF16, I32, I64, I1], "static tensor">;
def Graph_FloatTensor : Graph_TensorOf<[F32, F64, BF16], "static tensor of floating point">;
def Graph_IntegerTensor : Graph_TensorOf<[I32, I64], "static tensor of i32 or i64">;
def Graph_NumberTensor : Graph_TensorOf<[F32, F64, BF16, I32, I64], "static tensor of numbers">;
def Graph_BoolTensor : Graph_TensorOf<[I1], "static tensor of i1">;

class Graph_Op<string mnemonic, list<Trait> traits = []> : Op<Graph_Dialect, mnemonic, traits>;

/// Pure operations.
class Graph_PureOp<string mnemonic, list<Trait> traits = []> : Graph_Op<mnemonic, !listconcat([Pure], traits)>;

/// The rule stands in GraphGradients.cpp.
def Graph_Differentiable : DeclareOpInterfaceMethods<Graph_DifferentiableOpInterface>;
/// The decomposition stands in GraphDecompositions.cpp.
def Graph_Decomposable : DeclareOpInterfaceMethods<Graph_DecomposableOpInterface>;

/// The operation has no gradient; its `whyNotDifferentiable` gives the reason.
def Graph_NotDifferentiable : DeclareOpInterfaceMethods<Graph_NonDifferentiableOpInterface>;

class Graph_UnaryOp<string mnemonic, Type type, list<Trait> traits = [Graph_Differentiable]>
    : Graph_PureOp<mnemonic, !listconcat([SameOperandsAndResultType, Elementwise], traits)> {
  let arguments = (ins type:$operand);
  let results = (outs type:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

class Graph_BinaryOp<string mnemonic, Type type, list<Trait> traits = [Graph_Differentiable]>
    : Graph_PureOp<mnemonic, !listconcat([SameOperandsAndResultType, Elementwise], traits)> {
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs type:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

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
def Graph_TanhOp : Graph_FloatUnaryOp<"tanh", "the hyperbolic tangent", "tanh x", "dy * (1 - y * y)">;
def Graph_SigmoidOp : Graph_FloatUnaryOp<"sigmoid", "the logistic function", "1 / (1 + e^-x)", "dy * y * (1 - y)">;
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

def Graph_CompareOp : Graph_PureOp<"compare", [SameTypeOperands, SameOperandsAndResultShape, Elementwise,
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

def Graph_SelectOp : Graph_PureOp<"select", [AllTypesMatch<["onTrue", "onFalse", "result"]>, SameOperandsAndResultShape, Elementwise,
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

def Graph_ConvertOp : Graph_PureOp<"convert", [SameOperandsAndResultShape, Elementwise, Graph_Differentiable]> {
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

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

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

    ```mlir
    %z = graph.concat %x, %y along 1 : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$operands, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operands `along` $axis attr-dict `:` functional-type($operands, $result)";
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Contractions and reductions
//===----------------------------------------------------------------------===//

def Graph_ContractOp : Graph_PureOp<"contract", [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = "sums of products over pairs of axes";
  let description = [{
    `lhsBatch[k]` and `rhsBatch[k]` run together; the products are summed over the pairs `lhsOver[k]`, `rhsOver[k]`. The axes of the
    result are the batch axes, then the remaining axes of lhs, then those of rhs, each in their order. Gradient: contractions of dy with the
    other operand.

    Constraints:
    - (C1) `lhsOver` and `rhsOver` have equal length, so do `lhsBatch` and `rhsBatch`.
    - (C2) the axes of one operand are distinct and within its rank.
    - (C3) paired axes have equal sizes.
    - (C4) the element types are equal.

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
  }];
  let hasCanonicalizer = 1;
}

class Graph_ReduceOp<string mnemonic, string phrase, string rule> : Graph_PureOp<mnemonic,
    [Graph_Differentiable, InferTypeOpAdaptor]> {
  let summary = phrase;
  let description = "Over `axes`, which leave the shape. Gradient: " # rule # [{.

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
def Graph_ReduceSumOp : Graph_ReduceOp<"reduce_sum", "the sum along axes", "dy broadcast"> { let hasCanonicalizer = 1; }
def Graph_ReduceMaxOp : Graph_ReduceOp<"reduce_max", "the largest along axes", "dy shared equally among the entries that are largest">;

def Graph_ArgmaxOp : Graph_PureOp<"argmax", [Graph_NotDifferentiable, InferTypeOpAdaptor]> {
  let summary = "the index of the largest entry along an axis";
  let description = [{
    The least such index where several are equal, as i32.

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

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Composites
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

//===----------------------------------------------------------------------===//
// Control flow and differentiation
//===----------------------------------------------------------------------===//

def Graph_ScanOp : Graph_Op<"scan", [RecursiveMemoryEffects, AttrSizedOperandSegments, SingleBlockImplicitTerminator<"YieldOp">,
    Graph_Differentiable]> {
  let summary = "a loop over an axis, with values carried from step to step";
  let description = [{
    Step s of `length` works on index t = s, or t = length-1-s if `reverse`. The body's arguments are the carried values and, for each
    input, its slice at t (without the axis). The body yields the next carried values and, for each output, the slice to store at t.
    Results: the last carried values, then the stacked outputs. The body may use values from outside.
    Gradient: a scan in the other direction.

    Constraints:
    - (C1) `inputAxes` has one entry per input, `outputAxes` one per output, each within the rank.
    - (C2) every input has `length` entries along its axis.
    - (C3) the body has one argument per carried value and input, of the carried type or the type of the slice.
    - (C4) the yield has one value per carried value and output; result types follow: the carried types, then the stacked ones.
    - (C5) `length` is at least 1.

    ```mlir
    %last, %all = graph.scan 10 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1)
        : (tensor<2x3xf32>, tensor<2x10x3xf32>) -> (tensor<2x3xf32>, tensor<2x10x3xf32>) {
      %1 = graph.add %h, %x : tensor<2x3xf32>
      graph.yield carry(%1 : tensor<2x3xf32>) out(%1 : tensor<2x3xf32>)
    }
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inits, Variadic<Graph_Tensor>:$inputs, I64Attr:$length,
                       DenseI64ArrayAttr:$inputAxes, DenseI64ArrayAttr:$outputAxes, UnitAttr:$reverse);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::mlir::ValueRange":$inits, "::mlir::ValueRange":$inputs, "int64_t":$length, "::llvm::ArrayRef<int64_t>":$inputAxes,
                   "::llvm::ArrayRef<int64_t>":$outputAxes, "bool":$reverse, "::mlir::TypeRange":$outputSliceTypes)>
  ];
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    unsigned getNumCarries() { return getInits().size(); }
    unsigned getNumOutputs() { return getOutputAxes().size(); }
    ::mlir::Block::BlockArgListType getCarryArgs() { return getBodyBlock()->getArguments().take_front(getNumCarries()); }
    ::mlir::Block::BlockArgListType getInputArgs() { return getBodyBlock()->getArguments().drop_front(getNumCarries()); }
    ::mlir::ResultRange getCarryResults() { return getResults().take_front(getNumCarries()); }
    ::mlir::ResultRange getOutputResults() { return getResults().drop_front(getNumCarries()); }
    YieldOp getYield();
  }];
  let hasCanonicalizer = 1;
}

def Graph_YieldOp : Graph_PureOp<"yield", [Terminator, AttrSizedOperandSegments, ParentOneOf<["ScanOp"]>, ReturnLike]> {
  let summary = "ends the body of a scan";
  let description = [{
    The next carried values, then the slices of the outputs.

    ```mlir
    graph.yield carry(%h : tensor<2x3xf32>) out(%h, %c : tensor<2x3xf32>, tensor<2x3xf32>)
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$carries, Variadic<Graph_Tensor>:$outputs);
  let builders = [OpBuilder<(ins)>];
  let assemblyFormat = "(`carry` `(` $carries^ `:` type($carries) `)`)? (`out` `(` $outputs^ `:` type($outputs) `)`)? attr-dict";
}

def Graph_GradientOp : Graph_PureOp<"gradient", [Graph_NotDifferentiable]> {
  let summary = "the derivatives of a scalar with respect to some values";
  let description = [{
    Result k is d loss / d targets[k], of the same type; zeros where the loss does not depend on it. `graph-expand-gradients` replaces it
    with ordinary operations; a gradient of a gradient is expanded from the inside out.

    Constraints:
    - (C1) the loss has rank 0.
    - (C2) result types are the types of the targets.

    ```mlir
    %dw, %db = graph.gradient %loss wrt(%w, %b) : tensor<f32>, (tensor<3x2xf32>, tensor<2xf32>)
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$loss, Variadic<Graph_FloatTensor>:$targets);
  let results = (outs Variadic<Graph_FloatTensor>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDefinition = [{ ::llvm::StringRef $cppClass::whyNotDifferentiable() { return "it is expanded before it is differentiated"; } }];
}

#endif // MORU_DIALECT_GRAPH_GRAPHOPS_TD
