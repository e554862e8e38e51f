//===- Parts.cpp - a kernel cut along the first axis of its results -------===//
// From the results backwards: which axis of each value belongs to a part.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/Parts.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t entries = 1;
  for (int64_t size : sizes)
    entries *= size;
  return entries;
}

namespace {

/// Walks from the results to the operands.
class PartFinder {
public:
  PartFinder(ComputeOp op, int64_t parts, std::string &why) : op(op), parts(parts), why(why) {}

  std::optional<KernelParts> find() {
    for (Value result : op.getYield().getValues())
      if (!require(result, 0))
        return std::nullopt;
    for (Operation &inner : llvm::reverse(op.getBodyBlock()->without_terminator()))
      if (!visit(&inner))
        return std::nullopt;
    for (auto [argument, buffer] : llvm::zip(op.getBodyBlock()->getArguments(), op.getReads())) {
      auto known = found.axes.find(argument);
      found.reads.push_back(known == found.axes.end() ? std::optional<int64_t>(-1) : known->second);
      if (known != found.axes.end() && known->second && !isCutAlong(buffer, *known->second))
        return fail("a packed operand is cut along another axis than its first"), std::nullopt;
    }
    for (Value buffer : op.getWrites())
      if (!isCutAlong(buffer, 0))
        return fail("a packed result has no axis of batches"), std::nullopt;
    if (!isOfOneMind())
      return fail("a buffer is needed both whole and in parts"), std::nullopt;
    return std::move(found);
  }

private:
  bool fail(const Twine &reason) {
    why = reason.str();
    return false;
  }

  /// Layouts with strides are cut along any axis; packed ones along their first, where it counts batches.
  static bool isCutAlong(Value buffer, int64_t axis) {
    auto type = cast<BufferType>(buffer.getType());
    return !type.isPacked() || (type.getPanelWidth() && axis == 0 && type.getRank() > 2);
  }

  /// Whether a buffer that the kernel names several times is cut in one way.
  bool isOfOneMind() const {
    llvm::DenseMap<Value, std::optional<int64_t>> known;
    for (Value buffer : op.getWrites())
      known[buffer] = 0;
    return llvm::all_of(llvm::zip(op.getReads(), found.reads), [&](auto read) {
      auto [buffer, axis] = read;
      return axis == -1 || known.try_emplace(buffer, axis).first->second == axis;
    });
  }

  /// A part needs this part of `value` along `axis`, or all of it.
  bool require(Value value, std::optional<int64_t> axis) {
    if (axis && (*axis >= int64_t(shapeOf(value).size()) || shapeOf(value)[*axis] % parts != 0))
      return fail("its first axis has no " + Twine(parts) + " equal parts");
    auto [place, isNew] = found.axes.try_emplace(value, axis);
    return place->second == axis || fail("a value is needed both whole and in parts");
  }

  bool requireAll(Operation *inner, std::optional<int64_t> axis) {
    return llvm::all_of(inner->getOperands(), [&](Value operand) { return require(operand, axis); });
  }

  bool visit(Operation *inner) {
    auto known = inner->getNumResults() == 1 ? found.axes.find(inner->getResult(0)) : found.axes.end();
    if (inner->getNumResults() != 1)
      return fail(inner->getName().stripDialect() + " has no parts");
    if (known == found.axes.end())
      return true;
    if (!known->second)
      return requireAll(inner, std::nullopt);
    return visitCut(inner, *known->second);
  }

  /// What is needed for a part along `axis` of the result.
  bool visitCut(Operation *inner, int64_t axis) {
    if (inner->hasTrait<OpTrait::Elementwise>())
      return requireAll(inner, axis);
    if (graph::isReduction(inner))
      return require(inner->getOperand(0), getKeptAxis(graph::getReducedAxes(inner), axis));
    return llvm::TypeSwitch<Operation *, bool>(inner)
        .Case<graph::StopGradientOp, graph::BarrierOp>([&](auto) { return requireAll(inner, axis); })
        .Case([&](graph::ConstantOp constant) {
          auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
          return (elements && elements.isSplat()) || fail("a constant has other entries in each part");
        })
        .Case([&](graph::IotaOp iota) {
          return int64_t(iota.getAxis()) != axis || fail("iota has other entries in each part");
        })
        .Case([&](graph::BroadcastOp broadcast) {
          for (auto [from, to] : llvm::enumerate(broadcast.getAxes()))
            if (to == axis && shapeOf(broadcast.getOperand())[from] == shapeOf(broadcast.getResult())[axis])
              return require(broadcast.getOperand(), from);
          return require(broadcast.getOperand(), std::nullopt);
        })
        .Case([&](graph::TransposeOp transpose) {
          return require(transpose.getOperand(), transpose.getPermutation()[axis]);
        })
        .Case([&](graph::ReshapeOp reshape) { return visitReshape(reshape, axis); })
        .Case([&](graph::SliceOp slice) {
          bool isWhole = slice.getStarts()[axis] == 0 && slice.getStrides()[axis] == 1 &&
                         slice.getLimits()[axis] == shapeOf(slice.getOperand())[axis];
          return isWhole ? require(slice.getOperand(), axis) : fail("slice takes some of the parts");
        })
        .Case([&](graph::PadOp pad) {
          bool isPlain = pad.getLow()[axis] == 0 && pad.getHigh()[axis] == 0 && pad.getInterior()[axis] == 0;
          return isPlain ? require(pad.getOperand(), axis) : fail("pad adds to the parts");
        })
        .Case([&](graph::ConcatOp concat) {
          return int64_t(concat.getAxis()) != axis ? requireAll(inner, axis) : fail("concat puts parts together");
        })
        .Case([&](graph::GatherOp gather) {
          int64_t idsRank = shapeOf(gather.getIds()).size();
          if (axis < idsRank)
            return require(gather.getIds(), axis) && require(gather.getTable(), std::nullopt);
          return require(gather.getIds(), std::nullopt) && require(gather.getTable(), axis - idsRank + 1);
        })
        .Case([&](graph::ContractOp contract) { return visitContract(contract, axis); })
        .Default([&](Operation *) { return fail(inner->getName().stripDialect() + " has no parts"); });
  }

