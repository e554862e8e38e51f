//===- KernelOps.cpp - verifiers and syntax -------------------------------===//
// One block per operation. `// C1` … are the constraints of KernelOps.td.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

/// `%t`, `%t + 1`, `6 minus %t`, each with ` mod 2` where slots are used again.
static void printSlotIndex(OpAsmPrinter &printer, Operation *, Value step, IntegerAttr scale, IntegerAttr offset,
                           IntegerAttr modulus) {
  if (scale.getInt() < 0)
    printer << offset.getInt() << " minus " << step;
  else
    printer << step;
  if (scale.getInt() >= 0 && offset.getInt() != 0)
    printer << " + " << offset.getInt();
  if (modulus.getInt() != 0)
    printer << " mod " << modulus.getInt();
}

static ParseResult parseSlotIndex(OpAsmParser &parser, OpAsmParser::UnresolvedOperand &step, IntegerAttr &scale,
                                  IntegerAttr &offset, IntegerAttr &modulus) {
  int64_t first = 0, modulo = 0;
  bool isReverse = false;
  if (OptionalParseResult leading = parser.parseOptionalInteger(first); leading.has_value()) {
    isReverse = true;
    if (failed(*leading) || parser.parseKeyword("minus") || parser.parseOperand(step))
      return failure();
  } else if (parser.parseOperand(step) || (succeeded(parser.parseOptionalPlus()) && parser.parseInteger(first))) {
    return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("mod")) && parser.parseInteger(modulo))
    return failure();
  Builder &builder = parser.getBuilder();
  scale = builder.getI64IntegerAttr(isReverse ? -1 : 1);
  offset = builder.getI64IntegerAttr(first);
  modulus = builder.getI64IntegerAttr(modulo);
  return success();
}

#define GET_OP_CLASSES
#include "moru/Dialect/Kernel/KernelOps.cpp.inc"

/// Arena offsets are multiples of this: a cache line, and the widest vector.
static constexpr int64_t kArenaAlignment = 64;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

LogicalResult AllocOp::verify() {
  BufferType type = getType();
  if (!type.isPacked() && !type.isRowMajor()) // C1
    return emitOpError() << "expected a dense layout, got " << type;
  if (std::optional<uint64_t> offset = getOffset()) // C2
    if (static_cast<int64_t>(*offset) < 0 || *offset % kArenaAlignment != 0)
      return emitOpError() << "expected an offset that is a multiple of " << kArenaAlignment << ", got "
                           << static_cast<int64_t>(*offset);
  return success();
}

LogicalResult ViewOp::verify() {
  BufferType from = getSource().getType(), to = getType();
  if (from.isPacked() || to.isPacked() || from.getElementType() != to.getElementType()) // C1
    return emitOpError() << "expected strided buffers of one element type, got " << from << " and " << to;
  int64_t end = static_cast<int64_t>(getOffset()) * to.getElementBytes() + to.getSizeInBytes();
  if (static_cast<int64_t>(getOffset()) < 0 || end > from.getSizeInBytes()) // C2
    return emitOpError() << "expected a part of the source's " << from.getSizeInBytes()
                         << " bytes, got one that ends at " << end;
  return success();
}

LogicalResult SlotOp::verify() {
  BufferType from = getSource().getType();
  int64_t axis = getAxis();
  if (from.isPacked() || axis < 0 || axis >= from.getRank()) // C1
    return emitOpError() << "expected an axis of a strided buffer of rank " << from.getRank() << ", got " << axis;
  int64_t scale = getScale();
  if ((scale != 1 && scale != -1) || static_cast<int64_t>(getModulus()) < 0) // C2
    return emitOpError() << "expected scale 1 or -1 and a modulus that is not negative, got " << scale << " and "
                         << static_cast<int64_t>(getModulus());
  SmallVector<int64_t> shape(from.getShape()), strides = from.getStrides();
  shape.erase(shape.begin() + axis);
  strides.erase(strides.begin() + axis);
  if (BufferType expected = getStridedBuffer(shape, from.getElementType(), strides); expected != getType()) // C3
    return emitOpError() << "expected result type " << expected << ", got " << getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

Value moru::kernel::getRoot(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<ViewOp, SlotOp>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

void PrepareOp::build(OpBuilder &builder, OperationState &state) {
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(state.addRegion());
}

LogicalResult PrepareOp::verify() {
  Block *body = getBodyBlock();
  if (body->getNumArguments() != 0)
    return emitOpError() << "expected a body without arguments, got " << body->getNumArguments(); // C1
  for (Operation &op : *body)
    if (!isa<ComputeOp, LaunchOp>(op))
      return emitOpError() << "expected kernels alone, got " << op.getName(); // C1
  return success();
}

void LoopOp::build(OpBuilder &builder, OperationState &state, int64_t length) {
  OpBuilder::InsertionGuard guard(builder);
  state.getOrAddProperties<Properties>().length = builder.getI64IntegerAttr(length);
  Block *body = builder.createBlock(state.addRegion());
  body->addArgument(builder.getIndexType(), state.location);
}

LogicalResult LoopOp::verify() {
  Block *body = getBodyBlock();
  if (static_cast<int64_t>(getLength()) < 1 || body->getNumArguments() != 1 ||
      !body->getArgument(0).getType().isIndex()) // C1
    return emitOpError() << "expected a length of at least 1 and one index argument, got length "
                         << static_cast<int64_t>(getLength()) << " and " << body->getNumArguments() << " arguments";
  return success();
}

void LoopOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printRegionArgument(getStep(), {}, /*omitType=*/true);
  printer << " to " << getLength();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"length"});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

