//===- IndexSpace.cpp - index arithmetic with known ranges ----------------===//
// See IndexSpace.h.
//===----------------------------------------------------------------------===//

#include "IndexSpace.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace moru {

IndexExpr IndexExpr::operator+(const IndexExpr &other) const {
  IndexExpr sum(constant + other.constant);
  auto a = terms.begin(), b = other.terms.begin();
  while (a != terms.end() || b != other.terms.end()) {
    if (b == other.terms.end() || (a != terms.end() && a->variable < b->variable))
      sum.terms.push_back(*a++);
    else if (a == terms.end() || b->variable < a->variable)
      sum.terms.push_back(*b++);
    else {
      if (int64_t factor = a->factor + b->factor)
        sum.terms.push_back({a->variable, factor});
      ++a, ++b;
    }
  }
  return sum;
}

IndexExpr IndexExpr::operator*(int64_t factor) const {
  if (factor == 0)
    return 0;
  IndexExpr product = *this;
  product.constant *= factor;
  for (IndexTerm &term : product.terms)
    term.factor *= factor;
  return product;
}

IndexExpr IndexSpace::add(IndexVariable variable) {
  // A variable with one value is a number.
  if (variable.low == variable.high)
    return variable.low;
  variables.push_back(std::move(variable));
  IndexExpr expr;
  expr.terms.push_back({static_cast<unsigned>(variables.size() - 1), 1});
  return expr;
}

IndexExpr IndexSpace::addValue(Value value, int64_t low, int64_t high, unsigned level) {
  return add({IndexVariable::Kind::Value, low, high, level, value});
}

IndexExpr IndexSpace::addLane(int64_t width, int64_t active, unsigned level) {
  // A vector of one entry is a number. Otherwise the lane stays a variable even with one lane in use: what depends on
  // it is a vector.
  if (width == 1)
    return 0;
  IndexVariable lane{IndexVariable::Kind::Lane, 0, active - 1, level};
  lane.width = width;
  lane.active = active;
  lane.laneDependent = true;
  variables.push_back(lane);
  IndexExpr expr;
  expr.terms.push_back({static_cast<unsigned>(variables.size() - 1), 1});
  return expr;
}

std::pair<int64_t, int64_t> IndexSpace::getRange(const IndexExpr &expr) const {
  int64_t low = expr.constant, high = expr.constant;
  for (const IndexTerm &term : expr.terms) {
    const IndexVariable &variable = variables[term.variable];
    low += term.factor * (term.factor > 0 ? variable.low : variable.high);
    high += term.factor * (term.factor > 0 ? variable.high : variable.low);
  }
  return {low, high};
}

unsigned IndexSpace::getLevel(const IndexExpr &expr) const {
  unsigned level = 0;
  for (const IndexTerm &term : expr.terms)
    level = std::max(level, variables[term.variable].level);
  return level;
}

/// expr = divisor * first + second, with everything in `first` that is a multiple.
std::pair<IndexExpr, IndexExpr> IndexSpace::split(const IndexExpr &expr, int64_t divisor) const {
  int64_t whole = llvm::divideFloorSigned(expr.constant, divisor);
  IndexExpr multiple(whole), rest(expr.constant - whole * divisor);
  for (const IndexTerm &term : expr.terms) {
    if (term.factor % divisor == 0)
      multiple.terms.push_back({term.variable, term.factor / divisor});
    else
      rest.terms.push_back(term);
  }
  return {multiple, rest};
}

IndexExpr IndexSpace::digit(IndexVariable::Kind kind, const IndexExpr &origin, int64_t divisor) {
  auto [place, isNew] = digits.try_emplace({kind, origin, divisor}, 0);
  if (isNew) {
    auto [low, high] = getRange(origin);
    IndexVariable variable{kind, 0, divisor - 1, getLevel(origin)};
    if (kind == IndexVariable::Kind::Quotient)
      variable.low = llvm::divideFloorSigned(low, divisor), variable.high = llvm::divideFloorSigned(high, divisor);
    variable.origin = origin;
    variable.divisor = divisor;
    variable.laneDependent = dependsOnLane(origin);
    variables.push_back(variable);
    place->second = variables.size() - 1;
  }
  IndexExpr expr;
  expr.terms.push_back({place->second, 1});
  return expr;
}

/// The multiple of `divisor` in `expr`, and the rest, if that has the same quotient wherever it is: then that too. As
/// the expression stands, or with digits put together again.
IndexSpace::Division IndexSpace::divideExactly(const IndexExpr &expr, int64_t divisor) {
  auto attempt = [&](const IndexExpr &expr) {
    auto [multiple, rest] = split(expr, divisor);
    auto [low, high] = getRange(rest);
    int64_t least = llvm::divideFloorSigned(low, divisor);
    bool isExact = least == llvm::divideFloorSigned(high, divisor);
    return Division{multiple, rest, isExact ? std::optional(least) : std::nullopt};
  };
  Division division = attempt(expr);
  return division.quotient ? division : attempt(recombine(expr));
}

