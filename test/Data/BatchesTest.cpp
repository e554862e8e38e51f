// Batches: what they hold, that each id is predicted as often as it should be, and that a position is all there is to
// remember.

#include "moru/Data/Batches.h"
#include "TestUtils.h"

#include <map>
#include <numeric>
#include <set>

using namespace llvm;
using namespace moru;
using namespace moru::test;

using Ids = std::vector<int32_t>;

static Ids count(int32_t n) {
  Ids ids(static_cast<size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

/// Sentences of different lengths whose inner ids are all distinct.
static std::vector<Sentence> someSentences(int32_t n) {
  std::vector<Sentence> sentences;
  for (int32_t i = 0, id = 10; i < n; ++i) {
    Sentence sentence = {kStartId};
    for (int32_t k = 0; k <= i % 4; ++k)
      sentence.push_back(id++);
    sentence.push_back(kEndId);
    sentences.push_back(sentence);
  }
  return sentences;
}

static std::vector<std::unique_ptr<BatchSource>> allSources() {
  std::vector<std::unique_ptr<BatchSource>> sources;
  sources.push_back(cantFail(makeStreamBatches(count(100), 3, 4)));
  sources.push_back(cantFail(makeStreamBatches(count(100), 3, 4, StreamTail::Pad)));
  sources.push_back(cantFail(makeSentenceStreamBatches(someSentences(20), 3, 4, 7)));
  sources.push_back(cantFail(makeWindowBatches(count(100), 3, 4, 7)));
  sources.push_back(cantFail(makeSentenceBatches(someSentences(20), 3, 0, 7)));
  return sources;
}

static Ids idsOf(const HostTensor &tensor) { return tensor.toVector<int32_t>(); }

TEST(StreamBatches, CutTheTextIntoStreams) {
  // 23 ids in 2 streams of 11; (11 - 1) / 4 = 2 steps.
  auto source = cantFail(makeStreamBatches(count(23), 2, 4));
  EXPECT_EQ(source->stepsPerEpoch(), 2);
  Batch batch = source->next();
  EXPECT_EQ(batch.inputs.toString(), "[2, 4] i32");
  EXPECT_EQ(idsOf(batch.inputs), (Ids{0, 1, 2, 3, 11, 12, 13, 14}));
  EXPECT_EQ(idsOf(batch.targets), (Ids{1, 2, 3, 4, 12, 13, 14, 15}));
  EXPECT_TRUE(batch.resetsState);
  batch = source->next();
  EXPECT_EQ(idsOf(batch.inputs), (Ids{4, 5, 6, 7, 15, 16, 17, 18}));
  EXPECT_FALSE(batch.resetsState);
  EXPECT_EQ(batch.predictions, 8);
  EXPECT_EQ(source->position(), (BatchPosition{1, 0}));
  batch = source->next();
  EXPECT_EQ(idsOf(batch.inputs), (Ids{0, 1, 2, 3, 11, 12, 13, 14}));
  EXPECT_TRUE(batch.resetsState);
}

TEST(StreamBatches, PredictEachIdOnceWithPadding) {
  for (int32_t n : {2, 3, 5, 9, 10, 17})
    for (int64_t length : {1, 3, 4, 100}) {
      auto source = cantFail(makeStreamBatches(count(n), 1, length, StreamTail::Pad));
      Ids predicted;
      for (int64_t step = 0; step < source->stepsPerEpoch(); ++step) {
        Batch batch = source->next();
        int64_t counted = 0;
        for (int32_t id : idsOf(batch.targets))
          if (id != kIgnoredTarget) {
            predicted.push_back(id);
            ++counted;
          }
        EXPECT_EQ(counted, batch.predictions);
      }
      Ids expected = count(n);
      expected.erase(expected.begin());
      EXPECT_EQ(predicted, expected);
    }
}

TEST(StreamBatches, SayWhatIsTooShort) {
  EXPECT_EQ(
      messageOf(makeStreamBatches(count(351), 32, 10)),
      "expected a text of at least B * (T + 1) = 352 tokens for batch size B = 32 and sequence length T = 10, got "
      "351; use a longer text, or a smaller --batch-size or --seq-len");
  EXPECT_EQ(messageOf(makeStreamBatches(count(352), 32, 10)), "");
  EXPECT_NE(messageOf(makeStreamBatches({}, 1, 1)), "");
  EXPECT_NE(messageOf(makeStreamBatches(count(1), 1, 5, StreamTail::Pad)), "");
  EXPECT_NE(messageOf(makeWindowBatches({}, 1, 1, 0)), "");
  EXPECT_NE(messageOf(makeWindowBatches(count(12), 3, 4, 0)), "");
  EXPECT_EQ(messageOf(makeWindowBatches(count(13), 3, 4, 0)), "");
  EXPECT_NE(messageOf(makeSentenceBatches({}, 1, 1, 0)), "");
  EXPECT_NE(messageOf(makeSentenceStreamBatches({}, 1, 1, 0)), "");
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>{0, 1}, {1, 0}, {-1, 1}, {1, INT64_MAX}, {INT64_MAX, 1}})
    EXPECT_NE(messageOf(makeStreamBatches(count(9), rows, columns)), "");
}

