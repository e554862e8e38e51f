// The look at JSON before it is parsed: how deep it nests, and whether a key comes twice.

#include "moru/Support/Json.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/StringSet.h"

#include <vector>

using namespace llvm;

namespace moru {

namespace {

/// Walks over the text once, string by string and bracket by bracket. What is no JSON is left to the parser.
class JsonScanner {
public:
  JsonScanner(StringRef text, StringRef source) : text(text), source(source) {}
  Error scan();

private:
  Error fail(size_t offset, const Twine &message) const {
    return makeError(source + ": byte " + Twine(offset) + ": " + message);
  }
  Error open(bool isObject);
  void close();
  Error readString();
  bool isKey() const;

  StringRef text, source;
  size_t place = 0;
  /// The keys of each open object; those of an array stay empty.
  struct Level {
    bool isObject;
    StringSet<> keys;
  };
  std::vector<Level> levels;
};

} // namespace

Error JsonScanner::open(bool isObject) {
  if (levels.size() == kMaxJsonDepth)
    return fail(place, "expected JSON of at most " + Twine(kMaxJsonDepth) + " levels, got more");
  levels.push_back({isObject, {}});
  return Error::success();
}

void JsonScanner::close() {
  if (!levels.empty())
    levels.pop_back();
}

/// Whether what follows makes the string before it a key.
bool JsonScanner::isKey() const {
  return !levels.empty() && levels.back().isObject && text.substr(place + 1).ltrim(" \t\r\n").starts_with(":");
}

/// From a quotation mark to its partner, at which it stops.
Error JsonScanner::readString() {
  size_t start = place++;
  while (place < text.size() && text[place] != '"')
    place += text[place] == '\\' ? 2 : 1;
  if (place >= text.size())
    return Error::success();
  StringRef key = text.slice(start + 1, place);
  if (isKey() && !levels.back().keys.insert(key).second)
    return fail(start, "expected each key once, got \"" + key.take_front(200) + "\" twice");
  return Error::success();
}

Error JsonScanner::scan() {
  for (; place < text.size(); ++place) {
    char character = text[place];
    if (character == '}' || character == ']')
      close();
    if (character == '{' || character == '[')
      if (Error error = open(character == '{'))
        return error;
    if (character == '"')
      if (Error error = readString())
        return error;
  }
  return Error::success();
}

Expected<json::Value> parseJson(StringRef text, StringRef source) {
  if (Error error = JsonScanner(text, source).scan())
    return error;
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return makeError(source + ": expected JSON: " + toString(value.takeError()));
  return value;
}

Expected<json::Object> parseJsonObject(StringRef text, StringRef source) {
  Expected<json::Value> value = parseJson(text, source);
  if (!value)
    return value.takeError();
  if (json::Object *object = value->getAsObject())
    return std::move(*object);
  return makeError(source + ": expected a JSON object, got another JSON value");
}

} // namespace moru