ParseResult LoopOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::Argument step;
  int64_t length;
  if (parser.parseArgument(step) || parser.parseKeyword("to") || parser.parseInteger(length) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  step.type = parser.getBuilder().getIndexType();
  state.getOrAddProperties<Properties>().length = parser.getBuilder().getI64IntegerAttr(length);
  return parser.parseRegion(*state.addRegion(), step);
}

//===----------------------------------------------------------------------===//
// Cond and while
//===----------------------------------------------------------------------===//

/// A buffer of rank 0 and type i1.
static bool isPredicate(Value buffer) {
  auto type = cast<BufferType>(buffer.getType());
  return type.getRank() == 0 && type.getElementType().isInteger(1);
}

void CondOp::build(OpBuilder &builder, OperationState &state, Value predicate) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands(predicate);
  for (int branch = 0; branch != 2; ++branch)
    builder.createBlock(state.addRegion());
}

LogicalResult CondOp::verify() {
  unsigned numArguments = getBranch(true)->getNumArguments() + getBranch(false)->getNumArguments();
  if (!isPredicate(getPredicate()) || numArguments) // C1
    return emitOpError() << "expected a predicate of type !kernel.buffer<i1> and regions without arguments, got "
                         << getPredicate().getType() << " and " << numArguments << " arguments";
  return success();
}

void WhileOp::build(OpBuilder &builder, OperationState &state, Value predicate) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands(predicate);
  state.addTypes(builder.getIndexType());
  for (int region = 0; region != 2; ++region)
    builder.createBlock(state.addRegion(), {}, builder.getIndexType(), state.location);
}

LogicalResult WhileOp::verify() {
  auto hasStep = [](Block *block) {
    return block->getNumArguments() == 1 && block->getArgument(0).getType().isIndex();
  };
  if (!isPredicate(getPredicate()) || !hasStep(getConditionBlock()) || !hasStep(getBodyBlock())) // C1
    return emitOpError() << "expected a predicate of type !kernel.buffer<i1> and one index argument per region, got "
                         << getPredicate().getType() << ", (" << getConditionBlock()->getArgumentTypes() << ") and ("
                         << getBodyBlock()->getArgumentTypes() << ")";
  return success();
}

/// `kernel.while %p step %t : !kernel.buffer<i1> { … } do step %u { … }`
void WhileOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getPredicate() << " step ";
  printer.printRegionArgument(getConditionStep(), {}, /*omitType=*/true);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << " : " << getPredicate().getType() << ' ';
  printer.printRegion(getCondition(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
  printer << " do step ";
  printer.printRegionArgument(getStep(), {}, /*omitType=*/true);
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

ParseResult WhileOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand predicate;
  OpAsmParser::Argument conditionStep, bodyStep;
  BufferType type;
  if (parser.parseOperand(predicate) || parser.parseKeyword("step") || parser.parseArgument(conditionStep) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseColonType(type) ||
      parser.resolveOperand(predicate, type, state.operands))
    return failure();
  conditionStep.type = bodyStep.type = parser.getBuilder().getIndexType();
  state.addTypes(conditionStep.type);
  return failure(parser.parseRegion(*state.addRegion(), conditionStep) || parser.parseKeyword("do") ||
                 parser.parseKeyword("step") || parser.parseArgument(bodyStep) || [&] {
                   bodyStep.type = parser.getBuilder().getIndexType();
                   return parser.parseRegion(*state.addRegion(), bodyStep);
                 }());
}

void GroupOp::build(OpBuilder &builder, OperationState &state, std::optional<int64_t> parts) {
  OpBuilder::InsertionGuard guard(builder);
  if (parts)
    state.getOrAddProperties<Properties>().parts = builder.getI64IntegerAttr(*parts);
  builder.createBlock(state.addRegion());
}

LogicalResult GroupOp::verify() {
  if (getBodyBlock()->empty()) // C1
    return emitOpError("expected kernels, got none");
  for (Operation &op : *getBodyBlock()) {
    auto nested = dyn_cast<GroupOp>(op);
    if (!isa<ComputeOp, LaunchOp>(op) && !(nested && nested.getParts() && !getParts())) // C1
      return emitOpError("expected kernels alone, got ") << op.getName();
  }
  if (!getParts())
    return success();
  auto parts = static_cast<int64_t>(*getParts());
  if (parts < 1) // C2
    return emitOpError("expected at least 1 part, got ") << parts;
  for (auto launch : getBodyBlock()->getOps<LaunchOp>())
    if (static_cast<int64_t>(launch.getTasks()) != parts) // C2
      return launch.emitOpError("expected as many tasks as the group has parts, ")
             << parts << ", got " << static_cast<int64_t>(launch.getTasks());
  return success();
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

void ComputeOp::build(OpBuilder &builder, OperationState &state, Family family, StringRef label, ValueRange reads,
                      ValueRange writes) {
  OpBuilder::InsertionGuard guard(builder);
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.family = FamilyAttr::get(builder.getContext(), family);
  properties.label = builder.getStringAttr(label);
  properties.operandSegmentSizes = {static_cast<int32_t>(reads.size()), static_cast<int32_t>(writes.size())};
  state.addOperands(reads);
  state.addOperands(writes);
  Block *body = builder.createBlock(state.addRegion());
  for (Value read : reads)
    body->addArgument(cast<BufferType>(read.getType()).getTensorType(), read.getLoc());
}

YieldOp ComputeOp::getYield() { return cast<YieldOp>(getBodyBlock()->getTerminator()); }

void ComputeOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : getReadsMutable())
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &operand : getWritesMutable())
    effects.emplace_back(MemoryEffects::Write::get(), &operand);
}

