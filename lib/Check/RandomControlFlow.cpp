//===- RandomControlFlow.cpp - regions of random graphs -------------------------===//
// Bodies are random graphs themselves, which may read what is around them.
//===----------------------------------------------------------------------===//

#include "GraphMaker.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

using Sizes = GraphMaker::Sizes;
using Values = GraphMaker::Values;

namespace {
/// A scan while its parts are drawn.
class ScanMaker {
public:
  explicit ScanMaker(GraphMaker &maker) : m(maker) {}
  Value make();

private:
  void drawInputs();
  void drawInits();
  void fillBody(Block &body, size_t numOuter);
  void drawOutputs(size_t numOuter);
  bool canOutput(Value value) const;

  GraphMaker &m;
  Values inits, inputs, carries, outputs;
  Sizes inputAxes, outputAxes;
  int64_t length = 1;
};
} // namespace

void ScanMaker::drawInputs() {
  length = m.draws.between(1, 4);
  for (int64_t n = m.draws.below(3); n > 0; --n) {
    Value input = m.pickAny(1);
    if (!input)
      continue;
    int64_t axis = m.draws.below(m.rankOf(input)), size = m.sizeOf(input, axis);
    if (size == 0 || (!inputs.empty() && size != length))
      continue;
    length = size;
    inputs.push_back(input);
    inputAxes.push_back(axis);
  }
}

/// A loop's results all count as made from all that it reads: no gradient goes through integers of them.
void ScanMaker::drawInits() {
  for (int64_t n = m.draws.below(4); n > 0; --n) {
    Type element = !m.isDifferentiable() && m.draws.oneIn(6) ? m.drawIntegerType() : m.drawFloatType();
    if (m.draws.oneIn(3))
      inits.push_back(m.fresh(m.drawShape(2), element));
    else if (Value init = m.pick(element))
      inits.push_back(init);
  }
}

bool ScanMaker::canOutput(Value value) const {
  return m.typeOf(value).getNumElements() * length <= m.options.maxEntries && m.rankOf(value) < GraphMaker::kMaxRank &&
         (!m.isDifferentiable() || m.isFloat(value));
}

/// Values of the body, carried ones too; what nobody reads would be dead: half of it goes out.
void ScanMaker::drawOutputs(size_t numOuter) {
  Values wanted;
  for (int64_t n = m.draws.below(3); n > 0; --n) {
    Values candidates(m.scope.begin() + (m.draws.oneIn(8) ? 0 : numOuter), m.scope.end());
    llvm::append_range(candidates, carries);
    llvm::append_range(candidates, carries);
    if (!candidates.empty())
      wanted.push_back(candidates[m.draws.below(candidates.size())]);
  }
  for (Value value : llvm::drop_begin(m.scope, numOuter))
    if (isHidden(value) && !llvm::is_contained(carries, value) && m.draws.below(8) < (value.use_empty() ? 4 : 7))
      wanted.push_back(value);
  for (Value output : wanted)
    if (canOutput(output)) {
      outputs.push_back(output);
      outputAxes.push_back(m.draws.below(m.rankOf(output) + 1));
    }
}

void ScanMaker::fillBody(Block &body, size_t numOuter) {
  m.addOperations(m.draws.between(1, 6));
  for (Value init : inits)
    carries.push_back(m.like(init));
  drawOutputs(numOuter);
  graph::YieldOp::create(m.builder, m.loc, carries, outputs);
}

/// The body first, in a block of its own: the types of the outputs follow from it.
Value ScanMaker::make() {
  drawInputs();
  drawInits();
  bool reverse = m.draws.oneIn(2);
  auto body = std::make_unique<Block>();
  for (Value init : inits)
    body->addArgument(init.getType(), m.loc);
  for (auto [input, axis] : llvm::zip_equal(inputs, inputAxes)) {
    Sizes shape = m.shapeOf(input);
    shape.erase(shape.begin() + axis);
    body->addArgument(m.tensor(shape, m.elementOf(input)), m.loc);
  }
  m.inBlock(*body, [&](size_t numOuter) { fillBody(*body, numOuter); });
  if (carries.empty() && outputs.empty()) {
    body->dropAllReferences();
    return {};
  }
  auto scan = graph::ScanOp::create(m.builder, m.loc, inits, inputs, length, inputAxes, outputAxes, reverse,
                                    ValueRange(outputs).getTypes());
  Block *old = scan.getBodyBlock();
  scan.getBody().push_back(body.release());
  old->erase();
  return scan->getResult(0);
}

