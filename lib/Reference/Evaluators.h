//===- Evaluators.h - the table of evaluators ---------------------*- C++ -*-===//
// Internal to lib/Reference: what an evaluator receives, and the parts of the table, one per file.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_REFERENCE_EVALUATORS_H
#define MORU_LIB_REFERENCE_EVALUATORS_H

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Reference/Tolerances.h"

#include "llvm/ADT/MapVector.h"

#include <cmath>

namespace moru::reference {

/// What an evaluator sees beside the operation: the values of its operands and how to count errors.
struct Evaluation {
  mlir::Operation *op;
  llvm::SmallVector<const Tensor *> operands;
  const EvaluateOptions &options;
  const Environment &environment;
  llvm::ArrayRef<int64_t> steps;

  const Tensor &operand(unsigned index) const { return *operands[index]; }
  mlir::RankedTensorType resultType(unsigned index = 0) const {
    return mlir::cast<mlir::RankedTensorType>(op->getResult(index).getType());
  }
  bool withBounds() const { return options.bounds != Bounds::Off; }
  /// Unit roundoff of an operation with results of type `element`; 0 for integers.
  double roundoff(mlir::Type element) const;
  /// The bound of a result `value` that was computed with a relative error of `roundoffs` unit roundoffs from operands
  /// that contribute `inherited`; `underflow` in place of a result that is too small. Beyond f32 it is undecided.
  double bound(mlir::Type element, double value, double inherited, double roundoffs,
               double underflow = kUnderflowF32) const;
  /// The same for a sum of `terms` numbers in any order. `magnitude` is the sum of what is finite among their
  /// magnitudes: where it leaves the range, so may a partial sum.
  double boundOfSum(mlir::Type element, double value, double inherited, double magnitude, double terms) const;
};

/// Values of the results, or failure after an error at the operation.
using EvaluatorResult = mlir::FailureOr<llvm::SmallVector<Tensor>>;
using EvaluatorFunction = EvaluatorResult (*)(const Evaluation &);
using EvaluatorTable = llvm::MapVector<llvm::StringRef, EvaluatorFunction>;

/// Adds an evaluator under the name of its operation.
template <typename OpTy> void addEvaluator(EvaluatorTable &table, EvaluatorFunction function) {
  table.insert({OpTy::getOperationName(), function});
}

/// The order of argmax and top_k: NaN is larger than every number.
inline bool isLarger(double x, double y) { return std::isnan(x) ? !std::isnan(y) : x > y; }

/// One result.
inline EvaluatorResult single(Tensor tensor) {
  llvm::SmallVector<Tensor> results;
  results.push_back(std::move(tensor));
  return results;
}

/// Entries of `source` at `indices` (zero where an index is -1), bounds included.
Tensor pick(const Tensor &source, mlir::RankedTensorType type, llvm::ArrayRef<int64_t> indices);

/// The result whose entry at a multi-index is the first operand's entry at `map(multi-index)`; -1 stands for zero.
EvaluatorResult pickBy(const Evaluation &e, llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> map);

/// What a term adds to the `magnitude` of a sum.
inline double finiteMagnitude(double x) { return std::isfinite(x) ? std::abs(x) : 0; }

/// Wraps an integer to the width of `element`.
int64_t wrap(mlir::Type element, int64_t value);

void addElementwiseEvaluators(EvaluatorTable &table);
void addShapeEvaluators(EvaluatorTable &table);
void addIndexingEvaluators(EvaluatorTable &table);
void addReductionEvaluators(EvaluatorTable &table);
void addControlFlowEvaluators(EvaluatorTable &table);

/// Evaluates a block within `evaluation`'s program, as iteration `step` of a loop; see `evaluateBlock`.
EvaluatorResult evaluateNested(mlir::Block &block, llvm::ArrayRef<Tensor> arguments, const Evaluation &evaluation,
                               std::optional<int64_t> step = std::nullopt);

} // namespace moru::reference

#endif // MORU_LIB_REFERENCE_EVALUATORS_H
