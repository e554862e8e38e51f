//===- ScanGradient.cpp - the gradient rule of scan -----------------------===//
// The reverse of a loop is a loop in the other direction. What its body needs of the forward body (residuals) becomes
// outputs of the forward scan, which is replaced by one that has them; the cotangent of a value from outside is added
// up in a carry, plainly: graph-hoist-from-scan takes that out of the loop.
//===----------------------------------------------------------------------===//

#include "Formula.h"
#include "ScanEditing.h"
#include "moru/Dialect/Graph/Cotangents.h"
#include "moru/Dialect/Graph/Dims.h"
#include "moru/Dialect/Graph/ResidualTable.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace moru::graph;

namespace {
/// Builds the reverse of one scan:
///   forward   %last, %ys = scan carry(%c = %c0) over(%x = %xs) { %n, %y = f(%c, %x, %w); yield carry(%n) out(%y) }
///   reverse   %dc0, %dw, %dxs = scan reverse carry(%dn = %dlast, %aw = 0) over(%dy = %dys, %r = %rs) {
///               %dc, %dx, %w1 = f'(%dn, %dy, %r); %aw1 = add %aw, %w1; yield carry(%dc, %aw1) out(%dx) }
class ScanReverser {
public:
  ScanReverser(OpBuilder &builder, ScanOp scan, ArrayRef<Value> resultCotangents, Cotangents &outer)
      : builder(builder), bodyBuilder(builder.getContext()), scan(scan), resultCotangents(resultCotangents),
        outer(outer) {}
  LogicalResult build();

private:
  /// An input of the reverse scan: a value from outside, or the residual output `output` of the forward scan.
  struct ReverseInput {
    Value value;
    int64_t axis;
    std::optional<unsigned> output;
  };

  SmallVector<Value> findTargets();
  SmallVector<unsigned> findCarries(const Cotangents &inner);
  Value addInput(Value value, int64_t axis, Type sliceType, std::optional<unsigned> output = std::nullopt);
  bool isInBody(Value value) { return moru::graph::isInBody(scan, value); }
  bool isInReverse(Operation *op) { return body->getParent()->isAncestor(op->getParentRegion()); }
  bool isAtHand(Value value);
  Value resolve(Value value);
  Value hide(Value value);
  Value recompute(Operation *op);
  Value stackResidual(Value value);
  bool isRecomputed(Value value);
  void countResidual(Value value, llvm::SmallDenseSet<Value> &counted, int64_t &bytes);
  int64_t countResiduals();
  void chooseLevel();
  void resolveResiduals();
  void appendForwardOutputs();

  OpBuilder &builder;
  OpBuilder bodyBuilder;
  ScanOp scan;
  ArrayRef<Value> resultCotangents;
  Cotangents &outer;

  /// The body of the reverse scan. Its operands are known at the end; until then a scan of nothing holds the body.
  Block *body = nullptr;
  SmallVector<ReverseInput> inputs;
  /// Values of the forward body that become outputs, and the axes along which they are stacked.
  SmallVector<Value> newOutputs;
  SmallVector<int64_t> newAxes;
  /// Forward values that the reverse body uses, and what stands for them there.
  SetVector<Value> used;
  DenseMap<Value, Value> resolved;
  /// Slices behind barriers.
  DenseMap<Value, Value> hidden;
  /// Where recomputed residuals are put: before all else.
  Operation *firstOp = nullptr;
  ResidualLevel level = ResidualLevel::All;
};
} // namespace

/// The values of the body that depend on a target from the start of some step: captured values, slices and carries.
SmallVector<Value> ScanReverser::findTargets() {
  SmallVector<Value> targets;
  for (Value captured : getCapturedValues(scan))
    if (outer.isActive(captured))
      targets.push_back(captured);
  for (auto [input, arg] : llvm::zip(scan.getInputs(), scan.getInputArgs()))
    if (outer.isActive(input))
      targets.push_back(arg);
  llvm::SmallDenseSet<Value> known;
  for (auto [init, arg] : llvm::zip(scan.getInits(), scan.getCarryArgs()))
    if (outer.isActive(init) && known.insert(arg).second)
      targets.push_back(arg);
  for (bool changed = true; changed;) {
    changed = false;
    Cotangents inner(bodyBuilder, *scan.getBodyBlock(), targets, outer.getPolicy());
    for (auto [next, arg] : llvm::zip(scan.getYield().getCarries(), scan.getCarryArgs()))
      if (inner.isActive(next) && known.insert(arg).second) {
        targets.push_back(arg);
        changed = true;
      }
  }
  return targets;
}