IndexExpr IndexSpace::divide(const IndexExpr &expr, int64_t divisor) {
  if (divisor == 1)
    return expr;
  Division division = divideExactly(expr, divisor);
  if (division.quotient)
    return division.multiple + *division.quotient;
  return division.multiple + digit(IndexVariable::Kind::Quotient, division.rest, divisor);
}

IndexExpr IndexSpace::remainder(const IndexExpr &expr, int64_t divisor) {
  if (divisor == 1)
    return 0;
  Division division = divideExactly(expr, divisor);
  if (division.quotient)
    return division.rest + IndexExpr(-*division.quotient * divisor);
  return digit(IndexVariable::Kind::Remainder, division.rest, divisor);
}

IndexExpr IndexSpace::recombine(IndexExpr expr) {
  for (size_t i = 0; i < expr.terms.size(); ++i) {
    IndexTerm low = expr.terms[i];
    const IndexVariable &variable = variables[low.variable];
    if (variable.kind != IndexVariable::Kind::Remainder)
      continue;
    auto quotient = digits.find({IndexVariable::Kind::Quotient, variable.origin, variable.divisor});
    if (quotient == digits.end())
      continue;
    for (const IndexTerm &high : expr.terms) {
      if (high.variable != quotient->second || high.factor != low.factor * variable.divisor)
        continue;
      IndexExpr pair;
      pair.terms = {low, high};
      llvm::sort(pair.terms);
      // Once more from the start: the origin may hold digits itself.
      return recombine(expr + pair * -1 + variable.origin * low.factor);
    }
  }
  return expr;
}

Position IndexSpace::delinearize(const IndexExpr &flat, ArrayRef<int64_t> shape) {
  Position position(shape.size());
  IndexExpr rest = flat;
  for (int64_t axis = static_cast<int64_t>(shape.size()) - 1; axis >= 0; --axis) {
    // The first axis takes what is left: `flat` is within the tensor.
    position[axis] = axis == 0 ? rest : remainder(rest, shape[axis]);
    if (axis > 0)
      rest = divide(rest, shape[axis]);
  }
  return position;
}

IndexExpr IndexSpace::addUp(ArrayRef<IndexExpr> position, ArrayRef<int64_t> strides) {
  IndexExpr flat;
  for (size_t axis = 0; axis < position.size(); ++axis)
    flat = flat + position[axis] * strides[axis];
  return flat;
}

IndexExpr IndexSpace::linearize(ArrayRef<IndexExpr> position, ArrayRef<int64_t> strides) {
  return recombine(addUp(position, strides));
}

bool IndexSpace::dependsOnLane(const IndexExpr &expr) const {
  return llvm::any_of(expr.terms, [&](const IndexTerm &term) { return variables[term.variable].laneDependent; });
}

std::optional<unsigned> IndexSpace::findLane(ArrayRef<IndexExpr> position) const {
  for (const IndexExpr &expr : position)
    for (const IndexTerm &term : expr.terms) {
      const IndexVariable &variable = variables[term.variable];
      if (variable.kind == IndexVariable::Kind::Lane)
        return term.variable;
      if (variable.laneDependent)
        return findLane(variable.origin);
    }
  return std::nullopt;
}

IndexExpr IndexSpace::fixLane(const IndexExpr &expr, int64_t lane) {
  IndexExpr fixed(expr.constant);
  for (const IndexTerm &term : expr.terms) {
    IndexVariable variable = variables[term.variable];
    IndexExpr value;
    if (!variable.laneDependent)
      value.terms.push_back({term.variable, 1});
    else if (variable.kind == IndexVariable::Kind::Lane)
      value = lane;
    else if (variable.kind == IndexVariable::Kind::Quotient)
      value = divide(fixLane(variable.origin, lane), variable.divisor);
    else
      value = remainder(fixLane(variable.origin, lane), variable.divisor);
    fixed = fixed + value * term.factor;
  }
  return recombine(fixed);
}

std::optional<int64_t> IndexSpace::getLaneFactor(const IndexExpr &expr) const {
  int64_t factor = 0;
  for (const IndexTerm &term : expr.terms) {
    const IndexVariable &variable = variables[term.variable];
    if (variable.kind == IndexVariable::Kind::Lane)
      factor = term.factor;
    else if (variable.laneDependent)
      return std::nullopt;
  }
  return factor;
}

} // namespace moru
