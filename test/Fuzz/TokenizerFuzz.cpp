// Any bytes as the files of a tokenizer, told apart by their first bytes, and, behind a NUL, a text for it: a
// vocabulary, `tokenizer.json`, or `vocab.json` with `merges.txt` behind a line of dashes.

#include "Fuzz.h"

#include "moru/Data/BytePairs.h"
#include "moru/Data/Tokenizer.h"

using namespace llvm;
using namespace moru;
using fuzz::require;

static Expected<std::shared_ptr<Tokenizer>> parse(StringRef contents) {
  if (!contents.starts_with("{"))
    return VocabularyTokenizer::parse(contents, "input");
  auto [vocabulary, merges] = contents.split("\n---\n");
  if (vocabulary.size() < contents.size())
    return BytePairTokenizer::parse(vocabulary, "vocab.json", merges, "merges.txt");
  return BytePairTokenizer::parseJson(contents, "input");
}

static void checkText(const Tokenizer &tokenizer, StringRef text) {
  Expected<std::vector<int32_t>> ids = tokenizer.encode(text, "text");
  if (!ids)
    return fuzz::consume(ids.takeError());
  for (int32_t id : *ids)
    require(id >= 0 && id < tokenizer.size(), "ids are of the vocabulary");
  (void)cantFail(tokenizer.decode(*ids));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto [contents, text] = fuzz::asText(data, size).split('\0');
  Expected<std::shared_ptr<Tokenizer>> tokenizer = parse(contents);
  if (!tokenizer) {
    fuzz::consume(tokenizer.takeError());
    return 0;
  }
  for (int32_t id = 0; id < (*tokenizer)->size(); ++id)
    (void)(*tokenizer)->describe(id);
  std::string written = (*tokenizer)->files().front().contents;
  Expected<std::shared_ptr<Tokenizer>> again = parse(written);
  require(bool(again), "what is written can be read");
  require((*again)->files().front().contents == written, "a tokenizer survives its file");
  checkText(**tokenizer, text);
  return 0;
}
