// Measured steps of a workload: training, inference, and greedy decoding one token at a time, as the peers do them.

#ifndef MORU_TRAIN_BENCHMARK_H
#define MORU_TRAIN_BENCHMARK_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Decode/RowDecoder.h"
#include "moru/Train/Calibration.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/Workload.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moru {

enum class Phase : uint8_t { Train, Infer, Decode };

/// Tokens of one measured run of decoding.
constexpr int64_t kDecodeTokens = 64;

/// A workload that is compiled and warm.
class Benchmark {
public:
  /// `initial` is a safetensors file with the parameters and `batch.ids`, `batch.targets` (and `batch.src` where a
  /// source is read); empty: drawn by Philox. Does the first steps, whose losses or tokens are part of the result.
  static llvm::Expected<std::unique_ptr<Benchmark>> create(const Workload &workload, Phase phase,
                                                           llvm::StringRef initial, const CompileOptions &options);

  /// Measures so many further steps; the fields are those of the peers, and `launches` of kernels in a step (decoding:
  /// for a token), `kernels` that are not the same, `arena_bytes`. With a calibration, too, what the machine allows:
  /// - `calibration`: see CalibratedRun;
  /// - `fma_share`: of the peak of multiply-additions, `gflops`, the model's; more than 1 where matrix units are
  /// faster;
  /// - `executed_gflops`: what kernels carry out, elementwise work and each product of parts counted;
  /// - `bytes`, `resident_bytes`: operands and results of all kernels of a step (decoding: of a token), and those among
  ///   them that parameters and state hold; `step_bytes`: what a step touches;
  /// - `resident_gbs`, `bandwidth_share`: resident bytes per second, and of the rate at which `step_bytes` are read;
  /// - `bound_ms`, `bound_share`: the sum of the kernels' bounds, and its share of the time.
  llvm::Expected<llvm::json::Object> measure(int64_t steps, bool calibratesAfter = false);

  /// Measures what the machine can do: the first time before, then after what is compared with it.
  llvm::Error calibrate();
  llvm::json::Object calibrationToJson() const { return machine.toJson(); }

  /// What a measured step consists of: 1, decoding: tokens.
  int64_t unitsPerStep() const { return phase == Phase::Decode ? kDecodeTokens : 1; }

  /// Time in one kernel, over some steps.
  struct KernelTime {
    std::string name;
    int64_t calls = 0;
    double milliseconds = 0;
    /// Of one call.
    KernelCost cost;
  };
  /// Where so many further steps spend their time, the longest first.
  llvm::Expected<std::vector<KernelTime>> profile(int64_t steps);
  /// The least time that a call of a kernel takes on this machine. After `calibrate`.
  Roofline boundOf(const KernelCost &cost) const { return machine.get()->boundOf(cost, stepBytes); }

private:
  Benchmark(const Workload &workload, Phase phase, LoadedModel model);
  llvm::Error load(llvm::StringRef initial);
  void drawBatch();
  llvm::Error start();
  llvm::Error prepareStep();
  llvm::Error step();
  llvm::Error stepDecode();
  Outputs call(llvm::StringRef function);
  double lossOfLogits(const HostTensor &logits) const;
  llvm::Expected<std::vector<double>> time(int64_t steps);
  void noteLaunches();
  void addShares(llvm::json::Object &result) const;

  Workload workload;
  Phase phase;
  CompileOptions options;
  LoadedModel model;
  /// `source` and its lengths are empty where the model reads none.
  HostTensor ids, targets, source, lengths;
  std::optional<RowDecoder> decoder;
  /// Of the last step.
  double loss = 0;
  std::vector<int32_t> tokens;
  llvm::json::Object facts;
  CalibratedRun machine;
  /// The kernels of the last warming steps, and how many those were.
  std::vector<KernelTime> launched;
  int64_t stepBytes = 0;
  /// Of a step; decoding: of a token.
  double flops = 0, executedFlops = 0, residentBytes = 0;
  double compileSeconds = 0, firstCallSeconds = 0;
};

} // namespace moru

#endif // MORU_TRAIN_BENCHMARK_H
