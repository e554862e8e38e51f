// Options to and from the state of a checkpoint.

#include "moru/Train/TrainOptions.h"

#include "moru/Support/Files.h"

#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace moru {

json::Object TrainOptions::toObject() const {
  return json::Object{{"model", model},
                      {"set", json::Array(settings)},
                      {"data", data},
                      {"sentences", sentences},
                      {"reverse", reverse},
                      {"held_out", heldOut},
                      {"sizes", sizes},
                      {"tokenizer", tokenizer},
                      {"dropout", dropout},
                      {"train_part", trainPart},
                      {"batch_size", batchSize},
                      {"accumulate", accumulate},
                      {"seq_len", sequenceLength},
                      {"optimizer", moru::toObject(optimizer)},
                      {"seed", seed}};
}

bool fromJSON(const json::Value &value, TrainOptions &options, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("model", options.model) && map.map("set", options.settings) && map.map("data", options.data) &&
         map.map("sentences", options.sentences) && map.map("tokenizer", options.tokenizer) &&
         map.map("train_part", options.trainPart) && map.map("batch_size", options.batchSize) &&
         map.map("seq_len", options.sequenceLength) && map.map("optimizer", options.optimizer) &&
         map.map("seed", options.seed) && map.mapOptional("reverse", options.reverse) &&
         map.mapOptional("held_out", options.heldOut) && map.mapOptional("sizes", options.sizes) &&
         map.mapOptional("dropout", options.dropout) && map.mapOptional("accumulate", options.accumulate);
}

Expected<TrainOptions> readRecordedOptions(const json::Object &extra, StringRef path) {
  TrainOptions options;
  json::Path::Root root("options");
  const json::Value *recorded = extra.get("options");
  if (!recorded)
    return makeError(path + "/state.json: expected \"extra\" to have the options of a training run, there are none; "
                            "was the checkpoint imported? Start a new run instead of --resume");
  if (!fromJSON(*recorded, options, root))
    return makeError(path + "/state.json: " + toString(root.getError()));
  return options;
}

Error checkSameRun(const TrainOptions &options, const TrainOptions &recorded, StringRef path) {
  json::Object now = options.toObject(), then = recorded.toObject();
  std::string wrong;
  for (const auto &[key, value] : then)
    if (const json::Value *other = now.get(key); !other || *other != value)
      wrong += formatv("\n  {0}: expected {1}, got {2}", key.str(), value, other ? *other : json::Value(nullptr));
  if (wrong.empty())
    return Error::success();
  return makeError("--resume: the run in " + path + " has other options:" + wrong +
                   "\nLeave these options out, or begin a new run in another --output-dir");
}

} // namespace moru
