//===- TileContract.cpp - contractions on matrix units --------------------===//
// C[batch…, m…, n…] = sum over k… of A * B where both operands are in tiles (see TilesAttr): 32 x 32 entries of C are
// summed up in four tiles by products of parts of bf16. Of three parts the six products that matter are taken, the
// small ones first: what is left out is at most 2^-25 of each product. Of two parts three.
//
// Sums are cut every few blocks of K, and the cuts added in vectors: chains of additions on matrix units would lose
// more. A long sum is cut into stretches so that the panels of A that a task works on stay in the second cache; between
// stretches the sums lie in an output that nothing reads.
//
// Where an operand is not in tiles, a panel of it is split just before it is used, and stays in the caches. Where none
// is, K is cut into stretches so short that all panels of the narrower operand stay in the second cache, while those of
// the other one pass by. Rows of
// bf16 that are an lhs of one plane are read as tiles where they lie.
//
// A panel that is marked is not a sum of parts; then, in plain loops, the operands are put together again and
// multiplied as they are.
//===----------------------------------------------------------------------===//

#include "TilePack.h"
#include "moru/Dialect/Kernel/PaddedRows.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;
using namespace moru::kernel;

namespace moru {

static constexpr int64_t kPanel = TileShape::kPanel, kHalf = TileShape::kHalf, kBlock = TileShape::kBlock;
/// Entries of C that are computed at once.
static constexpr int64_t kSums = kPanel * kPanel;
/// Most blocks of K between two cuts: 384 products, measured to be as accurate as sums of f32 by fused operations.
static constexpr int64_t kBlocksPerCut = 12;
/// Where both operands are split each task splits all of the narrower one: least columns of the other one per task, in
/// multiples of those; and tasks nevertheless, where there are no batches.
static constexpr int64_t kLeastPassing = 4, kLeastTasks = 8;
/// Products without a store of a tile between them that do not make the next store wait.
static constexpr int64_t kMostProducts = 120;
/// Cuts of a stretch of K: 768 products.
static constexpr int64_t kCutsPerStretch = 2;
/// Operands of bf16 are themselves rounded by more than sums of f32 lose: cuts are there for the caches alone, one in a
/// stretch, of which a panel is an eighth of the second cache.
static constexpr int64_t kBlocksPerCutOfBF16 = 128;
/// Work of one task: some 20 microseconds on one core. Of one plane less: it does a sixth of the products.
static constexpr int64_t kFlopsPerTask = 4 << 20, kFlopsPerTaskOfBF16 = 8 << 20;
/// Of bf16 fewer ones: the more a task has of both operands, the less comes from beyond the second cache.
static constexpr int64_t kMaxTasks = 32, kMaxTasksOfBF16 = 8;

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

namespace {

/// An operand in tiles, or (`whole`) one whose panels are to be split: then `flat` holds one of them. Or one whose rows
/// are read where they lie, `rowStride` entries apart.
struct TileOperand {
  Value flat;
  BufferType type;
  TileShape shape;
  SmallVector<int64_t> freeShape;
  Value whole;
  int64_t rowStride = 0;
  SmallVector<int64_t> batchStrides = {};
  /// Of one whose panels are to be split: how many are kept at once, and their blocks.
  int64_t keptPanels = 1, keptBlocks = 0;
  std::optional<TilePack> pack = {};

  bool isInRows() const { return rowStride > 0; }
  int64_t getMarks() const { return whole ? keptPanels * keptBlocks * shape.getBlockSize() : shape.getMarks(); }
};

class TileContraction {
public:
  TileContraction(KernelJob &job, ContractOp op, TileOperand a, TileOperand b)
      : job(job), emitter(job.emitter), op(op), a(std::move(a)), b(std::move(b)) {}

  int64_t emit();

private:
  /// 32 x 32 entries, and which part of K.
  struct Place {
    IndexExpr rowPanel, columnPanel, stretch;
  };

