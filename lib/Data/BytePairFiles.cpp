// Files of byte-pair tokenizers: GPT-2's pair of files and Hugging Face's tokenizer.json. They come from anywhere, so
// every token, id and merge is checked before it is used, and an error says at which byte it stands.

#include "moru/Data/BytePairs.h"

#include "moru/Support/Files.h"
#include "moru/Support/JsonCursor.h"
#include "moru/Support/Unicode.h"

#include "llvm/Support/JSON.h"

using namespace llvm;

namespace moru {

/// Most ids of a vocabulary; published ones have a quarter of a million.
static constexpr int64_t kMaxIds = 1 << 24;

namespace {

/// A merge whose two tokens have not been looked up yet.
struct MergeText {
  std::string left, right;
  size_t offset;
};

/// Collects what files say, and puts it together at the end.
class ModelReader {
public:
  /// `"token": id, …`
  Error readVocabulary(JsonCursor &cursor);
  /// A line for each merge, two tokens with a space between; the first line may be a comment with the version.
  Error readMergeLines(StringRef text, StringRef source);
  Error readDocument(JsonCursor &cursor);
  /// `mergesSource` names the file in which the merges are.
  Expected<std::shared_ptr<Tokenizer>> finish(const JsonCursor &cursor, StringRef mergesSource);

private:
  Error readModel(JsonCursor &cursor);
  Error readMerges(JsonCursor &cursor);
  Error addMerge(StringRef line, size_t offset, StringRef source);
  Error readAddedToken(JsonCursor &cursor);
  Error addTokens(const JsonCursor &cursor);
  Error readPieces(JsonCursor &cursor);
  Error add(const JsonCursor &cursor, size_t offset, std::string token, int64_t id);
  Error placeTokens(const JsonCursor &cursor);
  Error findMerges(StringRef mergesSource);

