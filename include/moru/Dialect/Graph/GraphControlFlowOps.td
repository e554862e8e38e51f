//===- GraphControlFlowOps.td - loops, branches, gradients --*- tablegen -*-===//
// Operations with regions, and those that differentiation is made of.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHCONTROLFLOWOPS_TD
#define MORU_DIALECT_GRAPH_GRAPHCONTROLFLOWOPS_TD

include "moru/Dialect/Graph/GraphOpBase.td"

/// One truth value.
def Graph_Predicate : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({}, ::mlir::IntegerType::get($_self.getContext(), 1))">, "tensor<i1>">,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI1Type())">;

/// Regions of one block, which use values from outside as they like and end with a yield.
class Graph_RegionOp<string mnemonic, list<Trait> traits = []> : Graph_Op<mnemonic,
    !listconcat([RecursiveMemoryEffects, SingleBlockImplicitTerminator<"YieldOp">], traits)>;

//===----------------------------------------------------------------------===//
// Loops and branches
//===----------------------------------------------------------------------===//

def Graph_ScanOp : Graph_RegionOp<"scan", [AttrSizedOperandSegments, Graph_Differentiable]> {
  let summary = "a loop over an axis, with values carried from step to step";
  let description = [{
    Step s of `length` works on index t = s, or t = length-1-s if `reverse`. The body's arguments are the carried values and, for each
    input, its slice at t (without the axis). The body yields the next carried values and, for each output, the slice to store at t.
    Results: the last carried values, then the stacked outputs. The body may use values from outside.
    `len max 10` in place of `10` names a bounded dimension: there are as many steps as it has entries.
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
                       DenseI64ArrayAttr:$inputAxes, DenseI64ArrayAttr:$outputAxes, UnitAttr:$reverse,
                       OptionalAttr<StrAttr>:$lengthName);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::mlir::ValueRange":$inits, "::mlir::ValueRange":$inputs, "::moru::graph::Extent":$length, "::llvm::ArrayRef<int64_t>":$inputAxes,
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
    /// The number of steps, or the bounded dimension that has it.
    Extent getSteps();
  }];
  let hasCanonicalizer = 1;
}

def Graph_CondOp : Graph_RegionOp<"cond", [Graph_Differentiable]> {
  let summary = "one of two regions, chosen by a truth value";
  let description = [{
    The values that the first region yields where the predicate is true, those of the second where it is not; the other region is not run.
    Both may use values from outside. Gradient: a cond on the same predicate whose branches compute the chosen region again and walk it
    backwards; the predicate receives none.

    Constraints:
    - (C1) the regions have no arguments.
    - (C2) each region yields no carried value, and one output per result, of its type.

    ```mlir
    %y = graph.cond %p -> (tensor<2x3xf32>) {
      %1 = graph.exp %x : tensor<2x3xf32>
      graph.yield out(%1 : tensor<2x3xf32>)
    } else {
      graph.yield out(%x : tensor<2x3xf32>)
    }
    ```
  }];
  let arguments = (ins Graph_Predicate:$predicate);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$onTrue, SizedRegion<1>:$onFalse);
  let assemblyFormat = "$predicate (`->` `(` type($results)^ `)`)? attr-dict-with-keyword $onTrue `else` $onFalse";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$predicate, "::mlir::TypeRange":$results)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBranch(bool value) { return &(value ? getOnTrue() : getOnFalse()).front(); }
    YieldOp getYield(bool value);
  }];
}

def Graph_WhileOp : Graph_RegionOp<"while", [Graph_NotDifferentiable]> {
  let summary = "a loop as long as a condition holds";
  let description = [{
    Before each step the condition is computed from the carried values; while it is true, the body computes the next ones. The results are
    the carried values for which it was false, which may be the first. Both regions may use values from outside. The body's
    arguments have names of their own, behind `do`.

    Constraints:
    - (C1) both regions have one argument per carried value, of its type; so has the operation results.
    - (C2) the condition yields one output, a `tensor<i1>`, and no carried value.
    - (C3) the body yields one carried value per argument, of its type, and no output.

    ```mlir
    %last = graph.while carry(%i = %i0) : (tensor<i32>) -> tensor<i32> {
      %p = graph.compare lt %i, %n : tensor<i32> -> tensor<i1>
      graph.yield out(%p : tensor<i1>)
    } do(%j) {
      %1 = graph.add %j, %j : tensor<i32>
      graph.yield carry(%1 : tensor<i32>)
    }
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inits);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$condition, SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$inits)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getConditionBlock() { return &getCondition().front(); }
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    ::mlir::Block::BlockArgListType getConditionArgs() { return getConditionBlock()->getArguments(); }
    ::mlir::Block::BlockArgListType getBodyArgs() { return getBodyBlock()->getArguments(); }
    /// The truth value that the condition yields.
    ::mlir::Value getGoesOn();
    YieldOp getYield();
  }];
  let extraClassDefinition = [{
    ::llvm::StringRef $cppClass::whyNotDifferentiable() {
      return "there is no reverse-mode gradient because the number of its steps is not known";
    }
  }];
}

def Graph_YieldOp : Graph_PureOp<"yield", [Terminator, AttrSizedOperandSegments,
    ParentOneOf<["ScanOp", "CondOp", "WhileOp", "CheckpointOp"]>, ReturnLike]> {
  let summary = "ends a region";
  let description = [{
    The next carried values, then the outputs: of a scan's step the slices, of other regions the results.

    ```mlir
    graph.yield carry(%h : tensor<2x3xf32>) out(%h, %c : tensor<2x3xf32>, tensor<2x3xf32>)
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$carries, Variadic<Graph_Tensor>:$outputs);
  let builders = [OpBuilder<(ins)>];
  let assemblyFormat = "(`carry` `(` $carries^ `:` type($carries) `)`)? (`out` `(` $outputs^ `:` type($outputs) `)`)? attr-dict";
}

//===----------------------------------------------------------------------===//
// Differentiation
//===----------------------------------------------------------------------===//

def Graph_CheckpointOp : Graph_RegionOp<"checkpoint", [Graph_Differentiable]> {
  let summary = "a region that is computed again where its gradient needs it";
  let description = [{
    The values that the region yields. Nothing that is made within it is kept for the reverse: its gradient computes the region again from
    the values that it uses from outside, behind `graph.barrier`s, so that nothing merges the two computations. Once no gradient is
    left to be expanded, the region takes the place of the operation.

    Constraints:
    - (C1) the region has no arguments.
    - (C2) it yields no carried value, and one output per result, of its type.

    ```mlir
    %y = graph.checkpoint -> (tensor<2x3xf32>) {
      %1 = graph.exp %x : tensor<2x3xf32>
      %2 = graph.tanh %1 : tensor<2x3xf32>
      graph.yield out(%2 : tensor<2x3xf32>)
    }
    ```
  }];
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`->` `(` type($results)^ `)`)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    YieldOp getYield();
    /// Puts the region's operations in place of this one.
    void inlineBody();
  }];
}

def Graph_BarrierOp : Graph_PureOp<"barrier", [SameOperandsAndResultType, Graph_Differentiable]> {
  let summary = "a value behind which no rule looks";
  let description = [{
    `result = x`. What is computed from the result is never merged with what is computed from x, nor done in the same kernel: that is how
    a recomputation stays one. Costs nothing: kernels read x. Gradient: `dy`.

    ```mlir
    %y = graph.barrier %x : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$operand);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
  let hasCanonicalizer = 1;
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
