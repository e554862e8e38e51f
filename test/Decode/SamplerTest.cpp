// The laws of sampling.

#include "moru/Decode/Sampler.h"

#include "llvm/Support/Error.h"
#include "gtest/gtest.h"

#include <cmath>
#include <map>

using namespace moru;

namespace {

const std::vector<float> kLogits = {1, 3, 2, 3, -5};

/// How often each id is drawn.
std::map<int32_t, int> draw(const SamplingOptions &options, int count, std::vector<int32_t> banned = {}) {
  Sampler sampler(options, std::move(banned));
  std::map<int32_t, int> counts;
  for (int i = 0; i < count; ++i)
    ++counts[sampler.choose(kLogits).id];
  return counts;
}

TEST(SamplerTest, TakesTheLikeliestAtTemperatureZero) {
  EXPECT_EQ(draw({.temperature = 0}, 5), (std::map<int32_t, int>{{1, 5}}));
  EXPECT_EQ(draw({.temperature = 0}, 5, {1}), (std::map<int32_t, int>{{3, 5}}));
}

TEST(SamplerTest, DrawsInProportion) {
  constexpr int kCount = 20000;
  std::map<int32_t, int> counts = draw({}, kCount);
  std::vector<double> probabilities = softmax(kLogits);
  for (size_t id = 0; id < kLogits.size(); ++id) {
    double expected = probabilities[id] * kCount;
    // Five standard deviations.
    EXPECT_NEAR(counts[int32_t(id)], expected, 5 * std::sqrt(expected) + 1) << id;
  }
}

TEST(SamplerTest, DrawsTheSameFromTheSameSeed) {
  auto sequence = [](uint64_t seed) {
    Sampler sampler({.seed = seed});
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i)
      ids.push_back(sampler.choose(kLogits).id);
    return ids;
  };
  EXPECT_EQ(sequence(4), sequence(4));
  EXPECT_NE(sequence(4), sequence(5));
}

TEST(SamplerTest, KeepsToTheLikeliest) {
  for (auto [id, count] : draw({.topK = 2}, 500))
    EXPECT_TRUE(id == 1 || id == 3) << id;
  // Ids 1 and 3 have 0.42 each, id 2 has 0.12.
  for (auto [id, count] : draw({.topP = 0.5}, 500))
    EXPECT_TRUE(id == 1 || id == 3) << id;
  std::map<int32_t, int> three = draw({.topP = 0.9}, 500);
  EXPECT_EQ(three.size(), 3u);
  EXPECT_FALSE(three.count(4));
  EXPECT_EQ(draw({.topP = 1e-9}, 50), (std::map<int32_t, int>{{1, 50}}));
}

TEST(SamplerTest, NeverDrawsWhatIsBanned) {
  std::map<int32_t, int> counts = draw({.temperature = 100}, 2000, {0, 4});
  EXPECT_FALSE(counts.count(0) || counts.count(4));
  EXPECT_EQ(counts.size(), 3u);
}

TEST(SamplerTest, ReportsTheModelsOwnProbability) {
  Sampler sampler({.temperature = 0.1, .topK = 1});
  Candidate choice = sampler.choose(kLogits);
  EXPECT_DOUBLE_EQ(choice.probability, softmax(kLogits)[size_t(choice.id)]);
}

TEST(SamplerTest, SortsTiesByTheLowerId) {
  std::vector<Candidate> list = likeliest(softmax(kLogits), 3);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].id, 1);
  EXPECT_EQ(list[1].id, 3);
  EXPECT_EQ(list[2].id, 2);
  EXPECT_EQ(likeliest(softmax(kLogits), 99).size(), kLogits.size());
}

TEST(SamplerTest, RejectsWhatIsOutOfBounds) {
  for (SamplingOptions options :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.temperature = NAN}, SamplingOptions{.topK = -1},
        SamplingOptions{.topP = 0}, SamplingOptions{.topP = 1.1}})
    EXPECT_NE(llvm::toString(checkSampling(options)), "");
  EXPECT_FALSE(bool(checkSampling({})));
}

} // namespace
