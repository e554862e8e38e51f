// Texts in pairs into ids.

#include "moru/Data/PairCorpus.h"

#include "moru/Data/BytePairs.h"
#include "moru/Data/Corpus.h"
#include "moru/Support/Files.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static bool isBlank(StringRef text) {
  while (!text.empty())
    if (!isWhiteSpace(takeCodePoint(text)))
      return false;
  return true;
}

static std::vector<StringRef> linesOf(StringRef text) {
  std::vector<StringRef> lines;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    lines.push_back(line);
    text = rest;
  }
  return lines;
}

namespace {

/// Collects pairs in the order that is asked for.
struct PairCollector {
  bool reverse;
  std::vector<TextPair> pairs;

  void add(StringRef first, StringRef second, const Twine &place) {
    if (isBlank(first) || isBlank(second))
      return;
    if (reverse)
      std::swap(first, second);
    pairs.push_back({first.str(), second.str(), place.str()});
  }

  Expected<std::vector<TextPair>> finish(StringRef path) {
    if (pairs.empty())
      return makeError(path + ": expected pairs of texts, got none; give lines `source TAB target`, or two files as " +
                       "SOURCE,TARGET");
    return std::move(pairs);
  }
};

} // namespace

static Expected<std::vector<TextPair>> readColumns(StringRef path, PairCollector collector) {
  Expected<std::string> text = readText(path);
  if (!text)
    return text.takeError();
  for (auto [index, line] : enumerate(linesOf(*text))) {
    std::string place = (path + ":" + Twine(index + 1)).str();
    auto [first, rest] = line.split('\t');
    if (!isBlank(line) && !line.contains('\t'))
      return makeError(place + ": expected `source TAB target`, got a line without a tab; two texts of equal lines "
                               "are given as SOURCE,TARGET");
    collector.add(first, rest.split('\t').first, place);
  }
  return collector.finish(path);
}

static Expected<std::vector<TextPair>> readFiles(StringRef path, PairCollector collector) {
  auto [firstPath, secondPath] = path.split(',');
  Expected<std::string> first = readText(firstPath), second = readText(secondPath);
  if (!first || !second)
    return joinErrors(first.takeError(), second.takeError());
  std::vector<StringRef> firstLines = linesOf(*first), secondLines = linesOf(*second);
  if (firstLines.size() != secondLines.size())
    return makeError(firstPath + " and " + secondPath + ": expected as many lines in both, got " +
                     Twine(firstLines.size()) + " and " + Twine(secondLines.size()));
  for (auto [index, lines] : enumerate(zip_equal(firstLines, secondLines)))
    collector.add(std::get<0>(lines), std::get<1>(lines), firstPath + ":" + Twine(index + 1));
  return collector.finish(path);
}

Expected<std::vector<TextPair>> readPairs(StringRef path, bool reverse) {
  bool isOne = !path.contains(',') || sys::fs::exists(path);
  return isOne ? readColumns(path, {reverse, {}}) : readFiles(path, {reverse, {}});
}

//===----------------------------------------------------------------------===//
// Holding out
//===----------------------------------------------------------------------===//

/// What two sources have in common that count as the same.
static std::string keyOf(StringRef text, TokenUnit unit) {
  return unit == TokenUnit::Words ? join(VocabularyTokenizer::split(unit, text), "\n") : text.trim().str();
}

size_t countSources(ArrayRef<TextPair> pairs, TokenUnit unit) {
  StringSet<> sources;
  for (const TextPair &pair : pairs)
    sources.insert(keyOf(pair.source, unit));
  return sources.size();
}

SplitPairs holdOut(std::vector<TextPair> pairs, size_t count, TokenUnit unit) {
  // Where each source comes first.
  std::vector<size_t> first;
  std::vector<std::string> keys;
  StringSet<> seen, heldOut;
  for (auto [index, pair] : enumerate(pairs)) {
    keys.push_back(keyOf(pair.source, unit));
    if (seen.insert(keys.back()).second)
      first.push_back(index);
  }
  SplitPairs split;
  for (size_t index : ArrayRef(first).take_back(std::min(count, first.size()))) {
    heldOut.insert(keys[index]);
    split.valid.push_back(pairs[index]);
  }
  for (auto [pair, key] : zip_equal(pairs, keys))
    if (!heldOut.contains(key))
      split.train.push_back(std::move(pair));
  return split;
}

//===----------------------------------------------------------------------===//
// Ids
//===----------------------------------------------------------------------===//

/// A tokenizer of one side.
static Expected<std::shared_ptr<Tokenizer>> buildTokenizer(ArrayRef<TextPair> pairs, std::string TextPair::*side,
                                                           TokenUnit unit, size_t size) {
  if (unit == TokenUnit::Characters) {
    std::string all;
    for (const TextPair &pair : pairs)
      all += pair.*side;
    return VocabularyTokenizer::fromCharacters(all, /*special=*/true, pairs.front().place);
  }
  if (unit == TokenUnit::BytePairs) {
    std::vector<StringRef> texts;
    for (const TextPair &pair : pairs)
      texts.push_back(pair.*side);
    return BytePairTokenizer::train(texts, {.vocabularySize = size, .special = true});
  }
  std::vector<std::string> tokens;
  for (const TextPair &pair : pairs)
    append_range(tokens, VocabularyTokenizer::split(unit, pair.*side));
  return VocabularyTokenizer::fromTokens(unit, tokens, size);
}

Expected<PairTokenizers> buildTokenizers(ArrayRef<TextPair> pairs, TokenUnit unit, size_t sourceSize,
                                         size_t targetSize) {
  PairTokenizers tokenizers;
  if (Error error = buildTokenizer(pairs, &TextPair::source, unit, sourceSize).moveInto(tokenizers.source))
    return std::move(error);
  if (Error error = buildTokenizer(pairs, &TextPair::target, unit, targetSize).moveInto(tokenizers.target))
    return std::move(error);
  return tokenizers;
}

Expected<std::vector<int32_t>> encodeSource(const PairTokenizers &tokenizers, StringRef text, StringRef place) {
  Expected<std::vector<int32_t>> ids = tokenizers.source->encode(text, place);
  if (ids && tokenizers.sourceEnds)
    ids->push_back(kEndId);
  return ids;
}

Expected<std::vector<IdPair>> encodePairs(ArrayRef<TextPair> pairs, const PairTokenizers &tokenizers) {
  for (const Tokenizer *tokenizer : {tokenizers.source.get(), tokenizers.target.get()})
    if (!tokenizer->hasSpecial())
      return makeError("expected tokenizers with <SOS> and <EOS> for pairs, got one of " + toString(tokenizer->unit()) +
                       " without");
  std::vector<IdPair> list;
  for (const TextPair &pair : pairs) {
    Expected<std::vector<int32_t>> source = encodeSource(tokenizers, pair.source, pair.place);
    Expected<std::vector<int32_t>> target = tokenizers.target->encode(pair.target, pair.place);
    if (!source || !target)
      return joinErrors(source.takeError(), target.takeError());
    target->insert(target->begin(), int32_t(kStartId));
    target->push_back(kEndId);
    list.push_back({std::move(*source), std::move(*target)});
  }
  return list;
}

std::vector<int32_t> joinPairs(ArrayRef<IdPair> pairs) {
  std::vector<int32_t> ids;
  for (const IdPair &pair : pairs) {
    append_range(ids, pair.source);
    append_range(ids, pair.target);
  }
  return ids;
}

} // namespace moru
