// moru attention: what a model looks at while it reads and writes.

#include "Command.h"
#include "Options.h"

#include "moru/Decode/Translate.h"
#include "moru/Report/Charts.h"
#include "moru/Report/Page.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
A row is a token that is read (of attention to the source: that is written), a column one that is looked at. Without --target a model of pairs
translates the text, always by the likeliest token.

EXAMPLES:

  moru attention out/fra-eng --text="merci beaucoup !" -o out/attention.html
  moru attention out/fra-eng --text="merci !" --target="thanks !"
  moru attention out/stories --text="Once upon a time"
)";

namespace {

/// The weights of one layer's attention in one function, row by row; each row has those of all heads.
struct Layer {
  std::string where;
  int64_t heads = 0;
  /// [rows][heads][keys]
  std::vector<std::vector<std::vector<double>>> rows;
};

class AttentionCommand : public Command {
public:
  AttentionCommand()
      : Command("attention", "Show what a model looks at, word by word", kExamples), plugins(sub), target(sub) {}
  Error run() override;

private:
  Expected<std::vector<HeatMap>> lookAtText(const Checkpoint &checkpoint, const CompileOptions &options) const;
  Expected<std::vector<HeatMap>> lookAtPair(const Checkpoint &checkpoint, const CompileOptions &options) const;
  Error write(ArrayRef<HeatMap> maps) const;

