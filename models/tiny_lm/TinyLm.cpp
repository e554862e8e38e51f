// tiny_lm: a small Transformer that predicts the next id. Every id looks back at those before it.
//
//   E [V, d]   l0.W_Q l0.W_K l0.W_V l0.W_O [d, d]  l0.ln1.g l0.ln1.b l0.ln2.g l0.ln2.b [d]
//   l0.W1 [d, ff]  l0.W2 [ff, d]   l1.W_Q …   W_out [d, V]

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

class TinyLm : public LanguageModel {
public:
  struct Config {
    int64_t vocabulary, dim, heads, hidden, layers;
    std::string norm;
    bool causal;
  };

  explicit TinyLm(const Config &c)
      : config(c), embed(*this, "E", c.vocabulary, c.dim, init::uniform(1 / std::sqrt(double(c.dim)))) {
    for (int64_t i = 0; i < c.layers; ++i)
      layers.emplace_back(*this, c, "l" + std::to_string(i));
    proj.emplace(*this, nn::LinearNames{.weight = "W_out"}, c.dim, c.vocabulary);
  }

  Tensor logits(const Tensor &ids, State &) const override {
    Tensor x = nn::dropout(embed(ids) + nn::sinusoids(ids.size(1), config.dim));
    nn::Mask mask = config.causal ? AttentionMask::Causal : AttentionMask::None;
    for (const Layer &layer : layers)
      x = layer(x, [&](const Tensor &y) { return layer.attention(y, y, mask); });
    return (*proj)(x).named("logits");
  }

  State startDecoding(int64_t batch, int64_t positions) const override {
    State state;
    for (const Layer &layer : layers)
      nn::emptyKeyValues(batch, positions, config.dim).store(state, layer.name);
    state["position"] = zeros({}, ElementType::I32);
    return state;
  }

  Tensor step(const Tensor &ids, State &state) const override {
    Tensor position = state["position"];
    int64_t positions = state[layers[0].name + ".keys"].size(1);
    Tensor x = expandDims(embed(ids) + gather(nn::sinusoids(positions, config.dim), position), 1);
    for (const Layer &layer : layers)
      x = layer(x, [&](const Tensor &y) {
        nn::KeyValues past = nn::append(nn::KeyValues::load(state, layer.name), layer.attention.project(y), position);
        past.store(state, layer.name);
        return layer.attention(y, past, nn::pastMask(positions, position));
      });
    state["position"] = position + 1;
    return squeeze((*proj)(x), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  /// Of what is decoded; longer sequences than these can be trained on.
  int64_t positions() const override { return 1'024; }

private:
  struct Layer {
    Layer(nn::Module &parent, const Config &c, const std::string &name)
        : name(name), norm(c.norm), attention(parent, name, c.dim, c.heads),
          feed(parent, {.weight = name + ".W1"}, {.weight = name + ".W2"}, c.dim, c.hidden, nn::Activation::Relu) {
      for (int i = 1; norm != "none" && i <= 2; ++i) {
        std::string ln = name + ".ln" + std::to_string(i);
        norms.emplace_back(parent, nn::LinearNames{.weight = ln + ".g", .bias = ln + ".b"}, c.dim);
      }
    }

    template <typename Attention> Tensor operator()(const Tensor &x, Attention attention) const {
      return residual(residual(x, 0, attention), 1, feed);
    }

    /// post: LN(x + f(x)); pre: x + f(LN(x)); none: x + f(x).
    template <typename Sublayer> Tensor residual(const Tensor &x, size_t index, const Sublayer &f) const {
      if (norm == "post")
        return norms[index](x + nn::dropout(f(x)));
      return x + nn::dropout(f(norm == "pre" ? norms[index](x) : x));
    }

    std::string name, norm;
    nn::MultiHeadAttention attention;
    nn::FeedForward feed;
    std::vector<nn::LayerNorm> norms;
  };

  Config config;
  nn::Embedding embed;
  std::vector<Layer> layers;
  std::optional<nn::Linear> proj;
};

} // namespace

void moru::models::registerTinyLm() {
  registerModel("tiny_lm", [](moru::Config &config) {
    return std::make_unique<TinyLm>(TinyLm::Config{.vocabulary = config.integer("V", 50),
                                                   .dim = config.integer("d", 32),
                                                   .heads = config.integer("heads", 4),
                                                   .hidden = config.integer("ff", 64),
                                                   .layers = config.integer("layers", 2, 1, 64),
                                                   .norm = config.choice("norm", {"post", "pre", "none"}),
                                                   .causal = config.choice("mask", {"causal", "none"}) == "causal"});
  });
  registerPresets("tiny_lm", {{"base", {"V=50", "d=32", "heads=4", "ff=64", "layers=2"}},
                              {"large", {"V=256", "d=128", "heads=4", "ff=512", "layers=4"}}});
}
