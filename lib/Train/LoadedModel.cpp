// Models made, compiled and filled.

#include "moru/Train/LoadedModel.h"

#include "moru/DSL/Compile.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <optional>

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Descriptions
//===----------------------------------------------------------------------===//

/// The settings of a preset.
static Expected<std::vector<std::string>> settingsOf(StringRef model, StringRef preset) {
  const ModelEntry *entry = findModel(model);
  if (!entry) {
    Config none;
    return makeError(makeModel(model, none).message());
  }
  std::string known;
  for (const ModelPreset &one : entry->presets) {
    if (one.name == preset)
      return one.settings;
    known += (known.empty() ? "" : ", ") + one.name;
  }
  return makeError("unknown preset \"" + preset + "\" of " + model + "; known: " + (known.empty() ? "none" : known));
}

Expected<ModelDescription> ModelDescription::create(StringRef name, ArrayRef<std::string> assignments) {
  auto [model, preset] = name.split(':');
  ModelDescription description{model.str(), {}};
  std::vector<std::string> settings;
  if (name.contains(':'))
    if (Error error = settingsOf(model, preset).moveInto(settings))
      return std::move(error);
  settings.insert(settings.end(), assignments.begin(), assignments.end());
  for (const std::string &assignment : settings)
    if (Result<void> set = description.config.set(assignment); !set)
      return makeError("--set: " + set.message());
  return description;
}

Expected<ModelDescription> ModelDescription::fromCheckpoint(const json::Object &config, StringRef path) {
  std::optional<StringRef> name = config.getString("model");
  const json::Object *keys = config.getObject("config");
  if (!name || !keys)
    return makeError(path + "/config.json: expected \"model\": a name and \"config\": an object; is it a checkpoint?");
  Result<Config> parsed =
      Config::parse(formatv("{0}", json::Value(json::Object(*keys))).str(), path.str() + "/config.json");
  if (!parsed)
    return makeError(parsed.message());
  return ModelDescription{name->str(), parsed.take()};
}

json::Object ModelDescription::toConfig() const {
  const ModelEntry *entry = findModel(name);
  return json::Object{{"model", name},
                      {"kind", StringRef(toString(entry ? entry->kind : ModelKind::LanguageModel))},
                      {"config", cantFail(json::parse(config.toJson()))}};
}

Expected<ModelKind> ModelDescription::kind() const {
  if (const ModelEntry *entry = findModel(name))
    return entry->kind;
  // Says which models there are.
  Config none;
  return makeError(makeModel(name, none).message());
}

Expected<std::unique_ptr<Model>> ModelDescription::make() {
  Result<std::unique_ptr<Model>> model = makeModel(name, config);
  if (!model)
    return makeError(model.message());
  return model.take();
}

Expected<std::unique_ptr<Model>> ModelDescription::make(ModelKind kind) {
  Expected<ModelKind> own = this->kind();
  if (!own)
    return own.takeError();
  if (*own != kind)
    return makeError("expected a model of the kind " + std::string(toString(kind)) + ", got " + name +
                     ", which is of the kind " + std::string(toString(*own)));
  return make();
}

//===----------------------------------------------------------------------===//
// Loaded models
//===----------------------------------------------------------------------===//

int64_t evalTimeOf(ModelDescription description, int64_t window) {
  Expected<std::unique_ptr<Model>> model = description.make();
  if (!model) {
    consumeError(model.takeError());
    return kEvalTime;
  }
  return (*model)->positions() > 0 ? std::min(window, (*model)->positions()) : kEvalTime;
}

static Program buildFor(const Model &model, const LanguageModelOptions &build) {
  return buildLanguageModel(static_cast<const LanguageModel &>(model), build);
}
static Program buildFor(const Model &model, const EncoderDecoderOptions &build) {
  return buildEncoderDecoder(static_cast<const EncoderDecoder &>(model), build);
}
static constexpr ModelKind kindOf(const LanguageModelOptions &) { return ModelKind::LanguageModel; }
static constexpr ModelKind kindOf(const EncoderDecoderOptions &) { return ModelKind::EncoderDecoder; }

template <typename Options>
static Expected<LoadedModel> createModel(ModelDescription description, const Options &build,
                                         const CompileOptions &options) {
  Expected<std::unique_ptr<Model>> model = description.make(kindOf(build));
  if (!model)
    return model.takeError();
  Result<Executable> executable = compile(buildFor(**model, build), options);
  if (!executable)
    return makeError(executable.message());
  return LoadedModel{std::move(description), std::move(*model), executable.take()};
}

template <typename Options>
static Expected<LoadedModel> loadModel(const Checkpoint &checkpoint, const Options &build,
                                       const CompileOptions &options) {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  Expected<LoadedModel> loaded = createModel(std::move(*description), build, options);
  if (!loaded)
    return loaded.takeError();
  if (Error error = setParameters(*loaded->executable, checkpoint.model, checkpoint.path))
    return error;
  return loaded;
}

