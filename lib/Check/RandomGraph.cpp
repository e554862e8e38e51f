//===- RandomGraph.cpp - well-typed random graphs -----------------------------===//
// Choosing values and shapes, and the function around the operations.
//===----------------------------------------------------------------------===//

#include "GraphMaker.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

using Sizes = GraphMaker::Sizes;
using Values = GraphMaker::Values;

//===----------------------------------------------------------------------===//
// Types and shapes
//===----------------------------------------------------------------------===//

int64_t GraphMaker::countOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

RankedTensorType GraphMaker::tensor(ArrayRef<int64_t> shape, Type element) {
  return RankedTensorType::get(shape, element);
}

Sizes GraphMaker::drawShape(int64_t maxRank) {
  Sizes shape(draws.below(maxRank + 1));
  int64_t count = 1;
  for (int64_t &size : shape) {
    size = draws.oneIn(8) ? 1 : drawSize();
    size = count * size > options.maxEntries ? 1 : size;
    count *= size;
  }
  return shape;
}

Sizes GraphMaker::drawPermutation(int64_t rank) {
  Sizes permutation(llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  for (int64_t i = rank - 1; i > 0; --i)
    std::swap(permutation[i], permutation[draws.below(i + 1)]);
  return permutation;
}

int64_t GraphMaker::drawAxis(Value value) {
  int64_t axis = draws.below(rankOf(value));
  return sizeOf(value, axis) == 1 ? draws.below(rankOf(value)) : axis;
}

Sizes GraphMaker::drawAxes(int64_t rank) {
  Sizes axes;
  for (int64_t axis = 0; axis != rank; ++axis)
    if (draws.oneIn(2))
      axes.push_back(axis);
  if (axes.empty() && rank != 0 && !draws.oneIn(10))
    axes.push_back(draws.below(rank));
  return axes;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value GraphMaker::pick(llvm::function_ref<bool(Value)> accepts) {
  Values candidates = llvm::filter_to_vector(scope, accepts);
  if (candidates.empty())
    return {};
  size_t first = draws.oneIn(2) ? candidates.size() - std::min<size_t>(candidates.size(), 4) : 0;
  return candidates[draws.between(first, candidates.size() - 1)];
}

Value GraphMaker::pick(Type element, int64_t minRank) {
  return pick([&](Value value) { return elementOf(value) == element && rankOf(value) >= minRank; });
}
Value GraphMaker::pickFloat(int64_t minRank) {
  return pick([&](Value value) { return isFloat(value) && rankOf(value) >= minRank; });
}
Value GraphMaker::pickInteger(int64_t minRank) {
  return pick(
      [&](Value value) { return !isFloat(value) && elementOf(value) != boolType() && rankOf(value) >= minRank; });
}
Value GraphMaker::pickBool() { return pick(boolType()); }
Value GraphMaker::pickNumber(int64_t minRank) { return draws.oneIn(6) ? pickInteger(minRank) : pickFloat(minRank); }
Value GraphMaker::pickAny(int64_t minRank) {
  return draws.oneIn(6) ? pick([&](Value value) { return !isFloat(value) && rankOf(value) >= minRank; })
                        : pickFloat(minRank);
}

/// Every entry of its own.
static Value createEntries(GraphMaker &maker, RankedTensorType type) {
  SmallVector<Attribute> numbers;
  Type element = type.getElementType();
  for (int64_t i = 0; i != type.getNumElements(); ++i)
    if (isa<FloatType>(element))
      numbers.push_back(maker.builder.getFloatAttr(element, static_cast<double>(maker.draws.between(-8, 8)) / 8));
    else
      numbers.push_back(maker.builder.getIntegerAttr(element, maker.draws.between(-1, 4)));
  return maker.create<graph::ConstantOp>(DenseElementsAttr::get(type, numbers));
}

Value GraphMaker::constant(ArrayRef<int64_t> shape, Type element) {
  RankedTensorType type = tensor(shape, element);
  if (element == boolType()) {
    Value a = constant(shape, builder.getI32Type()), b = constant(shape, builder.getI32Type());
    return create<graph::CompareOp>(type, static_cast<graph::Direction>(draws.below(6)), a, b);
  }
  bool isFloatType = isa<FloatType>(element);
  if (draws.oneIn(2) || shape.empty() || type.getNumElements() == 0)
    return graph::createSplat(builder, loc, type, static_cast<double>(draws.between(-2, 2)) * (isFloatType ? 0.5 : 1));
  if (draws.oneIn(2) || type.getNumElements() > 64) {
    Value iota = create<graph::IotaOp>(type, draws.below(shape.size()));
    return isFloatType ? create<graph::TanhOp>(iota) : iota;
  }
  return createEntries(*this, type);
}

/// `value` under `shape`, if broadcasting can do it; null otherwise.
Value GraphMaker::broadcast(Value value, ArrayRef<int64_t> shape) {
  size_t next = 0;
  Sizes axes;
  for (int64_t size : shapeOf(value)) {
    while (next < shape.size() && size != 1 && shape[next] != size)
      ++next;
    if (next == shape.size())
      return {};
    axes.push_back(next++);
  }
  return create<graph::BroadcastOp>(tensor(shape, elementOf(value)), value, axes);
}

/// A part of `value` of that shape, if it is large enough.
Value GraphMaker::cutOut(Value value, ArrayRef<int64_t> shape) {
  if (rankOf(value) != static_cast<int64_t>(shape.size()) || typeOf(value).getShape() == shape)
    return {};
  Sizes starts, limits, strides(shape.size(), 1);
  for (auto [size, wanted] : llvm::zip(shapeOf(value), shape)) {
    if (size < wanted)
      return {};
    starts.push_back(draws.between(0, size - wanted));
    limits.push_back(starts.back() + wanted);
  }
  return create<graph::SliceOp>(value, starts, limits, strides);
}

Value GraphMaker::fresh(ArrayRef<int64_t> shape, Type element) {
  Block &entry = function.getBody().front();
  if (entry.getNumArguments() >= kMaxArguments || draws.oneIn(5))
    return constant(shape, element);
  return entry.addArgument(tensor(shape, element), loc);
}

/// Something of `shape` made of a value of another one; null where none fits.
Value GraphMaker::derive(ArrayRef<int64_t> shape, Type element) {
  for (int attempt = 0; attempt != 4; ++attempt) {
    Value value = pick(element);
    if (!value)
      break;
    if (countOf(shapeOf(value)) == countOf(shape) && typeOf(value).getShape() != shape)
      return create<graph::ReshapeOp>(tensor(shape, element), value);
    if (typeOf(value).getShape() != shape)
      if (Value result = broadcast(value, shape))
        return result;
    if (Value result = cutOut(value, shape))
      return result;
  }
  return {};
}

Value GraphMaker::ofShape(ArrayRef<int64_t> shape, Type element, Value other) {
  bool takesOther = draws.oneIn(10);
  Values same = llvm::filter_to_vector(scope, [&](Value value) {
    return elementOf(value) == element && typeOf(value).getShape() == shape && (takesOther || value != other);
  });
  if (!same.empty() && !draws.oneIn(5))
    return same[draws.below(same.size())];
  Value derived = draws.oneIn(2) ? derive(shape, element) : Value();
  return derived ? derived : fresh(shape, element);
}

Value GraphMaker::detached(Value value) { return isDifferentiable() ? create<graph::StopGradientOp>(value) : value; }

Value GraphMaker::positive(Value x) {
  if (options.wild)
    return x;
  Value square = draws.oneIn(2) ? create<graph::AbsOp>(x) : create<graph::MulOp>(x, x);
  return create<graph::AddOp>(square, splat(x, 1));
}
Value GraphMaker::bounded(Value x) { return options.wild ? x : create<graph::TanhOp>(x); }

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A row of the table, by weight.
static const GeneratedOperation &drawOperation(Draws &draws) {
  int64_t total = 0;
  for (const GeneratedOperation &operation : operationTable())
    total += operation.weight;
  int64_t ticket = draws.below(total);
  for (const GeneratedOperation &operation : operationTable())
    if ((ticket -= operation.weight) < 0)
      return operation;
  llvm_unreachable("the weights add up");
}

void GraphMaker::addOperations(int64_t count) {
  for (; count > 0; --count)
    if (Value value = drawOperation(draws).make(*this))
      llvm::append_range(scope, value.getDefiningOp()->getResults());
}

void GraphMaker::inBlock(Block &block, llvm::function_ref<void(size_t numOuter)> make) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&block);
  Values inner;
  for (Value value : scope)
    if (draws.oneIn(3))
      inner.push_back(value);
  size_t numOuter = inner.size();
  llvm::append_range(inner, block.getArguments());
  std::swap(scope, inner);
  ++depth;
  make(numOuter);
  --depth;
  std::swap(scope, inner);
}

