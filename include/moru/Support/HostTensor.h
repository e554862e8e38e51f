// A dense, row-major tensor in host memory: what files, data sets, the DSL and compiled functions exchange.
// Free of LLVM and MLIR, because the public headers of the DSL include it. The bytes are owned, aligned for the widest
// vector loads, moved cheaply and copied only by `clone`.

#ifndef MORU_SUPPORT_HOSTTENSOR_H
#define MORU_SUPPORT_HOSTTENSOR_H

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace moru {

/// Element types that tensors can have outside a graph. Order and values are part of the interface; append only.
enum class ElementType : uint8_t { F32, F64, BF16, F16, I64, I32, I16, I8, U8, I1 };

/// The upper 16 bits of a float; conversion rounds to nearest even and keeps NaN a NaN.
struct BFloat16 {
  uint16_t bits = 0;
  static BFloat16 fromFloat(float value);
  float toFloat() const;
  friend bool operator==(BFloat16, BFloat16) = default;
};

/// IEEE binary16; conversion rounds to nearest even, overflows to infinity and keeps denormals.
struct Float16 {
  uint16_t bits = 0;
  static Float16 fromFloat(float value);
  float toFloat() const;
  friend bool operator==(Float16, Float16) = default;
};

/// Bytes of one element. An I1 takes a whole byte, 0 or 1.
constexpr size_t elementSize(ElementType type) {
  switch (type) {
  case ElementType::F64:
  case ElementType::I64:
    return 8;
  case ElementType::F32:
  case ElementType::I32:
    return 4;
  case ElementType::BF16:
  case ElementType::F16:
  case ElementType::I16:
    return 2;
  case ElementType::I8:
  case ElementType::U8:
  case ElementType::I1:
    return 1;
  }
  return 0;
}

/// True for F32, F64, BF16 and F16.
constexpr bool isFloat(ElementType type) { return type <= ElementType::F16; }

/// The name of a type as graph text spells it: `f32`, `bf16`, `i64`, `u8`, `i1`.
std::string_view toString(ElementType type);

/// The type that `toString` names so, if there is one.
std::optional<ElementType> parseElementType(std::string_view name);

/// The element type that stores a C++ type: `elementTypeOf<float>() == ElementType::F32`.
template <typename T> constexpr ElementType elementTypeOf() = delete;
template <> constexpr ElementType elementTypeOf<float>() { return ElementType::F32; }
template <> constexpr ElementType elementTypeOf<double>() { return ElementType::F64; }
template <> constexpr ElementType elementTypeOf<BFloat16>() { return ElementType::BF16; }
template <> constexpr ElementType elementTypeOf<Float16>() { return ElementType::F16; }
template <> constexpr ElementType elementTypeOf<int64_t>() { return ElementType::I64; }
template <> constexpr ElementType elementTypeOf<int32_t>() { return ElementType::I32; }
template <> constexpr ElementType elementTypeOf<int16_t>() { return ElementType::I16; }
template <> constexpr ElementType elementTypeOf<int8_t>() { return ElementType::I8; }
template <> constexpr ElementType elementTypeOf<uint8_t>() { return ElementType::U8; }
template <> constexpr ElementType elementTypeOf<bool>() { return ElementType::I1; }

/// Sizes of the axes, outermost first; empty for a scalar.
using Shape = std::vector<int64_t>;

/// Product of the axes: 1 for a scalar, 0 if an axis is 0. Sizes are non-negative and the product fits.
int64_t numElements(const Shape &shape);

/// `[32, 128] f32`; a scalar is `[] f32`.
std::string toString(ElementType type, const Shape &shape);

/// An owned, 64-byte-aligned, row-major array with a type and a shape.
class HostTensor {
public:
  /// One cache line and one AVX-512 register.
  static constexpr size_t kAlignment = 64;

  /// An empty f32 vector, `[0] f32`.
  HostTensor() : dims{0} {}
  /// All elements zero.
  HostTensor(ElementType type, Shape shape);
  HostTensor(HostTensor &&other) noexcept { swap(other); }
  HostTensor &operator=(HostTensor &&other) noexcept {
    HostTensor(std::move(other)).swap(*this);
    return *this;
  }
  HostTensor(const HostTensor &) = delete;
  HostTensor &operator=(const HostTensor &) = delete;
  ~HostTensor();

  /// Elements are whatever the memory held; for callers that write all of them.
  static HostTensor uninitialized(ElementType type, Shape shape);
  static HostTensor zeros(ElementType type, Shape shape) { return HostTensor(type, std::move(shape)); }
  /// Copies `numElements(shape) * elementSize(type)` bytes.
  static HostTensor fromBytes(ElementType type, Shape shape, const void *source);

  /// A scalar.
  template <typename T> static HostTensor scalar(T value) { return full<T>({}, value); }
  /// All elements `value`.
  template <typename T> static HostTensor full(Shape shape, T value) {
    HostTensor tensor = uninitialized(elementTypeOf<T>(), std::move(shape));
    for (int64_t i = 0, n = tensor.numElements(); i < n; ++i)
      tensor.data<T>()[i] = value;
    return tensor;
  }
  /// `HostTensor::from<float>({2, 2}, {1, 2, 3, 4})`; as many values as the shape has elements.
  template <typename T> static HostTensor from(Shape shape, std::initializer_list<T> values) {
    assert(int64_t(values.size()) == moru::numElements(shape) && "as many values as elements");
    return fromBytes(elementTypeOf<T>(), std::move(shape), values.begin());
  }
  /// As above, from a vector. The shape defaults to one axis.
  template <typename T> static HostTensor from(Shape shape, const std::vector<T> &values) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no bytes to copy");
    assert(int64_t(values.size()) == moru::numElements(shape) && "as many values as elements");
    return fromBytes(elementTypeOf<T>(), std::move(shape), values.data());
  }
  template <typename T> static HostTensor from(const std::vector<T> &values) {
    return from<T>(Shape{int64_t(values.size())}, values);
  }

  /// A deep copy.
  HostTensor clone() const { return fromBytes(elementType, dims, storage); }
  /// The same elements under another shape of as many elements; takes the bytes along.
  HostTensor reshaped(Shape shape) &&;
  /// Elements converted to another type: floats round to nearest even, integers from floats truncate, I1 is `!= 0`.
  HostTensor converted(ElementType type) const;

  ElementType type() const { return elementType; }
  const Shape &shape() const { return dims; }
  int64_t rank() const { return int64_t(dims.size()); }
  int64_t dim(size_t axis) const {
    assert(axis < dims.size() && "axis within the rank");
    return dims[axis];
  }
  int64_t numElements() const { return moru::numElements(dims); }
  size_t sizeInBytes() const { return size_t(numElements()) * elementSize(elementType); }

  /// Raw storage of `sizeInBytes()` bytes; aligned to `kAlignment`. Never null for a non-empty tensor.
  void *bytes() { return storage; }
  const void *bytes() const { return storage; }

  /// The elements as C++ values; `T` is the tensor's type.
  template <typename T> T *data() {
    assert(elementTypeOf<T>() == elementType && "element type as stored");
    return static_cast<T *>(storage);
  }
  template <typename T> const T *data() const {
    assert(elementTypeOf<T>() == elementType && "element type as stored");
    return static_cast<const T *>(storage);
  }
  /// The elements as a copied vector.
  template <typename T> std::vector<T> toVector() const { return std::vector<T>(data<T>(), data<T>() + numElements()); }

  /// One element as a double, whatever the type; for printing and comparing, not for loops that matter.
  double at(int64_t index) const;
  /// Stores a double as one element, rounded as `converted` does.
  void set(int64_t index, double value);

  /// `[32, 128] f32`.
  std::string toString() const { return moru::toString(elementType, dims); }

  /// Equal type, shape and bytes (so NaN equals the same NaN, and 0 differs from -0).
  bool sameBits(const HostTensor &other) const;

  void swap(HostTensor &other) noexcept {
    std::swap(elementType, other.elementType);
    dims.swap(other.dims);
    std::swap(storage, other.storage);
  }

private:
  ElementType elementType = ElementType::F32;
  // A moved-from tensor has the shape of a default one, so that its size agrees with its lack of bytes.
  Shape dims = {0};
  void *storage = nullptr;
};

/// A tensor as files and checkpoints hold it.
struct NamedTensor {
  std::string name;
  HostTensor tensor;
};

} // namespace moru

#endif // MORU_SUPPORT_HOSTTENSOR_H
