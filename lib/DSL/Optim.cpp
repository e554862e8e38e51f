//===- Optim.cpp - optimizers and schedules -------------------------------===//
// Written in the language itself; nothing here knows the compiler.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Optim.h"
#include "moru/DSL/Program.h"

#include <cmath>
#include <numbers>

namespace moru {
namespace optim {

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

Schedule::Schedule(double rate) : rule([rate](const Tensor &) { return full({}, rate); }) {}

/// rate · t/warmup for t <= warmup, then `after`.
static Schedule warmup(double rate, int64_t steps, Schedule after) {
  if (steps < 1)
    return after;
  return Schedule([=](const Tensor &t) { return where(t <= steps, t * (rate / double(steps)), after(t)); });
}

Schedule warmupConstant(double rate, int64_t steps) { return warmup(rate, steps, Schedule(rate)); }

/// (t - warmup) / (steps - warmup), at most 1.
static Tensor progress(const Tensor &t, int64_t warmup, int64_t steps) {
  return minimum((t - warmup) * (1.0 / double(std::max<int64_t>(steps - warmup, 1))), 1.0);
}

Schedule warmupCosine(double rate, int64_t warmupSteps, int64_t steps) {
  return warmup(rate, warmupSteps, Schedule([=](const Tensor &t) {
                  return (cos(progress(t, warmupSteps, steps) * std::numbers::pi) + 1.0) * (rate / 2);
                }));
}

Schedule warmupLinear(double rate, int64_t warmupSteps, int64_t steps) {
  return warmup(rate, warmupSteps,
                Schedule([=](const Tensor &t) { return (1.0 - progress(t, warmupSteps, steps)) * rate; }));
}

Schedule inverseSqrt(double rate, int64_t dim, int64_t warmup) {
  return Schedule([=](const Tensor &t) {
    double w = double(std::max<int64_t>(warmup, 1));
    return minimum(rsqrt(t), t * std::pow(w, -1.5)) * (rate / std::sqrt(double(dim)));
  });
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

Optimizer::Optimizer(const Sgd &sgd) : learningRate(sgd.learningRate), clip(sgd.clip) {
  if (sgd.momentum == 0) {
    rule = [](Update &u) { return u.parameter - u.learningRate * u.gradient; };
    return;
  }
  slots = {"v"};
  rule = [momentum = sgd.momentum, nesterov = sgd.nesterov](Update &u) {
    Tensor &v = u.slots[0];
    v = v * momentum + u.gradient;
    return u.parameter - u.learningRate * (nesterov ? u.gradient + v * momentum : v);
  };
}

/// 1 - β^t from step to step: d ← β d + (1 - β), a sum of positive numbers, where 1 - pow(β, t) would cancel.
static Optimizer::Scalar correction(std::string name, double beta) {
  return {std::move(name), [beta](const Tensor &old) { return old * beta + (1 - beta); }};
}

/// Adam's two scalars of a step. With d1 = 1-β1^t and d2 = 1-β2^t,
///     α (m/d1) / (√(v/d2) + ε)  =  (α √d2 / d1) m / (√v + ε √d2),
/// which leaves one division per entry.
static void prepareAdam(Update &common, double epsilon) {
  Tensor root = sqrt(common.scalars[1]);
  Tensor rate = common.learningRate * root / common.scalars[0];
  common.scalars = {rate.named("adam_rate"), (root * epsilon).named("adam_epsilon")};
}

/// Adam's step without decay.
static Tensor adamStep(Update &u, double beta1, double beta2) {
  Tensor &m = u.slots[0], &v = u.slots[1];
  m = m * beta1 + u.gradient * (1 - beta1);
  v = v * beta2 + square(u.gradient) * (1 - beta2);
  return u.scalars[0] * m / (sqrt(v) + u.scalars[1]);
}

Optimizer::Optimizer(const Adam &adam) : learningRate(adam.learningRate), clip(adam.clip) {
  slots = {"m", "v"};
  scalars = {correction("correction1", adam.beta1), correction("correction2", adam.beta2)};
  prepare = [epsilon = adam.epsilon](Update &common) { prepareAdam(common, epsilon); };
  rule = [=](Update &u) { return u.parameter - adamStep(u, adam.beta1, adam.beta2); };
}

Optimizer::Optimizer(const AdamW &adam) : learningRate(adam.learningRate), clip(adam.clip) {
  slots = {"m", "v"};
  scalars = {correction("correction1", adam.beta1), correction("correction2", adam.beta2)};
  prepare = [epsilon = adam.epsilon](Update &common) { prepareAdam(common, epsilon); };
  rule = [=](Update &u) {
    Tensor step = adamStep(u, adam.beta1, adam.beta2);
    if (u.parameter.rank() >= 2)
      step = step + u.learningRate * adam.weightDecay * u.parameter;
    return u.parameter - step;
  };
}

Tensor globalNorm(const std::vector<Tensor> &tensors, Here at) {
  CallerScope scope(at);
  Tensor total;
  for (const Tensor &tensor : tensors) {
    Tensor squares = convert(sum(square(tensor)), ElementType::F32);
    total = total ? total + squares : squares;
  }
  return sqrt(total ? total : zeros({}));
}

} // namespace optim

//===----------------------------------------------------------------------===//
// The training step
//===----------------------------------------------------------------------===//

/// What batches before that of an update have added up, zero at first.
static Tensor gradientSum(Function &function, const Tensor &parameter) {
  return function.state("optimizer.sum." + parameter.name(), {parameter.type(), parameter.dims(), {}});
}

void buildAccumulateStep(Function &function, const nn::Module &model, const Tensor &loss, Here at) {
  CallerScope scope(at);
  std::vector<Tensor> parameters = model.trainableParameters(), gradients = gradient(loss, parameters);
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor sum = gradientSum(function, parameters[i]);
    function.update(sum, sum + gradients[i]);
  }
  function.output("loss", loss);
}

/// The means of the gradients of all batches of an update; the sums begin anew.
static void takeSums(Function &function, const std::vector<Tensor> &parameters, std::vector<Tensor> &gradients,
                     int64_t batches) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor sum = gradientSum(function, parameters[i]);
    gradients[i] = ((sum + gradients[i]) / double(batches)).named("mean." + parameters[i].name());
    function.update(sum, zerosLike(sum));
  }
}

