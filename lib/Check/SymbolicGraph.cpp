//===- SymbolicGraph.cpp - graph operations on terms ----------------------------===//
// Where entries only move, the Reference moves their numbers; the rest is a function of entries or of rows.
//===----------------------------------------------------------------------===//

#include "Symbolic.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

/// More terms are too many to be worth it, and so are more steps of a loop.
static constexpr size_t kMaxTerms = 4'000'000;
static constexpr int64_t kMaxSteps = 2'000;

const SymbolicTensor *SymbolicScope::lookup(Value value) const {
  for (const SymbolicScope *scope = this; scope; scope = scope->parent)
    if (auto it = scope->values.find(value); it != scope->values.end())
      return &it->second;
  return nullptr;
}

namespace {

struct UnknownLoop;

using Results = FailureOr<SymbolicTensors>;
using Operands = ArrayRef<const SymbolicTensor *>;

/// One operation on terms.
class Evaluation {
public:
  Evaluation(Terms &terms, Operation *op, Operands operands, const SymbolicScope &scope)
      : terms(terms), op(op), operands(operands), scope(scope) {}
  Results run();

private:
  Results runConstant();
  Results runMove(unsigned numMoved);
  Results runElementwise();
  Results runReduction(ArrayRef<int64_t> axes);
  Results runContract(graph::ContractOp contract);
  Results runRows(int64_t axis);
  Results runGather();
  Results runScatter();
  Results runOpaque();
  Results runDecomposed();
  Results runScan(graph::ScanOp scan);
  Results runCond(graph::CondOp cond);
  Results runWhile(graph::WhileOp loop);
  Results summarize(graph::WhileOp loop, const SymbolicTensors &carries);
  std::optional<SymbolicTensors> countDown(const UnknownLoop &loop, const SymbolicTensors &carries);

  bool areConstant(Operands tensors) const {
    return llvm::all_of(tensors, [&](const SymbolicTensor *tensor) {
      return llvm::all_of(tensor->terms, [&](Term term) { return terms.isConstant(term); });
    });
  }
  Tensor toConstant(const SymbolicTensor &tensor) const;
  SymbolicTensor fromConstant(const Tensor &tensor);
  RankedTensorType resultType(unsigned index = 0) const {
    return cast<RankedTensorType>(op->getResult(index).getType());
  }

  Terms &terms;
  Operation *op;
  Operands operands;
  const SymbolicScope &scope;
};

} // namespace

static Results single(RankedTensorType type, std::vector<Term> entries) {
  return SymbolicTensors{{type, std::move(entries)}};
}

//===----------------------------------------------------------------------===//
// Constants and moves
//===----------------------------------------------------------------------===//

Tensor Evaluation::toConstant(const SymbolicTensor &tensor) const {
  Tensor constant(tensor.type);
  for (auto [index, term] : llvm::enumerate(tensor.terms))
    terms.store(term, constant, static_cast<int64_t>(index));
  return constant;
}

SymbolicTensor Evaluation::fromConstant(const Tensor &tensor) {
  SymbolicTensor result{tensor.type, {}};
  for (int64_t index = 0; index < tensor.size(); ++index)
    result.terms.push_back(terms.load(tensor, index));
  return result;
}

Results Evaluation::runConstant() {
  SmallVector<Tensor> values;
  for (const SymbolicTensor *operand : operands)
    values.push_back(toConstant(*operand));
  auto results = evaluateAlone(op, values, op->getResultTypes());
  if (!results)
    return failure();
  return SymbolicTensors(llvm::map_range(*results, [&](const Tensor &tensor) { return fromConstant(tensor); }));
}

