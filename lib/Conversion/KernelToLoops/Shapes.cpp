//===- Shapes.cpp - entries of tensors that are other entries -------------===//
// Views, constants, concatenations and gathers at a position: index arithmetic, and a branch where the position decides
// at run time. And where an axis falls into pieces for it.
//===----------------------------------------------------------------------===//

#include "PointEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::kernel;

namespace moru {

/// An axis is cut into at most so many pieces; beyond that, code would grow more than single loads cost.
static constexpr size_t kMaxCuts = 24;

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

std::optional<Position> PointEmitter::getViewedPosition(Operation *op, const Position &position) {
  using namespace moru::graph;
  return llvm::TypeSwitch<Operation *, std::optional<Position>>(op)
      .Case([&](BroadcastOp op) {
        Position inner;
        for (auto [axis, size] : llvm::zip(op.getAxes(), getShape(op.getOperand())))
          inner.push_back(size == 1 ? IndexExpr(0) : position[axis]);
        return inner;
      })
      .Case([&](ReshapeOp op) {
        IndexExpr flat = IndexSpace::addUp(position, getRowMajorStrides(getShape(op.getResult())));
        return space.delinearize(flat, getShape(op.getOperand()));
      })
      .Case([&](TransposeOp op) {
        Position inner(position.size());
        for (auto [axis, from] : llvm::enumerate(op.getPermutation()))
          inner[from] = position[axis];
        return inner;
      })
      .Case([&](SliceOp op) {
        Position inner;
        for (auto [expr, start, stride] : llvm::zip(position, op.getStarts(), op.getStrides()))
          inner.push_back(expr * stride + start);
        return inner;
      })
      .Default([](Operation *) { return std::nullopt; });
}

void PointEmitter::prefetch(Value tensor, const Position &position) {
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    const KernelBuffer &buffer = buffers.at(argument);
    memref::PrefetchOp::create(builder, buffer.flat, ValueRange{materialize(getAddress(buffer, position))},
                               /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
    return;
  }
  Operation *op = tensor.getDefiningOp();
  if (std::optional<Position> viewed = getViewedPosition(op, position))
    prefetch(op->getOperand(0), *viewed);
  else if (isElementwise(op))
    for (Value operand : op->getOperands())
      prefetch(operand, position);
}

Value PointEmitter::computeShape(Operation *op, const Position &position) {
  using namespace moru::graph;
  if (std::optional<Position> viewed = getViewedPosition(op, position))
    return emit(op->getOperand(0), *viewed);
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](graph::ConstantOp op) { return computeConstant(op, position); })
      .Case([&](IotaOp op) { return computeIota(op, position); })
      .Case([&](PadOp op) { return computePad(op, position); })
      .Case([&](ConcatOp op) { return computeConcat(op, position); })
      .Case([&](GatherOp op) { return computeGather(op, position); })
      .Case([&](ArgmaxOp op) { return computeArgmax(op, position); })
      .Case([&](DynamicSliceOp op) { return computeDynamicSlice(op, position); })
      .Case([&](RandomOp op) { return computeRandom(op, position); })
      .Case<ReduceSumOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp>(
          [&](Operation *op) { return computeReduction(op, position); })
      .Default([&](Operation *op) {
        return fail(op, Twine("cannot be generated in a kernel of family ") + stringifyFamily(kernel.getFamily()),
                    getVectorType(getComputeType(op->getResult(0)), getWidth(position)));
      });
}

Value PointEmitter::computeByLane(Value tensor, const Position &position) {
  unsigned lane = *space.findLane(position);
  int64_t width = space[lane].width, active = space[lane].active;
  ++scattered;
  Type element = getComputeType(tensor);
  SmallVector<Value> entries(width, zero(element));
  for (int64_t i = 0; i < active; ++i) {
    Position single;
    for (const IndexExpr &expr : position)
      single.push_back(space.fixLane(expr, i));
    entries[i] = emit(tensor, single);
  }
  return vector::FromElementsOp::create(builder, VectorType::get(width, element), entries);
}

