//===- Evaluator.h - what a graph program means ------------------*- C++ -*-===//
// The Reference: slow, obvious, in f64. One small function per operation, in one table. It is the oracle of every
// numeric test and of
// `--check=each`; it shares no code with folds, decompositions, gradients or kernels.
//
// With bounds on, every entry carries a bound on the error of an evaluation in the declared type, accumulated operation
// by operation: after z = x * y, for instance, bound(z) = |x| bound(y) + |y| bound(x) + bound(x) bound(y) + u |z|. So
// the tolerance of a kernel that is checked alone, on exact inputs, follows from its own operations.
//===----------------------------------------------------------------------===//

#ifndef MORU_REFERENCE_EVALUATOR_H
#define MORU_REFERENCE_EVALUATOR_H

#include "moru/Dialect/Graph/Dims.h"
#include "moru/Reference/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <set>

namespace moru::reference {

/// Which arithmetic the error bounds describe.
enum class Bounds {
  /// None are computed.
  Off,
  /// Each operation rounds to its declared element type, as compiled code does.
  Declared,
  /// Each operation rounds to f64, as the Reference itself does: what a rewriting that reassociates may change.
  Double
};

/// A while that has not ended after this many steps is taken for one that never does: enough for any test that somebody
/// waits for.
constexpr int64_t kMaxWhileSteps = 100'000;

/// How to evaluate.
struct EvaluateOptions {
  Bounds bounds = Bounds::Off;
  /// Called with each value once it is known; `steps` holds the iteration of each scan around it, outermost first.
  std::function<void(mlir::Value, const Tensor &, llvm::ArrayRef<int64_t> steps)> observe;
  /// Where given: the numbers that constants of the program have had from the start. Another constant was folded, and
  /// so rounded to its type: it carries that error, unless it has so few digits that it is likely to be exact.
  const std::set<double> *exactConstants = nullptr;
  /// Where given, with bounds: each result is moved at once by its operation's own bound times a draw from [-1, 1], and
  /// carries none: one way in which the roundings may turn out. For what a sum of worst cases says nothing about.
  std::function<double()> drawRounding{};
  /// Added to a value of the outermost block as soon as it is known: how finite differences move an intermediate value.
  llvm::DenseMap<mlir::Value, Tensor> perturbations{};
};

/// The values visible at a place of the program; `parent` is that of the region around.
struct Environment {
  const Environment *parent = nullptr;
  llvm::DenseMap<mlir::Value, Tensor> values{};

  const Tensor *lookup(mlir::Value value) const;
};

/// Evaluates the operations of `block`, whose arguments have the values `arguments`, and returns those of the
/// terminator's operands. Values from outside are found in `outer`. An operation without an evaluator is an error at
/// its location.
mlir::FailureOr<llvm::SmallVector<Tensor>> evaluateBlock(mlir::Block &block, llvm::ArrayRef<Tensor> arguments,
                                                         const EvaluateOptions &options = {},
                                                         const Environment *outer = nullptr);

/// The length of every bounded dimension of a function, from the shapes of its arguments' values. A value that does not
/// fit its argument, lengths that disagree or are out of bounds, and a dimension that no argument has are errors at the
/// function.
mlir::FailureOr<graph::DimNames> findLengths(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> arguments);

/// Evaluates a function of graph operations. `graph.gradient` is expanded first, in a copy. A function with bounded
/// dimensions is evaluated as the static one that it is at the lengths of its arguments: there is no padding.
mlir::FailureOr<llvm::SmallVector<Tensor>> evaluate(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> arguments,
                                                    const EvaluateOptions &options = {});

/// True where the table has an entry for the operation (`graph.gradient` is expanded, and so needs none).
bool hasEvaluator(mlir::OperationName name);

} // namespace moru::reference

#endif // MORU_REFERENCE_EVALUATOR_H
