// moru eval: how well a checkpoint predicts a text.

#include "Command.h"
#include "Options.h"
#include "SearchFlags.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Data/Corpus.h"
#include "moru/Data/PairBatches.h"
#include "moru/Decode/Bleu.h"
#include "moru/Decode/Translate.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Support/Progress.h"
#include "moru/Support/Unicode.h"
#include "moru/Train/Evaluate.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru eval out/first --data=models/lstm_lm/corpus.txt --sentences
  moru eval out/shakespeare --data=text.txt --limit=50000 --json
  moru eval out/fra-eng --data=eng-fra.tsv --reverse --held-out=1000 --translate --beam=4 --length-penalty=0.6
)";

namespace {

class EvalCommand : public Command {
public:
  EvalCommand()
      : Command("eval", "Measure how well a checkpoint predicts a text", kExamples), plugins(sub), target(sub),
        search(sub) {}
  Error run() override;

private:
  Error evaluateLanguageModel(const Checkpoint &loaded, const CompileOptions &options);
  Error evaluatePairModel(const Checkpoint &loaded, const CompileOptions &options);
  Error translatePairs(const Checkpoint &loaded, const PairTokenizers &tokenizers, ArrayRef<TextPair> texts,
                       const CompileOptions &options, json::Object &result);
  Expected<std::vector<TextPair>> readChosenPairs(const Tokenizer &tokenizer) const;
  Expected<Evaluation> evaluate(Executable &executable, const Tokenizer &tokenizer, StringRef text);
  Expected<Evaluation> evaluateText(Executable &executable, std::vector<int32_t> ids, EvaluateProgress progress);

