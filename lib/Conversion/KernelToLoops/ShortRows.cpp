//===- ShortRows.cpp - rows that stand in registers -----------------------===//
// A group of rows is loaded once. Where each row is reduced to a number, the vectors of two rows are folded into one
// that holds both, those of two pairs into one of four rows, and so on: the last vector has a number for each row, and
// what is computed from such numbers (a mean, a root) is so for all rows at once. In each row the order of additions is
// that of a row alone.
//===----------------------------------------------------------------------===//

#include "RowReduce.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

namespace {

class ShortRows {
public:
  ShortRows(KernelJob &job, ArrayRef<int64_t> shape, const RowOutputs &outputs, int64_t rows)
      : job(job), emitter(job.emitter), shape(shape), rowShape(shape.drop_back()), outputs(outputs), rows(rows),
        passes(job.emitter.kernel), lanes(job.emitter.getLanes()) {
    for (int64_t first = 0; first < shape.back(); first += lanes) {
      int64_t active = std::min(lanes, shape.back() - first);
      pieces.push_back({emitter.space.addLane(lanes, active, emitter.getLevel()) + first, active});
    }
  }

  int64_t emit() {
    SmallVector<int64_t> groupShape(rowShape);
    groupShape.back() /= rows;
    int64_t groups = job.count(groupShape);
    Chunks chunks = job.splitTasks(groups, job.getNumTasks(job.getWork(job.count(shape))));
    job.loopChunk(chunks, job.getTask(chunks.tasks), [&](IndexExpr group) {
      Position first = emitter.space.delinearize(group, groupShape);
      first.back() = first.back() * rows;
      emitGroup(first);
    });
    job.report(Twine(job.count(rowShape)) + " rows of " + Twine(shape.back()) + " columns, " + Twine(rows) +
               " at once in registers, in " + Twine(chunks.tasks) + " tasks");
    return chunks.tasks;
  }

private:
  /// The columns of a vector.
  struct PieceOfRow {
    IndexExpr columns;
    int64_t active;
  };

  void emitGroup(const Position &first) {
    leads.clear();
    for (int64_t i = 0; i < rows; ++i) {
      leads.push_back(first);
      leads.back().back() = first.back() + i;
    }
    across = first;
    across.back() = first.back() + emitter.space.addLane(rows, rows, emitter.getLevel());
    for (auto [number, pass] : llvm::enumerate(passes.get())) {
      for (Operation *op : pass)
        emitter.define(op->getResult(0), across, reduce(op));
      spreadNumbers(number + 1);
    }
    // Everything is computed before anything is stored: it may take the place of what is read.
    struct Entry {
      Value value;
      const KernelBuffer *buffer;
      Position place;
    };
    SmallVector<Entry> entries;
    for (const Position &lead : leads)
      for (const PieceOfRow &piece : pieces)
        for (const KernelOutput &output : outputs.wide)
          entries.push_back(
              {emitter.emitVector(output.tensor, at(lead, piece), lanes), &output.buffer, at(lead, piece)});
    for (const KernelOutput &output : outputs.narrow)
      entries.push_back({emitter.emitVector(output.tensor, across, rows), &output.buffer, across});
    for (const Entry &entry : entries)
      emitter.store(entry.value, *entry.buffer, entry.place);
  }

  static Position at(const Position &lead, const PieceOfRow &piece) {
    Position place = lead;
    place.push_back(piece.columns);
    return place;
  }

  /// A number for each row.
  Value reduce(Operation *op) {
    SmallVector<Value> sums;
    for (const Position &lead : leads) {
      Value sum;
      for (const PieceOfRow &piece : pieces) {
        Value value = emitter.emitVector(op->getOperand(0), at(lead, piece), lanes);
        if (piece.active < lanes)
          value = emitter.selectActive(value, piece.active, emitter.neutral(op, value.getType()));
        sum = sum ? emitter.combine(op, sum, value) : value;
      }
      sums.push_back(sum);
    }
    return foldTogether(op, sums);
  }

