//===- CheckGradients.cpp - gradients against finite differences --------------===//
// The derivative of the loss along a direction d of one target is <gradient, d>. It is measured in f64, moving the
// target by ±h and ±h/2 with nothing but the forward evaluators: independent of every gradient rule.
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "moru/Support/Philox.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

/// The distance by which targets move, relative to entries near 1: the fourth-order error of the extrapolation, h^4 =
/// 1e-12, is then about the rounding error of the difference, 1e-16 / h.
static constexpr double kStep = 1e-3;

/// The least distance that is tried, where the rounding of the difference is still a millionth of what is looked for.
static constexpr double kLeastStep = 1e-6;

/// Accuracy of a difference quotient that seems to have converged: its own rounding, and terms of higher order.
static constexpr double kQuotientAccuracy = 1e-7;

/// A copy of the function in a module of its own.
namespace {
struct FunctionCopy {
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  IRMapping mapping;

  explicit FunctionCopy(func::FuncOp original) : module(ModuleOp::create(original.getLoc())) {
    function = cast<func::FuncOp>(original->clone(mapping));
    module->push_back(function);
  }
  /// Returns `values` and drops what they do not need.
  void returnOnly(ValueRange values) {
    Block &block = function.getBody().front();
    block.getTerminator()->setOperands(values);
    function.setFunctionType(FunctionType::get(function.getContext(), function.getArgumentTypes(), values.getTypes()));
    function->removeAttr(function.getResAttrsAttrName());
    for (Operation *op = block.getTerminator()->getPrevNode(); op;) {
      Operation *previous = op->getPrevNode();
      if (isOpTriviallyDead(op))
        op->erase();
      op = previous;
    }
  }
};
} // namespace

static SmallVector<Tensor> inOrder(func::FuncOp function, const NamedValues &inputs) {
  SmallVector<Tensor> values;
  for (const auto &[name, tensor] : inputs)
    values.push_back(tensor);
  assert(values.size() == function.getNumArguments() && "arguments of a function of tensors are all inputs");
  return values;
}

/// The values of all results of `gradient`, by the rules. Their bounds are of the declared types, whose digits the
/// rules' constants have.
static FailureOr<SmallVector<Tensor>> evaluateGradient(graph::GradientOp gradient, const NamedValues &inputs) {
  FunctionCopy copy(gradient->getParentOfType<func::FuncOp>());
  SmallVector<Value> results;
  for (Value result : gradient.getResults())
    results.push_back(copy.mapping.lookup(result));
  copy.returnOnly(results);
  reference::EvaluateOptions options;
  options.bounds = reference::Bounds::Declared;
  return reference::evaluate(copy.function, inOrder(copy.function, inputs), options);
}

static Tensor drawDirection(RankedTensorType type, uint64_t seed, uint32_t stream) {
  Tensor direction(type);
  for (int64_t i = 0; i < direction.size(); ++i)
    direction.floats[i] = 2 * philoxUniform(seed, stream, 0, i) - 1;
  return direction;
}

namespace {
/// The loss of one gradient as a function of how far one target is moved.
class LossAlong {
public:
  LossAlong(graph::GradientOp gradient, unsigned target, const Tensor &direction, const NamedValues &inputs)
      : copy(gradient->getParentOfType<func::FuncOp>()), inputs(inputs), direction(direction) {
    moved = copy.mapping.lookup(gradient.getTargets()[target]);
    copy.returnOnly(copy.mapping.lookup(gradient.getLoss()));
  }
  /// A loss that itself needs gradients is not measured, nor one of which a part counts as constant by the user's will.
  bool isPlain() {
    WalkResult result = copy.function.walk([](Operation *op) {
      return isa<graph::GradientOp, graph::StopGradientOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
    });
    return !result.wasInterrupted();
  }
  double at(double distance) {
    reference::EvaluateOptions options;
    Tensor delta = direction;
    for (double &entry : delta.floats)
      entry *= distance;
    options.perturbations[moved] = std::move(delta);
    auto results = reference::evaluate(copy.function, inOrder(copy.function, inputs), options);
    return succeeded(results) ? results->front().floats.front() : NAN;
  }
  /// The loss where nothing is moved; its bound is how far it may be off by its own rounding.
  FailureOr<Tensor> here() {
    reference::EvaluateOptions options;
    options.bounds = reference::Bounds::Double;
    auto results = reference::evaluate(copy.function, inOrder(copy.function, inputs), options);
    if (failed(results))
      return failure();
    return results->front();
  }

private:
  FunctionCopy copy;
  const NamedValues &inputs;
  const Tensor &direction;
  Value moved;
};

/// What differences over ±step say about the derivative where the loss is `here`.
struct Quotients {
  double central;
  /// How much more the loss climbs ahead than it has behind: curvature times `step`, or by how much a kink turns it.
  double turn;

  Quotients(LossAlong &loss, double here, double step) {
    double ahead = (loss.at(step) - here) / step, behind = (here - loss.at(-step)) / step;
    central = (ahead + behind) / 2;
    turn = ahead - behind;
  }
};
} // namespace

static LogicalResult checkTarget(graph::GradientOp gradient, unsigned target, const Tensor &value,
                                 const NamedValues &inputs, uint64_t seed) {
  Tensor direction = drawDirection(value.type, seed, target);
  LossAlong loss(gradient, target, direction, inputs);
  if (!loss.isPlain())
    return success();
  double expected = 0, scale = 0, bound = 0;
  for (int64_t i = 0; i < value.size(); ++i) {
    expected += value.floats[i] * direction.floats[i];
    scale += std::abs(value.floats[i] * direction.floats[i]);
    bound += value.bound(i) * std::abs(direction.floats[i]);
  }
  FailureOr<Tensor> unmoved = loss.here();
  if (failed(unmoved))
    return success();
  double here = unmoved->floats.front(), rounding = unmoved->bound(0), measured = 0;
  // The kinks of many entries can pass for a slope at one step, but hardly at steps of every size: the smaller, the
  // fewer of them lie within.
  for (double step = kStep; step > kLeastStep / 2; step /= 10) {
    Quotients coarse(loss, here, step), fine(loss, here, step / 2);
    measured = (4 * fine.central - coarse.central) / 3;
    // Where halving the step changes much, the loss has a kink nearby or a high curvature, and the quotient says less.
    // Where it does not halve the turn, the kink is here, and any slope between the two is a gradient.
    // The finer quotient is off by twice the rounding of a loss over half a step, and counts 4/3 times.
    double tolerance = std::abs(fine.central - coarse.central) + std::abs(2 * fine.turn - coarse.turn) +
                       kQuotientAccuracy * scale + bound + 8 * rounding / step;
    // At a pole, or beyond the numbers, differences say nothing.
    if (!std::isfinite(measured) || !std::isfinite(expected) || !(std::abs(measured - expected) > tolerance))
      return success();
  }
  return emitError(gradient.getLoc(), "expected the derivative along a random direction of target ")
         << target << " to be " << measured << " (by differences of the loss), got " << expected
         << " from its gradient";
}

LogicalResult check::checkGradients(func::FuncOp function, const NamedValues &inputs, uint64_t seed) {
  LogicalResult result = success();
  function.walk([&](graph::GradientOp gradient) {
    if (gradient->getParentOp() != function)
      return;
    FailureOr<SmallVector<Tensor>> values = evaluateGradient(gradient, inputs);
    if (failed(values)) {
      result = failure();
      return;
    }
    for (auto [target, value] : llvm::enumerate(*values))
      if (failed(checkTarget(gradient, target, value, inputs, seed)))
        result = failure();
  });
  return result;
}
