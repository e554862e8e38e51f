// Batches of pairs of about the same length, so that little of them is padding. As other batches they are a function of
// their position alone.

#ifndef MORU_DATA_PAIRBATCHES_H
#define MORU_DATA_PAIRBATCHES_H

#include "moru/Data/Batches.h"
#include "moru/Data/PairCorpus.h"

#include <vector>

namespace moru {

/// Ids of a source with its end, and of what the decoder reads.
struct PairLengths {
  int64_t source = 0, target = 0;
  bool fitInto(const PairLengths &other) const { return source <= other.source && target <= other.target; }
  friend bool operator==(const PairLengths &, const PairLengths &) = default;
};

/// The least that all of them fit into.
PairLengths longestOf(llvm::ArrayRef<IdPair> pairs);

/// What functions of pairs take, `i32` each: sources [B, S] and their lengths [B], what the decoder reads and what it
/// is to predict [B, T]. Padding is `kPadId`, and counts for nothing.
struct PairBatch {
  HostTensor source, lengths, inputs, targets;
  /// Targets that count.
  int64_t predictions = 0;
  /// Which of the sizes it has.
  size_t size = 0;

  /// Rows of a size, made of pairs that fit into it; rows beyond those are padding.
  void fill(llvm::ArrayRef<const IdPair *> pairs, int64_t rows, const PairLengths &lengths);
};

/// An endless series. An epoch takes all pairs in a new order, cut into pools of 50 batches; a pool is sorted by length
/// and cut into batches, which come in a new order again. The last batch may have fewer pairs.
class PairBatches {
public:
  /// There are at most `sizeCount` sizes of batches, so that a program can be compiled for each.
  static llvm::Expected<PairBatches> create(std::vector<IdPair> pairs, int64_t batchSize, int64_t sizeCount,
                                            uint64_t seed);

  /// The largest size last.
  llvm::ArrayRef<PairLengths> sizes() const { return lengths; }
  int64_t batchSize() const { return rows; }
  int64_t stepsPerEpoch() const { return (int64_t(pairs.size()) + rows - 1) / rows; }
  void next(PairBatch &batch);
  BatchPosition position() const { return place; }
  llvm::Error restore(BatchPosition position);

private:
  PairBatches(std::vector<IdPair> pairs, int64_t batchSize, uint64_t seed)
      : pairs(std::move(pairs)), rows(batchSize), seed(seed) {}
  void arrange(int64_t epoch);
  void chooseSizes(int64_t count);
  std::vector<const IdPair *> pairsOf(size_t batch) const;

  std::vector<IdPair> pairs;
  int64_t rows;
  uint64_t seed;
  std::vector<PairLengths> lengths;
  BatchPosition place;
  /// The batches of an epoch, as numbers of pairs.
  std::vector<std::vector<size_t>> batches;
  int64_t arrangedEpoch = -1;
};

} // namespace moru

#endif // MORU_DATA_PAIRBATCHES_H
