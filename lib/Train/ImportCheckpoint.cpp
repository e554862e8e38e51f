// From a folder of another project's weights to a checkpoint.

#include "moru/Train/ImportCheckpoint.h"

#include "moru/DSL/Import.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Train/ImportVocabulary.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"

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

Expected<Checkpoint> importCheckpoint(StringRef folder) {
  std::string weights = (folder + "/model.safetensors").str();
  Expected<std::vector<NamedTensor>> tensors = readSafetensors(weights);
  if (!tensors)
    return tensors.takeError();
  Result<const ImportTable *> table = findImport(*tensors, weights);
  if (!table)
    return makeError(table.message());
  Checkpoint checkpoint;
  if (Error error = importTokenizers(folder, **table, *tensors, checkpoint))
    return std::move(error);
  Result<ImportedModel> imported = importWeights(**table, *tensors, weights);
  if (!imported)
    return makeError(imported.message());
  ModelDescription description{imported->model, imported->config};
  checkpoint.config = description.toConfig();
  checkpoint.model = std::move(imported->parameters);
  return checkpoint;
}

} // namespace moru
