//===- PadBounded.cpp - graph-pad-bounded ---------------------------------===//
// Makes bounded dimensions static. Masks are ordinary operations of the bounded program, in which they change nothing:
// an index is always below its length. Once they stand, every name gets its maximum as size, and they do.
//
// Each operation either treats the entries of a bounded axis one by one, so that padding stays padding, or has a rule
// here; an operation of which neither is known is an error.
//===----------------------------------------------------------------------===//

#include "Formula.h"
#include "ScanEditing.h"
#include "moru/Dialect/Graph/Dims.h"
#include "moru/Dialect/Graph/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "graph-pad-bounded"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_PADBOUNDED
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

namespace {

/// What stands in the padding before entries are combined.
enum class Fill { Zero, One, Lowest, Highest };

/// The work on one function.
class Padder {
public:
  Padder(func::FuncOp function, DimNames names) : function(function), names(std::move(names)) {}
  LogicalResult run();

private:
  void decomposeComposites();
  void addLengths();
  LogicalResult markLengths();
  Value getInside(StringAttr name);
  Value insideOf(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<int64_t> axes);
  Value mask(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> axes, Value fill);
  void maskOperand(Operation *op, unsigned index, ArrayRef<int64_t> axes, Fill fill);
  LogicalResult maskOp(Operation *op);
  void maskScan(ScanOp scan);
  Value maskNext(OpBuilder &builder, Value inside, Value carry, Value next);
  Value maskTerm(OpBuilder &builder, Value inside, Value term);

  func::FuncOp function;
  DimNames names;
  /// The length of each name, and whether the indices below its maximum are below it.
  DenseMap<StringAttr, Value> lengths, insides;
};

struct PadBounded : moru::graph::impl::PadBoundedBase<PadBounded> {
  using PadBoundedBase::PadBoundedBase;
  void runOnOperation() override {
    FailureOr<DimNames> names = collectDimNames(getOperation());
    if (failed(names) || (!names->empty() && failed(Padder(getOperation(), std::move(*names)).run())))
      signalPassFailure();
  }
};
} // namespace

static bool isBoundedAxis(Value value, int64_t axis) { return getExtent(typeOf(value), axis).isBounded(); }

/// Those of `axes` that are bounded in `value`.
static SmallVector<int64_t> boundedAmong(Value value, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> bounded;
  for (int64_t axis : axes)
    if (isBoundedAxis(value, axis))
      bounded.push_back(axis);
  return bounded;
}

static SmallVector<int64_t> boundedAxes(Value value) {
  return boundedAmong(value, llvm::to_vector(llvm::seq<int64_t>(0, typeOf(value).getRank())));
}

