//===- HoistFromScan.h - the parts of graph-hoist-from-scan ---------------===//
// Private to lib/Dialect/Graph.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_GRAPH_HOISTFROMSCAN_H
#define MORU_LIB_DIALECT_GRAPH_HOISTFROMSCAN_H

#include "StepSums.h"

namespace moru::graph {

/// Says what left the loop of `steps` steps, and where to.
void remarkHoisted(mlir::Location loc, llvm::StringRef what, int64_t steps);

/// Takes carries that only add something up at each step out of a scan.
class SumHoister {
public:
  /// `budget`: bytes that stacks for sums may take; 0: any number.
  SumHoister(EditedScan &scan, int64_t budget) : scan(scan), sums(scan), budget(budget) {}

  /// Terms of such sums, and what they are linear functions of, up to contractions and sums.
  llvm::SmallDenseSet<mlir::Value> findSummands();
  void run();

private:
  struct Term {
    mlir::Value value;
    bool isNegative;
  };
  bool collectTerms(mlir::Value value, mlir::Value carry, bool isNegative, llvm::SmallVectorImpl<Term> &terms);
  llvm::SmallVector<Term> findSum(unsigned index);
  void collectSummands(mlir::Value value, llvm::SmallDenseSet<mlir::Value> &summands);
  void remarkKeptSum(unsigned index);
  void hoist();
  bool fitBudget();
  void cutIntoChunks(int64_t steps);

  EditedScan &scan;
  StepSums sums;
  int64_t budget;
};

} // namespace moru::graph

#endif // MORU_LIB_DIALECT_GRAPH_HOISTFROMSCAN_H
