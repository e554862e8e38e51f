// Options of optimizers and of runs: names, bounds, and the way into a checkpoint and back.

#include "TrainTestUtils.h"
#include "moru/Train/TrainOptions.h"

using namespace moru;
using moru::test::messageOf;

TEST(OptimizersTest, KnowsTheNames) {
  for (const char *kind : {"sgd", "momentum", "adam", "adamw"})
    EXPECT_EQ(messageOf(makeOptimizer({.kind = kind})), "") << kind;
  for (const char *schedule : {"constant", "linear", "cosine", "inverse_sqrt"})
    EXPECT_EQ(messageOf(makeOptimizer({.schedule = schedule, .warmup = 2, .steps = 10})), "") << schedule;
  EXPECT_EQ(messageOf(makeOptimizer({.kind = "Adam"})),
            "--optimizer: expected sgd, momentum, adam or adamw, got \"Adam\"");
  EXPECT_EQ(messageOf(makeOptimizer({.schedule = "stairs"})),
            "--schedule: expected constant, linear, cosine or inverse_sqrt, got \"stairs\"");
}

TEST(OptimizersTest, RejectsWhatIsOutOfBounds) {
  EXPECT_NE(messageOf(makeOptimizer({.learningRate = -1})), "");
  EXPECT_NE(messageOf(makeOptimizer({.weightDecay = -1})), "");
  EXPECT_NE(messageOf(makeOptimizer({.warmup = -1})), "");
  EXPECT_NE(messageOf(makeOptimizer({.clip = -1})), "");
  EXPECT_NE(messageOf(makeOptimizer({.schedule = "cosine", .warmup = 10, .steps = 10})), "");
}

TEST(TrainOptionsTest, SurviveTheWayThroughJson) {
  TrainOptions options;
  options.model = "lstm_lm";
  options.settings = {"D=3", "carried=true"};
  options.data = "text.txt";
  options.sentences = true;
  options.trainPart = 0.75;
  options.seed = ~uint64_t(0) >> 1;
  options.optimizer = {.kind = "adamw", .learningRate = 0.1, .schedule = "cosine", .warmup = 3, .steps = 9};
  llvm::json::Object extra{{"options", options.toObject()}};
  llvm::Expected<TrainOptions> read = readRecordedOptions(extra, "run");
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->toObject(), options.toObject());
  EXPECT_EQ(messageOf(checkSameRun(options, *read, "run")), "");
}

TEST(TrainOptionsTest, ListsEveryDifference) {
  TrainOptions recorded, options;
  options.batchSize = 7;
  options.seed = 2;
  // What may change from start to start is no difference.
  options.epochs = 9;
  options.saveEvery = 4;
  std::string message = messageOf(checkSameRun(options, recorded, "run"));
  EXPECT_NE(message.find("batch_size: expected 32, got 7"), std::string::npos) << message;
  EXPECT_NE(message.find("seed: expected 1, got 2"), std::string::npos) << message;
  EXPECT_EQ(message.find("epochs"), std::string::npos) << message;
}

TEST(TrainOptionsTest, NeedRecordedOnes) {
  EXPECT_NE(messageOf(readRecordedOptions({}, "run")).find("run/state.json"), std::string::npos);
  llvm::json::Object wrong{{"options", llvm::json::Object{{"model", 3}}}};
  EXPECT_NE(messageOf(readRecordedOptions(wrong, "run")), "");
}
