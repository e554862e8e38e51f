// Texts into ids.

#include "moru/Data/Corpus.h"

#include "moru/Data/BytePairs.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Support/Unicode.h"

using namespace llvm;

namespace moru {

size_t splitPoint(size_t count, double part) { return size_t(part * double(count)); }

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Carriage returns before line breaks are how some systems end a line, not characters of the text.
static std::string withoutCarriageReturns(StringRef text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    size_t end = text.find("\r\n");
    result += text.take_front(end);
    text = end == StringRef::npos ? StringRef() : text.drop_front(end + 1);
  }
  return result;
}

Expected<std::string> readText(StringRef path) {
  constexpr StringLiteral kByteOrderMark("\xEF\xBB\xBF");
  Expected<std::string> bytes = readFile(path);
  if (!bytes)
    return bytes.takeError();
  if (Error error = checkUtf8(*bytes, path))
    return error;
  StringRef text = *bytes;
  text.consume_front(kByteOrderMark);
  return withoutCarriageReturns(text);
}

static Error checkOptions(const CorpusOptions &options) {
  if (!(options.trainPart > 0 && options.trainPart <= 1))
    return makeError("expected a training part above 0 and at most 1, got " + formatNumber(options.trainPart));
  if (options.vocabularySize <= size_t(kSpecialCount))
    return makeError("expected a vocabulary of more than the 4 special ids, got " + Twine(options.vocabularySize));
  return Error::success();
}

