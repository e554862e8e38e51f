//===- Model.cpp - registered models and their functions ------------------===//
// The registry, plug-ins, and the functions that the tools use, built from what a model offers.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Model.h"
#include "moru/DSL/Nn.h"

#include "llvm/ADT/STLExtras.h"

#include <dlfcn.h>

namespace moru {

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

Tensor &State::operator[](std::string_view name) {
  for (auto &[known, tensor] : list)
    if (known == name)
      return tensor;
  return list.emplace_back(std::string(name), Tensor()).second;
}

Tensor State::operator[](std::string_view name) const {
  for (const auto &[known, tensor] : list)
    if (known == name)
      return tensor;
  return {};
}

bool State::isCache(std::string_view name) const { return llvm::is_contained(caches, name); }

Tensor LanguageModel::loss(const Tensor &ids, const Tensor &targets, State &state) const {
  return crossEntropy(logits(ids, state), targets);
}

Tensor LanguageModel::step(const Tensor &ids, State &state) const {
  return squeeze(logits(expandDims(ids, 1), state), 1);
}

Tensor EncoderDecoder::loss(const Tensor &logits, const Tensor &targets) const {
  return crossEntropy(logits, targets, {.ignoreIndex = kPaddingId});
}

//===----------------------------------------------------------------------===//
// The registry
//===----------------------------------------------------------------------===//

std::string_view toString(ModelKind kind) {
  return kind == ModelKind::LanguageModel ? "language_model" : "encoder_decoder";
}

static std::vector<std::unique_ptr<ModelEntry>> &registry() {
  static std::vector<std::unique_ptr<ModelEntry>> entries;
  return entries;
}

void registerModel(std::string_view name, ModelKind kind, std::function<std::unique_ptr<Model>(Config &)> factory) {
  llvm::erase_if(registry(), [&](const auto &entry) { return entry->name == name; });
  registry().push_back(std::make_unique<ModelEntry>(ModelEntry{std::string(name), kind, std::move(factory), {}}));
}

void registerPresets(std::string_view model, std::vector<ModelPreset> presets) {
  for (const auto &entry : registry())
    if (entry->name == model)
      llvm::append_range(entry->presets, std::move(presets));
}

const ModelEntry *findModel(std::string_view name) {
  for (const auto &entry : registry())
    if (entry->name == name)
      return entry.get();
  return nullptr;
}

std::vector<std::string> modelNames() {
  std::vector<std::string> names;
  for (const auto &entry : registry())
    names.push_back(entry->name);
  llvm::sort(names);
  return names;
}

Result<void> loadModelPlugin(const std::string &path) {
  // Without a slash dlopen would look in the system's folders.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Failure{"cannot load the plug-in " + path + ": " + dlerror()};
  auto *entry = reinterpret_cast<void (*)()>(dlsym(library, "moruRegisterModels"));
  if (!entry) {
    dlclose(library);
    return Failure{"the plug-in " + path +
                   " has no function moruRegisterModels: define `extern \"C\" void "
                   "moruRegisterModels()` and call registerModel in it"};
  }
  // The library stays: the registry refers to its code.
  entry();
  return {};
}

Result<std::unique_ptr<Model>> makeModel(std::string_view name, Config &config) {
  const ModelEntry *entry = findModel(name);
  if (!entry) {
    std::string known;
    for (const std::string &model : modelNames())
      known += (known.empty() ? "" : ", ") + model;
    return Failure{"unknown model \"" + std::string(name) + "\"; known: " + (known.empty() ? "none" : known) +
                   ". A model of your own is loaded with --model=<library>"};
  }
  std::unique_ptr<Model> model = entry->make(config);
  if (Result<void> finished = config.finish(name); !finished)
    return finished.failure();
  return model;
}

Result<std::unique_ptr<LanguageModel>> makeLanguageModel(std::string_view name, Config &config) {
  Result<std::unique_ptr<Model>> model = makeModel(name, config);
  if (!model)
    return model.failure();
  if ((*model)->kind() != ModelKind::LanguageModel)
    return Failure{"expected a language_model, got \"" + std::string(name) + "\", which is an " +
                   std::string(toString((*model)->kind()))};
  return std::unique_ptr<LanguageModel>(static_cast<LanguageModel *>(model->release()));
}

//===----------------------------------------------------------------------===//
// The functions of a language model
//===----------------------------------------------------------------------===//

/// Declares state under a prefix, of the pattern of `state`.
static State declareState(Function &function, State state, std::string_view prefix, Here at) {
  for (auto &[name, tensor] : state.entries())
    tensor = function.state(std::string(prefix) + name, {tensor.type(), tensor.dims(), {}}, at);
  return state;
}

/// The state after a call replaces that before it.
static void replaceState(Function &function, const State &before, State &after, Here at) {
  for (const auto &[name, tensor] : before.entries())
    function.update(tensor, after[name], at);
}

namespace {
/// Sizes of one function's batch.
struct Batch {
  int64_t rows, time;
  TensorType ids(std::string_view name) const { return i32({dim("batch", rows), dim("time", time)}).named(name); }
};
} // namespace

Tensor inTraining(Function &function, double dropout, const std::function<Tensor()> &build, Here at) {
  nn::TrainingScope scope(dropout, [&] {
    Tensor key = function.state(kRandomKey, {ElementType::I64, {}, {}}, at);
    Tensor step = function.state(kRandomStep, i32({}), at);
    function.update(step, step + 1, at);
    return RandomState{key, step};
  });
  return build();
}

static void buildTrain(Function &function, const LanguageModel &model, const LanguageModelOptions &options,
                       bool updates, Here at) {
  Batch batch{options.batch, options.time};
  Tensor ids = function.input(batch.ids("ids"), at), targets = function.input(batch.ids("targets"), at);
  bool carried = model.carriesState();
  State before = carried ? declareState(function, model.start(batch.rows), kTrainState, at) : model.start(batch.rows);
  State after = before;
  Tensor loss = inTraining(function, options.dropout, [&] { return model.loss(ids, targets, after); }, at);
  if (updates)
    buildTrainStep(function, model, options.optimizer, loss, at);
  else
    buildAccumulateStep(function, model, loss, at);
  if (carried)
    replaceState(function, before, after, at);
}

static void buildLoss(Function &function, const LanguageModel &model, const LanguageModelOptions &options, Here at) {
  Batch batch{options.batch, options.time};
  Tensor ids = function.input(batch.ids("ids"), at), targets = function.input(batch.ids("targets"), at);
  State state = model.start(batch.rows);
  function.output("loss", model.loss(ids, targets, state), at);
}

static void buildLogits(Function &function, const LanguageModel &model, const LanguageModelOptions &options, Here at) {
  Batch batch{options.batch, options.time};
  State state = model.start(batch.rows);
  function.output("logits", model.logits(function.input(batch.ids("ids"), at), state), at);
}

static void buildEvaluation(Function &function, const LanguageModel &model, const LanguageModelOptions &options,
                            Here at) {
  Batch batch{options.evalBatch ? options.evalBatch : options.batch,
              options.evalTime ? options.evalTime : options.time};
  Tensor ids = function.input(batch.ids("ids"), at), targets = function.input(batch.ids("targets"), at);
  State before = declareState(function, model.start(batch.rows), kEvalState, at), after = before;
  // Not the training loss, which a model may smooth.
  Tensor mean = crossEntropy(model.logits(ids, after), targets);
  Tensor count = sum(convert(targets != -1, ElementType::F32));
  function.output("nll", mean * count, at);
  function.output("count", count, at);
  replaceState(function, before, after, at);
}

void withAttention(Function &function, bool notes, const std::function<void()> &build, Here at) {
  if (!notes)
    return build();
  nn::AttentionScope scope;
  build();
  for (size_t i = 0; i < scope.weights.size(); ++i)
    function.output("attention." + std::to_string(i), scope.weights[i], at);
}

State withRows(State state) {
  for (const auto &[name, tensor] : state.entries())
    if (state.isCache(name)) {
      Dims dims = tensor.dims();
      state[State::kRows] = zeros({dims[0], dims[1]}, ElementType::I32);
      break;
    }
  return state;
}

State reordered(const State &state, const Tensor &parent) {
  State result = state;
  for (auto &[name, tensor] : result.entries())
    if (tensor.rank() > 0 && !state.isCache(name))
      tensor = gather(tensor, parent);
  return result;
}

/// Positions to keep room for where neither the model nor the caller says how many.
static constexpr int64_t kDefaultPositions = 1024;

static void buildDecode(Function &function, const LanguageModel &model, const LanguageModelOptions &options, Here at) {
  int64_t positions = options.decodeTime ? options.decodeTime : model.positions();
  positions = positions ? positions : kDefaultPositions;
  Dim batch = dim("batch", options.decodeBatch);
  Tensor token = function.input(i32({batch}).named("token"), at);
  bool branches = options.decodeBatch > 1;
  State pattern = model.startDecoding(options.decodeBatch, positions);
  State before = declareState(function, branches ? withRows(pattern) : pattern, kDecodeState, at);
  State after = branches ? reordered(before, function.input("parent", i32({batch}), at)) : before;
  withAttention(function, options.attention, [&] { function.output("logits", model.step(token, after), at); }, at);
  replaceState(function, before, after, at);
}

Program buildLanguageModel(const LanguageModel &model, const LanguageModelOptions &options, Here at) {
  Program program;
  for (const std::string &name : options.functions)
    program.function(
        name,
        [&](Function &function) {
          if (name == "train_step" || name == "accumulate_step")
            buildTrain(function, model, options, name == "train_step", at);
          else if (name == "loss")
            buildLoss(function, model, options, at);
          else if (name == "logits")
            buildLogits(function, model, options, at);
          else if (name == "eval_step")
            buildEvaluation(function, model, options, at);
          else if (name == "decode_step")
            buildDecode(function, model, options, at);
          else
            function.fail("unknown function \"" + name +
                              "\"; known: train_step, accumulate_step, loss, logits, decode_step, eval_step",
                          at);
        },
        at);
  return program;
}

} // namespace moru
