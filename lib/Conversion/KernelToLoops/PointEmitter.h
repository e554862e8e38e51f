//===- PointEmitter.h - the value of a kernel's tensor at a position ------===//
// Computes entries of the tensors of a kernel's region on demand: `emit(tensor, position)` gives the code for one
// entry, or for a vector of entries where the position depends on a lane. Nothing but entries that somebody asked for
// is computed, and each once.
//
// Code is placed as far out as its position allows: the emitter knows the scopes that are open (the function, loops,
// branches) and puts a value into the outermost scope in which all variables of its position are known. So what does
// not depend on an inner loop leaves it by construction. A reduction is a loop in the scope of its position.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_KERNELTOLOOPS_POINTEMITTER_H
#define MORU_LIB_CONVERSION_KERNELTOLOOPS_POINTEMITTER_H

#include "IndexSpace.h"

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <set>

namespace moru {

/// Memory of a tensor: the parameter of the kernel's function, seen as one axis.
struct KernelBuffer {
  mlir::Value flat;
  kernel::BufferType type;
};

/// A tensor of the region and where it is stored.
struct KernelOutput {
  mlir::Value tensor;
  KernelBuffer buffer;
};

class PointEmitter {
public:
  /// Emits at the end of `function`'s only block. `vectorBits`: of a register.
  PointEmitter(mlir::func::FuncOp function, kernel::ComputeOp kernel, int64_t vectorBits);

  //===------------------------------------------------------------------===//
  // Scopes
  //===------------------------------------------------------------------===//

  /// A loop over `counter` in [lower, upper), which lies in [0, count) always; its body is emitted by `body` from the
  /// counter and the carried values. Returns the last carried values.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value lower, mlir::Value upper, int64_t count, mlir::ValueRange carried,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(IndexExpr, mlir::ValueRange)> body);
  /// The same over [0, count), and without carried values.
  void loop(int64_t count, llvm::function_ref<void(IndexExpr)> body);
  void loop(mlir::Value lower, mlir::Value upper, int64_t count, llvm::function_ref<void(IndexExpr)> body);
  /// A branch; with results where `onFalse` is there too and types are given.
  llvm::SmallVector<mlir::Value> branch(mlir::Value condition, mlir::TypeRange types,
                                        llvm::function_ref<llvm::SmallVector<mlir::Value>()> onTrue,
                                        llvm::function_ref<llvm::SmallVector<mlir::Value>()> onFalse);
  void branch(mlir::Value condition, llvm::function_ref<void()> onTrue, llvm::function_ref<void()> onFalse = {});
  /// The scope that is open now.
  unsigned getLevel() const { return scopes.size() - 1; }

  //===------------------------------------------------------------------===//
  // Entries
  //===------------------------------------------------------------------===//

  /// The entry at a position: a scalar, or a vector where it depends on a lane.
  mlir::Value emit(mlir::Value tensor, const Position &position);
  /// The same, a vector of `width` in any case (a scalar for width 1).
  mlir::Value emitVector(mlir::Value tensor, const Position &position, int64_t width);
  /// Makes `value` the entry at a position, instead of computing it.
  void define(mlir::Value tensor, const Position &position, mlir::Value value);
  /// Stores an entry, or those of the active lanes.
  void store(mlir::Value value, const KernelBuffer &buffer, const Position &position);
  /// All values of the positions first, then the stores: in-place buffers are read before they are written. Where
  /// values are long chains of instructions, those of all positions are computed operation by operation: a processor
  /// looks ahead no further than two or three such chains, each of which is a hundred cycles of waiting.
  void emitOutputs(llvm::ArrayRef<KernelOutput> outputs, llvm::ArrayRef<Position> positions);
  /// Whether values are such chains.
  bool hasLongChains(llvm::ArrayRef<KernelOutput> outputs) { return !findLongChains(outputs).empty(); }
  /// Positions that are worth to be computed at once: as many chains as hide each other's waiting.
  static constexpr int64_t kChains = 4;
  /// Asks for the lines that hold what an entry without a lane is computed from, as far as views and elementwise
  /// operations lead.
  void prefetch(mlir::Value tensor, const Position &position);
  /// Loads from a buffer.
  mlir::Value load(const KernelBuffer &buffer, const Position &position);
  mlir::Value loadFlat(const KernelBuffer &buffer, const IndexExpr &address);
  /// Where the box of `shape` begins along an axis of a tensor of `sizes`: a start at run time, moved so that the box
  /// lies inside.
  Position getBoxStart(mlir::ValueRange starts, llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> shape);
  /// Where an entry lies, in elements.
  IndexExpr getAddress(const KernelBuffer &buffer, const Position &position);
  /// The sums (maxima) of one reduction at several positions in one loop; afterwards `emit` knows them.
  void emitReductions(mlir::Operation *reduction, llvm::ArrayRef<Position> positions);
  /// The results, at a position, of reductions over the same axes of one shape, among them the last; all in one pass.
  /// `alongside` is called for each vector of entries of the operands.
  llvm::SmallVector<mlir::Value> reduceAlongLastAxis(llvm::ArrayRef<mlir::Operation *> reductions,
                                                     const Position &position,
                                                     llvm::function_ref<void(const Position &)> alongside = {});
  /// From now on the entries of `tensor` are found in `buffer`, where the caller has stored them.
  void keep(mlir::Value tensor, const KernelBuffer &buffer) { kept[tensor] = buffer; }
  void forgetKept() { kept.clear(); }

