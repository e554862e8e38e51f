//===- Contract.cpp - the family contract ---------------------------------===//
// C[batch…, m…, n…] = sum over k… of A * B: a tile of MR rows times a few vectors of columns is kept in registers while
// a loop over k runs through one panel of B and MR rows of A. A lies where it lies, under any strides; B in panels, or
// in rows: then each task copies a tile's columns onto its stack just before the tiles below each other are multiplied
// with them, and adds them up on the way where the kernel yields that, too. The epilogue is computed on the registers.
//
// Axes of A that are adjacent in memory are taken as one, in whatever order the result has them. What remains of
// several groups of free axes: the largest is cut into tiles, the others are outer loops; so a tile's rows are one
// stride apart and no row's address has to be kept. Of several contracted groups, all but the last are outer loops
// around the innermost.
//
// A long sum is cut into blocks of KC so that the part of a panel that a tile reads stays in the second cache while
// tile after tile passes by. Between blocks the sums lie in an output that nothing reads; where there is none, the sum
// is not cut. The order of additions is that of k in any case.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {

/// More rows save nothing: with 12 rows of two vectors, a step of k does 24 multiplications for 14 loads, and the
/// registers that are left hold the panel and the broadcast (measured without spills: 8, 12 and 14 rows).
static constexpr int64_t kMaxRows = 12;
/// Sums under way that hide the latency of a multiplication (4 cycles, two per cycle).
static constexpr int64_t kMinSums = 8;
/// Panels next to each other in one tile where there are few rows; also the streams that main memory wants.
static constexpr int64_t kMaxPanels = 4;
/// Of a wide tile: fewer rows would read a vector of B for too few products. With more tiles the height of the last one
/// does not matter.
static constexpr int64_t kLeastRows = 4, kManyTiles = 8;
/// Vectors in a panel where B is copied into panels here.
static constexpr int64_t kCopiedVectors = 2;
/// Work of one task: some 20 microseconds on one core.
static constexpr int64_t kFlopsPerTask = 2 << 20;
/// Entries of k, each in lines of its own, between what is multiplied and what is asked for: some 200 cycles.
static constexpr int64_t kDepthAhead = 16;
/// Each task reads its rows of A and its columns of B anew: more tasks balance better and read more.
static constexpr int64_t kMaxTasks = 32;

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

const KernelOutput *findScratch(KernelJob &job, Value sums) {
  kernel::ComputeOp compute = job.emitter.kernel;
  for (auto [output, buffer] : llvm::zip(job.outputs, compute.getWrites()))
    if (output.buffer.type.getElementType() == job.emitter.getComputeType(sums) && !output.buffer.type.isPacked() &&
        getShape(output.tensor) == getShape(sums) &&
        llvm::none_of(compute.getReads(),
                      [&, buffer = buffer](Value read) { return kernel::getRoot(read) == kernel::getRoot(buffer); }))
      return &output;
  return nullptr;
}

std::pair<Chunks, Chunks> chooseGrid(KernelJob &job, Pieces rows, Pieces columns, int64_t tasks) {
  std::pair<Chunks, Chunks> best = {job.splitTasks(rows.count, 1), job.splitTasks(columns.count, 1)};
  double bestCost = std::numeric_limits<double>::infinity();
  for (int64_t i = 1; i <= std::min(tasks, rows.count); ++i)
    for (int64_t j = 1; j <= std::min(tasks / i, columns.count); ++j) {
      Chunks down = job.splitTasks(rows.count, i), across = job.splitTasks(columns.count, j);
      int64_t count = down.tasks * across.tasks;
      double reads = double(count) * double(down.perTask * rows.size + across.perTask * columns.size);
      double waste = double(count) * double(down.perTask * across.perTask) / double(rows.count * columns.count);
      // Too few tasks are worse than any reading.
      double lack = count * 2 < tasks ? double(tasks) / double(count) : 1;
      if (double cost = reads * waste * waste * lack * lack; cost < bestCost)
        bestCost = cost, best = {down, across};
    }
  return best;
}

namespace {

/// Axes of lhs that run as one, outermost first.
struct AxisGroup {
  SmallVector<int64_t> axes, shape;
  int64_t size = 1;
};

class Contraction {
public:
  Contraction(KernelJob &job, ContractOp op) : job(job), emitter(job.emitter), op(op) {}

