// From a checkpoint to a folder of weights that other programs read.

#include "moru/Train/ExportCheckpoint.h"

#include "moru/DSL/Import.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace moru {

static Error writeTensors(StringRef path, ArrayRef<NamedTensor> tensors, const std::string &prefix) {
  std::vector<std::string> names;
  names.reserve(tensors.size());
  std::vector<TensorRef> refs;
  for (const NamedTensor &tensor : tensors)
    refs.push_back({names.emplace_back(prefix + tensor.name), &tensor.tensor});
  // Readers in Python ask for whose tensors they are; "pt" is those of PyTorch.
  return writeSafetensors(path, refs, {{"format", "pt"}});
}

namespace {
/// How a model is written.
struct Format {
  std::string name, configuration, prefix;
};
} // namespace

static Expected<Format> formatOf(const Checkpoint &checkpoint) {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  Format own{"parameters of " + description->name + " under their names",
             formatv("{0:2}\n", json::Value(json::Object(checkpoint.config))).str(), ""};
  const ExportTable *table = findExport(description->name);
  if (!table)
    return own;
  Result<std::string> configuration = table->configuration(description->config);
  if (configuration)
    return Format{table->name, configuration.take(), table->prefix};
  own.name += "; not a model of " + table->name + ": " + configuration.message();
  return own;
}

static Error writeTokenizers(const Checkpoint &checkpoint, StringRef folder) {
  if (checkpoint.tokenizer)
    if (Error error = checkpoint.tokenizer->save(folder))
      return error;
  return checkpoint.targetTokenizer ? checkpoint.targetTokenizer->save(folder, kTargetPrefix) : Error::success();
}

Expected<std::string> exportCheckpoint(const Checkpoint &checkpoint, StringRef folder) {
  Expected<Format> format = formatOf(checkpoint);
  if (!format)
    return format.takeError();
  if (sys::fs::exists(folder))
    return makeError(folder + ": is there already; choose another -o, or remove it");
  Expected<StagedFolder> staged = StagedFolder::create(folder);
  if (!staged)
    return staged.takeError();
  std::string path = staged->path().str();
  if (Error error = writeFile(path + "/config.json", format->configuration))
    return std::move(error);
  if (Error error = writeTensors(path + "/model.safetensors", checkpoint.model, format->prefix))
    return std::move(error);
  if (Error error = writeTokenizers(checkpoint, path))
    return std::move(error);
  if (Error error = staged->commit())
    return std::move(error);
  return std::move(format->name);
}

} // namespace moru
