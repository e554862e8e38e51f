// moru generate: text from a checkpoint, as it comes.

#include "Command.h"
#include "Options.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Decode/Generate.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru generate out/first                                   a sentence, from <SOS> to <EOS>
  moru generate out/first --prompt="I love" --temperature=0.7 --seed=3
  moru generate out/first --prompt="I love" --top-probabilities=5
  echo "I love" | moru generate out/first --prompt=-
  moru generate out/first --prompt="I love" --beam=4 --n-best=2 --length-penalty=0.6
)";

namespace {

class GenerateCommand : public Command {
public:
  GenerateCommand() : Command("generate", "Let a checkpoint write", kExamples), plugins(sub), target(sub) {}
  Error run() override;

private:
  Expected<GenerateOptions> options() const;
  SearchOptions search() const { return {.beam = beam, .lengthPenalty = lengthPenalty, .maxTokens = maxTokens}; }
  Error checkBeam() const;
  Error write(Executable &executable, const Tokenizer &tokenizer, const GenerateOptions &options) const;
  Error writeLikeliest(Executable &executable, const Tokenizer &tokenizer, const GenerateOptions &options) const;

  PluginOptions plugins;
  TargetOptions target;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> prompt{"prompt", cl::desc("Text to go on from; -: standard input, without its last line break"),
                              cl::value_desc("text"), cl::sub(sub)};
  cl::opt<long> maxTokens{"max-tokens", cl::desc("Most tokens (default: 100)"), cl::init(100), cl::sub(sub)};
  cl::opt<double> temperature{"temperature", cl::init(1), cl::sub(sub),
                              cl::desc("Below 1: likelier tokens; 0: always the likeliest (default: 1)")};
  cl::opt<long> topK{"top-k", cl::desc("Only the k likeliest tokens; 0: all"), cl::init(0), cl::sub(sub)};
  cl::opt<double> topP{"top-p", cl::init(1), cl::sub(sub),
                       cl::desc("Only the likeliest tokens that reach this probability together (default: 1)")};
  cl::opt<unsigned long> seed{"seed", cl::desc("Key of the random numbers (default: 1)"), cl::init(1), cl::sub(sub)};
  cl::opt<long> topProbabilities{"top-probabilities", cl::init(0), cl::value_desc("n"), cl::sub(sub),
                                 cl::desc("Each token on a line with its n likeliest alternatives")};
  cl::opt<long> beam{"beam", cl::init(0), cl::sub(sub),
                     cl::desc("Instead of drawing tokens: the likeliest texts, of so many kept at each token")};
  cl::opt<long> nBest{"n-best", cl::desc("Texts of a beam (default: 1)"), cl::init(1), cl::sub(sub)};
  cl::opt<double> lengthPenalty{"length-penalty", cl::value_desc("alpha"), cl::init(0), cl::sub(sub),
                                cl::desc("Of a beam: divide the score of n tokens by ((5 + n) / 6)^alpha")};
  cl::opt<bool> json{"json", cl::desc("Print the tokens as JSON"), cl::sub(sub)};
};

} // namespace

Expected<GenerateOptions> GenerateCommand::options() const {
  GenerateOptions options;
  options.sampling = {.temperature = temperature, .topK = topK, .topP = topP, .seed = seed};
  options.prompt = prompt;
  if (prompt == "-") {
    if (Error error = readFile(prompt).moveInto(options.prompt))
      return std::move(error);
    if (StringRef text = options.prompt; text.consume_back("\n"))
      options.prompt.resize(text.rtrim('\r').size());
  }
  options.maxTokens = maxTokens;
  options.alternatives = topProbabilities;
  return options;
}

static json::Object toObject(const GeneratedToken &token, const Tokenizer &tokenizer) {
  auto describe = [&](const Candidate &candidate) {
    return json::Object{
        {"id", candidate.id}, {"token", tokenizer.describe(candidate.id)}, {"probability", candidate.probability}};
  };
  json::Object object = describe(token.choice);
  json::Array alternatives;
  for (const Candidate &candidate : token.alternatives)
    alternatives.push_back(describe(candidate));
  object["alternatives"] = std::move(alternatives);
  return object;
}