/// The first operands' entries, counted from 1, are moved by the Reference; where it puts 0, there is a zero.
Results Evaluation::runMove(unsigned numMoved) {
  if (!areConstant(operands.drop_front(numMoved)))
    return runOpaque();
  SmallVector<Tensor> values;
  std::vector<Term> entries;
  for (auto [number, operand] : llvm::enumerate(operands)) {
    Tensor &value = values.emplace_back(number < numMoved ? Tensor(operand->type) : toConstant(*operand));
    for (int64_t index = 0; number < numMoved && index < value.size(); ++index) {
      entries.push_back(operand->terms[index]);
      value.set(index, static_cast<double>(entries.size()));
    }
  }
  auto results = evaluateAlone(op, values, op->getResultTypes());
  if (!results)
    return failure();
  const Tensor &moved = results->front();
  SymbolicTensor result{moved.type, {}};
  Term zero = moved.isFloat() ? terms.number(0) : terms.integer(0);
  for (int64_t index = 0; index < moved.size(); ++index) {
    auto entry = static_cast<size_t>(moved.at(index));
    result.terms.push_back(entry == 0 ? zero : entries[entry - 1]);
  }
  return SymbolicTensors{std::move(result)};
}

/// One function of all entries of all operands; an entry of a result is a part of it.
Results Evaluation::runOpaque() {
  if (op->getNumRegions() != 0)
    return failure();
  std::string function;
  llvm::raw_string_ostream stream(function);
  stream << op->getName() << op->getAttrDictionary();
  std::vector<Term> all;
  for (const SymbolicTensor *operand : operands) {
    stream << operand->type;
    all.insert(all.end(), operand->terms.begin(), operand->terms.end());
  }
  Term whole = terms.apply(function, all);
  SymbolicTensors results;
  for (auto [number, result] : llvm::enumerate(op->getResults())) {
    auto type = cast<RankedTensorType>(result.getType());
    SymbolicTensor &tensor = results.emplace_back(SymbolicTensor{type, {}});
    for (int64_t index = 0; index < type.getNumElements(); ++index) {
      Term place[] = {whole, terms.integer(static_cast<int64_t>(number)), terms.integer(index)};
      tensor.terms.push_back(terms.apply("entry", place));
    }
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Entries and rows
//===----------------------------------------------------------------------===//

Results Evaluation::runElementwise() {
  RankedTensorType type = resultType();
  std::vector<Term> entries;
  for (int64_t index = 0; index < type.getNumElements(); ++index) {
    SmallVector<Term> at;
    for (const SymbolicTensor *operand : operands)
      at.push_back(operand->terms[index]);
    entries.push_back(terms.applyElementwise(op, at));
  }
  return single(type, std::move(entries));
}

/// The linear index of an entry in a tensor of `shape` that has only its coordinates along `axes`.
static int64_t indexAlong(ArrayRef<int64_t> index, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  int64_t linear = 0;
  for (int64_t axis : axes)
    linear = linear * shape[axis] + index[axis];
  return linear;
}

static SmallVector<int64_t> axesBeside(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> others;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(axes, axis))
      others.push_back(axis);
  return others;
}

Results Evaluation::runReduction(ArrayRef<int64_t> axes) {
  const SymbolicTensor &operand = *operands[0];
  RankedTensorType type = resultType();
  SmallVector<int64_t> kept = axesBeside(operand.type.getRank(), axes);
  std::vector<SmallVector<Term>> groups(type.getNumElements());
  reference::forEachIndex(operand.type.getShape(), [&](int64_t linear, ArrayRef<int64_t> index) {
    groups[indexAlong(index, operand.type.getShape(), kept)].push_back(operand.terms[linear]);
  });
  std::vector<Term> entries;
  for (SmallVector<Term> &group : groups)
    entries.push_back(terms.applyReduction(op, std::move(group)));
  return single(type, std::move(entries));
}

namespace {
/// The operand of a contraction by its places in the result (batch and free axes) and in the sum.
struct Factors {
  std::vector<std::vector<Term>> rows;
};
} // namespace

/// For each batch and free entry, the entries to be multiplied.
static Factors collectFactors(const SymbolicTensor &operand, ArrayRef<int64_t> batch, ArrayRef<int64_t> free,
                              ArrayRef<int64_t> over) {
  ArrayRef<int64_t> shape = operand.type.getShape();
  auto product = [&](ArrayRef<int64_t> axes) {
    int64_t size = 1;
    for (int64_t axis : axes)
      size *= shape[axis];
    return size;
  };
  Factors factors;
  factors.rows.assign(product(batch) * product(free), std::vector<Term>(product(over)));
  reference::forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t> index) {
    int64_t row = indexAlong(index, shape, batch) * product(free) + indexAlong(index, shape, free);
    factors.rows[row][indexAlong(index, shape, over)] = operand.terms[linear];
  });
  return factors;
}

