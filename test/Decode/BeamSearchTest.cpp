// Beam search against all sequences there are, and against greedy search.

#include "moru/Decode/BeamSearch.h"
#include "moru/Support/Philox.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <functional>

using namespace llvm;
using namespace moru;

using Ids = std::vector<int32_t>;

namespace {

/// A model whose next id depends on all ids before, at random; rows go on from one another.
class RandomModel {
public:
  RandomModel(uint32_t seed, size_t vocabulary, size_t rows) : seed(seed), vocabulary(vocabulary), histories(rows) {}

  /// Of a prefix, the start included.
  std::vector<float> logitsOf(const Ids &prefix) const {
    uint32_t hash = 17;
    for (int32_t id : prefix)
      hash = hash * 31 + uint32_t(id) + 1;
    std::vector<float> logits;
    for (uint32_t id = 0; id < vocabulary; ++id)
      logits.push_back(float(philoxBits(seed, hash, id, 0) % 4000) / 1000);
    return logits;
  }

  Expected<ArrayRef<float>> advance(ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) {
    EXPECT_EQ(ids.size(), histories.size());
    EXPECT_EQ(parents.size(), histories.size());
    std::vector<Ids> next;
    logits.clear();
    for (size_t row = 0; row < ids.size(); ++row) {
      next.push_back(histories[size_t(parents[row])]);
      next.back().push_back(ids[row]);
      for (float logit : logitsOf(next.back()))
        logits.push_back(logit);
    }
    histories = std::move(next);
    ++calls;
    return ArrayRef<float>(logits);
  }

  AdvanceRows asFunction() { return function; }
  int calls = 0;

private:
  uint32_t seed;
  size_t vocabulary;
  std::vector<Ids> histories;
  std::vector<float> logits;
  std::function<Expected<ArrayRef<float>>(ArrayRef<int32_t>, ArrayRef<int32_t>)> function =
      [this](ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) { return advance(ids, parents); };
};

constexpr int32_t kStart = 0, kEnd = 1;

std::vector<double> logProbabilities(const std::vector<float> &logits) {
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit));
  std::vector<double> result;
  for (float logit : logits)
    result.push_back(double(logit) - std::log(sum));
  return result;
}

double penalty(size_t length, double alpha) { return std::pow((5 + double(length)) / 6, alpha); }

/// Sorts; of two alike the one that came first stays before the other.
template <typename Entry, typename Better> void sortInOrder(std::vector<Entry> &list, Better better) {
  std::vector<Entry> sorted;
  for (const Entry &entry : list)
    sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), entry, better), entry);
  list = sorted;
}

/// Every sequence that ends within `left` more ids, with its score.
void enumerate(const RandomModel &model, const Ids &prefix, double total, int64_t left, double alpha,
               std::vector<std::pair<double, Ids>> &found) {
  if (left == 0)
    return;
  std::vector<double> next = logProbabilities(model.logitsOf(prefix));
  for (size_t id = 0; id < next.size(); ++id) {
    Ids longer = prefix;
    longer.push_back(int32_t(id));
    if (int32_t(id) == kEnd)
      found.push_back({(total + next[id]) / penalty(longer.size() - 1, alpha), Ids(longer.begin() + 1, longer.end())});
    else
      enumerate(model, longer, total + next[id], left - 1, alpha, found);
  }
}

} // namespace

TEST(BeamSearch, FindsTheBestOfAllSequencesWhenTheBeamHoldsThemAll) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    size_t vocabulary = 2 + seed % 3;
    int64_t length = 1 + seed / 3 % 5;
    double alpha = seed % 2 ? 0.6 : 0;
    SearchOptions options{.lengthPenalty = alpha, .maxTokens = length, .endId = kEnd};
    // All prefixes of the longest length are at most 3^5.
    options.beam = int64_t(std::pow(double(vocabulary), double(length)));
    RandomModel model(seed, vocabulary, size_t(options.beam));
    std::vector<Hypothesis> got = cantFail(searchBeam({kStart}, options, model.asFunction()));
    std::vector<std::pair<double, Ids>> all;
    enumerate(model, {kStart}, 0, length, alpha, all);
    sortInOrder(all, [](const auto &a, const auto &b) { return a.first > b.first; });
    ASSERT_GE(got.size(), all.size()) << seed;
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(got[i].ended);
      EXPECT_EQ(got[i].ids, all[i].second) << "seed " << seed << ", number " << i;
      EXPECT_NEAR(got[i].score, all[i].first, 1e-9);
    }
  }
}

