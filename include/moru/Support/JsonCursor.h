// Reads JSON value by value, without building a tree, and knows where it stands: for large files, and for files that
// must be refused with the byte at which they are wrong. Nesting is limited, so that no file exhausts the stack.

#ifndef MORU_SUPPORT_JSONCURSOR_H
#define MORU_SUPPORT_JSONCURSOR_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>

namespace moru {

/// A place in a JSON text. Each reader takes one value off it, or is an error that names the source, the byte, what was
/// expected and what is there.
///
///     Error error = cursor.readObject([&](StringRef key) -> Error {
///       if (key == "size")
///         return cursor.readInteger().moveInto(size);
///       return cursor.skip();
///     });
class JsonCursor {
public:
  /// `text` and `source`, which names it in errors, outlive the cursor.
  JsonCursor(llvm::StringRef text, llvm::StringRef source) : rest(text), size(text.size()), source(source) {}

  /// Calls `member` with each key; it takes the value off.
  llvm::Error readObject(llvm::function_ref<llvm::Error(llvm::StringRef key)> member);
  /// Calls `element` before each element; it takes the element off.
  llvm::Error readArray(llvm::function_ref<llvm::Error()> element);
  llvm::Expected<std::string> readString();
  /// A number without fraction or exponent that fits.
  llvm::Expected<int64_t> readInteger();
  llvm::Expected<bool> readBool();
  /// Takes `null` off, if that is what comes.
  bool takeNull();
  /// Whether a string, an object, … comes: its first character, or 0 at the end.
  char peek();
  /// Takes any value off.
  llvm::Error skip();
  /// An error unless only white space is left.
  llvm::Error finish();

  llvm::StringRef name() const { return source; }
  /// Of the next value, or of the place behind the last one.
  size_t offset();
  /// `<source>: byte <offset>: <message>`.
  llvm::Error failAt(size_t offset, const llvm::Twine &message) const;

private:
  void skipSpace();
  llvm::Error expect(char c, llvm::StringRef name);
  llvm::Error readMany(char open, char close, llvm::function_ref<llvm::Error()> one);
  llvm::Error readEscape(std::string &text);
  llvm::Expected<uint32_t> readHex();
  llvm::Error failHere(const llvm::Twine &expected);

  llvm::StringRef rest;
  size_t size;
  llvm::StringRef source;
  int depth = 0;
};

} // namespace moru

#endif // MORU_SUPPORT_JSONCURSOR_H
