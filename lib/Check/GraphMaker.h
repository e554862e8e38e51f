//===- GraphMaker.h - a random graph while it is made --------------*- C++ -*-===//
// Internal to lib/Check: what the makers of single operations (RandomOperations.cpp) draw from.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_GRAPHMAKER_H
#define MORU_LIB_CHECK_GRAPHMAKER_H

#include "moru/Check/RandomGraph.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Support/Philox.h"

#include "mlir/IR/Builders.h"

namespace moru::check {

/// Random decisions: one counter-based stream per seed.
class Draws {
public:
  explicit Draws(uint64_t seed) : seed(seed) {}
  /// In [0, bound), and 0 where that is empty.
  int64_t below(int64_t bound) { return bound <= 0 ? 0 : philoxBits(seed, 0, 0, count++) % bound; }
  /// In [low, high].
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool oneIn(int64_t n) { return below(n) == 0; }

private:
  uint64_t seed, count = 0;
};

/// The function that is being made, and the values that the next operation may use.
class GraphMaker {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Values = llvm::SmallVector<Value>;
  using Sizes = llvm::SmallVector<int64_t>;

  static constexpr int64_t kMaxRank = 4;
  /// Arguments of a function, those that are added as operations need them among them.
  static constexpr size_t kMaxArguments = 12;
  /// Regions within regions.
  static constexpr int64_t kMaxDepth = 2;

  GraphMaker(mlir::ModuleOp module, llvm::StringRef name, const RandomGraphOptions &options);
  mlir::func::FuncOp make();

  RandomGraphOptions options;
  Draws draws;
  mlir::OpBuilder builder;
  mlir::Location loc;
  /// What is visible, in the order in which it was made.
  Values scope;
  int64_t depth = 0;

  //===--------------------------------------------------------------------===//
  // Types and shapes
  //===--------------------------------------------------------------------===//

  static mlir::RankedTensorType typeOf(Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
  static Sizes shapeOf(Value value) { return Sizes(typeOf(value).getShape()); }
  static int64_t rankOf(Value value) { return typeOf(value).getRank(); }
  static int64_t sizeOf(Value value, int64_t axis) { return typeOf(value).getDimSize(axis); }
  static Type elementOf(Value value) { return typeOf(value).getElementType(); }
  static bool isFloat(Value value) { return mlir::isa<mlir::FloatType>(elementOf(value)); }
  static int64_t countOf(llvm::ArrayRef<int64_t> shape);
  static mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape, Type element);

  bool isDifferentiable() const { return options.gradients > 0; }
  bool fits(llvm::ArrayRef<int64_t> shape) const {
    return static_cast<int64_t>(shape.size()) <= kMaxRank && countOf(shape) <= options.maxEntries;
  }
  Type drawFloatType() { return draws.oneIn(4) ? options.floatTypes.back() : options.floatTypes.front(); }
  Type drawIntegerType() {
    return options.wideIntegers && draws.oneIn(2) ? builder.getI64Type() : builder.getI32Type();
  }
  Type boolType() { return builder.getI1Type(); }
  /// One of the few sizes of this graph, so that shapes meet again.
  int64_t drawSize() { return sizes[draws.below(sizes.size())]; }
  Sizes drawShape(int64_t maxRank = 3);
  Sizes drawPermutation(int64_t rank);
  /// An axis, rarely one of a single entry: along such a one, functions of rows are constant.
  int64_t drawAxis(Value value);
  /// Some axes in rising order, rarely none.
  Sizes drawAxes(int64_t rank);

  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  /// A value that `accepts` accepts, recent ones more often; null if there is none.
  Value pick(llvm::function_ref<bool(Value)> accepts);
  Value pick(Type element, int64_t minRank = 0);
  Value pickFloat(int64_t minRank = 0);
  Value pickInteger(int64_t minRank = 0);
  Value pickBool();
  /// A number: mostly floating point.
  Value pickNumber(int64_t minRank = 0);
  /// Anything: mostly floating point.
  Value pickAny(int64_t minRank = 0);

  Value constant(llvm::ArrayRef<int64_t> shape, Type element);
  /// Another argument of the function, while there are few: other than of a constant, all that is computed from it
  /// matters. A constant otherwise, and now and then.
  Value fresh(llvm::ArrayRef<int64_t> shape, Type element);
  /// Something of `shape`, from the scope where possible; rarely `other`, as little is left of x - x.
  Value ofShape(llvm::ArrayRef<int64_t> shape, Type element, Value other = {});
  /// Of the type of `value`, rarely itself.
  Value like(Value value) { return ofShape(shapeOf(value), elementOf(value), value); }
  Value splat(Value like, double number) { return graph::createSplat(builder, loc, typeOf(like), number); }
  /// `value` for an operation without a gradient: nothing is asked through it.
  Value detached(Value value);

  template <typename Op, typename... Arguments> Value create(Arguments... arguments) {
    return Op::create(builder, loc, arguments...)->getResult(0);
  }
  /// |x| + 1, tanh x: kept clear of poles and of growth, unless the graph is wild.
  Value positive(Value x);
  Value bounded(Value x);

  /// Adds `count` operations to the scope.
  void addOperations(int64_t count);
  /// A region's operations: `make` fills `block` with the scope reduced to some outer values and the block's arguments,
  /// which is undone after.
  void inBlock(mlir::Block &block, llvm::function_ref<void(size_t numOuter)> make);

private:
  Value broadcast(Value value, llvm::ArrayRef<int64_t> shape);
  Value cutOut(Value value, llvm::ArrayRef<int64_t> shape);
  Value derive(llvm::ArrayRef<int64_t> shape, Type element);
  void addArguments();
  Values drawResults(llvm::SmallVector<int64_t> &donated);
  Value addLoss(mlir::ValueRange values);
  Values differentiate(Values results);

  mlir::func::FuncOp function;
  Sizes sizes;
};

/// One kind of operation: how often (in parts of the sum of all), and how to make one; null where the scope has no
/// operands for it. All results of what made the value count.
struct GeneratedOperation {
  llvm::StringLiteral name;
  int64_t weight;
  mlir::Value (*make)(GraphMaker &);
};
llvm::ArrayRef<GeneratedOperation> operationTable();

/// Whether of a value only little shows in what is computed from it: where it is largest, how it compares, or nothing.
bool isHidden(mlir::Value value);

/// A loop whose body is a random graph that may read what is around it.
mlir::Value makeScan(GraphMaker &maker);
/// One of two random graphs.
mlir::Value makeCond(GraphMaker &maker);
/// A loop that ends, after a number of steps that the program computes.
mlir::Value makeWhile(GraphMaker &maker);
/// A random graph that is computed again for its gradient.
mlir::Value makeCheckpoint(GraphMaker &maker);

} // namespace moru::check

#endif // MORU_LIB_CHECK_GRAPHMAKER_H
