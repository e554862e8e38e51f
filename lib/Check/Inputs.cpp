//===- Inputs.cpp - arguments to check a program on ------------------------===//
// What an integer may be follows from what it indexes; how numbers are drawn follows from the role of the argument.
//===----------------------------------------------------------------------===//

#include "moru/Check/Inputs.h"

#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Support/Philox.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/xxhash.h"

#include <cmath>
#include <set>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

/// The range of integers that index nothing.
static constexpr int64_t kFreeRange = 4;

//===----------------------------------------------------------------------===//
// What integers index
//===----------------------------------------------------------------------===//

namespace {
/// Follows an integer tensor to what it indexes.
class IndexRange {
public:
  void follow(Value value);
  int64_t range = std::numeric_limits<int64_t>::max();
  /// The value of a target that does not count, where there is one.
  std::optional<int64_t> ignore;
  /// They index nothing.
  bool isFree = false;

private:
  void followUse(OpOperand &use);
  void limit(int64_t size) { range = std::min(range, std::max<int64_t>(size, 1)); }
  llvm::SmallPtrSet<void *, 16> visited;
};
} // namespace

static RankedTensorType tensorOf(Type type) {
  if (auto buffer = dyn_cast<kernel::BufferType>(type))
    return buffer.getTensorType();
  return cast<RankedTensorType>(type);
}

void IndexRange::follow(Value value) {
  if (!visited.insert(value.getAsOpaquePointer()).second)
    return;
  for (OpOperand &use : value.getUses())
    followUse(use);
}

/// The index along an axis that `value` repeats, if it does.
static graph::IotaOp getIota(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto iota = dyn_cast<graph::IotaOp>(op))
      return iota;
    if (!isa<graph::BroadcastOp, graph::ReshapeOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return {};
}

void IndexRange::followUse(OpOperand &use) {
  Operation *op = use.getOwner();
  unsigned number = use.getOperandNumber();
  if (auto gather = dyn_cast<graph::GatherOp>(op); gather && number == 1)
    return limit(graph::getExtent(tensorOf(gather.getTable().getType()), 0).size);
  if (auto scatter = dyn_cast<graph::ScatterAddOp>(op); scatter && number == 1)
    return limit(graph::getExtent(tensorOf(scatter.getResult().getType()), 0).size);
  if (auto loss = dyn_cast<graph::SoftmaxCrossEntropyOp>(op); loss && number == 1) {
    ignore = loss.getIgnore();
    return limit(graph::getCapacity(tensorOf(loss.getLogits().getType())).back());
  }
  if (auto compare = dyn_cast<graph::CompareOp>(op)) {
    if (graph::IotaOp iota = getIota(compare->getOperand(1 - number)))
      limit(graph::getExtent(cast<RankedTensorType>(iota.getType()), iota.getAxis()).size);
    return;
  }
  if (auto scan = dyn_cast<graph::ScanOp>(op))
    return follow(scan.getBodyBlock()->getArgument(number));
  if (auto compute = dyn_cast<kernel::ComputeOp>(op)) {
    if (number < compute.getReads().size())
      follow(compute.getBodyBlock()->getArgument(number));
    return;
  }
  if (isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp, graph::ConcatOp, kernel::ViewOp,
          kernel::SlotOp>(op))
    follow(op->getResult(0));
}

static IndexRange findIndexRange(Value ids) {
  IndexRange finder;
  finder.follow(ids);
  if (finder.range == std::numeric_limits<int64_t>::max())
    finder.range = kFreeRange, finder.isFree = true;
  return finder;
}

int64_t check::getIndexRange(Value ids) { return findIndexRange(ids).range; }

//===----------------------------------------------------------------------===//
// Drawing
//===----------------------------------------------------------------------===//

namespace {
/// The numbers of one argument.
struct Stream {
  uint64_t seed;
  uint32_t argument;

