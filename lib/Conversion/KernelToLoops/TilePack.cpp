//===- TilePack.cpp - an operand split into planes of tiles ---------------===//
// A map whose output is in tiles (see TilesAttr). 16 columns at a time: from a block of K come 16 pairs of vectors,
// each split into parts of bf16 and joined in pairs. Vectors run along K or along the columns, whichever the source
// allows; where that is not the way that rows of a tile run, they are transposed in registers.
//
// On the way the largest magnitude of each column is kept. Where it does not fit what sums of bf16 can be, the 16
// columns are written anew, as bits, and marked.
//===----------------------------------------------------------------------===//

#include "TilePack.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::kernel;

namespace moru {

static constexpr int64_t kHalf = TileShape::kHalf, kBlock = TileShape::kBlock;

Position TilePack::at(const Group &group, IndexExpr k, IndexExpr column) const {
  Position position = group.batch;
  position.push_back(k);
  position.push_back(column);
  return position;
}

IndexExpr TilePack::addressOf(const Group &group, IndexExpr block, IndexExpr plane) const {
  return group.panel * (window * shape.getBlockSize()) + (block + group.first * -1) * shape.getBlockSize() +
         (group.half + plane * 2) * TileShape::kTileSize;
}

/// Whether vectors along that axis would be put together from single entries.
bool TilePack::isScattered(bool depthwise) {
  return emitter.probe([&] {
    auto any = [&](int64_t size) {
      return emitter.space.addValue(emitter.function.getArguments().back(), 0, std::max<int64_t>(size - 1, 0), 0);
    };
    Group group{{}, any(1), kHalf, 0, 0, 0};
    for (int64_t size : batchShape)
      group.batch.push_back(any(size));
    int64_t size = depthwise ? shape.depth : shape.columns;
    IndexExpr along = emitter.space.addLane(kHalf, std::min(kHalf, size), 0);
    if (size > kHalf)
      along = any(size / kHalf) * kHalf + along;
    IndexExpr other = any(depthwise ? shape.columns : shape.depth);
    emitter.emit(tensor, depthwise ? at(group, along, other) : at(group, other, along));
  }) > 0;
}

/// The vector number j of a block, from `first` on: along K column j, else row j, all of which is there but lanes
/// behind the end of K or the last column: those are zero.
Value TilePack::loadVector(const Block &block, int64_t first, IndexExpr j) {
  const Group &group = block.group;
  int64_t active = depthwise ? std::min(block.depth - first, kHalf) : group.active;
  IndexExpr lane = emitter.space.addLane(kHalf, active, emitter.getLevel());
  IndexExpr k = block.number * kBlock + first, column = group.number * kHalf;
  Position position = depthwise ? at(group, k + lane, column + j) : at(group, k + j, column + lane);
  Value value = emitter.emitVector(tensor, position, kHalf);
  if (active < kHalf)
    value = arith::SelectOp::create(emitter.builder, emitter.mask(kHalf, active), value, emitter.zero(numbers()));
  return value;
}

/// How many of the 16 vectors from `first` on have entries.
int64_t TilePack::countVectors(const Block &block, int64_t first) const {
  if (!depthwise)
    return std::clamp<int64_t>(block.depth - first, 0, kHalf);
  return first < block.depth ? block.group.active : 0;
}

Value TilePack::asInteger(Value value) { return arith::BitcastOp::create(emitter.builder, integers(), value); }

Value TilePack::loadMagnitudes(IndexExpr j) {
  Value place = emitter.materialize(j * kHalf);
  return vector::LoadOp::create(emitter.builder, cast<VectorType>(integers()), magnitudes, ValueRange{place});
}

void TilePack::storeMagnitudes(IndexExpr j, Value value) {
  Value place = emitter.materialize(j * kHalf);
  vector::StoreOp::create(emitter.builder, value, magnitudes, ValueRange{place});
}

void TilePack::storeRow(const Group &group, IndexExpr block, IndexExpr plane, IndexExpr row, Value value) {
  auto type = VectorType::get(kBlock, emitter.builder.getBF16Type());
  Value stored = vector::BitCastOp::create(emitter.builder, type, value);
  Value place = emitter.materialize(addressOf(group, block, plane) + row * kBlock);
  vector::StoreOp::create(emitter.builder, stored, target, ValueRange{place});
}

void TilePack::storeTile(const Group &group, IndexExpr block, IndexExpr plane, ArrayRef<Value> rows) {
  for (auto [row, value] : llvm::enumerate(rows))
    storeRow(group, block, plane, int64_t(row), value);
}

void TilePack::storeZeros(const Group &group, IndexExpr block, IndexExpr plane) {
  emitter.loop(kHalf, [&](IndexExpr row) { storeRow(group, block, plane, row, bits(0)); });
}

/// Turns the tiles of a block over, where they lie: in the nearest cache. From registers it would take as much code for
/// each plane, in which LLVM looks for long through all that the rows were made of.
void TilePack::transposeTiles(const Group &group, IndexExpr block) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  auto type = VectorType::get(kBlock, builder.getBF16Type());
  emitter.loop(shape.planes, [&](IndexExpr plane) {
    SmallVector<Value> rows;
    for (int64_t row = 0; row < kHalf; ++row) {
      Value place = emitter.materialize(addressOf(group, block, plane) + row * kBlock);
      Value loaded = vector::LoadOp::create(builder, type, target, ValueRange{place});
      rows.push_back(vector::BitCastOp::create(builder, cast<VectorType>(integers()), loaded));
    }
    storeTile(group, block, plane, transposeSquare(builder, rows));
  });
}

