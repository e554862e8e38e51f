// Measured steps of a workload.

#include "moru/Train/Benchmark.h"

#include "moru/Data/Safetensors.h"
#include "moru/Support/Clock.h"
#include "moru/Support/Files.h"
#include "moru/Support/Philox.h"
#include "moru/Support/ReturnMemory.h"
#include "moru/Train/CountFlops.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>
#include <cmath>
#include <tuple>

using namespace llvm;

namespace moru {

/// Steps after the first ones that are not counted, as the peers do.
static constexpr int64_t kWarmupSteps = 3;

static StringRef functionOf(Phase phase) {
  return phase == Phase::Train ? "train_step" : phase == Phase::Infer ? "logits" : "decode_step";
}

static StringRef nameOf(Phase phase) {
  return phase == Phase::Train ? "train" : phase == Phase::Infer ? "infer" : "decode";
}

//===----------------------------------------------------------------------===//
// Before the clock starts
//===----------------------------------------------------------------------===//

static optim::Optimizer optimizerOf(const Workload &workload) {
  optim::Optimizer optimizer = optim::Adam{.learningRate = workload.learningRate};
  if (workload.weightDecay > 0)
    optimizer = optim::AdamW{.learningRate = workload.learningRate, .weightDecay = workload.weightDecay};
  // The peers put out the loss alone.
  optimizer.reportsNorm = false;
  return optimizer;
}

static LanguageModelOptions languageModelOptions(const Workload &workload, Phase phase) {
  LanguageModelOptions build;
  build.batch = workload.batch;
  build.time = workload.time;
  build.functions = {functionOf(phase).str()};
  build.decodeTime = kDecodeTokens;
  build.optimizer = optimizerOf(workload);
  return build;
}

static EncoderDecoderOptions encoderDecoderOptions(const Workload &workload, Phase phase) {
  EncoderDecoderOptions build;
  build.batch = workload.batch;
  build.sourceTime = workload.sourceTime;
  build.time = workload.time;
  build.functions = {functionOf(phase).str()};
  if (phase == Phase::Decode)
    build.functions.push_back("encode");
  build.decodeTime = kDecodeTokens;
  build.optimizer = optimizerOf(workload);
  return build;
}

/// Work of a step: of training, that of inference and two contractions of the same size backward for each of it.
static double flopsOfStep(const Workload &workload, Phase phase, const Model &model) {
  Phase measured = phase == Phase::Train ? Phase::Infer : phase;
  Program program =
      model.kind() == ModelKind::LanguageModel
          ? buildLanguageModel(static_cast<const LanguageModel &>(model), languageModelOptions(workload, measured))
          : buildEncoderDecoder(static_cast<const EncoderDecoder &>(model), encoderDecoderOptions(workload, measured));
  return countContractionFlops(program, functionOf(measured)) * (phase == Phase::Train ? 3 : 1);
}

static Expected<LoadedModel> compileModel(const Workload &workload, Phase phase, const CompileOptions &options) {
  Expected<ModelDescription> description = ModelDescription::create(workload.model, workload.settings);
  if (!description)
    return description.takeError();
  Expected<ModelKind> kind = description->kind();
  if (!kind)
    return kind.takeError();
  if (*kind == ModelKind::LanguageModel)
    return LoadedModel::create(std::move(*description), languageModelOptions(workload, phase), options);
  return LoadedModel::create(std::move(*description), encoderDecoderOptions(workload, phase), options);
}

Benchmark::Benchmark(const Workload &workload, Phase phase, LoadedModel loaded)
    : workload(workload), phase(phase), model(std::move(loaded)),
      ids(ElementType::I32, {workload.batch, workload.time}),
      targets(ElementType::I32, {workload.batch, workload.time}) {
  if (model.model->kind() != ModelKind::EncoderDecoder)
    return;
  source = HostTensor(ElementType::I32, {workload.batch, workload.sourceTime});
  lengths = HostTensor(ElementType::I32, {workload.batch});
  std::fill_n(lengths.data<int32_t>(), workload.batch, int32_t(workload.sourceTime));
}

Expected<std::unique_ptr<Benchmark>> Benchmark::create(const Workload &workload, Phase phase, StringRef initial,
                                                       const CompileOptions &options) {
  Clock::time_point begin = Clock::now();
  Expected<LoadedModel> model = compileModel(workload, phase, options);
  if (!model)
    return model.takeError();
  std::unique_ptr<Benchmark> benchmark(new Benchmark(workload, phase, std::move(*model)));
  benchmark->compileSeconds = secondsSince(begin);
  benchmark->options = options;
  if (Error error = benchmark->load(initial))
    return error;
  if (Error error = benchmark->start())
    return error;
  return benchmark;
}

/// Ids in [1, V), as the peers draw them, though not the same ones.
void Benchmark::drawBatch() {
  int64_t time = workload.time, vocabulary = model.model->vocabulary();
  auto draw = [&](uint64_t stream, int64_t index, int64_t vocabulary) {
    float uniform = philoxUniform(1, stream, 0, uint64_t(index));
    return int32_t(std::min<int64_t>(1 + int64_t(double(uniform) * double(vocabulary - 1)), vocabulary - 1));
  };
  for (int64_t row = 0; row < workload.batch; ++row)
    for (int64_t column = 0; column < time; ++column) {
      ids.data<int32_t>()[row * time + column] = draw(0xBE7C, row * (time + 1) + column, vocabulary);
      targets.data<int32_t>()[row * time + column] = draw(0xBE7C, row * (time + 1) + column + 1, vocabulary);
    }
  if (source.numElements() == 0)
    return;
  int64_t sourceVocabulary = static_cast<const EncoderDecoder &>(*model.model).sourceVocabulary();
  for (int64_t i = 0; i < source.numElements(); ++i)
    source.data<int32_t>()[i] = draw(0xBE7D, i, sourceVocabulary);
}

Error Benchmark::load(StringRef initial) {
  if (initial.empty()) {
    drawBatch();
    return setParameters(*model.executable, model.model->initialValues(1), "initial values");
  }
  Expected<std::vector<NamedTensor>> values = readSafetensors(initial);
  if (!values)
    return values.takeError();
  StringMap<HostTensor *> batch = {{"batch.ids", &ids}, {"batch.targets", &targets}};
  if (source.numElements() > 0)
    batch["batch.src"] = &source;
  std::vector<NamedTensor> parameters;
  for (NamedTensor &value : *values) {
    HostTensor *part = batch.lookup(value.name);
    if (!part) {
      parameters.push_back(std::move(value));
      continue;
    }
    if (value.tensor.type() != part->type() || value.tensor.shape() != part->shape())
      return makeError(initial + ": " + value.name + ": expected " + part->toString() + ", got " +
                       value.tensor.toString());
    *part = std::move(value.tensor);
    batch.erase(value.name);
  }
  for (StringRef missing : batch.keys())
    return makeError(initial + ": expected a tensor " + missing + ", got none");
  return setParameters(*model.executable, parameters, initial);
}

/// The first steps, and what is known before any is measured.
Error Benchmark::start() {
  if (phase == Phase::Decode) {
    Expected<RowDecoder> created = RowDecoder::create(*model.executable);
    if (!created)
      return created.takeError();
    decoder = std::move(*created);
  }
  flops = flopsOfStep(workload, phase, *model.model);
  // To read values and to count is not a part of any step.
  returnCompilerMemory();
  facts = json::Object{{"peer", "moru"},
                       {"workload", workload.name},
                       {"phase", nameOf(phase)},
                       {"precision", StringRef(toString(options.precision))},
                       {"threads", model.executable->threads()},
                       {"rss_before_first_step_mb", machine.peakMegabytes()}};
  if (Error error = prepareStep())
    return error;
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
  // Warm, and with a look at what one unit launches.
  if (Error error = profile(kWarmupSteps).moveInto(launched))
    return error;
  noteLaunches();
  return Error::success();
}

/// What is known of a step from its kernels.
void Benchmark::noteLaunches() {
  int64_t launches = 0, units = kWarmupSteps * unitsPerStep();
  KernelCost sum;
  double executed = 0;
  for (const KernelTime &kernel : launched) {
    launches += kernel.calls;
    sum.bytes += kernel.calls * kernel.cost.bytes;
    sum.residentBytes += kernel.calls * kernel.cost.residentBytes;
    executed += double(kernel.calls) * double(kernel.cost.executedFlops());
  }
  executedFlops = executed / double(units);
  residentBytes = double(sum.residentBytes) / double(units);
  const FunctionSignature *function = model.executable->signature().find(functionOf(phase));
  int64_t arguments = 0;
  for (const ArgumentSignature &argument : function->arguments)
    arguments += argument.bytes();
  // A row of a table, or a weight that is read twice, makes the one or the other less.
  stepBytes = std::min(int64_t(residentBytes), arguments) + function->arenaBytes;
  facts["launches"] = launches / units;
  facts["kernels"] = int64_t(launched.size());
  facts["arena_bytes"] = model.executable->signature().arenaBytes();
  facts["bytes"] = sum.bytes / units;
  facts["resident_bytes"] = sum.residentBytes / units;
  facts["step_bytes"] = stepBytes;
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

/// What is done before the clock of a step starts: the source of a decoded output is read.
Error Benchmark::prepareStep() {
  if (!decoder)
    return Error::success();
  if (source.numElements() == 0)
    return decoder->begin();
  return decoder->begin(ArrayRef(source.data<int32_t>(), size_t(workload.sourceTime)));
}

/// The place of the largest entry. A vocabulary is long: blocks of it are looked through by vectors, and only one with
/// a larger entry is searched.
static int64_t findLargest(ArrayRef<float> values) {
  constexpr size_t kLanes = 16, kBlock = 512;
  int64_t place = 0;
  for (size_t first = 0; first < values.size(); first += kBlock) {
    ArrayRef<float> block = values.slice(first, std::min(kBlock, values.size() - first));
    float largest[kLanes];
    std::fill_n(largest, kLanes, block.front());
    size_t i = 0;
    for (; i + kLanes <= block.size(); i += kLanes)
      for (size_t lane = 0; lane < kLanes; ++lane)
        largest[lane] = block[i + lane] > largest[lane] ? block[i + lane] : largest[lane];
    float top = *std::max_element(largest, largest + kLanes);
    for (; i < block.size(); ++i)
      top = std::max(top, block[i]);
    if (top > values[place])
      place = int64_t(first) + (find(block, top) - block.begin());
  }
  return place;
}

/// 64 tokens from the first id of the batch, each the likeliest after those before it.
Error Benchmark::stepDecode() {
  tokens.clear();
  int32_t token = ids.data<int32_t>()[0];
  for (int64_t count = 0; count < kDecodeTokens; ++count) {
    Expected<ArrayRef<float>> logits = decoder->advance(token, 0);
    if (!logits)
      return logits.takeError();
    token = int32_t(findLargest(*logits));
    tokens.push_back(token);
  }
  return Error::success();
}

/// Calls a function with what it takes of the batch.
Outputs Benchmark::call(StringRef function) {
  bool trains = phase == Phase::Train;
  SmallVector<NamedInput> inputs;
  if (source.numElements() == 0)
    inputs = {{"ids", ids}};
  else
    inputs = {{"src", source}, {"src_len", lengths}, {"tgt_in", ids}};
  if (trains)
    inputs.push_back({source.numElements() == 0 ? "targets" : "tgt_out", targets});
  return model.executable->run(function, std::span<const NamedInput>(inputs.data(), inputs.size()));
}

Error Benchmark::step() {
  if (phase == Phase::Decode)
    return stepDecode();
  Outputs outputs = call(functionOf(phase));
  if (!outputs)
    return makeError(outputs.message());
  // Inference is checked once; the loss is no part of it.
  if (phase == Phase::Train)
    loss = outputs.scalar("loss");
  else if (loss == 0)
    loss = lossOfLogits(outputs["logits"]);
  return Error::success();
}

/// Milliseconds of each step (decoding: of each token), sorted.
Expected<std::vector<double>> Benchmark::time(int64_t steps) {
  std::vector<double> times;
  for (int64_t i = 0; i < steps; ++i) {
    if (Error error = prepareStep())
      return error;
    Clock::time_point begin = Clock::now();
    if (Error error = step())
      return error;
    times.push_back(secondsSince(begin) * 1e3 / double(unitsPerStep()));
  }
  sort(times);
  return times;
}

Error Benchmark::calibrate() {
  if (Error error = machine.calibrate(options, model.executable->threads(), stepBytes))
    return error;
  // Caches hold what was calibrated.
  return time(1).takeError();
}

/// How a measured step compares with what the machine allows.
void Benchmark::addShares(json::Object &result) const {
  const Calibration *peaks = machine.get();
  if (!peaks)
    return;
  double seconds = result.getNumber("median_ms").value_or(0) / 1e3, bound = 0;
  for (const KernelTime &kernel : launched)
    bound += boundOf(kernel.cost).seconds * double(kernel.calls) / double(kWarmupSteps * unitsPerStep());
  double rate = residentBytes / seconds;
  result["calibration"] = machine.toJson();
  result["fma_share"] = flops / seconds / peaks->vectorFlops;
  result["executed_gflops"] = executedFlops / seconds / 1e9;
  result["resident_gbs"] = rate / 1e9;
  result["bandwidth_share"] = rate / peaks->readOf(stepBytes).bytesPerSecond;
  result["bound_ms"] = bound * 1e3;
  result["bound_share"] = bound / seconds;
}

Expected<json::Object> Benchmark::measure(int64_t steps, bool calibratesAfter) {
  Expected<std::vector<double>> times = time(steps);
  if (!times)
    return times.takeError();
  if (calibratesAfter)
    if (Error error = calibrate())
      return error;
  size_t count = times->size();
  double median = ((*times)[count / 2] + (*times)[(count - 1) / 2]) / 2;
  double perStep = median * double(unitsPerStep()) / 1e3;
  double tokensPerUnit = phase == Phase::Decode ? 1 : double(workload.batch * workload.time);
  json::Object result = facts;
  result["median_ms"] = median;
  result["min_ms"] = times->front();
  result["p90_ms"] = (*times)[std::min(count - 1, size_t(0.9 * double(count)))];
  result["steps"] = int64_t(count);
  result["tokens_per_s"] = tokensPerUnit / median * 1e3;
  result["gflops"] = flops / median / 1e6;
  result["compile_s"] = compileSeconds + std::max(0.0, firstCallSeconds - perStep);
  result["peak_rss_mb"] = machine.peakMegabytes();
  addShares(result);
  return result;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// What the hook of a profile adds to.
struct KernelTimes {
  MapVector<moru_task_fn, std::pair<int64_t, uint64_t>> callsAndNanoseconds;
};
} // namespace

Expected<std::vector<Benchmark::KernelTime>> Benchmark::profile(int64_t steps) {
  KernelTimes times;
  auto hook = [](void *data, moru_task_fn entry, int64_t, uint64_t begin, uint64_t end) {
    auto &times = *static_cast<KernelTimes *>(data);
    auto &[calls, nanoseconds] = times.callsAndNanoseconds[entry];
    ++calls;
    nanoseconds += end - begin;
  };
  model.executable->setProfile(hook, &times);
  Expected<std::vector<double>> measured = time(steps);
  model.executable->setProfile(nullptr, nullptr);
  if (!measured)
    return measured.takeError();
  std::vector<KernelTime> list;
  for (const auto &[entry, measured] : times.callsAndNanoseconds)
    if (const LoadedKernel *kernel = model.executable->findKernel(entry))
      list.push_back({kernel->name, measured.first, double(measured.second) / 1e6, kernel->cost});
  sort(list, [](const KernelTime &a, const KernelTime &b) {
    return std::tuple(-a.milliseconds, StringRef(a.name)) < std::tuple(-b.milliseconds, StringRef(b.name));
  });
  return list;
}

} // namespace moru
