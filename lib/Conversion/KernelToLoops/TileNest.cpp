//===- TileNest.cpp - loops around products on matrix units ----------------===//
// One operand's panels pass by; each is used for many of the other one, which are kept in the second cache.
//
// Of parts of f32, sums are cut every few blocks of K, and the cuts added in vectors: chains of additions on matrix
// units would lose more. A long sum is cut into stretches so that the kept panels of a task stay in the second cache;
// between stretches the sums lie in an output that nothing reads.
//
// Of bf16 the products of a block take so little time that even the second cache is too far away for both operands:
// chunks of the passing panel, short enough for the first cache, are multiplied with all kept panels one after the
// other, whose sums lie in the second cache meanwhile. Where stretches are needed the sums of all places of a task do.
//
// Where an operand is not in tiles, a panel of it is split just before it is used, and stays in the caches. Where none
// is, K is cut into stretches so short that all panels of the narrower operand stay in the second cache.
//===----------------------------------------------------------------------===//

#include "TileContract.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moru::graph;
using namespace moru::kernel;

namespace moru {

/// Most blocks of K between two cuts: 384 products, measured to be as accurate as sums of f32 by fused operations.
static constexpr int64_t kBlocksPerCut = 12;
/// Cuts of a stretch of K: 768 products.
static constexpr int64_t kCutsPerStretch = 2;
/// Where both operands are split each task splits all of the narrower one: least columns of the other one per task, in
/// multiples of those; and tasks nevertheless, where there are no batches.
static constexpr int64_t kLeastPassing = 4, kLeastTasks = 8;
/// Work of one task: some 20 microseconds on one core. Of one plane less: it does a sixth of the products.
static constexpr int64_t kFlopsPerTask = 4 << 20, kFlopsPerTaskOfBF16 = 8 << 20;
/// Of bf16 fewer ones: the more a task has of both operands, the less comes from beyond the second cache.
static constexpr int64_t kMaxTasks = 32, kMaxTasksOfBF16 = 8;
/// Of bf16: places whose sums lie in the second cache between chunks of K, and between stretches of it.
static constexpr int64_t kMostSums = 32, kMostPlaces = 128;
/// With as many panels a panel that passes should be multiplied each time it is in the first cache.
static constexpr int64_t kLeastKept = 8;

/// Both operands are split: as many blocks at a time, at most a cut, as let one of them stay in a part of the second
/// cache.
void TileContraction::chooseWindow() {
  TileOperand &kept = getKept();
  kept.keptPanels = kept.shape.panels;
  int64_t blocks = a.shape.blocks, most = job.options.l2Bytes / 4 / (2 * kept.keptPanels * kept.shape.getBlockSize());
  most = std::clamp<int64_t>(most, 1, kBlocksPerCut);
  scratch = findScratch(job, op.getResult());
  numStretches = llvm::divideCeil(blocks, most);
  cutBlocks = llvm::divideCeil(blocks, numStretches);
  numCuts = numStretches = llvm::divideCeil(blocks, cutBlocks);
  chunkBlocks = cutBlocks;
  a.keptBlocks = b.keptBlocks = cutBlocks;
}

void TileContraction::chooseCuts(int64_t keptPanels, int64_t passingPanels) {
  if (splitsBoth())
    return chooseWindow();
  int64_t blocks = a.shape.blocks;
  a.keptBlocks = b.keptBlocks = blocks;
  if (isRounded())
    return chooseChunks(keptPanels, passingPanels);
  chunkBlocks = cutBlocks = llvm::divideCeil(blocks, llvm::divideCeil(blocks, kBlocksPerCut));
  numCuts = llvm::divideCeil(blocks, cutBlocks);
  // A panel that is split is used for one stretch.
  scratch = a.whole || b.whole ? nullptr : findScratch(job, op.getResult());
  stretchCuts = scratch && numCuts > kCutsPerStretch + 1 ? kCutsPerStretch : numCuts;
  numStretches = llvm::divideCeil(numCuts, stretchCuts);
}

/// Panels of which too few stay in the second cache as a whole.
bool TileContraction::isLong(int64_t panels) const {
  return isRounded() &&
         std::min(panels, kLeastKept) * a.shape.blocks * 2 * a.shape.getBlockSize() > job.options.l2Bytes / 2;
}

/// Blocks of a panel that stay in the first cache while those of others pass through it.
int64_t TileContraction::getMostInChunk() const {
  return std::max<int64_t>(job.options.l1Bytes / 3 / (2 * a.shape.getBlockSize()), 1);
}

/// Of bf16, which is itself rounded by more than sums of f32 lose, sums need no cuts. Where the panels that stay are
/// too long for the second cache, stretches of them do.
void TileContraction::chooseChunks(int64_t keptPanels, int64_t passingPanels) {
  int64_t blocks = a.shape.blocks, blockBytes = 2 * a.shape.getBlockSize();
  cutBlocks = blocks;
  if (!a.whole && !b.whole && isLong(keptPanels) && keptPanels * passingPanels <= kMostPlaces) {
    int64_t most = std::max<int64_t>(job.options.l2Bytes / 4 / (keptPanels * blockBytes), 1);
    cutBlocks = llvm::divideCeil(blocks, llvm::divideCeil(blocks, most));
  }
  numCuts = numStretches = llvm::divideCeil(blocks, cutBlocks);
  chunkBlocks = llvm::divideCeil(cutBlocks, llvm::divideCeil(cutBlocks, getMostInChunk()));
  numChunks = llvm::divideCeil(cutBlocks, chunkBlocks);
  int64_t lastStretch = blocks - (numStretches - 1) * cutBlocks;
  lastBlocks = numChunks > 1 ? lastStretch - (numChunks - 1) * chunkBlocks : 0;
  numPlaces = numStretches > 1 ? keptPanels * passingPanels : 0;
}

/// How many of a task's panels stay in half of the second cache at once, or a little more where that is all of them:
/// else the others pass by twice. And memory for their sums.
void TileContraction::chooseKept(const Chunks &kept) {
  numKept = 1;
  if (!splitsBoth()) {
    int64_t panelBytes = 2 * a.shape.getBlockSize() * std::min(cutBlocks * stretchCuts, a.shape.blocks);
    int64_t most = std::max<int64_t>(job.options.l2Bytes / 2 / panelBytes, 1);
    if (kept.perTask * panelBytes <= job.options.l2Bytes * 5 / 8)
      most = kept.perTask;
    if (numChunks > 1 && numPlaces == 0)
      most = std::min(most, kMostSums);
    if (numChunks > 1 || !(a.whole || b.whole))
      numKept = llvm::divideCeil(kept.perTask, llvm::divideCeil(kept.perTask, most));
    else
      numKept = kept.perTask;
  }
  int64_t places = numPlaces > 0 ? numPlaces : numChunks > 1 ? numKept : stretchCuts > 1 ? 2 : 1;
  auto type = MemRefType::get(places * kSums, emitter.builder.getF32Type());
  sums = memref::AllocaOp::create(emitter.builder, type, emitter.builder.getI64IntegerAttr(64));
}

/// The first block of a cut of the place's stretch, at most behind the last. Where both operands are split, counted
/// from the stretch's first.
Value TileContraction::boundOf(const Place &place, IndexExpr cut) {
  if (splitsBoth()) {
    Value end = emitter.materialize(cut * cutBlocks);
    if (a.shape.blocks % cutBlocks == 0)
      return end;
    Value left = emitter.materialize(place.stretch * -cutBlocks + a.shape.blocks);
    return arith::MinSIOp::create(emitter.builder, end, left);
  }
  Value bound = emitter.materialize((place.stretch * stretchCuts + cut) * cutBlocks);
  if (a.shape.blocks % (stretchCuts * cutBlocks) == 0)
    return bound;
  return arith::MinSIOp::create(emitter.builder, bound, emitter.index(a.shape.blocks));
}

/// Memory for the panels of an operand that is not in tiles, and what fills it.
void TileContraction::preparePanel(TileOperand &operand) {
  // The marks take lines of their own.
  int64_t line = 64 / 2, size = operand.getMarks() + llvm::alignTo(operand.keptPanels * 2, line);
  operand.flat = memref::AllocaOp::create(emitter.builder, MemRefType::get(size, emitter.builder.getBF16Type()),
                                          emitter.builder.getI64IntegerAttr(64));
  operand.pack.emplace(emitter, operand.whole, operand.type, operand.flat, operand.getMarks());
  operand.pack->setWindow(operand.keptBlocks);
  operand.pack->chooseDirection();
}

/// One passing panel and the kept ones [lower, upper), chunk by chunk of K: the passing one's stays in the first cache
/// (measured: a product takes 39 ns instead of 49), the sums in the second. `firstSum`: those of the first place.
void TileContraction::emitSweep(IndexExpr panel, Value lower, Value upper, IndexExpr stretch, IndexExpr firstSum) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  int64_t panels = getKept().shape.panels;
  if (numChunks == 1 && numPlaces == 0)
    return emitter.loop(lower, upper, panels, [&](IndexExpr other) { emitBlock(placeAt(panel, other, stretch)); });
  Value end = emitter.materialize(stretch * cutBlocks + cutBlocks);
  if (a.shape.blocks % cutBlocks != 0)
    end = arith::MinSIOp::create(builder, end, emitter.index(a.shape.blocks));
  auto getPlace = [&](IndexExpr kept) {
    Place place = placeAt(panel, kept, stretch);
    Value number = arith::SubIOp::create(builder, emitter.materialize(kept), lower);
    place.sums = (emitter.space.addValue(number, 0, numKept - 1, emitter.getLevel()) + firstSum) * kSums;
    return place;
  };
  bool overlaps = lastBlocks > 2;
  auto emitChunk = [&](IndexExpr chunk, bool goesOn, bool isLast) {
    IndexExpr first = stretch * cutBlocks + chunk * chunkBlocks;
    auto bound = [&](IndexExpr block) -> Value {
      return arith::MinSIOp::create(builder, emitter.materialize(block), end);
    };
    Cut cut = {bound(first), bound(first + chunkBlocks), goesOn, isLast, chunk};
    emitter.loop(lower, upper, panels, [&](IndexExpr other) {
      Place place = getPlace(other);
      if (isLast && overlaps) {
        Value exists = arith::CmpIOp::create(builder, arith::CmpIPredicate::sgt, emitter.materialize(other), lower);
        Value before = arith::MaxSIOp::create(builder, emitter.materialize(other + -1), lower);
        cut.finished = Finished{getPlace(emitter.space.addValue(before, 0, panels - 1, emitter.getLevel())), exists};
      }
      multiplyCut(place, cut, place.sums);
      if (isLast && !overlaps)
        finish(place);
    });
    if (isLast && overlaps) {
      Value last = arith::SubIOp::create(builder, upper, emitter.index(1));
      last = arith::MaxSIOp::create(builder, last, emitter.index(0));
      Value exists = arith::CmpIOp::create(builder, arith::CmpIPredicate::slt, lower, upper);
      emitter.branch(exists,
                     [&] { finish(getPlace(emitter.space.addValue(last, 0, panels - 1, emitter.getLevel()))); });
    }
  };
  auto goOn = [&](IndexExpr chunk) { emitChunk(chunk, /*goesOn=*/true, /*isLast=*/false); };
  Value lastChunk = emitter.index(numChunks - 1);
  if (numStretches == 1) {
    emitChunk(0, /*goesOn=*/false, /*isLast=*/false);
    if (numChunks > 2)
      emitter.loop(emitter.index(1), lastChunk, numChunks, goOn);
    return emitChunk(numChunks - 1, /*goesOn=*/true, /*isLast=*/true);
  }
  Value isLast = arith::CmpIOp::create(builder, arith::CmpIPredicate::eq, emitter.materialize(stretch),
                                       emitter.index(numStretches - 1));
  Value count = arith::SelectOp::create(builder, isLast, lastChunk, emitter.index(numChunks));
  emitter.loop(emitter.index(0), count, numChunks, goOn);
  emitter.branch(isLast, [&] { emitChunk(numChunks - 1, /*goesOn=*/true, /*isLast=*/true); });
}

