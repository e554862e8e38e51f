// The comparison with recorded runs. What is compared and how far it may differ is written in `expected.json`, by the
// rules of the folder's README.

#include "moru/Train/RecordedRun.h"

#include "moru/DSL/Compile.h"
#include "moru/DSL/Ops.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/Optimizers.h"
#include "moru/Train/RecordedOperations.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cmath>
#include <map>

using namespace llvm;

namespace moru {

bool RecordedReport::passed() const {
  return all_of(rows, [](const RecordedRow &row) { return row.passed(); });
}

/// Below this the update of an Adam run is not compared: rounding noise becomes visible steps there (the README's
/// rule).
static constexpr double kAdamUpdateTolerance = 1e-3;
/// The share of a tensor's entries, at least one, that an Adam run may move by noise (the README's rule).
static constexpr double kAdamOutliers = 1e-3;

namespace {

/// Keeps the worst of several comparisons.
struct Worst {
  RecordedRow row;
  explicit Worst(std::string what, double tolerance) { row.what = std::move(what), row.tolerance = tolerance; }
  void add(double error, StringRef where) {
    // A NaN is worse than anything.
    if (row.where.empty() || !(error <= row.error)) {
      row.error = std::isnan(error) ? INFINITY : error;
      row.where = where.str();
    }
  }
};

/// One case.
class Case {
public:
  Case(StringRef folder, const CompileOptions &options) : folder(folder), options(options) {}

  Error read();
  void verify();
  RecordedReport report;

private:
  Error makeModel();
  Error verifyFirstBatch();
  Error verifyRun(StringRef run, const json::Object &record);
  void compareFirstBatch(const Outputs &outputs);
  void compareParameters(StringRef run, const json::Object &tolerance, bool adam, const Executable &executable);
  void fail(StringRef what, Error error);
  Program buildFirstBatch() const;
  HostTensor batch(StringRef name, int64_t step) const;
  Expected<Executable> makeExecutable(const Program &program) const;
  double tolerance(StringRef key) const {
    const json::Object *object = expected.getObject("tolerance");
    return object ? object->getNumber(key).value_or(0) : 0;
  }
  const HostTensor *findExpected(StringRef name) const;

