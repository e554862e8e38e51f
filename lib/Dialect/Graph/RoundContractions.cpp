//===- RoundContractions.cpp - graph-round-contractions -------------------===//
// Gives contractions of f32 operands of bf16, where that is worth it. A value is rounded once, where it is made, so
// that who makes it can write the rounded form; views are taken of that.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Parameters.h"
#include "moru/Dialect/Graph/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

#define DEBUG_TYPE "graph-round-contractions"

using namespace mlir;

namespace moru::graph {
#define GEN_PASS_DEF_ROUNDCONTRACTIONS
#include "moru/Dialect/Graph/Passes.h.inc"
} // namespace moru::graph

using namespace moru::graph;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

struct RoundContractions : moru::graph::impl::RoundContractionsBase<RoundContractions> {
  using RoundContractionsBase::RoundContractionsBase;
  void runOnOperation() override;
};

/// The rounded forms of the values of a function.
class RoundedValues {
public:
  Value get(Value value);
  void sumRounded();

private:
  Value round(Value value, OpBuilder &builder);

  llvm::MapVector<Value, Value> known;
};

/// The sizes of a contraction, as of products of matrices.
struct Sizes {
  explicit Sizes(ContractOp op)
      : batches(count(op.getLhs(), op.getLhsBatch())), rows(count(op.getLhs(), op.getLhsFree())),
        columns(count(op.getRhs(), op.getRhsFree())), depth(count(op.getLhs(), op.getLhsOver())) {}

  double batches, rows, columns, depth;

private:
  static double count(Value value, ArrayRef<int64_t> axes) {
    double entries = 1;
    for (int64_t axis : axes)
      entries *= double(typeOf(value).getDimSize(axis));
    return entries;
  }
};

} // namespace

static bool isRoundable(ContractOp op) {
  auto isF32 = [](Value value) { return typeOf(value).getElementType().isF32(); };
  return isF32(op.getLhs()) && isF32(op.getRhs()) && typeOf(op.getResult()).getNumElements() > 0;
}

/// Whether to round and pack both operands costs less than multiplying bf16 on matrix units saves. The same on every
/// machine, so that a program computes alike.
static bool isWorthRounding(const Sizes &sizes) {
  // Nanoseconds on one core, measured: an entry that is rounded and packed, a multiplication and addition of f32, and
  // of bf16, of which blocks of 32 x 32 x 32 are done at once.
  constexpr double kPackTime = 0.15, kVectorTime = 0.0125, kTileTime = 0.001;
  // To start another kernel.
  constexpr double kLaunchTime = 1000;
  auto padded = [](double size) { return 32 * std::ceil(size / 32); };
  double saved = sizes.batches * (kVectorTime * sizes.rows * sizes.columns * sizes.depth -
                                  kTileTime * padded(sizes.rows) * padded(sizes.columns) * padded(sizes.depth));
  return saved > kLaunchTime + kPackTime * sizes.batches * sizes.depth * (sizes.rows + sizes.columns);
}

/// Views and repetitions, which are the same of rounded entries.
static bool isView(Operation *op) { return op && isa<ReshapeOp, TransposeOp, SliceOp, BroadcastOp>(op); }

/// Of a part of something that nothing here makes, the part alone is rounded.
static bool isPartOfArgument(Operation *op) { return isa<SliceOp>(op) && !op->getOperand(0).getDefiningOp(); }

Value RoundedValues::round(Value value, OpBuilder &builder) {
  RankedTensorType type = typeOf(value).clone(builder.getBF16Type());
  Operation *op = value.getDefiningOp();
  if (auto convert = dyn_cast_or_null<ConvertOp>(op); convert && convert.getOperand().getType() == type)
    return convert.getOperand();
  bool isJoined = isa_and_nonnull<ConcatOp>(op) && value.hasOneUse();
  if (!isJoined && (!isView(op) || isPartOfArgument(op)))
    return ConvertOp::create(builder, value.getLoc(), type, value);
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, get(operand));
  Value rounded = builder.clone(*op, mapping)->getResult(0);
  rounded.setType(type);
  return rounded;
}

Value RoundedValues::get(Value value) {
  if (Value rounded = known.lookup(value))
    return rounded;
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  return known[value] = round(value, builder);
}

/// Sums of values that nothing else reads as they are take them rounded: they need not be stored twice.
void RoundedValues::sumRounded() {
  // Views come after what they are taken of.
  for (auto [value, rounded] : llvm::reverse(known)) {
    Operation *maker = value.getDefiningOp();
    auto isSum = [rounded = rounded](Operation *user) {
      return isa<ReduceSumOp>(user) || user == rounded.getDefiningOp();
    };
    if (!maker || !llvm::all_of(value.getUsers(), isSum))
      continue;
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(rounded);
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses()))
      if (isa<ReduceSumOp>(use.getOwner()))
        use.set(ConvertOp::create(builder, value.getLoc(), value.getType(), rounded));
    if (isView(maker) && maker->use_empty())
      maker->erase();
  }
}

/// `value` is a parameter that its function leaves as it is, seen through views.
static bool isOfFixedParameter(Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return isFixedParameter(value);
}

/// The many entries of a contraction with one row or column, each of which it reads once; null for others.
static OpOperand *findManyEntries(ContractOp op, const Sizes &sizes) {
  if (op.getLhsOver().empty() || (sizes.rows != 1 && sizes.columns != 1))
    return nullptr;
  return sizes.rows == 1 ? &op.getRhsMutable() : &op.getLhsMutable();
}

/// contract %x, %w : 1x256, 256x1000  ->  contract %x, (convert (convert %w to bf16) to f32)
static void readRounded(OpOperand &many, RoundedValues &rounded) {
  // Below that, bytes are not what a kernel waits for.
  constexpr int64_t kLeastEntries = 16 << 10;
  Value value = many.get();
  if (!isOfFixedParameter(value) || typeOf(value).getNumElements() < kLeastEntries)
    return;
  OpBuilder builder(many.getOwner());
  many.set(ConvertOp::create(builder, value.getLoc(), value.getType(), rounded.get(value)));
}

void RoundContractions::runOnOperation() {
  SmallVector<ContractOp> contractions;
  getOperation().walk([&](ContractOp op) { contractions.push_back(op); });
  RoundedValues rounded;
  for (ContractOp op : contractions) {
    if (!isRoundable(op))
      continue;
    Sizes sizes(op);
    if (OpOperand *many = findManyEntries(op, sizes)) {
      readRounded(*many, rounded);
    } else if (isWorthRounding(sizes)) {
      op.getLhsMutable().assign(rounded.get(op.getLhs()));
      op.getRhsMutable().assign(rounded.get(op.getRhs()));
    }
  }
  rounded.sumRounded();
}
