// Options that several subcommands take.

#include "Options.h"

#include "moru/DSL/Model.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

PluginOptions::PluginOptions(cl::SubCommand &sub)
    : libraries("model", cl::desc("Also know the models that a plug-in registers"), cl::value_desc("libmine.so"),
                cl::sub(sub)) {}

Error PluginOptions::load() const {
  for (const std::string &library : libraries)
    if (Result<void> loaded = loadModelPlugin(library); !loaded)
      return makeError("--model: " + loaded.message());
  return Error::success();
}

TargetOptions::TargetOptions(cl::SubCommand &sub)
    : cpu("cpu", cl::desc("Instruction set: native, x86-64-v3, x86-64-v4, each with features after a plus"),
          cl::value_desc("name[+features]"), cl::init("native"), cl::sub(sub)),
      precision(
          "precision",
          cl::desc("f32, f32x6 (as accurate, on matrix units where that is faster), f32x3 (errors of 4e-6) or bf16 "
                   "(operands rounded)"),
          cl::value_desc("name"), cl::init("f32"), cl::sub(sub)),
      threads("threads", cl::desc("Threads; 0: one for each CPU. Never changes a result"), cl::init(0), cl::sub(sub)),
      residuals("residuals", cl::desc("keep or recompute: what loops keep for their gradient"),
                cl::value_desc("policy"), cl::init("keep"), cl::sub(sub)),
      memoryBudget("memory-budget",
                   cl::desc("Bytes for what loops keep for their gradient; what does not fit is computed again"),
                   cl::value_desc("bytes, or a number with K, M or G"), cl::sub(sub)),
      check("check", cl::desc("each: run the program after every pass and compare it with the Reference"),
            cl::value_desc("each"), cl::sub(sub)),
      dumpStages("dump-stages", cl::desc("Write a file for each stage into a folder"), cl::value_desc("folder"),
                 cl::sub(sub)) {}

/// `4096`, `64K`, `1M`, `2G`: bytes; nothing where the text is none of these.
static std::optional<int64_t> parseBytes(StringRef text) {
  unsigned shift = StringSwitch<unsigned>(text.take_back()).Case("K", 10).Case("M", 20).Case("G", 30).Default(0);
  int64_t number = 0;
  if ((shift ? text.drop_back() : text).getAsInteger(10, number) || number < 1 || number > (INT64_MAX >> shift))
    return std::nullopt;
  return number << shift;
}

Expected<CompileOptions> TargetOptions::get() const {
  CompileOptions options;
  Result<Target> target = Target::parse(cpu.getValue());
  if (!target)
    return makeError("--cpu: " + target.message());
  options.target = target.take();
  std::optional<Precision> parsed = parsePrecision(precision.getValue());
  if (!parsed)
    return makeError("--precision: expected f32, f32x6, f32x3 or bf16, got \"" + precision + "\"");
  options.precision = *parsed;
  if (threads < 0 || threads > 1024)
    return makeError("--threads: expected a number from 0 to 1024, got " + Twine(threads));
  options.threads = threads;
  if (residuals != "keep" && residuals != "recompute")
    return makeError("--residuals: expected keep or recompute, got \"" + residuals + "\"");
  options.recompute = residuals == "recompute";
  if (memoryBudget.getNumOccurrences()) {
    std::optional<int64_t> bytes = parseBytes(memoryBudget);
    if (!bytes)
      return makeError("--memory-budget: expected bytes from 1 on, with or without K, M or G, got \"" + memoryBudget +
                       "\"");
    options.memoryBudget = *bytes;
  }
  if (!check.empty() && check != "each")
    return makeError("--check: expected each, got \"" + check + "\"");
  options.checkEach = check == "each";
  if (options.checkEach && options.precision == Precision::F32x3)
    return makeError(
        "--check=each: expected --precision=f32, f32x6 or bf16, whose errors the check has bounds for, got f32x3");
  options.dumpStages = dumpStages;
  return options;
}

