//===- ShapeOps.cpp - constants, shape and place --------------------------===//
// Operations that move entries and compute nothing.
//===----------------------------------------------------------------------===//

#include "Trace.h"

using namespace mlir;

namespace moru {

using detail::AxisNames;
using detail::OpBuilding;

//===----------------------------------------------------------------------===//
// Tensors from nothing
//===----------------------------------------------------------------------===//

Tensor full(const Dims &dims, double value, ElementType type, Here at) {
  OpBuilding op("full", at);
  if (!op || !op.checkDims(dims))
    return op.poison();
  return op.result(graph::createSplat(op.builder(), op.loc(), op.type(type, detail::sizesOf(dims)), value),
                   detail::namesOf(dims));
}

Tensor zeros(const Dims &dims, ElementType type, Here at) { return full(dims, 0, type, at); }
Tensor ones(const Dims &dims, ElementType type, Here at) { return full(dims, 1, type, at); }

Tensor zerosLike(const Tensor &x, Here at) {
  OpBuilding op("zerosLike", at, {&x});
  return op ? full(x.dims(), 0, x.type(), at) : op.poison();
}

Tensor constant(const HostTensor &values, Here at) {
  OpBuilding op("constant", at);
  if (!op)
    return op.poison();
  RankedTensorType type = op.type(values.type(), values.shape());
  switch (values.type()) {
  case ElementType::F16:
  case ElementType::I16:
  case ElementType::I8:
  case ElementType::U8:
    return op.fail("expected f32, f64, bf16, i64, i32 or i1, got " + Twine(toString(values.type())));
  case ElementType::I1: {
    ArrayRef<bool> entries(values.data<bool>(), values.numElements());
    return op.result(graph::ConstantOp::create(op.builder(), op.loc(), DenseElementsAttr::get(type, entries)));
  }
  default:
    break;
  }
  ArrayRef<char> bytes(static_cast<const char *>(values.bytes()), values.sizeInBytes());
  return op.result(graph::ConstantOp::create(op.builder(), op.loc(), DenseElementsAttr::getFromRawBuffer(type, bytes)));
}

Tensor iota(const TensorType &type, int64_t axis, Here at) {
  OpBuilding op("iota", at);
  if (!op || !op.checkDims(type.dims))
    return op.poison();
  int64_t rank = type.dims.size(), place = axis < 0 ? axis + rank : axis;
  if (place < 0 || place >= rank)
    return op.fail("expected an axis within rank " + Twine(rank) + ", got " + Twine(axis));
  return op.result(graph::IotaOp::create(op.builder(), op.loc(), op.type(type.type, detail::sizesOf(type.dims)), place),
                   detail::namesOf(type.dims));
}

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

Tensor reshape(const Tensor &x, const Dims &dims, Here at) {
  OpBuilding op("reshape", at, {&x});
  if (!op)
    return op.poison();
  Shape shape = detail::sizesOf(dims);
  auto isStatic = [](int64_t size) { return !detail::findBounded(size); };
  int64_t open = -1, product = 1, entries = 1;
  for (int64_t size : llvm::make_filter_range(x.shape(), isStatic))
    entries *= size;
  for (auto [axis, size] : llvm::enumerate(shape)) {
    if (!isStatic(size))
      continue;
    if (size == -1 && open < 0)
      open = axis;
    else if (size < 0)
      return op.fail("expected sizes of at least 0 and at most one -1, got " + Twine(size) + " at axis " + Twine(axis));
    else
      product *= size;
  }
  if (open >= 0 && (product == 0 || entries % product != 0))
    return op.fail("the axis given as -1 does not come out even: " + op.describe(x, "x") + " has " + Twine(entries) +
                   " entries, the other axes have " + Twine(product));
  if (open >= 0)
    shape[open] = entries / product;
  RankedTensorType from = op.type(x.type(), x.shape()), to = op.type(x.type(), shape);
  if ((graph::isBounded(from) || graph::isBounded(to)) && !graph::haveSameEntries(from, to))
    return op.fail("expected every bounded dimension to stay itself, with as many entries before and behind it: " +
                   op.describe(x, "x"));
  if (!graph::isBounded(to) && numElements(shape) != entries)
    return op.fail("expected " + Twine(entries) + " entries, got " + Twine(numElements(shape)) + ": " +
                   op.describe(x, "x"));
  return op.result(graph::ReshapeOp::create(op.builder(), op.loc(), op.type(x.type(), shape), op[0]),
                   detail::namesOf(dims));
}

Tensor transpose(const Tensor &x, const std::vector<int64_t> &permutation, Here at) {
  OpBuilding op("transpose", at, {&x});
  if (!op)
    return op.poison();
  SmallVector<int64_t> axes;
  if (permutation.empty())
    axes = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, x.rank())));
  for (int64_t given : permutation) {
    std::optional<int64_t> axis = op.axis(given, x.rank(), x, "x");
    if (!axis)
      return op.poison();
    axes.push_back(*axis);
  }
  AxisNames names;
  llvm::SmallBitVector seen(x.rank());
  for (int64_t axis : axes) {
    seen.set(axis);
    names.push_back(detail::namesOf(x)[axis]);
  }
  if (int64_t(axes.size()) != x.rank() || !seen.all())
    return op.fail("expected each of the " + Twine(x.rank()) + " axes once: " + op.describe(x, "x"));
  return op.result(graph::TransposeOp::create(op.builder(), op.loc(), op[0], axes), names);
}

