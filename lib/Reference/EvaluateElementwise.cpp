//===- EvaluateElementwise.cpp - evaluators that work entry by entry -------===//
// Each is a formula and what the formula does to an error of its operands.
//===----------------------------------------------------------------------===//

#include "Evaluators.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

int64_t reference::wrap(Type element, int64_t value) {
  return element.isInteger(32) ? static_cast<int32_t>(static_cast<uint64_t>(value)) : value;
}

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

namespace {
/// A function of one number, by the name of its operation: its derivative, and its accuracy in f32.
struct UnaryFunction {
  llvm::StringLiteral name;
  double (*value)(double x);
  /// |f'(x)|, given x and y = f(x).
  double (*slope)(double x, double y);
  double ulps;
};
} // namespace

/// Far below zero it is as small as e^x, where e^-x overflows.
static double sigmoid(double x) {
  double power = std::exp(-std::abs(x));
  return (x < 0 ? power : 1) / (1 + power);
}

static constexpr UnaryFunction kUnaryFunctions[] = {
    {graph::ExpOp::getOperationName(), [](double x) { return std::exp(x); }, [](double, double y) { return y; },
     kExpUlps},
    {graph::LogOp::getOperationName(), [](double x) { return std::log(x); },
     [](double x, double) { return 1 / std::abs(x); }, kLogUlps},
    {graph::Log1pOp::getOperationName(), [](double x) { return std::log1p(x); },
     [](double x, double) { return 1 / std::abs(1 + x); }, kLog1pUlps},
    {graph::TanhOp::getOperationName(), [](double x) { return std::tanh(x); },
     [](double, double y) { return 1 - y * y; }, kTanhUlps},
    {graph::SigmoidOp::getOperationName(), sigmoid, [](double, double y) { return y * (1 - y); }, kSigmoidUlps},
    {graph::ErfOp::getOperationName(), [](double x) { return std::erf(x); },
     [](double x, double) { return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x); }, kErfUlps},
    {graph::SqrtOp::getOperationName(), [](double x) { return std::sqrt(x); }, [](double, double y) { return 0.5 / y; },
     kSqrtUlps},
    {graph::RsqrtOp::getOperationName(), [](double x) { return 1 / std::sqrt(x); },
     [](double x, double y) { return 0.5 * y / x; }, kRsqrtUlps},
    {graph::SinOp::getOperationName(), [](double x) { return std::sin(x); }, [](double, double) { return 1.0; },
     kSineUlps},
    {graph::CosOp::getOperationName(), [](double x) { return std::cos(x); }, [](double, double) { return 1.0; },
     kSineUlps},
};

/// How far f may move when x moves by `error`: by the slope, and, as the slope may change, by what happens at the ends.
/// All of our functions but sin and cos are monotone, and those have slope 1 at most.
static double spread(const UnaryFunction &f, double x, double y, double error) {
  if (error == 0)
    return 0;
  double first = f.slope(x, y) * error;
  double ends = worse(std::abs(f.value(x + error) - y), std::abs(f.value(x - error) - y));
  double result = worse(first, ends);
  return std::isfinite(result) ? result : unknown(); // An end outside of the domain, or at a pole.
}

static EvaluatorResult evaluateUnary(const Evaluation &e) {
  const UnaryFunction &f =
      *llvm::find_if(kUnaryFunctions, [&](const UnaryFunction &f) { return f.name == e.op->getName().getStringRef(); });
  const Tensor &operand = e.operand(0);
  Tensor result(e.resultType());
  Type element = result.type.getElementType();
  for (int64_t i = 0; i < result.size(); ++i)
    result.floats[i] = f.value(operand.floats[i]);
  if (!e.withBounds())
    return single(std::move(result));
  result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i) {
    double inherited = spread(f, operand.floats[i], result.floats[i], operand.bound(i));
    result.bounds[i] =
        e.bound(element, result.floats[i], inherited, inRoundoffs(f.ulps), std::ceil(f.ulps) * kUnderflowF32);
  }
  return single(std::move(result));
}

