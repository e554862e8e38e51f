//===- Reduce.cpp - reductions at a position, and the family row_reduce ---===//
// Sums and maxima in an order that follows from the shape alone.
//===----------------------------------------------------------------------===//

#include "RowReduce.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {

/// Independent sums along a row: an addition takes 4 cycles and two can start in each, so fewer would wait for each
/// other; more gain nothing, since what is added is computed in between.
static constexpr int64_t kAccumulators = 4;

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

//===----------------------------------------------------------------------===//
// Parts of a sum
//===----------------------------------------------------------------------===//

Value PointEmitter::combine(Operation *reduction, Value a, Value b) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(a.getType()));
  auto contract = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::contract);
  // Which of two zeros is the larger takes four instructions to say.
  auto anyZero = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::nsz);
  return llvm::TypeSwitch<Operation *, Value>(reduction)
      .Case([&](ReduceMaxOp) -> Value {
        return isFloat ? Value(arith::MaximumFOp::create(builder, a, b, anyZero))
                       : Value(arith::MaxSIOp::create(builder, a, b));
      })
      .Case([&](ReduceMinOp) -> Value {
        return isFloat ? Value(arith::MinimumFOp::create(builder, a, b, anyZero))
                       : Value(arith::MinSIOp::create(builder, a, b));
      })
      .Case([&](ReduceProdOp) -> Value {
        return isFloat ? Value(arith::MulFOp::create(builder, a, b, contract))
                       : Value(arith::MulIOp::create(builder, a, b));
      })
      .Default([&](Operation *) -> Value {
        return isFloat ? Value(arith::AddFOp::create(builder, a, b, contract))
                       : Value(arith::AddIOp::create(builder, a, b));
      });
}

Value PointEmitter::selectActive(Value value, int64_t active, Value rest) {
  int64_t width = cast<VectorType>(value.getType()).getNumElements();
  return arith::SelectOp::create(builder, mask(width, active), value, rest);
}

Value PointEmitter::neutral(Operation *reduction, Type type) {
  if (isa<ReduceProdOp>(reduction))
    return number(type, 1);
  if (!isa<ReduceMaxOp, ReduceMinOp>(reduction))
    return zero(type);
  // The least or the largest number of all.
  bool isLeast = isa<ReduceMaxOp>(reduction);
  Type element = getElementTypeOrSelf(type);
  unsigned bits = element.getIntOrFloatBitWidth();
  TypedAttr extreme;
  if (auto floatType = dyn_cast<FloatType>(element))
    extreme = FloatAttr::get(element, APFloat::getInf(floatType.getFloatSemantics(), /*Negative=*/isLeast));
  else
    extreme = IntegerAttr::get(element, isLeast ? APInt::getSignedMinValue(bits) : APInt::getSignedMaxValue(bits));
  if (auto vector = dyn_cast<VectorType>(type))
    extreme = DenseElementsAttr::get(vector, Attribute(extreme));
  return typedConstant(extreme);
}

Value PointEmitter::reduceLanes(Operation *reduction, Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type)
    return value;
  // The upper half on the lower half, until one entry is left.
  for (int64_t half = type.getNumElements() / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < half; ++i)
      low.push_back(i), high.push_back(half + i);
    Value a = vector::ShuffleOp::create(builder, value, value, low);
    Value b = vector::ShuffleOp::create(builder, value, value, high);
    value = combine(reduction, a, b);
  }
  return vector::ExtractOp::create(builder, value, 0);
}

//===----------------------------------------------------------------------===//
// A reduction at a position
//===----------------------------------------------------------------------===//

/// The position in the operand: `kept` for the axes of the result, `reduced` for the others.
static Position mergeAxes(Operation *op, const Position &kept, const Position &reduced) {
  ArrayRef<int64_t> axes = getReducedAxes(op);
  Position position;
  size_t nextKept = 0, nextReduced = 0;
  for (int64_t axis = 0, rank = getShape(op->getOperand(0)).size(); axis < rank; ++axis)
    position.push_back(llvm::is_contained(axes, axis) ? reduced[nextReduced++] : kept[nextKept++]);
  return position;
}

