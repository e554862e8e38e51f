//===- Dims.cpp - sizes of axes, static or bounded ------------------------===//
// The encoding `#graph.dims<…>`, extents, and the static programs that a bounded one stands for.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Dims.h"

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moru::graph;

//===----------------------------------------------------------------------===//
// The encoding
//===----------------------------------------------------------------------===//

/// `<len max 16, _>`
Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> maxima;
  auto parseEntry = [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name))
      return failure();
    bool isStatic = name == "_";
    names.push_back(isStatic ? StringAttr() : parser.getBuilder().getStringAttr(name));
    maxima.push_back(0);
    return isStatic ? success() : failure(parser.parseKeyword("max") || parser.parseInteger(maxima.back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseEntry))
    return {};
  return DimsAttr::get(parser.getContext(), names, maxima);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << '<';
  llvm::interleaveComma(llvm::zip_equal(getNames(), getMaxima()), printer, [&](auto entry) {
    auto [name, maximum] = entry;
    if (!name) {
      printer << '_';
      return;
    }
    printer.printKeywordOrString(name);
    printer << " max " << maximum;
  });
  printer << '>';
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != getNames().size()) // C1
    return emitError() << "expected one dimension per axis (" << shape.size() << ") in " << *this << ", got "
                       << getNames().size();
  llvm::SmallDenseMap<StringAttr, int64_t> known;
  for (auto [axis, size, name, maximum] : llvm::enumerate(shape, getNames(), getMaxima())) {
    if (ShapedType::isDynamic(size) != static_cast<bool>(name)) // C2
      return emitError() << "expected names for the dynamic axes alone, got " << (name ? "one" : "none") << " for axis "
                         << axis << " of " << (name ? "static" : "dynamic") << " size in " << *this;
    if (!name)
      continue;
    if (maximum < 1) // C3
      return emitError() << "expected a maximum of at least 1 for '" << name.getValue() << "', got " << maximum;
    if (auto [place, isNew] = known.try_emplace(name, maximum); !isNew && place->second != maximum) // C3
      return emitError() << "expected one maximum for '" << name.getValue() << "', got " << place->second << " and "
                         << maximum;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

llvm::raw_ostream &moru::graph::operator<<(llvm::raw_ostream &stream, const Extent &extent) {
  if (extent.isBounded())
    stream << extent.name.getValue() << " max ";
  return stream << extent.size;
}

Diagnostic &moru::graph::operator<<(Diagnostic &diagnostic, const Extent &extent) {
  std::string text;
  llvm::raw_string_ostream(text) << extent;
  return diagnostic << text;
}

static DimsAttr getDims(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<DimsAttr>(tensor.getEncoding()) : DimsAttr();
}

bool moru::graph::hasExtents(ShapedType type) { return type.hasStaticShape() || getDims(type); }

bool moru::graph::isBounded(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && !tensor.hasStaticShape();
}

Extent moru::graph::getExtent(RankedTensorType type, int64_t axis) {
  if (DimsAttr dims = getDims(type); dims && dims.getNames()[axis])
    return {dims.getMaxima()[axis], dims.getNames()[axis]};
  return type.getDimSize(axis);
}

SmallVector<Extent> moru::graph::getExtents(RankedTensorType type) {
  SmallVector<Extent> extents;
  for (int64_t axis : llvm::seq<int64_t>(0, type.getRank()))
    extents.push_back(getExtent(type, axis));
  return extents;
}

SmallVector<int64_t> moru::graph::getCapacity(RankedTensorType type) {
  return llvm::map_to_vector(getExtents(type), [](const Extent &extent) { return extent.size; });
}

RankedTensorType moru::graph::getCapacityType(RankedTensorType type) {
  return RankedTensorType::get(getCapacity(type), type.getElementType());
}

RankedTensorType moru::graph::getTensorType(ArrayRef<Extent> extents, Type element) {
  SmallVector<int64_t> shape, maxima;
  SmallVector<StringAttr> names;
  for (const Extent &extent : extents) {
    shape.push_back(extent.isBounded() ? ShapedType::kDynamic : extent.size);
    names.push_back(extent.name);
    maxima.push_back(extent.isBounded() ? extent.size : 0);
  }
  bool isStatic = llvm::none_of(names, [](StringAttr name) { return static_cast<bool>(name); });
  return RankedTensorType::get(shape, element,
                               isStatic ? DimsAttr() : DimsAttr::get(element.getContext(), names, maxima));
}

RankedTensorType moru::graph::dropAxis(RankedTensorType type, int64_t axis) {
  SmallVector<Extent> extents = getExtents(type);
  extents.erase(extents.begin() + axis);
  return getTensorType(extents, type.getElementType());
}

RankedTensorType moru::graph::insertAxis(RankedTensorType type, int64_t axis, Extent extent) {
  SmallVector<Extent> extents = getExtents(type);
  extents.insert(extents.begin() + axis, extent);
  return getTensorType(extents, type.getElementType());
}

/// The bounded axes in order, and the number of entries before each and behind the last.
static std::pair<SmallVector<StringAttr>, SmallVector<int64_t>> splitAtNames(RankedTensorType type) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> entries{1};
  for (const Extent &extent : getExtents(type)) {
    if (!extent.isBounded()) {
      entries.back() *= extent.size;
      continue;
    }
    names.push_back(extent.name);
    entries.push_back(1);
  }
  return {names, entries};
}

