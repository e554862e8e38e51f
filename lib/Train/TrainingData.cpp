// Texts to batches.

#include "moru/Train/TrainingData.h"

#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;

namespace moru {

/// Ids of a step where nobody says otherwise: the recipes' length for words.
static constexpr int64_t kDefaultSequenceLength = 10;

namespace {

/// Reads the texts of one run.
class Reader {
public:
  Reader(const TrainOptions &options, const DataNeeds &needs) : options(options), needs(needs) {}

  Error read();
  TrainingData take() { return std::move(data); }

private:
  Error prepareText();
  Error readStream();
  Error readSentences();
  Expected<PairTokenizers> pairTokenizers(ArrayRef<TextPair> pairs) const;
  Error readPairData();
  Error makeBatches(Expected<std::unique_ptr<BatchSource>> batches);
  void count(ArrayRef<int32_t> train, ArrayRef<int32_t> valid);
  int64_t sequenceLength(int64_t preset) const { return options.sequenceLength ? options.sequenceLength : preset; }

  const TrainOptions &options;
  const DataNeeds &needs;
  CorpusOptions corpus;
  std::string text;
  TrainingData data;
};

} // namespace

std::optional<TokenUnit> parseTokenizerName(StringRef name) {
  return StringSwitch<std::optional<TokenUnit>>(name)
      .Case("char", TokenUnit::Characters)
      .Case("word", TokenUnit::Words)
      .Case("space", TokenUnit::Pieces)
      .Case("bpe", TokenUnit::BytePairs)
      .Default(std::nullopt);
}

static Expected<std::shared_ptr<Tokenizer>> loadNamedTokenizer(StringRef path) {
  Expected<std::shared_ptr<Tokenizer>> loaded = loadTokenizer(path);
  if (loaded)
    return loaded;
  return joinErrors(makeError("--tokenizer: expected char, word, space, bpe, or the file or folder of a tokenizer"),
                    loaded.takeError());
}

Error Reader::prepareText() {
  corpus.vocabularySize = needs.vocabulary;
  corpus.trainPart = options.valid.empty() ? options.trainPart : 1;
  std::optional<TokenUnit> unit = parseTokenizerName(options.tokenizer);
  corpus.unit = unit.value_or(TokenUnit::Words);
  corpus.tokenizer = needs.tokenizer;
  if (!corpus.tokenizer && !unit)
    if (Error error = loadNamedTokenizer(options.tokenizer).moveInto(corpus.tokenizer))
      return error;
  return readText(options.data).moveInto(text);
}

void Reader::count(ArrayRef<int32_t> train, ArrayRef<int32_t> valid) {
  data.trainTokens = int64_t(train.size());
  data.validTokens = int64_t(valid.size());
  data.trainChecksum = crc32Hex(crc32OfIds(train));
  data.validChecksum = crc32Hex(crc32OfIds(valid));
}

Error Reader::makeBatches(Expected<std::unique_ptr<BatchSource>> batches) {
  if (!batches)
    return joinErrors(makeError(options.data + ": cannot be cut into batches"), batches.takeError());
  data.batches = std::move(*batches);
  return Error::success();
}

Error Reader::readStream() {
  Expected<StreamCorpus> read = makeStreamCorpus(text, options.data, corpus);
  if (!read)
    return read.takeError();
  data.tokenizer = read->tokenizer;
  data.validStream = std::move(read->valid);
  if (!options.valid.empty()) {
    Expected<std::string> held = readText(options.valid);
    if (!held)
      return held.takeError();
    if (Error error = data.tokenizer->encode(*held, options.valid).moveInto(data.validStream))
      return error;
  }
  count(read->train, data.validStream);
  int64_t time = sequenceLength(kDefaultSequenceLength);
  return makeBatches(needs.carriesState
                         ? makeStreamBatches(std::move(read->train), options.batchSize, time)
                         : makeWindowBatches(std::move(read->train), options.batchSize, time, options.seed));
}

Error Reader::readSentences() {
  Expected<SentenceCorpus> read = makeSentenceCorpus(text, options.data, corpus);
  if (!read)
    return read.takeError();
  data.tokenizer = read->tokenizer;
  data.validSentences = std::move(read->valid);
  if (!options.valid.empty()) {
    Expected<std::string> held = readText(options.valid);
    if (!held)
      return held.takeError();
    if (Error error = encodeSentences(*data.tokenizer, *held, options.valid).moveInto(data.validSentences))
      return error;
  }
  count(joinSentences(read->train), joinSentences(data.validSentences));
  if (!needs.carriesState)
    return makeBatches(
        makeSentenceBatches(std::move(read->train), options.batchSize, options.sequenceLength, options.seed));
  return makeBatches(makeSentenceStreamBatches(std::move(read->train), options.batchSize,
                                               sequenceLength(kDefaultSequenceLength), options.seed));
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

Expected<PairTokenizers> loadPairTokenizers(StringRef paths) {
  auto [source, target] = paths.split(',');
  PairTokenizers tokenizers;
  if (Error error = loadNamedTokenizer(source).moveInto(tokenizers.source))
    return std::move(error);
  tokenizers.target = tokenizers.source;
  if (!target.empty())
    if (Error error = loadNamedTokenizer(target).moveInto(tokenizers.target))
      return std::move(error);
  return tokenizers;
}

Expected<PairTokenizers> Reader::pairTokenizers(ArrayRef<TextPair> pairs) const {
  if (needs.tokenizer && needs.targetTokenizer)
    return PairTokenizers{needs.tokenizer, needs.targetTokenizer};
  if (std::optional<TokenUnit> unit = parseTokenizerName(options.tokenizer))
    return buildTokenizers(pairs, *unit, needs.sourceVocabulary, needs.vocabulary);
  return loadPairTokenizers(options.tokenizer);
}

Error Reader::readPairData() {
  SplitPairs texts;
  if (Error error = readPairs(options.data, options.reverse).moveInto(texts.train))
    return error;
  if (!options.valid.empty()) {
    if (Error error = readPairs(options.valid, options.reverse).moveInto(texts.valid))
      return error;
  } else {
    TokenUnit unit = parseTokenizerName(options.tokenizer).value_or(TokenUnit::Words);
    size_t count = countSources(texts.train, unit);
    size_t heldOut = options.heldOut ? size_t(options.heldOut) : count - splitPoint(count, options.trainPart);
    if (heldOut >= count)
      return makeError("--held-out: expected fewer than the " + Twine(count) + " different sources of " + options.data +
                       ", got " + Twine(heldOut));
    texts = holdOut(std::move(texts.train), heldOut, unit);
  }
  Expected<PairTokenizers> tokenizers = pairTokenizers(texts.train);
  if (!tokenizers)
    return tokenizers.takeError();
  tokenizers->sourceEnds = needs.sourceEnds;
  data.tokenizer = tokenizers->source;
  data.targetTokenizer = tokenizers->target;
  Expected<std::vector<IdPair>> train = encodePairs(texts.train, *tokenizers);
  if (!train)
    return train.takeError();
  if (Error error = encodePairs(texts.valid, *tokenizers).moveInto(data.validPairs))
    return error;
  count(joinPairs(*train), joinPairs(data.validPairs));
  Expected<PairBatches> batches =
      PairBatches::create(std::move(*train), options.batchSize, options.sizes, options.seed);
  if (!batches)
    return batches.takeError();
  data.pairs.emplace(std::move(*batches));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Training data
//===----------------------------------------------------------------------===//

Error Reader::read() {
  if (options.data.empty())
    return makeError("--data: expected a text file to train on");
  if (needs.kind == ModelKind::EncoderDecoder)
    return readPairData();
  if (Error error = prepareText())
    return error;
  return options.sentences ? readSentences() : readStream();
}

DataNeeds needsOf(const Model &model) {
  DataNeeds needs;
  needs.kind = model.kind();
  needs.vocabulary = size_t(model.vocabulary());
  if (needs.kind == ModelKind::LanguageModel)
    needs.carriesState = static_cast<const LanguageModel &>(model).carriesState();
  if (needs.kind == ModelKind::EncoderDecoder) {
    needs.sourceVocabulary = size_t(static_cast<const EncoderDecoder &>(model).sourceVocabulary());
    needs.sourceEnds = static_cast<const EncoderDecoder &>(model).sourceEnds();
  }
  return needs;
}

Expected<TrainingData> readTrainingData(const TrainOptions &options, const DataNeeds &needs) {
  Reader reader(options, needs);
  if (Error error = reader.read())
    return error;
  return reader.take();
}

TrainingStep TrainingData::next() {
  if (!pairs) {
    batches->next(batch);
    return {.inputs = {{"ids", batch.inputs}, {"targets", batch.targets}},
            .predictions = batch.predictions,
            .resetsState = batch.resetsState};
  }
  pairs->next(pairBatch);
  const PairLengths &size = pairs->sizes()[pairBatch.size];
  bool isLargest = pairBatch.size + 1 == pairs->sizes().size();
  return {.size = isLargest ? "" : sizeSuffix({size.source, size.target}),
          .inputs = {{"src", pairBatch.source},
                     {"src_len", pairBatch.lengths},
                     {"tgt_in", pairBatch.inputs},
                     {"tgt_out", pairBatch.targets}},
          .predictions = pairBatch.predictions};
}

PairLengths TrainingData::longestPair() const {
  PairLengths longest = pairs->sizes().back(), valid = longestOf(validPairs);
  return {std::max(longest.source, valid.source), std::max(longest.target, valid.target)};
}

Expected<Evaluation> TrainingData::validate(Executable &executable, EvaluateProgress progress) const {
  if (!validPairs.empty())
    return evaluatePairs(executable, validPairs, progress);
  return validSentences.empty() ? evaluateStream(executable, validStream, progress)
                                : evaluateSentences(executable, validSentences, progress);
}

} // namespace moru