/// The carries that depend on a target and from which a result with a cotangent can be reached, in this step or a later
/// one.
SmallVector<unsigned> ScanReverser::findCarries(const Cotangents &inner) {
  YieldOp yield = scan.getYield();
  unsigned numCarries = scan.getNumCarries();
  llvm::SmallDenseSet<Value> reaching;
  for (auto [value, cotangent] : llvm::zip(yield.getOperands(), resultCotangents))
    if (cotangent)
      reaching.insert(value);
  for (size_t size = 0; size != reaching.size();) {
    size = reaching.size();
    for (Operation &op : llvm::reverse(*scan.getBodyBlock()))
      if (llvm::any_of(op.getResults(), [&](Value result) { return reaching.contains(result); }))
        reaching.insert_range(getReadValues(&op));
    for (auto [arg, next] : llvm::zip(scan.getCarryArgs(), yield.getCarries()))
      if (reaching.contains(arg))
        reaching.insert(next);
  }
  SmallVector<unsigned> carries;
  for (unsigned index = 0; index != numCarries; ++index)
    if (Value arg = scan.getCarryArgs()[index];
        inner.isWanted(arg) && (reaching.contains(arg) || resultCotangents[index]))
      carries.push_back(index);
  return carries;
}

Value ScanReverser::addInput(Value value, int64_t axis, Type sliceType, std::optional<unsigned> output) {
  inputs.push_back({value, axis, output});
  return body->addArgument(sliceType, scan.getLoc());
}

/// `value` costs the reverse body no memory: it lies outside, is an input of the scan, or is there for another reason.
bool ScanReverser::isAtHand(Value value) {
  return !isInBody(value) || used.contains(value) || resolved.contains(value) ||
         llvm::is_contained(scan.getInputArgs(), value) || llvm::is_contained(scan.getYield().getOutputs(), value);
}

/// What is done again is done within the loop: behind a barrier it does not count as work on input slices alone, which
/// would be done, and kept, for all steps at once.
Value ScanReverser::hide(Value value) {
  auto slice = dyn_cast<BlockArgument>(value);
  if (level != ResidualLevel::Carries || !slice || slice.getOwner() != body)
    return value;
  Value &barrier = hidden[slice];
  if (!barrier) {
    OpBuilder start = OpBuilder::atBlockBegin(body);
    barrier = BarrierOp::create(start, scan.getLoc(), slice);
  }
  return barrier;
}

/// A copy of `op` at the start of the reverse body, in place of its results there.
Value ScanReverser::recompute(Operation *op) {
  IRMapping mapping;
  for (Value value : getReadValues(op))
    mapping.map(value, hide(resolve(value)));
  OpBuilder start(builder.getContext());
  start.setInsertionPoint(firstOp);
  Operation *copy = start.clone(*op, mapping);
  for (auto [from, to] : llvm::zip(op->getResults(), copy->getResults()))
    resolved[from] = to;
  return copy->getResult(0);
}

/// Work that costs less than to read its result from memory again; the rest of a step is heavy.
static bool isCheap(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() || isa<SliceOp, PadOp, ConcatOp, BarrierOp, StopGradientOp>(op);
}

/// The reverse body does again what makes `value`: because that is no arithmetic, or because its result is not kept.
bool ScanReverser::isRecomputed(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || llvm::is_contained(scan.getYield().getOutputs(), value))
    return false;
  if (isa<ConstantOp, IotaOp, BroadcastOp, ReshapeOp, TransposeOp>(op) ||
      (isa<SliceOp>(op) && isAtHand(op->getOperand(0))))
    return true;
  return level == ResidualLevel::Carries || (level == ResidualLevel::Heavy && isCheap(op));
}

/// Adds the bytes of one slice of what `value` needs kept, each value once.
void ScanReverser::countResidual(Value value, llvm::SmallDenseSet<Value> &counted, int64_t &bytes) {
  if (!isInBody(value) || !counted.insert(value).second || llvm::is_contained(scan.getInputArgs(), value) ||
      llvm::is_contained(scan.getYield().getOutputs(), value))
    return;
  if (!isRecomputed(value)) {
    bytes += getSizeInBytes(typeOf(value));
    return;
  }
  for (Value read : getReadValues(value.getDefiningOp()))
    countResidual(read, counted, bytes);
}

