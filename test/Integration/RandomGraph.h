//===- RandomGraph.h - well-typed random graphs ------------------*- C++ -*-===//
// A function of the graph dialect from a seed and a size: every operation on operands that it accepts, drawn from what
// was computed before. The same seed gives the same program; with a smaller size, a program with fewer operations.
//===----------------------------------------------------------------------===//

#ifndef MORU_TEST_INTEGRATION_RANDOMGRAPH_H
#define MORU_TEST_INTEGRATION_RANDOMGRAPH_H

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Support/Philox.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"

namespace moru::test {

/// Random decisions: one counter-based stream per seed.
class Draws {
public:
  explicit Draws(uint64_t seed) : seed(seed) {}
  /// In [0, bound).
  int64_t below(int64_t bound) { return philoxBits(seed, 0, 0, count++) % bound; }
  /// In [low, high].
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool oneIn(int64_t n) { return below(n) == 0; }

private:
  uint64_t seed, count = 0;
};

/// What a graph may hold.
struct RandomGraphOptions {
  uint64_t seed = 0;
  /// Operations at the top, before those that make shapes fit.
  int64_t size = 10;
  mlir::Type floatType;
  /// Only what a gradient can be taken through: indices and truth values come from integer arguments.
  bool differentiable = false;
  /// Results that replace arguments.
  bool donated = true;
  /// Axes have between 2 and this many entries, tensors at most `maxEntries`: small ones are fast and find what is
  /// wrong in the structure, large ones fill vectors and tiles.
  int64_t maxAxis = 6, maxEntries = 240;
};

class RandomGraph {
public:
  RandomGraph(mlir::ModuleOp module, const RandomGraphOptions &options)
      : options(options), draws(options.seed), builder(module.getContext()), loc(builder.getUnknownLoc()),
        floatType(options.floatType), intType(builder.getI32Type()), boolType(builder.getI1Type()) {
    function = build(module);
  }

  mlir::func::FuncOp getFunction() { return function; }

private:
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Shape = llvm::SmallVector<int64_t>;
  using Values = llvm::SmallVector<Value>;

  static constexpr int64_t kMaxRank = 4;
  static constexpr int64_t kMaxDepth = 2;

  static mlir::RankedTensorType typeOf(Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
  static Shape shapeOf(Value value) { return Shape(typeOf(value).getShape()); }
  static int64_t rankOf(Value value) { return typeOf(value).getRank(); }
  static Type elementOf(Value value) { return typeOf(value).getElementType(); }
  static int64_t countOf(llvm::ArrayRef<int64_t> shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count;
  }
  bool fits(llvm::ArrayRef<int64_t> shape) const {
    return static_cast<int64_t>(shape.size()) <= kMaxRank && countOf(shape) <= options.maxEntries;
  }
  static mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape, Type element) {
    return mlir::RankedTensorType::get(shape, element);
  }
  bool isFloat(Value value) const { return elementOf(value) == floatType; }

  //===--------------------------------------------------------------------===//
  // Choosing
  //===--------------------------------------------------------------------===//

  /// One of the few sizes of this graph, so that shapes meet again.
  int64_t drawSize() { return sizes[draws.below(sizes.size())]; }

  Shape drawShape(int64_t maxRank = 3) {
    Shape shape(draws.below(maxRank + 1));
    for (int64_t &size : shape)
      size = draws.oneIn(8) ? 1 : drawSize();
    return shape;
  }

  /// A value of `scope` with that element type, recent ones more often; null if there is none.
  Value pick(const Values &scope, Type element, int64_t minRank = 0) {
    Values candidates;
    for (Value value : scope)
      if (elementOf(value) == element && rankOf(value) >= minRank)
        candidates.push_back(value);
    if (candidates.empty())
      return {};
    size_t first = draws.oneIn(2) ? candidates.size() - std::min<size_t>(candidates.size(), 4) : 0;
    return candidates[draws.between(first, candidates.size() - 1)];
  }

