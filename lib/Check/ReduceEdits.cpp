//===- ReduceEdits.cpp - steps that make a program smaller ---------------------------===//
// None of them keeps the meaning of a program; all of them make it simpler.
//===----------------------------------------------------------------------===//

#include "ReduceEdits.h"

#include "moru/Check/Inputs.h"
#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/BitVector.h"

#include <set>

using namespace mlir;
using namespace moru;

std::vector<Operation *> check::computingOperations(ModuleOp module) {
  std::vector<Operation *> operations;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa<ModuleOp, func::FuncOp>(op) && !op->hasTrait<OpTrait::IsTerminator>())
      operations.push_back(op);
  });
  return operations;
}

//===----------------------------------------------------------------------===//
// What has no use
//===----------------------------------------------------------------------===//

static void eraseUnusedArguments(func::FuncOp function) {
  llvm::BitVector unused(function.getNumArguments());
  std::set<int64_t> donated;
  for (unsigned result = 0; result < function.getNumResults(); ++result)
    if (auto index = function.getResultAttrOfType<IntegerAttr>(result, graph::GraphDialect::kDonatedAttr))
      donated.insert(index.getInt());
  // Donations count arguments.
  if (!donated.empty())
    return;
  for (BlockArgument argument : function.getArguments())
    unused[argument.getArgNumber()] = argument.use_empty();
  (void)function.eraseArguments(unused);
}

void check::eraseUnused(ModuleOp module) {
  std::vector<Operation *> operations = computingOperations(module);
  // From the end: an operation before those that it feeds has lost its uses by then.
  for (Operation *op : llvm::reverse(operations))
    if (op->use_empty() && isMemoryEffectFree(op)) {
      op->dropAllReferences();
      op->erase();
    }
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal())
      eraseUnusedArguments(function);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

bool check::eraseResults(func::FuncOp function, unsigned first, unsigned last) {
  unsigned count = function.getNumResults();
  last = std::min(last, count);
  if (function.isExternal() || first >= last || last - first == count)
    return false;
  llvm::BitVector erased(count);
  erased.set(first, last);
  function.getBody().front().getTerminator()->eraseOperands(first, last - first);
  return succeeded(function.eraseResults(erased));
}

bool check::returnOnly(Operation *op) {
  auto function = dyn_cast<func::FuncOp>(op->getParentOp());
  if (!function || op->getNumResults() == 0)
    return false;
  Operation *end = function.getBody().front().getTerminator();
  if (end->getOperands() == op->getResults())
    return false;
  end->setOperands(op->getResults());
  function->removeAttr(function.getResAttrsAttrName());
  function.setType(FunctionType::get(op->getContext(), function.getArgumentTypes(), op->getResultTypes()));
  return true;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static Value findOperand(Operation *op, Type type, unsigned choice) {
  for (Value operand : op->getOperands())
    if (operand.getType() == type && choice-- == 0)
      return operand;
  return {};
}

bool check::replaceResults(Operation *op, unsigned choice) {
  if (isa<graph::ConstantOp>(op) || op->use_empty())
    return false;
  OpBuilder builder(op);
  for (Value result : op->getResults()) {
    if (result.use_empty())
      continue;
    Value other = findOperand(op, result.getType(), choice);
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!other && !type)
      return false;
    if (!other)
      other = graph::createSplat(builder, op->getLoc(), type, isa<FloatType>(type.getElementType()) ? 0.5 : 1);
    result.replaceAllUsesWith(other);
  }
  return true;
}

bool check::dropCarry(Operation *op, unsigned index) {
  auto scan = dyn_cast<graph::ScanOp>(op);
  if (!scan || index >= scan.getNumCarries())
    return false;
  Value init = scan.getInits()[index];
  BlockArgument argument = scan.getCarryArgs()[index];
  graph::YieldOp yield = scan.getYield();
  if (argument.use_empty() && scan->getResult(index).use_empty() && yield.getCarries()[index] == init)
    return false;
  argument.replaceAllUsesWith(init);
  scan->getResult(index).replaceAllUsesWith(init);
  yield->setOperand(index, argument);
  return true;
}

