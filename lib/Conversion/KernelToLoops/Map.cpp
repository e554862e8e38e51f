//===- Map.cpp - the family map, and loops over positions -----------------===//
// Which loops run over the entries of outputs of one shape. Three forms:
//   rows      leading axes one by one, trailing axes as one axis of vectors: as many trailing axes as every access
//   allows; panels    an output in panels is written panel by panel, in the order of its memory; blocks    where a
//   tensor is read along another axis than it is written: squares of W vectors, transposed in registers.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace moru {

/// A task of fewer entries costs more to hand out than to do (about a microsecond either way); more tasks than this
/// give no better balance.
static constexpr int64_t kEntriesPerTask = 16 << 10;
static constexpr int64_t kMaxTasks = 64;

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

int64_t KernelJob::count(ArrayRef<int64_t> shape) {
  int64_t entries = 1;
  for (int64_t size : shape)
    entries *= size;
  return entries;
}

int64_t KernelJob::getNumTasks(int64_t entries) const {
  if (isOneTask)
    return 1;
  int64_t tasks = std::clamp<int64_t>(entries / kEntriesPerTask, 1, kMaxTasks);
  // Three tasks take two workers as long as four would: 1, 2, 4, then multiples of eight.
  return tasks <= 2 ? tasks : tasks <= 4 ? 4 : static_cast<int64_t>(llvm::alignTo(tasks, 8));
}

int64_t KernelJob::getWork(int64_t entries) {
  // In sixths: a buffer is a third of the usual three; a function of math (about 0.3 ns per entry) is a half of what
  // moving three entries takes.
  int64_t weight = 2 * (emitter.kernel.getReads().size() + emitter.kernel.getWrites().size());
  for (Operation &op : emitter.kernel.getBodyBlock()->without_terminator())
    if (isTranscendental(&op))
      weight += 3;
  return entries * std::max<int64_t>(weight, 6) / 6;
}

Chunks KernelJob::splitTasks(int64_t size, int64_t tasks) {
  int64_t perTask = std::max<int64_t>(llvm::divideCeil(size, std::max<int64_t>(tasks, 1)), 1);
  return {size, perTask, std::max<int64_t>(llvm::divideCeil(size, perTask), 1)};
}

IndexExpr KernelJob::getTask(int64_t tasks) {
  Block &body = emitter.function.getBody().front();
  return emitter.space.addValue(body.getArguments().back(), 0, tasks - 1, 0);
}

void KernelJob::loopChunk(const Chunks &chunks, IndexExpr chunk, function_ref<void(IndexExpr)> body) {
  if (chunks.tasks == 1)
    return emitter.loop(chunks.size, body);
  if (chunks.perTask == 1)
    return body(chunk);
  Value lower = emitter.materialize(chunk * chunks.perTask);
  Value upper = emitter.materialize(chunk * chunks.perTask + chunks.perTask);
  if (chunks.size % chunks.perTask != 0)
    upper = arith::MinSIOp::create(emitter.builder, upper, emitter.index(chunks.size));
  emitter.loop(lower, upper, chunks.size, body);
}

