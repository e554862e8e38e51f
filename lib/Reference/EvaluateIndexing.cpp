//===- EvaluateIndexing.cpp - evaluators with computed places --------------===//
// Tables, boxes at computed places, the largest entries in their order, random numbers. A place that is undecided makes
// undecided what is found there.
//===----------------------------------------------------------------------===//

#include "Evaluators.h"

#include "moru/Support/Philox.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Rows whose number is undecided could be any of the table.
static void markUndecidedRows(Tensor &result, const Tensor &table, const Tensor &ids, int64_t rowSize) {
  if (llvm::all_of(ids.bounds, [](double bound) { return bound == 0; }))
    return;
  double bound = undecidedAmong(&table);
  for (int64_t i = 0; i < ids.size(); ++i) {
    if (ids.bound(i) == 0)
      continue;
    result.addBounds();
    std::fill_n(result.bounds.begin() + i * rowSize, rowSize, bound);
  }
}

static EvaluatorResult evaluateGather(const Evaluation &e) {
  const Tensor &table = e.operand(0), &ids = e.operand(1);
  int64_t rows = table.shape()[0], rowSize = rows == 0 ? 0 : table.size() / rows;
  SmallVector<int64_t> indices;
  for (int64_t id : ids.integers)
    for (int64_t column = 0; column < rowSize; ++column)
      indices.push_back(id < 0 || id >= rows ? -1 : id * rowSize + column);
  Tensor result = pick(table, e.resultType(), indices);
  markUndecidedRows(result, table, ids, rowSize);
  return single(std::move(result));
}

