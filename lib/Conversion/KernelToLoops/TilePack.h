//===- TilePack.h - an operand split into planes of tiles ------------------===//
// Writes panels of a tensor in tiles (see TilesAttr): all of them for a buffer, or one at a time on the way into a
// contraction.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_KERNELTOLOOPS_TILEPACK_H
#define MORU_LIB_CONVERSION_KERNELTOLOOPS_TILEPACK_H

#include "Families.h"

namespace moru {

class TilePack {
public:
  /// `tensor` is what a buffer of `type` holds. `target` is memory of bf16 with the marks of halves from entry `marks`
  /// on: the buffer's, or that of a single panel.
  TilePack(PointEmitter &emitter, mlir::Value tensor, kernel::BufferType type, mlir::Value target, int64_t marks)
      : emitter(emitter), tensor(tensor), side(type.getTiles().getSide()), shape(type),
        batchShape(type.getShape().drop_back(2)), target(target), marks(marks), window(shape.blocks) {}

  /// Decides along which axis vectors run; once, before the first panel.
  void chooseDirection();
  bool isTransposing() const { return depthwise != (side == kernel::TileSide::Lhs); }
  bool isAlongDepth() const { return depthwise; }
  /// Numbers of bf16 whose rows run along the columns: there is nothing to find out about a column as a whole.
  bool goesByRows() const { return shape.planes == 1 && !depthwise; }
  /// Packs block number `block` of all panels of a batch, the first of which is number `firstPanel` of the target.
  void emitRows(const Position &batch, IndexExpr block, IndexExpr firstPanel);
  /// From now on so many blocks of K at a time: the target's panels are that long.
  void setWindow(int64_t blocks) { window = blocks; }
  /// Packs panel number `panel` of a batch, from block `first` of K on, as panel number `place` of the target.
  void emitPanel(const Position &batch, IndexExpr panel, IndexExpr place, IndexExpr first = 0);

private:
  /// 16 columns, of which the first `active` exist, and where they go.
  struct Group {
    Position batch;
    IndexExpr number;
    int64_t active;
    IndexExpr panel, half, first;
  };
  /// The entries of a group in a block of K, which has `depth` of them.
  struct Block {
    const Group &group;
    IndexExpr number;
    int64_t depth;
    bool isUnrolled = false;
  };

  mlir::Type integers() const { return mlir::VectorType::get(16, emitter.builder.getI32Type()); }
  mlir::Type numbers() const { return mlir::VectorType::get(16, emitter.builder.getF32Type()); }
  mlir::Value asInteger(mlir::Value value);
  mlir::Value bits(int64_t value) { return emitter.number(integers(), double(value)); }
  bool isScattered(bool depthwise);
  Position at(const Group &group, IndexExpr k, IndexExpr column) const;
  IndexExpr addressOf(const Group &group, IndexExpr block, IndexExpr plane) const;
  mlir::Value loadVector(const Block &block, int64_t first, IndexExpr j);
  int64_t countVectors(const Block &block, int64_t first) const;
  mlir::Value loadNeighbors(const Block &block, int64_t j);
  void moveBlock(const Group &group, IndexExpr block, int64_t depth);
  void forEachHalf(llvm::function_ref<void(IndexExpr, int64_t, int64_t)> body);
  void emitGroup(const Group &group);
  llvm::SmallVector<mlir::Value> emitBlocks(const Group &group);
  mlir::Value getWindowEnd(const Group &group, int64_t count, int64_t items);
  void emitBits(const Group &group);
  llvm::SmallVector<mlir::Value> emitBlock(const Group &group, IndexExpr number, int64_t depth,
                                           mlir::ValueRange largest);
  void storeRow(const Group &group, IndexExpr block, IndexExpr plane, IndexExpr row, mlir::Value value);
  llvm::SmallVector<mlir::Value> splitRows(const Block &block, int64_t begin, int64_t end,
                                           llvm::SmallVector<mlir::Value> largest);
  void emitPair(const Block &block, IndexExpr j, mlir::Value first, mlir::Value second);
  mlir::Value addMagnitudes(mlir::Value most, mlir::Value value);
  mlir::Value loadMagnitudes(IndexExpr j);
  void storeMagnitudes(IndexExpr j, mlir::Value value);
  mlir::Value gatherLargest(llvm::SmallVector<mlir::Value> vectors);
  void storeTile(const Group &group, IndexExpr block, IndexExpr plane, llvm::ArrayRef<mlir::Value> rows);
  void storeZeros(const Group &group, IndexExpr block, IndexExpr plane);
  void transposeTiles(const Group &group, IndexExpr block);
  void storeMark(const Group &group, mlir::Value mark);
  mlir::Value findUnfit(mlir::Value most);

  PointEmitter &emitter;
  mlir::Value tensor;
  kernel::TileSide side;
  kernel::TileShape shape;
  llvm::SmallVector<int64_t> batchShape;
  mlir::Value target;
  int64_t marks;
  int64_t window;
  /// Vectors run along K.
  bool depthwise = false;
  /// Then, at the ends: the largest magnitudes in a block, a vector for each column.
  mlir::Value magnitudes;
};

} // namespace moru

#endif // MORU_LIB_CONVERSION_KERNELTOLOOPS_TILEPACK_H
