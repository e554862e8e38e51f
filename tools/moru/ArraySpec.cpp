// Arrays on the command line.

#include "ArraySpec.h"

#include "moru/Data/Npy.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include <cmath>

using namespace llvm;

namespace moru {

/// More entries than any machine holds, and few enough that no size of an array overflows.
static constexpr int64_t kMaxElements = int64_t(1) << 40;

/// `2x3xf32` or `f32`.
static std::optional<std::pair<ElementType, Shape>> parseType(StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, 'x');
  std::optional<ElementType> type = parseElementType(parts.pop_back_val());
  Shape shape;
  int64_t product = 1;
  for (StringRef part : parts) {
    int64_t size = 0;
    if (part.getAsInteger(10, size) || size < 0 || size > kMaxElements / product)
      return std::nullopt;
    product *= std::max<int64_t>(size, 1);
    shape.push_back(size);
  }
  if (!type)
    return std::nullopt;
  return std::pair(*type, shape);
}

static Expected<ArraySpec::Literal> parseLiteral(ElementType type, const Shape &shape, StringRef text, StringRef flag) {
  SmallVector<StringRef> parts;
  text.split(parts, ',', -1, /*KeepEmpty=*/false);
  int64_t count = numElements(shape);
  if (int64_t(parts.size()) != count && parts.size() != 1)
    return makeError(flag + ": expected " + Twine(count) + " values for " + toString(type, shape) +
                     ", or one for all, got " + Twine(parts.size()));
  ArraySpec::Literal literal{type, shape, {}};
  for (StringRef part : parts)
    if (part.trim().getAsDouble(literal.values.emplace_back()))
      return makeError(flag + ": expected a number, got \"" + part.trim() + "\"");
  return literal;
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
  Expected<Literal> literal = parseLiteral(parsed->first, parsed->second, values, flag);
  if (!literal)
    return literal.takeError();
  spec.literal = std::move(*literal);
  return spec;
}

Expected<HostTensor> ArraySpec::read() const {
  if (!literal)
    return readNpy(file);
  HostTensor tensor(literal->type, literal->shape);
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.set(i, literal->values[literal->values.size() == 1 ? 0 : size_t(i)]);
  return tensor;
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
