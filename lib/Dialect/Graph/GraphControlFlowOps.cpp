//===- GraphControlFlowOps.cpp - loops, branches, gradients ---------------===//
// Verifiers, builders and syntax of the operations of GraphControlFlowOps.td.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Dims.h"
#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace moru::graph;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The yield that ends a block of `op`; an error where something else does, which verifiers of `op` meet before those
/// of the operations inside it.
static FailureOr<YieldOp> findYield(Operation *op, Block &block, StringRef what) {
  if (auto yield = dyn_cast<YieldOp>(block.back()))
    return yield;
  return op->emitOpError() << "expected " << what << " to end with " << YieldOp::getOperationName() << ", got "
                           << block.back().getName();
}

//===----------------------------------------------------------------------===//
// Carried values
//===----------------------------------------------------------------------===//

/// ` carry(%h = %h0, %c = %c0)`; nothing where nothing is carried.
static void printCarries(OpAsmPrinter &printer, ValueRange arguments, ValueRange inits) {
  if (inits.empty())
    return;
  printer << " carry(";
  llvm::interleaveComma(llvm::zip(arguments, inits), printer, [&](auto pair) {
    printer.printRegionArgument(cast<BlockArgument>(std::get<0>(pair)), {}, /*omitType=*/true);
    printer << " = " << std::get<1>(pair);
  });
  printer << ')';
}

namespace {
/// The arguments of a region, and the operands that they start with or are slices of.
struct Bindings {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;

  /// `%h = %h0`
  ParseResult parseOne(OpAsmParser &parser) {
    return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  }
  ParseResult parseCarries(OpAsmParser &parser) {
    if (failed(parser.parseOptionalKeyword("carry")))
      return success();
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] { return parseOne(parser); });
  }
  /// Attributes, and the types of operands and results, which `state` gets.
  ParseResult parseTypes(OpAsmParser &parser, OperationState &state, FunctionType &type) {
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseColonType(type))
      return failure();
    if (type.getNumInputs() != operands.size())
      return parser.emitError(loc) << "expected " << operands.size() << " operand types, got " << type.getNumInputs();
    state.addTypes(type.getResults());
    return parser.resolveOperands(operands, type.getInputs(), loc, state.operands);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// The yield of nothing that a body without one gets.
void YieldOp::build(OpBuilder &, OperationState &) {}

Extent ScanOp::getSteps() { return {static_cast<int64_t>(getLength()), getLengthNameAttr()}; }

YieldOp ScanOp::getYield() { return cast<YieldOp>(getBodyBlock()->getTerminator()); }

void ScanOp::build(OpBuilder &builder, OperationState &state, ValueRange inits, ValueRange inputs, Extent length,
                   ArrayRef<int64_t> inputAxes, ArrayRef<int64_t> outputAxes, bool reverse,
                   TypeRange outputSliceTypes) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands(inits);
  state.addOperands(inputs);
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {static_cast<int32_t>(inits.size()), static_cast<int32_t>(inputs.size())};
  properties.length = builder.getI64IntegerAttr(length.size);
  properties.lengthName = length.name;
  properties.inputAxes = builder.getDenseI64ArrayAttr(inputAxes);
  properties.outputAxes = builder.getDenseI64ArrayAttr(outputAxes);
  if (reverse)
    properties.reverse = builder.getUnitAttr();
  Block *body = builder.createBlock(state.addRegion());
  for (Value init : inits) {
    state.addTypes(init.getType());
    body->addArgument(init.getType(), init.getLoc());
  }
  for (auto [input, axis] : llvm::zip(inputs, inputAxes))
    body->addArgument(dropAxis(typeOf(input), axis), input.getLoc());
  for (auto [type, axis] : llvm::zip(outputSliceTypes, outputAxes))
    state.addTypes(insertAxis(cast<RankedTensorType>(type), axis, length));
}

