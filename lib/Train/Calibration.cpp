// Compiles the loops, runs them, takes medians.

#include "moru/Train/Calibration.h"

#include "CalibrationLoops.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Support/Clock.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;

namespace moru {
namespace {

/// Measurements of which the median counts.
constexpr size_t kTrials = 5;
/// More than the last cache of any machine gives to one of its tenants, and what the weights of a GPT-2 take.
constexpr int64_t kMemorySet = 512 << 20;
constexpr int64_t kCacheSet = 10 << 20;

/// Bytes of one core's second-level cache.
int64_t sizeOfL2(const Target &target) {
  long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? int64_t(bytes) : target.l2Bytes;
}

/// In ascending order and well apart; that of the step rather than a neighbor.
SmallVector<int64_t> chooseSets(const CompileOptions &options, int64_t threads, int64_t stepBytes) {
  SmallVector<int64_t> sets = {threads * sizeOfL2(options.target) / 2, kMemorySet};
  for (int64_t candidate : {stepBytes, kCacheSet})
    if (candidate > 0 && all_of(sets, [&](int64_t set) { return candidate < set / 2 || candidate > set + set / 2; }))
      sets.push_back(candidate);
  sort(sets);
  return sets;
}

/// Median seconds of a call.
Expected<double> timeCalls(Executable &executable, StringRef function) {
  std::vector<double> times;
  for (size_t trial = 0; trial <= kTrials; ++trial) {
    Clock::time_point begin = Clock::now();
    if (Outputs outputs = executable.run(function, std::initializer_list<NamedInput>{}); !outputs)
      return makeError(outputs.message());
    if (trial > 0) // The first one warms up.
      times.push_back(secondsSince(begin));
  }
  sort(times);
  return times[kTrials / 2];
}

} // namespace

const ReadRate &Calibration::readOf(int64_t workingSet) const {
  // A little more than was measured does not fall out of a cache.
  auto found = find_if(reads, [&](const ReadRate &rate) { return rate.bytes + rate.bytes / 4 >= workingSet; });
  return found == reads.end() ? reads.back() : *found;
}

Roofline Calibration::boundOf(const KernelCost &cost, int64_t stepBytes) const {
  bool onTiles = cost.products > 0 && tileFlops > 0;
  Roofline compute{double(cost.executedFlops()) / (onTiles ? tileFlops : vectorFlops),
                   onTiles ? "matrix units" : "multiply-add"};
  const ReadRate &resident = readOf(stepBytes), &local = readOf(cost.bytes);
  double residentSeconds = double(cost.residentBytes) / resident.bytesPerSecond;
  double localSeconds = double(cost.bytes - cost.residentBytes) / local.bytesPerSecond;
  Roofline memory{residentSeconds + localSeconds,
                  "reading " + formatBytes(uint64_t((residentSeconds > localSeconds ? resident : local).bytes))};
  return compute.seconds > memory.seconds ? compute : memory;
}

json::Object Calibration::toJson() const {
  json::Array rates;
  for (const ReadRate &rate : reads)
    rates.push_back(json::Object{{"bytes", rate.bytes}, {"gbs", rate.bytesPerSecond / 1e9}});
  return json::Object{{"fma_gflops", vectorFlops / 1e9}, {"tile_gflops", tileFlops / 1e9}, {"reads", std::move(rates)}};
}

Calibration meanOf(const Calibration &a, const Calibration &b) {
  Calibration mean{(a.vectorFlops + b.vectorFlops) / 2, (a.tileFlops + b.tileFlops) / 2, a.reads};
  for (auto [rate, other] : zip_equal(mean.reads, b.reads))
    rate.bytesPerSecond = (rate.bytesPerSecond + other.bytesPerSecond) / 2;
  return mean;
}

Expected<Calibration> calibrate(const CompileOptions &options, int32_t threads, int64_t stepBytes) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  SmallVector<int64_t> sets = chooseSets(options, threads, stepBytes);
  CalibrationLoops loops = buildCalibrationLoops(context, options.target, threads, sets);
  CompileOptions plain = options;
  plain.threads = threads;
  plain.dumpStages.clear();
  plain.checkEach = false;
  Expected<Executable> executable = compileModule(*loops.module, plain);
  if (!executable)
    return executable.takeError();
  if (Outputs filled = executable->run("fill", std::initializer_list<NamedInput>{}); !filled)
    return makeError(filled.message());

  Calibration calibration;
  auto measure = [&](StringRef function, double work, double &rate) -> Error {
    Expected<double> seconds = timeCalls(*executable, function);
    if (!seconds)
      return seconds.takeError();
    rate = work / *seconds;
    return Error::success();
  };
  if (Error error = measure("multiply", loops.vectorFlops, calibration.vectorFlops))
    return error;
  if (loops.tileFlops > 0)
    if (Error error = measure("multiply_tiles", loops.tileFlops, calibration.tileFlops))
      return error;
  for (auto [index, set] : enumerate(sets)) {
    calibration.reads.push_back({set, 0});
    if (Error error =
            measure(CalibrationLoops::readName(index), loops.readBytes[index], calibration.reads.back().bytesPerSecond))
      return error;
  }
  return calibration;
}

//===----------------------------------------------------------------------===//
// Before and after
//===----------------------------------------------------------------------===//

static double peakOfProcess() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

/// The most memory that the process had is what it has now; a hint.
static void forgetPeak() {
  if (std::FILE *file = std::fopen("/proc/self/clear_refs", "w")) {
    std::fputs("5", file);
    std::fclose(file);
  }
}

double CalibratedRun::peakMegabytes() const { return std::max(peak, peakOfProcess()); }

Error CalibratedRun::calibrate(const CompileOptions &options, int32_t threads, int64_t stepBytes) {
  peak = peakMegabytes();
  Expected<Calibration> now = moru::calibrate(options, threads, stepBytes);
  forgetPeak();
  if (!now)
    return now.takeError();
  if (!before)
    before = std::move(*now);
  else
    after = std::move(*now);
  mean = after ? meanOf(*before, *after) : *before;
  return Error::success();
}

json::Object CalibratedRun::toJson() const {
  json::Object object;
  if (before)
    object["before"] = before->toJson();
  if (after)
    object["after"] = after->toJson();
  return object;
}

} // namespace moru
