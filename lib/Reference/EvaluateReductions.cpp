//===- EvaluateReductions.cpp - evaluators that combine entries ------------===//
// Contractions, reductions and the composites made of them. A sum of n numbers, in any order, is off by at most (n - 1)
// u times the sum of their magnitudes: the bounds hold for every way in which a kernel may cut it.
//===----------------------------------------------------------------------===//

#include "Evaluators.h"

#include "moru/Dialect/Kernel/Kernel.h"

#include <cmath>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

//===----------------------------------------------------------------------===//
// Contraction
//===----------------------------------------------------------------------===//

/// The three sizes of a contraction seen as a batch of matrix products.
struct ContractSizes {
  int64_t batch, rows, columns, depth;
};

static int64_t productOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  int64_t product = 1;
  for (int64_t axis : axes)
    product *= shape[axis];
  return product;
}

/// `tensor` with its axes in the order of the three lists, as a matrix for each batch.
static Tensor packed(const Tensor &tensor, ArrayRef<int64_t> first, ArrayRef<int64_t> second, ArrayRef<int64_t> third) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::concat<const int64_t>(first, second, third));
  SmallVector<int64_t> strides = rowMajorStrides(tensor.shape()), shape, orderedStrides;
  for (int64_t axis : order) {
    shape.push_back(tensor.shape()[axis]);
    orderedStrides.push_back(strides[axis]);
  }
  SmallVector<int64_t> indices(tensor.size());
  forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t> index) {
    int64_t from = 0;
    for (auto [i, stride] : llvm::zip_equal(index, orderedStrides))
      from += i * stride;
    indices[linear] = from;
  });
  return pick(tensor, RankedTensorType::get(shape, tensor.type.getElementType()), indices);
}

/// c[b, i, j] += sum over k of a[b, i, k] * b[b, k, j]. `zeroHides`: zero times infinity is zero, as is right for
/// bounds (zero times NaN, the bound of what is unknown, is NaN).
static void multiply(const ContractSizes &sizes, const double *a, const double *b, double *c, bool zeroHides) {
  for (int64_t batch = 0; batch < sizes.batch; ++batch)
    for (int64_t i = 0; i < sizes.rows; ++i)
      for (int64_t k = 0; k < sizes.depth; ++k) {
        double factor = a[(batch * sizes.rows + i) * sizes.depth + k];
        const double *row = b + (batch * sizes.depth + k) * sizes.columns;
        double *sum = c + (batch * sizes.rows + i) * sizes.columns;
        for (int64_t j = 0; j < sizes.columns; ++j)
          sum[j] += zeroHides && ((factor == 0 && !std::isnan(row[j])) || (row[j] == 0 && !std::isnan(factor)))
                        ? 0
                        : factor * row[j];
      }
}

static std::vector<double> magnitudes(const std::vector<double> &values) {
  std::vector<double> result(values);
  for (double &value : result)
    value = finiteMagnitude(value);
  return result;
}

/// 1 for each entry whose sign is in doubt.
static std::vector<double> doubtfulSigns(const Tensor &tensor) {
  std::vector<double> result;
  for (int64_t i = 0; i < tensor.size(); ++i)
    result.push_back(tensor.bound(i) > 0 && tensor.bound(i) >= std::abs(tensor.floats[i]) ? 1 : 0);
  return result;
}

/// The absolute values of infinite entries, 0 for others.
static std::vector<double> infinities(const Tensor &tensor) {
  std::vector<double> result;
  for (double value : tensor.floats)
    result.push_back(std::isinf(value) ? std::abs(value) : 0);
  return result;
}

/// What matrix units add to the bounds: parts that are left out, and denormals that are taken for zero.
static void addTileBounds(int64_t planes, const ContractSizes &sizes, const std::vector<double> &a,
                          const std::vector<double> &b, const std::vector<double> &sums,
                          std::vector<double> &inherited) {
  std::vector<double> ones(std::max(a.size(), b.size()), 1), entries(sums.size(), 0);
  multiply(sizes, a.data(), ones.data(), entries.data(), true);
  multiply(sizes, ones.data(), b.data(), entries.data(), true);
  // A remainder of either side, and the products that are left out.
  double split = planes == 1 ? 0 : 3 * (planes == 2 ? kSplitTwo : kSplitThree);
  for (size_t i = 0; i < sums.size(); ++i)
    inherited[i] += split * sums[i] + kFlushedParts * entries[i] + kFlushedSums * double(sizes.depth);
}

