//===- GraphDialect.cpp - registration of the graph dialect ---------------===//
// Initialization only.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::graph;

#include "moru/Dialect/Graph/GraphDialect.cpp.inc"
#include "moru/Dialect/Graph/GraphEnums.cpp.inc"
#include "moru/Dialect/Graph/GraphInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moru/Dialect/Graph/GraphAttributes.cpp.inc"

void GraphDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moru/Dialect/Graph/GraphAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "moru/Dialect/Graph/GraphOps.cpp.inc"
      >();
}

Operation *GraphDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}
