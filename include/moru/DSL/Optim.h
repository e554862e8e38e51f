// Optimizers and learning-rate schedules: ordinary graph code, compiled into the training step. Steps count from t = 1.

#ifndef MORU_DSL_OPTIM_H
#define MORU_DSL_OPTIM_H

#include "moru/DSL/Ops.h"

#include <functional>
#include <string>
#include <vector>

namespace moru::optim {

/// The learning rate of step t: a number, one of the functions below, or one's own function of t (an f32 scalar, 1, 2,
/// …).
class Schedule {
public:
  using Rule = std::function<Tensor(const Tensor &t)>;

  Schedule(double rate);
  Schedule(Rule rule) : rule(std::move(rule)) {}
  Tensor operator()(const Tensor &t) const { return rule(t); }

private:
  Rule rule;
};

/// rate · t/warmup for t <= warmup, then rate.
Schedule warmupConstant(double rate, int64_t warmup);
/// rate · t/warmup for t <= warmup, then rate · (1 + cos(π (t - warmup) / (steps - warmup))) / 2, 0 from t = steps on.
Schedule warmupCosine(double rate, int64_t warmup, int64_t steps);
/// rate · t/warmup for t <= warmup, then rate · (steps - t)/(steps - warmup), 0 from t = steps on.
Schedule warmupLinear(double rate, int64_t warmup, int64_t steps);
/// rate · dim^-0.5 · min(t^-0.5, t · warmup^-1.5): Vaswani et al., "Attention is all you need", 2017, section 5.3.
Schedule inverseSqrt(double rate, int64_t dim, int64_t warmup);

/// w ← w - α g; with momentum μ: v ← μ v + g, w ← w - α v; Nesterov: w ← w - α (g + μ v).
struct Sgd {
  Schedule learningRate = 0.1;
  double momentum = 0;
  bool nesterov = false;
  /// Scales all gradients by min(1, clip / ‖g‖); 0: no clipping.
  double clip = 0;
};

/// m ← β1 m + (1-β1) g, v ← β2 v + (1-β2) g², w ← w - α m̂ / (√v̂ + ε) with m̂ = m / (1-β1^t), v̂ = v / (1-β2^t):
/// Kingma and Ba, 2015.
struct Adam {
  Schedule learningRate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip = 0;
};

/// Adam with decoupled decay: also - α λ w of the old w, for parameters of rank 2 and more. Loshchilov and Hutter,
/// 2019.
struct AdamW {
  Schedule learningRate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weightDecay = 0.01;
  double clip = 0;
};

/// What a rule of one's own sees of one parameter.
struct Update {
  /// The old parameter and the (clipped) gradient.
  Tensor parameter, gradient;
  /// The step, and its learning rate: f32 scalars.
  Tensor t, learningRate;
  /// One value per entry of `Optimizer::slots`, of the parameter's shape, zero at first: read and replaced.
  std::vector<Tensor> slots;
  /// One value per entry of `Optimizer::scalars`, already that of this step; then what `Optimizer::prepare` added.
  std::vector<Tensor> scalars;
};

/// Any optimizer: what the ones above become, and what one's own is written as.
struct Optimizer {
  /// A scalar of the optimizer's state, common to all parameters, zero at first, and its value in the next step.
  struct Scalar {
    std::string name;
    std::function<Tensor(const Tensor &old)> next;
  };

  Optimizer() = default;
  Optimizer(const Sgd &sgd);
  Optimizer(const Adam &adam);
  Optimizer(const AdamW &adamw);

  Schedule learningRate = 0.1;
  double clip = 0;
  /// Whether the step puts out `grad_norm`, for which all gradients are read once more.
  bool reportsNorm = true;
  /// Batches of an update, which takes the mean of their gradients: its own, and those before it that
  /// `buildAccumulateStep` has added up.
  int64_t accumulate = 1;
  /// State per parameter: becomes `optimizer.<slot>.<parameter>`.
  std::vector<std::string> slots;
  /// State in all: becomes `optimizer.<name>`.
  std::vector<Scalar> scalars;
  /// May add scalars that are the same for all parameters; called once, without a parameter.
  std::function<void(Update &common)> prepare;
  /// The new parameter; replaces the slots.
  std::function<Tensor(Update &update)> rule;
};

/// ‖g‖ over all tensors: an f32 scalar.
Tensor globalNorm(const std::vector<Tensor> &tensors, Here at = Here::current());

} // namespace moru::optim

#endif // MORU_DSL_OPTIM_H
