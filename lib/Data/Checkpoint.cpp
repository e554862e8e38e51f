// Saving and loading checkpoints.

#include "moru/Data/Checkpoint.h"

#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"
#include "moru/Support/Json.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <unistd.h>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kConfigName("config.json"), kModelName("model.safetensors"),
    kOptimizerName("optimizer.safetensors"), kStateName("state.json"), kLatestName("latest"), kBestName("best"),
    kStepPrefix("step-");

static std::string join(StringRef folder, const Twine &name) { return (folder + "/" + name).str(); }

//===----------------------------------------------------------------------===//
// state.json
//===----------------------------------------------------------------------===//

namespace {

/// What `state.json` knows of another file.
struct FileRecord {
  uint64_t bytes = 0;
  std::string hash;
};
using FileRecords = std::map<std::string, FileRecord>;

} // namespace

static FileRecord recordOf(StringRef contents) { return {contents.size(), xxh3Hex(contents)}; }

/// The hash of everything in the state but the hash itself.
static std::string hashOfState(json::Object state) {
  state.erase("check");
  return xxh3Hex(formatv("{0}", json::Value(std::move(state))).str());
}

static std::string formatState(const TrainState &state, const FileRecords &records) {
  json::Object files;
  for (const auto &[name, record] : records)
    files[name] = json::Object{{"bytes", record.bytes}, {"xxh3", record.hash}};
  json::Object object{{"step", state.step},
                      {"seed", state.seed},
                      {"position", toJSON(state.position)},
                      {"extra", json::Object(state.extra)},
                      {"files", std::move(files)}};
  object["check"] = hashOfState(object);
  return formatv("{0:2}\n", json::Value(std::move(object))).str();
}

/// Names lead nowhere but into the checkpoint.
static bool isFileName(StringRef name) {
  return !name.empty() && !name.contains('/') && !name.contains('\0') && name != "." && name != "..";
}

static bool fromJSON(const json::Value &value, FileRecord &record, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("bytes", record.bytes) && map.map("xxh3", record.hash);
}

static bool fromJSON(const json::Value &value, FileRecords &records, json::Path path) {
  const json::Object *object = value.getAsObject();
  if (!object) {
    path.report("expected object");
    return false;
  }
  for (const auto &[name, record] : *object) {
    if (!isFileName(name)) {
      path.field(name).report("expected the name of a file in the folder");
      return false;
    }
    if (!fromJSON(record, records[name.str()], path.field(name)))
      return false;
  }
  return true;
}

static Error parseState(StringRef contents, StringRef path, TrainState &state, FileRecords &records) {
  Expected<json::Object> object = parseJsonObject(contents, path);
  if (!object)
    return object.takeError();
  std::string hash = hashOfState(*object);
  if (object->getString("check") != StringRef(hash))
    return makeError(path + ": expected \"check\" to be " + hash + ", got " +
                     object->getString("check").value_or("none") + "; the file was changed or damaged");
  if (const json::Object *extra = object->getObject("extra"))
    state.extra = *extra;
  json::Path::Root root("state");
  json::Value value(std::move(*object));
  json::Path place(root);
  json::ObjectMapper map(value, place);
  const json::Value *position = map ? value.getAsObject()->get("position") : nullptr;
  const json::Value *files = map ? value.getAsObject()->get("files") : nullptr;
  if (map && map.map("step", state.step) && map.map("seed", state.seed) && position && files &&
      fromJSON(*position, state.position, place.field("position")) && fromJSON(*files, records, place.field("files")))
    return Error::success();
  consumeError(root.getError());
  return makeError(path + ": expected numbers \"step\" and \"seed\" and objects \"position\" and \"files\"");
}

//===----------------------------------------------------------------------===//
// Saving
//===----------------------------------------------------------------------===//

namespace {

/// Writes the files of one checkpoint into a staged folder and remembers their hashes.
class CheckpointWriter {
public:
  explicit CheckpointWriter(StringRef folder) : folder(folder) {}

  Error writeText(StringRef name, StringRef contents) {
    records[name.str()] = recordOf(contents);
    return writeFile(join(folder, name), contents);
  }