/// The bytes of all steps' residuals at `level`, those of loops around this one included.
int64_t ScanReverser::countResiduals() {
  llvm::SmallDenseSet<Value> counted;
  int64_t bytes = 0;
  for (Value value : used)
    countResidual(value, counted, bytes);
  for (Operation *loop = scan; loop; loop = loop->getParentOp())
    if (auto outer = dyn_cast<ScanOp>(loop))
      bytes *= static_cast<int64_t>(outer.getLength());
  return bytes;
}

/// The first level that the budget allows.
void ScanReverser::chooseLevel() {
  ResidualPolicy &policy = outer.getPolicy();
  level = policy.level;
  int64_t bytes = countResiduals();
  while (policy.budget && bytes > *policy.budget && level != ResidualLevel::Carries) {
    level = static_cast<ResidualLevel>(static_cast<int>(level) + 1);
    bytes = countResiduals();
  }
  bool fits = !policy.budget || bytes <= *policy.budget;
  if (policy.budget)
    policy.budget = std::max<int64_t>(*policy.budget - bytes, 0);
  StringRef done[] = {"nothing", "elementwise work", "each step"};
  std::string message = (Twine("the reverse keeps ") + Twine(bytes) + " bytes and does " +
                         done[static_cast<int>(level)] + " again" + (fits ? "" : ": more than the budget"))
                            .str();
  auto options = remark::RemarkOpts::name("Residuals").category("graph-expand-gradients");
  if (fits)
    remark::passed(scan.getLoc(), options) << message;
  else
    remark::missed(scan.getLoc(), options) << message;
}

/// The slices of `value` as an output of the forward scan, along the axis of its first output or input, so that the
/// layouts agree.
Value ScanReverser::stackResidual(Value value) {
  YieldOp yield = scan.getYield();
  for (auto [index, output] : llvm::enumerate(yield.getOutputs()))
    if (output == value)
      return addInput(nullptr, scan.getOutputAxes()[index], value.getType(), index);
  int64_t axis = getPreferredAxis(scan, value);
  newOutputs.push_back(value);
  newAxes.push_back(axis);
  return addInput(nullptr, axis, value.getType(), scan.getNumOutputs() + newOutputs.size() - 1);
}

/// What stands for the forward value in the reverse body: itself, a slice of the same input, the work that makes it
/// done again, or a residual.
Value ScanReverser::resolve(Value value) {
  if (!isInBody(value))
    return value;
  if (Value known = resolved.lookup(value))
    return known;
  Value result;
  if (auto *arg = llvm::find(scan.getInputArgs(), value); arg != scan.getInputArgs().end()) {
    unsigned index = arg - scan.getInputArgs().begin();
    result = addInput(scan.getInputs()[index], scan.getInputAxes()[index], value.getType());
  } else if (isRecomputed(value)) {
    recompute(value.getDefiningOp());
    return resolved.lookup(value);
  } else {
    result = stackResidual(value);
  }
  return resolved[value] = result;
}

void ScanReverser::resolveResiduals() {
  firstOp = &body->front();
  body->walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (isInBody(operand))
        used.insert(operand);
  });
  chooseLevel();
  for (Value value : used.getArrayRef()) {
    Value replacement = resolve(value);
    value.replaceUsesWithIf(replacement, [&](OpOperand &use) { return isInReverse(use.getOwner()); });
  }
}

/// Replaces the forward scan with one that has the residuals as further outputs.
void ScanReverser::appendForwardOutputs() {
  if (newOutputs.empty())
    return;
  scan.getYield().getOutputsMutable().append(newOutputs);
  SmallVector<int64_t> axes(scan.getOutputAxes());
  llvm::append_range(axes, newAxes);
  OpBuilder forward(scan);
  auto extended = ScanOp::create(forward, scan.getLoc(), scan.getInits(), scan.getInputs(), scan.getSteps(),
                                 scan.getInputAxes(), axes, scan.getReverse(), scan.getYield().getOutputs().getTypes());
  extended->setDiscardableAttrs(scan->getDiscardableAttrDictionary());
  SmallVector<int64_t> residuals;
  if (auto known = scan->getAttrOfType<DenseI64ArrayAttr>(kResidualsAttr))
    llvm::append_range(residuals, known.asArrayRef());
  llvm::append_range(residuals, llvm::seq<int64_t>(scan.getNumOutputs(), axes.size()));
  extended->setDiscardableAttr(kResidualsAttr, builder.getDenseI64ArrayAttr(residuals));
  extended.getBody().takeBody(scan.getBody());
  for (auto [from, to] : llvm::zip(scan.getResults(), extended.getResults())) {
    outer.replace(from, to);
    from.replaceAllUsesWith(to);
  }
  for (Value result : extended.getResults().drop_front(scan.getNumResults()))
    outer.markActive(result);
  scan.erase();
  scan = extended;
}