/// A result computed without rounding, whose error is the operand's.
static EvaluatorResult evaluateExactUnary(const Evaluation &e, double (*onFloat)(double),
                                          int64_t (*onInteger)(int64_t)) {
  const Tensor &operand = e.operand(0);
  Tensor result(e.resultType());
  for (int64_t i = 0; i < result.size(); ++i)
    if (result.isFloat())
      result.floats[i] = onFloat(operand.floats[i]);
    else
      result.integers[i] = wrap(result.type.getElementType(), onInteger(operand.integers[i]));
  result.bounds = operand.bounds;
  return single(std::move(result));
}

static EvaluatorResult evaluateNeg(const Evaluation &e) {
  return evaluateExactUnary(
      e, [](double x) { return -x; }, [](int64_t x) { return static_cast<int64_t>(-static_cast<uint64_t>(x)); });
}
static EvaluatorResult evaluateAbs(const Evaluation &e) {
  return evaluateExactUnary(
      e, [](double x) { return std::abs(x); },
      [](int64_t x) { return x < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(x)) : x; });
}
static EvaluatorResult evaluateStopGradient(const Evaluation &e) { return single(e.operand(0)); }
static EvaluatorResult evaluateNot(const Evaluation &e) {
  return evaluateExactUnary(e, nullptr, [](int64_t x) { return static_cast<int64_t>(x == 0); });
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

/// Two numbers and their errors.
struct Operands {
  double x, y, errorX, errorY;
};

/// A function of two numbers: its value on floating point and integers, and the error it inherits, given its value.
struct BinaryFunction {
  double (*value)(double x, double y);
  int64_t (*integer)(int64_t x, int64_t y);
  double (*inherited)(const Operands &operands, double z);
  double roundoffs;
};

static double inheritedBySum(const Operands &o, double) { return o.errorX + o.errorY; }

static EvaluatorResult evaluateBinary(const Evaluation &e, const BinaryFunction &f) {
  const Tensor &lhs = e.operand(0), &rhs = e.operand(1);
  Tensor result(e.resultType());
  Type element = result.type.getElementType();
  if (!result.isFloat()) {
    for (int64_t i = 0; i < result.size(); ++i)
      result.integers[i] = wrap(element, f.integer(lhs.integers[i], rhs.integers[i]));
    if (lhs.bounds.empty() && rhs.bounds.empty())
      return single(std::move(result));
    result.addBounds();
    for (int64_t i = 0; i < result.size(); ++i)
      result.bounds[i] = lhs.bound(i) + rhs.bound(i) == 0 ? 0 : undecided();
    return single(std::move(result));
  }
  for (int64_t i = 0; i < result.size(); ++i)
    result.floats[i] = f.value(lhs.floats[i], rhs.floats[i]);
  if (!e.withBounds())
    return single(std::move(result));
  result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i) {
    Operands operands{lhs.floats[i], rhs.floats[i], lhs.bound(i), rhs.bound(i)};
    double z = result.floats[i], inherited = f.inherited(operands, z);
    // Infinite because it is beyond f64, not because an operand is.
    bool overflows = std::isinf(z) && std::isfinite(operands.x) && std::isfinite(operands.y) && f.roundoffs == 1;
    if (z == 0 && operands.x != 0 && operands.y != 0 && std::isfinite(operands.y) && f.inherited != inheritedBySum)
      inherited += kUnderflowF64;
    result.bounds[i] = overflows ? unknown() : e.bound(element, z, inherited, f.roundoffs);
  }
  return single(std::move(result));
}