/// Each entry is a sum of as many numbers as ids name its row: n - 1 roundings of sums no larger than the sum of
/// magnitudes.
static EvaluatorResult evaluateScatterAdd(const Evaluation &e) {
  const Tensor &updates = e.operand(0), &ids = e.operand(1);
  Tensor result(e.resultType());
  int64_t rows = result.shape()[0], rowSize = rows == 0 ? 0 : result.size() / rows;
  std::vector<double> magnitudes(result.size()), inherited(result.size()), counts(rows);
  bool anyUndecided = false;
  for (int64_t i = 0; i < ids.size(); ++i) {
    anyUndecided |= ids.bound(i) != 0;
    int64_t row = ids.integers[i];
    if (row < 0 || row >= rows)
      continue;
    ++counts[row];
    for (int64_t column = 0; column < rowSize; ++column) {
      int64_t from = i * rowSize + column, to = row * rowSize + column;
      result.floats[to] += updates.floats[from];
      magnitudes[to] += finiteMagnitude(updates.floats[from]);
      inherited[to] += updates.bound(from);
    }
  }
  if (!e.withBounds())
    return single(std::move(result));
  Type element = result.type.getElementType();
  if (anyUndecided) {
    result.bounds.assign(result.size(), undecidedAmong(&updates));
    return single(std::move(result));
  }
  result.addBounds();
  for (int64_t i = 0; i < result.size(); ++i)
    result.bounds[i] = e.boundOfSum(element, result.floats[i], inherited[i], magnitudes[i], counts[i / rowSize]);
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

/// The first indices of a box of sizes `box` in `shape`, from the operands behind the first `skipped`.
static SmallVector<int64_t> clampedStarts(const Evaluation &e, unsigned skipped, ArrayRef<int64_t> shape,
                                          ArrayRef<int64_t> box) {
  SmallVector<int64_t> starts;
  for (auto [axis, size, length] : llvm::enumerate(shape, box))
    starts.push_back(std::clamp<int64_t>(e.operand(skipped + axis).integers[0], 0, size - length));
  return starts;
}

static bool isAnyUndecided(ArrayRef<const Tensor *> tensors) {
  return llvm::any_of(tensors, [](const Tensor *tensor) { return tensor->bound(0) != 0; });
}

static EvaluatorResult evaluateDynamicSlice(const Evaluation &e) {
  ArrayRef<int64_t> shape = e.operand(0).shape();
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  SmallVector<int64_t> starts = clampedStarts(e, 1, shape, e.resultType().getShape());
  EvaluatorResult results = pickBy(e, [&](ArrayRef<int64_t> index) {
    int64_t linear = 0;
    for (auto [i, start, stride] : llvm::zip_equal(index, starts, strides))
      linear += (start + i) * stride;
    return linear;
  });
  if (isAnyUndecided(ArrayRef(e.operands).drop_front()))
    results->front().bounds.assign(results->front().size(), undecidedAmong(&e.operand(0)));
  return results;
}

static EvaluatorResult evaluateDynamicUpdateSlice(const Evaluation &e) {
  Tensor result = e.operand(0);
  const Tensor &update = e.operand(1);
  SmallVector<int64_t> strides = rowMajorStrides(result.shape());
  SmallVector<int64_t> starts = clampedStarts(e, 2, result.shape(), update.shape());
  if (!update.bounds.empty())
    result.addBounds();
  forEachIndex(update.shape(), [&](int64_t from, ArrayRef<int64_t> index) {
    int64_t to = 0;
    for (auto [i, start, stride] : llvm::zip_equal(index, starts, strides))
      to += (start + i) * stride;
    if (result.isFloat())
      result.floats[to] = update.floats[from];
    else
      result.integers[to] = update.integers[from];
    if (!result.bounds.empty())
      result.bounds[to] = update.bound(from);
  });
  if (isAnyUndecided(ArrayRef(e.operands).drop_front(2)))
    result.bounds.assign(result.size(), undecidedAmong({&e.operand(0), &update}));
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// The j-th largest of inexact numbers is off by their largest error; where it comes from is undecided if another entry
/// is as near.
static void addOrderBounds(const Tensor &operand, int64_t base, ArrayRef<int64_t> order, int64_t k, Tensor &values,
                           Tensor &indices, int64_t to) {
  double largest = 0;
  for (int64_t i : order)
    largest = worse(largest, operand.bound(base + i));
  for (int64_t j = 0; j < k; ++j) {
    values.bounds[to + j] = largest;
    for (int64_t i : order) {
      double error = operand.bound(base + i) + operand.bound(base + order[j]);
      if (i != order[j] && error != 0 && !(std::abs(operand.at(base + i) - operand.at(base + order[j])) > error))
        indices.bounds[to + j] = undecided();
    }
  }
}

static EvaluatorResult evaluateTopK(const Evaluation &e) {
  const Tensor &operand = e.operand(0);
  int64_t k = cast<graph::TopKOp>(e.op).getK(), size = operand.shape().back();
  SmallVector<Tensor> results;
  results.emplace_back(e.resultType(0));
  results.emplace_back(e.resultType(1));
  if (!operand.bounds.empty())
    for (Tensor &result : results)
      result.addBounds();
  for (int64_t base = 0, to = 0; k != 0 && base < operand.size(); base += size, to += k) {
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, size));
    // Integers of 64 bits are compared as such.
    auto isBefore = [&](int64_t x, int64_t y) {
      return operand.isFloat() ? isLarger(operand.floats[base + x], operand.floats[base + y])
                               : operand.integers[base + x] > operand.integers[base + y];
    };
    llvm::sort(order, [&](int64_t x, int64_t y) { return isBefore(x, y) || (x < y && !isBefore(y, x)); });
    for (int64_t j = 0; j < k; ++j) {
      if (operand.isFloat())
        results[0].floats[to + j] = operand.floats[base + order[j]];
      else
        results[0].integers[to + j] = operand.integers[base + order[j]];
      results[1].integers[to + j] = order[j];
    }
    if (!operand.bounds.empty())
      addOrderBounds(operand, base, order, k, results[0], results[1], to);
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

static EvaluatorResult evaluateRandom(const Evaluation &e) {
  auto random = cast<graph::RandomOp>(e.op);
  auto key = static_cast<uint64_t>(e.operand(0).integers[0]);
  auto counter = static_cast<uint32_t>(e.operand(1).integers[0]), stream = static_cast<uint32_t>(random.getStream());
  Tensor result(e.resultType());
  for (int64_t i = 0; i < result.size(); ++i) {
    uint32_t bits = philoxBits(key, stream, counter, i);
    if (random.getDistribution() == graph::Distribution::Bits)
      result.integers[i] = static_cast<int32_t>(bits);
    else
      result.floats[i] = uniformFromBits(bits);
  }
  if (isAnyUndecided(e.operands))
    result.bounds.assign(result.size(), undecided());
  return single(std::move(result));
}

void reference::addIndexingEvaluators(EvaluatorTable &table) {
  addEvaluator<graph::GatherOp>(table, evaluateGather);
  addEvaluator<graph::ScatterAddOp>(table, evaluateScatterAdd);
  addEvaluator<graph::DynamicSliceOp>(table, evaluateDynamicSlice);
  addEvaluator<graph::DynamicUpdateSliceOp>(table, evaluateDynamicUpdateSlice);
  addEvaluator<graph::TopKOp>(table, evaluateTopK);
  addEvaluator<graph::RandomOp>(table, evaluateRandom);
}
