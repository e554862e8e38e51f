// gru_lm: a language model outside the project, as a user writes one: its own cell, its own registration, a plug-in.
//
//   E [V, D]   Wx [D, 3H]  Wh [H, 3H]  b [3H]   W [H, V]
//
// Gates r, u and the candidate n: r, u = σ(z_r), σ(z_u), n = tanh(x_n + r ⊙ h_n), h' = (1 - u) ⊙ n + u ⊙ h.

#include "moru/DSL/Moru.h"

using namespace moru;

namespace {

class GruLm : public LanguageModel {
public:
  GruLm(int64_t vocabulary, int64_t dim, int64_t hidden)
      : vocabularySize(vocabulary), hidden(hidden), embed(*this, "E", vocabulary, dim, init::normal(0.1)),
        Wx(parameter("Wx", {dim, 3 * hidden}, init::uniform(0.1))),
        Wh(parameter("Wh", {hidden, 3 * hidden}, init::uniform(0.1))), b(parameter("b", {3 * hidden}, init::zeros())),
        head(*this, {.weight = "W"}, hidden, vocabulary) {}

  State start(int64_t batch) const override {
    State state;
    state["h"] = zeros({dim("batch", batch), hidden});
    return state;
  }

  Tensor logits(const Tensor &ids, State &state) const override {
    Tensor x = matmul(embed(ids), Wx) + b;
    auto [last, hs] = scan(Carry{state["h"]}, x, /*axis=*/1, [&](Carry s, Tensor xt) {
      auto [xr, xu, xn] = split<3>(xt, -1);
      auto [hr, hu, hn] = split<3>(matmul(s[0], Wh), -1);
      Tensor r = sigmoid(xr + hr), u = sigmoid(xu + hu), n = tanh(xn + r * hn);
      Tensor h = (1 - u) * n + u * s[0];
      return Step{.carry = {h}, .output = h};
    });
    state["h"] = last[0];
    return head(hs);
  }

  int64_t vocabulary() const override { return vocabularySize; }
  bool carriesState() const override { return true; }

private:
  int64_t vocabularySize, hidden;
  nn::Embedding embed;
  Tensor Wx, Wh, b;
  nn::Linear head;
};

} // namespace

extern "C" void moruRegisterModels() {
  registerModel("gru_lm", [](Config &config) {
    return std::make_unique<GruLm>(config.integer("V", 1000), config.integer("D", 64), config.integer("H", 128));
  });
}