static double inheritedByProduct(const Operands &o, double) {
  if (std::isnan(o.errorX) || std::isnan(o.errorY))
    return unknown();
  // Zero times undecided is zero: an exact zero, as a mask makes it, hides the other factor.
  auto term = [](double x, double error) { return x == 0 || error == 0 ? 0 : std::abs(x) * error; };
  double second = o.errorX == 0 || o.errorY == 0 ? 0 : o.errorX * o.errorY;
  return term(o.x, o.errorY) + term(o.y, o.errorX) + second;
}
static double inheritedByQuotient(const Operands &o, double z) {
  if (o.errorX == 0 && o.errorY == 0)
    return 0;
  double least = std::abs(o.y) - o.errorY;
  double moved = o.errorY == 0 ? 0 : std::abs(z) * o.errorY;
  return least > 0 ? (o.errorX + moved) / least : unknown();
}
static double inheritedByChoice(const Operands &o, double) { return worse(o.errorX, o.errorY); }
/// |d x^y| = |z| (|y / x| dx + |log x| dy).
static double inheritedByPower(const Operands &o, double z) {
  double error = 0;
  if (o.errorX != 0)
    error += std::abs(z * o.y / o.x) * o.errorX;
  if (o.errorY != 0)
    error += std::abs(z * std::log(o.x)) * o.errorY;
  return !std::isfinite(error) || o.errorX > 0.1 * std::abs(o.x) ? unknown() : 2 * error;
}

template <typename Function> static int64_t wrapping(int64_t x, int64_t y, Function function) {
  return static_cast<int64_t>(function(static_cast<uint64_t>(x), static_cast<uint64_t>(y)));
}

/// The rows of a scatter_add may be added to the other operand one after the other: a rounding of a sum with it for
/// each.
static void allowRowByRow(const Evaluation &e, Tensor &result) {
  Type element = result.type.getElementType();
  for (Value operand : e.op->getOperands()) {
    auto rows = operand.hasOneUse() ? operand.getDefiningOp<graph::ScatterAddOp>() : nullptr;
    if (!rows || !isa<FloatType>(element) || !e.withBounds())
      continue;
    auto terms = double(cast<RankedTensorType>(rows.getIds().getType()).getNumElements() + 1);
    for (int64_t i = 0; i < result.size(); ++i) {
      double magnitude = finiteMagnitude(e.operand(0).floats[i]) + finiteMagnitude(e.operand(1).floats[i]);
      result.bounds[i] += e.boundOfSum(element, result.floats[i], 0, magnitude, terms);
    }
  }
}

static EvaluatorResult evaluateAdd(const Evaluation &e) {
  EvaluatorResult results =
      evaluateBinary(e, {[](double x, double y) { return x + y; },
                         [](int64_t x, int64_t y) { return wrapping(x, y, std::plus<>()); }, inheritedBySum, 1});
  if (succeeded(results))
    allowRowByRow(e, results->front());
  return results;
}
static EvaluatorResult evaluateSub(const Evaluation &e) {
  return evaluateBinary(e, {[](double x, double y) { return x - y; },
                            [](int64_t x, int64_t y) { return wrapping(x, y, std::minus<>()); }, inheritedBySum, 1});
}
static EvaluatorResult evaluateMul(const Evaluation &e) {
  return evaluateBinary(e, {[](double x, double y) { return x * y; },
                            [](int64_t x, int64_t y) { return wrapping(x, y, std::multiplies<>()); },
                            inheritedByProduct, 1});
}
static int64_t divideIntegers(int64_t x, int64_t y) {
  if (y == 0)
    return 0;
  return y == -1 ? static_cast<int64_t>(-static_cast<uint64_t>(x)) : x / y;
}
static EvaluatorResult evaluateDiv(const Evaluation &e) {
  return evaluateBinary(
      e, {[](double x, double y) { return x / y; }, divideIntegers, inheritedByQuotient, kDivisionRoundoffs});
}
static double largerOrNan(double x, double y) { return std::isnan(x) || std::isnan(y) ? NAN : std::max(x, y); }
static double smallerOrNan(double x, double y) { return std::isnan(x) || std::isnan(y) ? NAN : std::min(x, y); }
static EvaluatorResult evaluateMaximum(const Evaluation &e) {
  return evaluateBinary(e, {largerOrNan, [](int64_t x, int64_t y) { return std::max(x, y); }, inheritedByChoice, 0});
}
static EvaluatorResult evaluateMinimum(const Evaluation &e) {
  return evaluateBinary(e, {smallerOrNan, [](int64_t x, int64_t y) { return std::min(x, y); }, inheritedByChoice, 0});
}
static EvaluatorResult evaluatePow(const Evaluation &e) {
  return evaluateBinary(
      e, {[](double x, double y) { return std::pow(x, y); }, nullptr, inheritedByPower, inRoundoffs(kPowUlps)});
}

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

