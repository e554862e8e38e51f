// moru export: a checkpoint as weights for other programs.

#include "Command.h"
#include "Options.h"

#include "moru/Train/ExportCheckpoint.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru export out/stories -o out/gpt2       a folder that GPT2LMHeadModel.from_pretrained of transformers reads
  moru export --model=libmine.so out/mine -o out/weights
                                            config.json, model.safetensors and the tokenizer; moru import reads them
)";

namespace {

class ExportCommand : public Command {
public:
  ExportCommand() : Command("export", "Write a checkpoint as weights for other programs", kExamples), plugins(sub) {}
  Error run() override;

private:
  PluginOptions plugins;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> output{"o", cl::desc("New folder for the weights"), cl::value_desc("folder"), cl::Required,
                              cl::sub(sub)};
};

} // namespace

Error ExportCommand::run() {
  if (Error error = plugins.load())
    return error;
  Expected<Checkpoint> loaded = loadCheckpoint(checkpoint, /*withOptimizer=*/false);
  if (!loaded)
    return loaded.takeError();
  for (const std::string &warning : loaded->warnings)
    errs() << "warning: " << warning << "\n";
  Expected<std::string> format = exportCheckpoint(*loaded, output);
  if (!format)
    return format.takeError();
  outs() << "saved: " << output << " (" << *format << ")\n";
  return Error::success();
}

std::unique_ptr<Command> makeExportCommand() { return std::make_unique<ExportCommand>(); }

} // namespace moru