/// sum |a||b| (n + 1) u + sum (|a| eb + (|b| + eb) ea). Beside an infinite factor, a sign in doubt is all there is to
/// the other one.
static void addContractBounds(const Evaluation &e, const ContractSizes &sizes, const Tensor &lhs, const Tensor &rhs,
                              Tensor &result) {
  std::vector<double> a = magnitudes(lhs.floats), b = magnitudes(rhs.floats);
  std::vector<double> sums(result.size(), 0), inherited(result.size(), 0);
  multiply(sizes, a.data(), b.data(), sums.data(), true);
  if (!rhs.bounds.empty())
    multiply(sizes, a.data(), rhs.bounds.data(), inherited.data(), true);
  if (!lhs.bounds.empty()) {
    for (int64_t i = 0; i < rhs.size(); ++i)
      b[i] += rhs.bound(i);
    multiply(sizes, lhs.bounds.data(), b.data(), inherited.data(), true);
  }
  auto isInfinite = [](double value) { return std::isinf(value); };
  if (llvm::any_of(rhs.floats, isInfinite))
    multiply(sizes, doubtfulSigns(lhs).data(), infinities(rhs).data(), inherited.data(), true);
  if (llvm::any_of(lhs.floats, isInfinite))
    multiply(sizes, infinities(lhs).data(), doubtfulSigns(rhs).data(), inherited.data(), true);
  auto planes = e.op->getAttrOfType<IntegerAttr>(kernel::KernelDialect::kPlanesAttr);
  if (planes && e.options.bounds == Bounds::Declared)
    addTileBounds(planes.getInt(), sizes, a, b, sums, inherited);
  result.addBounds();
  // As many products as sums round, and the result may once more; each product may underflow.
  Type element = result.type.getElementType();
  bool isNarrow = e.options.bounds == Bounds::Declared && !element.isF64();
  double depth = static_cast<double>(sizes.depth), underflow = depth * (isNarrow ? kUnderflowF32 : kUnderflowF64);
  for (int64_t i = 0; i < result.size(); ++i)
    result.bounds[i] =
        e.boundOfSum(element, result.floats[i], inherited[i] + (sums[i] == 0 ? 0 : underflow), sums[i], depth + 2);
}

