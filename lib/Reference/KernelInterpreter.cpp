//===- KernelInterpreter.cpp - what a program of kernels means -------------===//
// Storages hold entries with the byte at which each begins; windows map logical tensors onto them.
//===----------------------------------------------------------------------===//

#include "moru/Reference/KernelInterpreter.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"

#include <memory>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

namespace {

/// One entry.
struct Cell {
  double number = 0;
  int64_t integer = 0;
  double bound = 0;
};

/// Memory of one argument, of one buffer before the plan, or of the whole arena. It knows where entries begin and how
/// wide they are; a write removes every other entry that it overlaps.
class Storage {
public:
  /// The entry at `byte`, if one of that width was stored exactly there and nothing since has overlapped it.
  std::optional<Cell> load(int64_t byte, int64_t width) const;
  void store(int64_t byte, int64_t width, bool isFloat, const Cell &cell);

private:
  /// Entries wider than a byte: 2, 4 or 8. Entries of a byte, which are truth values, are held here: kTruth, with their
  /// value and whether they are undecided. 0: none begins here.
  std::vector<uint8_t> entries;
  static constexpr uint8_t kTruth = 0x10, kTrue = 1, kUndecided = 2;
  /// Of an entry wider than a byte: its bits, as f64 or i64, and its bound, for each pair of bytes.
  std::vector<double> numbers, bounds;

  int64_t widthAt(int64_t byte) const {
    if (byte < 0 || byte >= static_cast<int64_t>(entries.size()))
      return 0;
    return entries[byte] & kTruth ? 1 : entries[byte];
  }
};

/// A logical tensor laid over a storage.
struct Window {
  Storage *storage = nullptr;
  /// The byte of entry 0.
  int64_t base = 0;
  kernel::BufferType type;
  /// The argument or the alloc that it is a part of.
  Value root = {};

  int64_t end() const { return base + type.getSizeInBytes(); }
  /// Whether it shares bytes with a part of another buffer.
  bool isMixedUpWith(const Window &other) const {
    return storage == other.storage && root != other.root && base < other.end() && other.base < end();
  }
};

/// One run of a function.
class Interpreter {
public:
  Interpreter(const InterpretOptions &options) : options(options) {}
  FailureOr<SmallVector<Tensor>> run(func::FuncOp function, ArrayRef<Tensor> arguments);

private:
  LogicalResult runBlock(Block &block);
  LogicalResult runOperation(Operation &op);
  LogicalResult runLoop(kernel::LoopOp loop);
  LogicalResult runCond(kernel::CondOp cond);
  LogicalResult runWhile(kernel::WhileOp loop);
  FailureOr<bool> readPredicate(Operation *op, Value predicate);
  LogicalResult runCompute(kernel::ComputeOp compute);
  LogicalResult runLaunch(kernel::LaunchOp launch);
  LogicalResult verifyApart(Operation *op, kernel::ComputeOp meaning, ArrayRef<Value> reads, ArrayRef<Value> writes);
  LogicalResult runKernel(Operation *op, kernel::ComputeOp meaning, ArrayRef<Value> reads, ArrayRef<Value> writes);
  LogicalResult defineAlloc(kernel::AllocOp alloc);
  LogicalResult defineView(kernel::ViewOp view);
  LogicalResult defineSlot(kernel::SlotOp slot);
  FailureOr<Tensor> load(const Window &window, Operation *reader, const Twine &what);
  void store(const Window &window, Tensor tensor);
  void markUndecided(const Window &window);
  Storage *newStorage() { return storages.emplace_back(std::make_unique<Storage>()).get(); }

  const InterpretOptions &options;
  std::vector<std::unique_ptr<Storage>> storages;
  Storage *arena = nullptr;
  std::optional<int64_t> arenaBytes;
  llvm::DenseMap<Value, Window> windows;
  llvm::DenseMap<Value, int64_t> loopSteps;
  SmallVector<int64_t> steps;
  /// The decisions around this place that rounding may turn: all that is stored behind them is undecided.
  unsigned numUndecided = 0;
  /// Numbers of steps that rounding may change.
  llvm::DenseSet<Value> undecidedCounts;
};

} // namespace

