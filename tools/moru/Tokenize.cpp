// moru tokenize: standard input as ids, and ids as text.

#include "Command.h"

#include "moru/Data/Tokenizer.h"
#include "moru/Support/Files.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  echo "I love you" | moru tokenize out/first/latest
  moru tokenize --whole gpt2/tokenizer.json < book.txt > ids.txt
  moru tokenize --whole --decode gpt2/tokenizer.json < ids.txt
)";

/// What standard input is called in errors.
static constexpr StringLiteral kSource = "standard input";

namespace {

class TokenizeCommand : public Command {
public:
  TokenizeCommand() : Command("tokenize", "Turn standard input into ids, or ids into text", kExamples) {}
  Error run() override;

private:
  Error encode(const Tokenizer &tokenizer, StringRef text, StringRef source) const;
  Error decode(const Tokenizer &tokenizer, StringRef text, StringRef source) const;

  cl::opt<std::string> path{cl::Positional, cl::Required, cl::desc("<tokenizer>"), cl::sub(sub)};
  cl::opt<bool> whole{"whole", cl::sub(sub),
                      cl::desc("All of standard input is one text, its bytes untouched (default: a text is a line)")};
  cl::opt<bool> decodes{"decode", cl::desc("From ids to text"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print an array or a string of JSON for each text"), cl::sub(sub)};
};

} // namespace

Error TokenizeCommand::encode(const Tokenizer &tokenizer, StringRef text, StringRef source) const {
  Expected<std::vector<int32_t>> ids = tokenizer.encode(text, source);
  if (!ids)
    return ids.takeError();
  StringRef separator = json ? "," : " ";
  outs() << (json ? "[" : "");
  interleave(*ids, outs(), separator);
  outs() << (json ? "]\n" : "\n");
  return Error::success();
}

/// Ids between white space, or an array of them.
static Expected<std::vector<int32_t>> parseIds(StringRef text, StringRef source) {
  std::vector<int32_t> ids;
  for (StringRef rest = text; !(rest = rest.ltrim(" \t\r\n,[]")).empty();) {
    StringRef word = rest.take_until([](char c) { return StringRef(" \t\r\n,[]").contains(c); });
    int32_t &id = ids.emplace_back();
    if (word.getAsInteger(10, id))
      return makeError(source + ": byte " + Twine(rest.data() - text.data()) + ": expected an id, got '" +
                       word.take_front(20).take_while([](char c) { return isPrint(c); }) + "'");
    rest = rest.drop_front(word.size());
  }
  return ids;
}

Error TokenizeCommand::decode(const Tokenizer &tokenizer, StringRef text, StringRef source) const {
  Expected<std::vector<int32_t>> ids = parseIds(text, source);
  if (!ids)
    return ids.takeError();
  Expected<std::string> decoded = tokenizer.decode(*ids);
  if (!decoded)
    return makeError(source + ": " + toString(decoded.takeError()));
  if (json)
    outs() << json::Value(json::fixUTF8(*decoded)) << "\n";
  else
    outs() << *decoded << (whole ? "" : "\n");
  return Error::success();
}

Error TokenizeCommand::run() {
  Expected<std::shared_ptr<Tokenizer>> tokenizer = loadTokenizer(path);
  if (!tokenizer)
    return tokenizer.takeError();
  Expected<std::string> input = readFile("-");
  if (!input)
    return input.takeError();
  auto turn = [&](StringRef text, StringRef source) {
    return decodes ? decode(**tokenizer, text, source) : encode(**tokenizer, text, source);
  };
  if (whole)
    return turn(*input, kSource);
  size_t number = 1;
  for (StringRef rest = *input; !rest.empty(); ++number) {
    auto [line, after] = rest.split('\n');
    line.consume_back("\r");
    if (Error error = turn(line, (kSource + ":" + Twine(number)).str()))
      return error;
    rest = after;
  }
  return Error::success();
}

std::unique_ptr<Command> makeTokenizeCommand() { return std::make_unique<TokenizeCommand>(); }

} // namespace moru
