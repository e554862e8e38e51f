//===- Clusters.h - which operations run as one kernel --------------------===//
// The analysis behind graph-to-kernel: operations of one block are grouped into nodes, each of which becomes a kernel,
// a loop or a packing.
//
// Three kinds of operations never form a kernel of their own:
// - inlined ones (constant, iota, broadcast, masks of these) are computed again wherever they are read;
// - views (slice, transpose, reshape, barrier) are other strides of their operand's buffer, or the same;
// - a concat is a buffer whose parts are written by whoever makes the operands.
// Everything else belongs to exactly one node. An edge between two operations of one node must be *fusible*: the
// consumer needs the entry of the producer at its own position, or that of its own row.
//===----------------------------------------------------------------------===//

#ifndef MORU_CONVERSION_GRAPHTOKERNEL_CLUSTERS_H
#define MORU_CONVERSION_GRAPHTOKERNEL_CLUSTERS_H

#include "moru/Dialect/Kernel/Kernel.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <memory>

namespace moru {

/// Computed again wherever it is read: a constant, an iota, a broadcast, an argument rounded for matrix units, a view
/// of one of these, or a mask that follows from integers of this kind.
bool isInlined(mlir::Value value);

/// Other strides of the operand's buffer.
bool isView(mlir::Operation *op);
/// What lies in a buffer of its own: `value` behind its views.
mlir::Value getSourceOfViews(mlir::Value value);

/// It depends on nothing but parameters that the function leaves as they are: what is made of it, is made once for many
/// calls (see kernel-prepare).
bool isOfParameters(mlir::Value value);
/// bf16 read in f32, which takes a shift: it is read so wherever it is needed, and stored in half of the bytes.
bool isWidening(mlir::Operation *op);

/// The values in buffers that computing `value` reads: itself, or what inlined operations lead to.
void collectSources(mlir::Value value, llvm::SetVector<mlir::Value> &sources);

/// The packed form of a contraction's operand: axes in the order batch, over, free, each group collapsed to one (batch:
/// left out if empty).
struct Packing {
  mlir::Value source;
  llvm::SmallVector<int64_t> permutation;
  llvm::SmallVector<int64_t> shape;
  /// Planes of tiles; 0: panels of the rhs, rows of the lhs.
  int64_t planes = 0;
  bool isLhs = false;
  bool operator==(const Packing &other) const {
    return source == other.source && permutation == other.permutation && shape == other.shape &&
           planes == other.planes && isLhs == other.isLhs;
  }
};

/// What `op` needs: its rhs in panels and its lhs in rows along K, or those of its operands in tiles that the kernel
/// does not take as they are. The pairs of contracted axes run in the order of the lhs's axes.
llvm::SmallVector<Packing> getPackings(graph::ContractOp op);
/// Neither operand of `op` is packed before it: both are split a stretch of K at a time.
bool splitsAlongDepth(graph::ContractOp op);
/// The packed form of an operand of `op` in tiles: as many planes as it has been given, or that many.
Packing getTilePacking(graph::ContractOp op, bool isLhs);
Packing getTilePacking(graph::ContractOp op, int64_t planes, bool isLhs);

/// One kernel, loop or branch (an operation with regions), packing or concat-to-be.
struct Node {
  enum class Kind { Compute, Regions, Pack, Concat };
  Kind kind = Kind::Compute;
  kernel::Family family = kernel::Family::Map;
  /// The positions a kernel works on: a map's shape, a reduction's operand's, a contraction's result's.
  llvm::SmallVector<int64_t> shape;
  llvm::SetVector<mlir::Operation *> ops;
  Packing packing;
  /// Nodes that must come first for another reason than a value: they read what this one overwrites.
  llvm::SetVector<Node *> after;
  /// Position in the program, for a stable order.
  unsigned position = 0;
};

/// A value that an operation reads from a buffer or from a neighbor in its kernel.
struct Edge {
  /// Behind its views.
  mlir::Value source;
  /// The consumer may sit in the same kernel as the producer (`perRow`: in a row reduction only).
  bool fusible, perRow;
};

/// The nodes of one block.
class Clusters {
public:
  /// Groups the operations of `block`. `packings` are those wanted by contractions in it or nested in it whose source
  /// is of this block (or of a block around the function's); `keepsOutOfEpilogue` says of an operation that it updates
  /// an argument in place.
  Clusters(mlir::Block &block, llvm::ArrayRef<Packing> packings,
           llvm::SmallPtrSetImpl<mlir::Operation *> &keepsOutOfEpilogue);

  Node *getOwner(mlir::Operation *op) const { return owners.lookup(op); }
  /// The node that makes `value`, null for values from elsewhere.
  Node *getProducer(mlir::Value value) const;
  llvm::ArrayRef<std::unique_ptr<Node>> getNodes() const { return nodes; }

  /// Calls `visit` with the nodes that must run before `node`, with some more than once.
  void forEachDependency(Node *node, llvm::function_ref<void(Node *)> visit) const;
  /// Whether one of `to` is one of `from`, or has to run after it.
  bool reaches(llvm::ArrayRef<Node *> from, llvm::ArrayRef<Node *> to) const;
  /// All nodes, each behind its dependencies, otherwise in program order.
  llvm::SmallVector<Node *> getOrder() const;
  /// The values of `node` that something outside it reads.
  llvm::SmallVector<mlir::Value> getOutputs(Node *node) const;
  /// Whether `node` reads `value`'s entries at its own positions alone.
  bool readsInPlace(Node *node, mlir::Value value) const;
  /// Whether `node` reads `value`, through views or not.
  bool reads(Node *node, mlir::Value value) const;

private:
  struct Needs {
    llvm::SmallVector<mlir::Operation *> producers;
    llvm::SmallVector<Node *> packs;
  };
  /// Both are found once for each operation, whose operands do not change.
  llvm::ArrayRef<Edge> getEdges(mlir::Operation *op) const;
  const Needs &getNeeds(mlir::Operation *op) const;
  Node *addNode(Node::Kind kind, mlir::Operation *op);
  void addSeeds();
  void addToTable(Node *node);
  void pullProducers(Node *node);
  void addColumnSums(Node *node);
  void growKernels();
  bool tryMerge(Node *into, Node *from);
  llvm::StringRef whyNotMerge(Node *a, Node *b) const;
  llvm::StringRef whyNotHosted(Node *producer, Node *consumer) const;
  void remarkApart(mlir::Operation *producer, mlir::Operation *consumer) const;
  bool isUsedOnlyIn(mlir::Value value, const llvm::SetVector<mlir::Operation *> &ops) const;
  bool accepts(Node *node, mlir::Operation *op) const;
  bool servesAlone(Node *guest, Node *host) const;
  bool hosts(Node *host, Node *guest, bool guestFollows) const;

  mlir::Block &block;
  llvm::SmallPtrSetImpl<mlir::Operation *> &keepsOutOfEpilogue;
  llvm::SmallVector<std::unique_ptr<Node>> nodes;
  llvm::DenseMap<mlir::Operation *, Node *> owners;
  mutable llvm::DenseMap<mlir::Operation *, std::unique_ptr<llvm::SmallVector<Edge>>> edges;
  mutable llvm::DenseMap<mlir::Operation *, std::unique_ptr<Needs>> needs;
};

} // namespace moru

#endif // MORU_CONVERSION_GRAPHTOKERNEL_CLUSTERS_H