std::optional<Cell> Storage::load(int64_t byte, int64_t width) const {
  if (widthAt(byte) != width)
    return std::nullopt;
  if (width == 1) {
    bool value = entries[byte] & kTrue;
    return Cell{double(value), value, entries[byte] & kUndecided ? undecided() : 0};
  }
  double number = numbers[byte / 2];
  return Cell{number, llvm::bit_cast<int64_t>(number), bounds[byte / 2]};
}

void Storage::store(int64_t byte, int64_t width, bool isFloat, const Cell &cell) {
  if (byte < 0)
    return; // A window that a wrong plan has moved out of its buffer: what is read there was never written.
  if (byte + width > static_cast<int64_t>(entries.size())) {
    entries.resize(byte + width, 0);
    numbers.resize((byte + width + 1) / 2, 0);
    bounds.resize((byte + width + 1) / 2, 0);
  }
  // No entry is wider than eight bytes, so only those that begin up to seven bytes before can reach into this one.
  for (int64_t other = std::max<int64_t>(byte - 7, 0); other < byte; ++other)
    if (other + widthAt(other) > byte)
      entries[other] = 0;
  std::fill_n(entries.begin() + byte, width, 0);
  if (width == 1) {
    entries[byte] = kTruth | (cell.integer ? kTrue : 0) | (cell.bound != 0 ? kUndecided : 0);
    return;
  }
  entries[byte] = static_cast<uint8_t>(width);
  numbers[byte / 2] = isFloat ? cell.number : llvm::bit_cast<double>(cell.integer);
  bounds[byte / 2] = cell.bound;
}

void reference::forEachEntry(kernel::BufferType type, llvm::function_ref<void(int64_t, int64_t)> visit) {
  ArrayRef<int64_t> shape = type.getShape();
  if (int64_t width = type.getPanelWidth()) {
    int64_t columns = shape.back(), depth = shape[shape.size() - 2], panels = (columns + width - 1) / width;
    forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t>) {
      int64_t n = linear % columns, k = linear / columns % depth, batch = linear / columns / depth;
      visit(linear, ((batch * panels + n / width) * depth + k) * width + n % width);
    });
    return;
  }
  if (type.getTiles())
    return forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t>) { visit(linear, linear); });
  SmallVector<int64_t> strides = type.getStrides();
  forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (auto [i, stride] : llvm::zip_equal(index, strides))
      offset += i * stride;
    visit(linear, offset);
  });
}

FailureOr<Tensor> Interpreter::load(const Window &window, Operation *reader, const Twine &what) {
  Tensor tensor(window.type.getTensorType());
  bool isFloat = tensor.isFloat(), withBounds = options.bounds != Bounds::Off;
  if (withBounds)
    tensor.addBounds();
  int64_t width = window.type.getElementBytes(), missing = -1;
  forEachEntry(window.type, [&](int64_t linear, int64_t offset) {
    std::optional<Cell> cell = window.storage->load(window.base + offset * width, width);
    if (!cell)
      missing = missing < 0 ? linear : missing;
    else if (isFloat)
      tensor.floats[linear] = cell->number;
    else
      tensor.integers[linear] = cell->integer;
    if (cell && withBounds)
      tensor.bounds[linear] = cell->bound;
  });
  if (missing < 0)
    return tensor;
  return emitError(reader->getLoc(), "expected ")
         << what << " to hold what was stored in it, got an entry " << indexToString(tensor.shape(), missing)
         << " that was never written or has been overwritten";
}

void Interpreter::store(const Window &window, Tensor tensor) {
  if (numUndecided)
    tensor.markDecidedElsewhere();
  int64_t width = window.type.getElementBytes();
  bool isFloat = tensor.isFloat();
  forEachEntry(window.type, [&](int64_t linear, int64_t offset) {
    Cell cell;
    if (isFloat)
      cell.number = tensor.floats[linear];
    else
      cell.integer = tensor.integers[linear];
    cell.bound = tensor.bound(linear);
    window.storage->store(window.base + offset * width, width, isFloat, cell);
  });
}

