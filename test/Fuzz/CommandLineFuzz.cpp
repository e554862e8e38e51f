// Any bytes as a command line, one argument a line: the options of every command are parsed, and what they hold, but no
// command is run.

#include "Fuzz.h"

#include "ArraySpec.h"
#include "CommandLine.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/Compiler/Target.h"
#include "moru/DSL/Config.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace moru;

/// What prints and ends the program, or reads a file of further arguments.
static bool isLeftOut(StringRef argument) {
  return argument.starts_with("@") ||
         (argument.starts_with("-") && (argument.contains("help") || argument.contains("version") ||
                                        argument.contains("print") || argument.trim('-') == "h"));
}

static void parseValue(StringRef text) {
  if (Result<Target> target = Target::parse(std::string_view(text)); !target)
    fuzz::require(!target.message().empty(), "errors have messages");
  Config config;
  if (Result<void> set = config.set(std::string_view(text)); !set)
    fuzz::require(!set.message().empty(), "errors have messages");
  (void)parseEmit(text);
  Expected<ArraySpec> spec = ArraySpec::parse(text, "--input");
  if (!spec)
    fuzz::consume(spec.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<std::unique_ptr<Command>> &commands = *new std::vector(makeCommands());
  SmallVector<StringRef> lines;
  fuzz::asText(data, size).split(lines, '\n');
  std::vector<std::string> words = {"moru"};
  for (StringRef line : lines)
    if (StringRef word = line.take_until([](char c) { return c == 0; }); !isLeftOut(word)) // an argument ends at a NUL
      words.push_back(word.str());
  std::vector<const char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(word.c_str());
  cl::ResetAllOptionOccurrences();
  Expected<Command *> command = parseCommandLine(commands, arguments);
  if (!command)
    fuzz::consume(command.takeError());
  for (StringRef word : drop_begin(words)) {
    parseValue(word);
    parseValue(word.split('=').second);
  }
  return 0;
}
