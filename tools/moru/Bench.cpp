// moru bench: a workload measured, once or for a race against other systems.

#include "Command.h"
#include "Options.h"

#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/Benchmark.h"
#include "moru/Train/GemmBenchmark.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <iostream>
#include <sched.h>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
--serve answers each line "run N" on standard input with the JSON of N further steps.

EXAMPLES:

  moru bench lstm_lm --phase=train --threads=2
  moru bench lstm_lm --kernels --steps=50
  moru bench gru_lm --model=libgru_lm.so --set H=256 --batch-size=16
  moru bench lstm_lm --phase=decode --json --init=lstm_lm.safetensors
  moru bench gemm 320 10000 256 --precision=f32x6
  moru bench gemm 256 10000 320 --transpose=a --fresh
)";

namespace {

class BenchCommand : public Command {
public:
  BenchCommand() : Command("bench", "Measure a workload", kExamples), plugins(sub), target(sub) {}
  Error run() override;

private:
  Expected<std::unique_ptr<Benchmark>> prepare();
  Expected<Workload> chooseWorkload() const;
  Error runGemm();
  Error serve(Benchmark &benchmark);
  Error printKernels(Benchmark &benchmark);
  void print(json::Object result, StringRef line) const;

  PluginOptions plugins;
  TargetOptions target;
  cl::opt<std::string> workload{cl::Positional, cl::Required, cl::desc("<workload, model or gemm>"), cl::sub(sub)};
  cl::list<std::string> sizes{cl::Positional, cl::desc("<M N K, of gemm>"), cl::sub(sub)};
  cl::opt<std::string> transpose{"transpose", cl::desc("Of gemm: A lies as K x M, or B as N x K"),
                                 cl::value_desc("a or b"), cl::sub(sub)};
  cl::opt<bool> fresh{"fresh", cl::desc("Of gemm: B is new with every call (default: packed once for all)"),
                      cl::sub(sub)};
  cl::opt<std::string> phase{"phase", cl::desc("train (default), infer or decode"), cl::init("train"), cl::sub(sub)};
  cl::list<std::string> settings{"set", cl::desc("Set a key of a model's configuration"), cl::value_desc("key=value"),
                                 cl::sub(sub)};
  cl::opt<long> batchSize{"batch-size", cl::desc("Of a model (default: 32)"), cl::init(32), cl::sub(sub)};
  cl::opt<long> seqLen{"seq-len", cl::desc("Of a model (default: 10)"), cl::init(10), cl::sub(sub)};
  cl::opt<std::string> initial{"init", cl::desc("Initial weights and the batch (safetensors)"), cl::value_desc("file"),
                               cl::sub(sub)};
  cl::opt<long> steps{"steps", cl::desc("Measured steps (default: 20)"), cl::init(20), cl::sub(sub)};
  cl::opt<bool> kernels{"kernels", cl::desc("Print where the time goes, kernel by kernel"), cl::sub(sub)};
  cl::opt<bool> serves{"serve", cl::desc("Answer lines \"run N\""), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print a line of JSON"), cl::sub(sub)};
};

} // namespace

static std::optional<Phase> parsePhase(StringRef name) {
  return StringSwitch<std::optional<Phase>>(name)
      .Case("train", Phase::Train)
      .Case("infer", Phase::Infer)
      .Case("decode", Phase::Decode)
      .Default(std::nullopt);
}

/// Keeps the process on the first `threads` of its CPUs, as the peers do.
static void limitCpus(int32_t threads) {
  cpu_set_t allowed, chosen;
  CPU_ZERO(&chosen);
  if (threads < 1 || sched_getaffinity(0, sizeof allowed, &allowed))
    return;
  for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&chosen) < threads; ++cpu)
    if (CPU_ISSET(cpu, &allowed))
      CPU_SET(cpu, &chosen);
  sched_setaffinity(0, sizeof chosen, &chosen);
}