  Value constant(llvm::ArrayRef<int64_t> shape, Type element) {
    mlir::RankedTensorType type = tensor(shape, element);
    if (element == boolType)
      return compare(constant(shape, intType), constant(shape, intType));
    if (draws.oneIn(2) || shape.empty())
      return graph::createSplat(builder, loc, type, draws.between(-2, 2) * (element == intType ? 1 : 0.5));
    if (draws.oneIn(2)) {
      Value iota = graph::IotaOp::create(builder, loc, type, draws.below(shape.size()));
      return element == intType ? iota : graph::TanhOp::create(builder, loc, iota).getResult();
    }
    if (element == intType) {
      llvm::SmallVector<int32_t> numbers;
      for (int64_t i = 0; i != countOf(shape); ++i)
        numbers.push_back(draws.between(-1, 4));
      return graph::ConstantOp::create(builder, loc,
                                       mlir::DenseElementsAttr::get(type, llvm::ArrayRef<int32_t>(numbers)));
    }
    llvm::SmallVector<mlir::Attribute> numbers;
    for (int64_t i = 0; i != countOf(shape); ++i)
      numbers.push_back(builder.getFloatAttr(element, draws.between(-8, 8) / 8.0));
    return graph::ConstantOp::create(builder, loc, mlir::DenseElementsAttr::get(type, numbers));
  }

  Value compare(Value a, Value b) {
    auto direction = static_cast<graph::Direction>(draws.below(6));
    return graph::CompareOp::create(builder, loc, typeOf(a).clone(boolType), direction, a, b);
  }

  /// `value` under `shape`, if broadcasting can do it; null otherwise.
  Value broadcast(Value value, llvm::ArrayRef<int64_t> shape) {
    int64_t next = 0;
    Shape axes;
    for (int64_t size : shapeOf(value)) {
      while (next < static_cast<int64_t>(shape.size()) && size != 1 && shape[next] != size)
        ++next;
      if (next == static_cast<int64_t>(shape.size()))
        return {};
      axes.push_back(next++);
    }
    return graph::BroadcastOp::create(builder, loc, tensor(shape, elementOf(value)), value, axes);
  }

  /// Something of `shape`, from the scope where possible.
  Value ofShape(const Values &scope, llvm::ArrayRef<int64_t> shape, Type element) {
    Values same;
    for (Value value : scope)
      if (elementOf(value) == element && shapeOf(value) == Shape(shape))
        same.push_back(value);
    if (!same.empty() && !draws.oneIn(5))
      return same[draws.below(same.size())];
    for (int attempt = 0; attempt != 4; ++attempt) {
      Value value = pick(scope, element);
      if (!value)
        break;
      if (countOf(shapeOf(value)) == countOf(shape) && shapeOf(value) != Shape(shape))
        return graph::ReshapeOp::create(builder, loc, tensor(shape, element), value);
      if (shapeOf(value) != Shape(shape))
        if (Value result = broadcast(value, shape))
          return result;
      if (Value result = cutOut(value, shape))
        return result;
    }
    return constant(shape, element);
  }

  /// A part of `value` of that shape, if it is large enough.
  Value cutOut(Value value, llvm::ArrayRef<int64_t> shape) {
    if (rankOf(value) != static_cast<int64_t>(shape.size()) || shapeOf(value) == Shape(shape))
      return {};
    Shape starts, limits, strides(shape.size(), 1);
    for (auto [size, wanted] : llvm::zip(shapeOf(value), shape)) {
      if (size < wanted)
        return {};
      starts.push_back(draws.between(0, size - wanted));
      limits.push_back(starts.back() + wanted);
    }
    return graph::SliceOp::create(builder, loc, value, starts, limits, strides);
  }

  //===--------------------------------------------------------------------===//
  // Operations
  //===--------------------------------------------------------------------===//