  PluginOptions plugins;
  TargetOptions target;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> text{"text", cl::desc("What is read"), cl::Required, cl::sub(sub)};
  cl::opt<std::string> targetText{"target", cl::desc("Of pairs: what is written"), cl::value_desc("text"),
                                  cl::sub(sub)};
  cl::opt<std::string> output{"o", cl::desc("The page (default: attention.html)"), cl::value_desc("file.html"),
                              cl::init("attention.html"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print the weights as JSON, and write no page"), cl::sub(sub)};
};

} // namespace

/// Most tokens of an output where none is given.
static constexpr int64_t kMostTokens = 100;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Adds the rows of `attention.0`, … [1, heads, rows, keys] or without heads to `layers`.
static void addRows(const Outputs &outputs, StringRef where, std::vector<Layer> &layers) {
  for (size_t index = 0;; ++index) {
    const HostTensor *weights = outputs.find("attention." + std::to_string(index));
    if (!weights)
      return;
    if (layers.size() == index)
      layers.push_back({(where + ", attention " + Twine(index + 1)).str(), 0, {}});
    Layer &layer = layers[index];
    bool hasHeads = weights->rank() == 4;
    layer.heads = hasHeads ? weights->dim(1) : 1;
    int64_t rows = weights->shape()[weights->rank() - 2], keys = weights->shape().back();
    for (int64_t row = 0; row < rows; ++row) {
      auto &added = layer.rows.emplace_back();
      for (int64_t head = 0; head < layer.heads; ++head) {
        std::vector<double> entries;
        for (int64_t key = 0; key < keys; ++key)
          entries.push_back(weights->at((head * rows + row) * keys + key));
        added.push_back(std::move(entries));
      }
    }
  }
}

/// A map for each head; keys beyond the columns are room that nothing stands in.
static void addMaps(const Layer &layer, ArrayRef<std::string> rows, ArrayRef<std::string> columns,
                    std::vector<HeatMap> &maps) {
  for (int64_t head = 0; head < layer.heads; ++head) {
    HeatMap map{layer.where + (layer.heads > 1 ? ", head " + std::to_string(head + 1) : ""), rows, columns, {}};
    for (const auto &row : layer.rows)
      for (size_t column = 0; column < columns.size(); ++column)
        map.weights.push_back(column < row[size_t(head)].size() ? row[size_t(head)][column] : 0);
    maps.push_back(std::move(map));
  }
}

static std::vector<std::string> namesOf(const Tokenizer &tokenizer, ArrayRef<int32_t> ids) {
  std::vector<std::string> names;
  for (int32_t id : ids)
    names.push_back(tokenizer.describe(id));
  return names;
}

/// Feeds ids to decode_step, one after the other.
static Error addSteps(Executable &executable, ArrayRef<int32_t> ids, StringRef where, std::vector<Layer> &layers) {
  HostTensor token(ElementType::I32, {1});
  for (int32_t id : ids) {
    token.data<int32_t>()[0] = id;
    Outputs outputs = executable.run("decode_step", {{"token", token}});
    if (!outputs)
      return makeError(outputs.message());
    addRows(outputs, where, layers);
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Texts and pairs
//===----------------------------------------------------------------------===//

Expected<std::vector<HeatMap>> AttentionCommand::lookAtText(const Checkpoint &checkpoint,
                                                            const CompileOptions &options) const {
  Expected<std::vector<int32_t>> ids = checkpoint.tokenizer->encode(text, "--text");
  if (!ids)
    return ids.takeError();
  if (checkpoint.tokenizer->hasSpecial())
    ids->insert(ids->begin(), int32_t(kStartId));
  if (ids->empty())
    return makeError("--text: expected a text, got none");
  LanguageModelOptions build{.functions = {"decode_step"}, .decodeTime = int64_t(ids->size()), .attention = true};
  Expected<LoadedModel> model = LoadedModel::load(checkpoint, build, options);
  if (!model)
    return model.takeError();
  if (int64_t most = model->model->positions(); most && int64_t(ids->size()) > most)
    return makeError("--text: expected at most the " + Twine(most) + " tokens that the model can read, got " +
                     Twine(ids->size()) + "; shorten it");
  std::vector<Layer> layers;
  if (Error error = addSteps(*model->executable, *ids, "text", layers))
    return std::move(error);
  std::vector<HeatMap> maps;
  std::vector<std::string> names = namesOf(*checkpoint.tokenizer, *ids);
  for (const Layer &layer : layers)
    addMaps(layer, names, names, maps);
  return maps;
}

/// The output that is given, or the likeliest one, with its end.
static Expected<std::vector<int32_t>> outputOf(Executable &executable, const PairTokenizers &tokenizers,
                                               ArrayRef<int32_t> source, StringRef given) {
  if (!given.empty()) {
    Expected<std::vector<int32_t>> ids = tokenizers.target->encode(given, "--target");
    if (ids)
      ids->push_back(kEndId);
    return ids;
  }
  Expected<Translator> translator = Translator::create(executable, tokenizers, {.beam = 1, .maxTokens = kMostTokens});
  if (!translator)
    return translator.takeError();
  Expected<std::vector<Hypothesis>> found = translator->search(source);
  if (!found)
    return found.takeError();
  return found->front().ids;
}

/// What is read of the source, by all attention of the encoder.
static Error addEncoder(Executable &executable, ArrayRef<int32_t> source, std::vector<Layer> &layers) {
  auto length = int64_t(source.size());
  HostTensor ids = HostTensor::fromBytes(ElementType::I32, {1, length}, source.data());
  Outputs encoded =
      executable.run("encode", {{"src", ids}, {"src_len", HostTensor::full<int32_t>({1}, int32_t(length))}});
  if (!encoded)
    return makeError(encoded.message());
  addRows(encoded, "source", layers);
  return Error::success();
}

/// The maps of a source and what is written for it, its end included.
static Expected<std::vector<HeatMap>> mapsOfPair(Executable &executable, const PairTokenizers &tokenizers,
                                                 ArrayRef<int32_t> source, ArrayRef<int32_t> written) {
  std::vector<Layer> encoder, decoder;
  if (Error error = addEncoder(executable, source, encoder))
    return std::move(error);
  std::vector<int32_t> read = {kStartId};
  read.insert(read.end(), written.begin(), written.end() - 1);
  if (Error error = addSteps(executable, read, "output", decoder))
    return std::move(error);
  std::vector<std::string> sources = namesOf(*tokenizers.source, source), reads = namesOf(*tokenizers.target, read),
                           writes = namesOf(*tokenizers.target, written);
  std::vector<HeatMap> maps;
  for (const Layer &layer : encoder)
    addMaps(layer, sources, sources, maps);
  for (Layer &layer : decoder) {
    bool toSource = layer.rows.front().front().size() == source.size();
    layer.where += toSource ? " to source" : "";
    addMaps(layer, toSource ? writes : reads, toSource ? sources : reads, maps);
  }
  return maps;
}

Expected<std::vector<HeatMap>> AttentionCommand::lookAtPair(const Checkpoint &checkpoint,
                                                            const CompileOptions &options) const {
  Expected<PairTokenizers> tokenizers = pairTokenizersOf(checkpoint);
  if (!tokenizers)
    return tokenizers.takeError();
  Expected<std::vector<int32_t>> source = encodeSource(*tokenizers, text, "--text");
  if (!source)
    return source.takeError();
  if (source->empty())
    return makeError("--text: expected a text, got none");
  auto sourceTime = int64_t(source->size());
  // Another number than that of the source's tokens, by which keys of the one and of the other are told apart.
  int64_t positions = std::max(kMostTokens, sourceTime) + 1;
  EncoderDecoderOptions build{
      .sourceTime = sourceTime, .functions = {"encode", "decode_step"}, .decodeTime = positions, .attention = true};
  Expected<LoadedModel> model = LoadedModel::load(checkpoint, build, options);
  if (!model)
    return model.takeError();
  Expected<std::vector<int32_t>> written = outputOf(*model->executable, *tokenizers, *source, targetText);
  if (!written)
    return written.takeError();
  if (int64_t(written->size()) > positions)
    return makeError("--target: expected at most " + Twine(positions - 1) + " tokens, got " +
                     Twine(written->size() - 1));
  return mapsOfPair(*model->executable, *tokenizers, *source, *written);
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

Error AttentionCommand::write(ArrayRef<HeatMap> maps) const {
  if (!json) {
    Page page("Attention: " + text);
    for (const HeatMap &map : maps)
      page.add(heatMap(map));
    if (Error error = writeFile(output, page.text()))
      return error;
    outs() << "saved: " << output << "\n";
    return Error::success();
  }
  json::Array list;
  for (const HeatMap &map : maps)
    list.push_back(json::Object{{"title", map.title},
                                {"rows", json::Array(map.rows)},
                                {"columns", json::Array(map.columns)},
                                {"weights", json::Array(map.weights)}});
  printJsonLine(outs(), json::Object{{"maps", std::move(list)}});
  return Error::success();
}

Error AttentionCommand::run() {
  Expected<CheckpointInUse> used = CheckpointInUse::open(plugins, target, checkpoint);
  if (!used)
    return used.takeError();
  Expected<std::vector<HeatMap>> maps = used->checkpoint.targetTokenizer ? lookAtPair(used->checkpoint, used->options)
                                                                         : lookAtText(used->checkpoint, used->options);
  if (!maps)
    return maps.takeError();
  if (maps->empty())
    return makeError(used->checkpoint.path + ": expected a model with attention, this one has none");
  return write(*maps);
}

std::unique_ptr<Command> makeAttentionCommand() { return std::make_unique<AttentionCommand>(); }

} // namespace moru
