//===- Terms.cpp - numbers that are not known -----------------------------------===//
// A term is known by a key: its function and its operands. Constants are computed by the Reference.
//===----------------------------------------------------------------------===//

#include "Terms.h"

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Evaluator.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

Term Terms::intern(StringRef key, llvm::function_ref<Node()> make) {
  auto [it, isNew] = known.try_emplace(key, static_cast<Term>(nodes.size()));
  if (isNew)
    nodes.push_back(make());
  return it->second;
}

/// A key of a letter, a name and numbers.
static std::string makeKey(char kind, StringRef name, ArrayRef<Term> operands) {
  std::string key(1, kind);
  key += name;
  key += '\0';
  key.append(reinterpret_cast<const char *>(operands.data()), operands.size() * sizeof(Term));
  return key;
}

static std::string nameOf(StringRef function, Type element) {
  std::string name = function.str();
  llvm::raw_string_ostream(name) << " " << element;
  return name;
}

Term Terms::number(double value) {
  if (value == 0)
    value = 0; // The sign of zero does not count.
  auto bits = std::isnan(value) ? 0x7ff8000000000000u : llvm::bit_cast<uint64_t>(value);
  Term halves[] = {static_cast<Term>(bits), static_cast<Term>(bits >> 32)};
  return intern(makeKey('n', "", halves), [&] { return Node{"", {}, {value, value, !std::isnan(value)}, 0, true}; });
}

Term Terms::integer(int64_t value) {
  auto bits = static_cast<uint64_t>(value);
  Term halves[] = {static_cast<Term>(bits), static_cast<Term>(bits >> 32)};
  auto rounded = static_cast<double>(value);
  return intern(makeKey('i', "", halves), [&] { return Node{"", {}, {rounded, rounded, true}, value, true}; });
}

Term Terms::variable(StringRef name, int64_t index) {
  return intern(makeKey('v', name, static_cast<Term>(index)), [] { return Node(); });
}

Term Terms::apply(StringRef function, ArrayRef<Term> operands, TermRange range) {
  return intern(makeKey('f', function, operands),
                [&] { return Node{function.str(), {operands.begin(), operands.end()}, range, 0, false}; });
}

/// How the names of comparisons begin that say that the first operand is at most the second.
static constexpr llvm::StringLiteral kLess = "less";

/// Integers beyond have neighbours that are the same double.
bool TermRange::isExact() const {
  auto isExactEnd = [](double end) { return std::isinf(end) || std::abs(end) < 0x1p53; };
  return isExactEnd(low) && isExactEnd(high);
}

/// Of "x where x < y, else x" one knows more than of x, where y is a constant.
TermRange Terms::rangeOfChoice(Term condition, Term onTrue, Term onFalse) const {
  Term values[] = {onTrue, onFalse};
  TermRange sides[] = {nodes[onTrue].range, nodes[onFalse].range};
  const Node &compared = nodes[condition];
  for (unsigned i : {0, 1}) {
    if (!StringRef(compared.function).starts_with(kLess))
      continue;
    Term smaller = compared.operands[i], larger = compared.operands[1 - i];
    // The first side is taken where it is true; on the second one the operands have changed places, or are no numbers.
    // Of integers, the smaller one is at least one less where the first side is taken.
    double apart = i == 0 && StringRef(compared.function).starts_with("less i") ? 1 : 0;
    if (values[i] == smaller && isConstant(larger))
      sides[i].high = std::min(sides[i].high, numberOf(larger) - apart);
    if (values[i] == larger && isConstant(smaller))
      sides[i].low = std::max(sides[i].low, numberOf(smaller) + apart);
  }
  return {std::min(sides[0].low, sides[1].low), std::max(sides[0].high, sides[1].high),
          sides[0].isNumber && sides[1].isNumber};
}

/// A range of what `roundings` operations make, each with its rounding; beyond the largest number of the type lies
/// infinity.
static TermRange rounded(TermRange range, Type element, size_t roundings = 1) {
  // Four times the unit roundoff of bf16; no type of ours has a larger one.
  double share = 0x1p-6 * static_cast<double>(roundings), largest = element.isF64() ? 0x1p1020 : 0x1p124;
  range.low -= std::isinf(range.low) ? 0 : share * std::abs(range.low);
  range.high += std::isinf(range.high) ? 0 : share * std::abs(range.high);
  range.low = range.low < -largest ? -INFINITY : std::min(range.low, largest);
  range.high = range.high > largest ? INFINITY : std::max(range.high, -largest);
  return range;
}