  LogicalResult analyze();
  int64_t emit();

private:
  SmallVector<int64_t> getLhsStrides();
  SmallVector<AxisGroup> groupAxes(ArrayRef<int64_t> axes);
  void chooseTiles();
  void chooseDepthBlocks();
  void emitTile(IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel, int64_t numPanels);
  SmallVector<Value> startSums(IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel, int64_t numPanels,
                               int64_t columns);
  SmallVector<Value> sumProducts(SmallVector<Value> start, IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel,
                                 int64_t numPanels);
  void prefetchRows(IndexExpr firstRow, int64_t numRows, ArrayRef<IndexExpr> indices);
  void finishTile(ArrayRef<Value> sums, IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel, int64_t numPanels,
                  int64_t columns);
  /// Calls `body` with the tile's first panel and the columns that exist, under a branch where the tile may hold the
  /// last panel.
  void splitColumns(IndexExpr firstPanel, int64_t numPanels, function_ref<void(IndexExpr, int64_t)> body);
  void storeTile(ArrayRef<Value> sums, IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel, int64_t numPanels,
                 int64_t columns);
  Position lhsPosition(IndexExpr row, ArrayRef<IndexExpr> depth);
  Position resultPosition(IndexExpr row, IndexExpr column);
  Position rhsPosition(IndexExpr k, IndexExpr column);
  IndexExpr getBlockStart();
  int64_t getBlockSize();
  void copyPanels(IndexExpr firstPanel, int64_t count, Value firstTile);
  SmallVector<Value> copyColumns(IndexExpr panel, int64_t count, int64_t size, bool sums);
  bool isSumOfColumns(Value tensor);
  void keepColumnSums(ArrayRef<Value> sums, IndexExpr panel, int64_t size);
  Value loadPanel(IndexExpr depth, IndexExpr panel, int64_t vector);

  KernelJob &job;
  PointEmitter &emitter;
  ContractOp op;
  KernelBuffer panels;
  int64_t lanes = 0, panelWidth = 0, numPanels = 0, depth = 0, columns = 0, batches = 1;
  SmallVector<int64_t> batchShape, overShape, freeShape;
  /// B lies in rows. Of a block of k, `copiedPanels` panels from `firstCopied` on lie in `copy`, k by k.
  bool copiesPanels = false;
  Value copy;
  IndexExpr firstCopied;
  int64_t copiedPanels = 1;
  SmallVector<KernelOutput> results, columnSums;
  SmallVector<AxisGroup> rowGroups, depthGroups;
  size_t tiled = 0;
  /// Rows of a tile and of the last one; panels of a tile.
  int64_t tileRows = 0, numTiles = 0, lastRows = 0, tilePanels = 1;
  /// Entries of the outermost contracted group in a block, and blocks.
  int64_t blockDepth = 0, numBlocks = 1;
  const KernelOutput *scratch = nullptr;
  IndexExpr block;
  /// Where the loops stand: batch index per pair of batch axes, index per group of rows but the tiled one.
  Position batch, outerRows;
  IndexExpr outerItem;
};

SmallVector<int64_t> Contraction::getLhsStrides() {
  if (auto argument = dyn_cast<BlockArgument>(op.getLhs()))
    return SmallVector<int64_t>(emitter.getBuffer(argument).type.getStrides());
  return kernel::getRowMajorStrides(getShape(op.getLhs()));
}

/// Runs of axes that can be counted by one number under lhs's strides.
SmallVector<AxisGroup> Contraction::groupAxes(ArrayRef<int64_t> axes) {
  ArrayRef<int64_t> shape = getShape(op.getLhs());
  SmallVector<int64_t> strides = getLhsStrides();
  SmallVector<AxisGroup> groups;
  for (int64_t axis : axes) {
    if (shape[axis] == 1)
      continue;
    if (groups.empty() || strides[groups.back().axes.back()] != shape[axis] * strides[axis])
      groups.emplace_back();
    groups.back().axes.push_back(axis);
    groups.back().shape.push_back(shape[axis]);
    groups.back().size *= shape[axis];
  }
  return groups;
}

LogicalResult Contraction::analyze() {
  Value rhs = op.getRhs();
  while (auto reshape = rhs.getDefiningOp<ReshapeOp>())
    rhs = reshape.getOperand();
  lanes = emitter.getLanes();
  auto rhsArgument = dyn_cast<BlockArgument>(rhs);
  copiesPanels = !rhsArgument || !emitter.getBuffer(rhsArgument).type.getPanelWidth();
  panelWidth = kCopiedVectors * lanes;
  if (!copiesPanels) {
    panels = emitter.getBuffer(rhsArgument);
    panelWidth = panels.type.getPanelWidth();
  } else if (!op.getRhsBatch().empty()) {
    return op.emitOpError("expected rhs to be an argument in panels, or a reshape of one, to generate a kernel with "
                          "batches");
  }
  if (auto lhs = dyn_cast<BlockArgument>(op.getLhs()); lhs && emitter.getBuffer(lhs).type.getPanelWidth())
    return op.emitOpError("expected lhs in a strided layout to generate a kernel, got panels");
  if (panelWidth % lanes != 0)
    return op.emitOpError() << "expected panels of a multiple of " << lanes << " entries, got " << panelWidth;

  // The panels hold [batch…, k…, n…] in this order.
  ArrayRef<int64_t> shape = getShape(op.getRhs());
  size_t numBatch = op.getRhsBatch().size(), numOver = op.getRhsOver().size();
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    bool isBatch = llvm::is_contained(op.getRhsBatch(), axis), isOver = llvm::is_contained(op.getRhsOver(), axis);
    if (shape[axis] != 1 && (isBatch != (axis < numBatch) || isOver != (axis >= numBatch && axis < numBatch + numOver)))
      return op.emitOpError("expected rhs's axes in the order batch, contracted, free to generate a kernel");
  }
  depth = columns = 1;
  for (int64_t axis : op.getRhsOver()) {
    overShape.push_back(shape[axis]);
    depth *= shape[axis];
  }
  for (int64_t axis : op.getRhsFree()) {
    freeShape.push_back(shape[axis]);
    columns *= shape[axis];
  }
  for (int64_t axis : op.getRhsBatch()) {
    batchShape.push_back(shape[axis]);
    batches *= shape[axis];
  }
  ArrayRef<int64_t> stored = copiesPanels ? ArrayRef<int64_t>() : panels.type.getShape();
  if (!copiesPanels && (stored.back() != columns || stored[stored.size() - 2] != depth))
    return op.emitOpError() << "expected panels of [batch…, " << depth << ", " << columns << "], got " << panels.type;
  numPanels = llvm::divideCeil(columns, panelWidth);
  for (const KernelOutput &output : job.outputs)
    if (isSumOfColumns(output.tensor))
      columnSums.push_back(output);
    else if (getShape(output.tensor) == getShape(op.getResult()))
      results.push_back(output);
    else
      return emitter.kernel.emitOpError()
             << "expected results of the contraction's shape, got " << output.tensor.getType();

