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

/// A tokenizer in files that are read everywhere, if there are any.
static Error loadOwnTokenizer(StringRef folder, Checkpoint &checkpoint) {
  for (StringRef name : {"tokenizer.json", "vocab.json", "encoder.json", "vocabulary.txt"})
    if (sys::fs::exists(folder + "/" + name))
      return loadTokenizer(folder).moveInto(checkpoint.tokenizer);
  return Error::success();
}

/// The entries of config.json that are numbers, strings and truth values.
static Expected<Config> readForeignConfig(StringRef folder) {
  std::string path = (folder + "/config.json").str();
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  Expected<json::Object> object = parseJsonObject(*text, path);
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

Expected<Checkpoint> importCheckpoint(StringRef folder) {
  std::string weights = (folder + "/model.safetensors").str();
  Expected<std::vector<NamedTensor>> tensors = readSafetensors(weights);
  if (!tensors)
    return tensors.takeError();
  Result<const ImportTable *> table = findImport(*tensors, weights);
  if (!table)
    return makeError(table.message());
  prepareTensors(**table, *tensors);
  Checkpoint checkpoint;
  if (Error error = importTokenizers(folder, **table, *tensors, checkpoint))
    return std::move(error);
  if ((*table)->hasTokenizer)
    if (Error error = loadOwnTokenizer(folder, checkpoint))
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
