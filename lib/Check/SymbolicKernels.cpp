//===- SymbolicKernels.cpp - programs of kernels on terms ------------------------===//
// As KernelInterpreter.cpp does it on numbers: entries lie in storages at their bytes, and a write takes away what it
// overlaps.
//===----------------------------------------------------------------------===//

#include "Symbolic.h"

#include "moru/Reference/KernelInterpreter.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

/// More steps of a loop whose end the program computes are not followed.
static constexpr int64_t kMaxSteps = 2'000;

namespace {

/// An entry and its width.
struct Cell {
  int64_t width;
  Term term;
  bool operator==(const Cell &other) const { return width == other.width && term == other.term; }
};
/// Entries by their first bytes.
using Storage = std::map<int64_t, Cell>;

/// A logical tensor laid over a storage.
struct Window {
  size_t storage = 0;
  int64_t base = 0;
  kernel::BufferType type;
  /// Of a slot whose number is known by a term alone: where each of them begins, beside `base`.
  std::vector<int64_t> slots{};
  Term slot = 0;
  bool operator==(const Window &other) const {
    return storage == other.storage && base == other.base && type == other.type && slots == other.slots &&
           slot == other.slot;
  }
};

/// One run of a function. Storages are numbered in the order in which they appear: 0 is the arena.
class Run {
public:
  Run(Terms &terms, const Meanings &meanings) : terms(terms), meanings(meanings) {}
  FailureOr<SymbolicRun> run(func::FuncOp function);

private:
  LogicalResult runBlock(Block &block);
  LogicalResult runOperation(Operation &op);
  LogicalResult runLoop(kernel::LoopOp loop);
  LogicalResult runCond(kernel::CondOp cond);
  LogicalResult runWhile(kernel::WhileOp loop);
  LogicalResult runLaunch(kernel::LaunchOp launch);
  LogicalResult runKernel(kernel::ComputeOp kernel, ArrayRef<Value> reads, ArrayRef<Value> writes);
  LogicalResult defineSlot(kernel::SlotOp slot);
  void defineAlloc(kernel::AllocOp alloc);
  void defineView(kernel::ViewOp view);
  std::string textOf(kernel::WhileOp loop) const;
  LogicalResult runUnknownWhile(kernel::WhileOp loop, int64_t step);
  FailureOr<SymbolicTensor> load(const Window &window);
  FailureOr<SymbolicTensor> loadSlot(const Window &window);
  void store(const Window &window, const SymbolicTensor &tensor);
  bool areApart(const Window &read, const Window &write) const;

