// Vocabularies: counting and look-up.

#include "moru/Data/Vocabulary.h"

#include <algorithm>
#include <cassert>

using namespace llvm;

namespace moru {

Vocabulary::Vocabulary(bool special) : special(special) {
  // Special tokens have no entry in `ids`, so that no text reaches them.
  if (special)
    tokens = {"<PAD>", "<UNK>", "<SOS>", "<EOS>"};
}

Vocabulary Vocabulary::fromMostFrequent(ArrayRef<std::string> tokens, size_t size) {
  assert(size >= kSpecialCount && "room for the special tokens");
  struct Count {
    StringRef token;
    size_t count, first;
  };
  std::vector<Count> counts;
  StringMap<size_t> places;
  for (const std::string &token : tokens) {
    auto [place, isNew] = places.try_emplace(token, counts.size());
    if (isNew)
      counts.push_back({place->first(), 0, counts.size()});
    ++counts[place->second].count;
  }
  std::sort(counts.begin(), counts.end(),
            [](const Count &a, const Count &b) { return a.count != b.count ? a.count > b.count : a.first < b.first; });
  Vocabulary vocabulary(/*special=*/true);
  for (size_t i = 0; i < counts.size() && vocabulary.size() < size; ++i)
    vocabulary.add(counts[i].token);
  return vocabulary;
}

std::optional<int32_t> Vocabulary::add(StringRef token) {
  auto id = int32_t(tokens.size());
  if (!ids.try_emplace(token, id).second)
    return std::nullopt;
  tokens.push_back(token.str());
  return id;
}

StringRef Vocabulary::token(int32_t id) const {
  assert(id >= 0 && size_t(id) < tokens.size() && "an id of the vocabulary");
  return tokens[size_t(id)];
}

std::optional<int32_t> Vocabulary::find(StringRef token) const {
  auto found = ids.find(token);
  return found == ids.end() ? std::nullopt : std::optional(found->second);
}

} // namespace moru
