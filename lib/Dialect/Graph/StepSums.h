//===- StepSums.h - a value of a loop's body, added up over the steps -----===//
// Private to lib/Dialect/Graph. The sum over the steps of a linear function is that function of the sum; of a
// contraction, it is one contraction over the steps too.
//
//   sum over t of neg(a_t · b_t)  =  neg(as · bs), contracted along the axes of the steps as well
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_GRAPH_STEPSUMS_H
#define MORU_LIB_DIALECT_GRAPH_STEPSUMS_H

#include "ScanEditing.h"

namespace moru::graph {

class StepSums {
public:
  explicit StepSums(EditedScan &scan) : scan(scan), rewriter(scan.rewriter) {}

  /// The sum of `value` over the steps can be had without adding in the loop, for at most the memory of its operands.
  bool canSum(mlir::Value value);
  /// The values of which `sum` makes stacks that are not there yet.
  void collectStacks(mlir::Value value, llvm::SetVector<mlir::Value> &stacks);
  /// The sum of a `value` for which `canSum`, built at the rewriter's insertion point, behind the loop.
  mlir::Value sum(mlir::Value value);

private:
  template <typename OpTy> bool bothVary(OpTy op) {
    return !scan.isInvariant(op.getLhs()) && !scan.isInvariant(op.getRhs());
  }
  bool canScale(mlir::Value value);
  mlir::Value scaleInside(mlir::Value scalar, mlir::Value value);
  std::optional<unsigned> findScalar(MulOp op);
  void collectScaled(mlir::Value value, llvm::SetVector<mlir::Value> &stacks);
  bool canSumProduct(MulOp op);

  mlir::Value sumProduct(MulOp op);
  mlir::Value sumContract(ContractOp op);
  mlir::Value sumScatter(ScatterAddOp op);
  mlir::Value sumReduction(ReduceSumOp op);
  mlir::Value sumLinear(mlir::Operation *op);
  mlir::Value sumStack(mlir::Value value);
  mlir::Value sumOrStack(mlir::Value value) { return canSum(value) ? sum(value) : sumStack(value); }

  EditedScan &scan;
  mlir::RewriterBase &rewriter;
};

} // namespace moru::graph

#endif // MORU_LIB_DIALECT_GRAPH_STEPSUMS_H
