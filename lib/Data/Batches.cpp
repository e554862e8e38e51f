// The batch sources, and the shuffling they share.

#include "moru/Data/Batches.h"

#include "moru/Support/Files.h"
#include "moru/Support/Philox.h"

#include <algorithm>
#include <numeric>

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Positions and orders
//===----------------------------------------------------------------------===//

json::Value toJSON(const BatchPosition &position) {
  return json::Object{{"epoch", position.epoch}, {"step", position.step}};
}

bool fromJSON(const json::Value &value, BatchPosition &position, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("epoch", position.epoch) && map.map("step", position.step);
}

std::vector<size_t> permutation(size_t count, uint64_t seed, int64_t epoch) {
  // Graphs number their random operations upward from 0 and never come here.
  constexpr uint32_t kShuffleStream = 0xFFFFFFFF;
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t(0));
  for (size_t i = count; i > 1; --i) {
    PhiloxBlock block = philoxBlock(seed, kShuffleStream, uint32_t(epoch), i);
    uint64_t bits = uint64_t(block[1]) << 32 | block[0];
    // The upper half of a product maps 64 bits onto [0, i); the bias is below i / 2^64.
    size_t other = size_t((static_cast<unsigned __int128>(bits) * i) >> 64);
    std::swap(order[i - 1], order[other]);
  }
  return order;
}

//===----------------------------------------------------------------------===//
// BatchSource
//===----------------------------------------------------------------------===//

BatchSource::~BatchSource() = default;

static void makeShape(HostTensor &tensor, const Shape &shape) {
  if (tensor.type() != ElementType::I32 || tensor.shape() != shape)
    tensor = HostTensor(ElementType::I32, shape);
}

void BatchSource::next(Batch &batch) {
  makeShape(batch.inputs, {rows, columns});
  makeShape(batch.targets, {rows, columns});
  int32_t *targets = batch.targets.data<int32_t>();
  fill(place, batch.inputs.data<int32_t>(), targets);
  batch.predictions = rows * columns - std::count(targets, targets + rows * columns, kIgnoredTarget);
  batch.resetsState = !carriesState() || place.step == 0;
  if (++place.step == steps)
    place = {place.epoch + 1, 0};
}

Batch BatchSource::next() {
  Batch batch;
  next(batch);
  return batch;
}

Error BatchSource::restore(BatchPosition position) {
  if (position.epoch < 0 || position.step < 0 || position.step >= steps)
    return makeError("expected a step below the " + Twine(steps) + " of an epoch, got step " + Twine(position.step) +
                     " of epoch " + Twine(position.epoch) +
                     "; resume with the data, --batch-size and --seq-len that the run began with");
  place = position;
  return Error::success();
}

static Error checkBatchShape(int64_t batchSize, int64_t sequenceLength) {
  // Far above what fits a machine, far below what overflows a product.
  constexpr int64_t kMax = int64_t(1) << 30;
  if (batchSize < 1 || batchSize > kMax || sequenceLength < 1 || sequenceLength > kMax)
    return makeError("expected a batch size and a sequence length of at least 1, got " + Twine(batchSize) + " and " +
                     Twine(sequenceLength));
  return Error::success();
}

