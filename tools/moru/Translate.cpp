// moru translate: lines through an encoder and decoder.

#include "Command.h"
#include "Options.h"
#include "SearchFlags.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Decode/Translate.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <fstream>
#include <iostream>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
Reads the lines of a file, or of standard input (-, or none), and writes one for each as it is done, an empty one for an empty one. With --n-best
each line gives as many lines.

EXAMPLES:

  echo "merci !" | moru translate out/fra-eng --beam=4 --length-penalty=0.6
  moru translate out/fra-eng sentences.txt --beam=4 --n-best=4 --scores
)";

namespace {

class TranslateCommand : public Command {
public:
  TranslateCommand()
      : Command("translate", "Translate lines by a checkpoint", kExamples), plugins(sub), target(sub), search(sub) {}
  Error run() override;

private:
  void print(StringRef source, ArrayRef<Translation> translations, const Tokenizer &tokenizer) const;
  Error translateLines(std::istream &lines, Translator &translator, const Tokenizer &tokenizer) const;

  PluginOptions plugins;
  TargetOptions target;
  SearchFlags search;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> file{cl::Positional, cl::desc("[file]"), cl::init("-"), cl::sub(sub)};
  cl::opt<long> nBest{"n-best", cl::desc("Outputs for each line (default: 1)"), cl::init(1), cl::sub(sub)};
  cl::opt<bool> scores{"scores", cl::desc("Each output after its score and log-probability"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print an object for each line"), cl::sub(sub)};
};

} // namespace

void TranslateCommand::print(StringRef source, ArrayRef<Translation> translations, const Tokenizer &tokenizer) const {
  ArrayRef<Translation> shown = translations.take_front(std::min(translations.size(), size_t(nBest)));
  if (!json) {
    for (const Translation &one : shown) {
      if (scores)
        outs() << formatv("{0:F5}\t{1:F5}\t", one.hypothesis.score, one.hypothesis.logProbability);
      outs() << one.text << "\n";
    }
    outs().flush();
    return;
  }
  json::Array outputs;
  for (const Translation &one : shown)
    outputs.push_back(toObject(one.text, one.hypothesis, tokenizer));
  printJsonLine(outs(), json::Object{{"source", source}, {"outputs", std::move(outputs)}});
}

Error TranslateCommand::translateLines(std::istream &lines, Translator &translator, const Tokenizer &tokenizer) const {
  std::string line, name = file == "-" ? "standard input" : file.getValue();
  for (size_t number = 1; std::getline(lines, line); ++number) {
    StringRef text = StringRef(line).rtrim('\r');
    if (text.trim().empty()) {
      outs() << (json ? "{\"source\":\"\",\"outputs\":[]}\n" : "\n");
      outs().flush();
      continue;
    }
    Expected<std::vector<Translation>> translations = translator.translate(text, (name + ":" + Twine(number)).str());
    if (!translations)
      return translations.takeError();
    print(text, *translations, tokenizer);
  }
  return Error::success();
}

Error TranslateCommand::run() {
  SearchOptions options = search.get();
  if (Error error = checkSearch(options))
    return error;
  if (Error error = checkBestCount(nBest, options))
    return error;
  std::ifstream stream;
  if (file != "-") {
    if (sys::fs::is_directory(file))
      return makeFileError("read", file, std::make_error_code(std::errc::is_a_directory));
    stream.open(file);
    if (!stream)
      return makeFileError("read", file, std::error_code(errno, std::generic_category()));
  }
  Expected<CheckpointInUse> used = CheckpointInUse::open(plugins, target, checkpoint);
  if (!used)
    return used.takeError();
  Expected<PairTokenizers> tokenizers = pairTokenizersOf(used->checkpoint);
  if (!tokenizers)
    return tokenizers.takeError();
  Expected<LoadedModel> model = LoadedModel::load(used->checkpoint, search.build(), used->options);
  if (!model)
    return model.takeError();
  Expected<Translator> translator = Translator::create(*model->executable, *tokenizers, options);
  if (!translator)
    return translator.takeError();
  return translateLines(file == "-" ? std::cin : stream, *translator, *used->checkpoint.targetTokenizer);
}

std::unique_ptr<Command> makeTranslateCommand() { return std::make_unique<TranslateCommand>(); }

} // namespace moru
