//===- GraphOpBase.td - types and bases of graph operations -*- tablegen -*-===//
// What the files of operations share.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHOPBASE_TD
#define MORU_DIALECT_GRAPH_GRAPHOPBASE_TD

include "moru/Dialect/Graph/GraphDialect.td"
include "moru/Dialect/Graph/GraphDims.td"
include "moru/Dialect/Graph/GraphInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Graph_Float : AnyTypeOf<[F32, F64, BF16]>;
def Graph_Integer : AnyTypeOf<[I32, I64]>;
def Graph_Element : AnyTypeOf<[F32, F64, BF16, I32, I64, I1]>;

/// Every axis is static, or has a name and a maximum (GraphDims.td).
def Graph_HasExtents : CPred<"::moru::graph::hasExtents(::llvm::cast<::mlir::ShapedType>($_self))">;
class Graph_TensorOf<list<Type> elements, string what> : TensorOf<elements, [Graph_HasExtents], what>;
def Graph_Tensor : Graph_TensorOf<[F32, F64, BF16, I32, I64, I1], "static or bounded tensor">;
def Graph_FloatTensor : Graph_TensorOf<[F32, F64, BF16], "static or bounded tensor of floating point">;
def Graph_IntegerTensor : Graph_TensorOf<[I32, I64], "static or bounded tensor of i32 or i64">;
def Graph_NumberTensor : Graph_TensorOf<[F32, F64, BF16, I32, I64], "static or bounded tensor of numbers">;
def Graph_BoolTensor : Graph_TensorOf<[I1], "static or bounded tensor of i1">;

/// The axes of all operands and results have the same sizes and names.
def Graph_SameExtents : NativeOpTrait<"SameExtents"> { let cppNamespace = "::moru::graph"; }

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

#endif // MORU_DIALECT_GRAPH_GRAPHOPBASE_TD
