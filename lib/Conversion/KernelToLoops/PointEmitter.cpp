//===- PointEmitter.cpp - the value of a kernel's tensor at a position ----===//
// Scopes, small values and memory. Elementwise operations stand in Elementwise.cpp, shapes in Shapes.cpp, reductions in
// Reduce.cpp.
//===----------------------------------------------------------------------===//

#include "PointEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace moru::kernel;

namespace moru {

/// Narrower entries do not make vectors longer: they are computed beside 32-bit ones.
static constexpr int64_t kNarrowestBits = 32;

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
    // One lane as a number: LLVM 22 makes a wider store of a narrowed vector's single lane.
    if (active == 1)
      memref::StoreOp::create(builder, vector::ExtractOp::create(builder, value, 0), buffer.flat, ValueRange{first});
    else if (active == width)
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

static ArrayRef<int64_t> getShapeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

/// Elementwise operations of the outputs' shape that the outputs are computed by, in their order, where some of them
/// are chains of many instructions; otherwise none.
SmallVector<Operation *> PointEmitter::findLongChains(ArrayRef<KernelOutput> outputs) {
  llvm::SmallSetVector<Operation *, 16> chains;
  for (const KernelOutput &output : outputs)
    if (Operation *op = output.tensor.getDefiningOp())
      chains.insert(op);
  auto isPart = [&](Operation *op) {
    return isElementwise(op) && getShapeOf(op->getResult(0)) == getShapeOf(outputs[0].tensor);
  };
  chains.remove_if([&](Operation *op) { return !isPart(op); });
  for (size_t i = 0; i < chains.size(); ++i)
    for (Value operand : chains[i]->getOperands())
      if (Operation *op = operand.getDefiningOp(); op && isPart(op))
        chains.insert(op);
  if (llvm::none_of(chains, isTranscendental))
    return {};
  SmallVector<Operation *> sorted = chains.takeVector();
  llvm::sort(sorted, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return sorted;
}

void PointEmitter::emitOutputs(ArrayRef<KernelOutput> outputs, ArrayRef<Position> positions) {
  SmallVector<Operation *> chains = findLongChains(outputs);
  if (chains.empty() && positions.size() > 1) {
    for (const Position &position : positions)
      emitOutputs(outputs, position);
    return;
  }
  for (Operation *op : chains)
    for (const Position &position : positions)
      emit(op->getResult(0), position);
  SmallVector<Value> values;
  for (const Position &position : positions)
    for (const KernelOutput &output : outputs)
      values.push_back(emit(output.tensor, position));
  ArrayRef<Value> rest = values;
  for (const Position &position : positions)
    for (const KernelOutput &output : outputs) {
      store(rest.front(), output.buffer, position);
      rest = rest.drop_front();
    }
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

} // namespace moru
