// The training loop: batches through `train_step`, validation, checkpoints, metrics. Bits follow from TrainOptions and
// the target alone; a run that was interrupted anywhere and resumed ends with the same ones.

#ifndef MORU_TRAIN_TRAINER_H
#define MORU_TRAIN_TRAINER_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Train/Evaluate.h"
#include "moru/Train/TrainOptions.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <string>

namespace moru {

/// What a run is like, known before its first step.
struct TrainFacts {
  std::string model;
  int64_t parameters = 0, vocabulary = 0;
  int64_t trainTokens = 0, validTokens = 0;
  std::string trainChecksum, validChecksum;
  int64_t batchSize = 0, sequenceLength = 0;
  int64_t stepsPerEpoch = 0, steps = 0;
  /// Where it begins: 0, or the step of the checkpoint that it continues.
  int64_t firstStep = 0;
  double compileSeconds = 0;
  /// What was wrong with newer checkpoints.
  std::vector<std::string> warnings;
};

/// One step; `step` counts from 1.
struct StepReport {
  int64_t step = 0, epoch = 0;
  double loss = 0, gradientNorm = 0;
  int64_t predictions = 0;
};

/// How a run ended.
struct TrainResult {
  TrainFacts facts;
  /// Steps done; fewer than asked for where the observer stopped the run.
  int64_t step = 0;
  bool finished = false;
  double loss = 0;
  /// Of the end of the run; no predictions where there was nothing to validate on.
  Evaluation validation;
  std::string checkpoint;
  /// Of the steps of this process, without validation and checkpoints.
  double seconds = 0;
  int64_t trainedTokens = 0;

  llvm::json::Object toObject() const;
};

/// Who watches a run.
class TrainObserver {
public:
  virtual ~TrainObserver();
  virtual void began(const TrainFacts &) {}
  virtual void stepDone(const StepReport &) {}
  virtual void validated(int64_t step, const Evaluation &) {}
  virtual void saved(llvm::StringRef path) {}
  /// Asked after each step; true: save a checkpoint and end.
  virtual bool shouldStop() { return false; }
};

/// Runs or resumes a training run. Fails before the first step where anything is wrong with options, data, model or
/// checkpoint, and where the loss is no longer a number.
llvm::Expected<TrainResult> train(const TrainOptions &options, const CompileOptions &compileOptions,
                                  TrainObserver &observer);

} // namespace moru

#endif // MORU_TRAIN_TRAINER_H
