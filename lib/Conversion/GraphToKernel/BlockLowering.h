//===- BlockLowering.h - the kernels of one block -------------------------===//
// Clusters decides what runs together; here every value that passes between kernels gets a home (a buffer) before its
// producer is emitted, so that results, slots of loops and parts of concatenations are written where they belong. A
// copy is made only where two demands on one value conflict.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_GRAPHTOKERNEL_BLOCKLOWERING_H
#define MORU_LIB_CONVERSION_GRAPHTOKERNEL_BLOCKLOWERING_H

#include "Clusters.h"
#include "Placement.h"

#include "mlir/IR/Builders.h"

namespace moru {

/// State of one function's lowering.
struct FunctionState {
  /// The buffer of each value that has one.
  llvm::DenseMap<mlir::Value, mlir::Value> homes;
  /// Further places that the kernel of a value writes it to: its parts of concatenations beyond the first.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> otherHomes;
  /// Buffers of packed operands, and those wanted by contractions, by the block in which their source is made.
  llvm::SmallVector<std::pair<Packing, mlir::Value>> packed;
  llvm::MapVector<mlir::Block *, llvm::SmallVector<Packing>> wanted;
  /// Operations whose results replace an argument.
  llvm::SmallPtrSet<mlir::Operation *, 16> updates;
  int64_t panelWidth;
};

/// The kernels of one block.
class BlockLowering {
public:
  BlockLowering(mlir::Block &source, mlir::OpBuilder builder, FunctionState &state)
      : source(source), builder(builder), state(state), clusters(source, state.wanted.lookup(&source), state.updates) {}

  /// A value that the block returns, the buffer where it is wanted, and the argument whose buffer that is, if any.
  struct Destination {
    mlir::Value value, buffer, overwritten = {};
  };
  /// Emits everything.
  void run(llvm::ArrayRef<Destination> destinations);

private:
  /// Wants `value` in `buffer`; false if somebody must copy it there once it is made. If the buffer is an argument's,
  /// readers of the argument go first.
  bool forceHome(mlir::Value value, mlir::Value buffer, mlir::Value overwritten = {});
  /// The same of a view: what it is a view of is then made in other strides of `buffer`.
  bool forceHomeOfSource(mlir::Value value, mlir::Value buffer);
  /// After `forceHome`: where `value` is the last of several updates of `overwritten` (of any tensor, if there is
  /// none), those before it are made in the same place.
  void forceHomeOfUpdates(mlir::Value value, mlir::Value buffer, mlir::Value overwritten);
  /// The buffer that holds `value`, made on the spot if it has none.
  mlir::Value getBuffer(mlir::Value value);
  void emitCopy(mlir::Value value, mlir::Value buffer);
  void saveOverwritten(mlir::Value value, llvm::ArrayRef<Destination> destinations);
  void emitNodes();
  bool runReadersBefore(mlir::Value value, Node *node);
  void prepareConcats();
  void prepareMerges();
  void preparePaddedRows();
  bool padRows(mlir::Value value);
  void writeAlso(mlir::Value value, mlir::Value part, bool isOverwritten);
  bool isHome(mlir::Value value, mlir::Value buffer);
  void prepareScans();
  void emitCompute(Node &node);
  void emitPack(Node &node);
  void emitConcat(graph::ConcatOp op);
  void emitScan(graph::ScanOp op);
  void emitCond(graph::CondOp op);
  void prepareWhiles();
  void emitWhile(graph::WhileOp op);
  mlir::Value getView(mlir::Value value);
  mlir::Value createView(mlir::Value source, Placement placement, llvm::ArrayRef<int64_t> shape);
  /// A buffer for what is made at `loc`.
  mlir::Value createAlloc(mlir::RankedTensorType type, mlir::Location loc, mlir::Attribute layout = {});
  mlir::Value createSlot(mlir::OpBuilder &at, mlir::Value buffer, mlir::Value step, int64_t scale, int64_t offset,
                         int64_t modulus, int64_t axis, mlir::Location loc);
  kernel::ComputeOp beginKernel(kernel::Family family, llvm::StringRef label, llvm::ArrayRef<mlir::Value> reads,
                                llvm::ArrayRef<mlir::Value> writes, mlir::Location loc);
  void endKernel(kernel::ComputeOp op, llvm::ArrayRef<mlir::Value> results);

  /// How the carried values and outputs of a scan are stored.
  struct Carry {
    mlir::Value buffer;
    int64_t slots, modulus;
    /// Index of the slot = scale * step + offset.
    int64_t scale, in, out;
    int64_t first, last;
  };
  struct ScanPlan {
    llvm::SmallVector<Carry> carries;
    /// Per output: the buffer [length, slice…], or null where a carry's buffer holds it; then `aliased` and `shift` say
    /// which and from where.
    llvm::SmallVector<mlir::Value> outputs;
    llvm::SmallVector<int64_t> aliased, shift;
  };
  ScanPlan planScan(graph::ScanOp op);
  void placeInits(mlir::ValueRange inits, llvm::ArrayRef<Carry> carries);
  void copyInits(mlir::ValueRange inits, llvm::ArrayRef<Carry> carries);
  /// Lowers `block` at the end of `into`.
  void emitBlock(mlir::Block &block, mlir::Block *into, llvm::ArrayRef<Destination> destinations);
  /// The slot of a carried value at a fixed index, outside the loop.
  mlir::Value getSlot(const Carry &carry, mlir::Value value, int64_t index);

  mlir::Block &source;
  mlir::OpBuilder builder;
  FunctionState &state;
  Clusters clusters;
  llvm::DenseMap<mlir::Operation *, ScanPlan> scans;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<Carry>> whiles;
  llvm::DenseMap<mlir::Value, mlir::Value> saved;
  /// Values in a slot that the loop that reads it overwrites.
  llvm::DenseSet<mlir::Value> overwritten;
};

} // namespace moru

#endif // MORU_LIB_CONVERSION_GRAPHTOKERNEL_BLOCKLOWERING_H
