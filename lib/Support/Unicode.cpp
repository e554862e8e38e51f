// UTF-8, character properties, lower case and escapes.

#include "moru/Support/Unicode.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/StringExtras.h"

#include <utf8proc.h>

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// UTF-8
//===----------------------------------------------------------------------===//

/// Decodes the character at `offset`; its length in bytes, or 0 if it is malformed.
static size_t decodeAt(StringRef text, size_t offset, int32_t &codePoint) {
  const auto *bytes = reinterpret_cast<const utf8proc_uint8_t *>(text.data()) + offset;
  utf8proc_ssize_t length = utf8proc_iterate(bytes, utf8proc_ssize_t(text.size() - offset), &codePoint);
  return length > 0 ? size_t(length) : 0;
}

std::optional<size_t> findInvalidUtf8(StringRef text) {
  int32_t codePoint;
  for (size_t offset = 0; offset < text.size();) {
    size_t length = decodeAt(text, offset, codePoint);
    if (!length)
      return offset;
    offset += length;
  }
  return std::nullopt;
}

Error checkUtf8(StringRef text, StringRef source) {
  std::optional<size_t> offset = findInvalidUtf8(text);
  if (!offset)
    return Error::success();
  return makeError(source + ": byte " + Twine(*offset) + ": expected UTF-8, got 0x" +
                   utohexstr(uint8_t(text[*offset]), /*LowerCase=*/true, /*Width=*/2) +
                   "; convert the text first, for example with 'iconv -f latin1 -t utf-8'");
}

char32_t takeCodePoint(StringRef &text) {
  int32_t codePoint;
  size_t length = decodeAt(text, 0, codePoint);
  assert(length && "well-formed, non-empty text");
  text = text.drop_front(length);
  return char32_t(codePoint);
}

std::optional<char32_t> takeCodePointIfValid(StringRef &text) {
  int32_t codePoint;
  size_t length = text.empty() ? 0 : decodeAt(text, 0, codePoint);
  if (!length)
    return std::nullopt;
  text = text.drop_front(length);
  return char32_t(codePoint);
}

void appendUtf8(std::string &text, char32_t codePoint) {
  if (!utf8proc_codepoint_valid(int32_t(codePoint)))
    codePoint = kReplacementCharacter;
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t length = utf8proc_encode_char(int32_t(codePoint), bytes);
  text.append(reinterpret_cast<const char *>(bytes), size_t(length));
}

std::string toUtf8(char32_t codePoint) {
  std::string text;
  appendUtf8(text, codePoint);
  return text;
}

std::string formatCodePoint(char32_t codePoint) {
  return "U+" + utohexstr(codePoint, /*LowerCase=*/false, /*Width=*/4);
}

//===----------------------------------------------------------------------===//
// Properties
//===----------------------------------------------------------------------===//

static utf8proc_category_t categoryOf(char32_t codePoint) { return utf8proc_category(int32_t(codePoint)); }