  void chooseCuts();
  void chooseWindow();
  void emitBlock(const Place &place);
  void preparePanel(TileOperand &operand);
  Position getBatch(const TileOperand &split) {
    return getShape(split.whole).size() > 2 ? Position{batch} : Position();
  }
  void emitSplit(const Chunks &chunks, IndexExpr chunk);
  void emitSplitBoth(const Chunks &chunks, IndexExpr chunk);
  bool splitsBoth() const { return a.whole && b.whole; }
  /// Panels of one operand pass by, each used for many of the other one, which are kept in the second cache: of two
  /// operands to be split the narrower one, of bf16 mostly B, so that C is written along its rows: there is less to
  /// compute for each line of it.
  bool keepsColumns() const {
    if (splitsBoth())
      return b.shape.columns < a.shape.columns;
    return a.whole || (!b.whole && a.shape.planes == 1 && !keepsRows);
  }
  TileOperand &getKept() { return keepsColumns() ? b : a; }
  TileOperand &getPassing() { return keepsColumns() ? a : b; }
  Place placeAt(IndexExpr passing, IndexExpr kept, IndexExpr stretch) const {
    return keepsColumns() ? Place{passing, kept, stretch} : Place{kept, passing, stretch};
  }
  /// The passing panel of a place, and the kept one.
  std::pair<IndexExpr, IndexExpr> getPanels(const Place &place) const {
    return keepsColumns() ? std::pair(place.rowPanel, place.columnPanel) : std::pair(place.columnPanel, place.rowPanel);
  }
  void emitGrid(const Chunks &kept, const Chunks &passing, IndexExpr keptTask, IndexExpr passingTask);
  void multiplyOnTiles(const Place &place);
  void prefetchResult(const Place &place, Value lower, IndexExpr block);
  void prefetchNextPanel(const Place &place, IndexExpr block);
  void prefetchNextTiles(const Place &place, Value lower, IndexExpr block);
  SmallVector<BlockArgument> findEpilogueReads();
  IndexExpr atMost(IndexExpr expr, int64_t last);
  void multiplyCut(const Place &place, IndexExpr cut, IndexExpr target);
  void storeTile(ValueRange tiles, int64_t i, IndexExpr target);
  SmallVector<Value> multiplyStep(IndexExpr aAddress, IndexExpr bAddress, ValueRange sums);
  void multiplyPlainly(const Place &place, ArrayRef<Value> marks);
  Value loadNumber(IndexExpr address, Value isMarked);
  Value loadNumbers(IndexExpr address, IndexExpr second, Value isMarked);
  void finish(const Place &place);
  void finishColumns(const Place &place, IndexExpr columnPanel, int64_t size, bool isLast);
  void forEachRow(const Place &place, function_ref<void(IndexExpr, IndexExpr)> body);
  SmallVector<Value> loadMarks(const TileOperand &operand, IndexExpr panel);
  IndexExpr addressOf(const TileOperand &operand, IndexExpr panel, IndexExpr block) const;
  IndexExpr placeOf(const TileOperand &operand, IndexExpr panel) const;
  Position resultPosition(IndexExpr row, IndexExpr column);
  Value boundOf(const Place &place, IndexExpr cut);
  Value loadSum(IndexExpr address);
  void storeSum(Value value, IndexExpr address);
  Type numbers() { return VectorType::get(kHalf, emitter.builder.getF32Type()); }
  Type integers() { return VectorType::get(kHalf, emitter.builder.getI32Type()); }
  Value bits(Type type, int64_t value) { return emitter.number(type, double(value)); }