KernelBuffer PointEmitter::getConstantBuffer(graph::ConstantOp op) {
  // One global per constant; its data lie in row-major order, i1 in bytes.
  auto elements = cast<DenseElementsAttr>(op.getValue());
  Type element = elements.getElementType();
  int64_t size = elements.getNumElements();
  if (element.isInteger(1)) {
    SmallVector<int8_t> bytes;
    for (bool bit : elements.getValues<bool>())
      bytes.push_back(bit);
    elements = DenseElementsAttr::get(RankedTensorType::get(size, builder.getI8Type()), ArrayRef(bytes));
  }
  elements = elements.reshape(RankedTensorType::get(size, elements.getElementType()));
  auto module = function->getParentOfType<ModuleOp>();
  auto type = MemRefType::get(size, elements.getElementType());
  memref::GlobalOp global;
  for (auto other : module.getOps<memref::GlobalOp>())
    if (other.getInitialValue() == Attribute(elements) && other.getType() == type)
      global = other;
  if (!global) {
    int64_t number = 0;
    std::string name;
    do
      name = "constant_" + std::to_string(number++);
    while (module.lookupSymbol(name));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    global = memref::GlobalOp::create(builder, name, builder.getStringAttr("private"), type, elements,
                                      /*constant=*/true, /*alignment=*/builder.getI64IntegerAttr(64));
  }
  // Outside of all loops.
  Value &flat = scopes.front().constants[{global.getOperation(), nullptr}];
  if (!flat)
    flat = inScope(0, [&]() -> Value { return memref::GetGlobalOp::create(builder, type, global.getSymName()); });
  return {flat, BufferType::get(cast<RankedTensorType>(op.getType()))};
}

Value PointEmitter::computeConstant(graph::ConstantOp op, const Position &position) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  Type type = getComputeType(op.getResult());
  if (!elements)
    return fail(op, "expected dense elements", type);
  if (!elements.isSplat())
    return load(getConstantBuffer(op), position);
  if (isa<FloatType>(type)) {
    APFloat value = elements.getSplatValue<APFloat>();
    bool losesInfo;
    value.convert(cast<FloatType>(type).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return typedConstant(FloatAttr::get(type, value));
  }
  return typedConstant(IntegerAttr::get(type, elements.getSplatValue<APInt>()));
}

Value PointEmitter::computeIota(graph::IotaOp op, const Position &position) {
  const IndexExpr &expr = position[op.getAxis()];
  Type element = getComputeType(op.getResult());
  Type integer = isa<FloatType>(element) ? builder.getI64Type() : element;
  std::optional<int64_t> factor = space.getLaneFactor(expr);
  if (!factor)
    return computeByLane(op.getResult(), position);
  // All lanes of i32 suffice where every index fits.
  if (isa<FloatType>(element) && space.getRange(expr).second <= INT32_MAX)
    integer = builder.getI32Type();
  auto toElement = [&](Value value, int64_t width) -> Value {
    Type type = getVectorType(element, width);
    return isa<FloatType>(element) ? Value(arith::SIToFPOp::create(builder, type, value)) : value;
  };
  if (*factor == 0)
    return toElement(arith::IndexCastOp::create(builder, integer, materialize(expr)), 1);
  int64_t width = getWidth(position);
  SmallVector<Attribute> steps;
  for (int64_t i = 0; i < width; ++i)
    steps.push_back(IntegerAttr::get(integer, i * *factor));
  Value first = arith::IndexCastOp::create(builder, integer, materialize(space.fixLane(expr, 0)));
  Value step = typedConstant(DenseElementsAttr::get(VectorType::get(width, integer), steps));
  return toElement(arith::AddIOp::create(builder, broadcast(first, width), step), width);
}

