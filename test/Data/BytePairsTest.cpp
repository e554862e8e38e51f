// Byte-pair encoding: pieces, merges, training, files of other projects, and files that are wrong.

#include "moru/Data/BytePairs.h"
#include "TestUtils.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace moru;
using namespace moru::test;

using Ids = std::vector<int32_t>;

static std::vector<std::string> pieces(StringRef text) {
  std::vector<std::string> list;
  visitBytePairPieces(text, [&](StringRef piece) { list.push_back(piece.str()); });
  return list;
}

static std::shared_ptr<Tokenizer> train(StringRef text, size_t size, bool special = false) {
  return cantFail(BytePairTokenizer::train({text}, {.vocabularySize = size, .minFrequency = 2, .special = special}));
}

static std::string fileOf(const Tokenizer &tokenizer) { return tokenizer.files().front().contents; }

/// Bytes of which some are UTF-8: what an encoder may meet.
static std::string randomBytes(uint32_t round) {
  const StringRef parts[] = {" ",
                             "  ",
                             "\n",
                             "\t",
                             "a",
                             "b",
                             "ab",
                             "'ll",
                             "'",
                             "7",
                             "한",
                             "국어",
                             "é",
                             "\u0301",
                             "\u00A0",
                             "\xff",
                             "\xed\xa0\x80",
                             "\xe3\x81",
                             StringRef("\0", 1),
                             ".",
                             "<EOS>",
                             "😁"};
  std::string text;
  for (uint32_t i = 0; i < 40; ++i)
    text += parts[philoxBits(7, round, i, 0) % std::size(parts)];
  return text;
}

TEST(BytePairPieces, FollowThePattern) {
  using List = std::vector<std::string>;
  EXPECT_EQ(pieces("I've 'told he's, we'LL"), (List{"I", "'ve", " '", "told", " he", "'s", ",", " we", "'", "LL"}));
  EXPECT_EQ(pieces("  a b"), (List{" ", " a", " b"}));
  EXPECT_EQ(pieces("a \n\n b  "), (List{"a", " \n\n", " b", "  "}));
  EXPECT_EQ(pieces("a\u00A0b \u00A0 c"), (List{"a", "\u00A0", "b", " \u00A0", " c"}));
  EXPECT_EQ(pieces("x1²ⅷ é한!? 12"), (List{"x", "1²ⅷ", " é한", "!?", " 12"}));
  EXPECT_EQ(pieces(""), List{});
  EXPECT_EQ(pieces(" "), List{" "});
}

TEST(BytePairPieces, AreTheWholeText) {
  for (uint32_t round = 0; round < 500; ++round) {
    std::string text = randomBytes(round);
    EXPECT_EQ(join(pieces(text), ""), text);
  }
}

TEST(BytePairPieces, AreSpelledInVisibleCharacters) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += char(byte);
  std::string spelling = spellBytes(all);
  for (StringRef rest = spelling; !rest.empty();)
    EXPECT_TRUE(isVisible(takeCodePoint(rest)));
  EXPECT_EQ(unspellBytes(spelling), all);
  EXPECT_EQ(spellBytes(" a\n"), "ĠaĊ");
  EXPECT_EQ(unspellBytes("한"), std::nullopt);
  EXPECT_EQ(unspellBytes("\u00AD"), std::nullopt);
}

TEST(BytePairs, LearnTheMostFrequentPairsFirst) {
  // "ab" stands three times; "xy" and " x" twice, and x has a lower id than the space.
  auto tokenizer = train("ab ab xy ab xy", 258);
  EXPECT_EQ(tokenizer->size(), 258);
  EXPECT_EQ(tokenizer->describe(256), "ab");
  EXPECT_EQ(tokenizer->describe(257), "xy");
  EXPECT_EQ(cantFail(tokenizer->encode("abxyab")), (Ids{256, 257, 256}));
  // Pairs that are seen once are not merged.
  EXPECT_EQ(train("ab", 300)->size(), 256);
}

TEST(BytePairs, DoNotDependOnTheOrderOfTexts) {
  auto one = cantFail(BytePairTokenizer::train({"low lower", "newest widest", "low"}, {.vocabularySize = 270}));
  auto other = cantFail(BytePairTokenizer::train({"low", "newest widest", "low lower"}, {.vocabularySize = 270}));
  EXPECT_EQ(fileOf(*one), fileOf(*other));
}

