// The look at JSON before it is parsed into a tree: well-formed, not too deep, no key twice.

#include "moru/Support/Json.h"

#include "moru/Support/Files.h"
#include "moru/Support/JsonCursor.h"

#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace moru {

/// Takes one value off; the cursor limits the nesting, and so the calls.
static Error checkValue(JsonCursor &cursor) {
  if (cursor.peek() == '[')
    return cursor.readArray([&] { return checkValue(cursor); });
  if (cursor.peek() != '{')
    return cursor.skip();
  StringSet<> keys;
  return cursor.readObject([&](StringRef key) -> Error {
    if (!keys.insert(key).second)
      return cursor.failAt(cursor.offset(), "expected each key once, got \"" + key.take_front(200) + "\" again");
    return checkValue(cursor);
  });
}

Expected<json::Value> parseJson(StringRef text, StringRef source) {
  JsonCursor cursor(text, source);
  if (Error error = checkValue(cursor))
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