bool moru::graph::haveSameEntries(RankedTensorType from, RankedTensorType to) {
  return splitAtNames(from) == splitAtNames(to);
}

LogicalResult moru::graph::verifySameExtents(Operation *op) {
  auto first = cast<RankedTensorType>(op->getOperand(0).getType());
  for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (getExtents(cast<RankedTensorType>(type)) != getExtents(first))
        return op->emitOpError() << "expected the same sizes and names for the axes of all operands and results, got "
                                 << first << " and " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Calls `visit` with the value and its type for every value of a function.
static void forEachValue(func::FuncOp function, llvm::function_ref<void(Value)> visit) {
  auto visitRegion = [&](Region &region) {
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        visit(argument);
  };
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Value result : op->getResults())
      visit(result);
    for (Region &region : op->getRegions())
      visitRegion(region);
  });
}

FailureOr<DimNames> moru::graph::collectDimNames(func::FuncOp function) {
  DimNames names;
  LogicalResult result = success();
  forEachValue(function, [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.hasStaticShape() || failed(result))
      return;
    if (!hasExtents(type)) {
      result = emitError(value.getLoc(), "expected every axis to be static or to have a name and a maximum, got ")
               << type;
      return;
    }
    for (const Extent &extent : getExtents(type)) {
      if (!extent.isBounded())
        continue;
      auto [place, isNew] = names.insert({extent.name, extent.size});
      if (!isNew && place->second != extent.size)
        result = emitError(value.getLoc(), "expected one maximum for '")
                 << extent.name.getValue() << "', got " << place->second << " and " << extent.size
                 << "; give one of the dimensions another name";
    }
  });
  if (failed(result))
    return failure();
  return names;
}

int64_t moru::graph::getMinimumLength(func::FuncOp function, StringAttr name) {
  int64_t minimum = 0;
  auto require = [&](Value operand, int64_t axis, int64_t count) {
    if (getExtent(cast<RankedTensorType>(operand.getType()), axis).name == name)
      minimum = std::max(minimum, count);
  };
  function.walk([&](Operation *op) {
    if (auto argmax = dyn_cast<ArgmaxOp>(op))
      require(argmax.getOperand(), argmax.getAxis(), 1);
    if (auto top = dyn_cast<TopKOp>(op))
      require(top.getOperand(), cast<RankedTensorType>(top.getOperand().getType()).getRank() - 1, top.getK());
  });
  return minimum;
}

