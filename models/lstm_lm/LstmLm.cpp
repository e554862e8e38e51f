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
        embed(*this, "E", c.vocabulary, c.dim, initial), lstm(makeLayers(c)),
        proj(*this, {.weight = "Wproj", .bias = "bproj"}, c.hidden, c.vocabulary, initial) {}

  State start(int64_t batch) const override {
    State state;
    for (size_t i = 0; i < lstm.size(); ++i) {
      nn::Lstm::State zero = lstm[i].start(batch);
      state[layer(i) + ".h"] = zero.h;
      state[layer(i) + ".c"] = zero.c;
    }
    return state;
  }

  Tensor logits(const Tensor &ids, State &state) const override {
    Tensor x = nn::dropout(embed(ids)).named("x");
    for (size_t i = 0; i < lstm.size(); ++i) {
      Tensor &h = state[layer(i) + ".h"], &c = state[layer(i) + ".c"];
      auto [hs, last] = lstm[i](x, {h, c});
      x = nn::dropout(hs);
      h = last.h;
      c = last.c;
    }
    return proj(x).named("logits");
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  bool carriesState() const override { return config.carried; }

private:
  static std::string layer(size_t index) { return "l" + std::to_string(index); }

  std::vector<nn::Lstm> makeLayers(const Config &c) {
    std::vector<nn::Lstm> layers;
    for (int64_t i = 0; i < c.layers; ++i)
      layers.push_back(nn::Lstm(*this, layer(i), i == 0 ? c.dim : c.hidden, c.hidden, initial));
    return layers;
  }

  Config config;
  init::Initializer initial;
  nn::Embedding embed;
  std::vector<nn::Lstm> lstm;
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
}