  KernelJob &job;
  PointEmitter &emitter;
  ContractOp op;
  TileOperand a, b;
  SmallVector<int64_t> batchShape;
  /// Blocks between two cuts, cuts of a stretch, stretches.
  int64_t cutBlocks = 1, numCuts = 1, stretchCuts = 1, numStretches = 1;
  const KernelOutput *scratch = nullptr;
  /// 32 x 32 sums of the stretch; where it has several cuts, as many of a cut behind them.
  Value sums;
  IndexExpr batch;
  /// What the epilogue reads at the places of the results.
  SmallVector<BlockArgument> epilogueReads;
  /// Of bf16: panels of A stay in the second cache.
  bool keepsRows = false;
  /// In a grid: how many panels stay at once, and the number of the first.
  int64_t numKept = 0;
  Value firstKept;
};

/// Both operands are split: as many blocks at a time, at most a cut, as let one of them stay in a part of the second
/// cache.
void TileContraction::chooseWindow() {
  TileOperand &kept = getKept();
  kept.keptPanels = kept.shape.panels;
  int64_t blocks = a.shape.blocks, most = job.options.l2Bytes / 4 / (2 * kept.keptPanels * kept.shape.getBlockSize());
  most = std::clamp<int64_t>(most, 1, kBlocksPerCut);
  scratch = findScratch(job, op.getResult());
  numStretches = llvm::divideCeil(blocks, most);
  cutBlocks = llvm::divideCeil(blocks, numStretches);
  numCuts = numStretches = llvm::divideCeil(blocks, cutBlocks);
  a.keptBlocks = b.keptBlocks = cutBlocks;
}

void TileContraction::chooseCuts() {
  if (splitsBoth())
    return chooseWindow();
  int64_t blocks = a.shape.blocks;
  bool isPlain = a.shape.planes == 1;
  cutBlocks = llvm::divideCeil(blocks, llvm::divideCeil(blocks, isPlain ? kBlocksPerCutOfBF16 : kBlocksPerCut));
  a.keptBlocks = b.keptBlocks = blocks;
  numCuts = llvm::divideCeil(blocks, cutBlocks);
  // A panel that is split is used for one stretch.
  scratch = a.whole || b.whole ? nullptr : findScratch(job, op.getResult());
  int64_t most = isPlain ? 1 : kCutsPerStretch;
  stretchCuts = scratch && numCuts > most + 1 ? most : numCuts;
  numStretches = llvm::divideCeil(numCuts, stretchCuts);
}

IndexExpr TileContraction::addressOf(const TileOperand &operand, IndexExpr panel, IndexExpr block) const {
  if (operand.isInRows()) {
    IndexExpr start = emitter.space.linearize(emitter.space.delinearize(batch, batchShape), operand.batchStrides);
    return start + panel * (kPanel * operand.rowStride) + block * kBlock;
  }
  int64_t blocks = operand.whole ? operand.keptBlocks : operand.shape.blocks;
  return placeOf(operand, panel) * (blocks * operand.shape.getBlockSize()) + block * operand.shape.getBlockSize();
}

/// The number of a panel among those that lie in memory.
IndexExpr TileContraction::placeOf(const TileOperand &operand, IndexExpr panel) const {
  if (operand.whole)
    return operand.keptPanels > 1 ? panel : IndexExpr(0);
  return batch * operand.shape.panels + panel;
}

Position TileContraction::resultPosition(IndexExpr row, IndexExpr column) {
  Position position = emitter.space.delinearize(batch, batchShape);
  for (const IndexExpr &expr : emitter.space.delinearize(row, a.freeShape))
    position.push_back(expr);
  for (const IndexExpr &expr : emitter.space.delinearize(column, b.freeShape))
    position.push_back(expr);
  return position;
}

//===----------------------------------------------------------------------===//
// On tiles
//===----------------------------------------------------------------------===//

/// The products of one block, added to sums[2 * half of a + half of b]. Seven tiles are alive at once: with all eight
/// registers in use, LLVM would move tiles through memory.
SmallVector<Value> TileContraction::multiplyStep(IndexExpr aAddress, IndexExpr bAddress, ValueRange start) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  auto type = amx::TileType::get({kHalf, kBlock}, builder.getBF16Type());
  auto load = [&](bool isLhs, int64_t plane, int64_t half) -> Value {
    const TileOperand &operand = isLhs ? a : b;
    bool isInRows = operand.isInRows();
    IndexExpr address = (isLhs ? aAddress : bAddress) +
                        (isInRows ? half * kHalf * operand.rowStride : (plane * 2 + half) * TileShape::kTileSize);
    return amx::TileLoadOp::create(builder, type, operand.flat, ValueRange{emitter.materialize(address)},
                                   emitter.index(isInRows ? operand.rowStride : kBlock));
  };
  int64_t planes = a.shape.planes, line = 64 / 2, lines = a.shape.getBlockSize() / line;
  int64_t pairs = planes * (planes + 1), done = 0;
  // What the next block reads, a share with each pair of products.
  auto prefetch = [&] {
    for (int64_t k = done * lines / pairs; k < (done + 1) * lines / pairs; ++k)
      for (bool isLhs : {true, false}) {
        if (isLhs && a.isInRows())
          continue;
        IndexExpr address = (isLhs ? aAddress : bAddress) + (a.shape.getBlockSize() + k * line);
        memref::PrefetchOp::create(builder, (isLhs ? a : b).flat, ValueRange{emitter.materialize(address)},
                                   /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
      }
    ++done;
  };
  SmallVector<Value> next(start);
  // Smallest products first: the planes of a from the last to the first, with those of b whose product is not less than
  // the least that matters.
  for (int64_t plane = planes - 1; plane >= 0; --plane) {
    Value lhs[] = {load(true, plane, 0), load(true, plane, 1)};
    for (int64_t other = planes - 1 - plane; other >= 0; --other)
      for (int64_t half = 0; half < 2; ++half) {
        Value rhs = load(false, other, half);
        for (int64_t i = 0; i < 2; ++i) {
          Value &sum = next[2 * i + half];
          sum = amx::TileMulFOp::create(builder, sum.getType(), lhs[i], rhs, sum);
        }
        prefetch();
      }
  }
  return next;
}

/// Arguments with as many entries as the result, which its epilogue reads entry by entry.
SmallVector<BlockArgument> TileContraction::findEpilogueReads() {
  return llvm::filter_to_vector(emitter.kernel.getBodyBlock()->getArguments(), [&](BlockArgument argument) {
    return !emitter.getBuffer(argument).type.isPacked() && getShape(argument) == getShape(op.getResult()) &&
           llvm::all_of(argument.getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::Elementwise>(); });
  });
}

/// Asks, with each block of K, for some of the lines that the place's sums will be written to, and of what they are
/// put together with.
void TileContraction::prefetchResult(const Place &place, Value lower, IndexExpr block) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  int64_t perBlock = llvm::divideCeil(kPanel, cutBlocks);
  Value first = arith::SubIOp::create(builder, emitter.materialize(block), lower);
  first = arith::MulIOp::create(builder, first, emitter.index(perBlock));
  first = arith::AddIOp::create(builder, first, emitter.materialize(place.rowPanel * kPanel));
  for (int64_t k = 0; k < perBlock; ++k) {
    Value row = arith::AddIOp::create(builder, first, emitter.index(k));
    row = arith::MinSIOp::create(builder, row, emitter.index(a.shape.columns - 1));
    IndexExpr rowExpr = emitter.space.addValue(row, 0, a.shape.columns - 1, emitter.getLevel());
    for (int64_t half = 0; half < 2; ++half) {
      IndexExpr columnExpr = atMost(place.columnPanel * kPanel + half * kHalf, b.shape.columns - 1);
      for (BlockArgument read : epilogueReads)
        emitter.prefetch(read, resultPosition(rowExpr, columnExpr));
      for (const KernelOutput &output : job.outputs) {
        IndexExpr address = emitter.getAddress(output.buffer, resultPosition(rowExpr, columnExpr));
        memref::PrefetchOp::create(builder, output.buffer.flat, ValueRange{emitter.materialize(address)},
                                   /*isWrite=*/true, /*localityHint=*/3, /*isDataCache=*/true);
      }
    }
  }
}