  template <typename Op> Value unary(Value value) { return Op::create(builder, loc, value); }
  template <typename Op> Value binary(Value a, Value b) { return Op::create(builder, loc, a, b); }
  Value one(Value like) { return graph::createSplat(builder, loc, typeOf(like), 1); }

  /// Functions with poles and growth get operands that stay clear of them.
  Value addUnary(Value x) {
    switch (draws.below(13)) {
    case 0:
      return unary<graph::NegOp>(x);
    case 1:
      return unary<graph::AbsOp>(x);
    case 2:
      return unary<graph::ExpOp>(unary<graph::TanhOp>(x));
    case 3:
      return unary<graph::LogOp>(binary<graph::AddOp>(unary<graph::AbsOp>(x), one(x)));
    case 4:
    case 5:
      return unary<graph::TanhOp>(x);
    case 6:
    case 7:
      return unary<graph::SigmoidOp>(x);
    case 8:
      return unary<graph::SqrtOp>(binary<graph::AddOp>(unary<graph::MulOp>(x, x), one(x)));
    case 9:
      return unary<graph::RsqrtOp>(binary<graph::AddOp>(unary<graph::MulOp>(x, x), one(x)));
    case 10:
      return unary<graph::SinOp>(x);
    case 11:
      return unary<graph::CosOp>(x);
    default:
      return binary<graph::PowOp>(binary<graph::AddOp>(unary<graph::AbsOp>(x), one(x)), unary<graph::TanhOp>(x));
    }
  }
  template <typename Op> Value unary(Value a, Value b) { return Op::create(builder, loc, a, b); }

  Value addBinary(Value x, Value y) {
    switch (draws.below(8)) {
    case 0:
    case 1:
      return binary<graph::AddOp>(x, y);
    case 2:
      return binary<graph::SubOp>(x, y);
    case 3:
    case 4:
      return binary<graph::MulOp>(x, isFloat(y) && draws.oneIn(2) ? unary<graph::TanhOp>(y) : y);
    case 5:
      return binary<graph::MaximumOp>(x, y);
    case 6:
      return binary<graph::MinimumOp>(x, y);
    default:
      return binary<graph::DivOp>(x, binary<graph::AddOp>(unary<graph::AbsOp>(y), one(y)));
    }
  }

  Value addBroadcast(Value x) {
    Shape shape, axes;
    for (int64_t size : shapeOf(x)) {
      if (draws.oneIn(3))
        shape.push_back(draws.between(1, 4));
      axes.push_back(shape.size());
      shape.push_back(size == 1 && draws.oneIn(2) ? draws.between(2, 4) : size);
    }
    if (draws.oneIn(2))
      shape.push_back(draws.between(1, 4));
    return fits(shape) ? graph::BroadcastOp::create(builder, loc, tensor(shape, elementOf(x)), x, axes) : Value();
  }

  Value addReshape(Value x) {
    int64_t count = typeOf(x).getNumElements();
    Shape shape;
    while (count != 1 && static_cast<int64_t>(shape.size()) + 1 < kMaxRank) {
      int64_t size = draws.between(2, count);
      for (; count % size != 0;)
        size = size % count + 1;
      shape.push_back(size);
      count /= size;
      if (draws.oneIn(6) && static_cast<int64_t>(shape.size()) + 1 < kMaxRank)
        shape.push_back(1);
    }
    if (count != 1)
      shape.push_back(count);
    if (draws.oneIn(2))
      std::reverse(shape.begin(), shape.end());
    return graph::ReshapeOp::create(builder, loc, tensor(shape, elementOf(x)), x);
  }

  Shape drawPermutation(int64_t rank) {
    Shape permutation(llvm::to_vector(llvm::seq<int64_t>(0, rank)));
    for (int64_t i = rank - 1; i > 0; --i)
      std::swap(permutation[i], permutation[draws.below(i + 1)]);
    return permutation;
  }