  // In the order in which they lie in memory, whatever the result's: as many as possible run as one.
  SmallVector<int64_t> strides = getLhsStrides(), freeAxes(op.getLhsFree());
  llvm::sort(freeAxes, [&](int64_t a, int64_t b) { return std::pair(-strides[a], a) < std::pair(-strides[b], b); });
  rowGroups = groupAxes(freeAxes);
  if (rowGroups.empty())
    rowGroups.emplace_back();
  for (size_t i = 0; i < rowGroups.size(); ++i)
    if (rowGroups[i].size >= rowGroups[tiled].size)
      tiled = i;
  // In the order in which the panels hold k.
  SmallVector<std::pair<int64_t, int64_t>> over;
  for (auto [l, r] : llvm::zip(op.getLhsOver(), op.getRhsOver()))
    over.push_back({r, l});
  llvm::sort(over);
  SmallVector<int64_t> overAxes;
  for (auto [r, l] : over)
    overAxes.push_back(l);
  depthGroups = groupAxes(overAxes);
  return success();
}

void Contraction::chooseTiles() {
  int64_t rows = rowGroups[tiled].size, vectors = panelWidth / lanes;
  // Few rows: several panels side by side, so that enough sums are under way.
  tilePanels = std::clamp<int64_t>(kMinSums / std::max<int64_t>(rows * vectors, 1), 1, std::min(kMaxPanels, numPanels));
  // A register for the broadcast entry of A and one for the address arithmetic's sake; the panels' vectors; the rest
  // are sums.
  auto countRows = [&](int64_t count) {
    int64_t registers = job.options.vectorRegisters - vectors * count - 2;
    return std::clamp<int64_t>(registers / (vectors * count), 1, kMaxRows);
  };
  // A tile twice as wide and half as high takes fewer loads; where there are few rows the last tile would be too low.
  int64_t most = countRows(tilePanels), low = countRows(2);
  if (tilePanels == 1 && low >= kLeastRows && 2 * low >= most && numPanels >= 4 + numPanels % 2 &&
      (rows % low == 0 || rows > kManyTiles * low))
    tilePanels = 2, most = low;
  // Tiles of equal height rather than full ones and a low one.
  numTiles = llvm::divideCeil(rows, most);
  tileRows = llvm::divideCeil(rows, numTiles);
  numTiles = llvm::divideCeil(rows, tileRows);
  lastRows = rows - (numTiles - 1) * tileRows;
}

