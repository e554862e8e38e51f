// Sequences that go on from one another: each has the logits of its own ids read at once, and the caches of keys and
// values stay where they are.

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace moru;

namespace {

constexpr int64_t kRows = 3, kVocabulary = 11;

/// A model with its configuration.
struct Subject {
  const char *test, *model;
  std::vector<const char *> keys;
  bool hasNoCache = false;
};

HostTensor ids(Shape shape, const std::vector<int32_t> &values) {
  HostTensor tensor(ElementType::I32, std::move(shape));
  std::memcpy(tensor.bytes(), values.data(), tensor.sizeInBytes());
  return tensor;
}

class BeamsTest : public testing::TestWithParam<Subject> {
protected:
  void SetUp() override {
    models::registerAll();
    Config config;
    for (const char *key : GetParam().keys)
      ASSERT_TRUE(config.set(key));
    Result<std::unique_ptr<Model>> made = makeModel(GetParam().model, config);
    ASSERT_TRUE(made) << made.message();
    model = made.take();
  }

  /// decode_step for `rows` sequences, and what it needs or is compared with.
  Executable compiled(int64_t rows, int64_t positions, int64_t time) {
    Program program = buildProgram(*model,
                                   {.batch = kRows,
                                    .time = time,
                                    .functions = {"logits", "decode_step"},
                                    .decodeTime = positions,
                                    .decodeBatch = rows},
                                   {.batch = kRows,
                                    .sourceTime = positions,
                                    .time = time,
                                    .functions = {"logits", "encode", "decode_step"},
                                    .decodeBatch = rows,
                                    .decodeTime = positions});
    Result<Executable> executable = compile(program, {.cache = false});
    EXPECT_TRUE(executable) << executable.message();
    Result<void> loaded = executable->load(model->initialValues(5), Role::Parameter);
    EXPECT_TRUE(loaded) << loaded.message();
    return executable.take();
  }

  bool isPair() const { return model->kind() == ModelKind::EncoderDecoder; }

  /// Inputs of `name`: its own, behind the sources of pairs.
  Outputs run(Executable &executable, std::string_view name, std::vector<NamedInput> inputs) {
    if (isPair() && name != "decode_step") {
      inputs.push_back({"src", source});
      inputs.push_back({"src_len", lengths});
    }
    Outputs outputs = executable.run(name, inputs);
    EXPECT_TRUE(outputs) << outputs.message();
    return outputs;
  }

  /// All rows begin with the same source.
  void begin(Executable &executable, int64_t positions) {
    if (!isPair())
      return;
    source = HostTensor::zeros(ElementType::I32, {kRows, positions});
    for (int64_t row = 0; row < kRows; ++row)
      for (int32_t i = 0; i < 4; ++i)
        source.data<int32_t>()[row * positions + i] = 3 + i;
    lengths = ids({kRows}, {4, 4, 4});
    (void)run(executable, "encode", {});
  }

