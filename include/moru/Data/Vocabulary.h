// Tokens and their ids, counted from a text and kept in a file that people can read.

#ifndef MORU_DATA_VOCABULARY_H
#define MORU_DATA_VOCABULARY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moru {

/// Ids that vocabularies with special tokens begin with.
enum SpecialId : int32_t { kPadId = 0, kUnknownId = 1, kStartId = 2, kEndId = 3 };
constexpr int32_t kSpecialCount = 4;

/// Distinct tokens; the id of a token is its place.
class Vocabulary {
public:
  /// The special tokens alone, or nothing.
  explicit Vocabulary(bool special = false);

  /// The special tokens and the most frequent `tokens`, ties by first appearance, `size` entries in all (fewer if there
  /// are fewer distinct ones; `size` is at least `kSpecialCount`).
  static Vocabulary fromMostFrequent(llvm::ArrayRef<std::string> tokens, size_t size);

  /// Appends a token and returns its id, or nothing if it is there already.
  std::optional<int32_t> add(llvm::StringRef token);

  size_t size() const { return tokens.size(); }
  /// Whether ids 0–3 are `<PAD> <UNK> <SOS> <EOS>`.
  bool hasSpecial() const { return special; }
  bool isSpecial(int32_t id) const { return special && id >= 0 && id < kSpecialCount; }
  /// `id` is in `[0, size())`.
  llvm::StringRef token(int32_t id) const;
  /// The id of an ordinary token. A text that happens to contain `<EOS>` does not mean the special token.
  std::optional<int32_t> find(llvm::StringRef token) const;

private:
  std::vector<std::string> tokens;
  llvm::StringMap<int32_t> ids;
  bool special;
};

} // namespace moru

#endif // MORU_DATA_VOCABULARY_H
