// The comparison with recorded runs. What is compared and how far it may differ is written in `expected.json`, by the
// rules of the folder's README.

#include "moru/Train/RecordedRun.h"

#include "moru/DSL/Compile.h"
#include "moru/DSL/Ops.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"
#include "moru/Support/Philox.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/Optimizers.h"
#include "moru/Train/RecordedDecoding.h"
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
/// Runs that show what rounding of the parameters does to each step: enough that at all ten steps of a recording one of
/// them deviates more than one more run would with a probability of more than 7 in 10, and in practice, as the steps of
/// a run deviate together, nearly always.
static constexpr uint32_t kRoundingRuns = 32;

/// What rounding the operands of contractions to bf16, 2^-9 of each, may do: to values and losses, to gradients, and to
/// what a step of an optimizer moves, which Adam divides by the size of the gradient. About three times what is
/// measured.
static constexpr double kBF16Values = 2e-2, kBF16Gradients = 5e-2, kBF16Updates = 0.2;

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

/// Loss and norm of the gradients, step by step.
struct Series {
  std::vector<double> losses, norms;
};

/// How far each step is from what is recorded, and how far it may be.
struct SeriesErrors {
  std::vector<double> errors;
  double tolerance = 0;
  /// What rounding of the parameters alone does to each step; empty where it was not measured.
  std::vector<double> rounding = {};

  SeriesErrors(const json::Array &wanted, ArrayRef<double> got);
  bool withinTolerance() const;
  /// The step that is furthest beyond what it may be.
  RecordedRow worst(std::string what) const;
};

/// One case.
class Case {
public:
  Case(StringRef folder, const CompileOptions &options) : folder(folder), options(options) {}

  Error read();
  void verify();
  RecordedReport report;

private:
  Error verifyFirstBatch();
  Error verifyRun(StringRef run, const json::Object &record);
  Expected<Series> runSteps(Executable &executable, size_t steps) const;
  Expected<Series> measureRounding(Executable &executable, const Series &series) const;
  void compareFirstBatch(const Outputs &outputs);
  void compareParameters(StringRef run, const json::Object &tolerance, bool adam, const Executable &executable);
  void fail(StringRef what, Error error);
  Program buildFirstBatch() const;
  Program buildTrainStep(const optim::Optimizer &optimizer) const;
  /// What a function of a batch takes, of one step.
  std::vector<NamedTensor> batch(int64_t step) const;
  /// A value without the entries that differ by noise alone (`zero_gradient`): they are set to what is expected.
  HostTensor withoutNoise(StringRef parameter, const HostTensor &value, const HostTensor &expected) const;
  Expected<Executable> makeExecutable(const Program &program) const;
  /// What is recorded, and in bf16 no less than that takes.
  double tolerance(const json::Object *bounds, StringRef key) const {
    double recorded = bounds ? bounds->getNumber(key).value_or(0) : 0;
    if (options.precision != Precision::BF16)
      return recorded;
    return std::max(recorded, key == "update" ? kBF16Updates : key == "gradient" ? kBF16Gradients : kBF16Values);
  }
  double tolerance(StringRef key) const { return tolerance(expected.getObject("tolerance"), key); }
  const HostTensor *findExpected(StringRef name) const;