IndexExpr TileContraction::atMost(IndexExpr expr, int64_t last) {
  Value value = arith::MinSIOp::create(emitter.builder, emitter.materialize(expr), emitter.index(last));
  return emitter.space.addValue(value, 0, last, emitter.getLevel());
}

/// Asks, with each block of K, for a share of the lines that the next panel will be split from. Panels in tiles of
/// several planes come in time without: asking for them early too makes it slower.
void TileContraction::prefetchNextPanel(const Place &place, IndexExpr block) {
  TileOperand &passing = getPassing();
  if (!passing.whole)
    return;
  if (splitsBoth())
    block = place.stretch * cutBlocks + block;
  auto [current, partner] = getPanels(place);
  IndexExpr panel = atMost(current + 1, passing.shape.panels - 1);
  int64_t rows = llvm::divideCeil(kPanel, getKept().shape.panels);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t half = 0; half < 2; ++half) {
      IndexExpr row = atMost(partner * rows + i, kPanel - 1), column = half * kHalf;
      if (passing.pack->isAlongDepth())
        std::swap(row, column);
      Position position = getBatch(passing);
      position.push_back(atMost(block * kBlock + row, a.shape.depth - 1));
      position.push_back(atMost(panel * kPanel + column, passing.shape.columns - 1));
      emitter.prefetch(passing.whole, position);
    }
}

/// Of bf16 in tiles the next panel comes from main memory while this one is multiplied: a share of it with each block
/// of K. Rows of bf16 are found by the machine itself.
void TileContraction::prefetchNextTiles(const Place &place, Value lower, IndexExpr block) {
  TileOperand &passing = getPassing();
  if (a.shape.planes > 1 || numKept == 0 || passing.isInRows())
    return;
  ImplicitLocOpBuilder &builder = emitter.builder;
  constexpr int64_t kLine = 64 / 2;
  int64_t lines = llvm::divideCeil(passing.shape.getBlockSize() / kLine, numKept);
  auto [panel, partner] = getPanels(place);
  // The number of this block among those that the panel is multiplied with.
  Value number = arith::SubIOp::create(builder, emitter.materialize(partner), firstKept);
  number = arith::MulIOp::create(builder, number, emitter.index(cutBlocks));
  number = arith::AddIOp::create(builder, number, emitter.materialize(block));
  number = arith::SubIOp::create(builder, number, lower);
  IndexExpr first = emitter.space.addValue(lower, 0, passing.shape.blocks, emitter.getLevel());
  Value address = emitter.materialize(addressOf(passing, panel + 1, first));
  number = arith::MulIOp::create(builder, number, emitter.index(lines * kLine));
  address = arith::AddIOp::create(builder, address, number);
  for (int64_t line = 0; line < lines; ++line) {
    Value place = arith::AddIOp::create(builder, address, emitter.index(line * kLine));
    memref::PrefetchOp::create(builder, passing.flat, ValueRange{place}, /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
  }
}

/// The blocks of a cut, from zero; leaves the sums at `target`. Where they are many, one of them is stored on the way
/// too: a store of a tile that comes after too many products waits until the unit is empty, which then stands still for
/// the time of 40 products (measured: a quarter of all time at K = 256).
void TileContraction::multiplyCut(const Place &place, IndexExpr cut, IndexExpr target) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  auto type = amx::TileType::get({kHalf, kHalf}, builder.getF32Type());
  int64_t productsPerBlock = 2 * a.shape.planes * (a.shape.planes + 1);
  Value lower = boundOf(place, cut), upper = boundOf(place, cut + 1);
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < 4; ++i)
    zeros.push_back(amx::TileZeroOp::create(builder, type));
  SmallVector<Value> tiles = emitter.loop(lower, upper, a.shape.blocks, zeros, [&](IndexExpr block, ValueRange values) {
    prefetchResult(place, lower, block);
    prefetchNextPanel(place, block);
    prefetchNextTiles(place, lower, block);
    SmallVector<Value> next =
        multiplyStep(addressOf(a, place.rowPanel, block), addressOf(b, place.columnPanel, block), values);
    if (cutBlocks * productsPerBlock > kMostProducts)
      storeTile(next, 0, target);
    return next;
  });
  for (int64_t i = 0; i < 4; ++i)
    storeTile(tiles, i, target);
}

/// Sum number i of a place to where it belongs among 32 x 32.
void TileContraction::storeTile(ValueRange tiles, int64_t i, IndexExpr target) {
  Value place = emitter.materialize(target + (i / 2 * kHalf * kPanel + i % 2 * kHalf));
  amx::TileStoreOp::create(emitter.builder, sums, ValueRange{place}, tiles[i], emitter.index(kPanel));
}

