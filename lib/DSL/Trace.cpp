//===- Trace.cpp - the building of a graph --------------------------------===//
// Tensors, the function that is being traced, its arguments and results, and the reporting of mistakes.
//===----------------------------------------------------------------------===//

#include "Trace.h"

#include "moru/Dialect/Graph/ElementTypes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/Twine.h"

#include <atomic>

using namespace mlir;

namespace moru::detail {

/// More mistakes than a person reads at once; the rest is left out.
static constexpr size_t kMaxErrors = 50;

static thread_local Trace *currentTrace = nullptr;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string describe(const TensorImpl &tensor) {
  std::string text = "[";
  for (auto [axis, size] : llvm::enumerate(tensor.shape)) {
    text += axis ? ", " : "";
    if (!tensor.axisNames[axis].empty() && !findBounded(size))
      text += tensor.axisNames[axis] + "=";
    text += describeSize(size);
  }
  text += "]";
  if (tensor.type != ElementType::F32)
    (text += " ") += toString(tensor.type);
  return text;
}

std::string describe(Here at) { return std::string(at.file_name()) + ":" + std::to_string(at.line()); }

Shape sizesOf(const Dims &dims) {
  Shape shape;
  for (const Dim &dim : dims)
    shape.push_back(dim.size);
  return shape;
}

AxisNames namesOf(const Dims &dims) {
  AxisNames names;
  for (const Dim &dim : dims) {
    std::optional<BoundedDim> bounded = findBounded(dim.size);
    names.push_back(bounded ? bounded->name : dim.name);
  }
  return names;
}

const AxisNames &namesOf(const Tensor &tensor) { return tensor.get()->axisNames; }

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

ProgramImpl::ProgramImpl() : context(MLIRContext::Threading::DISABLED) {
  context.loadDialect<graph::GraphDialect, func::FuncDialect>();
  module = ModuleOp::create(UnknownLoc::get(&context));
}

void ProgramImpl::error(Here at, const Twine &message) {
  ++errorCount;
  if (errors.size() < kMaxErrors)
    errors.push_back({at.file_name(), at.line(), message.str()});
}

//===----------------------------------------------------------------------===//
// Trace
//===----------------------------------------------------------------------===//

static uint64_t nextSerial() {
  static std::atomic<uint64_t> count = 0;
  return ++count;
}

static Location fileLocation(MLIRContext *context, Here at) {
  return FileLineColLoc::get(context, at.file_name(), at.line(), at.column());
}

Trace::Trace(ProgramImpl &program, StringRef name, Here at)
    : program(program), builder(&program.context), serial(nextSerial()), at(at), errorsBefore(program.errorCount),
      previous(currentTrace) {
  builder.setInsertionPointToEnd(program.module->getBody());
  function = func::FuncOp::create(builder, fileLocation(&program.context, at), name, builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  currentTrace = this;
}

Trace::~Trace() { currentTrace = previous; }

Trace *Trace::current() { return currentTrace; }

Location Trace::location(Here at) const {
  MLIRContext *context = &program.context;
  if (callers.empty())
    return fileLocation(context, at);
  SmallVector<Location> lines;
  for (Here caller : callers)
    lines.push_back(fileLocation(context, caller));
  lines.push_back(fileLocation(context, at));
  return FusedLoc::get(context, lines);
}

void Trace::error(Here at, const Twine &message) {
  if (callers.empty())
    return program.error(at, message);
  program.error(callers.front(), message + " (in " + describe(at) + ")");
}

/// Where a value that is not visible was made, and how it becomes visible.
static std::pair<StringRef, StringRef> describeRegion(Value value) {
  Operation *op = value.getParentBlock()->getParentOp();
  if (isa<graph::ScanOp>(op))
    return {"inside the body of a scan", "return it from the body as carry or output"};
  if (isa<graph::CondOp>(op))
    return {"inside a branch of a cond", "return it from both branches"};
  if (isa<graph::WhileOp>(op))
    return {"inside a whileLoop", "return it from the body as carry"};
  return {"inside a checkpoint", "return it from the body"};
}

bool Trace::isVisible(Value value) {
  Block *block = builder.getInsertionBlock();
  while (block && block != value.getParentBlock())
    block = block->getParentOp()->getBlock();
  return block != nullptr;
}

Value Trace::use(const Tensor &tensor, Here at, StringRef operation) {
  const std::shared_ptr<TensorImpl> &impl = tensor.get();
  if (!impl) {
    error(at, operation + ": an operand is Tensor(): no tensor was assigned to it");
    return {};
  }
  if (impl->outside) {
    // Reported once, at the line that made it.
    impl->outside = false;
    program.error(impl->at, "a tensor is made here, but no function is being traced: make it inside the body that is "
                            "given to Program::function or trainStep");
    return {};
  }
  if (impl->poisoned)
    return {};
  if (impl->isParameter())
    return parameterArgument(*impl);
  if (impl->trace != serial) {
    error(at, operation + ": a tensor of another function is used (from " + describe(impl->at) +
                  "): functions share parameters and state, not tensors");
    return {};
  }
  if (!isVisible(impl->value)) {
    auto [place, remedy] = describeRegion(impl->value);
    error(at, operation + ": a tensor made " + place + " (from " + describe(impl->at) + ") is used outside: " + remedy);
    return {};
  }
  return impl->value;
}

Tensor Trace::wrap(Value value, Here at, AxisNames axisNames) {
  auto type = cast<RankedTensorType>(value.getType());
  auto impl = std::make_shared<TensorImpl>();
  impl->type = *graph::toElementType(type.getElementType());
  impl->shape = shapeOf(type);
  axisNames.resize(type.getRank());
  impl->axisNames = std::move(axisNames);
  impl->at = callers.empty() ? at : callers.front();
  impl->trace = serial;
  impl->value = value;
  return Tensor(std::move(impl));
}

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

BlockArgument Trace::insertArgument(unsigned position, Argument argument, RankedTensorType type,
                                    const AxisNames &axisNames) {
  SmallVector<NamedAttribute> attributes{
      builder.getNamedAttr(graph::GraphDialect::kNameAttr, builder.getStringAttr(argument.name)),
      builder.getNamedAttr(graph::GraphDialect::kRoleAttr, builder.getStringAttr(argument.role))};
  if (llvm::any_of(axisNames, [](const std::string &name) { return !name.empty(); })) {
    SmallVector<StringRef> names(axisNames.begin(), axisNames.end());
    attributes.push_back(builder.getNamedAttr("graph.dims", builder.getStrArrayAttr(names)));
  }
  Location loc = NameLoc::get(builder.getStringAttr(argument.name), fileLocation(&program.context, argument.at));
  LogicalResult inserted = function.insertArgument(position, type, builder.getDictionaryAttr(attributes), loc);
  assert(succeeded(inserted) && "a function takes any argument");
  (void)inserted;
  arguments.insert(arguments.begin() + position, std::move(argument));
  return function.getArgument(position);
}

Value Trace::parameterArgument(const TensorImpl &parameter) {
  std::pair<uint64_t, uint32_t> order(parameter.moduleSerial, parameter.index);
  unsigned position = 0;
  for (; position < arguments.size(); ++position) {
    const Argument &argument = arguments[position];
    if (argument.role != graph::GraphDialect::kParameterRole || argument.order > order)
      break;
    if (argument.order == order)
      return function.getArgument(position);
  }
  // The first use of a module in this program brings along the mistakes that were made when it was built.
  if (std::shared_ptr<ModuleImpl> module = parameter.module.lock())
    for (const Diagnostic &diagnostic : module->errors)
      if (llvm::none_of(program.errors,
                        [&](const Diagnostic &known) { return known.toString() == diagnostic.toString(); }))
        program.errors.push_back(diagnostic), ++program.errorCount;
  for (const Argument &argument : arguments)
    if (argument.name == parameter.name)
      program.error(parameter.at,
                    "parameter \"" + parameter.name + "\": this name is taken (from " + describe(argument.at) + ")");
  return insertArgument(
      position, {graph::GraphDialect::kParameterRole, parameter.name, order, parameter.at},
      RankedTensorType::get(parameter.shape, graph::fromElementType(&program.context, parameter.type)),
      parameter.axisNames);
}

std::optional<std::string> Trace::checkDims(const Dims &dims, bool isState) {
  if (std::optional<std::string> mistake = findMistake(dims))
    return mistake;
  for (const Dim &dim : dims) {
    std::optional<BoundedDim> bounded = findBounded(dim.size);
    if (bounded && isState)
      return "expected sizes that are known, got the bounded dimension " + describeSize(dim.size) +
             "; what is kept between calls has the maximum as its size";
    if (!bounded)
      continue;
    int64_t known = maxima.try_emplace(bounded->name, bounded->max).first->second;
    if (known != bounded->max)
      return "expected one maximum for dimension \"" + bounded->name + "\", got " + std::to_string(bounded->max) +
             " and before " + std::to_string(known) + "; give one of them another name";
  }
  return std::nullopt;
}

Tensor Trace::addArgument(StringRef role, const TensorType &type, Here at) {
  bool isState = role == graph::GraphDialect::kStateRole;
  std::string name = type.name.empty() ? "input" + std::to_string(inputCount) : type.name;
  inputCount += !isState;
  auto impl = std::make_shared<TensorImpl>();
  impl->at = at;
  for (const Argument &argument : arguments)
    if (argument.name == name) {
      error(at, role + " \"" + name + "\": this name is taken (from " + describe(argument.at) + ")");
      impl->poisoned = true;
      return Tensor(std::move(impl));
    }
  if (std::optional<std::string> mistake = checkDims(type.dims, isState)) {
    error(at, role + " \"" + name + "\": " + *mistake);
    impl->poisoned = true;
    return Tensor(std::move(impl));
  }
  // State goes behind parameters and other state, inputs to the end.
  unsigned position = arguments.size();
  if (isState)
    while (position > 0 && arguments[position - 1].role == graph::GraphDialect::kInputRole)
      --position;
  AxisNames axisNames = namesOf(type.dims);
  Value value =
      insertArgument(position, {role, name, {}, at},
                     tensorType(graph::fromElementType(&program.context, type.type), sizesOf(type.dims)), axisNames);
  Tensor tensor = wrap(value, at, std::move(axisNames));
  tensor.get()->name = name;
  return tensor;
}

/// Gives the operation that makes `value` a name for dumps, unless it has one.
static void nameInDumps(Value value, const Twine &name) {
  Operation *op = value.getDefiningOp();
  if (op && op->getNumResults() == 1 && !isa<NameLoc>(op->getLoc()))
    op->setLoc(NameLoc::get(StringAttr::get(value.getContext(), name), op->getLoc()));
}

void Trace::update(const Tensor &target, const Tensor &value, Here at) {
  if (target && !target.poisoned() && !target.get()->isParameter() && !isa<BlockArgument>(target.get()->value)) {
    error(at, "update: expected a parameter or state, got a tensor that is computed (from " +
                  describe(target.get()->at) + ")");
    return;
  }
  Value old = use(target, at, "update"), next = use(value, at, "update");
  if (!old || !next)
    return;
  auto argument = cast<BlockArgument>(old);
  const Argument &known = arguments[argument.getArgNumber()];
  if (argument.getOwner() != &function.front() || known.role == graph::GraphDialect::kInputRole)
    return error(at, "update: expected a parameter or state, got input \"" + target.name() + "\"");
  if (old.getType() != next.getType())
    return error(at, "update: \"" + known.name + "\" is " + describe(*target.get()) + ", its new value is " +
                         describe(*value.get()) + " (from " + describe(value.get()->at) + ")");
  for (const Result &result : results)
    if (result.target == argument)
      return error(at, "update: \"" + known.name + "\" is updated twice (from " + describe(result.at) + ")");
  nameInDumps(next, "new." + known.name);
  results.push_back({known.name, next, argument, at});
}

void Trace::output(StringRef name, const Tensor &value, Here at) {
  Value result = use(value, at, "output");
  if (!result)
    return;
  for (const Result &known : results)
    if (!known.target && known.name == name)
      return error(at, "output: the name \"" + name + "\" is taken (from " + describe(known.at) + ")");
  nameInDumps(result, name);
  results.push_back({name.str(), result, {}, at});
}

void Trace::buildReturn() {
  // Updates in the order of their arguments, then outputs in the order in which they were named.
  SmallVector<const Result *> ordered;
  for (BlockArgument argument : function.getArguments())
    for (const Result &result : results)
      if (result.target == argument)
        ordered.push_back(&result);
  for (const Result &result : results)
    if (!result.target)
      ordered.push_back(&result);
  SmallVector<Value> values;
  SmallVector<Attribute> attributes;
  for (const Result *entry : ordered) {
    const Result &result = *entry;
    values.push_back(result.value);
    SmallVector<NamedAttribute> entries{
        builder.getNamedAttr(graph::GraphDialect::kNameAttr, builder.getStringAttr(result.name))};
    if (result.target)
      entries.push_back(builder.getNamedAttr(graph::GraphDialect::kDonatedAttr,
                                             builder.getI64IntegerAttr(result.target.getArgNumber())));
    attributes.push_back(builder.getDictionaryAttr(entries));
  }
  func::ReturnOp::create(builder, function.getLoc(), values);
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(values).getTypes()));
  function.setResAttrsAttr(builder.getArrayAttr(attributes));
}