static EvaluatorResult evaluateContract(const Evaluation &e) {
  auto contract = cast<graph::ContractOp>(e.op);
  ArrayRef<int64_t> lhsShape = e.operand(0).shape(), rhsShape = e.operand(1).shape();
  SmallVector<int64_t> lhsFree = contract.getLhsFree(), rhsFree = contract.getRhsFree();
  Tensor lhs = packed(e.operand(0), contract.getLhsBatch(), lhsFree, contract.getLhsOver());
  Tensor rhs = packed(e.operand(1), contract.getRhsBatch(), contract.getRhsOver(), rhsFree);
  ContractSizes sizes{productOf(lhsShape, contract.getLhsBatch()), productOf(lhsShape, lhsFree),
                      productOf(rhsShape, rhsFree), productOf(lhsShape, contract.getLhsOver())};
  Tensor result(e.resultType());
  // Over no axes there is one product for each entry, which stays what it is: 0 + -0 would not.
  if (contract.getLhsOver().empty())
    std::fill(result.floats.begin(), result.floats.end(), -0.0);
  multiply(sizes, lhs.floats.data(), rhs.floats.data(), result.floats.data(), false);
  if (e.withBounds())
    addContractBounds(e, sizes, lhs, rhs, result);
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// For each entry of `shape` the linear index of the entry it is reduced to.
static std::vector<int64_t> reducedIndices(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> kept, strides(shape.size(), 0);
  for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
    if (!llvm::is_contained(axes, axis))
      kept.push_back(axis);
  int64_t stride = 1;
  for (int64_t axis : llvm::reverse(kept)) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  std::vector<int64_t> targets;
  forEachIndex(shape, [&](int64_t, ArrayRef<int64_t> index) {
    int64_t linear = 0;
    for (auto [i, axisStride] : llvm::zip_equal(index, strides))
      linear += i * axisStride;
    targets.push_back(linear);
  });
  return targets;
}

static EvaluatorResult evaluateReduceSum(const Evaluation &e) {
  const Tensor &operand = e.operand(0);
  // Sums over no axes have one term each, which stays what it is: 0 + -0 would not.
  if (cast<graph::ReduceSumOp>(e.op).getAxes().empty())
    return single(operand);
  Tensor result(e.resultType());
  Type element = result.type.getElementType();
  std::vector<int64_t> targets = reducedIndices(operand.shape(), cast<graph::ReduceSumOp>(e.op).getAxes());
  std::vector<double> sums(result.size()), inherited(result.size());
  for (int64_t i = 0; i < operand.size(); ++i) {
    if (result.isFloat())
      result.floats[targets[i]] += operand.floats[i];
    else
      result.integers[targets[i]] = wrap(element, result.integers[targets[i]] + operand.integers[i]);
    sums[targets[i]] += finiteMagnitude(operand.at(i));
    inherited[targets[i]] += operand.bound(i);
  }
  if (!e.withBounds())
    return single(std::move(result));
  result.addBounds();
  double terms = result.size() == 0 ? 0 : static_cast<double>(operand.size()) / static_cast<double>(result.size());
  for (int64_t i = 0; i < result.size(); ++i)
    result.bounds[i] = e.boundOfSum(element, result.at(i), inherited[i], sums[i], terms);
  return single(std::move(result));
}

/// What the largest (least) of nothing is: the other end of the element type.
static void fillWithEnd(Tensor &tensor, bool lowest) {
  double infinity = std::numeric_limits<double>::infinity();
  std::fill(tensor.floats.begin(), tensor.floats.end(), lowest ? -infinity : infinity);
  bool isNarrow = tensor.type.getElementType().isInteger(32);
  int64_t least = isNarrow ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int64_t>::min();
  std::fill(tensor.integers.begin(), tensor.integers.end(), lowest ? least : ~least);
}

/// The largest, or the least, of the entries; NaN if any is.
static EvaluatorResult evaluateExtreme(const Evaluation &e, ArrayRef<int64_t> axes, bool largest) {
  const Tensor &operand = e.operand(0);
  Tensor result(e.resultType());
  fillWithEnd(result, largest);
  std::vector<int64_t> targets = reducedIndices(operand.shape(), axes);
  if (!operand.bounds.empty())
    result.addBounds();
  for (int64_t i = 0; i < operand.size(); ++i) {
    int64_t to = targets[i];
    if (!result.isFloat())
      result.integers[to] = largest ? std::max(result.integers[to], operand.integers[i])
                                    : std::min(result.integers[to], operand.integers[i]);
    else if (std::isnan(operand.floats[i]) ||
             (largest ? operand.floats[i] > result.floats[to] : operand.floats[i] < result.floats[to]))
      result.floats[to] = operand.floats[i];
    if (!operand.bounds.empty())
      result.bounds[to] = worse(result.bounds[to], operand.bounds[i]);
  }
  return single(std::move(result));
}

static EvaluatorResult evaluateReduceMax(const Evaluation &e) {
  return evaluateExtreme(e, cast<graph::ReduceMaxOp>(e.op).getAxes(), true);
}
static EvaluatorResult evaluateReduceMin(const Evaluation &e) {
  return evaluateExtreme(e, cast<graph::ReduceMinOp>(e.op).getAxes(), false);
}

namespace {
/// A product while it grows: how far it may be off, and how large and how small it may be on the way, as a kernel may
/// multiply in any order.
struct Product {
  double value = 1, error = 0, most = 1, least = 1;
  int64_t integer = 1;

  void multiply(double x, double bound) {
    error = error * std::abs(x) + std::abs(value) * bound + error * bound;
    value *= x;
    most *= std::max(std::abs(x) + bound, 1.0);
    least *= x == 0 ? 1 : std::min(std::abs(x), 1.0);
  }
};
} // namespace

static EvaluatorResult evaluateReduceProd(const Evaluation &e) {
  const Tensor &operand = e.operand(0);
  Tensor result(e.resultType());
  Type element = result.type.getElementType();
  std::vector<int64_t> targets = reducedIndices(operand.shape(), cast<graph::ReduceProdOp>(e.op).getAxes());
  std::vector<Product> products(result.size());
  for (int64_t i = 0; i < operand.size(); ++i) {
    Product &product = products[targets[i]];
    if (operand.isFloat())
      product.multiply(operand.floats[i], operand.bound(i));
    else
      product.integer = wrap(element, static_cast<int64_t>(static_cast<uint64_t>(product.integer) *
                                                           static_cast<uint64_t>(operand.integers[i])));
  }
  if (e.withBounds() && (operand.isFloat() || !operand.bounds.empty()))
    result.addBounds();
  double terms = result.size() == 0 ? 0 : static_cast<double>(operand.size()) / static_cast<double>(result.size());
  bool isNarrow = e.options.bounds == Bounds::Declared && !element.isF64();
  for (auto [i, product] : llvm::enumerate(products)) {
    if (!result.isFloat()) {
      result.integers[i] = product.integer;
      continue;
    }
    result.floats[i] = product.value;
    if (!e.withBounds())
      continue;
    bool mayLeaveRange = isNarrow ? !(product.most <= kLargestF32) || product.least < kSmallestNormalF32
                                  : !(product.most <= kLargestF64) || product.least < kSmallestNormalF64;
    result.bounds[i] = mayLeaveRange && terms > 1 ? unknown() : e.bound(element, product.value, product.error, terms);
  }
  for (int64_t i = 0; i < operand.size() && !result.isFloat(); ++i)
    if (operand.bound(i) != 0)
      result.bounds[targets[i]] = undecided();
  return single(std::move(result));
}

/// Linear indices of the lines along `axis`: calls `visit(line, base, stride)`.
static void forEachLine(ArrayRef<int64_t> shape, int64_t axis,
                        llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  int64_t stride = rowMajorStrides(shape)[axis], outer = 1, line = 0;
  for (int64_t size : shape.take_front(axis))
    outer *= size;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t inner = 0; inner < stride; ++inner)
      visit(line++, o * stride * shape[axis] + inner, stride);
}