SmallVector<StringRef> check::generatedOperations(int64_t minWeight) {
  SmallVector<StringRef> names;
  for (const GeneratedOperation &operation : operationTable())
    if (operation.weight >= minWeight)
      names.push_back(operation.name);
  return names;
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

/// A weight for each entry, by its place along every axis: the cosine of a whole number, which bf16 holds.
static Value createWeights(GraphMaker &maker, Value value) {
  Value angle = maker.splat(value, 2);
  for (int64_t axis = 0; axis != GraphMaker::rankOf(value); ++axis) {
    Value place = maker.create<graph::IotaOp>(GraphMaker::typeOf(value), axis);
    Value twice = axis == 0 ? Value() : maker.create<graph::AddOp>(angle, angle);
    angle = axis == 0 ? place : maker.create<graph::AddOp>(twice, place);
  }
  return maker.create<graph::CosOp>(angle);
}

/// A weighted sum of all entries of all floating-point values; null if there are none.
Value GraphMaker::addLoss(ValueRange values) {
  Value loss;
  for (Value value : values) {
    if (!isFloat(value))
      continue;
    Value sum = create<graph::ReduceSumOp>(create<graph::MulOp>(value, createWeights(*this, value)),
                                           llvm::to_vector(llvm::seq<int64_t>(0, rankOf(value))));
    if (elementOf(sum) != options.floatTypes.front())
      sum = create<graph::ConvertOp>(tensor({}, options.floatTypes.front()), sum);
    loss = loss ? create<graph::AddOp>(loss, sum) : sum;
  }
  return loss;
}

/// The gradients of a loss of `results` with respect to the arguments, of a loss of these, and so on; then the loss.
Values GraphMaker::differentiate(Values results) {
  Values targets;
  for (Value argument : function.getArguments())
    if (isFloat(argument))
      targets.push_back(argument);
  for (int64_t order = 0; order != options.gradients; ++order) {
    Value loss = addLoss(results);
    if (!loss)
      return results;
    auto gradient = graph::GradientOp::create(builder, loc, ValueRange(targets).getTypes(), loss, targets);
    results.assign(gradient.getResults().begin(), gradient.getResults().end());
    if (order + 1 == options.gradients)
      results.push_back(loss);
  }
  return results;
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

GraphMaker::GraphMaker(ModuleOp module, StringRef name, const RandomGraphOptions &options)
    : options(options), draws(options.seed), builder(module.getContext()), loc(builder.getUnknownLoc()) {
  if (this->options.floatTypes.empty())
    this->options.floatTypes.push_back(builder.getF32Type());
  function = func::FuncOp::create(loc, name, builder.getFunctionType({}, {}));
  module.push_back(function);
  builder.setInsertionPointToStart(function.addEntryBlock());
}

void GraphMaker::addArguments() {
  for (int64_t n = 0; n != 3; ++n)
    sizes.push_back(draws.between(2, n == 0 ? options.maxAxis : 6));
  if (options.emptyAxes)
    sizes.push_back(0);
  SmallVector<Type> types;
  for (int64_t n = draws.between(1, 4); n > 0; --n)
    types.push_back(tensor(drawShape(), drawFloatType()));
  for (int64_t n = draws.below(3); n > 0; --n)
    types.push_back(tensor(drawShape(2), drawIntegerType()));
  if (draws.oneIn(6))
    types.push_back(tensor(drawShape(2), boolType()));
  for (Type type : types)
    scope.push_back(function.getBody().front().addArgument(type, loc));
}

bool check::isHidden(Value value) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (isa<graph::StopGradientOp>(user))
      return isHidden(user->getResult(0));
    bool isCut = isa<graph::ConvertOp>(user) && !GraphMaker::isFloat(user->getResult(0));
    bool isEmpty = user->getNumResults() != 0 && llvm::all_of(user->getResults(), [](Value result) {
                     return GraphMaker::typeOf(result).getNumElements() == 0;
                   });
    return isCut || isEmpty ||
           isa<graph::CompareOp, graph::ArgmaxOp, graph::TopKOp, graph::ReduceMaxOp, graph::ReduceMinOp>(user);
  });
}

