//===- Cumsum.cpp - running sums, in the family column_reduce -------------===//
// A sum goes along its axis entry by entry. Where entries of other sums lie beside it, a vector holds one sum per lane;
// along the last axis a vector is summed up by shifts: in both forms the order follows from the shape and the width of
// a vector alone. Tasks take sums, never parts of one.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {
namespace {

/// Vectors of neighboring sums that run together: an addition takes 4 cycles, and four lines of memory lie beside each
/// other per step.
constexpr int64_t kGroup = 4;

class RunningSums {
public:
  RunningSums(KernelJob &job, CumsumOp op)
      : job(job), emitter(job.emitter), builder(emitter.builder), op(op),
        shape(cast<RankedTensorType>(op.getType()).getShape()), axis(op.getAxis()), length(shape[axis]) {}

  FailureOr<int64_t> emit() {
    if (axis + 1 == static_cast<int64_t>(shape.size()))
      return emitRows();
    SmallVector<int64_t> sums(shape);
    sums.erase(sums.begin() + axis);
    KernelJob steps{emitter, {}, job.options};
    return emitPositions(steps, sums, job.count(shape), kGroup,
                         [&](ArrayRef<Position> positions) { emitBeside(positions); });
  }

private:
  /// Step `counter` as an index of the axis.
  IndexExpr getIndex(IndexExpr counter) { return op.getReverse() ? counter * -1 + (length - 1) : counter; }

  Position at(const Position &sum, IndexExpr index) {
    Position position = sum;
    position.insert(position.begin() + axis, index);
    return position;
  }

  Value add(Value a, Value b) {
    if (isa<FloatType>(getElementTypeOrSelf(a.getType())))
      return arith::AddFOp::create(builder, a, b);
    return arith::AddIOp::create(builder, a, b);
  }

  void store(Value value, const Position &position) {
    for (const KernelOutput &output : job.outputs)
      emitter.store(value, output.buffer, position);
  }

  /// The sums at `positions`, whose lanes are not of the axis, step by step.
  void emitBeside(ArrayRef<Position> positions) {
    SmallVector<Value> start;
    for (const Position &position : positions) {
      std::optional<unsigned> lane = emitter.space.findLane(position);
      int64_t width = lane ? emitter.space[*lane].width : 1;
      start.push_back(emitter.zero(emitter.getVectorType(emitter.getComputeType(op.getResult()), width)));
    }
    if (length == 0)
      return;
    auto step = [&](IndexExpr counter, ValueRange sums) {
      SmallVector<Value> values, next;
      for (auto [position, sum] : llvm::zip(positions, sums)) {
        auto vector = dyn_cast<VectorType>(sum.getType());
        values.push_back(
            emitter.emitVector(op.getOperand(), at(position, getIndex(counter)), vector ? vector.getNumElements() : 1));
        next.push_back(add(sum, values.back()));
      }
      for (auto [position, before, after] : llvm::zip(positions, sums, next))
        store(op.getExclusive() ? before : after, at(position, getIndex(counter)));
      return next;
    };
    emitter.loop(emitter.index(0), emitter.index(length), length, start, step);
  }

  /// The axis is the last one: each row is one sum.
  int64_t emitRows() {
    ArrayRef<int64_t> rowShape = shape.drop_back();
    int64_t rows = job.count(rowShape);
    if (rows == 0 || length == 0)
      return 1;
    Chunks chunks = job.splitTasks(rows, job.getNumTasks(job.getWork(rows * length)));
    job.loopChunk(chunks, job.getTask(chunks.tasks),
                  [&](IndexExpr row) { emitRow(emitter.space.delinearize(row, rowShape)); });
    job.report(Twine(rows) + " sums of " + Twine(length) + " entries in " + Twine(chunks.tasks) + " tasks");
    return chunks.tasks;
  }

  void emitRow(const Position &row) {
    int64_t lanes = emitter.getLanes(), vectors = length / lanes, rest = length % lanes;
    auto step = [&](IndexExpr counter, ValueRange sum) {
      IndexExpr first = op.getReverse() ? counter * -lanes + (length - lanes) : counter * lanes;
      return SmallVector<Value>{emitVector(row, first, lanes, sum[0])};
    };
    SmallVector<Value> sum{emitter.zero(emitter.getComputeType(op.getResult()))};
    if (vectors == 1)
      sum = step(0, sum);
    else if (vectors > 1)
      sum = emitter.loop(emitter.index(0), emitter.index(vectors), vectors, sum, step);
    if (rest)
      emitVector(row, op.getReverse() ? 0 : vectors * lanes, rest, sum[0]);
  }

  /// The entries first … first + active - 1 of a row, behind those whose sum is `before`; returns the sum of all.
  Value emitVector(const Position &row, IndexExpr first, int64_t active, Value before) {
    int64_t width = emitter.getTailWidth(active);
    Position place = at(row, first + emitter.space.addLane(width, active, emitter.getLevel()));
    Value values = emitter.emitVector(op.getOperand(), place, width), zero = emitter.zero(values.getType());
    if (width == 1) {
      Value all = add(values, before);
      store(op.getExclusive() ? before : all, place);
      return all;
    }
    if (active < width)
      values = arith::SelectOp::create(builder, emitter.mask(width, active), values, zero);
    Value sums = values;
    for (int64_t distance = 1; distance < width; distance *= 2)
      sums = add(sums, shift(sums, zero, distance));
    Value spread = emitter.broadcast(before, width);
    Value all = add(sums, spread);
    store(op.getExclusive() ? add(shift(sums, zero, 1), spread) : all, place);
    return vector::ExtractOp::create(builder, all, op.getReverse() ? 0 : width - 1);
  }

  /// The entries `distance` lanes further on (back, for a reverse sum), zeros behind them.
  Value shift(Value values, Value zero, int64_t distance) {
    int64_t width = cast<VectorType>(values.getType()).getNumElements();
    SmallVector<int64_t> from;
    for (int64_t i = 0; i < width; ++i) {
      int64_t source = op.getReverse() ? i + distance : i - distance;
      from.push_back(source < 0 || source >= width ? width : source);
    }
    return vector::ShuffleOp::create(builder, values, zero, from);
  }

  KernelJob &job;
  PointEmitter &emitter;
  ImplicitLocOpBuilder &builder;
  CumsumOp op;
  ArrayRef<int64_t> shape;
  int64_t axis, length;
};

} // namespace

FailureOr<int64_t> emitCumsum(KernelJob &job) {
  kernel::ComputeOp kernel = job.emitter.kernel;
  auto sums = kernel.getBodyBlock()->getOps<CumsumOp>();
  if (std::distance(sums.begin(), sums.end()) != 1)
    return kernel.emitOpError("expected one cumsum alone in its kernel");
  CumsumOp op = *sums.begin();
  for (const KernelOutput &output : job.outputs)
    if (output.tensor != op.getResult() || output.buffer.type.isPacked())
      return kernel.emitOpError("expected the cumsum itself as the result, in a strided layout");
  return RunningSums(job, op).emit();
}

} // namespace moru
