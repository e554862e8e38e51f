// What a training run is: everything that decides its bits, and where its files go.

#ifndef MORU_TRAIN_TRAINOPTIONS_H
#define MORU_TRAIN_TRAINOPTIONS_H

#include "moru/Train/Optimizers.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <cstdint>
#include <string>
#include <vector>

namespace moru {

struct TrainOptions {
  // What decides the bits; a run that is resumed keeps these.

  /// A registered model, and `key=value` settings of its configuration.
  std::string model;
  std::vector<std::string> settings;
  /// The text, or with `sentences` one sentence per line, from `<SOS>` to `<EOS>`.
  std::string data;
  bool sentences = false;
  /// Of a model of pairs `data` are pairs; with `reverse` the second text of each is the source.
  bool reverse = false;
  /// Different sources of `data` that do not train; 0: what `trainPart` leaves.
  int64_t heldOut = 0;
  /// Sizes of batches of pairs that the step is compiled for.
  int64_t sizes = 4;
  /// char, word, space, bpe, or the file or folder of a tokenizer (of pairs: both sides' as SOURCE,TARGET).
  std::string tokenizer = "word";
  /// The share of `data` that trains; the rest is for validation unless there is a text for that.
  double trainPart = 0.9;
  int64_t batchSize = 32;
  /// Batches of a step: it takes the mean of their gradients.
  int64_t accumulate = 1;
  /// 0: 10, or what the longest sentence needs.
  int64_t sequenceLength = 0;
  OptimizerOptions optimizer;
  /// Share of entries that layers leave out in training.
  double dropout = 0;
  uint64_t seed = 1;

  // What may change from one start to the next.

  /// Held-out text; empty: the rest of `data`.
  std::string valid;
  int64_t epochs = 1;
  /// Steps in all; 0: as many as the epochs have.
  int64_t maxSteps = 0;
  std::string outputFolder;
  /// Continues from the newest checkpoint of the output folder, if there is one.
  bool resume = false;
  /// Steps from one checkpoint to the next; 0: about every half minute.
  int64_t saveEvery = 0;
  /// Checkpoints that are kept.
  int64_t keep = 3;

  /// The part that decides the bits.
  llvm::json::Object toObject() const;
};

/// Reads the part that decides the bits.
bool fromJSON(const llvm::json::Value &value, TrainOptions &options, llvm::json::Path path);

/// The options of a run that a checkpoint continues.
llvm::Expected<TrainOptions> readRecordedOptions(const llvm::json::Object &extra, llvm::StringRef path);

/// Fails where `options` differ from the recorded ones in what decides the bits, and lists each difference.
llvm::Error checkSameRun(const TrainOptions &options, const TrainOptions &recorded, llvm::StringRef path);

} // namespace moru

#endif // MORU_TRAIN_TRAINOPTIONS_H