  /// Where an argument of the region lies.
  void bind(mlir::BlockArgument argument, KernelBuffer buffer) { buffers[argument] = buffer; }
  const KernelBuffer &getBuffer(mlir::BlockArgument argument) { return buffers[argument]; }

  /// A part of an axis.
  struct Piece {
    int64_t first, size;
  };
  /// The pieces of an axis of `size` entries between the places where slices are concatenated or padded: a vector
  /// across such a place would have to be put together from single entries.
  llvm::SmallVector<Piece> getPieces(llvm::ArrayRef<mlir::Value> tensors, int64_t axis, int64_t size);

  //===------------------------------------------------------------------===//
  // Small values
  //===------------------------------------------------------------------===//

  /// Entries of a vector register, for the narrowest element of 32 bits or more in the kernel.
  int64_t getLanes() const { return lanes; }
  /// The narrowest power of two that holds `size` entries, at most the lanes of a register.
  int64_t getTailWidth(int64_t size) const;
  /// The type in which entries are computed: bf16 in f32.
  mlir::Type getComputeType(mlir::Value tensor) const;
  mlir::Type getVectorType(mlir::Type element, int64_t width) const;
  /// The number that an expression has at run time.
  mlir::Value materialize(const IndexExpr &expr);
  mlir::Value index(int64_t value);
  /// A number or a vector of equal numbers.
  mlir::Value number(mlir::Type type, double value);
  mlir::Value zero(mlir::Type type);
  mlir::Value broadcast(mlir::Value value, int64_t width);
  /// [true × active, false…]
  mlir::Value mask(int64_t width, int64_t active);
  /// The first `active` lanes of `value`, and in the others `rest`.
  mlir::Value selectActive(mlir::Value value, int64_t active, mlir::Value rest);
  /// Combines two sums (maxima), the kind and place as `reduction`.
  mlir::Value combine(mlir::Operation *reduction, mlir::Value a, mlir::Value b);
  /// What a sum (maximum) starts with.
  mlir::Value neutral(mlir::Operation *reduction, mlir::Type type);
  /// One number from a vector, halves added to halves.
  mlir::Value reduceLanes(mlir::Operation *reduction, mlir::Value vector);

  /// False once something could not be generated; an error has been emitted.
  bool succeeded() const { return !broken; }
  mlir::Value fail(mlir::Operation *op, const llvm::Twine &message, mlir::Type type);

  /// Loads and stores that were put together from single entries because of their position: what a choice among loops
  /// tries to avoid.
  int64_t getNumScattered() const { return scattered; }
  /// Runs `body` and takes back everything it has emitted; returns how many accesses were put together from single
  /// entries.
  int64_t probe(llvm::function_ref<void()> body);