LogicalResult ScanOp::verify() {
  Extent length = getSteps();
  if (length.size < 1) // C5
    return emitOpError() << "expected a length of at least 1, got " << length.size;
  if (getInputAxes().size() != getInputs().size()) // C1
    return emitOpError() << "expected one axis per input (" << getInputs().size() << "), got " << getInputAxes().size();
  SmallVector<Type> arguments(getInits().getTypes());
  for (auto [index, input, axis] : llvm::enumerate(getInputs(), getInputAxes())) {
    RankedTensorType type = typeOf(input);
    if (axis < 0 || axis >= type.getRank()) // C1
      return emitOpError() << "expected the axis of input " << index << " within rank " << type.getRank() << ", got "
                           << axis;
    if (getExtent(type, axis) != length) // C2
      return emitOpError() << "expected input " << index << " to have " << length << " entries along axis " << axis
                           << ", got " << getExtent(type, axis);
    arguments.push_back(dropAxis(type, axis));
  }
  if (!llvm::equal(arguments, getBodyBlock()->getArgumentTypes())) // C3
    return emitOpError() << "expected body arguments of types (" << arguments << "), got ("
                         << getBodyBlock()->getArgumentTypes() << ")";
  FailureOr<YieldOp> found = findYield(*this, *getBodyBlock(), "the body");
  if (failed(found)) // C4
    return failure();
  YieldOp yield = *found;
  if (yield.getCarries().size() != getInits().size() || yield.getOutputs().size() != getOutputAxes().size()) // C4
    return emitOpError() << "expected a yield of " << getInits().size() << " carried values and "
                         << getOutputAxes().size() << " outputs";
  SmallVector<Type> results(getInits().getTypes());
  if (!llvm::equal(results, yield.getCarries().getTypes())) // C4
    return emitOpError() << "expected carried types (" << results << "), got (" << yield.getCarries().getTypes()
                         << ") from the yield";
  for (auto [index, output, axis] : llvm::enumerate(yield.getOutputs(), getOutputAxes())) {
    if (axis < 0 || axis > typeOf(output).getRank()) // C1
      return emitOpError() << "expected the axis of output " << index << " within rank " << typeOf(output).getRank() + 1
                           << ", got " << axis;
    results.push_back(insertAxis(typeOf(output), axis, length));
  }
  if (!llvm::equal(results, getResultTypes())) // C4
    return emitOpError() << "expected result types (" << results << "), got (" << getResultTypes() << ")";
  return success();
}

/// `graph.scan [reverse] 10 carry(%h = %h0) over(%x = %xs axis 1) out(axis 1) : (operand types) -> (result types) { …
/// }`
void ScanOp::print(OpAsmPrinter &printer) {
  if (getReverse())
    printer << " reverse";
  printer << ' ';
  if (std::optional<StringRef> name = getLengthName()) {
    printer.printKeywordOrString(*name);
    printer << " max ";
  }
  printer << getLength();
  printCarries(printer, getCarryArgs(), getInits());
  if (!getInputs().empty()) {
    printer << " over(";
    llvm::interleaveComma(llvm::zip(getInputArgs(), getInputs(), getInputAxes()), printer, [&](auto triple) {
      printer.printRegionArgument(std::get<0>(triple), {}, /*omitType=*/true);
      printer << " = " << std::get<1>(triple) << " axis " << std::get<2>(triple);
    });
    printer << ')';
  }
  if (!getOutputAxes().empty()) {
    printer << " out(";
    llvm::interleaveComma(getOutputAxes(), printer, [&](int64_t axis) { printer << "axis " << axis; });
    printer << ')';
  }
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"operandSegmentSizes", "length", "lengthName", "inputAxes", "outputAxes", "reverse"});
  printer << " : ";
  printer.printFunctionalType(*this);
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