TEST(SentenceBatches, HoldEachSentenceOncePerEpoch) {
  std::vector<Sentence> sentences = someSentences(20);
  auto source = cantFail(makeSentenceBatches(sentences, 3, 0, 1));
  EXPECT_EQ(source->stepsPerEpoch(), 7);
  EXPECT_EQ(source->sequenceLength(), 5);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::multiset<Sentence> rows;
    for (int64_t step = 0; step < 7; ++step) {
      Batch batch = source->next();
      for (int64_t row = 0; row < 3; ++row) {
        Sentence sentence;
        for (int64_t t = 0; t < 5; ++t) {
          int32_t input = batch.inputs.data<int32_t>()[row * 5 + t],
                  target = batch.targets.data<int32_t>()[row * 5 + t];
          if (target == kIgnoredTarget) {
            EXPECT_EQ(input, kPadId);
            continue;
          }
          if (sentence.empty())
            sentence.push_back(input);
          EXPECT_EQ(sentence.back(), input);
          sentence.push_back(target);
        }
        if (!sentence.empty())
          rows.insert(sentence);
      }
    }
    EXPECT_EQ(rows, std::multiset<Sentence>(sentences.begin(), sentences.end()));
  }
  EXPECT_EQ(messageOf(makeSentenceBatches(sentences, 3, 4, 1)),
            "expected sentences of at most 4 tokens with <EOS>, got one of 5; raise --seq-len or remove it");
}

TEST(SentenceStreamBatches, ReorderSentencesEachEpoch) {
  auto source = cantFail(makeSentenceStreamBatches(someSentences(20), 1, 5, 3));
  std::vector<Ids> epochs;
  for (int epoch = 0; epoch < 2; ++epoch) {
    Ids read;
    for (int64_t step = 0; step < source->stepsPerEpoch(); ++step)
      for (int32_t id : idsOf(source->next().inputs))
        read.push_back(id);
    epochs.push_back(read);
  }
  EXPECT_EQ(epochs[0][0], kStartId);
  EXPECT_EQ(epochs[1][0], kStartId);
  EXPECT_NE(epochs[0], epochs[1]);
}

TEST(BatchSource, ContinuesAtARestoredPosition) {
  std::vector<std::unique_ptr<BatchSource>> first = allSources(), second = allSources();
  for (size_t i = 0; i < first.size(); ++i) {
    std::map<std::pair<int64_t, int64_t>, std::pair<Ids, Ids>> seen;
    for (int64_t step = 0; step < 3 * first[i]->stepsPerEpoch(); ++step) {
      BatchPosition place = first[i]->position();
      Batch batch = first[i]->next();
      seen[{place.epoch, place.step}] = {idsOf(batch.inputs), idsOf(batch.targets)};
    }
    // In reverse, so that nothing but the position can help.
    Batch batch;
    for (auto entry = seen.rbegin(); entry != seen.rend(); ++entry) {
      ASSERT_EQ(messageOf(second[i]->restore({entry->first.first, entry->first.second})), "");
      second[i]->next(batch);
      EXPECT_EQ(std::make_pair(idsOf(batch.inputs), idsOf(batch.targets)), entry->second);
    }
    EXPECT_TRUE(contains(messageOf(second[i]->restore({0, second[i]->stepsPerEpoch()})), "resume with the data"));
    EXPECT_NE(messageOf(second[i]->restore({0, -1})), "");
    EXPECT_NE(messageOf(second[i]->restore({-1, 0})), "");
  }
}

TEST(BatchSource, ReusesTheMemoryOfABatch) {
  auto source = cantFail(makeStreamBatches(count(100), 3, 4));
  Batch batch = source->next();
  const void *inputs = batch.inputs.bytes(), *targets = batch.targets.bytes();
  source->next(batch);
  EXPECT_EQ(batch.inputs.bytes(), inputs);
  EXPECT_EQ(batch.targets.bytes(), targets);
}

TEST(BatchPosition, SurvivesJson) {
  BatchPosition place{3, 1234567890123}, read;
  json::Path::Root root;
  EXPECT_TRUE(fromJSON(toJSON(place), read, root));
  EXPECT_EQ(read, place);
}

TEST(Permutation, IsAFunctionOfSeedAndEpoch) {
  std::vector<size_t> order = permutation(1000, 1, 2);
  EXPECT_EQ(order, permutation(1000, 1, 2));
  EXPECT_NE(order, permutation(1000, 1, 3));
  EXPECT_NE(order, permutation(1000, 2, 2));
  std::set<size_t> all(order.begin(), order.end());
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_EQ(*all.rbegin(), 999u);
  EXPECT_TRUE(permutation(0, 1, 0).empty());
  // Each of the 6 orders of 3 comes up about a sixth of the time: within five deviations of 6000 draws.
  std::map<std::vector<size_t>, int> counts;
  for (uint64_t seed = 0; seed < 6000; ++seed)
    ++counts[permutation(3, seed, 0)];
  EXPECT_EQ(counts.size(), 6u);
  for (const auto &[_, times] : counts)
    EXPECT_NEAR(times, 1000, 145);
}
