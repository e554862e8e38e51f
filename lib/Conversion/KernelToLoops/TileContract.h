//===- TileContract.h - a contraction on matrix units ----------------------===//
// What the parts of the generator share: operands in tiles (TileOperands.cpp), products and results (TileContract.cpp),
// the loops around them (TileNest.cpp), and the plain way (TilePlain.cpp).
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_KERNELTOLOOPS_TILECONTRACT_H
#define MORU_LIB_CONVERSION_KERNELTOLOOPS_TILECONTRACT_H

#include "TilePack.h"

namespace moru {

inline llvm::ArrayRef<int64_t> getShape(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}

/// An operand in tiles, or (`whole`) one whose panels are to be split: then `flat` holds one of them. Or one whose rows
/// are read where they lie, `rowStride` entries apart.
struct TileOperand {
  mlir::Value flat;
  kernel::BufferType type;
  kernel::TileShape shape;
  llvm::SmallVector<int64_t> freeShape;
  mlir::Value whole;
  int64_t rowStride = 0;
  llvm::SmallVector<int64_t> batchStrides = {};
  /// Of one whose panels are to be split: how many are kept at once, and their blocks.
  int64_t keptPanels = 1, keptBlocks = 0;
  std::optional<TilePack> pack = {};

  bool isInRows() const { return rowStride > 0; }
  int64_t getMarks() const { return whole ? keptPanels * keptBlocks * shape.getBlockSize() : shape.getMarks(); }
};

/// C[batch…, m…, n…] from operands in tiles, or from values whose panels are split on the way.
class TileContraction {
  static constexpr int64_t kPanel = kernel::TileShape::kPanel, kHalf = kernel::TileShape::kHalf,
                           kBlock = kernel::TileShape::kBlock;
  /// Entries of C that are computed at once.
  static constexpr int64_t kSums = kPanel * kPanel;

public:
  TileContraction(KernelJob &job, graph::ContractOp op, TileOperand a, TileOperand b)
      : job(job), emitter(job.emitter), op(op), a(std::move(a)), b(std::move(b)) {}

  int64_t emit();

private:
  /// 32 x 32 entries, and which part of K.
  struct Place {
    IndexExpr rowPanel, columnPanel, stretch;
    /// Where its sums lie among those of the panels that stay.
    IndexExpr sums = 0;
  };
  /// Some of the 32 rows of a place.
  struct Rows {
    IndexExpr first;
    int64_t count;
  };
  /// A place whose sums are there, and whether there is one.
  struct Finished {
    Place place;
    mlir::Value exists;
  };
  /// Blocks of K of a place: whether they go on from sums that are there, how many come before them in the sweep, and
  /// whether none come after.
  struct Cut {
    mlir::Value lower, upper;
    bool goesOn = false, isLast = true;
    IndexExpr chunk = 0;
    /// What is finished meanwhile.
    std::optional<Finished> finished = {};
  };

