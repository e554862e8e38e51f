// The registry of workloads.

#include "moru/Train/Workload.h"

#include "llvm/ADT/STLExtras.h"

#include <memory>

namespace moru {

static std::vector<std::unique_ptr<Workload>> &registry() {
  static std::vector<std::unique_ptr<Workload>> workloads;
  return workloads;
}

void registerWorkload(Workload workload) {
  llvm::erase_if(registry(), [&](const auto &known) { return known->name == workload.name; });
  registry().push_back(std::make_unique<Workload>(std::move(workload)));
}

const Workload *findWorkload(std::string_view name) {
  for (const auto &workload : registry())
    if (workload->name == name)
      return workload.get();
  return nullptr;
}

std::vector<std::string> workloadNames() {
  std::vector<std::string> names;
  for (const auto &workload : registry())
    names.push_back(workload->name);
  return names;
}

} // namespace moru
