// Philox4x32-10 against known answers: its zero, all-ones and digits-of-pi inputs, computed by a separate program that
// follows the description of the algorithm with unbounded integers.

#include "moru/Support/Philox.h"
#include "gtest/gtest.h"

#include <set>

using namespace moru;

// constexpr, so that initial values can be computed anywhere.
static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});

TEST(Philox, GivesTheKnownAnswers) {
  uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, PlacesSeedElementStreamAndStep) {
  EXPECT_EQ(philoxBlock(0x299f31d0a4093822, 0x13198a2e, 0x03707344, 0x85a308d3243f6a88),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(philoxBits(0, 0, 0, 0), 0x6627e8d5u);
}

TEST(Philox, MakesUniformNumbersBelowOne) {
  EXPECT_EQ(uniformFromBits(0), 0.0f);
  EXPECT_EQ(uniformFromBits(0xff), 0.0f);
  EXPECT_EQ(uniformFromBits(0x100), 0x1p-24f);
  EXPECT_LT(uniformFromBits(0xffffffff), 1.0f);
}

TEST(Philox, SpreadsOverElementsStreamsAndSteps) {
  std::set<uint32_t> seen;
  double sum = 0;
  for (uint32_t i = 0; i < 1000; ++i)
    for (uint32_t stream = 0; stream < 3; ++stream) {
      seen.insert(philoxBits(1, stream, 5, i));
      sum += philoxUniform(1, stream, 5, i);
    }
  EXPECT_GE(seen.size(), 2998u);            // 3000 draws of 32 bits: one collision is already unlikely
  EXPECT_NEAR(sum / 3000, 0.5, 5 * 0.0053); // five deviations of the mean of 3000 uniform numbers
}
