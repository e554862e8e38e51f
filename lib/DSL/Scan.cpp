//===- Scan.cpp - loops and derivatives -----------------------------------===//
// A body is traced once, into the region of a scan; what it returns decides the types of the results.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Scan.h"
#include "Trace.h"

using namespace mlir;

namespace moru {

using detail::AxisNames;
using detail::OpBuilding;

namespace {
/// A scan while it is built.
class ScanBuilding {
public:
  ScanBuilding(const Carry &init, const std::vector<Tensor> &inputs, int64_t axis, const ScanOptions &options, Here at)
      : init(init), inputs(inputs), options(options), operands(pointers(init, inputs)), op("scan", at, operands) {
    valid = bool(op) && checkInputs(axis);
  }

  MultiScanResult build(const detail::ScanBody &body) {
    if (!valid)
      return traceForMistakes(body);
    // A loop without outputs first: the body is traced in its place, and moves into the final one.
    auto draft = graph::ScanOp::create(op.builder(), op.loc(), inits(), slicedInputs(), steps(), axes, {},
                                       options.reverse, TypeRange());
    MultiStep step = traceBody(draft, body);
    std::optional<SmallVector<Value>> carries = checkCarries(draft, step), outputs = checkOutputs(draft, step);
    if (!carries || !outputs) {
      draft.erase();
      return poisoned(step.outputs.size());
    }
    return complete(draft, step, *carries, *outputs);
  }

private:
  static SmallVector<const Tensor *> pointers(const Carry &init, const std::vector<Tensor> &inputs) {
    SmallVector<const Tensor *> result;
    for (const Tensor &tensor : init.values)
      result.push_back(&tensor);
    for (const Tensor &tensor : inputs)
      result.push_back(&tensor);
    return result;
  }

  ValueRange inits() { return op.operands().take_front(init.size()); }
  ValueRange slicedInputs() { return op.operands().drop_front(init.size()); }

  graph::Extent steps() { return detail::extentOf(op.builder().getContext(), length); }

  bool checkInputs(int64_t axis) {
    length = options.length;
    outputAxis = inputs.empty() ? axis : 0;
    for (auto [index, input] : llvm::enumerate(inputs)) {
      std::string role = inputs.size() == 1 ? "xs" : "xs[" + std::to_string(index) + "]";
      std::optional<int64_t> place = op.axis(axis, input.rank(), input, role);
      if (!place)
        return false;
      if (index == 0 && length == 0)
        length = input.size(*place);
      if (input.size(*place) != length) {
        op.fail("expected " + detail::describeSize(length) + " entries along axis " + Twine(axis) + ": " +
                op.describe(input, role));
        return false;
      }
      axes.push_back(*place);
      outputAxis = axes.front();
    }
    if (detail::largestSize(length) >= 1 && outputAxis >= 0)
      return true;
    op.fail("expected at least one step" + Twine(inputs.empty() ? ": give ScanOptions::length" : ""));
    return false;
  }

  /// Results about which nothing is known.
  MultiScanResult poisoned(size_t outputs) {
    return {Carry(std::vector<Tensor>(init.size(), op.poison())), std::vector<Tensor>(outputs, op.poison())};
  }

  /// The body is traced all the same, so that its own mistakes are shown too; only the number of its outputs is used.
  MultiScanResult traceForMistakes(const detail::ScanBody &body) {
    MultiScanResult unknown = poisoned(0);
    MultiStep step = body(unknown.last, std::vector<Tensor>(inputs.size(), op.poison()));
    return poisoned(step.outputs.size());
  }

  MultiStep traceBody(graph::ScanOp scan, const detail::ScanBody &body) {
    OpBuilder::InsertionGuard guard(op.builder());
    op.builder().setInsertionPointToEnd(scan.getBodyBlock());
    Carry carry;
    std::vector<Tensor> slices;
    for (auto [tensor, argument] : llvm::zip(init.values, scan.getCarryArgs())) {
      carry.values.push_back(op.result(argument, detail::namesOf(tensor)));
      carry.values.back().get()->name = tensor.get()->isParameter() ? "" : tensor.name();
    }
    for (auto [tensor, argument, axis] : llvm::zip(inputs, scan.getInputArgs(), axes)) {
      AxisNames names = detail::namesOf(tensor);
      names.erase(names.begin() + axis);
      Tensor slice = op.result(argument, names);
      slices.push_back(tensor.name().empty() ? slice : slice.named(tensor.name() + "_t"));
    }
    MultiStep step = body(carry, slices);
    // The values are looked up here, where the body's own are visible.
    for (const Tensor &tensor : step.carry.values)
      carryValues.push_back(op.trace->use(tensor, op.at, op.name));
    for (const Tensor &tensor : step.outputs)
      outputValues.push_back(op.trace->use(tensor, op.at, op.name));
    return step;
  }