void buildTrainStep(Function &function, const nn::Module &model, const optim::Optimizer &optimizer, const Tensor &loss,
                    Here at) {
  CallerScope scope(at);
  std::vector<Tensor> parameters = model.trainableParameters();
  std::vector<Tensor> gradients = gradient(loss, parameters);
  if (optimizer.accumulate > 1)
    takeSums(function, parameters, gradients, optimizer.accumulate);
  Tensor norm;
  if (optimizer.reportsNorm || optimizer.clip > 0)
    norm = optim::globalNorm(gradients).named("grad_norm");

  Tensor count = function.state("optimizer.t", i32({}));
  Tensor step = (count + 1).named("step");
  function.update(count, step);
  optim::Update common;
  common.t = convert(step, ElementType::F32).named("t");
  common.learningRate = optimizer.learningRate(common.t).named("learning_rate");
  for (const optim::Optimizer::Scalar &scalar : optimizer.scalars) {
    Tensor old = function.state("optimizer." + scalar.name, f32({}));
    common.scalars.push_back(scalar.next(old));
    function.update(old, common.scalars.back());
  }
  Tensor scale;
  if (optimizer.clip > 0)
    scale = minimum(optimizer.clip / norm, 1.0).named("scale");

  if (optimizer.prepare)
    optimizer.prepare(common);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string &name = parameters[i].name();
    optim::Update update = common;
    update.parameter = parameters[i];
    update.gradient = scale ? (gradients[i] * scale).named("clipped." + name) : gradients[i];
    std::vector<Tensor> old;
    for (const std::string &slot : optimizer.slots)
      old.push_back(function.state("optimizer." + slot + "." + name, {parameters[i].type(), parameters[i].dims(), {}}));
    update.slots = old;
    Tensor next = optimizer.rule(update);
    function.update(parameters[i], next);
    for (size_t slot = 0; slot < old.size(); ++slot)
      function.update(old[slot], update.slots[slot]);
  }
  function.output("loss", loss);
  if (optimizer.reportsNorm)
    function.output("grad_norm", norm);
}

} // namespace moru
