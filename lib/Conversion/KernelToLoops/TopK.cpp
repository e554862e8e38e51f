//===- TopK.cpp - the largest entries of a row, in the family row_reduce --===//
// A row's results are kept in order where they will lie; an entry that is larger than the last of them is let in from
// there. A vector of entries is passed over in one comparison where none of them is, which is nearly always.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {
namespace {

class LargestEntries {
public:
  LargestEntries(KernelJob &job, TopKOp op, KernelBuffer values, KernelBuffer indices)
      : job(job), emitter(job.emitter), builder(emitter.builder), op(op), values(values), indices(indices),
        shape(cast<RankedTensorType>(op.getOperand().getType()).getShape()), size(shape.back()), count(op.getK()) {}

  int64_t emit() {
    ArrayRef<int64_t> rowShape = shape.drop_back();
    int64_t rows = job.count(rowShape);
    if (rows == 0 || count == 0)
      return 1;
    Chunks chunks = job.splitTasks(rows, job.getNumTasks(job.getWork(rows * size)));
    job.loopChunk(chunks, job.getTask(chunks.tasks),
                  [&](IndexExpr row) { emitRow(emitter.space.delinearize(row, rowShape)); });
    job.report(Twine(count) + " of " + Twine(size) + " entries of " + Twine(rows) + " rows in " + Twine(chunks.tasks) +
               " tasks");
    return chunks.tasks;
  }

private:
  static Position at(const Position &row, IndexExpr index) {
    Position position = row;
    position.push_back(index);
    return position;
  }

  /// An integer that is larger where the entry counts as larger: of floating point the bits, turned around below zero;
  /// zeros are equal, and NaN is the largest.
  Value getKey(Value entry) {
    Type type = entry.getType(), element = getElementTypeOrSelf(type);
    if (!isa<FloatType>(element))
      return entry;
    unsigned bits = element.getIntOrFloatBitWidth();
    Type integer = builder.getIntegerType(bits);
    if (auto vector = dyn_cast<VectorType>(type))
      integer = vector.clone(integer);
    auto limit = [&](APInt value) -> Value {
      TypedAttr attribute = IntegerAttr::get(getElementTypeOrSelf(integer), value);
      if (auto vector = dyn_cast<VectorType>(integer))
        attribute = DenseElementsAttr::get(vector, Attribute(attribute));
      return arith::ConstantOp::create(builder, attribute);
    };
    Value largest = limit(APInt::getSignedMaxValue(bits));
    // -0 + 0 = 0.
    Value raw = arith::BitcastOp::create(builder, integer, arith::AddFOp::create(builder, entry, emitter.zero(type)));
    Value sign = arith::ShRSIOp::create(builder, raw, limit(APInt(bits, bits - 1)));
    Value key = arith::XOrIOp::create(builder, raw, arith::AndIOp::create(builder, sign, largest));
    Value isNan = arith::CmpFOp::create(builder, arith::CmpFPredicate::UNO, entry, entry);
    return arith::SelectOp::create(builder, isNan, largest, key);
  }

  Value isGreater(Value a, Value b) { return arith::CmpIOp::create(builder, arith::CmpIPredicate::sgt, a, b); }

  void emitRow(const Position &row) {
    Type integer = emitter.getComputeType(op.getIndices());
    // No entry yet.
    emitter.loop(count, [&](IndexExpr j) {
      emitter.store(emitter.zero(emitter.getComputeType(op.getValues())), values, at(row, j));
      emitter.store(emitter.number(integer, -1), indices, at(row, j));
    });
    emitter.loop(count, [&](IndexExpr i) { insert(row, i); });
    int64_t lanes = emitter.getLanes(), vectors = (size - count) / lanes, rest = (size - count) % lanes;
    emitter.loop(vectors, [&](IndexExpr counter) { emitVector(row, counter * lanes + count, lanes); });
    if (rest)
      emitVector(row, size - rest, rest);
  }

  /// The key of the last result: what an entry must exceed.
  Value getLeast(const Position &row) { return getKey(emitter.load(values, at(row, count - 1))); }

