// The .npy format: a magic string, a Python dictionary in text, the elements.

#include "moru/Data/Npy.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <optional>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kMagic("\x93NUMPY");

namespace {

/// What the dictionary of a header says.
struct NpyHeader {
  std::string descr;
  bool fortranOrder = false;
  Shape shape;
};

/// Reads the one dictionary that a header may be: string keys; strings, booleans and tuples of integers as values.
class HeaderParser {
public:
  explicit HeaderParser(StringRef text) : text(text), rest(text) {}

  /// False if the text is not such a dictionary; `position` then is where.
  bool parse(NpyHeader &header);
  size_t position() const { return text.size() - rest.size(); }

private:
  bool take(char expected) {
    rest = rest.ltrim(" \n");
    return rest.consume_front(StringRef(&expected, 1));
  }
  bool parseString(std::string &value);
  bool parseBool(bool &value);
  bool parseTuple(Shape &value);
  bool parseEntry(NpyHeader &header);

  StringRef text, rest;
  bool hasDescr = false, hasOrder = false, hasShape = false;
};

} // namespace

bool HeaderParser::parseString(std::string &value) {
  rest = rest.ltrim(" \n");
  if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
    return false;
  size_t end = rest.find(rest.front(), 1);
  if (end == StringRef::npos)
    return false;
  value = rest.slice(1, end).str();
  rest = rest.drop_front(end + 1);
  return true;
}

bool HeaderParser::parseBool(bool &value) {
  rest = rest.ltrim(" \n");
  value = rest.starts_with("True");
  return rest.consume_front("True") || rest.consume_front("False");
}

bool HeaderParser::parseTuple(Shape &value) {
  if (!take('('))
    return false;
  while (!take(')')) {
    int64_t size;
    if (rest.empty() || !isDigit(rest.front()) || rest.consumeInteger(10, size))
      return false;
    value.push_back(size);
    if (!take(',') && !rest.starts_with(")"))
      return false;
  }
  return true;
}

bool HeaderParser::parseEntry(NpyHeader &header) {
  std::string key;
  if (!parseString(key) || !take(':'))
    return false;
  if (key == "descr" && !std::exchange(hasDescr, true))
    return parseString(header.descr);
  if (key == "fortran_order" && !std::exchange(hasOrder, true))
    return parseBool(header.fortranOrder);
  if (key == "shape" && !std::exchange(hasShape, true))
    return parseTuple(header.shape);
  return false;
}

bool HeaderParser::parse(NpyHeader &header) {
  if (!take('{'))
    return false;
  while (!take('}')) {
    if (!parseEntry(header))
      return false;
    if (!take(',') && !rest.starts_with("}"))
      return false;
  }
  return rest.trim(" \n").empty() && hasDescr && hasOrder && hasShape;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// A type's code in a header, without the byte order. None for bf16, which NumPy lacks.
static StringRef codeOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return "f4";
  case ElementType::F64:
    return "f8";
  case ElementType::F16:
    return "f2";
  case ElementType::I64:
    return "i8";
  case ElementType::I32:
    return "i4";
  case ElementType::I16:
    return "i2";
  case ElementType::I8:
    return "i1";
  case ElementType::U8:
    return "u1";
  case ElementType::I1:
    return "b1";
  case ElementType::BF16:
    return "";
  }
  return "";
}

