//===- Locate.cpp - the first wrong value ------------------------------------===//
// A value is right if the program has made it before the pass, in whatever shape: the sorted list of its entries is
// compared.
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "moru/Reference/Tolerances.h"

#include "llvm/ADT/SetVector.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

namespace {
/// The values that the program has made before.
class KnownValues {
public:
  void add(const Tensor &tensor) { values[tensor.size()].push_back(sortedEntries(tensor)); }
  bool contains(const Tensor &tensor) const;

private:
  /// Entries in rising order, with the largest bound: comparable whatever the layout.
  struct Entries {
    std::vector<double> sorted;
    double bound = 0;
  };
  static Entries sortedEntries(const Tensor &tensor);
  std::map<int64_t, std::vector<Entries>> values;
};
} // namespace

KnownValues::Entries KnownValues::sortedEntries(const Tensor &tensor) {
  Entries entries;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    entries.sorted.push_back(tensor.at(i));
    entries.bound = std::max(entries.bound, tensor.bound(i));
  }
  llvm::sort(entries.sorted);
  return entries;
}

bool KnownValues::contains(const Tensor &tensor) const {
  auto candidates = values.find(tensor.size());
  if (candidates == values.end())
    return false;
  Entries wanted = sortedEntries(tensor);
  return llvm::any_of(candidates->second, [&](const Entries &known) {
    double tolerance = reference::kSecondOrder * (wanted.bound + known.bound);
    return llvm::all_of(llvm::zip_equal(wanted.sorted, known.sorted),
                        [&](auto pair) { return std::abs(std::get<0>(pair) - std::get<1>(pair)) <= tolerance; });
  });
}

/// The operation that gives the function its result `output`: the last one that a program of kernels made, or the
/// definition.
static Operation *getProducer(func::FuncOp function, StringRef output) {
  for (auto [index, value] : llvm::enumerate(function.getBody().front().getTerminator()->getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(index, graph::GraphDialect::kNameAttr);
    std::string text = name ? name.str() : "result" + std::to_string(index);
    if (text == output)
      return value.getDefiningOp();
  }
  return nullptr;
}

/// The operations that `op` depends on, scans' bodies included.
static llvm::SetVector<Operation *> getDependencies(Operation *op) {
  llvm::SetVector<Operation *> dependencies;
  dependencies.insert(op);
  for (size_t i = 0; i < dependencies.size(); ++i)
    dependencies[i]->walk([&](Operation *nested) {
      dependencies.insert(nested);
      for (Value operand : nested->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          dependencies.insert(definition);
    });
  return dependencies;
}

Operation *check::locate(func::FuncOp before, func::FuncOp now, const NamedValues &inputs, StringRef output,
                         const RunOptions &optionsNow) {
  Operation *producer = getProducer(now, output);
  std::vector<Made> madeBefore, madeNow;
  RunOptions traced = optionsNow;
  traced.trace = &madeNow;
  if (failed(run(before, inputs, {.trace = &madeBefore, .exactConstants = optionsNow.exactConstants})) ||
      failed(run(now, inputs, traced)))
    return producer;
  KnownValues known;
  for (const auto &[name, tensor] : inputs)
    known.add(tensor);
  for (const Made &made : madeBefore)
    for (const Tensor &tensor : llvm::concat<const Tensor>(made.operands, made.results))
      known.add(tensor);
  llvm::SetVector<Operation *> relevant;
  if (producer)
    relevant = getDependencies(producer);
  auto isKnown = [&](const Tensor &tensor) { return known.contains(tensor); };
  for (const Made &made : madeNow) {
    if (producer && !relevant.contains(made.op))
      continue;
    if (llvm::all_of(made.operands, isKnown) && !llvm::all_of(made.results, isKnown))
      return made.op;
  }
  return producer;
}
