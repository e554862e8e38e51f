// Weights of other projects that are a gpt.

#include "moru/DSL/Import.h"
#include "models/Models.h"

using namespace moru;

static int64_t sizeOf(const std::vector<NamedTensor> &tensors, const char *name, size_t axis) {
  const Shape &shape = findTensor(tensors, name)->shape();
  return axis < shape.size() ? shape[axis] : 0;
}

/// llama2.c's small Llamas: the layers of each weight are stacked, weights are [out, in]. How many heads there are is
/// not in the weights: keys and values of stories260K have 4, of 8 entries each.
static ImportTable llamaTable() {
  ImportTable table{.name = "llama2.c", .model = "gpt", .configure = nullptr, .rules = {}};
  auto matrix = [](const char *parameter, const char *source) {
    return ImportRule{
        .parameter = std::string("h.{i}.") + parameter, .source = source, .stacked = true, .transposed = true};
  };
  table.rules = {
      {.parameter = "wte.weight", .source = "tok_embeddings.weight"},
      {.parameter = "h.{i}.ln_1.weight", .source = "rms_att.weight", .stacked = true},
      {.parameter = "h.{i}.ln_2.weight", .source = "rms_ffn.weight", .stacked = true},
      matrix("attn.W_Q", "wq"),
      matrix("attn.W_K", "wk"),
      matrix("attn.W_V", "wv"),
      matrix("attn.W_O", "wo"),
      matrix("mlp.w1", "w1"),
      matrix("mlp.w2", "w2"),
      matrix("mlp.w3", "w3"),
      {.parameter = "ln_f.weight", .source = "rms_final.weight"},
  };
  table.configure = [](const std::vector<NamedTensor> &tensors, Config &config) {
    constexpr int64_t kHeadWidth = 8, kPositions = 512;
    int64_t dim = sizeOf(tensors, "tok_embeddings.weight", 1);
    config.set("block", std::string("llama"));
    config.set("V", sizeOf(tensors, "tok_embeddings.weight", 0));
    config.set("positions", kPositions);
    config.set("d", dim);
    config.set("heads", std::max<int64_t>(dim / kHeadWidth, 1));
    config.set("kv_heads", std::max<int64_t>(sizeOf(tensors, "wk", 1) / kHeadWidth, 1));
    config.set("ff", sizeOf(tensors, "w1", 1));
    config.set("layers", sizeOf(tensors, "wq", 0));
  };
  table.vocabularies = {{.file = "tok512.bin",
                         .format = ImportVocabulary::Format::ScoredPieces,
                         .unit = ImportVocabulary::Unit::Pieces,
                         .special = {"", "<unk>", "\n<s>\n", "\n</s>\n"},
                         .tensors = {{"tok_embeddings.weight", 0}}}};
  return table;
}

/// CTranslate2's decoder alone, of OpenNMT-py: weights are [out, in], queries, keys and values side by side, which is
/// how gpt has them, too. A text begins with the end of another one.
static ImportTable cTranslate2Table() {
  ImportTable table{.name = "CTranslate2 language model", .model = "gpt", .configure = nullptr, .rules = {}};
  auto add = [&](const std::string &parameter, const std::string &source, bool isMatrix) {
    table.rules.push_back({.parameter = parameter, .source = source, .transposed = isMatrix});
  };
  auto addLinear = [&](const std::string &parameter, const std::string &source) {
    add(parameter + ".weight", source + ".weight", true);
    add(parameter + ".bias", source + ".bias", false);
  };
  auto addNorm = [&](const std::string &parameter, const std::string &source) {
    add(parameter + ".weight", source + ".layer_norm.gamma", false);
    add(parameter + ".bias", source + ".layer_norm.beta", false);
  };
  const std::string layer = "decoder.layer_{i}.";
  add("wte.weight", "decoder.embeddings.weight", false);
  add("wpe.weight", "decoder.position_encodings.encodings", false);
  addNorm("h.{i}.ln_1", layer + "self_attention");
  addLinear("h.{i}.attn.c_attn", layer + "self_attention.linear_0");
  addLinear("h.{i}.attn.c_proj", layer + "self_attention.linear_1");
  addNorm("h.{i}.ln_2", layer + "ffn");
  addLinear("h.{i}.mlp.c_fc", layer + "ffn.linear_0");
  addLinear("h.{i}.mlp.c_proj", layer + "ffn.linear_1");
  addNorm("ln_f", "decoder");
  addLinear("head", "decoder.projection");
  table.configure = [](const std::vector<NamedTensor> &tensors, Config &config) {
    constexpr int64_t kHeadWidth = 32;
    int64_t dim = sizeOf(tensors, "decoder.embeddings.weight", 1), layers = 0;
    while (findTensor(tensors, "decoder.layer_" + std::to_string(layers) + ".ffn.linear_0.bias"))
      ++layers;
    config.set("V", sizeOf(tensors, "decoder.embeddings.weight", 0));
    config.set("positions", sizeOf(tensors, "decoder.position_encodings.encodings", 0));
    config.set("d", dim);
    config.set("heads", std::max<int64_t>(dim / kHeadWidth, 1));
    config.set("layers", layers);
    config.set("activation", std::string("relu"));
    config.set("tied", false);
    config.set("embedding_scale", true);
  };
  table.vocabularies = {{.file = "vocabulary.json",
                         .format = ImportVocabulary::Format::JsonList,
                         .unit = ImportVocabulary::Unit::Pieces,
                         .special = {"<blank>", "<unk>", "</s>", "</s>"},
                         .tensors = {{"decoder.embeddings.weight", 0},
                                     {"decoder.projection.weight", 0},
                                     {"decoder.projection.bias", kNeverChosen}}}};
  return table;
}

