//===- Tensor.cpp - values of the Reference -------------------------------===//
// Storage and conversions; no arithmetic.
//===----------------------------------------------------------------------===//

#include "moru/Reference/Tensor.h"

#include "moru/Dialect/Graph/ElementTypes.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

double reference::undecided() { return std::numeric_limits<double>::infinity(); }
double reference::unknown() { return std::numeric_limits<double>::quiet_NaN(); }
double reference::worse(double bound, double other) {
  return std::isnan(bound) || std::isnan(other) ? unknown() : std::max(bound, other);
}

double reference::undecidedAmong(ArrayRef<const Tensor *> tensors) {
  bool areFinite = llvm::all_of(tensors, [](const Tensor *tensor) {
    return llvm::all_of(tensor->floats, [](double entry) { return std::isfinite(entry); }) &&
           llvm::none_of(tensor->bounds, [](double bound) { return std::isnan(bound); });
  });
  return areFinite ? undecided() : unknown();
}

void Tensor::markDecidedElsewhere() { bounds.assign(size(), isFloat() ? unknown() : undecided()); }

Tensor::Tensor(RankedTensorType type) : type(type) {
  if (isFloat())
    floats.resize(type.getNumElements(), 0);
  else
    integers.resize(type.getNumElements(), 0);
}

void Tensor::set(int64_t index, double value) {
  if (isFloat())
    floats[index] = value;
  else
    integers[index] = static_cast<int64_t>(value);
}

Tensor reference::makeTensor(RankedTensorType type, ArrayRef<double> values) {
  assert(static_cast<int64_t>(values.size()) == type.getNumElements() && "as many values as entries");
  Tensor tensor(type);
  for (auto [index, value] : llvm::enumerate(values))
    tensor.set(index, value);
  return tensor;
}

Tensor reference::withShape(const Tensor &tensor, ArrayRef<int64_t> shape, double fill) {
  Tensor result(RankedTensorType::get(shape, tensor.type.getElementType()));
  for (int64_t i = 0; i < result.size(); ++i)
    result.set(i, fill);
  if (!tensor.bounds.empty())
    result.addBounds();
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  forEachIndex(tensor.shape(), [&](int64_t from, ArrayRef<int64_t> index) {
    int64_t to = 0;
    for (auto [i, size, stride] : llvm::zip_equal(index, shape, strides)) {
      if (i >= size)
        return;
      to += i * stride;
    }
    if (result.isFloat())
      result.floats[to] = tensor.floats[from];
    else
      result.integers[to] = tensor.integers[from];
    if (!tensor.bounds.empty())
      result.bounds[to] = tensor.bounds[from];
  });
  return result;
}

/// A constant whose bytes are a resource of the module.
static FailureOr<Tensor> fromResource(DenseResourceElementsAttr elements) {
  auto type = cast<RankedTensorType>(elements.getType());
  AsmResourceBlob *blob = elements.getRawHandle().getBlob();
  int64_t bytes = type.getNumElements() * elementBytes(type.getElementType());
  if (!blob || static_cast<int64_t>(blob->getData().size()) < bytes || type.getElementType().isInteger(1))
    return failure();
  Shape shape(type.getShape().begin(), type.getShape().end());
  return fromHost(HostTensor::fromBytes(hostElementType(type.getElementType()), shape, blob->getData().data()), type);
}

FailureOr<Tensor> reference::fromAttribute(ElementsAttr elements) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    return fromResource(resource);
  auto type = dyn_cast<RankedTensorType>(elements.getType());
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!type || !dense)
    return failure();
  Tensor tensor(type);
  int64_t index = 0;
  if (tensor.isFloat()) {
    for (APFloat value : dense.getValues<APFloat>()) {
      bool ignored;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &ignored);
      tensor.floats[index++] = value.convertToDouble();
    }
    return tensor;
  }
  bool isBool = type.getElementType().isInteger(1);
  for (APInt value : dense.getValues<APInt>())
    tensor.integers[index++] = isBool ? static_cast<int64_t>(value.getZExtValue()) : value.getSExtValue();
  return tensor;
}

DenseElementsAttr reference::toAttribute(const Tensor &tensor) {
  Type element = tensor.type.getElementType();
  SmallVector<Attribute> entries;
  for (int64_t index = 0; index < tensor.size(); ++index)
    if (auto type = dyn_cast<FloatType>(element)) {
      APFloat value(tensor.floats[index]);
      bool ignored;
      value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &ignored);
      entries.push_back(FloatAttr::get(type, value));
    } else {
      entries.push_back(IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), tensor.integers[index],
                                                        /*isSigned=*/true, /*implicitTrunc=*/true)));
    }
  return DenseElementsAttr::get(tensor.type, entries);
}

ElementType reference::hostElementType(Type type) {
  std::optional<ElementType> result = graph::toElementType(type);
  assert(result && "one of the element types of the graph dialect");
  return *result;
}

Tensor reference::fromHost(const HostTensor &host, RankedTensorType type) {
  assert(host.numElements() == type.getNumElements() && "as many values as entries");
  Tensor tensor(type);
  for (int64_t index = 0; index < tensor.size(); ++index)
    if (host.type() == ElementType::I64)
      tensor.integers[index] = host.data<int64_t>()[index];
    else
      tensor.set(index, host.at(index));
  return tensor;
}

HostTensor reference::toHost(const Tensor &tensor) {
  Shape shape(tensor.shape().begin(), tensor.shape().end());
  HostTensor host(hostElementType(tensor.type.getElementType()), shape);
  for (int64_t index = 0; index < tensor.size(); ++index)
    if (host.type() == ElementType::I64)
      host.data<int64_t>()[index] = tensor.integers[index];
    else
      host.set(index, tensor.at(index));
  return host;
}

void reference::roundToType(Tensor &tensor) {
  Type element = tensor.type.getElementType();
  for (double &value : tensor.floats) {
    if (element.isF32())
      value = static_cast<float>(value);
    else if (element.isBF16())
      value = BFloat16::fromFloat(static_cast<float>(value)).toFloat();
  }
}

int64_t reference::elementBytes(Type type) { return static_cast<int64_t>(elementSize(hostElementType(type))); }

SmallVector<int64_t> reference::rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t axis = static_cast<int64_t>(shape.size()) - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

void reference::forEachIndex(ArrayRef<int64_t> shape, llvm::function_ref<void(int64_t, ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  for (int64_t linear = 0; linear < count; ++linear) {
    visit(linear, index);
    for (int64_t axis = static_cast<int64_t>(shape.size()) - 1; axis >= 0 && ++index[axis] == shape[axis]; --axis)
      index[axis] = 0;
  }
}

std::string reference::indexToString(ArrayRef<int64_t> shape, int64_t index) {
  SmallVector<int64_t> indices;
  for (int64_t stride : rowMajorStrides(shape)) {
    indices.push_back(index / stride);
    index %= stride;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "[";
  llvm::interleaveComma(indices, stream);
  stream << "]";
  return text;
}
