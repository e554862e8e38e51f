//===- Ops.cpp - operations entry by entry, products and reductions -------===//
// Each checks its operands first, so that building an operation of the graph dialect cannot fail. Broadcasting becomes
// explicit here.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Ops.h"
#include "Trace.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace moru {

using detail::AxisNames;
using detail::OpBuilding;

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

/// The shape that two shapes have together, by NumPy's rules; nothing where they do not fit.
static std::optional<Shape> broadcastShapes(ArrayRef<int64_t> x, ArrayRef<int64_t> y) {
  Shape result(std::max(x.size(), y.size()), 1);
  for (size_t back = 1; back <= result.size(); ++back) {
    int64_t xs = back <= x.size() ? x[x.size() - back] : 1, ys = back <= y.size() ? y[y.size() - back] : 1;
    if (xs != ys && xs != 1 && ys != 1)
      return std::nullopt;
    result[result.size() - back] = xs == 1 ? ys : xs;
  }
  return result;
}

/// Axis names of a result of that rank: for each axis the first operand's name that there is, aligned at the last axis.
static AxisNames mergeNames(size_t rank, ArrayRef<const AxisNames *> operands) {
  AxisNames result(rank);
  for (const AxisNames *names : operands)
    for (size_t back = 1; back <= names->size() && back <= rank; ++back)
      if (result[rank - back].empty())
        result[rank - back] = (*names)[names->size() - back];
  return result;
}

static Value broadcastValue(OpBuilding &op, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  return graph::broadcastTo(op.builder(), op.loc(), value, detail::tensorType(type.getElementType(), shape));
}

/// The operands of an elementwise operation as tensors of one type and shape.
namespace {
class Elementwise {
public:
  Elementwise(StringRef name, ArrayRef<const Operand *> operands, bool sameType = true)
      : op(name, operands.front()->at, tensorsOf(operands)), operands(operands) {
    valid = bool(op) && unify(sameType);
  }

  explicit operator bool() const { return valid; }
  Tensor poison() const { return failure ? *failure : op.poison(); }
  Tensor result(Value value) { return op.result(value, names); }

  OpBuilding op;
  SmallVector<Value> values;
  Shape shape;
  AxisNames names;
  ElementType type = ElementType::F32;

private:
  static SmallVector<const Tensor *> tensorsOf(ArrayRef<const Operand *> operands) {
    SmallVector<const Tensor *> tensors;
    for (const Operand *operand : operands)
      if (!operand->isNumber)
        tensors.push_back(&operand->tensor);
    return tensors;
  }

  bool fail(const Twine &message) {
    failure = op.fail(message);
    return false;
  }

  /// `x is [3], y is [4]`, with the roles of the places.
  std::string describeAll() const {
    static constexpr const char *kRoles[] = {"x", "y", "z"};
    std::string text;
    for (auto [index, operand] : llvm::enumerate(operands))
      if (!operand->isNumber)
        text += (text.empty() ? "" : ", ") + op.describe(operand->tensor, kRoles[index]);
    return text;
  }

  bool unify(bool sameType) {
    const Tensor *first = nullptr;
    SmallVector<const AxisNames *> axisNames;
    for (const Operand *operand : operands) {
      if (operand->isNumber)
        continue;
      const Tensor &tensor = operand->tensor;
      if (!first) {
        first = &tensor;
        shape = tensor.shape();
        type = tensor.type();
      } else if (sameType && tensor.type() != type) {
        return fail("element types differ: " + describeAll() + "; convert one of them");
      }
      std::optional<Shape> common = broadcastShapes(shape, tensor.shape());
      if (!common)
        return fail("shapes do not broadcast: " + describeAll());
      shape = *common;
      axisNames.push_back(&detail::namesOf(tensor));
    }
    if (!first)
      return fail("expected at least one tensor, got numbers only");
    names = mergeNames(shape.size(), axisNames);
    size_t next = 0;
    for (const Operand *operand : operands) {
      if (!operand->isNumber) {
        values.push_back(broadcastValue(op, op[next++], shape));
        continue;
      }
      if (!isFloat(type) && !operand->isInteger)
        return fail("expected an integer beside a tensor of " + Twine(toString(type)) + ", got " +
                    std::to_string(operand->number) + ": " + describeAll());
      values.push_back(graph::createSplat(op.builder(), op.loc(), op.type(type, shape), operand->number));
    }
    return true;
  }