static Error makeEmptyError(StringRef source) {
  return makeError(source + ": expected a text, got nothing but white space; give a file with something to learn");
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

static StreamCorpus splitStream(std::shared_ptr<Tokenizer> tokenizer, std::vector<int32_t> ids, double trainPart) {
  auto cut = ids.begin() + ptrdiff_t(splitPoint(ids.size(), trainPart));
  std::vector<int32_t> valid(cut, ids.end());
  ids.erase(cut, ids.end());
  return {std::move(tokenizer), std::move(ids), std::move(valid)};
}

/// Ids by a tokenizer that does not depend on where the text is cut.
static Expected<StreamCorpus> encodeStream(std::shared_ptr<Tokenizer> tokenizer, StringRef text, StringRef source,
                                           double trainPart) {
  Expected<std::vector<int32_t>> ids = tokenizer->encode(text, source);
  if (!ids)
    return ids.takeError();
  if (ids->empty())
    return makeEmptyError(source);
  return splitStream(std::move(tokenizer), std::move(*ids), trainPart);
}

static Expected<StreamCorpus> makeTokenStream(StringRef text, StringRef source, const CorpusOptions &options) {
  std::vector<std::string> tokens = VocabularyTokenizer::split(options.unit, text);
  if (tokens.empty())
    return makeEmptyError(source);
  ArrayRef<std::string> train = ArrayRef(tokens).take_front(splitPoint(tokens.size(), options.trainPart));
  std::shared_ptr<Tokenizer> tokenizer = VocabularyTokenizer::fromTokens(options.unit, train, options.vocabularySize);
  Expected<std::vector<int32_t>> ids =
      static_cast<const VocabularyTokenizer &>(*tokenizer).encodeTokens(tokens, source);
  if (!ids)
    return ids.takeError();
  return splitStream(std::move(tokenizer), std::move(*ids), options.trainPart);
}

/// Ids of a part of a text as if a line break stood before it.
static Expected<std::vector<int32_t>> encodePart(const Tokenizer &tokenizer, StringRef part, StringRef source) {
  Expected<std::vector<int32_t>> ids = tokenizer.encode("\n", source), rest = tokenizer.encode(part, source);
  if (!ids || !rest)
    return joinErrors(ids.takeError(), rest.takeError());
  ids->insert(ids->end(), rest->begin(), rest->end());
  return ids;
}

/// Byte pairs reach over any border, so the text is cut before it is encoded: behind a line.
static Expected<StreamCorpus> makeBytePairStream(StringRef text, StringRef source, const CorpusOptions &options) {
  if (text.trim().empty())
    return makeEmptyError(source);
  size_t cut = std::min(text.find('\n', splitPoint(text.size(), options.trainPart)), text.size() - 1) + 1;
  std::shared_ptr<Tokenizer> tokenizer = options.tokenizer;
  if (!tokenizer)
    if (Error error = BytePairTokenizer::train({text.take_front(cut)}, {.vocabularySize = options.vocabularySize})
                          .moveInto(tokenizer))
      return std::move(error);
  Expected<std::vector<int32_t>> train = encodePart(*tokenizer, text.take_front(cut), source);
  Expected<std::vector<int32_t>> valid =
      cut < text.size() ? encodePart(*tokenizer, text.drop_front(cut), source) : std::vector<int32_t>();
  if (!train || !valid)
    return joinErrors(train.takeError(), valid.takeError());
  return StreamCorpus{std::move(tokenizer), std::move(*train), std::move(*valid)};
}

Expected<StreamCorpus> makeStreamCorpus(StringRef text, StringRef source, const CorpusOptions &options) {
  if (Error error = checkOptions(options))
    return error;
  if (Error error = checkUtf8(text, source))
    return error;
  if ((options.tokenizer ? options.tokenizer->unit() : options.unit) == TokenUnit::BytePairs)
    return makeBytePairStream(text, source, options);
  if (options.tokenizer)
    return encodeStream(options.tokenizer, text, source, options.trainPart);
  if (options.unit != TokenUnit::Characters)
    return makeTokenStream(text, source, options);
  Expected<std::shared_ptr<Tokenizer>> tokenizer = VocabularyTokenizer::fromCharacters(text, false, source);
  if (!tokenizer)
    return tokenizer.takeError();
  return encodeStream(std::move(*tokenizer), text, source, options.trainPart);
}

//===----------------------------------------------------------------------===//
// Sentences
//===----------------------------------------------------------------------===//

namespace {
/// A line with something on it, and its number.
struct Line {
  StringRef text;
  size_t number;
};
} // namespace

static bool isBlank(StringRef text) {
  while (!text.empty())
    if (!isWhiteSpace(takeCodePoint(text)))
      return false;
  return true;
}

static std::vector<Line> linesOf(StringRef text) {
  std::vector<Line> lines;
  for (size_t number = 1; !text.empty(); ++number) {
    auto [line, rest] = text.split('\n');
    if (!isBlank(line))
      lines.push_back({line, number});
    text = rest;
  }
  return lines;
}

static Expected<std::vector<Sentence>> encodeLines(const Tokenizer &tokenizer, ArrayRef<Line> lines, StringRef source) {
  std::vector<Sentence> sentences;
  for (const Line &line : lines) {
    Expected<std::vector<int32_t>> ids = tokenizer.encode(line.text, (source + ":" + Twine(line.number)).str());
    if (!ids)
      return ids.takeError();
    Sentence sentence = {kStartId};
    sentence.insert(sentence.end(), ids->begin(), ids->end());
    sentence.push_back(kEndId);
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

static Error checkSpecial(const Tokenizer &tokenizer, StringRef source) {
  if (tokenizer.hasSpecial())
    return Error::success();
  return makeError(source + ": expected a tokenizer with <SOS> and <EOS> for sentences, got one of " +
                   toString(tokenizer.unit()) + " without; build it from sentences, or read the text as one stream");
}

Expected<std::vector<Sentence>> encodeSentences(const Tokenizer &tokenizer, StringRef text, StringRef source) {
  if (Error error = checkSpecial(tokenizer, source))
    return error;
  if (Error error = checkUtf8(text, source))
    return error;
  return encodeLines(tokenizer, linesOf(text), source);
}

/// A tokenizer of the training lines; of all lines, if it is one of characters.
static Expected<std::shared_ptr<Tokenizer>> buildTokenizer(ArrayRef<Line> lines, StringRef source,
                                                           const CorpusOptions &options) {
  if (options.unit == TokenUnit::Characters) {
    std::string all;
    for (const Line &line : lines)
      all += line.text;
    return VocabularyTokenizer::fromCharacters(all, /*special=*/true, source);
  }
  ArrayRef<Line> train = lines.take_front(splitPoint(lines.size(), options.trainPart));
  if (options.unit == TokenUnit::BytePairs) {
    std::vector<StringRef> texts;
    for (const Line &line : train)
      texts.push_back(line.text);
    return BytePairTokenizer::train(texts, {.vocabularySize = options.vocabularySize, .special = true});
  }
  std::vector<std::string> tokens;
  for (const Line &line : train)
    for (std::string &token : VocabularyTokenizer::split(options.unit, line.text))
      tokens.push_back(std::move(token));
  return VocabularyTokenizer::fromTokens(options.unit, tokens, options.vocabularySize);
}

Expected<SentenceCorpus> makeSentenceCorpus(StringRef text, StringRef source, const CorpusOptions &options) {
  if (Error error = checkOptions(options))
    return error;
  if (Error error = checkUtf8(text, source))
    return error;
  std::vector<Line> lines = linesOf(text);
  if (lines.empty())
    return makeEmptyError(source);
  std::shared_ptr<Tokenizer> tokenizer = options.tokenizer;
  if (!tokenizer) {
    Expected<std::shared_ptr<Tokenizer>> built = buildTokenizer(lines, source, options);
    if (!built)
      return built.takeError();
    tokenizer = std::move(*built);
  }
  if (Error error = checkSpecial(*tokenizer, source))
    return error;
  Expected<std::vector<Sentence>> sentences = encodeLines(*tokenizer, lines, source);
  if (!sentences)
    return sentences.takeError();
  SentenceCorpus corpus{std::move(tokenizer), std::move(*sentences), {}};
  size_t cut = splitPoint(corpus.train.size(), options.trainPart);
  for (size_t i = cut; i < corpus.train.size(); ++i)
    corpus.valid.push_back(std::move(corpus.train[i]));
  corpus.train.resize(cut);
  return corpus;
}

std::vector<int32_t> joinSentences(ArrayRef<Sentence> sentences) {
  std::vector<int32_t> ids;
  for (const Sentence &sentence : sentences)
    ids.insert(ids.end(), sentence.begin(), sentence.end());
  return ids;
}

} // namespace moru