static bool touchesBounded(Operation *op) {
  auto isBoundedValue = [](Value value) { return moru::graph::isBounded(value.getType()); };
  return llvm::any_of(op->getOperands(), isBoundedValue) || llvm::any_of(op->getResults(), isBoundedValue);
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// A constant of one entry.
static Value createFill(OpBuilder &builder, Location loc, Type element, Fill fill) {
  auto scalar = RankedTensorType::get({}, element);
  TypedAttr value;
  if (auto floatType = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    value = fill == Fill::Zero  ? FloatAttr::get(floatType, 0)
            : fill == Fill::One ? FloatAttr::get(floatType, 1)
                                : FloatAttr::get(floatType, APFloat::getInf(semantics, fill == Fill::Lowest));
  } else {
    unsigned width = element.getIntOrFloatBitWidth();
    value = IntegerAttr::get(element, fill == Fill::Zero     ? APInt::getZero(width)
                                      : fill == Fill::One    ? APInt(width, 1)
                                      : fill == Fill::Lowest ? APInt::getSignedMinValue(width)
                                                             : APInt::getSignedMaxValue(width));
  }
  return ConstantOp::create(builder, loc, DenseElementsAttr::get(scalar, value));
}

/// At the start of the function: index < length, for every index of the dimension.
Value Padder::getInside(StringAttr name) {
  Value &inside = insides[name];
  if (inside)
    return inside;
  OpBuilder builder = OpBuilder::atBlockBegin(&function.front());
  Value length = lengths.lookup(name);
  auto type = getTensorType({Extent(names.lookup(name), name)}, builder.getI32Type());
  Value index = IotaOp::create(builder, length.getLoc(), type, 0);
  Value limit = broadcastTo(builder, length.getLoc(), length, type);
  auto loc = NameLoc::get(builder.getStringAttr("inside." + name.getValue()), length.getLoc());
  inside = CompareOp::create(builder, loc, type.clone(builder.getI1Type()), Direction::Lt, index, limit);
  return inside;
}

/// Of the shape of `type`: whether an entry is inside along all of `axes`.
Value Padder::insideOf(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<int64_t> axes) {
  RankedTensorType truths = type.clone(builder.getI1Type());
  Value all;
  for (int64_t axis : axes) {
    Value inside = BroadcastOp::create(builder, loc, truths, getInside(getExtent(type, axis).name), axis);
    all = all ? Value(AndOp::create(builder, loc, all, inside)) : inside;
  }
  return all;
}

/// `value` where it is inside, and the scalar `fill` elsewhere.
Value Padder::mask(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> axes, Value fill) {
  if (axes.empty())
    return value;
  Value inside = insideOf(builder, loc, typeOf(value), axes);
  return SelectOp::create(builder, loc, value.getType(), inside, value, broadcastTo(builder, loc, fill, typeOf(value)));
}

void Padder::maskOperand(Operation *op, unsigned index, ArrayRef<int64_t> axes, Fill fill) {
  Value value = op->getOperand(index);
  SmallVector<int64_t> bounded = boundedAmong(value, axes);
  if (bounded.empty())
    return;
  OpBuilder builder(op);
  Value scalar = createFill(builder, op->getLoc(), typeOf(value).getElementType(), fill);
  op->setOperand(index, mask(builder, op->getLoc(), value, bounded, scalar));
}

//===----------------------------------------------------------------------===//
// One operation
//===----------------------------------------------------------------------===//

/// Each entry of the result depends on entries of the operands at its own place of every bounded axis.
static bool keepsPlaces(Operation *op) {
  // Regions hand values through; what is in them is looked at by itself.
  if (op->getNumRegions() != 0 || op->hasTrait<OpTrait::IsTerminator>())
    return true;
  return op->hasTrait<OpTrait::Elementwise>() ||
         isa<ConstantOp, IotaOp, RandomOp, BroadcastOp, ReshapeOp, TransposeOp, SliceOp, PadOp, ConcatOp,
             DynamicSliceOp, DynamicUpdateSliceOp, StopGradientOp, ReluOp, SiluOp, GeluOp, LayerNormOp, RmsNormOp,
             RandomNormalOp, DropoutOp, BarrierOp>(op);
}

/// A scalar integer like the entries of `like`.
static Value createInteger(OpBuilder &builder, Location loc, Value like, int64_t value) {
  return createSplat(builder, loc, RankedTensorType::get({}, typeOf(like).getElementType()),
                     static_cast<double>(value));
}

LogicalResult Padder::maskOp(Operation *op) {
  if (!touchesBounded(op) || keepsPlaces(op))
    return success();
  OpBuilder builder(op);
  Location loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](ContractOp contract) {
        // Both sides: zero times a NaN of the other's padding is no zero.
        maskOperand(op, 0, contract.getLhsOver(), Fill::Zero);
        maskOperand(op, 1, contract.getRhsOver(), Fill::Zero);
        return success();
      })
      .Case([&](ReduceSumOp sum) { return maskOperand(op, 0, sum.getAxes(), Fill::Zero), success(); })
      .Case([&](ReduceMaxOp max) { return maskOperand(op, 0, max.getAxes(), Fill::Lowest), success(); })
      .Case([&](ReduceMinOp min) { return maskOperand(op, 0, min.getAxes(), Fill::Highest), success(); })
      .Case([&](ReduceProdOp product) { return maskOperand(op, 0, product.getAxes(), Fill::One), success(); })
      .Case([&](CumsumOp cumsum) {
        // From the front, padding comes last.
        if (cumsum.getReverse())
          maskOperand(op, 0, cumsum.getAxis(), Fill::Zero);
        return success();
      })
      .Case([&](TopKOp top) {
        return maskOperand(op, 0, typeOf(top.getOperand()).getRank() - 1, Fill::Lowest), success();
      })
      .Case([&](ArgmaxOp argmax) { return maskOperand(op, 0, argmax.getAxis(), Fill::Lowest), success(); })
      .Case<SoftmaxOp, LogSoftmaxOp>(
          [&](auto softmax) { return maskOperand(op, 0, softmax.getAxis(), Fill::Lowest), success(); })
      .Case([&](SoftmaxCrossEntropyOp loss) {
        Value targets = loss.getTargets();
        Value ignore = createInteger(builder, loc, targets, static_cast<int64_t>(loss.getIgnore()));
        loss.getTargetsMutable().assign(mask(builder, loc, targets, boundedAxes(targets), ignore));
        return success();
      })
      // Ids beyond the length find zeros.
      .Case([&](GatherOp) { return maskOperand(op, 0, 0, Fill::Zero), success(); })
      .Case([&](ScatterAddOp scatter) {
        Value ids = scatter.getIds();
        scatter.getIdsMutable().assign(mask(builder, loc, ids, boundedAxes(ids), createInteger(builder, loc, ids, -1)));
        return success();
      })
      .Default([&](Operation *) {
        return op->emitError("expected an operation whose padding is known, got ")
               << op->getName()
               << " on bounded dimensions; give it a rule in graph-pad-bounded, or make the dimensions static";
      });
}

