//===- Evaluator.cpp - the evaluator's driver -----------------------------===//
// Walks a block in order, looks each operation up in the table and keeps the values. The expansion of gradients stands
// here, operations in the Evaluate*.cpp files.
//===----------------------------------------------------------------------===//

#include "Evaluators.h"

#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace moru;
using namespace moru::reference;

//===----------------------------------------------------------------------===//
// Errors of rounding
//===----------------------------------------------------------------------===//

/// Asked of every entry: by type, since the interface of floating-point types is looked up in a table.
static bool isNarrowFloat(Type element) { return element.isF32() || element.isBF16(); }

double Evaluation::roundoff(Type element) const {
  if (!isNarrowFloat(element) && !element.isF64())
    return 0;
  if (options.bounds == Bounds::Double)
    return kRoundoffF64;
  // Here compiled code and the Reference round alike, each in its own way.
  if (element.isF64())
    return 2 * kRoundoffF64;
  return element.isBF16() ? kRoundoffBF16 : kRoundoffF32;
}

double Evaluation::bound(Type element, double value, double inherited, double roundoffs, double underflow) const {
  bool isNarrow = options.bounds == Bounds::Declared && isNarrowFloat(element);
  double largest = element.isBF16() ? kLargestBF16 : kLargestF32;
  if (std::isinf(inherited) && std::isfinite(value))
    return isNarrow && std::abs(value) > largest ? unknown() : undecided();
  if (!std::isfinite(value))
    return std::isinf(inherited) ? unknown() : inherited; // Infinite and NaN stay what they are.
  if (std::isnan(inherited) || (isNarrow && std::abs(value) + inherited > largest))
    return unknown();
  if (roundoffs == 0)
    return inherited;
  double least = element.isBF16() ? kUnderflowBF16 + underflow : underflow;
  if (!isNarrow)
    least = underflow / kUnderflowF32 * kUnderflowF64;
  return inherited + roundoffs * roundoff(element) * (std::abs(value) + inherited) + (value == 0 ? 0 : least);
}

double Evaluation::boundOfSum(Type element, double value, double inherited, double magnitude, double terms) const {
  bool isNarrow = options.bounds == Bounds::Declared && isNarrowFloat(element);
  if ((isNarrowFloat(element) || element.isF64()) && !(magnitude <= (isNarrow ? kLargestF32 : kLargestF64)))
    return unknown();
  // Infinite and NaN stay what they are, whatever rounds beside them.
  double rounding = std::isfinite(value) ? std::max(terms - 1, 0.0) * roundoff(element) * magnitude : 0;
  return bound(element, value, inherited + rounding, terms > 1);
}

//===----------------------------------------------------------------------===//
// The table and the walk
//===----------------------------------------------------------------------===//

static const EvaluatorTable &evaluatorTable() {
  static const EvaluatorTable table = [] {
    EvaluatorTable table;
    addElementwiseEvaluators(table);
    addShapeEvaluators(table);
    addIndexingEvaluators(table);
    addReductionEvaluators(table);
    addControlFlowEvaluators(table);
    return table;
  }();
  return table;
}

bool reference::hasEvaluator(OperationName name) {
  return evaluatorTable().contains(name.getStringRef()) || name.hasInterface<graph::DecomposableOpInterface>() ||
         name.getStringRef() == graph::GradientOp::getOperationName();
}

const Tensor *Environment::lookup(Value value) const {
  for (const Environment *scope = this; scope; scope = scope->parent)
    if (auto it = scope->values.find(value); it != scope->values.end())
      return &it->second;
  return nullptr;
}

static void drawRoundings(Tensor &tensor, llvm::function_ref<double()> draw) {
  for (auto [entry, bound] : llvm::zip(tensor.floats, tensor.bounds))
    if (bound > 0 && std::isfinite(bound))
      entry += draw() * bound;
  tensor.bounds.assign(tensor.bounds.size(), 0);
}

