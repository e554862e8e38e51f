// Batches of ids and of the ids that follow them. A batch is a function of its position (epoch, step) alone, so a run
// that restores the position reads what it would have read.

#ifndef MORU_DATA_BATCHES_H
#define MORU_DATA_BATCHES_H

#include "moru/Data/Corpus.h"
#include "moru/Support/HostTensor.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <memory>
#include <vector>

namespace moru {

/// The target that no loss counts.
constexpr int32_t kIgnoredTarget = -1;

/// A place in training: the next step is `step` of `epoch`, both from 0.
struct BatchPosition {
  int64_t epoch = 0;
  int64_t step = 0;
  friend bool operator==(const BatchPosition &, const BatchPosition &) = default;
};

/// `{"epoch": 0, "step": 0}`.
llvm::json::Value toJSON(const BatchPosition &position);
bool fromJSON(const llvm::json::Value &value, BatchPosition &position, llvm::json::Path path);

/// One training step's ids, `[B, T] i32` each.
struct Batch {
  HostTensor inputs;
  /// The id after each input; `kIgnoredTarget` where there is none.
  HostTensor targets;
  /// Targets that count.
  int64_t predictions = 0;
  /// A carried state is zero before this batch.
  bool resetsState = true;
};

/// A numbered, endless series of batches.
class BatchSource {
public:
  virtual ~BatchSource();

  int64_t batchSize() const { return rows; }
  int64_t sequenceLength() const { return columns; }
  /// The same in every epoch; at least 1.
  int64_t stepsPerEpoch() const { return steps; }
  /// Whether one batch continues the rows of the one before.
  virtual bool carriesState() const = 0;

  /// Fills `batch` (allocating only if it has another shape) and moves on. The step after an epoch's last is the next
  /// epoch's first.
  void next(Batch &batch);
  Batch next();

  /// Where `next` reads.
  BatchPosition position() const { return place; }
  /// Makes `next` read there. A place that the series does not have is an error: the data or the batch has changed.
  llvm::Error restore(BatchPosition position);

protected:
  BatchSource(int64_t batchSize, int64_t sequenceLength, int64_t stepsPerEpoch)
      : rows(batchSize), columns(sequenceLength), steps(stepsPerEpoch) {}
  /// Writes both `[B, T]` arrays of a position.
  virtual void fill(BatchPosition position, int32_t *inputs, int32_t *targets) = 0;

private:
  int64_t rows, columns, steps;
  BatchPosition place;
};

/// What happens to the ids behind a stream's last whole step.
enum class StreamTail : uint8_t {
  /// They are not read: training.
  Drop,
  /// They make one more step, filled with ignored targets: each id is predicted once, as an evaluation needs it.
  Pad,
};

/// B contiguous streams of a text, side by side, T ids a step, state carried; the recipes' `stream_batches`. The last
/// `size % B` ids are dropped.
llvm::Expected<std::unique_ptr<BatchSource>> makeStreamBatches(std::vector<int32_t> ids, int64_t batchSize,
                                                               int64_t sequenceLength,
                                                               StreamTail tail = StreamTail::Drop);

/// The same over sentences joined in a new order each epoch, a function of (seed, epoch).
llvm::Expected<std::unique_ptr<BatchSource>>
makeSentenceStreamBatches(std::vector<Sentence> sentences, int64_t batchSize, int64_t sequenceLength, uint64_t seed);

/// Windows of T ids, side by side, in a new order each epoch; a last incomplete batch is dropped. No state.
llvm::Expected<std::unique_ptr<BatchSource>> makeWindowBatches(std::vector<int32_t> ids, int64_t batchSize,
                                                               int64_t sequenceLength, uint64_t seed);

/// One sentence per row in a new order each epoch, filled with padding; rows that the last batch of an epoch lacks are
/// padding too. `sequenceLength` 0 means what the longest sentence needs; one longer than the given length is an error.
llvm::Expected<std::unique_ptr<BatchSource>> makeSentenceBatches(std::vector<Sentence> sentences, int64_t batchSize,
                                                                 int64_t sequenceLength, uint64_t seed);

/// The numbers 0 … count − 1 in an order that is a function of (seed, epoch).
std::vector<size_t> permutation(size_t count, uint64_t seed, int64_t epoch);

} // namespace moru

#endif // MORU_DATA_BATCHES_H