Results Evaluation::runContract(graph::ContractOp contract) {
  Factors lhs = collectFactors(*operands[0], contract.getLhsBatch(), contract.getLhsFree(), contract.getLhsOver());
  Factors rhs = collectFactors(*operands[1], contract.getRhsBatch(), contract.getRhsFree(), contract.getRhsOver());
  int64_t batches = 1;
  for (int64_t axis : contract.getLhsBatch())
    batches *= operands[0]->type.getDimSize(axis);
  RankedTensorType type = resultType();
  std::vector<Term> entries;
  if (type.getNumElements() == 0)
    return single(type, {});
  size_t rows = lhs.rows.size() / batches, columns = rhs.rows.size() / batches;
  for (size_t entry = 0; entry < lhs.rows.size() * columns; ++entry) {
    size_t row = entry / columns, column = row / rows * columns + entry % columns;
    SmallVector<Term> products;
    for (auto [x, y] : llvm::zip_equal(lhs.rows[row], rhs.rows[column]))
      products.push_back(terms.applyProduct(type.getElementType(), x, y));
    entries.push_back(terms.applySum(type.getElementType(), std::move(products)));
    if (terms.size() > kMaxTerms)
      return failure();
  }
  return single(type, std::move(entries));
}

/// A function that works on rows along `axis`: an entry of the result is one of its row, and of its place.
Results Evaluation::runRows(int64_t axis) {
  const SymbolicTensor &operand = *operands[0];
  ArrayRef<int64_t> shape = operand.type.getShape();
  if (operands.size() != 1)
    return runOpaque();
  SmallVector<int64_t> others = axesBeside(operand.type.getRank(), axis);
  std::map<int64_t, std::vector<Term>> rows;
  reference::forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t> index) {
    rows[indexAlong(index, shape, others)].push_back(operand.terms[linear]);
  });
  std::string function;
  llvm::raw_string_ostream(function) << op->getName() << op->getAttrDictionary() << operand.type.getElementType();
  SymbolicTensors results;
  for (auto [number, result] : llvm::enumerate(op->getResults())) {
    auto type = cast<RankedTensorType>(result.getType());
    SymbolicTensor &tensor = results.emplace_back(SymbolicTensor{type, {}});
    bool keepsAxis = type.getRank() == operand.type.getRank();
    SmallVector<int64_t> places = keepsAxis ? others : axesBeside(type.getRank(), {});
    reference::forEachIndex(type.getShape(), [&](int64_t, ArrayRef<int64_t> index) {
      ArrayRef<Term> row = rows[indexAlong(index, type.getShape(), places)];
      // The only entry of a row: the largest, or the sum of all up to it.
      bool isOwn = number == 0 && !isa<graph::ArgmaxOp>(op) && !op->hasAttr("exclusive");
      if (row.size() == 1) {
        Term zero = isa<FloatType>(type.getElementType()) ? terms.number(0) : terms.integer(0);
        return tensor.terms.push_back(isOwn ? row.front() : zero);
      }
      // Of equal entries the first ones are chosen, in order.
      bool areEqual = llvm::all_equal(row), isChosen = areEqual && isa<graph::ArgmaxOp, graph::TopKOp>(op);
      if (isChosen)
        return tensor.terms.push_back(isOwn ? row.front() : terms.integer(keepsAxis ? index[axis] : 0));
      Term place[] = {terms.apply(function, row), terms.integer(static_cast<int64_t>(number)),
                      terms.integer(keepsAxis ? index[axis] : 0)};
      tensor.terms.push_back(terms.apply("entry", place));
    });
  }
  return results;
}

