//===- CheckGradient.cpp - derivatives against finite differences ---------===//
// First single entries of the parameters; where one is wrong, the derivative with respect to each intermediate value,
// from the loss backwards: the last operation before the first wrong one holds the rule at fault. Where that is a loop,
// the operations of its body are tried alone, on the values of its last step.
//===----------------------------------------------------------------------===//

#include "moru/DSL/CheckGradient.h"
#include "Trace.h"
#include "moru/DSL/ProgramModule.h"

#include "moru/Check/Inputs.h"
#include "moru/Dialect/Graph/Passes.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Support/Philox.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Format.h"

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

/// Compares a derivative with quotients of `at`, a function of the distance; nothing at a kink. `magnitude` is the size
/// that the derivative could have had.
std::optional<Comparison> compareWithQuotient(double derivative, double magnitude,
                                              llvm::function_ref<double(double)> at) {
  auto quotient = [&](double h) { return (at(h) - at(-h)) / (2 * h); };
  double coarse = quotient(kStep), fine = quotient(kStep / 2);
  double scale = std::max({magnitude, std::abs(fine), 1e-9});
  if (std::abs(coarse - fine) > kKink * scale)
    return std::nullopt;
  Comparison result{derivative, (4 * fine - coarse) / 3, 0};
  result.difference = std::abs(result.derivative - result.quotient) / scale;
  // Anything that is not a number is wrong.
  if (!(result.difference >= 0))
    result.difference = INFINITY;
  return result;
}

std::string lineOf(Location loc) {
  auto line = loc->findInstanceOf<FileLineColLoc>();
  return line ? line.getFilename().str() + ":" + std::to_string(line.getLine()) : "?";
}

bool isFloatTensor(Value value) { return isa<FloatType>(getElementTypeOrSelf(value)); }

/// Appends to a block the gradient of `loss` with respect to `targets`; the terminator returns the loss and it.
graph::GradientOp returnGradient(func::FuncOp function, Value loss, ValueRange targets) {
  Operation *terminator = function.front().getTerminator();
  OpBuilder builder(terminator);
  auto gradient = graph::GradientOp::create(builder, function.getLoc(), targets.getTypes(), loss, targets);
  SmallVector<Value> results{loss};
  llvm::append_range(results, gradient.getResults());
  terminator->setOperands(results);
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  return gradient;
}

/// Makes a function return the loss alone again.
void returnLoss(func::FuncOp function, Value loss, graph::GradientOp gradient) {
  function.front().getTerminator()->setOperands(loss);
  function.setFunctionType(FunctionType::get(function.getContext(), function.getArgumentTypes(), loss.getType()));
  gradient.erase();
}

