// Measured steps of a workload: training, inference, and greedy decoding one token at a time, as the peers do them.

#ifndef MORU_TRAIN_BENCHMARK_H
#define MORU_TRAIN_BENCHMARK_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Decode/RowDecoder.h"
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
  /// for a token), `kernels` that are not the same, `arena_bytes`.
  llvm::Expected<llvm::json::Object> measure(int64_t steps);

  /// Time in one kernel, over some steps.
  struct KernelTime {
    std::string name;
    int64_t calls = 0;
    double milliseconds = 0;
  };
  /// Where so many further steps spend their time, the longest first.
  llvm::Expected<std::vector<KernelTime>> profile(int64_t steps);

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

  Workload workload;
  Phase phase;
  Precision precision = Precision::F32;
  LoadedModel model;
  /// `source` and its lengths are empty where the model reads none.
  HostTensor ids, targets, source, lengths;
  std::optional<RowDecoder> decoder;
  /// Of the last step.
  double loss = 0;
  std::vector<int32_t> tokens;
  llvm::json::Object facts;
  double flops = 0, compileSeconds = 0, firstCallSeconds = 0;
};

} // namespace moru

#endif // MORU_TRAIN_BENCHMARK_H
