//===- Run.cpp - one run of a program in the Reference ---------------------===//
// Finds values by name, runs a function as its stage asks, and compares.
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "moru/Check/Inputs.h"
#include "moru/Reference/Tolerances.h"

#include "llvm/Support/xxhash.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::isOutput;
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

static std::string resultName(func::FuncOp function, unsigned index) {
  if (auto name = function.getResultAttrOfType<StringAttr>(index, graph::GraphDialect::kNameAttr))
    return name.str();
  return "result" + std::to_string(index);
}

NamedValues check::drawNamedInputs(func::FuncOp function, uint64_t seed, InputKind kind) {
  NamedValues inputs;
  for (auto [index, tensor] : llvm::enumerate(drawInputs(function, seed, kind)))
    if (!isOutput(function, index))
      inputs.insert({argumentName(function, index), std::move(tensor)});
  return inputs;
}

static RankedTensorType tensorOf(Type type) {
  if (auto buffer = dyn_cast<kernel::BufferType>(type))
    return buffer.getTensorType();
  return cast<RankedTensorType>(type);
}

//===----------------------------------------------------------------------===//
// Bounded dimensions
//===----------------------------------------------------------------------===//

static bool isLength(func::FuncOp function, unsigned index) {
  auto role = function.getArgAttrOfType<StringAttr>(index, graph::GraphDialect::kRoleAttr);
  return role && role.getValue() == graph::GraphDialect::kLengthRole;
}

/// The lengths that the values of a padded function's inputs have, by name.
static std::map<std::string, int64_t> findLengths(func::FuncOp function, const NamedValues &inputs) {
  std::map<std::string, int64_t> lengths;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto names = function.getArgAttrOfType<ArrayAttr>(index, graph::GraphDialect::kLengthsAttr);
    auto it = inputs.find(argumentName(function, index));
    if (!names || isOutput(function, index) || it == inputs.end())
      continue;
    for (auto [name, size] : llvm::zip_equal(names.getAsRange<StringAttr>(), it->second.shape()))
      lengths[name.str()] = size;
  }
  return lengths;
}

/// The entries of a result within the lengths that `names` says it has.
static Tensor cropped(Tensor value, ArrayAttr names, const std::map<std::string, int64_t> &lengths) {
  if (!names)
    return value;
  SmallVector<int64_t> shape(value.shape());
  for (auto [name, size] : llvm::zip_equal(names.getAsRange<StringAttr>(), shape))
    if (auto length = lengths.find(name.str()); length != lengths.end())
      size = length->second;
  return reference::withShape(value, shape, 0);
}

/// The value of a bounded argument, behind whose length stands what no result may depend on.
static Tensor padded(const Tensor &value, RankedTensorType type) {
  double anything = value.isFloat()                      ? NAN
                    : type.getElementType().isInteger(1) ? 1
                                                         : std::numeric_limits<int32_t>::min();
  return reference::withShape(value, type.getShape(), anything);
}

FailureOr<SmallVector<Tensor>> check::bindInputs(func::FuncOp function, const NamedValues &inputs) {
  SmallVector<Tensor> values;
  std::map<std::string, int64_t> lengths = findLengths(function, inputs);
  for (auto [index, argumentType] : llvm::enumerate(function.getArgumentTypes())) {
    RankedTensorType type = tensorOf(argumentType);
    std::string name = argumentName(function, index);
    auto it = inputs.find(name);
    if (isOutput(function, index))
      values.emplace_back(type);
    else if (isLength(function, index))
      values.push_back(reference::makeTensor(type, static_cast<double>(lengths[name])));
    else if (it != inputs.end() && (it->second.type == type || graph::isBounded(type)))
      values.push_back(it->second);
    else if (it != inputs.end() && function.getArgAttr(index, graph::GraphDialect::kLengthsAttr))
      values.push_back(padded(it->second, type));
    else
      return emitError(function.getLoc(),
                       "expected the arguments that the function had before the first pass, got another '")
             << name << "'";
  }
  return values;
}

