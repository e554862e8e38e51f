// Splitting text as the training recipes define it, vocabularies, their files, and text again.

#include "moru/Data/Tokenizer.h"
#include "TestUtils.h"
#include "moru/Support/Unicode.h"

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class TokenizerFiles : public FolderTest {};
} // namespace

using Tokens = std::vector<std::string>;

static Tokens words(StringRef text) { return VocabularyTokenizer::split(TokenUnit::Words, text); }

static std::string join(const Tokens &tokens) {
  std::vector<StringRef> refs(tokens.begin(), tokens.end());
  return joinWords(refs);
}

TEST(Words, FollowTheCommonRules) {
  EXPECT_EQ(words("Don’t, J'AI 'tis 1847"), (Tokens{"don't", ",", "j'ai", "'tis", "1847"}));
  EXPECT_EQ(words("ill-used--so"), (Tokens{"ill", "-", "used", "-", "-", "so"}));
  EXPECT_EQ(words("_very_ “good” ‘x’ \"*£"), (Tokens{"_", "very", "_", "“", "good", "”", "‘", "x'", "\"", "*", "£"}));
  EXPECT_EQ(words("ŒUVRE Été"), (Tokens{"œuvre", "été"}));
  EXPECT_EQ(words("a\u00A0b\u2009c\u202Fd\u200Be\u00ADf"), (Tokens{"a", "b", "c", "d", "\u200B", "e", "\u00AD", "f"}));
  EXPECT_EQ(words("나는 AI를 사랑해!"), (Tokens{"나는", "ai를", "사랑해", "!"}));
  EXPECT_EQ(words(" \n\t"), Tokens{});
  EXPECT_EQ(words("<EOS>"), (Tokens{"<", "eos", ">"}));
}

TEST(Words, JoinAsAPersonWrites) {
  EXPECT_EQ(join(words("\"Well,\" she said, \"I don't (always) agree; ill-used!\"")),
            "\"well,\" she said, \"i don't (always) agree; ill-used!\"");
  EXPECT_EQ(join(words("it cost £5 -- “very” _dear_.")), "it cost £5--“very” _dear_.");
  EXPECT_EQ(join({}), "");
}

TEST(Words, SplitAsTheyWereAfterJoining) {
  const char32_t alphabet[] = {'a',       'z', '\'', '"',  '.',   ',',  '(',       ')',
                               '-',       '_', '7',  U'é', U'“',  U'”', U'\u0301', U'\u200B',
                               U'\u2028', ' ', '\n', U'—', U'나', '*',  U'’',      U'\u00AD'};
  for (uint32_t round = 0; round < 2000; ++round) {
    std::string text;
    for (uint32_t i = 0; i < 30; ++i)
      appendUtf8(text, alphabet[philoxBits(1, round, i, 0) % std::size(alphabet)]);
    Tokens once = words(text);
    EXPECT_EQ(words(join(once)), once) << text;
  }
}

TEST(Words, CountsDecideIds) {
  auto tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Words, words("b a b c a d b"), 7);
  EXPECT_EQ(tokenizer->size(), 7);
  // b is the most frequent, then a; c came before d.
  EXPECT_EQ(cantFail(tokenizer->encode("B a c d")), (std::vector<int32_t>{4, 5, 6, kUnknownId}));
  EXPECT_EQ(cantFail(tokenizer->decode({kStartId, 4, 5, kUnknownId, kEndId, kPadId})), "b a <UNK>");
  EXPECT_EQ(tokenizer->describe(kEndId), "<EOS>");
  EXPECT_EQ(messageOf(tokenizer->decode({7})), "expected an id from 0 to 6, got 7; are the ids of another tokenizer?");
  EXPECT_NE(messageOf(tokenizer->decode({-1})), "");
}

TEST(Words, DoNotReachSpecialIds) {
  auto tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Pieces, {"x"}, 100);
  EXPECT_EQ(cantFail(tokenizer->encode("<EOS> x <PAD>")), (std::vector<int32_t>{kUnknownId, 4, kUnknownId}));
}

TEST(Characters, AreInTheOrderOfCodePoints) {
  auto tokenizer = cantFail(VocabularyTokenizer::fromCharacters("héb\n a한b"));
  EXPECT_EQ(tokenizer->size(), 7);
  EXPECT_FALSE(tokenizer->hasSpecial());
  EXPECT_EQ(cantFail(tokenizer->encode("\n abhé한")), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(cantFail(tokenizer->decode({4, 5, 6, 0, 1})), "hé한\n ");
  EXPECT_EQ(tokenizer->describe(0), "\\n");
  EXPECT_EQ(messageOf(tokenizer->encode("ab\nè", "--prompt")),
            "--prompt: character 4: expected one of the 7 characters of the vocabulary, got character 'è' (U+00E8); "
            "remove it, or train with a vocabulary that has it");
}

TEST(Characters, MayHaveSpecialIds) {
  auto tokenizer = cantFail(VocabularyTokenizer::fromCharacters("ba", /*special=*/true));
  EXPECT_EQ(cantFail(tokenizer->encode("abz")), (std::vector<int32_t>{4, 5, kUnknownId}));
  EXPECT_EQ(cantFail(tokenizer->decode({kStartId, 4, kUnknownId, kEndId})), "a\uFFFD");
}

TEST(Characters, NameTheFirstBadByte) {
  std::string bad = "ok \xE9t\xE9";
  EXPECT_TRUE(contains(messageOf(VocabularyTokenizer::fromCharacters(bad, false, "a.txt")),
                       "a.txt: byte 3: expected UTF-8, got 0xe9"));
  auto tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Words, {"ok"}, 10);
  EXPECT_TRUE(contains(messageOf(tokenizer->encode(bad, "b.txt")), "b.txt: byte 3: "));
}