/// What takes the place of arguments, then other results: recent values, half of those that nobody reads, and most of
/// those of which little would show.
Values GraphMaker::drawResults(SmallVector<int64_t> &donated) {
  Values results;
  for (BlockArgument argument : llvm::to_vector(function.getArguments())) {
    if (!options.donated || draws.oneIn(2))
      continue;
    Value result = like(argument);
    bool isNumber = elementOf(argument) != boolType();
    results.push_back(isNumber && draws.oneIn(2) ? create<graph::SubOp>(argument, result) : result);
    donated.push_back(argument.getArgNumber());
  }
  Values last(scope.end() - std::min<size_t>(scope.size(), 8), scope.end());
  Values plain;
  for (int64_t n = draws.between(1, 4); n > 0; --n)
    plain.push_back(draws.oneIn(4) ? scope[draws.below(scope.size())] : last[draws.below(last.size())]);
  for (Value value : scope)
    if (isHidden(value) && !llvm::is_contained(plain, value) && draws.below(8) < (value.use_empty() ? 4 : 7))
      plain.push_back(value);
  llvm::append_range(results, differentiate(std::move(plain)));
  return results;
}

func::FuncOp GraphMaker::make() {
  addArguments();
  addOperations(options.size);
  SmallVector<int64_t> donated;
  Values results = drawResults(donated);
  func::ReturnOp::create(builder, loc, results);
  TypeRange argumentTypes = function.getBody().front().getArgumentTypes();
  function.setType(builder.getFunctionType(argumentTypes, ValueRange(results).getTypes()));
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    bool isState = llvm::is_contained(donated, index), isFree = !isState && draws.oneIn(3);
    function.setArgAttr(index, graph::GraphDialect::kNameAttr,
                        builder.getStringAttr(function.getName() + "_a" + Twine(index)));
    function.setArgAttr(index, graph::GraphDialect::kRoleAttr,
                        builder.getStringAttr(isState  ? graph::GraphDialect::kStateRole
                                              : isFree ? graph::GraphDialect::kParameterRole
                                                       : graph::GraphDialect::kInputRole));
  }
  for (unsigned index = 0; index != function.getNumResults(); ++index)
    function.setResultAttr(index, graph::GraphDialect::kNameAttr,
                           builder.getStringAttr(function.getName() + "_r" + Twine(index)));
  for (auto [result, argument] : llvm::enumerate(donated))
    function.setResultAttr(result, graph::GraphDialect::kDonatedAttr, builder.getI64IntegerAttr(argument));
  return function;
}

func::FuncOp check::addRandomFunction(ModuleOp module, StringRef name, const RandomGraphOptions &options) {
  return GraphMaker(module, name, options).make();
}

RandomGraphOptions check::drawGraphOptions(MLIRContext *context, uint64_t seed) {
  // Another stream than that of the graph itself.
  Draws draws(~seed);
  Builder builder(context);
  RandomGraphOptions options;
  options.seed = seed;
  options.size = draws.between(2, 24);
  options.gradients = draws.oneIn(2) ? draws.between(1, draws.oneIn(4) ? 2 : 1) : 0;
  if (options.gradients > 0)
    options.size = draws.between(2, 12);
  Type types[] = {builder.getF32Type(), builder.getF32Type(), builder.getF64Type(), builder.getBF16Type()};
  options.floatTypes = {types[draws.below(4)]};
  if (draws.oneIn(4))
    options.floatTypes.push_back(types[draws.below(4)]);
  options.wideIntegers = draws.oneIn(3);
  options.wild = draws.oneIn(8);
  options.emptyAxes = draws.oneIn(12);
  if (draws.oneIn(4)) {
    // Beyond two vectors of AVX-512, with every remainder.
    options.maxAxis = 70;
    options.maxEntries = 8192;
  }
  return options;
}