  Error writeTensors(StringRef name, ArrayRef<TensorRef> tensors) {
    std::string path = join(folder, name);
    if (Error error = writeSafetensors(path, tensors))
      return error;
    Expected<std::unique_ptr<MemoryBuffer>> written = mapFile(path);
    if (!written)
      return written.takeError();
    records[name.str()] = recordOf((*written)->getBuffer());
    return Error::success();
  }

  Error writeTokenizer(const Tokenizer *tokenizer, StringRef prefix) {
    if (tokenizer)
      for (const TokenizerFile &file : tokenizer->files())
        if (Error error = writeText((prefix + file.name).str(), file.contents))
          return error;
    return Error::success();
  }

  Error write(const CheckpointRef &checkpoint) {
    std::string config = formatv("{0:2}\n", json::Value(json::Object(*checkpoint.config))).str();
    if (Error error = writeText(kConfigName, config))
      return error;
    if (Error error = writeTensors(kModelName, checkpoint.model))
      return error;
    if (Error error = writeTensors(kOptimizerName, checkpoint.optimizer))
      return error;
    if (Error error = writeTokenizer(checkpoint.tokenizer, ""))
      return error;
    if (Error error = writeTokenizer(checkpoint.targetTokenizer, kTargetPrefix))
      return error;
    return writeFile(join(folder, kStateName), formatState(*checkpoint.state, records));
  }

private:
  StringRef folder;
  FileRecords records;
};

} // namespace

Expected<std::string> saveCheckpoint(StringRef root, const CheckpointRef &checkpoint) {
  assert(checkpoint.config && checkpoint.state && checkpoint.state->step >= 0 && "a complete checkpoint");
  std::string name = (kStepPrefix + Twine(checkpoint.state->step)).str(), path = join(root, name);
  Expected<StagedFolder> staged = StagedFolder::create(path);
  if (!staged)
    return staged.takeError();
  if (Error error = CheckpointWriter(staged->path()).write(checkpoint))
    return error;
  if (Error error = staged->commit())
    return error;
  if (Error error = replaceLink(join(root, kLatestName), name))
    return error;
  return path;
}

//===----------------------------------------------------------------------===//
// Loading one folder
//===----------------------------------------------------------------------===//

namespace {

/// Reads the files of one checkpoint, each verified first.
class CheckpointReader {
public:
  explicit CheckpointReader(StringRef folder) : folder(folder) {}

  Expected<Checkpoint> read(bool withOptimizer);

private:
  Error fail(StringRef name, const Twine &message) const { return makeError(join(folder, name) + ": " + message); }
  Expected<std::unique_ptr<MemoryBuffer>> openVerified(StringRef name) const;
  Expected<std::vector<NamedTensor>> readTensors(StringRef name) const;
  Error readConfig(json::Object &config) const;
  Error readTokenizer(std::shared_ptr<Tokenizer> &tokenizer, StringRef prefix) const;
  bool hasTokenizer(StringRef prefix) const;

  StringRef folder;
  FileRecords records;
};

} // namespace

Expected<std::unique_ptr<MemoryBuffer>> CheckpointReader::openVerified(StringRef name) const {
  auto record = records.find(name.str());
  if (record == records.end())
    return fail(kStateName, "expected a record of " + name + ", got none");
  Expected<std::unique_ptr<MemoryBuffer>> file = mapFile(join(folder, name));
  if (!file)
    return file.takeError();
  uint64_t size = (*file)->getBufferSize();
  if (size != record->second.bytes)
    return fail(name, "expected " + Twine(record->second.bytes) + " bytes, got " + Twine(size) +
                          "; the file is truncated or from another checkpoint");
  std::string hash = xxh3Hex((*file)->getBuffer());
  if (hash != record->second.hash)
    return fail(name, "expected hash " + record->second.hash + ", got " + hash + "; the file was changed or damaged");
  return file;
}