/// `deciding` is the truth value that settles the result whatever the other operand is.
static EvaluatorResult evaluateLogic(const Evaluation &e, bool deciding) {
  const Tensor &lhs = e.operand(0), &rhs = e.operand(1);
  Tensor result(e.resultType());
  bool anyBound = !lhs.bounds.empty() || !rhs.bounds.empty();
  if (anyBound)
    result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i) {
    bool settled = lhs.integers[i] == deciding || rhs.integers[i] == deciding;
    result.integers[i] = settled ? deciding : !deciding;
    bool settledByExact =
        (lhs.integers[i] == deciding && lhs.bound(i) == 0) || (rhs.integers[i] == deciding && rhs.bound(i) == 0);
    if (anyBound && !settledByExact)
      result.bounds[i] = lhs.bound(i) + rhs.bound(i);
  }
  return single(std::move(result));
}
static EvaluatorResult evaluateAnd(const Evaluation &e) { return evaluateLogic(e, false); }
static EvaluatorResult evaluateOr(const Evaluation &e) { return evaluateLogic(e, true); }

template <typename T> static bool compareNumbers(graph::Direction direction, T x, T y) {
  switch (direction) {
  case graph::Direction::Eq:
    return x == y;
  case graph::Direction::Ne:
    return x != y;
  case graph::Direction::Lt:
    return x < y;
  case graph::Direction::Le:
    return x <= y;
  case graph::Direction::Gt:
    return x > y;
  case graph::Direction::Ge:
    return x >= y;
  }
  llvm_unreachable("every direction has a case");
}

/// Undecided where inexact operands are no farther apart than their errors.
static EvaluatorResult evaluateCompare(const Evaluation &e) {
  const Tensor &lhs = e.operand(0), &rhs = e.operand(1);
  graph::Direction direction = cast<graph::CompareOp>(e.op).getDirection();
  Tensor result(e.resultType());
  bool anyBound = !lhs.bounds.empty() || !rhs.bounds.empty();
  if (anyBound)
    result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i) {
    result.integers[i] = lhs.isFloat() ? compareNumbers(direction, lhs.floats[i], rhs.floats[i])
                                       : compareNumbers(direction, lhs.integers[i], rhs.integers[i]);
    double error = lhs.bound(i) + rhs.bound(i);
    if (error != 0 && !(std::abs(lhs.at(i) - rhs.at(i)) > error))
      result.bounds[i] = undecided();
  }
  return single(std::move(result));
}

/// How far apart two values are: nothing where they are the same, unknown where one of them is no finite number.
static double distance(double x, double y) {
  if (x == y || (std::isnan(x) && std::isnan(y)))
    return 0;
  return std::isfinite(x) && std::isfinite(y) ? std::abs(x - y) : unknown();
}