/// Splits two vectors into parts and stores those, pair by pair, as row j of their tiles.
void TilePack::emitPair(const Block &block, IndexExpr j, Value first, Value second) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  Value sixteen = bits(16), upper = bits(int32_t(0xffff0000));
  auto asNumber = [&](Value value) { return Value(arith::BitcastOp::create(builder, numbers(), value)); };
  for (int64_t plane = 0; plane < shape.planes; ++plane) {
    // The upper half, rounded; what is left is exact.
    auto round = [&](Value &value) {
      Value rounded = arith::AddIOp::create(builder, asInteger(value), bits(0x8000));
      rounded = arith::AndIOp::create(builder, rounded, upper);
      if (plane + 1 < shape.planes)
        value = arith::SubFOp::create(builder, value, asNumber(rounded));
      return rounded;
    };
    Value low = round(first), high = round(second);
    low = arith::ShRUIOp::create(builder, low, sixteen);
    storeRow(block.group, block.number, plane, j, arith::OrIOp::create(builder, low, high));
  }
}

/// The larger one of `most` and the magnitudes of a vector, as bits.
Value TilePack::addMagnitudes(Value most, Value value) {
  Value magnitudes = arith::AndIOp::create(emitter.builder, asInteger(value), bits(0x7fffffff));
  return arith::MaxUIOp::create(emitter.builder, most, magnitudes);
}

/// Rows [begin, end) of the tiles of a block, which are made of 0, 1 or 2 vectors. Returns the largest magnitudes so
/// far, see emitBlock.
SmallVector<Value> TilePack::splitRows(const Block &block, int64_t begin, int64_t end, SmallVector<Value> largest) {
  int64_t vectors = (begin < countVectors(block, 0)) + (begin < countVectors(block, kHalf));
  auto emitRow = [&](IndexExpr j, Value most) {
    Value pair[] = {emitter.zero(numbers()), emitter.zero(numbers())};
    for (int64_t i = 0; i < vectors; ++i) {
      pair[i] = loadVector(block, i * kHalf, j);
      most = addMagnitudes(most, pair[i]);
    }
    emitPair(block, j, pair[0], pair[1]);
    return most;
  };
  if (block.isUnrolled) {
    for (int64_t j = begin; j < end; ++j)
      largest[j] = emitRow(j, largest[j]);
    return largest;
  }
  if (begin == end)
    return largest;
  if (!depthwise)
    return emitter.loop(emitter.index(begin), emitter.index(end), end, largest,
                        [&](IndexExpr j, ValueRange before) { return SmallVector<Value>{emitRow(j, before[0])}; });
  emitter.loop(emitter.index(begin), emitter.index(end), end, [&](IndexExpr j) {
    if (Value most = emitRow(j, bits(0)); vectors > 0)
      storeMagnitudes(j, most);
  });
  for (int64_t j = begin; j < end && vectors > 0; ++j)
    largest[j] = arith::MaxUIOp::create(emitter.builder, largest[j], loadMagnitudes(j));
  return largest;
}

