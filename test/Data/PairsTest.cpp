// Pairs: held out, cut into batches.

#include "moru/Data/PairBatches.h"

#include "gtest/gtest.h"

#include <map>
#include <set>

using namespace moru;
using namespace llvm;

namespace {

/// Pairs of all lengths up to 7 and 5; the first id of a source is its number.
std::vector<IdPair> somePairs(int32_t count) {
  std::vector<IdPair> pairs;
  for (int32_t i = 0; i < count; ++i)
    pairs.push_back(
        {std::vector<int32_t>(size_t(1 + i * 5 % 7), 100 + i), std::vector<int32_t>(size_t(2 + i * 3 % 5), 500 + i)});
  return pairs;
}

PairBatches batchesOf(int32_t count, int64_t sizes, uint64_t seed = 3) {
  return cantFail(PairBatches::create(somePairs(count), /*batchSize=*/4, sizes, seed));
}

TEST(PairBatches, AnEpochHasEachPairOnce) {
  PairBatches batches = batchesOf(401, 3);
  ASSERT_EQ(batches.stepsPerEpoch(), 101);
  PairBatch batch;
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::map<int32_t, int> seen;
    for (int64_t step = 0; step < batches.stepsPerEpoch(); ++step) {
      batches.next(batch);
      int64_t width = batch.source.dim(1), time = batch.inputs.dim(1), predictions = 0;
      EXPECT_EQ(width, batches.sizes()[batch.size].source);
      EXPECT_EQ(time, batches.sizes()[batch.size].target);
      for (int64_t row = 0; row < 4; ++row) {
        const int32_t *source = batch.source.data<int32_t>() + row * width;
        int64_t length = batch.lengths.data<int32_t>()[row];
        if (length)
          ++seen[source[0] - 100];
        for (int64_t t = 0; t < width; ++t)
          EXPECT_EQ(source[t], t < length ? source[0] : kPadId);
        for (int64_t t = 0; t < time; ++t)
          predictions += batch.targets.data<int32_t>()[row * time + t] != kPadId;
      }
      EXPECT_EQ(predictions, batch.predictions);
    }
    EXPECT_EQ(seen.size(), 401u);
    for (auto [number, times] : seen)
      EXPECT_EQ(times, 1) << number;
  }
}

TEST(PairBatches, HasSoManySizesAtMostAndTheLastFitsAll) {
  for (int64_t count : {1, 2, 5}) {
    PairBatches batches = batchesOf(200, count);
    EXPECT_LE(int64_t(batches.sizes().size()), count);
    EXPECT_EQ(batches.sizes().back(), longestOf(somePairs(200)));
  }
  EXPECT_GT(batchesOf(200, 5).sizes().size(), 1u);
}

TEST(PairBatches, RestoresAPlace) {
  PairBatches one = batchesOf(50, 2), other = batchesOf(50, 2);
  PairBatch expected, got;
  for (int step = 0; step < 20; ++step)
    one.next(expected);
  BatchPosition place = one.position();
  one.next(expected);
  ASSERT_FALSE(errorToBool(other.restore(place)));
  other.next(got);
  EXPECT_TRUE(got.source.sameBits(expected.source));
  EXPECT_TRUE(got.targets.sameBits(expected.targets));
  EXPECT_TRUE(errorToBool(other.restore({0, 13})));
}

TEST(PairBatches, OrdersDependOnSeedAndEpoch) {
  std::set<std::vector<int32_t>> orders;
  for (uint64_t seed : {1, 2}) {
    PairBatches batches = batchesOf(40, 1, seed);
    PairBatch batch;
    for (int epoch = 0; epoch < 2; ++epoch) {
      std::vector<int32_t> order;
      for (int64_t step = 0; step < batches.stepsPerEpoch(); ++step) {
        batches.next(batch);
        for (int64_t row = 0; row < 4; ++row)
          order.push_back(batch.source.data<int32_t>()[row * batch.source.dim(1)]);
      }
      orders.insert(order);
    }
  }
  EXPECT_EQ(orders.size(), 4u);
}

TEST(HoldOut, KeepsHeldOutSourcesOutOfTraining) {
  std::vector<TextPair> pairs;
  for (const char *source : {"a b", "c", "A b", "d", "c", "e", "d"})
    pairs.push_back({source, std::to_string(pairs.size()), ""});
  EXPECT_EQ(countSources(pairs, TokenUnit::Words), 4u);
  EXPECT_EQ(countSources(pairs, TokenUnit::Characters), 5u);
  SplitPairs split = holdOut(pairs, 2, TokenUnit::Words);
  ASSERT_EQ(split.valid.size(), 2u);
  EXPECT_EQ(split.valid[0].target, "3");
  EXPECT_EQ(split.valid[1].target, "5");
  std::vector<std::string> trained;
  for (const TextPair &pair : split.train)
    trained.push_back(pair.target);
  EXPECT_EQ(trained, (std::vector<std::string>{"0", "1", "2", "4"}));
}

} // namespace