/// The composites that have a rule above, or are made of operations that keep places.
static bool hasRule(DecomposableOpInterface op) {
  return keepsPlaces(op) || isa<SoftmaxOp, LogSoftmaxOp, SoftmaxCrossEntropyOp>(op.getOperation());
}

void Padder::decomposeComposites() {
  for (bool changed = true; changed;) {
    changed = false;
    SmallVector<DecomposableOpInterface> composites;
    function.walk([&](DecomposableOpInterface op) {
      if (touchesBounded(op) && !hasRule(op))
        composites.push_back(op);
    });
    for (DecomposableOpInterface op : composites) {
      OpBuilder builder(op);
      op->replaceAllUsesWith(op.decompose(builder));
      op->erase();
      changed = true;
    }
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// `value` in the steps inside the length, `outside` in the others.
static Value replaceOutside(OpBuilder &builder, Value inside, Value value, double outside = 0) {
  Location loc = value.getLoc();
  RankedTensorType type = typeOf(value);
  Value condition = broadcastTo(builder, loc, inside, type);
  return SelectOp::create(builder, loc, type, condition, value, createSplat(builder, loc, type, outside));
}

/// A term of a sum over the steps that adds nothing behind the length. Where the term is linear in what it reads, that
/// is masked, so that graph-hoist-from-scan finds a contraction, a reduction or a scatter_add as before.
Value Padder::maskTerm(OpBuilder &builder, Value inside, Value term) {
  Operation *op = term.getDefiningOp();
  if (!op || !term.hasOneUse() || op->getBlock() != inside.getParentBlock())
    return replaceOutside(builder, inside, term);
  builder.setInsertionPoint(op);
  if (isa<ContractOp>(op)) {
    for (OpOperand &operand : op->getOpOperands())
      operand.set(replaceOutside(builder, inside, operand.get()));
    return term;
  }
  if (isa<ReduceSumOp>(op)) {
    op->setOperand(0, replaceOutside(builder, inside, op->getOperand(0)));
    return term;
  }
  if (auto scatter = dyn_cast<ScatterAddOp>(op)) {
    scatter.getIdsMutable().assign(replaceOutside(builder, inside, scatter.getIds(), -1));
    return term;
  }
  if (isa<ReshapeOp, TransposeOp, ConvertOp, NegOp>(op) && isa<FloatType>(typeOf(op->getOperand(0)).getElementType())) {
    op->setOperand(0, maskTerm(builder, inside, op->getOperand(0)));
    return term;
  }
  builder.setInsertionPointAfter(op);
  return replaceOutside(builder, inside, term);
}

/// What is carried on: `next` inside the length, what was carried before behind it.
Value Padder::maskNext(OpBuilder &builder, Value inside, Value carry, Value next) {
  OpBuilder::InsertionGuard guard(builder);
  if (next == carry)
    return next;
  if (auto add = next.getDefiningOp<AddOp>(); add && isa<FloatType>(typeOf(next).getElementType()))
    for (OpOperand &term : add->getOpOperands())
      if (Value other = add->getOperand(1 - term.getOperandNumber()); other == carry && term.get() != carry) {
        builder.setInsertionPoint(add);
        term.set(maskTerm(builder, inside, term.get()));
        return next;
      }
  Location loc = next.getLoc();
  Value condition = broadcastTo(builder, loc, inside, typeOf(next));
  return SelectOp::create(builder, loc, next.getType(), condition, next, carry);
}

void Padder::maskScan(ScanOp scan) {
  IRRewriter rewriter(scan.getContext());
  scan = extendScan(rewriter, scan, Stacked{getInside(scan.getSteps().name), 0}, {});
  Value inside = scan.getInputArgs().back();
  YieldOp yield = scan.getYield();
  rewriter.setInsertionPoint(yield);
  for (auto [carry, next] : llvm::zip(scan.getCarryArgs(), yield.getCarriesMutable()))
    next.set(maskNext(rewriter, inside, carry, next.get()));
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

/// Appends the lengths to the arguments.
void Padder::addLengths() {
  Builder builder(function.getContext());
  auto type = RankedTensorType::get({}, builder.getI32Type());
  for (auto [name, maximum] : names) {
    SmallVector<NamedAttribute> attributes{
        builder.getNamedAttr(GraphDialect::kNameAttr, name),
        builder.getNamedAttr(GraphDialect::kRoleAttr, builder.getStringAttr(GraphDialect::kLengthRole))};
    if (int64_t minimum = getMinimumLength(function, name))
      attributes.push_back(builder.getNamedAttr(GraphDialect::kMinimumAttr, builder.getI64IntegerAttr(minimum)));
    Location loc = NameLoc::get(name, function.getLoc());
    LogicalResult inserted =
        function.insertArgument(function.getNumArguments(), type, builder.getDictionaryAttr(attributes), loc);
    assert(succeeded(inserted) && "a function takes any argument");
    (void)inserted;
    lengths[name] = function.getArguments().back();
  }
}

/// `["len", ""]`
static ArrayAttr namesOfAxes(Type type) {
  SmallVector<Attribute> entries;
  for (const Extent &extent : getExtents(cast<RankedTensorType>(type)))
    entries.push_back(extent.isBounded() ? extent.name : StringAttr::get(type.getContext()));
  return ArrayAttr::get(type.getContext(), entries);
}

/// Says, of each argument and result, which lengths its axes have.
LogicalResult Padder::markLengths() {
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (!moru::graph::isBounded(type))
      continue;
    auto role = function.getArgAttrOfType<StringAttr>(index, GraphDialect::kRoleAttr);
    if (role && role.getValue() != GraphDialect::kInputRole)
      return emitError(function.getArgument(index).getLoc(), "expected a static type for an argument of role ")
             << role << ", which is kept between calls, got " << type << "; use the maxima as sizes";
    function.setArgAttr(index, GraphDialect::kLengthsAttr, namesOfAxes(type));
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (moru::graph::isBounded(type))
      function.setResultAttr(index, GraphDialect::kLengthsAttr, namesOfAxes(type));
  return success();
}

LogicalResult Padder::run() {
  if (failed(markLengths()))
    return failure();
  addLengths();
  decomposeComposites();
  SmallVector<Operation *> ops;
  SmallVector<ScanOp> scans;
  function.walk([&](Operation *op) {
    if (auto scan = dyn_cast<ScanOp>(op); scan && scan.getSteps().isBounded())
      scans.push_back(scan);
    else if (!isa<ScanOp, func::FuncOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops)
    if (failed(maskOp(op)))
      return failure();
  for (ScanOp scan : scans)
    maskScan(scan);
  setExtents(function, names);
  return success();
}