/// The tiles of a block with `depth` entries of K. Returns the largest magnitudes so far: along K a vector for each
/// column, else one with a column in each lane. A loop over rows is a fraction of the code; but along K, where rows are
/// far apart in memory, it is slower: there only what is left over at the ends is a loop, which takes its magnitudes
/// through memory.
SmallVector<Value> TilePack::emitBlock(const Group &group, IndexExpr number, int64_t depth, ValueRange largest) {
  Block block{group, number, depth, depthwise && depth == kBlock && group.active == kHalf};
  int64_t firsts = countVectors(block, 0), seconds = countVectors(block, kHalf);
  SmallVector<Value> magnitudes = splitRows(block, 0, seconds, SmallVector<Value>(largest));
  magnitudes = splitRows(block, seconds, firsts, magnitudes);
  magnitudes = splitRows(block, firsts, kHalf, magnitudes);
  bool rowsAreAlongDepth = side == TileSide::Lhs;
  if (depthwise != rowsAreAlongDepth)
    transposeTiles(group, number);
  return magnitudes;
}

/// 16 pairs of neighbors along K, which are bf16 in f32: of a column along K, or of two rows.
Value TilePack::loadNeighbors(const Block &block, int64_t j) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  Value sixteen = bits(16);
  auto load = [&](int64_t first, int64_t j) {
    return j < countVectors(block, first) ? asInteger(loadVector(block, first, j)) : bits(0);
  };
  if (!depthwise) {
    Value low = load(2 * j, 0), high = load(2 * j + 1, 0);
    return arith::OrIOp::create(builder, arith::ShRUIOp::create(builder, low, sixteen), high);
  }
  auto half = VectorType::get(kHalf, builder.getI16Type());
  auto narrow = [&](int64_t first) -> Value {
    Value upper = arith::ShRUIOp::create(builder, load(first, j), sixteen);
    return arith::TruncIOp::create(builder, half, upper);
  };
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, kBlock));
  Value row = vector::ShuffleOp::create(builder, narrow(0), narrow(kHalf), order);
  return vector::BitCastOp::create(builder, cast<VectorType>(integers()), row);
}

/// The tiles of a block of bf16.
void TilePack::moveBlock(const Group &group, IndexExpr block, int64_t depth) {
  SmallVector<Value> rows;
  for (int64_t j = 0; j < kHalf; ++j)
    rows.push_back(loadNeighbors({group, block, depth}, j));
  bool rowsAreAlongDepth = side == TileSide::Lhs;
  storeTile(group, block, 0, depthwise == rowsAreAlongDepth ? rows : transposeSquare(emitter.builder, rows));
}

SmallVector<Value> TilePack::emitBlocks(const Group &group) {
  int64_t full = shape.depth / kBlock, rest = shape.depth % kBlock;
  SmallVector<Value> largest(depthwise ? kHalf : 1, bits(0));
  if (full > 0)
    largest = emitter.loop(emitter.materialize(group.first), getWindowEnd(group, full, window), full, largest,
                           [&](IndexExpr block, ValueRange values) { return emitBlock(group, block, kBlock, values); });
  if (rest == 0)
    return largest;
  if (window >= shape.blocks)
    return emitBlock(group, full, rest, largest);
  Value end = emitter.materialize(group.first + window);
  Value hasRest = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::sgt, end, emitter.index(full));
  return emitter.branch(
      hasRest, ValueRange(largest).getTypes(), [&] { return emitBlock(group, full, rest, largest); },
      [&] { return largest; });
}

/// Where a window of so many items that begins at the group's first block ends, at most behind the last of `count`.
Value TilePack::getWindowEnd(const Group &group, int64_t count, int64_t items) {
  if (window >= shape.blocks)
    return emitter.index(count);
  Value end = emitter.materialize(group.first * (items / window) + items);
  return arith::MinSIOp::create(emitter.builder, end, emitter.index(count));
}

/// Writes the columns anew, an entry at a time, as the halves of their bits: it is rare.
void TilePack::emitBits(const Group &group) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  IndexSpace &space = emitter.space;
  Value first = emitter.materialize(group.first * kBlock), end = getWindowEnd(group, shape.depth, window * kBlock);
  emitter.loop(first, end, shape.depth, [&](IndexExpr k) {
    emitter.loop(group.active, [&](IndexExpr column) {
      Value value = emitter.emit(tensor, at(group, k, group.number * kHalf + column));
      value = arith::BitcastOp::create(builder, builder.getI32Type(), value);
      IndexExpr pair = space.remainder(k, kHalf), second = space.remainder(space.divide(k, kHalf), 2);
      IndexExpr row = side == TileSide::Lhs ? column : pair, place = side == TileSide::Lhs ? pair : column;
      IndexExpr inTile = row * kBlock + place * 2 + second;
      for (int64_t plane = 0; plane < shape.planes; ++plane) {
        Value part = arith::ConstantOp::create(builder, builder.getI16IntegerAttr(0));
        if (plane < 2) {
          Value shift = emitter.number(builder.getI32Type(), plane == 0 ? 16 : 0);
          part = arith::TruncIOp::create(builder, builder.getI16Type(), arith::ShRUIOp::create(builder, value, shift));
        }
        part = arith::BitcastOp::create(builder, builder.getBF16Type(), part);
        Value address = emitter.materialize(addressOf(group, space.divide(k, kBlock), plane) + inTile);
        memref::StoreOp::create(builder, part, target, ValueRange{address});
      }
    });
  });
}