static std::optional<ElementType> typeOfCode(StringRef code) {
  for (ElementType type : {ElementType::F32, ElementType::F64, ElementType::F16, ElementType::I64, ElementType::I32,
                           ElementType::I16, ElementType::I8, ElementType::U8, ElementType::I1})
    if (codeOf(type) == code)
      return type;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The bytes that a tensor takes, if they can be counted; the axes of a file may have any size. Axes beside an empty
/// one must have a product that fits, too: other code multiplies them in order.
static std::optional<uint64_t> countBytes(ElementType type, const Shape &shape) {
  uint64_t bytes = elementSize(type);
  bool overflow = false;
  for (int64_t size : shape) {
    bool here = false;
    bytes = SaturatingMultiply(bytes, std::max(uint64_t(size), uint64_t(1)), &here);
    overflow |= here;
  }
  if (overflow || bytes > uint64_t(INT64_MAX))
    return std::nullopt;
  return llvm::is_contained(shape, 0) ? 0 : bytes;
}

static void reverseBytes(HostTensor &tensor) {
  size_t width = elementSize(tensor.type());
  auto *bytes = static_cast<uint8_t *>(tensor.bytes());
  for (size_t offset = 0; offset < tensor.sizeInBytes(); offset += width)
    std::reverse(bytes + offset, bytes + offset + width);
}

/// The tensor whose elements are given with the first axis running fastest.
static HostTensor fromFortranOrder(const HostTensor &columns) {
  HostTensor rows = HostTensor::uninitialized(columns.type(), columns.shape());
  size_t width = elementSize(rows.type());
  const auto *from = static_cast<const uint8_t *>(columns.bytes());
  auto *to = static_cast<uint8_t *>(rows.bytes());
  Shape index(rows.shape().size(), 0);
  for (int64_t source = 0, count = rows.numElements(); source < count; ++source) {
    int64_t target = 0;
    for (size_t axis = 0; axis < index.size(); ++axis)
      target = target * rows.shape()[axis] + index[axis];
    std::memcpy(to + size_t(target) * width, from + size_t(source) * width, width);
    for (size_t axis = 0; axis < index.size() && ++index[axis] == rows.shape()[axis]; ++axis)
      index[axis] = 0;
  }
  return rows;
}

static void makeBooleans(HostTensor &tensor) {
  auto *bytes = static_cast<uint8_t *>(tensor.bytes());
  std::transform(bytes, bytes + tensor.numElements(), bytes, [](uint8_t byte) { return uint8_t(byte != 0); });
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static Error makeNpyError(StringRef source, size_t offset, const Twine &message) {
  return makeError(source + ": byte " + Twine(offset) + ": " + message);
}

/// Splits a file into the text of its header and its elements.
static Error splitNpy(StringRef bytes, StringRef source, StringRef &header, StringRef &elements) {
  if (!bytes.starts_with(kMagic))
    return makeNpyError(source, 0, "expected a .npy file, which begins with \\x93NUMPY");
  if (bytes.size() < 10)
    return makeNpyError(source, bytes.size(), "expected a header, got the end of the file");
  unsigned version = uint8_t(bytes[6]);
  if (version < 1 || version > 3 || bytes[7] != 0)
    return makeNpyError(
        source, 6, "expected format 1.0, 2.0 or 3.0, got " + Twine(version) + "." + Twine(unsigned(uint8_t(bytes[7]))));
  size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start)
    return makeNpyError(source, bytes.size(), "expected a header, got the end of the file");
  uint64_t length =
      version == 1 ? support::endian::read16le(bytes.data() + 8) : support::endian::read32le(bytes.data() + 8);
  if (length > bytes.size() - start)
    return makeNpyError(source, 8,
                        "expected a header of " + Twine(length) + " bytes, got " + Twine(bytes.size() - start) +
                            " to the end of the file");
  header = bytes.substr(start, length);
  elements = bytes.substr(start + length);
  return Error::success();
}

Expected<HostTensor> parseNpy(StringRef bytes, StringRef source) {
  StringRef text, elements;
  if (Error error = splitNpy(bytes, source, text, elements))
    return error;
  size_t start = size_t(text.data() - bytes.data());
  NpyHeader header;
  HeaderParser parser(text);
  if (!parser.parse(header))
    return makeNpyError(source, start + parser.position(),
                        "expected {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }; "
                        "arrays of records cannot be read");
  StringRef code = header.descr;
  bool swapped = code.consume_front(">");
  if (!swapped && !code.consume_front("<") && !code.consume_front("|"))
    code.consume_front("=");
  std::optional<ElementType> type = typeOfCode(code);
  if (!type)
    return makeNpyError(source, start,
                        "expected a type of f2 f4 f8 i1 i2 i4 i8 u1 b1, got '" + header.descr +
                            "'; convert the array with .astype() first");
  std::optional<uint64_t> size = countBytes(*type, header.shape);
  if (!size || *size != elements.size())
    return makeNpyError(source, start + text.size(),
                        "expected " + (size ? Twine(*size) : Twine("fewer")) + " bytes of elements, got " +
                            Twine(elements.size()));
  HostTensor tensor = HostTensor::fromBytes(*type, header.shape, elements.data());
  if (swapped)
    reverseBytes(tensor);
  if (*type == ElementType::I1)
    makeBooleans(tensor);
  return header.fortranOrder && tensor.rank() > 1 ? fromFortranOrder(tensor) : std::move(tensor);
}

Expected<HostTensor> readNpy(StringRef path) {
  Expected<std::unique_ptr<MemoryBuffer>> buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  return parseNpy((*buffer)->getBuffer(), path);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// `(2, 3)`, `(2,)`, `()`.
static std::string formatTuple(const Shape &shape) {
  std::string text = "(";
  for (int64_t size : shape)
    text += std::to_string(size) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1)
    text.resize(text.size() - 2);
  return text + ")";
}

Expected<std::string> formatNpy(const HostTensor &tensor) {
  StringRef code = codeOf(tensor.type());
  if (code.empty())
    return makeError("expected a type that NumPy has, got " + StringRef(toString(tensor.type())) +
                     "; convert it to f32 first, or write safetensors");
  StringRef order = elementSize(tensor.type()) == 1 ? "|" : "<";
  std::string header =
      ("{'descr': '" + order + code + "', 'fortran_order': False, 'shape': " + formatTuple(tensor.shape()) + ", }")
          .str();
  // NumPy aligns the elements to 64 bytes and ends the header with a line break.
  size_t prefix = 10;
  if (header.size() + 64 > UINT16_MAX)
    return makeError("expected a shape that fits a header of 64 KiB, got rank " + Twine(tensor.rank()));
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  char length[2];
  support::endian::write16le(length, uint16_t(header.size()));
  std::string file = kMagic.str();
  file += {'\x01', '\x00', length[0], length[1]};
  file += header;
  if (size_t size = tensor.sizeInBytes())
    file.append(static_cast<const char *>(tensor.bytes()), size);
  return file;
}

Error writeNpy(StringRef path, const HostTensor &tensor) {
  Expected<std::string> file = formatNpy(tensor);
  if (!file)
    return makeError(path + ": " + toString(file.takeError()));
  return writeFile(path, *file);
}

} // namespace moru