/// A workload by its name, or any model at the size that the options say.
Expected<Workload> BenchCommand::chooseWorkload() const {
  const std::string &name = workload.getValue();
  bool sized = !settings.empty() || batchSize.getNumOccurrences() || seqLen.getNumOccurrences();
  const Workload *found = findWorkload(name);
  if (found && !sized)
    return *found;
  if (!findModel(StringRef(name).split(':').first))
    return makeError("unknown workload \"" + name + "\"; known: " + join(workloadNames(), ", ") +
                     "; or a model: " + join(modelNames(), ", "));
  if (batchSize < 1 || seqLen < 1)
    return makeError("--batch-size, --seq-len: expected numbers from 1 on, got " + Twine(batchSize) + " and " +
                     Twine(seqLen));
  Workload chosen;
  chosen.name = chosen.model = name;
  chosen.settings.assign(settings.begin(), settings.end());
  chosen.batch = batchSize;
  chosen.time = seqLen;
  return chosen;
}

Expected<std::unique_ptr<Benchmark>> BenchCommand::prepare() {
  if (Error error = plugins.load())
    return error;
  std::optional<Phase> parsed = parsePhase(phase);
  if (!parsed)
    return makeError("--phase: expected train, infer or decode, got \"" + phase + "\"");
  Expected<Workload> chosen = chooseWorkload();
  if (!chosen)
    return chosen.takeError();
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  limitCpus(options->threads);
  // What is launched together has one time.
  options->group = !kernels;
  return Benchmark::create(*chosen, *parsed, initial, *options);
}

/// `{key}` in `line` becomes the member of that name, `{key%}` as a percentage.
static std::string fillIn(StringRef line, const json::Object &values) {
  std::string text;
  while (!line.empty()) {
    auto [plain, rest] = line.split('{');
    auto [key, behind] = rest.split('}');
    text += plain;
    line = behind;
    bool isShare = key.consume_back("%");
    if (std::optional<double> number = values.getNumber(key))
      text += isShare ? formatv("{0:P0}", *number).str() : formatNumber(*number);
    else
      text += values.getString(key).value_or("");
  }
  return text;
}

/// What the machine can do, before and after.
static void printCalibration(const json::Object &calibration) {
  Table table({"peak", "before", "after"});
  const json::Object *before = calibration.getObject("before"), *after = calibration.getObject("after");
  if (!before)
    return;
  if (!after)
    after = before;
  auto row = [&](std::string name, const json::Object &first, const json::Object &second, StringRef key) {
    auto text = [&](const json::Object &object) { return formatNumber(object.getNumber(key).value_or(0)); };
    table.add({std::move(name), text(first), text(second)});
  };
  row("multiply-add f32, GFLOP/s", *before, *after, "fma_gflops");
  row("matrix units bf16, GFLOP/s", *before, *after, "tile_gflops");
  for (auto [first, second] : zip(*before->getArray("reads"), *after->getArray("reads")))
    row("read " + formatBytes(uint64_t(first.getAsObject()->getInteger("bytes").value_or(0))) + ", GB/s",
        *first.getAsObject(), *second.getAsObject(), "gbs");
  table.print(outs());
}

/// As a line of JSON, or `line` (see fillIn) and what the machine can do.
void BenchCommand::print(json::Object result, StringRef line) const {
  if (json)
    return printJsonLine(outs(), std::move(result));
  outs() << fillIn(line, result) << '\n';
  if (const json::Object *calibration = result.getObject("calibration"))
    printCalibration(*calibration);
}

Error BenchCommand::serve(Benchmark &benchmark) {
  if (Error error = benchmark.calibrate())
    return error;
  for (std::string line; std::getline(std::cin, line);) {
    StringRef rest = StringRef(line).trim();
    int64_t count = 0;
    if (!rest.consume_front("run ") || rest.getAsInteger(10, count) || count < 1)
      return makeError("--serve: expected \"run N\" on standard input, got \"" + line + "\"");
    Expected<json::Object> result = benchmark.measure(count);
    if (!result)
      return result.takeError();
    printJsonLine(outs(), std::move(*result));
  }
  return Error::success();
}

