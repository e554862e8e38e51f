// Measured steps of a workload.

#include "moru/Train/Benchmark.h"

#include "moru/Data/Safetensors.h"
#include "moru/Support/Clock.h"
#include "moru/Support/Files.h"
#include "moru/Support/Philox.h"
#include "moru/Train/CountFlops.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>
#include <cmath>
#include <sys/resource.h>
#include <tuple>

using namespace llvm;

namespace moru {

/// Steps after the first ones that are not counted, as the peers do.
static constexpr int64_t kWarmupSteps = 3;

static double peakMegabytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

static StringRef functionOf(Phase phase) {
  return phase == Phase::Train ? "train_step" : phase == Phase::Infer ? "logits" : "decode_step";
}

static StringRef nameOf(Phase phase) {
  return phase == Phase::Train ? "train" : phase == Phase::Infer ? "infer" : "decode";
}

//===----------------------------------------------------------------------===//
// Before the clock starts
//===----------------------------------------------------------------------===//

static LanguageModelOptions buildOptions(const Workload &workload, Phase phase) {
  LanguageModelOptions build;
  build.batch = workload.batch;
  build.time = workload.time;
  build.functions = {functionOf(phase).str()};
  if (workload.weightDecay > 0)
    build.optimizer = optim::AdamW{.learningRate = workload.learningRate, .weightDecay = workload.weightDecay};
  else
    build.optimizer = optim::Adam{.learningRate = workload.learningRate};
  return build;
}

Expected<std::unique_ptr<Benchmark>> Benchmark::create(const Workload &workload, Phase phase, StringRef initial,
                                                       const CompileOptions &options) {
  Expected<ModelDescription> description = ModelDescription::create(workload.model, workload.settings);
  if (!description)
    return description.takeError();
  Clock::time_point begin = Clock::now();
  Expected<LoadedModel> model = LoadedModel::create(std::move(*description), buildOptions(workload, phase), options);
  if (!model)
    return model.takeError();
  std::unique_ptr<Benchmark> benchmark(new Benchmark(workload, phase, std::move(*model)));
  benchmark->compileSeconds = secondsSince(begin);
  if (Error error = benchmark->load(initial))
    return error;
  if (Error error = benchmark->start())
    return error;
  return benchmark;
}

/// Ids in [1, V), as the peers draw them, though not the same ones.
Error Benchmark::drawBatch() {
  int64_t time = workload.time, vocabulary = model.model->vocabulary();
  ids = HostTensor(ElementType::I32, {workload.batch, time});
  targets = HostTensor(ElementType::I32, {workload.batch, time});
  auto draw = [&](int64_t row, int64_t column) {
    float uniform = philoxUniform(1, 0xBE7C, 0, uint64_t(row * (time + 1) + column));
    return int32_t(std::min<int64_t>(1 + int64_t(double(uniform) * double(vocabulary - 1)), vocabulary - 1));
  };
  for (int64_t row = 0; row < workload.batch; ++row)
    for (int64_t column = 0; column < time; ++column) {
      ids.data<int32_t>()[row * time + column] = draw(row, column);
      targets.data<int32_t>()[row * time + column] = draw(row, column + 1);
    }
  return Error::success();
}

Error Benchmark::load(StringRef initial) {
  if (initial.empty()) {
    if (Error error = setParameters(*model.executable, model.model->initialValues(1), "initial values"))
      return error;
    return drawBatch();
  }
  Expected<std::vector<NamedTensor>> values = readSafetensors(initial);
  if (!values)
    return values.takeError();
  std::vector<NamedTensor> parameters;
  for (NamedTensor &value : *values)
    if (value.name == "batch.ids")
      ids = std::move(value.tensor);
    else if (value.name == "batch.targets")
      targets = std::move(value.tensor);
    else
      parameters.push_back(std::move(value));
  Shape shape = {workload.batch, workload.time};
  for (auto [name, tensor] : {std::pair("batch.ids", &ids), {"batch.targets", &targets}})
    if (tensor->type() != ElementType::I32 || tensor->shape() != shape)
      return makeError(initial + ": " + name + ": expected " + toString(ElementType::I32, shape) + ", got " +
                       tensor->toString());
  return setParameters(*model.executable, parameters, initial);
}

/// The first steps, and what is known before any is measured.
Error Benchmark::start() {
  LanguageModelOptions build = buildOptions(workload, phase);
  build.functions = {phase == Phase::Decode ? "decode_step" : "logits"};
  flops = countContractionFlops(buildLanguageModel(model.languageModel(), build), build.functions.front());
  // Forward, and two contractions of the same size backward.
  flops *= phase == Phase::Train ? 3 : 1;
  facts = json::Object{{"peer", "moru"},
                       {"workload", workload.name},
                       {"phase", nameOf(phase)},
                       {"precision", "f32"},
                       {"threads", model.executable->threads()},
                       {"rss_before_first_step_mb", peakMegabytes()}};
  Clock::time_point begin = Clock::now();
  if (Error error = step())
    return error;
  firstCallSeconds = secondsSince(begin);
  if (phase != Phase::Decode)
    facts["first_loss"] = loss;
  else
    facts["first_tokens"] = json::Array(ArrayRef(tokens).take_front(8));
  if (phase == Phase::Train) {
    if (Error error = step())
      return error;
    facts["second_loss"] = loss;
  }
  return time(kWarmupSteps).takeError();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// Mean of -log softmax(logits)[target], in f64.
double Benchmark::lossOfLogits(const HostTensor &logits) const {
  int64_t width = logits.shape().back(), count = targets.numElements();
  double sum = 0;
  for (int64_t row = 0; row < count; ++row) {
    const float *values = logits.data<float>() + row * width;
    double top = *std::max_element(values, values + width), total = 0;
    for (int64_t i = 0; i < width; ++i)
      total += std::exp(double(values[i]) - top);
    sum += top + std::log(total) - double(values[targets.data<int32_t>()[row]]);
  }
  return sum / double(count);
}

/// 64 tokens from the first id of the batch, each the likeliest after those before it.
Error Benchmark::stepDecode() {
  clearState(*model.executable, kDecodeState);
  tokens.clear();
  token.data<int32_t>()[0] = ids.data<int32_t>()[0];
  for (int64_t count = 0; count < kDecodeTokens; ++count) {
    Outputs outputs = model.executable->run("decode_step", {{"token", token}});
    if (!outputs)
      return makeError(outputs.message());
    const HostTensor &logits = outputs["logits"];
    const float *values = logits.data<float>();
    int32_t best = int32_t(std::max_element(values, values + logits.numElements()) - values);
    tokens.push_back(best);
    token.data<int32_t>()[0] = best;
  }
  return Error::success();
}

Error Benchmark::step() {
  if (phase == Phase::Decode)
    return stepDecode();
  bool trains = phase == Phase::Train;
  Outputs outputs = trains ? model.executable->run("train_step", {{"ids", ids}, {"targets", targets}})
                           : model.executable->run("logits", {{"ids", ids}});
  if (!outputs)
    return makeError(outputs.message());
  // Inference is checked once; the loss is no part of it.
  if (trains)
    loss = outputs.scalar("loss");
  else if (loss == 0)
    loss = lossOfLogits(outputs["logits"]);
  return Error::success();
}

/// Milliseconds of each step (decoding: of each token), sorted.
Expected<std::vector<double>> Benchmark::time(int64_t steps) {
  std::vector<double> times;
  double units = phase == Phase::Decode ? double(kDecodeTokens) : 1;
  for (int64_t i = 0; i < steps; ++i) {
    Clock::time_point begin = Clock::now();
    if (Error error = step())
      return error;
    times.push_back(secondsSince(begin) * 1e3 / units);
  }
  sort(times);
  return times;
}

Expected<json::Object> Benchmark::measure(int64_t steps) {
  Expected<std::vector<double>> times = time(steps);
  if (!times)
    return times.takeError();
  size_t count = times->size();
  double median = ((*times)[count / 2] + (*times)[(count - 1) / 2]) / 2;
  double perStep = median * (phase == Phase::Decode ? double(kDecodeTokens) : 1) / 1e3;
  double tokensPerUnit = phase == Phase::Decode ? 1 : double(workload.batch * workload.time);
  json::Object result = facts;
  result["median_ms"] = median;
  result["min_ms"] = times->front();
  result["p90_ms"] = (*times)[std::min(count - 1, size_t(0.9 * double(count)))];
  result["steps"] = int64_t(count);
  result["tokens_per_s"] = tokensPerUnit / median * 1e3;
  result["gflops"] = flops / median / 1e6;
  result["compile_s"] = compileSeconds + std::max(0.0, firstCallSeconds - perStep);
  result["peak_rss_mb"] = peakMegabytes();
  return result;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// What the hook of a profile adds to.
struct KernelTimes {
  Executable *executable;
  StringMap<std::pair<int64_t, uint64_t>> callsAndNanoseconds;
};
} // namespace

Expected<std::vector<Benchmark::KernelTime>> Benchmark::profile(int64_t steps) {
  KernelTimes times{&*model.executable, {}};
  auto hook = [](void *data, moru_task_fn entry, int64_t, uint64_t begin, uint64_t end) {
    auto &times = *static_cast<KernelTimes *>(data);
    auto &[calls, nanoseconds] = times.callsAndNanoseconds[StringRef(times.executable->kernelName(entry))];
    ++calls;
    nanoseconds += end - begin;
  };
  model.executable->setProfile(hook, &times);
  Expected<std::vector<double>> measured = time(steps);
  model.executable->setProfile(nullptr, nullptr);
  if (!measured)
    return measured.takeError();
  std::vector<KernelTime> list;
  for (const auto &entry : times.callsAndNanoseconds)
    list.push_back({entry.getKey().str(), entry.second.first, double(entry.second.second) / 1e6});
  sort(list, [](const KernelTime &a, const KernelTime &b) {
    return std::tuple(-a.milliseconds, StringRef(a.name)) < std::tuple(-b.milliseconds, StringRef(b.name));
  });
  return list;
}

} // namespace moru