/// The first block of a cut of the place's stretch, at most behind the last. Where both operands are split, counted
/// from the stretch's first.
Value TileContraction::boundOf(const Place &place, IndexExpr cut) {
  if (splitsBoth()) {
    Value end = emitter.materialize(cut * cutBlocks);
    if (a.shape.blocks % cutBlocks == 0)
      return end;
    Value left = emitter.materialize(place.stretch * -cutBlocks + a.shape.blocks);
    return arith::MinSIOp::create(emitter.builder, end, left);
  }
  Value bound = emitter.materialize((place.stretch * stretchCuts + cut) * cutBlocks);
  if (a.shape.blocks % (stretchCuts * cutBlocks) == 0)
    return bound;
  return arith::MinSIOp::create(emitter.builder, bound, emitter.index(a.shape.blocks));
}

/// The products of a cut go to the sums of the stretch where it is the first, else beside them, to be added: all cuts
/// are one loop, so that its long body is there once.
void TileContraction::multiplyOnTiles(const Place &place) {
  if (stretchCuts == 1)
    return multiplyCut(place, 0, 0);
  ImplicitLocOpBuilder &builder = emitter.builder;
  emitter.loop(stretchCuts, [&](IndexExpr cut) {
    Value isLater =
        arith::CmpIOp::create(builder, arith::CmpIPredicate::sgt, emitter.materialize(cut), emitter.index(0));
    Value beside = arith::SelectOp::create(builder, isLater, emitter.index(kSums), emitter.index(0));
    multiplyCut(place, cut, emitter.space.addValue(beside, 0, kSums, emitter.getLevel()));
    emitter.branch(isLater, [&] {
      emitter.loop(kSums / kHalf, [&](IndexExpr number) {
        Value sum = loadSum(number * kHalf);
        storeSum(arith::AddFOp::create(builder, sum, loadSum(number * kHalf + kSums)), number * kHalf);
      });
    });
  });
}

Value TileContraction::loadSum(IndexExpr address) {
  Value place = emitter.materialize(address);
  return vector::LoadOp::create(emitter.builder, cast<VectorType>(numbers()), sums, ValueRange{place});
}

void TileContraction::storeSum(Value value, IndexExpr address) {
  Value place = emitter.materialize(address);
  vector::StoreOp::create(emitter.builder, value, sums, ValueRange{place});
}

//===----------------------------------------------------------------------===//
// Plainly
//===----------------------------------------------------------------------===//

/// The marks of both halves of a panel, as truth values.
SmallVector<Value> TileContraction::loadMarks(const TileOperand &operand, IndexExpr panel) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  SmallVector<Value> marks;
  for (int64_t half = 0; half < 2; ++half) {
    IndexExpr address = placeOf(operand, panel) * 2 + half + operand.getMarks();
    Value mark = memref::LoadOp::create(builder, operand.flat, ValueRange{emitter.materialize(address)});
    mark = arith::BitcastOp::create(builder, builder.getI16Type(), mark);
    Value zero = arith::ConstantOp::create(builder, builder.getI16IntegerAttr(0));
    marks.push_back(arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, mark, zero));
  }
  return marks;
}

/// The number whose first part lies at `address`.
Value TileContraction::loadNumber(IndexExpr address, Value isMarked) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  Type integer = builder.getI32Type();
  SmallVector<Value> parts;
  for (int64_t plane = 0; plane < a.shape.planes; ++plane) {
    Value place = emitter.materialize(address + plane * 2 * TileShape::kTileSize);
    parts.push_back(extendBF16(builder, memref::LoadOp::create(builder, a.flat, ValueRange{place})));
  }
  Value sum = parts[0];
  for (Value part : ArrayRef(parts).drop_front())
    sum = arith::AddFOp::create(builder, sum, part);
  Value high = arith::BitcastOp::create(builder, integer, parts[0]);
  Value low = arith::BitcastOp::create(builder, integer, parts[1]);
  low = arith::ShRUIOp::create(builder, low, bits(integer, 16));
  Value whole = arith::BitcastOp::create(builder, builder.getF32Type(), arith::OrIOp::create(builder, high, low));
  return arith::SelectOp::create(builder, isMarked, whole, sum);
}

/// Of the 16 pairs of numbers whose first parts lie at `address` the first ones, or the second ones.
Value TileContraction::loadNumbers(IndexExpr address, IndexExpr second, Value isMarked) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  Value sixteen = bits(integers(), 16);
  Value shift = arith::IndexCastUIOp::create(builder, builder.getI32Type(), emitter.materialize(second * 16));
  shift = emitter.broadcast(shift, kHalf);
  SmallVector<Value> parts;
  for (int64_t plane = 0; plane < b.shape.planes; ++plane) {
    Value place = emitter.materialize(address + plane * 2 * TileShape::kTileSize);
    auto type = VectorType::get(kBlock, builder.getBF16Type());
    Value pair = vector::LoadOp::create(builder, type, b.flat, ValueRange{place});
    pair = vector::BitCastOp::create(builder, cast<VectorType>(integers()), pair);
    parts.push_back(arith::ShLIOp::create(builder, arith::ShRUIOp::create(builder, pair, shift), sixteen));
  }
  auto asNumber = [&](Value value) { return Value(arith::BitcastOp::create(builder, numbers(), value)); };
  Value sum = asNumber(parts[0]);
  for (Value part : ArrayRef(parts).drop_front())
    sum = arith::AddFOp::create(builder, sum, asNumber(part));
  Value low = arith::ShRUIOp::create(builder, parts[1], sixteen);
  Value whole = asNumber(arith::OrIOp::create(builder, parts[0], low));
  return arith::SelectOp::create(builder, isMarked, whole, sum);
}

