// Texts in pairs, such as sentences and their translations: read, cut into tokens of either side, and held out.

#ifndef MORU_DATA_PAIRCORPUS_H
#define MORU_DATA_PAIRCORPUS_H

#include "moru/Data/Tokenizer.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace moru {

/// A source and its target.
struct TextPair {
  std::string source, target;
  /// `pairs.tsv:12`, for messages.
  std::string place;
};

/// Their ids: `… <EOS>` (unless sources have no end) and `<SOS> … <EOS>`.
struct IdPair {
  std::vector<int32_t> source, target;
};

/// One tokenizer for each side, both with special ids.
struct PairTokenizers {
  std::shared_ptr<Tokenizer> source, target;
  /// A source ends with <EOS>; that of some foreign models does not.
  bool sourceEnds = true;
};

/// Reads pairs: of one file, a line `source TAB target` each, whatever follows a second tab left out; of `A,B`, line by
/// line from both. `reverse` makes the second text the source. Pairs of which a side is blank are skipped.
llvm::Expected<std::vector<TextPair>> readPairs(llvm::StringRef path, bool reverse);

/// Pairs that train, and those that do not.
struct SplitPairs {
  std::vector<TextPair> train, valid;
};

/// Holds out the last `count` different sources, in the order in which they first appear: no pair with one of them
/// trains, and the first pair of each is for validation. Sources are the same if their tokens are, or for units other
/// than words their text.
SplitPairs holdOut(std::vector<TextPair> pairs, size_t count, TokenUnit unit);
/// How many different sources there are.
size_t countSources(llvm::ArrayRef<TextPair> pairs, TokenUnit unit);

/// Vocabularies or byte pairs of the pairs, of so many ids at most.
llvm::Expected<PairTokenizers> buildTokenizers(llvm::ArrayRef<TextPair> pairs, TokenUnit unit, size_t sourceSize,
                                               size_t targetSize);

/// The ids of a source.
llvm::Expected<std::vector<int32_t>> encodeSource(const PairTokenizers &tokenizers, llvm::StringRef text,
                                                  llvm::StringRef place);
llvm::Expected<std::vector<IdPair>> encodePairs(llvm::ArrayRef<TextPair> pairs, const PairTokenizers &tokenizers);

/// All ids one after the other: a source, its target, the next source, …
std::vector<int32_t> joinPairs(llvm::ArrayRef<IdPair> pairs);

} // namespace moru

#endif // MORU_DATA_PAIRCORPUS_H
