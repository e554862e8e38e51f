// Sums of -log p against the formula, over sequences shorter and longer than a step.

#include "moru/Train/Evaluate.h"
#include "TrainTestUtils.h"

#include <cmath>

using namespace moru;

namespace {

constexpr int64_t kSize = 5;

class EvaluateTest : public moru::test::TrainTest {
protected:
  void SetUp() override {
    TrainTest::SetUp();
    model = makeBigram(kSize, {"eval_step"});
    table = HostTensor(ElementType::F32, {kSize, kSize});
    for (int64_t i = 0; i < table.numElements(); ++i)
      table.set(i, std::sin(double(i)));
    std::vector<NamedTensor> values;
    values.push_back({"W", table.clone()});
    llvm::cantFail(setParameters(*model->executable, values, "test"));
  }

  double nats(llvm::ArrayRef<int32_t> ids) const {
    double sum = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      double total = 0;
      for (int64_t next = 0; next < kSize; ++next)
        total += std::exp(table.at(ids[i] * kSize + next));
      sum += std::log(total) - table.at(ids[i] * kSize + ids[i + 1]);
    }
    return sum;
  }

  static std::vector<int32_t> makeIds(size_t count) {
    std::vector<int32_t> ids;
    for (size_t i = 0; i < count; ++i)
      ids.push_back(int32_t((i * i + i / 3) % kSize));
    return ids;
  }

  std::optional<LoadedModel> model;
  HostTensor table;
};

TEST_F(EvaluateTest, PredictsEveryIdButTheFirst) {
  for (size_t count : {2, int(kEvalTime), int(kEvalTime) + 1, int(kEvalTime) + 2, 3 * int(kEvalTime) + 5}) {
    std::vector<int32_t> ids = makeIds(count);
    Evaluation result = llvm::cantFail(evaluateStream(*model->executable, ids));
    EXPECT_EQ(result.predictions, int64_t(count) - 1);
    EXPECT_NEAR(result.nats, nats(ids), 1e-5 * double(count));
  }
}

TEST_F(EvaluateTest, CarriesStateThroughAStreamAndNotIntoTheNext) {
  std::vector<int32_t> ids = makeIds(2 * size_t(kEvalTime) + 1);
  for (int repeat = 0; repeat < 2; ++repeat) {
    llvm::cantFail(evaluateStream(*model->executable, ids));
    EXPECT_EQ(model->executable->find("eval.state.count")->at(0), 2.0 * double(kEvalTime));
  }
}

TEST_F(EvaluateTest, AddsSentences) {
  std::vector<Sentence> sentences = {makeIds(4), makeIds(9), makeIds(70)};
  Evaluation result = llvm::cantFail(evaluateSentences(*model->executable, sentences));
  EXPECT_EQ(result.predictions, 3 + 8 + 69);
  EXPECT_NEAR(result.nats, nats(sentences[0]) + nats(sentences[1]) + nats(sentences[2]), 1e-4);
  EXPECT_NEAR(result.perplexity(), std::exp(result.nats / 80), 1e-9);
}

TEST_F(EvaluateTest, PredictsNothingFromNothing) {
  Evaluation result = llvm::cantFail(evaluateStream(*model->executable, {}));
  EXPECT_EQ(result.predictions, 0);
  EXPECT_EQ(result.natsPerToken(), 0);
}

TEST_F(EvaluateTest, ListsAllThatIsWrongWithValues) {
  std::vector<NamedTensor> values;
  values.push_back({"W", HostTensor(ElementType::F32, {2, 2})});
  values.push_back({"X", HostTensor(ElementType::F32, {1})});
  std::string message = moru::test::messageOf(setParameters(*model->executable, values, "some file"));
  EXPECT_NE(message.find("some file"), std::string::npos) << message;
  EXPECT_NE(message.find("W: expected [5, 5] f32, got [2, 2] f32"), std::string::npos) << message;
  EXPECT_NE(message.find("X: unknown"), std::string::npos) << message;
  // Nothing has changed.
  EXPECT_EQ(model->executable->find("W")->at(1), table.at(1));
}

} // namespace
