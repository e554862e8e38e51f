// lstm_lm: a word after the other, predicted by an LSTM. Embedding, one or more LSTM layers, projection to the
// vocabulary.
//
//   E [V, D]   l0.Wx [D, 4H]  l0.Wh [H, 4H]  l0.b [4H]   l1.Wx [H, 4H] …   Wproj [H, V]  bproj [V]

#include "models/Models.h"
#include "moru/DSL/Moru.h"

#include <cmath>

using namespace moru;

namespace {

class LstmLm : public LanguageModel {
public:
  struct Config {
    int64_t vocabulary, dim, hidden, layers;
    bool carried;
  };

  explicit LstmLm(const Config &c)
      : config(c), initial(init::uniform(1 / std::sqrt(double(c.hidden)))),
        embed(*this, "E", c.vocabulary, c.dim, initial), lstm(*this, "l", c.layers, c.dim, c.hidden, initial),
        proj(*this, {.weight = "Wproj", .bias = "bproj"}, c.hidden, c.vocabulary, initial) {}

  State start(int64_t batch) const override { return lstm.start(batch); }

  Tensor logits(const Tensor &ids, State &state) const override {
    Tensor x = nn::dropout(embed(ids)).named("x");
    return proj(lstm(x, state)).named("logits");
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  bool carriesState() const override { return config.carried; }

private:
  Config config;
  init::Initializer initial;
  nn::Embedding embed;
  nn::LstmLayers lstm;
  nn::Linear proj;
};

} // namespace

void moru::models::registerLstmLm() {
  registerModel("lstm_lm", [](moru::Config &config) {
    return std::make_unique<LstmLm>(LstmLm::Config{.vocabulary = config.integer("V", 10'000),
                                                   .dim = config.integer("D", 128),
                                                   .hidden = config.integer("H", 256),
                                                   .layers = config.integer("layers", 1, 1, 64),
                                                   .carried = config.flag("carried", false)});
  });
  registerPresets("lstm_lm",
                  {{"base", {"V=10000", "D=128", "H=256"}}, {"2x", {"V=10000", "D=128", "H=256", "layers=2"}}});
}
