// Texts to batches.

#include "moru/Train/TrainingData.h"

#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace moru {

/// Ids of a step where nobody says otherwise: the recipes' length for words.
static constexpr int64_t kDefaultSequenceLength = 10;

namespace {

/// Reads the texts of one run.
class Reader {
public:
  Reader(const TrainOptions &options, bool carriesState) : options(options), carriesState(carriesState) {}

  Error prepare(size_t vocabularySize, std::shared_ptr<Tokenizer> tokenizer);
  Error readStream();
  Error readSentences();
  TrainingData take() { return std::move(data); }

private:
  Error makeBatches(Expected<std::unique_ptr<BatchSource>> batches);
  void count(ArrayRef<int32_t> train, ArrayRef<int32_t> valid);
  int64_t sequenceLength(int64_t preset) const { return options.sequenceLength ? options.sequenceLength : preset; }

  const TrainOptions &options;
  bool carriesState;
  CorpusOptions corpus;
  std::string text;
  TrainingData data;
};

} // namespace

Error Reader::prepare(size_t vocabularySize, std::shared_ptr<Tokenizer> tokenizer) {
  corpus.vocabularySize = vocabularySize;
  corpus.trainPart = options.valid.empty() ? options.trainPart : 1;
  corpus.unit = options.tokenizer == "char"  ? TokenUnit::Characters
                : options.tokenizer == "bpe" ? TokenUnit::BytePairs
                                             : TokenUnit::Words;
  corpus.tokenizer = std::move(tokenizer);
  if (!corpus.tokenizer && !is_contained({"char", "word", "bpe"}, StringRef(options.tokenizer))) {
    Expected<std::shared_ptr<Tokenizer>> loaded = loadTokenizer(options.tokenizer);
    if (!loaded)
      return joinErrors(makeError("--tokenizer: expected char, word, bpe, or the file or folder of a tokenizer"),
                        loaded.takeError());
    corpus.tokenizer = *loaded;
  }
  if (options.data.empty())
    return makeError("--data: expected a text file to train on");
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
  return makeBatches(carriesState ? makeStreamBatches(std::move(read->train), options.batchSize, time)
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
  if (!carriesState)
    return makeBatches(
        makeSentenceBatches(std::move(read->train), options.batchSize, options.sequenceLength, options.seed));
  return makeBatches(makeSentenceStreamBatches(std::move(read->train), options.batchSize,
                                               sequenceLength(kDefaultSequenceLength), options.seed));
}

Expected<TrainingData> readTrainingData(const TrainOptions &options, size_t vocabularySize, bool carriesState,
                                        std::shared_ptr<Tokenizer> tokenizer) {
  Reader reader(options, carriesState);
  if (Error error = reader.prepare(vocabularySize, std::move(tokenizer)))
    return error;
  if (Error error = options.sentences ? reader.readSentences() : reader.readStream())
    return error;
  return reader.take();
}

Expected<Evaluation> TrainingData::validate(Executable &executable, EvaluateProgress progress) const {
  return validSentences.empty() ? evaluateStream(executable, validStream, progress)
                                : evaluateSentences(executable, validSentences, progress);
}

} // namespace moru
