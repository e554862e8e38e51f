// Kernels know nothing of each other: a module falls into as many parts, each of which goes through LLVM by itself, in
// a context of its own.

#include "moru/Compiler/CodeParts.h"

#include "Emission.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Cost.h"
#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Support/Files.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ThreadPool.h"

#include <atomic>

using namespace llvm;

namespace moru {

std::vector<KernelCode> listKernels(mlir::ModuleOp module) {
  std::vector<KernelCode> kernels;
  mlir::SymbolTable symbols(module);
  for (auto entry : module.getOps<mlir::LLVM::LLVMFuncOp>()) {
    StringRef name = entry.getName();
    if (entry.isExternal() || entry.getLinkage() != mlir::LLVM::Linkage::External ||
        !name.consume_back(kKernelEntrySuffix))
      continue;
    mlir::Operation *kernel = symbols.lookup(name);
    // A group has an entry alone.
    std::optional<KernelCost> cost = kernel::getCost(kernel ? kernel : entry);
    kernels.push_back({name.str(), cost.value_or(KernelCost())});
  }
  return kernels;
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Whether other parts see it.
static bool isShared(mlir::Operation *op) {
  if (auto function = dyn_cast<mlir::LLVM::LLVMFuncOp>(op))
    return function.isExternal() || function.getLinkage() == mlir::LLVM::Linkage::External;
  return false;
}

/// The operations at the top of the module that `op` names.
static SmallVector<mlir::Operation *> findNamed(mlir::Operation *op, const mlir::SymbolTable &symbols) {
  SmallVector<mlir::Operation *> named;
  std::optional<mlir::SymbolTable::UseRange> uses = mlir::SymbolTable::getSymbolUses(op);
  if (!uses)
    return named;
  for (mlir::SymbolTable::SymbolUse use : *uses)
    if (mlir::Operation *other = symbols.lookup(use.getSymbolRef().getRootReference()))
      if (!is_contained(named, other))
        named.push_back(other);
  return named;
}

/// Operations of a function of the host that is long.
static constexpr size_t kLongHost = 3000;

/// Whether it has nothing but the calls of kernels and of the runtime.
static bool isHost(mlir::Operation *op) {
  auto function = dyn_cast<mlir::LLVM::LLVMFuncOp>(op);
  return function && !function->hasAttr(kernel::KernelDialect::kFamilyAttr) &&
         !function.getName().ends_with(kKernelEntrySuffix);
}

/// Operations that must stay together, in the order of the module.
static std::vector<CodePart> findClusters(mlir::ModuleOp module) {
  mlir::SymbolTable symbols(module);
  EquivalenceClasses<mlir::Operation *> classes;
  for (mlir::Operation &op : module.getOps()) {
    classes.insert(&op);
    for (mlir::Operation *named : findNamed(&op, symbols))
      if (!isShared(named))
        classes.unionSets(&op, named);
  }
  MapVector<mlir::Operation *, CodePart> clusters;
  for (mlir::Operation &op : module.getOps()) {
    if (auto function = dyn_cast<mlir::LLVM::LLVMFuncOp>(op); function && function.isExternal())
      continue;
    CodePart &cluster = clusters[classes.getLeaderValue(&op)];
    cluster.operations.push_back(&op);
    op.walk([&](mlir::Operation *) { ++cluster.size; });
  }
  std::vector<CodePart> list;
  for (auto &[leader, cluster] : clusters) {
    cluster.isLongHost = cluster.size > kLongHost && all_of(cluster.operations, isHost);
    list.push_back(std::move(cluster));
  }
  return list;
}

std::vector<CodePart> cutIntoParts(mlir::ModuleOp module, size_t count) {
  auto isLarger = [](const CodePart &a, const CodePart &b) {
    return a.size != b.size ? a.size > b.size : a.operations.front()->isBeforeInBlock(b.operations.front());
  };
  std::vector<CodePart> clusters = findClusters(module), parts, hosts;
  llvm::sort(clusters, isLarger);
  for (CodePart &cluster : clusters) {
    if (cluster.isLongHost || parts.size() < count) {
      (cluster.isLongHost ? hosts : parts).push_back(std::move(cluster));
      continue;
    }
    // The largest first, each to the smallest part so far.
    CodePart &smallest = *std::min_element(parts.begin(), parts.end(),
                                           [&](const CodePart &a, const CodePart &b) { return isLarger(b, a); });
    append_range(smallest.operations, cluster.operations);
    smallest.size += cluster.size;
  }
  std::move(hosts.begin(), hosts.end(), std::back_inserter(parts));
  llvm::sort(parts, isLarger);
  return parts;
}

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

/// A module with copies of the operations of a part, and declarations of what they name elsewhere.
static mlir::OwningOpRef<mlir::ModuleOp> copyPart(mlir::ModuleOp module, const CodePart &part,
                                                  const mlir::SymbolTable &symbols) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = mlir::ModuleOp::create(module.getLoc());
  (*copy)->setAttrs(module->getAttrDictionary());
  SmallPtrSet<mlir::Operation *, 16> present(part.operations.begin(), part.operations.end());
  for (mlir::Operation *op : part.operations) {
    copy->push_back(op->clone());
    for (mlir::Operation *named : findNamed(op, symbols))
      if (present.insert(named).second)
        copy->push_back(named->cloneWithoutRegions());
  }
  return copy;
}

static Expected<std::string> emitPart(mlir::ModuleOp part, bool isLongHost, TargetMachine &machine,
                                      const Target &target, CodeQuality quality) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> translated = translateToLLVM(part, context, machine, target);
  if (!translated)
    return translated.takeError();
  optimize(**translated, machine, quality);
  CodeGenOptLevel level = machine.getOptLevel();
  if (isLongHost)
    machine.setOptLevel(CodeGenOptLevel::None);
  Expected<std::string> object = emit(**translated, machine, CodeGenFileType::ObjectFile);
  machine.setOptLevel(level);
  return object;
}

/// Objects of one program: enough to keep all threads at work until the last one, whichever take longest.
static constexpr size_t kParts = 16;

Expected<std::vector<std::string>> emitObjects(mlir::ModuleOp module, const Target &target, CodeQuality quality) {
  std::vector<CodePart> parts = cutIntoParts(module, kParts);
  mlir::MLIRContext *context = module.getContext();
  registerTranslation(*context);
  bool wasThreaded = context->isMultithreadingEnabled();
  context->enableMultithreading();
  mlir::SymbolTable symbols(module);
  std::vector<std::optional<Expected<std::string>>> objects(parts.size());
  std::atomic<size_t> next = 0;
  // Each thread takes the next part, the largest ones first, so that none of them is left for the end.
  auto work = [&] {
    Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(target, quality);
    std::string problem = machine ? "" : toString(machine.takeError());
    for (size_t i = next++; i < parts.size(); i = next++)
      if (problem.empty())
        objects[i] = emitPart(*copyPart(module, parts[i], symbols), parts[i].isLongHost, **machine, target, quality);
      else
        objects[i] = makeError(problem);
  };
  DefaultThreadPool pool(hardware_concurrency());
  for (unsigned i = 0; i < pool.getMaxConcurrency(); ++i)
    pool.async(work);
  pool.wait();
  context->enableMultithreading(wasThreaded);
  std::vector<std::string> list;
  Error errors = Error::success();
  for (std::optional<Expected<std::string>> &object : objects)
    if (*object)
      list.push_back(std::move(**object));
    else if (errors)
      consumeError(object->takeError()); // Another part's says the same.
    else
      errors = object->takeError();
  if (errors)
    return errors;
  return list;
}

} // namespace moru
