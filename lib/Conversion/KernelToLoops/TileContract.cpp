//===- TileContract.cpp - contractions on matrix units --------------------===//
// C[batch…, m…, n…] = sum over k… of A * B where both operands are in tiles (see TilesAttr): 32 x 32 entries of C are
// summed up in four tiles by products of parts of bf16. Of three parts the six products that matter are taken, the
// small ones first: what is left out is at most 2^-25 of each product. Of two parts three.
//
// Here are the products and what becomes of a result; the loops around them are in TileNest.cpp.
//===----------------------------------------------------------------------===//

#include "TileContract.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;
using namespace moru::kernel;

namespace moru {

/// Products without a store of a tile between them that do not make the next store wait.
static constexpr int64_t kMostProducts = 120;

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
  int64_t perBlock = llvm::divideCeil(kPanel, chunkBlocks);
  Value first = arith::SubIOp::create(builder, emitter.materialize(block), lower);
  first = arith::MulIOp::create(builder, first, emitter.index(perBlock));
  first = arith::AddIOp::create(builder, first, emitter.materialize(place.rowPanel * kPanel));
  for (int64_t k = 0; k < perBlock; ++k) {
    Value row = arith::AddIOp::create(builder, first, emitter.index(k));
    row = arith::MinSIOp::create(builder, row, emitter.index(a.shape.columns - 1));
    IndexExpr rowExpr = emitter.space.addValue(row, 0, a.shape.columns - 1, emitter.getLevel());
    for (int64_t half = 0; half < 2; ++half) {
      IndexExpr columnExpr = atMost(place.columnPanel * kPanel + half * kHalf + (kHalf - 1), b.shape.columns - 1);
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
void TileContraction::prefetchNextTiles(const Place &place, const Cut &cut, IndexExpr block) {
  TileOperand &passing = getPassing();
  if (!isRounded() || passing.whole || passing.isInRows())
    return;
  ImplicitLocOpBuilder &builder = emitter.builder;
  constexpr int64_t kLine = 64 / 2;
  int64_t lines = llvm::divideCeil(passing.shape.getBlockSize() / kLine, numKept);
  auto [panel, partner] = getPanels(place);
  // The number of this block among those that the panel is multiplied with.
  Value number = arith::SubIOp::create(builder, emitter.materialize(partner + cut.chunk * numKept), firstKept);
  number = arith::MulIOp::create(builder, number, emitter.index(chunkBlocks));
  number = arith::AddIOp::create(builder, number, emitter.materialize(block));
  number = arith::SubIOp::create(builder, number, cut.lower);
  Value address = emitter.materialize(addressOf(passing, nextPanel, nextBlock));
  number = arith::MulIOp::create(builder, number, emitter.index(lines * kLine));
  address = arith::AddIOp::create(builder, address, number);
  for (int64_t line = 0; line < lines; ++line) {
    Value place = arith::AddIOp::create(builder, address, emitter.index(line * kLine));
    memref::PrefetchOp::create(builder, passing.flat, ValueRange{place}, /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
  }
}

/// The blocks [lower, upper), from zero; leaves the sums in `target`. Where they are many, one of them is stored on the
/// way too: a store of a tile that comes after too many products waits until the unit is empty, which then stands still
/// for the time of 40 products (measured: a quarter of all time at K = 256).
void TileContraction::multiplyCut(const Place &place, const Cut &cut, IndexExpr target) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  auto type = amx::TileType::get({kHalf, kHalf}, builder.getF32Type());
  int64_t productsPerBlock = 2 * a.shape.planes * (a.shape.planes + 1);
  SmallVector<Value> start;
  for (int64_t i = 0; i < 4; ++i) {
    if (cut.goesOn)
      start.push_back(
          amx::TileLoadOp::create(builder, type, sums, ValueRange{tileAddress(i, target)}, emitter.index(kPanel)));
    else
      start.push_back(amx::TileZeroOp::create(builder, type));
  }
  auto step = [&](IndexExpr block, ValueRange values) {
    if (cut.isLast)
      prefetchResult(place, cut.lower, block);
    if (cut.finished) {
      Value number = arith::SubIOp::create(builder, emitter.materialize(block), cut.lower);
      finishRows(*cut.finished, emitter.space.addValue(number, 0, lastBlocks - 1, emitter.getLevel()));
    }
    prefetchNextPanel(place, block);
    prefetchNextTiles(place, cut, block);
    SmallVector<Value> next =
        multiplyStep(addressOf(a, place.rowPanel, block), addressOf(b, place.columnPanel, block), values);
    if (chunkBlocks * productsPerBlock > kMostProducts)
      storeTile(next, 0, target);
    return next;
  };
  SmallVector<Value> tiles = emitter.loop(cut.lower, cut.upper, a.shape.blocks, start, step);
  for (int64_t i = 0; i < 4; ++i)
    storeTile(tiles, i, target);
}

/// Sum number i of a place to where it belongs among 32 x 32.
void TileContraction::storeTile(ValueRange tiles, int64_t i, IndexExpr target) {
  amx::TileStoreOp::create(emitter.builder, sums, ValueRange{tileAddress(i, target)}, tiles[i], emitter.index(kPanel));
}

Value TileContraction::tileAddress(int64_t i, IndexExpr target) {
  return emitter.materialize(target + (i / 2 * kHalf * kPanel + i % 2 * kHalf));
}

/// The products of a cut go to the sums of the stretch where it is the first, else beside them, to be added: all cuts
/// are one loop, so that its long body is there once.
void TileContraction::multiplyOnTiles(const Place &place) {
  if (stretchCuts == 1)
    return multiplyCut(place, {boundOf(place, 0), boundOf(place, 1)}, place.sums);
  ImplicitLocOpBuilder &builder = emitter.builder;
  emitter.loop(stretchCuts, [&](IndexExpr cut) {
    Value isLater =
        arith::CmpIOp::create(builder, arith::CmpIPredicate::sgt, emitter.materialize(cut), emitter.index(0));
    Value beside = arith::SelectOp::create(builder, isLater, emitter.index(kSums), emitter.index(0));
    multiplyCut(place, {boundOf(place, cut), boundOf(place, cut + 1)},
                emitter.space.addValue(beside, 0, kSums, emitter.getLevel()));
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
// Results
//===----------------------------------------------------------------------===//

/// The rows of a place that exist: their number within it and within C; two at once where that hides waiting.
void TileContraction::forEachRow(const Place &place, const Rows &some, function_ref<void(ArrayRef<Row>)> body) {
  int64_t rows = a.shape.columns;
  bool isWhole = some.count == kPanel;
  if (rows % kPanel == 0 && (isWhole || kPanel % some.count == 0)) {
    int64_t together = some.count % 2 == 0 && emitter.hasLongChains(job.outputs) ? 2 : 1;
    return emitter.loop(some.count / together, [&](IndexExpr number) {
      SmallVector<Row> group;
      for (int64_t i = 0; i < together; ++i) {
        IndexExpr row = some.first + number * together + i;
        group.push_back({row, place.rowPanel * kPanel + row});
      }
      body(group);
    });
  }
  ImplicitLocOpBuilder &builder = emitter.builder;
  Value left = arith::SubIOp::create(builder, emitter.index(rows), emitter.materialize(place.rowPanel * kPanel));
  Value end = arith::MinSIOp::create(builder, left, emitter.index(kPanel));
  if (!isWhole)
    end = arith::MinSIOp::create(builder, end, emitter.materialize(some.first + some.count));
  emitter.loop(emitter.materialize(some.first), end, kPanel, [&](IndexExpr row) {
    Value number = emitter.materialize(place.rowPanel * kPanel + row);
    body(Row{row, emitter.space.addValue(number, 0, rows - 1, emitter.getLevel())});
  });
}

/// The sum of a place, with what earlier stretches have left.
Value TileContraction::loadStretch(const Place &place, IndexExpr row, int64_t half, const Position &position) {
  Value sum = loadSum(place.sums + row * kPanel + half * kHalf);
  if (!scratch || numStretches == 1)
    return sum;
  Value isFirst = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(place.stretch),
                                        emitter.index(0));
  return emitter.branch(
      isFirst, sum.getType(), [&] { return SmallVector<Value>{sum}; },
      [&] {
        Value before = emitter.load(scratch->buffer, position);
        return SmallVector<Value>{arith::AddFOp::create(emitter.builder, before, sum)};
      })[0];
}

/// Stores the columns [0, size) of a panel: sums on their way, or results.
void TileContraction::finishColumns(const Place &place, const Rows &some, IndexExpr columnPanel, int64_t size,
                                    bool isLast) {
  forEachRow(place, some, [&](ArrayRef<Row> rows) {
    SmallVector<Position> positions;
    for (const Row &row : rows)
      for (int64_t half = 0; half * kHalf < size; ++half) {
        int64_t active = std::min(kHalf, size - half * kHalf);
        IndexExpr lane = emitter.space.addLane(kHalf, active, emitter.getLevel());
        positions.push_back(resultPosition(row.ofResult, columnPanel * kPanel + half * kHalf + lane));
        Value sum = loadStretch(place, row.ofPlace, half, positions.back());
        if (isLast)
          emitter.define(op.getResult(), positions.back(), sum);
        else
          emitter.store(sum, scratch->buffer, positions.back());
      }
    if (isLast)
      emitter.emitOutputs(job.outputs, positions);
  });
}

void TileContraction::finish(const Place &place, const Rows &rows) {
  auto withColumns = [&](bool isLast) {
    int64_t columns = b.shape.columns, rest = columns % kPanel, last = b.shape.panels - 1;
    if (rest == 0)
      return finishColumns(place, rows, place.columnPanel, kPanel, isLast);
    if (last == 0)
      return finishColumns(place, rows, 0, rest, isLast);
    Value panel = emitter.materialize(place.columnPanel);
    Value isFull = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, panel, emitter.index(last));
    emitter.branch(
        isFull,
        [&] {
          finishColumns(place, rows, emitter.space.addValue(panel, 0, last - 1, emitter.getLevel()), kPanel, isLast);
        },
        [&] { finishColumns(place, rows, last, rest, isLast); });
  };
  if (numStretches == 1 || numPlaces > 0)
    return withColumns(true);
  Value isLast = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(place.stretch),
                                       emitter.index(numStretches - 1));
  emitter.branch(isLast, [&] { withColumns(true); }, [&] { withColumns(false); });
}

/// A share of a place's rows with each block of the last chunk of the next one: vectors are at work at the same time as
/// the matrix unit (measured: 20 % of a kernel with an activation).
void TileContraction::finishRows(const Finished &finished, IndexExpr step) {
  int64_t count = llvm::divideCeil(kPanel, lastBlocks);
  emitter.branch(finished.exists, [&] { finish(finished.place, {step * count, count}); });
}

void TileContraction::emitBlock(const Place &place) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  // bf16 is multiplied as it is.
  if (isRounded()) {
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

FailureOr<int64_t> emitTileContract(KernelJob &job) {
  ContractOp op = *job.emitter.kernel.getBodyBlock()->getOps<ContractOp>().begin();
  auto planes = op->getAttrOfType<IntegerAttr>(KernelDialect::kPlanesAttr);
  if (!planes)
    return op.emitOpError("expected kernel.planes on a contraction of operands in tiles");
  FailureOr<TileOperand> a = findTileOperand(job, op, /*isLhs=*/true, planes.getInt());
  FailureOr<TileOperand> b = findTileOperand(job, op, /*isLhs=*/false, planes.getInt());
  if (failed(a) || failed(b))
    return failure();
  if (a->shape.planes != b->shape.planes || a->shape.depth != b->shape.depth || a->shape.batches != b->shape.batches ||
      job.emitter.getLanes() != TileShape::kHalf)
    return op.emitOpError("expected operands of the same planes, depth and batches, and vectors of 16 entries, got ")
           << a->type << " and " << b->type;
  if (a->whole && b->whole && !findScratch(job, op.getResult()))
    return op.emitOpError("expected a result of f32 in memory apart from the operands, which are not in tiles");
  return TileContraction(job, op, std::move(*a), std::move(*b)).emit();
}

} // namespace moru
