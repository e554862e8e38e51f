// Foreign tokens: read, and given our special ids.

#include "moru/Train/ImportVocabulary.h"

#include "moru/Data/BytePairs.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

#include <algorithm>
#include <tuple>

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Tokens in the order of their foreign ids
//===----------------------------------------------------------------------===//

namespace {
/// A token; the score says which pieces are put together first.
struct ForeignToken {
  std::string text;
  float score = 0;
};
} // namespace

static Expected<std::vector<ForeignToken>> readCharacterIds(StringRef text, StringRef path) {
  Expected<json::Object> object = parseJsonObject(text, path);
  if (!object)
    return object.takeError();
  std::vector<ForeignToken> tokens(object->size());
  for (const auto &[character, value] : *object) {
    std::optional<int64_t> id = value.getAsInteger();
    if (!id || *id < 0 || size_t(*id) >= tokens.size() || !tokens[size_t(*id)].text.empty())
      return makeError(path + ": expected every id from 0 to " + Twine(tokens.size() - 1) +
                       " once, got another one at \"" + escapeToken(StringRef(character)) + "\"");
    tokens[size_t(*id)].text = character.str();
  }
  return tokens;
}

static Expected<std::vector<ForeignToken>> readJsonList(StringRef text, StringRef path, StringRef key) {
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return makeError(path + ": " + toString(value.takeError()));
  const json::Object *object = value->getAsObject();
  const json::Array *list = key.empty() ? value->getAsArray() : object ? object->getArray(key) : nullptr;
  if (!list)
    return makeError(path + ": expected a list of tokens" + (key.empty() ? "" : " under \"" + key + "\""));
  std::vector<ForeignToken> tokens;
  for (const json::Value &entry : *list) {
    if (!entry.getAsString())
      return makeError(path + ": token " + Twine(tokens.size()) + ": expected a string");
    tokens.push_back({entry.getAsString()->str()});
  }
  return tokens;
}

static std::vector<ForeignToken> readLines(StringRef text) {
  std::vector<ForeignToken> tokens;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    tokens.push_back({line.str()});
    text = rest;
  }
  return tokens;
}

/// i32 length of the longest piece, then for each an f32 score, an i32 length and as many bytes.
static Expected<std::vector<ForeignToken>> readScoredPieces(StringRef bytes, StringRef path) {
  std::vector<ForeignToken> tokens;
  size_t offset = sizeof(int32_t);
  while (offset < bytes.size()) {
    size_t left = bytes.size() - offset;
    uint32_t length = left >= 8 ? support::endian::read32le(bytes.data() + offset + 4) : 0;
    if (left < 8 || length > left - 8)
      return makeError(path + ": byte " + Twine(offset) + ": expected a score, a length and a piece, got " +
                       Twine(left) + " bytes");
    tokens.push_back(
        {bytes.substr(offset + 8, length).str(), bit_cast<float>(support::endian::read32le(bytes.data() + offset))});
    offset += 8 + length;
  }
  return tokens;
}

static Expected<std::vector<ForeignToken>> readTokens(StringRef path, const ImportVocabulary &rule) {
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  using Format = ImportVocabulary::Format;
  if (rule.format != Format::ScoredPieces)
    if (Error error = checkUtf8(*text, path))
      return std::move(error);
  switch (rule.format) {
  case Format::CharacterIds:
    return readCharacterIds(*text, path);
  case Format::JsonList:
    return readJsonList(*text, path, rule.key);
  case Format::Lines:
    return readLines(*text);
  case Format::ScoredPieces:
    return readScoredPieces(*text, path);
  }
  llvm_unreachable("every format has a case");
}

//===----------------------------------------------------------------------===//
// Tokenizers
//===----------------------------------------------------------------------===//

/// Our special ids first, then the other tokens in their order.
static Expected<std::vector<int32_t>> orderOf(ArrayRef<ForeignToken> tokens, const ImportVocabulary &rule,
                                              StringRef path) {
  auto isSpecial = [&](StringRef text) { return !text.empty() && is_contained(rule.special, text); };
  std::vector<int32_t> order;
  for (const std::string &name : rule.special) {
    auto found = find_if(tokens, [&](const ForeignToken &token) { return token.text == name; });
    if (!name.empty() && found == tokens.end())
      return makeError(path + ": expected a token \"" + escapeToken(StringRef(name)) + "\", there is none");
    order.push_back(name.empty() ? -1 : int32_t(found - tokens.begin()));
  }
  for (auto [id, token] : enumerate(tokens))
    if (!isSpecial(token.text))
      order.push_back(int32_t(id));
  return order;
}

static TokenUnit unitOf(ImportVocabulary::Unit unit) {
  switch (unit) {
  case ImportVocabulary::Unit::Characters:
    return TokenUnit::Characters;
  case ImportVocabulary::Unit::Words:
    return TokenUnit::Words;
  case ImportVocabulary::Unit::Pieces:
    return TokenUnit::Pieces;
  }
  llvm_unreachable("every unit has a case");
}