static Error makeTooShortError(StringRef rule, int64_t needed, size_t got, int64_t batchSize, int64_t sequenceLength) {
  return makeError("expected a text of at least " + rule + " = " + Twine(needed) + " tokens for batch size B = " +
                   Twine(batchSize) + " and sequence length T = " + Twine(sequenceLength) + ", got " + Twine(got) +
                   "; use a longer text, or a smaller --batch-size or --seq-len");
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

/// Steps of T in streams of `length` ids, of which the first is only an input.
static int64_t countSteps(int64_t length, int64_t sequenceLength, StreamTail tail) {
  int64_t predicted = length - 1;
  return (predicted + (tail == StreamTail::Pad ? sequenceLength - 1 : 0)) / sequenceLength;
}

namespace {

/// Reads B streams out of `ids`; a subclass may replace them between epochs.
class StreamBatches : public BatchSource {
public:
  StreamBatches(std::vector<int32_t> ids, int64_t batchSize, int64_t sequenceLength, StreamTail tail)
      : BatchSource(batchSize, sequenceLength, countSteps(int64_t(ids.size()) / batchSize, sequenceLength, tail)),
        ids(std::move(ids)) {}

  bool carriesState() const override { return true; }

protected:
  void fill(BatchPosition position, int32_t *inputs, int32_t *targets) override {
    int64_t length = int64_t(ids.size()) / batchSize(), start = position.step * sequenceLength();
    for (int64_t row = 0; row < batchSize(); ++row)
      for (int64_t t = 0; t < sequenceLength(); ++t) {
        const int32_t *id = ids.data() + row * length + start + t;
        bool exists = start + t + 1 < length;
        *inputs++ = exists ? id[0] : kPadId;
        *targets++ = exists ? id[1] : kIgnoredTarget;
      }
  }

  std::vector<int32_t> ids;
};

/// Joins the sentences anew for each epoch.
class SentenceStreamBatches final : public StreamBatches {
public:
  SentenceStreamBatches(std::vector<Sentence> sentences, int64_t batchSize, int64_t sequenceLength, uint64_t seed)
      : StreamBatches(joinSentences(sentences), batchSize, sequenceLength, StreamTail::Drop),
        sentences(std::move(sentences)), seed(seed) {}

protected:
  void fill(BatchPosition position, int32_t *inputs, int32_t *targets) override {
    if (position.epoch != joinedEpoch)
      joinFor(position.epoch);
    StreamBatches::fill(position, inputs, targets);
  }

private:
  void joinFor(int64_t epoch) {
    ids.clear();
    for (size_t i : permutation(sentences.size(), seed, epoch))
      ids.insert(ids.end(), sentences[i].begin(), sentences[i].end());
    joinedEpoch = epoch;
  }

  std::vector<Sentence> sentences;
  uint64_t seed;
  int64_t joinedEpoch = -1;
};

} // namespace

static Error checkStream(size_t size, int64_t batchSize, int64_t sequenceLength, StreamTail tail) {
  if (Error error = checkBatchShape(batchSize, sequenceLength))
    return error;
  if (countSteps(int64_t(size) / batchSize, sequenceLength, tail) > 0)
    return Error::success();
  bool pad = tail == StreamTail::Pad;
  return makeTooShortError(pad ? "B * 2" : "B * (T + 1)", batchSize * (pad ? 2 : sequenceLength + 1), size, batchSize,
                           sequenceLength);
}

Expected<std::unique_ptr<BatchSource>> makeStreamBatches(std::vector<int32_t> ids, int64_t batchSize,
                                                         int64_t sequenceLength, StreamTail tail) {
  if (Error error = checkStream(ids.size(), batchSize, sequenceLength, tail))
    return error;
  return std::make_unique<StreamBatches>(std::move(ids), batchSize, sequenceLength, tail);
}

Expected<std::unique_ptr<BatchSource>> makeSentenceStreamBatches(std::vector<Sentence> sentences, int64_t batchSize,
                                                                 int64_t sequenceLength, uint64_t seed) {
  size_t size = 0;
  for (const Sentence &sentence : sentences)
    size += sentence.size();
  if (Error error = checkStream(size, batchSize, sequenceLength, StreamTail::Drop))
    return error;
  return std::make_unique<SentenceStreamBatches>(std::move(sentences), batchSize, sequenceLength, seed);
}

//===----------------------------------------------------------------------===//
// Rows in a new order each epoch
//===----------------------------------------------------------------------===//

namespace {

/// Rows without state between them, shuffled per epoch.
class ShuffledRows : public BatchSource {
public:
  bool carriesState() const final { return false; }

protected:
  ShuffledRows(size_t rowCount, int64_t batchSize, int64_t sequenceLength, int64_t stepsPerEpoch, uint64_t seed)
      : BatchSource(batchSize, sequenceLength, stepsPerEpoch), rowCount(rowCount), seed(seed) {}
  /// The ids of one row; the last of them is only a target.
  virtual ArrayRef<int32_t> row(size_t index) const = 0;

  void fill(BatchPosition position, int32_t *inputs, int32_t *targets) final {
    if (position.epoch != shuffledEpoch) {
      order = permutation(rowCount, seed, position.epoch);
      shuffledEpoch = position.epoch;
    }
    for (int64_t i = 0; i < batchSize(); ++i) {
      size_t place = size_t(position.step * batchSize() + i);
      ArrayRef<int32_t> ids = place < rowCount ? row(order[place]) : ArrayRef<int32_t>();
      for (size_t t = 0; t < size_t(sequenceLength()); ++t) {
        bool exists = t + 1 < ids.size();
        *inputs++ = exists ? ids[t] : kPadId;
        *targets++ = exists ? ids[t + 1] : kIgnoredTarget;
      }
    }
  }

private:
  size_t rowCount;
  uint64_t seed;
  std::vector<size_t> order;
  int64_t shuffledEpoch = -1;
};

class WindowBatches final : public ShuffledRows {
public:
  WindowBatches(std::vector<int32_t> ids, size_t windows, int64_t batchSize, int64_t sequenceLength, uint64_t seed)
      : ShuffledRows(windows, batchSize, sequenceLength, int64_t(windows) / batchSize, seed), ids(std::move(ids)) {}

private:
  ArrayRef<int32_t> row(size_t index) const override {
    auto length = size_t(sequenceLength());
    return ArrayRef(ids).slice(index * length, length + 1);
  }
  std::vector<int32_t> ids;
};

class SentenceBatches final : public ShuffledRows {
public:
  SentenceBatches(std::vector<Sentence> sentences, int64_t batchSize, int64_t sequenceLength, uint64_t seed)
      : ShuffledRows(sentences.size(), batchSize, sequenceLength,
                     (int64_t(sentences.size()) + batchSize - 1) / batchSize, seed),
        sentences(std::move(sentences)) {}

private:
  ArrayRef<int32_t> row(size_t index) const override { return sentences[index]; }
  std::vector<Sentence> sentences;
};

} // namespace

Expected<std::unique_ptr<BatchSource>> makeWindowBatches(std::vector<int32_t> ids, int64_t batchSize,
                                                         int64_t sequenceLength, uint64_t seed) {
  if (Error error = checkBatchShape(batchSize, sequenceLength))
    return error;
  size_t windows = ids.empty() ? 0 : (ids.size() - 1) / size_t(sequenceLength);
  if (windows < size_t(batchSize))
    return makeTooShortError("B * T + 1", batchSize * sequenceLength + 1, ids.size(), batchSize, sequenceLength);
  return std::make_unique<WindowBatches>(std::move(ids), windows, batchSize, sequenceLength, seed);
}

Expected<std::unique_ptr<BatchSource>> makeSentenceBatches(std::vector<Sentence> sentences, int64_t batchSize,
                                                           int64_t sequenceLength, uint64_t seed) {
  size_t longest = 0;
  for (const Sentence &sentence : sentences)
    longest = std::max(longest, sentence.size());
  if (longest < 2)
    return makeError("expected sentences of at least two ids, got " + Twine(sentences.size()) +
                     " sentences; give a text with one sentence per line");
  if (sequenceLength == 0)
    sequenceLength = int64_t(longest) - 1;
  if (Error error = checkBatchShape(batchSize, sequenceLength))
    return error;
  if (int64_t(longest) - 1 > sequenceLength)
    return makeError("expected sentences of at most " + Twine(sequenceLength) + " tokens with <EOS>, got one of " +
                     Twine(longest - 1) + "; raise --seq-len or remove it");
  return std::make_unique<SentenceBatches>(std::move(sentences), batchSize, sequenceLength, seed);
}

} // namespace moru
