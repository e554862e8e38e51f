// The command line of `moru`: which subcommand, and its options filled in. Messages are ours, with the nearest option
// where one is mistyped; nothing here prints an error or ends the program (`--help` and `--version` do).

#ifndef MORU_TOOLS_MORU_COMMANDLINE_H
#define MORU_TOOLS_MORU_COMMANDLINE_H

#include "Command.h"

#include "llvm/ADT/ArrayRef.h"

namespace moru {

/// All subcommands. LLVM knows their options from now on.
std::vector<std::unique_ptr<Command>> makeCommands();

/// The command that `arguments` (the program's name first) call for, with its options set. Null where there is none:
/// nothing but the name of the program was given.
llvm::Expected<Command *> parseCommandLine(llvm::ArrayRef<std::unique_ptr<Command>> commands,
                                           llvm::ArrayRef<const char *> arguments);

} // namespace moru

#endif // MORU_TOOLS_MORU_COMMANDLINE_H
