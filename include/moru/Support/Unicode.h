// UTF-8 and the few properties of characters that tokenizers need. Case and categories are utf8proc's.

#ifndef MORU_SUPPORT_UNICODE_H
#define MORU_SUPPORT_UNICODE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace moru {

/// The character that stands for what cannot be shown.
constexpr char32_t kReplacementCharacter = 0xFFFD;

/// Offset of the first byte that does not belong to well-formed UTF-8 (overlong forms and surrogates do not), if any.
std::optional<size_t> findInvalidUtf8(llvm::StringRef text);

/// An error that names `source`, the offset of the first bad byte and what to do; success for well-formed text.
llvm::Error checkUtf8(llvm::StringRef text, llvm::StringRef source);

/// Takes the first character off well-formed, non-empty text.
char32_t takeCodePoint(llvm::StringRef &text);

/// Takes the first character off text that may be malformed; nothing, and the text as it was, where it begins with a
/// byte that belongs to no character, or is empty.
std::optional<char32_t> takeCodePointIfValid(llvm::StringRef &text);

/// Appends one character. What is no character becomes `kReplacementCharacter`.
void appendUtf8(std::string &text, char32_t codePoint);
std::string toUtf8(char32_t codePoint);

/// `U+00E9`.
std::string formatCodePoint(char32_t codePoint);

/// Category L*.
bool isLetter(char32_t codePoint);
/// Categories L* and N*.
bool isLetterOrNumber(char32_t codePoint);
/// The property White_Space (so U+00A0, but not U+200B).
bool isWhiteSpace(char32_t codePoint);
/// Something a person sees by itself: not a space, control, format, unassigned or combining character.
bool isVisible(char32_t codePoint);

/// Lower case by Unicode's full mapping for all languages: a final sigma is `ς`, `İ` is `i` with a dot above.
std::string toLowerCase(llvm::StringRef text);

/// Text as one line of visible characters: `\n`, `\t`, `\r`, `\s` for a space, `\\`, and `\u{200b}` for what else
/// cannot be seen. `unescapeToken` is the inverse.
std::string escapeToken(llvm::StringRef text);
/// As `escapeToken`, of any bytes: one that belongs to no character is `\x` and two hexadecimal digits.
std::string escapeBytes(llvm::StringRef bytes);
/// The error says which escape is wrong; it names no file.
llvm::Expected<std::string> unescapeToken(llvm::StringRef line);

} // namespace moru

#endif // MORU_SUPPORT_UNICODE_H
