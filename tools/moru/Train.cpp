// moru train: a language model on a text, with a progress line, metrics and checkpoints.

#include "Command.h"
#include "Options.h"
#include "TrainSamples.h"
#include "TrainWatcher.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/Trainer.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
The output folder gets checkpoints step-N, the link latest, and metrics.jsonl with a line per step. Ctrl-C saves and ends; the same
command with --resume goes on with the same bits. Inputs of the same options, seed and instruction set give the same bits, whatever --threads.

EXAMPLES:

  moru train lstm_lm --data=models/lstm_lm/corpus.txt --sentences --epochs=40 --output-dir=out/first
  moru train lstm_lm --data=book.txt --tokenizer=word --set V=10000 --set carried=true --clip=1 --output-dir=out/book
  moru train lstm_lm --data=book.txt --tokenizer=char --seq-len=64 --set carried=true --set D=64 --epochs=2 --resume
  moru train transformer --data=eng-fra.tsv --reverse --epochs=3 --label-smoothing=0.1 --dropout=0.1 --output-dir=out/fra-eng
  moru train gpt:stories --data=stories.txt --tokenizer=bpe --seq-len=128 --batch-size=16 --output-dir=out/stories
  moru train gru_lm --model=libgru_lm.so --data=book.txt
)";

namespace {

class TrainCommand : public Command {
public:
  TrainCommand()
      : Command("train", "Train a model on a text or on pairs of texts", kExamples), plugins(sub), target(sub),
        optimizer(sub) {}
  Error run() override;

private:
  Expected<TrainOptions> options();
  void apply(TrainOptions &options) const;
  void print(const TrainResult &result, const TrainOptions &options) const;