  Value addSlice(Value x) {
    Shape starts, limits, strides;
    for (int64_t size : shapeOf(x)) {
      starts.push_back(draws.oneIn(2) ? 0 : draws.below(size));
      limits.push_back(draws.oneIn(2) ? size : draws.between(starts.back() + 1, size));
      strides.push_back(draws.oneIn(4) ? draws.between(2, 3) : 1);
    }
    return graph::SliceOp::create(builder, loc, x, starts, limits, strides);
  }

  Value addPad(Value x) {
    Shape low, high, interior, shape;
    for (int64_t size : shapeOf(x)) {
      low.push_back(draws.oneIn(2) ? draws.below(3) : 0);
      high.push_back(draws.oneIn(2) ? draws.below(3) : 0);
      interior.push_back(draws.oneIn(4) ? 1 : 0);
      shape.push_back(low.back() + high.back() + size + (size - 1) * interior.back());
    }
    return fits(shape) ? graph::PadOp::create(builder, loc, x, low, high, interior).getResult() : Value();
  }

  Value addConcat(const Values &scope, Value x) {
    int64_t axis = draws.below(rankOf(x));
    Values operands{x};
    Shape shape = shapeOf(x);
    for (int64_t n = draws.below(3); n > 0; --n) {
      Shape part = shapeOf(x);
      part[axis] = draws.oneIn(2) ? part[axis] : draws.between(1, 3);
      operands.insert(operands.begin() + draws.below(operands.size() + 1), ofShape(scope, part, elementOf(x)));
      shape[axis] += part[axis];
    }
    return fits(shape) ? graph::ConcatOp::create(builder, loc, operands, axis).getResult() : Value();
  }

  /// Axes of equal sizes are contracted, run together or both stay.
  Value addContract(Value x, Value y) {
    Shape lhsOver, rhsOver, lhsBatch, rhsBatch;
    llvm::SmallVector<bool> used(rankOf(y), false);
    for (int64_t axis : drawPermutation(rankOf(x))) {
      if (draws.oneIn(4))
        continue;
      for (int64_t other : drawPermutation(rankOf(y))) {
        if (used[other] || typeOf(x).getDimSize(axis) != typeOf(y).getDimSize(other))
          continue;
        used[other] = true;
        bool isBatch = draws.oneIn(4);
        (isBatch ? lhsBatch : lhsOver).push_back(axis);
        (isBatch ? rhsBatch : rhsOver).push_back(other);
        break;
      }
    }
    Shape shape;
    for (int64_t axis : lhsBatch)
      shape.push_back(typeOf(x).getDimSize(axis));
    for (int64_t axis = 0; axis != rankOf(x); ++axis)
      if (!llvm::is_contained(lhsOver, axis) && !llvm::is_contained(lhsBatch, axis))
        shape.push_back(typeOf(x).getDimSize(axis));
    for (int64_t axis = 0; axis != rankOf(y); ++axis)
      if (!used[axis])
        shape.push_back(typeOf(y).getDimSize(axis));
    if (!fits(shape))
      return {};
    return graph::ContractOp::create(builder, loc, x, y, lhsOver, rhsOver, lhsBatch, rhsBatch);
  }

  /// One axis of `x` against a matrix, as in most models.
  Value addProduct(const Values &scope, Value x) {
    int64_t axis = draws.below(rankOf(x)), other = draws.below(2);
    Shape shape = shapeOf(x), weight{shape[axis], drawSize()};
    shape.erase(shape.begin() + axis);
    shape.push_back(weight.back());
    if (!fits(shape))
      return {};
    if (other == 1)
      std::swap(weight.front(), weight.back());
    Value y = ofShape(scope, weight, floatType);
    if (shape.size() > 1 && draws.oneIn(4))
      return graph::ContractOp::create(builder, loc, y, x, Shape{other}, Shape{axis}, Shape{}, Shape{});
    return graph::ContractOp::create(builder, loc, x, y, Shape{axis}, Shape{other}, Shape{}, Shape{});
  }

