//===- Random.cpp - random numbers at a position --------------------------===//
// Philox4x32-10 in integer arithmetic, one counter per lane: see moru/Support/Philox.h, of which this is the vector
// form. The bits depend on the place of an entry alone, so on no width, order or number of threads.
//===----------------------------------------------------------------------===//

#include "PointEmitter.h"

#include "moru/Support/Philox.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {
namespace {

/// Four words per lane, or their numbers at run time.
class Philox {
public:
  Philox(PointEmitter &emitter, Type words) : emitter(emitter), builder(emitter.builder), type(words) {}

  /// The first word of the block of `counter` under `key`, two i32.
  Value emit(std::array<Value, 4> counter, std::array<Value, 2> key) {
    for (int round = 0; round < detail::kPhiloxRounds; ++round) {
      auto [low0, high0] = multiply(counter[0], detail::kPhiloxMultiplier0);
      auto [low1, high1] = multiply(counter[2], detail::kPhiloxMultiplier1);
      counter = {exclusiveOr(exclusiveOr(high1, counter[1]), spread(key[0])), low1,
                 exclusiveOr(exclusiveOr(high0, counter[3]), spread(key[1])), low0};
      key[0] = add(key[0], detail::kPhiloxIncrement0);
      key[1] = add(key[1], detail::kPhiloxIncrement1);
    }
    return counter[0];
  }

  /// The same number in all lanes.
  Value spread(Value number) {
    auto vector = dyn_cast<VectorType>(type);
    return emitter.broadcast(number, vector ? vector.getNumElements() : 1);
  }
  Value constant(Type type, uint32_t value) { return emitter.number(type, static_cast<int32_t>(value)); }

private:
  std::pair<Value, Value> multiply(Value word, uint32_t multiplier) {
    auto product = arith::MulUIExtendedOp::create(builder, word, constant(type, multiplier));
    return {product.getLow(), product.getHigh()};
  }
  Value exclusiveOr(Value a, Value b) { return arith::XOrIOp::create(builder, a, b); }
  Value add(Value number, uint32_t increment) {
    return arith::AddIOp::create(builder, number, constant(number.getType(), increment));
  }

  PointEmitter &emitter;
  ImplicitLocOpBuilder &builder;
  Type type;
};

} // namespace

Value PointEmitter::computeRandom(RandomOp op, const Position &position) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  IndexExpr place = space.linearize(position, kernel::getRowMajorStrides(type.getShape()));
  std::optional<int64_t> factor = space.getLaneFactor(place);
  if (!factor)
    return computeByLane(op.getResult(), position);
  int64_t width = *factor == 0 ? 1 : getWidth(position);
  Type word = builder.getI32Type(), wide = builder.getI64Type(), words = getVectorType(word, width);
  Philox philox(*this, words);
  // The number of the entry, in two words; the high one is 0 where no entry has it.
  Value low, high = philox.constant(words, 0);
  bool isWide = type.getNumElements() > (int64_t(1) << 32);
  Type number = isWide ? wide : word;
  low = broadcast(arith::IndexCastOp::create(builder, number, materialize(space.fixLane(place, 0))), width);
  if (width > 1) {
    SmallVector<Attribute> steps;
    for (int64_t i = 0; i < width; ++i)
      steps.push_back(IntegerAttr::get(number, i * *factor));
    Value step = typedConstant(DenseElementsAttr::get(VectorType::get(width, number), steps));
    low = arith::AddIOp::create(builder, low, step);
  }
  if (isWide) {
    Value shift = this->number(low.getType(), 32);
    high = arith::TruncIOp::create(builder, words, arith::ShRUIOp::create(builder, low, shift));
    low = arith::TruncIOp::create(builder, words, low);
  }
  Value key = emit(op.getKey(), {}), counter = emit(op.getCounter(), {});
  std::array<Value, 2> keys = {
      arith::TruncIOp::create(builder, word, key),
      arith::TruncIOp::create(builder, word, arith::ShRUIOp::create(builder, key, this->number(wide, 32)))};
  Value stream = philox.constant(words, static_cast<uint32_t>(op.getStream()));
  Value bits = philox.emit({low, high, stream, philox.spread(counter)}, keys);
  if (op.getDistribution() == Distribution::Bits)
    return bits;
  // 24 bits are exact in f32, and so is their product with a power of two.
  Type real = getVectorType(getComputeType(op.getResult()), width);
  Value top = arith::ShRUIOp::create(builder, bits, philox.constant(words, 8));
  return arith::MulFOp::create(builder, arith::SIToFPOp::create(builder, real, top), this->number(real, 0x1p-24));
}

} // namespace moru
