//===- UpdateSlice.cpp - a box written into a buffer, in gather_scatter ---===//
// Where the result lies in the operand's buffer, the box is all that is written; graph-to-kernel sees to that. A kernel
// that has them apart copies the operand first, in one task.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moru::graph;
using moru::kernel::BufferType;

namespace moru {

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

/// The part of a buffer that holds a box: the same strides from another first entry on.
static KernelBuffer getBox(PointEmitter &emitter, const KernelBuffer &buffer, ValueRange starts,
                           ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = buffer.type.getStrides();
  Position first = emitter.getBoxStart(starts, buffer.type.getShape(), shape);
  IndexExpr offset = emitter.space.linearize(first, strides);
  auto type = BufferType::get(emitter.builder.getContext(), shape, buffer.type.getElementType(),
                              StridedLayoutAttr::get(emitter.builder.getContext(), 0, strides));
  int64_t entries = type.getSizeInBytes() / type.getElementBytes();
  Value part =
      memref::SubViewOp::create(emitter.builder, buffer.flat, SmallVector<OpFoldResult>{emitter.materialize(offset)},
                                SmallVector<OpFoldResult>{emitter.builder.getIndexAttr(entries)},
                                SmallVector<OpFoldResult>{emitter.builder.getIndexAttr(1)});
  return {part, type};
}

FailureOr<int64_t> emitUpdateSlice(KernelJob &job) {
  PointEmitter &emitter = job.emitter;
  auto updates = emitter.kernel.getBodyBlock()->getOps<DynamicUpdateSliceOp>();
  DynamicUpdateSliceOp op = *updates.begin();
  if (std::distance(updates.begin(), updates.end()) != 1 || job.outputs.size() != 1 ||
      job.outputs[0].tensor != op.getResult() || job.outputs[0].buffer.type.isPacked())
    return emitter.kernel.emitOpError("expected one dynamic_update_slice, itself the result, in a strided layout");
  const KernelBuffer &buffer = job.outputs[0].buffer;
  auto argument = dyn_cast<BlockArgument>(op.getOperand());
  bool isInPlace = argument && emitter.getBuffer(argument).flat == buffer.flat;
  if (!isInPlace) {
    KernelOutput whole{op.getOperand(), buffer};
    KernelJob copy{emitter, whole, job.options, /*isOneTask=*/true};
    if (failed(emitPositions(copy, getShape(op.getResult()), 0, 1, {})))
      return failure();
  }
  ArrayRef<int64_t> shape = getShape(op.getUpdate());
  if (job.count(shape) == 0)
    return 1;
  KernelOutput box{op.getUpdate(), getBox(emitter, buffer, op.getStarts(), shape)};
  KernelJob write{emitter, box, job.options, /*isOneTask=*/!isInPlace};
  return emitPositions(write, shape, job.count(shape), 1, {});
}

} // namespace moru
