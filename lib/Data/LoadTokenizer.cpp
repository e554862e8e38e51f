// Which files make a tokenizer.

#include "moru/Data/BytePairs.h"
#include "moru/Support/Files.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace moru {

namespace {
/// A vocabulary and the file of merges that belongs to it, none for a file that stands alone.
struct Kind {
  StringLiteral name, merges;
};
} // namespace

static constexpr Kind kKinds[] = {
    {"vocabulary.txt", ""}, {"tokenizer.json", ""}, {"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};

/// The file of a folder that a tokenizer is loaded from.
static Expected<std::string> findFile(StringRef folder, StringRef prefix) {
  std::string names;
  for (const Kind &kind : kKinds) {
    std::string file = (folder + "/" + prefix + kind.name).str();
    if (sys::fs::exists(file))
      return file;
    names += (names.empty() ? "" : ", ") + (prefix + kind.name).str();
  }
  return makeError(folder + ": expected a tokenizer's folder with one of " + names + ", got none of them");
}

/// The other file of a pair: `encoder.json` -> `vocab.bpe` in the same folder, with the same prefix, and back.
static std::optional<std::string> partnerOf(StringRef file) {
  for (const Kind &kind : kKinds)
    for (auto [mine, other] : {std::pair(kind.name, kind.merges), {kind.merges, kind.name}})
      if (!kind.merges.empty() && sys::path::filename(file).ends_with(mine))
        return (file.drop_back(mine.size()) + other).str();
  return std::nullopt;
}

static Expected<std::shared_ptr<Tokenizer>> loadPair(StringRef file, StringRef contents, StringRef partner) {
  Expected<std::string> other = readFile(partner);
  if (!other)
    return other.takeError();
  if (file.ends_with(".json"))
    return BytePairTokenizer::parse(contents, file, *other, partner);
  return BytePairTokenizer::parse(*other, partner, contents, file);
}

Expected<std::shared_ptr<Tokenizer>> loadTokenizer(StringRef path, StringRef prefix) {
  std::string file = path.str();
  if (sys::fs::is_directory(path))
    if (Error error = findFile(path, prefix).moveInto(file))
      return std::move(error);
  Expected<std::string> contents = readFile(file);
  if (!contents)
    return contents.takeError();
  if (std::optional<std::string> partner = partnerOf(file))
    return loadPair(file, *contents, *partner);
  if (StringRef(file).ends_with(".json"))
    return BytePairTokenizer::parseJson(*contents, file);
  return VocabularyTokenizer::parse(*contents, file);
}

} // namespace moru
