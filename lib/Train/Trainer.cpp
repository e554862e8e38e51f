// The training loop.

#include "moru/Train/Trainer.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Support/Clock.h"
#include "moru/Support/Files.h"
#include "moru/Support/FolderLock.h"
#include "moru/Support/Format.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/Metrics.h"
#include "moru/Train/TrainingData.h"
#include "moru/Train/TrainingReport.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <utility>

using namespace llvm;

namespace moru {

TrainObserver::~TrainObserver() = default;

/// From one checkpoint to the next where no number of steps is given: little is lost, and writing takes no time worth
/// mentioning.
static constexpr double kSaveSeconds = 30;

json::Object TrainResult::toObject() const {
  json::Object object{{"model", facts.model},
                      {"parameters", facts.parameters},
                      {"vocabulary", facts.vocabulary},
                      {"train_tokens", facts.trainTokens},
                      {"valid_tokens", facts.validTokens},
                      {"crc_train", facts.trainChecksum},
                      {"crc_valid", facts.validChecksum},
                      {"steps", step},
                      {"finished", finished},
                      {"loss", toJsonNumber(loss)},
                      {"tokens_per_s", seconds > 0 ? double(trainedTokens) / seconds : 0},
                      {"train_s", seconds},
                      {"compile_s", facts.compileSeconds},
                      {"checkpoint", checkpoint}};
  if (validation.predictions) {
    object["valid_nats_per_token"] = toJsonNumber(validation.natsPerToken());
    object["valid_perplexity"] = toJsonNumber(validation.perplexity());
    object["valid_predictions"] = validation.predictions;
  }
  return object;
}

namespace {

class Trainer {
public:
  Trainer(const TrainOptions &options, const CompileOptions &compileOptions, TrainObserver &observer)
      : options(options), compileOptions(compileOptions), observer(observer) {}

  Error prepare();
  Error run();
  TrainResult take() { return std::move(result); }

private:
  Error findCheckpoint();
  Error readData();
  Error giveVocabulary(const DataNeeds &needs);
  Expected<LoadedModel> createModel(const optim::Optimizer &optimizer);
  Error compileModel();
  Error fillModel();
  void collectFacts();
  Error step();
  Expected<Outputs> runBatch(StringRef function, StepReport &report);
  Error afterStep();
  Error findBest();
  Error validate();
  Error keepBest();
  Error save();
  bool isSaveDue() const;
  Error flush();
  Executable &executable() { return *model->executable; }