NamedValues check::cropResults(func::FuncOp function, const NamedValues &inputs, NamedValues results) {
  std::map<std::string, int64_t> lengths = findLengths(function, inputs);
  if (lengths.empty())
    return results;
  auto crop = [&](const std::string &name, Attribute names) {
    if (auto it = results.find(name); it != results.end())
      it->second = cropped(std::move(it->second), dyn_cast_or_null<ArrayAttr>(names), lengths);
  };
  for (unsigned index = 0; index < function.getNumResults(); ++index)
    crop(resultName(function, index), function.getResultAttr(index, graph::GraphDialect::kLengthsAttr));
  int64_t outputs = 0;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    if (!isOutput(function, index))
      continue;
    bool hasName = static_cast<bool>(function.getArgAttr(index, graph::GraphDialect::kNameAttr));
    crop(hasName ? argumentName(function, index) : "result" + std::to_string(outputs),
         function.getArgAttr(index, graph::GraphDialect::kLengthsAttr));
    ++outputs;
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static uint64_t digest(const Tensor &tensor) {
  std::vector<double> entries;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    double entry = tensor.at(i);
    entries.push_back(std::isnan(entry) ? std::numeric_limits<double>::quiet_NaN() : entry == 0 ? 0 : entry);
  }
  return llvm::xxh3_64bits(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(entries.data()), entries.size() * sizeof(double)));
}

static FailureOr<NamedValues> runGraph(func::FuncOp function, ArrayRef<Tensor> arguments,
                                       const RunOptions &runOptions) {
  reference::EvaluateOptions options;
  options.bounds = runOptions.bounds;
  options.exactConstants = runOptions.exactConstants;
  std::vector<Made> *trace = runOptions.trace;
  if (MadeValues *made = runOptions.made)
    options.observe = [made](Value value, const Tensor &tensor, ArrayRef<int64_t>) {
      made->push_back({digest(tensor), value});
    };
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
  options.drawRounding = runOptions.drawRounding;
  if (MadeValues *made = runOptions.made)
    options.observeValue = [made](Value value, const Tensor &tensor) { made->push_back({digest(tensor), value}); };
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
  FailureOr<NamedValues> results = getStage(function) == FunctionStage::Graph
                                       ? runGraph(function, *arguments, options)
                                       : runKernels(function, *arguments, options);
  if (failed(results))
    return failure();
  return cropResults(function, inputs, std::move(*results));
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

static bool sameBits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void check::admitDistribution(Tensor &expected, const Tensor &distributed) {
  for (int64_t i = 0; i < expected.size(); ++i) {
    double a = expected.at(i), b = distributed.at(i);
    if ((std::isnan(a) && std::isinf(b)) || (std::isinf(a) && std::isnan(b))) {
      expected.addBounds();
      expected.bounds[i] = reference::unknown();
    }
  }
}

void check::keepDecided(const Tensor &expected, Tensor &got) {
  // Far more than arithmetic in f64 loses, far less than a mistake makes of numbers.
  constexpr double kCoarse = 0x1p-16;
  double largest = 0;
  for (int64_t i = 0; i < expected.size(); ++i)
    if (double entry = std::abs(expected.at(i)); std::isfinite(entry))
      largest = std::max(largest, entry);
  for (int64_t i = 0; i < static_cast<int64_t>(got.bounds.size()); ++i)
    if (std::isfinite(expected.bound(i)) && !std::isfinite(got.bounds[i]))
      got.bounds[i] = kCoarse * largest;
}

std::optional<Difference> check::compare(const Tensor &expected, const Tensor &got, bool exact, double factor,
                                         Tally *tally) {
  std::optional<Difference> worst;
  double worstRatio = 1;
  Tally counted{.entries = expected.size()};
  for (int64_t i = 0; i < expected.size(); ++i) {
    double a = expected.at(i), b = got.at(i);
    double tolerance = exact ? 0 : factor * (expected.bound(i) + got.bound(i));
    counted.undecided += !std::isfinite(tolerance);
    double error = std::abs(a - b);
    counted.inexact += !sameBits(a, b);
    // A bound that is no number: the entry may be none either.
    if (sameBits(a, b) || error <= tolerance || std::isnan(tolerance))
      continue;
    // NaN against a number is the worst there is.
    double ratio = std::isnan(error) ? reference::undecided() : tolerance == 0 ? 1e300 * error : error / tolerance;
    if (!worst || ratio > worstRatio) {
      worst = {i, a, b, tolerance};
      worstRatio = ratio;
    }
  }
  if (tally)
    *tally += counted;
  return worst;
}
