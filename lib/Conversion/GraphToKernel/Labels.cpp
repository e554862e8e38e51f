//===- Labels.cpp - what a kernel is called -------------------------------===//
// From `graph.name` of arguments, from the names in locations, and from the kinds of operations.
//===----------------------------------------------------------------------===//

#include "Labels.h"

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moru;
using namespace moru::graph;
using namespace moru::kernel;

/// The name that the user gave where `value` was made; empty if there is none.
static StringRef getUserName(Value value) {
  Location loc = value.getLoc();
  if (auto fused = dyn_cast<FusedLoc>(loc); fused && !fused.getLocations().empty())
    loc = fused.getLocations().front();
  auto named = dyn_cast<NameLoc>(loc);
  return named ? named.getName().getValue() : StringRef();
}

/// `graph.name` of the argument of the host function that `buffer` is, or is a part of.
static StringRef getArgumentName(Value buffer) {
  while (Operation *view = buffer.getDefiningOp()) {
    if (!isa<ViewOp>(view))
      return {};
    buffer = view->getOperand(0);
  }
  auto argument = cast<BlockArgument>(buffer);
  auto host = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto name = host ? host.getArgAttrOfType<StringAttr>(argument.getArgNumber(), GraphDialect::kNameAttr) : StringAttr();
  return name ? name.getValue() : StringRef();
}

std::string moru::describeMove(StringRef verb, Value value, Value buffer) {
  StringRef name = getArgumentName(buffer);
  if (name.empty())
    name = getUserName(value);
  return name.empty() ? verb.str() : (verb + " " + name).str();
}

std::string moru::describe(ArrayRef<Operation *> ops) {
  llvm::SmallSetVector<StringRef, 8> kinds;
  for (Operation *op : ops)
    kinds.insert(op->getName().stripDialect());
  if (kinds.contains("reduce_max") && kinds.contains("exp") && kinds.contains("reduce_sum")) {
    StringRef softmax = kinds.contains("log") ? "log_softmax" : "softmax";
    llvm::SmallSetVector<StringRef, 8> others;
    for (StringRef kind : kinds)
      if (!llvm::is_contained({"reduce_max", "sub", "exp", "reduce_sum", "div", "mul", "log"}, kind))
        others.insert(kind);
      else
        others.insert(softmax);
    kinds = others;
  }
  // What a line of a plan or a profile has room for: the first, and the last, which is what is stored.
  constexpr size_t kMaxKinds = 4;
  SmallVector<StringRef> words(kinds.begin(), kinds.end());
  if (words.size() > kMaxKinds)
    words.erase(words.begin() + kMaxKinds - 1, words.end() - 1);
  return llvm::join(words, "+");
}

std::string moru::describe(ArrayRef<Operation *> ops, ArrayRef<Value> outputs, ArrayRef<Value> writes) {
  for (Value write : writes)
    if (auto argument = dyn_cast<BlockArgument>(write))
      if (auto host = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
          host && host.getArgAttr(argument.getArgNumber(), KernelDialect::kUpdatedAttr))
        if (StringRef name = getArgumentName(write); !name.empty())
          return ("update " + name).str();
  StringRef name = getUserName(outputs.back());
  return name.empty() ? describe(ops) : name.str();
}