/// Ids beyond are all the same.
Results Evaluation::runScatter() {
  SymbolicTensor ids = *operands[1];
  for (Term &id : ids.terms)
    id = terms.withinTable(id, resultType().getDimSize(0));
  const SymbolicTensor *rows[] = {operands[0], &ids};
  return Evaluation(terms, op, rows, scope).runOpaque();
}

/// An entry is one of its column of the table, chosen by its id.
Results Evaluation::runGather() {
  const SymbolicTensor &table = *operands[0], &ids = *operands[1];
  RankedTensorType type = resultType();
  auto numIds = static_cast<int64_t>(ids.terms.size());
  if (areConstant(operands[1]) || numIds == 0 || table.terms.empty())
    return runMove(1);
  int64_t rows = table.type.getDimSize(0), columns = static_cast<int64_t>(table.terms.size()) / rows;
  SmallVector<Term> choices;
  for (int64_t column = 0; column < columns; ++column) {
    SmallVector<Term> entries;
    for (int64_t row = 0; row < rows; ++row)
      entries.push_back(table.terms[row * columns + column]);
    choices.push_back(terms.apply("column", entries));
  }
  std::vector<Term> entries;
  for (Term id : ids.terms)
    for (Term choice : choices)
      entries.push_back(terms.apply("choose", {choice, terms.withinTable(id, rows)}));
  return single(type, std::move(entries));
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// As the Reference does it: the decomposition is built in a block of its own.
Results Evaluation::runDecomposed() {
  Block block;
  IRMapping mapping;
  SymbolicTensors arguments;
  for (auto [value, tensor] : llvm::zip_equal(op->getOperands(), operands)) {
    mapping.map(value, block.addArgument(value.getType(), op->getLoc()));
    arguments.push_back(*tensor);
  }
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&block);
  auto copy = cast<graph::DecomposableOpInterface>(builder.clone(*op, mapping));
  SmallVector<Value> results = copy.decompose(builder);
  copy->erase();
  func::ReturnOp::create(builder, op->getLoc(), results);
  return evaluateSymbolically(terms, block, arguments);
}

/// The linear indices of the slice at `position` of `axis`, in order.
static SmallVector<int64_t> sliceIndices(ArrayRef<int64_t> shape, int64_t axis, int64_t position) {
  SmallVector<int64_t> indices;
  reference::forEachIndex(shape, [&](int64_t linear, ArrayRef<int64_t> index) {
    if (index[axis] == position)
      indices.push_back(linear);
  });
  return indices;
}

Results Evaluation::runScan(graph::ScanOp scan) {
  unsigned numCarries = scan.getNumCarries();
  SymbolicTensors carries, outputs;
  for (const SymbolicTensor *operand : operands.take_front(numCarries))
    carries.push_back(*operand);
  for (Value result : scan.getOutputResults()) {
    auto type = cast<RankedTensorType>(result.getType());
    outputs.push_back({type, std::vector<Term>(type.getNumElements())});
  }
  for (int64_t step = 0, length = scan.getLength(); step < length; ++step) {
    int64_t position = scan.getReverse() ? length - 1 - step : step;
    SymbolicTensors arguments = std::move(carries);
    for (auto [index, argument] : llvm::enumerate(scan.getInputArgs())) {
      const SymbolicTensor &input = *operands[numCarries + index];
      SymbolicTensor &slice = arguments.emplace_back(SymbolicTensor{cast<RankedTensorType>(argument.getType()), {}});
      for (int64_t from : sliceIndices(input.type.getShape(), scan.getInputAxes()[index], position))
        slice.terms.push_back(input.terms[from]);
    }
    Results yielded = evaluateSymbolically(terms, *scan.getBodyBlock(), arguments, &scope);
    if (failed(yielded))
      return failure();
    carries.assign(yielded->begin(), yielded->begin() + numCarries);
    for (auto [index, output] : llvm::enumerate(outputs))
      for (auto [from, to] :
           llvm::enumerate(sliceIndices(output.type.getShape(), scan.getOutputAxes()[index], position)))
        output.terms[to] = (*yielded)[numCarries + index].terms[from];
  }
  llvm::append_range(carries, outputs);
  return carries;
}