Value PointEmitter::within(const IndexExpr &expr, int64_t low, int64_t high) {
  auto [least, largest] = space.getRange(expr);
  Value condition, number = materialize(expr);
  if (least < low)
    condition = arith::CmpIOp::create(builder, arith::CmpIPredicate::sge, number, index(low));
  if (largest >= high) {
    Value below = arith::CmpIOp::create(builder, arith::CmpIPredicate::slt, number, index(high));
    condition = condition ? Value(arith::AndIOp::create(builder, condition, below)) : below;
  }
  return condition;
}

Value PointEmitter::guarded(Value condition, Type element, int64_t width, function_ref<Value()> body) {
  Type type = getVectorType(element, width);
  return branch(
      condition, TypeRange{type}, [&] { return SmallVector<Value>{broadcast(body(), width)}; },
      [&] { return SmallVector<Value>{zero(type)}; })[0];
}

Value PointEmitter::computePad(graph::PadOp op, const Position &position) {
  Type element = getComputeType(op.getResult());
  int64_t width = getWidth(position);
  Position inner = position;
  SmallVector<size_t> uncertain;
  for (auto [axis, size] : llvm::enumerate(getShape(op.getOperand()))) {
    int64_t step = op.getInterior()[axis] + 1, end = (size - 1) * step + 1;
    inner[axis] = position[axis] + -op.getLow()[axis];
    auto [least, largest] = space.getRange(inner[axis]);
    IndexExpr rest = space.remainder(inner[axis], step);
    if (size == 0 || largest < 0 || least >= end || (rest.isConstant() && rest.constant != 0))
      return zero(getVectorType(element, width));
    if (least < 0 || largest >= end || !rest.isConstant()) {
      if (space.dependsOnLane(inner[axis]))
        return computeByLane(op.getResult(), position);
      uncertain.push_back(axis);
    } else
      inner[axis] = space.divide(inner[axis], step);
  }
  if (uncertain.empty())
    return emit(op.getOperand(), inner);
  Value condition;
  auto require = [&](Value other) {
    if (other)
      condition = condition ? Value(arith::AndIOp::create(builder, condition, other)) : other;
  };
  for (size_t axis : uncertain) {
    int64_t size = getShape(op.getOperand())[axis], step = op.getInterior()[axis] + 1;
    require(within(inner[axis], 0, (size - 1) * step + 1));
    if (IndexExpr rest = space.remainder(inner[axis], step); !rest.isConstant())
      require(arith::CmpIOp::create(builder, arith::CmpIPredicate::eq, materialize(rest), index(0)));
  }
  return guarded(condition, element, width, [&] {
    for (size_t axis : uncertain) {
      Value number = materialize(inner[axis]);
      if (int64_t step = op.getInterior()[axis] + 1; step != 1)
        number = arith::DivUIOp::create(builder, number, index(step));
      inner[axis] = space.addValue(number, 0, getShape(op.getOperand())[axis] - 1, getLevel());
    }
    return emit(op.getOperand(), inner);
  });
}

Value PointEmitter::computeConcat(graph::ConcatOp op, const Position &position) {
  size_t axis = op.getAxis();
  auto [least, largest] = space.getRange(position[axis]);
  // The operands that the position may lie in.
  SmallVector<std::pair<Value, int64_t>> candidates;
  int64_t offset = 0;
  for (Value operand : op.getOperands()) {
    int64_t size = getShape(operand)[axis];
    if (size > 0 && least < offset + size && largest >= offset)
      candidates.push_back({operand, offset});
    offset += size;
  }
  Position inner = position;
  if (candidates.size() == 1) {
    inner[axis] = position[axis] + -candidates[0].second;
    return emit(candidates[0].first, inner);
  }
  if (space.dependsOnLane(position[axis]))
    return computeByLane(op.getResult(), position);
  int64_t width = getWidth(position);
  Type type = getVectorType(getComputeType(op.getResult()), width);
  auto choose = [&](auto &choose, size_t k) -> Value {
    auto [operand, offset] = candidates[k];
    int64_t size = getShape(operand)[axis];
    auto inside = [&, operand = operand, offset = offset] {
      Value number = materialize(position[axis] + -offset);
      Position place = position;
      place[axis] = space.addValue(number, 0, size - 1, getLevel());
      return SmallVector<Value>{broadcast(emit(operand, place), width)};
    };
    if (k + 1 == candidates.size())
      return inside()[0];
    Value condition =
        arith::CmpIOp::create(builder, arith::CmpIPredicate::slt, materialize(position[axis]), index(offset + size));
    return branch(condition, TypeRange{type}, inside, [&] { return SmallVector<Value>{choose(choose, k + 1)}; })[0];
  };
  return choose(choose, 0);
}

