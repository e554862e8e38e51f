// Learning merges. Texts are counted as distinct pieces; each merge changes only the pieces that hold its pair, which
// are kept in a list per pair.

#include "moru/Data/BytePairs.h"

#include "moru/Data/Vocabulary.h"
#include "moru/Support/Files.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <queue>

using namespace llvm;

namespace moru {

namespace {

/// A distinct piece.
struct Word {
  std::vector<int32_t> ids;
  int64_t count;
};

using Pair = std::pair<int32_t, int32_t>;

struct PairUse {
  /// Times that the pair stands in the texts.
  int64_t count = 0;
  /// Words that hold it, or did.
  std::vector<uint32_t> words;
};

/// A pair with the count that it had when it was put into the queue.
struct Candidate {
  int64_t count;
  Pair pair;
  /// The most frequent first, then the least ids.
  bool operator<(const Candidate &other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class Trainer {
public:
  explicit Trainer(const BytePairTraining &options);
  void count(StringRef text);
  BytePairModel run();

private:
  int32_t addToken(std::string bytes);
  void countPairs(uint32_t word, int64_t sign);
  void offer(Pair pair) {
    if (int64_t count = uses[pair].count; count >= options.minFrequency)
      queue.push({count, pair});
  }
  std::optional<Pair> takeBest();
  void merge(Pair pair);

  BytePairTraining options;
  BytePairModel model;
  std::vector<std::string> bytes;
  StringMap<int32_t> ids;
  std::array<int32_t, 256> byteIds;
  /// Views of the texts, with their counts.
  MapVector<StringRef, int64_t> pieces;
  std::vector<Word> words;
  DenseMap<Pair, PairUse> uses;
  std::priority_queue<Candidate> queue;
  /// Pairs that became more frequent in the merge being done.
  SetVector<Pair> raised;
};

} // namespace

int32_t Trainer::addToken(std::string token) {
  auto [place, isNew] = ids.try_emplace(token, int32_t(bytes.size()));
  if (isNew) {
    model.spellings.push_back(spellBytes(token));
    bytes.push_back(std::move(token));
  }
  return place->second;
}

Trainer::Trainer(const BytePairTraining &options) : options(options) {
  if (options.special) {
    Vocabulary special(true);
    for (int32_t id = 0; id < kSpecialCount; ++id) {
      model.added.push_back({id, special.token(id).str()});
      model.spellings.push_back(special.token(id).str());
      bytes.push_back(""); // no text has it
    }
  }
  // Bytes in the order of the characters that stand for them, as GPT-2's vocabulary begins.
  std::vector<std::pair<std::string, uint8_t>> alphabet;
  for (int value = 0; value < 256; ++value)
    alphabet.push_back({spellBytes(StringRef(std::string(1, char(value)))), uint8_t(value)});
  llvm::sort(alphabet);
  for (const auto &[spelling, value] : alphabet)
    byteIds[value] = addToken(std::string(1, char(value)));
}

void Trainer::count(StringRef text) {
  visitBytePairPieces(text, [&](StringRef piece) { ++pieces[piece]; });
}

/// Adds a word's pairs to the counts, or takes them off.
void Trainer::countPairs(uint32_t index, int64_t sign) {
  const Word &word = words[index];
  for (size_t i = 0; i + 1 < word.ids.size(); ++i) {
    Pair pair(word.ids[i], word.ids[i + 1]);
    PairUse &use = uses[pair];
    use.count += sign * word.count;
    if (sign < 0)
      continue;
    if (use.words.empty() || use.words.back() != index)
      use.words.push_back(index);
    raised.insert(pair);
  }
}

/// Takes off the queue until its top is what it was when it was put in.
std::optional<Pair> Trainer::takeBest() {
  while (!queue.empty()) {
    Candidate top = queue.top();
    queue.pop();
    if (int64_t now = uses[top.pair].count; now == top.count)
      return top.pair;
    else if (now < top.count)
      offer(top.pair);
  }
  return std::nullopt;
}

/// Every occurrence of the pair, from the left, becomes one id.
static void replace(std::vector<int32_t> &ids, Pair pair, int32_t result) {
  size_t kept = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    bool found = ids[i] == pair.first && i + 1 < ids.size() && ids[i + 1] == pair.second;
    ids[kept++] = found ? result : ids[i];
    i += found;
  }
  ids.resize(kept);
}

void Trainer::merge(Pair pair) {
  int32_t result = addToken(bytes[pair.first] + bytes[pair.second]);
  model.merges.push_back({pair.first, pair.second, result});
  std::vector<uint32_t> holders = std::move(uses[pair].words);
  uses[pair].words.clear();
  raised.clear();
  for (uint32_t index : holders) {
    countPairs(index, -1);
    replace(words[index].ids, pair, result);
    countPairs(index, +1);
  }
  for (Pair changed : raised)
    offer(changed);
}

BytePairModel Trainer::run() {
  for (const auto &[piece, count] : pieces) {
    Word word{{}, count};
    for (char byte : piece)
      word.ids.push_back(byteIds[uint8_t(byte)]);
    words.push_back(std::move(word));
  }
  for (uint32_t index = 0; index < words.size(); ++index)
    countPairs(index, +1);
  for (Pair pair : raised)
    offer(pair);
  while (bytes.size() < options.vocabularySize) {
    std::optional<Pair> best = takeBest();
    if (!best)
      break;
    merge(*best);
  }
  return std::move(model);
}

Expected<std::shared_ptr<Tokenizer>> BytePairTokenizer::train(ArrayRef<StringRef> texts,
                                                              const BytePairTraining &options) {
  size_t least = 256 + (options.special ? size_t(kSpecialCount) : 0);
  if (options.vocabularySize < least)
    return makeError("expected a vocabulary of at least " + Twine(least) + " ids for byte pairs, one for each byte" +
                     (options.special ? " and the 4 special ones" : "") + ", got " + Twine(options.vocabularySize) +
                     "; make it larger (--set V=…)");
  Trainer trainer(options);
  for (StringRef text : texts)
    trainer.count(text);
  return std::make_shared<BytePairTokenizer>(trainer.run());
}

} // namespace moru