  std::string folder;
  const CompileOptions &options;
  json::Object expected;
  std::vector<NamedTensor> initial, batches, values;
  RecordedModel recorded;
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

Expected<RecordedModel> makeRecordedModel(const json::Object &expected, StringRef path, RecordedReport &report) {
  const json::Object &config = *expected.getObject("config");
  RecordedModel recorded;
  recorded.rows = config.getInteger("B").value_or(1);
  recorded.time = config.getInteger("T").value_or(1);
  recorded.sourceTime = config.getInteger("S").value_or(1);
  Result<Config> keys = Config::parse(formatv("{0}", json::Value(json::Object(config))).str(), path.str());
  if (!keys)
    return makeError(keys.message());
  ModelDescription description{expected.getString("model")->str(), keys.take()};
  description.config.drop({"B", "T", "S"});
  report.ignoredKeys = description.config.drop({"gain", "sharpness", "embedding_gain", "eos_boost", "ignored"});
  bool saysPositions = description.config.has("positions");
  if (Error error = description.make().moveInto(recorded.model))
    return std::move(error);
  if (!saysPositions && description.config.knows("positions")) {
    description.config.set("positions", Config::Value(recorded.time));
    if (Error error = description.make().moveInto(recorded.model))
      return std::move(error);
  }
  return recorded;
}

/// The part of one step out of [steps, …]; zeros where there is none.
static HostTensor sliceOf(const HostTensor *all, int64_t step, Shape shape) {
  HostTensor tensor(ElementType::I32, std::move(shape));
  int64_t count = tensor.numElements();
  if (all && all->type() == ElementType::I32 && all->numElements() >= (step + 1) * count)
    std::memcpy(tensor.bytes(), all->data<int32_t>() + step * count, tensor.sizeInBytes());
  return tensor;
}

std::vector<NamedTensor> Case::batch(int64_t step) const {
  std::vector<std::pair<const char *, Shape>> inputs = {{"ids", {recorded.rows, recorded.time}},
                                                        {"targets", {recorded.rows, recorded.time}}};
  if (!recorded.isLanguageModel())
    inputs = {{"src", {recorded.rows, recorded.sourceTime}},
              {"src_len", {recorded.rows}},
              {"tgt_in", {recorded.rows, recorded.time}},
              {"tgt_out", {recorded.rows, recorded.time}}};
  std::vector<NamedTensor> tensors;
  for (const auto &[name, shape] : inputs)
    tensors.push_back({name, sliceOf(find(batches, name), step, shape)});
  return tensors;
}

static Outputs call(Executable &executable, const char *function, const std::vector<NamedTensor> &inputs) {
  std::vector<NamedInput> named;
  for (const NamedTensor &input : inputs)
    named.push_back({input.name, input.tensor});
  return executable.run(function, named);
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

/// Puts out the logits and the state after the batch; the loss.
static Tensor buildBatch(Function &function, const LanguageModel &model, const TensorType &ids) {
  Tensor inputs = function.input("ids", ids), targets = function.input("targets", ids);
  State state = model.start(ids.dims[0].size), again = state;
  function.output("logits", model.logits(inputs, state));
  for (const auto &[name, tensor] : state.entries())
    function.output("state." + name, tensor);
  return model.loss(inputs, targets, again);
}

static Tensor buildBatch(Function &function, const EncoderDecoder &model, const TensorType &source,
                         const TensorType &target) {
  Tensor src = function.input("src", source), lengths = function.input("src_len", i32({source.dims[0]}));
  Tensor inputs = function.input("tgt_in", target), targets = function.input("tgt_out", target);
  Tensor logits = model.logits(inputs, model.encode(src, lengths));
  function.output("logits", logits);
  return model.loss(logits, targets);
}

/// logits, loss, the state after the batch, and every gradient, from a state of zeros.
Program Case::buildFirstBatch() const {
  Program program;
  program.function("first_batch", [&](Function &function) {
    TensorType ids = i32({recorded.rows, recorded.time});
    Tensor loss = recorded.isLanguageModel()
                      ? buildBatch(function, recorded.languageModel(), ids)
                      : buildBatch(function, recorded.encoderDecoder(), i32({recorded.rows, recorded.sourceTime}), ids);
    function.output("loss", loss);
    std::vector<Tensor> parameters = recorded.model->parameters();
    for (auto [parameter, gradient] : zip_equal(parameters, gradient(loss, parameters)))
      function.output("grad." + parameter.name(), gradient);
  });
  return program;
}

/// |a - b| / |b|.
static double relativeError(double value, double expected) { return std::abs(value - expected) / std::abs(expected); }

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

HostTensor Case::withoutNoise(StringRef parameter, const HostTensor &given, const HostTensor &wanted) const {
  HostTensor value = given.converted(ElementType::F32);
  const json::Object *noise = expected.getObject("zero_gradient");
  const json::Array *range = noise ? noise->getArray(parameter) : nullptr;
  if (!range || range->size() != 2 || value.shape() != wanted.shape())
    return value;
  int64_t end = std::min((*range)[1].getAsInteger().value_or(0), value.numElements());
  for (int64_t i = std::max<int64_t>((*range)[0].getAsInteger().value_or(0), 0); i < end; ++i)
    value.data<float>()[i] = float(wanted.at(i));
  return value;
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
    bool isGradient = name.consume_front("grad.");
    worst->add(!got         ? INFINITY
               : isGradient ? relativeError(withoutNoise(name, *got, value.tensor), value.tensor)
                            : relativeError(*got, value.tensor),
               value.name);
  }
  for (const Worst *worst : {&logits, &loss, &gradient, &state})
    if (!worst->row.where.empty())
      report.rows.push_back(worst->row);
}

Error Case::verifyFirstBatch() {
  Expected<Executable> executable = makeExecutable(buildFirstBatch());
  if (!executable)
    return executable.takeError();
  Outputs outputs = call(*executable, "first_batch", batch(0));
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
  auto bound = [&](StringRef key) { return tolerance(&bounds, key); };
  Worst parameter((run + ": parameters").str(), bound("parameter"));
  Worst update((run + ": updates").str(), std::max(bound("update"), adam ? kAdamUpdateTolerance : 0));
  std::string prefix = ("after." + run + ".").str();
  for (const NamedTensor &before : initial) {
    const HostTensor *found = executable.find(before.name), *wanted = findExpected(prefix + before.name);
    if (!found || !wanted || found->shape() != wanted->shape()) {
      parameter.add(INFINITY, before.name);
      continue;
    }
    HostTensor after = withoutNoise(before.name, *found, *wanted);
    parameter.add(adam ? relativeErrorWithoutOutliers(after, *wanted) : relativeError(after, *wanted), before.name);
    double moved = normOf(*wanted, before.tensor), missed = normOf(after, *wanted);
    update.add(moved > 0 ? missed / moved : missed, before.name);
  }
  report.rows.push_back(parameter.row);
  report.rows.push_back(update.row);
}

SeriesErrors::SeriesErrors(const json::Array &wanted, ArrayRef<double> got) {
  for (auto [expected, value] : zip_equal(wanted, got))
    errors.push_back(relativeError(value, expected.getAsNumber().value_or(NAN)));
}

bool SeriesErrors::withinTolerance() const {
  return all_of(errors, [&](double error) { return error <= tolerance; });
}

RecordedRow SeriesErrors::worst(std::string what) const {
  RecordedRow row;
  row.what = std::move(what);
  row.tolerance = tolerance;
  double furthest = -1;
  for (auto [step, error] : enumerate(errors)) {
    double bound = rounding.empty() ? tolerance : std::max(tolerance, rounding[step]), share = error / bound;
    // A NaN is worse than anything.
    if (share <= furthest)
      continue;
    furthest = std::isnan(share) ? INFINITY : share;
    row.error = std::isnan(error) ? INFINITY : error;
    row.rounding = bound > tolerance ? bound : 0;
    row.where = "step " + std::to_string(step + 1);
  }
  return row;
}

Program Case::buildTrainStep(const optim::Optimizer &optimizer) const {
  std::vector<std::string> functions = {"train_step"};
  return buildProgram(*recorded.model,
                      {.batch = recorded.rows, .time = recorded.time, .optimizer = optimizer, .functions = functions},
                      {.batch = recorded.rows,
                       .sourceTime = recorded.sourceTime,
                       .time = recorded.time,
                       .optimizer = optimizer,
                       .functions = functions});
}

Error Case::verifyRun(StringRef run, const json::Object &record) {
  const json::Object *bounds = record.getObject("tolerance");
  const json::Array *losses = record.getArray("loss"), *norms = record.getArray("grad_norm");
  if (!bounds || !losses || !norms || losses->size() != norms->size())
    return makeError("expected \"tolerance\", \"loss\" and \"grad_norm\"");
  optim::Optimizer optimizer;
  if (Error error = readOptimizer(record).moveInto(optimizer))
    return error;
  Expected<Executable> executable = makeExecutable(buildTrainStep(optimizer));
  if (!executable)
    return executable.takeError();
  Expected<Series> series = runSteps(*executable, losses->size());
  if (!series)
    return series.takeError();
  SeriesErrors loss(*losses, series->losses), norm(*norms, series->norms);
  loss.tolerance = tolerance(bounds, "loss");
  norm.tolerance = tolerance(bounds, "grad_norm");
  size_t place = report.rows.size();
  report.rows.resize(place + 2);
  const json::Object *settings = record.getObject("settings");
  bool adam = settings->getString("optimizer").value_or("").starts_with("adam");
  compareParameters(run, *bounds, adam, *executable);
  if (!loss.withinTolerance() || !norm.withinTolerance()) {
    Expected<Series> rounding = measureRounding(*executable, *series);
    if (!rounding)
      return rounding.takeError();
    loss.rounding = std::move(rounding->losses);
    norm.rounding = std::move(rounding->norms);
  }
  report.rows[place] = loss.worst((run + ": loss").str());
  report.rows[place + 1] = norm.worst((run + ": grad_norm").str());
  return Error::success();
}

Expected<Series> Case::runSteps(Executable &executable, size_t steps) const {
  Series series;
  for (size_t step = 0; step < steps; ++step) {
    Outputs outputs = call(executable, "train_step", batch(int64_t(step)));
    if (!outputs)
      return makeError(outputs.message());
    series.losses.push_back(outputs.scalar("loss"));
    series.norms.push_back(outputs.scalar("grad_norm"));
  }
  return series;
}

/// Each entry as it is, or with a probability of 1/4 each the number before or behind it: a variance of 1/2 in units of
/// the last place, less than the 10/12 that being rounded in ten steps comes to.
static HostTensor movedByRounding(const HostTensor &tensor, uint32_t run, uint32_t stream) {
  HostTensor moved = tensor.clone();
  if (moved.type() != ElementType::F32)
    return moved;
  for (int64_t i = 0; i < moved.numElements(); ++i) {
    float &entry = moved.data<float>()[i];
    uint32_t bits = philoxBits(run, stream, 0, uint64_t(i)) & 3;
    if (bits < 2)
      entry = std::nextafter(entry, bits ? INFINITY : -INFINITY);
  }
  return moved;
}

/// Every f32 implementation rounds its parameters after each step. Where a step of a run amplifies that beyond the
/// recorded tolerance, which comes of three orders of the rows alone, nothing nearer can be asked of that step: how far
/// it goes shows where the run begins from neighbors of its parameters.
Expected<Series> Case::measureRounding(Executable &executable, const Series &series) const {
  size_t steps = series.losses.size();
  Series rounding{std::vector<double>(steps), std::vector<double>(steps)};
  auto widen = [&](std::vector<double> &bounds, ArrayRef<double> moved, ArrayRef<double> own) {
    for (size_t step = 0; step < steps; ++step)
      bounds[step] = std::max(bounds[step], relativeError(moved[step], own[step]));
  };
  for (uint32_t run = 0; run < kRoundingRuns; ++run) {
    std::vector<NamedTensor> moved;
    for (auto [stream, parameter] : enumerate(initial))
      moved.push_back({parameter.name, movedByRounding(parameter.tensor, run, uint32_t(stream))});
    if (Error error = setParameters(executable, moved, "neighbors of the initial values"))
      return std::move(error);
    clearState(executable, "");
    Expected<Series> other = runSteps(executable, steps);
    if (!other)
      return other.takeError();
    widen(rounding.losses, other->losses, series.losses);
    widen(rounding.norms, other->norms, series.norms);
  }
  return rounding;
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
  if (Error error = makeRecordedModel(expected, folder + "/expected.json", report).moveInto(recorded))
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

Expected<RecordedReport> verifyRecordedRun(StringRef folder, const CompileOptions &options) {
  if (sys::fs::exists(folder + "/ops.json"))
    return verifyRecordedOperations(folder, options);
  if (sys::fs::exists(folder + "/params.safetensors"))
    return verifyRecordedDecoding(folder, options);
  Case one(folder, options);
  if (Error error = one.read())
    return error;
  one.verify();
  return std::move(one.report);
}

} // namespace moru
