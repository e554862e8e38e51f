// Weights of other projects that are an lstm_lm.

#include "moru/DSL/Import.h"
#include "models/Models.h"

using namespace moru;

/// TensorFlow's BasicLSTMCell, as ml5's charRNN has it: one kernel for [x ; h], gates i, j (= g), f, o, and 1 added to
/// the forget gate before the logistic function.
static ImportTable charRnnTable() {
  const std::string cell = "rnnlm/multi_rnn_cell/cell_{i}/basic_lstm_cell/";
  // f, i, g, o out of i, j, f, o.
  const std::vector<int> gates = {2, 0, 1, 3};
  ImportTable table{.name = "charRNN (ml5, TensorFlow)", .model = "lstm_lm", .configure = nullptr, .rules = {}};
  table.rules = {
      {.parameter = "E", .source = "embedding"},
      {.parameter = "l{i}.Wx", .source = cell + "weights", .rows = ImportRule::Rows::First, .blocks = gates},
      {.parameter = "l{i}.Wh", .source = cell + "weights", .rows = ImportRule::Rows::Last, .blocks = gates},
      {.parameter = "l{i}.b", .source = cell + "biases", .blocks = gates, .add = {1, 0, 0, 0}},
      {.parameter = "Wproj", .source = "rnnlm/softmax_w"},
      {.parameter = "bproj", .source = "rnnlm/softmax_b"},
  };
  table.vocabularies = {{.file = "vocab.json", .format = ImportVocabulary::Format::CharacterIds}};
  table.configure = [](const std::vector<NamedTensor> &tensors, Config &config) {
    auto size = [&](const char *name, size_t axis) {
      const Shape &shape = findTensor(tensors, name)->shape();
      return axis < shape.size() ? shape[axis] : 0;
    };
    int64_t layers = 0;
    while (findTensor(tensors, "rnnlm/multi_rnn_cell/cell_" + std::to_string(layers) + "/basic_lstm_cell/biases"))
      ++layers;
    config.set("V", size("embedding", 0));
    config.set("D", size("embedding", 1));
    config.set("H", size("rnnlm/softmax_w", 0));
    config.set("layers", layers);
  };
  return table;
}

void moru::models::registerLstmLmImports() { registerImport(charRnnTable()); }