  Shape drawAxes(int64_t rank) {
    Shape axes;
    for (int64_t axis = 0; axis != rank; ++axis)
      if (draws.oneIn(2))
        axes.push_back(axis);
    if (axes.empty() && rank != 0 && !draws.oneIn(10))
      axes.push_back(draws.below(rank));
    return axes;
  }

  Value addReduction(Value x) {
    Shape axes = drawAxes(rankOf(x));
    if (draws.oneIn(3))
      return graph::ReduceMaxOp::create(builder, loc, x, axes);
    return graph::ReduceSumOp::create(builder, loc, x, axes);
  }

  Value addScatter(const Values &scope, Value ids) {
    Shape row = drawShape(kMaxRank - rankOf(ids) - 1 < 0 ? 0 : 1), updates = shapeOf(ids);
    llvm::append_range(updates, row);
    if (!fits(updates))
      return {};
    Value values = ofShape(scope, updates, floatType);
    row.insert(row.begin(), draws.between(1, 5));
    return graph::ScatterAddOp::create(builder, loc, tensor(row, floatType), values, ids);
  }

  Value addGather(Value table, Value ids) {
    Shape shape = shapeOf(ids);
    llvm::append_range(shape, llvm::drop_begin(shapeOf(table)));
    return fits(shape) ? graph::GatherOp::create(builder, loc, table, ids).getResult() : Value();
  }

  Value addComposite(const Values &scope, Value x) {
    if (draws.oneIn(3)) {
      // Targets are classes, or what is ignored: anything else has no meaning.
      Shape shape = shapeOf(x);
      int64_t classes = shape.pop_back_val(), ignore = draws.between(-1, 1);
      mlir::RankedTensorType type = tensor(shape, intType);
      Value low = graph::createSplat(builder, loc, type, std::min<int64_t>(ignore, 0));
      Value high = graph::createSplat(builder, loc, type, classes - 1);
      Value targets = binary<graph::MaximumOp>(ofShape(scope, shape, intType), low);
      targets = binary<graph::MinimumOp>(targets, high);
      return graph::SoftmaxCrossEntropyOp::create(builder, loc, x, targets, ignore, llvm::APFloat(0.0));
    }
    int64_t axis = draws.below(rankOf(x));
    if (draws.oneIn(2))
      return graph::SoftmaxOp::create(builder, loc, x, axis);
    return graph::LogSoftmaxOp::create(builder, loc, x, axis);
  }

