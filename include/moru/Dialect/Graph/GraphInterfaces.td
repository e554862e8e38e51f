//===- GraphInterfaces.td - interfaces of graph operations --*- tablegen -*-===//
// What differentiation and decomposition ask of an operation.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHINTERFACES_TD
#define MORU_DIALECT_GRAPH_GRAPHINTERFACES_TD

include "mlir/IR/OpBase.td"

def Graph_DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::moru::graph";
  let description = [{
    An operation whose gradient rule is known. All rules stand in `lib/Dialect/Graph/GraphGradients.cpp`, a few lines each.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds, at `builder`'s insertion point, the cotangents of what the operation reads from those of its results, and gives them to
      `cotangents`. `resultCotangents[i]` is null where result i does not influence the loss; at least one is not. A rule says nothing of an
      operand where the derivative is zero; what nobody asked for is not built (`Cotangents::add`).
    }], "::llvm::LogicalResult", "buildGradient",
      (ins "::mlir::OpBuilder &":$builder, "::llvm::ArrayRef<::mlir::Value>":$resultCotangents,
           "::moru::graph::Cotangents &":$cotangents)>
  ];
}

def Graph_NonDifferentiableOpInterface : OpInterface<"NonDifferentiableOpInterface"> {
  let cppNamespace = "::moru::graph";
  let description = [{
    An operation that has no gradient and says why: a gradient asked through it is an error at its line, never a silent zero.
  }];
  let methods = [
    StaticInterfaceMethod<[{The reason, as the end of a sentence: "compare has no gradient: …".}], "::llvm::StringRef", "whyNotDifferentiable">
  ];
}

def Graph_DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let cppNamespace = "::moru::graph";
  let description = [{
    A named composite: its decomposition into other operations is its definition, its reference and its fallback. One that has no gradient
    rule is differentiated through its decomposition, one that has no evaluator is evaluated by it, and none needs a kernel.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the decomposition at `builder`'s insertion point and returns one value per result.
    }], "::llvm::SmallVector<::mlir::Value>", "decompose", (ins "::mlir::OpBuilder &":$builder)>
  ];
}

#endif // MORU_DIALECT_GRAPH_GRAPHINTERFACES_TD
