//===- Criterion.cpp - whether a program still fails --------------------------------===//
// Writes the program to a folder of its own, where the command also puts what it leaves.
//===----------------------------------------------------------------------===//

#include "Criterion.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/StringSaver.h"

extern char **environ;

using namespace mlir;
using namespace moru;
using namespace moru::check;

/// A command that takes longer has lost its way: the largest check takes seconds.
static constexpr unsigned kSeconds = 120;
/// How many words of an error say what kind of failure it is: "pass 'cse' (exact) has changed result".
static constexpr size_t kSignatureWords = 6;
static constexpr StringLiteral kInject = "--inject=";

llvm::Expected<Criterion> Criterion::create(StringRef command, StringRef toolFolder) {
  llvm::BumpPtrAllocator allocator;
  llvm::StringSaver saver(allocator);
  SmallVector<const char *> words;
  llvm::cl::TokenizeGNUCommandLine(command, saver, words);
  Criterion criterion;
  for (StringRef word : words) {
    if (word == "|" || word.contains('>'))
      break;
    if (word == "not" && criterion.program.empty())
      continue;
    if (criterion.program.empty())
      criterion.program = word.ltrim('%').str();
    else
      criterion.arguments.push_back(word.str());
    if (word.starts_with(kInject))
      criterion.injection = criterion.arguments.size() - 1;
  }
  if (criterion.program.empty())
    return makeError("expected a RUN line with a command, got none");
  llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(criterion.program, {toolFolder});
  if (!found)
    found = llvm::sys::findProgramByName(criterion.program);
  if (!found)
    return makeError("expected a tool of Moru or of PATH, got '" + criterion.program + "'");
  criterion.program = *found;
  SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("moru-reduce", folder))
    return makeFileError("create", folder, error);
  criterion.folder = folder.str();
  return criterion;
}

Criterion::~Criterion() {
  if (!folder.empty())
    llvm::sys::fs::remove_directories(folder);
}

/// The first error among messages, if there is one.
static std::optional<CommandFailure> findError(StringRef messages) {
  for (StringRef line : llvm::split(messages, '\n')) {
    // A tool's error may be that of a compilation, with a place of its own.
    size_t place = line.rfind("error: ");
    if (place == StringRef::npos)
      continue;
    StringRef message = line.drop_front(place).substr(StringRef("error: ").size());
    SmallVector<StringRef> words;
    message.split(words, ' ', kSignatureWords, false);
    words.truncate(std::min(words.size(), kSignatureWords));
    std::string signature = llvm::join(words, " ");
    llvm::erase_if(signature, [](char c) { return llvm::isDigit(c); });
    return CommandFailure{message.str(), signature};
  }
  return std::nullopt;
}

std::optional<CommandFailure> Criterion::run(StringRef text) {
  ++count;
  std::string input = folder + "/input.mlir", errors = folder + "/errors.txt";
  if (llvm::Error error = writeFile(input, text)) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  std::vector<std::string> words{program};
  for (StringRef argument : arguments)
    words.push_back(argument == "%s" ? input : argument.str());
  // Nothing that a command leaves is kept.
  std::vector<std::string> variables{"TMPDIR=" + folder};
  for (char **variable = environ; *variable; ++variable)
    if (!StringRef(*variable).starts_with("TMPDIR="))
      variables.push_back(*variable);
  SmallVector<StringRef> wordRefs(words.begin(), words.end()), variableRefs(variables.begin(), variables.end());
  std::string problem;
  int status = llvm::sys::ExecuteAndWait(program, wordRefs, ArrayRef<StringRef>(variableRefs),
                                         {std::nullopt, StringRef(), StringRef(errors)}, kSeconds, 0, &problem);
  if (status == 0)
    return std::nullopt;
  llvm::Expected<std::string> messages = readFile(errors);
  if (messages && status > 0)
    return findError(*messages);
  llvm::consumeError(messages ? llvm::Error::success() : messages.takeError());
  return CommandFailure{"the command has ended: " + problem, "crash"};
}

static std::string print(Operation *program) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  program->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

llvm::Error Criterion::expectFailureOf(Operation *program) {
  std::optional<CommandFailure> found = run(print(program));
  if (!found)
    return makeError("expected the command to fail on the program, got none: '" + command() + "'");
  failure = *found;
  return llvm::Error::success();
}

/// Numbers of the mutation to try, the old one first: sites before it may have gone.
std::vector<int64_t> Criterion::injectionNumbers() const {
  int64_t number = 0;
  StringRef(arguments[*injection]).rsplit('#').second.getAsInteger(10, number);
  std::vector<int64_t> numbers{number};
  for (int64_t other : {number - 1, number - 2, number / 2, int64_t(0), int64_t(1), int64_t(2), int64_t(3)})
    if (other >= 0 && other < number && !llvm::is_contained(numbers, other))
      numbers.push_back(other);
  return numbers;
}

void Criterion::setInjectionNumber(int64_t number) {
  std::string &argument = arguments[*injection];
  argument = StringRef(argument).rsplit('#').first.str() + "#" + std::to_string(number);
}

bool Criterion::holds(Operation *program) {
  std::string text = print(program);
  std::vector<int64_t> numbers = injection ? injectionNumbers() : std::vector<int64_t>{0};
  for (int64_t number : numbers) {
    if (injection)
      setInjectionNumber(number);
    std::optional<CommandFailure> found = run(text);
    if (!found || found->signature != failure.signature)
      continue;
    failure = *found;
    return true;
  }
  if (injection)
    setInjectionNumber(numbers.front());
  return false;
}

std::string Criterion::command() const {
  std::string text = llvm::sys::path::filename(program).str();
  for (StringRef argument : arguments)
    text += argument.find_first_of("( ") == StringRef::npos ? (" " + argument).str() : (" '" + argument + "'").str();
  return text;
}