/// Loops over `sizes`, the innermost last; `body` gets the indices and the carried values and returns the next ones.
static SmallVector<Value> emitNest(PointEmitter &emitter, ArrayRef<int64_t> sizes, SmallVector<Value> carried,
                                   Position &indices,
                                   function_ref<SmallVector<Value>(const Position &, SmallVector<Value>)> body) {
  if (sizes.empty())
    return body(indices, carried);
  auto step = [&](IndexExpr counter, ValueRange values) {
    indices.push_back(counter);
    SmallVector<Value> next = emitNest(emitter, sizes.drop_front(), SmallVector<Value>(values), indices, body);
    indices.pop_back();
    return next;
  };
  if (sizes[0] == 0)
    return carried;
  if (sizes[0] == 1)
    return step(0, carried);
  return emitter.loop(emitter.index(0), emitter.index(sizes[0]), sizes[0], carried, step);
}

void PointEmitter::emitReductions(Operation *reduction, ArrayRef<Position> positions) {
  Value operand = reduction->getOperand(0), result = reduction->getResult(0);
  SmallVector<int64_t> sizes;
  for (int64_t axis : getReducedAxes(reduction))
    sizes.push_back(getShape(operand)[axis]);
  SmallVector<Value> start;
  for (const Position &position : positions)
    start.push_back(neutral(reduction, getVectorType(getComputeType(result), getWidth(position))));
  Position indices;
  SmallVector<Value> sums =
      emitNest(*this, sizes, start, indices, [&](const Position &reduced, SmallVector<Value> sums) {
        for (auto [position, sum] : llvm::zip(positions, sums))
          sum =
              combine(reduction, sum, emitVector(operand, mergeAxes(reduction, position, reduced), getWidth(position)));
        return sums;
      });
  for (auto [position, sum] : llvm::zip(positions, sums))
    define(result, position, sum);
}

SmallVector<Value> PointEmitter::reduceAlongLastAxis(ArrayRef<Operation *> ops, const Position &position,
                                                     function_ref<void(const Position &)> alongside) {
  SmallVector<Value> operands;
  for (Operation *op : ops)
    operands.push_back(op->getOperand(0));
  ArrayRef<int64_t> shape = getShape(operands[0]);
  int64_t size = shape.back();
  SmallVector<int64_t> outer;
  for (int64_t axis : getReducedAxes(ops[0]).drop_back())
    outer.push_back(shape[axis]);
  // Sums of one reduction lie next to each other.
  int64_t most = std::max<int64_t>(kAccumulators / llvm::PowerOf2Ceil(ops.size()), 1);
  int64_t count = std::clamp<int64_t>(size / lanes, 1, most);
  SmallVector<Value> start;
  for (Operation *op : ops)
    start.append(count, neutral(op, VectorType::get(lanes, getComputeType(op->getResult(0)))));

  // The entries first … first + active - 1, into sum number `which` of each reduction.
  auto add = [&](SmallVector<Value> &sums, const Position &reduced, IndexExpr first, int64_t active, int64_t which) {
    Position last = reduced;
    last.push_back(first + space.addLane(lanes, active, getLevel()));
    Position place = mergeAxes(ops[0], position, last);
    for (auto [k, op] : llvm::enumerate(ops)) {
      Value value = emitVector(operands[k], place, lanes);
      if (active < lanes)
        value = selectActive(value, active, neutral(op, value.getType()));
      Value &sum = sums[k * count + which];
      sum = combine(op, sum, value);
    }
    if (alongside)
      alongside(place);
  };
  SmallVector<Piece> pieces = getPieces(operands, shape.size() - 1, size);
  Position indices;
  auto alongRow = [&](const Position &reduced, SmallVector<Value> sums) {
    for (Piece piece : pieces) {
      int64_t rounds = piece.size / lanes / count;
      auto round = [&](IndexExpr counter, ValueRange values) {
        SmallVector<Value> next(values);
        for (int64_t i = 0; i < count; ++i)
          add(next, reduced, counter * (count * lanes) + (piece.first + i * lanes), lanes, i);
        return next;
      };
      if (rounds > 1)
        sums = loop(index(0), index(rounds), rounds, sums, round);
      else if (rounds == 1)
        sums = round(0, sums);
      int64_t done = rounds * count * lanes;
      for (int64_t i = 0; done < piece.size; ++i, done += lanes)
        add(sums, reduced, piece.first + done, std::min(lanes, piece.size - done), i % count);
    }
    return sums;
  };
  SmallVector<Value> sums = emitNest(*this, outer, start, indices, alongRow);

  SmallVector<Value> results;
  for (auto [k, op] : llvm::enumerate(ops)) {
    // Neighbors first, then their sums.
    Value *own = sums.begin() + k * count;
    for (int64_t step = 1; step < count; step *= 2)
      for (int64_t i = 0; i + step < count; i += 2 * step)
        own[i] = combine(op, own[i], own[i + step]);
    results.push_back(reduceLanes(op, own[0]));
  }
  return results;
}