/// Whether a largest magnitude, as bits, is not finite, above 2^127, or not zero but below 2^-100.
Value TilePack::findUnfit(Value most) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  // Zero becomes a number between, so that one comparison on each side is left.
  Value isZero = arith::CmpIOp::create(builder, arith::CmpIPredicate::eq, most, bits(0));
  most = arith::SelectOp::create(builder, isZero, bits(0x3f800000), most);
  Value high = arith::CmpIOp::create(builder, arith::CmpIPredicate::uge, most, bits(0x7f000000));
  Value low = arith::CmpIOp::create(builder, arith::CmpIPredicate::ult, most, bits(0x0d800000));
  Value unfit = arith::OrIOp::create(builder, high, low);
  Value any = vector::BitCastOp::create(builder, VectorType::get(1, builder.getI16Type()), unfit);
  return vector::ExtractOp::create(builder, any, 0);
}

/// The largest entries of each vector, in the lane of its number.
Value TilePack::gatherLargest(SmallVector<Value> vectors) {
  vectors = transposeSquare(emitter.builder, vectors);
  for (int64_t step = 1; step < kHalf; step *= 2)
    for (int64_t i = 0; i + step < kHalf; i += 2 * step)
      vectors[i] = arith::MaxUIOp::create(emitter.builder, vectors[i], vectors[i + step]);
  return vectors[0];
}

void TilePack::storeMark(const Group &group, Value mark) {
  Value place = emitter.materialize(group.panel * 2 + group.half + marks);
  Value stored = arith::BitcastOp::create(emitter.builder, emitter.builder.getBF16Type(), mark);
  memref::StoreOp::create(emitter.builder, stored, target, ValueRange{place});
}

void TilePack::emitGroup(const Group &group) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  auto number = [&](int64_t value) {
    return Value(arith::ConstantOp::create(builder, builder.getI16IntegerAttr(int16_t(value))));
  };
  if (group.active == 0) {
    emitter.loop(std::min(window, shape.blocks), [&](IndexExpr block) {
      emitter.loop(shape.planes, [&](IndexExpr plane) { storeZeros(group, group.first + block, plane); });
    });
    return shape.planes == 1 ? void() : storeMark(group, number(0));
  }
  if (shape.planes == 1) {
    int64_t full = shape.depth / kBlock, rest = shape.depth % kBlock;
    emitter.loop(full, [&](IndexExpr block) { moveBlock(group, block, kBlock); });
    if (rest)
      moveBlock(group, full, rest);
    return;
  }
  SmallVector<Value> largest = emitBlocks(group);
  Value unfit = findUnfit(depthwise ? gatherLargest(largest) : largest[0]);
  Value isUnfit = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, unfit, number(0));
  storeMark(group, arith::ExtUIOp::create(builder, builder.getI16Type(), isUnfit));
  emitter.branch(isUnfit, [&] { emitBits(group); });
}

void TilePack::chooseDirection() {
  bool natural = side == TileSide::Lhs;
  depthwise = isScattered(natural) && !isScattered(!natural) ? !natural : natural;
  if (depthwise && shape.planes > 1 && (shape.depth % kBlock || shape.columns % kHalf))
    magnitudes = memref::AllocaOp::create(emitter.builder, MemRefType::get(kHalf * kHalf, emitter.builder.getI32Type()),
                                          emitter.builder.getI64IntegerAttr(64));
}