/// A line for each kernel, of the mean step (decoding: of the mean token), beside its roofline.
Error BenchCommand::printKernels(Benchmark &benchmark) {
  if (Error error = benchmark.calibrate())
    return error;
  Expected<std::vector<Benchmark::KernelTime>> times = benchmark.profile(steps);
  if (!times)
    return times.takeError();
  if (Error error = benchmark.calibrate())
    return error;
  double total = 0, units = double(steps * benchmark.unitsPerStep());
  for (const Benchmark::KernelTime &time : *times)
    total += time.milliseconds;
  Table table(
      {"kernel", "calls", "ms", "share", "MFLOP", "done", "MB", "done GFLOP/s", "GB/s", "bound by", "of bound"});
  for (const Benchmark::KernelTime &time : *times) {
    double calls = double(time.calls) / units, milliseconds = time.milliseconds / units;
    double flops = calls * double(time.cost.executedFlops()), bytes = calls * double(time.cost.bytes);
    Roofline bound = benchmark.boundOf(time.cost);
    json::Object line{{"kernel", time.name},
                      {"calls", calls},
                      {"ms", milliseconds},
                      {"share", time.milliseconds / total},
                      {"mflop", calls * double(time.cost.flops) / 1e6},
                      {"executed_mflop", flops / 1e6},
                      {"mb", bytes / 1e6},
                      {"executed_gflops", flops / milliseconds / 1e6},
                      {"gbs", bytes / milliseconds / 1e6},
                      {"bound", bound.limit},
                      {"bound_share", calls * bound.seconds * 1e3 / milliseconds}};
    table.add({time.name, fillIn("{calls}", line), formatv("{0:F3}", milliseconds).str(), fillIn("{share%}", line),
               fillIn("{mflop}", line), fillIn("{executed_mflop}", line), fillIn("{mb}", line),
               fillIn("{executed_gflops}", line), fillIn("{gbs}", line), bound.limit, fillIn("{bound_share%}", line)});
    if (json)
      printJsonLine(outs(), std::move(line));
  }
  if (json)
    return Error::success();
  table.print(outs());
  printCalibration(benchmark.calibrationToJson());
  return Error::success();
}

/// A product of matrices of the sizes that follow its name.
Error BenchCommand::runGemm() {
  SmallVector<int64_t> numbers;
  for (const std::string &size : sizes)
    if (int64_t number = 0; !StringRef(size).getAsInteger(10, number) && number > 0 && number <= 1 << 20)
      numbers.push_back(number);
  if (numbers.size() != 3 || sizes.size() != 3)
    return makeError("gemm: expected M N K, three numbers from 1 to 1048576, got \"" + join(sizes, " ") + "\"");
  if (!transpose.empty() && transpose != "a" && transpose != "b")
    return makeError("--transpose: expected a or b, got \"" + transpose + "\"");
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  limitCpus(options->threads);
  GemmShape shape{numbers[0], numbers[1], numbers[2], transpose == "a", transpose == "b", fresh};
  Expected<json::Object> result = benchmarkGemm(shape, *options);
  if (!result)
    return result.takeError();
  print(std::move(*result),
        "moru {precision} gemm {shape}: {median_ms} ms, {gflops} GFLOP/s with packing, {fma_share%} of the peak of "
        "multiply-adds; the product alone {product_ms} ms, {product_gflops} GFLOP/s, {product_fma_share%}");
  return Error::success();
}

Error BenchCommand::run() {
  if (workload == "gemm")
    return runGemm();
  if (!sizes.empty())
    return makeError("expected sizes behind gemm alone, got \"" + sizes.front() + "\" behind " + workload);
  if (steps < 1)
    return makeError("--steps: expected a number from 1 on, got " + Twine(steps));
  Expected<std::unique_ptr<Benchmark>> benchmark = prepare();
  if (!benchmark)
    return benchmark.takeError();
  if (serves)
    return serve(**benchmark);
  if (kernels)
    return printKernels(**benchmark);
  if (Error error = (*benchmark)->calibrate())
    return error;
  Expected<json::Object> result = (*benchmark)->measure(steps, /*calibratesAfter=*/true);
  if (!result)
    return result.takeError();
  print(std::move(*result),
        "moru {precision} {workload} {phase}: {median_ms} ms (min {min_ms}, p90 {p90_ms}), {tokens_per_s} tokens/s, "
        "compile {compile_s} s, {peak_rss_mb} MB\n"
        "  contractions {gflops} GFLOP/s, {fma_share%} of the peak of multiply-adds; carried out {executed_gflops} "
        "GFLOP/s\n"
        "  weights and state {resident_gbs} GB/s, {bandwidth_share%} of what reading them gives; the kernels' bounds "
        "{bound_ms} ms, {bound_share%} of the time");
  return Error::success();
}

std::unique_ptr<Command> makeBenchCommand() { return std::make_unique<BenchCommand>(); }

} // namespace moru