OptimizerFlags::OptimizerFlags(cl::SubCommand &sub)
    : kind("optimizer", cl::desc("sgd, momentum, adam or adamw (default: adam)"), cl::value_desc("name"), cl::sub(sub)),
      learningRate("learning-rate", cl::desc("Default: 0.001 for adam and adamw, 0.1 for sgd and momentum"),
                   cl::value_desc("rate"), cl::sub(sub)),
      momentum("momentum", cl::desc("Of the optimizer momentum (default: 0.9)"), cl::value_desc("share"), cl::sub(sub)),
      beta1("beta1", cl::desc("Decay of adam's mean of gradients (default: 0.9)"), cl::value_desc("share"),
            cl::sub(sub)),
      beta2("beta2", cl::desc("Decay of adam's mean of their squares (default: 0.999)"), cl::value_desc("share"),
            cl::sub(sub)),
      epsilon("epsilon", cl::desc("What adam adds to its divisor (default: 1e-8)"), cl::value_desc("number"),
              cl::sub(sub)),
      weightDecay("weight-decay", cl::desc("Of adamw, for matrices (default: 0.01)"), cl::value_desc("decay"),
                  cl::sub(sub)),
      clip("clip", cl::desc("Greatest global norm of the gradients; 0: none (default)"), cl::value_desc("norm"),
           cl::sub(sub)),
      schedule("schedule", cl::desc("constant (default), linear, cosine or inverse_sqrt"), cl::value_desc("name"),
               cl::sub(sub)),
      warmup("warmup", cl::desc("Steps over which the learning rate grows from 0"), cl::value_desc("steps"),
             cl::sub(sub)) {}

void OptimizerFlags::apply(OptimizerOptions &options) const {
  applyIfGiven(kind, options.kind);
  applyIfGiven(learningRate, options.learningRate);
  applyIfGiven(momentum, options.momentum);
  applyIfGiven(beta1, options.beta1);
  applyIfGiven(beta2, options.beta2);
  applyIfGiven(epsilon, options.epsilon);
  applyIfGiven(weightDecay, options.weightDecay);
  applyIfGiven(clip, options.clip);
  applyIfGiven(schedule, options.schedule);
  applyIfGiven(warmup, options.warmup);
}

llvm::Expected<Checkpoint> loadForUse(const std::string &path) {
  llvm::Expected<Checkpoint> checkpoint = loadCheckpoint(path, /*withOptimizer=*/false);
  if (!checkpoint)
    return checkpoint.takeError();
  for (const std::string &warning : checkpoint->warnings)
    llvm::errs() << "warning: " << warning << "\n";
  if (!checkpoint->tokenizer)
    return makeError(checkpoint->path + ": expected a tokenizer in the checkpoint, there is none");
  return checkpoint;
}

llvm::Expected<CheckpointInUse> CheckpointInUse::open(const PluginOptions &plugins, const TargetOptions &target,
                                                      const std::string &path) {
  if (llvm::Error error = plugins.load())
    return error;
  llvm::Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  llvm::Expected<Checkpoint> checkpoint = loadForUse(path);
  if (!checkpoint)
    return checkpoint.takeError();
  return CheckpointInUse{std::move(*options), std::move(*checkpoint)};
}

json::Object toObject(StringRef text, const Hypothesis &hypothesis, const Tokenizer &tokenizer) {
  json::Array tokens;
  for (int32_t id : hypothesis.ids)
    tokens.push_back(tokenizer.describe(id));
  return json::Object{{"text", text},
                      {"score", hypothesis.score},
                      {"log_probability", hypothesis.logProbability},
                      {"ended", hypothesis.ended},
                      {"tokens", std::move(tokens)}};
}

Error checkBestCount(int64_t nBest, const SearchOptions &search) {
  if (nBest >= 1 && nBest <= search.beam)
    return Error::success();
  return makeError("--n-best: expected a number from 1 to --beam=" + Twine(search.beam) + ", got " + Twine(nBest));
}

llvm::Expected<PairTokenizers> pairTokenizersOf(const Checkpoint &checkpoint) {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  Expected<std::unique_ptr<Model>> model = description->make(ModelKind::EncoderDecoder);
  if (!model)
    return makeError(checkpoint.path + ": " + toString(model.takeError()) +
                     "; `moru generate` goes on from a text with one of the kind language_model");
  if (!checkpoint.tokenizer || !checkpoint.targetTokenizer)
    return makeError(checkpoint.path + ": expected a tokenizer for each side in the checkpoint, there is none");
  return PairTokenizers{checkpoint.tokenizer, checkpoint.targetTokenizer,
                        static_cast<const EncoderDecoder &>(**model).sourceEnds()};
}

} // namespace moru
