// A model that can be called: its module, its configuration, the executable, and the way of its values into
// and out of checkpoints.

#ifndef MORU_TRAIN_LOADEDMODEL_H
#define MORU_TRAIN_LOADEDMODEL_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Compiler/Executable.h"
#include "moru/DSL/Model.h"
#include "moru/Data/Checkpoint.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>

namespace moru {

/// Ids of one call of `eval_step`: enough rows for the contractions, and short texts still fill most of it.
constexpr int64_t kEvalTime = 64;

/// A model by name with its configuration.
struct ModelDescription {
  std::string name;
  Config config;

  /// From `--set` assignments, which come after those of a preset: `gpt:gpt2`.
  static llvm::Expected<ModelDescription> create(llvm::StringRef name, llvm::ArrayRef<std::string> assignments);
  /// From a checkpoint's `config.json`; `path` names it in errors.
  static llvm::Expected<ModelDescription> fromCheckpoint(const llvm::json::Object &config, llvm::StringRef path);
  llvm::json::Object toConfig() const;
  /// The kind of the registered model; fails where there is none of that name.
  llvm::Expected<ModelKind> kind() const;
  /// Makes the module; fills the configuration's defaults in.
  llvm::Expected<std::unique_ptr<Model>> make();
  /// The same where only one kind will do.
  llvm::Expected<std::unique_ptr<Model>> make(ModelKind kind);
};

/// Ids of one call of `eval_step` for a language model: `kEvalTime` where state is carried from call to call; a model
/// that reads whole sequences predicts from those of its window alone, and gets one of `window` ids.
int64_t evalTimeOf(ModelDescription description, int64_t window);

/// A compiled model.
struct LoadedModel {
  ModelDescription description;
  std::unique_ptr<Model> model;
  std::optional<Executable> executable;

  /// The model as what it was created as.
  const LanguageModel &languageModel() const { return static_cast<const LanguageModel &>(*model); }

  /// Makes and compiles the model, which is of the kind that the options are for; all parameters are zero.
  static llvm::Expected<LoadedModel> create(ModelDescription description, const LanguageModelOptions &build,
                                            const CompileOptions &options);
  static llvm::Expected<LoadedModel> create(ModelDescription description, const EncoderDecoderOptions &build,
                                            const CompileOptions &options);
  /// The model of a checkpoint with its parameters, for functions that do not train.
  static llvm::Expected<LoadedModel> load(const Checkpoint &checkpoint, const LanguageModelOptions &build,
                                          const CompileOptions &options);
  static llvm::Expected<LoadedModel> load(const Checkpoint &checkpoint, const EncoderDecoderOptions &build,
                                          const CompileOptions &options);
  /// The same by the options for the kind that the model is of.
  static llvm::Expected<LoadedModel> load(const Checkpoint &checkpoint, const LanguageModelOptions &language,
                                          const EncoderDecoderOptions &pairs, const CompileOptions &options);
};

/// The values of a checkpoint's `model.safetensors` (parameters) or `optimizer.safetensors` (what else a training step
/// hands to the next one), in the executable's memory.
std::vector<TensorRef> parametersOf(const Executable &executable);
std::vector<TensorRef> trainingStateOf(const Executable &executable);

/// Sets values of the executable; all that are missing, unknown or misshapen are listed before anything is changed.
/// `source` names where they come from.
llvm::Error setParameters(Executable &executable, const std::vector<NamedTensor> &values, llvm::StringRef source);
llvm::Error setTrainingState(Executable &executable, const std::vector<NamedTensor> &values, llvm::StringRef source);

/// Zeroes the state whose name begins with `prefix`.
void clearState(Executable &executable, llvm::StringRef prefix);

} // namespace moru

#endif // MORU_TRAIN_LOADEDMODEL_H
