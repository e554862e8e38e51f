//===- ColumnReduce.cpp - the family column_reduce ------------------------===//
// Sums over leading axes, the rows in order. Several vectors of columns at once, their sums in registers; or, where
// rows are longer and come from afar, row after row as they lie in memory, the sums in the result: main memory gives
// whole rows half as fast again as strips of them.
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moru::graph;

namespace moru {

/// Vectors of columns whose sums are kept in registers together: at least enough additions under way to hide their
/// latency (4 cycles); more where the columns are many, since main memory gives long pieces of a row faster.
static constexpr int64_t kLeastGroup = 4;
/// Pieces of a row that are left then: work for all threads.
static constexpr int64_t kLeastPieces = 8;

/// An argument of at least this share of the second cache is read as a stream.
static constexpr int64_t kStreamShare = 32;

static int64_t chooseGroup(int64_t vectors, int64_t registers) {
  int64_t group = kLeastGroup;
  while (2 * group <= registers / 2 && vectors / (2 * group) >= kLeastPieces)
    group *= 2;
  return group;
}

static ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

static void findSources(Value tensor, llvm::SetVector<Value> &sources) {
  if (isa<BlockArgument>(tensor))
    sources.insert(tensor);
  else if (Operation *op = tensor.getDefiningOp(); isElementwise(op))
    for (Value operand : op->getOperands())
      findSources(operand, sources);
}

std::optional<Stream> findStream(KernelJob &job, Value tensor) {
  llvm::SetVector<Value> sources;
  findSources(tensor, sources);
  std::optional<Stream> best;
  for (Value source : sources) {
    const KernelBuffer &buffer = job.emitter.getBuffer(cast<BlockArgument>(source));
    int64_t bytes = job.count(getShape(source)) * buffer.type.getElementBytes();
    if (!buffer.type.isPacked() && bytes * kStreamShare >= job.options.l2Bytes &&
        (!best || bytes > job.count(best->buffer.type.getShape()) * best->buffer.type.getElementBytes()))
      best = {buffer};
  }
  return best;
}

void prefetchAhead(PointEmitter &emitter, const Stream &stream, const Position &position) {
  IndexExpr address = emitter.space.fixLane(emitter.getAddress(stream.buffer, position), 0);
  Value ahead = emitter.materialize(address + Stream::kAhead / stream.buffer.type.getElementBytes());
  memref::PrefetchOp::create(emitter.builder, stream.buffer.flat, ValueRange{ahead}, /*isWrite=*/false,
                             /*localityHint=*/3, /*isDataCache=*/true);
}

//===----------------------------------------------------------------------===//
// Rows as they lie in memory
//===----------------------------------------------------------------------===//

namespace {

/// A sum over leading axes of [over..., lead..., run...]: for each lead, the rows of `run` entries lie behind each
/// other.
class WholeRows {
public:
  WholeRows(KernelJob &job, Operation *reduction)
      : job(job), emitter(job.emitter), reduction(reduction), operand(reduction->getOperand(0)),
        numOver(getReducedAxes(reduction).size()), lanes(emitter.getLanes()) {}

  bool applies();
  int64_t emit();

private:
  void emitLead(const Position &lead);
  void forEachVector(const Position &lead, function_ref<void(const Position &, int64_t)> body);