/// Every entry that there is could be anything.
void Interpreter::markUndecided(const Window &window) {
  int64_t width = window.type.getElementBytes();
  forEachEntry(window.type, [&](int64_t, int64_t offset) {
    int64_t byte = window.base + offset * width;
    std::optional<Cell> cell = window.storage->load(byte, width);
    if (!cell)
      return;
    bool isFloat = isa<FloatType>(window.type.getElementType());
    cell->bound = isFloat ? unknown() : undecided();
    window.storage->store(byte, width, isFloat, *cell);
  });
}

LogicalResult Interpreter::defineAlloc(kernel::AllocOp alloc) {
  std::optional<uint64_t> offset = alloc.getOffset();
  if (!offset) { // Every execution of the operation is new memory.
    windows[alloc.getResult()] = {newStorage(), 0, alloc.getType(), alloc};
    return success();
  }
  int64_t end = static_cast<int64_t>(*offset) + alloc.getType().getSizeInBytes();
  if (arenaBytes && end > *arenaBytes)
    return alloc.emitError("expected a buffer within the arena of ")
           << *arenaBytes << " bytes, got one that ends at " << end;
  windows[alloc.getResult()] = {arena, static_cast<int64_t>(*offset), alloc.getType(), alloc};
  return success();
}

LogicalResult Interpreter::defineView(kernel::ViewOp view) {
  Window window = windows.lookup(view.getSource());
  window.base += static_cast<int64_t>(view.getOffset()) * view.getType().getElementBytes();
  window.type = view.getType();
  windows[view.getResult()] = window;
  return success();
}

LogicalResult Interpreter::defineSlot(kernel::SlotOp slot) {
  Window window = windows.lookup(slot.getSource());
  int64_t index =
      static_cast<int64_t>(slot.getScale()) * loopSteps.lookup(slot.getStep()) + static_cast<int64_t>(slot.getOffset());
  if (int64_t modulus = slot.getModulus())
    index = ((index % modulus) + modulus) % modulus;
  int64_t axis = slot.getAxis(), size = window.type.getShape()[axis];
  if (index < 0 || index >= size)
    return slot.emitError("expected a slice within ") << size << ", got index " << index;
  window.base += index * window.type.getStrides()[axis] * window.type.getElementBytes();
  window.type = slot.getType();
  windows[slot.getResult()] = window;
  if (undecidedCounts.contains(slot.getStep()))
    markUndecided(window);
  return success();
}

/// A kernel may store before it has loaded all: what it writes shares no bytes with another buffer that it uses.
/// Reading and writing one buffer is what it was made for.
LogicalResult Interpreter::verifyApart(Operation *op, kernel::ComputeOp meaning, ArrayRef<Value> reads,
                                       ArrayRef<Value> writes) {
  for (auto [number, write] : llvm::enumerate(writes))
    for (Value other : llvm::concat<const Value>(reads, writes.take_front(number)))
      if (windows.lookup(write).isMixedUpWith(windows.lookup(other)))
        return emitError(op->getLoc(), "expected result ")
               << number << " of kernel '" << meaning.getLabel()
               << "' to lie apart from the other buffers that it uses, got one that shares bytes with another";
  return success();
}

