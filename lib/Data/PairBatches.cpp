// Batches of pairs.

#include "moru/Data/PairBatches.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstring>
#include <tuple>

using namespace llvm;

namespace moru {

/// Batches that are sorted together: enough for rows of like length, few enough that an epoch mixes them.
static constexpr int64_t kPoolBatches = 50;

static PairLengths lengthsOf(const IdPair &pair) {
  return {int64_t(pair.source.size()), int64_t(pair.target.size()) - 1};
}

static PairLengths larger(const PairLengths &a, const PairLengths &b) {
  return {std::max(a.source, b.source), std::max(a.target, b.target)};
}

PairLengths longestOf(ArrayRef<IdPair> pairs) {
  PairLengths longest;
  for (const IdPair &pair : pairs)
    longest = larger(longest, lengthsOf(pair));
  return longest;
}

//===----------------------------------------------------------------------===//
// A batch
//===----------------------------------------------------------------------===//

static int32_t *makeRoom(HostTensor &tensor, const Shape &shape) {
  if (tensor.type() != ElementType::I32 || tensor.shape() != shape)
    tensor = HostTensor(ElementType::I32, shape);
  std::memset(tensor.bytes(), 0, tensor.sizeInBytes());
  return tensor.data<int32_t>();
}

static void copyIds(ArrayRef<int32_t> ids, int32_t *row) { std::copy(ids.begin(), ids.end(), row); }

void PairBatch::fill(ArrayRef<const IdPair *> pairs, int64_t rows, const PairLengths &size) {
  static_assert(kPadId == 0, "padding is what new tensors hold");
  int32_t *sources = makeRoom(source, {rows, size.source}), *counts = makeRoom(lengths, {rows});
  int32_t *reads = makeRoom(inputs, {rows, size.target}), *wanted = makeRoom(targets, {rows, size.target});
  predictions = 0;
  for (auto [row, pair] : enumerate(pairs)) {
    assert(int64_t(row) < rows && lengthsOf(*pair).fitInto(size) && "checked by the caller");
    copyIds(pair->source, sources + int64_t(row) * size.source);
    counts[row] = int32_t(pair->source.size());
    copyIds(ArrayRef(pair->target).drop_back(), reads + int64_t(row) * size.target);
    copyIds(ArrayRef(pair->target).drop_front(), wanted + int64_t(row) * size.target);
    predictions += int64_t(pair->target.size()) - 1;
  }
}

//===----------------------------------------------------------------------===//
// The series
//===----------------------------------------------------------------------===//

Expected<PairBatches> PairBatches::create(std::vector<IdPair> pairs, int64_t batchSize, int64_t sizeCount,
                                          uint64_t seed) {
  if (pairs.empty())
    return makeError("expected pairs to train on, got none; hold out fewer of them");
  if (batchSize < 1 || sizeCount < 1)
    return makeError("expected a batch size and a number of sizes of at least 1, got " + Twine(batchSize) + " and " +
                     Twine(sizeCount));
  PairBatches batches(std::move(pairs), batchSize, seed);
  batches.arrange(0);
  batches.chooseSizes(sizeCount);
  return batches;
}

void PairBatches::arrange(int64_t epoch) {
  if (arrangedEpoch == epoch)
    return;
  arrangedEpoch = epoch;
  std::vector<size_t> order = permutation(pairs.size(), seed, epoch), rank(order.size());
  for (auto [place, index] : enumerate(order))
    rank[index] = place;
  std::vector<std::vector<size_t>> inOrder;
  auto key = [&](size_t index) {
    return std::tuple(pairs[index].target.size(), pairs[index].source.size(), rank[index]);
  };
  for (MutableArrayRef<size_t> rest = order; !rest.empty();) {
    MutableArrayRef<size_t> pool = rest.take_front(std::min(rest.size(), size_t(kPoolBatches * rows)));
    rest = rest.drop_front(pool.size());
    sort(pool, [&](size_t a, size_t b) { return key(a) < key(b); });
    for (ArrayRef<size_t> left = pool; !left.empty(); left = left.drop_front(std::min(left.size(), size_t(rows))))
      inOrder.push_back(left.take_front(std::min(left.size(), size_t(rows))).vec());
  }
  // Another order than that of the pairs.
  batches.clear();
  for (size_t index : permutation(inOrder.size(), ~seed, epoch))
    batches.push_back(std::move(inOrder[index]));
}

std::vector<const IdPair *> PairBatches::pairsOf(size_t batch) const {
  std::vector<const IdPair *> list;
  for (size_t index : batches[batch])
    list.push_back(&pairs[index]);
  return list;
}

/// Equal shares of the first epoch's batches, from the shortest to the longest, each at its largest but for one in
/// twenty, which takes the next size; the last size is that of the longest pairs.
void PairBatches::chooseSizes(int64_t count) {
  constexpr size_t kOutliers = 20;
  std::vector<PairLengths> each;
  for (size_t batch = 0; batch < batches.size(); ++batch) {
    PairLengths size;
    for (const IdPair *pair : pairsOf(batch))
      size = larger(size, lengthsOf(*pair));
    each.push_back(size);
  }
  sort(each, [](const PairLengths &a, const PairLengths &b) {
    return std::pair(a.target, a.source) < std::pair(b.target, b.source);
  });
  PairLengths longest = longestOf(pairs);
  for (int64_t part = 1; part < count; ++part) {
    ArrayRef<PairLengths> below = ArrayRef(each).take_front(each.size() * size_t(part) / size_t(count));
    if (below.empty())
      continue;
    std::vector<int64_t> sources;
    for (const PairLengths &size : below)
      sources.push_back(size.source);
    sort(sources);
    PairLengths size{sources[sources.size() - 1 - sources.size() / kOutliers], below.back().target};
    if (lengths.empty() || lengths.back() != size)
      lengths.push_back(size);
  }
  if (lengths.empty() || lengths.back() != longest)
    lengths.push_back(longest);
}

void PairBatches::next(PairBatch &batch) {
  arrange(place.epoch);
  std::vector<const IdPair *> list = pairsOf(size_t(place.step));
  PairLengths needed;
  for (const IdPair *pair : list)
    needed = larger(needed, lengthsOf(*pair));
  batch.size = 0;
  while (!needed.fitInto(lengths[batch.size]))
    ++batch.size;
  batch.fill(list, rows, lengths[batch.size]);
  if (++place.step == stepsPerEpoch())
    place = {place.epoch + 1, 0};
}

Error PairBatches::restore(BatchPosition position) {
  if (position.epoch < 0 || position.step < 0 || position.step >= stepsPerEpoch())
    return makeError("expected a step below the " + Twine(stepsPerEpoch()) + " of an epoch, got step " +
                     Twine(position.step) + " of epoch " + Twine(position.epoch) +
                     "; resume with the data and --batch-size that the run began with");
  place = position;
  return Error::success();
}

} // namespace moru