static bool isFinite(const TermRange &range) {
  return range.isNumber && std::isfinite(range.low) && std::isfinite(range.high);
}

/// The four products of two ranges' ends; anything where one of them is no number.
static TermRange multiply(const TermRange &x, const TermRange &y) {
  double products[] = {x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high};
  if (llvm::any_of(products, [](double product) { return std::isnan(product); }))
    return x.low >= 0 && y.low >= 0 ? TermRange{0, INFINITY} : TermRange{};
  return {*llvm::min_element(products), *llvm::max_element(products), isFinite(x) && isFinite(y)};
}

/// Infinite numbers of either sign have no sum.
static bool hasSum(const TermRange &x, const TermRange &y) {
  return x.isNumber && y.isNumber && !(std::isinf(x.low) && std::isinf(y.high)) &&
         !(std::isinf(x.high) && std::isinf(y.low));
}

/// Quotients by positive numbers.
static TermRange divide(const TermRange &x, const TermRange &y) {
  double quotients[] = {x.low / y.low, x.low / y.high, x.high / y.low, x.high / y.high};
  if (!(y.low > 0) || llvm::any_of(quotients, [](double quotient) { return std::isnan(quotient); }))
    return {};
  return {*llvm::min_element(quotients), *llvm::max_element(quotients), x.isNumber && y.isNumber};
}

/// Of choices on one condition the sums are chosen; nothing where there are no two of them.
std::optional<Term> Terms::sumChoices(Type element, ArrayRef<Term> operands) {
  std::string choice = nameOf("choice", element);
  std::map<Term, unsigned> conditions;
  for (Term term : operands)
    if (isFunction(term, choice))
      ++conditions[nodes[term].operands[0]];
  auto common = llvm::find_if(conditions, [](auto &entry) { return entry.second > 1; });
  if (common == conditions.end())
    return std::nullopt;
  Term condition = common->first;
  SmallVector<Term> onTrue, onFalse, rest;
  for (Term term : operands) {
    bool isChoice = isFunction(term, choice) && nodes[term].operands[0] == condition;
    (isChoice ? onTrue : rest).push_back(isChoice ? nodes[term].operands[1] : term);
    if (isChoice)
      onFalse.push_back(nodes[term].operands[2]);
  }
  Term first = applySum(element, std::move(onTrue));
  rest.push_back(applyChoice(element, condition, first, applySum(element, std::move(onFalse))));
  return applySum(element, std::move(rest));
}

Term Terms::applySum(Type element, SmallVector<Term> operands) {
  if (llvm::any_of(operands, [&](Term term) { return isTainted(term); })) {
    SmallVector<Term> sources;
    for (Term &term : operands)
      term = untaint(term, sources);
    return applyTaint(applySum(element, std::move(operands)), sources);
  }
  if (operands.size() > 1)
    llvm::erase_if(operands, [&](Term term) { return is(term, 0); });
  if (operands.empty())
    return isa<FloatType>(element) ? number(0) : integer(0);
  if (operands.size() == 1)
    return operands.front();
  llvm::sort(operands);
  if (std::optional<Term> choice = sumChoices(element, operands))
    return *choice;
  TermRange range;
  // The sign is known where those of all terms are; of integers, which wrap, nothing is.
  if (isa<FloatType>(element)) {
    range = {0, 0, true};
    for (Term term : operands)
      range = {range.low + nodes[term].range.low, range.high + nodes[term].range.high,
               range.isNumber && nodes[term].range.isNumber};
    // Partial sums of one sign are never infinite with both.
    const TermRange &first = nodes[operands[0]].range, &second = nodes[operands[1]].range;
    range.isNumber &= range.low >= 0 || range.high <= 0 || (operands.size() == 2 && hasSum(first, second));
    range = rounded(range, element, operands.size());
  }
  return apply(nameOf("sum", element), operands, range);
}

