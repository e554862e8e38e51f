// What `moru train` shows while it runs, and how a person ends it.

#ifndef MORU_TOOLS_MORU_TRAINWATCHER_H
#define MORU_TOOLS_MORU_TRAINWATCHER_H

#include "moru/Support/Progress.h"
#include "moru/Train/Trainer.h"

#include <chrono>
#include <string>

namespace moru {

/// The progress line, and the lines that stay.
class TrainWatcher : public TrainObserver {
public:
  TrainWatcher(bool verbose, bool json) : verbose(verbose), json(json), line(llvm::errs()) {}
  void began(const TrainFacts &facts) override;
  void stepDone(const StepReport &report) override;
  void validated(int64_t step, const Evaluation &evaluation) override;
  bool shouldStop() override;
  void clear() { line.clear(); }

private:
  std::string describe(const StepReport &report) const;

  bool verbose, json;
  ProgressLine line;
  TrainFacts facts;
  /// A running mean, so that a person sees the trend.
  double loss = 0, weight = 0;
  int64_t tokens = 0;
  std::chrono::steady_clock::time_point start, shown, told;
};

} // namespace moru

#endif // MORU_TOOLS_MORU_TRAINWATCHER_H