void Trace::removeDeadCode() {
  function.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
  // Parameters that turned out not to matter leave the signature.
  for (unsigned index = arguments.size(); index-- > 0;) {
    BlockArgument argument = function.getArgument(index);
    if (arguments[index].role != graph::GraphDialect::kParameterRole || !argument.use_empty() ||
        llvm::any_of(results,
                     [&](const Result &result) { return result.target == argument || result.value == argument; }))
      continue;
    LogicalResult erased = function.eraseArgument(index);
    assert(succeeded(erased) && "nothing uses the argument");
    (void)erased;
    arguments.erase(arguments.begin() + index);
  }
}

bool Trace::finish() {
  if (program.errorCount == errorsBefore && results.empty())
    program.error(at, "function \"" + function.getName() + "\" has no result: call output or update in its body");
  if (program.errorCount != errorsBefore) {
    function.erase();
    return false;
  }
  // Dead code is found from the return on: the return comes first, and argument numbers are written after the removal.
  SmallVector<Value> keep = llvm::map_to_vector(results, [](const Result &result) { return result.value; });
  auto anchor = func::ReturnOp::create(builder, function.getLoc(), keep);
  removeDeadCode();
  anchor.erase();
  builder.setInsertionPointToEnd(&function.front());
  buildReturn();
  // A net below the checks of the language: what the verifier finds is a mistake of this library, and is shown all the
  // same.
  ScopedDiagnosticHandler handler(&program.context, [&](mlir::Diagnostic &diagnostic) {
    program.error(at, "function \"" + function.getName() + "\": " + diagnostic.str());
    return success();
  });
  if (succeeded(verify(function)))
    return true;
  function.erase();
  return false;
}

