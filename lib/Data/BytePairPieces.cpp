// How byte-pair encoding cuts a text into pieces, and how its files write bytes.

#include "moru/Data/BytePairs.h"

#include "moru/Support/Unicode.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

namespace {
enum class CharacterClass : uint8_t { Letter, Number, Space, Other };

/// A character's class and length in bytes.
struct Character {
  CharacterClass kind;
  uint32_t length;
};
} // namespace

static CharacterClass classOf(char32_t codePoint) {
  if (isLetter(codePoint))
    return CharacterClass::Letter;
  if (isLetterOrNumber(codePoint))
    return CharacterClass::Number;
  return isWhiteSpace(codePoint) ? CharacterClass::Space : CharacterClass::Other;
}

/// The character at the start of a text that is not empty.
static Character classify(StringRef text) {
  if (uint8_t first = uint8_t(text.front()); first < 0x80)
    return {classOf(first), 1};
  StringRef rest = text;
  std::optional<char32_t> codePoint = takeCodePointIfValid(rest);
  if (!codePoint)
    return {CharacterClass::Other, 1};
  return {classOf(*codePoint), uint32_t(text.size() - rest.size())};
}

/// Length of a contraction at the start of a text, or 0.
static size_t contractionLength(StringRef text) {
  for (StringRef ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending))
      return ending.size();
  return 0;
}

/// Offset behind the characters of a class from `offset` on.
static size_t skipClass(StringRef text, size_t offset, CharacterClass kind) {
  while (offset < text.size()) {
    Character character = classify(text.drop_front(offset));
    if (character.kind != kind)
      break;
    offset += character.length;
  }
  return offset;
}

/// White space at the start of a text: all of it at the end; else without its last character, which goes with what
/// follows, unless it is the only one.
static size_t spaceLength(StringRef text) {
  size_t end = 0, last = 0;
  while (end < text.size()) {
    Character character = classify(text.drop_front(end));
    if (character.kind != CharacterClass::Space)
      return last ? last : end;
    last = end;
    end += character.length;
  }
  return end;
}

static size_t pieceLength(StringRef text) {
  if (text.front() == '\'')
    if (size_t length = contractionLength(text))
      return length;
  Character first = classify(text);
  size_t end = first.length;
  if (text.front() == ' ' && text.size() > 1)
    if (Character second = classify(text.drop_front()); second.kind != CharacterClass::Space)
      return skipClass(text, 1 + second.length, second.kind);
  return first.kind == CharacterClass::Space ? spaceLength(text) : skipClass(text, end, first.kind);
}

void visitBytePairPieces(StringRef text, function_ref<void(StringRef)> visit) {
  while (!text.empty()) {
    size_t length = pieceLength(text);
    visit(text.take_front(length));
    text = text.drop_front(length);
  }
}

//===----------------------------------------------------------------------===//
// Bytes in files
//===----------------------------------------------------------------------===//

static bool isSpelledAsItself(uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

namespace {
/// The characters of all bytes. 68 bytes have none of their own.
struct Alphabet {
  std::array<std::string, 256> spelling;
  /// The byte of a character below U+0144, or -1.
  std::array<int16_t, 0x144> byte;

  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (uint32_t value = 0; value < 256; ++value) {
      char32_t character = isSpelledAsItself(value) ? value : next++;
      spelling[value] = toUtf8(character);
      byte[character] = int16_t(value);
    }
  }
};
} // namespace

static const Alphabet &alphabet() {
  static const Alphabet table;
  return table;
}

std::string spellBytes(StringRef bytes) {
  std::string spelling;
  for (char byte : bytes)
    spelling += alphabet().spelling[uint8_t(byte)];
  return spelling;
}

std::optional<std::string> unspellBytes(StringRef spelling) {
  std::string bytes;
  while (!spelling.empty()) {
    char32_t character = takeCodePoint(spelling);
    int16_t byte = character < alphabet().byte.size() ? alphabet().byte[character] : -1;
    if (byte < 0)
      return std::nullopt;
    bytes += char(byte);
  }
  return bytes;
}

} // namespace moru
