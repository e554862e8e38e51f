// moru: the driver. Its subcommands are listed here and written one to a file.

#include "Command.h"

#include "models/Models.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace moru;

char SilentFailure::ID = 0;

static constexpr StringLiteral kOverview =
    "Moru compiles, trains and runs models written in a small C++ graph language\n";
static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru train lstm_lm --data=models/lstm_lm/corpus.txt --sentences --epochs=40 --output-dir=out/first
  moru generate out/first --prompt="I love"
  moru compile lstm_lm --emit=kernels
  moru <subcommand> --help
)";

static std::vector<std::unique_ptr<Command>> makeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  for (auto *make : {makeCompileCommand, makeRunCommand, makeTrainCommand, makeEvalCommand, makeGenerateCommand,
                     makeVerifyCommand, makeImportCommand, makeBenchCommand, makeDoctorCommand, makeTokenizeCommand})
    commands.push_back(make());
  return commands;
}

static void printVersion(raw_ostream &stream) {
  stream << "moru " MORU_VERSION ", LLVM " LLVM_VERSION_STRING "\n";
  TargetRegistry::printRegisteredTargetsForVersion(stream);
}

/// The command that the first argument names, if it is one.
static Command *findCommand(ArrayRef<std::unique_ptr<Command>> commands, int argc, char **argv) {
  for (const std::unique_ptr<Command> &command : commands)
    if (argc > 1 && command->sub.getName() == argv[1])
      return command.get();
  return nullptr;
}

/// Prints an error as a diagnostic; `file:line: error:` stays as it is.
static int report(Error error) {
  if (error.isA<SilentFailure>()) {
    consumeError(std::move(error));
    return EXIT_FAILURE;
  }
  WithColor::error() << toString(std::move(error)) << "\n";
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  InitializeAllTargetInfos();
  models::registerAll();
  std::vector<std::unique_ptr<Command>> commands = makeCommands();
  Command *command = findCommand(commands, argc, argv);
  // LLVM's own options are not for users of this tool.
  cl::OptionCategory none("Options of moru");
  cl::HideUnrelatedOptions(none, cl::SubCommand::getTopLevel());
  cl::extrahelp examples(command ? command->examples : StringRef(kExamples));
  cl::SetVersionPrinter(printVersion);
  cl::ParseCommandLineOptions(argc, argv, kOverview);
  if (!command) {
    cl::PrintHelpMessage();
    outs() << kExamples;
    return EXIT_FAILURE;
  }
  if (Error error = command->run())
    return report(std::move(error));
  return EXIT_SUCCESS;
}
