// Texts as ids: one long stream, or one sentence per line. A part of it trains, the rest is held out.

#ifndef MORU_DATA_CORPUS_H
#define MORU_DATA_CORPUS_H

#include "moru/Data/Tokenizer.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace moru {

/// Reads a text file: checked UTF-8 without a byte order mark, line ends as `\n`. `-` is standard input.
llvm::Expected<std::string> readText(llvm::StringRef path);

/// How a text becomes ids.
struct CorpusOptions {
  TokenUnit unit = TokenUnit::Words;
  /// Most ids of a vocabulary of words, pieces or byte pairs, the four special ones included (byte pairs: 256 ids of
  /// bytes too). Characters are all taken.
  size_t vocabularySize = 10000;
  /// The share of tokens (of sentences) that trains, rounded down; the rest is held out.
  double trainPart = 0.9;
  /// Used as it is instead of building one from the text; `unit` and `vocabularySize` then mean nothing.
  std::shared_ptr<Tokenizer> tokenizer = nullptr;
};

/// A text as one stream. Characters have no special ids then.
struct StreamCorpus {
  std::shared_ptr<Tokenizer> tokenizer;
  std::vector<int32_t> train, valid;
};

/// Ids of a sentence: `<SOS> … <EOS>`.
using Sentence = std::vector<int32_t>;

/// Sentences of a text.
struct SentenceCorpus {
  std::shared_ptr<Tokenizer> tokenizer;
  std::vector<Sentence> train, valid;
};

/// The vocabulary of words is that of the training part, the one of characters that of the whole text. Byte pairs are
/// cut behind a line, learned from the training part, and each part begins with a line break. `source` names the text
/// in errors.
llvm::Expected<StreamCorpus> makeStreamCorpus(llvm::StringRef text, llvm::StringRef source,
                                              const CorpusOptions &options = {});

/// One sentence per line; empty lines are skipped. The tokenizer has special ids.
llvm::Expected<SentenceCorpus> makeSentenceCorpus(llvm::StringRef text, llvm::StringRef source,
                                                  const CorpusOptions &options = {});

/// Sentences of a text by an existing tokenizer with special ids.
llvm::Expected<std::vector<Sentence>> encodeSentences(const Tokenizer &tokenizer, llvm::StringRef text,
                                                      llvm::StringRef source);

/// Sentences one after the other.
std::vector<int32_t> joinSentences(llvm::ArrayRef<Sentence> sentences);

/// `int(part * count)`: where training ends.
size_t splitPoint(size_t count, double part);

} // namespace moru

#endif // MORU_DATA_CORPUS_H