TEST(Pieces, StandBetweenWhiteSpace) {
  EXPECT_EQ(VocabularyTokenizer::split(TokenUnit::Pieces, " s v  Don’t\u00A0x\n"), (Tokens{"s", "v", "Don’t", "x"}));
  auto tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Pieces, {"a", "b", "a"}, 100);
  EXPECT_EQ(cantFail(tokenizer->decode(cantFail(tokenizer->encode("b a")))), "b a");
}

TEST_F(TokenizerFiles, LoadWhatWasSaved) {
  std::string text = "a b\n\t\\ <EOS> \u200B\u2028 é 나 ' \" x1";
  std::vector<std::shared_ptr<Tokenizer>> tokenizers = {
      cantFail(VocabularyTokenizer::fromCharacters(text)), cantFail(VocabularyTokenizer::fromCharacters(text, true)),
      VocabularyTokenizer::fromTokens(TokenUnit::Words, words(text), 100),
      VocabularyTokenizer::fromTokens(TokenUnit::Pieces, VocabularyTokenizer::split(TokenUnit::Pieces, text), 100)};
  for (const std::shared_ptr<Tokenizer> &tokenizer : tokenizers) {
    ASSERT_EQ(messageOf(tokenizer->save(folder, "source.")), "");
    for (auto loaded :
         {cantFail(loadTokenizer(folder, "source.")), cantFail(loadTokenizer(at("source.vocabulary.txt")))}) {
      EXPECT_EQ(loaded->unit(), tokenizer->unit());
      EXPECT_EQ(loaded->size(), tokenizer->size());
      EXPECT_EQ(loaded->hasSpecial(), tokenizer->hasSpecial());
      EXPECT_EQ(cantFail(loaded->encode(text)), cantFail(tokenizer->encode(text)));
      EXPECT_EQ(loaded->files()[0].contents, tokenizer->files()[0].contents);
    }
  }
  EXPECT_EQ(messageOf(loadTokenizer(folder)),
            (folder + ": expected a tokenizer's folder with one of vocabulary.txt, tokenizer.json, vocab.json, "
                      "encoder.json, got none of them")
                .str());
}

TEST_F(TokenizerFiles, ArePeoplesToRead) {
  auto tokenizer = cantFail(VocabularyTokenizer::fromCharacters("b \na", /*special=*/true));
  EXPECT_EQ(tokenizer->files()[0].contents, "moru-vocabulary characters 8 special=4 unknown=replace\n"
                                            "<PAD>\n<UNK>\n<SOS>\n<EOS>\n\\n\n\\s\na\nb\n");
}

TEST_F(TokenizerFiles, RefuseWhatIsWrong) {
  auto message = [&](StringRef contents) { return messageOf(VocabularyTokenizer::parse(contents, "v")); };
  std::string head = "moru-vocabulary words 2 special=0 unknown=error\n";
  EXPECT_EQ(message(head + "a\nb\n"), "");
  EXPECT_EQ(message(head + "a\r\nb\r\n"), "");
  EXPECT_EQ(message(head + "a\na\n"), "v:3: expected distinct tokens, got 'a' a second time");
  EXPECT_EQ(message(head + "a\n"),
            "v:3: expected 2 tokens, got 1; is the file truncated, or the number in its first line wrong?");
  EXPECT_EQ(message(head + "a\nb\nc\n"),
            "v:5: expected 2 tokens, got 3; is the file truncated, or the number in its first line wrong?");
  EXPECT_EQ(message(head + "a\nb"), "v:3: expected a line break, got the end of the file; is it truncated?");
  EXPECT_EQ(message(head + "a\n\n"), "v:3: expected one of the words, got ''");
  EXPECT_TRUE(contains(message(head + "a\n\\q\n"), "v:3: expected an escape"));
  EXPECT_TRUE(contains(message(head + "a\n\xFF\n"), "expected UTF-8"));
  EXPECT_EQ(message("moru-vocabulary words 5 special=4 unknown=replace\n<PAD>\n<UNK>\n<EOS>\n<SOS>\na\n"),
            "v:4: expected <SOS>, got '<EOS>'");
  EXPECT_EQ(message("moru-vocabulary characters 1 special=0 unknown=error\nab\n"),
            "v:2: expected one of the characters, got 'ab'");
  for (StringRef bad :
       {"", "\n", "moru-vocabulary\n", "moru-vocabulary lines 1 special=0 unknown=error\na\n",
        "moru-vocabulary words -1 special=0 unknown=error\n", "moru-vocabulary words 1 special=0 unknown=replace\na\n",
        "moru-vocabulary words 1 special=3 unknown=skip\na\n"})
    EXPECT_TRUE(contains(message(bad), "v:1: expected 'moru-vocabulary ")) << bad.str();
}

TEST_F(TokenizerFiles, RefuseEveryTruncationAndSurviveDamage) {
  auto tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Words, words("the cat — sat\u200B “on” it"), 100);
  damage(tokenizer->files()[0].contents, 3000, [](StringRef contents, bool truncated) {
    auto loaded = VocabularyTokenizer::parse(contents, "v");
    EXPECT_FALSE(truncated && bool(loaded)) << contents.str();
    if (!loaded)
      consumeError(loaded.takeError());
  });
}
