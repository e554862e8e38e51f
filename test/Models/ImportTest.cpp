// Weights of other projects.

#include "moru/DSL/Import.h"
#include "models/Models.h"
#include "moru/DSL/Moru.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <map>

using namespace moru;

namespace {

/// A file of charRNN of one layer: V = 2, D = 1, H = 1; weights count up from 0, biases from 100.
std::vector<NamedTensor> smallCharRnn() {
  const std::string cell = "rnnlm/multi_rnn_cell/cell_0/basic_lstm_cell/";
  std::vector<NamedTensor> tensors;
  tensors.push_back({"embedding", HostTensor::from<float>({2, 1}, {7, 8})});
  tensors.push_back({cell + "weights", HostTensor::from<float>({2, 4}, {0, 1, 2, 3, 4, 5, 6, 7})});
  tensors.push_back({cell + "biases", HostTensor::from<float>({4}, {100, 101, 102, 103})});
  tensors.push_back({"rnnlm/softmax_w", HostTensor::from<float>({1, 2}, {9, 10})});
  tensors.push_back({"rnnlm/softmax_b", HostTensor::from<float>({2}, {11, 12})});
  return tensors;
}

std::vector<float> entries(const ImportedModel &model, const std::string &name) {
  const HostTensor *tensor = findTensor(model.parameters, name);
  return {tensor->data<float>(), tensor->data<float>() + tensor->numElements()};
}

class ImportTest : public testing::Test {
protected:
  void SetUp() override { models::registerAll(); }
};

TEST_F(ImportTest, ReordersGatesAndSplitsTheKernel) {
  Result<ImportedModel> model = importWeights(smallCharRnn(), "small");
  ASSERT_TRUE(model) << model.message();
  EXPECT_EQ(model->model, "lstm_lm");
  EXPECT_EQ(model->config.toJson(), R"({"D":1,"H":1,"V":2,"carried":false,"layers":1})");
  EXPECT_EQ(entries(*model, "l0.Wx"), (std::vector<float>{2, 0, 1, 3}));
  EXPECT_EQ(entries(*model, "l0.Wh"), (std::vector<float>{6, 4, 5, 7}));
  EXPECT_EQ(entries(*model, "l0.b"), (std::vector<float>{103, 100, 101, 103}));
  EXPECT_EQ(entries(*model, "Wproj"), (std::vector<float>{9, 10}));
}

TEST_F(ImportTest, ListsEverythingThatDoesNotFit) {
  std::vector<NamedTensor> tensors = smallCharRnn();
  tensors[2].tensor = HostTensor::from<float>({3}, {1, 2, 3});
  tensors.push_back({"more", HostTensor::from<float>({1}, {1})});
  std::string message = importWeights(tensors, "small").message();
  EXPECT_NE(message.find("parameter \"l0.b\": expected [4] f32, got"), std::string::npos) << message;
  EXPECT_NE(message.find("tensor \"more\": charRNN (ml5, TensorFlow) has no use for it"), std::string::npos) << message;
  tensors.erase(tensors.begin());
  message = importWeights(tensors, "small").message();
  EXPECT_EQ(message.find("small: weights of no known kind; known: "), 0u) << message;
  EXPECT_NE(message.find("charRNN (ml5, TensorFlow)"), std::string::npos) << message;
}

/// Compiled code predicts a known text as well as an independent program found, from a state of zeros.
TEST_F(ImportTest, CharLstmShakespearePredictsAsRecorded) {
  const char *variable = std::getenv("MORU_DATA_DIR");
  std::string data = variable ? variable : "", folder = data + "/weights/char-lstm-shakespeare";
  if (!llvm::sys::fs::is_directory(folder))
    GTEST_SKIP() << "no weights at " << folder;
  auto file = readSafetensors(folder + "/model.safetensors");
  ASSERT_TRUE(bool(file));
  Result<ImportedModel> imported = importWeights(*file, folder);
  ASSERT_TRUE(imported) << imported.message();

  // The first 50,001 characters as ids.
  constexpr int64_t kPredictions = 50000, kTime = 100;
  std::string text = llvm::cantFail(readFile(data + "/lm/tinyshakespeare.txt"));
  llvm::json::Value vocabulary = llvm::cantFail(llvm::json::parse(llvm::cantFail(readFile(folder + "/vocab.json"))));
  std::vector<int32_t> ids;
  for (int64_t i = 0; i <= kPredictions; ++i)
    ids.push_back(int32_t(vocabulary.getAsObject()->getInteger(text.substr(i, 1)).value()));

  auto model = makeLanguageModel(imported->model, imported->config);
  ASSERT_TRUE(model) << model.message();
  Program program = buildLanguageModel(**model, {.batch = 1, .time = kTime, .functions = {"eval_step"}});
  auto executable = compile(program);
  ASSERT_TRUE(executable) << executable.message();
  Result<void> loaded = executable->load(imported->parameters, Role::Parameter);
  ASSERT_TRUE(loaded) << loaded.message();
  double nats = 0, count = 0;
  for (int64_t at = 0; at < kPredictions; at += kTime) {
    HostTensor inputs = HostTensor::fromBytes(ElementType::I32, {1, kTime}, &ids[at]);
    HostTensor targets = HostTensor::fromBytes(ElementType::I32, {1, kTime}, &ids[at + 1]);
    Outputs outputs = executable->run("eval_step", {{"ids", inputs}, {"targets", targets}});
    ASSERT_TRUE(outputs) << outputs.message();
    nats += outputs.scalar("nll");
    count += outputs.scalar("count");
  }
  EXPECT_EQ(count, kPredictions);
  EXPECT_NEAR(nats / count, 1.33005, 0.00002);
}

} // namespace