  /// In [0, 1).
  double uniform(int64_t element, uint32_t part = 0) const { return philoxUniform(seed, argument, part, element); }
  /// In (low, high), a f32 value.
  double between(int64_t element, double low, double high) const {
    return static_cast<float>(low + (high - low) * (uniform(element) + 0x1p-25));
  }
  /// Nearly normal with deviation 1: a sum of twelve uniform numbers, so never beyond 6.
  double normal(int64_t element) const {
    double sum = -6;
    for (uint32_t part = 0; part < 12; ++part)
      sum += uniform(element, part);
    return sum;
  }
};
} // namespace

/// Of every so many targets one does not count.
static constexpr int64_t kIgnoredShare = 5;

/// Of every so many entries of an awkward argument one is awkward.
static constexpr int64_t kAwkwardShare = 3;

/// The deviation of numbers of either sign.
static constexpr double kSignedDeviation = 2;

/// Numbers of all magnitudes are between two to the power of minus this and of this: no square of one is lost beside 1
/// in f64.
static constexpr double kWidest = 20;

/// The number of the awkward value at entry `i`, in [0, count), or nothing.
static std::optional<size_t> drawAwkward(const Stream &stream, int64_t i, size_t count) {
  double draw = stream.uniform(i, 13) * static_cast<double>(kAwkwardShare);
  if (draw >= 1)
    return std::nullopt;
  return static_cast<size_t>(draw * static_cast<double>(count));
}

