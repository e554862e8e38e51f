//===- Run.cpp - one run of a program in the Reference ---------------------===//
// Finds values by name, runs a function as its stage asks, and compares.
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "moru/Check/Inputs.h"
#include "moru/Reference/Tolerances.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

FunctionStage check::getStage(func::FuncOp function) {
  if (function.isExternal())
    return FunctionStage::Other;
  if (function.walk([](kernel::LaunchOp) { return WalkResult::interrupt(); }).wasInterrupted())
    return FunctionStage::Launches;
  if (reference::isKernelFunction(function))
    return FunctionStage::Kernels;
  WalkResult foreign = function.walk([](Operation *op) {
    return isa<graph::GraphDialect, func::FuncDialect>(op->getDialect()) ? WalkResult::advance()
                                                                         : WalkResult::interrupt();
  });
  return foreign.wasInterrupted() ? FunctionStage::Other : FunctionStage::Graph;
}

static std::string argumentName(func::FuncOp function, unsigned index) {
  if (auto name = function.getArgAttrOfType<StringAttr>(index, graph::GraphDialect::kNameAttr))
    return name.str();
  return "arg" + std::to_string(index);
}

static bool isOutput(func::FuncOp function, unsigned index) {
  auto role = function.getArgAttrOfType<StringAttr>(index, graph::GraphDialect::kRoleAttr);
  return role && role.getValue() == kernel::KernelDialect::kOutputRole;
}

static std::string resultName(func::FuncOp function, unsigned index) {
  if (auto name = function.getResultAttrOfType<StringAttr>(index, graph::GraphDialect::kNameAttr))
    return name.str();
  return "result" + std::to_string(index);
}

NamedValues check::drawNamedInputs(func::FuncOp function, uint64_t seed) {
  NamedValues inputs;
  for (auto [index, tensor] : llvm::enumerate(drawInputs(function, seed)))
    if (!isOutput(function, index))
      inputs.insert({argumentName(function, index), std::move(tensor)});
  return inputs;
}

static Tensor emptyLike(Type type) {
  if (auto buffer = dyn_cast<kernel::BufferType>(type))
    return Tensor(buffer.getTensorType());
  return Tensor(cast<RankedTensorType>(type));
}

FailureOr<SmallVector<Tensor>> check::bindInputs(func::FuncOp function, const NamedValues &inputs) {
  SmallVector<Tensor> values;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    Tensor value = emptyLike(type);
    if (!isOutput(function, index)) {
      auto it = inputs.find(argumentName(function, index));
      if (it == inputs.end() || it->second.type != value.type)
        return emitError(function.getLoc(),
                         "expected the arguments that the function had before the first pass, got another '")
               << argumentName(function, index) << "'";
      value = it->second;
    }
    values.push_back(std::move(value));
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static FailureOr<NamedValues> runGraph(func::FuncOp function, ArrayRef<Tensor> arguments,
                                       const RunOptions &runOptions) {
  reference::EvaluateOptions options;
  options.bounds = runOptions.bounds;
  options.exactConstants = runOptions.exactConstants;
  std::vector<Made> *trace = runOptions.trace;
  llvm::DenseMap<Value, Tensor> latest;
  if (trace)
    options.observe = [&](Value value, const Tensor &tensor, ArrayRef<int64_t>) {
      latest[value] = tensor;
      Operation *op = value.getDefiningOp();
      if (!op || value != op->getResult(0)) {
        if (op)
          trace->back().results.push_back(tensor);
        return;
      }
      Made made{op, {}, {tensor}};
      for (Value operand : op->getOperands())
        made.operands.push_back(latest[operand]);
      trace->push_back(std::move(made));
    };
  FailureOr<SmallVector<Tensor>> results = reference::evaluate(function, arguments, options);
  if (failed(results))
    return failure();
  NamedValues named;
  for (auto [index, tensor] : llvm::enumerate(*results))
    named.insert({resultName(function, index), std::move(tensor)});
  return named;
}

NamedValues check::pickResults(func::FuncOp function, MutableArrayRef<Tensor> contents) {
  NamedValues named;
  int64_t outputs = 0;
  for (auto [index, tensor] : llvm::enumerate(contents)) {
    if (auto updated = function.getArgAttrOfType<StringAttr>(index, kernel::KernelDialect::kUpdatedAttr)) {
      named.insert({updated.str(), std::move(tensor)});
    } else if (isOutput(function, index)) {
      bool hasName = static_cast<bool>(function.getArgAttr(index, graph::GraphDialect::kNameAttr));
      named.insert({hasName ? argumentName(function, index) : "result" + std::to_string(outputs), std::move(tensor)});
      ++outputs;
    }
  }
  return named;
}

static FailureOr<NamedValues> runKernels(func::FuncOp function, ArrayRef<Tensor> arguments,
                                         const RunOptions &runOptions) {
  reference::InterpretOptions options;
  options.bounds = runOptions.bounds;
  options.exactConstants = runOptions.exactConstants;
  options.meanings = runOptions.meanings;
  if (std::vector<Made> *trace = runOptions.trace)
    options.observe = [trace](const reference::KernelExecution &execution) {
      trace->push_back({execution.op, execution.reads.vec(), execution.writes.vec()});
    };
  FailureOr<SmallVector<Tensor>> contents = reference::interpret(function, arguments, options);
  if (failed(contents))
    return failure();
  return pickResults(function, *contents);
}

std::set<double> check::collectConstants(func::FuncOp function) {
  std::set<double> numbers;
  function.walk([&](graph::ConstantOp op) {
    FailureOr<Tensor> tensor = reference::fromAttribute(op.getValue());
    if (succeeded(tensor))
      numbers.insert(tensor->floats.begin(), tensor->floats.end());
  });
  return numbers;
}

FailureOr<NamedValues> check::run(func::FuncOp function, const NamedValues &inputs, const RunOptions &options) {
  FailureOr<SmallVector<Tensor>> arguments = bindInputs(function, inputs);
  if (failed(arguments))
    return failure();
  return getStage(function) == FunctionStage::Graph ? runGraph(function, *arguments, options)
                                                    : runKernels(function, *arguments, options);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

static bool sameBits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::optional<Difference> check::compare(const Tensor &expected, const Tensor &got, bool exact, double factor) {
  std::optional<Difference> worst;
  double worstRatio = 1;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double a = expected.at(i), b = got.at(i);
    if (sameBits(a, b))
      continue;
    double tolerance = exact ? 0 : factor * (expected.bound(i) + got.bound(i));
    double error = std::abs(a - b);
    if (error <= tolerance || std::isnan(tolerance))
      continue;
    // NaN against a number is the worst there is.
    double ratio = std::isnan(error) ? reference::undecided() : tolerance == 0 ? 1e300 * error : error / tolerance;
    if (!worst || ratio > worstRatio) {
      worst = {i, a, b, tolerance};
      worstRatio = ratio;
    }
  }
  return worst;
}
