// gpt: a Transformer in the shape of GPT-2, with the tensor names of its published checkpoints. Linear weights are
// stored [in, out]; the head is the embedding `wte`.
//
//   wte.weight [V, d]  wpe.weight [T, d]   h.0.ln_1.weight h.0.ln_1.bias [d]  h.0.attn.c_attn.weight [d, 3d] .bias
//   h.0.attn.c_proj.weight [d, d] .bias   h.0.ln_2.weight .bias   h.0.mlp.c_fc.weight [d, 4d] .bias
//   h.0.mlp.c_proj.weight [4d, d] .bias   h.1.…   ln_f.weight ln_f.bias
//
// With tied=false the head is of its own: head.weight [d, V] head.bias [V].

#include "Llama.h"
#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

/// Names of a weight and its bias.
nn::LinearNames names(const std::string &name) { return {.weight = name + ".weight", .bias = name + ".bias"}; }

class Gpt : public LanguageModel {
public:
  struct Config {
    int64_t vocabulary, positions, dim, heads, layers;
    nn::Activation activation;
    bool tied, scaled;
  };

  explicit Gpt(const Config &c)
      : config(c), embed(*this, "wte.weight", c.vocabulary, c.dim, initial()),
        places(*this, "wpe.weight", c.positions, c.dim, initial()) {
    for (int64_t i = 0; i < c.layers; ++i)
      blocks.emplace_back(*this, c, "h." + std::to_string(i));
    norm.emplace(*this, names("ln_f"), c.dim);
    if (!c.tied)
      own.emplace(*this, names("head"), c.dim, c.vocabulary, initial());
  }

  Tensor logits(const Tensor &ids, State &) const override {
    Tensor x = nn::dropout(read(ids) + slice(places.weight, 0, 0, ids.size(1)));
    for (const Block &block : blocks)
      x = block(x, [&](const nn::KeyValues &own) { return std::pair(own, nn::Mask(AttentionMask::Causal)); });
    return head(x).named("logits");
  }

  State startDecoding(int64_t batch, int64_t positions) const override {
    State state;
    for (const Block &block : blocks)
      nn::emptyKeyValues(batch, positions, config.dim).store(state, block.name);
    state["position"] = zeros({}, ElementType::I32);
    return state;
  }

  Tensor step(const Tensor &ids, State &state) const override {
    Tensor position = state["position"];
    Tensor x = expandDims(read(ids) + places(position), 1);
    for (const Block &block : blocks)
      x = block(x, [&](const nn::KeyValues &own) {
        nn::KeyValues past = nn::append(nn::KeyValues::load(state, block.name), own, position);
        past.store(state, block.name);
        return std::pair(past, nn::pastMask(past.keys.size(1), position));
      });
    state["position"] = position + 1;
    return squeeze(head(x), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t positions() const override { return config.positions; }

private:
  /// GPT-2's: normal with deviation 0.02.
  static init::Initializer initial() { return init::normal(0.02); }

  struct Block {
    Block(nn::Module &parent, const Config &c, const std::string &name)
        : name(name), heads(c.heads), norm1(parent, names(name + ".ln_1"), c.dim),
          norm2(parent, names(name + ".ln_2"), c.dim),
          attention(parent, names(name + ".attn.c_attn"), c.dim, 3 * c.dim, initial()),
          output(parent, names(name + ".attn.c_proj"), c.dim, c.dim, initial()),
          feed(parent, names(name + ".mlp.c_fc"), names(name + ".mlp.c_proj"), c.dim, 4 * c.dim, c.activation,
               initial()) {}

    /// `memory` says which keys and values are seen, and through which mask, given one's own.
    template <typename Memory> Tensor operator()(const Tensor &x, Memory memory) const {
      auto [q, k, v] = split<3>(attention(norm1(x)), -1);
      auto [seen, mask] = memory(nn::KeyValues{k, v});
      Tensor z = x + nn::dropout(output(nn::attend(q, seen, heads, mask)));
      return z + nn::dropout(feed(norm2(z)));
    }

    std::string name;
    int64_t heads;
    nn::LayerNorm norm1, norm2;
    nn::Linear attention, output;
    nn::FeedForward feed;
  };

  Tensor read(const Tensor &ids) const {
    Tensor x = embed(ids);
    return config.scaled ? x * std::sqrt(double(config.dim)) : x;
  }
  Tensor head(const Tensor &x) const {
    Tensor last = (*norm)(x);
    return own ? (*own)(last) : matmul(last, transpose(embed.weight));
  }

  Config config;
  nn::Embedding embed, places;
  std::vector<Block> blocks;
  std::optional<nn::LayerNorm> norm;
  std::optional<nn::Linear> own;
};

} // namespace

/// Blocks of GPT-2, or of Llama.
static std::unique_ptr<LanguageModel> makeGpt(moru::Config &config) {
  if (config.choice("block", {"gpt2", "llama"}) == "llama")
    return models::makeLlama(config);
  bool isGelu = config.choice("activation", {"gelu", "relu"}) == "gelu";
  return std::make_unique<Gpt>(Gpt::Config{.vocabulary = config.integer("V", 50'257),
                                           .positions = config.integer("positions", 1'024),
                                           .dim = config.integer("d", 768),
                                           .heads = config.integer("heads", 12),
                                           .layers = config.integer("layers", 12, 1, 1'000),
                                           .activation = isGelu ? nn::Activation::Gelu : nn::Activation::Relu,
                                           .tied = config.flag("tied", true),
                                           .scaled = config.flag("embedding_scale", false)});
}

void moru::models::registerGpt() {
  registerModel("gpt", makeGpt);
  registerPresets("gpt", {{"gpt-nano", {"V=256", "positions=64", "d=64", "heads=4", "layers=2"}},
                          {"gpt2", {"V=50257", "positions=1024", "d=768", "heads=12", "layers=12"}},
                          {"stories", {"V=4096", "positions=128", "d=128", "heads=4", "layers=4"}}});
}