bool check::dropOutputs(Operation *op) {
  auto scan = dyn_cast<graph::ScanOp>(op);
  if (!scan)
    return false;
  OpBuilder builder(op);
  bool changed = false;
  for (Value result : scan.getOutputResults())
    if (!result.use_empty()) {
      result.replaceAllUsesWith(graph::createSplat(builder, op->getLoc(), cast<RankedTensorType>(result.getType()), 1));
      changed = true;
    }
  return changed;
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

static RankedTensorType resized(RankedTensorType type, int64_t from, int64_t to) {
  SmallVector<int64_t> shape(type.getShape());
  std::replace(shape.begin(), shape.end(), from, to);
  return type.clone(shape);
}

/// The part of a constant that its smaller type has room for.
static DenseElementsAttr cutTo(DenseElementsAttr value, RankedTensorType type) {
  if (value.isSplat() || value.empty())
    return value.isSplat() ? value.resizeSplat(type) : DenseElementsAttr::get(type, ArrayRef<Attribute>());
  SmallVector<Attribute> entries(value.getValues<Attribute>()), kept;
  SmallVector<int64_t> strides = reference::rowMajorStrides(cast<RankedTensorType>(value.getType()).getShape());
  reference::forEachIndex(type.getShape(), [&](int64_t, ArrayRef<int64_t> index) {
    int64_t linear = 0;
    for (auto [i, stride] : llvm::zip_equal(index, strides))
      linear += i * stride;
    kept.push_back(entries[linear]);
  });
  return DenseElementsAttr::get(type, kept);
}

/// Attributes that count along axes follow them.
static void resizeCounts(Operation *op, int64_t from, int64_t to) {
  if (auto scan = dyn_cast<graph::ScanOp>(op); scan && static_cast<int64_t>(scan.getLength()) == from)
    scan.setLength(to);
  auto slice = dyn_cast<graph::SliceOp>(op);
  if (!slice)
    return;
  SmallVector<int64_t> starts(slice.getStarts()), limits(slice.getLimits());
  ArrayRef<int64_t> shape = cast<RankedTensorType>(slice.getOperand().getType()).getShape();
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    limits[axis] = std::min(limits[axis], shape[axis]);
    starts[axis] = std::min(starts[axis], limits[axis]);
  }
  slice.setStarts(starts);
  slice.setLimits(limits);
}

void check::resizeAxes(ModuleOp module, int64_t from, int64_t to) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](RankedTensorType type) { return resized(type, from, to); });
  replacer.addReplacement([&](DenseElementsAttr value) -> std::optional<std::pair<Attribute, WalkResult>> {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !llvm::is_contained(type.getShape(), from))
      return std::nullopt;
    return std::make_pair(Attribute(cutTo(value, resized(type, from, to))), WalkResult::skip());
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  module.walk([&](Operation *op) { resizeCounts(op, from, to); });
}

std::vector<int64_t> check::axisSizes(ModuleOp module) {
  std::set<int64_t> sizes;
  auto add = [&](Type type) {
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      sizes.insert(tensor.getShape().begin(), tensor.getShape().end());
  };
  module.walk([&](Operation *op) {
    llvm::for_each(op->getResultTypes(), add);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArgumentTypes(), add);
  });
  return std::vector<int64_t>(sizes.rbegin(), sizes.rend());
}

//===----------------------------------------------------------------------===//
// Numbers and attributes
//===----------------------------------------------------------------------===//

static std::optional<DenseElementsAttr> simplified(Attribute attribute, unsigned choice) {
  auto value = dyn_cast_or_null<DenseElementsAttr>(attribute);
  if (!value || value.empty() || (value.isSplat() && choice == 2))
    return std::nullopt;
  Type element = value.getElementType();
  auto number = [&](int64_t n) -> Attribute {
    if (isa<FloatType>(element))
      return FloatAttr::get(element, static_cast<double>(n));
    return IntegerAttr::get(element, n);
  };
  Attribute entry = choice == 2 ? *value.getValues<Attribute>().begin() : number(choice);
  auto result = DenseElementsAttr::get(value.getType(), entry);
  return result == value ? std::nullopt : std::optional(result);
}

/// Calls `visit(value, set)` for each constant and fixed input.
static void forEachNumbers(ModuleOp module,
                           llvm::function_ref<void(Attribute, llvm::function_ref<void(Attribute)>)> visit) {
  for (auto function : module.getOps<func::FuncOp>())
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      if (Attribute value = function.getArgAttr(index, check::kCheckAttr))
        visit(value, [&](Attribute changed) { function.setArgAttr(index, check::kCheckAttr, changed); });
  module.walk(
      [&](graph::ConstantOp op) { visit(op.getValue(), [&](Attribute changed) { op->setAttr("value", changed); }); });
}

unsigned check::countNumbers(ModuleOp module) {
  unsigned count = 0;
  forEachNumbers(module, [&](Attribute, llvm::function_ref<void(Attribute)>) { ++count; });
  return count;
}

bool check::simplifyNumbers(ModuleOp module, unsigned index, unsigned choice) {
  bool changed = false;
  forEachNumbers(module, [&](Attribute value, llvm::function_ref<void(Attribute)> set) {
    if (index-- != 0)
      return;
    // A number that is simple already stays: choices in order 0, 1, first.
    auto dense = dyn_cast<DenseElementsAttr>(value);
    if (dense && dense.isSplat())
      for (unsigned simpler = 0; simpler < choice; ++simpler)
        if (!simplified(value, simpler))
          return;
    if (std::optional<DenseElementsAttr> result = simplified(value, choice)) {
      set(*result);
      changed = true;
    }
  });
  return changed;
}

void check::dropAttributes(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    function->removeAttr(function.getResAttrsAttrName());
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      for (StringRef name : {graph::GraphDialect::kNameAttr, graph::GraphDialect::kRoleAttr})
        function.removeArgAttr(index, StringAttr::get(function.getContext(), name));
  }
}
