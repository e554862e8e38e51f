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
    int64_t sourceVocabulary, vocabulary, dim, heads, hidden, encoderLayers, decoderLayers;
    double smoothing;
    bool preNorm, attentionBias, halves, sourceEnds;
  };

  explicit Transformer(const Config &c)
      : config(c), sourceEmbed(*this, "src.E", c.sourceVocabulary, c.dim, initial()),
        targetEmbed(*this, "tgt.E", c.vocabulary, c.dim, initial()) {
    for (int64_t i = 0; i < c.encoderLayers; ++i)
      encoder.emplace_back(*this, c, "enc" + std::to_string(i), /*reads=*/false);
    for (int64_t i = 0; i < c.decoderLayers; ++i)
      decoder.emplace_back(*this, c, "dec" + std::to_string(i), /*reads=*/true);
    for (const char *stack : {"enc", "dec"})
      if (c.preNorm)
        finals.emplace_back(*this, normNames(std::string(stack) + ".ln"), c.dim);
    proj.emplace(*this, nn::LinearNames{.weight = "W_out", .bias = "b_out"}, c.dim, c.vocabulary, initial());
  }

  /// Keys and values of the source for each layer of the decoder; mask [B, S], true where there is a word.
  State encode(const Tensor &source, const Tensor &lengths) const override {
    State memory;
    Tensor mask = nn::lengthMask(lengths, source.size(1));
    Tensor x = nn::dropout(scaled(sourceEmbed, source) + positionTable(source.size(1)));
    for (const Layer &layer : encoder)
      x = layer.feedForward(layer.residual(x, 0, [&](const Tensor &y) { return layer.self(y, y, KeyMask{mask}); }));
    x = finish(x, 0);
    for (const Layer &layer : decoder)
      layer.cross->project(x).store(memory, layer.name);
    memory["mask"] = mask;
    return memory;
  }

  Tensor logits(const Tensor &inputs, const State &memory) const override {
    Tensor x = nn::dropout(scaled(targetEmbed, inputs) + positionTable(inputs.size(1)));
    for (const Layer &layer : decoder)
      x = decode(layer, x, memory, [&](const Tensor &y) { return layer.self(y, y, AttentionMask::Causal); });
    return (*proj)(finish(x, 1)).named("logits");
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
    Tensor x = expandDims(scaled(targetEmbed, ids) + gather(positionTable(positions), position), 1);
    for (const Layer &layer : decoder)
      x = decode(layer, x, memory, [&](const Tensor &y) {
        nn::KeyValues past = nn::append(nn::KeyValues::load(state, layer.name), layer.self.project(y), position);
        past.store(state, layer.name);
        return layer.self(y, past, nn::pastMask(positions, position));
      });
    state["position"] = position + 1;
    return squeeze((*proj)(finish(x, 1)), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t sourceVocabulary() const override { return config.sourceVocabulary; }
  bool sourceEnds() const override { return config.sourceEnds; }

private:
  static init::Initializer initial() { return init::normal(0.02); }

  struct Layer {
    Layer(nn::Module &parent, const Config &c, const std::string &name, bool reads)
        : name(name), preNorm(c.preNorm), self(parent, name + ".self", c.dim, c.heads, initial(), c.attentionBias),
          feed(parent, {.weight = name + ".ff.W1", .bias = name + ".ff.b1"},
               {.weight = name + ".ff.W2", .bias = name + ".ff.b2"}, c.dim, c.hidden, nn::Activation::Relu, initial()) {
      if (reads)
        cross.emplace(parent, name + ".cross", c.dim, c.heads, initial(), c.attentionBias);
      for (int i = 1; i <= (reads ? 3 : 2); ++i)
        norms.emplace_back(parent, normNames(name + ".ln" + std::to_string(i)), c.dim);
    }

    /// LN(x + f(x)), or with norms before x + f(LN(x)).
    template <typename Sublayer> Tensor residual(const Tensor &x, size_t norm, const Sublayer &f) const {
      if (preNorm)
        return x + nn::dropout(f(norms[norm](x)));
      return norms[norm](x + nn::dropout(f(x)));
    }
    Tensor feedForward(const Tensor &x) const { return residual(x, norms.size() - 1, feed); }

    std::string name;
    bool preNorm;
    nn::MultiHeadAttention self;
    std::optional<nn::MultiHeadAttention> cross;
    nn::FeedForward feed;
    std::vector<nn::LayerNorm> norms;
  };

  /// One layer of the decoder; `own` looks at the words before.
  template <typename Own>
  Tensor decode(const Layer &layer, const Tensor &x, const State &memory, const Own &own) const {
    Tensor y = layer.residual(layer.residual(x, 0, own), 1, [&](const Tensor &z) {
      return (*layer.cross)(z, nn::KeyValues::load(memory, layer.name), KeyMask{memory["mask"]});
    });
    return layer.feedForward(y);
  }

  static nn::LinearNames normNames(const std::string &name) { return {.weight = name + ".g", .bias = name + ".b"}; }
  /// Norms before the sublayers leave the end of a stack without one.
  Tensor finish(const Tensor &x, size_t stack) const { return config.preNorm ? finals[stack](x) : x; }
  Tensor positionTable(int64_t count) const {
    return config.halves ? nn::sinusoidHalves(count, config.dim) : nn::sinusoids(count, config.dim);
  }
  Tensor scaled(const nn::Embedding &embed, const Tensor &ids) const {
    return embed(ids) * std::sqrt(double(config.dim));
  }

  Config config;
  nn::Embedding sourceEmbed, targetEmbed;
  std::vector<Layer> encoder, decoder;
  std::vector<nn::LayerNorm> finals;
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
                            .smoothing = config.number("smoothing", 0),
                            .preNorm = config.choice("norm", {"post", "pre"}) == "pre",
                            .attentionBias = config.flag("attention_bias", false),
                            .halves = config.choice("waves", {"pairs", "halves"}) == "halves",
                            .sourceEnds = config.flag("source_end", true)});
  });
}