  IndexSpace space;
  mlir::ImplicitLocOpBuilder builder;
  mlir::func::FuncOp function;
  kernel::ComputeOp kernel;

private:
  struct Scope {
    explicit Scope(mlir::Block *block) : block(block) {}
    mlir::Block *block;
    /// The loop or branch inside which the next scope lies.
    mlir::Operation *opener = nullptr;
    /// What `opener` of the scope around this one goes back to.
    mlir::Operation *outerOpener = nullptr;
    std::map<std::pair<const void *, Position>, mlir::Value> entries;
    std::map<IndexExpr, mlir::Value> indices;
    std::map<std::pair<const void *, const void *>, mlir::Value> constants;
    /// Where boxes begin, by the start and the number of places that it may be.
    std::map<std::pair<const void *, int64_t>, IndexExpr> boxes;
    /// Rows that a gather reads, and whether the id is within the table.
    std::map<std::pair<const void *, Position>, std::pair<IndexExpr, mlir::Value>> rows;
  };

  /// Runs `body` with the insertion point in a scope further out.
  mlir::Value inScope(unsigned level, llvm::function_ref<mlir::Value()> body);
  void openScope(mlir::Operation *opener, mlir::Block *block);
  void closeScope();
  void setInsertionPoint();

  llvm::SmallVector<mlir::Operation *> findLongChains(llvm::ArrayRef<KernelOutput> outputs);
  mlir::Value compute(mlir::Value tensor, const Position &position);
  mlir::Value computeShape(mlir::Operation *op, const Position &position);
  /// Where the operand of an operation that only moves entries has the one at `position`.
  std::optional<Position> getViewedPosition(mlir::Operation *op, const Position &position);
  mlir::Value computeConstant(graph::ConstantOp op, const Position &position);
  mlir::Value computeIota(graph::IotaOp op, const Position &position);
  mlir::Value computePad(graph::PadOp op, const Position &position);
  mlir::Value computeConcat(graph::ConcatOp op, const Position &position);
  mlir::Value computeGather(graph::GatherOp op, const Position &position);
  mlir::Value computeDynamicSlice(graph::DynamicSliceOp op, const Position &position);
  mlir::Value computeRandom(graph::RandomOp op, const Position &position);
  mlir::Value computeArgmax(graph::ArgmaxOp op, const Position &position);
  mlir::Value computeReduction(mlir::Operation *op, const Position &position);
  /// Each lane on its own, then put together.
  mlir::Value computeByLane(mlir::Value tensor, const Position &position);
  /// A branch inside which `tensor` is emitted, and zero otherwise.
  mlir::Value guarded(mlir::Value condition, mlir::Type type, int64_t width, llvm::function_ref<mlir::Value()> body);
  /// The condition low <= expr < high; null where it always holds.
  mlir::Value within(const IndexExpr &expr, int64_t low, int64_t high);
  /// The lanes of what is computed at a position: 1 without a lane.
  int64_t getWidth(const Position &position) const;
  mlir::Value fromStorage(mlir::Value value, mlir::Type element);
  mlir::Value toStorage(mlir::Value value, mlir::Type element);
  mlir::Value typedConstant(mlir::TypedAttr value);
  void collectCuts(mlir::Value tensor, int64_t axis, int64_t offset, int64_t size, std::set<int64_t> &cuts);
  KernelBuffer getConstantBuffer(graph::ConstantOp op);

  std::vector<Scope> scopes;
  llvm::DenseMap<mlir::Value, KernelBuffer> buffers, kept;
  int64_t lanes;
  int64_t scattered = 0;
  bool broken = false;
};

/// An elementwise operation on vectors or numbers; null where the operation is none.
mlir::Value emitElementwise(mlir::ImplicitLocOpBuilder &builder, mlir::Operation *op, mlir::ValueRange operands);
/// bf16 to f32. On the bits: where LLVM sees the type, it may compute in bf16 and convert by calls.
mlir::Value extendBF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value value);
/// f32 to bf16, to nearest even.
mlir::Value roundToBF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value value);
/// True for the operations that `emitElementwise` knows.
bool isElementwise(mlir::Operation *op);
/// True for those that take many more instructions than an addition.
bool isTranscendental(mlir::Operation *op);

} // namespace moru

#endif // MORU_LIB_CONVERSION_KERNELTOLOOPS_POINTEMITTER_H
