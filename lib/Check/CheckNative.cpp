//===- CheckNative.cpp - compiled kernels against the Reference -------------------===//
// Each kernel gets exact operands, so the running error bound of its own operations is the tolerance, and no rounding
// of earlier kernels is in it.
//===----------------------------------------------------------------------===//

#include "CheckNative.h"

#include "moru/Reference/Tolerances.h"
#include "moru/Runtime/Runtime.h"
#include "moru/Support/Philox.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

static FailureOr<KernelCase> makeCase(kernel::ComputeOp op, ArrayRef<Tensor> reads) {
  KernelCase result;
  for (const Tensor &read : reads) {
    Tensor &rounded = result.reads.emplace_back(read);
    rounded.bounds.clear();
    reference::roundToType(rounded);
  }
  reference::EvaluateOptions options;
  options.bounds = reference::Bounds::Declared;
  auto expected = reference::evaluateBlock(*op.getBodyBlock(), result.reads, options);
  if (failed(expected))
    return failure();
  result.expected.assign(expected->begin(), expected->end());
  return result;
}

FailureOr<KernelCases> check::collectCases(func::FuncOp kernels, const NamedValues &inputs) {
  std::vector<Made> trace;
  if (failed(run(kernels, inputs, {.trace = &trace})))
    return failure();
  llvm::DenseMap<Operation *, std::pair<size_t, size_t>> firstAndLast;
  for (auto [index, made] : llvm::enumerate(trace))
    firstAndLast.try_emplace(made.op, index, index).first->second.second = index;
  KernelCases cases;
  for (auto &[op, ends] : firstAndLast)
    for (size_t index : {ends.first, ends.second}) {
      if (index == ends.first && !cases[op].empty())
        continue; // Executed once.
      FailureOr<KernelCase> made = makeCase(cast<kernel::ComputeOp>(op), trace[index].operands);
      if (failed(made))
        return failure();
      cases[op].push_back(std::move(*made));
    }
  return cases;
}

/// Kernels of few entries are run on more operands, so that some numbers meet each part of a function.
static int64_t countDraws(kernel::ComputeOp kernel, InputKind kind) {
  constexpr int64_t kEntries = 32, kMostDraws = 4;
  if (kind != InputKind::Ordinary && kind != InputKind::Signed)
    return 1;
  int64_t entries = 1;
  for (Value buffer : kernel.getWrites())
    entries = std::max(entries, cast<kernel::BufferType>(buffer.getType()).getTensorType().getNumElements());
  return std::clamp<int64_t>(kEntries / entries, 1, kMostDraws);
}

