// From a folder of another project's weights to a checkpoint.

#include "moru/Train/ImportCheckpoint.h"

#include "moru/DSL/Import.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"
#include "moru/Train/ImportVocabulary.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace moru {

/// The tokenizers of a folder; the rows of tensors follow their ids.
static Error importTokenizers(StringRef folder, const ImportTable &table, std::vector<NamedTensor> &tensors,
                              Checkpoint &checkpoint) {
  std::shared_ptr<Tokenizer> *places[] = {&checkpoint.tokenizer, &checkpoint.targetTokenizer};
  for (auto [rule, place] : zip(table.vocabularies, places)) {
    if (!sys::fs::exists(folder + "/" + rule.file) && rule.tensors.empty())
      continue;
    Expected<ImportedVocabulary> vocabulary = importVocabulary(folder, rule);
    if (!vocabulary)
      return vocabulary.takeError();
    if (Error error = reorderTensors(tensors, rule, *vocabulary, (folder + "/model.safetensors").str()))
      return error;
    *place = vocabulary->tokenizer;
  }
  return Error::success();
}

/// A tokenizer in files that are read everywhere, their names after `prefix`, if there are any.
static Error loadOwnTokenizer(StringRef folder, StringRef prefix, std::shared_ptr<Tokenizer> &tokenizer) {
  for (StringRef name : {"tokenizer.json", "vocab.json", "encoder.json", "vocabulary.txt"})
    if (sys::fs::exists(folder + "/" + prefix + name))
      return loadTokenizer(folder, prefix).moveInto(tokenizer);
  return Error::success();
}

static std::string configPath(StringRef folder) { return (folder + "/config.json").str(); }

static Expected<json::Object> readConfigFile(StringRef folder) {
  Expected<std::string> text = readFile(configPath(folder));
  if (!text)
    return text.takeError();
  return parseJsonObject(*text, configPath(folder));
}

/// The entries of config.json that are numbers, strings and truth values.
static Expected<Config> readForeignConfig(StringRef folder) {
  std::string path = configPath(folder);
  Expected<json::Object> object = readConfigFile(folder);
  if (!object)
    return object.takeError();
  json::Object plain;
  for (const auto &[key, value] : *object)
    if (is_contained({json::Value::Boolean, json::Value::Number, json::Value::String}, value.kind()))
      plain[key] = value;
  Result<Config> config = Config::parse(formatv("{0}", json::Value(std::move(plain))).str(), path);
  if (!config)
    return makeError(config.message());
  return config.take();
}

/// The model of config.json, if that names one as a checkpoint does.
static Expected<std::optional<ModelDescription>> readOwnDescription(StringRef folder) {
  if (!sys::fs::exists(configPath(folder)))
    return std::nullopt;
  Expected<json::Object> object = readConfigFile(folder);
  if (!object)
    return object.takeError();
  if (!object->getString("model") || !object->getObject("config"))
    return std::nullopt;
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(*object, folder);
  if (!description)
    return description.takeError();
  return std::move(*description);
}

/// Parameters under their names.
static Expected<Checkpoint> importOwn(StringRef folder, ModelDescription description,
                                      const std::vector<NamedTensor> &tensors, const std::string &weights) {
  Expected<std::unique_ptr<Model>> model = description.make();
  if (!model)
    return makeError(configPath(folder) + ": " + toString(model.takeError()));
  ImportTable table{.name = "config.json", .model = description.name, .configure = nullptr, .rules = {}};
  table.configure = [&](const std::vector<NamedTensor> &, Config &config) { config = description.config; };
  std::string missing;
  for (const Tensor &parameter : (*model)->parameters()) {
    table.rules.push_back({.parameter = parameter.name(), .source = parameter.name()});
    if (!findTensor(tensors, parameter.name()))
      missing += "\n  " + parameter.name() + ": expected " + toString(ElementType::F32, parameter.shape());
  }
  if (!missing.empty())
    return makeError(weights + ": parameters of " + description.name + " are missing:" + missing);
  Result<ImportedModel> imported = importWeights(table, tensors, weights);
  if (!imported)
    return makeError(imported.message());
  Checkpoint checkpoint;
  checkpoint.config = description.toConfig();
  checkpoint.model = std::move(imported->parameters);
  if (Error error = loadOwnTokenizer(folder, "", checkpoint.tokenizer))
    return std::move(error);
  if (Error error = loadOwnTokenizer(folder, kTargetPrefix, checkpoint.targetTokenizer))
    return std::move(error);
  return checkpoint;
}

Expected<Checkpoint> importCheckpoint(StringRef folder) {
  std::string weights = (folder + "/model.safetensors").str();
  Expected<std::vector<NamedTensor>> tensors = readSafetensors(weights);
  if (!tensors)
    return tensors.takeError();
  Expected<std::optional<ModelDescription>> own = readOwnDescription(folder);
  if (!own)
    return own.takeError();
  if (*own)
    return importOwn(folder, std::move(**own), *tensors, weights);
  Result<const ImportTable *> table = findImport(*tensors, weights);
  if (!table)
    return makeError(table.message());
  prepareTensors(**table, *tensors);
  Checkpoint checkpoint;
  if (Error error = importTokenizers(folder, **table, *tensors, checkpoint))
    return std::move(error);
  if ((*table)->hasTokenizer)
    if (Error error = loadOwnTokenizer(folder, "", checkpoint.tokenizer))
      return std::move(error);
  Config foreign;
  if ((*table)->readConfig)
    if (Error error = readForeignConfig(folder).moveInto(foreign))
      return std::move(error);
  Result<ImportedModel> imported = importWeights(**table, *tensors, weights, std::move(foreign));
  if (!imported)
    return makeError(imported.message());
  ModelDescription description{imported->model, imported->config};
  checkpoint.config = description.toConfig();
  checkpoint.model = std::move(imported->parameters);
  return checkpoint;
}

} // namespace moru
