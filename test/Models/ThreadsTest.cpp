// What runs side by side never changes what is computed: training steps whose kernels are launched together, in parts
// and beside each other, give the same bits with any number of threads, and those of kernels that run one by one.

#include "models/Models.h"
#include "moru/Compiler/CompileModule.h"
#include "moru/DSL/Moru.h"
#include "moru/DSL/ProgramModule.h"

#include "llvm/ADT/StringRef.h"
#include "gtest/gtest.h"

using namespace moru;

namespace {

constexpr int64_t kVocabulary = 50;

struct Case {
  const char *model;
  std::vector<const char *> settings;
  int64_t batch, time;
  std::vector<Precision> precisions;
  /// Work enough for a second thread.
  bool isShared;
};

std::unique_ptr<LanguageModel> make(const Case &test) {
  models::registerAll();
  Config config;
  for (const char *setting : test.settings)
    EXPECT_TRUE(config.set(setting));
  Result<std::unique_ptr<Model>> made = makeModel(test.model, config);
  EXPECT_TRUE(made) << made.message();
  return std::unique_ptr<LanguageModel>(static_cast<LanguageModel *>(made->release()));
}

HostTensor makeIds(const Case &test, int64_t factor) {
  HostTensor ids = HostTensor::zeros(ElementType::I32, {test.batch, test.time});
  for (int64_t i = 0; i < ids.numElements(); ++i)
    ids.set(i, double(i * factor % kVocabulary));
  return ids;
}

/// The parameters after some steps.
Executable train(const Case &test, Precision precision, int32_t threads, bool group = true) {
  std::unique_ptr<LanguageModel> model = make(test);
  Program program = buildLanguageModel(*model, {.batch = test.batch, .time = test.time, .functions = {"train_step"}});
  Executable exe = llvm::cantFail(
      compileModule(moduleOf(program), {.precision = precision, .threads = threads, .group = group, .cache = false}));
  EXPECT_TRUE(exe.load(model->initialValues(1), Role::Parameter));
  HostTensor ids = makeIds(test, 7), targets = makeIds(test, 11);
  for (int step = 0; step < 3; ++step) {
    Outputs out = exe.run("train_step", {{"ids", ids}, {"targets", targets}});
    EXPECT_TRUE(out) << out.message();
  }
  return exe;
}

class ThreadsTest : public testing::TestWithParam<Case> {};

TEST_P(ThreadsTest, GroupsGiveTheSameBits) {
  for (Precision precision : GetParam().precisions) {
    Executable alone = train(GetParam(), precision, 1, /*group=*/false);
    for (int32_t threads : {1, 2, 3, 8}) {
      Executable other = train(GetParam(), precision, threads);
      for (const ArgumentSignature &resident : alone.residents())
        EXPECT_TRUE(alone.find(resident.name)->sameBits(*other.find(resident.name)))
            << resident.name << ", " << threads << " threads, " << toString(precision);
    }
  }
}

/// Kernels are grouped; those of one short sequence run on one thread, and a second one is not even asked.
TEST_P(ThreadsTest, SharesWhatIsWorthIt) {
  std::unique_ptr<LanguageModel> model = make(GetParam());
  Program program =
      buildLanguageModel(*model, {.batch = GetParam().batch, .time = GetParam().time, .functions = {"train_step"}});
  std::string plan = llvm::cantFail(emitModule(moduleOf(program), Emit::Plan, {.cache = false}));
  EXPECT_NE(plan.find("kernel.group"), std::string::npos);
  Executable exe = llvm::cantFail(compileModule(moduleOf(program), {.threads = 2, .cache = false}));
  ASSERT_TRUE(exe.load(model->initialValues(1), Role::Parameter));
  int64_t shared = 0;
  exe.setProfile(
      [](void *data, moru_task_fn, int64_t tasks, uint64_t, uint64_t) { *static_cast<int64_t *>(data) += tasks > 1; },
      &shared);
  ASSERT_TRUE(exe.run("train_step", {{"ids", makeIds(GetParam(), 7)}, {"targets", makeIds(GetParam(), 11)}}));
  EXPECT_EQ(shared > 0, GetParam().isShared) << shared;
}

INSTANTIATE_TEST_SUITE_P(
    Models, ThreadsTest,
    testing::Values(
        Case{"tiny_lm", {"V=50", "layers=1"}, 16, 16, {Precision::F32, Precision::BF16}, true},
        Case{"tiny_lm", {"V=50", "layers=1"}, 1, 3, {Precision::F32}, false},
        Case{"gpt", {"V=50", "positions=16", "d=32", "heads=4", "layers=1"}, 8, 16, {Precision::F32x6}, true}),
    [](const testing::TestParamInfo<Case> &info) {
      return std::string(info.param.model) + "_b" + std::to_string(info.param.batch);
    });

} // namespace