ParseResult ScanOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  Properties &properties = state.getOrAddProperties<Properties>();
  if (succeeded(parser.parseOptionalKeyword("reverse")))
    properties.reverse = builder.getUnitAttr();
  int64_t length;
  std::string name;
  if (succeeded(parser.parseOptionalKeywordOrString(&name))) {
    if (parser.parseKeyword("max"))
      return failure();
    properties.lengthName = builder.getStringAttr(name);
  }
  if (parser.parseInteger(length))
    return failure();
  properties.length = builder.getI64IntegerAttr(length);

  Bindings bindings;
  SmallVector<int64_t> inputAxes, outputAxes;
  auto parseAxis = [&](SmallVectorImpl<int64_t> &axes) -> ParseResult {
    return failure(parser.parseKeyword("axis") || parser.parseInteger(axes.emplace_back()));
  };
  auto parseInput = [&]() -> ParseResult { return failure(bindings.parseOne(parser) || parseAxis(inputAxes)); };
  if (bindings.parseCarries(parser))
    return failure();
  size_t numInits = bindings.operands.size();
  if (succeeded(parser.parseOptionalKeyword("over")) &&
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseInput))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("out")) &&
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] { return parseAxis(outputAxes); }))
    return failure();
  properties.inputAxes = builder.getDenseI64ArrayAttr(inputAxes);
  properties.outputAxes = builder.getDenseI64ArrayAttr(outputAxes);
  properties.operandSegmentSizes = {static_cast<int32_t>(numInits),
                                    static_cast<int32_t>(bindings.operands.size() - numInits)};

  FunctionType type;
  SMLoc loc = parser.getCurrentLocation();
  if (bindings.parseTypes(parser, state, type))
    return failure();
  for (auto [index, argument] : llvm::enumerate(bindings.arguments)) {
    auto operandType = dyn_cast<RankedTensorType>(type.getInput(index));
    if (!operandType)
      return parser.emitError(loc) << "expected operand types to be tensors, got " << type.getInput(index);
    argument.type = operandType;
    if (index < numInits)
      continue;
    int64_t axis = inputAxes[index - numInits];
    if (axis < 0 || axis >= operandType.getRank())
      return parser.emitError(loc) << "expected an axis within " << operandType << ", got " << axis;
    argument.type = dropAxis(operandType, axis);
  }
  return parser.parseRegion(*state.addRegion(), bindings.arguments);
}

//===----------------------------------------------------------------------===//
// Cond and checkpoint
//===----------------------------------------------------------------------===//

/// `region` has no arguments and yields, as outputs, values of the types of the results of `op`.
static LogicalResult verifyYieldsResults(Operation *op, Region &region, StringRef what) {
  Block &block = region.front();
  if (block.getNumArguments()) // C1
    return op->emitOpError() << "expected " << what << " without arguments, got " << block.getNumArguments();
  FailureOr<YieldOp> yield = findYield(op, block, what);
  if (failed(yield)) // C2
    return failure();
  if (!yield->getCarries().empty() || !llvm::equal(yield->getOutputs().getTypes(), op->getResultTypes())) // C2
    return op->emitOpError() << "expected " << what << " to yield outputs of types (" << op->getResultTypes()
                             << ") and no carried value, got (" << yield->getOutputs().getTypes() << ") and "
                             << yield->getCarries().size();
  return success();
}

/// The regions get an empty block; whoever builds the operation fills it, the yield included.
void CondOp::build(OpBuilder &builder, OperationState &state, Value predicate, TypeRange results) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands(predicate);
  state.addTypes(results);
  for (int branch = 0; branch != 2; ++branch)
    builder.createBlock(state.addRegion());
}

YieldOp CondOp::getYield(bool value) { return cast<YieldOp>(getBranch(value)->getTerminator()); }

LogicalResult CondOp::verify() {
  if (failed(verifyYieldsResults(*this, getOnTrue(), "the first region")))
    return failure();
  return verifyYieldsResults(*this, getOnFalse(), "the second region");
}

void CheckpointOp::build(OpBuilder &builder, OperationState &state, TypeRange results) {
  OpBuilder::InsertionGuard guard(builder);
  state.addTypes(results);
  builder.createBlock(state.addRegion());
}

YieldOp CheckpointOp::getYield() { return cast<YieldOp>(getBodyBlock()->getTerminator()); }

LogicalResult CheckpointOp::verify() { return verifyYieldsResults(*this, getBody(), "a region"); }

void CheckpointOp::inlineBody() {
  YieldOp yield = getYield();
  getOperation()->replaceAllUsesWith(SmallVector<Value>(yield.getOutputs()));
  yield.erase();
  Block *block = getOperation()->getBlock();
  block->getOperations().splice(Block::iterator(getOperation()), getBodyBlock()->getOperations());
  getOperation()->erase();
}

//===----------------------------------------------------------------------===//
// While
//===----------------------------------------------------------------------===//

void WhileOp::build(OpBuilder &builder, OperationState &state, ValueRange inits) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands(inits);
  state.addTypes(inits.getTypes());
  auto locations = llvm::map_to_vector(inits, [](Value init) { return init.getLoc(); });
  for (int region = 0; region != 2; ++region)
    builder.createBlock(state.addRegion(), {}, inits.getTypes(), locations);
}

Value WhileOp::getGoesOn() { return cast<YieldOp>(getConditionBlock()->getTerminator()).getOutputs().front(); }

YieldOp WhileOp::getYield() { return cast<YieldOp>(getBodyBlock()->getTerminator()); }