LogicalResult ComputeOp::verify() {
  Block *body = getBodyBlock();
  auto tensorType = [](Value buffer) { return cast<BufferType>(buffer.getType()).getTensorType(); };
  if (!llvm::equal(llvm::map_range(getReads(), tensorType), body->getArgumentTypes())) // C1
    return emitOpError() << "expected region arguments of the types that are read, got (" << body->getArgumentTypes()
                         << ")";
  auto yield = body->empty() ? YieldOp() : dyn_cast<YieldOp>(body->back());
  if (!yield || !llvm::equal(llvm::map_range(getWrites(), tensorType), yield.getValues().getTypes())) // C2
    return emitOpError("expected a yield of the types that are written");
  unsigned contractions = 0;
  for (Operation &op : body->without_terminator()) {
    if (!isa<graph::GraphDialect>(op.getDialect()) || op.getNumRegions() || isa<graph::GradientOp>(op)) // C3
      return emitOpError() << "expected plain graph operations in the region, got " << op.getName();
    contractions += isa<graph::ContractOp>(op);
  }
  if (contractions != (getFamily() == Family::Contract ? 1u : 0u)) // C4
    return emitOpError() << "expected "
                         << (getFamily() == Family::Contract ? "exactly one contraction" : "no contraction") << ", got "
                         << contractions;
  return success();
}

/// `kernel.compute map "label" reads(%a = %x) writes(%y) : (types) -> (types) { … }`
void ComputeOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyFamily(getFamily()) << ' ' << getLabelAttr() << " reads(";
  llvm::interleaveComma(llvm::zip(getBodyBlock()->getArguments(), getReads()), printer, [&](auto pair) {
    printer.printRegionArgument(std::get<0>(pair), {}, /*omitType=*/true);
    printer << " = " << std::get<1>(pair);
  });
  printer << ") writes(" << getWrites() << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"operandSegmentSizes", "family", "label"});
  printer << " : (" << getReads().getTypes() << ") -> (" << getWrites().getTypes() << ") ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

ParseResult ComputeOp::parse(OpAsmParser &parser, OperationState &state) {
  Properties &properties = state.getOrAddProperties<Properties>();
  StringRef family;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&family))
    return failure();
  std::optional<Family> parsed = symbolizeFamily(family);
  if (!parsed)
    return parser.emitError(loc) << "expected a kernel family, got '" << family << "'";
  properties.family = FamilyAttr::get(parser.getContext(), *parsed);
  if (parser.parseAttribute(properties.label))
    return failure();

  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> reads, writes;
  auto parseBinding = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(reads.emplace_back()));
  };
  FunctionType types;
  if (parser.parseKeyword("reads") || parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseBinding) ||
      parser.parseKeyword("writes") || parser.parseOperandList(writes, AsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  loc = parser.getCurrentLocation();
  if (parser.parseColonType(types) || parser.resolveOperands(reads, types.getInputs(), loc, state.operands) ||
      parser.resolveOperands(writes, types.getResults(), loc, state.operands))
    return failure();
  for (auto [argument, type] : llvm::zip(arguments, types.getInputs())) {
    auto buffer = dyn_cast<BufferType>(type);
    if (!buffer)
      return parser.emitError(loc) << "expected buffers, got " << type;
    argument.type = buffer.getTensorType();
  }
  properties.operandSegmentSizes = {static_cast<int32_t>(reads.size()), static_cast<int32_t>(writes.size())};
  return parser.parseRegion(*state.addRegion(), arguments);
}

LogicalResult LaunchOp::verify() {
  if (static_cast<int64_t>(getTasks()) < 1) // C1
    return emitOpError() << "expected at least 1 task, got " << static_cast<int64_t>(getTasks());
  return success();
}