Expected<std::vector<NamedTensor>> CheckpointReader::readTensors(StringRef name) const {
  Expected<std::unique_ptr<MemoryBuffer>> file = openVerified(name);
  if (!file)
    return file.takeError();
  Expected<SafetensorsFile> tensors = SafetensorsFile::parse(std::move(*file));
  if (!tensors)
    return tensors.takeError();
  return tensors->readAll();
}

Error CheckpointReader::readConfig(json::Object &config) const {
  Expected<std::unique_ptr<MemoryBuffer>> file = openVerified(kConfigName);
  if (!file)
    return file.takeError();
  Expected<json::Object> object = parseJsonObject((*file)->getBuffer(), join(folder, kConfigName));
  if (!object)
    return object.takeError();
  config = std::move(*object);
  return Error::success();
}

/// Whatever file is none of the others belongs to a tokenizer.
bool CheckpointReader::hasTokenizer(StringRef prefix) const {
  return std::any_of(records.begin(), records.end(), [&](const auto &record) {
    StringRef name = record.first;
    return name != kConfigName && name != kModelName && name != kOptimizerName &&
           name.starts_with(kTargetPrefix) == !prefix.empty();
  });
}

Error CheckpointReader::readTokenizer(std::shared_ptr<Tokenizer> &tokenizer, StringRef prefix) const {
  if (!hasTokenizer(prefix))
    return Error::success();
  Expected<std::shared_ptr<Tokenizer>> loaded = loadTokenizer(folder, prefix);
  if (!loaded)
    return loaded.takeError();
  tokenizer = std::move(*loaded);
  return Error::success();
}

Expected<Checkpoint> CheckpointReader::read(bool withOptimizer) {
  Checkpoint checkpoint;
  checkpoint.path = folder.str();
  std::string statePath = join(folder, kStateName);
  Expected<std::string> state = readFile(statePath);
  if (!state)
    return state.takeError();
  if (Error error = parseState(*state, statePath, checkpoint.state, records))
    return error;
  if (Error error = readConfig(checkpoint.config))
    return error;
  for (const auto &[name, record] : records) // those of the tokenizers; the others are verified where they are read
    if (name != kConfigName && name != kModelName && name != kOptimizerName)
      if (Expected<std::unique_ptr<MemoryBuffer>> file = openVerified(name); !file)
        return file.takeError();
  if (Error error = readTokenizer(checkpoint.tokenizer, ""))
    return error;
  if (Error error = readTokenizer(checkpoint.targetTokenizer, kTargetPrefix))
    return error;
  Expected<std::vector<NamedTensor>> model = readTensors(kModelName);
  if (!model)
    return model.takeError();
  checkpoint.model = std::move(*model);
  if (!withOptimizer)
    return checkpoint;
  Expected<std::vector<NamedTensor>> optimizer = readTensors(kOptimizerName);
  if (!optimizer)
    return optimizer.takeError();
  checkpoint.optimizer = std::move(*optimizer);
  return checkpoint;
}

//===----------------------------------------------------------------------===//
// Choosing a folder
//===----------------------------------------------------------------------===//

/// The N of `step-N`, if a name is one.
static std::optional<int64_t> stepOf(StringRef name) {
  int64_t step;
  if (!name.consume_front(kStepPrefix) || name.getAsInteger(10, step) || step < 0)
    return std::nullopt;
  return step;
}

/// The checkpoints of a folder, newest first, complete or not.
static std::vector<std::string> listCheckpoints(StringRef root) {
  std::vector<int64_t> steps;
  std::error_code ignored;
  for (sys::fs::directory_iterator entry(root, ignored), end; !ignored && entry != end; entry.increment(ignored))
    if (std::optional<int64_t> step = stepOf(sys::path::filename(entry->path())))
      steps.push_back(*step);
  std::sort(steps.rbegin(), steps.rend());
  std::vector<std::string> paths;
  for (int64_t step : steps)
    paths.push_back(join(root, kStepPrefix + Twine(step)));
  return paths;
}

