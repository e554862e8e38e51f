// A model in a plug-in is known like any other, and offers the same functions.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cmath>

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

TEST(PluginTest, TrainsAModelOutsideTheProject) {
  ASSERT_TRUE(loadModelPlugin(MORU_GRU_PLUGIN));
  Config config;
  for (const char *key : {"V=12", "D=6", "H=10"})
    ASSERT_TRUE(config.set(key));
  auto model = makeLanguageModel("gru_lm", config);
  ASSERT_TRUE(model) << model.message();
  Program program = buildLanguageModel(
      **model, {.batch = 2, .time = 6, .optimizer = optim::Adam{.learningRate = 0.05}, .functions = {"train_step"}});
  auto executable = compile(program, {.cache = false});
  ASSERT_TRUE(executable) << executable.message();
  Result<void> loaded = executable->load((*model)->initialValues(3), Role::Parameter);
  ASSERT_TRUE(loaded) << loaded.message();
  // Counting up, which a model of this size learns by heart.
  HostTensor ids(ElementType::I32, {2, 6}), targets(ElementType::I32, {2, 6});
  for (int32_t i = 0; i < 12; ++i) {
    ids.data<int32_t>()[i] = i;
    targets.data<int32_t>()[i] = (i + 1) % 12;
  }
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    Outputs outputs = executable->run("train_step", {{"ids", ids}, {"targets", targets}});
    ASSERT_TRUE(outputs) << outputs.message();
    last = outputs.scalar("loss");
    first = step == 0 ? last : first;
  }
  EXPECT_NEAR(first, std::log(12), 0.2);
  EXPECT_LT(last, 0.2);
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
