// What `moru train` shows while it runs.

#include "TrainWatcher.h"

#include "moru/Support/Clock.h"
#include "moru/Support/Format.h"
#include "moru/Support/Interrupt.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace moru {

bool TrainWatcher::shouldStop() { return isInterrupted(); }

void TrainWatcher::began(const TrainFacts &newFacts) {
  facts = newFacts;
  // From here on there is something to save.
  deferInterrupt();
  start = shown = std::chrono::steady_clock::now();
  for (const std::string &warning : facts.warnings)
    errs() << "warning: " << warning << "\n";
  if (json)
    return;
  outs() << facts.model << ": " << formatCount(facts.parameters) << " parameters, " << formatCount(facts.vocabulary)
         << " ids, " << formatCount(facts.trainTokens) << " to train on, " << formatCount(facts.validTokens)
         << " held out; " << formatCount(facts.steps) << " steps of " << facts.batchSize << " x "
         << facts.sequenceLength << ", compiled in " << formatDuration(facts.compileSeconds) << "\n";
  if (facts.firstStep)
    outs() << "going on after step " << formatCount(facts.firstStep) << "\n";
  outs().flush();
}

std::string TrainWatcher::describe(const StepReport &report) const {
  double seconds = secondsSince(start);
  double done = double(report.step - facts.firstStep), left = double(facts.steps - report.step);
  double mean = loss / weight;
  // All of the line fits into 80 columns.
  constexpr int kBarWidth = 10;
  return formatv("{0} {1}/{2}  loss {3:F3}  perplexity {4}  {5} tokens/s  {6} left",
                 formatBar(double(report.step), double(facts.steps), kBarWidth), report.step, facts.steps, mean,
                 formatNumber(std::exp(mean)), formatCount(int64_t(double(tokens) / std::max(seconds, 1e-9))),
                 formatDuration(seconds / done * left))
      .str();
}

void TrainWatcher::stepDone(const StepReport &report) {
  // The last twenty steps or so.
  constexpr double kDecay = 0.95;
  loss = kDecay * loss + report.loss;
  weight = kDecay * weight + 1;
  tokens += report.predictions;
  if (line.isDue())
    line.update(describe(report));
  // Often enough to see that it lives, seldom enough for a log.
  constexpr std::chrono::seconds kLogPause(10);
  auto now = std::chrono::steady_clock::now();
  if (verbose && !isWatchedTerminal() && now - shown > kLogPause) {
    shown = now;
    errs() << describe(report) << "\n";
  }
}

void TrainWatcher::validated(int64_t step, const Evaluation &evaluation) {
  // Epochs of a small corpus take no time; their lines would bury the rest.
  constexpr std::chrono::seconds kValidationPause(2);
  auto now = std::chrono::steady_clock::now();
  if (json || (step < facts.steps && now - told < kValidationPause))
    return;
  told = now;
  line.clear();
  outs() << formatv("step {0}: validation {1:F4} nats per token, perplexity {2}, {3} predictions\n", step,
                    evaluation.natsPerToken(), formatNumber(evaluation.perplexity(), 5),
                    formatCount(evaluation.predictions));
  outs().flush();
}

} // namespace moru
