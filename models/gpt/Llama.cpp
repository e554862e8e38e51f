// gpt with block=llama: root-mean-square norms, rotary positions, fewer heads of keys and values than of queries, and
// silu(x w1) * (x w3) in the feed-forward layer. No biases; the head is the embedding.
//
//   wte.weight [V, d]   h.0.ln_1.weight [d]  h.0.attn.W_Q [d, d] .W_K .W_V [d, d kv_heads / heads] .W_O [d, d]
//   h.0.ln_2.weight [d]  h.0.mlp.w1 [d, ff] .w3 [d, ff] .w2 [ff, d]   h.1.…   ln_f.weight [d]

#include "Llama.h"

#include "moru/DSL/Moru.h"

using namespace moru;

namespace {

class Llama : public LanguageModel {
public:
  struct Config {
    int64_t vocabulary, positions, dim, heads, groups, hidden, layers;
  };

  explicit Llama(const Config &c) : config(c), embed(*this, "wte.weight", c.vocabulary, c.dim, initial()) {
    for (int64_t i = 0; i < c.layers; ++i)
      blocks.emplace_back(*this, c, "h." + std::to_string(i));
    norm.emplace(*this, "ln_f.weight", c.dim);
  }

  Tensor logits(const Tensor &ids, State &) const override {
    Tensor x = nn::dropout(embed(ids)), rotation = nn::rotations(ids.size(1), config.dim / config.heads);
    for (const Block &block : blocks)
      x = block(x, rotation, [&](const nn::KeyValues &own) { return std::pair(own, nn::Mask(AttentionMask::Causal)); });
    return head(x).named("logits");
  }

  State startDecoding(int64_t batch, int64_t positions) const override {
    State state;
    for (const Block &block : blocks)
      nn::emptyKeyValues(batch, positions, groupWidth(config)).store(state, block.name);
    state["position"] = zeros({}, ElementType::I32);
    return state;
  }

  Tensor step(const Tensor &ids, State &state) const override {
    Tensor position = state["position"], x = expandDims(embed(ids), 1);
    int64_t positions = state[blocks[0].name + ".keys"].size(1);
    Tensor rotation = expandDims(gather(nn::rotations(positions, config.dim / config.heads), position), 0);
    for (const Block &block : blocks)
      x = block(x, rotation, [&](const nn::KeyValues &own) {
        nn::KeyValues past = nn::append(nn::KeyValues::load(state, block.name), own, position);
        past.store(state, block.name);
        return std::pair(past, nn::pastMask(positions, position));
      });
    state["position"] = position + 1;
    return squeeze(head(x), 1);
  }

  int64_t vocabulary() const override { return config.vocabulary; }
  int64_t positions() const override { return config.positions; }

private:
  static init::Initializer initial() { return init::normal(0.02); }
  static int64_t groupWidth(const Config &c) { return c.dim / c.heads * c.groups; }

  struct Block {
    Block(nn::Module &parent, const Config &c, const std::string &name)
        : name(name), heads(c.heads), norm1(parent, name + ".ln_1.weight", c.dim),
          norm2(parent, name + ".ln_2.weight", c.dim), query(linear(parent, ".attn.W_Q", c.dim, c.dim)),
          key(linear(parent, ".attn.W_K", c.dim, groupWidth(c))),
          value(linear(parent, ".attn.W_V", c.dim, groupWidth(c))), output(linear(parent, ".attn.W_O", c.dim, c.dim)),
          gate(linear(parent, ".mlp.w1", c.dim, c.hidden)), up(linear(parent, ".mlp.w3", c.dim, c.hidden)),
          down(linear(parent, ".mlp.w2", c.hidden, c.dim)) {}

    /// `memory` says which keys and values are seen, and through which mask, given one's own.
    template <typename Memory> Tensor operator()(const Tensor &x, const Tensor &rotation, Memory memory) const {
      Tensor y = norm1(x);
      auto [seen, mask] = memory(nn::KeyValues{nn::rotate(key(y), rotation), value(y)});
      Tensor mixed = nn::attend(nn::rotate(query(y), rotation), seen, heads, mask);
      Tensor z = x + nn::dropout(output(mixed));
      Tensor w = norm2(z);
      return z + nn::dropout(down(silu(gate(w)) * up(w)));
    }

    std::string name;
    int64_t heads;
    nn::RmsNorm norm1, norm2;
    nn::Linear query, key, value, output, gate, up, down;

  private:
    nn::Linear linear(nn::Module &parent, const char *suffix, int64_t in, int64_t out) const {
      return nn::Linear(parent, nn::LinearNames{.weight = name + suffix}, in, out, initial());
    }
  };

  Tensor head(const Tensor &x) const { return matmul((*norm)(x), transpose(embed.weight)); }

  Config config;
  nn::Embedding embed;
  std::vector<Block> blocks;
  std::optional<nn::RmsNorm> norm;
};

} // namespace

std::unique_ptr<LanguageModel> moru::models::makeLlama(moru::Config &config) {
  int64_t dim = config.integer("d", 768), heads = config.integer("heads", 12);
  return std::make_unique<Llama>(Llama::Config{.vocabulary = config.integer("V", 50'257),
                                               .positions = config.integer("positions", 1'024),
                                               .dim = dim,
                                               .heads = heads,
                                               .groups = config.integer("kv_heads", heads),
                                               .hidden = config.integer("ff", 4 * dim),
                                               .layers = config.integer("layers", 12, 1, 1'000)});
}