/// Where the condition is undecided the result may be either value.
static EvaluatorResult evaluateSelect(const Evaluation &e) {
  const Tensor &condition = e.operand(0), &onTrue = e.operand(1), &onFalse = e.operand(2);
  Tensor result(e.resultType());
  bool anyBound = !condition.bounds.empty() || !onTrue.bounds.empty() || !onFalse.bounds.empty();
  if (anyBound)
    result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i) {
    const Tensor &chosen = condition.integers[i] ? onTrue : onFalse;
    if (result.isFloat())
      result.floats[i] = chosen.floats[i];
    else
      result.integers[i] = chosen.integers[i];
    if (anyBound && condition.bound(i) == 0)
      result.bounds[i] = chosen.bound(i);
    else if (anyBound)
      result.bounds[i] = distance(onTrue.at(i), onFalse.at(i)) + worse(onTrue.bound(i), onFalse.bound(i));
  }
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Truncates toward zero and saturates; NaN gives 0.
static int64_t saturate(Type element, double value) {
  if (std::isnan(value))
    return 0;
  double limit = std::ldexp(1.0, element.getIntOrFloatBitWidth() - 1);
  if (value >= limit)
    return element.isInteger(64) ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(limit) - 1;
  if (value < -limit)
    return element.isInteger(64) ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(-limit);
  return static_cast<int64_t>(value);
}

static int64_t convertToInteger(const Tensor &operand, Type element, int64_t i) {
  if (element.isInteger(1))
    return operand.isFloat() ? operand.floats[i] != 0 : operand.integers[i] != 0;
  return operand.isFloat() ? saturate(element, operand.floats[i]) : wrap(element, operand.integers[i]);
}

/// The error of an integer made from an inexact number: none while no integer lies between.
static double boundOfInteger(const Tensor &operand, Type element, int64_t i) {
  double error = operand.bound(i), value = operand.at(i);
  if (error == 0)
    return 0;
  if (element.isInteger(1))
    return std::abs(value) > error ? 0 : undecided();
  return std::trunc(value - error) == std::trunc(value + error) ? 0 : undecided();
}

static EvaluatorResult evaluateConvert(const Evaluation &e) {
  const Tensor &operand = e.operand(0);
  Tensor result(e.resultType());
  Type element = result.type.getElementType();
  // A wider type holds the number exactly.
  bool rounds = result.isFloat() && !(operand.type.getElementType().isInteger(1)) &&
                !(isa<FloatType>(operand.type.getElementType()) &&
                  operand.type.getElementTypeBitWidth() <= element.getIntOrFloatBitWidth());
  for (int64_t i = 0; i < result.size(); ++i)
    if (result.isFloat())
      result.floats[i] = operand.at(i);
    else
      result.integers[i] = convertToInteger(operand, element, i);
  if (!e.withBounds())
    return single(std::move(result));
  result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i)
    result.bounds[i] = result.isFloat() ? e.bound(element, result.floats[i], operand.bound(i), rounds)
                                        : boundOfInteger(operand, element, i);
  return single(std::move(result));
}

void reference::addElementwiseEvaluators(EvaluatorTable &table) {
  for (const UnaryFunction &function : kUnaryFunctions)
    table.insert({function.name, evaluateUnary});
  addEvaluator<graph::NegOp>(table, evaluateNeg);
  addEvaluator<graph::AbsOp>(table, evaluateAbs);
  addEvaluator<graph::StopGradientOp>(table, evaluateStopGradient);
  addEvaluator<graph::AddOp>(table, evaluateAdd);
  addEvaluator<graph::SubOp>(table, evaluateSub);
  addEvaluator<graph::MulOp>(table, evaluateMul);
  addEvaluator<graph::DivOp>(table, evaluateDiv);
  addEvaluator<graph::MaximumOp>(table, evaluateMaximum);
  addEvaluator<graph::MinimumOp>(table, evaluateMinimum);
  addEvaluator<graph::PowOp>(table, evaluatePow);
  addEvaluator<graph::AndOp>(table, evaluateAnd);
  addEvaluator<graph::OrOp>(table, evaluateOr);
  addEvaluator<graph::NotOp>(table, evaluateNot);
  addEvaluator<graph::CompareOp>(table, evaluateCompare);
  addEvaluator<graph::SelectOp>(table, evaluateSelect);
  addEvaluator<graph::ConvertOp>(table, evaluateConvert);
}
