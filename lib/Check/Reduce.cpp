//===- Reduce.cpp - makes a failing program small ------------------------------------===//
// Rounds of edits, coarse ones first, until a whole round finds nothing more.
//===----------------------------------------------------------------------===//

#include "moru/Check/Reduce.h"

#include "Criterion.h"
#include "ReduceEdits.h"

#include "moru/Check/Reproducer.h"
#include "moru/Compiler/CompileModule.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Support/Files.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

/// Places at which a program is cut off in one round: enough to halve it several times.
static constexpr size_t kCuts = 16;
/// A round makes a program several times smaller; this many are never needed, but an end must be sure.
static constexpr int kRounds = 12;

namespace {

class Reducer {
public:
  Reducer(OwningOpRef<ModuleOp> program, Criterion &criterion, const ReduceOptions &options)
      : program(std::move(program)), criterion(criterion), options(options) {}

  void run();
  ModuleOp get() { return *program; }
  int64_t size() { return computingOperations(*program).size(); }

private:
  /// Keeps what `edit` makes of a copy, if it changes it, verifies and fails as before.
  bool attempt(llvm::function_ref<bool(ModuleOp)> edit);
  /// The same for an edit of operation number `index`.
  bool attemptAt(size_t index, llvm::function_ref<bool(Operation *)> edit);

  bool dropFunctions();
  bool dropResults();
  bool cutOff();
  bool replaceOperations();
  bool simplifyLoops();
  bool shrinkAxes();
  bool simplifyConstants();

  OwningOpRef<ModuleOp> program;
  Criterion &criterion;
  const ReduceOptions &options;
};

} // namespace

bool Reducer::attempt(llvm::function_ref<bool(ModuleOp)> edit) {
  if (criterion.runs() >= options.maxRuns)
    return false;
  ScopedDiagnosticHandler silence(program->getContext(), [](Diagnostic &) { return success(); });
  OwningOpRef<ModuleOp> copy = program->clone();
  if (!edit(*copy))
    return false;
  eraseUnused(*copy);
  if (failed(verify(*copy)))
    return false;
  bool holds = criterion.holds(*copy);
  if (holds)
    program = std::move(copy);
  if (options.progress)
    options.progress(size(), criterion.runs());
  return holds;
}

bool Reducer::attemptAt(size_t index, llvm::function_ref<bool(Operation *)> edit) {
  return attempt([&](ModuleOp copy) {
    std::vector<Operation *> operations = computingOperations(copy);
    return index < operations.size() && edit(operations[index]);
  });
}

static SmallVector<func::FuncOp> functionsOf(ModuleOp module) { return llvm::to_vector(module.getOps<func::FuncOp>()); }

bool Reducer::dropFunctions() {
  bool changed = false;
  for (size_t index = functionsOf(*program).size(); index-- > 0;)
    changed |= attempt([&](ModuleOp copy) {
      SmallVector<func::FuncOp> functions = functionsOf(copy);
      if (functions.size() < 2)
        return false;
      functions[index].erase();
      return true;
    });
  return changed;
}

/// Halves, quarters and so on, of the results of each function.
bool Reducer::dropResults() {
  bool changed = false;
  for (size_t number = 0; number < functionsOf(*program).size(); ++number)
    for (unsigned chunk = std::max(functionsOf(*program)[number].getNumResults() / 2, 1u); chunk > 0; chunk /= 2)
      for (unsigned first = 0; first < functionsOf(*program)[number].getNumResults();) {
        bool dropped =
            attempt([&](ModuleOp copy) { return eraseResults(functionsOf(copy)[number], first, first + chunk); });
        changed |= dropped;
        first += dropped ? 0 : chunk;
      }
  return changed;
}

/// The program up to one of its operations.
bool Reducer::cutOff() {
  size_t count = size();
  for (size_t cut = 0; cut < std::min(kCuts, count); ++cut)
    if (attemptAt(cut * count / std::min(kCuts, count), returnOnly))
      return true;
  return false;
}

/// Operations in ever smaller runs, each replaced by an operand or a constant.
bool Reducer::replaceOperations() {
  bool changed = false;
  for (size_t chunk = std::max<size_t>(size() / 2, 1); chunk > 0; chunk /= 2)
    for (size_t last = size(); last > 0;) {
      size_t first = last - std::min(last, chunk);
      bool replaced = false;
      for (unsigned choice = 0; choice < (chunk == 1 ? 3 : 1) && !replaced; ++choice)
        replaced = attempt([&](ModuleOp copy) {
          std::vector<Operation *> operations = computingOperations(copy);
          bool any = false;
          for (size_t i = std::min(last, operations.size()); i-- > first;)
            any |= replaceResults(operations[i], choice);
          return any;
        });
      changed |= replaced;
      last = std::min<size_t>(first, size());
    }
  return changed;
}

bool Reducer::simplifyLoops() {
  bool changed = false;
  for (size_t index = 0; index < static_cast<size_t>(size()); ++index) {
    auto scan = dyn_cast<graph::ScanOp>(computingOperations(*program)[index]);
    if (!scan)
      continue;
    changed |= attemptAt(index, dropOutputs);
    for (unsigned carry = 0, count = scan.getNumCarries(); carry < count; ++carry)
      changed |= attemptAt(index, [&](Operation *op) { return dropCarry(op, carry); });
  }
  return changed;
}

bool Reducer::shrinkAxes() {
  bool changed = false;
  for (int64_t from : axisSizes(*program))
    for (int64_t to : {int64_t(1), int64_t(2), int64_t(3), from / 2, from - 1})
      if (to >= 1 && to < from && attempt([&](ModuleOp copy) {
            resizeAxes(copy, from, to);
            return true;
          })) {
        changed = true;
        break;
      }
  return changed;
}

bool Reducer::simplifyConstants() {
  bool changed = false;
  for (unsigned index = 0; index < countNumbers(*program); ++index)
    for (unsigned choice = 0; choice < 3; ++choice)
      if (attempt([&](ModuleOp copy) { return simplifyNumbers(copy, index, choice); })) {
        changed = true;
        break;
      }
  changed |= attempt([&](ModuleOp copy) {
    std::string before = printModule(copy);
    dropAttributes(copy);
    return printModule(copy) != before;
  });
  return changed;
}

void Reducer::run() {
  for (int round = 0; round < kRounds; ++round) {
    bool changed = dropFunctions();
    changed |= dropResults();
    changed |= cutOff();
    changed |= replaceOperations();
    changed |= simplifyLoops();
    changed |= shrinkAxes();
    changed |= simplifyConstants();
    if (!changed)
      return;
  }
}

llvm::Expected<Reduction> check::reduce(StringRef path, const ReduceOptions &options) {
  llvm::Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  std::string command = findCommand(*text);
  if (command.empty())
    return makeError(path + ": expected a RUN line with the command that fails, got none");
  llvm::Expected<std::unique_ptr<ModuleFile>> file = ModuleFile::read(path);
  if (!file)
    return file.takeError();
  llvm::Expected<Criterion> criterion = Criterion::create(command, options.toolFolder);
  if (!criterion)
    return criterion.takeError();
  if (llvm::Error error = criterion->expectFailureOf(*(*file)->module))
    return error;
  Reducer reducer(std::move((*file)->module), *criterion, options);
  Reduction reduction;
  reduction.before = reducer.size();
  reducer.run();
  reduction.after = reducer.size();
  reduction.runs = criterion->runs();
  reduction.message = criterion->message();
  reduction.text = printReproducer(reducer.get(), criterion->command(), criterion->message());
  return reduction;
}
