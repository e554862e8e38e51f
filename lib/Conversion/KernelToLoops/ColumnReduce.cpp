//===- ColumnReduce.cpp - the family column_reduce ------------------------===//
// Sums over leading axes: several vectors of columns at once, the rows in order.
//===----------------------------------------------------------------------===//

#include "Families.h"

using namespace mlir;

namespace moru {

/// Vectors of columns whose sums are kept in registers together: at least enough additions under way to hide their
/// latency (4 cycles); more where the columns are many, since main memory gives long pieces of a row faster.
static constexpr int64_t kLeastGroup = 4;
/// Pieces of a row that are left then: work for all threads.
static constexpr int64_t kLeastPieces = 8;

static int64_t chooseGroup(int64_t vectors, int64_t registers) {
  int64_t group = kLeastGroup;
  while (2 * group <= registers / 2 && vectors / (2 * group) >= kLeastPieces)
    group *= 2;
  return group;
}

FailureOr<int64_t> emitColumnReduce(KernelJob &job) {
  SmallVector<Operation *> reductions;
  for (Operation &op : job.emitter.kernel.getBodyBlock()->without_terminator())
    if (graph::isReduction(&op))
      reductions.push_back(&op);
  if (reductions.size() != 1)
    return job.emitter.kernel.emitOpError()
           << "expected one reduction in a column_reduce kernel, got " << reductions.size();
  Operation *reduction = reductions[0];
  auto shapeOf = [](Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); };
  ArrayRef<int64_t> shape = shapeOf(reduction->getResult(0));
  for (const KernelOutput &output : job.outputs)
    if (shapeOf(output.tensor) != shape)
      return job.emitter.kernel.emitOpError()
             << "expected results of the shape of the reduction's result, got " << output.tensor.getType();
  int64_t group = chooseGroup(shape.empty() ? 1 : shape.back() / job.emitter.getLanes(), job.options.vectorRegisters);
  return emitPositions(job, shape, job.count(shapeOf(reduction->getOperand(0))), group,
                       [&](ArrayRef<Position> positions) { job.emitter.emitReductions(reduction, positions); });
}

} // namespace moru
