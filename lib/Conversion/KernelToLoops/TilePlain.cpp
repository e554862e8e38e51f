//===- TilePlain.cpp - what is not a sum of parts, multiplied plainly ------===//
// A panel that is marked holds numbers that are no sums of parts (infinite, huge, not a number): the operands are put
// together again and multiplied as they are, in plain loops.
//===----------------------------------------------------------------------===//

#include "TileContract.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;
using namespace moru::kernel;

namespace moru {

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

} // namespace moru
