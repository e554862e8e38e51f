// moru compile: a model or a module, taken to a stage and written.

#include "Command.h"
#include "Options.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/DSL/Model.h"
#include "moru/DSL/ProgramModule.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru compile lstm_lm --emit=simplified                      what is differentiated and simplified, to read
  moru compile lstm_lm --functions=train_step --emit=plan     kernels and their memory
  moru compile lstm_lm --set V=53 --emit=graph -o lstm.mlir   a module that can be compiled without the model
  moru compile gpt:gpt-nano --functions=logits --seq-len=64   a preset: some keys of the configuration under a name
  moru compile lstm.mlir --emit=obj -o lstm.o --cpu=x86-64-v3
)";

namespace {

class CompileCommand : public Command {
public:
  CompileCommand()
      : Command("compile", "Take a model or a module to a stage and write it", kExamples), plugins(sub), target(sub),
        optimizer(sub) {}
  Error run() override;

private:
  /// The options that both kinds of model have.
  template <typename Options> Error fill(Options &build);
  Expected<Program> build(const Model &model);
  Expected<std::string> compileModel(Emit emit, const CompileOptions &options);
  Expected<std::string> compileFile(Emit emit, const CompileOptions &options);

  PluginOptions plugins;
  TargetOptions target;
  OptimizerFlags optimizer;
  cl::opt<std::string> model{cl::Positional, cl::Required, cl::desc("<model or file.mlir>"), cl::sub(sub)};
  cl::opt<std::string> emit{"emit",
                            cl::desc("graph (default), gradient, simplified, kernels, plan, loops, llvm, asm or obj"),
                            cl::value_desc("stage"), cl::init("graph"), cl::sub(sub)};
  cl::opt<std::string> output{"o", cl::desc("Where to (default: standard output)"), cl::value_desc("file"),
                              cl::init("-"), cl::sub(sub)};
  cl::list<std::string> functions{
      "functions", cl::CommaSeparated, cl::value_desc("names"), cl::sub(sub),
      cl::desc("Of train_step, loss, logits, eval_step, decode_step, and encode of an encoder "
               "and decoder (default: train_step)")};
  cl::list<std::string> settings{"set", cl::desc("Set a key of the model's configuration"), cl::value_desc("key=value"),
                                 cl::sub(sub)};
  cl::opt<long> batchSize{"batch-size", cl::desc("Sequences of a batch"), cl::init(32), cl::sub(sub)};
  cl::opt<long> seqLen{"seq-len", cl::desc("Ids of a sequence"), cl::init(10), cl::sub(sub)};
  cl::opt<std::string> machine{"target", cl::desc("cpu"), cl::init("cpu"), cl::sub(sub)};
  cl::opt<bool> locations{"locations", cl::desc("Print source lines behind operations"), cl::sub(sub)};
};

} // namespace

Expected<std::string> CompileCommand::compileFile(Emit stage, const CompileOptions &options) {
  if (!functions.empty() || !settings.empty())
    return makeError("--functions, --set: are for models; " + model + " is a module already");
  Expected<std::unique_ptr<ModuleFile>> file = ModuleFile::read(model);
  if (!file)
    return file.takeError();
  return emitModule(*(*file)->module, stage, options, locations);
}

template <typename Options> Error CompileCommand::fill(Options &build) {
  build.batch = batchSize;
  build.time = seqLen;
  const std::vector<std::string> known = build.functions;
  build.functions = {"train_step"};
  for (const std::string &function : functions)
    if (!is_contained(known, function))
      return makeError("--functions: expected some of " + join(known, ", ") + ", got \"" + function + "\"");
  if (!functions.empty())
    build.functions.assign(functions.begin(), functions.end());
  OptimizerOptions words;
  // A schedule needs an end; the step itself does not know the text.
  words.steps = 1000;
  optimizer.apply(words);
  return makeOptimizer(words).moveInto(build.optimizer);
}

Expected<Program> CompileCommand::build(const Model &model) {
  LanguageModelOptions language;
  EncoderDecoderOptions pairs;
  if (Error error = model.kind() == ModelKind::LanguageModel ? fill(language) : fill(pairs))
    return std::move(error);
  pairs.sourceTime = pairs.decodeTime = seqLen;
  pairs.decodeBatch = batchSize;
  return buildProgram(model, language, pairs);
}

Expected<std::string> CompileCommand::compileModel(Emit stage, const CompileOptions &options) {
  if (batchSize < 1 || seqLen < 1)
    return makeError("--batch-size, --seq-len: expected numbers from 1 on, got " + Twine(batchSize) + " and " +
                     Twine(seqLen));
  Expected<ModelDescription> description = ModelDescription::create(model, settings);
  if (!description)
    return description.takeError();
  Expected<std::unique_ptr<Model>> made = description->make();
  if (!made)
    return made.takeError();
  Expected<Program> built = build(**made);
  if (!built)
    return built.takeError();
  Program program = std::move(*built);
  if (!program.ok())
    return makeError(StringRef(program.errorText()).rtrim());
  return emitModule(moduleOf(program), stage, options, locations);
}

Error CompileCommand::run() {
  std::optional<Emit> stage = parseEmit(emit);
  if (!stage)
    return makeError("--emit: expected one of " + emitNames() + ", got \"" + emit + "\"");
  if (machine != "cpu")
    return makeError("--target: expected cpu, got \"" + machine + "\"");
  if (Error error = plugins.load())
    return error;
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  bool isFile = StringRef(model).ends_with(".mlir") || model == "-";
  Expected<std::string> text = isFile ? compileFile(*stage, *options) : compileModel(*stage, *options);
  if (!text)
    return text.takeError();
  return writeFile(output, *text);
}

std::unique_ptr<Command> makeCompileCommand() { return std::make_unique<CompileCommand>(); }

} // namespace moru