  struct Entry {
    int64_t id;
    size_t offset;
  };
  StringMap<Entry> entries;
  std::vector<MergeText> merges;
  /// Tokens that stand outside of the vocabulary, or in both.
  std::vector<std::pair<std::string, Entry>> added;
  BytePairModel model;
  bool hasPieces = false, hasVocabulary = false;
};

} // namespace

//===----------------------------------------------------------------------===//
// Vocabulary and merges
//===----------------------------------------------------------------------===//

Error ModelReader::add(const JsonCursor &cursor, size_t offset, std::string token, int64_t id) {
  if (id < 0 || id >= kMaxIds)
    return cursor.failAt(offset, "token '" + escapeToken(token) + "': expected an id from 0 to " + Twine(kMaxIds - 1) +
                                     ", got " + Twine(id));
  if (token.empty())
    return cursor.failAt(offset, "expected a token, got an empty string");
  auto [place, isNew] = entries.try_emplace(token, Entry{id, offset});
  if (!isNew && place->second.id != id)
    return cursor.failAt(offset, "expected distinct tokens, got '" + escapeToken(token) + "' a second time");
  return Error::success();
}

Error ModelReader::readVocabulary(JsonCursor &cursor) {
  hasVocabulary = true;
  return cursor.readObject([&](StringRef token) -> Error {
    size_t offset = cursor.offset();
    Expected<int64_t> id = cursor.readInteger();
    if (!id)
      return id.takeError();
    if (entries.contains(token))
      return cursor.failAt(offset, "expected distinct tokens, got '" + escapeToken(token) + "' a second time");
    return add(cursor, offset, token.str(), *id);
  });
}

Error ModelReader::addMerge(StringRef line, size_t offset, StringRef source) {
  auto [left, right] = line.split(' ');
  if (left.empty() || right.empty() || right.contains(' '))
    return makeError(source + ": byte " + Twine(offset) + ": expected two tokens with a space between, got '" +
                     escapeToken(line.take_front(40).take_while([](char c) { return uint8_t(c) < 0x80; })) + "'");
  merges.push_back({left.str(), right.str(), offset});
  return Error::success();
}

Error ModelReader::readMergeLines(StringRef text, StringRef source) {
  if (Error error = checkUtf8(text, source))
    return error;
  StringRef rest = text;
  if (rest.starts_with("#version"))
    rest = rest.split('\n').second;
  while (!rest.empty()) {
    auto [line, after] = rest.split('\n');
    if (StringRef merge = line.rtrim('\r'); !merge.empty())
      if (Error error = addMerge(merge, size_t(rest.data() - text.data()), source))
        return error;
    rest = after;
  }
  return Error::success();
}

/// Ids are the places of tokens: every one from 0 on has a token.
Error ModelReader::placeTokens(const JsonCursor &cursor) {
  model.spellings.resize(entries.size());
  for (const auto &entry : entries) {
    auto [id, offset] = entry.second;
    if (id >= int64_t(entries.size()))
      return cursor.failAt(offset, "token '" + escapeToken(entry.first()) + "': expected an id below the number of " +
                                       "tokens, " + Twine(entries.size()) + ", got " + Twine(id));
    if (!model.spellings[id].empty())
      return cursor.failAt(offset, "token '" + escapeToken(entry.first()) + "': expected an id of its own, got " +
                                       Twine(id) + ", which is that of '" + escapeToken(model.spellings[id]) + "'");
    model.spellings[id] = entry.first().str();
  }
  return Error::success();
}

Error ModelReader::findMerges(StringRef mergesSource) {
  for (const MergeText &merge : merges) {
    std::array<int32_t, 3> ids;
    for (auto [id, token] : zip_equal(ids, std::array{merge.left, merge.right, merge.left + merge.right})) {
      auto found = entries.find(token);
      if (found == entries.end())
        return makeError(mergesSource + ": byte " + Twine(merge.offset) +
                         ": expected tokens of the vocabulary, which lacks '" + escapeToken(token) +
                         "'; are the two of one tokenizer?");
      id = int32_t(found->second.id);
    }
    model.merges.push_back({ids[0], ids[1], ids[2]});
  }
  return Error::success();
}

Expected<std::shared_ptr<Tokenizer>> ModelReader::finish(const JsonCursor &cursor, StringRef mergesSource) {
  if (entries.empty())
    return cursor.failAt(0, "expected a vocabulary, got none");
  if (Error error = placeTokens(cursor))
    return std::move(error);
  if (Error error = findMerges(mergesSource))
    return std::move(error);
  return std::make_shared<BytePairTokenizer>(std::move(model));
}

Expected<std::shared_ptr<Tokenizer>> BytePairTokenizer::parse(StringRef vocabulary, StringRef vocabularySource,
                                                              StringRef merges, StringRef mergesSource) {
  if (Error error = checkUtf8(vocabulary, vocabularySource))
    return std::move(error);
  JsonCursor cursor(vocabulary, vocabularySource);
  ModelReader reader;
  if (Error error = reader.readVocabulary(cursor))
    return std::move(error);
  if (Error error = cursor.finish())
    return std::move(error);
  if (Error error = reader.readMergeLines(merges, mergesSource))
    return std::move(error);
  return reader.finish(cursor, mergesSource);
}

//===----------------------------------------------------------------------===//
// tokenizer.json
//===----------------------------------------------------------------------===//

/// A string where null and "" mean nothing: options that change how tokens are written.
static Error expectNothing(JsonCursor &cursor, StringRef key) {
  size_t offset = cursor.offset();
  if (cursor.takeNull())
    return Error::success();
  Expected<std::string> text = cursor.readString();
  if (!text)
    return text.takeError();
  return text->empty() ? Error::success()
                       : cursor.failAt(offset, "\"" + key + "\": expected none, got \"" + *text + "\"");
}

static Error expectString(JsonCursor &cursor, StringRef key, StringRef wanted) {
  size_t offset = cursor.offset();
  Expected<std::string> text = cursor.readString();
  if (!text)
    return text.takeError();
  return *text == wanted ? Error::success()
                         : cursor.failAt(offset, "\"" + key + "\": expected \"" + wanted + "\", got \"" +
                                                     escapeToken(*text) + "\"");
}

static Error expectBool(JsonCursor &cursor, StringRef key, bool wanted) {
  size_t offset = cursor.offset();
  Expected<bool> value = cursor.readBool();
  if (!value)
    return value.takeError();
  return *value == wanted ? Error::success()
                          : cursor.failAt(offset, "\"" + key + "\": expected " + (wanted ? "true" : "false") +
                                                      ", got " + (*value ? "true" : "false"));
}

Error ModelReader::readMerges(JsonCursor &cursor) {
  return cursor.readArray([&]() -> Error {
    size_t offset = cursor.offset();
    if (cursor.peek() == '"') {
      Expected<std::string> line = cursor.readString();
      return line ? addMerge(*line, offset, cursor.name()) : line.takeError();
    }
    SmallVector<std::string, 2> parts;
    if (Error error = cursor.readArray([&] { return cursor.readString().moveInto(parts.emplace_back()); }))
      return error;
    if (parts.size() != 2 || StringRef(parts[0] + parts[1]).contains(' '))
      return cursor.failAt(offset, "expected two tokens without spaces");
    merges.push_back({std::move(parts[0]), std::move(parts[1]), offset});
    return Error::success();
  });
}

Error ModelReader::readModel(JsonCursor &cursor) {
  return cursor.readObject([&](StringRef key) -> Error {
    if (key == "type")
      return expectString(cursor, key, "BPE");
    if (key == "vocab")
      return readVocabulary(cursor);
    if (key == "merges")
      return readMerges(cursor);
    if (key == "ignore_merges")
      return cursor.readBool().moveInto(model.ignoreMerges);
    if (key == "byte_fallback")
      return expectBool(cursor, key, false);
    if (key == "continuing_subword_prefix" || key == "end_of_word_suffix")
      return expectNothing(cursor, key);
    return cursor.skip();
  });
}

Error ModelReader::readAddedToken(JsonCursor &cursor) {
  int64_t id = -1;
  std::string text;
  size_t offset = cursor.offset();
  Error error = cursor.readObject([&](StringRef key) -> Error {
    if (key == "id")
      return cursor.readInteger().moveInto(id);
    if (key == "content")
      return cursor.readString().moveInto(text);
    if (key == "single_word" || key == "lstrip" || key == "rstrip")
      return expectBool(cursor, key, false);
    return cursor.skip();
  });
  if (error)
    return error;
  added.push_back({std::move(text), {id, offset}});
  return Error::success();
}

/// After the vocabulary, which may have them too.
Error ModelReader::addTokens(const JsonCursor &cursor) {
  for (auto &[text, entry] : added) {
    if (Error error = add(cursor, entry.offset, text, entry.id))
      return error;
    model.added.push_back({int32_t(entry.id), text});
  }
  return Error::success();
}

Error ModelReader::readPieces(JsonCursor &cursor) {
  hasPieces = true;
  return cursor.readObject([&](StringRef key) -> Error {
    if (key == "type")
      return expectString(cursor, key, "ByteLevel");
    if (key == "add_prefix_space")
      return cursor.readBool().moveInto(model.prefixSpace);
    if (key == "use_regex")
      return expectBool(cursor, key, true);
    return cursor.skip();
  });
}

Error ModelReader::readDocument(JsonCursor &cursor) {
  Error error = cursor.readObject([&](StringRef key) -> Error {
    if (key == "model")
      return readModel(cursor);
    if (key == "pre_tokenizer")
      return readPieces(cursor);
    if (key == "added_tokens")
      return cursor.readArray([&] { return readAddedToken(cursor); });
    if (key == "normalizer" && !cursor.takeNull())
      return cursor.failAt(cursor.offset(), "\"normalizer\": expected null; text is encoded as it is");
    return key == "normalizer" ? Error::success() : cursor.skip();
  });
  if (error)
    return error;
  if (!hasVocabulary || !hasPieces)
    return cursor.failAt(0, Twine("expected \"") + (hasVocabulary ? "pre_tokenizer" : "model") +
                                "\" of a byte-level tokenizer, got none");
  if (Error error = addTokens(cursor))
    return error;
  return cursor.finish();
}

Expected<std::shared_ptr<Tokenizer>> BytePairTokenizer::parseJson(StringRef contents, StringRef source) {
  if (Error error = checkUtf8(contents, source))
    return std::move(error);
  JsonCursor cursor(contents, source);
  ModelReader reader;
  if (Error error = reader.readDocument(cursor))
    return std::move(error);
  return reader.finish(cursor, source);
}

//===----------------------------------------------------------------------===//
// Saving
//===----------------------------------------------------------------------===//

static void writeByteLevel(json::OStream &json, StringRef key, bool prefixSpace) {
  json.attributeObject(key, [&] {
    json.attribute("type", "ByteLevel");
    json.attribute("add_prefix_space", prefixSpace);
    json.attribute("trim_offsets", true);
    json.attribute("use_regex", true);
  });
}

static void writeAddedToken(json::OStream &json, const BytePairModel::AddedToken &token) {
  json.object([&] {
    json.attribute("id", token.id);
    json.attribute("content", token.text);
    for (StringRef option : {"single_word", "lstrip", "rstrip", "normalized"})
      json.attribute(option, false);
    json.attribute("special", true);
  });
}

static void writeModel(json::OStream &json, const BytePairModel &model) {
  json.attributeObject("model", [&] {
    json.attribute("type", "BPE");
    for (StringRef option : {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"})
      json.attribute(option, nullptr);
    json.attribute("fuse_unk", false);
    json.attribute("byte_fallback", false);
    json.attribute("ignore_merges", model.ignoreMerges);
    json.attributeObject("vocab", [&] {
      for (auto [id, spelling] : enumerate(model.spellings))
        json.attribute(spelling, int64_t(id));
    });
    json.attributeArray("merges", [&] {
      for (const BytePairMerge &merge : model.merges)
        json.value(model.spellings[merge.left] + " " + model.spellings[merge.right]);
    });
  });
}

std::vector<TokenizerFile> BytePairTokenizer::files() const {
  std::string contents;
  raw_string_ostream stream(contents);
  json::OStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("version", "1.0");
    json.attribute("truncation", nullptr);
    json.attribute("padding", nullptr);
    json.attributeArray("added_tokens", [&] {
      for (const BytePairModel::AddedToken &token : model.added)
        writeAddedToken(json, token);
    });
    json.attribute("normalizer", nullptr);
    writeByteLevel(json, "pre_tokenizer", model.prefixSpace);
    json.attribute("post_processor", nullptr);
    writeByteLevel(json, "decoder", true);
    writeModel(json, model);
  });
  stream << "\n";
  return {{"tokenizer.json", std::move(contents)}};
}

} // namespace moru