/// The folder that a link names; nothing if there is no such link.
static std::optional<std::string> targetOf(StringRef root, StringRef link) {
  char target[PATH_MAX];
  ssize_t length = readlink(join(root, link).c_str(), target, sizeof target);
  if (length <= 0)
    return std::nullopt;
  StringRef name(target, size_t(length));
  return sys::path::is_absolute(name) ? name.str() : join(root, name);
}

/// The checkpoints of a folder in the order in which to try them.
static std::vector<std::string> candidatesOf(StringRef root) {
  std::vector<std::string> candidates = listCheckpoints(root);
  if (std::optional<std::string> latest = targetOf(root, kLatestName)) {
    candidates.erase(std::remove(candidates.begin(), candidates.end(), *latest), candidates.end());
    candidates.insert(candidates.begin(), *latest);
  }
  return candidates;
}

/// The first of these checkpoints that is complete, or none.
static std::optional<Checkpoint> loadFirst(ArrayRef<std::string> candidates, bool withOptimizer,
                                           std::vector<std::string> &warnings) {
  for (const std::string &candidate : candidates) {
    Expected<Checkpoint> checkpoint = CheckpointReader(candidate).read(withOptimizer);
    if (checkpoint)
      return std::move(*checkpoint);
    warnings.push_back(toString(checkpoint.takeError()) + "; trying an earlier checkpoint");
  }
  return std::nullopt;
}

/// What cannot be read may be what a run that goes on has removed meanwhile: there are newer ones then.
static Expected<Checkpoint> loadNewest(StringRef root, bool withOptimizer) {
  std::vector<std::string> warnings, candidates = candidatesOf(root), before;
  std::optional<Checkpoint> checkpoint;
  do {
    before = candidates;
    warnings.clear();
    checkpoint = loadFirst(before, withOptimizer, warnings);
    candidates = candidatesOf(root);
  } while (!warnings.empty() && candidates != before);
  if (checkpoint) {
    checkpoint->warnings = std::move(warnings);
    return std::move(*checkpoint);
  }
  if (warnings.empty())
    return makeError(root + ": expected a checkpoint (a folder step-N, or one that holds such), got none; "
                            "train with --output-dir first");
  return makeError(root + ": expected a complete checkpoint, got " + Twine(warnings.size()) + " damaged; the newest: " +
                   StringRef(warnings.front()).split("; trying").first + "; start the training again");
}

Expected<Checkpoint> loadCheckpoint(StringRef path, bool withOptimizer) {
  path = path.size() > 1 ? path.rtrim('/') : path;
  if (sys::path::filename(path) == kLatestName) {
    StringRef root = sys::path::parent_path(path);
    return loadNewest(root.empty() ? "." : root, withOptimizer);
  }
  if (!sys::fs::exists(path))
    return makeFileError("read", path, std::make_error_code(std::errc::no_such_file_or_directory));
  if (!sys::fs::exists(join(path, kStateName)) && !stepOf(sys::path::filename(path)))
    return loadNewest(path, withOptimizer);
  Expected<Checkpoint> checkpoint = CheckpointReader(path).read(withOptimizer);
  if (checkpoint)
    return checkpoint;
  return makeError(toString(checkpoint.takeError()) +
                   "; give the folder above instead of step-N to take the newest complete checkpoint");
}

Error markBestCheckpoint(StringRef root, int64_t step) {
  return replaceLink(join(root, kBestName), (kStepPrefix + Twine(step)).str());
}

std::optional<int64_t> bestCheckpointStep(StringRef root) {
  std::optional<std::string> target = targetOf(root, kBestName);
  return target ? stepOf(sys::path::filename(*target)) : std::nullopt;
}

Error removeOldCheckpoints(StringRef root, size_t keep) {
  std::optional<std::string> latest = targetOf(root, kLatestName);
  std::optional<std::string> best = targetOf(root, kBestName);
  std::vector<std::string> checkpoints = listCheckpoints(root);
  removeAllLeftovers(root);
  for (size_t i = keep; i < checkpoints.size(); ++i) {
    if (checkpoints[i] == latest || checkpoints[i] == best)
      continue;
    if (Error error = removeFolder(checkpoints[i]))
      return error;
  }
  return Error::success();
}

} // namespace moru