  void chooseCuts(int64_t keptPanels, int64_t passingPanels);
  void chooseWindow();
  void chooseChunks(int64_t keptPanels, int64_t passingPanels);
  bool isLong(int64_t panels) const;
  int64_t getMostInChunk() const;
  void limitPlaces(Chunks &kept, Chunks &passing);
  void emitBlock(const Place &place);
  void preparePanel(TileOperand &operand);
  Position getBatch(const TileOperand &split) {
    return getShape(split.whole).size() > 2 ? Position{batch} : Position();
  }
  void chooseKept(const Chunks &kept);
  void emitSplit(const Chunks &chunks, IndexExpr chunk);
  void emitSplitBoth(const Chunks &chunks, IndexExpr chunk);
  bool splitsBoth() const { return a.whole && b.whole; }
  /// Operands of one part: bf16.
  bool isRounded() const { return a.shape.planes == 1; }
  /// Which operand's panels are kept: of two to be split the narrower one's; of bf16 those of which there are fewer.
  bool keepsColumns() const {
    if (splitsBoth())
      return b.shape.columns < a.shape.columns;
    return a.whole || (!b.whole && isRounded() && !keepsRows);
  }
  TileOperand &getKept() { return keepsColumns() ? b : a; }
  TileOperand &getPassing() { return keepsColumns() ? a : b; }
  Place placeAt(IndexExpr passing, IndexExpr kept, IndexExpr stretch) const {
    return keepsColumns() ? Place{passing, kept, stretch} : Place{kept, passing, stretch};
  }
  /// The passing panel of a place, and the kept one.
  std::pair<IndexExpr, IndexExpr> getPanels(const Place &place) const {
    return keepsColumns() ? std::pair(place.rowPanel, place.columnPanel) : std::pair(place.columnPanel, place.rowPanel);
  }
  void emitGrid(const Chunks &kept, const Chunks &passing, IndexExpr keptTask, IndexExpr passingTask);
  void multiplyOnTiles(const Place &place);
  void prefetchResult(const Place &place, mlir::Value lower, IndexExpr block);
  void prefetchNextPanel(const Place &place, IndexExpr block);
  void chooseNext(const Chunks &passing, IndexExpr first, IndexExpr panel, IndexExpr stretch);
  void prefetchNextTiles(const Place &place, const Cut &cut, IndexExpr block);
  llvm::SmallVector<mlir::BlockArgument> findEpilogueReads();
  IndexExpr atMost(IndexExpr expr, int64_t last);
  void multiplyCut(const Place &place, const Cut &cut, IndexExpr target);
  void emitSweep(IndexExpr panel, mlir::Value lower, mlir::Value upper, IndexExpr stretch, IndexExpr firstSum = 0);
  void storeTile(mlir::ValueRange tiles, int64_t i, IndexExpr target);
  mlir::Value tileAddress(int64_t i, IndexExpr target);
  llvm::SmallVector<mlir::Value> multiplyStep(IndexExpr aAddress, IndexExpr bAddress, mlir::ValueRange sums);
  void multiplyPlainly(const Place &place, llvm::ArrayRef<mlir::Value> marks);
  mlir::Value loadNumber(IndexExpr address, mlir::Value isMarked);
  mlir::Value loadNumbers(IndexExpr address, IndexExpr second, mlir::Value isMarked);
  void finish(const Place &place) { finish(place, {0, kPanel}); }
  void finish(const Place &place, const Rows &rows);
  void finishColumns(const Place &place, const Rows &rows, IndexExpr columnPanel, int64_t size, bool isLast);
  void finishRows(const Finished &finished, IndexExpr step);
  struct Row {
    IndexExpr ofPlace, ofResult;
  };
  void forEachRow(const Place &place, const Rows &rows, llvm::function_ref<void(llvm::ArrayRef<Row>)> body);
  mlir::Value loadStretch(const Place &place, IndexExpr row, int64_t half, const Position &position);
  llvm::SmallVector<mlir::Value> loadMarks(const TileOperand &operand, IndexExpr panel);
  IndexExpr addressOf(const TileOperand &operand, IndexExpr panel, IndexExpr block) const;
  IndexExpr placeOf(const TileOperand &operand, IndexExpr panel) const;
  Position resultPosition(IndexExpr row, IndexExpr column);
  mlir::Value boundOf(const Place &place, IndexExpr cut);
  mlir::Value loadSum(IndexExpr address);
  void storeSum(mlir::Value value, IndexExpr address);
  mlir::Type numbers() { return mlir::VectorType::get(kHalf, emitter.builder.getF32Type()); }
  mlir::Type integers() { return mlir::VectorType::get(kHalf, emitter.builder.getI32Type()); }
  mlir::Value bits(mlir::Type type, int64_t value) { return emitter.number(type, double(value)); }

  KernelJob &job;
  PointEmitter &emitter;
  graph::ContractOp op;
  TileOperand a, b;
  llvm::SmallVector<int64_t> batchShape;
  /// Blocks between two cuts, cuts of a stretch, stretches.
  int64_t cutBlocks = 1, numCuts = 1, stretchCuts = 1, numStretches = 1;
  /// Of bf16: blocks of a panel that stay in the first cache, and how often they go into a stretch.
  int64_t chunkBlocks = 1, numChunks = 1;
  /// Blocks of the last chunk of all, during which the place before is finished.
  int64_t lastBlocks = 0;
  /// Places of a task where the sums of all of them stay from one stretch to the next; else zero.
  int64_t numPlaces = 0;
  const KernelOutput *scratch = nullptr;
  /// 32 x 32 sums of each place that stays; where a stretch has several cuts, as many of a cut behind them.
  mlir::Value sums;
  IndexExpr batch;
  /// What the epilogue reads at the places of the results.
  llvm::SmallVector<mlir::BlockArgument> epilogueReads;
  /// Of bf16: panels of A stay in the second cache.
  bool keepsRows = false;
  /// In a grid: how many panels stay at once, and the number of the first.
  int64_t numKept = 0;
  mlir::Value firstKept;
  /// The passing panel of which a part comes next, and the first block of that part.
  IndexExpr nextPanel, nextBlock;
};

/// What a contraction reads, its axes in the order batch, over, free: an argument in tiles, or a reshape of one; or any
/// value, where it stands as [batch, over, free], to be split into `planes`.
mlir::FailureOr<TileOperand> findTileOperand(KernelJob &job, graph::ContractOp op, bool isLhs, int64_t planes);

} // namespace moru

#endif // MORU_LIB_CONVERSION_KERNELTOLOOPS_TILECONTRACT_H
