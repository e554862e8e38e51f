// Texts through an encoder and decoder.

#include "moru/Decode/Translate.h"

#include "moru/Support/Files.h"

using namespace llvm;

namespace moru {

Expected<Translator> Translator::create(Executable &executable, PairTokenizers tokenizers, SearchOptions search) {
  if (Error error = checkSearch(search))
    return std::move(error);
  Expected<RowDecoder> decoder = RowDecoder::create(executable);
  if (!decoder)
    return decoder.takeError();
  assert(decoder->rows() == search.beam && "compiled for this beam");
  search.endId = kEndId;
  return Translator(std::move(*decoder), std::move(tokenizers), search);
}

Expected<std::vector<Hypothesis>> Translator::search(ArrayRef<int32_t> source) {
  if (Error error = decoder.begin(source))
    return std::move(error);
  auto advance = [&](ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) { return decoder.advance(ids, parents); };
  const int32_t start = kStartId;
  if (options.beam > 1)
    return searchBeam(start, options, advance);
  Expected<Hypothesis> only = searchGreedily(start, options, advance);
  if (!only)
    return only.takeError();
  return std::vector<Hypothesis>{std::move(*only)};
}

Expected<std::vector<Translation>> Translator::translate(StringRef text, StringRef place) {
  Expected<std::vector<int32_t>> source = encodeSource(tokenizers, text, place);
  if (!source)
    return source.takeError();
  Expected<std::vector<Hypothesis>> found = search(*source);
  if (!found)
    return makeError(place + ": " + toString(found.takeError()));
  std::vector<Translation> translations;
  for (Hypothesis &hypothesis : *found) {
    Expected<std::string> words = tokenizers.target->decode(hypothesis.ids);
    if (!words)
      return words.takeError();
    translations.push_back({std::move(*words), std::move(hypothesis)});
  }
  return translations;
}

} // namespace moru
