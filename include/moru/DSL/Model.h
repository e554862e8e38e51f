// Models that the tools know by name. A registered model is a factory from a configuration to a module of one of the
// kinds below; with that alone every subcommand of `moru` works on it, and nothing else names a model.

#ifndef MORU_DSL_MODEL_H
#define MORU_DSL_MODEL_H

#include "moru/DSL/Config.h"
#include "moru/DSL/Program.h"
#include "moru/DSL/State.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace moru {

/// What a model is, and so which functions it offers.
enum class ModelKind : uint8_t { LanguageModel, EncoderDecoder };

/// "language_model", "encoder_decoder".
std::string_view toString(ModelKind kind);

/// What all models are: one of the two kinds below.
class Model : public nn::Module {
public:
  virtual ~Model() = default;

  virtual ModelKind kind() const = 0;
  /// Number of ids that it predicts.
  virtual int64_t vocabulary() const = 0;
  /// Most ids of a sequence that it can read; 0: any number.
  virtual int64_t positions() const { return 0; }
};

/// A model that predicts the next id of a sequence.
class LanguageModel : public Model {
public:
  static constexpr ModelKind kKind = ModelKind::LanguageModel;
  ModelKind kind() const final { return kKind; }

  /// The state before the first id, for a number of sequences: zeros. Its names and shapes are the model's state; a
  /// model that reads whole sequences has none.
  virtual State start(int64_t batch) const { return {}; }
  /// The state of `step` before the first id, zeros too: where it is another one, such as the keys and values of
  /// attention, with room for `positions` ids.
  virtual State startDecoding(int64_t batch, int64_t positions) const { return start(batch); }
  /// ids [batch, time] i32 -> [batch, time, vocabulary], from a state, which is replaced by that after the last id.
  virtual Tensor logits(const Tensor &ids, State &state) const = 0;
  /// The training loss, a scalar: by default crossEntropy(logits, targets). targets [batch, time] i32; -1 is ignored.
  virtual Tensor loss(const Tensor &ids, const Tensor &targets, State &state) const;
  /// One id of each sequence: [batch] i32 -> [batch, vocabulary].
  virtual Tensor step(const Tensor &ids, State &state) const;
  /// Training goes on from the state in which the last batch ended.
  virtual bool carriesState() const { return false; }
};

/// A padding id stands behind the end of a sequence and is not counted as a target; of models with two sides.
inline constexpr int32_t kPaddingId = 0;

/// A model that reads one sequence and predicts another.
class EncoderDecoder : public Model {
public:
  static constexpr ModelKind kKind = ModelKind::EncoderDecoder;
  ModelKind kind() const final { return kKind; }

  /// What the decoder knows of the sources; it stays as it is while an output is made. source [batch, source time] i32,
  /// lengths [batch] i32: what is behind them is padding, which nothing depends on.
  virtual State encode(const Tensor &source, const Tensor &lengths) const = 0;
  /// The outputs' ids shifted by one, the first one the begin: inputs [batch, time] i32 -> [batch, time, vocabulary].
  virtual Tensor logits(const Tensor &inputs, const State &memory) const = 0;
  /// The training loss, a scalar: by default crossEntropy(logits, targets) without padding. targets [batch, time] i32.
  virtual Tensor loss(const Tensor &logits, const Tensor &targets) const;
  /// The state of `step` before the first id, one row for each of the memory; `positions` ids at most are to come.
  virtual State start(const State &memory, int64_t positions) const = 0;
  /// One id of each output: [batch] i32 -> [batch, vocabulary]; the state is replaced.
  virtual Tensor step(const Tensor &ids, State &state, const State &memory) const = 0;
  /// Number of ids of the sources.
  virtual int64_t sourceVocabulary() const = 0;
  /// A source ends with the end id.
  virtual bool sourceEnds() const { return true; }
};

/// Some keys of a model's configuration under a name: the `gpt2` of `gpt:gpt2`.
struct ModelPreset {
  std::string name;
  /// `key=value`, as of --set.
  std::vector<std::string> settings;
};

/// A model known by name.
struct ModelEntry {
  std::string name;
  ModelKind kind = ModelKind::LanguageModel;
  std::function<std::unique_ptr<Model>(Config &)> make;
  std::vector<ModelPreset> presets = {};
};

/// Makes a model known; one of the same name is replaced.
void registerModel(std::string_view name, ModelKind kind, std::function<std::unique_ptr<Model>(Config &)> factory);
/// The same with a factory from `Config &` to a std::unique_ptr of a class of one of the kinds.
template <typename Factory> void registerModel(std::string_view name, Factory factory) {
  using Made = typename std::invoke_result_t<Factory, Config &>::element_type;
  registerModel(name, Made::kKind, std::function<std::unique_ptr<Model>(Config &)>(std::move(factory)));
}
/// Adds presets to a model that is known.
void registerPresets(std::string_view model, std::vector<ModelPreset> presets);
/// The entry of that name, or null.
const ModelEntry *findModel(std::string_view name);
/// In alphabetical order.
std::vector<std::string> modelNames();
/// Loads a shared library and calls its `extern "C" void moruRegisterModels()`.
Result<void> loadModelPlugin(const std::string &path);

/// Makes the model of that name, or says which names or which keys there are. `config` afterwards has the defaults
/// filled in.
Result<std::unique_ptr<Model>> makeModel(std::string_view name, Config &config);
/// The same where only a language model will do.
Result<std::unique_ptr<LanguageModel>> makeLanguageModel(std::string_view name, Config &config);

