// A pull reader of JSON.

#include "moru/Support/JsonCursor.h"

#include "moru/Support/Files.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace moru {

/// Deepest nesting; files that people write have a handful of levels.
static constexpr int kMaxDepth = 64;

void JsonCursor::skipSpace() { rest = rest.ltrim(" \t\r\n"); }

size_t JsonCursor::offset() {
  skipSpace();
  return size - rest.size();
}

char JsonCursor::peek() {
  skipSpace();
  return rest.empty() ? 0 : rest.front();
}

Error JsonCursor::failAt(size_t offset, const Twine &message) const {
  return makeError(source + ": byte " + Twine(offset) + ": " + message);
}

/// What comes, for a message: a few visible characters.
static std::string describeNext(StringRef rest) {
  if (rest.empty())
    return "the end of the file";
  StringRef shown = rest.take_front(12).take_while([](char c) { return isPrint(c); });
  return shown.empty() ? "0x" + utohexstr(uint8_t(rest.front()), /*LowerCase=*/true) : "'" + shown.str() + "'";
}

Error JsonCursor::failHere(const Twine &expected) {
  return failAt(size - rest.size(), "expected " + expected + ", got " + describeNext(rest));
}

Error JsonCursor::expect(char c, StringRef name) {
  if (peek() != c)
    return failHere(name);
  rest = rest.drop_front();
  return Error::success();
}

Error JsonCursor::readMany(char open, char close, function_ref<Error()> one) {
  StringRef name = open == '{' ? "an object" : "an array";
  if (depth == kMaxDepth)
    return failHere("at most " + Twine(kMaxDepth) + " levels of nesting");
  if (Error error = expect(open, name))
    return error;
  ++depth;
  for (bool first = true; peek() != close; first = false) {
    if (!first)
      if (Error error = expect(',', open == '{' ? "',' or '}'" : "',' or ']'"))
        return error;
    if (Error error = one())
      return error;
  }
  --depth;
  rest = rest.drop_front();
  return Error::success();
}

Error JsonCursor::readObject(function_ref<Error(StringRef)> member) {
  return readMany('{', '}', [&]() -> Error {
    Expected<std::string> key = readString();
    if (!key)
      return key.takeError();
    if (Error error = expect(':', "':'"))
      return error;
    return member(*key);
  });
}

Error JsonCursor::readArray(function_ref<Error()> element) { return readMany('[', ']', element); }

Expected<uint32_t> JsonCursor::readHex() {
  uint32_t unit;
  StringRef digits = rest.take_front(4);
  if (digits.size() < 4 || !all_of(digits, isHexDigit) || digits.getAsInteger(16, unit))
    return failHere("four hexadecimal digits");
  rest = rest.drop_front(4);
  return unit;
}

/// An escape whose backslash is gone.
Error JsonCursor::readEscape(std::string &text) {
  size_t kind = rest.empty() ? StringRef::npos : StringRef("\"\\/bfnrtu").find(rest.front());
  if (kind == StringRef::npos)
    return failHere("an escape of JSON");
  rest = rest.drop_front();
  if (kind < 8) {
    text += "\"\\/\b\f\n\r\t"[kind];
    return Error::success();
  }
  Expected<uint32_t> unit = readHex();
  if (!unit)
    return unit.takeError();
  uint32_t codePoint = *unit;
  if (codePoint >= 0xD800 && codePoint < 0xDC00 && rest.consume_front("\\u")) {
    Expected<uint32_t> low = readHex();
    if (!low)
      return low.takeError();
    codePoint = *low >= 0xDC00 && *low < 0xE000 ? 0x10000 + ((codePoint - 0xD800) << 10) + (*low - 0xDC00) : 0xD800;
  }
  if (codePoint >= 0xD800 && codePoint < 0xE000)
    return failHere("the other half of a surrogate pair before this");
  appendUtf8(text, codePoint);
  return Error::success();
}

Expected<std::string> JsonCursor::readString() {
  if (Error error = expect('"', "a string"))
    return error;
  std::string text;
  while (true) {
    size_t plain = 0;
    while (plain < rest.size() && rest[plain] != '"' && rest[plain] != '\\' && uint8_t(rest[plain]) >= ' ')
      ++plain;
    text += rest.take_front(plain);
    rest = rest.drop_front(plain);
    if (rest.consume_front("\""))
      return text;
    if (!rest.consume_front("\\"))
      return failHere("the end of a string");
    if (Error error = readEscape(text))
      return error;
  }
}

Expected<int64_t> JsonCursor::readInteger() {
  skipSpace();
  StringRef digits = rest.take_while([](char c) { return isAlnum(c) || c == '-' || c == '+' || c == '.'; });
  int64_t number;
  if (digits.empty() || digits.getAsInteger(10, number))
    return failHere("an integer");
  rest = rest.drop_front(digits.size());
  return number;
}

Expected<bool> JsonCursor::readBool() {
  skipSpace();
  if (rest.consume_front("true"))
    return true;
  if (rest.consume_front("false"))
    return false;
  return failHere("true or false");
}

bool JsonCursor::takeNull() {
  skipSpace();
  return rest.consume_front("null");
}

Error JsonCursor::skip() {
  switch (peek()) {
  case '{':
    return readObject([&](StringRef) { return skip(); });
  case '[':
    return readArray([&] { return skip(); });
  case '"':
    return readString().takeError();
  case 't':
  case 'f':
    return readBool().takeError();
  default:
    if (takeNull())
      return Error::success();
    StringRef number = rest.take_while([](char c) { return isAlnum(c) || c == '-' || c == '+' || c == '.'; });
    double value;
    if (number.empty() || number.getAsDouble(value))
      return failHere("a value");
    rest = rest.drop_front(number.size());
    return Error::success();
  }
}

Error JsonCursor::finish() {
  skipSpace();
  return rest.empty() ? Error::success() : failHere("the end of the file");
}

} // namespace moru