void TileContraction::multiplyPlainly(const Place &place, ArrayRef<Value> marks) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  Value lower = boundOf(place, 0), upper = boundOf(place, stretchCuts);
  auto choose = [&](IndexExpr number, int64_t least, Value first, Value second) -> Value {
    Value isFirst =
        arith::CmpIOp::create(builder, arith::CmpIPredicate::slt, emitter.materialize(number), emitter.index(least));
    return arith::SelectOp::create(builder, isFirst, first, second);
  };
  // The halves of a panel are neighbors: rows run on, those of a plane do not.
  auto multiplyBlock = [&](IndexExpr row, Value rowMark, IndexExpr half, Value columnMark, IndexExpr block,
                           ValueRange outer) {
    // First of each pair, then second: K in order.
    return emitter.loop(emitter.index(0), emitter.index(2), 2, outer, [&](IndexExpr second, ValueRange middle) {
      return emitter.loop(
          emitter.index(0), emitter.index(kHalf), kHalf, middle, [&](IndexExpr pair, ValueRange values) {
            IndexExpr aAddress = addressOf(a, place.rowPanel, block) + row * kBlock + pair * 2 + second;
            IndexExpr bAddress = addressOf(b, place.columnPanel, block) + half * TileShape::kTileSize + pair * kBlock;
            Value lhs = emitter.broadcast(loadNumber(aAddress, rowMark), kHalf);
            Value rhs = loadNumbers(bAddress, second, columnMark);
            return SmallVector<Value>{vector::FMAOp::create(builder, lhs, rhs, values[0])};
          });
    });
  };
  emitter.loop(kPanel, [&](IndexExpr row) {
    Value rowMark = choose(row, kHalf, marks[0], marks[1]);
    emitter.loop(2, [&](IndexExpr half) {
      Value columnMark = choose(half, 1, marks[2], marks[3]);
      Value start = emitter.zero(numbers());
      SmallVector<Value> sum =
          emitter.loop(lower, upper, a.shape.blocks, start, [&](IndexExpr block, ValueRange values) {
            return multiplyBlock(row, rowMark, half, columnMark, block, values);
          });
      storeSum(sum[0], row * kPanel + half * kHalf);
    });
  });
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// The rows of a place that exist: their number within it and within C.
void TileContraction::forEachRow(const Place &place, function_ref<void(IndexExpr, IndexExpr)> body) {
  int64_t rows = a.shape.columns;
  if (rows % kPanel == 0)
    return emitter.loop(kPanel, [&](IndexExpr row) { body(row, place.rowPanel * kPanel + row); });
  Value left =
      arith::SubIOp::create(emitter.builder, emitter.index(rows), emitter.materialize(place.rowPanel * kPanel));
  Value upper = arith::MinSIOp::create(emitter.builder, left, emitter.index(kPanel));
  emitter.loop(emitter.index(0), upper, kPanel, [&](IndexExpr row) {
    Value number = emitter.materialize(place.rowPanel * kPanel + row);
    body(row, emitter.space.addValue(number, 0, rows - 1, emitter.getLevel()));
  });
}

/// Stores the columns [0, size) of a panel: sums on their way, or results.
void TileContraction::finishColumns(const Place &place, IndexExpr columnPanel, int64_t size, bool isLast) {
  forEachRow(place, [&](IndexExpr row, IndexExpr resultRow) {
    for (int64_t half = 0; half * kHalf < size; ++half) {
      int64_t active = std::min(kHalf, size - half * kHalf);
      IndexExpr lane = emitter.space.addLane(kHalf, active, emitter.getLevel());
      Position position = resultPosition(resultRow, columnPanel * kPanel + half * kHalf + lane);
      Value sum = loadSum(row * kPanel + half * kHalf);
      if (numStretches > 1) {
        Value isFirst = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq,
                                              emitter.materialize(place.stretch), emitter.index(0));
        sum = emitter.branch(
            isFirst, sum.getType(), [&] { return SmallVector<Value>{sum}; },
            [&] {
              Value before = emitter.load(scratch->buffer, position);
              return SmallVector<Value>{arith::AddFOp::create(emitter.builder, before, sum)};
            })[0];
      }
      if (!isLast) {
        emitter.store(sum, scratch->buffer, position);
        continue;
      }
      emitter.define(op.getResult(), position, sum);
      emitter.emitOutputs(job.outputs, position);
    }
  });
}