/// Entry k is a sum of k + 1 numbers (k if exclusive), in any order.
static EvaluatorResult evaluateCumsum(const Evaluation &e) {
  auto cumsum = cast<graph::CumsumOp>(e.op);
  const Tensor &operand = e.operand(0);
  int64_t axis = cumsum.getAxis(), size = operand.shape()[axis];
  Tensor result(e.resultType());
  Type element = result.type.getElementType();
  if (e.withBounds())
    result.addBounds();
  forEachLine(operand.shape(), axis, [&](int64_t, int64_t base, int64_t stride) {
    double sum = 0, magnitude = 0, inherited = 0;
    int64_t integer = 0;
    for (int64_t k = 0; k < size; ++k) {
      int64_t i = base + (cumsum.getReverse() ? size - 1 - k : k) * stride;
      auto store = [&](double terms) {
        if (result.isFloat())
          result.floats[i] = sum;
        else
          result.integers[i] = integer;
        if (e.withBounds())
          result.bounds[i] = e.boundOfSum(element, result.at(i), inherited, magnitude, terms);
      };
      if (cumsum.getExclusive())
        store(static_cast<double>(k));
      sum += operand.isFloat() ? operand.floats[i] : 0;
      integer = operand.isFloat() ? 0 : wrap(element, integer + operand.integers[i]);
      magnitude += finiteMagnitude(operand.at(i));
      inherited += operand.bound(i);
      if (!cumsum.getExclusive())
        store(static_cast<double>(k + 1));
    }
  });
  return single(std::move(result));
}