  std::optional<SmallVector<Value>> checkCarries(graph::ScanOp scan, const MultiStep &step) {
    if (step.carry.size() != init.size()) {
      op.fail("the loop starts with " + Twine(init.size()) + " carried values, its body returns " +
              Twine(step.carry.size()));
      return std::nullopt;
    }
    bool good = llvm::all_of(carryValues, [](Value value) { return bool(value); });
    for (size_t index = 0; good && index < init.size(); ++index) {
      const Tensor &before = init[index], &after = step.carry[index];
      if (before.shape() == after.shape() && before.type() == after.type())
        continue;
      op.fail("carried value " + Twine(index) + " changes: " + op.describe(before, "at first it") + ", " +
              op.describe(after, "the body's result"));
      return std::nullopt;
    }
    return good ? std::optional(carryValues) : std::nullopt;
  }

  std::optional<SmallVector<Value>> checkOutputs(graph::ScanOp scan, const MultiStep &step) {
    for (auto [tensor, value] : llvm::zip(step.outputs, outputValues)) {
      if (!value)
        return std::nullopt;
      if (outputAxis > tensor.rank()) {
        op.fail("the slices of an output cannot be stacked along axis " + Twine(outputAxis) + ": " +
                op.describe(tensor, "the slice"));
        return std::nullopt;
      }
    }
    return outputValues;
  }

  MultiScanResult complete(graph::ScanOp draft, const MultiStep &step, ArrayRef<Value> carries,
                           ArrayRef<Value> outputs) {
    SmallVector<int64_t> outputAxes(outputs.size(), outputAxis);
    Location loc = NameLoc::get(op.builder().getStringAttr(options.name), op.loc());
    auto scan = graph::ScanOp::create(op.builder(), loc, inits(), slicedInputs(), steps(), axes, outputAxes,
                                      options.reverse, ValueRange(outputs).getTypes());
    scan.getBody().takeBody(draft.getBody());
    draft.erase();
    OpBuilder::InsertionGuard guard(op.builder());
    op.builder().setInsertionPointToEnd(scan.getBodyBlock());
    graph::YieldOp::create(op.builder(), op.loc(), carries, outputs);

    MultiScanResult result;
    for (auto [tensor, value] : llvm::zip(init.values, scan.getCarryResults()))
      result.last.values.push_back(op.result(value, detail::namesOf(tensor)));
    for (auto [tensor, value] : llvm::zip(step.outputs, scan.getOutputResults())) {
      AxisNames names = detail::namesOf(tensor);
      names.insert(names.begin() + outputAxis,
                   inputs.empty() ? std::string() : detail::namesOf(inputs.front())[axes.front()]);
      result.outputs.push_back(op.result(value, names));
    }
    return result;
  }

  const Carry &init;
  const std::vector<Tensor> &inputs;
  const ScanOptions &options;
  SmallVector<const Tensor *> operands;
  OpBuilding op;
  bool valid;
  int64_t length = 0, outputAxis = 0;
  SmallVector<int64_t> axes;
  SmallVector<Value> carryValues, outputValues;
};
} // namespace

MultiScanResult detail::scan(const Carry &init, const std::vector<Tensor> &inputs, int64_t axis, const ScanBody &body,
                             const ScanOptions &options, Here at) {
  return ScanBuilding(init, inputs, axis, options, at).build(body);
}

std::vector<Tensor> gradient(const Tensor &loss, const std::vector<Tensor> &tensors, Here at) {
  SmallVector<const Tensor *> operands{&loss};
  for (const Tensor &tensor : tensors)
    operands.push_back(&tensor);
  OpBuilding op("gradient", at, operands);
  std::vector<Tensor> results(tensors.size(), op.poison());
  if (!op)
    return results;
  bool good = loss.rank() == 0 && isFloat(loss.type());
  if (!good)
    op.fail("expected a loss that is a scalar of floating point: " + op.describe(loss, "loss"));
  for (auto [index, tensor] : llvm::enumerate(tensors))
    if (!isFloat(tensor.type())) {
      op.fail("expected tensors of floating point: " + op.describe(tensor, "tensor " + std::to_string(index)));
      good = false;
    }
  if (!good)
    return results;
  ValueRange targets = op.operands().drop_front();
  Location loc = NameLoc::get(op.builder().getStringAttr("grad"), op.loc());
  auto gradients = graph::GradientOp::create(op.builder(), loc, targets.getTypes(), op[0], targets);
  for (auto [index, tensor] : llvm::enumerate(tensors))
    results[index] = op.result(gradients.getResult(index), detail::namesOf(tensor));
  return results;
}

} // namespace moru
