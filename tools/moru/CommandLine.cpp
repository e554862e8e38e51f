// LLVM parses the options; what it would refuse is looked for first, or put into our words after.

#include "CommandLine.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;

namespace moru {

char SilentFailure::ID = 0;

static constexpr StringLiteral kOverview =
    "Moru compiles, trains and runs models written in a small C++ graph language\n";

std::vector<std::unique_ptr<Command>> makeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  for (auto *make :
       {makeCompileCommand, makeRunCommand, makeTrainCommand, makeEvalCommand, makeGenerateCommand, makeVerifyCommand,
        makeImportCommand, makeExportCommand, makeNeighborsCommand, makeAttentionCommand, makeCompareCommand,
        makeBenchCommand, makeDoctorCommand, makeTokenizeCommand, makeTranslateCommand})
    commands.push_back(make());
  return commands;
}

/// `; did you mean 'train'?` for a name that is nearly one of `known`, else nothing.
static std::string suggest(StringRef name, ArrayRef<StringRef> known, StringRef prefix) {
  auto nearest =
      min_element(known, [&](StringRef a, StringRef b) { return name.edit_distance(a) < name.edit_distance(b); });
  // With more than a third of its letters wrong it is another word; two that are swapped count as two.
  if (nearest == known.end() || name.edit_distance(*nearest) > name.size() / 3 + 1)
    return "";
  return ("; did you mean '" + prefix + *nearest + "'?").str();
}

//===----------------------------------------------------------------------===//
// Commands
//===----------------------------------------------------------------------===//

static Expected<Command *> findCommand(ArrayRef<std::unique_ptr<Command>> commands, StringRef name) {
  std::vector<StringRef> names;
  for (const std::unique_ptr<Command> &command : commands) {
    if (command->sub.getName() == name)
      return command.get();
    names.push_back(command->sub.getName());
  }
  return makeError("unknown command '" + name + "'" + suggest(name, names, "") + "; moru --help lists them");
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

/// The option that an argument names, which may take the next argument as its value.
static cl::Option *findOption(Command &command, StringRef name) {
  for (cl::SubCommand *sub : {&command.sub, &cl::SubCommand::getAll()})
    if (auto found = sub->OptionsMap.find(name); found != sub->OptionsMap.end())
      return found->second;
  return nullptr;
}

static Error unknownOption(Command &command, StringRef argument, StringRef name) {
  std::vector<StringRef> names;
  for (const auto &option : command.sub.OptionsMap)
    names.push_back(option.first);
  sort(names);
  StringRef prefix = name.size() == 1 ? "-" : "--";
  return makeError("unknown option '" + argument.split('=').first + "' of moru " + command.sub.getName() +
                   suggest(name, names, prefix) + "; moru " + command.sub.getName() + " --help lists them");
}

/// Fails at the first option that the command does not have.
static Error checkOptions(Command &command, ArrayRef<const char *> arguments) {
  for (size_t i = 2; i < arguments.size(); ++i) {
    StringRef argument = arguments[i], name = argument;
    if (argument == "--")
      return Error::success();
    if (argument.size() < 2 || !name.consume_front("-"))
      continue;
    name.consume_front("-");
    bool hasValue = name.contains('=');
    name = name.split('=').first;
    cl::Option *option = findOption(command, name);
    if (!option)
      return unknownOption(command, argument, name);
    if (!hasValue && option->getValueExpectedFlag() == cl::ValueRequired)
      ++i;
  }
  return Error::success();
}

/// LLVM's message about a command line, in our words where it is one of the common ones.
static Error reword(StringRef message, const Command &command) {
  StringRef text = message.trim().split('\n').first;
  text = text.split(": ").second.trim(); // after the program's name
  SmallVector<StringRef> parts;
  if (Regex("^for the (--?[^ ]+) option: '(.*)' (value invalid|is invalid value) for ([a-z ]+) argument!")
          .match(text, &parts)) {
    StringRef what = parts[4].starts_with("floating") ? "a number"
                     : parts[4] == "boolean"          ? "true or false"
                                                      : "a whole number";
    if (parts[4] == "ulong" || parts[4] == "uint")
      what = "a whole number from 0 on";
    return makeError(parts[1] + ": expected " + what + ", got \"" + parts[2] + "\"");
  }
  if (Regex("^for the (--?[^ ]+) option: requires a value!").match(text, &parts))
    return makeError(parts[1] + ": expected a value, got none");
  std::string help = ("; see moru " + command.sub.getName() + " --help").str();
  std::string positional =
      join(map_range(command.sub.PositionalOpts, [](cl::Option *option) { return option->HelpStr.str(); }), " ");
  if (text.contains("Not enough positional"))
    return makeError("expected " + positional + ", got fewer arguments" + help);
  if (text.contains("Too many positional"))
    return makeError("expected no more arguments than " + (positional.empty() ? "options" : positional) +
                     ", got others" + help);
  if (Regex("^for the (--?[^ ]+) option: must be specified").match(text, &parts))
    return makeError(parts[1] + ": expected this option, got none" + help);
  return makeError(text + help);
}

namespace {

/// Takes what is written to standard error meanwhile: LLVM says there, and only there, which value it cannot parse.
class StandardErrorCapture {
public:
  StandardErrorCapture() : file(memfd_create("messages", MFD_CLOEXEC)), saved(dup(STDERR_FILENO)) {
    if (file >= 0 && saved >= 0)
      dup2(file, STDERR_FILENO);
  }

  std::string take() {
    if (file >= 0 && saved >= 0)
      dup2(saved, STDERR_FILENO);
    char text[2048];
    ssize_t length = file >= 0 ? pread(file, text, sizeof text, 0) : 0;
    for (int descriptor : {file, saved})
      if (descriptor >= 0)
        close(descriptor);
    return std::string(text, length > 0 ? size_t(length) : 0);
  }

private:
  int file, saved;
};

} // namespace

/// Whether an argument in place of a command may be left to LLVM. It takes its own options there, shortened as well.
static bool asksForHelp(StringRef argument) {
  return argument == "-h" || is_contained({"help", "help-hidden", "help-list", "version"}, argument.ltrim('-'));
}

Expected<Command *> parseCommandLine(ArrayRef<std::unique_ptr<Command>> commands, ArrayRef<const char *> arguments) {
  Command *command = nullptr;
  if (arguments.size() > 1 && !StringRef(arguments[1]).starts_with("-")) {
    if (Error error = findCommand(commands, arguments[1]).moveInto(command))
      return error;
    if (Error error = checkOptions(*command, arguments))
      return error;
  } else if (arguments.size() > 1 && !asksForHelp(arguments[1])) {
    return makeError("unknown option '" + Twine(arguments[1]) + "' of moru; moru --help lists the commands");
  }
  std::string messages;
  raw_string_ostream stream(messages);
  StandardErrorCapture capture;
  bool parsed = cl::ParseCommandLineOptions(int(arguments.size()), arguments.data(), kOverview, &stream);
  messages = capture.take() + messages;
  if (parsed)
    return command;
  if (command)
    return reword(messages, *command);
  return makeError(StringRef(messages).trim().split('\n').first + "; moru --help lists the commands");
}

} // namespace moru