Term Terms::applyProduct(Type element, Term x, Term y) {
  if (isConstant(x) && isConstant(y))
    return number(numberOf(x) * numberOf(y));
  if (is(x, 1) || is(y, 1))
    return is(x, 1) ? y : x;
  if (isTainted(x) || isTainted(y)) {
    SmallVector<Term> sources;
    Term first = untaint(x, sources), second = untaint(y, sources);
    return applyTaint(applyProduct(element, first, second), sources);
  }
  if (finite && (is(x, 0) || is(y, 0)))
    return number(0);
  if (is(x, 0) || is(y, 0)) // NaN times anything that is not finite.
    return applyTaint(number(0), {x, y});
  TermRange range = x == y ? TermRange{0, INFINITY, nodes[x].range.isNumber}
                           : rounded(multiply(nodes[x].range, nodes[y].range), element);
  return apply(nameOf("product", element), {std::min(x, y), std::max(x, y)}, range);
}

Term Terms::applyChoice(Type element, Term condition, Term onTrue, Term onFalse) {
  if (onTrue == onFalse)
    return onTrue;
  if (isConstant(condition))
    return integerOf(condition) ? onTrue : onFalse;
  if (isFunction(condition, "not") || StringRef(nodes[condition].function).starts_with("unequal "))
    return applyChoice(element, applyNot(condition), onFalse, onTrue);
  if (element.isInteger(1)) {
    auto isTruth = [&](Term term, bool truth) { return isConstant(term) && (integerOf(term) != 0) == truth; };
    if (onTrue == condition || isTruth(onTrue, true))
      return applyLogic(/*isAnd=*/false, condition, onFalse);
    if (onFalse == condition || isTruth(onFalse, false))
      return applyLogic(/*isAnd=*/true, condition, onTrue);
  }
  // "L where x <= L, else x" of an x that is nowhere below L.
  const Node &compared = nodes[condition];
  if (StringRef(compared.function).starts_with(kLess) && compared.operands[0] == onFalse &&
      compared.operands[1] == onTrue && isConstant(onTrue) && nodes[onFalse].range.low >= numberOf(onTrue))
    return onFalse;
  bool isKnown = isa<FloatType>(element) || (nodes[onTrue].range.isExact() && nodes[onFalse].range.isExact());
  TermRange range = isKnown && !isa<NoneType>(element) ? rangeOfChoice(condition, onTrue, onFalse) : TermRange();
  return apply(nameOf("choice", element), {condition, onTrue, onFalse}, range);
}

/// The largest or smallest of floating-point numbers.
TermRange Terms::rangeOfReduction(Operation *reduction, ArrayRef<Term> operands) const {
  bool isMax = isa<graph::ReduceMaxOp>(reduction);
  if (operands.empty() || !isa<FloatType>(getElementTypeOrSelf(reduction->getResult(0).getType())) ||
      !(isMax || isa<graph::ReduceMinOp>(reduction)))
    return {};
  TermRange range = nodes[operands.front()].range;
  for (Term term : operands.drop_front()) {
    const TermRange &other = nodes[term].range;
    range.low = isMax ? std::max(range.low, other.low) : std::min(range.low, other.low);
    range.high = isMax ? std::max(range.high, other.high) : std::min(range.high, other.high);
    range.isNumber &= other.isNumber;
  }
  return range;
}

Term Terms::applyReduction(Operation *reduction, SmallVector<Term> operands) {
  Type element = getElementTypeOrSelf(reduction->getResult(0).getType());
  if (isa<graph::ReduceSumOp>(reduction))
    return applySum(element, std::move(operands));
  llvm::sort(operands);
  if (!isa<graph::ReduceProdOp>(reduction))
    operands.erase(llvm::unique(operands), operands.end());
  double neutral = isa<graph::ReduceMaxOp>(reduction) ? -INFINITY : isa<graph::ReduceMinOp>(reduction) ? INFINITY : 1;
  if (isa<FloatType>(element) && operands.size() > 1)
    llvm::erase_if(operands, [&](Term term) { return is(term, neutral); });
  if (operands.size() == 1)
    return operands.front();
  return apply(nameOf(reduction->getName().getStringRef(), element), operands, rangeOfReduction(reduction, operands));
}

void Terms::store(Term constant, Tensor &tensor, int64_t index) const {
  if (tensor.isFloat())
    tensor.floats[index] = numberOf(constant);
  else
    tensor.integers[index] = integerOf(constant);
}