/// GPT-2 of Hugging Face: the names are those of gpt. Heads and activation are in config.json alone; the masks of
/// attention are stored as tensors, and the head once more beside the embedding that it is.
static ImportTable gpt2Table() {
  ImportTable table{.name = "GPT-2 (Hugging Face)", .model = "gpt", .configure = nullptr, .rules = {}};
  table.prefix = "transformer.";
  table.useless = {"h.{i}.attn.bias", "h.{i}.attn.masked_bias", "lm_head.weight"};
  table.hasTokenizer = true;
  for (std::string name : {"wte", "wpe"})
    table.rules.push_back({.parameter = name + ".weight", .source = name + ".weight"});
  for (std::string name : {"h.{i}.ln_1", "h.{i}.attn.c_attn", "h.{i}.attn.c_proj", "h.{i}.ln_2", "h.{i}.mlp.c_fc",
                           "h.{i}.mlp.c_proj", "ln_f"})
    for (const char *part : {".weight", ".bias"})
      table.rules.push_back({.parameter = name + part, .source = name + part});
  table.configure = [](const std::vector<NamedTensor> &tensors, Config &config) {
    int64_t layers = 0;
    while (findTensor(tensors, "h." + std::to_string(layers) + ".ln_1.weight"))
      ++layers;
    config.set("V", sizeOf(tensors, "wte.weight", 0));
    config.set("positions", sizeOf(tensors, "wpe.weight", 0));
    config.set("d", sizeOf(tensors, "wte.weight", 1));
    config.set("layers", layers);
  };
  table.readConfig = [](Config &foreign, Config &config) -> Result<void> {
    constexpr double kEpsilon = 1e-5;
    auto isOn = [&](const char *key) { return foreign.has(key) && foreign.flag(key, false); };
    if (foreign.number("layer_norm_epsilon", kEpsilon) != kEpsilon)
      return Failure{"config.json: layer_norm_epsilon: expected 1e-5, which gpt has"};
    if (isOn("scale_attn_by_inverse_layer_idx") || !foreign.flag("tie_word_embeddings", true))
      return Failure{"config.json: expected no scale_attn_by_inverse_layer_idx, and the head to be the embedding"};
    if (!foreign.has("n_head"))
      return Failure{"config.json: expected n_head, the number of heads, which no weight tells"};
    std::string activation = foreign.choice("activation_function", {"gelu_new", "gelu_pytorch_tanh", "relu"});
    config.set("activation", std::string(activation == "relu" ? "relu" : "gelu"));
    config.set("heads", foreign.integer("n_head", 1));
    return foreign.answers();
  };
  return table;
}

static ExportTable gpt2Export() {
  ExportTable table{.name = "GPT-2 (Hugging Face)", .model = "gpt", .prefix = "transformer.", .configuration = nullptr};
  table.configuration = [](Config &config) -> Result<std::string> {
    if (config.choice("block", {"gpt2", "llama"}) != "gpt2" || !config.flag("tied", true) ||
        config.flag("embedding_scale", false))
      return Failure{"expected block=gpt2, tied=true and embedding_scale=false"};
    bool isRelu = config.choice("activation", {"gelu", "relu"}) == "relu";
    auto line = [&](const char *key, const std::string &value) {
      return std::string("  \"") + key + "\": " + value + ",\n";
    };
    auto number = [&](const char *key) { return std::to_string(config.integer(key, 1)); };
    return "{\n" + line("architectures", "[\"GPT2LMHeadModel\"]") + line("model_type", "\"gpt2\"") +
           line("activation_function", isRelu ? "\"relu\"" : "\"gelu_new\"") + line("vocab_size", number("V")) +
           line("n_positions", number("positions")) + line("n_embd", number("d")) + line("n_head", number("heads")) +
           line("n_layer", number("layers")) + line("n_inner", "null") + line("layer_norm_epsilon", "1e-05") +
           line("bos_token_id", "null") + line("eos_token_id", "null") + "  \"tie_word_embeddings\": true\n}\n";
  };
  return table;
}

void moru::models::registerGptImports() {
  registerImport(gpt2Table());
  registerExport(gpt2Export());
  registerImport(llamaTable());
  registerImport(cTranslate2Table());
}