/// What both branches give, chosen entry by entry.
Results Evaluation::runCond(graph::CondOp cond) {
  Term predicate = operands[0]->terms[0];
  if (terms.isConstant(predicate))
    return evaluateSymbolically(terms, *cond.getBranch(terms.integerOf(predicate) != 0), {}, &scope);
  Results onTrue = evaluateSymbolically(terms, *cond.getBranch(true), {}, &scope);
  Results onFalse = evaluateSymbolically(terms, *cond.getBranch(false), {}, &scope);
  if (failed(onTrue) || failed(onFalse))
    return failure();
  for (auto [result, other] : llvm::zip_equal(*onTrue, *onFalse))
    for (auto [entry, otherEntry] : llvm::zip_equal(result.terms, other.terms))
      entry = terms.applyChoice(result.type.getElementType(), predicate, entry, otherEntry);
  return onTrue;
}

/// Regions of loops that `op` lies in.
static int64_t depthOf(Operation *op) {
  int64_t depth = 0;
  while ((op = op->getParentOp()))
    depth += isa<graph::WhileOp>(op);
  return depth;
}

namespace {
/// A loop of which nothing is known about when it ends.
struct UnknownLoop {
  /// Any values of what it carries, whether it goes on with them, and what it makes of them in one step.
  SymbolicTensors any;
  Term goesOn;
  SymbolicTensors next;

  std::set<size_t> carriesBehind(const Terms &terms, size_t carry) const;
  bool hangsOnCarries(const Terms &terms, size_t carry) const;
};
} // namespace

/// The carries that `carry`, and when the loop ends, hang on.
std::set<size_t> UnknownLoop::carriesBehind(const Terms &terms, size_t carry) const {
  llvm::DenseMap<Term, size_t> carryOf;
  for (auto [number, tensor] : llvm::enumerate(any))
    for (Term variable : tensor.terms)
      carryOf[variable] = number;
  std::set<size_t> behind{carry};
  std::vector<Term> work = next[carry].terms;
  work.push_back(goesOn);
  llvm::DenseSet<Term> visited(work.begin(), work.end());
  auto add = [&](ArrayRef<Term> others) {
    for (Term term : others)
      if (visited.insert(term).second)
        work.push_back(term);
  };
  while (!work.empty()) {
    Term term = work.back();
    work.pop_back();
    add(terms.operandsOf(term));
    if (auto it = carryOf.find(term); it != carryOf.end() && behind.insert(it->second).second)
      add(next[it->second].terms);
  }
  return behind;
}

/// Whether one step makes of `carry` something else for other values.
bool UnknownLoop::hangsOnCarries(const Terms &terms, size_t carry) const {
  llvm::DenseSet<Term> variables, visited;
  for (const SymbolicTensor &tensor : any)
    variables.insert(tensor.terms.begin(), tensor.terms.end());
  std::vector<Term> work = next[carry].terms;
  while (!work.empty()) {
    Term term = work.back();
    work.pop_back();
    if (variables.contains(term))
      return true;
    for (Term operand : terms.operandsOf(term))
      if (visited.insert(operand).second)
        work.push_back(operand);
  }
  return false;
}

