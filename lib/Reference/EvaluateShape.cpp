//===- EvaluateShape.cpp - evaluators that move entries --------------------===//
// Constants, shapes, slices: each is a list of source indices, one per entry of the result.
//===----------------------------------------------------------------------===//

#include "Evaluators.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

Tensor reference::pick(const Tensor &source, RankedTensorType type, ArrayRef<int64_t> indices) {
  Tensor result(type);
  if (!source.bounds.empty())
    result.addBounds();
  for (auto [to, from] : llvm::enumerate(indices)) {
    if (from < 0)
      continue;
    if (result.isFloat())
      result.floats[to] = source.floats[from];
    else
      result.integers[to] = source.integers[from];
    if (!source.bounds.empty())
      result.bounds[to] = source.bounds[from];
  }
  return result;
}

EvaluatorResult reference::pickBy(const Evaluation &e, llvm::function_ref<int64_t(ArrayRef<int64_t>)> map) {
  SmallVector<int64_t> indices(e.resultType().getNumElements());
  forEachIndex(e.resultType().getShape(),
               [&](int64_t linear, ArrayRef<int64_t> index) { indices[linear] = map(index); });
  return single(pick(e.operand(0), e.resultType(), indices));
}

/// A number with no more than half of the digits of its type (of f32 at most), such as 0.5 or 24: what folding gives
/// that is exact.
static bool hasFewDigits(Type element, double value) {
  int exponent;
  double scaled = std::ldexp(std::frexp(value, &exponent), element.isBF16() ? 4 : 12);
  return scaled == std::trunc(scaled);
}

/// One rounding to the declared type for each entry that is not a constant of the original program.
static void addRoundingOfConstant(const Evaluation &e, Tensor &tensor) {
  Type element = tensor.type.getElementType();
  double roundoff = element.isF32() ? kRoundoffF32 : element.isBF16() ? kRoundoffBF16 : kRoundoffF64;
  for (auto [index, value] : llvm::enumerate(tensor.floats)) {
    if (!std::isfinite(value) || hasFewDigits(element, value) || e.options.exactConstants->count(value))
      continue;
    tensor.addBounds();
    tensor.bounds[index] = roundoff * std::abs(value);
  }
}

static EvaluatorResult evaluateConstant(const Evaluation &e) {
  FailureOr<Tensor> tensor = fromAttribute(cast<graph::ConstantOp>(e.op).getValue());
  if (failed(tensor))
    return e.op->emitError("expected a constant whose entries are in the program");
  if (e.withBounds() && e.options.exactConstants)
    addRoundingOfConstant(e, *tensor);
  return single(std::move(*tensor));
}

static EvaluatorResult evaluateIota(const Evaluation &e) {
  Tensor result(e.resultType());
  int64_t axis = cast<graph::IotaOp>(e.op).getAxis();
  forEachIndex(result.shape(), [&](int64_t linear, ArrayRef<int64_t> index) { result.set(linear, index[axis]); });
  return single(std::move(result));
}

static EvaluatorResult evaluateBroadcast(const Evaluation &e) {
  ArrayRef<int64_t> axes = cast<graph::BroadcastOp>(e.op).getAxes(), shape = e.operand(0).shape();
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  return pickBy(e, [&](ArrayRef<int64_t> index) {
    int64_t linear = 0;
    for (auto [k, axis] : llvm::enumerate(axes))
      linear += shape[k] == 1 ? 0 : index[axis] * strides[k];
    return linear;
  });
}

static EvaluatorResult evaluateReshape(const Evaluation &e) {
  Tensor result = e.operand(0);
  result.type = e.resultType();
  return single(std::move(result));
}

static EvaluatorResult evaluateTranspose(const Evaluation &e) {
  ArrayRef<int64_t> permutation = cast<graph::TransposeOp>(e.op).getPermutation();
  SmallVector<int64_t> strides = rowMajorStrides(e.operand(0).shape());
  return pickBy(e, [&](ArrayRef<int64_t> index) {
    int64_t linear = 0;
    for (auto [k, axis] : llvm::enumerate(permutation))
      linear += index[k] * strides[axis];
    return linear;
  });
}

static EvaluatorResult evaluateSlice(const Evaluation &e) {
  auto slice = cast<graph::SliceOp>(e.op);
  SmallVector<int64_t> strides = rowMajorStrides(e.operand(0).shape());
  return pickBy(e, [&](ArrayRef<int64_t> index) {
    int64_t linear = 0;
    for (auto [k, i] : llvm::enumerate(index))
      linear += (slice.getStarts()[k] + i * slice.getStrides()[k]) * strides[k];
    return linear;
  });
}

static EvaluatorResult evaluatePad(const Evaluation &e) {
  auto pad = cast<graph::PadOp>(e.op);
  ArrayRef<int64_t> shape = e.operand(0).shape();
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  return pickBy(e, [&](ArrayRef<int64_t> index) -> int64_t {
    int64_t linear = 0;
    for (auto [k, i] : llvm::enumerate(index)) {
      int64_t inside = i - pad.getLow()[k], step = pad.getInterior()[k] + 1;
      if (inside < 0 || inside % step != 0 || inside / step >= shape[k])
        return -1;
      linear += inside / step * strides[k];
    }
    return linear;
  });
}

/// The result is what `select` does between all operands: each entry comes from the operand whose range along the axis
/// holds it.
static EvaluatorResult evaluateConcat(const Evaluation &e) {
  int64_t axis = cast<graph::ConcatOp>(e.op).getAxis(), offset = 0;
  Tensor result(e.resultType());
  SmallVector<int64_t> strides = rowMajorStrides(result.shape());
  if (llvm::any_of(e.operands, [](const Tensor *operand) { return !operand->bounds.empty(); }))
    result.addBounds();
  for (const Tensor *operand : e.operands) {
    forEachIndex(operand->shape(), [&](int64_t from, ArrayRef<int64_t> index) {
      int64_t to = offset * strides[axis];
      for (auto [i, stride] : llvm::zip_equal(index, strides))
        to += i * stride;
      if (result.isFloat())
        result.floats[to] = operand->floats[from];
      else
        result.integers[to] = operand->integers[from];
      if (!result.bounds.empty())
        result.bounds[to] = operand->bound(from);
    });
    offset += operand->shape()[axis];
  }
  return single(std::move(result));
}

void reference::addShapeEvaluators(EvaluatorTable &table) {
  addEvaluator<graph::ConstantOp>(table, evaluateConstant);
  addEvaluator<graph::IotaOp>(table, evaluateIota);
  addEvaluator<graph::BroadcastOp>(table, evaluateBroadcast);
  addEvaluator<graph::ReshapeOp>(table, evaluateReshape);
  addEvaluator<graph::TransposeOp>(table, evaluateTranspose);
  addEvaluator<graph::SliceOp>(table, evaluateSlice);
  addEvaluator<graph::PadOp>(table, evaluatePad);
  addEvaluator<graph::ConcatOp>(table, evaluateConcat);
}