/// One side's panels are split one after the other: each is used for all panels of the other.
void TileContraction::emitSplit(const Chunks &chunks, IndexExpr chunk) {
  TileOperand &split = getPassing();
  int64_t panels = getKept().shape.panels;
  job.loopChunk(chunks, chunk, [&](IndexExpr panel) {
    split.pack->emitPanel(getBatch(split), panel, 0);
    emitter.loop(llvm::divideCeil(panels, numKept), [&](IndexExpr block) {
      Value lower = firstKept = emitter.materialize(block * numKept),
            upper = emitter.materialize(block * numKept + numKept);
      emitSweep(panel, lower, arith::MinSIOp::create(emitter.builder, upper, emitter.index(panels)), 0);
    });
  });
}

/// Both sides are split, a stretch of K at a time: all panels of one, then those of the other one after the other.
void TileContraction::emitSplitBoth(const Chunks &chunks, IndexExpr chunk) {
  TileOperand &kept = getKept(), &passing = getPassing();
  emitter.loop(numStretches, [&](IndexExpr stretch) {
    emitter.loop(kept.shape.panels,
                 [&](IndexExpr panel) { kept.pack->emitPanel(getBatch(kept), panel, panel, stretch * cutBlocks); });
    job.loopChunk(chunks, chunk, [&](IndexExpr panel) {
      passing.pack->emitPanel(getBatch(passing), panel, 0, stretch * cutBlocks);
      emitter.loop(kept.shape.panels, [&](IndexExpr partner) { emitBlock(placeAt(panel, partner, stretch)); });
    });
  });
}

