// A checkpoint with one file replaced. The first byte says which, and whether the records of `state.json` are made to
// fit, so that what is behind the hashes is reached too; the rest is the file.

#include "Fuzz.h"

#include "moru/Data/Checkpoint.h"
#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"
#include "moru/Support/Json.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include "models/Models.h"

using namespace llvm;
using namespace moru;

namespace {

/// A folder for the life of the program, with one small checkpoint.
class Folder {
public:
  Folder() {
    fuzz::require(!sys::fs::createUniqueDirectory("moru-fuzz", root), "there is room for a folder");
    Checkpoint checkpoint;
    checkpoint.config = json::Object{
        {"model", "lstm_lm"}, {"kind", "language_model"}, {"config", json::Object{{"V", 3}, {"D", 2}, {"H", 2}}}};
    checkpoint.model.push_back({"E", HostTensor(ElementType::F32, {3, 2})});
    checkpoint.optimizer.push_back({"optimizer.t", HostTensor::scalar(1.0f)});
    checkpoint.tokenizer = cantFail(VocabularyTokenizer::fromCharacters("abc"));
    path = cantFail(saveCheckpoint(root, checkpoint));
    for (const char *name : kNames)
      originals.push_back(cantFail(readFile(at(name))));
  }
  ~Folder() { sys::fs::remove_directories(root); }

  static constexpr const char *kNames[] = {"state.json", "config.json", "model.safetensors", "optimizer.safetensors",
                                           "vocabulary.txt"};
  std::string at(StringRef name) const { return (path + "/" + name).str(); }
  /// Without the care of `writeFile`, which takes a thousand times as long.
  void put(size_t which, StringRef contents) const {
    std::error_code reason;
    raw_fd_ostream(at(kNames[which]), reason) << contents;
    fuzz::require(!reason, "there is room for a file");
  }
  void restore(size_t which) const { put(which, originals[which]); }
  const std::string &original(size_t which) const { return originals[which]; }
  StringRef folder() const { return path; }

private:
  SmallString<128> root;
  std::string path;
  std::vector<std::string> originals;
};

} // namespace

/// The state with its own hash put right; as it is where it is no JSON.
static std::string sealed(StringRef text) {
  Expected<json::Object> state = parseJsonObject(text, "state");
  if (!state) {
    consumeError(state.takeError());
    return text.str();
  }
  state->erase("check");
  std::string check = xxh3Hex(formatv("{0}", json::Value(json::Object(*state))).str());
  (*state)["check"] = check;
  return formatv("{0}", json::Value(std::move(*state))).str();
}

/// The state that records `contents` as file `which`.
static std::string stateFor(const Folder &folder, size_t which, StringRef contents) {
  json::Object state = cantFail(parseJsonObject(folder.original(0), "state"));
  (*state.getObject("files"))[Folder::kNames[which]] =
      json::Object{{"bytes", contents.size()}, {"xxh3", xxh3Hex(contents)}};
  return sealed(formatv("{0}", json::Value(std::move(state))).str());
}

static void load(StringRef folder) {
  Expected<Checkpoint> checkpoint = loadCheckpoint(folder);
  if (!checkpoint)
    return fuzz::consume(checkpoint.takeError());
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint->config, checkpoint->path);
  if (!description)
    return fuzz::consume(description.takeError());
  if (auto model = description->make(); !model)
    fuzz::consume(model.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder &folder = (models::registerAll(), *[] {
    static Folder made;
    return &made;
  }());
  if (size == 0)
    return 0;
  size_t which = (data[0] & 0x7F) % std::size(Folder::kNames);
  bool fits = data[0] & 0x80;
  StringRef contents = fuzz::asText(data, size).drop_front();
  folder.put(which, which == 0 && fits ? sealed(contents) : contents.str());
  if (which != 0 && fits)
    folder.put(0, stateFor(folder, which, contents));
  load(folder.folder());
  folder.restore(which);
  folder.restore(0);
  return 0;
}