Value check::makeScan(GraphMaker &maker) {
  return maker.depth < GraphMaker::kMaxDepth ? ScanMaker(maker).make() : Value();
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

/// One value or two whose types the results of a region take.
static Values drawPrototypes(GraphMaker &m) {
  Values values;
  for (int64_t n = m.draws.between(1, 2); n > 0; --n)
    if (Value value = m.isDifferentiable() ? m.pickFloat() : m.pickAny())
      values.push_back(value);
  return values;
}

/// A region that yields values of those types.
static void fillBranch(GraphMaker &m, Block &block, ArrayRef<Value> prototypes) {
  block.clear();
  m.inBlock(block, [&](size_t) {
    m.addOperations(m.draws.between(0, 4));
    Values outputs = llvm::map_to_vector(prototypes, [&](Value prototype) { return m.like(prototype); });
    graph::YieldOp::create(m.builder, m.loc, ValueRange(), outputs);
  });
}

Value check::makeCond(GraphMaker &m) {
  Values prototypes = drawPrototypes(m);
  if (m.depth >= GraphMaker::kMaxDepth || prototypes.empty())
    return {};
  Value predicate = m.ofShape({}, m.boolType());
  auto cond = graph::CondOp::create(m.builder, m.loc, predicate, ValueRange(prototypes).getTypes());
  for (bool branch : {true, false})
    fillBranch(m, *cond.getBranch(branch), prototypes);
  return cond->getResult(0);
}

Value check::makeCheckpoint(GraphMaker &m) {
  Values prototypes = drawPrototypes(m);
  if (m.depth >= GraphMaker::kMaxDepth || prototypes.empty())
    return {};
  auto checkpoint = graph::CheckpointOp::create(m.builder, m.loc, ValueRange(prototypes).getTypes());
  fillBranch(m, *checkpoint.getBodyBlock(), prototypes);
  return checkpoint->getResult(0);
}

//===----------------------------------------------------------------------===//
// Loops of unknown length
//===----------------------------------------------------------------------===//

/// Counts down from a small number, or a computed one of at most two: while count > 0.
static void fillCondition(GraphMaker &m, Block &block) {
  block.clear();
  m.inBlock(block, [&](size_t) {
    Value count = block.getArgument(0);
    Value goesOn =
        m.create<graph::CompareOp>(m.tensor({}, m.boolType()), graph::Direction::Gt, count, m.splat(count, 0));
    graph::YieldOp::create(m.builder, m.loc, ValueRange(), ValueRange{goesOn});
  });
}

static void fillSteps(GraphMaker &m, Block &block) {
  block.clear();
  m.inBlock(block, [&](size_t) {
    m.addOperations(m.draws.between(0, 4));
    Value count = block.getArgument(0);
    Values carries{m.create<graph::SubOp>(count, m.splat(count, 1))};
    for (Value argument : block.getArguments().drop_front())
      carries.push_back(m.like(argument));
    graph::YieldOp::create(m.builder, m.loc, carries, ValueRange());
  });
}

/// Not in graphs that are differentiated: no gradient goes through it.
Value check::makeWhile(GraphMaker &m) {
  Values inits = drawPrototypes(m);
  if (m.depth >= GraphMaker::kMaxDepth || inits.empty() || m.isDifferentiable())
    return {};
  Value count = m.ofShape({}, m.builder.getI32Type());
  if (m.draws.oneIn(2))
    count = m.splat(count, m.draws.between(0, 4));
  else
    count = m.create<graph::MinimumOp>(count, m.splat(count, m.draws.between(1, 2)));
  inits.insert(inits.begin(), count);
  auto loop = graph::WhileOp::create(m.builder, m.loc, inits);
  fillCondition(m, *loop.getConditionBlock());
  fillSteps(m, *loop.getBodyBlock());
  return loop->getResult(0);
}
