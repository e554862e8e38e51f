// From a folder of another project's weights to a checkpoint.

#include "moru/Train/ImportCheckpoint.h"

#include "moru/DSL/Import.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"
#include "moru/Support/Unicode.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace moru {

/// The characters of an object `{"a": 4, …}` in the order of their ids, each from 0 on once.
static Expected<std::vector<std::string>> charactersById(const json::Object &object, StringRef path) {
  std::vector<std::string> characters(object.size());
  for (const auto &[character, value] : object) {
    std::optional<int64_t> id = value.getAsInteger();
    if (!id || *id < 0 || size_t(*id) >= characters.size() || !characters[size_t(*id)].empty())
      return makeError(path + ": expected every id from 0 to " + Twine(characters.size() - 1) +
                       " once, got another one at \"" + escapeToken(StringRef(character)) + "\"");
    characters[size_t(*id)] = character.str();
  }
  return characters;
}

static Expected<std::shared_ptr<Tokenizer>> readCharacters(StringRef path) {
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  Expected<json::Object> parsed = parseJsonObject(*text, path);
  if (!parsed)
    return parsed.takeError();
  Expected<std::vector<std::string>> characters = charactersById(*parsed, path);
  if (!characters)
    return characters.takeError();
  Vocabulary vocabulary;
  for (const std::string &character : *characters)
    vocabulary.add(character);
  return std::make_shared<VocabularyTokenizer>(TokenUnit::Characters, std::move(vocabulary), UnknownPolicy::Error);
}

Expected<Checkpoint> importCheckpoint(StringRef folder) {
  std::string weights = (folder + "/model.safetensors").str(), vocabulary = (folder + "/vocab.json").str();
  Expected<std::vector<NamedTensor>> tensors = readSafetensors(weights);
  if (!tensors)
    return tensors.takeError();
  Result<ImportedModel> imported = importWeights(*tensors, weights);
  if (!imported)
    return makeError(imported.message());
  Checkpoint checkpoint;
  ModelDescription description{imported->model, imported->config};
  checkpoint.config = description.toConfig();
  checkpoint.model = std::move(imported->parameters);
  if (!sys::fs::exists(vocabulary))
    return checkpoint;
  if (Error error = readCharacters(vocabulary).moveInto(checkpoint.tokenizer))
    return error;
  return checkpoint;
}

} // namespace moru