/// Of a loop that goes on while a number is above another one, and takes one from it in each step: the number at the
/// end, and what each step makes anew whatever is carried.
std::optional<SymbolicTensors> Evaluation::countDown(const UnknownLoop &loop, const SymbolicTensors &carries) {
  auto above = terms.matchAbove(loop.goesOn);
  if (!above)
    return std::nullopt;
  auto isCount = [&](size_t carry) {
    return loop.any[carry].terms.size() == 1 && loop.any[carry].terms[0] == above->second &&
           terms.isOneLess(loop.next[carry].terms[0], above->second);
  };
  auto numbers = llvm::seq<size_t>(0, carries.size());
  auto counter = llvm::find_if(numbers, isCount);
  if (counter == numbers.end())
    return std::nullopt;
  const SymbolicTensor &count = carries[*counter];
  Type element = count.type.getElementType();
  Term end = terms.integer(above->first), goesOn = terms.applyLess(element, end, count.terms[0]);
  SymbolicTensors results;
  for (size_t carry : numbers) {
    SymbolicTensor &result = results.emplace_back(SymbolicTensor{carries[carry].type, {}});
    if (carry == *counter)
      result.terms = {terms.applyOrder(/*isMin=*/true, element, count.terms[0], end)};
    else if (!loop.hangsOnCarries(terms, carry))
      for (auto [before, after] : llvm::zip_equal(carries[carry].terms, loop.next[carry].terms))
        result.terms.push_back(terms.applyChoice(result.type.getElementType(), goesOn, after, before));
  }
  return results;
}

/// What such a loop makes of `carries`: each is a function of what it begins with and of what one step makes of any
/// values, of its own and of those that it hangs on. Any values have names by the depth of the loop, so that those of a
/// loop within another one differ from those around it.
Results Evaluation::summarize(graph::WhileOp op, const SymbolicTensors &carries) {
  std::string name = "while " + std::to_string(depthOf(op)) + ".";
  UnknownLoop loop;
  for (auto [number, carry] : llvm::enumerate(carries)) {
    SymbolicTensor &tensor = loop.any.emplace_back(SymbolicTensor{carry.type, {}});
    for (size_t entry = 0; entry < carry.terms.size(); ++entry)
      tensor.terms.push_back(terms.variable(name + std::to_string(number), static_cast<int64_t>(entry)));
  }
  Results goesOn = evaluateSymbolically(terms, *op.getConditionBlock(), loop.any, &scope);
  Results next = evaluateSymbolically(terms, *op.getBodyBlock(), loop.any, &scope);
  if (failed(goesOn) || failed(next))
    return failure();
  loop.goesOn = goesOn->front().terms[0];
  loop.next = std::move(*next);
  SymbolicTensors results;
  std::optional<SymbolicTensors> counted = countDown(loop, carries);
  for (auto [number, carry] : llvm::enumerate(carries)) {
    if (counted && !(*counted)[number].terms.empty()) {
      results.push_back((*counted)[number]);
      continue;
    }
    std::string function = name;
    std::vector<Term> all{loop.goesOn};
    for (size_t other : loop.carriesBehind(terms, number)) {
      llvm::raw_string_ostream(function) << other << ' ' << carries[other].type << ';';
      llvm::append_range(all, carries[other].terms);
      llvm::append_range(all, loop.next[other].terms);
    }
    Term whole = terms.apply(function, all);
    SymbolicTensor &result = results.emplace_back(SymbolicTensor{carry.type, {}});
    for (size_t entry = 0; entry < carry.terms.size(); ++entry) {
      Term place[] = {whole, terms.integer(static_cast<int64_t>(number)), terms.integer(static_cast<int64_t>(entry))};
      result.terms.push_back(terms.apply("entry", place));
    }
  }
  return results;
}

