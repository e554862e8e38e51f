// Runs of a tiny model: what they leave behind, and that an interrupted one ends like one that was left alone.

#include "moru/Train/Trainer.h"
#include "TrainTestUtils.h"
#include "moru/Data/Checkpoint.h"
#include "moru/Train/TrainingReport.h"

#include <algorithm>

using namespace moru;
using moru::test::messageOf;

namespace {

/// Counts, and stops at a step.
struct Counter : TrainObserver {
  explicit Counter(int64_t stopAt = -1) : stopAt(stopAt) {}
  void stepDone(const StepReport &report) override { last = report; }
  void saved(llvm::StringRef) override { ++saves; }
  bool shouldStop() override { return last.step == stopAt; }
  int64_t stopAt;
  StepReport last;
  int64_t saves = 0;
};

class TrainerTest : public moru::test::TrainTest {
protected:
  TrainOptions makeOptions(llvm::StringRef folder) {
    TrainOptions options;
    options.model = "bigram";
    options.data = at("text.txt");
    options.batchSize = 2;
    options.sequenceLength = 4;
    options.epochs = 3;
    options.outputFolder = at(folder);
    options.optimizer.learningRate = 0.05;
    return options;
  }

  void SetUp() override {
    TrainTest::SetUp();
    std::string text;
    for (int i = 0; i < 30; ++i)
      text += i % 3 ? "the cat sees a dog . " : "a dog sees the sea . ";
    put("text.txt", text);
  }

  static TrainResult run(const TrainOptions &options, TrainObserver &observer) {
    return llvm::cantFail(train(options, CompileOptions{.threads = 1}, observer));
  }

  /// All that a run leaves, as one string.
  std::string filesOf(llvm::StringRef run) {
    std::string all;
    for (const char *name : {"latest/model.safetensors", "latest/optimizer.safetensors", "latest/state.json",
                             "latest/config.json", "metrics.jsonl"})
      all += llvm::cantFail(readFile(at((run + "/" + name).str())));
    return all;
  }
};

TEST_F(TrainerTest, LearnsAndKeepsCheckpoints) {
  TrainOptions options = makeOptions("run");
  options.saveEvery = 5;
  Counter counter;
  TrainResult result = run(options, counter);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.step, 3 * result.facts.stepsPerEpoch);
  EXPECT_EQ(counter.last.step, result.step);
  EXPECT_LT(result.validation.natsPerToken(), std::log(double(result.facts.vocabulary)));
  EXPECT_EQ(counter.saves, result.step / 5 + (result.step % 5 != 0));
  Checkpoint checkpoint = llvm::cantFail(loadCheckpoint(options.outputFolder));
  EXPECT_EQ(checkpoint.state.step, result.step);
  EXPECT_EQ(checkpoint.config.getString("model"), llvm::StringRef("bigram"));
  EXPECT_EQ(checkpoint.tokenizer->size(), result.facts.vocabulary);
}

TEST_F(TrainerTest, EndsTheSameAfterAnInterruption) {
  Counter all;
  TrainResult alone = run(makeOptions("alone"), all);
  TrainOptions options = makeOptions("stopped");
  for (int64_t step : {1, 7, 8}) {
    Counter counter(step);
    EXPECT_FALSE(run(options, counter).finished);
    options.resume = true;
  }
  Counter rest;
  EXPECT_TRUE(run(options, rest).finished);
  EXPECT_EQ(filesOf("alone"), filesOf("stopped"));
  EXPECT_EQ(rest.last.step, alone.step);
  // Once more changes nothing.
  Counter nothing;
  EXPECT_EQ(run(options, nothing).validation.nats, alone.validation.nats);
  EXPECT_EQ(filesOf("alone"), filesOf("stopped"));
}

/// `best` names the least of all validations, before and after an interruption, though only one checkpoint is kept.
TEST_F(TrainerTest, KeepsTheBestCheckpoint) {
  TrainOptions options = makeOptions("run");
  // Too fast to get better each time.
  options.optimizer.learningRate = 2;
  options.epochs = 6;
  options.keep = 1;
  Counter counter(4);
  EXPECT_FALSE(run(options, counter).finished);
  options.resume = true;
  Counter rest;
  TrainResult result = run(options, rest);
  RunHistory history = llvm::cantFail(RunHistory::read(options.outputFolder));
  ASSERT_GT(history.validations.size(), 3u);
  auto less = [](const auto &a, const auto &b) { return a.nats < b.nats; };
  auto least = std::min_element(history.validations.begin(), history.validations.end(), less);
  ASSERT_LT(int64_t(least->step), result.step) << "a run that ends at its best shows nothing";
  EXPECT_EQ(bestCheckpointStep(options.outputFolder), int64_t(least->step));
  EXPECT_EQ(llvm::cantFail(loadCheckpoint(at("run/best"))).state.step, int64_t(least->step));
  EXPECT_EQ(llvm::cantFail(loadCheckpoint(options.outputFolder)).state.step, result.step);
}

TEST_F(TrainerTest, NeedsToBeToldToGoOn) {
  TrainOptions options = makeOptions("run");
  options.maxSteps = 1;
  Counter counter;
  run(options, counter);
  EXPECT_NE(messageOf(train(options, {}, counter)).find("--resume"), std::string::npos);
  options.resume = true;
  options.seed = 5;
  EXPECT_NE(messageOf(train(options, {}, counter)).find("seed: expected 1, got 5"), std::string::npos);
}

TEST_F(TrainerTest, RejectsOptionsBeforeItDoesAnything) {
  Counter counter;
  auto failure = [&](auto change) {
    TrainOptions options = makeOptions("bad");
    change(options);
    return messageOf(train(options, {}, counter));
  };
  EXPECT_NE(failure([](TrainOptions &options) { options.batchSize = 0; }), "");
  EXPECT_NE(failure([](TrainOptions &options) { options.epochs = 0; }), "");
  EXPECT_NE(failure([](TrainOptions &options) { options.trainPart = 2; }), "");
  EXPECT_NE(failure([](TrainOptions &options) { options.data = "/nothing"; }), "");
  EXPECT_NE(failure([](TrainOptions &options) { options.model = "nothing"; }), "");
  EXPECT_NE(failure([](TrainOptions &options) { options.settings = {"V=5"}, options.tokenizer = "char"; }), "");
  EXPECT_FALSE(llvm::sys::fs::exists(at("bad")));
}

} // namespace
