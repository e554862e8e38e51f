// moru eval: how well a checkpoint predicts a text.

#include "Command.h"
#include "Options.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Data/Corpus.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Support/Progress.h"
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
)";

namespace {

class EvalCommand : public Command {
public:
  EvalCommand()
      : Command("eval", "Measure how well a checkpoint predicts a text", kExamples), plugins(sub), target(sub) {}
  Error run() override;

private:
  Expected<Evaluation> evaluate(Executable &executable, const Tokenizer &tokenizer, StringRef text);
  Expected<Evaluation> evaluateText(Executable &executable, std::vector<int32_t> ids, EvaluateProgress progress);

  PluginOptions plugins;
  TargetOptions target;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> data{"data", cl::desc("Text (UTF-8)"), cl::value_desc("file"), cl::Required, cl::sub(sub)};
  cl::opt<bool> sentences{"sentences", cl::desc("One sentence per line, each from a state of zeros"), cl::sub(sub)};
  cl::opt<long> skip{"skip", cl::desc("Tokens (sentences) to leave out at the beginning"), cl::init(0), cl::sub(sub)};
  cl::opt<long> limit{"limit", cl::desc("Predictions (sentences) to make; 0: all"), cl::init(0), cl::sub(sub)};
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

Error EvalCommand::run() {
  if (skip < 0 || limit < 0)
    return makeError("--skip, --limit: expected numbers from 0 on, got " + Twine(skip) + " and " + Twine(limit));
  if (Error error = plugins.load())
    return error;
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  Expected<Checkpoint> loaded = loadForUse(checkpoint);
  if (!loaded)
    return loaded.takeError();
  Expected<std::string> text = readText(data);
  if (!text)
    return text.takeError();
  Expected<LoadedModel> model = LoadedModel::load(*loaded, {"eval_step"}, *options);
  if (!model)
    return model.takeError();
  Expected<Evaluation> result = evaluate(*model->executable, *loaded->tokenizer, *text);
  if (!result)
    return result.takeError();
  if (json)
    printJsonLine(outs(), result->toObject());
  else
    outs() << formatv("{0:F5} nats per token, perplexity {1}, {2} predictions\n", result->natsPerToken(),
                      formatNumber(result->perplexity(), 6), formatCount(result->predictions));
  return Error::success();
}

std::unique_ptr<Command> makeEvalCommand() { return std::make_unique<EvalCommand>(); }

} // namespace moru
