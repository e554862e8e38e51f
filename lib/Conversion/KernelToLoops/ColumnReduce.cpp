//===- ColumnReduce.cpp - the family column_reduce ------------------------===//
// Sums over leading axes: several vectors of columns at once, the rows in order.
//===----------------------------------------------------------------------===//

#include "Families.h"

using namespace mlir;

namespace moru {

/// Vectors of columns whose sums are kept in registers together: enough additions under way to hide their latency (4
/// cycles), and four neighboring lines of memory per row.
static constexpr int64_t kGroup = 4;

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
  return emitPositions(job, shape, job.count(shapeOf(reduction->getOperand(0))), kGroup,
                       [&](ArrayRef<Position> positions) { job.emitter.emitReductions(reduction, positions); });
}

} // namespace moru