  /// A loop over some inputs, with some values carried, whose body is a random graph that may read what is around it.
  void addScan(Values &scope, int64_t depth) {
    Values inits, inputs;
    Shape inputAxes;
    int64_t length = draws.between(1, 4);
    for (int64_t n = draws.below(3); n > 0; --n)
      if (Value input = pick(scope, draws.oneIn(5) ? intType : floatType, 1)) {
        int64_t axis = draws.below(rankOf(input));
        if (inputs.empty())
          length = typeOf(input).getDimSize(axis);
        else if (typeOf(input).getDimSize(axis) != length)
          continue;
        inputs.push_back(input);
        inputAxes.push_back(axis);
      }
    for (int64_t n = draws.below(4); n > 0; --n) {
      Type element = draws.oneIn(6) ? intType : floatType;
      if (draws.oneIn(3))
        inits.push_back(constant(drawShape(2), element));
      else if (Value init = pick(scope, element))
        inits.push_back(init);
    }
    bool reverse = draws.oneIn(2);

    // The body first, in a block of its own: the types of the outputs follow from it.
    auto body = std::make_unique<mlir::Block>();
    Values inner;
    for (Value value : scope)
      if (draws.oneIn(3))
        inner.push_back(value);
    size_t numOuter = inner.size();
    for (Value init : inits)
      inner.push_back(body->addArgument(init.getType(), loc));
    for (auto [input, axis] : llvm::zip(inputs, inputAxes)) {
      Shape shape = shapeOf(input);
      shape.erase(shape.begin() + axis);
      inner.push_back(body->addArgument(tensor(shape, elementOf(input)), loc));
    }
    Values carries, outputs;
    Shape outputAxes;
    {
      mlir::OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(body.get());
      addOperations(inner, draws.between(1, 6), depth + 1);
      for (Value init : inits)
        carries.push_back(ofShape(inner, shapeOf(init), elementOf(init)));
      Values wanted;
      for (int64_t n = draws.below(3); n > 0; --n) {
        Values candidates(inner.begin() + (draws.oneIn(8) ? 0 : numOuter), inner.end());
        llvm::append_range(candidates, carries);
        llvm::append_range(candidates, carries);
        if (!candidates.empty())
          wanted.push_back(candidates[draws.below(candidates.size())]);
      }
      // What nobody reads is dead: half of it goes out.
      for (Value value : Values(inner.begin() + numOuter, inner.end()))
        if (value.use_empty() && !llvm::is_contained(carries, value) && draws.oneIn(2))
          wanted.push_back(value);
      for (Value output : wanted) {
        if (typeOf(output).getNumElements() * length > options.maxEntries || rankOf(output) == kMaxRank ||
            (options.differentiable && !isFloat(output)))
          continue;
        outputs.push_back(output);
        outputAxes.push_back(draws.below(rankOf(output) + 1));
      }
      graph::YieldOp::create(builder, loc, carries, outputs);
    }
    if (carries.empty() && outputs.empty()) {
      body->dropAllReferences();
      return;
    }
    auto scan = graph::ScanOp::create(builder, loc, inits, inputs, length, inputAxes, outputAxes, reverse,
                                      mlir::ValueRange(outputs).getTypes());
    mlir::Block *old = scan.getBodyBlock();
    scan.getBody().push_back(body.release());
    old->erase();
    llvm::append_range(scope, scan.getResults());
  }

  /// Fills `block` with a random graph of its own scope and ends it with values of `types`, as outputs or carries.
  void fillRegion(mlir::Block *block, const Values &outer, mlir::TypeRange types, bool asCarries, int64_t depth) {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(block);
    Values inner;
    for (Value value : outer)
      if (draws.oneIn(3))
        inner.push_back(value);
    llvm::append_range(inner, block->getArguments());
    addOperations(inner, draws.between(1, 4), depth + 1);
    Values results, none;
    for (Type type : types) {
      auto tensorType = mlir::cast<mlir::RankedTensorType>(type);
      results.push_back(ofShape(inner, Shape(tensorType.getShape()), tensorType.getElementType()));
    }
    graph::YieldOp::create(builder, loc, asCarries ? results : none, asCarries ? none : results);
  }

  llvm::SmallVector<Type> drawTypes() {
    llvm::SmallVector<Type> types;
    for (int64_t n = draws.between(1, 3); n > 0; --n)
      types.push_back(tensor(drawShape(2), !options.differentiable && draws.oneIn(6) ? intType : floatType));
    return types;
  }

  /// A branch on a truth value of the scope.
  void addCond(Values &scope, int64_t depth) {
    auto op = graph::CondOp::create(builder, loc, ofShape(scope, {}, boolType), drawTypes());
    fillRegion(op.getBranch(true), scope, op.getResultTypes(), false, depth);
    fillRegion(op.getBranch(false), scope, op.getResultTypes(), false, depth);
    llvm::append_range(scope, op.getResults());
  }

  void addRegion(Values &scope, int64_t depth) {
    int64_t kind = draws.below(3);
    if (kind == 0)
      addCheckpoint(scope, depth);
    else if (kind == 1 && !options.differentiable)
      addWhile(scope, depth);
    else
      addCond(scope, depth);
  }

  void addCheckpoint(Values &scope, int64_t depth) {
    auto op = graph::CheckpointOp::create(builder, loc, drawTypes());
    fillRegion(op.getBodyBlock(), scope, op.getResultTypes(), false, depth);
    llvm::append_range(scope, op.getResults());
  }