  PluginOptions plugins;
  TargetOptions target;
  SearchFlags search;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> data{"data", cl::desc("Text (UTF-8)"), cl::value_desc("file"), cl::Required, cl::sub(sub)};
  cl::opt<bool> sentences{"sentences", cl::desc("One sentence per line, each from a state of zeros"), cl::sub(sub)};
  cl::opt<long> skip{"skip", cl::desc("Tokens (sentences) to leave out at the beginning"), cl::init(0), cl::sub(sub)};
  cl::opt<long> limit{"limit", cl::desc("Predictions (sentences) to make; 0: all"), cl::init(0), cl::sub(sub)};
  cl::opt<long> window{"window", cl::init(0), cl::sub(sub),
                       cl::desc("Ids that a model without state sees at once (default: as it was trained)")};
  cl::opt<bool> reverse{"reverse", cl::desc("Of pairs: the second text is the source"), cl::sub(sub)};
  cl::opt<long> heldOut{"held-out", cl::desc("Of pairs: only the last so many different sources"), cl::init(0),
                        cl::sub(sub)};
  cl::opt<bool> translate{"translate", cl::desc("Of pairs: also BLEU, and the share that is exact"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print the result as JSON"), cl::sub(sub)};
};

} // namespace

Expected<Evaluation> EvalCommand::evaluateText(Executable &executable, std::vector<int32_t> ids,
                                               EvaluateProgress progress) {
  ArrayRef<int32_t> part(ids);
  if (size_t(skip) + 1 >= part.size())
    return makeError(data + ": expected more than the " + Twine(skip + 1) + " tokens to skip and begin with, got " +
                     Twine(part.size()) + "; lower --skip or give a longer text");
  part = part.drop_front(size_t(skip));
  // The first id is only an input.
  if (limit)
    part = part.take_front(size_t(limit) + 1);
  return evaluateStream(executable, part, progress);
}

Expected<Evaluation> EvalCommand::evaluate(Executable &executable, const Tokenizer &tokenizer, StringRef text) {
  ProgressLine line(errs());
  auto progress = [&](const Evaluation &sum) {
    if (line.isDue())
      line.update(
          formatv("{0} predictions, {1:F4} nats per token", formatCount(sum.predictions), sum.natsPerToken()).str());
  };
  if (!sentences) {
    Expected<std::vector<int32_t>> ids = tokenizer.encode(text, data);
    return ids ? evaluateText(executable, std::move(*ids), progress) : ids.takeError();
  }
  Expected<std::vector<Sentence>> lines = encodeSentences(tokenizer, text, data);
  if (!lines)
    return lines.takeError();
  ArrayRef<Sentence> part(*lines);
  part = part.drop_front(std::min(part.size(), size_t(skip)));
  if (limit)
    part = part.take_front(size_t(limit));
  if (part.empty())
    return makeError(data + ": expected sentences, got none; lower --skip or give another text");
  return evaluateSentences(executable, part, progress);
}

/// Ids of a window: as many as the run that made the checkpoint saw.
static int64_t windowOf(const Checkpoint &checkpoint, int64_t asked) {
  if (asked > 0)
    return asked;
  const json::Object *options = checkpoint.state.extra.getObject("options");
  int64_t trained = options ? options->getInteger("seq_len").value_or(0) : 0;
  return trained > 0 ? trained : std::numeric_limits<int64_t>::max();
}

Error EvalCommand::evaluateLanguageModel(const Checkpoint &loaded, const CompileOptions &options) {
  Expected<std::string> text = readText(data);
  if (!text)
    return text.takeError();
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(loaded.config, loaded.path);
  if (!description)
    return description.takeError();
  LanguageModelOptions build;
  build.functions = {"eval_step"};
  build.evalBatch = 1;
  build.evalTime = evalTimeOf(*description, windowOf(loaded, window));
  Expected<LoadedModel> model = LoadedModel::load(loaded, build, options);
  if (!model)
    return model.takeError();
  Expected<Evaluation> result = evaluate(*model->executable, *loaded.tokenizer, *text);
  if (!result)
    return result.takeError();
  if (json)
    printJsonLine(outs(), result->toObject());
  else
    outs() << formatv("{0:F5} nats per token, perplexity {1}, {2} predictions\n", result->natsPerToken(),
                      formatNumber(result->perplexity(), 6), formatCount(result->predictions));
  return Error::success();
}

Expected<std::vector<TextPair>> EvalCommand::readChosenPairs(const Tokenizer &tokenizer) const {
  Expected<std::vector<TextPair>> pairs = readPairs(data, reverse);
  if (!pairs)
    return pairs.takeError();
  if (heldOut)
    *pairs = holdOut(std::move(*pairs), size_t(heldOut), tokenizer.unit()).valid;
  pairs->erase(pairs->begin(), pairs->begin() + std::min<ptrdiff_t>(skip, ptrdiff_t(pairs->size())));
  if (limit && size_t(limit) < pairs->size())
    pairs->resize(size_t(limit));
  if (pairs->empty())
    return makeError(data + ": expected pairs, got none; lower --skip or give another text");
  return pairs;
}

/// The tokens that outputs are compared by: those of the text itself, before any is unknown.
static Expected<std::vector<std::string>> tokensOf(const Tokenizer &tokenizer, const TextPair &pair) {
  std::vector<std::string> tokens;
  if (tokenizer.unit() != TokenUnit::BytePairs) {
    for (const std::string &token : VocabularyTokenizer::split(tokenizer.unit(), pair.target))
      tokens.push_back(escapeToken(token));
    return tokens;
  }
  Expected<std::vector<int32_t>> ids = tokenizer.encode(pair.target, pair.place);
  if (!ids)
    return ids.takeError();
  for (int32_t id : *ids)
    tokens.push_back(tokenizer.describe(id));
  return tokens;
}

Error EvalCommand::translatePairs(const Checkpoint &loaded, const PairTokenizers &tokenizers, ArrayRef<TextPair> texts,
                                  const CompileOptions &options, json::Object &result) {
  Expected<LoadedModel> model = LoadedModel::load(loaded, search.build(), options);
  if (!model)
    return model.takeError();
  Expected<Translator> translator = Translator::create(*model->executable, tokenizers, search.get());
  if (!translator)
    return translator.takeError();
  Bleu bleu;
  ProgressLine line(errs());
  for (const TextPair &pair : texts) {
    Expected<std::vector<Translation>> found = translator->translate(pair.source, pair.place);
    if (!found)
      return found.takeError();
    Expected<std::vector<std::string>> reference = tokensOf(*tokenizers.target, pair);
    if (!reference)
      return reference.takeError();
    std::vector<std::string> output;
    for (int32_t id : found->front().hypothesis.ids)
      if (id != kEndId)
        output.push_back(tokenizers.target->describe(id));
    bleu.add(output, *reference);
    if (line.isDue())
      line.update(formatv("{0} of {1}, BLEU {2:F2}", bleu.count(), texts.size(), bleu.percent()).str());
  }
  result["bleu"] = bleu.percent();
  result["exact_percent"] = bleu.exactPercent();
  return Error::success();
}

Error EvalCommand::evaluatePairModel(const Checkpoint &loaded, const CompileOptions &options) {
  if (Error error = checkSearch(search.get()))
    return error;
  Expected<PairTokenizers> tokenizers = pairTokenizersOf(loaded);
  if (!tokenizers)
    return tokenizers.takeError();
  Expected<std::vector<TextPair>> texts = readChosenPairs(*loaded.tokenizer);
  if (!texts)
    return texts.takeError();
  Expected<std::vector<IdPair>> pairs = encodePairs(*texts, *tokenizers);
  if (!pairs)
    return pairs.takeError();
  PairLengths longest = longestOf(*pairs);
  EncoderDecoderOptions build{.sourceTime = longest.source, .time = longest.target, .functions = {"eval_step"}};
  Expected<LoadedModel> model = LoadedModel::load(loaded, build, options);
  if (!model)
    return model.takeError();
  Expected<Evaluation> evaluation = evaluatePairs(*model->executable, *pairs);
  if (!evaluation)
    return evaluation.takeError();
  json::Object result = evaluation->toObject();
  if (translate)
    if (Error error = translatePairs(loaded, *tokenizers, *texts, options, result))
      return error;
  if (json) {
    printJsonLine(outs(), std::move(result));
    return Error::success();
  }
  outs() << formatv("{0:F5} nats per token, perplexity {1}, {2} predictions of {3} pairs\n", evaluation->natsPerToken(),
                    formatNumber(evaluation->perplexity(), 6), formatCount(evaluation->predictions),
                    formatCount(int64_t(pairs->size())));
  if (translate)
    outs() << formatv("BLEU {0:F2}, exact {1:F1} %, beam {2}\n", *result.getNumber("bleu"),
                      *result.getNumber("exact_percent"), search.get().beam);
  return Error::success();
}

Error EvalCommand::run() {
  if (skip < 0 || limit < 0 || heldOut < 0)
    return makeError("--skip, --limit, --held-out: expected numbers from 0 on, got " + Twine(skip) + ", " +
                     Twine(limit) + " and " + Twine(heldOut));
  Expected<CheckpointInUse> used = CheckpointInUse::open(plugins, target, checkpoint);
  if (!used)
    return used.takeError();
  return used->checkpoint.targetTokenizer ? evaluatePairModel(used->checkpoint, used->options)
                                          : evaluateLanguageModel(used->checkpoint, used->options);
}

std::unique_ptr<Command> makeEvalCommand() { return std::make_unique<EvalCommand>(); }

} // namespace moru