void TileContraction::finish(const Place &place) {
  auto withColumns = [&](bool isLast) {
    int64_t columns = b.shape.columns, rest = columns % kPanel, last = b.shape.panels - 1;
    if (rest == 0)
      return finishColumns(place, place.columnPanel, kPanel, isLast);
    if (last == 0)
      return finishColumns(place, 0, rest, isLast);
    Value panel = emitter.materialize(place.columnPanel);
    Value isFull = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, panel, emitter.index(last));
    emitter.branch(
        isFull,
        [&] { finishColumns(place, emitter.space.addValue(panel, 0, last - 1, emitter.getLevel()), kPanel, isLast); },
        [&] { finishColumns(place, last, rest, isLast); });
  };
  if (numStretches == 1)
    return withColumns(true);
  Value isLast = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(place.stretch),
                                       emitter.index(numStretches - 1));
  emitter.branch(isLast, [&] { withColumns(true); }, [&] { withColumns(false); });
}

void TileContraction::emitBlock(const Place &place) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  // bf16 is multiplied as it is.
  if (a.shape.planes == 1) {
    multiplyOnTiles(place);
    return finish(place);
  }
  SmallVector<Value> marks = loadMarks(a, place.rowPanel);
  llvm::append_range(marks, loadMarks(b, place.columnPanel));
  Value any = marks[0];
  for (Value mark : ArrayRef(marks).drop_front())
    any = arith::OrIOp::create(builder, any, mark);
  emitter.branch(any, [&] { multiplyPlainly(place, marks); }, [&] { multiplyOnTiles(place); });
  finish(place);
}

/// Memory for the panels of an operand that is not in tiles, and what fills it.
void TileContraction::preparePanel(TileOperand &operand) {
  // The marks take lines of their own.
  int64_t line = 64 / 2, size = operand.getMarks() + llvm::alignTo(operand.keptPanels * 2, line);
  operand.flat = memref::AllocaOp::create(emitter.builder, MemRefType::get(size, emitter.builder.getBF16Type()),
                                          emitter.builder.getI64IntegerAttr(64));
  operand.pack.emplace(emitter, operand.whole, operand.type, operand.flat, operand.getMarks());
  operand.pack->setWindow(operand.keptBlocks);
  operand.pack->chooseDirection();
}

/// One side's panels are split one after the other: each is used for all panels of the other.
void TileContraction::emitSplit(const Chunks &chunks, IndexExpr chunk) {
  TileOperand &split = getPassing();
  job.loopChunk(chunks, chunk, [&](IndexExpr panel) {
    split.pack->emitPanel(getBatch(split), panel, 0);
    emitter.loop(getKept().shape.panels, [&](IndexExpr partner) { emitBlock(placeAt(panel, partner, 0)); });
  });
}

/// Both sides are split, a stretch of K at a time: all panels of one, then those of the other one after the other.
void TileContraction::emitSplitBoth(const Chunks &chunks, IndexExpr chunk) {
  TileOperand &kept = getKept(), &passing = getPassing();
  emitter.loop(numStretches, [&](IndexExpr stretch) {
    emitter.loop(kept.shape.panels,
                 [&](IndexExpr panel) { kept.pack->emitPanel(getBatch(kept), panel, panel, stretch * cutBlocks); });
    job.loopChunk(chunks, chunk, [&](IndexExpr panel) {
      passing.pack->emitPanel(getBatch(passing), panel, 0, stretch * cutBlocks);
      emitter.loop(kept.shape.panels, [&](IndexExpr partner) { emitBlock(placeAt(panel, partner, stretch)); });
    });
  });
}

/// The panels of both sides that a task works on; those of the kept side in blocks that stay in half of the second
/// cache while those of the other pass by.
void TileContraction::emitGrid(const Chunks &kept, const Chunks &passing, IndexExpr keptTask, IndexExpr passingTask) {
  int64_t panels = getKept().shape.panels;
  int64_t panelBytes = 2 * a.shape.getBlockSize() * std::min(cutBlocks * stretchCuts, a.shape.blocks);
  int64_t most = std::max<int64_t>(job.options.l2Bytes / 2 / panelBytes, 1);
  int64_t blocks = llvm::divideCeil(kept.perTask, most);
  int64_t perBlock = numKept = llvm::divideCeil(kept.perTask, blocks);
  auto bound = [&](IndexExpr value) -> Value {
    return arith::MinSIOp::create(emitter.builder, emitter.materialize(value), emitter.index(panels));
  };
  emitter.loop(numStretches, [&](IndexExpr stretch) {
    emitter.loop(blocks, [&](IndexExpr block) {
      IndexExpr first = keptTask * kept.perTask + block * perBlock;
      Value lower = firstKept = bound(first), upper = bound(first + perBlock);
      if (kept.perTask % perBlock != 0)
        upper = arith::MinSIOp::create(emitter.builder, upper, bound(keptTask * kept.perTask + kept.perTask));
      job.loopChunk(passing, passingTask, [&](IndexExpr panel) {
        emitter.loop(lower, upper, panels, [&](IndexExpr other) { emitBlock(placeAt(panel, other, stretch)); });
      });
    });
  });
}