  ArrayRef<const Operand *> operands;
  std::optional<Tensor> failure;
  bool valid;
};
} // namespace

template <typename OpTy> static Tensor binary(StringRef name, const Operand &x, const Operand &y) {
  const Operand *operands[] = {&x, &y};
  Elementwise op(name, operands);
  if (!op)
    return op.poison();
  if (op.type == ElementType::I1)
    return op.op.fail("expected numbers, got truth values: convert them, or use & and |");
  return op.result(OpTy::create(op.op.builder(), op.op.loc(), op.values[0], op.values[1]));
}

template <typename OpTy> static Tensor logical(StringRef name, ArrayRef<const Operand *> operands) {
  Elementwise op(name, operands);
  if (!op)
    return op.poison();
  if (op.type != ElementType::I1)
    return op.op.fail("expected truth values (i1), got " + Twine(toString(op.type)));
  SmallVector<Value> values(op.values);
  auto type = values.front().getType();
  return op.result(OpTy::create(op.op.builder(), op.op.loc(), type, values));
}

static Tensor compare(StringRef name, graph::Direction direction, const Operand &x, const Operand &y) {
  const Operand *operands[] = {&x, &y};
  Elementwise op(name, operands);
  if (!op)
    return op.poison();
  if (op.type == ElementType::I1)
    return op.op.fail("expected numbers, got truth values");
  return op.result(graph::CompareOp::create(op.op.builder(), op.op.loc(), op.op.type(ElementType::I1, op.shape),
                                            direction, op.values[0], op.values[1]));
}

Tensor operator+(const Operand &x, const Operand &y) { return binary<graph::AddOp>("+", x, y); }
Tensor operator-(const Operand &x, const Operand &y) { return binary<graph::SubOp>("-", x, y); }
Tensor operator*(const Operand &x, const Operand &y) { return binary<graph::MulOp>("*", x, y); }
Tensor operator/(const Operand &x, const Operand &y) { return binary<graph::DivOp>("/", x, y); }
Tensor maximum(const Operand &x, const Operand &y) { return binary<graph::MaximumOp>("maximum", x, y); }
Tensor minimum(const Operand &x, const Operand &y) { return binary<graph::MinimumOp>("minimum", x, y); }
Tensor operator<(const Operand &x, const Operand &y) { return compare("<", graph::Direction::Lt, x, y); }
Tensor operator<=(const Operand &x, const Operand &y) { return compare("<=", graph::Direction::Le, x, y); }
Tensor operator>(const Operand &x, const Operand &y) { return compare(">", graph::Direction::Gt, x, y); }
Tensor operator>=(const Operand &x, const Operand &y) { return compare(">=", graph::Direction::Ge, x, y); }
Tensor operator==(const Operand &x, const Operand &y) { return compare("==", graph::Direction::Eq, x, y); }
Tensor operator!=(const Operand &x, const Operand &y) { return compare("!=", graph::Direction::Ne, x, y); }
Tensor operator&(const Operand &x, const Operand &y) { return logical<graph::AndOp>("&", {&x, &y}); }
Tensor operator|(const Operand &x, const Operand &y) { return logical<graph::OrOp>("|", {&x, &y}); }
Tensor logicalNot(const Tensor &x, Here at) {
  Operand operand(x, at);
  return logical<graph::NotOp>("logicalNot", {&operand});
}

Tensor pow(const Operand &x, const Operand &y) {
  const Operand *operands[] = {&x, &y};
  Elementwise op("pow", operands);
  if (!op)
    return op.poison();
  if (!isFloat(op.type))
    return op.op.fail("expected floating point, got " + Twine(toString(op.type)));
  return op.result(graph::PowOp::create(op.op.builder(), op.op.loc(), op.values[0], op.values[1]));
}

