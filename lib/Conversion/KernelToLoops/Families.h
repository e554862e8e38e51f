//===- Families.h - one generator per family of kernels -------------------===//
// Each takes a kernel whose function, parameters and outputs are set up, fills the function's body and returns the
// number of tasks.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_KERNELTOLOOPS_FAMILIES_H
#define MORU_LIB_CONVERSION_KERNELTOLOOPS_FAMILIES_H

#include "PointEmitter.h"

namespace moru {

/// What is known of the machine.
struct LoopOptions {
  int64_t vectorBits, vectorRegisters, l1Bytes, l2Bytes;
};

/// `size` items in pieces of `perTask` (the last one may be shorter).
struct Chunks {
  int64_t size, perTask, tasks;
};

/// A kernel in work.
struct KernelJob {
  PointEmitter &emitter;
  llvm::ArrayRef<KernelOutput> outputs;
  LoopOptions options;
  /// All of it in one task, whatever it is worth.
  bool isOneTask = false;

  /// The number of the task, in [0, tasks).
  IndexExpr getTask(int64_t tasks);
  /// How many tasks so many entries of work are worth: a function of shapes, never of the machine's threads.
  int64_t getNumTasks(int64_t entries) const;
  static Chunks splitTasks(int64_t size, int64_t tasks);
  /// The items of one chunk.
  void loopChunk(const Chunks &chunks, IndexExpr chunk, llvm::function_ref<void(IndexExpr)> body);
  static int64_t count(llvm::ArrayRef<int64_t> shape);
  /// `entries` weighted by what the kernel does with each: `getNumTasks` counts entries that are read, read and
  /// written.
  int64_t getWork(int64_t entries);
  /// Tells, in a remark, what has been decided.
  void report(const llvm::Twine &decision);
};

mlir::FailureOr<int64_t> emitMap(KernelJob &job);
mlir::FailureOr<int64_t> emitRowReduce(KernelJob &job);
mlir::FailureOr<int64_t> emitColumnReduce(KernelJob &job);
mlir::FailureOr<int64_t> emitContract(KernelJob &job);
mlir::FailureOr<int64_t> emitScatter(KernelJob &job);

/// A map whose only output is in tiles, and a contraction whose operands are.
mlir::FailureOr<int64_t> emitTilePack(KernelJob &job);
mlir::FailureOr<int64_t> emitTileContract(KernelJob &job);

/// Kernels of one operation that has loops of its own, each in the family of what it resembles: a cumsum is a
/// column_reduce with all sums on the way, a top_k a row_reduce, a dynamic_update_slice a gather_scatter.
mlir::FailureOr<int64_t> emitCumsum(KernelJob &job);
mlir::FailureOr<int64_t> emitTopK(KernelJob &job);
mlir::FailureOr<int64_t> emitUpdateSlice(KernelJob &job);

/// `count` pieces of `size` entries.
struct Pieces {
  int64_t count, size;
};
/// Pieces of rows and columns of a contraction per task, for at most `tasks` and at least half as many: what reads
/// least of the operands, and whose tasks are of one size.
std::pair<Chunks, Chunks> chooseGrid(KernelJob &job, Pieces rows, Pieces columns, int64_t tasks);
/// An output that can hold sums on their way: of their type, and read by nothing in this kernel.
const KernelOutput *findScratch(KernelJob &job, mlir::Value sums);

/// An argument that a kernel reads entry by entry, from first to last, and that is more than caches give at once.
struct Stream {
  KernelBuffer buffer;

  /// Bytes between what is read and what is asked for: a page. Cores ask for the lines of a page that is being read by
  /// themselves, but not for those of the next one (measured on an Intel server, two threads: 36 of 38 GB/s; 28
  /// without).
  static constexpr int64_t kAhead = 4096;
};
/// The largest argument whose entries those of `tensor` are computed from, each from the one at its own place.
std::optional<Stream> findStream(KernelJob &job, mlir::Value tensor);
/// Asks for what is read next but a page, where `position` is read now.
void prefetchAhead(PointEmitter &emitter, const Stream &stream, const Position &position);

/// Rows become columns: W vectors of W entries.
llvm::SmallVector<mlir::Value> transposeSquare(mlir::ImplicitLocOpBuilder &builder,
                                               llvm::SmallVector<mlir::Value> rows);

/// The entries [lead…, 0 … columns) of the outputs.
void emitColumns(KernelJob &job, llvm::ArrayRef<KernelOutput> outputs, const Position &lead, int64_t columns);

/// What is done before the outputs are emitted at a few positions that stand beside each other.
using Prepare = llvm::function_ref<void(llvm::ArrayRef<Position>)>;
/// All entries of outputs of one shape. `work`: entries that are read; `group`: vectors that `prepare` sees at once.
mlir::FailureOr<int64_t> emitPositions(KernelJob &job, llvm::ArrayRef<int64_t> shape, int64_t work, int64_t group,
                                       Prepare prepare);

} // namespace moru

#endif // MORU_LIB_CONVERSION_KERNELTOLOOPS_FAMILIES_H
