// BLEU, against values worked out by hand.

#include "moru/Decode/Bleu.h"

#include "gtest/gtest.h"

#include <cmath>
#include <vector>

using namespace moru;

using Tokens = std::vector<std::string>;

TEST(Bleu, IsAHundredForTheReferenceItself) {
  Bleu bleu;
  bleu.add(Tokens{"a", "b", "c", "d", "e"}, Tokens{"a", "b", "c", "d", "e"});
  EXPECT_NEAR(bleu.percent(), 100, 1e-12);
  EXPECT_EQ(bleu.exactPercent(), 100);
}

TEST(Bleu, ClipsCountsAndPunishesShortness) {
  Bleu bleu;
  // 4 of 5 tokens (a counts once), 3 of 4 pairs, 2 of 3 triples, 1 of 2 quadruples; 5 tokens for 7.
  bleu.add(Tokens{"a", "b", "c", "d", "a"}, Tokens{"a", "b", "c", "d", "e", "f", "g"});
  double precision = std::pow(4 / 5.0 * 3 / 4.0 * 2 / 3.0 * 1 / 2.0, 0.25);
  EXPECT_NEAR(bleu.percent(), 100 * precision * std::exp(1 - 7 / 5.0), 1e-9);
  EXPECT_EQ(bleu.exactPercent(), 0);
}

TEST(Bleu, SumsOverTheCorpus) {
  Bleu bleu;
  bleu.add(Tokens{"a", "b", "c", "d"}, Tokens{"a", "b", "c", "d"});
  bleu.add(Tokens{"x"}, Tokens{"y"});
  EXPECT_NEAR(bleu.percent(), 100 * std::pow(4 / 5.0, 0.25), 1e-9);
  EXPECT_EQ(bleu.exactPercent(), 50);
  EXPECT_EQ(bleu.count(), 2);
}

TEST(Bleu, IsZeroWithoutARunOfFour) {
  Bleu bleu;
  bleu.add(Tokens{"a", "b", "c"}, Tokens{"a", "b", "c"});
  EXPECT_EQ(bleu.percent(), 0);
}