static RankedTensorType withExtents(RankedTensorType type, const DimNames &sizes) {
  SmallVector<Extent> extents = getExtents(type);
  for (Extent &extent : extents)
    if (extent.isBounded())
      extent = sizes.lookup(extent.name);
  return getTensorType(extents, type.getElementType());
}

static Type withExtents(Type type, const DimNames &sizes) {
  return moru::graph::isBounded(type) ? withExtents(cast<RankedTensorType>(type), sizes) : type;
}

/// The sizes that operations name beside those of types.
static void setAttributeExtents(Operation *op, const DimNames &sizes) {
  if (auto scan = dyn_cast<ScanOp>(op); scan && scan.getSteps().isBounded()) {
    scan.setLength(sizes.lookup(scan.getSteps().name));
    scan.removeLengthNameAttr();
    return;
  }
  auto replaced = [&](ArrayRef<int64_t> old, Value result) {
    SmallVector<int64_t> replaced(old);
    for (auto [size, extent] : llvm::zip_equal(replaced, getExtents(cast<RankedTensorType>(result.getType()))))
      if (extent.isBounded())
        size = sizes.lookup(extent.name);
    return replaced;
  };
  if (auto slice = dyn_cast<SliceOp>(op))
    slice.setLimits(replaced(slice.getLimits(), slice.getResult()));
  else if (auto slice = dyn_cast<DynamicSliceOp>(op))
    slice.setSizes(replaced(slice.getSizes(), slice.getResult()));
}

/// Composites of random numbers become what they are made of.
static void decomposeRandom(func::FuncOp function) {
  SmallVector<DecomposableOpInterface> composites;
  function.walk([&](DecomposableOpInterface op) {
    if (isa<RandomNormalOp, DropoutOp>(op.getOperation()) && moru::graph::isBounded(op->getResult(0).getType()))
      composites.push_back(op);
  });
  for (DecomposableOpInterface op : composites) {
    OpBuilder builder(op);
    op->replaceAllUsesWith(op.decompose(builder));
    op->erase();
  }
}

/// A number's place among random numbers does not depend on the length: they are those of the maxima, cut.
static void cutRandom(RandomOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (!moru::graph::isBounded(type))
    return;
  OpBuilder builder(op->getBlock(), std::next(op->getIterator()));
  SmallVector<int64_t> zeros(type.getRank(), 0), ones(type.getRank(), 1);
  op.getResult().setType(getCapacityType(type));
  auto cut = SliceOp::create(builder, op.getLoc(), op.getResult(), zeros, getCapacity(type), ones);
  cut.getResult().setType(type);
  op.getResult().replaceAllUsesExcept(cut.getResult(), cut);
}

void moru::graph::setExtents(func::FuncOp function, const DimNames &sizes) {
  decomposeRandom(function);
  function.walk([](RandomOp op) { cutRandom(op); });
  // The attributes before the types: they are read beside them.
  function.walk([&](Operation *op) { setAttributeExtents(op, sizes); });
  forEachValue(function, [&](Value value) { value.setType(withExtents(value.getType(), sizes)); });
  auto replace = [&](Type type) { return withExtents(type, sizes); };
  FunctionType type = function.getFunctionType();
  function.setFunctionType(FunctionType::get(function.getContext(), llvm::map_to_vector(type.getInputs(), replace),
                                             llvm::map_to_vector(type.getResults(), replace)));
}

LogicalResult moru::graph::verifyStatic(func::FuncOp function) {
  Value bounded;
  forEachValue(function, [&](Value value) {
    if (!bounded && moru::graph::isBounded(value.getType()))
      bounded = value;
  });
  if (!bounded)
    return success();
  return emitError(bounded.getLoc(), "expected static shapes, got ")
         << bounded.getType() << "; run graph-pad-bounded before this pass";
}