  static int64_t getKeptAxis(ArrayRef<int64_t> removed, int64_t axis) {
    for (int64_t other : removed)
      axis += other <= axis;
    return axis;
  }

  /// The axis of the operand with as many entries in front of it, so that the parts hold the same entries.
  bool visitReshape(graph::ReshapeOp reshape, int64_t axis) {
    ArrayRef<int64_t> from = shapeOf(reshape.getOperand()), to = shapeOf(reshape.getResult());
    for (size_t k = 0; k < from.size(); ++k)
      if (product(from.take_front(k)) == product(to.take_front(axis)) && from[k] % parts == 0)
        return require(reshape.getOperand(), k);
    return fail("reshape takes the parts apart");
  }

  bool visitContract(graph::ContractOp contract, int64_t axis) {
    int64_t numBatch = contract.getLhsBatch().size(), numLhs = contract.getLhsFree().size();
    if (axis < numBatch)
      return require(contract.getLhs(), contract.getLhsBatch()[axis]) &&
             require(contract.getRhs(), contract.getRhsBatch()[axis]);
    if (axis < numBatch + numLhs)
      return require(contract.getLhs(), contract.getLhsFree()[axis - numBatch]) &&
             require(contract.getRhs(), std::nullopt);
    return require(contract.getLhs(), std::nullopt) &&
           require(contract.getRhs(), contract.getRhsFree()[axis - numBatch - numLhs]);
  }

  mutable ComputeOp op;
  int64_t parts;
  std::string &why;
  KernelParts found;
};

} // namespace

std::optional<KernelParts> moru::kernel::findParts(ComputeOp op, int64_t parts, std::string &why) {
  return PartFinder(op, parts, why).find();
}

BufferType moru::kernel::getPartType(BufferType type, int64_t axis, int64_t parts) {
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] /= parts;
  // Cut within, a dense layout keeps its strides.
  Attribute layout = type.getLayout();
  if (!layout && axis != 0)
    layout = StridedLayoutAttr::get(type.getContext(), 0, type.getStrides());
  return BufferType::get(type.getContext(), shape, type.getElementType(), layout);
}

int64_t moru::kernel::getPartStride(BufferType type, int64_t axis, int64_t parts) {
  int64_t size = type.getShape()[axis] / parts;
  if (type.isPacked())
    return type.getSizeInBytes() / type.getElementBytes() / parts;
  return size * type.getStrides()[axis];
}

static void cutType(Value value, int64_t axis, int64_t parts) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] /= parts;
  value.setType(type.clone(shape));
}

void moru::kernel::cutToPart(ComputeOp op, const KernelParts &found, int64_t parts) {
  for (auto [value, axis] : found.axes)
    if (axis)
      cutType(value, *axis, parts);
  op.getBodyBlock()->walk([&](Operation *inner) {
    if (auto constant = dyn_cast<graph::ConstantOp>(inner)) {
      auto type = cast<RankedTensorType>(constant.getType());
      if (constant.getValue().getShapedType() != type)
        constant.setValueAttr(
            DenseElementsAttr::get(type, cast<DenseElementsAttr>(constant.getValue()).getSplatValue<Attribute>()));
    } else if (auto slice = dyn_cast<graph::SliceOp>(inner)) {
      auto axis = found.axes.lookup(slice.getResult());
      if (!axis)
        return;
      SmallVector<int64_t> limits(slice.getLimits());
      limits[*axis] /= parts;
      slice.setLimits(limits);
    }
  });
}