Term Terms::load(const Tensor &tensor, int64_t index) {
  return tensor.isFloat() ? number(tensor.floats[index]) : integer(tensor.integers[index]);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

std::optional<SmallVector<Tensor>> check::evaluateAlone(Operation *op, ArrayRef<Tensor> operands,
                                                        TypeRange resultTypes) {
  Block block;
  OperationState state(op->getLoc(), op->getName());
  for (const Tensor &operand : operands)
    state.addOperands(block.addArgument(operand.type, op->getLoc()));
  state.addTypes(resultTypes);
  state.addAttributes(op->getAttrs());
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&block);
  Operation *copy = builder.create(state);
  func::ReturnOp::create(builder, op->getLoc(), copy->getResults());
  FailureOr<SmallVector<Tensor>> results = reference::evaluateBlock(block, operands);
  return succeeded(results) ? std::optional(std::move(*results)) : std::nullopt;
}

static RankedTensorType scalarOf(Type type) {
  return RankedTensorType::get({}, cast<RankedTensorType>(type).getElementType());
}

/// The function of constants.
std::optional<Term> Terms::fold(Operation *op, ArrayRef<Term> operands) {
  SmallVector<Tensor> values;
  for (auto [operand, type] : llvm::zip_equal(operands, op->getOperandTypes()))
    store(operand, values.emplace_back(scalarOf(type)), 0);
  auto results = evaluateAlone(op, values, Type(scalarOf(op->getResult(0).getType())));
  return results ? std::optional(load(results->front(), 0)) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Simplification
//===----------------------------------------------------------------------===//

static bool hasFloats(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }

std::optional<Term> Terms::simplifyArithmetic(Operation *op, ArrayRef<Term> operands) const {
  Term x = operands[0], y = operands.size() > 1 ? operands[1] : x;
  auto atLeast = [&](Term larger, Term smaller) {
    return isConstant(smaller) && nodes[larger].range.low >= numberOf(smaller);
  };
  auto atMost = [&](Term smaller, Term larger) {
    return isConstant(larger) && nodes[smaller].range.high <= numberOf(larger);
  };
  if (isa<graph::AddOp, graph::SubOp>(op) && is(y, 0))
    return x;
  if (isa<graph::AddOp>(op) && is(x, 0))
    return y;
  if (isa<graph::MulOp, graph::DivOp>(op) && is(y, 1))
    return x;
  if (isa<graph::MulOp>(op) && is(x, 1)) // Of integers; others are products.
    return y;
  if (isa<graph::AbsOp>(op) && hasFloats(op->getOperand(0)) && nodes[x].range.low >= 0)
    return x;
  if (isa<graph::MaximumOp>(op) && (x == y || atLeast(x, y) || atLeast(y, x)))
    return x == y || atLeast(x, y) ? x : y;
  if (isa<graph::MinimumOp>(op) && (x == y || atMost(x, y) || atMost(y, x)))
    return x == y || atMost(x, y) ? x : y;
  // Of numbers, the constant; NaN would stay.
  bool areNumbers = nodes[x].range.isNumber && nodes[y].range.isNumber;
  if (isa<graph::MaximumOp>(op) && areNumbers && (atMost(x, y) || atMost(y, x)))
    return atMost(x, y) ? y : x;
  if (isa<graph::MinimumOp>(op) && areNumbers && (atLeast(x, y) || atLeast(y, x)))
    return atLeast(x, y) ? y : x;
  return std::nullopt;
}

/// What a comparison of floating-point numbers gives for all of them; NaN compares as unequal to everything.
std::optional<bool> Terms::decide(Operation *compare, ArrayRef<Term> operands) const {
  TermRange x = nodes[operands[0]].range, y = nodes[operands[1]].range;
  bool isSame = operands[0] == operands[1], areNumbers = x.isNumber && y.isNumber;
  bool isLess = areNumbers && x.high < y.low, isGreater = areNumbers && x.low > y.high;
  bool isAtMost = areNumbers && (isSame || x.high <= y.low), isAtLeast = areNumbers && (isSame || x.low >= y.high);
  switch (cast<graph::CompareOp>(compare).getDirection()) {
  case graph::Direction::Lt:
    return isLess ? std::optional(true) : isSame || x.low >= y.high ? std::optional(false) : std::nullopt;
  case graph::Direction::Gt:
    return isGreater ? std::optional(true) : isSame || x.high <= y.low ? std::optional(false) : std::nullopt;
  case graph::Direction::Le:
    return isAtMost ? std::optional(true) : x.low > y.high ? std::optional(false) : std::nullopt;
  case graph::Direction::Ge:
    return isAtLeast ? std::optional(true) : x.high < y.low ? std::optional(false) : std::nullopt;
  case graph::Direction::Eq:
    return isSame && areNumbers               ? std::optional(true)
           : x.high < y.low || y.high < x.low ? std::optional(false)
                                              : std::nullopt;
  case graph::Direction::Ne:
    return isSame && areNumbers               ? std::optional(false)
           : x.high < y.low || y.high < x.low ? std::optional(true)
                                              : std::nullopt;
  }
  llvm_unreachable("every direction decides");
}

std::optional<Term> Terms::simplifyLogic(Operation *op, ArrayRef<Term> operands) {
  if (auto compare = dyn_cast<graph::CompareOp>(op)) {
    if (!hasFloats(op->getOperand(0)))
      return applyIntegerComparison(compare, operands[0], operands[1]);
    if (std::optional<bool> truth = decide(op, operands))
      return integer(*truth);
  }
  if (isa<graph::AndOp, graph::OrOp>(op))
    return applyLogic(isa<graph::AndOp>(op), operands[0], operands[1]);
  if (isa<graph::NotOp>(op))
    return applyNot(operands[0]);
  return std::nullopt;
}

TermRange Terms::rangeOf(Operation *op, ArrayRef<Term> operands) const {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (!isa<FloatType>(element))
    return {}; // Of integers, which wrap.
  TermRange x = nodes[operands[0]].range, y = nodes[operands.size() > 1 ? operands[1] : operands[0]].range;
  bool areNumbers = x.isNumber && y.isNumber;
  if (isa<graph::ConvertOp>(op) && !hasFloats(op->getOperand(0))) {
    bool isTruth = getElementTypeOrSelf(op->getOperand(0).getType()).isInteger(1);
    return isTruth ? TermRange{0, 1, true} : TermRange{-INFINITY, INFINITY, true};
  }
  if (isa<graph::ConvertOp>(op))
    return rounded(x, element);
  if (isa<graph::SubOp>(op))
    return rounded({x.low - y.high, x.high - y.low, hasSum(x, {-y.high, -y.low, y.isNumber})}, element);
  if (isa<graph::DivOp>(op))
    return rounded(divide(x, y), element);
  if (isa<graph::NegOp>(op))
    return {-x.high, -x.low, x.isNumber};
  if (isa<graph::MaximumOp>(op))
    return {std::max(x.low, y.low), std::max(x.high, y.high), areNumbers};
  if (isa<graph::MinimumOp>(op))
    return {std::min(x.low, y.low), std::min(x.high, y.high), areNumbers};
  if (isa<graph::ExpOp>(op)) // A little more, as the library rounds as it likes.
    return rounded({std::exp(x.low), std::exp(x.high), x.isNumber}, element);
  if (isa<graph::AbsOp>(op))
    return {0, std::max(std::abs(x.low), std::abs(x.high)), x.isNumber};
  if (isa<graph::SqrtOp>(op))
    return {0, INFINITY, x.isNumber && x.low >= 0};
  if (isa<graph::RsqrtOp>(op) && x.low > 0) // Of -0 it is infinite below.
    return {0, INFINITY, x.isNumber};
  if (isa<graph::SigmoidOp>(op))
    return {0, 1, x.isNumber};
  if (isa<graph::TanhOp, graph::ErfOp>(op))
    return {x.low >= 0 ? 0.0 : -1.0, x.high <= 0 ? 0.0 : 1.0, x.isNumber};
  if (isa<graph::Log1pOp>(op) && x.low >= 0)
    return {0, INFINITY, x.isNumber};
  if (isa<graph::LogOp>(op) && x.low >= 1)
    return {0, INFINITY, x.isNumber};
  if (isa<graph::SinOp, graph::CosOp>(op))
    return {-1, 1, isFinite(x)};
  return {};
}

/// What holds of finite numbers only. Constants may be infinite: what is added to one, or taken from it, is lost.
std::optional<Term> Terms::simplifyFinite(Operation *op, ArrayRef<Term> operands) {
  if (!finite || !hasFloats(op->getOperand(0)))
    return std::nullopt;
  Term x = operands[0], y = operands.size() > 1 ? operands[1] : x;
  if (isa<graph::SubOp>(op) && x == y)
    return number(0);
  if (isa<graph::AddOp, graph::SubOp>(op) && isInfinite(x) && !isConstant(y))
    return x;
  if (isa<graph::AddOp>(op) && isInfinite(y) && !isConstant(x))
    return y;
  if (isa<graph::DivOp>(op) && is(x, 0))
    return x;
  auto compare = dyn_cast<graph::CompareOp>(op);
  if (!compare)
    return std::nullopt;
  const TermRange &left = nodes[x].range, &right = nodes[y].range;
  switch (compare.getDirection()) {
  case graph::Direction::Lt:
    return left.high < right.low ? std::optional(integer(1)) : std::nullopt;
  case graph::Direction::Gt:
    return left.low > right.high ? std::optional(integer(1)) : std::nullopt;
  case graph::Direction::Le:
    return x == y || left.high <= right.low ? std::optional(integer(1)) : std::nullopt;
  case graph::Direction::Ge:
    return x == y || left.low >= right.high ? std::optional(integer(1)) : std::nullopt;
  case graph::Direction::Eq:
    return x == y ? std::optional(integer(1)) : std::nullopt;
  case graph::Direction::Ne:
    return x == y ? std::optional(integer(0)) : std::nullopt;
  }
  llvm_unreachable("every direction is known");
}

/// A term that is equal, or nothing; orders what may stand in any order.
std::optional<Term> Terms::simplify(Operation *op, SmallVector<Term> &operands) {
  if (operands.empty())
    return std::nullopt;
  if (isa<graph::SubOp>(op) && operands[0] == operands[1] && !hasFloats(op->getResult(0)))
    return integer(0);
  if (isa<graph::MulOp>(op) && !hasFloats(op->getResult(0)) && (is(operands[0], 0) || is(operands[1], 0)))
    return integer(0);
  if (isa<graph::ConvertOp>(op) && op->getOperand(0).getType() == op->getResult(0).getType())
    return operands[0];
  if (std::optional<Term> term = simplifyFinite(op, operands))
    return term;
  if (isa<graph::SubOp>(op) && operands[0] == operands[1]) // Of floating-point numbers, unless they are finite.
    return applyTaint(number(0), operands[0]);
  if (std::optional<Term> term = simplifyArithmetic(op, operands))
    return term;
  if (std::optional<Term> term = simplifyLogic(op, operands))
    return term;
  if (isa<graph::AddOp>(op) && hasFloats(op->getResult(0)))
    return applySum(getElementTypeOrSelf(op->getResult(0).getType()), operands);
  if (op->hasTrait<OpTrait::IsCommutative>())
    llvm::sort(operands);
  return std::nullopt;
}

/// The name of a comparison whose operands stand in rising order, if they can.
static StringRef nameOfComparison(graph::CompareOp compare, SmallVector<Term> &operands) {
  switch (compare.getDirection()) {
  case graph::Direction::Gt:
    std::swap(operands[0], operands[1]);
    return "less ";
  case graph::Direction::Lt:
    return "less ";
  case graph::Direction::Ge:
    std::swap(operands[0], operands[1]);
    return "less or equal ";
  case graph::Direction::Le:
    return "less or equal ";
  case graph::Direction::Eq:
    llvm::sort(operands);
    return "equal ";
  case graph::Direction::Ne:
    llvm::sort(operands);
    return "unequal ";
  }
  llvm_unreachable("every direction has a name");
}

Term Terms::applyElementwise(Operation *op, ArrayRef<Term> operands) {
  SmallVector<Term> terms(operands);
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<graph::SelectOp>(op))
    return applyChoice(element, terms[0], terms[1], terms[2]);
  if (isa<graph::MulOp>(op) && isa<FloatType>(element))
    return applyProduct(element, terms[0], terms[1]);
  if (llvm::all_of(terms, [&](Term term) { return isConstant(term); }))
    if (std::optional<Term> term = fold(op, terms))
      return *term;
  if (std::optional<Term> term = applyToTainted(op, terms))
    return *term;
  if (isa<graph::MaximumOp, graph::MinimumOp>(op) && !isa<FloatType>(element))
    return applyOrder(isa<graph::MinimumOp>(op), element, terms[0], terms[1]);
  if (std::optional<Term> term = simplify(op, terms))
    return *term;
  TermRange range = rangeOf(op, terms);
  std::string function;
  llvm::raw_string_ostream stream(function);
  if (auto compare = dyn_cast<graph::CompareOp>(op))
    stream << nameOfComparison(compare, terms);
  else
    stream << op->getName() << op->getAttrDictionary();
  stream << getElementTypeOrSelf(op->getOperand(0).getType()) << element;
  return apply(function, terms, range);
}