Results Evaluation::runWhile(graph::WhileOp loop) {
  SymbolicTensors carries;
  for (const SymbolicTensor *operand : operands)
    carries.push_back(*operand);
  for (int64_t step = 0; step < kMaxSteps; ++step) {
    Results goesOn = evaluateSymbolically(terms, *loop.getConditionBlock(), carries, &scope);
    if (failed(goesOn))
      return failure();
    if (!terms.isConstant(goesOn->front().terms[0]))
      return summarize(loop, carries);
    if (!terms.integerOf(goesOn->front().terms[0]))
      return carries;
    Results next = evaluateSymbolically(terms, *loop.getBodyBlock(), carries, &scope);
    if (failed(next))
      return failure();
    carries = std::move(*next);
  }
  return failure();
}

//===----------------------------------------------------------------------===//
// All
//===----------------------------------------------------------------------===//

Results Evaluation::run() {
  if (!llvm::all_of(op->getResultTypes(), [](Type type) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        return tensor && tensor.hasStaticShape();
      }))
    return failure();
  if (op->getNumRegions() == 0 && areConstant(operands))
    return runConstant();
  return llvm::TypeSwitch<Operation *, Results>(op)
      .Case([&](graph::ScanOp scan) { return runScan(scan); })
      .Case([&](graph::CondOp cond) { return runCond(cond); })
      .Case([&](graph::WhileOp loop) { return runWhile(loop); })
      .Case([&](graph::CheckpointOp checkpoint) {
        return evaluateSymbolically(terms, *checkpoint.getBodyBlock(), {}, &scope);
      })
      .Case([&](graph::DecomposableOpInterface) { return runDecomposed(); })
      .Case<graph::BroadcastOp, graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::PadOp, graph::ConcatOp,
            graph::BarrierOp, graph::StopGradientOp>([&](auto) { return runMove(op->getNumOperands()); })
      .Case([&](graph::GatherOp) { return runGather(); })
      .Case([&](graph::ScatterAddOp) { return runScatter(); })
      .Case([&](graph::DynamicSliceOp) { return runMove(1); })
      .Case([&](graph::DynamicUpdateSliceOp) { return runMove(2); })
      .Case<graph::ReduceSumOp, graph::ReduceMaxOp, graph::ReduceMinOp, graph::ReduceProdOp>(
          [&](auto reduction) { return runReduction(reduction.getAxes()); })
      .Case([&](graph::ContractOp contract) { return runContract(contract); })
      .Case<graph::ArgmaxOp, graph::CumsumOp>([&](auto rows) { return runRows(rows.getAxis()); })
      .Case([&](graph::TopKOp) { return runRows(operands[0]->type.getRank() - 1); })
      .Default([&](Operation *) { return op->hasTrait<OpTrait::Elementwise>() ? runElementwise() : runOpaque(); });
}

FailureOr<SymbolicTensors> check::evaluateSymbolically(Terms &terms, Block &block, ArrayRef<SymbolicTensor> arguments,
                                                       const SymbolicScope *outer) {
  SymbolicScope scope;
  scope.parent = outer;
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    scope.values[argument] = tensor;
  auto collect = [&](Operation &op) {
    return llvm::map_to_vector(op.getOperands(), [&](Value operand) { return scope.lookup(operand); });
  };
  for (Operation &op : block.without_terminator()) {
    SmallVector<const SymbolicTensor *> operands = collect(op);
    if (llvm::is_contained(operands, nullptr) || terms.size() > kMaxTerms)
      return failure();
    FailureOr<SymbolicTensors> results = Evaluation(terms, &op, operands, scope).run();
    if (failed(results))
      return failure();
    for (auto [value, tensor] : llvm::zip_equal(op.getResults(), *results))
      scope.values[value] = std::move(tensor);
  }
  SymbolicTensors results;
  for (const SymbolicTensor *tensor : collect(*block.getTerminator())) {
    if (!tensor)
      return failure();
    results.push_back(*tensor);
  }
  return results;
}