Tensor expandDims(const Tensor &x, int64_t axis, Here at) {
  OpBuilding op("expandDims", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank() + 1, x, "x");
  if (!place)
    return op.poison();
  Dims dims = x.dims();
  dims.insert(dims.begin() + *place, Dim(1));
  return reshape(x, dims, at);
}

Tensor squeeze(const Tensor &x, int64_t axis, Here at) {
  OpBuilding op("squeeze", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  if (x.size(*place) != 1)
    return op.fail("expected axis " + Twine(axis) + " to have size 1: " + op.describe(x, "x"));
  Dims dims = x.dims();
  dims.erase(dims.begin() + *place);
  return reshape(x, dims, at);
}

Tensor broadcastTo(const Tensor &x, const Dims &dims, Here at) {
  OpBuilding op("broadcastTo", at, {&x});
  if (!op || !op.checkDims(dims))
    return op.poison();
  Shape shape = detail::sizesOf(dims);
  bool fits = x.rank() <= int64_t(shape.size());
  for (int64_t back = 1; fits && back <= x.rank(); ++back)
    fits = x.size(-back) == 1 || x.size(-back) == shape[shape.size() - back];
  if (!fits) {
    detail::TensorImpl wanted;
    wanted.type = x.type();
    wanted.shape = shape;
    wanted.axisNames = detail::namesOf(dims);
    return op.fail("does not broadcast to " + detail::describe(wanted) + ": " + op.describe(x, "x"));
  }
  return op.result(graph::broadcastTo(op.builder(), op.loc(), op[0], op.type(x.type(), shape)), detail::namesOf(dims));
}

//===----------------------------------------------------------------------===//
// Place
//===----------------------------------------------------------------------===//

/// `begin` and `end` of one axis counted from its start; records a mistake where they do not fit.
static bool resolveRange(OpBuilding &op, const Tensor &x, int64_t axis, int64_t &begin, int64_t &end, int64_t step) {
  int64_t size = x.size(axis);
  // All of a bounded axis.
  if (begin == 0 && end == size && step == 1) {
    end = detail::largestSize(size);
    return true;
  }
  if (!op.isStaticAxis(x, axis, "slice"))
    return false;
  int64_t first = begin + (begin < 0 ? size : 0), last = end + (end < 0 ? size : 0);
  if (first < 0 || first > last || last > size || step < 1) {
    op.fail("expected 0 <= begin <= end <= " + Twine(size) + " and step >= 1, got " + Twine(begin) + " to " +
            Twine(end) + " by " + Twine(step) + " along axis " + Twine(axis) + ": " + op.describe(x, "x"));
    return false;
  }
  begin = first;
  end = last;
  return true;
}

Tensor slice(const Tensor &x, const std::vector<int64_t> &begin, const std::vector<int64_t> &end,
             const std::vector<int64_t> &stride, Here at) {
  OpBuilding op("slice", at, {&x});
  if (!op)
    return op.poison();
  size_t rank = x.rank();
  if (begin.size() != rank || end.size() != rank || (!stride.empty() && stride.size() != rank))
    return op.fail("expected " + Twine(rank) + " numbers each for begin, end and stride: " + op.describe(x, "x"));
  SmallVector<int64_t> starts(ArrayRef<int64_t>{begin}), limits(ArrayRef<int64_t>{end}), strides(rank, 1);
  if (!stride.empty())
    strides.assign(stride.begin(), stride.end());
  AxisNames names = detail::namesOf(x);
  for (size_t axis = 0; axis < rank; ++axis) {
    if (!resolveRange(op, x, axis, starts[axis], limits[axis], strides[axis]))
      return op.poison();
    if (limits[axis] - starts[axis] != detail::largestSize(x.size(axis)) || strides[axis] != 1)
      names[axis].clear();
  }
  return op.result(graph::SliceOp::create(op.builder(), op.loc(), op[0], starts, limits, strides), names);
}

Tensor detail::sliceAxis(const Tensor &x, int64_t axis, int64_t begin, std::optional<int64_t> end, int64_t step,
                         Here at) {
  OpBuilding op("slice", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  int64_t size = x.size(*place), first = begin, last = end.value_or(size);
  if (!resolveRange(op, x, *place, first, last, step))
    return op.poison();
  SmallVector<int64_t> starts(x.rank(), 0), limits, strides(x.rank(), 1);
  llvm::append_range(limits, llvm::map_range(x.shape(), detail::largestSize));
  starts[*place] = first;
  limits[*place] = last;
  strides[*place] = step;
  AxisNames names = detail::namesOf(x);
  if (last - first != detail::largestSize(size))
    names[*place].clear();
  return op.result(graph::SliceOp::create(op.builder(), op.loc(), op[0], starts, limits, strides), names);
}

Tensor select(const Tensor &x, int64_t axis, int64_t index, Here at) {
  OpBuilding op("select", at, {&x});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  if (!op.isStaticAxis(x, *place, "select from"))
    return op.poison();
  int64_t size = x.size(*place), first = index < 0 ? index + size : index;
  if (first < 0 || first >= size)
    return op.fail("expected an index below " + Twine(size) + " along axis " + Twine(axis) + ", got " + Twine(index) +
                   ": " + op.describe(x, "x"));
  return squeeze(slice(x, *place, first, first + 1, 1, at), *place, at);
}

Tensor pad(const Tensor &x, const std::vector<int64_t> &low, const std::vector<int64_t> &high, double value, Here at) {
  OpBuilding op("pad", at, {&x});
  if (!op)
    return op.poison();
  auto isNegative = [](int64_t number) { return number < 0; };
  if (int64_t(low.size()) != x.rank() || int64_t(high.size()) != x.rank() || llvm::any_of(low, isNegative) ||
      llvm::any_of(high, isNegative))
    return op.fail("expected " + Twine(x.rank()) + " numbers of at least 0 for each side: " + op.describe(x, "x"));
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    if ((low[axis] != 0 || high[axis] != 0) && !op.isStaticAxis(x, axis, "pad"))
      return op.poison();
  SmallVector<int64_t> interior(x.rank(), 0);
  auto padded = [&](Value inner) { return graph::PadOp::create(op.builder(), op.loc(), inner, low, high, interior); };
  Tensor result = op.result(padded(op[0]), detail::namesOf(x));
  if (value == 0)
    return result;
  Value inside = graph::createSplat(op.builder(), op.loc(), op.type(ElementType::I1, x.shape()), 1);
  return where(op.result(padded(inside)), Operand(result, at), Operand(full({}, value, x.type(), at), at), at);
}

Tensor concat(const std::vector<Tensor> &tensors, int64_t axis, Here at) {
  SmallVector<const Tensor *> operands;
  for (const Tensor &tensor : tensors)
    operands.push_back(&tensor);
  OpBuilding op("concat", at, operands);
  if (!op)
    return op.poison();
  if (tensors.empty())
    return op.fail("expected at least one tensor");
  const Tensor &first = tensors.front();
  std::optional<int64_t> place = op.axis(axis, first.rank(), first, "tensor 0");
  if (!place)
    return op.poison();
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    Shape expected = first.shape();
    if (tensor.rank() == first.rank())
      expected[*place] = tensor.size(*place);
    if (tensor.shape() != expected || tensor.type() != first.type())
      return op.fail("expected equal types and sizes but along axis " + Twine(axis) + ": " +
                     op.describe(first, "tensor 0") + ", " + op.describe(tensor, "tensor " + std::to_string(index)));
  }
  if (tensors.size() > 1)
    for (const Tensor &tensor : tensors)
      if (!op.isStaticAxis(tensor, *place, "concatenate along"))
        return op.poison();
  AxisNames names = detail::namesOf(first);
  if (tensors.size() > 1)
    names[*place].clear();
  return op.result(graph::ConcatOp::create(op.builder(), op.loc(), op.operands(), *place), names);
}

std::vector<Tensor> split(const Tensor &x, int64_t count, int64_t axis, Here at) {
  OpBuilding op("split", at, {&x});
  std::vector<Tensor> parts(std::max<int64_t>(count, 0), op.poison());
  if (!op)
    return parts;
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return parts;
  if (!op.isStaticAxis(x, *place, "split"))
    return parts;
  if (count < 1 || x.size(*place) % count != 0) {
    op.fail("axis " + Twine(axis) + " does not divide into " + Twine(count) + " equal parts: " + op.describe(x, "x"));
    return parts;
  }
  int64_t width = x.size(*place) / count;
  for (int64_t index = 0; index < count; ++index)
    parts[index] = slice(x, *place, index * width, (index + 1) * width, 1, at);
  return parts;
}

} // namespace moru
