// Text to ids and back. A tokenizer is built from a text, saved as files that people can read, and loaded from them.
//
// `vocabulary.txt` is a line `moru-vocabulary <unit> <count> special=<4 or 0> unknown=<policy>`, then one token per
// line, escaped as `escapeToken` does; the id of a token is its line minus 2. Special tokens, if there are any, are ids
// 0–3.

#ifndef MORU_DATA_TOKENIZER_H
#define MORU_DATA_TOKENIZER_H

#include "moru/Data/Vocabulary.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moru {

/// What one token is.
enum class TokenUnit : uint8_t {
  /// One character, as it is.
  Characters,
  /// A run of letters, digits and `'`, or one other character that is no white space; lower-cased, `’` read as `'`.
  Words,
  /// What stands between white space, as it is: texts that are divided already.
  Pieces,
  /// Frequent runs of bytes (`BytePairTokenizer`); a vocabulary file has none.
  BytePairs,
};

/// `characters`, `words`, `pieces`, `byte pairs`.
llvm::StringRef toString(TokenUnit unit);
/// Of a vocabulary: not `byte pairs`.
std::optional<TokenUnit> parseTokenUnit(llvm::StringRef name);

/// What `encode` does with a token that the vocabulary lacks.
enum class UnknownPolicy : uint8_t {
  /// An error that names the token and its place.
  Error,
  /// It becomes `<UNK>`; only with special tokens.
  Replace,
  /// It is left out.
  Skip,
};

/// A file of a saved tokenizer, to be written into a folder.
struct TokenizerFile {
  std::string name;
  std::string contents;
};

/// Text to ids and back.
class Tokenizer {
public:
  virtual ~Tokenizer();

  virtual TokenUnit unit() const = 0;
  /// Number of ids; every id is in `[0, size())`.
  virtual int64_t size() const = 0;
  /// Ids of a text, without any special ones around it. `source` names the text in errors (a file, `--prompt`).
  virtual llvm::Expected<std::vector<int32_t>> encode(llvm::StringRef text, llvm::StringRef source = "text") const = 0;
  /// The text of ids. `<PAD>`, `<SOS>` and `<EOS>` are left out, `<UNK>` is shown. An id outside of the vocabulary is
  /// an error.
  virtual llvm::Expected<std::string> decode(llvm::ArrayRef<int32_t> ids) const = 0;
  /// One token for a person to read, special ones too, invisible characters escaped. `id` is in `[0, size())`.
  virtual std::string describe(int32_t id) const = 0;
  /// The special ids `kPadId` … `kEndId` exist.
  virtual bool hasSpecial() const = 0;
  /// The files that `loadTokenizer` makes the same tokenizer from.
  virtual std::vector<TokenizerFile> files() const = 0;

  /// Writes the files into an existing folder, each name after `prefix`.
  llvm::Error save(llvm::StringRef folder, llvm::StringRef prefix = "") const;
};

/// Loads a tokenizer from its folder, whose files may have a prefix, or from one of its files: `vocabulary.txt`,
/// `tokenizer.json`, or GPT-2's `encoder.json` beside `vocab.bpe` (`vocab.json` beside `merges.txt`).
llvm::Expected<std::shared_ptr<Tokenizer>> loadTokenizer(llvm::StringRef path, llvm::StringRef prefix = "");

/// A tokenizer of a vocabulary: characters, words or pieces.
class VocabularyTokenizer : public Tokenizer {
public:
  /// `Replace` needs special tokens.
  VocabularyTokenizer(TokenUnit unit, Vocabulary vocabulary, UnknownPolicy policy);

  /// All characters of a text, in the order of their code points, after the special tokens if `special`. Without these
  /// an unknown character is an error.
  static llvm::Expected<std::shared_ptr<Tokenizer>> fromCharacters(llvm::StringRef text, bool special = false,
                                                                   llvm::StringRef source = "text");
  /// The `size` most frequent of tokens that `split` returned, special ones included.
  static std::shared_ptr<Tokenizer> fromTokens(TokenUnit unit, llvm::ArrayRef<std::string> tokens, size_t size);
  /// Reads a vocabulary file; `source` names it in errors.
  static llvm::Expected<std::shared_ptr<Tokenizer>> parse(llvm::StringRef contents, llvm::StringRef source);

  /// The tokens of well-formed text, before any look-up.
  static std::vector<std::string> split(TokenUnit unit, llvm::StringRef text);

  TokenUnit unit() const override { return kind; }
  int64_t size() const override { return int64_t(entries.size()); }
  llvm::Expected<std::vector<int32_t>> encode(llvm::StringRef text, llvm::StringRef source) const override;
  llvm::Expected<std::string> decode(llvm::ArrayRef<int32_t> ids) const override;
  std::string describe(int32_t id) const override;
  bool hasSpecial() const override { return entries.hasSpecial(); }
  std::vector<TokenizerFile> files() const override;

  /// Ids of tokens that `split` returned.
  llvm::Expected<std::vector<int32_t>> encodeTokens(llvm::ArrayRef<std::string> tokens, llvm::StringRef source) const;
  const Vocabulary &vocabulary() const { return entries; }

private:
  TokenUnit kind;
  Vocabulary entries;
  UnknownPolicy policy;
};

/// Puts words together as a person would write them: no space before `,` or after `(`, quotation marks in pairs,
/// hyphens attached. Splitting the result gives the words again.
std::string joinWords(llvm::ArrayRef<llvm::StringRef> words);

} // namespace moru

#endif // MORU_DATA_TOKENIZER_H
