//===- Cotangents.h - the reverse walk of differentiation -----------------===//
// What the rules of GraphGradients.cpp hand their results to, and the walk that calls them. One walk covers one block;
// a scan's rule starts a walk of its own over the body.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_COTANGENTS_H
#define MORU_DIALECT_GRAPH_COTANGENTS_H

#include "moru/Dialect/Graph/Graph.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace moru::graph {

/// What a scan keeps for its reverse. Each level needs fewer residuals than the one before, and more work.
enum class ResidualLevel {
  /// Every value that the reverse reads.
  All,
  /// Contractions and reductions, gathers and what has regions; elementwise work on them is done again.
  Heavy,
  /// The carried values alone: the reverse does the whole step again.
  Carries
};

/// Which level each scan gets; a state, because scans share a budget.
struct ResidualPolicy {
  /// The first level that a scan may have.
  ResidualLevel level = ResidualLevel::All;
  /// Bytes that are left for residuals of all scans; none: any number. A scan takes the first level that fits, the last
  /// one where none does.
  std::optional<int64_t> budget;
};

/// d loss / d value for the values of one block that depend on the targets. The cotangent of x, written dx, has x's
/// type. A value without an entry has the cotangent zero; zeros are never built.
class Cotangents {
public:
  /// Starts a walk over `block`: wanted are the floating-point values among `targets` and all that depend on them.
  Cotangents(mlir::OpBuilder &builder, mlir::Block &block, llvm::ArrayRef<mlir::Value> targets, ResidualPolicy &policy);

  /// What scans of this walk, and of those within it, keep.
  ResidualPolicy &getPolicy() const { return policy; }

  /// `value` depends on a target.
  bool isActive(mlir::Value value) const { return active.contains(value); }

  /// `value` depends on a target and is of floating point: its cotangent serves a purpose.
  bool isWanted(mlir::Value value) const;

  /// Adds `cotangent` to what is known of `value`. Ignored where the cotangent is null or `value` is not wanted.
  void add(mlir::Value value, mlir::Value cotangent);

  /// The same; `build` is called only where `value` is wanted.
  void add(mlir::Value value, llvm::function_ref<mlir::Value()> build);

  /// The sum of what was added to `value`, null for none.
  mlir::Value lookup(mlir::Value value);

  /// Everything known of `from` now holds for `to`, by which it was replaced.
  void replace(mlir::Value from, mlir::Value to);

  /// `value`, made during the walk, depends on a target.
  void markActive(mlir::Value value) { active.insert(value); }

  /// Calls the rules from `last` back to the start of the block. An operation that a cotangent would have to cross and
  /// that has no gradient is an error at its line.
  llvm::LogicalResult propagate(mlir::Operation *last);

private:
  void findActive(mlir::Block &block);
  void findActiveWithin(ScanOp op);
  void findActiveWithin(WhileOp op);
  void findActiveWithin(CondOp op);
  void findActiveWithin(CheckpointOp op);
  /// Where a value of `from` depends on a target, so does the one at its place in `to`.
  void addActive(mlir::ValueRange from, mlir::ValueRange to);
  bool dependsOnTarget(mlir::Operation *op) const;
  /// `value` is about to be erased; another may come to lie where it lay.
  void forget(mlir::Value value);
  /// A cotangent has to go through `op`.
  bool mustCross(mlir::Operation *op) const;
  /// A composite without a rule that a cotangent has to go through is replaced by its decomposition, through which the
  /// walk goes on: the operation to go on with, which is null where the composite was the first and has no parts.
  mlir::Operation *decomposeWithoutRule(mlir::Operation *op);
  llvm::LogicalResult propagateThrough(mlir::Operation *op);
  llvm::LogicalResult checkDiscreteOperand(mlir::Operation *op);

  /// What was added to a value. Three terms or more of bf16 are added in f32 and rounded once: in bf16 a small term
  /// beside a sum 256 times as large would be lost.
  struct Sum {
    mlir::Value value;
    /// Of f32, where the terms are of bf16.
    bool isWide = false;
    /// `value` is an addition of two terms that was built here.
    bool isPair = false;
  };
  void widen(Sum &sum);

  mlir::OpBuilder &builder;
  ResidualPolicy &policy;
  /// The values that depend on a target, of any type, those within regions included.
  llvm::DenseSet<mlir::Value> active;
  llvm::DenseMap<mlir::Value, Sum> sums;
};

/// `value` in f32.
mlir::Value widenBF16(mlir::OpBuilder &builder, mlir::Value value);

/// The values from above that `op` reads: its operands, and what its regions capture, each once.
llvm::SmallVector<mlir::Value> getReadValues(mlir::Operation *op);

/// The values from above that the regions of `op` capture, in the order of their first use, each once.
llvm::SmallVector<mlir::Value> getCapturedValues(mlir::Operation *op);

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_COTANGENTS_H