void KernelJob::report(const Twine &decision) {
  remark::passed(emitter.kernel.getLoc(), remark::RemarkOpts::name("loops")
                                              .category("kernel-to-loops")
                                              .subCategory(stringifyFamily(emitter.kernel.getFamily()))
                                              .function(emitter.function.getName()))
      << decision.str();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {

/// Emits outputs at runs of entries along a flattened trailing part of their shape.
class Rows {
public:
  Rows(KernelJob &job, ArrayRef<KernelOutput> outputs, ArrayRef<int64_t> shape, int64_t group, Prepare prepare)
      : job(job), emitter(job.emitter), outputs(outputs), shape(shape), group(group), prepare(prepare),
        lanes(emitter.getLanes()) {
    for (const KernelOutput &output : outputs)
      tensors.push_back(output.tensor);
  }

  /// The `size` entries from `first` on, of the trailing axes behind `lead`: full vectors, then a narrower or masked
  /// one.
  void emitRun(const Position &lead, IndexExpr first, int64_t size) {
    SmallVector<Position> positions;
    for (int64_t done = 0; done < size;) {
      int64_t active = std::min(lanes, size - done);
      IndexExpr lane = emitter.space.addLane(emitter.getTailWidth(active), active, emitter.getLevel());
      positions.push_back(at(lead, first + done + lane));
      done += active;
    }
    if (prepare)
      prepare(positions);
    for (ArrayRef<Position> rest = positions; !rest.empty();) {
      size_t some = std::min<size_t>(rest.size(), PointEmitter::kChains);
      emitter.emitOutputs(outputs, rest.take_front(some));
      rest = rest.drop_front(some);
    }
  }

  /// All entries of a row of trailing axes.
  void emitRow(const Position &lead) {
    for (PointEmitter::Piece piece : getPieces(lead)) {
      int64_t unit = lanes * group, units = piece.size / unit;
      emitter.loop(units, [&](IndexExpr counter) { emitRun(lead, counter * unit + piece.first, unit); });
      emitRest(lead, piece.first + units * unit, piece.size - units * unit);
    }
  }

  /// What is left of a row behind the loop: fewer than `group` vectors.
  void emitRest(const Position &lead, int64_t first, int64_t size) {
    if (size > 0)
      emitRun(lead, first, size);
  }

  SmallVector<PointEmitter::Piece> getPieces(const Position &lead) {
    int64_t size = job.count(shape.drop_front(lead.size()));
    if (lead.size() + 1 != shape.size())
      return {{0, size}};
    return emitter.getPieces(tensors, lead.size(), size);
  }

  /// How many accesses would be put together from single entries with `numLead` axes in front.
  int64_t probe(size_t numLead) {
    return emitter.probe([&] {
      Position lead = getProbePosition(shape.take_front(numLead));
      for (PointEmitter::Piece piece : getPieces(lead)) {
        if (int64_t vectors = piece.size / lanes)
          emitRun(lead, getProbePosition(vectors)[0] * lanes + piece.first, lanes);
        if (int64_t rest = piece.size % lanes)
          emitRun(lead, piece.first + (piece.size - rest), rest);
      }
    });
  }

  /// Any position within a shape, for a probe.
  Position getProbePosition(ArrayRef<int64_t> sizes) {
    Position position;
    for (int64_t size : sizes)
      position.push_back(emitter.space.addValue(emitter.function.getArguments().back(), 0, size - 1, 0));
    return position;
  }

  Position at(const Position &lead, const IndexExpr &flat) {
    Position position = lead;
    for (const IndexExpr &expr : emitter.space.delinearize(flat, shape.drop_front(lead.size())))
      position.push_back(expr);
    return position;
  }

  KernelJob &job;
  PointEmitter &emitter;
  ArrayRef<KernelOutput> outputs;
  SmallVector<Value> tensors;
  ArrayRef<int64_t> shape;
  int64_t group;
  Prepare prepare;
  int64_t lanes;
};

//===----------------------------------------------------------------------===//
// Transposed blocks
//===----------------------------------------------------------------------===//

} // namespace

/// Rows become columns: W vectors of W entries. In step s the entries with bit s of their number set change places with
/// the vectors whose bit s is not set; each step is one shuffle of two vectors per vector.
SmallVector<Value> transposeSquare(ImplicitLocOpBuilder &builder, SmallVector<Value> rows) {
  int64_t size = rows.size();
  for (int64_t bit = 1; bit < size; bit *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < size; ++i) {
      low.push_back(i & bit ? size + (i ^ bit) : i);
      high.push_back(i & bit ? size + i : (i | bit));
    }
    SmallVector<Value> next(size);
    for (int64_t i = 0; i < size; ++i) {
      if (i & bit)
        continue;
      next[i] = vector::ShuffleOp::create(builder, rows[i], rows[i | bit], low);
      next[i | bit] = vector::ShuffleOp::create(builder, rows[i], rows[i | bit], high);
    }
    rows = next;
  }
  return rows;
}

namespace {

/// Outputs that are written along the last axis and computed along another one, `axis`. Panels are columns of their
/// own.
class Blocks {
public:
  Blocks(KernelJob &job, ArrayRef<int64_t> shape, int64_t axis, int64_t panelWidth)
      : job(job), emitter(job.emitter), shape(shape), axis(axis), lanes(emitter.getLanes()), columns(shape.back()),
        panelWidth(panelWidth ? panelWidth : shape.back()) {
    for (auto [k, size] : llvm::enumerate(shape.drop_back()))
      if (static_cast<int64_t>(k) != axis)
        leadShape.push_back(size);
  }

