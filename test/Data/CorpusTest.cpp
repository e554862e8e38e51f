// Texts into ids: splits, sentences, errors with their places, and the checksums of the training recipes.

#include "moru/Data/Corpus.h"
#include "TestUtils.h"
#include "moru/Support/Hash.h"

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class Text : public FolderTest {};
} // namespace

static CorpusOptions unit(TokenUnit unit, double trainPart = 0.9) {
  CorpusOptions options;
  options.unit = unit;
  options.trainPart = trainPart;
  return options;
}

TEST_F(Text, IsReadWithoutMarksAndCarriageReturns) {
  EXPECT_EQ(cantFail(readText(put("a", "\xEF\xBB\xBFx\r\ny\rz\r\n"))), "x\ny\rz\n");
  EXPECT_EQ(cantFail(readText(put("a", ""))), "");
  EXPECT_TRUE(contains(messageOf(readText(put("a", "abc\xC3"))), at("a") + ": byte 3: expected UTF-8, got 0xc3"));
  EXPECT_TRUE(contains(messageOf(readText(at("none"))), at("none")));
}

TEST(StreamCorpus, SplitsAtTheGivenPart) {
  StreamCorpus characters = cantFail(makeStreamCorpus("abcabcabcx", "t", unit(TokenUnit::Characters)));
  EXPECT_EQ(characters.train, (std::vector<int32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(characters.valid, std::vector<int32_t>{3}); // the vocabulary is that of the whole text
  StreamCorpus words = cantFail(makeStreamCorpus("a b a b a b a b a c", "t"));
  EXPECT_EQ(words.train, (std::vector<int32_t>{4, 5, 4, 5, 4, 5, 4, 5, 4}));
  EXPECT_EQ(words.valid, std::vector<int32_t>{kUnknownId}); // the vocabulary is that of the training part
  EXPECT_TRUE(cantFail(makeStreamCorpus("a b", "t", unit(TokenUnit::Words, 1.0))).valid.empty());
}

TEST(StreamCorpus, UsesAGivenTokenizer) {
  CorpusOptions options;
  options.tokenizer = cantFail(VocabularyTokenizer::fromCharacters("ab"));
  EXPECT_EQ(cantFail(makeStreamCorpus("ba", "t", options)).tokenizer, options.tokenizer);
  EXPECT_TRUE(contains(messageOf(makeStreamCorpus("bac", "t", options)), "t: character 3: "));
}

TEST(StreamCorpus, RefusesNothing) {
  for (TokenUnit kind : {TokenUnit::Words, TokenUnit::Characters})
    EXPECT_EQ(messageOf(makeStreamCorpus("", "t.txt", unit(kind))),
              "t.txt: expected a text, got nothing but white space; give a file with something to learn");
  EXPECT_NE(messageOf(makeStreamCorpus(" \n", "t.txt")), "");
  EXPECT_NE(messageOf(makeStreamCorpus("a", "t.txt", unit(TokenUnit::Words, 0.0))), "");
  EXPECT_NE(messageOf(makeStreamCorpus("a\xFF", "t.txt")), "");
}

TEST(SentenceCorpus, TakesOneSentencePerLine) {
  SentenceCorpus corpus =
      cantFail(makeSentenceCorpus("I love AI\n\n \u00A0\nyou love me", "t", unit(TokenUnit::Words, 0.5)));
  EXPECT_EQ(corpus.train, (std::vector<Sentence>{{kStartId, 4, 5, 6, kEndId}}));
  EXPECT_EQ(corpus.valid, (std::vector<Sentence>{{kStartId, kUnknownId, 5, kUnknownId, kEndId}}));
  EXPECT_EQ(joinSentences({{2, 5, 3}, {2, 3}}), (std::vector<int32_t>{2, 5, 3, 2, 3}));
  SentenceCorpus characters = cantFail(makeSentenceCorpus("ba\nb", "t", unit(TokenUnit::Characters, 1.0)));
  EXPECT_EQ(characters.train, (std::vector<Sentence>{{kStartId, 5, 4, kEndId}, {kStartId, 5, kEndId}}));
}

TEST(SentenceCorpus, NamesTheLine) {
  CorpusOptions options;
  Vocabulary vocabulary(/*special=*/true);
  vocabulary.add("a");
  options.tokenizer = std::make_shared<VocabularyTokenizer>(TokenUnit::Words, vocabulary, UnknownPolicy::Error);
  EXPECT_TRUE(contains(messageOf(makeSentenceCorpus("a\n\na b\n", "t", options)), "t:3: word 2: "));
  options.tokenizer = cantFail(VocabularyTokenizer::fromCharacters("ab"));
  EXPECT_TRUE(contains(messageOf(makeSentenceCorpus("a\n", "t", options)), "with <SOS> and <EOS>"));
  EXPECT_NE(messageOf(makeSentenceCorpus("\n\n", "t")), "");
}

/// The checksums that the recipes state; if they agree, then tokens, vocabulary and split agree.
static void checkRecipe(StringRef file, CorpusOptions options, int64_t size, StringRef train, StringRef valid) {
  std::string path = sharedData(file);
  if (path.empty())
    GTEST_SKIP() << "no shared data; set MORU_DATA_DIR";
  StreamCorpus corpus = cantFail(makeStreamCorpus(cantFail(readText(path)), path, options));
  EXPECT_EQ(corpus.tokenizer->size(), size);
  EXPECT_EQ(crc32Hex(crc32OfIds(corpus.train)), train);
  EXPECT_EQ(crc32Hex(crc32OfIds(corpus.valid)), valid);
}

TEST(Recipes, LstmLmBronte) { checkRecipe("lm/bronte.txt", unit(TokenUnit::Words), 10000, "79b9ac4b", "bde37177"); }

TEST(Recipes, CharLstmShakespeare) {
  checkRecipe("lm/tinyshakespeare.txt", unit(TokenUnit::Characters), 65, "c6133f3f", "ed014379");
}

TEST(Recipes, GptTinyStories) {
  CorpusOptions options = unit(TokenUnit::BytePairs);
  options.vocabularySize = 4096;
  checkRecipe("lm/tinystories-2MB.txt", options, 4096, "486e721b", "99ccfd47");
}

TEST(Streams, OfBytePairsAreCutBehindALine) {
  CorpusOptions options = unit(TokenUnit::BytePairs, 0.5);
  StreamCorpus corpus = cantFail(makeStreamCorpus("ab ab ab\nab cd\nef", "t", options));
  EXPECT_EQ(cantFail(corpus.tokenizer->decode(corpus.train)), "\nab ab ab\n");
  EXPECT_EQ(cantFail(corpus.tokenizer->decode(corpus.valid)), "\nab cd\nef");
  EXPECT_TRUE(cantFail(makeStreamCorpus("ab ab", "t", options)).valid.empty());
  EXPECT_NE(messageOf(makeStreamCorpus(" \n", "t.txt", options)), "");
}

TEST(Sentences, OfBytePairsHaveSpecialIds) {
  SentenceCorpus corpus = cantFail(makeSentenceCorpus("ab ab\n한 ab", "t", unit(TokenUnit::BytePairs, 1.0)));
  EXPECT_TRUE(corpus.tokenizer->hasSpecial());
  EXPECT_EQ(corpus.train[1].front(), kStartId);
  EXPECT_EQ(corpus.train[1].back(), kEndId);
  EXPECT_EQ(cantFail(corpus.tokenizer->decode(corpus.train[1])), "한 ab");
}