int64_t TileContraction::emit() {
  bool splits = a.whole || b.whole;
  chooseCuts();
  epilogueReads = findEpilogueReads();
  for (int64_t axis : op.getLhsBatch())
    batchShape.push_back(getShape(op.getLhs())[axis]);
  auto type = MemRefType::get(stretchCuts > 1 ? 2 * kSums : kSums, emitter.builder.getF32Type());
  sums = memref::AllocaOp::create(emitter.builder, type, emitter.builder.getI64IntegerAttr(64));
  for (TileOperand *operand : {&a, &b})
    if (operand->whole)
      preparePanel(*operand);

  int64_t batches = a.shape.batches, rowPanels = a.shape.panels, columnPanels = b.shape.panels;
  int64_t flops = 2 * batches * a.shape.columns * b.shape.columns * a.shape.depth;
  int64_t wanted = a.shape.planes == 1 ? std::clamp<int64_t>(flops / kFlopsPerTaskOfBF16, 1, kMaxTasksOfBF16)
                                       : std::clamp<int64_t>(flops / kFlopsPerTask, 1, kMaxTasks);
  if (job.isOneTask)
    wanted = 1;
  int64_t pieces = batches < wanted ? llvm::divideCeil(wanted, batches) : 1;
  if (splitsBoth())
    pieces = std::clamp<int64_t>(getPassing().shape.columns / (kLeastPassing * getKept().shape.columns),
                                 batches > 1 ? 1 : std::min(pieces, kLeastTasks), pieces);
  Chunks batchChunks = job.splitTasks(batches, wanted);
  auto [rowChunks, columnChunks] = chooseGrid(job, {rowPanels, kPanel}, {columnPanels, kPanel}, pieces);
  if (splits) {
    rowChunks = keepsColumns() ? job.splitTasks(rowPanels, pieces) : Chunks{rowPanels, rowPanels, 1};
    columnChunks = keepsColumns() ? Chunks{columnPanels, columnPanels, 1} : job.splitTasks(columnPanels, pieces);
  }
  // Where A has fewer panels they stay, unless C is so large that it goes through main memory: then along its rows.
  keepsRows = !splits && rowChunks.perTask < columnChunks.perTask &&
              4 * rowChunks.perTask * columnChunks.perTask * kPanel * kPanel <= job.options.l2Bytes;
  int64_t grid[] = {batchChunks.tasks, rowChunks.tasks, columnChunks.tasks};
  int64_t tasks = job.count(grid);
  Position task = emitter.space.delinearize(job.getTask(tasks), grid);
  const Chunks &passing = keepsColumns() ? rowChunks : columnChunks, &kept = keepsColumns() ? columnChunks : rowChunks;
  IndexExpr passingTask = task[keepsColumns() ? 1 : 2], keptTask = task[keepsColumns() ? 2 : 1];
  job.loopChunk(batchChunks, task[0], [&](IndexExpr item) {
    batch = item;
    if (splitsBoth())
      emitSplitBoth(passing, passingTask);
    else if (splits)
      emitSplit(passing, passingTask);
    else
      emitGrid(kept, passing, keptTask, passingTask);
  });
  int64_t planes = a.shape.planes;
  job.report(Twine(planes * (planes + 1) / 2) + " products on tiles, blocks of " + Twine(kPanel) + " x " +
             Twine(kPanel) + "; " + Twine(numCuts) + " cuts, " + Twine(numStretches) + " stretches of k; " +
             Twine(tasks) + " tasks");
  return tasks;
}

int64_t productOf(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product *= size;
  return product;
}

/// An lhs [batch, over, free] of bf16 whose rows of K lie in memory as those of tiles do.
std::optional<TileOperand> findRows(KernelJob &job, ContractOp op, BufferType type) {
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
FailureOr<TileOperand> findOperand(KernelJob &job, ContractOp op, bool isLhs, int64_t planes) {
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
    collapsed.push_back(productOf(shape.take_front(batch.size())));
  collapsed.push_back(productOf(shape.slice(batch.size(), order.size() - batch.size())));
  collapsed.push_back(productOf(freeShape));
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

} // namespace

FailureOr<int64_t> emitTileContract(KernelJob &job) {
  ContractOp op = *job.emitter.kernel.getBodyBlock()->getOps<ContractOp>().begin();
  auto planes = op->getAttrOfType<IntegerAttr>(KernelDialect::kPlanesAttr);
  if (!planes)
    return op.emitOpError("expected kernel.planes on a contraction of operands in tiles");
  FailureOr<TileOperand> a = findOperand(job, op, /*isLhs=*/true, planes.getInt());
  FailureOr<TileOperand> b = findOperand(job, op, /*isLhs=*/false, planes.getInt());
  if (failed(a) || failed(b))
    return failure();
  if (a->shape.planes != b->shape.planes || a->shape.depth != b->shape.depth || a->shape.batches != b->shape.batches ||
      job.emitter.getLanes() != kHalf)
    return op.emitOpError("expected operands of the same planes, depth and batches, and vectors of 16 entries, got ")
           << a->type << " and " << b->type;
  if (a->whole && b->whole && !findScratch(job, op.getResult()))
    return op.emitOpError("expected a result of f32 in memory apart from the operands, which are not in tiles");
  return TileContraction(job, op, std::move(*a), std::move(*b)).emit();
}

} // namespace moru