bool isLetter(char32_t codePoint) {
  if (codePoint < 0x80)
    return isAlpha(char(codePoint));
  utf8proc_category_t category = categoryOf(codePoint);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool isLetterOrNumber(char32_t codePoint) {
  if (codePoint < 0x80)
    return isAlnum(char(codePoint));
  utf8proc_category_t category = categoryOf(codePoint);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool isWhiteSpace(char32_t codePoint) {
  if (codePoint < 0x80)
    return codePoint == ' ' || (codePoint >= 0x09 && codePoint <= 0x0D);
  if (codePoint == 0x85) // next line, the one control character above ASCII
    return true;
  utf8proc_category_t category = categoryOf(codePoint);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

bool isVisible(char32_t codePoint) {
  if (codePoint < 0x80)
    return codePoint > ' ' && codePoint < 0x7F;
  switch (categoryOf(codePoint)) {
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
    return false;
  default:
    return true;
  }
}

//===----------------------------------------------------------------------===//
// Lower case
//===----------------------------------------------------------------------===//

static bool isCased(char32_t codePoint) {
  utf8proc_category_t category = categoryOf(codePoint);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT;
}

/// Characters that the search for a letter beside a sigma skips: marks, modifiers, formats and punctuation inside
/// words.
static bool isCaseIgnorable(char32_t codePoint) {
  switch (categoryOf(codePoint)) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_SK:
    return true;
  default:
    return codePoint == '\'' || codePoint == '.' || codePoint == ':' || codePoint == 0xB7 || codePoint == 0x2019 ||
           codePoint == 0x2018 || codePoint == 0x2024 || codePoint == 0x2027;
  }
}

static bool startsWithCased(StringRef rest) {
  while (!rest.empty()) {
    char32_t codePoint = takeCodePoint(rest);
    if (!isCaseIgnorable(codePoint))
      return isCased(codePoint);
  }
  return false;
}

std::string toLowerCase(StringRef text) {
  constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;
  constexpr char32_t kCapitalDottedI = 0x130, kDotAbove = 0x307;
  std::string lower;
  lower.reserve(text.size());
  bool afterCased = false;
  while (!text.empty()) {
    char32_t codePoint = takeCodePoint(text);
    if (codePoint == kCapitalSigma) {
      appendUtf8(lower, afterCased && !startsWithCased(text) ? kFinalSigma : kSmallSigma);
    } else if (codePoint == kCapitalDottedI) {
      lower += 'i';
      appendUtf8(lower, kDotAbove);
    } else {
      appendUtf8(lower, char32_t(utf8proc_tolower(int32_t(codePoint))));
    }
    if (!isCaseIgnorable(codePoint))
      afterCased = isCased(codePoint);
  }
  return lower;
}

//===----------------------------------------------------------------------===//
// Escapes
//===----------------------------------------------------------------------===//

static void appendEscaped(std::string &line, char32_t codePoint) {
  if (codePoint == '\n')
    line += "\\n";
  else if (codePoint == '\t')
    line += "\\t";
  else if (codePoint == '\r')
    line += "\\r";
  else if (codePoint == ' ')
    line += "\\s";
  else if (codePoint == '\\')
    line += "\\\\";
  else if (isVisible(codePoint))
    appendUtf8(line, codePoint);
  else
    line += "\\u{" + utohexstr(codePoint, /*LowerCase=*/true) + "}";
}

std::string escapeToken(StringRef text) {
  std::string line;
  while (!text.empty())
    appendEscaped(line, takeCodePoint(text));
  return line;
}

std::string escapeBytes(StringRef bytes) {
  std::string line;
  while (!bytes.empty()) {
    if (std::optional<char32_t> codePoint = takeCodePointIfValid(bytes)) {
      appendEscaped(line, *codePoint);
      continue;
    }
    line += "\\x" + utohexstr(uint8_t(bytes.front()), /*LowerCase=*/true, /*Width=*/2);
    bytes = bytes.drop_front();
  }
  return line;
}

/// The character of `u{hex}` at the start of `rest`, taken off it; nothing if it is malformed.
static std::optional<char32_t> takeHexEscape(StringRef &rest) {
  uint32_t codePoint;
  if (!rest.consume_front("u{") || rest.empty() || !isHexDigit(rest.front()) || rest.consumeInteger(16, codePoint) ||
      !rest.consume_front("}") || !utf8proc_codepoint_valid(int32_t(codePoint)))
    return std::nullopt;
  return char32_t(codePoint);
}

/// The character of an escape whose backslash is gone.
static std::optional<char32_t> takeEscape(StringRef &rest) {
  if (rest.starts_with("u"))
    return takeHexEscape(rest);
  size_t kind = rest.empty() ? StringRef::npos : StringRef("ntrs\\").find(rest.front());
  if (kind == StringRef::npos)
    return std::nullopt;
  rest = rest.drop_front();
  return U"\n\t\r \\"[kind];
}

Expected<std::string> unescapeToken(StringRef line) {
  std::string text;
  while (!line.empty()) {
    size_t plain = std::min(line.find('\\'), line.size());
    text += line.take_front(plain);
    line = line.drop_front(plain);
    if (line.empty())
      break;
    StringRef escape = line;
    line = line.drop_front();
    std::optional<char32_t> codePoint = takeEscape(line);
    if (!codePoint)
      return makeError("expected an escape \\n, \\t, \\r, \\s, \\\\ or \\u{hex}, got '" + escape.take_front(10) + "'");
    appendUtf8(text, *codePoint);
  }
  return text;
}

} // namespace moru