  int64_t emit() {
    int64_t rows = shape[axis], rowBlocks = llvm::divideCeil(rows, lanes);
    int64_t panels = llvm::divideCeil(columns, panelWidth);
    int64_t items[] = {job.count(leadShape), panels, rowBlocks};
    Chunks chunks = job.splitTasks(job.count(items), job.getNumTasks(job.getWork(job.count(shape))));
    job.loopChunk(chunks, job.getTask(chunks.tasks), [&](IndexExpr item) {
      Position place = emitter.space.delinearize(item, items);
      Position lead = emitter.space.delinearize(place[0], leadShape);
      splitLast(place[1], panels, columns % panelWidth != 0, [&](IndexExpr panel, bool lastPanel) {
        splitLast(place[2], rowBlocks, rows % lanes != 0, [&](IndexExpr block, bool lastBlock) {
          emitPanel(lead, block * lanes, lastBlock ? rows % lanes : lanes, panel * panelWidth,
                    lastPanel ? columns % panelWidth : panelWidth);
        });
      });
    });
    job.report("blocks of " + Twine(lanes) + " x " + Twine(lanes) + " entries, transposed in registers; " +
               Twine(chunks.tasks) + " tasks");
    return chunks.tasks;
  }

private:
  /// A branch for the last one of `count` where it differs.
  void splitLast(IndexExpr number, int64_t count, bool differs, function_ref<void(IndexExpr, bool)> body) {
    if (!differs)
      return body(number, false);
    if (count == 1)
      return body(0, true);
    Value value = emitter.materialize(number);
    Value isFull = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, value, emitter.index(count - 1));
    emitter.branch(
        isFull, [&] { body(emitter.space.addValue(value, 0, count - 2, emitter.getLevel()), false); },
        [&] { body(count - 1, true); });
  }

  /// `activeRows` rows, the columns [first, first + size).
  void emitPanel(const Position &lead, IndexExpr row, int64_t activeRows, IndexExpr first, int64_t size) {
    emitter.loop(size / lanes,
                 [&](IndexExpr counter) { emitBlock(lead, row, activeRows, first + counter * lanes, lanes); });
    if (int64_t rest = size % lanes)
      emitBlock(lead, row, activeRows, first + (size - rest), rest);
    // What a panel holds beyond the last column is zero.
    for (int64_t done = llvm::alignTo(size, lanes); columns % panelWidth == size && done < panelWidth; done += lanes)
      for (const KernelOutput &output : job.outputs)
        if (output.buffer.type.getPanelWidth() == panelWidth)
          for (int64_t i = 0; i < activeRows; ++i)
            emitter.store(emitter.zero(emitter.getComputeType(output.tensor)), output.buffer,
                          at(lead, row + i, first + done + fullLane()));
  }

  void emitBlock(const Position &lead, IndexExpr row, int64_t activeRows, IndexExpr column, int64_t activeColumns) {
    IndexExpr down = emitter.space.addLane(lanes, activeRows, emitter.getLevel());
    IndexExpr across = emitter.space.addLane(lanes, activeColumns, emitter.getLevel());
    IndexExpr full = activeColumns == lanes ? across : fullLane();
    SmallVector<SmallVector<Value>> squares;
    for (const KernelOutput &output : job.outputs) {
      Type type = VectorType::get(lanes, emitter.getComputeType(output.tensor));
      SmallVector<Value> square;
      for (int64_t i = 0; i < lanes; ++i)
        square.push_back(i < activeColumns ? emitter.emitVector(output.tensor, at(lead, row + down, column + i), lanes)
                                           : emitter.zero(type));
      squares.push_back(transposeSquare(emitter.builder, square));
    }
    for (auto [output, square] : llvm::zip(job.outputs, squares))
      for (int64_t i = 0; i < activeRows; ++i) {
        bool isPanel = output.buffer.type.getPanelWidth() != 0;
        emitter.store(square[i], output.buffer, at(lead, row + i, column + (isPanel ? full : across)));
      }
  }

  IndexExpr fullLane() { return emitter.space.addLane(lanes, lanes, emitter.getLevel()); }

  Position at(const Position &lead, IndexExpr row, IndexExpr column) {
    Position position = lead;
    position.insert(position.begin() + axis, row);
    position.push_back(column);
    return position;
  }

  KernelJob &job;
  PointEmitter &emitter;
  ArrayRef<int64_t> shape;
  int64_t axis, lanes, columns, panelWidth;
  SmallVector<int64_t> leadShape;
};

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

/// Outputs in panels, whose source is read along the same axis as they are written.
class Panels {
public:
  Panels(KernelJob &job, Rows &rows, int64_t width)
      : job(job), emitter(job.emitter), rows(rows), shape(rows.shape), width(width) {}

