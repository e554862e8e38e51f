// Where embeddings are.

#include "moru/Train/Embeddings.h"

#include "moru/DSL/Moru.h"

#include <gtest/gtest.h>

using namespace moru;

namespace {

TEST(EmbeddingsTest, AreWhatIdsOfAnInputAreLookedUpIn) {
  nn::Module model;
  nn::Embedding words(model, "words", 7, 4), places(model, "places", 5, 4);
  Program program;
  ASSERT_TRUE(program.function("logits", [&](Function &function) {
    Tensor ids = function.input("ids", i32({2, 3}));
    Tensor x = words(ids) + places(iota(i32({3})));
    function.output("y", x);
  })) << program.errorText();
  EXPECT_EQ(findEmbeddings(program, "logits"), (std::vector<EmbeddingUse>{{"words", "ids"}}));
  EXPECT_TRUE(findEmbeddings(program, "none").empty());
}

} // namespace