/// Moves `value` by the roundings and the perturbation asked for, if any, then keeps it.
static void define(Environment &environment, Value value, Tensor tensor, const EvaluateOptions &options,
                   ArrayRef<int64_t> steps) {
  if (options.drawRounding)
    drawRoundings(tensor, options.drawRounding);
  if (auto it = options.perturbations.find(value); it != options.perturbations.end())
    for (auto [entry, delta] : llvm::zip_equal(tensor.floats, it->second.floats))
      entry += delta;
  if (options.observe)
    options.observe(value, tensor, steps);
  environment.values[value] = std::move(tensor);
}

static EvaluatorResult evaluateBlockImpl(Block &block, ArrayRef<Tensor> arguments, const EvaluateOptions &options,
                                         const Environment *outer, ArrayRef<int64_t> steps);

/// A composite without an evaluator of its own: the value of its decomposition, which is built in a block of its own,
/// so that the program stays as it is.
static EvaluatorResult evaluateDecomposed(const Evaluation &e) {
  Block block;
  IRMapping mapping;
  SmallVector<Tensor> arguments;
  for (auto [value, tensor] : llvm::zip_equal(e.op->getOperands(), e.operands)) {
    mapping.map(value, block.addArgument(value.getType(), e.op->getLoc()));
    arguments.push_back(*tensor);
  }
  OpBuilder builder(e.op->getContext());
  builder.setInsertionPointToEnd(&block);
  auto copy = cast<graph::DecomposableOpInterface>(builder.clone(*e.op, mapping));
  SmallVector<Value> results = copy.decompose(builder);
  copy->erase();
  func::ReturnOp::create(builder, e.op->getLoc(), results);
  EvaluateOptions options;
  options.bounds = e.options.bounds;
  options.exactConstants = e.options.exactConstants;
  options.drawRounding = e.options.drawRounding;
  return evaluateBlockImpl(block, arguments, options, nullptr, {});
}

static LogicalResult evaluateOperation(Operation &op, Environment &environment, const EvaluateOptions &options,
                                       ArrayRef<int64_t> steps) {
  auto entry = evaluatorTable().find(op.getName().getStringRef());
  bool isKnown = entry != evaluatorTable().end();
  if (!isKnown && !isa<graph::DecomposableOpInterface>(op))
    return op.emitError("expected an operation that the Reference can evaluate, got ") << op.getName();
  Evaluation evaluation{&op, {}, options, environment, steps};
  for (Value operand : op.getOperands()) {
    const Tensor *tensor = environment.lookup(operand);
    if (!tensor)
      return op.emitError("expected operands whose values are known, got none for ") << operand;
    evaluation.operands.push_back(tensor);
  }
  EvaluatorResult results = isKnown ? entry->second(evaluation) : evaluateDecomposed(evaluation);
  if (failed(results))
    return failure();
  for (auto [value, tensor] : llvm::zip_equal(op.getResults(), *results))
    define(environment, value, std::move(tensor), options, steps);
  return success();
}

static EvaluatorResult evaluateBlockImpl(Block &block, ArrayRef<Tensor> arguments, const EvaluateOptions &options,
                                         const Environment *outer, ArrayRef<int64_t> steps) {
  Environment environment;
  environment.parent = outer;
  assert(arguments.size() == block.getNumArguments() && "one value per argument");
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    define(environment, argument, tensor, options, steps);
  for (Operation &op : block.without_terminator())
    if (failed(evaluateOperation(op, environment, options, steps)))
      return failure();
  SmallVector<Tensor> results;
  for (Value operand : block.getTerminator()->getOperands()) {
    const Tensor *tensor = environment.lookup(operand);
    if (!tensor)
      return block.getTerminator()->emitError("expected operands whose values are known, got none for ") << operand;
    results.push_back(*tensor);
  }
  return results;
}

EvaluatorResult reference::evaluateNested(Block &block, ArrayRef<Tensor> arguments, const Evaluation &evaluation,
                                          std::optional<int64_t> step) {
  SmallVector<int64_t> steps(evaluation.steps);
  if (step)
    steps.push_back(*step);
  return evaluateBlockImpl(block, arguments, evaluation.options, &evaluation.environment, steps);
}