Position Contraction::lhsPosition(IndexExpr row, ArrayRef<IndexExpr> depthIndices) {
  Position position(getShape(op.getLhs()).size());
  for (auto [k, axis] : llvm::enumerate(op.getLhsBatch()))
    position[axis] = batch[k];
  auto place = [&](const AxisGroup &group, const IndexExpr &index) {
    for (auto [axis, expr] : llvm::zip(group.axes, emitter.space.delinearize(index, group.shape)))
      position[axis] = expr;
  };
  for (auto [i, group] : llvm::enumerate(rowGroups))
    place(group, i == tiled ? row : outerRows[i]);
  for (auto [group, index] : llvm::zip(depthGroups, depthIndices))
    place(group, index);
  return position;
}

Position Contraction::resultPosition(IndexExpr row, IndexExpr column) {
  Position position = batch;
  Position lhs = lhsPosition(row, SmallVector<IndexExpr>(depthGroups.size()));
  for (int64_t axis : op.getLhsFree())
    position.push_back(lhs[axis]);
  for (const IndexExpr &expr : emitter.space.delinearize(column, freeShape))
    position.push_back(expr);
  return position;
}

Value Contraction::loadPanel(IndexExpr k, IndexExpr panel, int64_t vector) {
  if (copiesPanels) {
    // A tile's columns lie beside each other.
    int64_t width = panelWidth * copiedPanels;
    IndexExpr address = (k + getBlockStart() * -1) * width + (panel + firstCopied * -1) * panelWidth + vector * lanes;
    auto type = VectorType::get(lanes, emitter.getComputeType(op.getRhs()));
    return vector::LoadOp::create(emitter.builder, type, copy, ValueRange{emitter.materialize(address)});
  }
  // Batch axes in rhs's order.
  Position rhsBatch(batch.size());
  SmallVector<int64_t> shape(batch.size());
  for (auto [pair, axis] : llvm::enumerate(op.getRhsBatch()))
    rhsBatch[axis] = batch[pair], shape[axis] = batchShape[pair];
  IndexExpr flat = emitter.space.linearize(rhsBatch, kernel::getRowMajorStrides(shape));
  Position position = emitter.space.delinearize(flat, panels.type.getShape().drop_back(2));
  position.push_back(k);
  position.push_back(panel * panelWidth + vector * lanes + emitter.space.addLane(lanes, lanes, emitter.getLevel()));
  return emitter.load(panels, position);
}

/// The first k of the block, and how many there are in a full one.
IndexExpr Contraction::getBlockStart() { return numBlocks == 1 ? IndexExpr(0) : block * getBlockSize(); }

int64_t Contraction::getBlockSize() { return numBlocks == 1 ? depth : blockDepth * (depth / depthGroups[0].size); }

Position Contraction::rhsPosition(IndexExpr k, IndexExpr column) {
  Position position = emitter.space.delinearize(k, overShape);
  for (const IndexExpr &expr : emitter.space.delinearize(column, freeShape))
    position.push_back(expr);
  return position;
}

/// A sum of B's rows, which lie as they are multiplied.
bool Contraction::isSumOfColumns(Value tensor) {
  Value rhs = op.getRhs();
  while (auto reshape = rhs.getDefiningOp<ReshapeOp>())
    rhs = reshape.getOperand();
  auto sum = tensor.getDefiningOp<ReduceSumOp>();
  return copiesPanels && sum && sum.getOperand() == rhs && isa<BlockArgument>(rhs) &&
         llvm::equal(getReducedAxes(sum), llvm::seq<int64_t>(0, getReducedAxes(sum).size())) &&
         job.count(getShape(rhs).take_front(getReducedAxes(sum).size())) == depth &&
         job.count(getShape(tensor)) == columns;
}