  /// Of W entries per vector: the upper half of each row on its lower half, until one entry of each is left.
  Value foldTogether(Operation *op, SmallVector<Value> vectors) {
    for (int64_t size = lanes, held = 1; size > 1; size /= 2) {
      SmallVector<Value> next;
      bool inPairs = vectors.size() > 1;
      for (size_t i = 0; i < vectors.size(); i += inPairs ? 2 : 1) {
        SmallVector<int64_t> low, high;
        for (int64_t k = 0; k < (inPairs ? 2 : 1); ++k)
          for (int64_t row = 0; row < held; ++row)
            for (int64_t j = 0; j < size / 2; ++j) {
              low.push_back((k * held + row) * size + j);
              high.push_back(low.back() + size / 2);
            }
        Value a = vectors[i], b = vectors[inPairs ? i + 1 : i];
        next.push_back(emitter.combine(op, vector::ShuffleOp::create(emitter.builder, a, b, low),
                                       vector::ShuffleOp::create(emitter.builder, a, b, high)));
      }
      held *= inPairs ? 2 : 1;
      vectors = next;
    }
    return vectors.front();
  }

  /// What is known of each row after so many reductions, and is needed beside its entries: computed for all rows at
  /// once, then taken apart.
  void spreadNumbers(size_t depth) {
    for (Operation &op : emitter.kernel.getBodyBlock()->without_terminator()) {
      auto broadcast = dyn_cast<BroadcastOp>(op);
      if (!broadcast)
        continue;
      Value tensor = broadcast.getOperand();
      if (getShape(tensor) != rowShape || passes.getDepth(tensor) != depth || !tensor.getDefiningOp())
        continue;
      Value numbers = emitter.emitVector(tensor, across, rows);
      for (auto [i, lead] : llvm::enumerate(leads))
        emitter.define(tensor, lead, vector::ExtractOp::create(emitter.builder, numbers, i));
    }
  }

  KernelJob &job;
  PointEmitter &emitter;
  ArrayRef<int64_t> shape, rowShape;
  const RowOutputs &outputs;
  int64_t rows;
  ReductionPasses passes;
  int64_t lanes;
  SmallVector<PieceOfRow> pieces;
  /// Of the group: each row, and all of them as lanes.
  SmallVector<Position> leads;
  Position across;
};

} // namespace

int64_t chooseShortRows(KernelJob &job, ArrayRef<int64_t> shape, const RowOutputs &outputs) {
  PointEmitter &emitter = job.emitter;
  ArrayRef<int64_t> rowShape = shape.drop_back();
  if (rowShape.empty() || shape.back() == 0)
    return 0;
  kernel::ComputeOp kernel = emitter.kernel;
  for (Operation &op : kernel.getBodyBlock()->without_terminator())
    if (isa<ArgmaxOp>(op))
      return 0;
  SmallVector<Value> tensors;
  for (const KernelOutput &output : outputs.wide) {
    if (output.buffer.type.isPacked())
      return 0;
    tensors.push_back(output.tensor);
  }
  for (const KernelOutput &output : outputs.narrow)
    if (getShape(output.tensor) != rowShape || output.buffer.type.isPacked())
      return 0;
  ReductionPasses passes(kernel);
  for (ArrayRef<Operation *> pass : passes.get())
    for (Operation *op : pass)
      tensors.push_back(op->getOperand(0));
  if (emitter.getPieces(tensors, shape.size() - 1, shape.back()).size() != 1)
    return 0;
  // Half of the registers hold the rows; the others are for what is computed from them.
  int64_t lanes = emitter.getLanes(), vectors = llvm::divideCeil(shape.back(), lanes);
  int64_t rows = std::min<int64_t>(lanes, llvm::bit_floor(uint64_t(job.options.vectorRegisters / 2 / vectors)));
  while (rows > 1 && rowShape.back() % rows != 0)
    rows /= 2;
  return rows > 1 ? rows : 0;
}

int64_t emitShortRows(KernelJob &job, ArrayRef<int64_t> shape, const RowOutputs &outputs, int64_t rows) {
  return ShortRows(job, shape, outputs, rows).emit();
}

} // namespace moru
