//===- CheckGradient.cpp - derivatives against finite differences ---------===//
// First single entries of the parameters; where one is wrong, the derivative with respect to each intermediate value,
// from the loss backwards: the last operation before the first wrong one holds the rule at fault.
//===----------------------------------------------------------------------===//

#include "moru/DSL/CheckGradient.h"
#include "Trace.h"
#include "moru/DSL/ProgramModule.h"

#include "moru/Check/Inputs.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Support/Philox.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;

namespace moru {
namespace {

/// How far entries move. The error after extrapolation is of order h^4 = 1e-12, the rounding of the difference 1e-16 /
/// h = 1e-13.
constexpr double kStep = 1e-3;
/// Two quotients that differ by more than this part of the largest derivative stand at a kink.
constexpr double kKink = 1e-2;

/// A derivative and the quotient that should be equal to it.
struct Comparison {
  double derivative = 0, quotient = 0, difference = 0;
};

class Checking {
public:
  Checking(func::FuncOp function, const GradientCheckOptions &options)
      : function(function), options(options), arguments(check::drawInputs(function, options.seed)) {
    Operation *terminator = function.front().getTerminator();
    loss = terminator->getOperand(0);
    for (BlockArgument argument : function.getArguments())
      if (function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::GraphDialect::kRoleAttr) ==
          graph::GraphDialect::kParameterRole)
        targets.push_back(argument);
    parameterCount = targets.size();
    for (Operation &op : function.front())
      for (Value result : op.getResults())
        if (isa<FloatType>(cast<RankedTensorType>(result.getType()).getElementType()) && !isa<graph::ConstantOp>(op))
          targets.push_back(result);
    appendGradients(terminator);
  }

  LogicalResult run(GradientCheck &check) {
    FailureOr<SmallVector<reference::Tensor>> results = reference::evaluate(function, arguments);
    if (failed(results))
      return failure();
    gradients.assign(results->begin() + 1, results->end());
    // Only the loss from here on.
    function.front().getTerminator()->setOperands({loss});
    function.setFunctionType(FunctionType::get(function.getContext(), function.getArgumentTypes(), loss.getType()));
    gradientOp.erase();
    for (size_t index = 0; index < parameterCount; ++index)
      checkParameter(index, check);
    if (!check.passed)
      check.text += findOperation();
    return success();
  }

private:
  void appendGradients(Operation *terminator) {
    OpBuilder builder(terminator);
    gradientOp = graph::GradientOp::create(builder, function.getLoc(), ValueRange(targets).getTypes(), loss, targets);
    SmallVector<Value> results{loss};
    llvm::append_range(results, gradientOp.getResults());
    terminator->setOperands(results);
    function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
    function->removeAttr(function.getResAttrsAttrName());
  }

  double lossAt(Value target, const reference::Tensor &direction, double step) {
    reference::EvaluateOptions moved;
    SmallVector<reference::Tensor> values(arguments);
    reference::Tensor scaled = direction;
    for (double &entry : scaled.floats)
      entry *= step;
    if (auto argument = dyn_cast<BlockArgument>(target)) {
      for (int64_t i = 0; i < scaled.size(); ++i)
        values[argument.getArgNumber()].floats[i] += scaled.floats[i];
    } else {
      moved.perturbations[target] = scaled;
    }
    FailureOr<SmallVector<reference::Tensor>> results = reference::evaluate(function, values, moved);
    return succeeded(results) ? results->front().at(0) : NAN;
  }

  /// The derivative along a direction; nothing at a kink.
  std::optional<Comparison> compare(size_t index, const reference::Tensor &direction) {
    const reference::Tensor &gradient = gradients[index];
    Comparison result;
    double largest = 0, length = 0;
    for (int64_t i = 0; i < gradient.size(); ++i) {
      result.derivative += gradient.floats[i] * direction.floats[i];
      largest = std::max(largest, std::abs(gradient.floats[i]));
      length += std::abs(direction.floats[i]);
    }
    auto quotient = [&](double h) {
      return (lossAt(targets[index], direction, h) - lossAt(targets[index], direction, -h)) / (2 * h);
    };
    double coarse = quotient(kStep), fine = quotient(kStep / 2);
    double scale = std::max({largest * length, std::abs(fine), 1e-9});
    if (std::abs(coarse - fine) > kKink * scale)
      return std::nullopt;
    result.quotient = (4 * fine - coarse) / 3;
    result.difference = std::abs(result.derivative - result.quotient) / scale;
    // Anything that is not a number is wrong.
    if (!(result.difference >= 0))
      result.difference = INFINITY;
    return result;
  }