/// Evaluates the region of `meaning` on buffers. All reads see the old values: they are loaded before anything is
/// stored.
LogicalResult Interpreter::runKernel(Operation *op, kernel::ComputeOp meaning, ArrayRef<Value> readBuffers,
                                     ArrayRef<Value> writeBuffers) {
  if (failed(verifyApart(op, meaning, readBuffers, writeBuffers)))
    return failure();
  SmallVector<Tensor> reads;
  for (auto [index, buffer] : llvm::enumerate(readBuffers)) {
    FailureOr<Tensor> tensor =
        load(windows.lookup(buffer), op, "operand " + Twine(index) + " of kernel '" + meaning.getLabel() + "'");
    if (failed(tensor))
      return failure();
    reads.push_back(std::move(*tensor));
  }
  EvaluateOptions evaluateOptions;
  evaluateOptions.bounds = options.bounds;
  evaluateOptions.exactConstants = options.exactConstants;
  evaluateOptions.drawRounding = options.drawRounding;
  if (options.observeValue)
    evaluateOptions.observe = [&](Value value, const Tensor &tensor, ArrayRef<int64_t>) {
      options.observeValue(value, tensor);
    };
  FailureOr<SmallVector<Tensor>> writes = evaluateBlock(*meaning.getBodyBlock(), reads, evaluateOptions);
  if (failed(writes))
    return failure();
  for (auto [buffer, tensor] : llvm::zip_equal(writeBuffers, *writes))
    store(windows.lookup(buffer), tensor);
  if (options.observe)
    options.observe({op, reads, *writes, steps});
  return success();
}

LogicalResult Interpreter::runCompute(kernel::ComputeOp compute) {
  return runKernel(compute, compute, llvm::to_vector(compute.getReads()), llvm::to_vector(compute.getWrites()));
}

SmallVector<Value> reference::getKernelParameters(kernel::ComputeOp compute) {
  llvm::SetVector<Value> buffers;
  buffers.insert_range(compute.getReads());
  buffers.insert_range(compute.getWrites());
  return buffers.takeVector();
}

LogicalResult Interpreter::runLaunch(kernel::LaunchOp launch) {
  kernel::ComputeOp meaning = options.meanings.lookup(launch);
  if (!meaning)
    return launch.emitError("expected a launch whose kernel is known, got @") << launch.getCallee();
  SmallVector<Value> parameters = getKernelParameters(meaning);
  auto types = [](ValueRange values) { return values.getTypes(); };
  if (!llvm::equal(types(parameters), types(launch.getBuffers())))
    return launch.emitError("expected the buffers of kernel '") << meaning.getLabel() << "', got others";
  auto bound = [&](ValueRange buffers) {
    return llvm::map_to_vector(buffers, [&](Value buffer) -> Value {
      return launch.getBuffers()[llvm::find(parameters, buffer) - parameters.begin()];
    });
  };
  return runKernel(launch, meaning, bound(meaning.getReads()), bound(meaning.getWrites()));
}

LogicalResult Interpreter::runLoop(kernel::LoopOp loop) {
  steps.push_back(0);
  for (int64_t step = 0, length = loop.getLength(); step < length; ++step) {
    steps.back() = step;
    loopSteps[loop.getStep()] = step;
    if (failed(runBlock(*loop.getBodyBlock())))
      return failure();
  }
  steps.pop_back();
  return success();
}

/// The truth value that the host reads. One that rounding may turn counts in `numUndecided`.
FailureOr<bool> Interpreter::readPredicate(Operation *op, Value predicate) {
  FailureOr<Tensor> tensor = load(windows.lookup(predicate), op, "the predicate");
  if (failed(tensor))
    return failure();
  numUndecided += tensor->bound(0) != 0;
  return tensor->integers[0] != 0;
}

LogicalResult Interpreter::runCond(kernel::CondOp cond) {
  unsigned before = numUndecided;
  FailureOr<bool> truth = readPredicate(cond, cond.getPredicate());
  if (failed(truth) || failed(runBlock(*cond.getBranch(*truth))))
    return failure();
  numUndecided = before;
  return success();
}

/// Once it is undecided whether there is another step, what further steps store is so too, and what is found behind the
/// loop.
LogicalResult Interpreter::runWhile(kernel::WhileOp loop) {
  unsigned before = numUndecided;
  steps.push_back(0);
  for (int64_t step = 0; step <= kMaxWhileSteps; ++step) {
    steps.back() = step;
    loopSteps[loop.getConditionStep()] = loopSteps[loop.getStep()] = loopSteps[loop.getCount()] = step;
    if (failed(runBlock(*loop.getConditionBlock())))
      return failure();
    FailureOr<bool> goesOn = readPredicate(loop, loop.getPredicate());
    if (failed(goesOn))
      return failure();
    if (!*goesOn) {
      steps.pop_back();
      if (numUndecided != before)
        undecidedCounts.insert(loop.getCount());
      numUndecided = before;
      return success();
    }
    if (failed(runBlock(*loop.getBodyBlock())))
      return failure();
  }
  return loop.emitError("expected a loop that ends, got one that has not after ") << kMaxWhileSteps << " steps";
}

