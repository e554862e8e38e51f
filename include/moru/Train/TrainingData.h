// The text of a training run as batches of ids: a stream or sentences for a language model, pairs for an encoder and
// decoder.

#ifndef MORU_TRAIN_TRAININGDATA_H
#define MORU_TRAIN_TRAININGDATA_H

#include "moru/Compiler/Executable.h"
#include "moru/DSL/Model.h"
#include "moru/Data/PairBatches.h"
#include "moru/Train/Evaluate.h"
#include "moru/Train/TrainOptions.h"

#include <memory>
#include <optional>
#include <vector>

namespace moru {

/// One call of a training step. The inputs belong to the data and last until the next one.
struct TrainingStep {
  /// Which size of batches: what follows the name of the function.
  std::string size = {};
  std::vector<NamedInput> inputs;
  /// Targets that count.
  int64_t predictions = 0;
  /// A carried state is zero before it.
  bool resetsState = false;
};

/// What training reads.
struct TrainingData {
  /// Of the source where there are pairs, which have another one for the target.
  std::shared_ptr<Tokenizer> tokenizer, targetTokenizer;
  /// One of the two.
  std::unique_ptr<BatchSource> batches;
  std::optional<PairBatches> pairs;
  /// Held-out ids: a stream, sentences or pairs; all empty where there is nothing to validate on.
  std::vector<int32_t> validStream;
  std::vector<Sentence> validSentences;
  std::vector<IdPair> validPairs;
  /// Ids that train and that are held out, and their checksums (CRC-32).
  int64_t trainTokens = 0, validTokens = 0;
  std::string trainChecksum, validChecksum;

  /// The next step, and where in the series it is.
  TrainingStep next();
  BatchPosition position() const { return pairs ? pairs->position() : batches->position(); }
  llvm::Error restore(BatchPosition position) { return pairs ? pairs->restore(position) : batches->restore(position); }
  int64_t stepsPerEpoch() const { return pairs ? pairs->stepsPerEpoch() : batches->stepsPerEpoch(); }
  /// Ids of a row that are predicted at most.
  int64_t sequenceLength() const { return pairs ? pairs->sizes().back().target : batches->sequenceLength(); }
  /// The longest pair, held out or not.
  PairLengths longestPair() const;

  bool canValidate() const { return validStream.size() > 1 || !validSentences.empty() || !validPairs.empty(); }
  llvm::Expected<Evaluation> validate(Executable &executable, EvaluateProgress progress) const;

private:
  Batch batch;
  PairBatch pairBatch;
};

/// What a model asks of its data.
struct DataNeeds {
  ModelKind kind = ModelKind::LanguageModel;
  /// Bounds of the vocabularies.
  size_t vocabulary = 0, sourceVocabulary = 0;
  /// Batches continue each other.
  bool carriesState = false;
  /// Sources end with the end id.
  bool sourceEnds = true;
  /// Tokenizers of a checkpoint, used instead of those that the options name.
  std::shared_ptr<Tokenizer> tokenizer = nullptr, targetTokenizer = nullptr;
};

/// What that model asks for.
DataNeeds needsOf(const Model &model);

/// Reads the texts.
llvm::Expected<TrainingData> readTrainingData(const TrainOptions &options, const DataNeeds &needs);

/// How a text becomes tokens by the name on the command line: char, word, space, bpe; nothing for other names.
std::optional<TokenUnit> parseTokenizerName(llvm::StringRef name);
/// The tokenizers of `SOURCE,TARGET`, files or folders, or one of them for both sides.
llvm::Expected<PairTokenizers> loadPairTokenizers(llvm::StringRef paths);

} // namespace moru

#endif // MORU_TRAIN_TRAININGDATA_H