static Tensor drawIntegers(RankedTensorType type, const Stream &stream, const IndexRange &index, InputKind kind) {
  Tensor tensor(type);
  bool isBool = type.getElementType().isInteger(1);
  int64_t range = isBool ? 2 : index.range;
  // Beside the range on both sides, and as far out as it goes.
  const int64_t beyond[] = {-1, range, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  for (int64_t i = 0; i < tensor.size(); ++i) {
    // Of every kind others; each is true once, as a branch that is never taken is not checked.
    bool isOpposite = isBool && kind == InputKind::Signed;
    uint32_t part = isOpposite || kind == InputKind::Ordinary ? 0 : 16 + static_cast<uint32_t>(kind);
    tensor.integers[i] = static_cast<int64_t>(stream.uniform(i, part) * static_cast<double>(range));
    if (isOpposite)
      tensor.integers[i] = 1 - tensor.integers[i];
    if (tensor.integers[i] == index.ignore)
      tensor.integers[i] = (tensor.integers[i] + 1) % range;
    // Other ones in every kind, so that a single target is ignored now and then.
    if (index.ignore && (i + static_cast<int64_t>(kind)) % kIgnoredShare == 1)
      tensor.integers[i] = *index.ignore;
    else if (kind == InputKind::Signed && index.isFree && !isBool)
      tensor.integers[i] -= stream.uniform(i, 13) < 0.5 ? range : 0;
    else if (kind != InputKind::Ordinary && !isBool)
      if (std::optional<size_t> number = drawAwkward(stream, i, std::size(beyond)))
        tensor.integers[i] = beyond[*number];
  }
  return tensor;
}

/// The awkward numbers of one kind and type.
static SmallVector<double> awkwardNumbers(Type element, InputKind kind) {
  bool isWide = element.isF64();
  double least = isWide ? 0x1p-1074 : element.isBF16() ? 0x1p-133 : 0x1p-149, normal = isWide ? 0x1p-1022 : 0x1p-126;
  // 2^100 is far from overflow and far beyond what a sum with ones resolves; squares of 2^70 overflow f32.
  double large = isWide ? 0x1p1023 : 0x1p127, square = isWide ? 0x1p600 : 0x1p70;
  switch (kind) {
  case InputKind::Ordinary:
  case InputKind::Signed:
  case InputKind::Lone: // They are enumerated.
    return {};
  case InputKind::Tiny:
    return {0, -0.0, 0, -0.0, 1, 1, -1, least, -least, normal, -normal, normal / 2};
  case InputKind::Huge:
    return {1e4, -1e4, 0x1p40, -0x1p40, 0x1p40, square, -square, large, -large, 0x1p100, -0x1p100};
  case InputKind::NonFinite:
    return {INFINITY, -INFINITY, NAN, 0, -0.0};
  }
  llvm_unreachable("every kind has its numbers");
}

static void makeAwkward(Tensor &tensor, const Stream &stream, InputKind kind) {
  SmallVector<double> numbers = awkwardNumbers(tensor.type.getElementType(), kind);
  if (numbers.empty())
    return;
  // One argument of four is one number all over.
  bool isSplat = stream.uniform(0, 14) < 0.25;
  for (int64_t i = 0; i < tensor.size(); ++i)
    if (isSplat)
      tensor.floats[i] = numbers[static_cast<size_t>(stream.uniform(0, 15) * static_cast<double>(numbers.size()))];
    else if (std::optional<size_t> number = drawAwkward(stream, i, numbers.size()))
      tensor.floats[i] = numbers[*number];
}

static Tensor drawFloats(RankedTensorType type, const Stream &stream, StringRef role, InputKind kind) {
  Tensor tensor(type);
  double rows = type.getRank() == 0 ? 1 : static_cast<double>(std::max<int64_t>(type.getDimSize(0), 1));
  double deviation = std::min(1.0, 4 / std::sqrt(rows));
  for (int64_t i = 0; i < tensor.size(); ++i) {
    double normal = kind == InputKind::Signed ? kSignedDeviation * stream.normal(i) : 0;
    if (kind == InputKind::Lone) {
      tensor.floats[i] = std::exp2(stream.between(i, -kWidest, kWidest)) * (stream.uniform(i, 13) < 0.5 ? -1 : 1);
      continue;
    }
    // A single number is negative: of the other kinds it is positive.
    if (kind == InputKind::Signed)
      tensor.floats[i] = static_cast<float>(type.getRank() == 0 ? -std::abs(normal) : normal);
    else if (role == graph::GraphDialect::kParameterRole && type.getRank() > 0)
      tensor.floats[i] = static_cast<float>(deviation * stream.normal(i));
    else if (role == graph::GraphDialect::kStateRole)
      tensor.floats[i] = stream.between(i, 0, 0.5);
    else if (type.getRank() == 0)
      tensor.floats[i] = stream.between(i, 0.05, 0.5);
    else
      tensor.floats[i] = stream.between(i, -1, 1);
  }
  makeAwkward(tensor, stream, kind);
  reference::roundToType(tensor);
  return tensor;
}

/// The static type at drawn lengths: one for each name, at least its minimum and mostly less than its maximum.
static RankedTensorType drawType(func::FuncOp function, RankedTensorType type, uint64_t seed) {
  SmallVector<int64_t> shape;
  for (const graph::Extent &extent : graph::getExtents(type)) {
    shape.push_back(extent.size);
    if (!extent.isBounded())
      continue;
    auto stream = static_cast<uint32_t>(llvm::xxh3_64bits(extent.name.getValue()));
    double share = philoxUniform(seed, stream, 0, 0);
    int64_t least = std::max<int64_t>(graph::getMinimumLength(function, extent.name), 1);
    shape.back() =
        std::min(extent.size, least + static_cast<int64_t>(share * static_cast<double>(extent.size - least)));
  }
  return RankedTensorType::get(shape, type.getElementType());
}

static Tensor drawTensor(Value value, RankedTensorType type, const Stream &stream, StringRef role, InputKind kind) {
  if (isa<FloatType>(type.getElementType()))
    return drawFloats(type, stream, role, kind);
  return drawIntegers(type, stream, findIndexRange(value), kind == InputKind::Lone ? InputKind::Ordinary : kind);
}

//===----------------------------------------------------------------------===//
// One awkward argument
//===----------------------------------------------------------------------===//

namespace {
/// Which entries of an argument are awkward.
enum class LoneShare : uint8_t { All, One, AllButOne };

/// A way to make an argument awkward: a number in some places; without one, entries are constants of the program.
struct LoneWay {
  LoneShare share;
  std::optional<double> number;
};
} // namespace

/// The numbers of the constants in a function or kernel that arguments of a type may be compared with.
static std::vector<double> constantsIn(Operation *scope, Type element) {
  std::set<double> numbers;
  scope->walk([&](graph::ConstantOp constant) {
    FailureOr<Tensor> tensor = reference::fromAttribute(constant.getValue());
    if (succeeded(tensor) && tensor->type.getElementType() == element)
      for (int64_t i = 0; i < tensor->size(); ++i)
        numbers.insert(tensor->at(i));
  });
  return {numbers.begin(), numbers.end()};
}

static void addWays(std::vector<LoneWay> &ways, LoneShare share, ArrayRef<double> numbers) {
  for (double number : numbers)
    ways.push_back({share, number});
}

/// All ways for the entries of `value`.
static std::vector<LoneWay> listWays(Value value, Operation *scope) {
  RankedTensorType type = tensorOf(value.getType());
  Type element = type.getElementType();
  bool isFloatType = isa<FloatType>(element), isBool = element.isInteger(1);
  std::vector<LoneWay> ways;
  SmallVector<double> numbers{NAN, -NAN, INFINITY, -INFINITY, 0}, few{-INFINITY, 0};
  if (isBool) {
    numbers = {0, 1}, few = {0};
  } else if (!isFloatType) {
    IndexRange index = findIndexRange(value);
    auto range = static_cast<double>(index.range);
    std::set<double> several{-1, 0, 1, 2, range - 1, range};
    numbers.assign(several.begin(), several.end());
    few = {-1, -1, -1}; // The one that is left may be one that does not count.
  }
  addWays(ways, LoneShare::All, numbers);
  // A bounded length may be one for more.
  if (!type.hasStaticShape() || type.getNumElements() > 1) {
    addWays(ways, LoneShare::One, numbers);
    addWays(ways, LoneShare::AllButOne, few);
  } else if (!isFloatType) {
    // What a single id or count chooses shows with some numbers beside it and not with others.
    for (int i = 0; i < 2; ++i)
      addWays(ways, LoneShare::All, numbers);
  }
  if (!isBool && !constantsIn(scope, element).empty())
    ways.push_back({LoneShare::All, std::nullopt});
  return ways;
}

int64_t check::countLone(func::FuncOp function) {
  int64_t count = 1; // All arguments draw the same numbers.
  for (BlockArgument argument : function.getArguments())
    count += static_cast<int64_t>(listWays(argument, function).size());
  return count;
}

/// Beside what is awkward stand numbers of one of the first kinds, or of all magnitudes: then the kind is `Lone`
/// itself.
static InputKind drawBaseKind(uint64_t seed) {
  static constexpr InputKind kinds[] = {InputKind::Ordinary, InputKind::Signed, InputKind::Lone};
  return kinds[static_cast<size_t>(Stream{seed, 0}.uniform(0, 19) * std::size(kinds))];
}

static void makeLone(Tensor &tensor, const LoneWay &way, const Stream &stream, ArrayRef<double> constants) {
  auto size = static_cast<double>(tensor.size()), numConstants = static_cast<double>(constants.size());
  auto chosen = static_cast<int64_t>(stream.uniform(0, 17) * size);
  for (int64_t i = 0; i < tensor.size(); ++i)
    if (way.share == LoneShare::All || (i == chosen) == (way.share == LoneShare::One))
      tensor.set(i, way.number ? *way.number : constants[static_cast<size_t>(stream.uniform(i, 18) * numConstants)]);
}

/// Makes one of `tensors`, which are values of `values`, awkward; none after the last way.
static void makeLone(MutableArrayRef<Tensor> tensors, ValueRange values, Operation *scope, uint64_t seed,
                     uint64_t number) {
  for (auto [argument, pair] : llvm::enumerate(llvm::zip_equal(tensors, values))) {
    auto &[tensor, value] = pair;
    std::vector<LoneWay> ways = listWays(value, scope);
    if (number < ways.size())
      return makeLone(tensor, ways[number], {seed, static_cast<uint32_t>(argument)},
                      constantsIn(scope, tensor.type.getElementType()));
    number -= ways.size();
  }
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

SmallVector<Tensor> check::drawInputs(func::FuncOp function, uint64_t seed, InputKind kind) {
  SmallVector<Tensor> inputs;
  // Of lone ones, the last draw gives all arguments the same numbers.
  bool isLone = kind == InputKind::Lone;
  uint64_t count = isLone ? countLone(function) : 1, lone = seed % count;
  bool areSame = isLone && lone + 1 == count;
  if (isLone)
    kind = drawBaseKind(seed);
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto role = function.getArgAttrOfType<StringAttr>(index, graph::GraphDialect::kRoleAttr);
    auto fixed = function.getArgAttrOfType<ElementsAttr>(index, kCheckAttr);
    RankedTensorType type = drawType(function, tensorOf(argument.getType()), seed);
    FailureOr<Tensor> value = failure();
    if (fixed)
      value = reference::fromAttribute(fixed);
    if (succeeded(value))
      inputs.push_back(std::move(*value));
    else if (role && role.getValue() == kernel::KernelDialect::kOutputRole)
      inputs.emplace_back(type);
    else
      inputs.push_back(drawTensor(argument, type, {seed, areSame ? 0 : index},
                                  role && !areSame ? role.getValue() : StringRef(), kind));
  }
  if (isLone)
    makeLone(inputs, function.getArguments(), function, seed, lone);
  return inputs;
}

SmallVector<Tensor> check::drawOperands(kernel::ComputeOp kernel, uint64_t seed, InputKind kind) {
  SmallVector<Tensor> operands;
  SmallVector<Value> reads = llvm::to_vector(kernel.getReads());
  ArrayRef<BlockArgument> arguments = kernel.getBodyBlock()->getArguments();
  bool isLone = kind == InputKind::Lone;
  for (auto [argument, buffer] : llvm::zip_equal(arguments, reads)) {
    auto number = static_cast<uint32_t>(llvm::find(reads, buffer) - reads.begin());
    operands.push_back(
        drawTensor(argument, tensorOf(argument.getType()), {seed, number}, "", isLone ? drawBaseKind(seed) : kind));
  }
  uint64_t count = 1;
  for (Value argument : arguments)
    count += listWays(argument, kernel).size();
  if (isLone)
    makeLone(operands, kernel.getBodyBlock()->getArguments(), kernel, seed, seed % count);
  // One buffer has one content, however often it is read.
  for (auto [operand, buffer] : llvm::zip_equal(operands, reads))
    operand = operands[llvm::find(reads, buffer) - reads.begin()];
  return operands;
}

//===----------------------------------------------------------------------===//
// Kinds and fixed values
//===----------------------------------------------------------------------===//

ArrayRef<InputKind> check::inputKinds() {
  static constexpr InputKind kinds[] = {InputKind::Ordinary, InputKind::Signed,    InputKind::Tiny,
                                        InputKind::Huge,     InputKind::NonFinite, InputKind::Lone};
  return kinds;
}

StringRef check::toString(InputKind kind) {
  switch (kind) {
  case InputKind::Ordinary:
    return "ordinary";
  case InputKind::Signed:
    return "signed";
  case InputKind::Tiny:
    return "tiny";
  case InputKind::Huge:
    return "huge";
  case InputKind::NonFinite:
    return "non-finite";
  case InputKind::Lone:
    return "lone";
  }
  llvm_unreachable("every kind has a name");
}

std::optional<InputKind> check::parseInputKind(StringRef name) {
  for (InputKind kind : inputKinds())
    if (toString(kind) == name)
      return kind;
  return std::nullopt;
}

bool check::hasFixedInputs(func::FuncOp function) {
  return llvm::any_of(llvm::seq(function.getNumArguments()),
                      [&](unsigned index) { return static_cast<bool>(function.getArgAttr(index, kCheckAttr)); });
}

void check::fixInputs(func::FuncOp function, ArrayRef<Tensor> values) {
  for (auto [index, value] : llvm::enumerate(values))
    function.setArgAttr(index, kCheckAttr, reference::toAttribute(value));
}