Value PointEmitter::computeReduction(Operation *op, const Position &position) {
  int64_t last = getShape(op->getOperand(0)).size() - 1;
  if (!space.findLane(position) && llvm::is_contained(getReducedAxes(op), last))
    return reduceAlongLastAxis(op, position)[0];
  emitReductions(op, position);
  return emit(op->getResult(0), position);
}

Value PointEmitter::computeArgmax(ArgmaxOp op, const Position &position) {
  Value operand = op.getOperand();
  int64_t axis = op.getAxis(), size = getShape(operand)[axis], width = getWidth(position);
  auto at = [&](IndexExpr place) {
    Position inner = position;
    inner.insert(inner.begin() + axis, place);
    return emitVector(operand, inner, width);
  };
  Type integer = getComputeType(op.getResult());
  SmallVector<Value> start{at(0), zero(getVectorType(integer, width))};
  if (size == 1)
    return start[1];
  // Only what is larger than everything before it: the least index wins. NaN is larger than every number.
  return loop(index(0), index(size - 1), size - 1, start, [&](IndexExpr counter, ValueRange best) {
    Value value = at(counter + 1);
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(value.getType()));
    Value larger;
    if (isFloat) {
      Value isAbove = arith::CmpFOp::create(builder, arith::CmpFPredicate::UGT, value, best[0]);
      Value isNumber = arith::CmpFOp::create(builder, arith::CmpFPredicate::ORD, best[0], best[0]);
      larger = arith::AndIOp::create(builder, isAbove, isNumber);
    } else {
      larger = arith::CmpIOp::create(builder, arith::CmpIPredicate::sgt, value, best[0]);
    }
    Value place = broadcast(arith::IndexCastOp::create(builder, integer, materialize(counter + 1)), width);
    return SmallVector<Value>{arith::SelectOp::create(builder, larger, value, best[0]),
                              arith::SelectOp::create(builder, larger, place, best[1])};
  })[1];
}

//===----------------------------------------------------------------------===//
// row_reduce
//===----------------------------------------------------------------------===//

/// The operand of the kernel's reductions: [rows…, columns].
static FailureOr<SmallVector<int64_t>> findReducedShape(kernel::ComputeOp kernel) {
  SmallVector<int64_t> shape;
  bool found = false;
  for (Operation &op : kernel.getBodyBlock()->without_terminator()) {
    if (!isReduction(&op) && !isa<ArgmaxOp>(op))
      continue;
    ArrayRef<int64_t> own = getShape(op.getOperand(0));
    if (found && own != ArrayRef<int64_t>(shape))
      return op.emitOpError() << "expected reductions of one shape in a row_reduce kernel";
    shape = SmallVector<int64_t>(own);
    found = true;
    bool alongLast = isa<ArgmaxOp>(op) ? cast<ArgmaxOp>(op).getAxis() + 1 == own.size()
                                       : getReducedAxes(&op) == ArrayRef<int64_t>(own.size() - 1);
    if (!alongLast)
      return op.emitOpError() << "expected a reduction over the last axis alone in a row_reduce kernel";
  }
  if (!found)
    return kernel.emitOpError("expected a reduction in a row_reduce kernel, got none");
  return shape;
}

ReductionPasses::ReductionPasses(kernel::ComputeOp kernel) {
  for (Operation &op : kernel.getBodyBlock()->without_terminator())
    if (isReduction(&op) || isa<ArgmaxOp>(op)) {
      size_t pass = getDepth(op.getOperand(0));
      passes.resize(std::max(passes.size(), pass + 1));
      passes[pass].push_back(&op);
    }
}