static EvaluatorResult evaluateArgmax(const Evaluation &e) {
  const Tensor &operand = e.operand(0);
  int64_t axis = cast<graph::ArgmaxOp>(e.op).getAxis(), size = operand.shape()[axis];
  Tensor result(e.resultType());
  if (!operand.bounds.empty())
    result.addBounds();
  forEachLine(operand.shape(), axis, [&](int64_t line, int64_t base, int64_t stride) {
    int64_t best = 0;
    for (int64_t k = 1; k < size; ++k)
      if (isLarger(operand.at(base + k * stride), operand.at(base + best * stride)))
        best = k;
    result.integers[line] = best;
    int64_t top = base + best * stride;
    for (int64_t k = 0; k < size && !operand.bounds.empty(); ++k) {
      int64_t other = base + k * stride;
      double error = operand.bound(other) + operand.bound(top);
      if (k != best && error != 0 && !(operand.at(top) - operand.at(other) > error))
        result.bounds[line] = undecided();
    }
  });
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Composites
//===----------------------------------------------------------------------===//

/// One line of numbers, for softmax and what is made of it: shares p = e^(x - max) / sum and log-shares x - max - log
/// sum, with bounds on their errors.
namespace {
struct SoftmaxLine {
  std::vector<double> shares, logShares, shareErrors, logErrors;

  SoftmaxLine(ArrayRef<double> x, ArrayRef<double> errors, double roundoff);
};
} // namespace

/// How far off a share may be whose logarithm may be off by `error`: however much that is, it stays one of [0, 1].
static double boundOfShare(double share, double logShare, double error, double roundoff) {
  if (std::isnan(error))
    return error;
  double grown = error < 1 ? share * std::expm1(error) : std::exp(std::min(logShare + error, 0.0));
  return std::min(grown, std::max(share, 1 - share) + kDivisionRoundoffs * roundoff);
}

/// How far log(sum of e^x) may be off where the entries may be by `errors`: log(sum of p e^error), which by Jensen's
/// inequality is no less than how far it may sink, -log(sum of p e^-error). An entry that seems to have no share may
/// have the largest.
static double boundOfLogSum(ArrayRef<double> logShares, ArrayRef<double> errors) {
  constexpr double kMostExponent = 700;
  double growth = 0, most = 0;
  for (auto [logShare, error] : llvm::zip_equal(logShares, errors)) {
    if (std::isnan(error))
      return error;
    // What is infinitely far below the largest stays there.
    if (std::isinf(logShare))
      continue;
    double share = std::exp(logShare);
    most = std::max(most, logShare + error);
    growth += error < 1 ? share * std::expm1(error) : std::exp(std::min(logShare + error, kMostExponent)) - share;
  }
  return most < kMostExponent ? std::log1p(growth) : most + std::log(static_cast<double>(errors.size()));
}

SoftmaxLine::SoftmaxLine(ArrayRef<double> x, ArrayRef<double> errors, double roundoff) {
  if (x.empty())
    return;
  double largest = *llvm::max_element(x), sum = 0;
  for (double value : x)
    sum += std::exp(value - largest);
  for (double value : x) {
    shares.push_back(std::exp(value - largest) / sum);
    logShares.push_back(value - largest - std::log(sum));
  }
  if (errors.empty())
    return;
  // How far log(sum) moves with the errors of the entries and with the rounding of x - max. The largest entry itself
  // cancels: it is subtracted on both sides.
  std::vector<double> moved;
  for (auto [value, error] : llvm::zip_equal(x, errors))
    moved.push_back(error + roundoff * (largest - value));
  double sumError =
      boundOfLogSum(logShares, moved) + (inRoundoffs(kExpUlps) + static_cast<double>(x.size())) * roundoff;
  for (auto [value, error, logShare] : llvm::zip_equal(x, errors, logShares)) {
    // What is infinitely far below the largest has the share 0, however it is computed.
    if (std::isinf(value - largest) && !std::isnan(sumError)) {
      shareErrors.push_back(0);
      logErrors.push_back(0);
      continue;
    }
    double own = error + roundoff * (largest - value);
    double functions = (inRoundoffs(kExpUlps) + kDivisionRoundoffs) * roundoff;
    shareErrors.push_back(boundOfShare(std::exp(logShare), logShare, own + sumError + functions, roundoff));
    logErrors.push_back(own + sumError + roundoff * (inRoundoffs(kLogUlps) * std::log(sum) + 2 * std::abs(logShare)));
  }
}

/// Applies `use(line, base, stride)` to the lines of operand 0 along `axis`.
static void forEachSoftmaxLine(const Evaluation &e, int64_t axis,
                               llvm::function_ref<void(const SoftmaxLine &, int64_t, int64_t, int64_t)> use) {
  const Tensor &operand = e.operand(0);
  double roundoff = e.withBounds() ? e.roundoff(operand.type.getElementType()) : 0;
  forEachLine(operand.shape(), axis, [&](int64_t index, int64_t base, int64_t stride) {
    std::vector<double> values, errors;
    for (int64_t k = 0; k < operand.shape()[axis]; ++k) {
      values.push_back(operand.floats[base + k * stride]);
      if (e.withBounds())
        errors.push_back(operand.bound(base + k * stride));
    }
    use(SoftmaxLine(values, errors, roundoff), index, base, stride);
  });
}

static EvaluatorResult evaluateSoftmax(const Evaluation &e) {
  Tensor result(e.resultType());
  if (e.withBounds())
    result.addBounds();
  forEachSoftmaxLine(e, cast<graph::SoftmaxOp>(e.op).getAxis(),
                     [&](const SoftmaxLine &line, int64_t, int64_t base, int64_t stride) {
                       for (auto [k, share] : llvm::enumerate(line.shares)) {
                         int64_t i = base + static_cast<int64_t>(k) * stride;
                         result.floats[i] = share;
                         if (e.withBounds())
                           result.bounds[i] = line.shareErrors[k] + 2 * kUnderflowF32;
                       }
                     });
  return single(std::move(result));
}

static EvaluatorResult evaluateLogSoftmax(const Evaluation &e) {
  Tensor result(e.resultType());
  if (e.withBounds())
    result.addBounds();
  forEachSoftmaxLine(e, cast<graph::LogSoftmaxOp>(e.op).getAxis(),
                     [&](const SoftmaxLine &line, int64_t, int64_t base, int64_t stride) {
                       for (auto [k, value] : llvm::enumerate(line.logShares)) {
                         int64_t i = base + static_cast<int64_t>(k) * stride;
                         result.floats[i] = value;
                         if (e.withBounds())
                           result.bounds[i] = e.bound(result.type.getElementType(), value, line.logErrors[k], 0);
                       }
                     });
  return single(std::move(result));
}

/// A target that is no class counts as little as one that is ignored.
static EvaluatorResult evaluateSoftmaxCrossEntropy(const Evaluation &e) {
  auto op = cast<graph::SoftmaxCrossEntropyOp>(e.op);
  const Tensor &targets = e.operand(1);
  int64_t classes = e.operand(0).shape().back(), ignore = op.getIgnore();
  double count = 0, total = 0, inherited = 0, magnitude = 0, smoothing = op.getSmoothing().convertToDouble();
  double roundoff = e.withBounds() ? e.roundoff(e.operand(0).type.getElementType()) : 0;
  forEachSoftmaxLine(e, e.operand(0).type.getRank() - 1, [&](const SoftmaxLine &line, int64_t index, int64_t, int64_t) {
    int64_t target = targets.integers[index];
    if (target == ignore || target < 0 || target >= classes)
      return;
    ++count;
    for (int64_t k = 0; k < classes; ++k) {
      double share = smoothing / classes + (k == target ? 1 - smoothing : 0);
      if (share == 0)
        continue;
      total -= share * line.logShares[k];
      magnitude += finiteMagnitude(line.logShares[k]);
      inherited += e.withBounds() ? share * (line.logErrors[k] + 4 * roundoff * std::abs(line.logShares[k])) : 0;
    }
    // A sum over the row, if the targets are smoothed, rounds as often as it has entries.
    for (int64_t k = 0; k < classes && e.withBounds() && smoothing != 0; ++k)
      inherited += smoothing * roundoff * std::abs(line.logShares[k]);
  });
  Tensor result(e.resultType());
  result.floats[0] = count == 0 ? 0 : total / count;
  if (!e.withBounds())
    return single(std::move(result));
  result.addBounds();
  Type element = result.type.getElementType();
  if (count != 0)
    result.bounds[0] = e.bound(element, result.floats[0],
                               e.boundOfSum(element, total, inherited, magnitude, count) / count, kDivisionRoundoffs);
  if (llvm::any_of(targets.bounds, [](double bound) { return bound != 0; }))
    result.bounds[0] = undecidedAmong(&e.operand(0));
  return single(std::move(result));
}

void reference::addReductionEvaluators(EvaluatorTable &table) {
  addEvaluator<graph::ContractOp>(table, evaluateContract);
  addEvaluator<graph::ReduceSumOp>(table, evaluateReduceSum);
  addEvaluator<graph::ReduceMaxOp>(table, evaluateReduceMax);
  addEvaluator<graph::ReduceMinOp>(table, evaluateReduceMin);
  addEvaluator<graph::ReduceProdOp>(table, evaluateReduceProd);
  addEvaluator<graph::CumsumOp>(table, evaluateCumsum);
  addEvaluator<graph::ArgmaxOp>(table, evaluateArgmax);
  addEvaluator<graph::SoftmaxOp>(table, evaluateSoftmax);
  addEvaluator<graph::LogSoftmaxOp>(table, evaluateLogSoftmax);
  addEvaluator<graph::SoftmaxCrossEntropyOp>(table, evaluateSoftmaxCrossEntropy);
}
