//===- KernelInterpreter.cpp - what a program of kernels means -------------===//
// Storages hold one cell per entry, with the byte at which it starts; windows map logical tensors onto them.
//===----------------------------------------------------------------------===//

#include "moru/Reference/KernelInterpreter.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <memory>

using namespace mlir;
using namespace moru;
using namespace moru::reference;

namespace {

/// Who wrote a byte last and what entry began there.
struct Cell {
  double number = 0;
  int64_t integer = 0;
  double bound = 0;
  bool isWritten = false;
};

/// Memory of one argument, of one buffer before the plan, or of the whole arena: cells by the byte at which they start. A
/// write of `width` bytes removes every other entry that overlaps it.
class Storage {
public:
  /// The cell at `byte` if an entry of that width was stored exactly there and nothing since has overlapped it.
  const Cell *load(int64_t byte, int64_t width) const {
    auto it = cells.find(byte);
    return it != cells.end() && it->second.first == width ? &it->second.second : nullptr;
  }
  void store(int64_t byte, int64_t width, Cell cell) {
    // No entry is wider than eight bytes, so only those that start up to seven bytes before can reach into this one.
    for (int64_t other = byte - 7; other < byte + width; ++other)
      if (auto it = cells.find(other); it != cells.end() && other != byte && other + it->second.first > byte)
        cells.erase(it);
    cells[byte] = {width, cell};
  }

private:
  llvm::DenseMap<int64_t, std::pair<int64_t, Cell>> cells;
};

/// A logical tensor laid over a storage.
struct Window {
  Storage *storage = nullptr;
  /// The byte of entry 0.
  int64_t base = 0;
  kernel::BufferType type;
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
  LogicalResult runCompute(kernel::ComputeOp compute);
  LogicalResult runLaunch(kernel::LaunchOp launch);
  LogicalResult runKernel(Operation *op, kernel::ComputeOp meaning, ArrayRef<Value> reads, ArrayRef<Value> writes);
  LogicalResult defineAlloc(kernel::AllocOp alloc);
  LogicalResult defineView(kernel::ViewOp view);
  LogicalResult defineSlot(kernel::SlotOp slot);
  FailureOr<Tensor> load(const Window &window, Operation *reader, const Twine &what);
  void store(const Window &window, const Tensor &tensor);
  Storage *newStorage() { return storages.emplace_back(std::make_unique<Storage>()).get(); }

  const InterpretOptions &options;
  std::vector<std::unique_ptr<Storage>> storages;
  Storage *arena = nullptr;
  std::optional<int64_t> arenaBytes;
  llvm::DenseMap<Value, Window> windows;
  llvm::DenseMap<Value, int64_t> loopSteps;
  SmallVector<int64_t> steps;
};

} // namespace

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
  if (options.bounds != Bounds::Off)
    tensor.addBounds();
  int64_t width = window.type.getElementBytes(), missing = -1;
  forEachEntry(window.type, [&](int64_t linear, int64_t offset) {
    const Cell *cell = window.storage->load(window.base + offset * width, width);
    if (!cell) {
      missing = missing < 0 ? linear : missing;
      return;
    }
    if (tensor.isFloat())
      tensor.floats[linear] = cell->number;
    else
      tensor.integers[linear] = cell->integer;
    if (options.bounds != Bounds::Off)
      tensor.bounds[linear] = cell->bound;
  });
  if (missing < 0)
    return tensor;
  return reader->emitError("expected ") << what << " to hold what was stored in it, got an entry "
                                        << indexToString(tensor.shape(), missing)
                                        << " that was never written or has been overwritten";
}

void Interpreter::store(const Window &window, const Tensor &tensor) {
  int64_t width = window.type.getElementBytes();
  forEachEntry(window.type, [&](int64_t linear, int64_t offset) {
    Cell cell;
    if (tensor.isFloat())
      cell.number = tensor.floats[linear];
    else
      cell.integer = tensor.integers[linear];
    cell.bound = tensor.bound(linear);
    window.storage->store(window.base + offset * width, width, cell);
  });
}

LogicalResult Interpreter::defineAlloc(kernel::AllocOp alloc) {
  std::optional<uint64_t> offset = alloc.getOffset();
  if (!offset) { // Every execution of the operation is new memory.
    windows[alloc.getResult()] = {newStorage(), 0, alloc.getType()};
    return success();
  }
  int64_t end = static_cast<int64_t>(*offset) + alloc.getType().getSizeInBytes();
  if (arenaBytes && end > *arenaBytes)
    return alloc.emitError("expected a buffer within the arena of ") << *arenaBytes << " bytes, got one that ends at " << end;
  windows[alloc.getResult()] = {arena, static_cast<int64_t>(*offset), alloc.getType()};
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
  int64_t index = static_cast<int64_t>(slot.getScale()) * loopSteps.lookup(slot.getStep()) +
                  static_cast<int64_t>(slot.getOffset());
  if (int64_t modulus = slot.getModulus())
    index = ((index % modulus) + modulus) % modulus;
  int64_t axis = slot.getAxis(), size = window.type.getShape()[axis];
  if (index < 0 || index >= size)
    return slot.emitError("expected a slice within ") << size << ", got index " << index;
  window.base += index * window.type.getStrides()[axis] * window.type.getElementBytes();
  window.type = slot.getType();
  windows[slot.getResult()] = window;
  return success();
}

/// Evaluates the region of `meaning` on buffers. All reads see the old values: they are loaded before anything is stored.
LogicalResult Interpreter::runKernel(Operation *op, kernel::ComputeOp meaning, ArrayRef<Value> readBuffers,
                                     ArrayRef<Value> writeBuffers) {
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

LogicalResult Interpreter::runOperation(Operation &op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case<kernel::AllocOp>([&](auto alloc) { return defineAlloc(alloc); })
      .Case<kernel::ViewOp>([&](auto view) { return defineView(view); })
      .Case<kernel::SlotOp>([&](auto slot) { return defineSlot(slot); })
      .Case<kernel::LoopOp>([&](auto loop) { return runLoop(loop); })
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

static bool isOutput(func::FuncOp function, unsigned index) {
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
      return function.emitError("expected buffers as arguments, got ") << argument.getType();
    Window &window = windows[argument] = {newStorage(), 0, type};
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
    return function.emitError("expected a function with a body and ")
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