size_t ReductionPasses::getDepth(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return 0;
  if (auto known = depths.find(tensor); known != depths.end())
    return known->second;
  size_t depth = 0;
  for (Value operand : op->getOperands())
    depth = std::max(depth, getDepth(operand));
  if (isReduction(op) || isa<ArgmaxOp>(op))
    ++depth;
  return depths[tensor] = depth;
}

namespace {

/// The passes over a row: which reductions share one, and which entries are kept for the next.
class RowPasses {
public:
  RowPasses(KernelJob &job, ArrayRef<int64_t> shape, ArrayRef<KernelOutput> wide)
      : job(job), emitter(job.emitter), shape(shape), wide(wide), passes(job.emitter.kernel) {}

  /// All reductions of the row at `lead`.
  void emit(const Position &lead) {
    SmallVector<Operation *> done;
    for (ArrayRef<Operation *> pass : passes.get()) {
      SmallVector<Operation *> sums;
      for (Operation *op : pass)
        if (isa<ArgmaxOp>(op))
          emitter.emit(op->getResult(0), lead);
        else
          sums.push_back(op);
      done.append(pass.begin(), pass.end());
      if (sums.empty())
        continue;
      SmallVector<KernelOutput> kept = chooseKept(sums, done);
      std::optional<Stream> stream = findRowStream(sums);
      SmallVector<Value> results = emitter.reduceAlongLastAxis(sums, lead, [&](const Position &place) {
        if (stream)
          prefetchAhead(emitter, *stream, place);
        for (const KernelOutput &output : kept)
          emitter.store(emitter.emitVector(output.tensor, place, emitter.getLanes()), output.buffer, place);
      });
      for (auto [op, result] : llvm::zip(sums, results))
        emitter.define(op->getResult(0), lead, result);
      for (const KernelOutput &output : kept)
        emitter.keep(output.tensor, output.buffer);
    }
  }

private:
  /// What the first pass reads, where it lies row after row; later ones find it in a cache.
  std::optional<Stream> findRowStream(ArrayRef<Operation *> sums) {
    if (passes.getDepth(sums[0]->getOperand(0)) > 0)
      return std::nullopt;
    std::optional<Stream> stream = findStream(job, sums[0]->getOperand(0));
    return stream && stream->buffer.type.isRowMajor() ? stream : std::nullopt;
  }

  /// What is computed from, entry by entry, to have `tensor`; reductions that are done and tensors that are kept are
  /// not looked into.
  void collect(Value tensor, ArrayRef<Operation *> done, const llvm::SetVector<Value> &stop,
               llvm::SetVector<Value> &needed) {
    if (!needed.insert(tensor) || stop.contains(tensor))
      return;
    Operation *op = tensor.getDefiningOp();
    if (!op || llvm::is_contained(done, op))
      return;
    for (Value operand : op->getOperands())
      collect(operand, done, stop, needed);
  }

  /// Functions of math that this pass computes and a result needs again are stored where a result will lie (at most one
  /// in each), unless what they overwrite is read later.
  SmallVector<KernelOutput> chooseKept(ArrayRef<Operation *> pass, ArrayRef<Operation *> done) {
    llvm::SetVector<Value> here;
    for (Operation *op : pass)
      collect(op->getOperand(0), done, stored, here);
    SmallVector<KernelOutput> kept;
    if (!usesRowsEntryByEntry())
      return kept;
    for (const KernelOutput &output : wide) {
      if (llvm::is_contained(occupied, output.buffer.flat) || output.buffer.type.isPacked() || sharesWithOthers(output))
        continue;
      for (Value tensor : here) {
        Operation *op = tensor.getDefiningOp();
        if (!op || !isTranscendental(op) || getShape(tensor) != shape || stored.contains(tensor) ||
            output.buffer.type.getElementType() != emitter.getComputeType(tensor) ||
            !isNeededLater(tensor, output, done))
          continue;
        stored.insert(tensor);
        occupied.push_back(output.buffer.flat);
        kept.push_back({tensor, output.buffer});
        break;
      }
    }
    return kept;
  }

