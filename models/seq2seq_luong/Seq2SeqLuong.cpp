// seq2seq_luong: an LSTM reads the source, another one writes the target and looks back at every word of the source
// with Luong's "general" attention.
//
//   src.E [Vs, D]  tgt.E [Vt, D]   enc.Wx [D, 4H]  enc.Wh [H, 4H]  enc.b [4H]   dec.Wx dec.Wh dec.b the same
//   Wa [H, H]  Wc [2H, H]  Wout [H, Vt]
//
// With input_feeding what a step puts out is read by the next one, too: dec.Wx [D + H, 4H]. With output_bias: bout
// [Vt].

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

class Seq2SeqLuong : public EncoderDecoder {
public:
  struct Config {
    int64_t sourceVocabulary, vocabulary, dim, hidden;
    bool inputFeeding, outputBias, sourceEnds;
  };

  explicit Seq2SeqLuong(const Config &c)
      : config(c), initial(init::uniform(1 / std::sqrt(double(c.hidden)))),
        sourceEmbed(*this, "src.E", c.sourceVocabulary, c.dim, initial),
        targetEmbed(*this, "tgt.E", c.vocabulary, c.dim, initial), encoder(*this, "enc", c.dim, c.hidden, initial),
        decoder(*this, "dec", c.dim + (c.inputFeeding ? c.hidden : 0), c.hidden, initial),
        score(*this, {.weight = "Wa"}, c.hidden, c.hidden, initial),
        combine(*this, {.weight = "Wc"}, 2 * c.hidden, c.hidden, initial),
        proj(*this, {.weight = "Wout", .bias = c.outputBias ? "bout" : ""}, c.hidden, c.vocabulary, initial) {}

  /// H [B, S, H], of every word; h, c [B, H] after the last; mask [B, S], true where there is one.
  State encode(const Tensor &source, const Tensor &lengths) const override {
    auto [hs, last] = encoder(nn::dropout(sourceEmbed(source)), encoder.start(source.size(0)), lengths);
    State memory;
    memory["H"] = hs;
    memory["h"] = last.h;
    memory["c"] = last.c;
    memory["mask"] = nn::lengthMask(lengths, source.size(1));
    return memory;
  }

  Tensor logits(const Tensor &inputs, const State &memory) const override {
    Tensor x = nn::dropout(targetEmbed(inputs));
    if (!config.inputFeeding)
      return proj(attend(decoder(x, {memory["h"], memory["c"]}).output, memory)).named("logits");
    auto [last, outputs] = scan(Carry{memory["h"], memory["c"], nothingYet(memory)}, x, 1, [&](Carry s, Tensor word) {
      auto [h, c] = decoder.step(concat({word, s[2]}, -1), {s[0], s[1]});
      Tensor mixed = squeeze(attend(expandDims(h, 1), memory), 1);
      return Step{.carry = {h, c, mixed}, .output = mixed};
    });
    return proj(outputs).named("logits");
  }

  State start(const State &memory, int64_t positions) const override {
    State state;
    state["h"] = memory["h"];
    state["c"] = memory["c"];
    if (config.inputFeeding)
      state["s_tilde"] = nothingYet(memory);
    return state;
  }

  Tensor step(const Tensor &ids, State &state, const State &memory) const override {
    Tensor x = targetEmbed(ids);
    if (config.inputFeeding)
      x = concat({x, state["s_tilde"]}, -1);
    auto [h, c] = decoder.step(x, {state["h"], state["c"]});
    Tensor mixed = squeeze(attend(expandDims(h, 1), memory), 1);
    state["h"] = h;
    state["c"] = c;
    if (config.inputFeeding)
      state["s_tilde"] = mixed;
    return proj(mixed);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t sourceVocabulary() const override { return config.sourceVocabulary; }
  bool sourceEnds() const override { return config.sourceEnds; }

private:
  /// For each state of the decoder s [B, T, H] a weight on each word of the source, their mean, and both together.
  Tensor attend(const Tensor &s, const State &memory) const {
    Tensor H = memory["H"];
    Tensor e = matmul(score(s), transpose(H, {0, 2, 1})).named("e");
    // Not infinite: a source without any word, a row of a batch that is padding alone, gets no NaN but the mean of its
    // states, which are 0.
    Tensor alpha = softmax(where(expandDims(memory["mask"], 1), e, -1e30)).named("alpha");
    nn::noteAttention(alpha);
    Tensor context = matmul(alpha, H).named("context");
    return tanh(combine(concat({context, s}, -1))).named("s_tilde");
  }

  static Tensor nothingYet(const State &memory) { return zerosLike(memory["h"]); }

  Config config;
  init::Initializer initial;
  nn::Embedding sourceEmbed, targetEmbed;
  nn::Lstm encoder, decoder;
  nn::Linear score, combine, proj;
};

} // namespace

void moru::models::registerSeq2SeqLuong() {
  registerModel("seq2seq_luong", [](moru::Config &config) {
    int64_t both = config.integer("V", 10'000), dim = config.integer("D", 256);
    return std::make_unique<Seq2SeqLuong>(Seq2SeqLuong::Config{.sourceVocabulary = config.integer("Vs", both),
                                                               .vocabulary = config.integer("Vt", both),
                                                               .dim = dim,
                                                               .hidden = config.integer("H", dim),
                                                               .inputFeeding = config.flag("input_feeding", false),
                                                               .outputBias = config.flag("output_bias", false),
                                                               .sourceEnds = config.flag("source_end", true)});
  });
  registerPresets("seq2seq_luong", {{"base", {"V=10000", "D=256"}}, {"small", {"D=128"}}});
}