TEST(BytePairs, NeedAnIdForEachByte) {
  auto messageOf = [](const BytePairTraining &options) {
    return toString(BytePairTokenizer::train({"a text"}, options).takeError());
  };
  EXPECT_EQ(messageOf({.vocabularySize = 255}),
            "expected a vocabulary of at least 256 ids for byte pairs, one for each "
            "byte, got 255; make it larger (--set V=…)");
  EXPECT_EQ(messageOf({.vocabularySize = 259, .special = true}),
            "expected a vocabulary of at least 260 ids for byte pairs, one for each byte and the 4 special ones, got "
            "259; make it larger (--set V=…)");
}

TEST(BytePairs, ComeBackFromAnyBytes) {
  std::string text;
  for (uint32_t round = 0; round < 50; ++round)
    text += randomBytes(round);
  for (auto &tokenizer : {train(text, 300), train(text, 500, /*special=*/true), train("", 256)})
    for (uint32_t round = 0; round < 200; ++round) {
      std::string bytes = randomBytes(1000 + round);
      EXPECT_EQ(cantFail(tokenizer->decode(cantFail(tokenizer->encode(bytes)))), bytes);
    }
}

/// What the merges mean, without queues: the pair of least rank, from the left, until there is none.
static Ids encodeSlowly(const json::Object &file, StringRef text) {
  const json::Object &model = *file.getObject("model");
  Ids ids;
  for (const std::string &piece : pieces(text)) {
    std::vector<std::string> symbols;
    for (char byte : piece)
      symbols.push_back(spellBytes(StringRef(&byte, 1)));
    for (bool found = true; found;) {
      found = false;
      for (const json::Value &merge : *model.getArray("merges")) {
        auto [left, right] = merge.getAsString()->split(' ');
        for (size_t i = 0; i + 1 < symbols.size() && !found; ++i)
          if (symbols[i] == left && symbols[i + 1] == right) {
            symbols[i] += symbols[i + 1];
            symbols.erase(symbols.begin() + ptrdiff_t(i) + 1);
            found = true;
          }
        if (found)
          break;
      }
    }
    for (const std::string &symbol : symbols)
      ids.push_back(int32_t(*model.getObject("vocab")->getInteger(symbol)));
  }
  return ids;
}

TEST(BytePairs, AreWhatTheMergesSay) {
  std::string text;
  for (uint32_t round = 0; round < 30; ++round)
    text += randomBytes(round);
  auto tokenizer = train(text, 330);
  json::Value file = cantFail(json::parse(fileOf(*tokenizer)));
  for (uint32_t round = 0; round < 60; ++round) {
    std::string bytes = randomBytes(2000 + round) + std::string(round, 'a');
    EXPECT_EQ(cantFail(tokenizer->encode(bytes)), encodeSlowly(*file.getAsObject(), bytes)) << escapeBytes(bytes);
  }
}