  std::unique_ptr<Model> model;
  HostTensor source, lengths;
};

TEST_P(BeamsTest, SequencesGoOnFromOneAnother) {
  constexpr int64_t kTime = 6;
  // Rows that are taken twice, rows that are dropped, rows that change places; of the first step all are alike.
  constexpr int32_t kParents[kTime][kRows] = {{0, 0, 0}, {0, 0, 1}, {2, 1, 0}, {1, 1, 1}, {2, 0, 1}, {2, 2, 0}};
  Executable executable = compiled(kRows, kTime, kTime);
  begin(executable, kTime);
  std::vector<std::vector<int32_t>> sequences(kRows);
  for (int32_t step = 0; step < kTime; ++step) {
    std::vector<std::vector<int32_t>> next;
    std::vector<int32_t> token, parent, all;
    for (int32_t row = 0; row < kRows; ++row) {
      parent.push_back(kParents[step][row]);
      token.push_back((3 + 5 * step + 2 * row) % kVocabulary);
      next.push_back(sequences[parent.back()]);
      next.back().push_back(token.back());
      all.insert(all.end(), next.back().begin(), next.back().end());
      all.resize((row + 1) * kTime);
    }
    sequences = std::move(next);
    HostTensor tokens = ids({kRows}, token), parents = ids({kRows}, parent), inputs = ids({kRows, kTime}, all);
    Outputs one = run(executable, "decode_step", {{"token", tokens}, {"parent", parents}});
    std::vector<float> got(one["logits"].data<float>(), one["logits"].data<float>() + kRows * kVocabulary);
    Outputs whole = run(executable, "logits", {{isPair() ? "tgt_in" : "ids", inputs}});
    for (int64_t row = 0; row < kRows; ++row)
      for (int64_t v = 0; v < kVocabulary; ++v)
        ASSERT_NEAR(got[row * kVocabulary + v], whole["logits"].at((row * kTime + step) * kVocabulary + v), 1e-5)
            << "step " << step << ", row " << row;
  }
}

/// What a step writes: one position of each cache, and beside the state less than a cache holds.
TEST_P(BeamsTest, CachesStayWhereTheyAre) {
  constexpr int64_t kPositions = 1024, kStep = 3;
  Executable executable = compiled(kRows, kPositions, 2);
  begin(executable, kPositions);
  auto caches = [&] {
    std::vector<std::pair<std::string, HostTensor>> list;
    for (const ArgumentSignature &resident : executable.residents())
      if (std::string_view name = resident.name; name.starts_with(kDecodeState) && name.find("cache") == name.npos)
        if (name.ends_with(".keys") || name.ends_with(".values"))
          list.emplace_back(name, executable.find(name)->clone());
    return list;
  };
  HostTensor tokens = ids({kRows}, {1, 2, 3}), parents = ids({kRows}, {2, 0, 0});
  for (int64_t step = 0; step < kStep; ++step)
    (void)run(executable, "decode_step", {{"token", tokens}, {"parent", parents}});
  auto before = caches();
  (void)run(executable, "decode_step", {{"token", tokens}, {"parent", parents}});
  for (const auto &[name, old] : before) {
    const HostTensor &now = *executable.find(name);
    int64_t dim = now.dim(2);
    for (int64_t i = 0; i < now.numElements(); ++i)
      ASSERT_EQ(now.at(i) != old.at(i), i / dim % kPositions == kStep) << name << " [" << i << "]";
    EXPECT_LT(executable.signature().find("decode_step")->arenaBytes, int64_t(now.sizeInBytes()));
  }
  EXPECT_EQ(before.empty(), GetParam().hasNoCache);
}

/// One sequence needs no table of rows, and no parents.
TEST_P(BeamsTest, OneSequenceGoesOnFromItself) {
  Executable executable = compiled(1, 8, 2);
  EXPECT_EQ(executable.find(std::string(kDecodeState) + std::string(State::kRows)), nullptr);
  for (const ArgumentSignature &argument : executable.signature().find("decode_step")->arguments)
    EXPECT_NE(argument.name, "parent");
}

INSTANTIATE_TEST_SUITE_P(
    Models, BeamsTest,
    testing::Values(Subject{"lstm_lm", "lstm_lm", {"V=11", "D=8", "H=6", "layers=2"}, true},
                    Subject{"seq2seq_luong", "seq2seq_luong", {"V=11", "D=8", "input_feeding=true"}, true},
                    Subject{"tiny_lm", "tiny_lm", {"V=11", "d=32", "heads=2"}},
                    Subject{"gpt", "gpt", {"V=11", "d=32", "heads=2", "layers=2", "positions=1024"}},
                    Subject{"gpt_llama",
                            "gpt",
                            {"V=11", "d=64", "heads=4", "kv_heads=2", "ff=32", "layers=2", "positions=1024",
                             "block=llama"}},
                    Subject{"transformer", "transformer", {"V=11", "d=32", "heads=2", "ff=32", "layers=2"}}),
    [](const auto &info) { return info.param.test; });

} // namespace
