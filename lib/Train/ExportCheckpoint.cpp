// From a checkpoint to a folder of weights that other projects read.

#include "moru/Train/ExportCheckpoint.h"

#include "moru/DSL/Import.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/Support/FileSystem.h"

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

Error exportCheckpoint(const Checkpoint &checkpoint, StringRef folder) {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  Result<const ExportTable *> table = findExport(description->name);
  if (!table)
    return makeError(checkpoint.path + ": " + table.message());
  Result<std::string> configuration = (*table)->configuration(description->config);
  if (!configuration)
    return makeError(checkpoint.path + ": not a model of " + (*table)->name + ": " + configuration.message());
  if (sys::fs::exists(folder))
    return makeError(folder + ": is there already; choose another -o, or remove it");
  Expected<StagedFolder> staged = StagedFolder::create(folder);
  if (!staged)
    return staged.takeError();
  std::string path = staged->path().str();
  if (Error error = writeFile(path + "/config.json", *configuration))
    return error;
  if (Error error = writeTensors(path + "/model.safetensors", checkpoint.model, (*table)->prefix))
    return error;
  if (checkpoint.tokenizer)
    if (Error error = checkpoint.tokenizer->save(path))
      return error;
  return staged->commit();
}

} // namespace moru
