// moru: the driver. Its subcommands are written one to a file and listed in CommandLine.cpp.

#include "CommandLine.h"

#include "moru/Support/Files.h"
#include "moru/Support/Interrupt.h"

#include "models/Models.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace moru;

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru train lstm_lm --data=models/lstm_lm/corpus.txt --sentences --epochs=40 --output-dir=out/first
  moru generate out/first --prompt="I love"
  moru compile lstm_lm --emit=kernels
  moru <subcommand> --help
)";

static void printVersion(raw_ostream &stream) {
  stream << "moru " MORU_VERSION ", LLVM " LLVM_VERSION_STRING "\n";
  TargetRegistry::printRegisteredTargetsForVersion(stream);
}

/// What `--help` shows below the options, of the command that the first argument names.
static StringRef examplesFor(ArrayRef<std::unique_ptr<Command>> commands, int argc, char **argv) {
  for (const std::unique_ptr<Command> &command : commands)
    if (argc > 1 && command->sub.getName() == argv[1])
      return command->examples;
  return kExamples;
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

/// The exit status of a command; what could not be written to standard output is an error, too.
static int finish(Error error) {
  outs().flush();
  std::error_code reason = outs().error();
  outs().clear_error();
  int status = error ? report(std::move(error)) : EXIT_SUCCESS;
  return reason ? report(makeFileError("write", "standard output", reason)) : status;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  endCleanlyWhenInterrupted();
  InitializeAllTargetInfos();
  models::registerAll();
  std::vector<std::unique_ptr<Command>> commands = makeCommands();
  // LLVM's own options are not for users of this tool.
  cl::OptionCategory none("Options of moru");
  cl::HideUnrelatedOptions(none, cl::SubCommand::getTopLevel());
  cl::extrahelp examples(examplesFor(commands, argc, argv));
  cl::SetVersionPrinter(printVersion);
  Expected<Command *> command = parseCommandLine(commands, ArrayRef(argv, size_t(argc)));
  if (!command)
    return report(command.takeError());
  if (!*command) {
    cl::PrintHelpMessage();
    outs() << kExamples;
    return finish(make_error<SilentFailure>());
  }
  return finish((*command)->run());
}
