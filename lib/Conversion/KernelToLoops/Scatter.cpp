//===- Scatter.cpp - the family gather_scatter ----------------------------===//
// result[ids[i]] += updates[i], in the order of i, from zero or from a table's entries, which may be there already:
// each task owns a block of the table, some columns of some rows, and adds there whatever falls into it, so that no two
// tasks write the same entry and the order is the same whatever the number of workers.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "moru/Dialect/Kernel/Cost.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

/// Each task looks at all ids; with more tasks that share the rows, looking would cost more than adding.
static constexpr int64_t kMaxRowTasks = 8;
/// Vectors of a row that one task fills at least, where there are enough rows: main memory is fast along them.
static constexpr int64_t kLeastVectors = 16;

/// The row that an id names belongs to the task's chunk: ids compare as unsigned numbers.
static Value isOfTask(PointEmitter &emitter, Value id, const Chunks &chunks, const IndexExpr &task) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  Value first = arith::IndexCastOp::create(builder, id.getType(), emitter.materialize(task * chunks.perTask));
  Value offset = arith::SubIOp::create(builder, id, first);
  return arith::CmpIOp::create(builder, arith::CmpIPredicate::ult, offset,
                               emitter.number(id.getType(), static_cast<double>(chunks.perTask)));
}

/// The argument that the rows are added to, if any.
static BlockArgument findTable(ScatterAddOp op) {
  if (op->hasOneUse() && isa<AddOp>(*op->user_begin()))
    for (Value operand : op->user_begin()->getOperands())
      if (kernel::findAddedRows(operand) == op)
        return cast<BlockArgument>(operand);
  return {};
}

FailureOr<int64_t> emitScatter(KernelJob &job) {
  PointEmitter &emitter = job.emitter;
  auto scatters = emitter.kernel.getBodyBlock()->getOps<ScatterAddOp>();
  if (std::distance(scatters.begin(), scatters.end()) != 1)
    return emitter.kernel.emitOpError("expected exactly one scatter_add in a gather_scatter kernel");
  ScatterAddOp op = *scatters.begin();
  BlockArgument table = findTable(op);
  for (const KernelOutput &output : job.outputs) {
    bool isSum = table && output.tensor == table.user_begin()->getResult(0);
    if ((!isSum && (table || output.tensor != op.getResult())) || output.buffer.type.isPacked())
      return emitter.kernel.emitOpError(
          "expected the scatter_add, or its sum with an argument, as the result, in a strided layout");
  }
  ArrayRef<int64_t> shape = getShape(op.getResult()), rowShape = shape.drop_front(), idShape = getShape(op.getIds());
  int64_t rows = shape[0], columns = job.count(rowShape), ids = job.count(idShape), lanes = emitter.getLanes();
  if (rows == 0 || columns == 0)
    return 1;

  // Vectors of one row; the last one may be shorter and belongs to the last task.
  int64_t vectors = columns / lanes, rest = columns % lanes;
  int64_t wanted = job.getNumTasks((rows + ids) * columns);
  Chunks rowChunks = job.splitTasks(rows, std::min(wanted, kMaxRowTasks));
  int64_t most = rows < kMaxRowTasks ? vectors : vectors / kLeastVectors;
  Chunks chunks = job.splitTasks(vectors, std::clamp<int64_t>(wanted / rowChunks.tasks, 1, std::max<int64_t>(most, 1)));
  int64_t tasks = chunks.tasks * rowChunks.tasks;
  IndexExpr block = job.getTask(tasks);
  IndexExpr task = emitter.space.divide(block, rowChunks.tasks),
            rowTask = emitter.space.remainder(block, rowChunks.tasks);
  auto forColumns = [&](llvm::function_ref<void(IndexExpr)> body) {
    job.loopChunk(chunks, task, [&](IndexExpr vector) {
      body(vector * lanes + emitter.space.addLane(lanes, lanes, emitter.getLevel()));
    });
    if (rest == 0)
      return;
    auto last = [&] {
      body(emitter.space.addLane(emitter.getTailWidth(rest), rest, emitter.getLevel()) + vectors * lanes);
    };
    if (chunks.tasks == 1)
      return last();
    Value isLast = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(task),
                                         emitter.index(chunks.tasks - 1));
    emitter.branch(isLast, last);
  };
  auto at = [&](Position position, const IndexExpr &column) {
    for (const IndexExpr &expr : emitter.space.delinearize(column, rowShape))
      position.push_back(expr);
    return position;
  };

  Type element = emitter.getComputeType(op.getResult());
  auto isThere = [&](const KernelOutput &output) {
    return table && emitter.getBuffer(table).flat == output.buffer.flat;
  };
  if (!llvm::all_of(job.outputs, isThere))
    job.loopChunk(rowChunks, rowTask, [&](IndexExpr row) {
      forColumns([&](IndexExpr column) {
        Position place = at({row}, column);
        Value start = table ? emitter.emit(table, place) : emitter.zero(element);
        for (const KernelOutput &output : job.outputs)
          if (!isThere(output))
            emitter.store(start, output.buffer, place);
      });
    });
  emitter.loop(ids, [&](IndexExpr number) {
    Position which = emitter.space.delinearize(number, idShape);
    Value id = emitter.emit(op.getIds(), which);
    // As unsigned numbers, negative ids are large too.
    Value isRow =
        arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::ult, id, emitter.number(id.getType(), rows));
    if (rowChunks.tasks > 1)
      isRow = arith::AndIOp::create(emitter.builder, isRow, isOfTask(emitter, id, rowChunks, rowTask));
    emitter.branch(isRow, [&] {
      Value index = arith::IndexCastOp::create(emitter.builder, emitter.builder.getIndexType(), id);
      IndexExpr row = emitter.space.addValue(index, 0, rows - 1, emitter.getLevel());
      forColumns([&](IndexExpr column) {
        Value update = emitter.emit(op.getUpdates(), at(which, column));
        for (const KernelOutput &output : job.outputs) {
          Position place = at({row}, column);
          Value old = emitter.load(output.buffer, place);
          auto contract = arith::FastMathFlagsAttr::get(emitter.builder.getContext(), arith::FastMathFlags::contract);
          auto vector = dyn_cast<VectorType>(old.getType());
          Value value = emitter.broadcast(update, vector ? vector.getNumElements() : 1);
          Value sum = arith::AddFOp::create(emitter.builder, old, value, contract);
          emitter.store(sum, output.buffer, place);
        }
      });
    });
  });
  job.report(Twine(ids) + " rows into a table of " + Twine(rows) + " x " + Twine(columns) + " in " + Twine(tasks) +
             " tasks");
  return tasks;
}

} // namespace moru