EvaluatorResult reference::evaluateBlock(Block &block, ArrayRef<Tensor> arguments, const EvaluateOptions &options,
                                         const Environment *outer) {
  return evaluateBlockImpl(block, arguments, options, outer, {});
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Evaluates a copy of `function` in which the gradients are expanded.
static EvaluatorResult evaluateExpanded(func::FuncOp function, ArrayRef<Tensor> arguments,
                                        const EvaluateOptions &options) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(function.getLoc()));
  auto copy = cast<func::FuncOp>(function->clone());
  module->push_back(copy);
  PassManager manager(function.getContext());
  manager.addNestedPass<func::FuncOp>(graph::createExpandGradients());
  // At a length of 0 a loop over a bounded dimension has no steps, which no program says by itself.
  manager.enableVerifier(false);
  if (failed(manager.run(*module)))
    return failure();
  return evaluateBlock(copy.getBody().front(), arguments, options);
}

FailureOr<graph::DimNames> reference::findLengths(func::FuncOp function, ArrayRef<Tensor> arguments) {
  FailureOr<graph::DimNames> names = graph::collectDimNames(function);
  if (failed(names))
    return failure();
  graph::DimNames lengths;
  for (auto [index, argument, tensor] : llvm::enumerate(function.getArguments(), arguments)) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (type.getRank() != tensor.type.getRank())
      return function.emitError("expected a value of type ")
             << type << " for argument " << index << ", got " << tensor.type;
    for (auto [axis, extent, size] : llvm::enumerate(graph::getExtents(type), tensor.shape())) {
      int64_t expected = extent.isBounded() ? lengths.insert({extent.name, size}).first->second : extent.size;
      if (size != expected || size > extent.size)
        return function.emitError("expected ")
               << extent << " entries along axis " << axis << " of argument " << index
               << (extent.isBounded() ? ", as many as others of this name" : "") << ", got " << size;
    }
  }
  for (auto [name, maximum] : *names) {
    auto length = lengths.find(name);
    if (length == lengths.end())
      return function.emitError("expected an argument with an axis '")
             << name.getValue() << "', which gives its length";
    if (int64_t minimum = graph::getMinimumLength(function, name); length->second < minimum)
      return function.emitError("expected a length of at least ")
             << minimum << " for '" << name.getValue() << "', got " << length->second;
  }
  return lengths;
}

/// Evaluates a copy of `function` that is static at the lengths of its arguments.
static EvaluatorResult evaluateAtLengths(func::FuncOp function, ArrayRef<Tensor> arguments,
                                         const EvaluateOptions &options) {
  FailureOr<graph::DimNames> lengths = reference::findLengths(function, arguments);
  if (failed(lengths))
    return failure();
  IRMapping mapping;
  OwningOpRef<func::FuncOp> copy(cast<func::FuncOp>(function->clone(mapping)));
  graph::setExtents(*copy, *lengths);
  EvaluateOptions copyOptions = options;
  copyOptions.perturbations.clear();
  for (const auto &[value, perturbation] : options.perturbations)
    copyOptions.perturbations[mapping.lookup(value)] = perturbation;
  llvm::DenseMap<Value, Value> originals;
  for (auto [original, value] : mapping.getValueMap())
    originals[value] = original;
  if (options.observe)
    copyOptions.observe = [&](Value value, const Tensor &tensor, ArrayRef<int64_t> steps) {
      auto original = originals.find(value);
      options.observe(original == originals.end() ? value : original->second, tensor, steps);
    };
  return reference::evaluate(*copy, arguments, copyOptions);
}

EvaluatorResult reference::evaluate(func::FuncOp function, ArrayRef<Tensor> arguments, const EvaluateOptions &options) {
  if (function.isExternal() || arguments.size() != function.getNumArguments())
    return function.emitError("expected a function with a body and ")
           << arguments.size() << " arguments, got " << function.getNumArguments();
  FailureOr<graph::DimNames> names = graph::collectDimNames(function);
  if (failed(names))
    return failure();
  if (!names->empty())
    return evaluateAtLengths(function, arguments, options);
  bool hasGradient = function.walk([](graph::GradientOp) { return WalkResult::interrupt(); }).wasInterrupted();
  if (hasGradient)
    return evaluateExpanded(function, arguments, options);
  return evaluateBlock(function.getBody().front(), arguments, options);
}
