// Workloads: a model at a size, to be measured. Registered beside the models, so that no tool names one. Free of LLVM
// and MLIR.

#ifndef MORU_TRAIN_WORKLOAD_H
#define MORU_TRAIN_WORKLOAD_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moru {

struct Workload {
  std::string name;
  std::string model;
  /// `key=value` of the model's configuration.
  std::vector<std::string> settings;
  int64_t batch = 32, time = 10;
  /// Ids of a source, of a model that reads one.
  int64_t sourceTime = 10;
  /// Adam's rate; with a decay of more than 0, AdamW.
  double learningRate = 1e-3, weightDecay = 0;
};

/// Makes a workload known; one of the same name is replaced.
void registerWorkload(Workload workload);
/// The workload of that name, or null.
const Workload *findWorkload(std::string_view name);
/// In the order of registration.
std::vector<std::string> workloadNames();

} // namespace moru

#endif // MORU_TRAIN_WORKLOAD_H