/// The rows of B in the block of k, as far as they belong to `size` columns from the panel on; returns their sums.
SmallVector<Value> Contraction::copyColumns(IndexExpr panel, int64_t count, int64_t size, bool sums) {
  int64_t width = panelWidth * count;
  Value lower = emitter.materialize(getBlockStart()), upper = emitter.index(depth);
  if (numBlocks > 1)
    upper = arith::MinSIOp::create(emitter.builder, emitter.materialize(getBlockStart() + getBlockSize()), upper);
  Value zero = emitter.zero(VectorType::get(lanes, emitter.getComputeType(op.getRhs())));
  SmallVector<Value> start(sums ? llvm::divideCeil(size, lanes) : 0, zero);
  return emitter.loop(lower, upper, depth, start, [&](IndexExpr k, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t column = 0; column < size; column += lanes) {
      IndexExpr lane = emitter.space.addLane(lanes, std::min(lanes, size - column), emitter.getLevel());
      Value entries = emitter.emitVector(op.getRhs(), rhsPosition(k, panel * panelWidth + column + lane), lanes);
      IndexExpr address = (k + getBlockStart() * -1) * width + column;
      vector::StoreOp::create(emitter.builder, entries, copy, ValueRange{emitter.materialize(address)});
      if (sums)
        next[column / lanes] = arith::AddFOp::create(emitter.builder, carried[column / lanes], entries);
    }
    return next;
  });
}

/// Adds the sums of a block to those of the blocks before.
void Contraction::keepColumnSums(ArrayRef<Value> sums, IndexExpr panel, int64_t size) {
  auto store = [&](bool isFirst) {
    for (const KernelOutput &output : columnSums)
      for (auto [number, sum] : llvm::enumerate(sums)) {
        int64_t column = number * lanes;
        IndexExpr lane = emitter.space.addLane(lanes, std::min(lanes, size - column), emitter.getLevel());
        Position position = emitter.space.delinearize(panel * panelWidth + column + lane, getShape(output.tensor));
        Value total = sum;
        if (!isFirst)
          total = arith::AddFOp::create(emitter.builder, emitter.load(output.buffer, position), sum);
        emitter.store(total, output.buffer, position);
      }
  };
  if (numBlocks == 1)
    return store(true);
  Value isFirst =
      arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(block), emitter.index(0));
  emitter.branch(isFirst, [&] { store(true); }, [&] { store(false); });
}

void Contraction::copyPanels(IndexExpr firstPanel, int64_t count, Value firstTile) {
  firstCopied = firstPanel, copiedPanels = count;
  auto copyThem = [&](bool sums) {
    splitColumns(firstPanel, count, [&](IndexExpr panel, int64_t size) {
      SmallVector<Value> added = copyColumns(panel, count, size, sums);
      if (sums)
        keepColumnSums(added, panel, size);
    });
  };
  if (columnSums.empty())
    return copyThem(false);
  // Other rows of A may come by later, and the panels be copied for them again.
  Value isFirst = arith::CmpIOp::create(
      emitter.builder, arith::CmpIPredicate::eq,
      arith::OrIOp::create(emitter.builder, firstTile, emitter.materialize(outerItem)), emitter.index(0));
  emitter.branch(isFirst, [&] { copyThem(true); }, [&] { copyThem(false); });
}

/// Zero, or what earlier blocks have left; row after row, vector after vector.
SmallVector<Value> Contraction::startSums(IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel, int64_t count,
                                          int64_t size) {
  int64_t vectors = panelWidth / lanes * count;
  auto type = VectorType::get(lanes, emitter.getComputeType(op.getResult()));
  SmallVector<Value> zeros(numRows * vectors, emitter.zero(type));
  if (numBlocks == 1)
    return zeros;
  Value isFirst =
      arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(block), emitter.index(0));
  SmallVector<Type> types(zeros.size(), type);
  return emitter.branch(
      isFirst, types, [&] { return zeros; },
      [&] {
        SmallVector<Value> sums = zeros;
        for (int64_t v = 0; v * lanes < size; ++v) {
          int64_t active = std::min(lanes, size - v * lanes);
          IndexExpr lane = emitter.space.addLane(lanes, active, emitter.getLevel());
          for (int64_t row = 0; row < numRows; ++row)
            sums[row * vectors + v] = emitter.load(
                scratch->buffer, resultPosition(firstRow + row, firstPanel * panelWidth + v * lanes + lane));
        }
        return sums;
      });
}

