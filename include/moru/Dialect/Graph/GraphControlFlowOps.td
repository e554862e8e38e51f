//===- GraphControlFlowOps.td - control flow and differentiation -*- tablegen -*-===//
// Operations with regions, and the request for a gradient.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHCONTROLFLOWOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHCONTROLFLOWOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

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

#endif // MORU_DIALECT_GRAPH_GRAPHCONTROLFLOWOPS_TD
