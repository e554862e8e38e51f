// Text from a model whose table says what follows what.

#include "moru/Decode/Generate.h"
#include "../Train/TrainTestUtils.h"

using namespace moru;

namespace {

class GenerateTest : public moru::test::TrainTest {
protected:
  /// `<SOS>` a, b, c `<EOS>`: ids 2 4 5 6 3.
  void SetUp() override {
    TrainTest::SetUp();
    tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Words, {"a", "b", "c"}, 100);
    model = makeBigram(7, {"decode_step"});
    HostTensor table(ElementType::F32, {7, 7});
    for (auto [from, to] : {std::pair(int(kStartId), 4), {4, 5}, {5, 6}, {6, int(kEndId)}})
      table.set(from * 7 + to, 20);
    std::vector<NamedTensor> values;
    values.push_back({"W", std::move(table)});
    llvm::cantFail(setParameters(*model->executable, values, "test"));
  }

  std::string text(const GenerateOptions &options) {
    std::string result;
    tokens.clear();
    llvm::cantFail(generate(*model->executable, *tokenizer, options, [&](const GeneratedToken &token) {
      result += token.text;
      tokens.push_back(token);
    }));
    return result;
  }

  std::shared_ptr<Tokenizer> tokenizer;
  std::optional<LoadedModel> model;
  std::vector<GeneratedToken> tokens;
};

TEST_F(GenerateTest, GoesFromTheStartToTheEnd) {
  EXPECT_EQ(text({}), "a b c");
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_TRUE(tokens.back().isEnd);
  EXPECT_EQ(tokens.back().text, "");
}

TEST_F(GenerateTest, GoesOnFromAPrompt) {
  EXPECT_EQ(text({.prompt = "a b"}), " c");
  EXPECT_EQ(text({.prompt = "c"}), "");
}

TEST_F(GenerateTest, EndsAfterSoManyTokens) {
  EXPECT_EQ(text({.maxTokens = 2}), "a b");
  EXPECT_FALSE(tokens.back().isEnd);
}

TEST_F(GenerateTest, BeginsAnewEachTime) {
  text({.maxTokens = 2});
  EXPECT_EQ(text({}), "a b c");
  // <SOS>, a, b, c were read.
  EXPECT_EQ(model->executable->find("decode.state.count")->at(0), 4);
}

TEST_F(GenerateTest, NamesTheAlternatives) {
  text({.alternatives = 3});
  ASSERT_EQ(tokens.front().alternatives.size(), 3u);
  EXPECT_EQ(tokens.front().alternatives.front().id, 4);
  EXPECT_GT(tokens.front().alternatives.front().probability, 0.99);
}

TEST_F(GenerateTest, FindsTheLikeliestTexts) {
  std::optional<LoadedModel> rows = makeBigram(7, {"decode_step"}, /*decodeBatch=*/2);
  HostTensor table(ElementType::F32, {7, 7});
  // After a comes b, or less likely the end; all else is as good as impossible.
  for (auto [from, to] : {std::pair(int(kStartId), 4), {4, 5}, {5, int(kEndId)}})
    table.set(from * 7 + to, 40);
  table.set(4 * 7 + int(kEndId), 39);
  std::vector<NamedTensor> values;
  values.push_back({"W", std::move(table)});
  llvm::cantFail(setParameters(*rows->executable, values, "test"));
  auto texts = [&](const GenerateOptions &options) {
    std::vector<std::string> list;
    for (const GeneratedText &one :
         llvm::cantFail(generateLikeliest(*rows->executable, *tokenizer, options, {.beam = 2})))
      list.push_back(one.text);
    return list;
  };
  EXPECT_EQ(texts({}), (std::vector<std::string>{"a b", "a"}));
  EXPECT_EQ(texts({.prompt = "a"}), (std::vector<std::string>{"a b", "a"}));
  // Where the model can read no more: what has ended comes first, however likely.
  EXPECT_EQ(texts({.prompt = "a", .positions = 2}), (std::vector<std::string>{"a", "a b"}));
  EXPECT_EQ(texts({.positions = 1}).front(), "a");
}

TEST_F(GenerateTest, RejectsWhatIsOutOfBounds) {
  auto failure = [&](const GenerateOptions &options) {
    return moru::test::messageOf(generate(*model->executable, *tokenizer, options, [](const GeneratedToken &) {}));
  };
  EXPECT_NE(failure({.maxTokens = 0}), "");
  EXPECT_NE(failure({.alternatives = -1}), "");
  EXPECT_NE(failure({.sampling = {.topP = 7}}), "");
  EXPECT_NE(failure({.prompt = "\xff"}), "");
}

TEST_F(GenerateTest, NeedsAPromptWithoutAStart) {
  std::shared_ptr<Tokenizer> characters = llvm::cantFail(VocabularyTokenizer::fromCharacters("abcdefg"));
  GenerateOptions options{.maxTokens = 1};
  llvm::Error error = generate(*model->executable, *characters, options, [](const GeneratedToken &) {});
  EXPECT_NE(moru::test::messageOf(std::move(error)).find("--prompt"), std::string::npos);
}

} // namespace
