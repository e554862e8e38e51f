// Text from a language model, id by id, with the state carried by `decode_step`.

#ifndef MORU_DECODE_GENERATE_H
#define MORU_DECODE_GENERATE_H

#include "moru/Compiler/Executable.h"
#include "moru/Data/Tokenizer.h"
#include "moru/Decode/BeamSearch.h"
#include "moru/Decode/Sampler.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace moru {

/// One sequence that is being decoded.
class Decoder {
public:
  /// `executable` has the function decode_step.
  static llvm::Expected<Decoder> create(Executable &executable);

  /// Back to the state before the first id.
  void restart();
  /// Takes one id; the logits of the next one, valid until the next call.
  llvm::Expected<llvm::ArrayRef<float>> feed(int32_t id);

private:
  explicit Decoder(Executable &executable) : executable(&executable), token(ElementType::I32, {1}) {}
  Executable *executable;
  HostTensor token;
};

struct GenerateOptions {
  SamplingOptions sampling = {};
  std::string prompt = {};
  int64_t maxTokens = 100;
  /// Most ids that the model can read, from the start on; 0: any number. A longer prompt is an error, and the text ends
  /// where they are full.
  int64_t positions = 0;
  /// How many likely ids each token reports; 0: none.
  int64_t alternatives = 0;
};

/// One generated token. The end id comes last, with no text.
struct GeneratedToken {
  Candidate choice;
  std::vector<Candidate> alternatives;
  /// What it adds to the text.
  std::string text;
  bool isEnd = false;
};

/// Generates from `<SOS>` and the prompt to `<EOS>` or `maxTokens`, and hands over each token as it comes. A tokenizer
/// without special ids needs a prompt; without one it begins after a line break, if it knows that.
llvm::Error generate(Executable &executable, const Tokenizer &tokenizer, const GenerateOptions &options,
                     llvm::function_ref<void(const GeneratedToken &)> emit);

/// One of the likeliest texts, prompt included, and the ids that follow the prompt.
struct GeneratedText {
  std::string text;
  Hypothesis hypothesis;
};

/// The likeliest texts, found by a beam that the executable's `decode_step` has rows for. Of `options` the prompt and
/// the lengths count; `search` says the beam and its penalty.
llvm::Expected<std::vector<GeneratedText>> generateLikeliest(Executable &executable, const Tokenizer &tokenizer,
                                                             const GenerateOptions &options, SearchOptions search);

} // namespace moru

#endif // MORU_DECODE_GENERATE_H
