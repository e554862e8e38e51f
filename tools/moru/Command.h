// A subcommand of `moru`: its options, an example, and what it does. Options belong to their subcommand alone, so that
// `--help` of each shows what it takes and an unknown one is an error.

#ifndef MORU_TOOLS_MORU_COMMAND_H
#define MORU_TOOLS_MORU_COMMAND_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <vector>

namespace moru {

class Command {
public:
  Command(llvm::StringRef name, llvm::StringRef description, llvm::StringRef examples)
      : sub(name, description), examples(examples) {}
  virtual ~Command() = default;

  /// Does the work; an error is printed and makes the exit status 1.
  virtual llvm::Error run() = 0;

  llvm::cl::SubCommand sub;
  /// Lines that `--help` shows below the options.
  llvm::StringRef examples;
};

std::unique_ptr<Command> makeCompileCommand();
std::unique_ptr<Command> makeRunCommand();
std::unique_ptr<Command> makeTrainCommand();
std::unique_ptr<Command> makeEvalCommand();
std::unique_ptr<Command> makeGenerateCommand();
std::unique_ptr<Command> makeVerifyCommand();
std::unique_ptr<Command> makeImportCommand();
std::unique_ptr<Command> makeExportCommand();
std::unique_ptr<Command> makeNeighborsCommand();
std::unique_ptr<Command> makeAttentionCommand();
std::unique_ptr<Command> makeCompareCommand();
std::unique_ptr<Command> makeBenchCommand();
std::unique_ptr<Command> makeDoctorCommand();
std::unique_ptr<Command> makeTokenizeCommand();
std::unique_ptr<Command> makeTranslateCommand();

/// Fails without a message of its own: what is wrong has been printed, as a table for example.
class SilentFailure : public llvm::ErrorInfo<SilentFailure> {
public:
  static char ID;
  void log(llvm::raw_ostream &stream) const override { stream << "failed"; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }
};

} // namespace moru

#endif // MORU_TOOLS_MORU_COMMAND_H
