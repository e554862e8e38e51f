// The tokenizers that look tokens up in a vocabulary.

#include "moru/Data/Tokenizer.h"

#include "moru/Support/Files.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <set>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kVocabularyName("vocabulary.txt");
static constexpr StringLiteral kVocabularyMark("moru-vocabulary");

StringRef toString(TokenUnit unit) {
  switch (unit) {
  case TokenUnit::Characters:
    return "characters";
  case TokenUnit::Words:
    return "words";
  case TokenUnit::Pieces:
    return "pieces";
  case TokenUnit::BytePairs:
    return "byte pairs";
  }
  return "";
}

std::optional<TokenUnit> parseTokenUnit(StringRef name) {
  return StringSwitch<std::optional<TokenUnit>>(name)
      .Case("characters", TokenUnit::Characters)
      .Case("words", TokenUnit::Words)
      .Case("pieces", TokenUnit::Pieces)
      .Default(std::nullopt);
}

static StringRef nameOf(UnknownPolicy policy) {
  switch (policy) {
  case UnknownPolicy::Error:
    return "error";
  case UnknownPolicy::Replace:
    return "replace";
  case UnknownPolicy::Skip:
    return "skip";
  }
  return "";
}

static std::optional<UnknownPolicy> parsePolicy(StringRef name) {
  return StringSwitch<std::optional<UnknownPolicy>>(name)
      .Case("error", UnknownPolicy::Error)
      .Case("replace", UnknownPolicy::Replace)
      .Case("skip", UnknownPolicy::Skip)
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

using TokenVisitor = function_ref<void(StringRef)>;

static void visitCharacters(StringRef text, TokenVisitor visit) {
  while (!text.empty()) {
    StringRef start = text;
    takeCodePoint(text);
    visit(start.drop_back(text.size()));
  }
}

static void visitPieces(StringRef text, TokenVisitor visit) {
  StringRef piece;
  while (!text.empty()) {
    StringRef start = text;
    bool space = isWhiteSpace(takeCodePoint(text));
    StringRef character = start.drop_back(text.size());
    if (!space) {
      piece = piece.empty() ? character : StringRef(piece.data(), piece.size() + character.size());
    } else if (!piece.empty()) {
      visit(piece);
      piece = {};
    }
  }
  if (!piece.empty())
    visit(piece);
}

static bool isWordCharacter(char32_t codePoint) { return codePoint == '\'' || isLetterOrNumber(codePoint); }

/// `text` is lower-cased and has plain apostrophes.
static void visitWords(StringRef text, TokenVisitor visit) {
  while (!text.empty()) {
    StringRef start = text;
    char32_t codePoint = takeCodePoint(text);
    if (isWhiteSpace(codePoint))
      continue;
    if (isWordCharacter(codePoint)) {
      for (StringRef rest = text; !rest.empty() && isWordCharacter(takeCodePoint(rest));)
        text = rest;
    }
    visit(start.drop_back(text.size()));
  }
}

static std::string normalizeWords(StringRef text) {
  constexpr StringLiteral kCurlyApostrophe("\u2019");
  std::string plain;
  plain.reserve(text.size());
  while (true) {
    auto [before, after] = text.split(kCurlyApostrophe);
    plain += before;
    if (before.size() == text.size())
      return toLowerCase(plain);
    plain += '\'';
    text = after;
  }
}

static void visitTokens(TokenUnit unit, StringRef text, TokenVisitor visit) {
  switch (unit) {
  case TokenUnit::Characters:
    return visitCharacters(text, visit);
  case TokenUnit::Pieces:
    return visitPieces(text, visit);
  case TokenUnit::Words:
    return visitWords(normalizeWords(text), visit);
  case TokenUnit::BytePairs:
    assert(false && "no vocabulary is one of byte pairs");
  }
}

std::vector<std::string> VocabularyTokenizer::split(TokenUnit unit, StringRef text) {
  std::vector<std::string> tokens;
  visitTokens(unit, text, [&](StringRef token) { tokens.push_back(token.str()); });
  return tokens;
}

//===----------------------------------------------------------------------===//
// Joining
//===----------------------------------------------------------------------===//

/// How a word stands to its neighbors.
enum class Attachment : uint8_t { Free, Before, After, Both, Pair };

static Attachment attachmentOf(char32_t codePoint) {
  switch (codePoint) {
  case '"':
  case '_':
    return Attachment::Pair;
  case '-':
  case '/':
  case U'\u2013': // en dash
  case U'\u2014': // em dash
    return Attachment::Both;
  case '(':
  case '[':
  case '{':
  case U'\u201C': // opening quotation marks
  case U'\u2018':
  case U'\u00AB':
  case U'£':
  case '$':
    return Attachment::After;
  case '.':
  case ',':
  case ';':
  case ':':
  case '!':
  case '?':
  case ')':
  case ']':
  case '}':
  case '%':
  case U'\u201D': // closing quotation mark
  case U'\u00BB':
  case U'\u2026': // ellipsis
    return Attachment::Before;
  case U'\u00AD': // soft hyphen
  case U'\u200B': // zero-width space
    return Attachment::Both;
  default: // a combining mark belongs to the letter before it
    return isVisible(codePoint) ? Attachment::Free : Attachment::Before;
  }
}

std::string joinWords(ArrayRef<StringRef> words) {
  std::string text;
  std::set<char32_t> open; // marks that come in pairs and stand open
  bool attachNext = true;
  for (StringRef word : words) {
    StringRef rest = word;
    char32_t first = takeCodePoint(rest);
    Attachment attachment = rest.empty() && !isWordCharacter(first) ? attachmentOf(first) : Attachment::Free;
    if (attachment == Attachment::Pair) {
      bool closes = !open.insert(first).second;
      if (closes)
        open.erase(first);
      attachment = closes ? Attachment::Before : Attachment::After;
    }
    bool attached = attachment == Attachment::Before || attachment == Attachment::Both;
    if (!attached && !attachNext)
      text += ' ';
    text += word;
    attachNext = attachment == Attachment::After || attachment == Attachment::Both;
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Tokenizer
//===----------------------------------------------------------------------===//

Tokenizer::~Tokenizer() = default;

Error Tokenizer::save(StringRef folder, StringRef prefix) const {
  for (const TokenizerFile &file : files())
    if (Error error = writeFile((folder + "/" + prefix + file.name).str(), file.contents))
      return error;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// VocabularyTokenizer
//===----------------------------------------------------------------------===//

VocabularyTokenizer::VocabularyTokenizer(TokenUnit unit, Vocabulary vocabulary, UnknownPolicy policy)
    : kind(unit), entries(std::move(vocabulary)), policy(policy) {
  assert((policy != UnknownPolicy::Replace || entries.hasSpecial()) && "<UNK> exists");
}

Expected<std::shared_ptr<Tokenizer>> VocabularyTokenizer::fromCharacters(StringRef text, bool special,
                                                                         StringRef source) {
  if (Error error = checkUtf8(text, source))
    return error;
  std::set<char32_t> characters;
  while (!text.empty())
    characters.insert(takeCodePoint(text));
  Vocabulary vocabulary(special);
  for (char32_t character : characters)
    vocabulary.add(toUtf8(character));
  return std::make_shared<VocabularyTokenizer>(TokenUnit::Characters, std::move(vocabulary),
                                               special ? UnknownPolicy::Replace : UnknownPolicy::Error);
}

std::shared_ptr<Tokenizer> VocabularyTokenizer::fromTokens(TokenUnit unit, ArrayRef<std::string> tokens, size_t size) {
  return std::make_shared<VocabularyTokenizer>(unit, Vocabulary::fromMostFrequent(tokens, size),
                                               UnknownPolicy::Replace);
}

/// `character 'é' (U+00E9)`, `word 'xylem'`.
static std::string describeUnknown(TokenUnit unit, StringRef token) {
  std::string text = toString(unit).drop_back().str() + " '" + escapeToken(token) + "'";
  if (unit == TokenUnit::Characters)
    text += " (" + formatCodePoint(takeCodePoint(token)) + ")";
  return text;
}

/// Collects ids, or the first unknown token and its place among the tokens.
struct IdCollector {
  const Vocabulary &vocabulary;
  UnknownPolicy policy;
  std::vector<int32_t> ids;
  std::optional<std::string> unknown;
  size_t seen = 0, place = 0;

  void add(StringRef token) {
    ++seen;
    if (std::optional<int32_t> id = vocabulary.find(token)) {
      ids.push_back(*id);
    } else if (policy == UnknownPolicy::Replace) {
      ids.push_back(kUnknownId);
    } else if (policy == UnknownPolicy::Error && !unknown) {
      unknown = token.str();
      place = seen;
    }
  }

  Expected<std::vector<int32_t>> finish(TokenUnit unit, StringRef source) {
    if (!unknown)
      return std::move(ids);
    return makeError(source + ": " + toString(unit).drop_back() + " " + Twine(place) + ": expected one of the " +
                     Twine(vocabulary.size()) + " " + toString(unit) + " of the vocabulary, got " +
                     describeUnknown(unit, *unknown) + "; remove it, or train with a vocabulary that has it");
  }
};

Expected<std::vector<int32_t>> VocabularyTokenizer::encode(StringRef text, StringRef source) const {
  if (Error error = checkUtf8(text, source))
    return error;
  IdCollector collector{entries, policy, {}, {}};
  visitTokens(kind, text, [&](StringRef token) { collector.add(token); });
  return collector.finish(kind, source);
}

Expected<std::vector<int32_t>> VocabularyTokenizer::encodeTokens(ArrayRef<std::string> tokens, StringRef source) const {
  IdCollector collector{entries, policy, {}, {}};
  for (const std::string &token : tokens)
    collector.add(token);
  return collector.finish(kind, source);
}

Expected<std::string> VocabularyTokenizer::decode(ArrayRef<int32_t> ids) const {
  std::vector<StringRef> tokens;
  for (int32_t id : ids) {
    if (id < 0 || id >= size())
      return makeError("expected an id from 0 to " + Twine(size() - 1) + ", got " + Twine(id) +
                       "; are the ids of another tokenizer?");
    if (entries.isSpecial(id) && id != kUnknownId)
      continue;
    bool unknownCharacter = entries.isSpecial(id) && kind == TokenUnit::Characters;
    tokens.push_back(unknownCharacter ? StringRef("\uFFFD") : entries.token(id));
  }
  if (kind == TokenUnit::Words)
    return joinWords(tokens);
  return llvm::join(tokens, kind == TokenUnit::Characters ? "" : " ");
}

std::string VocabularyTokenizer::describe(int32_t id) const { return escapeToken(entries.token(id)); }

//===----------------------------------------------------------------------===//
// Vocabulary files
//===----------------------------------------------------------------------===//

std::vector<TokenizerFile> VocabularyTokenizer::files() const {
  std::string contents = (kVocabularyMark + " " + toString(kind) + " " + Twine(size()) +
                          " special=" + Twine(hasSpecial() ? kSpecialCount : 0) + " unknown=" + nameOf(policy) + "\n")
                             .str();
  for (int32_t id = 0; id < size(); ++id)
    contents += describe(id) + "\n";
  return {{kVocabularyName.str(), std::move(contents)}};
}

namespace {
/// The first line of a vocabulary file.
struct VocabularyHeader {
  TokenUnit unit;
  uint64_t count;
  bool special;
  UnknownPolicy policy;
};
} // namespace

static std::optional<VocabularyHeader> parseHeader(StringRef line) {
  SmallVector<StringRef> fields;
  line.split(fields, ' ');
  VocabularyHeader header{};
  if (fields.size() != 5 || fields[0] != kVocabularyMark || fields[2].getAsInteger(10, header.count))
    return std::nullopt;
  std::optional<TokenUnit> unit = parseTokenUnit(fields[1]);
  std::optional<UnknownPolicy> policy =
      fields[4].consume_front("unknown=") ? parsePolicy(fields[4]) : std::optional<UnknownPolicy>();
  header.special = fields[3] == "special=4";
  if (!unit || !policy || (!header.special && fields[3] != "special=0") ||
      (!header.special && policy == UnknownPolicy::Replace))
    return std::nullopt;
  header.unit = *unit;
  header.policy = *policy;
  return header;
}

static bool isOneCharacter(StringRef token) {
  if (token.empty())
    return false;
  takeCodePoint(token);
  return token.empty();
}

/// Adds the token of one line; the error is a message without a place.
static Error addLine(Vocabulary &vocabulary, const VocabularyHeader &header, size_t id, StringRef line) {
  Expected<std::string> token = unescapeToken(line);
  if (!token)
    return token.takeError();
  if (header.special && id < size_t(kSpecialCount)) {
    StringRef expected = vocabulary.token(int32_t(id));
    return *token == expected ? Error::success() : makeError("expected " + expected + ", got '" + line + "'");
  }
  if (header.unit == TokenUnit::Characters ? !isOneCharacter(*token) : token->empty())
    return makeError("expected one of the " + toString(header.unit) + ", got '" + line + "'");
  if (!vocabulary.add(*token))
    return makeError("expected distinct tokens, got '" + line + "' a second time");
  return Error::success();
}

Expected<std::shared_ptr<Tokenizer>> VocabularyTokenizer::parse(StringRef contents, StringRef source) {
  if (Error error = checkUtf8(contents, source))
    return error;
  auto [first, rest] = contents.split('\n');
  std::optional<VocabularyHeader> header = parseHeader(first.rtrim('\r'));
  if (!header)
    return makeError(source +
                     ":1: expected 'moru-vocabulary <characters|words|pieces> <count> special=<0|4> "
                     "unknown=<error|replace|skip>', got '" +
                     escapeToken(first.take_front(80).take_while([](char c) { return isPrint(c); })) + "'");
  Vocabulary vocabulary(header->special);
  size_t id = 0;
  for (; !rest.empty(); ++id) {
    auto [line, after] = rest.split('\n');
    if (line.size() == rest.size())
      return makeError(source + ":" + Twine(id + 2) +
                       ": expected a line break, got the end of the file; is it truncated?");
    if (Error error = addLine(vocabulary, *header, id, line.rtrim('\r')))
      return makeError(source + ":" + Twine(id + 2) + ": " + toString(std::move(error)));
    rest = after;
  }
  if (id != header->count)
    return makeError(source + ":" + Twine(id + 2) + ": expected " + Twine(header->count) + " tokens, got " + Twine(id) +
                     "; is the file truncated, or the number in its first line wrong?");
  return std::make_shared<VocabularyTokenizer>(header->unit, std::move(vocabulary), header->policy);
}

} // namespace moru