Expected<LoadedModel> LoadedModel::create(ModelDescription description, const LanguageModelOptions &build,
                                          const CompileOptions &options) {
  return createModel(std::move(description), build, options);
}

Expected<LoadedModel> LoadedModel::create(ModelDescription description, const EncoderDecoderOptions &build,
                                          const CompileOptions &options) {
  return createModel(std::move(description), build, options);
}

Expected<LoadedModel> LoadedModel::load(const Checkpoint &checkpoint, const LanguageModelOptions &build,
                                        const CompileOptions &options) {
  return loadModel(checkpoint, build, options);
}

Expected<LoadedModel> LoadedModel::load(const Checkpoint &checkpoint, const EncoderDecoderOptions &build,
                                        const CompileOptions &options) {
  return loadModel(checkpoint, build, options);
}

Expected<LoadedModel> LoadedModel::load(const Checkpoint &checkpoint, const LanguageModelOptions &language,
                                        const EncoderDecoderOptions &pairs, const CompileOptions &options) {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  Expected<ModelKind> kind = description->kind();
  if (!kind)
    return kind.takeError();
  return *kind == ModelKind::LanguageModel ? load(checkpoint, language, options) : load(checkpoint, pairs, options);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static bool isParameter(const ArgumentSignature &argument) { return argument.role == Role::Parameter; }

/// State of the training step; evaluation and decoding begin anew.
static bool isTrainingState(const ArgumentSignature &argument) {
  StringRef name = argument.name;
  return argument.role == Role::State && !name.starts_with(kEvalState) && !name.starts_with(kDecodeState);
}

using Filter = bool (*)(const ArgumentSignature &);

static std::vector<TensorRef> refsOf(const Executable &executable, Filter filter) {
  std::vector<TensorRef> refs;
  for (const ArgumentSignature &resident : executable.residents())
    if (filter(resident))
      refs.push_back({resident.name, executable.find(resident.name)});
  return refs;
}

std::vector<TensorRef> parametersOf(const Executable &executable) { return refsOf(executable, isParameter); }
std::vector<TensorRef> trainingStateOf(const Executable &executable) { return refsOf(executable, isTrainingState); }

static const HostTensor *findValue(const std::vector<NamedTensor> &values, StringRef name) {
  auto found = find_if(values, [&](const NamedTensor &value) { return value.name == name; });
  return found == values.end() ? nullptr : &found->tensor;
}

/// Everything that keeps `values` from being what the executable wants, one per line.
static std::string compare(const Executable &executable, const std::vector<NamedTensor> &values, Filter filter) {
  std::string wrong;
  for (const ArgumentSignature &resident : executable.residents()) {
    if (!filter(resident))
      continue;
    std::string expected = toString(resident.type, resident.shape);
    const HostTensor *value = findValue(values, resident.name);
    if (!value)
      wrong += "\n  " + resident.name + ": expected " + expected + ", is missing";
    else if (value->type() != resident.type || value->shape() != resident.shape)
      wrong += "\n  " + resident.name + ": expected " + expected + ", got " + value->toString();
  }
  for (const NamedTensor &value : values)
    if (none_of(executable.residents(), [&](const auto &known) { return filter(known) && known.name == value.name; }))
      wrong += "\n  " + value.name + ": unknown, got " + value.tensor.toString();
  return wrong;
}

/// The first element that is infinite or not a number.
static std::optional<int64_t> findNotFinite(const HostTensor &tensor) {
  if (isFloat(tensor.type()))
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      if (!std::isfinite(tensor.at(i)))
        return i;
  return std::nullopt;
}

static Error setValues(Executable &executable, const std::vector<NamedTensor> &values, Filter filter,
                       StringRef source) {
  if (std::string wrong = compare(executable, values, filter); !wrong.empty())
    return makeError(source + ": the tensors are not those of this model and configuration:" + wrong);
  for (const NamedTensor &value : values) {
    if (std::optional<int64_t> index = findNotFinite(value.tensor))
      return makeError(source + ": tensor '" + value.name + "', element " + Twine(*index) +
                       ": expected a finite number, got " + formatNumber(value.tensor.at(*index)) +
                       "; the run that wrote it had gone astray, take an earlier checkpoint");
    if (Result<void> set = executable.set(value.name, value.tensor); !set)
      return makeError(source + ": " + set.message());
  }
  return Error::success();
}

Error setParameters(Executable &executable, const std::vector<NamedTensor> &values, StringRef source) {
  return setValues(executable, values, isParameter, source);
}

Error setTrainingState(Executable &executable, const std::vector<NamedTensor> &values, StringRef source) {
  return setValues(executable, values, isTrainingState, source);
}

void clearState(Executable &executable, StringRef prefix) {
  for (const ArgumentSignature &resident : executable.residents())
    if (resident.role == Role::State && StringRef(resident.name).starts_with(prefix))
      (void)executable.set(resident.name, HostTensor::zeros(resident.type, resident.shape));
}

} // namespace moru
