// A model in a plug-in is known like any other, and offers the same functions.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace moru;

TEST(PluginTest, RegistersAModelOutsideTheProject) {
  ASSERT_EQ(findModel("gru_lm"), nullptr);
  Result<void> loaded = loadModelPlugin(MORU_GRU_PLUGIN);
  ASSERT_TRUE(loaded) << loaded.message();
  ASSERT_NE(findModel("gru_lm"), nullptr);
  EXPECT_EQ(toString(findModel("gru_lm")->kind), "language_model");

  Config config;
  ASSERT_TRUE(config.set("V=20"));
  auto model = makeLanguageModel("gru_lm", config);
  ASSERT_TRUE(model) << model.message();
  Program program = buildLanguageModel(**model, {.batch = 2, .time = 5});
  EXPECT_TRUE(program.ok()) << program.errorText();
  EXPECT_EQ(program.functions().size(), 5u);
  EXPECT_NE(program.print().find("graph.name = \"state.h\""), std::string::npos);
}

TEST(PluginTest, SaysWhatIsWrongWithAPlugin) {
  EXPECT_NE(loadModelPlugin("/no/such/library.so").message().find("/no/such/library.so"), std::string::npos);
}

TEST(PluginTest, ListsTheKnownModelsAndKeys) {
  registerModel("empty", [](Config &config) -> std::unique_ptr<LanguageModel> {
    config.integer("V", 10);
    return nullptr;
  });
  Config config;
  Result<std::unique_ptr<LanguageModel>> none = makeLanguageModel("nothing", config);
  EXPECT_NE(none.message().find("unknown model \"nothing\"; known: "), std::string::npos);
  EXPECT_NE(none.message().find("empty"), std::string::npos);
  ASSERT_TRUE(config.set("width=3"));
  EXPECT_EQ(makeLanguageModel("empty", config).message(), "empty: unknown keys: width; known keys: V");
}