  KernelJob &job;
  PointEmitter &emitter;
  Operation *reduction;
  Value operand;
  size_t numOver;
  int64_t lanes;
  std::optional<Stream> stream;
  SmallVector<int64_t> leadShape, runShape;
  Chunks chunks = {};
};

} // namespace

bool WholeRows::applies() {
  const KernelOutput *sums = findScratch(job, reduction->getResult(0));
  stream = findStream(job, operand);
  if (job.outputs.size() != 1 || !sums || !sums->buffer.type.isRowMajor() || !stream)
    return false;
  ArrayRef<int64_t> shape = getShape(operand), kept = shape.drop_front(numOver);
  SmallVector<int64_t> strides = stream->buffer.type.getStrides();
  size_t numLead = kept.size();
  int64_t run = 1;
  while (numLead > 0 && (kept[numLead - 1] == 1 || strides[numOver + numLead - 1] == run))
    run *= kept[--numLead];
  std::optional<int64_t> next =
      kernel::getCommonStride(shape.take_front(numOver), ArrayRef(strides).take_front(numOver));
  // Shorter rows are added up in registers as a whole.
  if (next != run || run <= job.options.vectorRegisters / 2 * lanes)
    return false;
  leadShape.assign(kept.begin(), kept.begin() + numLead);
  runShape.assign(kept.begin() + numLead, kept.end());
  int64_t leads = job.count(leadShape), wanted = job.getNumTasks(job.getWork(job.count(shape)));
  chunks = job.splitTasks(leads, wanted);
  return leads >= std::min(wanted, kLeastPieces);
}

/// Vectors of a row, each a line of the stream or a part of one; `body` gets the position in the result, and the lanes.
void WholeRows::forEachVector(const Position &lead, function_ref<void(const Position &, int64_t)> body) {
  constexpr int64_t kUnroll = 4;
  int64_t size = job.count(runShape), unit = kUnroll * lanes, units = size / unit;
  auto at = [&](IndexExpr first, int64_t active) {
    int64_t width = emitter.getTailWidth(active);
    Position position = lead;
    IndexExpr lane = emitter.space.addLane(width, active, emitter.getLevel());
    llvm::append_range(position, emitter.space.delinearize(first + lane, runShape));
    body(position, width);
  };
  emitter.loop(units, [&](IndexExpr counter) {
    for (int64_t i = 0; i < kUnroll; ++i)
      at(counter * unit + i * lanes, lanes);
  });
  for (int64_t done = units * unit; done < size; done += lanes)
    at(done, std::min(lanes, size - done));
}

void WholeRows::emitLead(const Position &lead) {
  const KernelBuffer &sums = job.outputs[0].buffer;
  Type element = emitter.getComputeType(reduction->getResult(0));
  int64_t perLine = std::max<int64_t>(64 / stream->buffer.type.getElementBytes() / lanes, 1);
  forEachVector(lead, [&](const Position &position, int64_t width) {
    emitter.store(emitter.neutral(reduction, emitter.getVectorType(element, width)), sums, position);
  });
  ArrayRef<int64_t> overShape = getShape(operand).take_front(numOver);
  emitter.loop(job.count(overShape), [&](IndexExpr row) {
    Position over = emitter.space.delinearize(row, overShape);
    int64_t number = 0;
    forEachVector(lead, [&](const Position &position, int64_t width) {
      Position place = over;
      llvm::append_range(place, position);
      if (number++ % perLine == 0)
        prefetchAhead(emitter, *stream, place);
      Value sum = emitter.load(sums, position);
      sum = emitter.combine(reduction, sum, emitter.emitVector(operand, place, width));
      emitter.store(sum, sums, position);
    });
  });
}

int64_t WholeRows::emit() {
  job.loopChunk(chunks, job.getTask(chunks.tasks),
                [&](IndexExpr item) { emitLead(emitter.space.delinearize(item, leadShape)); });
  job.report("rows of " + Twine(job.count(runShape)) + " entries as they lie in memory, " +
             Twine(job.count(leadShape)) + " sums of them in " + Twine(chunks.tasks) + " tasks");
  return chunks.tasks;
}

//===----------------------------------------------------------------------===//
// The family
//===----------------------------------------------------------------------===//

FailureOr<int64_t> emitColumnReduce(KernelJob &job) {
  SmallVector<Operation *> reductions;
  for (Operation &op : job.emitter.kernel.getBodyBlock()->without_terminator())
    if (isReduction(&op))
      reductions.push_back(&op);
  if (reductions.size() != 1)
    return job.emitter.kernel.emitOpError()
           << "expected one reduction in a column_reduce kernel, got " << reductions.size();
  Operation *reduction = reductions[0];
  ArrayRef<int64_t> shape = getShape(reduction->getResult(0));
  for (const KernelOutput &output : job.outputs)
    if (getShape(output.tensor) != shape)
      return job.emitter.kernel.emitOpError()
             << "expected results of the shape of the reduction's result, got " << output.tensor.getType();
  if (WholeRows rows(job, reduction); rows.applies())
    return rows.emit();
  int64_t group = chooseGroup(shape.empty() ? 1 : shape.back() / job.emitter.getLanes(), job.options.vectorRegisters);
  return emitPositions(job, shape, job.count(getShape(reduction->getOperand(0))), group,
                       [&](ArrayRef<Position> positions) { job.emitter.emitReductions(reduction, positions); });
}

} // namespace moru