Value PointEmitter::computeGather(graph::GatherOp op, const Position &position) {
  size_t idsRank = getShape(op.getIds()).size();
  int64_t rows = getShape(op.getTable())[0];
  Position where(position.begin(), position.begin() + idsRank);
  Position inner(position.begin() + idsRank, position.end());
  Type element = getComputeType(op.getResult());
  int64_t width = getWidth(position);
  if (rows == 0)
    return zero(getVectorType(element, width));
  if (space.findLane(where))
    return computeByLane(op.getResult(), position);
  // An id outside of the table reads row 0 and gives zeros. Known once per id, in the id's scope.
  Value id = emit(op.getIds(), where);
  unsigned level = 0;
  for (const IndexExpr &expr : where)
    level = std::max(level, space.getLevel(expr));
  auto [place, isNew] =
      scopes[level].rows.try_emplace({op.getOperation(), where}, std::pair<IndexExpr, Value>(0, Value()));
  if (isNew) {
    auto &row = place->second;
    Value number;
    Value isRow;
    inScope(level, [&]() -> Value {
      Type type = id.getType();
      isRow = arith::CmpIOp::create(builder, arith::CmpIPredicate::ult, id, this->number(type, rows));
      Value safe = arith::SelectOp::create(builder, isRow, id, zero(type));
      number = arith::IndexCastOp::create(builder, builder.getIndexType(), safe);
      return number;
    });
    row = {space.addValue(number, 0, rows - 1, level), isRow};
  }
  auto [row, isRow] = scopes[level].rows.at({op.getOperation(), where});
  inner.insert(inner.begin(), row);
  Value value = emit(op.getTable(), inner);
  return arith::SelectOp::create(builder, isRow, value, zero(value.getType()));
}

Position PointEmitter::getBoxStart(ValueRange starts, ArrayRef<int64_t> sizes, ArrayRef<int64_t> shape) {
  Position position;
  for (auto [start, size, length] : llvm::zip_equal(starts, sizes, shape)) {
    int64_t last = size - length;
    // Known once per start, in the outermost scope.
    auto [place, isNew] = scopes.front().boxes.try_emplace({start.getAsOpaquePointer(), last}, IndexExpr(0));
    if (isNew && last > 0) {
      Value number = emit(start, {});
      inScope(0, [&]() -> Value {
        // Compared before it is narrowed to an index: an i64 may be anything.
        Value low = arith::MaxSIOp::create(builder, number, zero(number.getType()));
        Value inside = arith::MinSIOp::create(builder, low, this->number(number.getType(), last));
        return number = arith::IndexCastOp::create(builder, builder.getIndexType(), inside);
      });
      scopes.front().boxes.at({start.getAsOpaquePointer(), last}) = space.addValue(number, 0, last, 0);
    }
    position.push_back(scopes.front().boxes.at({start.getAsOpaquePointer(), last}));
  }
  return position;
}

Value PointEmitter::computeDynamicSlice(graph::DynamicSliceOp op, const Position &position) {
  Position place = getBoxStart(op.getStarts(), getShape(op.getOperand()), op.getSizes());
  for (auto [start, own] : llvm::zip_equal(place, position))
    start = start + own;
  return emit(op.getOperand(), place);
}

