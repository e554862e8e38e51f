// The text of a training run as batches of ids.

#ifndef MORU_TRAIN_TRAININGDATA_H
#define MORU_TRAIN_TRAININGDATA_H

#include "moru/Compiler/Executable.h"
#include "moru/Data/Batches.h"
#include "moru/Train/Evaluate.h"
#include "moru/Train/TrainOptions.h"

#include <memory>
#include <vector>

namespace moru {

/// What training reads.
struct TrainingData {
  std::shared_ptr<Tokenizer> tokenizer;
  std::unique_ptr<BatchSource> batches;
  /// Held-out ids: a stream, or sentences; both empty where there is nothing to validate on.
  std::vector<int32_t> validStream;
  std::vector<Sentence> validSentences;
  /// Ids that train and that are held out, and their checksums (CRC-32).
  int64_t trainTokens = 0, validTokens = 0;
  std::string trainChecksum, validChecksum;

  bool canValidate() const { return validStream.size() > 1 || !validSentences.empty(); }
  llvm::Expected<Evaluation> validate(Executable &executable, EvaluateProgress progress) const;
};

/// Reads the texts. `vocabularySize` bounds a vocabulary of words; `carriesState`: batches continue each other. A
/// tokenizer that is given (of a checkpoint) is used instead of the one that the options name.
llvm::Expected<TrainingData> readTrainingData(const TrainOptions &options, size_t vocabularySize, bool carriesState,
                                              std::shared_ptr<Tokenizer> tokenizer = nullptr);

} // namespace moru

#endif // MORU_TRAIN_TRAININGDATA_H