LogicalResult Interpreter::runOperation(Operation &op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case<kernel::AllocOp>([&](auto alloc) { return defineAlloc(alloc); })
      .Case<kernel::ViewOp>([&](auto view) { return defineView(view); })
      .Case<kernel::SlotOp>([&](auto slot) { return defineSlot(slot); })
      .Case<kernel::PrepareOp>([&](auto prepare) { return runBlock(*prepare.getBodyBlock()); })
      .Case<kernel::LoopOp>([&](auto loop) { return runLoop(loop); })
      .Case<kernel::CondOp>([&](auto cond) { return runCond(cond); })
      .Case<kernel::GroupOp>([&](auto group) { return runBlock(*group.getBodyBlock()); })
      .Case<kernel::WhileOp>([&](auto loop) { return runWhile(loop); })
      .Case<kernel::ComputeOp>([&](auto compute) { return runCompute(compute); })
      .Case<kernel::LaunchOp>([&](auto launch) { return runLaunch(launch); })
      .Default([&](Operation *other) {
        return other->emitError("expected an operation of the kernel dialect that can be interpreted, got ")
               << other->getName();
      });
}

LogicalResult Interpreter::runBlock(Block &block) {
  for (Operation &op : block)
    if (!op.hasTrait<OpTrait::IsTerminator>() && failed(runOperation(op)))
      return failure();
  return success();
}

bool reference::isOutput(func::FuncOp function, unsigned index) {
  auto role = function.getArgAttrOfType<StringAttr>(index, graph::GraphDialect::kRoleAttr);
  return role && role.getValue() == kernel::KernelDialect::kOutputRole;
}

FailureOr<SmallVector<Tensor>> Interpreter::run(func::FuncOp function, ArrayRef<Tensor> arguments) {
  arena = newStorage();
  if (auto bytes = function->getAttrOfType<IntegerAttr>(kernel::KernelDialect::kArenaAttr))
    arenaBytes = bytes.getInt();
  for (auto [argument, tensor] : llvm::zip_equal(function.getArguments(), arguments)) {
    auto type = dyn_cast<kernel::BufferType>(argument.getType());
    if (!type)
      return emitError(function.getLoc(), "expected buffers as arguments, got ") << argument.getType();
    Window &window = windows[argument] = {newStorage(), 0, type, argument};
    if (!isOutput(function, argument.getArgNumber()))
      store(window, tensor);
  }
  if (failed(runBlock(function.getBody().front())))
    return failure();
  SmallVector<Tensor> results;
  for (BlockArgument argument : function.getArguments()) {
    FailureOr<Tensor> tensor =
        load(windows.lookup(argument), function, "argument " + Twine(argument.getArgNumber()) + " at the end");
    if (failed(tensor))
      return failure();
    results.push_back(std::move(*tensor));
  }
  return results;
}

FailureOr<SmallVector<Tensor>> reference::interpret(func::FuncOp function, ArrayRef<Tensor> arguments,
                                                    const InterpretOptions &options) {
  if (function.isExternal() || arguments.size() != function.getNumArguments())
    return emitError(function.getLoc(), "expected a function with a body and ")
           << arguments.size() << " arguments, got " << function.getNumArguments();
  return Interpreter(options).run(function, arguments);
}

bool reference::isKernelFunction(func::FuncOp function) {
  if (llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<kernel::BufferType>))
    return true;
  return function
      .walk([](Operation *op) {
        return isa<kernel::ComputeOp, kernel::LaunchOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}