TEST(BytePairs, KeepSpecialIdsOutOfTexts) {
  auto tokenizer = train("ab ab", 300, /*special=*/true);
  EXPECT_TRUE(tokenizer->hasSpecial());
  Ids ids = cantFail(tokenizer->encode("<EOS>"));
  EXPECT_EQ(ids.size(), 5u);
  ids.insert(ids.begin(), kStartId);
  ids.push_back(kEndId);
  EXPECT_EQ(cantFail(tokenizer->decode(ids)), "<EOS>");
  EXPECT_EQ(tokenizer->describe(kEndId), "<EOS>");
  EXPECT_TRUE(contains(messageOf(tokenizer->decode({int32_t(tokenizer->size())})), "expected an id"));
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {
class BytePairFiles : public FolderTest {
protected:
  /// A `tokenizer.json` whose parts can be replaced.
  static std::string document(StringRef vocabulary, StringRef merges, StringRef added = "", StringRef more = "") {
    return ("{\"added_tokens\": [" + added + "], \"pre_tokenizer\": {\"type\": \"ByteLevel\"}, " + more +
            "\"model\": {\"type\": \"BPE\", \"vocab\": " + vocabulary + ", \"merges\": " + merges + "}}")
        .str();
  }
  static std::string fails(StringRef contents) { return messageOf(BytePairTokenizer::parseJson(contents, "t.json")); }
};
} // namespace

TEST_F(BytePairFiles, AreTheSameTokenizerAgain) {
  for (bool special : {false, true}) {
    auto tokenizer = train("low lower newest 한국어 한국 lowest low", 290, special);
    cantFail(tokenizer->save(folder, "source."));
    for (auto &loaded :
         {cantFail(loadTokenizer(folder, "source.")), cantFail(loadTokenizer(at("source.tokenizer.json")))}) {
      EXPECT_EQ(loaded->unit(), TokenUnit::BytePairs);
      EXPECT_EQ(loaded->hasSpecial(), special);
      EXPECT_EQ(fileOf(*loaded), fileOf(*tokenizer));
      EXPECT_EQ(cantFail(loaded->encode("한국어 lowest")), cantFail(tokenizer->encode("한국어 lowest")));
    }
  }
}

TEST_F(BytePairFiles, ComeInPairs) {
  for (auto [vocabulary, merges] : {std::pair("encoder.json", "vocab.bpe"), {"vocab.json", "merges.txt"}}) {
    std::string first = put(vocabulary, R"({"a": 0, "b": 1, "ab": 2, "\u0120": 3, "<|end|>": 4})");
    std::string second = put(merges, "#version: 0.2\r\na b\r\n");
    for (StringRef path : {StringRef(folder), StringRef(first), StringRef(second)})
      EXPECT_EQ(cantFail(cantFail(loadTokenizer(path))->encode("ab ba")), (Ids{2, 3, 1, 0}));
    sys::fs::remove(second);
    EXPECT_TRUE(contains(messageOf(loadTokenizer(folder)), second + ": No such file"));
    sys::fs::remove(first);
  }
  EXPECT_TRUE(contains(messageOf(loadTokenizer(folder)), "vocabulary.txt, tokenizer.json, vocab.json, encoder.json"));
}

TEST_F(BytePairFiles, AddTokensThatTextsName) {
  std::string vocabulary = R"({"a": 0, "<": 1, "|": 2, "<|x|>": 3})";
  auto tokenizer = cantFail(BytePairTokenizer::parseJson(
      document(vocabulary, "[]", R"({"id": 3, "content": "<|x|>"}, {"id": 4, "content": "<|x|>a"})"), "t"));
  EXPECT_EQ(cantFail(tokenizer->encode("a<|x|><|<|x|>a<")), (Ids{0, 3, 1, 2, 4, 1}));
  EXPECT_EQ(cantFail(tokenizer->decode({3, 0, 4})), "<|x|>a<|x|>a");
  EXPECT_FALSE(tokenizer->hasSpecial());
}

TEST_F(BytePairFiles, MayLackBytes) {
  auto tokenizer = cantFail(BytePairTokenizer::parseJson(document(R"({"a": 0, "Ġ": 1})", "[]"), "t"));
  EXPECT_EQ(messageOf(tokenizer->encode("aa abc", "in.txt")),
            "in.txt: byte 4: expected a byte of the vocabulary, got 0x62; the tokenizer was trained without it");
}

TEST_F(BytePairFiles, AreRefusedWithTheByteThatIsWrong) {
  EXPECT_EQ(fails(document(R"({"a": 0, "b": -1})", "[]")),
            "t.json: byte 109: token 'b': expected an id from 0 to 16777215, got -1");
  EXPECT_TRUE(contains(fails(document(R"({"a": 0, "b": 2})", "[]")), "expected an id below the number of tokens, 2"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0, "b": 0})", "[]")), "expected an id of its own, got 0"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0, "a": 1})", "[]")), "got 'a' a second time"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0.5})", "[]")), "byte 101: expected an integer, got '0.5"));
  EXPECT_TRUE(contains(fails(document(R"({"": 0})", "[]")), "got an empty string"));
  EXPECT_TRUE(contains(fails(document("{}", "[]")), "expected a vocabulary, got none"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0})", R"(["a b"])")), "byte 116: expected tokens of the vocabulary, "
                                                                     "which lacks 'b'"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0})", R"(["a"])")), "expected two tokens with a space between"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0})", R"([["a"]])")), "expected two tokens"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0})", "[]", R"({"id": 4294967296, "content": "x"})")),
                       "byte 18: token 'x': expected an id from 0"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0})", "[]", R"({"id": 1, "content": "x", "lstrip": true})")),
                       "\"lstrip\": expected false, got true"));
  EXPECT_TRUE(contains(fails(document(R"({"a": 0})", "[]", "", R"("normalizer": {"type": "NFC"}, )")),
                       "\"normalizer\": expected null"));
  EXPECT_TRUE(contains(fails(R"({"model": {"type": "WordPiece"}})"), "byte 19: \"type\": expected \"BPE\""));
  EXPECT_TRUE(contains(fails("{}"), "expected \"model\" of a byte-level tokenizer"));
  EXPECT_TRUE(contains(fails(""), "byte 0: expected an object, got the end of the file"));
  EXPECT_TRUE(contains(fails(std::string(1000000, '[')), "expected an object, got '["));
  EXPECT_TRUE(contains(fails("{\"x\": " + std::string(1000000, '[')), "at most 64 levels of nesting"));
  EXPECT_TRUE(contains(fails("{\"a\xff"), "byte 3: expected UTF-8, got 0xff"));
  EXPECT_TRUE(contains(fails("{\"a\\ud800\": 1}"), "surrogate"));
  EXPECT_TRUE(contains(messageOf(BytePairTokenizer::parse("{\"a\": 0}", "v", "#version: 1\na a\nb\n", "m")),
                       "m: byte 16: expected two tokens with a space between, got 'b'"));
}

