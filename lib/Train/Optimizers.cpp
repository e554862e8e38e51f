// Optimizers and schedules by their names on the command line.

#include "moru/Train/Optimizers.h"

#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace llvm;

namespace moru {

static Error checkRange(StringRef what, double value, bool valid, StringRef expected) {
  if (valid)
    return Error::success();
  return makeError(what + ": expected " + expected + ", got " + formatNumber(value));
}

static Error checkNumbers(const OptimizerOptions &options) {
  if (Error error = checkRange("--learning-rate", options.learningRate,
                               options.learningRate >= 0 && options.learningRate < 1e6, "a number from 0 to 1e6"))
    return error;
  for (auto [name, beta] : {std::pair("--beta1", options.beta1), {"--beta2", options.beta2}})
    if (Error error = checkRange(name, beta, beta >= 0 && beta < 1, "a number from 0 on and below 1"))
      return error;
  if (Error error = checkRange("--epsilon", options.epsilon, options.epsilon >= 0, "a number from 0 on"))
    return error;
  if (Error error = checkRange("--weight-decay", options.weightDecay, options.weightDecay >= 0, "a number from 0 on"))
    return error;
  if (Error error = checkRange("--warmup", double(options.warmup), options.warmup >= 0, "a number of steps from 0 on"))
    return error;
  return checkRange("--clip", options.clip, options.clip >= 0, "a norm, or 0 for none");
}

static Expected<optim::Schedule> makeSchedule(const OptimizerOptions &options, double rate) {
  if (options.schedule == "constant")
    return optim::warmupConstant(rate, options.warmup);
  if (options.schedule == "inverse_sqrt")
    return optim::inverseSqrt(rate, 1, options.warmup);
  if (options.schedule != "linear" && options.schedule != "cosine")
    return makeError("--schedule: expected constant, linear, cosine or inverse_sqrt, got \"" + options.schedule + "\"");
  if (options.steps <= options.warmup)
    return makeError("--schedule=" + options.schedule + ": expected more steps than the " + Twine(options.warmup) +
                     " of the warm-up, got " + Twine(options.steps) + "; train longer or lower --warmup");
  return options.schedule == "linear" ? optim::warmupLinear(rate, options.warmup, options.steps)
                                      : optim::warmupCosine(rate, options.warmup, options.steps);
}

static bool isAdam(const OptimizerOptions &options) { return options.kind == "adam" || options.kind == "adamw"; }

/// The greatest learning rate.
static double rateOf(const OptimizerOptions &options) {
  return options.learningRate > 0 ? options.learningRate : isAdam(options) ? 1e-3 : 0.1;
}

double learningRateAt(const OptimizerOptions &options, int64_t step) {
  double rate = rateOf(options), t = double(step), warmup = double(options.warmup);
  if (options.schedule == "inverse_sqrt") {
    double w = std::max(warmup, 1.0);
    return rate * std::min(1 / std::sqrt(t), t / (w * std::sqrt(w)));
  }
  if (t <= warmup)
    return rate * t / warmup;
  double progress = std::min((t - warmup) / std::max(double(options.steps) - warmup, 1.0), 1.0);
  if (options.schedule == "linear")
    return rate * (1 - progress);
  return options.schedule == "cosine" ? rate * (1 + std::cos(std::numbers::pi * progress)) / 2 : rate;
}

Expected<optim::Optimizer> makeOptimizer(const OptimizerOptions &options) {
  if (Error error = checkNumbers(options))
    return error;
  bool adam = isAdam(options);
  if (!adam && options.kind != "sgd" && options.kind != "momentum")
    return makeError("--optimizer: expected sgd, momentum, adam or adamw, got \"" + options.kind + "\"");
  Expected<optim::Schedule> schedule = makeSchedule(options, rateOf(options));
  if (!schedule)
    return schedule.takeError();
  if (options.kind == "adam")
    return optim::Adam{.learningRate = *schedule,
                       .beta1 = options.beta1,
                       .beta2 = options.beta2,
                       .epsilon = options.epsilon,
                       .clip = options.clip};
  if (options.kind == "adamw")
    return optim::AdamW{.learningRate = *schedule,
                        .beta1 = options.beta1,
                        .beta2 = options.beta2,
                        .epsilon = options.epsilon,
                        .weightDecay = options.weightDecay,
                        .clip = options.clip};
  double momentum = options.kind == "momentum" ? options.momentum : 0;
  return optim::Sgd{.learningRate = *schedule, .momentum = momentum, .clip = options.clip};
}

json::Object toObject(const OptimizerOptions &options) {
  return json::Object{{"kind", options.kind},
                      {"learning_rate", options.learningRate},
                      {"momentum", options.momentum},
                      {"beta1", options.beta1},
                      {"beta2", options.beta2},
                      {"epsilon", options.epsilon},
                      {"weight_decay", options.weightDecay},
                      {"schedule", options.schedule},
                      {"warmup", options.warmup},
                      {"steps", options.steps},
                      {"clip", options.clip}};
}

bool fromJSON(const json::Value &value, OptimizerOptions &options, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("kind", options.kind) && map.map("learning_rate", options.learningRate) &&
         map.map("momentum", options.momentum) && map.map("weight_decay", options.weightDecay) &&
         map.map("schedule", options.schedule) && map.map("warmup", options.warmup) &&
         map.map("steps", options.steps) && map.map("clip", options.clip) && map.mapOptional("beta1", options.beta1) &&
         map.mapOptional("beta2", options.beta2) && map.mapOptional("epsilon", options.epsilon);
}

} // namespace moru
