//===- EvaluateControlFlow.cpp - evaluators of operations with regions -----===//
// A decision that rounding may turn makes everything that hangs on it undecided.
//===----------------------------------------------------------------------===//

#include "Evaluators.h"

using namespace mlir;
using namespace moru;
using namespace moru::reference;

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// Linear indices, in a tensor of `shape`, of the slice at `position` of `axis`.
static SmallVector<int64_t> sliceIndices(ArrayRef<int64_t> shape, int64_t axis, int64_t position) {
  SmallVector<int64_t> slice(shape), indices;
  slice.erase(slice.begin() + axis);
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  int64_t base = position * strides[axis];
  strides.erase(strides.begin() + axis);
  forEachIndex(slice, [&](int64_t, ArrayRef<int64_t> index) {
    int64_t linear = base;
    for (auto [i, stride] : llvm::zip_equal(index, strides))
      linear += i * stride;
    indices.push_back(linear);
  });
  return indices;
}

static void storeSlice(Tensor &target, const Tensor &slice, ArrayRef<int64_t> indices) {
  if (!slice.bounds.empty() && target.bounds.empty())
    target.addBounds();
  for (auto [from, to] : llvm::enumerate(indices)) {
    if (target.isFloat())
      target.floats[to] = slice.floats[from];
    else
      target.integers[to] = slice.integers[from];
    if (!slice.bounds.empty())
      target.bounds[to] = slice.bounds[from];
  }
}

/// The arguments of step `position`: carried values and slices.
static SmallVector<Tensor> scanArguments(graph::ScanOp scan, const Evaluation &e, SmallVector<Tensor> carries,
                                         int64_t position) {
  SmallVector<Tensor> arguments = std::move(carries);
  for (auto [index, argument] : llvm::enumerate(scan.getInputArgs())) {
    const Tensor &input = e.operand(scan.getNumCarries() + index);
    arguments.push_back(pick(input, cast<RankedTensorType>(argument.getType()),
                             sliceIndices(input.shape(), scan.getInputAxes()[index], position)));
  }
  return arguments;
}

static EvaluatorResult evaluateScan(const Evaluation &e) {
  auto scan = cast<graph::ScanOp>(e.op);
  unsigned numCarries = scan.getNumCarries();
  SmallVector<Tensor> carries, outputs;
  for (unsigned index = 0; index < numCarries; ++index)
    carries.push_back(e.operand(index));
  for (Value result : scan.getOutputResults())
    outputs.emplace_back(cast<RankedTensorType>(result.getType()));
  for (int64_t step = 0, length = scan.getLength(); step < length; ++step) {
    int64_t position = scan.getReverse() ? length - 1 - step : step;
    EvaluatorResult yielded =
        evaluateNested(*scan.getBodyBlock(), scanArguments(scan, e, std::move(carries), position), e, step);
    if (failed(yielded))
      return failure();
    carries.clear();
    for (auto [index, value] : llvm::enumerate(*yielded)) {
      if (index < numCarries) {
        carries.push_back(std::move(value));
        continue;
      }
      Tensor &output = outputs[index - numCarries];
      storeSlice(output, value, sliceIndices(output.shape(), scan.getOutputAxes()[index - numCarries], position));
    }
  }
  for (Tensor &output : outputs)
    carries.push_back(std::move(output));
  return carries;
}

//===----------------------------------------------------------------------===//
// Cond, while, checkpoint
//===----------------------------------------------------------------------===//

static void markDecidedElsewhere(MutableArrayRef<Tensor> tensors) {
  for (Tensor &tensor : tensors)
    tensor.markDecidedElsewhere();
}

static EvaluatorResult evaluateCond(const Evaluation &e) {
  const Tensor &predicate = e.operand(0);
  Block *branch = cast<graph::CondOp>(e.op).getBranch(predicate.integers[0] != 0);
  EvaluatorResult results = evaluateNested(*branch, {}, e);
  if (succeeded(results) && predicate.bound(0) != 0)
    markDecidedElsewhere(*results);
  return results;
}

static EvaluatorResult evaluateWhile(const Evaluation &e) {
  auto loop = cast<graph::WhileOp>(e.op);
  SmallVector<Tensor> carries;
  for (const Tensor *operand : e.operands)
    carries.push_back(*operand);
  bool isUndecided = false;
  for (int64_t step = 0; step <= kMaxWhileSteps; ++step) {
    EvaluatorResult goesOn = evaluateNested(*loop.getConditionBlock(), carries, e, step);
    if (failed(goesOn))
      return failure();
    isUndecided |= goesOn->front().bound(0) != 0;
    if (!goesOn->front().integers[0]) {
      if (isUndecided)
        markDecidedElsewhere(carries);
      return carries;
    }
    EvaluatorResult next = evaluateNested(*loop.getBodyBlock(), carries, e, step);
    if (failed(next))
      return failure();
    carries = std::move(*next);
  }
  return loop.emitError("expected a loop that ends, got one that has not after ") << kMaxWhileSteps << " steps";
}

static EvaluatorResult evaluateCheckpoint(const Evaluation &e) {
  return evaluateNested(*cast<graph::CheckpointOp>(e.op).getBodyBlock(), {}, e);
}

static EvaluatorResult evaluateBarrier(const Evaluation &e) { return single(e.operand(0)); }

void reference::addControlFlowEvaluators(EvaluatorTable &table) {
  addEvaluator<graph::ScanOp>(table, evaluateScan);
  addEvaluator<graph::CondOp>(table, evaluateCond);
  addEvaluator<graph::WhileOp>(table, evaluateWhile);
  addEvaluator<graph::CheckpointOp>(table, evaluateCheckpoint);
  addEvaluator<graph::BarrierOp>(table, evaluateBarrier);
}
