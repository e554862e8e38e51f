// Weights of other projects that are a transformer.

#include "moru/DSL/Import.h"
#include "models/Models.h"

using namespace moru;

/// The rules of CTranslate2's `<stack>/layer_<i>/<part>`: a norm, then linear layers stored [out, in].
static void addNorm(std::vector<ImportRule> &rules, const std::string &parameter, const std::string &source) {
  rules.push_back({.parameter = parameter + ".g", .source = source + ".layer_norm.gamma"});
  rules.push_back({.parameter = parameter + ".b", .source = source + ".layer_norm.beta"});
}

/// Projections side by side in one linear layer: `letters` "QKV" of three.
static void addProjections(std::vector<ImportRule> &rules, const std::string &parameter, const std::string &source,
                           const std::string &letters) {
  int parts = int(letters.size());
  for (int part = 0; part < parts; ++part) {
    rules.push_back({.parameter = parameter + ".W_" + letters[size_t(part)],
                     .source = source + ".weight",
                     .transposed = true,
                     .part = part,
                     .parts = parts});
    rules.push_back({.parameter = parameter + ".b_" + letters[size_t(part)],
                     .source = source + ".bias",
                     .part = part,
                     .parts = parts});
  }
}

static void addLayer(std::vector<ImportRule> &rules, const std::string &stack, const std::string &source, bool reads) {
  std::string layer = stack + "{i}", from = source + ".layer_{i}";
  addNorm(rules, layer + ".ln1", from + ".self_attention");
  addProjections(rules, layer + ".self", from + ".self_attention.linear_0", "QKV");
  addProjections(rules, layer + ".self", from + ".self_attention.linear_1", "O");
  if (reads) {
    addNorm(rules, layer + ".ln2", from + ".attention");
    addProjections(rules, layer + ".cross", from + ".attention.linear_0", "Q");
    addProjections(rules, layer + ".cross", from + ".attention.linear_1", "KV");
    addProjections(rules, layer + ".cross", from + ".attention.linear_2", "O");
  }
  addNorm(rules, layer + (reads ? ".ln3" : ".ln2"), from + ".ffn");
  for (int i : {0, 1}) {
    std::string linear = from + ".ffn.linear_" + std::to_string(i), number = std::to_string(i + 1);
    rules.push_back({.parameter = layer + ".ff.W" + number, .source = linear + ".weight", .transposed = true});
    rules.push_back({.parameter = layer + ".ff.b" + number, .source = linear + ".bias"});
  }
}

/// CTranslate2's Transformer, as it converts those of OpenNMT-tf: norms before the sublayers, sines before cosines from
/// position 1 on. The number of heads is not in the weights: 4 entries each, as in the model that is known.
static ImportTable cTranslate2Table() {
  ImportTable table{.name = "CTranslate2 Transformer", .model = "transformer", .configure = nullptr, .rules = {}};
  table.rules = {
      {.parameter = "src.E", .source = "encoder.embeddings.weight"},
      {.parameter = "tgt.E", .source = "decoder.embeddings.weight"},
      {.parameter = "W_out", .source = "decoder.projection.weight", .transposed = true},
      {.parameter = "b_out", .source = "decoder.projection.bias"},
  };
  addNorm(table.rules, "enc.ln", "encoder");
  addNorm(table.rules, "dec.ln", "decoder");
  addLayer(table.rules, "enc", "encoder", false);
  addLayer(table.rules, "dec", "decoder", true);
  table.configure = [](const std::vector<NamedTensor> &tensors, Config &config) {
    constexpr int64_t kHeadWidth = 4;
    auto size = [&](const char *name, size_t axis) {
      const Shape &shape = findTensor(tensors, name)->shape();
      return axis < shape.size() ? shape[axis] : 0;
    };
    auto layers = [&](const std::string &stack) {
      int64_t count = 0;
      while (findTensor(tensors, stack + ".layer_" + std::to_string(count) + ".ffn.linear_0.bias"))
        ++count;
      return count;
    };
    int64_t dim = size("encoder.embeddings.weight", 1);
    config.set("Vs", size("encoder.embeddings.weight", 0));
    config.set("Vt", size("decoder.embeddings.weight", 0));
    config.set("d", dim);
    config.set("heads", std::max<int64_t>(dim / kHeadWidth, 1));
    config.set("ff", size("encoder.layer_0.ffn.linear_0.bias", 0));
    config.set("enc_layers", layers("encoder"));
    config.set("dec_layers", layers("decoder"));
    config.set("norm", std::string("pre"));
    config.set("waves", std::string("halves"));
    config.set("attention_bias", true);
    config.set("source_end", false);
  };
  auto lines = [](const char *file, std::vector<std::pair<std::string, double>> tensors) {
    return ImportVocabulary{.file = file,
                            .format = ImportVocabulary::Format::Lines,
                            .unit = ImportVocabulary::Unit::Characters,
                            .special = {"<blank>", "", "<s>", "</s>"},
                            .tensors = std::move(tensors)};
  };
  table.vocabularies = {lines("source_vocabulary.txt", {{"encoder.embeddings.weight", 0}}),
                        lines("target_vocabulary.txt", {{"decoder.embeddings.weight", 0},
                                                        {"decoder.projection.weight", 0},
                                                        {"decoder.projection.bias", kNeverChosen}})};
  return table;
}

void moru::models::registerTransformerImports() { registerImport(cTranslate2Table()); }
