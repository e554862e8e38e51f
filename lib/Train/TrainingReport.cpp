// The page of a training run.

#include "moru/Train/TrainingReport.h"

#include "moru/Report/Charts.h"
#include "moru/Report/Page.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Support/Json.h"

#include "llvm/Support/FileSystem.h"

#include <cmath>
#include <map>

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Calls `visit` with each line of a file of JSON lines.
static Error visitLines(StringRef path, function_ref<void(const json::Object &)> visit) {
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  size_t number = 1;
  for (StringRef rest = *text; !rest.empty(); ++number) {
    auto [line, after] = rest.split('\n');
    Expected<json::Object> object = parseJsonObject(line, (path + ":" + Twine(number)).str());
    if (!object)
      return object.takeError();
    visit(*object);
    rest = after;
  }
  return Error::success();
}

/// Numbers that are none are written as null.
static double numberOf(const json::Object &line, StringRef key) { return line.getNumber(key).value_or(NAN); }

Expected<RunHistory> RunHistory::read(StringRef folder) {
  RunHistory history;
  Error error = visitLines((folder + "/metrics.jsonl").str(), [&](const json::Object &line) {
    if (line.get("valid_nats_per_token"))
      history.validations.push_back({numberOf(line, "step"), numberOf(line, "valid_nats_per_token")});
    else
      history.steps.push_back({numberOf(line, "step"), numberOf(line, "loss"), numberOf(line, "grad_norm"),
                               numberOf(line, "learning_rate"), numberOf(line, "predictions"), NAN});
  });
  if (error)
    return std::move(error);
  std::string times = (folder + "/times.jsonl").str();
  std::map<double, double> seconds;
  if (sys::fs::exists(times))
    if (Error error = visitLines(
            times, [&](const json::Object &line) { seconds[numberOf(line, "step")] = numberOf(line, "seconds"); }))
      return std::move(error);
  double sum = 0;
  for (Step &step : history.steps)
    if (auto found = seconds.find(step.step); found != seconds.end())
      step.seconds = sum += found->second;
  return history;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// A line of one thing against the steps.
template <typename Value> static ChartLine lineOf(StringRef name, const RunHistory &history, Value value) {
  ChartLine line{name.str(), {}};
  for (const RunHistory::Step &step : history.steps)
    line.points.emplace_back(step.step, value(step));
  return line;
}

template <typename Value> static ChartLine validationLine(const RunHistory &history, Value value) {
  ChartLine line{"held out", {}};
  for (const RunHistory::Validation &one : history.validations)
    line.points.emplace_back(one.step, value(one.nats));
  return line;
}

/// Targets that count per second, from one step to the next.
static ChartLine speedLine(const RunHistory &history) {
  ChartLine line{"tokens", {}};
  double before = 0;
  for (const RunHistory::Step &step : history.steps) {
    line.points.emplace_back(step.step, step.predictions / (step.seconds - before));
    before = std::isnan(step.seconds) ? before : step.seconds;
  }
  return line;
}

static void addCharts(Page &page, const RunHistory &history) {
  auto loss = [](const RunHistory::Step &step) { return step.loss; };
  auto perplexity = [](const RunHistory::Step &step) { return std::exp(step.loss); };
  page.add(lineChart({"Loss", "step", "nats per token"},
                     {lineOf("training", history, loss), validationLine(history, [](double nats) { return nats; })}));
  page.add(lineChart(
      {"Perplexity", "step", "exp(loss)"},
      {lineOf("training", history, perplexity), validationLine(history, [](double nats) { return std::exp(nats); })}));
  page.add(lineChart({"Learning rate", "step", ""},
                     lineOf("rate", history, [](const RunHistory::Step &step) { return step.learningRate; })));
  page.add(lineChart({"Gradient norm", "step", "before clipping"},
                     lineOf("norm", history, [](const RunHistory::Step &step) { return step.gradientNorm; })));
  page.add(lineChart({"Speed", "step", "tokens per second"}, speedLine(history)));
}

Error writeTrainingReport(StringRef folder, const TrainFacts &facts, ArrayRef<ReportSample> samples) {
  Expected<RunHistory> history = RunHistory::read(folder);
  if (!history)
    return history.takeError();
  Page page("Training of " + facts.model);
  std::string last = history->validations.empty() ? "none" : formatNumber(history->validations.back().nats, 5);
  page.table({{"", ""},
              {"parameters", formatCount(facts.parameters)},
              {"vocabulary", formatCount(facts.vocabulary)},
              {"ids to train on, held out", formatCount(facts.trainTokens) + ", " + formatCount(facts.validTokens)},
              {"batch", std::to_string(facts.batchSize) + " x " + std::to_string(facts.sequenceLength)},
              {"steps", formatCount(int64_t(history->steps.size())) + " of " + formatCount(facts.steps)},
              {"held-out loss at the end, nats per token", last}});
  addCharts(page, *history);
  if (!samples.empty())
    page.heading("Samples");
  for (const ReportSample &sample : samples) {
    if (!sample.prompt.empty())
      page.paragraph(sample.prompt);
    page.verbatim(sample.text);
  }
  return writeFile((folder + "/report.html").str(), page.text());
}

} // namespace moru