//===----------------------------------------------------------------------===//
// Pieces of an axis
//===----------------------------------------------------------------------===//

void PointEmitter::collectCuts(Value tensor, int64_t axis, int64_t offset, int64_t size, std::set<int64_t> &cuts) {
  using namespace moru::graph;
  // Entry c of the axis that is cut lies at c + offset here.
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return;
  auto follow = [&](Value operand, int64_t operandAxis, int64_t shift = 0) {
    collectCuts(operand, operandAxis, offset + shift, size, cuts);
  };
  auto cut = [&](int64_t place) {
    if (place - offset > 0 && place - offset < size)
      cuts.insert(place - offset);
  };
  if (isElementwise(op)) {
    for (Value operand : op->getOperands())
      follow(operand, axis);
    return;
  }
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](BroadcastOp op) {
        for (auto [from, to] : llvm::enumerate(op.getAxes()))
          if (to == axis && getShape(op.getOperand())[from] == getShape(tensor)[axis])
            follow(op.getOperand(), from);
      })
      .Case([&](TransposeOp op) { follow(op.getOperand(), op.getPermutation()[axis]); })
      .Case([&](SliceOp op) {
        if (op.getStrides()[axis] == 1)
          follow(op.getOperand(), axis, op.getStarts()[axis]);
      })
      .Case([&](PadOp op) {
        if (op.getInterior()[axis] != 0)
          return;
        int64_t low = op.getLow()[axis];
        cut(low);
        cut(low + getShape(op.getOperand())[axis]);
        follow(op.getOperand(), axis, -low);
      })
      .Case([&](ConcatOp op) {
        int64_t start = 0;
        for (Value operand : op.getOperands()) {
          follow(operand, axis, -start);
          if (axis == static_cast<int64_t>(op.getAxis())) {
            start += getShape(operand)[axis];
            cut(start);
          }
        }
      })
      .Case([&](ReshapeOp op) {
        // The axis of the operand with the same size and the same entries behind it.
        auto entriesBehind = [](ArrayRef<int64_t> shape, int64_t axis) {
          int64_t entries = 1;
          for (int64_t size : shape.drop_front(axis + 1))
            entries *= size;
          return entries;
        };
        ArrayRef<int64_t> from = getShape(op.getOperand()), to = getShape(tensor);
        for (size_t k = 0; k < from.size(); ++k)
          if (from[k] == to[axis] && entriesBehind(from, k) == entriesBehind(to, axis))
            return follow(op.getOperand(), k);
      })
      .Case([&](GatherOp op) {
        int64_t idsRank = getShape(op.getIds()).size();
        if (axis >= idsRank)
          follow(op.getTable(), axis - idsRank + 1);
      })
      .Case([&](DynamicSliceOp op) {
        // Where the box begins is not known: a cut of the operand is somewhere.
        if (op.getSizes()[axis] == getShape(op.getOperand())[axis])
          follow(op.getOperand(), axis);
      })
      .Case<ReduceSumOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp>([&](auto op) {
        // The result's axes are the operand's without the reduced ones.
        int64_t kept = 0;
        for (int64_t k = 0, rank = getShape(op.getOperand()).size(); k < rank; ++k)
          if (!llvm::is_contained(op.getAxes(), k) && kept++ == axis)
            follow(op.getOperand(), k);
      });
}

SmallVector<PointEmitter::Piece> PointEmitter::getPieces(ArrayRef<Value> tensors, int64_t axis, int64_t size) {
  std::set<int64_t> cuts;
  for (Value tensor : tensors)
    collectCuts(tensor, axis, 0, size, cuts);
  if (cuts.size() > kMaxCuts)
    cuts.clear();
  SmallVector<Piece> pieces;
  int64_t first = 0;
  cuts.insert(size);
  for (int64_t cut : cuts) {
    pieces.push_back({first, cut - first});
    first = cut;
  }
  return pieces;
}

} // namespace moru