void TilePack::emitPanel(const Position &batch, IndexExpr panel, IndexExpr place, IndexExpr first) {
  int64_t whole = shape.columns / TileShape::kPanel, rest = shape.columns % TileShape::kPanel;
  auto emitHalves = [&](IndexExpr panel, int64_t columns) {
    if (columns == TileShape::kPanel)
      return emitter.loop(2, [&](IndexExpr half) { emitGroup({batch, panel * 2 + half, kHalf, place, half, first}); });
    for (int64_t half = 0; half < 2; ++half)
      emitGroup({batch, panel * 2 + half, std::clamp<int64_t>(columns - half * kHalf, 0, kHalf), place, half, first});
  };
  if (rest == 0)
    return emitHalves(panel, TileShape::kPanel);
  if (whole == 0)
    return emitHalves(0, rest);
  Value number = emitter.materialize(panel);
  Value isWhole = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, number, emitter.index(whole));
  emitter.branch(
      isWhole, [&] { emitHalves(emitter.space.addValue(number, 0, whole - 1, emitter.getLevel()), TileShape::kPanel); },
      [&] { emitHalves(whole, rest); });
}

/// The halves of all panels: their panel, the columns that exist, their number.
void TilePack::forEachHalf(function_ref<void(IndexExpr, int64_t, int64_t)> body) {
  int64_t whole = shape.columns / TileShape::kPanel, rest = shape.columns % TileShape::kPanel;
  auto emitHalves = [&](IndexExpr panel, int64_t columns) {
    for (int64_t half = 0; half < 2; ++half)
      body(panel, std::clamp<int64_t>(columns - half * kHalf, 0, kHalf), half);
  };
  emitter.loop(whole, [&](IndexExpr panel) { emitHalves(panel, TileShape::kPanel); });
  if (rest)
    emitHalves(whole, rest);
}

void TilePack::emitRows(const Position &batch, IndexExpr block, IndexExpr firstPanel) {
  auto move = [&](IndexExpr block, int64_t depth) {
    forEachHalf([&](IndexExpr panel, int64_t active, int64_t half) {
      Group group{batch, panel * 2 + half, active, firstPanel + panel, half, 0};
      if (active > 0)
        return moveBlock(group, block, depth);
      storeZeros(group, block, 0);
    });
  };
  int64_t full = shape.depth / kBlock, rest = shape.depth % kBlock;
  if (rest == 0)
    return move(block, kBlock);
  if (full == 0)
    return move(0, rest);
  Value number = emitter.materialize(block);
  Value isFull = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, number, emitter.index(full));
  emitter.branch(
      isFull, [&] { move(emitter.space.addValue(number, 0, full - 1, emitter.getLevel()), kBlock); },
      [&] { move(full, rest); });
}

/// A kernel that packs an operand for others: a panel after the other, or, where rows are neighbors in memory, a block
/// of all panels after the other: main memory is fast along them alone.
static int64_t emitPanels(KernelJob &job, const KernelOutput &output) {
  PointEmitter &emitter = job.emitter;
  BufferType type = output.buffer.type;
  TilePack pack(emitter, output.tensor, type, output.buffer.flat, TileShape(type).getMarks());
  pack.chooseDirection();
  TileShape shape(type);
  ArrayRef<int64_t> batchShape = type.getShape().drop_back(2);
  bool isByRows = pack.goesByRows();
  int64_t perBatch = isByRows ? shape.blocks : shape.panels, items = shape.batches * perBatch;
  Chunks chunks = job.splitTasks(items, job.getNumTasks(job.getWork(shape.batches * shape.depth * shape.columns)));
  job.loopChunk(chunks, job.getTask(chunks.tasks), [&](IndexExpr item) {
    IndexExpr number = emitter.space.divide(item, perBatch), inBatch = emitter.space.remainder(item, perBatch);
    Position batch = emitter.space.delinearize(number, batchShape);
    if (isByRows)
      pack.emitRows(batch, inBatch, number * shape.panels);
    else
      pack.emitPanel(batch, inBatch, item);
  });
  job.report(Twine(shape.panels) + " panels of " + Twine(shape.planes) + " planes of tiles" +
             (pack.isTransposing() ? ", transposed in registers; "
              : isByRows           ? ", a row of blocks at a time; "
                                   : "; ") +
             Twine(chunks.tasks) + " tasks");
  return chunks.tasks;
}

FailureOr<int64_t> emitTilePack(KernelJob &job) {
  if (job.outputs.size() != 1)
    return job.emitter.kernel.emitOpError("expected one result in a kernel that packs tiles, got ")
           << job.outputs.size();
  if (job.emitter.getLanes() != kHalf)
    return job.emitter.kernel.emitOpError("expected vectors of 16 entries of f32 to pack tiles, got ")
           << job.emitter.getLanes();
  return emitPanels(job, job.outputs[0]);
}

} // namespace moru
