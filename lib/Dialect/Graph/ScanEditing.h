//===- ScanEditing.h - scans with more or fewer values --------------------===//
// Private to lib/Dialect/Graph. A scan's operands and results are fixed when it is built; these functions build another
// one around the same body.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_GRAPH_SCANEDITING_H
#define MORU_LIB_DIALECT_GRAPH_SCANEDITING_H

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/BitVector.h"

namespace moru::graph {

/// A tensor that holds one slice per step along `axis`; for an output, a value of the body and the axis to stack it
/// along.
struct Stacked {
  mlir::Value value;
  int64_t axis;
};

/// `value` is defined in the body of `scan` or deeper.
inline bool isInBody(ScanOp scan, mlir::Value value) { return scan.getBody().isAncestor(value.getParentRegion()); }

/// Replaces `scan` with one that has `inputs` and `outputs` after its own; the body's new arguments come last. Returns
/// the new scan; the old one is gone.
ScanOp extendScan(mlir::RewriterBase &rewriter, ScanOp scan, llvm::ArrayRef<Stacked> inputs,
                  llvm::ArrayRef<Stacked> outputs);

/// What to remove from a scan.
struct ScanRemovals {
  llvm::BitVector carries, inputs, outputs;
  explicit ScanRemovals(ScanOp scan)
      : carries(scan.getNumCarries()), inputs(scan.getInputs().size()), outputs(scan.getNumOutputs()) {}
  bool any() const { return carries.any() || inputs.any() || outputs.any(); }
};

/// Replaces `scan` with one without the given parts, whose results and body arguments have no uses left but those of
/// operations that are dead then. Returns the new scan.
ScanOp shrinkScan(mlir::RewriterBase &rewriter, ScanOp scan, const ScanRemovals &removals);

/// Removes outputs and inputs that nobody reads and carries that serve themselves alone, and merges equal ones. Returns
/// whether anything changed; `scan` is the scan that is there afterwards.
bool cleanScan(mlir::RewriterBase &rewriter, ScanOp &scan);

/// The axis of residuals and other new outputs of `slice`: that of the scan's first output or input, so that layouts
/// agree.
int64_t getPreferredAxis(ScanOp scan, mlir::Value slice);

/// A scan that is worked on: another operation as often as its operands or results change.
struct EditedScan {
  mlir::RewriterBase &rewriter;
  ScanOp op;

  ScanOp *operator->() { return &op; }
  int64_t length() { return op.getLength(); }
  bool isInvariant(mlir::Value value) { return !isInBody(op, value); }
  /// The stack of `value`'s slices, if there is one: an input, or an output.
  std::optional<Stacked> findStacked(mlir::Value value);
  /// The stack of `value`'s slices; a further output where there is none, and then the stacks of other outputs are
  /// results of a scan that is gone.
  Stacked stack(mlir::Value value);
  /// The stacks of both.
  std::pair<Stacked, Stacked> stack(mlir::Value first, mlir::Value second);
  /// Removes what has no reader left, and what has none then.
  void clean();
};

} // namespace moru::graph

#endif // MORU_LIB_DIALECT_GRAPH_SCANEDITING_H
