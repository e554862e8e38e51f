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

  PluginOptions plugins;
  TargetOptions target;
  cl::opt<std::string> workload{cl::Positional, cl::Required, cl::desc("<workload, model or gemm>"), cl::sub(sub)};
  cl::list<std::string> sizes{cl::Positional, cl::desc("<M N K, of gemm>"), cl::sub(sub)};
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
  return Benchmark::create(*chosen, *parsed, initial, *options);
}

Error BenchCommand::serve(Benchmark &benchmark) {
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

/// A line for each kernel, of the mean step.
Error BenchCommand::printKernels(Benchmark &benchmark) {
  Expected<std::vector<Benchmark::KernelTime>> times = benchmark.profile(steps);
  if (!times)
    return times.takeError();
  double total = 0;
  for (const Benchmark::KernelTime &time : *times)
    total += time.milliseconds;
  Table table({"kernel", "calls", "ms", "share"});
  for (const Benchmark::KernelTime &time : *times) {
    if (json)
      printJsonLine(outs(), json::Object{{"kernel", time.name},
                                         {"calls", double(time.calls) / double(steps)},
                                         {"ms", time.milliseconds / double(steps)}});
    table.add({time.name, formatNumber(double(time.calls) / double(steps)),
               formatv("{0:F3}", time.milliseconds / double(steps)).str(),
               formatv("{0:P1}", time.milliseconds / total).str()});
  }
  if (!json)
    table.print(outs());
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
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  limitCpus(options->threads);
  Expected<json::Object> result = benchmarkGemm(numbers[0], numbers[1], numbers[2], *options);
  if (!result)
    return result.takeError();
  auto number = [&](StringRef key) { return formatNumber(result->getNumber(key).value_or(0)); };
  if (json)
    printJsonLine(outs(), std::move(*result));
  else
    outs() << "moru " << target.precision << " gemm " << result->getString("shape") << ": " << number("median_ms")
           << " ms, " << number("gflops") << " GFLOP/s with packing; the product alone " << number("product_ms")
           << " ms, " << number("product_gflops") << " GFLOP/s\n";
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
  Expected<json::Object> result = (*benchmark)->measure(steps);
  if (!result)
    return result.takeError();
  auto number = [&](StringRef key) { return formatNumber(result->getNumber(key).value_or(0)); };
  if (json)
    printJsonLine(outs(), std::move(*result));
  else
    outs() << "moru " << target.precision << " " << workload << " " << phase << ": " << number("median_ms")
           << " ms (min " << number("min_ms") << ", p90 " << number("p90_ms") << "), " << number("tokens_per_s")
           << " tokens/s, " << number("gflops") << " GFLOP/s, compile " << number("compile_s") << " s, "
           << number("peak_rss_mb") << " MB\n";
  return Error::success();
}

std::unique_ptr<Command> makeBenchCommand() { return std::make_unique<BenchCommand>(); }

} // namespace moru
