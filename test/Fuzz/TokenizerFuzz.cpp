// Any bytes as a vocabulary file and, behind a NUL, a text for it.

#include "Fuzz.h"

#include "moru/Data/Tokenizer.h"

using namespace llvm;
using namespace moru;
using fuzz::require;

static void checkText(const Tokenizer &tokenizer, StringRef text) {
  Expected<std::vector<int32_t>> ids = tokenizer.encode(text, "text");
  if (!ids)
    return fuzz::consume(ids.takeError());
  for (int32_t id : *ids)
    require(id >= 0 && id < tokenizer.size(), "ids are of the vocabulary");
  std::string decoded = cantFail(tokenizer.decode(*ids));
  if (tokenizer.unit() == TokenUnit::Characters && !tokenizer.hasSpecial() && ids->size() == decoded.size())
    require(decoded.size() <= text.size(), "characters become no more");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto [contents, text] = fuzz::asText(data, size).split('\0');
  Expected<std::shared_ptr<Tokenizer>> tokenizer = VocabularyTokenizer::parse(contents, "input");
  if (!tokenizer) {
    fuzz::consume(tokenizer.takeError());
    return 0;
  }
  std::string written = (*tokenizer)->files().front().contents;
  auto again = cantFail(VocabularyTokenizer::parse(written, "written"));
  require(again->files().front().contents == written, "a vocabulary survives its file");
  checkText(**tokenizer, text);
  return 0;
}
