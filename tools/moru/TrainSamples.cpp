// What a trained model writes.

#include "TrainSamples.h"

#include "Options.h"

#include "moru/Data/PairBatches.h"
#include "moru/Decode/Generate.h"
#include "moru/Decode/Translate.h"
#include "moru/Train/LoadedModel.h"

using namespace llvm;

namespace moru {

/// Tokens of a sample: a few lines.
static constexpr int64_t kSampleTokens = 60;

static Expected<std::vector<ReportSample>> writeTexts(const Checkpoint &checkpoint, int64_t count,
                                                      const CompileOptions &compileOptions) {
  LanguageModelOptions build;
  build.functions = {"decode_step"};
  Expected<LoadedModel> model = LoadedModel::load(checkpoint, build, compileOptions);
  if (!model)
    return model.takeError();
  std::vector<ReportSample> samples(static_cast<size_t>(count));
  GenerateOptions options;
  options.maxTokens = kSampleTokens;
  options.positions = model->model->positions();
  for (ReportSample &sample : samples) {
    auto add = [&](const GeneratedToken &token) { sample.text += token.text; };
    if (Error error = generate(*model->executable, *checkpoint.tokenizer, options, add))
      return std::move(error);
    ++options.sampling.seed;
  }
  return samples;
}

static Expected<std::vector<ReportSample>> translateTexts(const Checkpoint &checkpoint, const TrainOptions &options,
                                                          int64_t count, const CompileOptions &compileOptions) {
  Expected<PairTokenizers> tokenizers = pairTokenizersOf(checkpoint);
  Expected<std::vector<TextPair>> pairs =
      readPairs(options.valid.empty() ? options.data : options.valid, options.reverse);
  if (!tokenizers || !pairs)
    return joinErrors(tokenizers.takeError(), pairs.takeError());
  ArrayRef<TextPair> last = ArrayRef(*pairs).take_back(std::min(pairs->size(), size_t(count)));
  Expected<std::vector<IdPair>> ids = encodePairs(last, *tokenizers);
  if (!ids)
    return ids.takeError();
  EncoderDecoderOptions build{
      .sourceTime = longestOf(*ids).source, .functions = {"encode", "decode_step"}, .decodeTime = kSampleTokens + 1};
  Expected<LoadedModel> model = LoadedModel::load(checkpoint, build, compileOptions);
  if (!model)
    return model.takeError();
  Expected<Translator> translator =
      Translator::create(*model->executable, *tokenizers, {.beam = 1, .maxTokens = kSampleTokens});
  if (!translator)
    return translator.takeError();
  std::vector<ReportSample> samples;
  for (const TextPair &pair : last) {
    Expected<std::vector<Translation>> found = translator->translate(pair.source, pair.place);
    if (!found)
      return found.takeError();
    samples.push_back({pair.source, found->front().text});
  }
  return samples;
}

Expected<std::vector<ReportSample>> drawSamples(const std::string &path, const TrainOptions &options, int64_t count,
                                                const CompileOptions &compileOptions) {
  if (count < 1)
    return std::vector<ReportSample>();
  Expected<Checkpoint> checkpoint = loadForUse(path);
  if (!checkpoint)
    return checkpoint.takeError();
  return checkpoint->targetTokenizer ? translateTexts(*checkpoint, options, count, compileOptions)
                                     : writeTexts(*checkpoint, count, compileOptions);
}

} // namespace moru