/// The panels of both sides that a task works on; those of the kept side in blocks that stay in half of the second
/// cache while those of the other pass by.
void TileContraction::emitGrid(const Chunks &kept, const Chunks &passing, IndexExpr keptTask, IndexExpr passingTask) {
  int64_t panels = getKept().shape.panels, blocks = llvm::divideCeil(kept.perTask, numKept);
  auto bound = [&](IndexExpr value) -> Value {
    return arith::MinSIOp::create(emitter.builder, emitter.materialize(value), emitter.index(panels));
  };
  if (numPlaces > 0)
    emitter.loop(numPlaces * kSums / kHalf,
                 [&](IndexExpr number) { storeSum(emitter.zero(numbers()), number * kHalf); });
  IndexExpr firstPanel = passingTask * passing.perTask;
  emitter.loop(numStretches, [&](IndexExpr stretch) {
    emitter.loop(blocks, [&](IndexExpr block) {
      IndexExpr first = keptTask * kept.perTask + block * numKept;
      Value lower = firstKept = bound(first), upper = bound(first + numKept);
      if (kept.perTask % numKept != 0)
        upper = arith::MinSIOp::create(emitter.builder, upper, bound(keptTask * kept.perTask + kept.perTask));
      job.loopChunk(passing, passingTask, [&](IndexExpr panel) {
        nextPanel = panel + 1, nextBlock = stretch * (cutBlocks * stretchCuts);
        IndexExpr number = 0;
        if (numPlaces > 0) {
          chooseNext(passing, firstPanel, panel, stretch);
          Value local =
              arith::SubIOp::create(emitter.builder, emitter.materialize(panel), emitter.materialize(firstPanel));
          number = emitter.space.addValue(local, 0, passing.perTask - 1, emitter.getLevel());
        }
        emitSweep(panel, lower, upper, stretch, number * numKept);
      });
    });
  });
}