/// One operation without regions as a program of its own: a weighted sum of its results as a function of its operands.
class OperationAlone {
public:
  OperationAlone(Operation *op, uint64_t seed) : module(ModuleOp::create(op->getLoc())), seed(seed) {
    OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
    function =
        func::FuncOp::create(builder, op->getLoc(), "operation", builder.getFunctionType(op->getOperandTypes(), {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    Operation *copy = builder.clone(*op);
    copy->setOperands(function.getArguments());
    for (Value result : copy->getResults())
      if (isFloatTensor(result))
        addTerm(builder, result);
    func::ReturnOp::create(builder, op->getLoc(), loss ? ValueRange(loss) : ValueRange());
  }

  /// Its derivative along a random direction, at the values `arguments` of its operands.
  std::optional<Comparison> compare(ArrayRef<reference::Tensor> arguments) {
    SmallVector<Value> targets(llvm::make_filter_range(function.getArguments(), isFloatTensor));
    if (!loss || targets.empty())
      return std::nullopt;
    graph::GradientOp gradient = returnGradient(function, loss, targets);
    auto results = reference::evaluate(function, arguments);
    returnLoss(function, loss, gradient);
    if (failed(results))
      return std::nullopt;
    double derivative = 0, magnitude = 0;
    for (auto [target, slope] : llvm::zip_equal(targets, ArrayRef(*results).drop_front()))
      for (int64_t i = 0; i < slope.size(); ++i) {
        double term = slope.floats[i] * direction(cast<BlockArgument>(target).getArgNumber(), i);
        derivative += term;
        magnitude += std::abs(term);
      }
    return compareWithQuotient(derivative, magnitude, [&](double h) { return lossAt(arguments, h); });
  }

private:
  double direction(unsigned argument, int64_t i) { return 2 * philoxUniform(seed, argument, 4, i) - 1; }

  void addTerm(OpBuilder &builder, Value result) {
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<double> weights;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      weights.push_back(2 * philoxUniform(seed, cast<OpResult>(result).getResultNumber(), 3, i) - 1);
    auto wide = type.clone(builder.getF64Type());
    Location loc = function.getLoc();
    Value values = graph::ConvertOp::create(builder, loc, wide, result);
    Value factors = graph::ConstantOp::create(builder, loc, DenseElementsAttr::get(wide, ArrayRef(weights)));
    Value product = graph::MulOp::create(builder, loc, values, factors);
    Value sum = graph::ReduceSumOp::create(builder, loc, product, llvm::to_vector(llvm::seq<int64_t>(type.getRank())));
    loss = loss ? Value(graph::AddOp::create(builder, loc, loss, sum)) : sum;
  }

  double lossAt(ArrayRef<reference::Tensor> arguments, double distance) {
    SmallVector<reference::Tensor> moved(arguments);
    for (auto [argument, tensor] : llvm::enumerate(moved))
      for (auto [i, entry] : llvm::enumerate(tensor.floats))
        entry += distance * direction(argument, i);
    auto results = reference::evaluate(function, moved);
    return succeeded(results) ? results->front().at(0) : NAN;
  }

  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  uint64_t seed;
  Value loss;
};

class Checking {
public:
  Checking(func::FuncOp function, const GradientCheckOptions &options)
      : function(function), options(options), arguments(check::drawInputs(function, options.seed)) {
    // At the lengths that were drawn it is a program without bounded dimensions.
    if (FailureOr<graph::DimNames> lengths = reference::findLengths(function, arguments); succeeded(lengths))
      graph::setExtents(function, *lengths);
    Operation *terminator = function.front().getTerminator();
    loss = terminator->getOperand(0);
    for (BlockArgument argument : function.getArguments())
      if (function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::GraphDialect::kRoleAttr) ==
          graph::GraphDialect::kParameterRole)
        targets.push_back(argument);
    parameterCount = targets.size();
    for (Operation &op : function.front())
      for (Value result : op.getResults())
        if (isFloatTensor(result) && !isa<graph::ConstantOp>(op))
          targets.push_back(result);
    gradientOp = returnGradient(function, loss, targets);
    function->removeAttr(function.getResAttrsAttrName());
  }

  LogicalResult run(GradientCheck &check) {
    FailureOr<SmallVector<reference::Tensor>> results = reference::evaluate(function, arguments);
    if (failed(results))
      return failure();
    gradients.assign(results->begin() + 1, results->end());
    returnLoss(function, loss, gradientOp);
    for (size_t index = 0; index < parameterCount; ++index)
      checkParameter(index, check);
    if (check.text.empty()) {
      check.passed = false;
      check.text = "nothing was compared: the loss has a kink, or no slope that holds over a step of 0.001, at every "
                   "entry that was looked at; draw others with another seed";
    } else if (!check.passed)
      check.text += findOperation();
    return success();
  }

private:
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
    double derivative = 0, largest = 0, length = 0;
    for (int64_t i = 0; i < gradient.size(); ++i) {
      derivative += gradient.floats[i] * direction.floats[i];
      largest = std::max(largest, std::abs(gradient.floats[i]));
      length += std::abs(direction.floats[i]);
    }
    return compareWithQuotient(derivative, largest * length,
                               [&](double h) { return lossAt(targets[index], direction, h); });
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
      llvm::raw_string_ostream(check.text = {})
          << lineOf(targets[index].getLoc()) << ": " << name.str() << reference::indexToString(type.getShape(), entry)
          << ": derivative "
          << llvm::format("%.9g, difference quotient %.9g (relative difference %.2g)", found->derivative,
                          found->quotient, found->difference);
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
        text += " " + describe(user) + findInside(user);
    }
    return text + " on";
  }

  static std::string describe(Operation *op) {
    return (op->getName().getStringRef() + " at " + lineOf(op->getLoc())).str();
  }

  /// Of the operations in the regions of `op`: those whose rules are wrong at the values that their operands have last.
  std::string findInside(Operation *op) {
    if (op->getNumRegions() == 0)
      return "";
    DenseMap<Value, reference::Tensor> last;
    reference::EvaluateOptions watching;
    watching.observe = [&](Value value, const reference::Tensor &tensor, ArrayRef<int64_t>) { last[value] = tensor; };
    if (failed(reference::evaluate(function, arguments, watching)))
      return "";
    std::string text;
    op->walk([&](Operation *inner) {
      if (inner->getNumRegions() || inner->hasTrait<OpTrait::IsTerminator>() ||
          inner->hasTrait<OpTrait::ConstantLike>() ||
          !llvm::all_of(inner->getOperands(), [&](Value operand) { return last.contains(operand); }))
        return;
      auto values = llvm::map_to_vector(inner->getOperands(), [&](Value operand) { return last[operand]; });
      std::optional<Comparison> found = OperationAlone(inner, options.seed).compare(values);
      if (found && found->difference > options.tolerance)
        text += (text.empty() ? ", in it " : ", ") + describe(inner);
    });
    return text;
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
  if (parameters.empty())
    return Failure{detail::describe(at) + ": checkGradient: expected parameters to differentiate with respect to, got "
                                          "none"};
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
  // What cannot be differentiated or evaluated says so at its line.
  std::string mistakes;
  ScopedDiagnosticHandler handler(moduleOf(program).getContext(), [&](mlir::Diagnostic &diagnostic) {
    mistakes += (mistakes.empty() ? "" : "\n") + lineOf(diagnostic.getLocation()) + ": " + diagnostic.str();
  });
  // Gradients within the loss become operations like others, whose values can be moved.
  PassManager manager(moduleOf(program).getContext());
  manager.addNestedPass<func::FuncOp>(graph::createExpandGradients());
  if (failed(manager.run(moduleOf(program))))
    return Failure{mistakes};
  GradientCheck check;
  Checking checking(moduleOf(program).lookupSymbol<func::FuncOp>("loss"), options);
  if (failed(checking.run(check)))
    return Failure{mistakes};
  if (check.passed)
    llvm::raw_string_ostream(check.text) << "; all within " << llvm::format("%g", options.tolerance);
  return check;
}

} // namespace moru