  /// Lets in what is larger among `active` entries.
  void emitVector(const Position &row, IndexExpr first, int64_t active) {
    int64_t lanes = emitter.getLanes();
    IndexExpr lane = emitter.space.addLane(lanes, active, emitter.getLevel());
    Value keys = getKey(emitter.emitVector(op.getOperand(), at(row, first + lane), lanes));
    Value larger = isGreater(keys, emitter.broadcast(getLeast(row), lanes));
    if (active < lanes)
      larger = arith::AndIOp::create(builder, larger, emitter.mask(lanes, active));
    Value any = vector::ReductionOp::create(builder, vector::CombiningKind::OR, larger);
    emitter.branch(any, [&] {
      emitter.loop(active, [&](IndexExpr i) {
        Value key = getKey(emitter.emit(op.getOperand(), at(row, first + i)));
        emitter.branch(isGreater(key, getLeast(row)), [&] { insert(row, first + i); });
      });
    });
  }

  /// Entry `i` takes the place of the first result that is less, which takes that of the next one, and so on. Of equal
  /// ones the earlier stays in front.
  void insert(const Position &row, IndexExpr i) {
    Value value = emitter.emit(op.getOperand(), at(row, i)), key = getKey(value);
    Type integer = emitter.getComputeType(op.getIndices());
    Value index = arith::IndexCastOp::create(builder, integer, emitter.materialize(i));
    auto step = [&](IndexExpr j, ValueRange moved) {
      Value oldValue = emitter.load(values, at(row, j)), oldIndex = emitter.load(indices, at(row, j));
      Value oldKey = getKey(oldValue);
      Value isFree =
          arith::CmpIOp::create(builder, arith::CmpIPredicate::slt, oldIndex, emitter.zero(oldIndex.getType()));
      // Where the last one moved to, all behind it move.
      Value moves = arith::OrIOp::create(builder, isFree, isGreater(moved[2], oldKey));
      moves = arith::OrIOp::create(builder, moves, moved[3]);
      auto choose = [&](Value a, Value b) -> Value { return arith::SelectOp::create(builder, moves, a, b); };
      emitter.store(choose(moved[0], oldValue), values, at(row, j));
      emitter.store(choose(moved[1], oldIndex), indices, at(row, j));
      return SmallVector<Value>{choose(oldValue, moved[0]), choose(oldIndex, moved[1]), choose(oldKey, moved[2]),
                                moves};
    };
    Value no = emitter.number(builder.getI1Type(), 0);
    SmallVector<Value> start{value, index, key, no};
    if (count == 1)
      step(0, start);
    else
      emitter.loop(emitter.index(0), emitter.index(count), count, start, step);
  }

  KernelJob &job;
  PointEmitter &emitter;
  ImplicitLocOpBuilder &builder;
  TopKOp op;
  KernelBuffer values, indices;
  ArrayRef<int64_t> shape;
  int64_t size, count;
};

} // namespace

FailureOr<int64_t> emitTopK(KernelJob &job) {
  kernel::ComputeOp kernel = job.emitter.kernel;
  auto ops = kernel.getBodyBlock()->getOps<TopKOp>();
  if (std::distance(ops.begin(), ops.end()) != 1)
    return kernel.emitOpError("expected one top_k alone in its kernel");
  TopKOp op = *ops.begin();
  std::optional<KernelBuffer> values, indices;
  for (const KernelOutput &output : job.outputs) {
    if (output.tensor == op.getValues() && !values)
      values = output.buffer;
    else if (output.tensor == op.getIndices() && !indices)
      indices = output.buffer;
    else
      return kernel.emitOpError("expected the values and the indices of the top_k as results, each once");
  }
  if (!values || !indices || values->type.isPacked() || indices->type.isPacked())
    return kernel.emitOpError("expected both the values and the indices of the top_k, in strided layouts");
  return LargestEntries(job, op, *values, *indices).emit();
}

} // namespace moru