/// `love   0.412   love 0.412, like 0.203`
static void printAlternatives(const GeneratedToken &token, const Tokenizer &tokenizer) {
  std::string name = tokenizer.describe(token.choice.id);
  size_t width = displayWidth(name);
  outs() << name << std::string(width < 16 ? 16 - width : 1, ' ') << formatv("{0:F3}   ", token.choice.probability);
  for (auto [index, candidate] : enumerate(token.alternatives))
    outs() << (index ? ", " : "") << tokenizer.describe(candidate.id) << formatv(" {0:F3}", candidate.probability);
  outs() << "\n";
}

Error GenerateCommand::write(Executable &executable, const Tokenizer &tokenizer, const GenerateOptions &options) const {
  std::string text = options.prompt;
  json::Array tokens;
  bool streams = !json && !options.alternatives;
  if (streams)
    outs() << options.prompt;
  Error error = generate(executable, tokenizer, options, [&](const GeneratedToken &token) {
    text += token.text;
    if (json)
      tokens.push_back(toObject(token, tokenizer));
    else if (options.alternatives)
      printAlternatives(token, tokenizer);
    else
      outs() << token.text;
    outs().flush();
  });
  if (error)
    return error;
  if (json)
    printJsonLine(outs(), json::Object{{"text", text},
                                       {"tokens", std::move(tokens)},
                                       {"arena_bytes", executable.signature().arenaBytes()}});
  else if (streams)
    outs() << "\n";
  return Error::success();
}

/// What is drawn and what is searched for do not go together.
Error GenerateCommand::checkBeam() const {
  if (!beam.getNumOccurrences()) {
    if (nBest.getNumOccurrences() || lengthPenalty.getNumOccurrences())
      return makeError("--n-best, --length-penalty: expected --beam with them");
    return Error::success();
  }
  if (temperature.getNumOccurrences() || topK.getNumOccurrences() || topP.getNumOccurrences() ||
      seed.getNumOccurrences() || topProbabilities.getNumOccurrences())
    return makeError("--beam: takes the likeliest texts, expected it without --temperature, --top-k, --top-p, --seed "
                     "and --top-probabilities");
  if (Error error = checkSearch(search()))
    return error;
  return checkBestCount(nBest, search());
}

Error GenerateCommand::writeLikeliest(Executable &executable, const Tokenizer &tokenizer,
                                      const GenerateOptions &options) const {
  Expected<std::vector<GeneratedText>> texts = generateLikeliest(executable, tokenizer, options, search());
  if (!texts)
    return texts.takeError();
  json::Array outputs;
  for (const GeneratedText &one : ArrayRef(*texts).take_front(std::min(texts->size(), size_t(nBest))))
    if (json)
      outputs.push_back(toObject(one.text, one.hypothesis, tokenizer));
    else
      outs() << one.text << "\n";
  if (json)
    printJsonLine(outs(), json::Object{{"outputs", std::move(outputs)}});
  return Error::success();
}

Error GenerateCommand::run() {
  if (Error error = checkBeam())
    return error;
  Expected<CheckpointInUse> used = CheckpointInUse::open(plugins, target, checkpoint);
  if (!used)
    return used.takeError();
  LanguageModelOptions build;
  build.functions = {"decode_step"};
  build.decodeBatch = std::max<int64_t>(beam, 1);
  Expected<LoadedModel> model = LoadedModel::load(used->checkpoint, build, used->options);
  if (!model)
    return model.takeError();
  Expected<GenerateOptions> generation = options();
  if (!generation)
    return generation.takeError();
  generation->positions = model->model->positions();
  if (beam.getNumOccurrences())
    return writeLikeliest(*model->executable, *used->checkpoint.tokenizer, *generation);
  return write(*model->executable, *used->checkpoint.tokenizer, *generation);
}

std::unique_ptr<Command> makeGenerateCommand() { return std::make_unique<GenerateCommand>(); }

} // namespace moru