  TrainOptions options;
  const CompileOptions &compileOptions;
  TrainObserver &observer;
  std::optional<FolderLock> lock;
  ModelDescription description;
  std::optional<Checkpoint> start;
  TrainingData data;
  std::optional<LoadedModel> model;
  /// What is a function of the options, and what is not.
  std::optional<MetricsFile> metrics, times;
  TrainState state;
  int64_t steps = 0, savedStep = -1, validatedStep = -1;
  /// Of the step that was done last.
  int64_t epoch = 0;
  /// The least loss on held-out text so far, and whether that is the last one.
  double bestNats = INFINITY;
  bool isBest = false;
  Clock::time_point savedAt;
  TrainResult result;
};

} // namespace

//===----------------------------------------------------------------------===//
// Before the first step
//===----------------------------------------------------------------------===//

Error Trainer::findCheckpoint() {
  bool exists = sys::fs::exists(options.outputFolder + "/latest");
  if (exists && !options.resume)
    return makeError(options.outputFolder + ": holds a training run already; continue it with --resume, or choose "
                                            "another --output-dir");
  if (!exists)
    return Error::success();
  Expected<Checkpoint> loaded = loadCheckpoint(options.outputFolder);
  if (!loaded)
    return loaded.takeError();
  start = std::move(*loaded);
  Expected<TrainOptions> recorded = readRecordedOptions(start->state.extra, start->path);
  if (!recorded)
    return recorded.takeError();
  // The schedule's end belongs to the run, however much longer it goes on.
  options.optimizer.steps = recorded->optimizer.steps;
  return checkSameRun(options, *recorded, start->path);
}

/// Reads the texts and gives the model as many ids as they have.
Error Trainer::readData() {
  Expected<ModelDescription> named = ModelDescription::create(options.model, options.settings);
  if (!named)
    return named.takeError();
  description = std::move(*named);
  ModelDescription probe = description;
  Expected<std::unique_ptr<Model>> preview = probe.make();
  if (!preview)
    return preview.takeError();
  DataNeeds needs = needsOf(**preview);
  if (start) {
    needs.tokenizer = start->tokenizer;
    needs.targetTokenizer = start->targetTokenizer;
  }
  if (Error error = readTrainingData(options, needs).moveInto(data))
    return error;
  return giveVocabulary(needs);
}

/// Sets the keys of the model that are the sizes of its vocabularies.
Error Trainer::giveVocabulary(const DataNeeds &needs) {
  auto give = [&](StringRef key, int64_t size, size_t asked) -> Error {
    if (size > int64_t(asked) && (description.config.has(key.str()) || description.config.has("V")))
      return makeError("--set " + key + "=" + Twine(asked) + ": expected at least the " + Twine(size) +
                       " ids of the tokenizer; leave " + key + " out and it is " + Twine(size));
    description.config.set(key.str(), Config::Value(size));
    return Error::success();
  };
  if (needs.kind == ModelKind::LanguageModel)
    return give("V", data.tokenizer->size(), needs.vocabulary);
  if (Error error = give("Vs", data.tokenizer->size(), needs.sourceVocabulary))
    return error;
  return give("Vt", data.targetTokenizer->size(), needs.vocabulary);
}

Expected<LoadedModel> Trainer::createModel(const optim::Optimizer &optimizer) {
  std::vector<std::string> functions = {"train_step"};
  if (options.accumulate > 1)
    functions.push_back("accumulate_step");
  if (data.canValidate())
    functions.push_back("eval_step");
  if (!data.pairs) {
    LanguageModelOptions build;
    build.batch = options.batchSize;
    build.time = data.sequenceLength();
    build.evalBatch = 1;
    build.evalTime = evalTimeOf(description, build.time);
    build.optimizer = optimizer;
    build.functions = std::move(functions);
    build.dropout = options.dropout;
    return LoadedModel::create(description, build, compileOptions);
  }
  EncoderDecoderOptions build;
  build.batch = options.batchSize;
  for (const PairLengths &size : data.pairs->sizes())
    build.sizes.push_back({size.source, size.target});
  build.sourceTime = build.sizes.back().source;
  build.time = build.sizes.back().target;
  build.sizes.pop_back();
  PairLengths longest = data.longestPair();
  build.evalSize = {longest.source, longest.target};
  build.optimizer = optimizer;
  build.functions = std::move(functions);
  build.dropout = options.dropout;
  return LoadedModel::create(description, build, compileOptions);
}

Error Trainer::compileModel() {
  int64_t batches = options.epochs * data.stepsPerEpoch();
  steps = options.maxSteps ? options.maxSteps : (batches + options.accumulate - 1) / options.accumulate;
  // Only these schedules know an end.
  if (!start)
    options.optimizer.steps = is_contained({"linear", "cosine"}, StringRef(options.optimizer.schedule)) ? steps : 0;
  Expected<optim::Optimizer> optimizer = makeOptimizer(options.optimizer);
  if (!optimizer)
    return optimizer.takeError();
  optimizer->accumulate = options.accumulate;
  Clock::time_point begin = Clock::now();
  Expected<LoadedModel> compiled = createModel(*optimizer);
  if (!compiled)
    return compiled.takeError();
  model = std::move(*compiled);
  result.facts.compileSeconds = secondsSince(begin);
  return Error::success();
}

/// The values that the run begins with: drawn, or those of the checkpoint.
Error Trainer::fillModel() {
  if (!start) {
    state.seed = options.seed;
    if (executable().find(kRandomKey))
      (void)executable().set(kRandomKey, HostTensor::scalar(int64_t(options.seed)));
    return setParameters(executable(), model->model->initialValues(options.seed), "initial values");
  }
  if (start->state.extra.getString("crc_train") != StringRef(data.trainChecksum))
    return makeError(options.data + ": expected the text that the run in " + start->path +
                     " began with, its ids are others; give the same file, or begin a new run in another --output-dir");
  if (Error error = setParameters(executable(), start->model, start->path + "/model.safetensors"))
    return error;
  if (Error error = setTrainingState(executable(), start->optimizer, start->path + "/optimizer.safetensors"))
    return error;
  state = std::move(start->state);
  savedStep = state.step;
  return data.restore(state.position);
}

void Trainer::collectFacts() {
  TrainFacts &facts = result.facts;
  facts.model = options.model;
  for (const TensorRef &parameter : parametersOf(executable()))
    facts.parameters += parameter.tensor->numElements();
  facts.vocabulary = (data.targetTokenizer ? data.targetTokenizer : data.tokenizer)->size();
  facts.trainTokens = data.trainTokens;
  facts.validTokens = data.validTokens;
  facts.trainChecksum = data.trainChecksum;
  facts.validChecksum = data.validChecksum;
  facts.batchSize = options.batchSize;
  facts.sequenceLength = data.sequenceLength();
  facts.stepsPerEpoch = data.stepsPerEpoch();
  facts.steps = steps;
  facts.firstStep = state.step;
  if (start) {
    facts.warnings = start->warnings;
    result.checkpoint = start->path;
  }
}

static Error checkCounts(const TrainOptions &options) {
  auto check = [](StringRef flag, int64_t value, int64_t least) {
    return value >= least ? Error::success()
                          : makeError(flag + ": expected a number from " + Twine(least) + " on, got " + Twine(value));
  };
  if (Error error = check("--batch-size", options.batchSize, 1))
    return error;
  if (Error error = check("--seq-len", options.sequenceLength, 0))
    return error;
  if (Error error = check("--epochs", options.epochs, 1))
    return error;
  if (Error error = check("--max-steps", options.maxSteps, 0))
    return error;
  if (Error error = check("--accumulate", options.accumulate, 1))
    return error;
  if (Error error = check("--save-every", options.saveEvery, 0))
    return error;
  if (Error error = check("--held-out", options.heldOut, 0))
    return error;
  if (Error error = check("--sizes", options.sizes, 1))
    return error;
  if (!(options.dropout >= 0 && options.dropout < 1))
    return makeError("--dropout: expected a share from 0 on and below 1, got " + formatNumber(options.dropout));
  if (options.trainPart > 0 && options.trainPart <= 1)
    return check("--keep", options.keep, 1);
  return makeError("--train-part: expected a share of more than 0 and at most 1, got " +
                   formatNumber(options.trainPart));
}

Error Trainer::prepare() {
  if (Error error = checkCounts(options))
    return error;
  // The end of its schedule follows from the data; all else can be wrong before that is read.
  OptimizerOptions endless = options.optimizer;
  endless.steps = endless.warmup + 1;
  if (Error error = makeOptimizer(endless).takeError())
    return error;
  Expected<FolderLock> locked = FolderLock::acquire(options.outputFolder);
  if (!locked)
    return locked.takeError();
  lock.emplace(std::move(*locked));
  if (Error error = findCheckpoint())
    return error;
  if (Error error = readData())
    return error;
  if (Error error = compileModel())
    return error;
  if (Error error = fillModel())
    return error;
  Expected<MetricsFile> file = MetricsFile::open(options.outputFolder + "/metrics.jsonl", state.step);
  if (!file)
    return file.takeError();
  metrics = std::move(*file);
  Expected<MetricsFile> clock = MetricsFile::open(options.outputFolder + "/times.jsonl", state.step);
  if (!clock)
    return clock.takeError();
  times = std::move(*clock);
  if (start)
    if (Error error = findBest())
      return error;
  state.extra = json::Object{{"options", options.toObject()}, {"crc_train", data.trainChecksum}};
  collectFacts();
  start.reset();
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// One batch through `train_step` or `accumulate_step`.
Expected<Outputs> Trainer::runBatch(StringRef function, StepReport &report) {
  TrainingStep next = data.next();
  if (next.resetsState)
    clearState(executable(), kTrainState);
  Clock::time_point begin = Clock::now();
  Outputs outputs = executable().run((function + next.size).str(), next.inputs);
  if (!outputs)
    return makeError(outputs.message());
  result.seconds += secondsSince(begin);
  result.trainedTokens += next.predictions;
  report.predictions += next.predictions;
  report.loss += outputs.scalar("loss") / double(options.accumulate);
  return outputs;
}

Error Trainer::step() {
  epoch = data.position().epoch;
  double before = result.seconds;
  StepReport report{.step = state.step + 1, .epoch = epoch + 1};
  for (int64_t batch = 1; batch < options.accumulate; ++batch)
    if (Error error = runBatch("accumulate_step", report).takeError())
      return error;
  Expected<Outputs> outputs = runBatch("train_step", report);
  if (!outputs)
    return outputs.takeError();
  ++state.step;
  report.gradientNorm = outputs->scalar("grad_norm");
  result.loss = report.loss;
  metrics->add(json::Object{{"step", report.step},
                            {"epoch", report.epoch},
                            {"loss", toJsonNumber(report.loss)},
                            {"grad_norm", toJsonNumber(report.gradientNorm)},
                            {"learning_rate", learningRateAt(options.optimizer, report.step)},
                            {"predictions", report.predictions}});
  times->add(json::Object{{"step", report.step}, {"seconds", result.seconds - before}});
  observer.stepDone(report);
  if (std::isfinite(report.loss))
    return Error::success();
  return makeError("step " + Twine(report.step) + ": the loss is no longer a number; lower --learning-rate, or bound " +
                   "the gradients with --clip=1. Checkpoints in " + options.outputFolder + " are as they were");
}

Error Trainer::validate() {
  validatedStep = state.step;
  Expected<Evaluation> evaluation = data.validate(executable(), [](const Evaluation &) {});
  if (!evaluation)
    return evaluation.takeError();
  result.validation = *evaluation;
  observer.validated(state.step, *evaluation);
  isBest = evaluation->natsPerToken() < bestNats;
  bestNats = std::min(bestNats, evaluation->natsPerToken());
  // A checkpoint of this step has the line already.
  if (savedStep == state.step)
    return Error::success();
  json::Object line{{"step", state.step}};
  for (auto &[key, value] : evaluation->toObject())
    line["valid_" + key.str()] = std::move(value);
  metrics->add(std::move(line));
  return Error::success();
}

/// Of a run that goes on: how good the best checkpoint is.
Error Trainer::findBest() {
  std::optional<int64_t> step = bestCheckpointStep(options.outputFolder);
  if (!step)
    return Error::success();
  Expected<RunHistory> history = RunHistory::read(options.outputFolder);
  if (!history)
    return history.takeError();
  for (const RunHistory::Validation &one : history->validations)
    if (int64_t(one.step) == *step)
      bestNats = one.nats;
  return Error::success();
}

/// A checkpoint for the best state so far, and the link to it.
Error Trainer::keepBest() {
  if (!std::exchange(isBest, false))
    return Error::success();
  if (savedStep != state.step)
    if (Error error = save())
      return error;
  return markBestCheckpoint(options.outputFolder, state.step);
}

Error Trainer::flush() {
  if (Error error = metrics->flush())
    return error;
  return times->flush();
}

Error Trainer::save() {
  state.position = data.position();
  if (Error error = flush())
    return error;
  json::Object config = model->description.toConfig();
  CheckpointRef checkpoint;
  checkpoint.config = &config;
  checkpoint.model = parametersOf(executable());
  checkpoint.optimizer = trainingStateOf(executable());
  checkpoint.state = &state;
  checkpoint.tokenizer = data.tokenizer.get();
  checkpoint.targetTokenizer = data.targetTokenizer.get();
  if (Error error = saveCheckpoint(options.outputFolder, checkpoint).moveInto(result.checkpoint))
    return error;
  savedStep = state.step;
  savedAt = Clock::now();
  observer.saved(result.checkpoint);
  return removeOldCheckpoints(options.outputFolder, size_t(options.keep));
}

bool Trainer::isSaveDue() const {
  return options.saveEvery ? state.step % options.saveEvery == 0 : secondsSince(savedAt) > kSaveSeconds;
}

Error Trainer::afterStep() {
  bool epochEnds = data.position().epoch > epoch;
  // Before saving, so that the line of the validation is as durable as the checkpoint.
  if ((epochEnds || state.step == steps) && data.canValidate())
    if (Error error = validate())
      return error;
  if (Error error = keepBest())
    return error;
  return isSaveDue() && savedStep != state.step ? save() : Error::success();
}

Error Trainer::run() {
  observer.began(result.facts);
  savedAt = Clock::now();
  bool stopped = false;
  while (state.step < steps && !stopped) {
    if (Error error = step())
      return error;
    if (Error error = afterStep())
      return error;
    stopped = observer.shouldStop();
  }
  result.step = state.step;
  result.finished = state.step >= steps;
  if (result.finished && data.canValidate() && validatedStep != state.step)
    if (Error error = validate())
      return error;
  if (Error error = keepBest())
    return error;
  return savedStep == state.step ? flush() : save();
}

Expected<TrainResult> train(const TrainOptions &options, const CompileOptions &compileOptions,
                            TrainObserver &observer) {
  Trainer trainer(options, compileOptions, observer);
  if (Error error = trainer.prepare())
    return error;
  if (Error error = trainer.run())
    return error;
  return trainer.take();
}

} // namespace moru
