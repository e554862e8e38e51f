// Models that read one sequence and predict another: padding changes nothing, a step at a time is the whole at once,
// and outputs go on from whichever output they are told.

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace moru;

namespace {

constexpr int64_t kVocabulary = 13;
/// An id that stands nowhere but in padding.
constexpr int32_t kUnused = 12;

/// Two pairs of different lengths.
struct Pairs {
  HostTensor source, lengths, inputs, targets;
};

class EncoderDecoderTest : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    models::registerAll();
    Config config;
    for (const char *key : {"V=13", GetParam() == "transformer" ? "d=8" : "D=8"})
      ASSERT_TRUE(config.set(key));
    if (GetParam() == "transformer")
      for (const char *key : {"heads=2", "ff=12", "layers=2"})
        ASSERT_TRUE(config.set(key));
    Result<std::unique_ptr<Model>> made = makeModel(GetParam(), config);
    ASSERT_TRUE(made) << made.message();
    ASSERT_EQ((*made)->kind(), ModelKind::EncoderDecoder);
    model.reset(static_cast<EncoderDecoder *>(made->release()));
  }

  Executable compiled(const Program &program) {
    Result<Executable> executable = compile(program, {.cache = false});
    EXPECT_TRUE(executable) << executable.message();
    Result<void> loaded = executable->load(model->initialValues(5), Role::Parameter);
    EXPECT_TRUE(loaded) << loaded.message();
    return executable.take();
  }

  /// loss and all gradients of a batch.
  Program gradients(int64_t rows, int64_t sourceTime, int64_t time) {
    Program program;
    program.function("gradients", [&](Function &function) {
      Tensor source = function.input("src", i32({rows, sourceTime})), lengths = function.input("src_len", i32({rows}));
      Tensor inputs = function.input("tgt_in", i32({rows, time})),
             targets = function.input("tgt_out", i32({rows, time}));
      Tensor loss = model->loss(model->logits(inputs, model->encode(source, lengths)), targets);
      function.output("loss", loss);
      std::vector<Tensor> parameters = model->parameters(), grads = gradient(loss, parameters);
      for (size_t i = 0; i < parameters.size(); ++i)
        function.output(parameters[i].name(), grads[i]);
    });
    EXPECT_TRUE(program.ok()) << program.errorText();
    return program;
  }

  Outputs run(Executable &executable, const Pairs &pairs) {
    Outputs outputs = executable.run(
        "gradients",
        {{"src", pairs.source}, {"src_len", pairs.lengths}, {"tgt_in", pairs.inputs}, {"tgt_out", pairs.targets}});
    EXPECT_TRUE(outputs) << outputs.message();
    return outputs;
  }

  /// Copies of the loss and the gradients.
  std::vector<NamedTensor> valuesOf(const Outputs &outputs) {
    std::vector<NamedTensor> values;
    values.push_back({"loss", outputs["loss"].clone()});
    for (const Tensor &parameter : model->parameters())
      values.push_back({parameter.name(), outputs[parameter.name()].clone()});
    return values;
  }

  std::unique_ptr<EncoderDecoder> model;
};

HostTensor ids(Shape shape, std::vector<int32_t> values) {
  HostTensor tensor(ElementType::I32, std::move(shape));
  std::memcpy(tensor.bytes(), values.data(), tensor.sizeInBytes());
  return tensor;
}

/// Sources of 5 and 2 ids, targets of 4 and 3; behind them `padding`, which no loss counts.
Pairs pairs(int32_t padding) {
  return {ids({2, 5}, {3, 4, 5, 6, 2, 7, 2, padding, padding, padding}), ids({2}, {5, 2}),
          ids({2, 4}, {1, 8, 9, 3, 1, 10, 4, padding}), ids({2, 4}, {8, 9, 3, 2, 10, 4, 2, kPaddingId})};
}

TEST_P(EncoderDecoderTest, PaddingChangesNothing) {
  Executable executable = compiled(gradients(2, 5, 4));
  std::vector<NamedTensor> expected = valuesOf(run(executable, pairs(0)));
  for (const NamedTensor &value : valuesOf(run(executable, pairs(kUnused)))) {
    const HostTensor *other = nullptr;
    for (const NamedTensor &entry : expected)
      other = entry.name == value.name ? &entry.tensor : other;
    for (int64_t i = 0; i < other->numElements(); ++i)
      ASSERT_EQ(value.tensor.at(i), other->at(i)) << value.name << " [" << i << "]";
    if (value.name.ends_with(".E"))
      for (int64_t i = 0; i < value.tensor.shape()[1]; ++i)
        ASSERT_EQ(value.tensor.at(kUnused * value.tensor.shape()[1] + i), 0) << value.name;
  }
}

