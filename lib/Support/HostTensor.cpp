// Storage, conversion and printing of host tensors.

#include "moru/Support/HostTensor.h"

#include "llvm/Support/ErrorHandling.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <sys/mman.h>

namespace moru {

//===----------------------------------------------------------------------===//
// 16-bit floats
//===----------------------------------------------------------------------===//

BFloat16 BFloat16::fromFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return {uint16_t((bits >> 16) | 0x40)}; // quiet; truncation alone could make it an infinity
  return {uint16_t((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
}

float BFloat16::toFloat() const { return std::bit_cast<float>(uint32_t(bits) << 16); }

/// A value of magnitude below 2^-14 as a denormal half: its multiple of 2^-24, rounded to nearest even.
static uint16_t roundToHalfDenormal(float magnitude) {
  // Adding 0.5 puts the unit of the last place of a float at 2^-24; the addition rounds.
  return uint16_t(std::bit_cast<uint32_t>(magnitude + 0.5f) - std::bit_cast<uint32_t>(0.5f));
}

Float16 Float16::fromFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = uint16_t((bits >> 16) & 0x8000);
  uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) // NaN
    return {uint16_t(sign | 0x7E00 | ((magnitude >> 13) & 0x1FF))};
  if (magnitude >= 0x477FF000) // 65520 and above rounds to infinity
    return {uint16_t(sign | 0x7C00)};
  if (magnitude < 0x38800000) // below 2^-14
    return {uint16_t(sign | roundToHalfDenormal(std::bit_cast<float>(magnitude)))};
  uint32_t rebiased = magnitude - (uint32_t(127 - 15) << 23);
  return {uint16_t(sign | ((rebiased + 0xFFF + ((rebiased >> 13) & 1)) >> 13))};
}

float Float16::toFloat() const {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 0x1F;
  uint32_t fraction = bits & 0x3FF;
  if (exponent == 0) {
    float magnitude = float(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7F800000 | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

//===----------------------------------------------------------------------===//
// Types and shapes
//===----------------------------------------------------------------------===//

/// In the order of the enumeration.
static constexpr std::array<std::string_view, 10> kTypeNames = {"f32", "f64", "bf16", "f16", "i64",
                                                                "i32", "i16", "i8",   "u8",  "i1"};

std::string_view toString(ElementType type) { return kTypeNames[size_t(type)]; }

std::optional<ElementType> parseElementType(std::string_view name) {
  for (size_t i = 0; i < kTypeNames.size(); ++i)
    if (kTypeNames[i] == name)
      return ElementType(i);
  return std::nullopt;
}

int64_t numElements(const Shape &shape) {
  int64_t product = 1;
  for (int64_t size : shape) {
    assert(size >= 0 && "sizes of axes are not negative");
    product *= size;
  }
  return product;
}

std::string toString(ElementType type, const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  text += "] ";
  return text += toString(type);
}

//===----------------------------------------------------------------------===//
// HostTensor
//===----------------------------------------------------------------------===//

/// From here on a tensor has pages of its own, huge ones where the system has them: weights that stream through a step
/// cost few translations, what was never written takes no memory, and what is freed goes back at once.
static constexpr size_t kHugePage = 2 << 20;

/// Whole cache lines, so that a vector load of the last elements stays inside the allocation; large ones: whole pages.
static size_t roundedSize(size_t size) {
  size_t unit = size < kHugePage ? HostTensor::kAlignment : 4096;
  return (size + unit - 1) / unit * unit;
}

/// Zeroed pages that begin where a huge page does: more are mapped, and both ends given back.
static void *mapPages(size_t size) {
  size_t total = size + kHugePage;
  void *mapped = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    llvm::report_bad_alloc_error("expected memory for a tensor, got none from the operating system");
  char *base = static_cast<char *>(mapped);
  size_t head = (kHugePage - reinterpret_cast<uintptr_t>(base) % kHugePage) % kHugePage;
  if (head)
    munmap(base, head);
  munmap(base + head + size, total - head - size);
  madvise(base + head, size, MADV_HUGEPAGE); // A hint: refused where the kernel was built without.
  return base + head;
}

HostTensor HostTensor::uninitialized(ElementType type, Shape shape) {
  HostTensor tensor;
  tensor.elementType = type;
  tensor.dims = std::move(shape);
  if (size_t size = roundedSize(tensor.sizeInBytes()))
    tensor.storage = size < kHugePage ? ::operator new(size, std::align_val_t(kAlignment)) : mapPages(size);
  return tensor;
}

HostTensor::HostTensor(ElementType type, Shape shape) : HostTensor(uninitialized(type, std::move(shape))) {
  if (storage && roundedSize(sizeInBytes()) < kHugePage)
    std::memset(storage, 0, sizeInBytes());
}

HostTensor::~HostTensor() {
  size_t size = roundedSize(sizeInBytes());
  if (storage && size < kHugePage)
    ::operator delete(storage, std::align_val_t(kAlignment));
  else if (storage)
    munmap(storage, size);
}

HostTensor HostTensor::fromBytes(ElementType type, Shape shape, const void *source) {
  HostTensor tensor = uninitialized(type, std::move(shape));
  if (tensor.storage)
    std::memcpy(tensor.storage, source, tensor.sizeInBytes());
  return tensor;
}

HostTensor HostTensor::reshaped(Shape shape) && {
  assert(moru::numElements(shape) == numElements() && "as many elements as before");
  HostTensor result = std::move(*this);
  result.dims = std::move(shape);
  return result;
}

double HostTensor::at(int64_t index) const {
  assert(index >= 0 && index < numElements() && "index within the tensor");
  switch (elementType) {
  case ElementType::F32:
    return data<float>()[index];
  case ElementType::F64:
    return data<double>()[index];
  case ElementType::BF16:
    return data<BFloat16>()[index].toFloat();
  case ElementType::F16:
    return data<Float16>()[index].toFloat();
  case ElementType::I64:
    return double(data<int64_t>()[index]);
  case ElementType::I32:
    return data<int32_t>()[index];
  case ElementType::I16:
    return data<int16_t>()[index];
  case ElementType::I8:
    return data<int8_t>()[index];
  case ElementType::U8:
  case ElementType::I1:
    return static_cast<const uint8_t *>(storage)[index];
  }
  return 0;
}

/// Truncation toward zero that is defined for every double: NaN is 0, what is out of range is the nearest end.
template <typename T> static T truncateTo(double value) {
  if (std::isnan(value))
    return 0;
  // The upper limit of int64_t is no double; -min is, and is one above it.
  if (value >= -double(std::numeric_limits<T>::min()) && std::is_signed_v<T>)
    return std::numeric_limits<T>::max();
  if (value >= double(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  if (value <= double(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  return T(value);
}

void HostTensor::set(int64_t index, double value) {
  assert(index >= 0 && index < numElements() && "index within the tensor");
  switch (elementType) {
  case ElementType::F32:
    data<float>()[index] = float(value);
    break;
  case ElementType::F64:
    data<double>()[index] = value;
    break;
  case ElementType::BF16:
    data<BFloat16>()[index] = BFloat16::fromFloat(float(value));
    break;
  case ElementType::F16:
    data<Float16>()[index] = Float16::fromFloat(float(value));
    break;
  case ElementType::I64:
    data<int64_t>()[index] = truncateTo<int64_t>(value);
    break;
  case ElementType::I32:
    data<int32_t>()[index] = truncateTo<int32_t>(value);
    break;
  case ElementType::I16:
    data<int16_t>()[index] = truncateTo<int16_t>(value);
    break;
  case ElementType::I8:
    data<int8_t>()[index] = truncateTo<int8_t>(value);
    break;
  case ElementType::U8:
    data<uint8_t>()[index] = truncateTo<uint8_t>(value);
    break;
  case ElementType::I1:
    static_cast<uint8_t *>(storage)[index] = value != 0;
    break;
  }
}

HostTensor HostTensor::converted(ElementType target) const {
  if (target == elementType)
    return clone();
  HostTensor result = uninitialized(target, dims);
  // 64-bit integers do not fit a double, so they keep their own way into narrower integers and back.
  if (elementType == ElementType::I64 && target == ElementType::I32) {
    for (int64_t i = 0, n = numElements(); i < n; ++i)
      result.data<int32_t>()[i] = int32_t(data<int64_t>()[i]);
    return result;
  }
  for (int64_t i = 0, n = numElements(); i < n; ++i)
    result.set(i, at(i));
  return result;
}

bool HostTensor::sameBits(const HostTensor &other) const {
  return elementType == other.elementType && dims == other.dims &&
         (!storage || std::memcmp(storage, other.storage, sizeInBytes()) == 0);
}

} // namespace moru
