// UTF-8 for every character, the first bad byte, categories, lower case, escapes.

#include "moru/Support/Unicode.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace moru;

static bool isSurrogate(char32_t codePoint) { return codePoint >= 0xD800 && codePoint < 0xE000; }

TEST(Unicode, EncodesAndDecodesEveryCharacter) {
  for (char32_t codePoint = 0; codePoint < 0x110000; ++codePoint) {
    if (isSurrogate(codePoint))
      continue;
    std::string text = toUtf8(codePoint);
    StringRef rest = text;
    ASSERT_EQ(findInvalidUtf8(text), std::nullopt);
    ASSERT_EQ(takeCodePoint(rest), codePoint);
    ASSERT_TRUE(rest.empty());
  }
  EXPECT_EQ(toUtf8(0xD800), "\xEF\xBF\xBD");
  EXPECT_EQ(toUtf8(0x110000), "\xEF\xBF\xBD");
}

TEST(Unicode, FindsTheFirstBadByte) {
  EXPECT_EQ(findInvalidUtf8(""), std::nullopt);
  EXPECT_EQ(findInvalidUtf8("ab\xFF"), 2u);                       // never a byte of UTF-8
  EXPECT_EQ(findInvalidUtf8("\xC3\xA9\xC3"), 2u);                 // cut in the middle
  EXPECT_EQ(findInvalidUtf8("a\x80"), 1u);                        // continuation without a start
  EXPECT_EQ(findInvalidUtf8("\xC0\xAF"), 0u);                     // overlong
  EXPECT_EQ(findInvalidUtf8("x\xED\xA0\x80"), 1u);                // surrogate
  EXPECT_EQ(findInvalidUtf8("\xF4\x90\x80\x80"), 0u);             // above U+10FFFF
  EXPECT_EQ(findInvalidUtf8(StringRef("a\0b", 3)), std::nullopt); // NUL is a character
  EXPECT_EQ(toString(checkUtf8("caf\xE9", "menu.txt")), "menu.txt: byte 3: expected UTF-8, got 0xe9; convert the text "
                                                        "first, for example with 'iconv -f latin1 -t utf-8'");
}

TEST(Unicode, KnowsLettersNumbersAndSpaces) {
  for (char32_t letter : U"aZ0éÉœ가漢²Ⅷ")
    if (letter)
      EXPECT_TRUE(isLetterOrNumber(letter)) << formatCodePoint(letter);
  for (char32_t other : U"_-'’ \u00A0£\u0301\u200B")
    if (other)
      EXPECT_FALSE(isLetterOrNumber(other)) << formatCodePoint(other);
  for (char32_t space : {U' ', U'\t', U'\n', U'\v', U'\f', U'\r', U'\u0085', U'\u00A0', U'\u1680', U'\u2009', U'\u2028',
                         U'\u2029', U'\u202F', U'\u205F', U'\u3000'})
    EXPECT_TRUE(isWhiteSpace(space)) << formatCodePoint(space);
  for (char32_t other : {U'\u200B', U'\u00AD', U'\uFEFF', U'x', U'\u001F'})
    EXPECT_FALSE(isWhiteSpace(other)) << formatCodePoint(other);
}

TEST(Unicode, LowersCase) {
  EXPECT_EQ(toLowerCase("ÉCOLE Straße ŒUVRE"), "école straße œuvre");
  EXPECT_EQ(toLowerCase("ΟΔΟΣ ΣΟΦΟΣ, Σ"), "οδος σοφος, σ");
  EXPECT_EQ(toLowerCase("\u0130"), "i\u0307");
  EXPECT_EQ(toLowerCase("가나 123"), "가나 123");
}

TEST(Unicode, EscapesEveryCharacterOnOneVisibleLine) {
  for (char32_t codePoint = 0; codePoint < 0x110000; ++codePoint) {
    if (isSurrogate(codePoint))
      continue;
    std::string line = escapeToken(toUtf8(codePoint));
    StringRef rest = line;
    while (!rest.empty())
      ASSERT_TRUE(isVisible(takeCodePoint(rest))) << formatCodePoint(codePoint);
    ASSERT_EQ(cantFail(unescapeToken(line)), toUtf8(codePoint));
  }
  EXPECT_EQ(escapeToken("a b\n\\\u200B"), "a\\sb\\n\\\\\\u{200b}");
  EXPECT_EQ(cantFail(unescapeToken("a\\sb\\n\\\\\\u{200b}")), "a b\n\\\u200B");
}

TEST(Unicode, RefusesBadEscapes) {
  for (StringRef bad : {"\\", "a\\", "\\x", "\\u", "\\u{", "\\u{}", "\\u{41", "\\u{-1}", "\\u{d800}", "\\u{110000}",
                        "\\u{fffffffff}", "\\u{4g}"}) {
    Expected<std::string> text = unescapeToken(bad);
    EXPECT_FALSE(bool(text)) << bad.str();
    consumeError(text.takeError());
  }
}