/// Where A has each entry of k in other lines: asks for those that are multiplied a little later. The machine does not
/// find them by itself in time.
void Contraction::prefetchRows(IndexExpr firstRow, int64_t numRows, ArrayRef<IndexExpr> indices) {
  auto argument = dyn_cast<BlockArgument>(op.getLhs());
  if (!argument || depthGroups.empty() || depthGroups.back().size < 2 * kDepthAhead || numRows < 2)
    return;
  const KernelBuffer &buffer = emitter.getBuffer(argument);
  int64_t bytes = buffer.type.getElementBytes(), line = 64;
  if (buffer.type.getStrides()[depthGroups.back().axes.back()] * bytes < line)
    return;
  SmallVector<IndexExpr> ahead(indices);
  ahead.back() = ahead.back() + kDepthAhead;
  for (int64_t row : {int64_t(0), numRows - 1}) {
    IndexExpr address = emitter.getAddress(buffer, lhsPosition(firstRow + row, ahead));
    memref::PrefetchOp::create(emitter.builder, buffer.flat, ValueRange{emitter.materialize(address)},
                               /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
  }
}

/// Adds the products of a block, or of all of k.
SmallVector<Value> Contraction::sumProducts(SmallVector<Value> start, IndexExpr firstRow, int64_t numRows,
                                            IndexExpr firstPanel, int64_t count) {
  int64_t vectors = panelWidth / lanes * count;
  SmallVector<IndexExpr> indices;
  auto nest = [&](auto &nest, IndexExpr k, SmallVector<Value> sums) -> SmallVector<Value> {
    if (indices.size() < depthGroups.size()) {
      int64_t size = depthGroups[indices.size()].size;
      Value lower = emitter.index(0), upper = emitter.index(size);
      if (indices.empty() && numBlocks > 1) {
        lower = emitter.materialize(block * blockDepth);
        upper = emitter.materialize(block * blockDepth + blockDepth);
        if (size % blockDepth != 0)
          upper = arith::MinSIOp::create(emitter.builder, upper, emitter.index(size));
      }
      return emitter.loop(lower, upper, size, sums, [&](IndexExpr counter, ValueRange values) {
        indices.push_back(counter);
        SmallVector<Value> next = nest(nest, k * size + counter, SmallVector<Value>(values));
        indices.pop_back();
        return next;
      });
    }
    prefetchRows(firstRow, numRows, indices);
    SmallVector<Value> b;
    for (int64_t p = 0; p < count; ++p)
      for (int64_t v = 0; v < vectors / count; ++v)
        b.push_back(loadPanel(k, firstPanel + p, v));
    for (int64_t row = 0; row < numRows; ++row) {
      Value a = emitter.emitVector(op.getLhs(), lhsPosition(firstRow + row, indices), lanes);
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[row * vectors + v];
        sum = vector::FMAOp::create(emitter.builder, a, b[v], sum);
      }
    }
    return sums;
  };
  if (depth == 0)
    return start;
  return nest(nest, 0, start);
}

/// Keeps the sums for the next block, or finishes them.
void Contraction::finishTile(ArrayRef<Value> sums, IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel,
                             int64_t count, int64_t size) {
  if (numBlocks == 1)
    return storeTile(sums, firstRow, numRows, firstPanel, count, size);
  Value isLast = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(block),
                                       emitter.index(numBlocks - 1));
  emitter.branch(
      isLast, [&] { storeTile(sums, firstRow, numRows, firstPanel, count, size); },
      [&] {
        int64_t vectors = panelWidth / lanes * count;
        for (int64_t v = 0; v * lanes < size; ++v) {
          int64_t active = std::min(lanes, size - v * lanes);
          IndexExpr lane = emitter.space.addLane(lanes, active, emitter.getLevel());
          for (int64_t row = 0; row < numRows; ++row)
            emitter.store(sums[row * vectors + v], scratch->buffer,
                          resultPosition(firstRow + row, firstPanel * panelWidth + v * lanes + lane));
        }
      });
}

/// The epilogue, on the columns [0, size) of the tile.
void Contraction::storeTile(ArrayRef<Value> sums, IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel,
                            int64_t count, int64_t size) {
  int64_t vectors = panelWidth / lanes * count;
  for (int64_t v = 0; v * lanes < size; ++v) {
    int64_t active = std::min(lanes, size - v * lanes);
    IndexExpr lane = emitter.space.addLane(lanes, active, emitter.getLevel());
    IndexExpr column = firstPanel * panelWidth + v * lanes + lane;
    SmallVector<Position> positions;
    for (int64_t row = 0; row < numRows; ++row) {
      positions.push_back(resultPosition(firstRow + row, column));
      emitter.define(op.getResult(), positions.back(), sums[row * vectors + v]);
    }
    for (ArrayRef<Position> rest = positions; !rest.empty();) {
      size_t some = std::min<size_t>(rest.size(), PointEmitter::kChains);
      emitter.emitOutputs(results, rest.take_front(some));
      rest = rest.drop_front(some);
    }
  }
}

