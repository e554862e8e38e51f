// Text from a language model.

#include "moru/Decode/Generate.h"

#include "moru/DSL/Model.h"
#include "moru/Decode/RowDecoder.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

using namespace llvm;

namespace moru {

Expected<Decoder> Decoder::create(Executable &executable) {
  if (!executable.signature().find("decode_step"))
    return makeError("the program has no function decode_step");
  return Decoder(executable);
}

void Decoder::restart() { clearState(*executable, kDecodeState); }

Expected<ArrayRef<float>> Decoder::feed(int32_t id) {
  token.data<int32_t>()[0] = id;
  Outputs outputs = executable->run("decode_step", {{"token", token}});
  if (!outputs)
    return makeError(outputs.message());
  const HostTensor &logits = outputs["logits"];
  return ArrayRef<float>(logits.data<float>(), size_t(logits.numElements()));
}

/// The ids that stand before the first generated one, however many.
static Expected<std::vector<int32_t>> idsOfPrompt(const Tokenizer &tokenizer, StringRef prompt) {
  Expected<std::vector<int32_t>> ids = tokenizer.encode(prompt, "--prompt");
  if (!ids)
    return ids.takeError();
  if (tokenizer.hasSpecial()) {
    ids->insert(ids->begin(), int32_t(kStartId));
    return ids;
  }
  if (!ids->empty())
    return ids;
  Expected<std::vector<int32_t>> newline = tokenizer.encode("\n", "--prompt");
  if (newline && !newline->empty())
    return newline;
  consumeError(newline.takeError());
  return makeError("--prompt: expected a text to go on from; this tokenizer has no <SOS> to begin with");
}

static Expected<std::vector<int32_t>> firstIds(const Tokenizer &tokenizer, const GenerateOptions &options) {
  Expected<std::vector<int32_t>> ids = idsOfPrompt(tokenizer, options.prompt);
  if (ids && options.positions && int64_t(ids->size()) > options.positions)
    return makeError("--prompt: expected at most the " + Twine(options.positions) +
                     " tokens that the model can read, got " + Twine(ids->size()) + "; shorten it");
  return ids;
}

namespace {

/// The text of ids so far, and what the last id added to it.
class TextStream {
public:
  explicit TextStream(const Tokenizer &tokenizer) : tokenizer(tokenizer) {}

  Expected<std::string> add(int32_t id) {
    ids.push_back(id);
    Expected<std::string> now = tokenizer.decode(ids);
    if (!now)
      return now.takeError();
    // A closing quotation mark may move what stood before; then the text goes on as well as it can.
    std::string added = StringRef(*now).starts_with(text) ? now->substr(text.size()) : tokenizer.describe(id);
    text = std::move(*now);
    return added;
  }

private:
  const Tokenizer &tokenizer;
  std::vector<int32_t> ids;
  std::string text;
};

} // namespace

static Error checkOptions(const GenerateOptions &options) {
  if (options.maxTokens < 1)
    return makeError("--max-tokens: expected a number from 1 on, got " + Twine(options.maxTokens));
  if (options.alternatives < 0)
    return makeError("--top-probabilities: expected a number from 0 on, got " + Twine(options.alternatives));
  return checkSampling(options.sampling);
}

Error generate(Executable &executable, const Tokenizer &tokenizer, const GenerateOptions &options,
               function_ref<void(const GeneratedToken &)> emit) {
  if (Error error = checkOptions(options))
    return error;
  Expected<std::vector<int32_t>> first = firstIds(tokenizer, options);
  if (!first)
    return first.takeError();
  Expected<Decoder> decoder = Decoder::create(executable);
  if (!decoder)
    return decoder.takeError();
  decoder->restart();
  TextStream text(tokenizer);
  ArrayRef<float> logits;
  for (int32_t id : *first) {
    if (Error error = decoder->feed(id).moveInto(logits))
      return error;
    // The prompt belongs to the text: whether a space comes before the next word depends on it.
    if (Expected<std::string> added = text.add(id); !added)
      return added.takeError();
  }
  std::vector<int32_t> banned;
  if (tokenizer.hasSpecial())
    banned = {kPadId, kUnknownId, kStartId};
  Sampler sampler(options.sampling, banned);
  for (int64_t count = 0; count < options.maxTokens; ++count) {
    GeneratedToken token;
    token.choice = sampler.choose(logits);
    if (options.alternatives)
      token.alternatives = likeliest(softmax(logits), size_t(options.alternatives));
    token.isEnd = tokenizer.hasSpecial() && token.choice.id == kEndId;
    if (!token.isEnd)
      if (Error error = text.add(token.choice.id).moveInto(token.text))
        return error;
    emit(token);
    if (token.isEnd || int64_t(first->size()) + count == options.positions)
      return Error::success();
    if (Error error = decoder->feed(token.choice.id).moveInto(logits))
      return error;
  }
  return Error::success();
}

/// The prompt as it was given, and what the ids add to it.
static Expected<std::string> textOf(const Tokenizer &tokenizer, const GenerateOptions &options, ArrayRef<int32_t> first,
                                    const Hypothesis &hypothesis) {
  TextStream stream(tokenizer);
  for (int32_t id : first)
    if (Expected<std::string> added = stream.add(id); !added)
      return added.takeError();
  std::string text = options.prompt;
  for (int32_t id : ArrayRef(hypothesis.ids).drop_back(hypothesis.ended)) {
    Expected<std::string> added = stream.add(id);
    if (!added)
      return added.takeError();
    text += *added;
  }
  return text;
}

Expected<std::vector<GeneratedText>> generateLikeliest(Executable &executable, const Tokenizer &tokenizer,
                                                       const GenerateOptions &options, SearchOptions search) {
  if (Error error = checkOptions(options))
    return std::move(error);
  Expected<std::vector<int32_t>> first = firstIds(tokenizer, options);
  if (!first)
    return first.takeError();
  Expected<RowDecoder> decoder = RowDecoder::create(executable);
  if (!decoder)
    return decoder.takeError();
  assert(decoder->rows() == search.beam && "compiled for this beam");
  if (Error error = decoder->begin())
    return std::move(error);
  search.endId = tokenizer.hasSpecial() ? int32_t(kEndId) : -1;
  search.maxTokens = options.maxTokens;
  // The last id is not read.
  if (options.positions)
    search.maxTokens = std::min(search.maxTokens, options.positions - int64_t(first->size()) + 1);
  Expected<std::vector<Hypothesis>> found =
      searchBeam(*first, search, [&](auto ids, auto parents) { return decoder->advance(ids, parents); });
  if (!found)
    return found.takeError();
  std::vector<GeneratedText> texts;
  for (Hypothesis &hypothesis : *found) {
    Expected<std::string> text = textOf(tokenizer, options, *first, hypothesis);
    if (!text)
      return text.takeError();
    texts.push_back({std::move(*text), std::move(hypothesis)});
  }
  return texts;
}

} // namespace moru