  /// A loop that counts to a number of up to 3, so that it ends, and may end before.
  void addWhile(Values &scope, int64_t depth) {
    Value counter = constant({}, intType);
    Values inits{graph::createSplat(builder, loc, typeOf(counter), 0)};
    for (Type type : drawTypes()) {
      auto tensorType = mlir::cast<mlir::RankedTensorType>(type);
      inits.push_back(ofShape(scope, Shape(tensorType.getShape()), tensorType.getElementType()));
    }
    auto op = graph::WhileOp::create(builder, loc, inits);
    {
      mlir::OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(op.getConditionBlock());
      Value limit = graph::createSplat(builder, loc, typeOf(counter), draws.below(4));
      Value goesOn = graph::CompareOp::create(builder, loc, tensor({}, boolType), graph::Direction::Lt,
                                              op.getConditionArgs()[0], limit);
      if (draws.oneIn(2)) {
        Values inner(op.getConditionArgs().begin(), op.getConditionArgs().end());
        goesOn = binary<graph::AndOp>(goesOn, ofShape(inner, {}, boolType));
      }
      graph::YieldOp::create(builder, loc, Values(), Values{goesOn});
    }
    fillRegion(op.getBodyBlock(), scope, op.getResultTypes(), true, depth);
    auto yield = op.getYield();
    builder.setInsertionPoint(yield);
    yield->setOperand(0, binary<graph::AddOp>(op.getBodyArgs()[0], one(counter)));
    builder.setInsertionPointAfter(op);
    llvm::append_range(scope, op.getResults());
  }

  Value addOperation(const Values &scope) {
    Value x = pick(scope, floatType);
    if (!x)
      return constant(drawShape(), floatType);
    int64_t rank = rankOf(x);
    switch (draws.below(36)) {
    default:
      return addUnary(x);
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
      return addBinary(x, ofShape(scope, shapeOf(x), floatType));
    case 11:
      return addBroadcast(x);
    case 12:
      return addReshape(x);
    case 13:
      return graph::TransposeOp::create(builder, loc, x, drawPermutation(rank));
    case 14:
      return addSlice(x);
    case 15:
      return addPad(x);
    case 16:
    case 17:
      return rank == 0 ? Value() : addConcat(scope, x);
    case 18:
      return addContract(x, pick(scope, floatType));
    case 19:
    case 20:
    case 32:
    case 33:
    case 34:
      return rank == 0 ? Value() : addProduct(scope, x);
    case 21:
    case 22:
    case 23:
      return addReduction(x);
    case 24: {
      Value ids = pick(scope, intType), table = pick(scope, floatType, 1);
      return ids && table ? addGather(table, ids) : Value();
    }
    case 25: {
      Value ids = pick(scope, intType);
      return ids ? addScatter(scope, ids) : Value();
    }
    case 26: {
      Value condition = ofShape(scope, shapeOf(x), boolType);
      return graph::SelectOp::create(builder, loc, condition, x, ofShape(scope, shapeOf(x), floatType));
    }
    case 27:
      return rank == 0 ? Value() : addComposite(scope, x);
    case 28: {
      Value number = pick(scope, draws.oneIn(2) ? intType : boolType);
      return number ? graph::ConvertOp::create(builder, loc, typeOf(number).clone(floatType), number) : Value();
    }
    case 29:
      return constant(drawShape(), draws.oneIn(3) ? intType : floatType);
    case 30:
    case 31:
      return addIndexOrBool(scope, x);
    }
  }

