//===- Dimensions.cpp - the sizes that stand for bounded dimensions -------===//
// A bounded dimension has no size while the graph is built. The language gives each pair of name and maximum a number
// of its own, far below zero, in the place of a size: sizes that are compared are equal where they are the same
// dimension, and a size that is passed on as a `Dim` takes the dimension along.
//===----------------------------------------------------------------------===//

#include "Trace.h"

#include <map>
#include <mutex>

using namespace mlir;

namespace moru {

/// The first number, and the distance of two: what arithmetic makes of one of them is hardly another one.
static constexpr int64_t kFirst = -1'000'000'000, kDistance = 1'000'003;

namespace {
struct Table {
  std::mutex mutex;
  std::map<std::pair<std::string, int64_t>, int64_t> numbers;
  std::vector<detail::BoundedDim> dims;
};
} // namespace

static Table &table() {
  static Table instance;
  return instance;
}

Dim dim(std::string_view name, Bound bound) {
  Table &known = table();
  std::lock_guard<std::mutex> lock(known.mutex);
  auto [place, isNew] = known.numbers.try_emplace({std::string(name), bound.max}, known.dims.size());
  if (isNew)
    known.dims.push_back({std::string(name), bound.max});
  return Dim(name, kFirst - place->second * kDistance);
}

namespace detail {

std::optional<BoundedDim> findBounded(int64_t size) {
  Table &known = table();
  std::lock_guard<std::mutex> lock(known.mutex);
  int64_t index = (kFirst - size) / kDistance;
  if (size > kFirst || (kFirst - size) % kDistance != 0 || index >= int64_t(known.dims.size()))
    return std::nullopt;
  return known.dims[index];
}

int64_t largestSize(int64_t size) {
  std::optional<BoundedDim> bounded = findBounded(size);
  return bounded ? bounded->max : size;
}

std::string describeSize(int64_t size) {
  std::optional<BoundedDim> bounded = findBounded(size);
  return bounded ? bounded->name + "<=" + std::to_string(bounded->max) : std::to_string(size);
}

std::optional<std::string> findMistake(const Dims &dims) {
  for (const Dim &dim : dims) {
    std::optional<BoundedDim> bounded = findBounded(dim.size);
    if (!bounded && dim.size < 0)
      return "expected sizes of at least 0, got " + std::to_string(dim.size);
    if (bounded && (bounded->max < 1 || bounded->max > std::numeric_limits<int32_t>::max()))
      return "expected a maximum within 1 and 2147483647 for dimension \"" + bounded->name + "\", got " +
             std::to_string(bounded->max);
    if (bounded && (bounded->name.empty() || bounded->name == "_"))
      return std::string("expected a name for the bounded dimension, got \"") + bounded->name + "\"";
  }
  return std::nullopt;
}

graph::Extent extentOf(MLIRContext *context, int64_t size) {
  std::optional<BoundedDim> bounded = findBounded(size);
  return bounded ? graph::Extent(bounded->max, StringAttr::get(context, bounded->name)) : graph::Extent(size);
}

RankedTensorType tensorType(Type element, ArrayRef<int64_t> shape) {
  SmallVector<graph::Extent> extents;
  for (int64_t size : shape)
    extents.push_back(extentOf(element.getContext(), size));
  return graph::getTensorType(extents, element);
}

Shape shapeOf(RankedTensorType type) {
  Shape shape;
  for (const graph::Extent &extent : graph::getExtents(type))
    shape.push_back(extent.isBounded() ? dim(extent.name.getValue(), {.max = extent.size}).size : extent.size);
  return shape;
}

} // namespace detail
} // namespace moru