TEST(BeamSearch, EndsEarlyOnlyWhereNothingChanges) {
  int early = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SearchOptions options{.beam = 2, .lengthPenalty = seed % 2 ? 0.6 : 0, .maxTokens = 8, .endId = kEnd};
    RandomModel model(seed, 4, 2);
    std::vector<Hypothesis> got = cantFail(searchBeam({kStart}, options, model.asFunction()));
    early += model.calls < 8;
    // The README's algorithm, without any early end.
    struct Prefix {
      Ids ids;
      double total;
    };
    std::vector<Prefix> alive = {{{kStart}, 0}}, finished;
    for (int64_t step = 0; step < options.maxTokens; ++step) {
      std::vector<Prefix> all;
      for (const Prefix &prefix : alive) {
        std::vector<double> next = logProbabilities(model.logitsOf(prefix.ids));
        for (size_t id = 0; id < next.size(); ++id) {
          all.push_back({prefix.ids, prefix.total + next[id]});
          all.back().ids.push_back(int32_t(id));
        }
      }
      sortInOrder(all, [](const Prefix &a, const Prefix &b) { return a.total > b.total; });
      alive.clear();
      for (size_t i = 0; i < std::min<size_t>(4, all.size()); ++i)
        if (all[i].ids.back() == kEnd)
          finished.push_back(all[i]);
        else if (alive.size() < 2)
          alive.push_back(all[i]);
    }
    auto score = [&](const Prefix &prefix) {
      return prefix.total / penalty(prefix.ids.size() - 1, options.lengthPenalty);
    };
    auto better = [&](const Prefix &a, const Prefix &b) { return score(a) > score(b); };
    sortInOrder(finished, better);
    sortInOrder(alive, better);
    finished.insert(finished.end(), alive.begin(), alive.end());
    ASSERT_EQ(got.size(), 2u);
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(got[i].ids, Ids(finished[i].ids.begin() + 1, finished[i].ids.end())) << "seed " << seed;
  }
  EXPECT_GT(early, 50);
}

TEST(GreedySearch, TakesTheLikeliestUntilTheEnd) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    RandomModel model(seed, 5, 1);
    Hypothesis got = cantFail(searchGreedily({kStart, 3}, {.maxTokens = 6, .endId = kEnd}, model.asFunction()));
    Ids prefix = {kStart, 3};
    for (size_t i = 0; i < got.ids.size(); ++i) {
      std::vector<float> logits = model.logitsOf(prefix);
      EXPECT_EQ(got.ids[i], std::max_element(logits.begin(), logits.end()) - logits.begin());
      EXPECT_NEAR(got.logProbabilities[i], logProbabilities(logits)[size_t(got.ids[i])], 1e-9);
      prefix.push_back(got.ids[i]);
    }
    EXPECT_EQ(got.ended, got.ids.back() == kEnd);
    EXPECT_TRUE(got.ended || got.ids.size() == 6);
  }
}

TEST(GreedySearch, RefusesWhatIsNoNumber) {
  std::vector<float> logits = {0, NAN};
  auto advance = [&](ArrayRef<int32_t>, ArrayRef<int32_t>) -> Expected<ArrayRef<float>> { return ArrayRef(logits); };
  EXPECT_NE(toString(searchGreedily({0}, {}, advance).takeError()).find("NaN"), std::string::npos);
  EXPECT_NE(toString(searchBeam({0}, {.beam = 1}, advance).takeError()).find("NaN"), std::string::npos);
}