//===----------------------------------------------------------------------===//
// OpBuilding
//===----------------------------------------------------------------------===//

OpBuilding::OpBuilding(StringRef name, Here at, ArrayRef<const Tensor *> operands)
    : trace(Trace::current()), name(name), at(at) {
  if (!trace) {
    valid = false;
    return;
  }
  for (const Tensor *operand : operands) {
    values.push_back(trace->use(*operand, at, name));
    valid &= bool(values.back());
  }
}

RankedTensorType OpBuilding::type(ElementType element, ArrayRef<int64_t> shape) const {
  return tensorType(graph::fromElementType(&trace->program.context, element), shape);
}

Tensor OpBuilding::poison() const {
  auto impl = std::make_shared<TensorImpl>();
  impl->at = at;
  impl->poisoned = true;
  impl->outside = trace == nullptr;
  return Tensor(std::move(impl));
}

Tensor OpBuilding::fail(const Twine &message) {
  trace->error(at, name + ": " + message);
  return poison();
}

std::string OpBuilding::describe(const Tensor &tensor, StringRef role) const {
  const TensorImpl &impl = *tensor.get();
  std::string text = (impl.name.empty() ? role.str() : impl.name) + " is " + detail::describe(impl);
  Here line = trace->callers.empty() ? at : trace->callers.front();
  if (impl.at.line() != line.line() || StringRef(impl.at.file_name()) != line.file_name())
    text += " (from " + detail::describe(impl.at) + ")";
  return text;
}

std::optional<int64_t> OpBuilding::axis(int64_t axis, int64_t rank, const Tensor &tensor, StringRef role) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  fail("expected an axis within rank " + Twine(rank) + ", got " + Twine(axis) + ": " + describe(tensor, role));
  return std::nullopt;
}

bool OpBuilding::checkDims(const Dims &dims) {
  std::optional<std::string> mistake = trace->checkDims(dims, /*isState=*/false);
  if (mistake)
    fail(*mistake);
  return !mistake;
}

bool OpBuilding::isStaticAxis(const Tensor &x, int64_t axis, const Twine &purpose, StringRef role) {
  if (!findBounded(x.size(axis)))
    return true;
  fail("expected an axis of known size to " + purpose + ", got axis " + Twine(axis) + " (" +
       describeSize(x.size(axis)) + "): " + describe(x, role) + "; use another axis, or a dimension without a bound");
  return false;
}

} // namespace moru::detail