  int64_t emit() {
    size_t rank = shape.size();
    int64_t depth = shape[rank - 2], columns = shape[rank - 1];
    ArrayRef<int64_t> batchShape = shape.drop_back(2);
    int64_t panels = llvm::divideCeil(columns, width), full = columns / width;
    int64_t outer = job.count(batchShape) * panels;
    int64_t wanted = job.getNumTasks(job.getWork(job.count(shape)));
    Chunks outerChunks = job.splitTasks(outer, wanted);
    Chunks depthChunks = job.splitTasks(depth, outer < wanted ? llvm::divideCeil(wanted, outer) : 1);
    int64_t tasks = outerChunks.tasks * depthChunks.tasks;
    IndexExpr task = job.getTask(tasks);
    IndexExpr outerTask = emitter.space.divide(task, depthChunks.tasks);
    IndexExpr depthTask = emitter.space.remainder(task, depthChunks.tasks);
    job.loopChunk(outerChunks, outerTask, [&](IndexExpr item) {
      Position batch = emitter.space.delinearize(emitter.space.divide(item, panels), batchShape);
      IndexExpr panel = emitter.space.remainder(item, panels);
      auto emitPanel = [&](IndexExpr panel, int64_t size) {
        job.loopChunk(depthChunks, depthTask, [&](IndexExpr k) {
          Position lead = batch;
          lead.push_back(k);
          emitPanelRow(lead, panel * width, size);
        });
      };
      if (full == panels)
        return emitPanel(panel, width);
      if (full == 0)
        return emitPanel(0, columns);
      Value number = emitter.materialize(panel);
      Value isFull = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::slt, number, emitter.index(full));
      emitter.branch(
          isFull, [&] { emitPanel(emitter.space.addValue(number, 0, full - 1, emitter.getLevel()), width); },
          [&] { emitPanel(full, columns % width); });
    });
    job.report(Twine(panels) + " panels of width " + Twine(width) + " in " + Twine(tasks) + " tasks");
    return tasks;
  }

private:
  /// `size` entries of a row of a panel; the rest of the row is zero.
  void emitPanelRow(const Position &lead, IndexExpr first, int64_t size) {
    int64_t lanes = emitter.getLanes();
    auto fullLane = [&] { return emitter.space.addLane(lanes, lanes, emitter.getLevel()); };
    if (size == width && width % lanes == 0)
      return rows.emitRun(lead, first, size);
    for (int64_t done = 0; done < width; done += lanes) {
      int64_t active = std::clamp<int64_t>(size - done, 0, lanes);
      SmallVector<Value> values;
      Position position = rows.at(lead, first + done + emitter.space.addLane(lanes, active, emitter.getLevel()));
      for (const KernelOutput &output : rows.outputs) {
        Type type = VectorType::get(lanes, emitter.getComputeType(output.tensor));
        Value value = active ? emitter.emitVector(output.tensor, position, lanes) : emitter.zero(type);
        values.push_back(value);
      }
      for (auto [output, value] : llvm::zip(rows.outputs, values)) {
        if (output.buffer.type.getPanelWidth() != width) {
          if (active)
            emitter.store(value, output.buffer, position);
          continue;
        }
        if (active && active < lanes)
          value = arith::SelectOp::create(emitter.builder, emitter.mask(lanes, active), value,
                                          emitter.zero(value.getType()));
        if (done + lanes <= width)
          emitter.store(value, output.buffer, rows.at(lead, first + done + fullLane()));
        else
          emitter.store(value, output.buffer,
                        rows.at(lead, first + done + emitter.space.addLane(lanes, width - done, emitter.getLevel())));
      }
    }
  }

  KernelJob &job;
  PointEmitter &emitter;
  Rows &rows;
  ArrayRef<int64_t> shape;
  int64_t width;
};

} // namespace

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

/// The axis along which everything can be computed in vectors, where that is not the last one.
static std::optional<int64_t> findOtherAxis(KernelJob &job, Rows &rows) {
  PointEmitter &emitter = job.emitter;
  int64_t rank = rows.shape.size(), lanes = emitter.getLanes();
  for (int64_t axis = rank - 2; axis >= 0; --axis) {
    if (rows.shape[axis] < lanes)
      continue;
    int64_t scattered = emitter.probe([&] {
      Position position = rows.getProbePosition(rows.shape);
      position[axis] =
          rows.getProbePosition(rows.shape[axis] / lanes)[0] * lanes + emitter.space.addLane(lanes, lanes, 0);
      for (const KernelOutput &output : rows.outputs)
        emitter.emit(output.tensor, position);
    });
    if (scattered == 0)
      return axis;
  }
  return std::nullopt;
}

