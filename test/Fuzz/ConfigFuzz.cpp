// Any bytes as JSON: a model's configuration, the options that a run recorded, and single assignments of `--set`.

#include "Fuzz.h"

#include "moru/DSL/Model.h"
#include "moru/Support/Json.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/TrainOptions.h"

#include "models/Models.h"

using namespace llvm;
using namespace moru;
using fuzz::require;

static void checkConfig(StringRef text) {
  Result<Config> config = Config::parse(std::string_view(text), "input");
  if (!config)
    return require(!config.message().empty(), "errors have messages");
  if (auto model = makeLanguageModel("lstm_lm", *config))
    require(bool(Config::parse(config->toJson())), "a configuration survives its JSON");
}

static void checkObject(StringRef text) {
  Expected<json::Object> object = parseJsonObject(text, "input");
  if (!object)
    return fuzz::consume(object.takeError());
  if (auto options = readRecordedOptions(*object, "input"); !options)
    fuzz::consume(options.takeError());
  auto description = ModelDescription::fromCheckpoint(*object, "input");
  if (!description)
    return fuzz::consume(description.takeError());
  if (auto model = description->make(); !model)
    fuzz::consume(model.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const bool registered = (models::registerAll(), true);
  (void)registered;
  StringRef text = fuzz::asText(data, size);
  checkConfig(text);
  checkObject(text);
  Config config;
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (StringRef line : lines)
    if (Result<void> set = config.set(std::string_view(line)); !set)
      require(!set.message().empty(), "errors have messages");
  return 0;
}
