// Arrays on the command line.

#include "ArraySpec.h"

#include "moru/Data/Npy.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include <cmath>

using namespace llvm;

namespace moru {

/// `2x3xf32` or `f32`.
static std::optional<std::pair<ElementType, Shape>> parseType(StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, 'x');
  std::optional<ElementType> type = parseElementType(parts.pop_back_val());
  Shape shape;
  for (StringRef part : parts) {
    int64_t size = 0;
    if (part.getAsInteger(10, size) || size < 0 || size > (int64_t(1) << 32))
      return std::nullopt;
    shape.push_back(size);
  }
  if (!type)
    return std::nullopt;
  return std::pair(*type, shape);
}

static Expected<HostTensor> parseValues(ElementType type, const Shape &shape, StringRef text, StringRef flag) {
  SmallVector<StringRef> parts;
  text.split(parts, ',', -1, /*KeepEmpty=*/false);
  int64_t count = numElements(shape);
  if (int64_t(parts.size()) != count && parts.size() != 1)
    return makeError(flag + ": expected " + Twine(count) + " values for " + toString(type, shape) +
                     ", or one for all, got " + Twine(parts.size()));
  HostTensor tensor(type, shape);
  for (int64_t i = 0; i < count; ++i) {
    StringRef part = parts[parts.size() == 1 ? 0 : size_t(i)].trim();
    double value = 0;
    if (part.getAsDouble(value))
      return makeError(flag + ": expected a number, got \"" + part + "\"");
    tensor.set(i, value);
  }
  return tensor;
}

Expected<ArraySpec> ArraySpec::parse(StringRef text, StringRef flag) {
  ArraySpec spec;
  StringRef rest = text;
  if (auto [name, value] = text.split('='); !text.starts_with("@") && !parseType(name) && name.size() < text.size()) {
    spec.name = name.str();
    rest = value;
  }
  if (rest.consume_front("@")) {
    spec.file = rest.str();
    return spec;
  }
  auto [type, values] = rest.split('=');
  auto parsed = parseType(type);
  if (!parsed)
    return makeError(flag + ": expected [name=]@file.npy or [name=]2x3xf32=…, got \"" + text + "\"");
  Expected<HostTensor> tensor = parseValues(parsed->first, parsed->second, values, flag);
  if (!tensor)
    return tensor.takeError();
  spec.literal = std::move(*tensor);
  return spec;
}

Expected<HostTensor> ArraySpec::read() const {
  if (literal)
    return literal->clone();
  return readNpy(file);
}

std::string findDifference(const HostTensor &value, const HostTensor &expected, double tolerance) {
  if (value.type() != expected.type() || value.shape() != expected.shape())
    return "expected " + expected.toString() + ", got " + value.toString();
  double largest = 0;
  for (int64_t i = 0; i < expected.numElements(); ++i)
    largest = std::max(largest, std::abs(expected.at(i)));
  double allowed = isFloat(value.type()) ? tolerance * largest : 0;
  for (int64_t i = 0; i < expected.numElements(); ++i) {
    double a = value.at(i), b = expected.at(i);
    if (!(std::abs(a - b) <= allowed) && !(a == b) && !(std::isnan(a) && std::isnan(b)))
      return "element " + std::to_string(i) + ": expected " + formatNumber(b, 9) + ", got " + formatNumber(a, 9) +
             " (allowed difference " + formatNumber(allowed) + ")";
  }
  return "";
}

} // namespace moru