TEST_P(EncoderDecoderTest, ABatchIsItsSentencesOneByOne) {
  Executable both = compiled(gradients(2, 5, 4)), first = compiled(gradients(1, 5, 4)),
             second = compiled(gradients(1, 2, 3));
  std::vector<NamedTensor> together = valuesOf(run(both, pairs(0)));
  std::vector<NamedTensor> a = valuesOf(
      run(first, {ids({1, 5}, {3, 4, 5, 6, 2}), ids({1}, {5}), ids({1, 4}, {1, 8, 9, 3}), ids({1, 4}, {8, 9, 3, 2})}));
  std::vector<NamedTensor> b =
      valuesOf(run(second, {ids({1, 2}, {7, 2}), ids({1}, {2}), ids({1, 3}, {1, 10, 4}), ids({1, 3}, {10, 4, 2})}));
  // A mean over 4 + 3 targets.
  for (size_t k = 0; k < together.size(); ++k) {
    double largest = 0;
    for (int64_t i = 0; i < together[k].tensor.numElements(); ++i)
      largest = std::max(largest, std::abs(together[k].tensor.at(i)));
    for (int64_t i = 0; i < together[k].tensor.numElements(); ++i)
      ASSERT_NEAR(together[k].tensor.at(i), (4 * a[k].tensor.at(i) + 3 * b[k].tensor.at(i)) / 7, 1e-5 * largest)
          << together[k].name;
  }
}

/// What the last batch of an epoch has where pairs are missing.
TEST_P(EncoderDecoderTest, RowsOfPaddingAloneChangeNothing) {
  Executable two = compiled(gradients(2, 5, 4)), four = compiled(gradients(4, 5, 4));
  std::vector<NamedTensor> expected = valuesOf(run(two, pairs(0)));
  Pairs padded = {ids({4, 5}, {3, 4, 5, 6, 2, 0, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 0, 0, 0, 0}), ids({4}, {5, 0, 2, 0}),
                  ids({4, 4}, {1, 8, 9, 3, 0, 0, 0, 0, 1, 10, 4, 0, 0, 0, 0, 0}),
                  ids({4, 4}, {8, 9, 3, 2, 0, 0, 0, 0, 10, 4, 2, 0, 0, 0, 0, 0})};
  std::vector<NamedTensor> values = valuesOf(run(four, padded));
  for (size_t k = 0; k < values.size(); ++k) {
    double largest = 0;
    for (int64_t i = 0; i < expected[k].tensor.numElements(); ++i)
      largest = std::max(largest, std::abs(expected[k].tensor.at(i)));
    for (int64_t i = 0; i < expected[k].tensor.numElements(); ++i)
      ASSERT_NEAR(values[k].tensor.at(i), expected[k].tensor.at(i), 1e-5 * largest) << values[k].name;
  }
  // A batch without any pair at all has nothing to learn from.
  for (const NamedTensor &value :
       valuesOf(run(two, {ids({2, 5}, std::vector<int32_t>(10)), ids({2}, {0, 0}), ids({2, 4}, std::vector<int32_t>(8)),
                          ids({2, 4}, std::vector<int32_t>(8))})))
    for (int64_t i = 0; i < value.tensor.numElements(); ++i)
      ASSERT_EQ(value.tensor.at(i), 0) << value.name;
}

TEST_P(EncoderDecoderTest, StepsAreTheWholeAtOnce) {
  Executable executable = compiled(buildEncoderDecoder(*model, {.batch = 2,
                                                                .sourceTime = 5,
                                                                .time = 4,
                                                                .functions = {"logits", "encode", "decode_step"},
                                                                .decodeBatch = 2,
                                                                .decodeTime = 6}));
  // Two outputs of one source.
  HostTensor source = ids({2, 5}, {3, 4, 5, 2, 0, 3, 4, 5, 2, 0}), lengths = ids({2}, {4, 4});
  const int32_t inputs[2][4] = {{1, 8, 9, 3}, {1, 10, 4, 6}};
  Outputs logits = executable.run(
      "logits", {{"src", source}, {"src_len", lengths}, {"tgt_in", ids({2, 4}, {1, 8, 9, 3, 1, 10, 4, 6})}});
  ASSERT_TRUE(logits) << logits.message();
  Outputs encoded = executable.run("encode", {{"src", source}, {"src_len", lengths}});
  ASSERT_TRUE(encoded) << encoded.message();
  for (int32_t step = 0; step < 4; ++step) {
    // From the second step on the two change places each time.
    bool swapped = step % 2 == 1;
    HostTensor token = ids({2}, {inputs[swapped][step], inputs[!swapped][step]});
    HostTensor parent = step == 0 ? ids({2}, {0, 1}) : ids({2}, {1, 0});
    Outputs outputs = executable.run("decode_step", {{"token", token}, {"parent", parent}});
    ASSERT_TRUE(outputs) << outputs.message();
    for (int64_t row : {0, 1})
      for (int64_t v = 0; v < kVocabulary; ++v)
        EXPECT_NEAR(outputs["logits"].at((swapped ? 1 - row : row) * kVocabulary + v),
                    logits["logits"].at((row * 4 + step) * kVocabulary + v), 1e-5)
            << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EncoderDecoderTest, testing::Values("seq2seq_luong", "transformer"),
                         [](const auto &info) { return info.param; });

} // namespace