  PluginOptions plugins;
  TargetOptions target;
  OptimizerFlags optimizer;
  cl::opt<std::string> model{cl::Positional, cl::desc("<model>"), cl::sub(sub)};
  cl::opt<std::string> data{"data",
                            cl::desc("Text to train on (UTF-8); pairs: lines `source TAB target`, or SOURCE,TARGET"),
                            cl::value_desc("file"), cl::sub(sub)};
  cl::opt<std::string> valid{"valid", cl::desc("Held-out text (default: the last tenth of --data)"),
                             cl::value_desc("file"), cl::sub(sub)};
  cl::opt<double> trainPart{"train-part", cl::desc("Share of --data that trains (default: 0.9)"), cl::sub(sub)};
  cl::opt<bool> sentences{"sentences", cl::desc("One sentence per line, each from <SOS> to <EOS>"), cl::sub(sub)};
  cl::opt<bool> reverse{"reverse", cl::desc("Of pairs: the second text is the source"), cl::sub(sub)};
  cl::opt<long> heldOut{"held-out", cl::desc("Of pairs: the last so many different sources do not train"),
                        cl::sub(sub)};
  cl::opt<long> sizes{"sizes", cl::desc("Of pairs: most sizes of batches, from short to long (default: 4)"),
                      cl::sub(sub)};
  cl::opt<double> dropout{"dropout", cl::desc("Share of entries that layers leave out (default: 0)"), cl::sub(sub)};
  cl::opt<double> labelSmoothing{"label-smoothing", cl::desc("The same as --set smoothing="), cl::sub(sub)};
  cl::opt<std::string> tokenizer{"tokenizer",
                                 cl::desc("word (default), char, space, bpe, or a tokenizer's file or folder"),
                                 cl::value_desc("name"), cl::sub(sub)};
  cl::list<std::string> settings{"set", cl::desc("Set a key of the model's configuration"), cl::value_desc("key=value"),
                                 cl::sub(sub)};
  cl::opt<long> batchSize{"batch-size", cl::desc("Sequences of a batch (default: 32)"), cl::sub(sub)};
  cl::opt<long> accumulate{"accumulate", cl::desc("Batches of a step, which takes their mean gradient (default: 1)"),
                           cl::sub(sub)};
  cl::opt<long> seqLen{"seq-len", cl::desc("Ids of a sequence (default: 10, or the longest sentence)"), cl::sub(sub)};
  cl::opt<long> epochs{"epochs", cl::desc("Times through the data (default: 1)"), cl::sub(sub)};
  cl::opt<long> maxSteps{"max-steps", cl::desc("Steps in all, instead of epochs"), cl::sub(sub)};
  cl::opt<unsigned long> seed{"seed", cl::desc("Key of all random numbers (default: 1)"), cl::sub(sub)};
  cl::opt<std::string> outputDir{"output-dir", cl::desc("Checkpoints and metrics (default: out/<model>)"),
                                 cl::value_desc("folder"), cl::sub(sub)};
  cl::opt<bool> resume{"resume", cl::desc("Go on from the newest checkpoint, if there is one"), cl::sub(sub)};
  cl::opt<long> saveEvery{"save-every", cl::desc("Steps between checkpoints (default: about 30 s)"), cl::sub(sub)};
  cl::opt<long> keep{"keep", cl::desc("Checkpoints to keep (default: 3)"), cl::sub(sub)};
  cl::opt<long> samples{"samples", cl::desc("Texts of the trained model in report.html (default: 0)"), cl::sub(sub)};
  cl::opt<bool> verbose{"verbose", cl::desc("Print a line now and then even without a terminal"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print the result as JSON"), cl::sub(sub)};
};

} // namespace

void TrainCommand::apply(TrainOptions &options) const {
  applyIfGiven(model, options.model);
  if (!settings.empty())
    options.settings.assign(settings.begin(), settings.end());
  if (labelSmoothing.getNumOccurrences())
    options.settings.push_back("smoothing=" + formatNumber(labelSmoothing, 17));
  applyIfGiven(reverse, options.reverse);
  applyIfGiven(heldOut, options.heldOut);
  applyIfGiven(sizes, options.sizes);
  applyIfGiven(dropout, options.dropout);
  applyIfGiven(data, options.data);
  applyIfGiven(sentences, options.sentences);
  applyIfGiven(tokenizer, options.tokenizer);
  applyIfGiven(trainPart, options.trainPart);
  applyIfGiven(batchSize, options.batchSize);
  applyIfGiven(accumulate, options.accumulate);
  applyIfGiven(seqLen, options.sequenceLength);
  applyIfGiven(seed, options.seed);
  optimizer.apply(options.optimizer);
  applyIfGiven(valid, options.valid);
  applyIfGiven(epochs, options.epochs);
  applyIfGiven(maxSteps, options.maxSteps);
  applyIfGiven(resume, options.resume);
  applyIfGiven(saveEvery, options.saveEvery);
  applyIfGiven(keep, options.keep);
}

/// What the command line says; with --resume, what it leaves open is as the run began.
Expected<TrainOptions> TrainCommand::options() {
  TrainOptions options;
  std::string folder = outputDir.empty() ? "out/" + model.getValue() : outputDir.getValue();
  if (resume && sys::fs::exists(folder + "/latest")) {
    Expected<Checkpoint> checkpoint = loadCheckpoint(folder, /*withOptimizer=*/false);
    if (!checkpoint)
      return checkpoint.takeError();
    if (Error error = readRecordedOptions(checkpoint->state.extra, checkpoint->path).moveInto(options))
      return error;
  }
  apply(options);
  options.outputFolder = folder;
  if (options.model.empty())
    return makeError("expected the name of a model, got none: moru train lstm_lm --data=text.txt");
  return options;
}

void TrainCommand::print(const TrainResult &result, const TrainOptions &options) const {
  if (json)
    return printJsonLine(outs(), result.toObject());
  outs() << formatv("{0} {1} of {2} steps in {3}, {4} tokens/s, loss {5:F4}\n",
                    result.finished ? "done:" : "stopped:", result.step, result.facts.steps,
                    formatDuration(result.seconds),
                    formatCount(int64_t(double(result.trainedTokens) / std::max(result.seconds, 1e-9))), result.loss);
  outs() << "saved: " << result.checkpoint << "\n";
  if (!result.finished)
    outs() << "go on: the same command with --resume\n";
}

Error TrainCommand::run() {
  if (Error error = plugins.load())
    return error;
  Expected<CompileOptions> compileOptions = target.get();
  if (!compileOptions)
    return compileOptions.takeError();
  Expected<TrainOptions> trainOptions = options();
  if (!trainOptions)
    return trainOptions.takeError();
  TrainWatcher watcher(verbose, json);
  Expected<TrainResult> result = train(*trainOptions, *compileOptions, watcher);
  watcher.clear();
  if (!result)
    return result.takeError();
  Expected<std::vector<ReportSample>> texts = drawSamples(result->checkpoint, *trainOptions, samples, *compileOptions);
  if (!texts)
    return texts.takeError();
  if (Error error = writeTrainingReport(trainOptions->outputFolder, result->facts, *texts))
    return error;
  print(*result, *trainOptions);
  return result->finished ? Error::success() : Error(make_error<SilentFailure>());
}

std::unique_ptr<Command> makeTrainCommand() { return std::make_unique<TrainCommand>(); }

} // namespace moru