  void checkParameter(size_t index, GradientCheck &check) {
    auto type = cast<RankedTensorType>(targets[index].getType());
    for (int64_t draw = 0; draw < std::min(options.entries, type.getNumElements()); ++draw) {
      int64_t entry = philoxBits(options.seed, uint32_t(index), 1, draw) % type.getNumElements();
      reference::Tensor direction(type);
      direction.floats[entry] = 1;
      std::optional<Comparison> found = compare(index, direction);
      if (!found || (found->difference <= check.worst && !check.text.empty()))
        continue;
      check.worst = found->difference;
      check.passed = check.worst <= options.tolerance;
      auto name = function.getArgAttrOfType<StringAttr>(cast<BlockArgument>(targets[index]).getArgNumber(),
                                                        graph::GraphDialect::kNameAttr);
      check.text =
          llvm::formatv("{0}: {1}{2}: derivative {3}, difference quotient {4} (relative difference {5})",
                        lineOf(targets[index].getLoc()), name.str(), reference::indexToString(type.getShape(), entry),
                        found->derivative, found->quotient, found->difference)
              .str();
    }
  }

  /// From the loss backwards: the first value with a wrong derivative. The rule at fault is that of an operation that
  /// uses it.
  std::string findOperation() {
    for (size_t index = targets.size(); index-- > parameterCount;) {
      auto type = cast<RankedTensorType>(targets[index].getType());
      reference::Tensor direction(type);
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        direction.floats[i] = 2 * philoxUniform(options.seed, uint32_t(index), 2, i) - 1;
      std::optional<Comparison> found = compare(index, direction);
      if (found && found->difference > options.tolerance)
        return describeUsers(targets[index]);
    }
    SmallVector<Value> parameters(targets.begin(), targets.begin() + parameterCount);
    return parameters.empty() ? "" : describeUsers(parameters.front());
  }

  std::string describeUsers(Value value) {
    std::string text = "; wrong from";
    for (Operation *user : value.getUsers()) {
      while (user->getParentOp() != function)
        user = user->getParentOp();
      if (!isa<func::ReturnOp>(user))
        text += (" " + user->getName().getStringRef() + " at " + lineOf(user->getLoc())).str();
    }
    return text + " on";
  }

  static std::string lineOf(Location loc) {
    auto line = loc->findInstanceOf<FileLineColLoc>();
    return line ? line.getFilename().str() + ":" + std::to_string(line.getLine()) : "?";
  }

  func::FuncOp function;
  const GradientCheckOptions &options;
  SmallVector<reference::Tensor> arguments;
  Value loss;
  /// Parameters first, then every value of the outermost block in order.
  SmallVector<Value> targets;
  size_t parameterCount = 0;
  graph::GradientOp gradientOp;
  std::vector<reference::Tensor> gradients;
};

} // namespace

Result<GradientCheck> checkGradient(const std::function<Tensor(Function &)> &loss,
                                    const std::vector<Tensor> &parameters, const GradientCheckOptions &options,
                                    Here at) {
  Program program;
  program.function(
      "loss",
      [&](Function &function) {
        Tensor value = loss(function);
        gradient(value, parameters, at); // For its checks; it is dead.
        function.output("loss", value, at);
      },
      at);
  if (!program.ok())
    return Failure{program.errorText()};
  GradientCheck check;
  Checking checking(moduleOf(program).lookupSymbol<func::FuncOp>("loss"), options);
  if (failed(checking.run(check)))
    return Failure{detail::describe(at) + ": checkGradient: the loss cannot be evaluated"};
  if (check.passed)
    check.text += "; all within " + llvm::formatv("{0}", options.tolerance).str();
  return check;
}

} // namespace moru