void Contraction::splitColumns(IndexExpr firstPanel, int64_t count, function_ref<void(IndexExpr, int64_t)> body) {
  int64_t width = count * panelWidth, rest = columns % panelWidth;
  auto [low, high] = emitter.space.getRange(firstPanel);
  if (rest == 0 || high + count < numPanels)
    return body(firstPanel, width);
  int64_t lastSize = width - panelWidth + rest, last = numPanels - count;
  if (low == high)
    return body(firstPanel, lastSize);
  Value panel = emitter.materialize(firstPanel);
  Value isFull = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, panel, emitter.index(last));
  emitter.branch(
      isFull, [&, low = low] { body(emitter.space.addValue(panel, low, last - 1, emitter.getLevel()), width); },
      [&] { body(last, lastSize); });
}

void Contraction::emitTile(IndexExpr firstRow, int64_t numRows, IndexExpr firstPanel, int64_t count) {
  Location outside = emitter.builder.getLoc();
  emitter.builder.setLoc(op.getLoc());
  // A block in between is stored and loaded whole vectors at a time only where all columns exist; the last panel's rare
  // tail has a copy of its own.
  if (numBlocks > 1) {
    splitColumns(firstPanel, count, [&](IndexExpr panel, int64_t size) {
      SmallVector<Value> start = startSums(firstRow, numRows, panel, count, size);
      SmallVector<Value> sums = sumProducts(start, firstRow, numRows, panel, count);
      finishTile(sums, firstRow, numRows, panel, count, size);
    });
  } else {
    SmallVector<Value> start = startSums(firstRow, numRows, firstPanel, count, 0);
    SmallVector<Value> sums = sumProducts(start, firstRow, numRows, firstPanel, count);
    splitColumns(firstPanel, count,
                 [&](IndexExpr panel, int64_t size) { finishTile(sums, firstRow, numRows, panel, count, size); });
  }
  emitter.builder.setLoc(outside);
}

void Contraction::chooseDepthBlocks() {
  if (depthGroups.empty())
    return;
  int64_t elementBytes = emitter.getComputeType(op.getResult()).getIntOrFloatBitWidth() / 8;
  // What a tile reads of panels stays in a part of the second cache, beside the rows of A that pass through again for
  // the next panels (256 x 10000 x 2048: an eighth is 10 % slower). A sum up to twice as long is not worth the extra
  // way of C.
  int64_t most = std::max<int64_t>(job.options.l2Bytes / 12 / (tilePanels * panelWidth * elementBytes), 1);
  blockDepth = depthGroups[0].size;
  scratch = findScratch(job, op.getResult());
  if (!scratch || depth <= 2 * most)
    return;
  int64_t blocks = llvm::divideCeil(depth, most);
  blockDepth = llvm::divideCeil(depthGroups[0].size, std::min(blocks, depthGroups[0].size));
  numBlocks = llvm::divideCeil(depthGroups[0].size, blockDepth);
}

