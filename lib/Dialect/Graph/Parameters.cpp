//===- Parameters.cpp - which values are parameters -----------------------===//

#include "moru/Dialect/Graph/Parameters.h"

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace moru::graph;

bool moru::graph::isFixedParameter(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : nullptr;
  if (!function)
    return false;
  unsigned number = argument.getArgNumber();
  auto role = function.getArgAttrOfType<StringAttr>(number, GraphDialect::kRoleAttr);
  auto takesItsPlace = [&](unsigned result) {
    auto donated = function.getResultAttrOfType<IntegerAttr>(result, GraphDialect::kDonatedAttr);
    return donated && donated.getInt() == number;
  };
  return role && role.getValue() == GraphDialect::kParameterRole &&
         llvm::none_of(llvm::seq(function.getNumResults()), takesItsPlace);
}
