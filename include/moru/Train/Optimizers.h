// Optimizers and schedules by their names on the command line.

#ifndef MORU_TRAIN_OPTIMIZERS_H
#define MORU_TRAIN_OPTIMIZERS_H

#include "moru/DSL/Optim.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <string>

namespace moru {

/// An optimizer in words and numbers.
struct OptimizerOptions {
  /// sgd, momentum, adam or adamw.
  std::string kind = "adam";
  /// 0: what is usual for the kind, 0.1 for sgd and momentum, 1e-3 for adam and adamw.
  double learningRate = 0;
  double momentum = 0.9;
  /// Of adam and adamw.
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  /// Of adamw; not applied to vectors.
  double weightDecay = 0.01;
  /// constant, linear, cosine or inverse_sqrt (then the rate is multiplied with min(t^-0.5, t · warmup^-1.5)).
  std::string schedule = "constant";
  /// Steps over which the rate grows from 0.
  int64_t warmup = 0;
  /// Steps after which linear and cosine reach 0.
  int64_t steps = 0;
  /// Greatest global norm of the gradients; 0: none.
  double clip = 0;
};

/// The optimizer; fails for unknown names and for values that are out of bounds, and says which there are.
llvm::Expected<optim::Optimizer> makeOptimizer(const OptimizerOptions &options);

/// The learning rate of a step, which count from 1: what the schedule of `makeOptimizer` computes within the step.
double learningRateAt(const OptimizerOptions &options, int64_t step);

llvm::json::Object toObject(const OptimizerOptions &options);
bool fromJSON(const llvm::json::Value &value, OptimizerOptions &options, llvm::json::Path path);

} // namespace moru

#endif // MORU_TRAIN_OPTIMIZERS_H
