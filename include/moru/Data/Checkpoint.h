// Checkpoints: a folder `step-N` with `config.json`, `model.safetensors`, `optimizer.safetensors`, `state.json` and the
// files of tokenizers, beside links `latest` and `best`. A checkpoint appears whole or not at all, and is verified when
// it is read: `state.json` holds the size and the hash of every other file, and a hash of itself.

#ifndef MORU_DATA_CHECKPOINT_H
#define MORU_DATA_CHECKPOINT_H

#include "moru/Data/Batches.h"
#include "moru/Data/Safetensors.h"
#include "moru/Data/Tokenizer.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moru {

/// What the names of a target tokenizer's files begin with.
inline constexpr llvm::StringLiteral kTargetPrefix("target.");

/// Where a training run stands.
struct TrainState {
  /// Steps done; the N of `step-N`.
  int64_t step = 0;
  /// The key of all random numbers.
  uint64_t seed = 0;
  /// The next batch.
  BatchPosition position;
  /// What else the training loop wants back, such as its options.
  llvm::json::Object extra;
};

/// A checkpoint in memory.
struct Checkpoint {
  /// Name and configuration of the model.
  llvm::json::Object config;
  /// Parameters, by name.
  std::vector<NamedTensor> model;
  /// All else that a step hands to the next one: moments, carried state.
  std::vector<NamedTensor> optimizer;
  TrainState state;
  /// Null where the model has none. A model of pairs has one for the source and one for the target.
  std::shared_ptr<Tokenizer> tokenizer, targetTokenizer;

  /// After loading: the folder, and what was wrong with newer ones.
  std::string path;
  std::vector<std::string> warnings;
};

/// What to save, owned by somebody else, so that saving copies no parameter.
struct CheckpointRef {
  CheckpointRef() = default;
  CheckpointRef(const Checkpoint &checkpoint)
      : config(&checkpoint.config), model(refsTo(checkpoint.model)), optimizer(refsTo(checkpoint.optimizer)),
        state(&checkpoint.state), tokenizer(checkpoint.tokenizer.get()),
        targetTokenizer(checkpoint.targetTokenizer.get()) {}

  const llvm::json::Object *config = nullptr;
  std::vector<TensorRef> model, optimizer;
  const TrainState *state = nullptr;
  const Tokenizer *tokenizer = nullptr, *targetTokenizer = nullptr;
};

/// Writes `<root>/step-N`, replacing one that is there, then points `<root>/latest` to it. Returns the folder. Killed
/// at any moment, it leaves every earlier checkpoint readable and `latest` on a complete one.
llvm::Expected<std::string> saveCheckpoint(llvm::StringRef root, const CheckpointRef &checkpoint);

/// Loads a checkpoint from its folder, or from the folder of several (or its `latest`): then the one that `latest`
/// names, and if that is damaged the newest complete one, with a warning. `withOptimizer` false skips
/// `optimizer.safetensors`.
llvm::Expected<Checkpoint> loadCheckpoint(llvm::StringRef path, bool withOptimizer = true);

/// Points `<root>/best` to the checkpoint of a step, which is there.
llvm::Error markBestCheckpoint(llvm::StringRef root, int64_t step);
/// The step that `<root>/best` names, if it names one.
std::optional<int64_t> bestCheckpointStep(llvm::StringRef root);

/// Removes all but the newest `keep` checkpoints of a folder and those that `latest` and `best` name.
llvm::Error removeOldCheckpoints(llvm::StringRef root, size_t keep);

} // namespace moru

#endif // MORU_DATA_CHECKPOINT_H