FailureOr<int64_t> emitPositions(KernelJob &job, ArrayRef<int64_t> shape, int64_t work, int64_t group,
                                 Prepare prepare) {
  PointEmitter &emitter = job.emitter;
  if (job.count(shape) == 0)
    return 1;
  if (shape.empty()) {
    if (prepare)
      prepare(Position());
    emitter.emitOutputs(job.outputs, Position());
    return 1;
  }
  Rows rows(job, job.outputs, shape, group, prepare);
  int64_t panelWidth = 0;
  for (const KernelOutput &output : job.outputs)
    panelWidth = std::max(panelWidth, output.buffer.type.getPanelWidth());

  // As many trailing axes in one as can be, but none at the price of single loads.
  size_t numLead = shape.size() - 1;
  int64_t scattered = rows.probe(numLead);
  for (size_t k = 0; k + 1 < shape.size() && !panelWidth && emitter.succeeded(); ++k)
    if (int64_t count = rows.probe(k); count <= scattered) {
      numLead = k, scattered = count;
      break;
    }
  if (!emitter.succeeded())
    return failure();
  if (scattered && !prepare && shape.size() > 1)
    if (std::optional<int64_t> axis = findOtherAxis(job, rows))
      return Blocks(job, shape, *axis, panelWidth).emit();
  if (panelWidth)
    return Panels(job, rows, panelWidth).emit();

  int64_t leads = job.count(shape.take_front(numLead)), columns = job.count(shape.drop_front(numLead));
  ArrayRef<int64_t> leadShape = shape.take_front(numLead);
  int64_t wanted = job.getNumTasks(job.getWork(work));
  int64_t unit = emitter.getLanes() * group, units = columns / unit;
  Position probe(numLead);
  bool onePiece = rows.getPieces(probe).size() == 1;
  Chunks leadChunks = job.splitTasks(leads, wanted);
  Chunks columnChunks = job.splitTasks(units, onePiece && leads < wanted ? llvm::divideCeil(wanted, leads) : 1);
  int64_t tasks = leadChunks.tasks * columnChunks.tasks;
  IndexExpr task = job.getTask(tasks);
  IndexExpr leadTask = emitter.space.divide(task, columnChunks.tasks);
  IndexExpr columnTask = emitter.space.remainder(task, columnChunks.tasks);
  job.loopChunk(leadChunks, leadTask, [&](IndexExpr item) {
    Position lead = emitter.space.delinearize(item, leadShape);
    if (columnChunks.tasks == 1)
      return rows.emitRow(lead);
    job.loopChunk(columnChunks, columnTask, [&](IndexExpr counter) { rows.emitRun(lead, counter * unit, unit); });
    if (units * unit == columns)
      return;
    // The rest of the row belongs to the last task.
    Value isLast = arith::CmpIOp::create(emitter.builder, arith::CmpIPredicate::eq, emitter.materialize(columnTask),
                                         emitter.index(columnChunks.tasks - 1));
    emitter.branch(isLast, [&] { rows.emitRest(lead, units * unit, columns - units * unit); });
  });
  job.report(Twine(leads) + " rows of " + Twine(columns) + " entries in " + Twine(tasks) + " tasks" +
             (scattered ? "; some accesses entry by entry" : ""));
  return tasks;
}

void emitColumns(KernelJob &job, ArrayRef<KernelOutput> outputs, const Position &lead, int64_t columns) {
  if (outputs.empty())
    return;
  Rows(job, outputs, getShape(outputs[0].tensor), 1, {}).emitRow(lead);
}

FailureOr<int64_t> emitMap(KernelJob &job) {
  if (job.outputs.empty())
    return 1;
  ArrayRef<int64_t> shape = getShape(job.outputs[0].tensor);
  for (const KernelOutput &output : job.outputs)
    if (getShape(output.tensor) != shape)
      return job.emitter.kernel.emitOpError() << "expected results of one shape in a map kernel, got "
                                              << job.outputs[0].tensor.getType() << " and " << output.tensor.getType();
  return emitPositions(job, shape, job.count(shape), 1, {});
}

} // namespace moru