Tensor where(const Tensor &condition, const Operand &x, const Operand &y, Here at) {
  // Two numbers: f32, as numbers without a tensor beside them are.
  if (x.isNumber && y.isNumber)
    return where(condition, Operand(full({}, x.number, ElementType::F32, at), x.at), y, at);
  // The two sides decide the type, all three the shape.
  const Operand *operands[] = {&x, &y};
  Elementwise sides("where", operands);
  if (!sides)
    return sides.poison();
  OpBuilding op("where", at, {&condition});
  if (!op)
    return op.poison();
  if (condition.type() != ElementType::I1)
    return op.fail("expected a condition of truth values (i1): " + op.describe(condition, "condition"));
  std::optional<Shape> shape = broadcastShapes(condition.shape(), sides.shape);
  Tensor either = sides.result(sides.values[0]);
  if (!shape)
    return op.fail("shapes do not broadcast: " + op.describe(condition, "condition") + ", " +
                   op.describe(either, "the choice"));
  Value onTrue = broadcastValue(op, sides.values[0], *shape), onFalse = broadcastValue(op, sides.values[1], *shape);
  return op.result(graph::SelectOp::create(op.builder(), op.loc(), broadcastValue(op, op[0], *shape), onTrue, onFalse),
                   mergeNames(shape->size(), {&sides.names, &detail::namesOf(condition)}));
}

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

/// `attributes` stand before the operand.
template <typename OpTy, typename... Attributes>
static Tensor floatUnary(StringRef name, const Tensor &x, Here at, Attributes... attributes) {
  OpBuilding op(name, at, {&x});
  if (!op)
    return op.poison();
  if (!isFloat(x.type()))
    return op.fail("expected floating point: " + op.describe(x, "x"));
  return op.result(OpTy::create(op.builder(), op.loc(), op[0].getType(), attributes..., op[0]), detail::namesOf(x));
}

template <typename OpTy> static Tensor numberUnary(StringRef name, const Tensor &x, Here at) {
  OpBuilding op(name, at, {&x});
  if (!op)
    return op.poison();
  if (x.type() == ElementType::I1)
    return op.fail("expected numbers: " + op.describe(x, "x"));
  return op.result(OpTy::create(op.builder(), op.loc(), op[0]), detail::namesOf(x));
}

Tensor operator-(const Operand &x) { return numberUnary<graph::NegOp>("-", x.tensor, x.at); }
Tensor abs(const Tensor &x, Here at) { return numberUnary<graph::AbsOp>("abs", x, at); }
Tensor exp(const Tensor &x, Here at) { return floatUnary<graph::ExpOp>("exp", x, at); }
Tensor log(const Tensor &x, Here at) { return floatUnary<graph::LogOp>("log", x, at); }
Tensor log1p(const Tensor &x, Here at) { return floatUnary<graph::Log1pOp>("log1p", x, at); }
Tensor erf(const Tensor &x, Here at) { return floatUnary<graph::ErfOp>("erf", x, at); }
Tensor tanh(const Tensor &x, Here at) { return floatUnary<graph::TanhOp>("tanh", x, at); }
Tensor sigmoid(const Tensor &x, Here at) { return floatUnary<graph::SigmoidOp>("sigmoid", x, at); }
Tensor sqrt(const Tensor &x, Here at) { return floatUnary<graph::SqrtOp>("sqrt", x, at); }
Tensor rsqrt(const Tensor &x, Here at) { return floatUnary<graph::RsqrtOp>("rsqrt", x, at); }
Tensor sin(const Tensor &x, Here at) { return floatUnary<graph::SinOp>("sin", x, at); }
Tensor cos(const Tensor &x, Here at) { return floatUnary<graph::CosOp>("cos", x, at); }
Tensor square(const Tensor &x, Here at) { return Operand(x, at) * Operand(x, at); }
Tensor relu(const Tensor &x, Here at) { return floatUnary<graph::ReluOp>("relu", x, at); }
Tensor silu(const Tensor &x, Here at) { return floatUnary<graph::SiluOp>("silu", x, at); }
Tensor softplus(const Tensor &x, Here at) { return floatUnary<graph::SoftplusOp>("softplus", x, at); }
Tensor gelu(const Tensor &x, Approximate approximate, Here at) {
  return floatUnary<graph::GeluOp>(
      "gelu", x, at, approximate == Approximate::Tanh ? graph::Approximation::Tanh : graph::Approximation::None);
}

Tensor stopGradient(const Tensor &x, Here at) {
  OpBuilding op("stopGradient", at, {&x});
  if (!op)
    return op.poison();
  return op.result(graph::StopGradientOp::create(op.builder(), op.loc(), op[0]), detail::namesOf(x));
}