  Terms &terms;
  const Meanings &meanings;
  std::vector<Storage> storages{1};
  llvm::DenseMap<Value, Window> windows;
  llvm::DenseMap<Value, int64_t> loopSteps;
  /// How many steps loops have taken whose end is not known.
  llvm::DenseMap<Value, Term> unknownSteps;
  std::set<std::string> facts;
  /// How many kernels have run.
  int64_t numKernels = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// An entry is that of one of all slots.
FailureOr<SymbolicTensor> Run::loadSlot(const Window &window) {
  std::vector<SmallVector<Term>> choices(window.type.getTensorType().getNumElements(), {window.slot});
  for (int64_t begin : window.slots) {
    FailureOr<SymbolicTensor> tensor = load({window.storage, window.base + begin, window.type});
    if (failed(tensor))
      return failure();
    for (auto [entries, term] : llvm::zip_equal(choices, tensor->terms))
      entries.push_back(term);
  }
  SymbolicTensor result{window.type.getTensorType(), {}};
  for (ArrayRef<Term> entries : choices)
    result.terms.push_back(terms.apply("slot", entries));
  return result;
}

FailureOr<SymbolicTensor> Run::load(const Window &window) {
  if (!window.slots.empty())
    return loadSlot(window);
  SymbolicTensor tensor{window.type.getTensorType(), {}};
  tensor.terms.resize(tensor.type.getNumElements());
  const Storage &storage = storages[window.storage];
  int64_t width = window.type.getElementBytes();
  bool isComplete = true;
  reference::forEachEntry(window.type, [&](int64_t linear, int64_t offset) {
    auto it = storage.find(window.base + offset * width);
    bool isThere = it != storage.end() && it->second.width == width;
    isComplete &= isThere;
    if (isThere)
      tensor.terms[linear] = it->second.term;
  });
  if (!isComplete)
    return failure();
  return tensor;
}

void Run::store(const Window &window, const SymbolicTensor &tensor) {
  Storage &storage = storages[window.storage];
  int64_t width = window.type.getElementBytes();
  reference::forEachEntry(window.type, [&](int64_t linear, int64_t offset) {
    int64_t byte = window.base + offset * width;
    auto first = storage.lower_bound(byte);
    while (first != storage.begin() && std::prev(first)->first + std::prev(first)->second.width > byte)
      --first;
    storage.erase(first, storage.lower_bound(byte + width));
    storage[byte] = {width, tensor.terms[linear]};
  });
}

/// Whether two windows share no byte.
bool Run::areApart(const Window &read, const Window &write) const {
  if (read.storage != write.storage)
    return true;
  if (!read.slots.empty() || !write.slots.empty())
    return false;
  std::set<int64_t> bytes;
  auto visit = [](const Window &window, llvm::function_ref<void(int64_t)> visitByte) {
    int64_t width = window.type.getElementBytes();
    reference::forEachEntry(window.type, [&](int64_t, int64_t offset) {
      for (int64_t byte = 0; byte < width; ++byte)
        visitByte(window.base + offset * width + byte);
    });
  };
  visit(read, [&](int64_t byte) { bytes.insert(byte); });
  bool areApart = true;
  visit(write, [&](int64_t byte) { areApart &= !bytes.contains(byte); });
  return areApart;
}

void Run::defineAlloc(kernel::AllocOp alloc) {
  if (std::optional<uint64_t> offset = alloc.getOffset()) {
    windows[alloc.getResult()] = {0, static_cast<int64_t>(*offset), alloc.getType()};
    return;
  }
  windows[alloc.getResult()] = {storages.size(), 0, alloc.getType()};
  storages.emplace_back();
}

void Run::defineView(kernel::ViewOp view) {
  Window window = windows.lookup(view.getSource());
  window.base += static_cast<int64_t>(view.getOffset()) * view.getType().getElementBytes();
  window.type = view.getType();
  windows[view.getResult()] = window;
}

LogicalResult Run::defineSlot(kernel::SlotOp slot) {
  Window window = windows.lookup(slot.getSource());
  int64_t axis = slot.getAxis(), width = window.type.getStrides()[axis] * window.type.getElementBytes();
  if (auto it = unknownSteps.find(slot.getStep()); it != unknownSteps.end()) {
    if (!window.slots.empty())
      return failure();
    Term numbers[] = {it->second, terms.integer(slot.getScale()), terms.integer(slot.getOffset()),
                      terms.integer(slot.getModulus())};
    window.slot = terms.apply("number of slot", numbers);
    for (int64_t number = 0; number < window.type.getShape()[axis]; ++number)
      window.slots.push_back(number * width);
    window.type = slot.getType();
    windows[slot.getResult()] = window;
    return success();
  }
  int64_t index =
      static_cast<int64_t>(slot.getScale()) * loopSteps.lookup(slot.getStep()) + static_cast<int64_t>(slot.getOffset());
  if (int64_t modulus = slot.getModulus())
    index = ((index % modulus) + modulus) % modulus;
  if (index < 0 || index >= window.type.getShape()[axis])
    return failure();
  window.base += index * width;
  window.type = slot.getType();
  windows[slot.getResult()] = window;
  return success();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult Run::runKernel(kernel::ComputeOp kernel, ArrayRef<Value> reads, ArrayRef<Value> writes) {
  SymbolicTensors operands;
  for (Value buffer : reads) {
    FailureOr<SymbolicTensor> tensor = load(windows.lookup(buffer));
    if (failed(tensor))
      return failure();
    operands.push_back(std::move(*tensor));
  }
  for (auto [number, buffer] : llvm::enumerate(writes)) {
    Window window = windows.lookup(buffer);
    if (!window.slots.empty())
      return failure();
    for (Value other : writes.take_front(number))
      if (!areApart(windows.lookup(other), window))
        return failure();
    for (auto [readNumber, other] : llvm::enumerate(reads)) {
      if (windows.lookup(other) == window) // Whether the kernel bears it, is not known here.
        facts.insert(llvm::formatv("kernel {0}: {1} takes the place of {2}", numKernels, number, readNumber));
      else if (!areApart(windows.lookup(other), window))
        return failure();
    }
  }
  ++numKernels;
  FailureOr<SymbolicTensors> results = evaluateSymbolically(terms, *kernel.getBodyBlock(), operands);
  if (failed(results))
    return failure();
  for (auto [buffer, tensor] : llvm::zip_equal(writes, *results))
    store(windows.lookup(buffer), tensor);
  return success();
}

LogicalResult Run::runLaunch(kernel::LaunchOp launch) {
  kernel::ComputeOp meaning = meanings.lookup(launch);
  if (!meaning)
    return failure();
  facts.insert(llvm::formatv("{0} has {1} tasks", launch.getCallee(), launch.getTasks()));
  SmallVector<Value> parameters = reference::getKernelParameters(meaning);
  auto types = [](ValueRange values) { return values.getTypes(); };
  if (!llvm::equal(types(parameters), types(launch.getBuffers())))
    return failure();
  auto bound = [&](ValueRange buffers) {
    return llvm::map_to_vector(buffers, [&](Value buffer) -> Value {
      return launch.getBuffers()[llvm::find(parameters, buffer) - parameters.begin()];
    });
  };
  return runKernel(meaning, bound(meaning.getReads()), bound(meaning.getWrites()));
}

LogicalResult Run::runLoop(kernel::LoopOp loop) {
  for (int64_t step = 0, length = loop.getLength(); step < length; ++step) {
    loopSteps[loop.getStep()] = step;
    if (failed(runBlock(*loop.getBodyBlock())))
      return failure();
  }
  return success();
}

/// Where the host's decision hangs on the arguments, both branches are run, and each entry is that of one of them.
LogicalResult Run::runCond(kernel::CondOp cond) {
  FailureOr<SymbolicTensor> predicate = load(windows.lookup(cond.getPredicate()));
  if (failed(predicate))
    return failure();
  Term truth = predicate->terms[0];
  if (terms.isConstant(truth))
    return runBlock(*cond.getBranch(terms.integerOf(truth) != 0));
  std::vector<Storage> before = storages;
  if (failed(runBlock(*cond.getBranch(true))))
    return failure();
  std::vector<Storage> onTrue = std::exchange(storages, std::move(before));
  if (failed(runBlock(*cond.getBranch(false))) || onTrue.size() != storages.size())
    return failure();
  for (auto [storage, other] : llvm::zip_equal(storages, onTrue))
    for (auto it = storage.begin(); it != storage.end();) {
      auto same = other.find(it->first);
      if (same == other.end() || same->second.width != it->second.width) {
        it = storage.erase(it); // Behind the branches nothing is known of it.
        continue;
      }
      // One term for both kinds of numbers: which one an entry is, its readers know.
      it->second.term = terms.applyChoice(NoneType::get(cond.getContext()), truth, same->second.term, it->second.term);
      ++it;
    }
  return success();
}

/// The text of a loop's operations, with the meanings of its launches.
std::string Run::textOf(kernel::WhileOp loop) const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags = OpPrintingFlags().useLocalScope();
  loop->print(stream, flags);
  loop->walk([&](kernel::LaunchOp launch) {
    if (kernel::ComputeOp meaning = meanings.lookup(launch))
      meaning->print(stream, flags);
  });
  return text;
}

/// All that a loop leaves, whose end is not known from here on, is a function of its text and of all that it may read:
/// the entries of all buffers around it that it names.
LogicalResult Run::runUnknownWhile(kernel::WhileOp loop, int64_t step) {
  llvm::SmallMapVector<Value, Window, 8> outer;
  std::string function = textOf(loop) + " from " + std::to_string(step);
  bool isKnown = true;
  loop->walk([&](Operation *op) {
    isKnown &= !isa<kernel::AllocOp>(op);
    for (Value operand : op->getOperands()) {
      bool isInside = loop->isProperAncestor(operand.getParentBlock()->getParentOp()) ||
                      operand.getParentBlock()->getParentOp() == loop;
      auto it = windows.find(operand);
      if (isInside)
        continue;
      isKnown &= it != windows.end() && it->second.slots.empty();
      if (!isKnown)
        return;
      auto place = outer.insert({operand, it->second}).first - outer.begin();
      llvm::raw_string_ostream(function) << ' ' << place << ' ' << it->second.type << ' ' << it->second.storage << '+'
                                         << it->second.base;
    }
  });
  if (!isKnown)
    return failure();
  std::vector<Term> all;
  Term nothing = terms.apply("nothing", {});
  for (auto &[value, window] : outer)
    reference::forEachEntry(window.type, [&, &window = window](int64_t, int64_t offset) {
      const Storage &storage = storages[window.storage];
      auto it = storage.find(window.base + offset * window.type.getElementBytes());
      all.push_back(it == storage.end() ? nothing : it->second.term);
    });
  Term whole = terms.apply(function, all);
  for (auto [number, entry] : llvm::enumerate(outer)) {
    SymbolicTensor tensor{entry.second.type.getTensorType(), {}};
    for (int64_t index = 0; index < tensor.type.getNumElements(); ++index) {
      Term place[] = {whole, terms.integer(static_cast<int64_t>(number)), terms.integer(index)};
      tensor.terms.push_back(terms.apply("entry", place));
    }
    store(entry.second, tensor);
  }
  unknownSteps[loop.getCount()] = terms.apply("steps", whole);
  return success();
}

LogicalResult Run::runWhile(kernel::WhileOp loop) {
  for (int64_t step = 0; step < kMaxSteps; ++step) {
    loopSteps[loop.getConditionStep()] = loopSteps[loop.getStep()] = loopSteps[loop.getCount()] = step;
    if (failed(runBlock(*loop.getConditionBlock())))
      return failure();
    FailureOr<SymbolicTensor> goesOn = load(windows.lookup(loop.getPredicate()));
    if (failed(goesOn))
      return failure();
    if (!terms.isConstant(goesOn->terms[0]))
      return runUnknownWhile(loop, step);
    if (!terms.integerOf(goesOn->terms[0]))
      return success();
    if (failed(runBlock(*loop.getBodyBlock())))
      return failure();
  }
  return failure();
}

LogicalResult Run::runOperation(Operation &op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](kernel::AllocOp alloc) { return defineAlloc(alloc), success(); })
      .Case([&](kernel::ViewOp view) { return defineView(view), success(); })
      .Case([&](kernel::SlotOp slot) { return defineSlot(slot); })
      .Case([&](kernel::PrepareOp prepare) { return runBlock(*prepare.getBodyBlock()); })
      .Case([&](kernel::LoopOp loop) { return runLoop(loop); })
      .Case([&](kernel::CondOp cond) { return runCond(cond); })
      .Case([&](kernel::GroupOp group) { return runBlock(*group.getBodyBlock()); })
      .Case([&](kernel::WhileOp loop) { return runWhile(loop); })
      .Case([&](kernel::LaunchOp launch) { return runLaunch(launch); })
      .Case([&](kernel::ComputeOp compute) {
        return runKernel(compute, llvm::to_vector(compute.getReads()), llvm::to_vector(compute.getWrites()));
      })
      .Default(failure());
}

