//===- GraphDims.td - bounded dimensions of graph types -----*- tablegen -*-===//
// The encoding of tensor types that gives dynamic axes a name and a maximum.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_GRAPHDIMS_TD
#define MORU_DIALECT_GRAPH_GRAPHDIMS_TD

include "moru/Dialect/Graph/GraphDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"

def Graph_DimsAttr : AttrDef<Graph_Dialect, "Dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "dims";
  let summary = "the names and maxima of the dynamic axes of a tensor type";
  let description = [{
    One entry per axis: `len max 16` for an axis of at most 16 entries, whose number is that of every other axis called `len` in the function;
    `_` for an axis of static size. Types are equal only where the names are.

    Constraints:
    - (C1) there is one entry per axis of the type.
    - (C2) the dynamic axes, and no others, have a name.
    - (C3) a maximum is at least 1; one name has one maximum.

    ```mlir
    %y = graph.tanh %x : tensor<?x8xf32, #graph.dims<len max 16, _>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr", "names; null for a static axis">:$names,
                        ArrayRefParameter<"int64_t", "maxima; 0 for a static axis">:$maxima);
  let hasCustomAssemblyFormat = 1;
}

#endif // MORU_DIALECT_GRAPH_GRAPHDIMS_TD