Tensor convert(const Tensor &x, ElementType type, Here at) {
  OpBuilding op("convert", at, {&x});
  if (!op)
    return op.poison();
  if (x.type() == type)
    return x;
  return op.result(graph::ConvertOp::create(op.builder(), op.loc(), op.type(type, x.shape()), op[0]),
                   detail::namesOf(x));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static Tensor contract(OpBuilding &op, Value x, Value y, ArrayRef<int64_t> xOver, ArrayRef<int64_t> yOver,
                       ArrayRef<int64_t> xBatch, ArrayRef<int64_t> yBatch, AxisNames names) {
  return op.result(graph::ContractOp::create(op.builder(), op.loc(), x, y, xOver, yOver, xBatch, yBatch),
                   std::move(names));
}

Tensor matmul(const Tensor &x, const Tensor &y, MatmulOptions options, Here at) {
  OpBuilding op("matmul", at, {&x, &y});
  if (!op)
    return op.poison();
  auto both = [&] { return op.describe(x, "x") + ", " + op.describe(y, "y"); };
  int64_t xRank = x.rank(), yRank = y.rank();
  if (xRank == 0 || yRank == 0)
    return op.fail("expected operands of rank 1 or more: " + both());
  if (x.type() != y.type() || !isFloat(x.type()))
    return op.fail("expected floating point of one type: " + both());
  if ((options.transposeA && xRank < 2) || (options.transposeB && yRank < 2))
    return op.fail("expected a matrix to transpose, not a vector: " + both());
  int64_t xOver = xRank - (options.transposeA ? 2 : 1), yOver = yRank - (options.transposeB || yRank == 1 ? 1 : 2);
  if (x.size(xOver) != y.size(yOver))
    return op.fail("contracting dimensions differ: " + both());

  auto addNames = [](AxisNames &names, const Tensor &tensor, int64_t first, int64_t over) {
    for (int64_t axis = first; axis < tensor.rank(); ++axis)
      if (axis != over)
        names.push_back(detail::namesOf(tensor)[axis]);
  };
  // A matrix or a vector on the right, or a vector on the left: no axes run together.
  if (yRank <= 2 || xRank == 1) {
    AxisNames names;
    addNames(names, x, 0, xOver);
    addNames(names, y, 0, yOver);
    return contract(op, op[0], op[1], {xOver}, {yOver}, {}, {}, names);
  }

  ArrayRef<int64_t> xLead(x.shape().data(), xRank - 2), yLead(y.shape().data(), yRank - 2);
  std::optional<Shape> lead = broadcastShapes(xLead, yLead);
  if (!lead)
    return op.fail("leading dimensions do not broadcast: " + both());
  auto spread = [&](Value value, const Tensor &tensor) {
    Shape shape = *lead;
    shape.push_back(tensor.size(-2));
    shape.push_back(tensor.size(-1));
    return broadcastValue(op, value, shape);
  };
  int64_t batch = lead->size();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, batch));
  const AxisNames &xNames = detail::namesOf(x), &yNames = detail::namesOf(y);
  AxisNames xLeadNames(xNames.begin(), xNames.end() - 2), yLeadNames(yNames.begin(), yNames.end() - 2);
  AxisNames names = mergeNames(batch, {&xLeadNames, &yLeadNames});
  addNames(names, x, xRank - 2, xOver);
  addNames(names, y, yRank - 2, yOver);
  return contract(op, spread(op[0], x), spread(op[1], y), {xOver - xRank + 2 + batch}, {yOver - yRank + 2 + batch},
                  axes, axes, names);
}

namespace {
/// One operand of einsum: the letters of its axes.
struct Labelled {
  StringRef letters;
  Value value;
  AxisNames names;
};
} // namespace

/// Sums over the axes whose letters `keep` does not want.
static void sumAway(OpBuilding &op, Labelled &operand, std::string &letters, llvm::function_ref<bool(char)> keep) {
  SmallVector<int64_t> axes;
  AxisNames names;
  std::string kept;
  for (auto [axis, letter] : llvm::enumerate(operand.letters))
    if (keep(letter)) {
      kept += letter;
      names.push_back(operand.names[axis]);
    } else {
      axes.push_back(axis);
    }
  letters = kept;
  operand.letters = letters;
  operand.names = names;
  if (!axes.empty())
    operand.value = graph::ReduceSumOp::create(op.builder(), op.loc(), operand.value, axes);
}