LogicalResult check::addDrawnCases(KernelCases &cases, uint64_t seed, InputKind kind) {
  for (auto &[op, cases] : cases) {
    auto kernel = cast<kernel::ComputeOp>(op);
    for (int64_t draw = 0, draws = countDraws(kernel, kind); draw < draws; ++draw) {
      FailureOr<KernelCase> made = makeCase(kernel, drawOperands(kernel, seed + draw, kind));
      if (failed(made))
        return failure();
      cases.push_back(std::move(*made));
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Kernels alone
//===----------------------------------------------------------------------===//

namespace {

/// One execution that is to be repeated: memory for its parameters, and its code.
struct Repetition {
  const Launched *launch;
  const KernelCase *expected;
  SmallVector<Value> parameters;
  SmallVector<BufferImage> images;
  std::vector<void *> pointers;
  moru_task_fn entry;

  BufferImage &imageOf(Value buffer) { return images[llvm::find(parameters, buffer) - parameters.begin()]; }
  void run() const {
    for (int64_t task = launch->tasks; task-- > 0;)
      entry(pointers.data(), task);
  }
};

} // namespace

static int64_t spaceFor(ArrayRef<Launched> launches, const KernelCases &cases) {
  int64_t space = 0;
  for (const Launched &launch : launches)
    for (Value buffer : reference::getKernelParameters(launch.meaning))
      space += static_cast<int64_t>(cases.lookup(launch.meaning).size()) *
               SharedMemory::spaceFor(cast<kernel::BufferType>(buffer.getType()).getSizeInBytes());
  return std::max<int64_t>(space, 1);
}

static Repetition prepare(SharedMemory &memory, const NativeCode &code, const Launched &launch,
                          const KernelCase &kernelCase) {
  kernel::ComputeOp op = launch.meaning;
  Repetition repetition{&launch, &kernelCase, reference::getKernelParameters(op), {}, {}, {}};
  for (Value buffer : repetition.parameters) {
    repetition.images.emplace_back(memory, cast<kernel::BufferType>(buffer.getType()));
    repetition.pointers.push_back(repetition.images.back().data());
  }
  for (auto [buffer, tensor] : llvm::zip_equal(op.getReads(), kernelCase.reads))
    repetition.imageOf(buffer).write(tensor);
  repetition.entry = reinterpret_cast<moru_task_fn>(code.lookup(launch.callee + "_entry"));
  return repetition;
}

/// What may be read from a buffer into which `tensor` was written: tiles drop the last digits of the smallest numbers.
static Tensor asStored(kernel::BufferType type, Tensor tensor) {
  kernel::TilesAttr tiles = type.getTiles();
  if (!tiles || tiles.getPlanes() == 1)
    return tensor;
  tensor.addBounds();
  double split = tiles.getPlanes() == 2 ? reference::kSplitTwo : 0;
  for (auto [entry, bound] : llvm::zip_equal(tensor.floats, tensor.bounds))
    bound += split * std::abs(entry) + reference::kUnderflowBF16;
  return tensor;
}

static LogicalResult compareRepetition(StringRef what, Repetition &repetition, Tally &tally) {
  const Launched &launch = *repetition.launch;
  kernel::ComputeOp op = launch.meaning;
  auto error = [&] {
    return emitError(launch.location) << what << " has changed kernel @" << launch.callee << " (\"" << op.getLabel()
                                      << "\"): ";
  };
  for (auto [number, pair] : llvm::enumerate(llvm::zip_equal(op.getWrites(), repetition.expected->expected))) {
    auto &[buffer, expected] = pair;
    Tensor got = repetition.imageOf(buffer).read();
    Tensor stored = asStored(cast<kernel::BufferType>(buffer.getType()), expected);
    std::optional<Difference> difference = compare(stored, got, /*exact=*/false, 1, &tally);
    if (!difference)
      continue;
    return error() << "expected "
                   << llvm::formatv("{0:e9} within {1:e1}, got {2:e9} at {3} of its result {4}", difference->expected,
                                    difference->tolerance, difference->got,
                                    reference::indexToString(got.shape(), difference->index), number)
                          .str();
  }
  for (auto [buffer, image] : llvm::zip_equal(repetition.parameters, repetition.images))
    if (std::optional<int64_t> stray = image.findStrayWrite())
      return error() << "expected it to write to its results alone, got a write " << *stray
                     << " bytes from the start of " << buffer.getType();
  // What is only read stays as it was.
  for (Value buffer : op.getReads())
    if (!llvm::is_contained(op.getWrites(), buffer) && !repetition.imageOf(buffer).isAsWritten())
      return error() << "expected an operand that it only reads to stay as it was, got another";
  return success();
}

LogicalResult check::checkKernelsAlone(StringRef what, const NativeCode &code, ArrayRef<Launched> launches,
                                       const KernelCases &cases, Tally &tally) {
  SharedMemory memory(spaceFor(launches, cases));
  std::vector<Repetition> repetitions;
  for (const Launched &launch : launches) {
    auto it = cases.find(launch.meaning);
    if (it == cases.end())
      continue;
    for (const KernelCase &kernelCase : it->second) {
      repetitions.push_back(prepare(memory, code, launch, kernelCase));
      if (!repetitions.back().entry)
        return emitError(launch.location) << what << " has lost kernel @" << launch.callee;
    }
  }
  ChildResult child = runInChild([&](int64_t &progress) {
    for (const Repetition &repetition : repetitions) {
      repetition.run();
      ++progress;
    }
  });
  int64_t done = std::min<int64_t>(child.progress, repetitions.size());
  for (Repetition &repetition : llvm::MutableArrayRef(repetitions).take_front(done))
    if (failed(compareRepetition(what, repetition, tally)))
      return failure();
  if (child.finished)
    return success();
  Launched launch = *repetitions[done].launch;
  return emitError(launch.location) << what << " has made a kernel that does not run, @" << launch.callee << " (\""
                                    << launch.meaning.getLabel() << "\"): " << child.reason;
}

//===----------------------------------------------------------------------===//
// The whole program
//===----------------------------------------------------------------------===//

namespace {
/// A context whose arena holds nothing that could be taken for a number.
struct ContextOwner {
  explicit ContextOwner(int64_t bytes) : context(moru_context_create(bytes, 1, nullptr)) {
    if (context && bytes > 0)
      std::memset(context->arena, 0xFF, bytes);
  }
  ~ContextOwner() { moru_context_destroy(context); }
  moru_context *context;
};
} // namespace

/// Runs with drawn roundings, and how many times the largest move of a result's entries is still no error. The share of
/// an entry and of the entries' mean magnitude is a hundred times what a step in f32 really loses.
static constexpr int kDrawnRuns = 3;
static constexpr double kDrawnMoves = 32, kShare = 1e-3;

/// `value` with bounds no larger than what `moved` says. Integers and truth values keep theirs: they are decided or
/// not.
static void sharpenBounds(Tensor &value, double moved) {
  if (!value.isFloat())
    return;
  double mean = 0;
  for (double entry : value.floats)
    mean += std::abs(entry) / static_cast<double>(value.size());
  value.addBounds();
  for (auto [entry, bound] : llvm::zip_equal(value.floats, value.bounds))
    if (double sharp = kShare * (std::abs(entry) + mean) + kDrawnMoves * moved; bound >= sharp)
      bound = sharp;
}

static double largestMove(const Tensor &from, const Tensor &to) {
  double largest = 0;
  for (auto [a, b] : llvm::zip_equal(from.floats, to.floats))
    if (std::isfinite(a - b))
      largest = std::max(largest, std::abs(a - b));
  return largest;
}

FailureOr<NamedValues> check::runDeclared(func::FuncOp kernels, const NamedValues &inputs, bool sharply) {
  RunOptions options;
  options.bounds = reference::Bounds::Declared;
  FailureOr<NamedValues> results = check::run(kernels, inputs, options);
  if (failed(results) || !sharply)
    return results;
  uint64_t draws = 0;
  options.drawRounding = [&] { return 2 * philoxUniform(/*seed=*/0, /*stream=*/0, /*step=*/0, draws++) - 1; };
  std::map<std::string, double> moves;
  for (int run = 0; run < kDrawnRuns; ++run) {
    FailureOr<NamedValues> drawn = check::run(kernels, inputs, options);
    if (failed(drawn))
      return failure();
    for (const auto &[name, value] : *results)
      moves[name] = std::max(moves[name], largestMove(value, drawn->find(name)->second));
  }
  for (auto &[name, value] : *results)
    sharpenBounds(value, moves[name]);
  return results;
}

LogicalResult check::checkWholeProgram(StringRef what, const NativeCode &code, func::FuncOp kernels,
                                       const NamedValues &inputs, const NamedValues &expected, Tally &tally) {
  FailureOr<SmallVector<Tensor>> arguments = bindInputs(kernels, inputs);
  auto entry = reinterpret_cast<moru_function>(code.lookup(kernels.getName()));
  if (failed(arguments) || !entry)
    return emitError(kernels.getLoc()) << what << " has lost function '" << kernels.getName() << "'";
  int64_t space = 1;
  for (Type type : kernels.getArgumentTypes())
    space += SharedMemory::spaceFor(cast<kernel::BufferType>(type).getSizeInBytes());
  SharedMemory memory(space);
  SmallVector<BufferImage> images;
  std::vector<void *> pointers;
  for (auto [index, type] : llvm::enumerate(kernels.getArgumentTypes())) {
    images.emplace_back(memory, cast<kernel::BufferType>(type));
    pointers.push_back(images.back().data());
    if (!reference::isOutput(kernels, index))
      images.back().write((*arguments)[index]);
  }
  auto arena = kernels->getAttrOfType<IntegerAttr>(kernel::KernelDialect::kArenaAttr);
  ContextOwner owner(arena ? arena.getInt() : 0);
  ChildResult child = runInChild([&](int64_t &status) { status = entry(owner.context, pointers.data()); });
  if (child.finished && child.progress != 0)
    return emitError(kernels.getLoc()) << what << " has made '" << kernels.getName()
                                       << "' return another status: expected 0, got " << child.progress;
  if (!child.finished)
    return emitError(kernels.getLoc()) << what << " has made a function that does not run, '" << kernels.getName()
                                       << "': " << child.reason;
  SmallVector<Tensor> contents;
  for (const BufferImage &image : images)
    contents.push_back(image.read());
  NamedValues got = cropResults(kernels, inputs, pickResults(kernels, contents));
  for (const auto &[name, value] : expected) {
    if (std::optional<Difference> difference = compare(value, got.find(name)->second, false, 1, &tally))
      return emitError(kernels.getLoc()) << what << " has changed result '" << name << "' of '" << kernels.getName()
                                         << "', run as a whole: expected "
                                         << llvm::formatv("{0:e9} within {1:e1}, got {2:e9} at {3}",
                                                          difference->expected, difference->tolerance, difference->got,
                                                          reference::indexToString(value.shape(), difference->index))
                                                .str();
  }
  return success();
}
