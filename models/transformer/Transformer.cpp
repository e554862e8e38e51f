// transformer: encoder and decoder of attention alone. The encoder's words see one another, the decoder's see those
// before them and the encoder's output.
//
//   src.E [Vs, d]  tgt.E [Vt, d]   enc0.self.W_Q .W_K .W_V .W_O [d, d]  enc0.ff.W1 [d, ff] .b1 .W2 [ff, d] .b2
//   enc0.ln1.g .b  enc0.ln2.g .b   enc1.…   dec0.self.…  dec0.cross.…  dec0.ff.…  dec0.ln1.g … dec0.ln3.b
//   W_out [d, Vt]  b_out [Vt]

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

class Transformer : public EncoderDecoder {
public:
  struct Config {
    int64_t sourceVocabulary, vocabulary, dim, heads, hidden, encoderLayers, decoderLayers;
    double smoothing;
  };

  explicit Transformer(const Config &c)
      : config(c), sourceEmbed(*this, "src.E", c.sourceVocabulary, c.dim, init::normal(1 / std::sqrt(double(c.dim)))),
        targetEmbed(*this, "tgt.E", c.vocabulary, c.dim, init::normal(1 / std::sqrt(double(c.dim)))) {
    for (int64_t i = 0; i < c.encoderLayers; ++i)
      encoder.emplace_back(*this, c, "enc" + std::to_string(i), /*reads=*/false);
    for (int64_t i = 0; i < c.decoderLayers; ++i)
      decoder.emplace_back(*this, c, "dec" + std::to_string(i), /*reads=*/true);
    proj.emplace(*this, nn::LinearNames{.weight = "W_out", .bias = "b_out"}, c.dim, c.vocabulary);
  }

  /// Keys and values of the source for each layer of the decoder; mask [B, S], true where there is a word.
  State encode(const Tensor &source, const Tensor &lengths) const override {
    State memory;
    Tensor mask = nn::lengthMask(lengths, source.size(1));
    Tensor x = scaled(sourceEmbed, source) + nn::sinusoids(source.size(1), config.dim);
    for (const Layer &layer : encoder)
      x = layer.feedForward(layer.attend(x, layer.self, layer.self.project(x), KeyMask{mask}, 0));
    for (const Layer &layer : decoder)
      layer.cross->project(x).store(memory, layer.name);
    memory["mask"] = mask;
    return memory;
  }

  Tensor logits(const Tensor &inputs, const State &memory) const override {
    Tensor x = scaled(targetEmbed, inputs) + nn::sinusoids(inputs.size(1), config.dim);
    for (const Layer &layer : decoder)
      x = decode(layer, x, layer.self.project(x), AttentionMask::Causal, memory);
    return (*proj)(x).named("logits");
  }

  /// With smoothing the target is (1 - smoothing) of the right id and smoothing / Vt of each.
  Tensor loss(const Tensor &logits, const Tensor &targets) const override {
    return crossEntropy(logits, targets, {.ignoreIndex = kPaddingId, .smoothing = config.smoothing});
  }

  State start(const State &memory, int64_t positions) const override {
    State state;
    for (const Layer &layer : decoder)
      nn::emptyKeyValues(memory["mask"].size(0), positions, config.dim).store(state, layer.name);
    state["position"] = zeros({}, ElementType::I32);
    return state;
  }

  Tensor step(const Tensor &ids, State &state, const State &memory) const override {
    Tensor position = state["position"];
    int64_t positions = state[decoder[0].name + ".keys"].size(1);
    Tensor x = expandDims(scaled(targetEmbed, ids) + gather(nn::sinusoids(positions, config.dim), position), 1);
    for (const Layer &layer : decoder) {
      nn::KeyValues past = nn::append(nn::KeyValues::load(state, layer.name), layer.self.project(x), position);
      past.store(state, layer.name);
      x = decode(layer, x, past, nn::pastMask(positions, position), memory);
    }
    state["position"] = position + 1;
    return squeeze((*proj)(x), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t sourceVocabulary() const override { return config.sourceVocabulary; }

private:
  struct Layer {
    Layer(nn::Module &parent, const Config &c, const std::string &name, bool reads)
        : name(name), self(parent, name + ".self", c.dim, c.heads),
          feed(parent, {.weight = name + ".ff.W1", .bias = name + ".ff.b1"},
               {.weight = name + ".ff.W2", .bias = name + ".ff.b2"}, c.dim, c.hidden, nn::Activation::Relu) {
      if (reads)
        cross.emplace(parent, name + ".cross", c.dim, c.heads);
      for (int i = 1; i <= (reads ? 3 : 2); ++i) {
        std::string ln = name + ".ln" + std::to_string(i);
        norms.emplace_back(parent, nn::LinearNames{.weight = ln + ".g", .bias = ln + ".b"}, c.dim);
      }
    }

    Tensor attend(const Tensor &x, const nn::MultiHeadAttention &attention, const nn::KeyValues &memory,
                  const nn::Mask &mask, size_t norm) const {
      return norms[norm](x + attention(x, memory, mask));
    }
    Tensor feedForward(const Tensor &x) const { return norms.back()(x + feed(x)); }

    std::string name;
    nn::MultiHeadAttention self;
    std::optional<nn::MultiHeadAttention> cross;
    nn::FeedForward feed;
    std::vector<nn::LayerNorm> norms;
  };

  /// One layer of the decoder: `own` are the keys and values of its own words, seen through `mask`.
  Tensor decode(const Layer &layer, const Tensor &x, const nn::KeyValues &own, const nn::Mask &mask,
                const State &memory) const {
    Tensor y = layer.attend(x, layer.self, own, mask, 0);
    return layer.feedForward(
        layer.attend(y, *layer.cross, nn::KeyValues::load(memory, layer.name), KeyMask{memory["mask"]}, 1));
  }

  Tensor scaled(const nn::Embedding &embed, const Tensor &ids) const {
    return embed(ids) * std::sqrt(double(config.dim));
  }

  Config config;
  nn::Embedding sourceEmbed, targetEmbed;
  std::vector<Layer> encoder, decoder;
  std::optional<nn::Linear> proj;
};

} // namespace

void moru::models::registerTransformer() {
  registerModel("transformer", [](moru::Config &config) {
    int64_t vocabulary = config.integer("V", 10'000), layers = config.integer("layers", 3, 1, 64);
    return std::make_unique<Transformer>(
        Transformer::Config{.sourceVocabulary = config.integer("Vs", vocabulary),
                            .vocabulary = config.integer("Vt", vocabulary),
                            .dim = config.integer("d", 256),
                            .heads = config.integer("heads", 8),
                            .hidden = config.integer("ff", 1'024),
                            .encoderLayers = config.integer("enc_layers", layers, 1, 64),
                            .decoderLayers = config.integer("dec_layers", layers, 1, 64),
                            .smoothing = config.number("smoothing", 0)});
  });
}