int64_t Contraction::emit() {
  chooseTiles();
  chooseDepthBlocks();
  int64_t rows = rowGroups[tiled].size;
  SmallVector<int64_t> outerShape(batchShape);
  for (auto [i, group] : llvm::enumerate(rowGroups))
    outerShape.push_back(i == tiled ? 1 : group.size);
  int64_t outer = job.count(outerShape);
  if (outer == 0 || rows == 0 || columns == 0)
    return 1;

  // A grid of outer positions, rows and columns.
  int64_t panelGroups = numPanels / tilePanels;
  int64_t wanted =
      job.isOneTask ? 1 : std::clamp<int64_t>(2 * outer * rows * columns * depth / kFlopsPerTask, 1, kMaxTasks);
  Chunks outerChunks = job.splitTasks(outer, wanted);
  Pieces rowPieces = {numTiles, tileRows}, columnPieces = {std::max<int64_t>(panelGroups, 1), tilePanels * panelWidth};
  int64_t inner = outer < wanted ? llvm::divideCeil(wanted, outer) : 1;
  // Where B is copied, each task does so with columns of its own.
  auto [tileChunks, panelChunks] =
      copiesPanels ? std::pair(job.splitTasks(numTiles, 1), job.splitTasks(columnPieces.count, inner))
                   : chooseGrid(job, rowPieces, columnPieces, inner);
  int64_t grid[] = {outerChunks.tasks, tileChunks.tasks, panelChunks.tasks};
  int64_t tasks = job.count(grid);
  Position task = emitter.space.delinearize(job.getTask(tasks), grid);

  // Rows of A that stay in half of the second cache while the panels pass by.
  int64_t elementBytes = emitter.getComputeType(op.getResult()).getIntOrFloatBitWidth() / 8;
  int64_t blockTiles =
      std::max<int64_t>(job.options.l2Bytes / 2 / std::max<int64_t>(tileRows * depth / numBlocks * elementBytes, 1), 1);

  if (copiesPanels) {
    auto type = MemRefType::get(tilePanels * panelWidth * getBlockSize(), emitter.getComputeType(op.getRhs()));
    copy = memref::AllocaOp::create(emitter.builder, type, emitter.builder.getI64IntegerAttr(64));
  }
  auto emitTilesOf = [&](IndexExpr firstPanel, int64_t count, Value lower, Value upper) {
    if (copiesPanels)
      copyPanels(firstPanel, count, lower);
    // Tiles of full height in [lower, upper), then the last one.
    int64_t fullTiles = lastRows == tileRows ? numTiles : numTiles - 1;
    if (fullTiles > 0) {
      Value fullUpper = upper;
      if (fullTiles < numTiles)
        fullUpper = arith::MinSIOp::create(emitter.builder, upper, emitter.index(fullTiles));
      emitter.loop(lower, fullUpper, fullTiles,
                   [&](IndexExpr tile) { emitTile(tile * tileRows, tileRows, firstPanel, count); });
    }
    if (fullTiles == numTiles)
      return;
    Value reachesEnd = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, upper, emitter.index(numTiles));
    emitter.branch(reachesEnd, [&] { emitTile(fullTiles * tileRows, lastRows, firstPanel, count); });
  };
  auto emitPanelsOf = [&, panelChunks = panelChunks](Value lower, Value upper) {
    job.loopChunk(panelChunks, task[2],
                  [&](IndexExpr group) { emitTilesOf(group * tilePanels, tilePanels, lower, upper); });
    // Panels that are left over are done one by one, by the last task.
    int64_t done = panelGroups * tilePanels;
    if (done == numPanels)
      return;
    auto emitRest = [&] {
      emitter.loop(numPanels - done, [&](IndexExpr panel) { emitTilesOf(panel + done, 1, lower, upper); });
    };
    if (panelChunks.tasks == 1)
      return emitRest();
    Value isLast = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(task[2]),
                                         emitter.index(panelChunks.tasks - 1));
    emitter.branch(isLast, emitRest);
  };

  job.loopChunk(outerChunks, task[0], [&, tileChunks = tileChunks](IndexExpr item) {
    outerItem = item;
    Position place = emitter.space.delinearize(item, outerShape);
    batch.assign(place.begin(), place.begin() + batchShape.size());
    outerRows.assign(place.begin() + batchShape.size(), place.end());
    Value lower = emitter.materialize(task[1] * tileChunks.perTask);
    Value upper = emitter.materialize(task[1] * tileChunks.perTask + tileChunks.perTask);
    if (tileChunks.tasks == 1)
      upper = emitter.index(numTiles);
    else
      upper = arith::MinSIOp::create(emitter.builder, upper, emitter.index(numTiles));
    emitter.loop(numBlocks, [&, tileChunks = tileChunks](IndexExpr number) {
      block = number;
      if (tileChunks.perTask <= blockTiles)
        return emitPanelsOf(lower, upper);
      int64_t blocks = llvm::divideCeil(tileChunks.perTask, blockTiles);
      emitter.loop(blocks, [&](IndexExpr rowBlock) {
        Value start = arith::AddIOp::create(emitter.builder, lower, emitter.materialize(rowBlock * blockTiles));
        start = arith::MinSIOp::create(emitter.builder, start, upper);
        Value end = arith::AddIOp::create(emitter.builder, start, emitter.index(blockTiles));
        end = arith::MinSIOp::create(emitter.builder, end, upper);
        emitPanelsOf(start, end);
      });
    });
  });
  job.report("tiles of " + Twine(tileRows) + " x " + Twine(tilePanels * panelWidth) + ", the last of " +
             Twine(lastRows) + " rows; " + Twine(numBlocks) + " blocks of k; " + Twine(tasks) + " tasks");
  return tasks;
}

} // namespace

FailureOr<int64_t> emitContract(KernelJob &job) {
  ContractOp op = *job.emitter.kernel.getBodyBlock()->getOps<ContractOp>().begin();
  Contraction contraction(job, op);
  if (failed(contraction.analyze()))
    return failure();
  return contraction.emit();
}

} // namespace moru
