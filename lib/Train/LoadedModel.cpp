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

Expected<ModelDescription> ModelDescription::create(StringRef name, ArrayRef<std::string> assignments) {
  ModelDescription description{name.str(), {}};
  for (const std::string &assignment : assignments)
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
  return json::Object{{"model", name}, {"kind", "language_model"}, {"config", cantFail(json::parse(config.toJson()))}};
}

Expected<std::unique_ptr<Model>> ModelDescription::make() {
  Result<std::unique_ptr<Model>> model = makeModel(name, config);
  if (!model)
    return makeError(model.message());
  return model.take();
}

Expected<std::unique_ptr<LanguageModel>> ModelDescription::makeLanguageModel() {
  Result<std::unique_ptr<LanguageModel>> model = moru::makeLanguageModel(name, config);
  if (!model)
    return makeError(model.message());
  return model.take();
}

//===----------------------------------------------------------------------===//
// Loaded models
//===----------------------------------------------------------------------===//

Expected<LoadedModel> LoadedModel::create(ModelDescription description, const LanguageModelOptions &build,
                                          const CompileOptions &options) {
  Expected<std::unique_ptr<LanguageModel>> model = description.makeLanguageModel();
  if (!model)
    return model.takeError();
  Result<Executable> executable = compile(buildLanguageModel(**model, build), options);
  if (!executable)
    return makeError(executable.message());
  return LoadedModel{std::move(description), std::move(*model), executable.take()};
}

Expected<LoadedModel> LoadedModel::load(const Checkpoint &checkpoint, std::vector<std::string> functions,
                                        const CompileOptions &options) {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  LanguageModelOptions build;
  build.functions = std::move(functions);
  build.evalBatch = 1;
  build.evalTime = kEvalTime;
  Expected<LoadedModel> loaded = create(std::move(*description), build, options);
  if (!loaded)
    return loaded.takeError();
  if (Error error = setParameters(*loaded->executable, checkpoint.model, checkpoint.path))
    return error;
  return loaded;
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