/// What to build for a language model.
struct LanguageModelOptions {
  /// Of train_step, loss, logits and eval_step.
  int64_t batch = 32, time = 10;
  optim::Optimizer optimizer = optim::Adam{};
  /// Of "train_step", "accumulate_step", "loss", "logits", "decode_step", "eval_step".
  std::vector<std::string> functions = {"train_step", "loss", "logits", "decode_step", "eval_step"};
  /// Sequences of eval_step (and ids per call); 0: as `batch` and `time`.
  int64_t evalBatch = 0, evalTime = 0;
  /// Most ids of a sequence that decode_step makes; 0: the model's positions, or 1024 where it has no limit.
  int64_t decodeTime = 0;
  /// Sequences that decode_step makes at once.
  int64_t decodeBatch = 1;
  /// The rate of `nn::dropout` in train_step.
  double dropout = 0;
  /// decode_step also puts out what attention looks at: `attention.0`, …
  bool attention = false;
};

/// Prefixes of the names of state: the same tree is kept apart in training, evaluation and decoding.
inline constexpr std::string_view kTrainState = "state.";
inline constexpr std::string_view kEvalState = "eval.state.";
inline constexpr std::string_view kDecodeState = "decode.state.";
inline constexpr std::string_view kOptimizerState = "optimizer.";
/// State of train_step where it draws random numbers: the key ([] i64, to be set before the first step), and the step.
inline constexpr std::string_view kRandomKey = "random.key", kRandomStep = "random.step";

/// The functions that the tools use. All state is zero at first. `accumulate_step` is `train_step` but for the update:
/// it adds the gradients to `optimizer.sum.…`.
///
/// | function | inputs | results |
/// |---|---|---|
/// | `train_step` | `ids`, `targets` [B, T] i32 | parameters, `optimizer.…`, `state.…` (if the model carries it)
/// replaced; `loss`, `grad_norm` | | `loss` | `ids`, `targets` [B, T] | `loss`, from the state of zeros | | `logits` |
/// `ids` [B, T] | `logits` [B, T, V], from the state of zeros | | `eval_step` | `ids`, `targets` [B, T] |
/// `eval.state.…` replaced; `nll`: the sum of -log p over the targets that count, `count` (f32) | | `decode_step` |
/// `token` [N] | `decode.state.…` replaced; `logits` [N, V]; with N > 1 also takes `parent` [N]: sequence i goes on
/// from what was sequence `parent[i]` |
Program buildLanguageModel(const LanguageModel &model, const LanguageModelOptions &options, Here at = Here::current());

/// Ids of the longest source and target of a batch of pairs, as `src` and `tgt_in` have them.
struct PairSize {
  int64_t source, target;
  friend bool operator==(const PairSize &, const PairSize &) = default;
};

/// What to build for an encoder and decoder.
struct EncoderDecoderOptions {
  /// Of train_step, loss and logits: pairs, and ids of either side.
  int64_t batch = 32, sourceTime = 10, time = 10;
  optim::Optimizer optimizer = optim::Adam{};
  /// Of "train_step", "accumulate_step", "loss", "logits", "eval_step", "encode", "decode_step".
  std::vector<std::string> functions = {"train_step", "loss", "logits", "eval_step", "encode", "decode_step"};
  /// Outputs that encode and decode_step make at once, and most ids of each.
  int64_t decodeBatch = 1, decodeTime = 100;
  /// The rate of `nn::dropout` in train_step.
  double dropout = 0;
  /// encode and decode_step also put out what attention looks at: `attention.0`, …
  bool attention = false;
  /// The size of eval_step; zeros: that of train_step.
  PairSize evalSize = {0, 0};
  /// Smaller sizes for which there are steps of training too, their names followed by `sizeSuffix(size)`.
  std::vector<PairSize> sizes = {};
};

/// What follows the names of functions of pairs of that size: "_9x8", as in train_step_9x8.
std::string sizeSuffix(const PairSize &size);

/// The loss of `build` in training, where `nn::dropout` leaves entries out. Declares what random numbers are a function
/// of, if there are any.
Tensor inTraining(Function &function, double dropout, const std::function<Tensor()> &build, Here at = Here::current());

/// What `build` makes; with `notes` the function also puts out what attention looks at in it.
void withAttention(Function &function, bool notes, const std::function<void()> &build, Here at = Here::current());

/// A state whose sequences go on from one another: with `State::kRows` if it has caches, all of which have the same
/// rows and positions.
State withRows(State state);
/// Row i of each tensor becomes what row `parent[i]` is; scalars and caches stay. parent [rows] i32.
State reordered(const State &state, const Tensor &parent);

/// Prefix of what `encode` leaves for `decode_step`.
inline constexpr std::string_view kMemory = "decode.memory.";

/// The functions that the tools use. `S` and `T` are source and target, `N` outputs.
///
/// | function | inputs | results |
/// |---|---|---|
/// | `train_step` | `src` [B, S], `src_len` [B], `tgt_in`, `tgt_out` [B, T] i32 | parameters, `optimizer.…` replaced;
/// `loss`, `grad_norm` | | `loss` | the same | `loss` | | `logits` | `src`, `src_len`, `tgt_in` | `logits` [B, T, V] |
/// | `eval_step` | as `loss` | `nll`: the sum of -log p over the targets that count, `count` (f32) | | `encode` | `src`
/// [N, S], `src_len` [N] | `decode.memory.…` and `decode.state.…` replaced | | `decode_step` | `token` [N] | `logits`
/// [N, V]; with N > 1 also takes `parent` [N]: output i goes on from what was output `parent[i]`, with `token[i]` |
Program buildEncoderDecoder(const EncoderDecoder &model, const EncoderDecoderOptions &options,
                            Here at = Here::current());

/// The functions of a model of either kind, by the options for its kind.
Program buildProgram(const Model &model, const LanguageModelOptions &language, const EncoderDecoderOptions &pairs,
                     Here at = Here::current());

} // namespace moru

#endif // MORU_DSL_MODEL_H
