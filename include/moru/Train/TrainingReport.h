// What a training run has written down, read again, and the page that shows it.

#ifndef MORU_TRAIN_TRAININGREPORT_H
#define MORU_TRAIN_TRAININGREPORT_H

#include "moru/Train/Trainer.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace moru {

/// The lines of `metrics.jsonl` and `times.jsonl` of a run's folder.
struct RunHistory {
  struct Step {
    double step = 0, loss = 0, gradientNorm = 0, learningRate = 0, predictions = 0;
    /// From the first step to the end of this one; NaN where no times are known.
    double seconds = 0;
  };
  struct Validation {
    double step = 0, nats = 0;
  };
  std::vector<Step> steps;
  std::vector<Validation> validations;

  static llvm::Expected<RunHistory> read(llvm::StringRef folder);
};

/// Something that the model wrote, under what it was asked.
struct ReportSample {
  std::string prompt, text;
};

/// Writes `report.html` into the folder of a run.
llvm::Error writeTrainingReport(llvm::StringRef folder, const TrainFacts &facts,
                                llvm::ArrayRef<ReportSample> samples = {});

} // namespace moru

#endif // MORU_TRAIN_TRAININGREPORT_H