  Value addIndexOrBool(const Values &scope, Value x) {
    Value i = pick(scope, intType), b = pick(scope, boolType);
    switch (draws.below(9)) {
    case 0:
      if (!options.differentiable && rankOf(x) != 0)
        return graph::ArgmaxOp::create(builder, loc, x, draws.below(rankOf(x)));
      return {};
    case 1:
      if (!options.differentiable)
        return compare(x, ofShape(scope, shapeOf(x), floatType));
      return {};
    case 2:
      if (!options.differentiable)
        return graph::ConvertOp::create(builder, loc, typeOf(x).clone(intType), x);
      return {};
    case 3:
      return i ? compare(i, ofShape(scope, shapeOf(i), intType)) : Value();
    case 4:
      return i ? addBinary(i, ofShape(scope, shapeOf(i), intType)) : Value();
    case 5:
      return i ? addReduction(i) : Value();
    case 6:
      return b ? binary<graph::AndOp>(b, ofShape(scope, shapeOf(b), boolType)) : Value();
    case 7:
      return b ? unary<graph::NotOp>(b) : Value();
    default:
      return i && rankOf(i) != 0 ? addSlice(i) : Value();
    }
  }

  void addOperations(Values &scope, int64_t count, int64_t depth) {
    for (; count > 0; --count) {
      if (depth < kMaxDepth && draws.oneIn(8)) {
        addScan(scope, depth);
        continue;
      }
      if (depth < kMaxDepth && draws.oneIn(12)) {
        addRegion(scope, depth);
        continue;
      }
      if (Value value = addOperation(scope))
        scope.push_back(value);
    }
  }

  mlir::func::FuncOp build(mlir::ModuleOp module) {
    for (int64_t n = 0; n != 3; ++n)
      sizes.push_back(n == 0 ? draws.between(2, options.maxAxis) : draws.between(2, 6));
    llvm::SmallVector<Type> types;
    for (int64_t n = draws.between(1, 4); n > 0; --n)
      types.push_back(tensor(drawShape(), floatType));
    for (int64_t n = draws.below(3); n > 0; --n)
      types.push_back(tensor(drawShape(2), intType));
    auto name = options.differentiable ? "differentiable" : "random";
    auto made = mlir::func::FuncOp::create(loc, name, builder.getFunctionType(types, {}));
    module.push_back(made);
    builder.setInsertionPointToStart(made.addEntryBlock());
    Values scope(made.getArguments().begin(), made.getArguments().end());
    addOperations(scope, options.size, 0);

    Values results;
    llvm::SmallVector<int64_t> donated;
    for (mlir::BlockArgument argument : made.getArguments()) {
      auto role = draws.oneIn(2) ? graph::GraphDialect::kStateRole : graph::GraphDialect::kParameterRole;
      made.setArgAttr(argument.getArgNumber(), graph::GraphDialect::kRoleAttr, builder.getStringAttr(role));
      if (!options.donated || draws.oneIn(2))
        continue;
      Value result = ofShape(scope, shapeOf(argument), elementOf(argument));
      results.push_back(draws.oneIn(2) ? result : binary<graph::SubOp>(argument, result));
      donated.push_back(argument.getArgNumber());
    }
    for (int64_t n = draws.between(1, 4); n > 0; --n) {
      Values last(scope.end() - std::min<size_t>(scope.size(), 8), scope.end());
      results.push_back(draws.oneIn(4) ? scope[draws.below(scope.size())] : last[draws.below(last.size())]);
    }
    for (Value value : scope)
      if (value.use_empty() && !llvm::is_contained(results, value) && draws.oneIn(2))
        results.push_back(value);
    mlir::func::ReturnOp::create(builder, loc, results);
    made.setType(builder.getFunctionType(types, mlir::ValueRange(results).getTypes()));
    for (auto [result, argument] : llvm::enumerate(donated))
      made.setResultAttr(result, graph::GraphDialect::kDonatedAttr, builder.getI64IntegerAttr(argument));
    return made;
  }

  RandomGraphOptions options;
  Draws draws;
  mlir::OpBuilder builder;
  mlir::Location loc;
  Type floatType, intType, boolType;
  Shape sizes;
  mlir::func::FuncOp function;
};

} // namespace moru::test

#endif // MORU_TEST_INTEGRATION_RANDOMGRAPH_H