/// After the last panel of a stretch the first one of the next stretch is due.
void TileContraction::chooseNext(const Chunks &passing, IndexExpr first, IndexExpr panel, IndexExpr stretch) {
  ImplicitLocOpBuilder &builder = emitter.builder;
  auto isAtLeast = [&](IndexExpr value, int64_t bound) -> Value {
    return arith::CmpIOp::create(builder, arith::CmpIPredicate::sge, emitter.materialize(value), emitter.index(bound));
  };
  auto select = [&](Value condition, IndexExpr onTrue, IndexExpr onFalse) -> Value {
    return arith::SelectOp::create(builder, condition, emitter.materialize(onTrue), emitter.materialize(onFalse));
  };
  int64_t panels = getPassing().shape.panels;
  Value isLastStretch = isAtLeast(stretch, numStretches - 1);
  Value end = arith::MinSIOp::create(builder, emitter.materialize(first + passing.perTask), emitter.index(panels));
  Value isLastPanel = arith::CmpIOp::create(builder, arith::CmpIPredicate::sge, emitter.materialize(panel + 1), end);
  auto asExpr = [&](Value value, int64_t last) { return emitter.space.addValue(value, 0, last, emitter.getLevel()); };
  IndexExpr after = asExpr(select(isLastStretch, panel + 1, first), panels);
  nextPanel = asExpr(select(isLastPanel, after, panel + 1), panels);
  IndexExpr following = asExpr(select(isLastStretch, 0, stretch + 1), numStretches - 1);
  nextBlock = asExpr(select(isLastPanel, following, stretch), numStretches - 1) * cutBlocks;
}

