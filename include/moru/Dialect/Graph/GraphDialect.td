//===- GraphDialect.td - the graph dialect ------------------*- tablegen -*-===//
// The dialect in which a model is traced, differentiated and simplified.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHDIALECT_TD
#define MORU_DIALECT_GRAPH_GRAPHDIALECT_TD

include "mlir/IR/OpBase.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::moru::graph";
  let summary = "Tensor programs at the level at which a person thinks of a model";
  let description = [{
    The graph dialect is pure tensor SSA: every value is a ranked tensor, no operation has a side effect, and no operation knows about
    memory, tiles or threads. An axis has a static size, or is bounded: it has a name and a maximum (`#graph.dims`), and every axis of one name
    has the same size in a call. The C++ graph language traces into it; `graph.gradient` is expanded within it, so that the
    reverse of a program is a program of the same dialect that can be read, simplified and differentiated again.

    Invariants:
    - Broadcasting is explicit (`graph.broadcast`); element types are never converted silently.
    - A loop is `graph.scan` and stays one: its reverse is a scan that runs backwards.
    - Every operation has a reference evaluator (`lib/Reference`) and a gradient rule or the reason why it has none.

    A function's arguments say what they are: `graph.name` is the user's name, `graph.role` one of `parameter`, `state`, `input`, `length`.
    A result has a `graph.name` too, and `graph.donated = i` where it takes the place of argument i. Once bounded dimensions are padded,
    `graph.lengths` names, axis by axis, the argument of role `length` that says how many entries count; `graph.minimum` of such an argument
    is the least length that it may have.

    ```mlir
    func.func @loss(%x: tensor<4x3xf32> {graph.name = "x", graph.role = "input"},
                    %w: tensor<3x2xf32> {graph.name = "w", graph.role = "parameter"})
        -> (tensor<f32> {graph.name = "loss"}) {
      %y = graph.contract %x, %w over [1] with [0] : tensor<4x3xf32>, tensor<3x2xf32> -> tensor<4x2xf32>
      %h = graph.tanh %y : tensor<4x2xf32>
      %s = graph.reduce_sum %h over [0, 1] : tensor<4x2xf32> -> tensor<f32>
      return %s : tensor<f32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// Attributes of function arguments and results.
    static constexpr llvm::StringLiteral kNameAttr = "graph.name";
    static constexpr llvm::StringLiteral kRoleAttr = "graph.role";
    static constexpr llvm::StringLiteral kDonatedAttr = "graph.donated";
    static constexpr llvm::StringLiteral kLengthsAttr = "graph.lengths";
    static constexpr llvm::StringLiteral kMinimumAttr = "graph.minimum";
    /// Values of `graph.role`.
    static constexpr llvm::StringLiteral kParameterRole = "parameter";
    static constexpr llvm::StringLiteral kStateRole = "state";
    static constexpr llvm::StringLiteral kInputRole = "input";
    static constexpr llvm::StringLiteral kLengthRole = "length";
  }];
}

#endif // MORU_DIALECT_GRAPH_GRAPHDIALECT_TD
