// seq2seq_luong: an LSTM reads the source, another one writes the target and looks back at every word of the source
// with Luong's "general" attention.
//
//   src.E [Vs, D]  tgt.E [Vt, D]   enc.Wx enc.Wh [D, 4D]  enc.b [4D]   dec.Wx dec.Wh [D, 4D]  dec.b [4D]
//   Wa [D, D]  Wc [2D, D]  Wout [D, Vt]

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

class Seq2SeqLuong : public EncoderDecoder {
public:
  struct Config {
    int64_t sourceVocabulary, vocabulary, dim;
  };

  explicit Seq2SeqLuong(const Config &c)
      : config(c), initial(init::uniform(1 / std::sqrt(double(c.dim)))),
        sourceEmbed(*this, "src.E", c.sourceVocabulary, c.dim, initial),
        targetEmbed(*this, "tgt.E", c.vocabulary, c.dim, initial), encoder(*this, "enc", c.dim, c.dim, initial),
        decoder(*this, "dec", c.dim, c.dim, initial), score(*this, {.weight = "Wa"}, c.dim, c.dim, initial),
        combine(*this, {.weight = "Wc"}, 2 * c.dim, c.dim, initial),
        proj(*this, {.weight = "Wout"}, c.dim, c.vocabulary, initial) {}

  /// H [B, S, D], of every word; h, c [B, D] after the last; mask [B, S], true where there is one.
  State encode(const Tensor &source, const Tensor &lengths) const override {
    auto [hs, last] = encoder(sourceEmbed(source), encoder.start(source.size(0)), lengths);
    State memory;
    memory["H"] = hs;
    memory["h"] = last.h;
    memory["c"] = last.c;
    memory["mask"] = nn::lengthMask(lengths, source.size(1));
    return memory;
  }

  Tensor logits(const Tensor &inputs, const State &memory) const override {
    return attend(decoder(targetEmbed(inputs), {memory["h"], memory["c"]}).output, memory);
  }

  State start(const State &memory, int64_t positions) const override {
    State state;
    state["h"] = memory["h"];
    state["c"] = memory["c"];
    return state;
  }

  Tensor step(const Tensor &ids, State &state, const State &memory) const override {
    auto [hs, last] = decoder(targetEmbed(expandDims(ids, 1)), {state["h"], state["c"]});
    state["h"] = last.h;
    state["c"] = last.c;
    return squeeze(attend(hs, memory), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t sourceVocabulary() const override { return config.sourceVocabulary; }

private:
  /// For each state of the decoder s [B, T, D] a weight on each word of the source, their mean, and from both the ids.
  Tensor attend(const Tensor &s, const State &memory) const {
    Tensor H = memory["H"];
    Tensor e = matmul(score(s), transpose(H, {0, 2, 1})).named("e");
    Tensor alpha = softmax(where(expandDims(memory["mask"], 1), e, -INFINITY)).named("alpha");
    Tensor context = matmul(alpha, H).named("context");
    return proj(tanh(combine(concat({context, s}, -1))).named("s_tilde")).named("logits");
  }

  Config config;
  init::Initializer initial;
  nn::Embedding sourceEmbed, targetEmbed;
  nn::Lstm encoder, decoder;
  nn::Linear score, combine, proj;
};

} // namespace

void moru::models::registerSeq2SeqLuong() {
  registerModel("seq2seq_luong", [](moru::Config &config) {
    int64_t both = config.integer("V", 10'000);
    return std::make_unique<Seq2SeqLuong>(Seq2SeqLuong::Config{.sourceVocabulary = config.integer("Vs", both),
                                                               .vocabulary = config.integer("Vt", both),
                                                               .dim = config.integer("D", 256)});
  });
}
