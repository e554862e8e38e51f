// Byte-level byte-pair encoding, as GPT-2's: a text is cut into pieces by a pattern, each piece is its bytes, and pairs
// of neighbors become one id, the pair of the least rank first. Every byte string has ids and comes back from them.
//
// In files a byte is written as a visible character: itself where it is one (`!` to `~`, `¡` to `¬`, `®` to `ÿ`), else
// the next unused one from U+0100 on, so that a space is `Ġ` and a line break `Ċ`.

#ifndef MORU_DATA_BYTEPAIRS_H
#define MORU_DATA_BYTEPAIRS_H

#include "moru/Data/Tokenizer.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"

#include <array>
#include <mutex>

namespace moru {

/// Two neighbors that become one id. The rank of a merge is its place in the list.
struct BytePairMerge {
  int32_t left, right, result;
};

/// What the files of a byte-pair tokenizer say.
struct BytePairModel {
  /// A token that is found in a text before it is cut into pieces, such as `<|endoftext|>`.
  struct AddedToken {
    int32_t id;
    std::string text;
  };
  /// Each token as files write it; its place is its id.
  std::vector<std::string> spellings;
  std::vector<BytePairMerge> merges;
  std::vector<AddedToken> added;
  /// Every text that does not begin with a space gets one, and loses it when it is decoded.
  bool prefixSpace = false;
  /// A piece that is a token is that token, whatever the merges say.
  bool ignoreMerges = false;
};

/// How to learn merges.
struct BytePairTraining {
  /// Ids in all; at least 256, and 4 more with special ones. Fewer come out where the text has no more pairs.
  size_t vocabularySize = 8000;
  /// Pairs that are seen less often are not merged.
  int64_t minFrequency = 2;
  /// Ids 0-3 are `<PAD> <UNK> <SOS> <EOS>`.
  bool special = false;
};

/// A byte-pair tokenizer. `<PAD> <UNK> <SOS> <EOS>`, where they are ids 0-3, are never found in a text and left out by
/// `decode`; other added tokens are found as Hugging Face's tokenizers find them, and shown.
class BytePairTokenizer : public Tokenizer {
public:
  /// The spellings of `model` are distinct and the merges in range; `parse…` see to it.
  explicit BytePairTokenizer(BytePairModel model);
  ~BytePairTokenizer() override;

  /// The files of GPT-2: `encoder.json` (or `vocab.json`) and `vocab.bpe` (or `merges.txt`). Sources name them in
  /// errors, which say at which byte a file is wrong.
  static llvm::Expected<std::shared_ptr<Tokenizer>> parse(llvm::StringRef vocabulary, llvm::StringRef vocabularySource,
                                                          llvm::StringRef merges, llvm::StringRef mergesSource);
  /// Hugging Face's `tokenizer.json`: a model BPE with byte-level pieces, added tokens without options, no normalizer.
  /// What it puts around a text (`post_processor`) is not read: `encode` returns the ids of the text alone.
  static llvm::Expected<std::shared_ptr<Tokenizer>> parseJson(llvm::StringRef contents, llvm::StringRef source);

  /// Learns merges from texts: at each step the most frequent pair of neighbors, ties by the lower ids. The same texts,
  /// in any order, give the same tokenizer. Fails where there are fewer ids than bytes (and special ones).
  static llvm::Expected<std::shared_ptr<Tokenizer>> train(llvm::ArrayRef<llvm::StringRef> texts,
                                                          const BytePairTraining &options);

  TokenUnit unit() const override { return TokenUnit::BytePairs; }
  int64_t size() const override { return int64_t(model.spellings.size()); }
  /// Any bytes; an error only where the vocabulary lacks a byte.
  llvm::Expected<std::vector<int32_t>> encode(llvm::StringRef text, llvm::StringRef source = "text") const override;
  llvm::Expected<std::string> decode(llvm::ArrayRef<int32_t> ids) const override;
  std::string describe(int32_t id) const override;
  bool hasSpecial() const override { return special; }
  /// One `tokenizer.json`.
  std::vector<TokenizerFile> files() const override;

private:
  class Encoder;
  bool isSpecial(int32_t id) const { return special && id >= 0 && id < 4; }

  BytePairModel model;
  bool special = false;
  /// The bytes of each token.
  std::vector<std::string> bytes;
  std::unique_ptr<Encoder> encoder;
};

//===----------------------------------------------------------------------===//
// Parts, for training and files
//===----------------------------------------------------------------------===//

/// Calls `visit` with the pieces of a text, one after the other, by GPT-2's pattern:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// A byte that is not part of well-formed UTF-8 counts as a character that is no letter, number or space.
void visitBytePairPieces(llvm::StringRef text, llvm::function_ref<void(llvm::StringRef)> visit);

/// Bytes in the characters of the files, and back; nothing where a character stands for no byte.
std::string spellBytes(llvm::StringRef bytes);
std::optional<std::string> unspellBytes(llvm::StringRef spelling);

} // namespace moru

#endif // MORU_DATA_BYTEPAIRS_H
