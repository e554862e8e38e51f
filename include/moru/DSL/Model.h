// Models that the tools know by name. A registered model is a factory from a configuration to a module of one of the
// kinds below; with that alone every subcommand of `moru` works on it, and nothing else names a model.

#ifndef MORU_DSL_MODEL_H
#define MORU_DSL_MODEL_H

#include "moru/DSL/Config.h"
#include "moru/DSL/Program.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace moru {

/// Named tensors that a model carries from call to call, a tree of dotted names: `l0.h`, `l0.c`.
class State {
public:
  /// The tensor of that name; an empty one is added if there is none.
  Tensor &operator[](std::string_view name);
  const std::vector<std::pair<std::string, Tensor>> &entries() const { return list; }
  std::vector<std::pair<std::string, Tensor>> &entries() { return list; }
  bool empty() const { return list.empty(); }

private:
  std::vector<std::pair<std::string, Tensor>> list;
};

/// A model that predicts the next id of a sequence.
class LanguageModel : public nn::Module {
public:
  virtual ~LanguageModel() = default;

  /// The state before the first id, for a number of sequences: zeros. Its names and shapes are the model's state.
  virtual State start(int64_t batch) const = 0;
  /// ids [batch, time] i32 -> [batch, time, vocabulary], from a state, which is replaced by that after the last id.
  virtual Tensor logits(const Tensor &ids, State &state) const = 0;
  /// The training loss, a scalar: by default crossEntropy(logits, targets). targets [batch, time] i32; -1 is ignored.
  virtual Tensor loss(const Tensor &ids, const Tensor &targets, State &state) const;
  /// One id of each sequence: [batch] i32 -> [batch, vocabulary].
  virtual Tensor step(const Tensor &ids, State &state) const;
  /// Number of ids.
  virtual int64_t vocabulary() const = 0;
  /// Training goes on from the state in which the last batch ended.
  virtual bool carriesState() const { return false; }
};

/// What a model is, and so which functions it offers.
enum class ModelKind : uint8_t { LanguageModel, EncoderDecoder };

/// "language_model", "encoder_decoder".
std::string_view toString(ModelKind kind);

/// A model known by name.
struct ModelEntry {
  std::string name;
  ModelKind kind = ModelKind::LanguageModel;
  std::function<std::unique_ptr<LanguageModel>(Config &)> languageModel;
};

/// Makes a language model known; one of the same name is replaced.
void registerModel(std::string_view name, std::function<std::unique_ptr<LanguageModel>(Config &)> factory);
/// The entry of that name, or null.
const ModelEntry *findModel(std::string_view name);
/// In alphabetical order.
std::vector<std::string> modelNames();
/// Loads a shared library and calls its `extern "C" void moruRegisterModels()`.
Result<void> loadModelPlugin(const std::string &path);

/// Makes the model of that name, or says which names or which keys there are. `config` afterwards has the defaults
/// filled in.
Result<std::unique_ptr<LanguageModel>> makeLanguageModel(std::string_view name, Config &config);

/// What to build for a language model.
struct LanguageModelOptions {
  /// Of train_step, loss, logits and eval_step.
  int64_t batch = 32, time = 10;
  optim::Optimizer optimizer = optim::Adam{};
  /// Of "train_step", "loss", "logits", "decode_step", "eval_step".
  std::vector<std::string> functions = {"train_step", "loss", "logits", "decode_step", "eval_step"};
  /// Sequences of eval_step (and ids per call); 0: as `batch` and `time`.
  int64_t evalBatch = 0, evalTime = 0;
};

/// Prefixes of the names of state: the same tree is kept apart in training, evaluation and decoding.
inline constexpr std::string_view kTrainState = "state.";
inline constexpr std::string_view kEvalState = "eval.state.";
inline constexpr std::string_view kDecodeState = "decode.state.";
inline constexpr std::string_view kOptimizerState = "optimizer.";

/// The functions that the tools use. All state is zero at first.
///
/// | function | inputs | results |
/// |---|---|---|
/// | `train_step` | `ids`, `targets` [B, T] i32 | parameters, `optimizer.…`, `state.…` (if the model carries it)
/// replaced; `loss`, `grad_norm` | | `loss` | `ids`, `targets` [B, T] | `loss`, from the state of zeros | | `logits` |
/// `ids` [B, T] | `logits` [B, T, V], from the state of zeros | | `eval_step` | `ids`, `targets` [B, T] |
/// `eval.state.…` replaced; `nll`: the sum of -log p over the targets that count, `count` (f32) | | `decode_step` |
/// `token` [1] | `decode.state.…` replaced; `logits` [1, V] |
Program buildLanguageModel(const LanguageModel &model, const LanguageModelOptions &options, Here at = Here::current());

} // namespace moru

#endif // MORU_DSL_MODEL_H