LogicalResult WhileOp::verify() {
  TypeRange types = getInits().getTypes();
  if (!llvm::equal(types, getResultTypes())) // C1
    return emitOpError() << "expected results of the carried types (" << types << "), got (" << getResultTypes() << ")";
  for (Block *block : {getConditionBlock(), getBodyBlock()})
    if (!llvm::equal(types, block->getArgumentTypes())) // C1
      return emitOpError() << "expected arguments of the carried types (" << types << "), got ("
                           << block->getArgumentTypes() << ")";
  FailureOr<YieldOp> condition = findYield(*this, *getConditionBlock(), "the condition");
  if (failed(condition)) // C2
    return failure();
  auto truth = RankedTensorType::get({}, IntegerType::get(getContext(), 1));
  if (!condition->getCarries().empty() || condition->getOutputs().size() != 1 ||
      condition->getOutputs().front().getType() != truth) // C2
    return emitOpError() << "expected the condition to yield one output of type " << truth << ", got ("
                         << condition->getOperandTypes() << ")";
  FailureOr<YieldOp> body = findYield(*this, *getBodyBlock(), "the body");
  if (failed(body)) // C3
    return failure();
  if (!body->getOutputs().empty() || !llvm::equal(body->getCarries().getTypes(), types)) // C3
    return emitOpError() << "expected the body to yield carried values of types (" << types << ") and no output, got ("
                         << body->getCarries().getTypes() << ") and " << body->getOutputs().size();
  return success();
}

/// `graph.while carry(%i = %i0) : (types) -> types { condition } do(%j) { body }`
void WhileOp::print(OpAsmPrinter &printer) {
  printCarries(printer, getConditionArgs(), getInits());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << " : ";
  printer.printFunctionalType(*this);
  printer << ' ';
  printer.printRegion(getCondition(), /*printEntryBlockArgs=*/false);
  printer << " do";
  if (!getInits().empty()) {
    printer << '(';
    llvm::interleaveComma(getBodyArgs(), printer, [&](BlockArgument argument) {
      printer.printRegionArgument(argument, {}, /*omitType=*/true);
    });
    printer << ')';
  }
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

ParseResult WhileOp::parse(OpAsmParser &parser, OperationState &state) {
  Bindings bindings;
  FunctionType type;
  if (bindings.parseCarries(parser) || bindings.parseTypes(parser, state, type))
    return failure();
  for (auto [argument, inputType] : llvm::zip(bindings.arguments, type.getInputs()))
    argument.type = inputType;
  if (parser.parseRegion(*state.addRegion(), bindings.arguments) || parser.parseKeyword("do"))
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<OpAsmParser::Argument> bodyArgs;
  if (parser.parseArgumentList(bodyArgs, AsmParser::Delimiter::OptionalParen))
    return failure();
  if (bodyArgs.size() != type.getNumInputs())
    return parser.emitError(loc) << "expected " << type.getNumInputs() << " names for the body, got "
                                 << bodyArgs.size();
  for (auto [argument, inputType] : llvm::zip(bodyArgs, type.getInputs()))
    argument.type = inputType;
  return parser.parseRegion(*state.addRegion(), bodyArgs);
}

//===----------------------------------------------------------------------===//
// Gradient
//===----------------------------------------------------------------------===//

LogicalResult GradientOp::verify() {
  if (typeOf(getLoss()).getRank() != 0) // C1
    return emitOpError() << "expected a loss of rank 0, got " << getLoss().getType();
  if (!llvm::equal(getTargets().getTypes(), getResultTypes())) // C2
    return emitOpError() << "expected result types (" << getTargets().getTypes() << "), got (" << getResultTypes()
                         << ")";
  return success();
}

void GradientOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getLoss() << " wrt(" << getTargets() << ')';
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getLoss().getType() << ", (" << getTargets().getTypes() << ')';
}

ParseResult GradientOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand loss;
  SmallVector<OpAsmParser::UnresolvedOperand> targets;
  Type lossType;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperand(loss) || parser.parseKeyword("wrt") ||
      parser.parseOperandList(targets, AsmParser::Delimiter::Paren) || parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(lossType) || parser.parseComma() || parser.parseLParen() ||
      (!targets.empty() && parser.parseTypeList(types)) || parser.parseRParen() ||
      parser.resolveOperand(loss, lossType, state.operands) ||
      parser.resolveOperands(targets, types, loc, state.operands))
    return failure();
  state.addTypes(types);
  return success();
}
