// moru import: another project's weights as a checkpoint.

#include "Command.h"
#include "Options.h"

#include "moru/Support/FolderLock.h"
#include "moru/Support/Format.h"
#include "moru/Train/ImportCheckpoint.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru import data/weights/char-lstm-shakespeare -o out/shakespeare
  moru eval out/shakespeare --data=data/lm/tinyshakespeare.txt --limit=50000
  moru import out/weights -o out/back       what moru export has written
)";

namespace {

class ImportCommand : public Command {
public:
  ImportCommand() : Command("import", "Make a checkpoint of another project's weights", kExamples), plugins(sub) {}
  Error run() override;

private:
  PluginOptions plugins;
  cl::opt<std::string> folder{cl::Positional, cl::Required, cl::desc("<folder>"), cl::sub(sub)};
  cl::opt<std::string> output{"o", cl::desc("Folder for the checkpoint"), cl::value_desc("folder"), cl::Required,
                              cl::sub(sub)};
};

} // namespace

Error ImportCommand::run() {
  if (Error error = plugins.load())
    return error;
  Expected<Checkpoint> checkpoint = importCheckpoint(folder);
  if (!checkpoint)
    return checkpoint.takeError();
  Expected<FolderLock> lock = FolderLock::acquire(output);
  if (!lock)
    return lock.takeError();
  Expected<std::string> path = saveCheckpoint(output, *checkpoint);
  if (!path)
    return path.takeError();
  int64_t count = 0;
  for (const NamedTensor &value : checkpoint->model)
    count += value.tensor.numElements();
  outs() << checkpoint->config.getString("model").value_or("") << ": " << formatCount(count) << " parameters in "
         << checkpoint->model.size() << " tensors";
  if (checkpoint->tokenizer)
    outs() << ", " << formatCount(checkpoint->tokenizer->size()) << " ids";
  outs() << "\nsaved: " << *path << "\n";
  return Error::success();
}

std::unique_ptr<Command> makeImportCommand() { return std::make_unique<ImportCommand>(); }

} // namespace moru