/// Where stretches of bf16 are needed the sums of all places of a task stay in the second cache.
void TileContraction::limitPlaces(Chunks &kept, Chunks &passing) {
  if (job.isOneTask || !isLong(kept.perTask))
    return;
  auto limit = [&](Chunks &chunks, int64_t most) {
    if (chunks.perTask > most)
      chunks = job.splitTasks(chunks.size, llvm::divideCeil(chunks.size, most));
  };
  limit(kept, kMostSums);
  limit(passing, std::max<int64_t>(kMostPlaces / kept.perTask, 1));
}

int64_t TileContraction::emit() {
  bool splits = a.whole || b.whole;
  epilogueReads = findEpilogueReads();
  for (int64_t axis : op.getLhsBatch())
    batchShape.push_back(getShape(op.getLhs())[axis]);
  int64_t batches = a.shape.batches, rowPanels = a.shape.panels, columnPanels = b.shape.panels;
  int64_t flops = 2 * batches * a.shape.columns * b.shape.columns * a.shape.depth;
  int64_t wanted = isRounded() ? std::clamp<int64_t>(flops / kFlopsPerTaskOfBF16, 1, kMaxTasksOfBF16)
                               : std::clamp<int64_t>(flops / kFlopsPerTask, 1, kMaxTasks);
  if (job.isOneTask)
    wanted = 1;
  int64_t pieces = batches < wanted ? llvm::divideCeil(wanted, batches) : 1;
  if (splitsBoth())
    pieces = std::clamp<int64_t>(getPassing().shape.columns / (kLeastPassing * getKept().shape.columns),
                                 batches > 1 ? 1 : std::min(pieces, kLeastTasks), pieces);
  Chunks batchChunks = job.splitTasks(batches, wanted);
  auto [rowChunks, columnChunks] = chooseGrid(job, {rowPanels, kPanel}, {columnPanels, kPanel}, pieces);
  if (splits) {
    rowChunks = keepsColumns() ? job.splitTasks(rowPanels, pieces) : Chunks{rowPanels, rowPanels, 1};
    columnChunks = keepsColumns() ? Chunks{columnPanels, columnPanels, 1} : job.splitTasks(columnPanels, pieces);
  }
  // Of a short K much of C is written between what is read: along its rows, unless it stays in the second cache.
  bool isShort = a.shape.blocks <= getMostInChunk();
  bool isSmall = 4 * kSums * rowChunks.perTask * columnChunks.perTask <= job.options.l2Bytes;
  keepsRows = !splits && rowPanels < columnPanels && (!isShort || isSmall);
  if (!splits)
    limitPlaces(keepsColumns() ? columnChunks : rowChunks, keepsColumns() ? rowChunks : columnChunks);
  int64_t grid[] = {batchChunks.tasks, rowChunks.tasks, columnChunks.tasks};
  int64_t tasks = job.count(grid);
  Position task = emitter.space.delinearize(job.getTask(tasks), grid);
  const Chunks &passing = keepsColumns() ? rowChunks : columnChunks, &kept = keepsColumns() ? columnChunks : rowChunks;
  IndexExpr passingTask = task[keepsColumns() ? 1 : 2], keptTask = task[keepsColumns() ? 2 : 1];
  chooseCuts(kept.perTask, passing.perTask);
  chooseKept(kept);
  for (TileOperand *operand : {&a, &b})
    if (operand->whole)
      preparePanel(*operand);
  job.loopChunk(batchChunks, task[0], [&](IndexExpr item) {
    batch = item;
    if (splitsBoth())
      emitSplitBoth(passing, passingTask);
    else if (splits)
      emitSplit(passing, passingTask);
    else
      emitGrid(kept, passing, keptTask, passingTask);
  });
  int64_t planes = a.shape.planes;
  job.report(Twine(planes * (planes + 1) / 2) + " products on tiles, blocks of " + Twine(kPanel) + " x " +
             Twine(kPanel) + "; " + Twine(numCuts) + " cuts, " + Twine(numStretches) + " stretches of k; " +
             Twine(tasks) + " tasks");
  return tasks;
}

} // namespace moru
