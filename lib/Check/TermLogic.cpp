//===- TermLogic.cpp - truth values and order of integers -----------------------===//
// What is the same for all integers is brought into one form: "at most" is "less", and what is compared with the
// smaller of two numbers is compared with both.
//===----------------------------------------------------------------------===//

#include "Terms.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

static std::string nameOf(StringRef function, Type element) {
  std::string name = function.str();
  llvm::raw_string_ostream(name) << " " << element;
  return name;
}

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

/// How the name of the opposite of a comparison for equality begins.
static constexpr llvm::StringLiteral kUnequal = "unequal ", kEqual = "equal ";

/// Whether one of two truth values is true, whatever the numbers are: NaN is unequal to all.
bool Terms::areOpposite(Term x, Term y) const {
  auto isNot = [&](Term no, Term yes) { return isFunction(no, "not") && nodes[no].operands[0] == yes; };
  auto areUnlike = [&](Term unequal, Term equal) {
    return StringRef(nodes[unequal].function).starts_with(kUnequal) &&
           StringRef(nodes[equal].function).starts_with(kEqual) && nodes[unequal].operands == nodes[equal].operands;
  };
  return isNot(x, y) || isNot(y, x) || areUnlike(x, y) || areUnlike(y, x);
}

Term Terms::applyNot(Term x) {
  if (isConstant(x))
    return integer(!integerOf(x));
  std::string name = nodes[x].function;
  StringRef function = name;
  SmallVector<Term> operands = llvm::to_vector<6>(nodes[x].operands);
  if (function == "not")
    return operands[0];
  if (function.starts_with(kUnequal))
    return apply(function.drop_front(kUnequal.size() - kEqual.size()).str(), operands);
  if (function.starts_with(kEqual))
    return apply(("un" + function).str(), operands);
  return apply("not", x);
}

