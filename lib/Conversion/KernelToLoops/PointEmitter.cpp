//===- PointEmitter.cpp - the value of a kernel's tensor at a position ----===//
// Scopes, memory and shapes. Elementwise operations stand in Elementwise.cpp, reductions in Reduce.cpp.
//===----------------------------------------------------------------------===//

#include "PointEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::kernel;

namespace moru {

/// Narrower entries do not make vectors longer: they are computed beside 32-bit ones.
static constexpr int64_t kNarrowestBits = 32;
/// An axis is cut into at most so many pieces; beyond that, code would grow more than single loads cost.
static constexpr size_t kMaxCuts = 24;

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }
static Type getElement(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

PointEmitter::PointEmitter(func::FuncOp function, ComputeOp kernel, int64_t vectorBits)
    : builder(kernel.getLoc(), function.getContext()), function(function), kernel(kernel) {
  int64_t bits = 64;
  auto note = [&](Value tensor) {
    if (int64_t own = getElement(tensor).getIntOrFloatBitWidth(); own >= kNarrowestBits)
      bits = std::min(bits, own);
    else if (own > 1)
      bits = kNarrowestBits;
  };
  for (Value argument : kernel.getBodyBlock()->getArguments())
    note(argument);
  for (Operation &op : kernel.getBodyBlock()->without_terminator())
    for (Value result : op.getResults())
      note(result);
  lanes = vectorBits / bits;
  scopes.push_back(Scope(&function.getBody().front()));
  setInsertionPoint();
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

void PointEmitter::setInsertionPoint() {
  Scope &scope = scopes.back();
  if (scope.opener)
    builder.setInsertionPoint(scope.opener);
  else if (!scope.block->empty() && scope.block->back().hasTrait<OpTrait::IsTerminator>())
    builder.setInsertionPoint(&scope.block->back());
  else
    builder.setInsertionPointToEnd(scope.block);
}

void PointEmitter::openScope(Operation *opener, Block *block) {
  Scope scope(block);
  scope.outerOpener = scopes.back().opener;
  scopes.back().opener = opener;
  scopes.push_back(std::move(scope));
  setInsertionPoint();
}

void PointEmitter::closeScope() {
  Operation *outerOpener = scopes.back().outerOpener;
  scopes.pop_back();
  scopes.back().opener = outerOpener;
  setInsertionPoint();
}

Value PointEmitter::inScope(unsigned level, function_ref<Value()> body) {
  if (level == getLevel())
    return body();
  std::vector<Scope> inner(std::make_move_iterator(scopes.begin() + level + 1), std::make_move_iterator(scopes.end()));
  scopes.erase(scopes.begin() + level + 1, scopes.end());
  setInsertionPoint();
  Value value = body();
  scopes.insert(scopes.end(), std::make_move_iterator(inner.begin()), std::make_move_iterator(inner.end()));
  setInsertionPoint();
  return value;
}

SmallVector<Value> PointEmitter::loop(Value lower, Value upper, int64_t count, ValueRange carried,
                                      function_ref<SmallVector<Value>(IndexExpr, ValueRange)> body) {
  auto op = scf::ForOp::create(builder, lower, upper, index(1), carried);
  openScope(op, op.getBody());
  IndexExpr counter = space.addValue(op.getInductionVar(), 0, count - 1, getLevel());
  SmallVector<Value> next = body(counter, op.getRegionIterArgs());
  if (!carried.empty())
    scf::YieldOp::create(builder, next);
  closeScope();
  return SmallVector<Value>(op.getResults());
}

void PointEmitter::loop(Value lower, Value upper, int64_t count, function_ref<void(IndexExpr)> body) {
  loop(lower, upper, count, {}, [&](IndexExpr counter, ValueRange) {
    body(counter);
    return SmallVector<Value>();
  });
}

void PointEmitter::loop(int64_t count, function_ref<void(IndexExpr)> body) {
  if (count == 1)
    body(0);
  else if (count > 1)
    loop(index(0), index(count), count, body);
}

SmallVector<Value> PointEmitter::branch(Value condition, TypeRange types, function_ref<SmallVector<Value>()> onTrue,
                                        function_ref<SmallVector<Value>()> onFalse) {
  auto op = scf::IfOp::create(builder, types, condition, /*withElseRegion=*/static_cast<bool>(onFalse));
  auto emitSide = [&](Block *block, function_ref<SmallVector<Value>()> side) {
    openScope(op, block);
    SmallVector<Value> values = side();
    if (!types.empty())
      scf::YieldOp::create(builder, values);
    closeScope();
  };
  emitSide(op.thenBlock(), onTrue);
  if (onFalse)
    emitSide(op.elseBlock(), onFalse);
  return SmallVector<Value>(op.getResults());
}

void PointEmitter::branch(Value condition, function_ref<void()> onTrue, function_ref<void()> onFalse) {
  auto withoutValues = [](function_ref<void()> side) {
    return [side]() {
      side();
      return SmallVector<Value>();
    };
  };
  auto first = withoutValues(onTrue), second = withoutValues(onFalse);
  if (onFalse)
    branch(condition, TypeRange(), first, second);
  else
    branch(condition, TypeRange(), first, function_ref<SmallVector<Value>()>());
}

int64_t PointEmitter::probe(function_ref<void()> body) {
  Region scratch;
  scratch.push_back(new Block());
  std::vector<Scope> saved = std::move(scopes);
  scopes.clear();
  scopes.push_back(Scope(&scratch.front()));
  int64_t before = scattered;
  setInsertionPoint();
  body();
  int64_t count = scattered - before;
  scattered = before;
  scopes = std::move(saved);
  setInsertionPoint();
  return count;
}

//===----------------------------------------------------------------------===//
// Small values
//===----------------------------------------------------------------------===//

int64_t PointEmitter::getTailWidth(int64_t size) const { return std::min<int64_t>(lanes, llvm::PowerOf2Ceil(size)); }

Type PointEmitter::getComputeType(Value tensor) const {
  Type element = getElement(tensor);
  return element.isBF16() ? Float32Type::get(element.getContext()) : element;
}

Type PointEmitter::getVectorType(Type element, int64_t width) const {
  return width == 1 ? element : VectorType::get(width, element);
}

Value PointEmitter::typedConstant(TypedAttr value) {
  Value &place = scopes.front().constants[{value.getAsOpaquePointer(), value.getType().getAsOpaquePointer()}];
  if (!place)
    place = inScope(0, [&]() -> Value { return arith::ConstantOp::create(builder, value); });
  return place;
}

Value PointEmitter::index(int64_t value) { return typedConstant(builder.getIndexAttr(value)); }

Value PointEmitter::number(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attribute = isa<FloatType>(element) ? TypedAttr(FloatAttr::get(element, value))
                                                : TypedAttr(IntegerAttr::get(element, static_cast<int64_t>(value)));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return typedConstant(attribute);
}

Value PointEmitter::zero(Type type) { return number(type, 0); }

Value PointEmitter::broadcast(Value value, int64_t width) {
  if (width == 1 || isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(builder, VectorType::get(width, value.getType()), value);
}

Value PointEmitter::mask(int64_t width, int64_t active) {
  SmallVector<bool> bits(width, false);
  std::fill_n(bits.begin(), active, true);
  return typedConstant(DenseElementsAttr::get(VectorType::get(width, builder.getI1Type()), bits));
}

Value PointEmitter::fail(Operation *op, const Twine &message, Type type) {
  if (!broken)
    op->emitOpError() << message;
  broken = true;
  return zero(type);
}

int64_t PointEmitter::getWidth(const Position &position) const {
  std::optional<unsigned> lane = space.findLane(position);
  return lane ? space[*lane].width : 1;
}

Value PointEmitter::materialize(const IndexExpr &expr) {
  assert(!space.dependsOnLane(expr) && "a lane has no single number");
  if (expr.isConstant())
    return index(expr.constant);
  unsigned level = space.getLevel(expr);
  if (auto known = scopes[level].indices.find(expr); known != scopes[level].indices.end())
    return known->second;
  Value value = inScope(level, [&]() -> Value {
    // The sum in the order of the scopes, so that what an inner loop adds is one addition; the constant last: it goes
    // into the address.
    if (expr.constant) {
      IndexExpr base = expr;
      base.constant = 0;
      return arith::AddIOp::create(builder, materialize(base), index(expr.constant));
    }
    IndexExpr outer;
    std::vector<IndexTerm> inner;
    for (const IndexTerm &term : expr.terms)
      (space[term.variable].level == level ? inner : outer.terms).push_back(term);
    Value sum = outer.isConstant() ? Value() : materialize(outer);
    for (const IndexTerm &term : inner) {
      IndexVariable variable = space[term.variable];
      Value number = variable.value;
      if (!number) {
        Value origin = materialize(variable.origin), divisor = index(variable.divisor);
        bool negative = space.getRange(variable.origin).first < 0;
        if (variable.kind == IndexVariable::Kind::Quotient)
          number = negative ? Value(arith::FloorDivSIOp::create(builder, origin, divisor))
                            : Value(arith::DivUIOp::create(builder, origin, divisor));
        else if (!negative)
          number = arith::RemUIOp::create(builder, origin, divisor);
        else {
          Value whole = arith::MulIOp::create(builder, arith::FloorDivSIOp::create(builder, origin, divisor), divisor);
          number = arith::SubIOp::create(builder, origin, whole);
        }
      }
      if (term.factor != 1)
        number = arith::MulIOp::create(builder, number, index(term.factor));
      sum = sum ? Value(arith::AddIOp::create(builder, sum, number)) : number;
    }
    return sum;
  });
  scopes[level].indices[expr] = value;
  return value;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

IndexExpr PointEmitter::getAddress(const KernelBuffer &buffer, const Position &position) {
  int64_t width = buffer.type.getPanelWidth();
  if (!width)
    return space.linearize(position, buffer.type.getStrides());
  ArrayRef<int64_t> shape = buffer.type.getShape();
  size_t rank = shape.size();
  int64_t panels = llvm::divideCeil(shape[rank - 1], width);
  IndexExpr batch = space.linearize(ArrayRef(position).drop_back(2), getRowMajorStrides(shape.drop_back(2)));
  IndexExpr panel = batch * panels + space.divide(position[rank - 1], width);
  IndexExpr row = panel * shape[rank - 2] + position[rank - 2];
  return space.recombine(row * width + space.remainder(position[rank - 1], width));
}

Value PointEmitter::fromStorage(Value value, Type element) {
  Type type = value.getType();
  if (element.isInteger(1))
    return arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, value, zero(type));
  if (element.isBF16())
    return extendBF16(builder, value);
  return value;
}

Value PointEmitter::toStorage(Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  int64_t width = vector ? vector.getNumElements() : 1;
  if (element.isInteger(1))
    return arith::ExtUIOp::create(builder, getVectorType(builder.getI8Type(), width), value);
  if (element.isBF16())
    return roundToBF16(builder, value);
  return value;
}

Value PointEmitter::load(const KernelBuffer &buffer, const Position &position) {
  return loadFlat(buffer, getAddress(buffer, position));
}

Value PointEmitter::loadFlat(const KernelBuffer &buffer, const IndexExpr &address) {
  Type element = buffer.type.getElementType();
  Type stored = cast<MemRefType>(buffer.flat.getType()).getElementType();
  std::optional<unsigned> lane = space.findLane(address);
  if (!lane)
    return fromStorage(memref::LoadOp::create(builder, buffer.flat, ValueRange{materialize(address)}), element);
  int64_t width = space[*lane].width, active = space[*lane].active;
  auto type = VectorType::get(width, stored);
  if (space.getLaneFactor(address) == 1) {
    Value first = materialize(space.fixLane(address, 0));
    Value entries;
    if (active == width)
      entries = vector::LoadOp::create(builder, type, buffer.flat, ValueRange{first});
    else
      entries =
          vector::MaskedLoadOp::create(builder, type, buffer.flat, ValueRange{first}, mask(width, active), zero(type));
    return fromStorage(entries, element);
  }
  ++scattered;
  SmallVector<Value> entries(width, zero(stored));
  for (int64_t i = 0; i < active; ++i)
    entries[i] = memref::LoadOp::create(builder, buffer.flat, ValueRange{materialize(space.fixLane(address, i))});
  return fromStorage(vector::FromElementsOp::create(builder, type, entries), element);
}

void PointEmitter::store(Value value, const KernelBuffer &buffer, const Position &position) {
  IndexExpr address = getAddress(buffer, position);
  std::optional<unsigned> lane = space.findLane(address);
  if (!lane) {
    value = toStorage(value, buffer.type.getElementType());
    memref::StoreOp::create(builder, value, buffer.flat, ValueRange{materialize(address)});
    return;
  }
  int64_t width = space[*lane].width, active = space[*lane].active;
  value = toStorage(broadcast(value, width), buffer.type.getElementType());
  if (space.getLaneFactor(address) == 1) {
    Value first = materialize(space.fixLane(address, 0));
    if (active == width)
      vector::StoreOp::create(builder, value, buffer.flat, ValueRange{first});
    else
      vector::MaskedStoreOp::create(builder, buffer.flat, ValueRange{first}, mask(width, active), value);
    return;
  }
  ++scattered;
  for (int64_t i = 0; i < active; ++i) {
    Value entry = width == 1 ? value : Value(vector::ExtractOp::create(builder, value, i));
    memref::StoreOp::create(builder, entry, buffer.flat, ValueRange{materialize(space.fixLane(address, i))});
  }
}

void PointEmitter::emitOutputs(ArrayRef<KernelOutput> outputs, const Position &position) {
  SmallVector<Value> values;
  for (const KernelOutput &output : outputs)
    values.push_back(emit(output.tensor, position));
  for (auto [output, value] : llvm::zip(outputs, values))
    store(value, output.buffer, position);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

void PointEmitter::define(Value tensor, const Position &position, Value value) {
  unsigned level = 0;
  for (const IndexExpr &expr : position)
    level = std::max(level, space.getLevel(expr));
  scopes[level].entries[{tensor.getAsOpaquePointer(), position}] = value;
}

Value PointEmitter::emit(Value tensor, const Position &position) {
  unsigned level = 0;
  for (const IndexExpr &expr : position)
    level = std::max(level, space.getLevel(expr));
  std::pair<const void *, Position> key(tensor.getAsOpaquePointer(), position);
  if (auto known = scopes[level].entries.find(key); known != scopes[level].entries.end())
    return known->second;
  Value value = inScope(level, [&] { return compute(tensor, position); });
  scopes[level].entries[key] = value;
  return value;
}

Value PointEmitter::emitVector(Value tensor, const Position &position, int64_t width) {
  return broadcast(emit(tensor, position), width);
}

Value PointEmitter::compute(Value tensor, const Position &position) {
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return load(buffers.at(argument), position);
  if (auto found = kept.find(tensor); found != kept.end())
    return load(found->second, position);
  Operation *op = tensor.getDefiningOp();
  Location outside = builder.getLoc();
  builder.setLoc(op->getLoc());
  llvm::scope_exit restore([&] { builder.setLoc(outside); });
  if (isElementwise(op)) {
    SmallVector<Value> operands;
    int64_t width = 1;
    for (Value operand : op->getOperands()) {
      operands.push_back(emit(operand, position));
      if (auto vector = dyn_cast<VectorType>(operands.back().getType()))
        width = vector.getNumElements();
    }
    for (Value &operand : operands)
      operand = broadcast(operand, width);
    if (Value value = emitElementwise(builder, op, operands))
      return value;
    return fail(op, "is not generated for this element type", getVectorType(getComputeType(tensor), width));
  }
  return computeShape(op, position);
}

Value PointEmitter::computeShape(Operation *op, const Position &position) {
  using namespace moru::graph;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](BroadcastOp op) {
        Position inner;
        for (auto [axis, size] : llvm::zip(op.getAxes(), getShape(op.getOperand())))
          inner.push_back(size == 1 ? IndexExpr(0) : position[axis]);
        return emit(op.getOperand(), inner);
      })
      .Case([&](ReshapeOp op) {
        IndexExpr flat = space.linearize(position, getRowMajorStrides(getShape(op.getResult())));
        return emit(op.getOperand(), space.delinearize(flat, getShape(op.getOperand())));
      })
      .Case([&](TransposeOp op) {
        Position inner(position.size());
        for (auto [axis, from] : llvm::enumerate(op.getPermutation()))
          inner[from] = position[axis];
        return emit(op.getOperand(), inner);
      })
      .Case([&](SliceOp op) {
        Position inner;
        for (auto [expr, start, stride] : llvm::zip(position, op.getStarts(), op.getStrides()))
          inner.push_back(expr * stride + start);
        return emit(op.getOperand(), inner);
      })
      .Case([&](graph::ConstantOp op) { return computeConstant(op, position); })
      .Case([&](IotaOp op) { return computeIota(op, position); })
      .Case([&](PadOp op) { return computePad(op, position); })
      .Case([&](ConcatOp op) { return computeConcat(op, position); })
      .Case([&](GatherOp op) { return computeGather(op, position); })
      .Case([&](ArgmaxOp op) { return computeArgmax(op, position); })
      .Case<ReduceSumOp, ReduceMaxOp>([&](Operation *op) { return computeReduction(op, position); })
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
      .Case<ReduceSumOp, ReduceMaxOp>([&](auto op) {
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
