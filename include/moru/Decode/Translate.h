// Outputs of an encoder and decoder for texts.

#ifndef MORU_DECODE_TRANSLATE_H
#define MORU_DECODE_TRANSLATE_H

#include "moru/Data/PairCorpus.h"
#include "moru/Decode/BeamSearch.h"
#include "moru/Decode/RowDecoder.h"

#include <string>
#include <vector>

namespace moru {

/// One output for a text.
struct Translation {
  std::string text;
  Hypothesis hypothesis;
};

/// Translates texts by a model that is compiled for as many rows as the beam; 1 is greedy.
class Translator {
public:
  /// `search.beam` is what the executable has rows for.
  static llvm::Expected<Translator> create(Executable &executable, PairTokenizers tokenizers, SearchOptions search);

  /// The best outputs, the best one first. `place` names the text in errors.
  llvm::Expected<std::vector<Translation>> translate(llvm::StringRef text, llvm::StringRef place);
  /// The same for ids.
  llvm::Expected<std::vector<Hypothesis>> search(llvm::ArrayRef<int32_t> source);

private:
  Translator(RowDecoder decoder, PairTokenizers tokenizers, SearchOptions options)
      : decoder(std::move(decoder)), tokenizers(std::move(tokenizers)), options(options) {}

  RowDecoder decoder;
  PairTokenizers tokenizers;
  SearchOptions options;
};

} // namespace moru

#endif // MORU_DECODE_TRANSLATE_H
