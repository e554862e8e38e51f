// moru compare: what several models cost and reach, in one report.

#include "Command.h"
#include "Options.h"

#include "moru/Report/Charts.h"
#include "moru/Report/Page.h"
#include "moru/Support/Clock.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/TrainingReport.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
Loss against steps and seconds as the runs wrote them down; time of a token and memory of the program for texts of several lengths, measured
now. Lengths that a model cannot read are left out. Models of pairs read as many ids as they write, and what is written counts.

EXAMPLES:

  moru compare out/lstm out/transformer -o out/compare.html
  moru compare out/seq2seq out/transformer -o out/pairs.html
  moru compare out/lstm out/transformer --lengths=32,64,128,256,512 --json
)";

namespace {

/// One model at one length.
struct Cost {
  int64_t length = 0;
  double microsecondsPerToken = 0;
  int64_t arenaBytes = 0;
};

struct Contestant {
  std::string name;
  ModelKind kind = ModelKind::LanguageModel;
  int64_t parameters = 0;
  RunHistory history;
  std::vector<Cost> costs;
};

class CompareCommand : public Command {
public:
  CompareCommand() : Command("compare", "Compare models: loss, time, memory", kExamples), plugins(sub), target(sub) {}
  Error run() override;

private:
  Expected<Contestant> measure(const std::string &path, const CompileOptions &options) const;
  Expected<Cost> measureAt(int64_t length, const Checkpoint &checkpoint, const CompileOptions &options) const;
  std::string pageOf(ArrayRef<Contestant> contestants) const;

