// transformer: encoder and decoder of attention alone. The encoder's words see one another, the decoder's see those
// before them and the encoder's output.
//
//   src.E [Vs, d]  tgt.E [Vt, d]   enc0.self.W_Q .W_K .W_V .W_O [d, d]  enc0.ff.W1 [d, ff] .b1 .W2 [ff, d] .b2
//   enc0.ln1.g .b  enc0.ln2.g .b   enc1.…   dec0.self.…  dec0.cross.…  dec0.ff.…  dec0.ln1.g … dec0.ln3.b
//   W_out [d, Vt]  b_out [Vt]
//
// norm=pre: x + f(LN(x)) instead of LN(x + f(x)), and a norm at the end of both stacks (enc.ln.g .b, dec.ln.g .b).
// attention_bias: enc0.self.b_Q .b_K .b_V .b_O [d] …   waves=halves: positions from 1, sines before cosines.

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

class Transformer : public EncoderDecoder {
public:
  struct Config {
    int64_t sourceVocabulary, vocabulary, encoderLayers, decoderLayers;
    nn::LayerOptions layer;
    double smoothing;
    bool halves, sourceEnds;
  };

  explicit Transformer(const Config &c)
      : config(c), dim(c.layer.dim), sourceEmbed(*this, "src.E", c.sourceVocabulary, dim, *c.layer.initializer),
        targetEmbed(*this, "tgt.E", c.vocabulary, dim, *c.layer.initializer) {
    for (int64_t i = 0; i < c.encoderLayers; ++i)
      encoder.emplace_back(*this, "enc" + std::to_string(i), c.layer);
    for (int64_t i = 0; i < c.decoderLayers; ++i)
      decoder.emplace_back(*this, "dec" + std::to_string(i), c.layer);
    for (std::string stack : {"enc", "dec"})
      if (c.layer.preNorm)
        finals.emplace_back(*this, nn::LinearNames{.weight = stack + ".ln.g", .bias = stack + ".ln.b"}, dim);
    proj.emplace(*this, nn::LinearNames{.weight = "W_out", .bias = "b_out"}, dim, c.vocabulary, *c.layer.initializer);
  }

  /// Keys and values of the source for each layer of the decoder; mask [B, S], true where there is a word.
  State encode(const Tensor &source, const Tensor &lengths) const override {
    State memory;
    Tensor mask = nn::lengthMask(lengths, source.size(1));
    Tensor x = nn::dropout(scaled(sourceEmbed, source) + positionTable(source.size(1)));
    for (const nn::EncoderLayer &layer : encoder)
      x = layer(x, KeyMask{mask});
    x = finish(x, 0);
    for (const nn::DecoderLayer &layer : decoder)
      layer.read(x).store(memory, layer.name());
    memory["mask"] = mask;
    return memory;
  }

  Tensor logits(const Tensor &inputs, const State &memory) const override {
    Tensor x = nn::dropout(scaled(targetEmbed, inputs) + positionTable(inputs.size(1)));
    for (const nn::DecoderLayer &layer : decoder)
      x = layer(x, nn::KeyValues::load(memory, layer.name()), KeyMask{memory["mask"]});
    return (*proj)(finish(x, 1)).named("logits");
  }

  /// With smoothing the target is (1 - smoothing) of the right id and smoothing / Vt of each.
  Tensor loss(const Tensor &logits, const Tensor &targets) const override {
    return crossEntropy(logits, targets, {.ignoreIndex = kPaddingId, .smoothing = config.smoothing});
  }

  State start(const State &memory, int64_t positions) const override {
    State state;
    for (const nn::DecoderLayer &layer : decoder)
      nn::emptyKeyValues(memory["mask"].size(0), positions, dim).store(state, layer.name());
    state["position"] = zeros({}, ElementType::I32);
    return state;
  }

  Tensor step(const Tensor &ids, State &state, const State &memory) const override {
    Tensor position = state["position"];
    int64_t positions = state[decoder[0].name() + ".keys"].size(1);
    Tensor x = expandDims(scaled(targetEmbed, ids) + gather(positionTable(positions), position), 1);
    for (const nn::DecoderLayer &layer : decoder)
      x = layer.step(x, state, position, nn::KeyValues::load(memory, layer.name()), KeyMask{memory["mask"]});
    state["position"] = position + 1;
    return squeeze((*proj)(finish(x, 1)), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t sourceVocabulary() const override { return config.sourceVocabulary; }
  bool sourceEnds() const override { return config.sourceEnds; }

private:
  /// Norms before the parts leave the end of a stack without one.
  Tensor finish(const Tensor &x, size_t stack) const { return finals.empty() ? x : finals[stack](x); }
  Tensor positionTable(int64_t count) const {
    return config.halves ? nn::sinusoidHalves(count, dim) : nn::sinusoids(count, dim);
  }
  Tensor scaled(const nn::Embedding &embed, const Tensor &ids) const { return embed(ids) * std::sqrt(double(dim)); }

  Config config;
  int64_t dim;
  nn::Embedding sourceEmbed, targetEmbed;
  std::vector<nn::EncoderLayer> encoder;
  std::vector<nn::DecoderLayer> decoder;
  std::vector<nn::LayerNorm> finals;
  std::optional<nn::Linear> proj;
};

} // namespace

void moru::models::registerTransformer() {
  registerModel("transformer", [](moru::Config &config) {
    int64_t vocabulary = config.integer("V", 10'000), layers = config.integer("layers", 3, 1, 64);
    nn::LayerOptions layer{.dim = config.integer("d", 256),
                           .heads = config.integer("heads", 8),
                           .hidden = config.integer("ff", 1'024),
                           .preNorm = config.choice("norm", {"post", "pre"}) == "pre",
                           .attentionBias = config.flag("attention_bias", false),
                           .initializer = init::normal(0.02)};
    return std::make_unique<Transformer>(
        Transformer::Config{.sourceVocabulary = config.integer("Vs", vocabulary),
                            .vocabulary = config.integer("Vt", vocabulary),
                            .encoderLayers = config.integer("enc_layers", layers, 1, 64),
                            .decoderLayers = config.integer("dec_layers", layers, 1, 64),
                            .layer = layer,
                            .smoothing = config.number("smoothing", 0),
                            .halves = config.choice("waves", {"pairs", "halves"}) == "halves",
                            .sourceEnds = config.flag("source_end", true)});
  });
  registerPresets("transformer", {{"base", {"V=10000", "d=256", "heads=8", "ff=1024", "layers=3"}},
                                  {"small", {"V=2000", "d=128", "heads=4", "ff=256", "layers=2"}}});
}