Tensor einsum(std::string_view formula, const Tensor &x, const Tensor &y, Here at) {
  OpBuilding op("einsum", at, {&x, &y});
  if (!op)
    return op.poison();
  auto [left, out] = StringRef(formula).split("->");
  auto [xLetters, yLetters] = left.split(',');
  xLetters = xLetters.trim(), yLetters = yLetters.trim(), out = out.trim();
  std::string shown = "\"" + std::string(formula) + "\"";
  if (!StringRef(formula).contains("->") || !left.contains(','))
    return op.fail("expected a formula like \"ij,jk->ik\", got " + shown);
  if (x.type() != y.type() || !isFloat(x.type()))
    return op.fail("expected floating point of one type: " + op.describe(x, "x") + ", " + op.describe(y, "y"));
  llvm::StringMap<int64_t> sizes;
  auto check = [&](StringRef letters, const Tensor &tensor, StringRef role) -> std::optional<Tensor> {
    if (int64_t(letters.size()) != tensor.rank())
      return op.fail(shown + " has " + Twine(letters.size()) + " letters for " + op.describe(tensor, role));
    for (auto [axis, letter] : llvm::enumerate(letters)) {
      StringRef key = letters.substr(axis, 1);
      if (!llvm::isAlpha(letter) || letters.count(letter) != 1)
        return op.fail("expected letters, each once per operand, got " + shown);
      auto [known, isNew] = sizes.try_emplace(key, tensor.size(axis));
      if (!isNew && known->second != tensor.size(axis))
        return op.fail("sizes of \"" + key + "\" differ in " + shown + ": " + op.describe(x, "x") + ", " +
                       op.describe(y, "y"));
    }
    return std::nullopt;
  };
  if (auto failure = check(xLetters, x, "x"))
    return *failure;
  if (auto failure = check(yLetters, y, "y"))
    return *failure;
  for (auto [index, letter] : llvm::enumerate(out))
    if (!sizes.count(out.substr(index, 1)) || out.count(letter) != 1)
      return op.fail("expected letters of the operands, each once, behind the arrow, got " + shown);

  std::string xKept, yKept;
  Labelled lhs{xLetters, op[0], detail::namesOf(x)}, rhs{yLetters, op[1], detail::namesOf(y)};
  sumAway(op, lhs, xKept, [&](char letter) { return out.contains(letter) || yLetters.contains(letter); });
  sumAway(op, rhs, yKept, [&](char letter) { return out.contains(letter) || xLetters.contains(letter); });

  SmallVector<int64_t> lhsOver, rhsOver, lhsBatch, rhsBatch;
  std::string have, lhsFree;
  AxisNames names, lhsNames, rhsNames;
  for (auto [axis, letter] : llvm::enumerate(lhs.letters)) {
    size_t other = rhs.letters.find(letter);
    if (other == StringRef::npos) {
      lhsFree += letter;
      lhsNames.push_back(lhs.names[axis]);
      continue;
    }
    bool isBatch = out.contains(letter);
    (isBatch ? lhsBatch : lhsOver).push_back(axis);
    (isBatch ? rhsBatch : rhsOver).push_back(other);
    if (isBatch) {
      have += letter;
      names.push_back(lhs.names[axis]);
    }
  }
  have += lhsFree;
  names.insert(names.end(), lhsNames.begin(), lhsNames.end());
  for (auto [axis, letter] : llvm::enumerate(rhs.letters))
    if (!lhs.letters.contains(letter)) {
      have += letter;
      names.push_back(rhs.names[axis]);
    }
  Tensor product = contract(op, lhs.value, rhs.value, lhsOver, rhsOver, lhsBatch, rhsBatch, names);
  if (StringRef(have) == out)
    return product;
  std::vector<int64_t> permutation;
  for (char letter : out)
    permutation.push_back(have.find(letter));
  return transpose(product, permutation, at);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// The axes to reduce, increasing; records a mistake where one is out of range or named twice.
static std::optional<SmallVector<int64_t>> reducedAxes(OpBuilding &op, const Tensor &x, const Axes &axes) {
  if (axes.all)
    return llvm::to_vector(llvm::seq<int64_t>(0, x.rank()));
  SmallVector<int64_t> result;
  for (int64_t given : axes.list) {
    std::optional<int64_t> axis = op.axis(given, x.rank(), x, "x");
    if (!axis)
      return std::nullopt;
    if (llvm::is_contained(result, *axis)) {
      op.fail("axis " + Twine(given) + " is named twice");
      return std::nullopt;
    }
    result.push_back(*axis);
  }
  llvm::sort(result);
  return result;
}

template <typename OpTy>
static Tensor reduce(StringRef name, const Tensor &x, const Axes &axes, bool keepDims, Here at) {
  OpBuilding op(name, at, {&x});
  if (!op)
    return op.poison();
  if (x.type() == ElementType::I1)
    return op.fail("expected numbers: " + op.describe(x, "x"));
  std::optional<SmallVector<int64_t>> reduced = reducedAxes(op, x, axes);
  if (!reduced)
    return op.poison();
  Dims kept, all = x.dims();
  AxisNames names;
  for (auto [axis, dim] : llvm::enumerate(x.dims())) {
    bool isReduced = llvm::is_contained(*reduced, int64_t(axis));
    if (!isReduced)
      names.push_back(dim.name);
    kept.push_back(isReduced ? Dim("", 1) : dim);
  }
  Tensor result = op.result(OpTy::create(op.builder(), op.loc(), op[0], *reduced), names);
  return keepDims ? reshape(result, kept, at) : result;
}

Tensor sum(const Tensor &x, const Axes &axes, bool keepDims, Here at) {
  return reduce<graph::ReduceSumOp>("sum", x, axes, keepDims, at);
}

Tensor max(const Tensor &x, const Axes &axes, bool keepDims, Here at) {
  return reduce<graph::ReduceMaxOp>("max", x, axes, keepDims, at);
}

Tensor min(const Tensor &x, const Axes &axes, bool keepDims, Here at) {
  return reduce<graph::ReduceMinOp>("min", x, axes, keepDims, at);
}

Tensor prod(const Tensor &x, const Axes &axes, bool keepDims, Here at) {
  return reduce<graph::ReduceProdOp>("prod", x, axes, keepDims, at);
}

Tensor mean(const Tensor &x, const Axes &axes, bool keepDims, Here at) {
  OpBuilding op("mean", at, {&x});
  if (!op)
    return op.poison();
  if (!isFloat(x.type()))
    return op.fail("expected floating point: " + op.describe(x, "x"));
  std::optional<SmallVector<int64_t>> reduced = reducedAxes(op, x, axes);
  if (!reduced)
    return op.poison();
  double count = 1;
  Dims bounded;
  for (int64_t axis : *reduced)
    if (detail::findBounded(x.size(axis)))
      bounded.push_back(x.dims()[axis]);
    else
      count *= double(x.size(axis));
  Tensor total = reduce<graph::ReduceSumOp>("mean", x, axes, keepDims, at);
  Tensor result = Operand(total, at) * Operand(1.0 / count, at);
  if (bounded.empty() || total.poisoned())
    return result;
  // In f32, which counts exactly to the largest bound that memory allows.
  Tensor entries = sum(ones(bounded, ElementType::F32, at), {}, false, at);
  return Operand(result, at) / Operand(convert(entries, x.type(), at), at);
}

Tensor length(const Tensor &x, int64_t axis, Here at) {
  OpBuilding op("length", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  return sum(ones({x.dims()[*place]}, ElementType::I32, at), {}, false, at);
}

Tensor argmax(const Tensor &x, int64_t axis, Here at) {
  OpBuilding op("argmax", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  if (x.type() == ElementType::I1 || x.size(*place) == 0)
    return op.fail("expected numbers, at least one: " + op.describe(x, "x"));
  AxisNames names = detail::namesOf(x);
  names.erase(names.begin() + *place);
  return op.result(graph::ArgmaxOp::create(op.builder(), op.loc(), op[0], *place), names);
}

Tensor cumsum(const Tensor &x, int64_t axis, CumsumOptions options, Here at) {
  OpBuilding op("cumsum", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  if (x.type() == ElementType::I1)
    return op.fail("expected numbers: " + op.describe(x, "x"));
  return op.result(graph::CumsumOp::create(op.builder(), op.loc(), op[0].getType(), op[0], *place, options.exclusive,
                                           options.reverse),
                   detail::namesOf(x));
}

} // namespace moru
