// The sizes at which lstm_lm is measured against other systems.

#include "models/Models.h"
#include "moru/Train/Workload.h"

using namespace moru;

void moru::models::registerLstmLmWorkloads() {
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
