//===- TileOperands.cpp - what a contraction on matrix units reads ---------===//
// An argument in tiles; rows of bf16 that are read as tiles where they lie; or any value, whose panels are split on the
// way.
//===----------------------------------------------------------------------===//

#include "TileContract.h"
#include "moru/Dialect/Kernel/PaddedRows.h"

using namespace mlir;
using namespace moru::graph;
using namespace moru::kernel;

namespace moru {

static constexpr int64_t kPanel = TileShape::kPanel, kBlock = TileShape::kBlock;

/// An lhs [batch, over, free] of bf16 whose rows of K lie in memory as those of tiles do.
static std::optional<TileOperand> findRows(KernelJob &job, ContractOp op, BufferType type) {
  Value source = op.getLhs();
  while (auto reshape = source.getDefiningOp<ReshapeOp>())
    source = reshape.getOperand();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, getShape(source).size()));
  if (auto transpose = source.getDefiningOp<TransposeOp>()) {
    order.assign(transpose.getPermutation().begin(), transpose.getPermutation().end());
    source = transpose.getOperand();
  }
  ArrayRef<int64_t> sizes = getShape(source);
  bool isPadded = op->hasAttr(kPaddedRowsAttr);
  if (auto slice = source.getDefiningOp<SliceOp>(); slice && isPadded)
    source = slice.getOperand();
  auto argument = dyn_cast<BlockArgument>(source);
  if (!argument || order.size() != getShape(op.getLhs()).size())
    return std::nullopt;
  KernelBuffer buffer = job.emitter.getBuffer(argument);
  TileShape tiles(type);
  bool isWhole = tiles.depth % kBlock == 0 || isPadded;
  if (buffer.type.isPacked() || !buffer.type.getElementType().isBF16() || !isWhole || tiles.columns % kPanel)
    return std::nullopt;
  SmallVector<int64_t> strides;
  for (auto [axis, size] : llvm::zip_equal(order, getShape(op.getLhs()))) {
    if (sizes[axis] != size)
      return std::nullopt;
    strides.push_back(buffer.type.getStrides()[axis]);
  }
  ArrayRef<int64_t> shape = getShape(op.getLhs());
  size_t numBatch = op.getLhsBatch().size(), numOver = op.getLhsOver().size();
  auto along = [&](size_t first, size_t count) {
    return getCommonStride(shape.slice(first, count), ArrayRef(strides).slice(first, count));
  };
  size_t numFree = shape.size() - numBatch - numOver;
  std::optional<int64_t> over = along(numBatch, numOver), free = along(numBatch + numOver, numFree);
  if (over != 1 || !free || *free == 0)
    return std::nullopt;
  return TileOperand{buffer.flat,
                     type,
                     tiles,
                     SmallVector<int64_t>(shape.take_back(numFree)),
                     {},
                     *free,
                     SmallVector<int64_t>(ArrayRef(strides).take_front(numBatch))};
}

/// What a contraction reads, its axes in the order batch, over, free: an argument in tiles, or a reshape of one; or any
/// value, where it stands as [batch, over, free], to be split into `planes`.
FailureOr<TileOperand> findTileOperand(KernelJob &job, ContractOp op, bool isLhs, int64_t planes) {
  Value value = isLhs ? op.getLhs() : op.getRhs(), source = value;
  ArrayRef<int64_t> batch = isLhs ? op.getLhsBatch() : op.getRhsBatch(), shape = getShape(value);
  SmallVector<int64_t> order(batch);
  llvm::append_range(order, isLhs ? op.getLhsOver() : op.getRhsOver());
  if (!llvm::equal(order, llvm::seq<int64_t>(0, order.size())))
    return op.emitOpError("expected axes in the order batch, contracted, free to generate a kernel on tiles");
  SmallVector<int64_t> freeShape(shape.drop_front(order.size()));
  while (auto reshape = source.getDefiningOp<ReshapeOp>())
    source = reshape.getOperand();
  auto argument = dyn_cast<BlockArgument>(source);
  if (argument && job.emitter.getBuffer(argument).type.getTiles()) {
    KernelBuffer buffer = job.emitter.getBuffer(argument);
    return TileOperand{buffer.flat, buffer.type, TileShape(buffer.type), freeShape, {}};
  }
  SmallVector<int64_t> collapsed;
  if (!batch.empty())
    collapsed.push_back(KernelJob::count(shape.take_front(batch.size())));
  collapsed.push_back(KernelJob::count(shape.slice(batch.size(), order.size() - batch.size())));
  collapsed.push_back(KernelJob::count(freeShape));
  if (shape != ArrayRef<int64_t>(collapsed))
    if (auto reshape = value.getDefiningOp<ReshapeOp>())
      value = reshape.getOperand();
  if (getShape(value) != ArrayRef<int64_t>(collapsed))
    return op.emitOpError("expected operands in tiles, or collapsed to one axis of each kind, got ") << value.getType();
  auto type = BufferType::get(cast<RankedTensorType>(value.getType()),
                              TilesAttr::get(op.getContext(), isLhs ? TileSide::Lhs : TileSide::Rhs, planes));
  if (isLhs && planes == 1)
    if (std::optional<TileOperand> rows = findRows(job, op, type))
      return *rows;
  return TileOperand{{}, type, TileShape(type), freeShape, value};
}

} // namespace moru