static Expected<std::shared_ptr<Tokenizer>> makeVocabulary(ArrayRef<ForeignToken> tokens, ArrayRef<int32_t> order,
                                                           const ImportVocabulary &rule, StringRef path) {
  bool special = !order.empty();
  Vocabulary vocabulary(special);
  auto add = [&](StringRef text) { return vocabulary.add(text).has_value(); };
  for (size_t i = 0; i < (special ? order.size() - kSpecialCount : tokens.size()); ++i) {
    const std::string &text = tokens[special ? size_t(order[i + kSpecialCount]) : i].text;
    if (text.empty() || !add(text))
      return makeError(path + ": expected different tokens, got \"" + escapeToken(StringRef(text)) +
                       "\" twice or empty");
  }
  return std::make_shared<VocabularyTokenizer>(unitOf(rule.unit), std::move(vocabulary),
                                               special ? UnknownPolicy::Replace : UnknownPolicy::Error);
}

/// The byte of a token such as `<0x0A>`.
static std::optional<char> byteOf(StringRef text) {
  unsigned byte;
  if (text.size() != 6 || !text.consume_front("<0x") || !text.consume_back(">") || text.getAsInteger(16, byte))
    return std::nullopt;
  return char(byte);
}

namespace {

/// Pieces with scores as byte pairs: of two neighbors that together are a piece, those of the best score first. A piece
/// of several bytes that are one character comes before all, since text is characters there.
class PieceMerger {
public:
  PieceMerger(ArrayRef<ForeignToken> tokens, ArrayRef<int32_t> order) : tokens(tokens), order(order) {}

  std::shared_ptr<Tokenizer> make() {
    spellSpecial();
    for (auto [id, foreign] : drop_begin(enumerate(order), kSpecialCount))
      spell(int32_t(id), tokens[size_t(foreign)].text);
    addMerges();
    model.prefixSpace = true;
    return std::make_shared<BytePairTokenizer>(std::move(model));
  }

private:
  void spellSpecial() {
    Vocabulary special(true);
    for (int32_t id = 0; id < kSpecialCount; ++id) {
      model.spellings.push_back(special.token(id).str());
      model.added.push_back({id, special.token(id).str()});
    }
    for (const ForeignToken &token : tokens)
      isPiece.insert({token.text, 0});
  }

  /// A byte that is a piece of its own, too, keeps its name for a spelling, which no text comes to.
  void spell(int32_t id, const std::string &text) {
    std::optional<char> byte = byteOf(text);
    std::string own = byte && !isPiece.contains(StringRef(&*byte, 1)) ? std::string(1, *byte) : text;
    model.spellings.push_back(spellBytes(own));
    ids.insert({own, id});
  }

  void addMerges() {
    struct Candidate {
      bool isCharacter;
      float score;
      BytePairMerge merge;
    };
    std::vector<Candidate> candidates;
    for (auto [id, foreign] : drop_begin(enumerate(order), kSpecialCount)) {
      StringRef text = tokens[size_t(foreign)].text, rest = text;
      if (byteOf(text) || text.empty())
        continue;
      takeCodePoint(rest);
      for (size_t cut = 1; cut < text.size(); ++cut) {
        auto left = ids.find(text.take_front(cut)), right = ids.find(text.drop_front(cut));
        if (left != ids.end() && right != ids.end())
          candidates.push_back(
              {rest.empty(), tokens[size_t(foreign)].score, {left->second, right->second, int32_t(id)}});
      }
    }
    auto key = [](const Candidate &one) {
      return std::tuple(!one.isCharacter, -one.score, one.merge.result, one.merge.left);
    };
    sort(candidates, [&](const Candidate &a, const Candidate &b) { return key(a) < key(b); });
    for (const Candidate &candidate : candidates)
      model.merges.push_back(candidate.merge);
  }

  ArrayRef<ForeignToken> tokens;
  ArrayRef<int32_t> order;
  BytePairModel model;
  StringMap<int32_t> ids;
  StringMap<char> isPiece;
};

} // namespace

Expected<ImportedVocabulary> importVocabulary(StringRef folder, const ImportVocabulary &rule) {
  std::string path = (folder + "/" + rule.file).str();
  Expected<std::vector<ForeignToken>> tokens = readTokens(path, rule);
  if (!tokens)
    return tokens.takeError();
  ImportedVocabulary result;
  if (any_of(rule.special, [](const std::string &name) { return !name.empty(); }))
    if (Error error = orderOf(*tokens, rule, path).moveInto(result.order))
      return std::move(error);
  if (rule.format == ImportVocabulary::Format::ScoredPieces) {
    result.tokenizer = PieceMerger(*tokens, result.order).make();
    return result;
  }
  if (Error error = makeVocabulary(*tokens, result.order, rule, path).moveInto(result.tokenizer))
    return std::move(error);
  return result;
}

Error reorderTensors(std::vector<NamedTensor> &tensors, const ImportVocabulary &rule,
                     const ImportedVocabulary &vocabulary, StringRef origin) {
  if (vocabulary.order.empty())
    return Error::success();
  for (const auto &[name, missing] : rule.tensors) {
    auto found = find_if(tensors, [&](const NamedTensor &tensor) { return tensor.name == name; });
    int32_t last = *std::max_element(vocabulary.order.begin(), vocabulary.order.end());
    if (found == tensors.end() || found->tensor.rank() < 1 || found->tensor.dim(0) <= last)
      return makeError(origin + ": expected a tensor \"" + name + "\" with a row for each of the " + Twine(last + 1) +
                       " tokens of " + rule.file);
    std::vector<int32_t> order = vocabulary.order;
    // A token that begins a text and ends it is put out as the end.
    if (missing == kNeverChosen && order[kStartId] == order[kEndId])
      order[kStartId] = -1;
    found->tensor = reorderRows(found->tensor, order, missing);
  }
  return Error::success();
}

} // namespace moru
