// The sizes at which the models are measured against other systems.

#include "models/Models.h"
#include "moru/Train/Workload.h"

using namespace moru;

static void registerLstms() {
  const std::vector<std::string> base = {"V=10000", "D=128", "H=256"};
  registerWorkload({.name = "lstm_lm", .model = "lstm_lm", .settings = base, .batch = 32, .time = 10});
  registerWorkload({.name = "lstm_lm_t64", .model = "lstm_lm", .settings = base, .batch = 32, .time = 64});
  registerWorkload({.name = "lstm_lm_t256", .model = "lstm_lm", .settings = base, .batch = 32, .time = 256});
  registerWorkload({.name = "lstm_lm_2x",
                    .model = "lstm_lm",
                    .settings = {"V=10000", "D=128", "H=256", "layers=2"},
                    .batch = 32,
                    .time = 64});
}

static void registerPairs() {
  registerWorkload({.name = "seq2seq_luong",
                    .model = "seq2seq_luong",
                    .settings = {"V=10000", "D=256"},
                    .batch = 32,
                    .time = 10,
                    .sourceTime = 10});
  registerWorkload({.name = "transformer",
                    .model = "transformer",
                    .settings = {"V=10000", "d=256", "heads=8", "ff=1024", "layers=3"},
                    .batch = 32,
                    .time = 20,
                    .sourceTime = 20});
}

static void registerCausal() {
  const std::vector<std::string> tiny = {"V=50", "d=32", "heads=4", "ff=64", "layers=2"};
  registerWorkload({.name = "tiny_lm", .model = "tiny_lm", .settings = tiny, .batch = 32, .time = 16});
  registerWorkload({.name = "tiny_lm_b1", .model = "tiny_lm", .settings = tiny, .batch = 1, .time = 3});
  registerWorkload({.name = "gpt2_124m",
                    .model = "gpt",
                    .settings = {"V=50257", "positions=1024", "d=768", "heads=12", "layers=12"},
                    .batch = 4,
                    .time = 64,
                    .learningRate = 3e-4,
                    .weightDecay = 0.1});
  registerWorkload({.name = "gpt_nano",
                    .model = "gpt",
                    .settings = {"V=256", "positions=64", "d=64", "heads=4", "layers=2"},
                    .batch = 8,
                    .time = 64,
                    .learningRate = 3e-4,
                    .weightDecay = 0.1});
}

void moru::models::registerWorkloads() {
  registerLstms();
  registerPairs();
  registerCausal();
}