Term Terms::applyLogic(bool isAnd, Term x, Term y) {
  StringRef own = isAnd ? "and" : "or", other = isAnd ? "or" : "and";
  SmallVector<Term> parts;
  for (Term term : {x, y})
    if (isConstant(term) && (integerOf(term) != 0) != isAnd)
      return integer(!isAnd);
    else if (isFunction(term, own))
      llvm::append_range(parts, nodes[term].operands);
    else if (!isConstant(term))
      parts.push_back(term);
  llvm::sort(parts);
  parts.erase(llvm::unique(parts), parts.end());
  for (auto [number, part] : llvm::enumerate(parts))
    for (Term second : ArrayRef(parts).drop_front(number + 1))
      if (areOpposite(part, second))
        return integer(!isAnd);
  // "x and (x or y)" is x.
  SmallVector<Term> all = parts;
  llvm::erase_if(parts, [&](Term part) {
    return isFunction(part, other) &&
           llvm::any_of(nodes[part].operands, [&](Term operand) { return llvm::is_contained(all, operand); });
  });
  if (parts.empty())
    return integer(isAnd);
  return parts.size() == 1 ? parts.front() : apply(own, parts);
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

Term Terms::applyOrder(bool isMin, Type element, Term x, Term y) {
  if (x == y)
    return x;
  if (isConstant(x))
    std::swap(x, y);
  if (isConstant(x))
    return integer(isMin ? std::min(integerOf(x), integerOf(y)) : std::max(integerOf(x), integerOf(y)));
  TermRange first = nodes[x].range, second = nodes[y].range, range;
  if (first.isExact() && second.isExact()) {
    if (first.high <= second.low)
      return isMin ? x : y;
    if (first.low >= second.high)
      return isMin ? y : x;
    range = isMin ? TermRange{std::min(first.low, second.low), std::min(first.high, second.high)}
                  : TermRange{std::max(first.low, second.low), std::max(first.high, second.high)};
  }
  std::string name = nameOf(isMin ? "smaller" : "larger", element);
  if (isConstant(y) && isFunction(x, name))
    for (unsigned i : {0, 1})
      if (Term inner = nodes[x].operands[i]; isConstant(inner))
        return applyOrder(isMin, element, nodes[x].operands[1 - i], applyOrder(isMin, element, inner, y));
  return apply(name, {std::min(x, y), std::max(x, y)}, range);
}

/// A comparison of the smaller or larger of a number and a constant with another constant, as one of the number.
std::optional<Term> Terms::splitLess(Type element, Term x, Term y) {
  for (bool isLeft : {true, false}) {
    Term chosen = isLeft ? x : y, constant = isLeft ? y : x;
    bool isMin = isFunction(chosen, nameOf("smaller", element));
    if (!isConstant(constant) || !(isMin || isFunction(chosen, nameOf("larger", element))))
      continue;
    Term first = nodes[chosen].operands[0], second = nodes[chosen].operands[1];
    if (!isConstant(first) && !isConstant(second))
      continue;
    auto compared = [&](Term term) {
      return isLeft ? applyLess(element, term, constant) : applyLess(element, constant, term);
    };
    // "The smaller one is less" says "one of them is".
    Term firstCompared = compared(first);
    return applyLogic(/*isAnd=*/isMin != isLeft, firstCompared, compared(second));
  }
  return std::nullopt;
}

Term Terms::applyLess(Type element, Term x, Term y) {
  if (isConstant(x) && isConstant(y))
    return integer(integerOf(x) < integerOf(y));
  TermRange first = nodes[x].range, second = nodes[y].range;
  if (x == y || (first.isExact() && second.isExact() && first.low >= second.high))
    return integer(0);
  if (first.isExact() && second.isExact() && first.high < second.low)
    return integer(1);
  if (std::optional<Term> split = splitLess(element, x, y))
    return *split;
  return apply(nameOf("less", element), {x, y});
}

Term Terms::applyAtMost(Type element, Term x, Term y) {
  if (isConstant(y) && integerOf(y) != std::numeric_limits<int64_t>::max())
    return applyLess(element, x, integer(integerOf(y) + 1));
  if (isConstant(x) && integerOf(x) != std::numeric_limits<int64_t>::min())
    return applyLess(element, integer(integerOf(x) - 1), y);
  return applyNot(applyLess(element, y, x));
}

Term Terms::applyIntegerComparison(graph::CompareOp compare, Term x, Term y) {
  Type element = getElementTypeOrSelf(compare->getOperand(0).getType());
  switch (compare.getDirection()) {
  case graph::Direction::Lt:
    return applyLess(element, x, y);
  case graph::Direction::Gt:
    return applyLess(element, y, x);
  case graph::Direction::Le:
    return applyAtMost(element, x, y);
  case graph::Direction::Ge:
    return applyAtMost(element, y, x);
  case graph::Direction::Eq:
  case graph::Direction::Ne:
    break;
  }
  bool isEqual = compare.getDirection() == graph::Direction::Eq;
  TermRange first = nodes[x].range, second = nodes[y].range;
  if (x == y)
    return integer(isEqual);
  if (isConstant(x) && isConstant(y))
    return integer((integerOf(x) == integerOf(y)) == isEqual);
  if (first.isExact() && second.isExact() && (first.high < second.low || second.high < first.low))
    return integer(!isEqual);
  return apply(nameOf(isEqual ? "equal" : "unequal", element), {std::min(x, y), std::max(x, y)});
}

//===----------------------------------------------------------------------===//
// Rows of tables
//===----------------------------------------------------------------------===//

/// Whether `condition` is true wherever x is in [0, rows).
bool Terms::holdsWithin(Term condition, Term x, int64_t rows) const {
  const Node &node = nodes[condition];
  StringRef function = node.function;
  auto holds = [&](Term part) { return holdsWithin(part, x, rows); };
  if (node.isConstant)
    return node.integer != 0;
  if (function == "and" || function == "or")
    return function == "and" ? llvm::all_of(node.operands, holds) : llvm::any_of(node.operands, holds);
  bool isLess = function.starts_with("less i"), isUnequal = function.starts_with("unequal i");
  if (!isLess && !isUnequal)
    return false;
  Term first = node.operands[0], second = node.operands[1];
  auto isBelow = [&](Term term) { return isConstant(term) && integerOf(term) < 0; };
  auto isBeyond = [&](Term term) { return isConstant(term) && integerOf(term) >= rows; };
  if (isLess)
    return (first == x && isBeyond(second)) || (second == x && isBelow(first));
  Term other = first == x ? second : first;
  return (first == x || second == x) && (isBelow(other) || isBeyond(other));
}

Term Terms::withinTable(Term id, int64_t rows) const {
  while (StringRef(nodes[id].function).starts_with("choice")) {
    Term condition = nodes[id].operands[0], chosen = nodes[id].operands[1], other = nodes[id].operands[2];
    bool isNone = isConstant(other) && (integerOf(other) < 0 || integerOf(other) >= rows);
    if (!isNone || !holdsWithin(condition, chosen, rows))
      break;
    id = chosen;
  }
  return id;
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

std::optional<std::pair<int64_t, Term>> Terms::matchAbove(Term condition) const {
  const Node &node = nodes[condition];
  if (!StringRef(node.function).starts_with("less i") || !isConstant(node.operands[0]))
    return std::nullopt;
  return std::pair(integerOf(node.operands[0]), node.operands[1]);
}

bool Terms::isOneLess(Term term, Term x) const {
  const Node &node = nodes[term];
  StringRef function = node.function;
  if (function.starts_with("graph.sub"))
    return node.operands[0] == x && isConstant(node.operands[1]) && integerOf(node.operands[1]) == 1;
  if (!function.starts_with("graph.add"))
    return false;
  Term other = node.operands[0] == x ? node.operands[1] : node.operands[0];
  return llvm::is_contained(node.operands, x) && isConstant(other) && integerOf(other) == -1;
}
