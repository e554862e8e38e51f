// Weights of other projects that are a seq2seq_luong.

#include "moru/DSL/Import.h"
#include "models/Models.h"

using namespace moru;

/// OpenNMT-py's encoder and decoder of one LSTM layer each with input feeding. PyTorch's gates are i, f, g, o, its
/// weights [out, in], and it adds two biases. The source has no end.
static ImportTable openNmtTable() {
  const std::vector<int> gates = {1, 0, 2, 3};
  const std::string decoder = "decoder.rnn.layers.0.";
  ImportTable table{
      .name = "OpenNMT-py LSTM with input feeding", .model = "seq2seq_luong", .configure = nullptr, .rules = {}};
  table.rules = {
      {.parameter = "src.E", .source = "encoder.embeddings.emb_luts.0.weight"},
      {.parameter = "tgt.E", .source = "decoder.embeddings.emb_luts.0.weight"},
      {.parameter = "enc.Wx", .source = "encoder.rnn.weight_ih_l0", .transposed = true, .blocks = gates},
      {.parameter = "enc.Wh", .source = "encoder.rnn.weight_hh_l0", .transposed = true, .blocks = gates},
      {.parameter = "enc.b", .source = "encoder.rnn.bias_ih_l0", .blocks = gates, .plus = "encoder.rnn.bias_hh_l0"},
      {.parameter = "dec.Wx", .source = decoder + "weight_ih", .transposed = true, .blocks = gates},
      {.parameter = "dec.Wh", .source = decoder + "weight_hh", .transposed = true, .blocks = gates},
      {.parameter = "dec.b", .source = decoder + "bias_ih", .blocks = gates, .plus = decoder + "bias_hh"},
      {.parameter = "Wa", .source = "decoder.attn.linear_in.weight", .transposed = true},
      {.parameter = "Wc", .source = "decoder.attn.linear_out.weight", .transposed = true},
      {.parameter = "Wout", .source = "generator.0.weight", .transposed = true},
      {.parameter = "bout", .source = "generator.0.bias"},
  };
  table.configure = [](const std::vector<NamedTensor> &tensors, Config &config) {
    auto size = [&](const char *name, size_t axis) {
      const Shape &shape = findTensor(tensors, name)->shape();
      return axis < shape.size() ? shape[axis] : 0;
    };
    config.set("Vs", size("encoder.embeddings.emb_luts.0.weight", 0));
    config.set("Vt", size("decoder.embeddings.emb_luts.0.weight", 0));
    config.set("D", size("encoder.embeddings.emb_luts.0.weight", 1));
    config.set("H", size("encoder.rnn.weight_hh_l0", 1));
    for (const char *key : {"input_feeding", "output_bias"})
      config.set(key, true);
    config.set("source_end", false);
  };
  using Vocabulary = ImportVocabulary;
  table.vocabularies = {
      {.file = "vocab.json",
       .format = Vocabulary::Format::JsonList,
       .unit = Vocabulary::Unit::Pieces,
       .key = "src",
       .special = {"<blank>", "<unk>", "", ""},
       .tensors = {{"encoder.embeddings.emb_luts.0.weight", 0}}},
      {.file = "vocab.json",
       .format = Vocabulary::Format::JsonList,
       .unit = Vocabulary::Unit::Pieces,
       .key = "tgt",
       .special = {"<blank>", "<unk>", "<s>", "</s>"},
       .tensors = {{"decoder.embeddings.emb_luts.0.weight", 0},
                   {"generator.0.weight", 0},
                   {"generator.0.bias", kNeverChosen}}},
  };
  return table;
}

void moru::models::registerSeq2SeqLuongImports() { registerImport(openNmtTable()); }