  std::string folder;
  const CompileOptions &options;
  json::Object expected;
  std::vector<NamedTensor> initial, batches, values;
  ModelDescription description;
  std::unique_ptr<LanguageModel> model;
  int64_t rows = 0, time = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static const HostTensor *find(const std::vector<NamedTensor> &list, StringRef name) {
  auto found = find_if(list, [&](const NamedTensor &entry) { return entry.name == name; });
  return found == list.end() ? nullptr : &found->tensor;
}

const HostTensor *Case::findExpected(StringRef name) const { return find(values, name); }

Error Case::read() {
  std::string path = folder + "/expected.json";
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  Expected<json::Object> parsed = parseJsonObject(*text, path);
  if (!parsed)
    return parsed.takeError();
  if (!parsed->getString("model") || !parsed->getObject("config"))
    return makeError(path + ": expected \"model\" and \"config\": is this the folder of a recorded run?");
  expected = std::move(*parsed);
  report.name = sys::path::filename(StringRef(folder).rtrim('/')).str();
  for (auto [name, list] : {std::pair("init", &initial), {"batch", &batches}, {"expected", &values}})
    if (Error error = readSafetensors(folder + "/" + name + ".safetensors").moveInto(*list))
      return error;
  return Error::success();
}

Error Case::makeModel() {
  json::Object config = *expected.getObject("config");
  rows = config.getInteger("B").value_or(1);
  time = config.getInteger("T").value_or(1);
  std::string name = expected.getString("model")->str();
  Result<Config> keys = Config::parse(formatv("{0}", json::Value(std::move(config))).str(), folder + "/expected.json");
  if (!keys)
    return makeError(keys.message());
  description = {name, keys.take()};
  description.config.drop({"B", "T", "S"});
  report.ignoredKeys = description.config.drop({"gain", "sharpness", "embedding_gain", "eos_boost", "ignored"});
  return description.make().moveInto(model);
}

/// The [B, T] array of one step out of [steps, B, T].
HostTensor Case::batch(StringRef name, int64_t step) const {
  const HostTensor *all = find(batches, name);
  HostTensor tensor(ElementType::I32, {rows, time});
  if (all && all->type() == ElementType::I32 && all->numElements() >= (step + 1) * rows * time)
    std::memcpy(tensor.bytes(), all->data<int32_t>() + step * rows * time, tensor.sizeInBytes());
  return tensor;
}

Expected<Executable> Case::makeExecutable(const Program &program) const {
  Result<Executable> executable = compile(program, options);
  if (!executable)
    return makeError(executable.message());
  if (Error error = setParameters(*executable, initial, folder + "/init.safetensors"))
    return error;
  return executable.take();
}

//===----------------------------------------------------------------------===//
// The first batch
//===----------------------------------------------------------------------===//

/// logits, loss, the state after the batch, and every gradient, from a state of zeros.
Program Case::buildFirstBatch() const {
  Program program;
  program.function("first_batch", [&](Function &function) {
    TensorType ids = i32({rows, time});
    Tensor inputs = function.input("ids", ids), targets = function.input("targets", ids);
    State state = model->start(rows), again = state;
    function.output("logits", model->logits(inputs, state));
    for (const auto &[name, tensor] : state.entries())
      function.output("state." + name, tensor);
    Tensor loss = model->loss(inputs, targets, again);
    function.output("loss", loss);
    std::vector<Tensor> parameters = model->parameters();
    for (auto [parameter, gradient] : zip_equal(parameters, gradient(loss, parameters)))
      function.output("grad." + parameter.name(), gradient);
  });
  return program;
}

/// max |a - b| / max |b|.
static double relativeError(const HostTensor &value, const HostTensor &expected) {
  if (value.shape() != expected.shape())
    return INFINITY;
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < expected.numElements(); ++i) {
    double error = std::abs(value.at(i) - expected.at(i));
    worst = error <= worst ? worst : error;
    largest = std::max(largest, std::abs(expected.at(i)));
  }
  return largest > 0 ? worst / largest : worst;
}

void Case::compareFirstBatch(const Outputs &outputs) {
  Worst logits("logits", tolerance("logits")), loss("loss", tolerance("logits")),
      gradient("gradients", tolerance("gradient")), state("state", tolerance("logits"));
  double wanted = expected.getNumber("loss_of_batch_0").value_or(NAN);
  loss.add(std::abs(outputs.scalar("loss") - wanted) / std::abs(wanted), "batch 0");
  for (const NamedTensor &value : values) {
    StringRef name = value.name;
    Worst *worst = name == "logits"             ? &logits
                   : name.starts_with("grad.")  ? &gradient
                   : name.starts_with("state.") ? &state
                                                : nullptr;
    if (!worst)
      continue;
    const HostTensor *got = outputs.find(value.name);
    worst->add(got ? relativeError(*got, value.tensor) : INFINITY, name);
  }
  for (const Worst *worst : {&logits, &loss, &gradient, &state})
    if (!worst->row.where.empty())
      report.rows.push_back(worst->row);
}

Error Case::verifyFirstBatch() {
  Expected<Executable> executable = makeExecutable(buildFirstBatch());
  if (!executable)
    return executable.takeError();
  HostTensor ids = batch("ids", 0), targets = batch("targets", 0);
  Outputs outputs = executable->run("first_batch", {{"ids", ids}, {"targets", targets}});
  if (!outputs)
    return makeError(outputs.message());
  compareFirstBatch(outputs);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// The optimizer of a run's `settings`.
static Expected<optim::Optimizer> readOptimizer(const json::Object &record) {
  const json::Object *settings = record.getObject("settings");
  if (!settings)
    return makeError("expected \"settings\"");
  OptimizerOptions options;
  for (const auto &[key, value] : *settings) {
    StringRef name = key;
    if (!is_contained({"optimizer", "lr", "momentum", "weight_decay", "clip", "warmup", "total"}, name))
      return makeError("unknown setting \"" + name + "\"");
  }
  options.kind = settings->getString("optimizer").value_or("").str();
  options.learningRate = settings->getNumber("lr").value_or(0);
  options.momentum = settings->getNumber("momentum").value_or(0);
  if (options.momentum > 0 && options.kind == "sgd")
    options.kind = "momentum";
  options.weightDecay = settings->getNumber("weight_decay").value_or(0);
  options.clip = settings->getNumber("clip").value_or(0);
  options.warmup = settings->getInteger("warmup").value_or(0);
  options.steps = settings->getInteger("total").value_or(0);
  if (options.steps)
    options.schedule = "cosine";
  return makeOptimizer(options);
}

static double normOf(const HostTensor &a, const HostTensor &b) {
  double sum = 0;
  for (int64_t i = 0; i < a.numElements(); ++i)
    sum += (a.at(i) - b.at(i)) * (a.at(i) - b.at(i));
  return std::sqrt(sum);
}

/// As `relativeError`, but the worst thousandth of the entries, at least one, does not count.
static double relativeErrorWithoutOutliers(const HostTensor &value, const HostTensor &expected) {
  if (value.shape() != expected.shape())
    return INFINITY;
  std::vector<double> errors;
  double largest = 0;
  for (int64_t i = 0; i < expected.numElements(); ++i) {
    double error = std::abs(value.at(i) - expected.at(i));
    errors.push_back(std::isnan(error) ? INFINITY : error);
    largest = std::max(largest, std::abs(expected.at(i)));
  }
  size_t outliers = std::max<size_t>(1, size_t(kAdamOutliers * double(errors.size())));
  sort(errors, std::greater<double>());
  double worst = outliers < errors.size() ? errors[outliers] : 0;
  return largest > 0 ? worst / largest : worst;
}

void Case::compareParameters(StringRef run, const json::Object &bounds, bool adam, const Executable &executable) {
  auto bound = [&](StringRef key) { return bounds.getNumber(key).value_or(0); };
  Worst parameter((run + ": parameters").str(), bound("parameter"));
  Worst update((run + ": updates").str(), std::max(bound("update"), adam ? kAdamUpdateTolerance : 0));
  std::string prefix = ("after." + run + ".").str();
  for (const NamedTensor &before : initial) {
    const HostTensor *after = executable.find(before.name), *wanted = findExpected(prefix + before.name);
    if (!after || !wanted || after->shape() != wanted->shape()) {
      parameter.add(INFINITY, before.name);
      continue;
    }
    parameter.add(adam ? relativeErrorWithoutOutliers(*after, *wanted) : relativeError(*after, *wanted), before.name);
    double moved = normOf(*wanted, before.tensor), missed = normOf(*after, *wanted);
    update.add(moved > 0 ? missed / moved : missed, before.name);
  }
  report.rows.push_back(parameter.row);
  report.rows.push_back(update.row);
}

Error Case::verifyRun(StringRef run, const json::Object &record) {
  const json::Object *bounds = record.getObject("tolerance");
  const json::Array *losses = record.getArray("loss"), *norms = record.getArray("grad_norm");
  if (!bounds || !losses || !norms || losses->size() != norms->size())
    return makeError("expected \"tolerance\", \"loss\" and \"grad_norm\"");
  LanguageModelOptions build{.batch = rows, .time = time, .functions = {"train_step"}};
  if (Error error = readOptimizer(record).moveInto(build.optimizer))
    return error;
  Expected<Executable> executable = makeExecutable(buildLanguageModel(*model, build));
  if (!executable)
    return executable.takeError();
  Worst loss((run + ": loss").str(), bounds->getNumber("loss").value_or(0));
  Worst norm((run + ": grad_norm").str(), bounds->getNumber("grad_norm").value_or(0));
  auto error = [](double got, const json::Value &wanted) {
    double number = wanted.getAsNumber().value_or(NAN);
    return std::abs(got - number) / std::abs(number);
  };
  for (size_t step = 0; step < losses->size(); ++step) {
    HostTensor ids = batch("ids", int64_t(step)), targets = batch("targets", int64_t(step));
    Outputs outputs = executable->run("train_step", {{"ids", ids}, {"targets", targets}});
    if (!outputs)
      return makeError(outputs.message());
    std::string where = "step " + std::to_string(step + 1);
    loss.add(error(outputs.scalar("loss"), (*losses)[step]), where);
    norm.add(error(outputs.scalar("grad_norm"), (*norms)[step]), where);
  }
  report.rows.push_back(loss.row);
  report.rows.push_back(norm.row);
  const json::Object *settings = record.getObject("settings");
  bool adam = settings->getString("optimizer").value_or("").starts_with("adam");
  compareParameters(run, *bounds, adam, *executable);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The case
//===----------------------------------------------------------------------===//

void Case::fail(StringRef what, Error error) {
  RecordedRow row;
  row.what = what.str();
  row.problem = toString(std::move(error));
  report.rows.push_back(std::move(row));
}

void Case::verify() {
  if (Error error = makeModel())
    return fail("model", std::move(error));
  if (Error error = verifyFirstBatch())
    return fail("first batch", std::move(error));
  const json::Object *runs = expected.getObject("runs");
  if (!runs)
    return;
  std::map<std::string, const json::Object *> sorted;
  for (const auto &[name, record] : *runs)
    sorted[name.str()] = record.getAsObject();
  for (const auto &[name, record] : sorted)
    if (!record)
      fail(name, makeError("expected an object"));
    else if (Error error = verifyRun(name, *record))
      fail(name, std::move(error));
}

/// A folder of a kind of recording that Moru does not repeat yet, as a failed row.
static std::optional<RecordedReport> reportUnsupported(StringRef folder) {
  if (!sys::fs::exists(folder + "/params.safetensors"))
    return std::nullopt;
  RecordedReport report;
  report.name = sys::path::filename(folder.rtrim('/')).str();
  RecordedRow row;
  row.what = "decoding";
  row.problem = "not supported by this version of Moru";
  report.rows.push_back(std::move(row));
  return report;
}

Expected<RecordedReport> verifyRecordedRun(StringRef folder, const CompileOptions &options) {
  if (sys::fs::exists(folder + "/ops.json"))
    return verifyRecordedOperations(folder, options);
  if (std::optional<RecordedReport> report = reportUnsupported(folder))
    return std::move(*report);
  Case recorded(folder, options);
  if (Error error = recorded.read())
    return error;
  recorded.verify();
  return std::move(recorded.report);
}

} // namespace moru