TEST_F(BytePairFiles, AreNeverHalfRead) {
  std::string file = fileOf(*train("ab ab abc abc", 260, /*special=*/true));
  damage(file, 300, [&](StringRef contents, bool truncated) {
    auto loaded = BytePairTokenizer::parseJson(contents, "t");
    if (loaded) {
      EXPECT_TRUE(!truncated || contents.rtrim().size() + 1 == file.size());
      (void)(*loaded)->encode("abc 한").takeError();
    } else {
      EXPECT_TRUE(contains(toString(loaded.takeError()), "t: byte "));
    }
  });
}

//===----------------------------------------------------------------------===//
// Other projects' tokenizers
//===----------------------------------------------------------------------===//

TEST(BytePairData, EqualGpt2) {
  std::string path = sharedData("tokenizer/gpt2");
  if (path.empty())
    GTEST_SKIP() << "no shared data; set MORU_DATA_DIR";
  auto tokenizer = cantFail(loadTokenizer(path));
  EXPECT_EQ(tokenizer->size(), 50257);
  json::Value vectors = cantFail(json::parse(cantFail(readFile(path + "/vectors.json"))));
  for (const json::Value &vector : *vectors.getAsArray()) {
    StringRef text = *vector.getAsObject()->getString("text");
    Ids ids;
    for (const json::Value &id : *vector.getAsObject()->getArray("ids"))
      ids.push_back(int32_t(*id.getAsInteger()));
    EXPECT_EQ(cantFail(tokenizer->encode(text)), ids) << text.str();
    EXPECT_EQ(cantFail(tokenizer->decode(ids)), text);
  }
  EXPECT_EQ(fileOf(*cantFail(BytePairTokenizer::parseJson(fileOf(*tokenizer), "again"))), fileOf(*tokenizer));
}

TEST(BytePairData, LearnWhatAnotherTrainerLearned) {
  std::string text = sharedData("lm/tinystories-2MB.txt"), recorded = sharedData("../peers/tinystories-bpe-4096");
  if (text.empty() || recorded.empty())
    GTEST_SKIP() << "no shared data; set MORU_DATA_DIR";
  std::string contents = cantFail(readFile(text));
  size_t cut = contents.find('\n', size_t(0.9 * double(contents.size()))) + 1;
  auto tokenizer = train(StringRef(contents).take_front(cut), 4096);
  auto expected = cantFail(loadTokenizer(recorded));
  ASSERT_EQ(tokenizer->size(), expected->size());
  for (int32_t id = 0; id < tokenizer->size(); ++id)
    ASSERT_EQ(tokenizer->describe(id), expected->describe(id)) << id;
  EXPECT_EQ(fileOf(*tokenizer), fileOf(*expected));
}