LogicalResult ScanReverser::build() {
  Location loc = scan.getLoc();
  auto holder = ScanOp::create(builder, loc, {}, {}, scan.getSteps(), {}, {}, !scan.getReverse(), TypeRange());
  body = holder.getBodyBlock();
  bodyBuilder.setInsertionPointToEnd(body);
  Cotangents inner(bodyBuilder, *scan.getBodyBlock(), findTargets(), outer.getPolicy());
  SmallVector<unsigned> carries = findCarries(inner);
  YieldOp yield = scan.getYield();

  // What arrives: the cotangents of the next carried values and of this step's outputs.
  SmallVector<Value> inits;
  for (unsigned index : carries) {
    Value init = resultCotangents[index];
    inits.push_back(init ? init : createSplat(builder, loc, typeOf(scan.getInits()[index]), 0));
    inner.add(yield.getCarries()[index], body->addArgument(init ? init.getType() : inits.back().getType(), loc));
  }
  for (auto [output, axis, cotangent] :
       llvm::zip(yield.getOutputs(), scan.getOutputAxes(), resultCotangents.drop_front(scan.getNumCarries())))
    if (cotangent)
      inner.add(output, addInput(cotangent, axis, output.getType()));
  if (failed(inner.propagate(yield->getPrevNode())))
    return failure();

  // What leaves: the cotangents of the carried values, of captured values as sums over the steps, of the slices.
  SmallVector<Value> nextCarries, outputs, captured;
  for (unsigned index : carries) {
    Value arg = scan.getCarryArgs()[index], cotangent = inner.lookup(arg);
    nextCarries.push_back(cotangent ? cotangent : createSplat(bodyBuilder, loc, typeOf(arg), 0));
  }
  for (Value value : getCapturedValues(scan)) {
    Value cotangent = inner.lookup(value);
    if (!cotangent || !outer.isWanted(value))
      continue;
    // Many terms of bf16 are added in f32.
    if (typeOf(cotangent).getElementType().isBF16())
      cotangent = widenBF16(bodyBuilder, cotangent);
    Value sum = body->insertArgument(static_cast<unsigned>(inits.size()), cotangent.getType(), loc);
    inits.push_back(createSplat(builder, loc, typeOf(cotangent), 0));
    nextCarries.push_back(AddOp::create(bodyBuilder, cotangent.getLoc(), sum, cotangent));
    captured.push_back(value);
  }
  SmallVector<unsigned> inputIndices;
  SmallVector<int64_t> outputAxes;
  for (auto [index, input, arg] : llvm::enumerate(scan.getInputs(), scan.getInputArgs()))
    if (Value cotangent = inner.lookup(arg); cotangent && outer.isWanted(input)) {
      inputIndices.push_back(index);
      outputs.push_back(cotangent);
      outputAxes.push_back(scan.getInputAxes()[index]);
    }
  YieldOp::create(bodyBuilder, loc, nextCarries, outputs);

  resolveResiduals();
  appendForwardOutputs();
  SmallVector<Value> inputValues;
  SmallVector<int64_t> inputAxes;
  for (const ReverseInput &input : inputs) {
    inputValues.push_back(input.output ? Value(scan.getOutputResults()[*input.output]) : input.value);
    inputAxes.push_back(input.axis);
  }
  auto reverse = ScanOp::create(builder, loc, inits, inputValues, scan.getSteps(), inputAxes, outputAxes,
                                !scan.getReverse(), ValueRange(outputs).getTypes());
  reverse.getBody().takeBody(holder.getBody());
  holder.erase();
  for (auto [index, result] : llvm::zip(carries, reverse.getCarryResults()))
    outer.add(scan.getInits()[index], Value(result));
  for (auto [value, result] : llvm::zip(captured, reverse.getCarryResults().drop_front(carries.size())))
    outer.add(value, result.getType() == value.getType() ? Value(result)
                                                         : ConvertOp::create(builder, loc, value.getType(), result));
  for (auto [index, result] : llvm::zip(inputIndices, reverse.getOutputResults()))
    outer.add(scan.getInputs()[index], Value(result));
  return success();
}

LogicalResult ScanOp::buildGradient(OpBuilder &builder, ArrayRef<Value> resultCotangents, Cotangents &cotangents) {
  return ScanReverser(builder, *this, resultCotangents, cotangents).build();
}