  PluginOptions plugins;
  TargetOptions target;
  cl::list<std::string> checkpoints{cl::Positional, cl::OneOrMore, cl::desc("<checkpoints>"), cl::sub(sub)};
  cl::list<long> lengths{"lengths", cl::CommaSeparated, cl::desc("Ids of a text (default: 16,32,64,128,256)"),
                         cl::sub(sub)};
  cl::opt<std::string> output{"o", cl::desc("The page (default: compare.html)"), cl::value_desc("file.html"),
                              cl::init("compare.html"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print the figures as JSON, and write no page"), cl::sub(sub)};
};

} // namespace

static HostTensor someIds(int64_t length, int64_t vocabulary) {
  HostTensor ids(ElementType::I32, {1, length});
  for (int64_t i = 0; i < length; ++i)
    ids.data<int32_t>()[i] = int32_t(i % vocabulary);
  return ids;
}

/// The least time of several calls: what is above it is other work of the machine.
static Expected<double> secondsOf(Executable &executable, std::initializer_list<NamedInput> inputs) {
  constexpr int kCalls = 7;
  double least = INFINITY;
  for (int call = 0; call < kCalls; ++call) {
    Clock::time_point begin = Clock::now();
    Outputs outputs = executable.run("logits", inputs);
    if (!outputs)
      return makeError(outputs.message());
    least = std::min(least, secondsSince(begin));
  }
  return least;
}

Expected<Cost> CompareCommand::measureAt(int64_t length, const Checkpoint &checkpoint,
                                         const CompileOptions &options) const {
  Expected<LoadedModel> model =
      LoadedModel::load(checkpoint, {.batch = 1, .time = length, .functions = {"logits"}},
                        {.batch = 1, .sourceTime = length, .time = length, .functions = {"logits"}}, options);
  if (!model)
    return model.takeError();
  HostTensor ids = someIds(length, model->model->vocabulary()), source;
  HostTensor lengths = HostTensor::full<int32_t>({1}, int32_t(length));
  bool isPair = model->model->kind() == ModelKind::EncoderDecoder;
  if (isPair)
    source = someIds(length, static_cast<const EncoderDecoder &>(*model->model).sourceVocabulary());
  Expected<double> seconds =
      isPair ? secondsOf(*model->executable, {{"src", source}, {"src_len", lengths}, {"tgt_in", ids}})
             : secondsOf(*model->executable, {{"ids", ids}});
  if (!seconds)
    return seconds.takeError();
  return Cost{length, *seconds * 1e6 / double(length), model->executable->signature().arenaBytes()};
}

Expected<Contestant> CompareCommand::measure(const std::string &path, const CompileOptions &options) const {
  Expected<Checkpoint> checkpoint = loadCheckpoint(path, /*withOptimizer=*/false);
  if (!checkpoint)
    return checkpoint.takeError();
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint->config, checkpoint->path);
  if (!description)
    return description.takeError();
  Expected<std::unique_ptr<Model>> model = description->make();
  if (!model)
    return makeError(checkpoint->path + ": " + toString(model.takeError()));
  Contestant contestant;
  contestant.kind = (*model)->kind();
  StringRef folder = StringRef(checkpoint->path).rtrim('/');
  contestant.name = sys::path::filename(sys::path::parent_path(folder)).str() + " (" + description->name + ")";
  for (const NamedTensor &parameter : checkpoint->model)
    contestant.parameters += parameter.tensor.numElements();
  // Beside the checkpoints; what was imported has none.
  if (std::string run = sys::path::parent_path(folder).str(); sys::fs::exists(run + "/metrics.jsonl"))
    if (Error error = RunHistory::read(run).moveInto(contestant.history))
      return std::move(error);
  for (long length : lengths) {
    if ((*model)->positions() && length > (*model)->positions())
      continue;
    Expected<Cost> cost = measureAt(length, *checkpoint, options);
    if (!cost)
      return cost.takeError();
    contestant.costs.push_back(*cost);
  }
  return contestant;
}

/// A line of each model.
template <typename Points> static std::vector<ChartLine> linesOf(ArrayRef<Contestant> contestants, Points points) {
  std::vector<ChartLine> lines;
  for (const Contestant &one : contestants)
    lines.push_back({one.name, points(one)});
  return lines;
}

static std::vector<std::pair<double, double>> lossesBy(const Contestant &one, double RunHistory::Step::*place) {
  std::vector<std::pair<double, double>> points;
  for (const RunHistory::Step &step : one.history.steps)
    points.emplace_back(step.*place, step.loss);
  return points;
}

std::string CompareCommand::pageOf(ArrayRef<Contestant> contestants) const {
  bool arePairs = contestants.front().kind == ModelKind::EncoderDecoder;
  Page page(arePairs ? "Comparison of models of pairs" : "Comparison of language models");
  std::vector<std::vector<std::string>> facts = {
      {"model", "parameters", "steps", "training, s", "held-out nats per token"}};
  for (const Contestant &one : contestants) {
    const RunHistory &history = one.history;
    facts.push_back({one.name, formatCount(one.parameters), formatCount(int64_t(history.steps.size())),
                     history.steps.empty() ? "" : formatNumber(history.steps.back().seconds, 4),
                     history.validations.empty() ? "" : formatNumber(history.validations.back().nats, 5)});
  }
  page.table(facts);
  page.add(lineChart({"Training loss", "step", "nats per token"}, linesOf(contestants, [](const Contestant &one) {
                       return lossesBy(one, &RunHistory::Step::step);
                     })));
  page.add(lineChart({"Training loss", "seconds", "nats per token"}, linesOf(contestants, [](const Contestant &one) {
                       return lossesBy(one, &RunHistory::Step::seconds);
                     })));
  auto costs = [&](auto value) {
    return linesOf(contestants, [&](const Contestant &one) {
      std::vector<std::pair<double, double>> points;
      for (const Cost &cost : one.costs)
        points.emplace_back(double(cost.length), value(cost));
      return points;
    });
  };
  const char *length = arePairs ? "ids of source and target, each" : "ids of the text";
  page.add(
      lineChart({"Time of a token", length, "µs"}, costs([](const Cost &cost) { return cost.microsecondsPerToken; })));
  page.add(lineChart({"Memory beside the parameters", length, "KiB"},
                     costs([](const Cost &cost) { return double(cost.arenaBytes) / 1024; })));
  return page.text();
}

static json::Object toObject(const Contestant &one) {
  json::Array costs;
  for (const Cost &cost : one.costs)
    costs.push_back(json::Object{
        {"length", cost.length}, {"us_per_token", cost.microsecondsPerToken}, {"arena_bytes", cost.arenaBytes}});
  json::Object object{{"model", one.name}, {"parameters", one.parameters}, {"costs", std::move(costs)}};
  if (!one.history.validations.empty())
    object["valid_nats_per_token"] = one.history.validations.back().nats;
  return object;
}

Error CompareCommand::run() {
  if (lengths.empty())
    for (long length : {16, 32, 64, 128, 256})
      lengths.push_back(length);
  for (long length : lengths)
    if (length < 1)
      return makeError("--lengths: expected numbers from 1 on, got " + Twine(length));
  if (Error error = plugins.load())
    return error;
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  std::vector<Contestant> contestants;
  for (const std::string &path : checkpoints) {
    Expected<Contestant> one = measure(path, *options);
    if (!one)
      return one.takeError();
    if (!contestants.empty() && one->kind != contestants.front().kind)
      return makeError(path + ": expected a model of the kind " + std::string(toString(contestants.front().kind)) +
                       " beside " + contestants.front().name + ", got " + one->name + ", which is of the kind " +
                       std::string(toString(one->kind)) + "; what the two learn is not the same");
    contestants.push_back(std::move(*one));
  }
  if (!json) {
    if (Error error = writeFile(output, pageOf(contestants)))
      return error;
    outs() << "saved: " << output << "\n";
    return Error::success();
  }
  json::Array list;
  for (const Contestant &one : contestants)
    list.push_back(toObject(one));
  printJsonLine(outs(), json::Object{{"models", std::move(list)}});
  return Error::success();
}

std::unique_ptr<Command> makeCompareCommand() { return std::make_unique<CompareCommand>(); }

} // namespace moru