  /// Whether each entry of a row is needed at its own position alone, and nothing beyond the row.
  bool usesRowsEntryByEntry() {
    return llvm::all_of(emitter.kernel.getBodyBlock()->without_terminator(), [&](Operation &op) {
      return isElementwise(&op) || isReduction(&op) || isa<ArgmaxOp>(op) ||
             llvm::none_of(op.getOperands(), [&](Value operand) { return getShape(operand) == shape; });
    });
  }

  /// Whether another buffer of the kernel may lie where the output does.
  bool sharesWithOthers(const KernelOutput &output) {
    kernel::ComputeOp kernel = emitter.kernel;
    Value buffer;
    for (auto [other, write] : llvm::zip(job.outputs, kernel.getWrites()))
      if (other.buffer.flat == output.buffer.flat)
        buffer = write;
    return llvm::any_of(kernel->getOperands(), [&](Value other) {
      return other != buffer && kernel::getRoot(other) == kernel::getRoot(buffer);
    });
  }

  /// Whether later passes need the tensor, and nothing that its place holds now.
  bool isNeededLater(Value tensor, const KernelOutput &place, ArrayRef<Operation *> done) {
    llvm::SetVector<Value> stop = stored, needed;
    stop.insert(tensor);
    for (const KernelOutput &output : job.outputs)
      collect(output.tensor, done, stop, needed);
    for (ArrayRef<Operation *> pass : passes.get())
      for (Operation *op : pass)
        if (!llvm::is_contained(done, op))
          collect(op->getOperand(0), done, stop, needed);
    return needed.contains(tensor) && llvm::none_of(needed, [&](Value value) {
             auto argument = dyn_cast<BlockArgument>(value);
             return argument && emitter.getBuffer(argument).flat == place.buffer.flat;
           });
  }

  KernelJob &job;
  PointEmitter &emitter;
  ArrayRef<int64_t> shape;
  ArrayRef<KernelOutput> wide;
  ReductionPasses passes;
  /// Tensors that are kept, and the buffers that hold them.
  llvm::SetVector<Value> stored;
  SmallVector<Value> occupied;
};

} // namespace

FailureOr<int64_t> emitRowReduce(KernelJob &job) {
  PointEmitter &emitter = job.emitter;
  FailureOr<SmallVector<int64_t>> found = findReducedShape(emitter.kernel);
  if (failed(found))
    return failure();
  ArrayRef<int64_t> shape = *found, rowShape = shape.drop_back();
  int64_t rows = job.count(rowShape), columns = shape.back();
  RowOutputs outputs;
  auto &[wide, narrow] = outputs;
  for (const KernelOutput &output : job.outputs) {
    ArrayRef<int64_t> own = getShape(output.tensor);
    if (own == shape)
      wide.push_back(output);
    else if (job.count(own) == rows)
      narrow.push_back(output);
    else
      return emitter.kernel.emitOpError()
             << "expected results of shape [rows…, columns] or [rows…], got " << output.tensor.getType();
  }
  if (rows == 0)
    return 1;
  if (int64_t together = chooseShortRows(job, shape, outputs))
    return emitShortRows(job, shape, outputs, together);
  // Where the columns are split into several vectors, they are many enough for a row to be a unit of work.
  Chunks chunks = job.splitTasks(rows, job.getNumTasks(job.getWork(rows * columns)));
  job.loopChunk(chunks, job.getTask(chunks.tasks), [&](IndexExpr row) {
    Position lead = emitter.space.delinearize(row, rowShape);
    // All reductions before a result is stored: it may take the place of what they read.
    RowPasses(job, shape, outputs.wide).emit(lead);
    SmallVector<Position> places;
    SmallVector<Value> values;
    for (const KernelOutput &output : outputs.narrow) {
      places.push_back(emitter.space.delinearize(row, getShape(output.tensor)));
      values.push_back(emitter.emit(output.tensor, places.back()));
    }
    emitColumns(job, outputs.wide, lead, columns);
    for (auto [output, value, place] : llvm::zip(outputs.narrow, values, places))
      emitter.store(value, output.buffer, place);
    emitter.forgetKept();
  });
  job.report(Twine(rows) + " rows of " + Twine(columns) + " columns in " + Twine(chunks.tasks) + " tasks");
  return chunks.tasks;
}

} // namespace moru