LogicalResult Run::runBlock(Block &block) {
  for (Operation &op : block)
    if (!op.hasTrait<OpTrait::IsTerminator>() && failed(runOperation(op)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

SymbolicTensor check::makeVariables(Terms &terms, RankedTensorType type, unsigned argument) {
  SymbolicTensor tensor{type, {}};
  for (int64_t entry = 0; entry < type.getNumElements(); ++entry)
    tensor.terms.push_back(terms.variable(std::to_string(argument), entry));
  return tensor;
}

FailureOr<SymbolicRun> Run::run(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<kernel::BufferType>(argument.getType());
    Window &window = windows[argument] = {storages.size(), 0, type};
    storages.emplace_back();
    if (!reference::isOutput(function, argument.getArgNumber()))
      store(window, makeVariables(terms, type.getTensorType(), argument.getArgNumber()));
  }
  if (failed(runBlock(function.getBody().front())))
    return failure();
  SymbolicRun result{{}, std::move(facts)};
  for (BlockArgument argument : function.getArguments()) {
    FailureOr<SymbolicTensor> tensor = load(windows.lookup(argument));
    if (failed(tensor))
      return failure();
    result.results.push_back(std::move(*tensor));
  }
  return result;
}

FailureOr<SymbolicRun> check::runSymbolically(Terms &terms, func::FuncOp function, const Meanings &meanings) {
  if (getStage(function) != FunctionStage::Graph)
    return Run(terms, meanings).run(function);
  SymbolicTensors arguments;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape())
      return failure();
    arguments.push_back(makeVariables(terms, type, argument.getArgNumber()));
  }
  FailureOr<SymbolicTensors> results = evaluateSymbolically(terms, function.getBody().front(), arguments);
  if (failed(results))
    return failure();
  return SymbolicRun{std::move(*results), {}};
}
