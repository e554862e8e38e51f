//===- Terms.h - numbers that are not known -----------------------*- C++ -*-===//
// Internal to lib/Check. A term is a number, an entry of an argument, or a function of terms; equal terms are one and
// the same, so that two programs whose results are the same terms compute the same for all arguments.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_TERMS_H
#define MORU_LIB_CHECK_TERMS_H

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Tensor.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace moru::check {

/// A term, by its number.
using Term = uint32_t;

/// What a term may be, unless it is NaN; `isNumber` says that it is not.
struct TermRange {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool isNumber = false;

  /// Whether integers can be told by their ends, which are doubles.
  bool isExact() const;
};

/// All terms of a comparison of programs. What is simplified holds for every number, infinite ones and NaN included,
/// unless only finite ones are asked for; the sign of zero and the order of a sum's terms are not told apart.
class Terms {
public:
  /// `finite`: whatever an argument's entry is, and whatever is computed from it, is taken for finite.
  explicit Terms(bool finite = false) : finite(finite) {}

  Term number(double value);
  Term integer(int64_t value);
  /// Entry `index` of the argument called `name`.
  Term variable(llvm::StringRef name, int64_t index);
  /// A function that is known by its name alone.
  Term apply(llvm::StringRef function, llvm::ArrayRef<Term> operands, TermRange range = {});
  /// An entry of the result of a reduction, of the entries that it takes together.
  Term applyReduction(mlir::Operation *reduction, llvm::SmallVector<Term> operands);
  Term applySum(mlir::Type element, llvm::SmallVector<Term> operands);
  /// Of two floating-point numbers.
  Term applyProduct(mlir::Type element, Term x, Term y);
  Term applyChoice(mlir::Type element, Term condition, Term onTrue, Term onFalse);
  /// "And" and "or" of truth values, whose order and nesting do not count.
  Term applyLogic(bool isAnd, Term x, Term y);
  Term applyNot(Term x);
  /// The smaller, or the larger, of two integers.
  Term applyOrder(bool isMin, mlir::Type element, Term x, Term y);
  /// `value` where all of `sources` are finite, NaN elsewhere.
  Term applyTaint(Term value, llvm::ArrayRef<Term> sources);
  /// Whether one integer is less than another.
  Term applyLess(mlir::Type element, Term x, Term y);
  /// The same row of a table of `rows` rows as `id`, or none as well.
  Term withinTable(Term id, int64_t rows) const;
  /// Integers k and x where `condition` says "k < x".
  std::optional<std::pair<int64_t, Term>> matchAbove(Term condition) const;
  /// Whether `term` says "x - 1" of an integer.
  bool isOneLess(Term term, Term x) const;
  /// An entry of the result of an operation that works entry by entry.
  Term applyElementwise(mlir::Operation *op, llvm::ArrayRef<Term> operands);

  bool isConstant(Term term) const { return nodes[term].isConstant; }
  /// What the function is applied to; nothing for constants and variables.
  llvm::ArrayRef<Term> operandsOf(Term term) const { return nodes[term].operands; }
  /// The value of a constant.
  double numberOf(Term term) const { return nodes[term].range.low; }
  int64_t integerOf(Term term) const { return nodes[term].integer; }
  /// A constant as an entry of a tensor, and an entry as a constant.
  void store(Term constant, reference::Tensor &tensor, int64_t index) const;
  Term load(const reference::Tensor &tensor, int64_t index);

  size_t size() const { return nodes.size(); }

private:
  struct Node {
    /// Empty for constants and variables.
    std::string function;
    llvm::SmallVector<Term, 2> operands;
    TermRange range;
    int64_t integer = 0;
    bool isConstant = false;
  };
  Term intern(llvm::StringRef key, llvm::function_ref<Node()> make);
  std::optional<Term> fold(mlir::Operation *op, llvm::ArrayRef<Term> operands);
  std::optional<Term> simplify(mlir::Operation *op, llvm::SmallVector<Term> &operands);
  std::optional<Term> simplifyArithmetic(mlir::Operation *op, llvm::ArrayRef<Term> operands) const;
  std::optional<Term> simplifyLogic(mlir::Operation *op, llvm::ArrayRef<Term> operands);
  Term applyAtMost(mlir::Type element, Term x, Term y);
  Term applyIntegerComparison(graph::CompareOp compare, Term x, Term y);
  std::optional<Term> splitLess(mlir::Type element, Term x, Term y);
  bool areOpposite(Term x, Term y) const;
  bool isTainted(Term term) const;
  /// The value of a tainted term, whose sources are added; any other term itself.
  Term untaint(Term term, llvm::SmallVectorImpl<Term> &sources) const;
  std::optional<Term> applyToTainted(mlir::Operation *op, llvm::ArrayRef<Term> operands);
  bool isFunction(Term term, llvm::StringRef name) const { return nodes[term].function == name; }
  bool holdsWithin(Term condition, Term x, int64_t rows) const;
  std::optional<bool> decide(mlir::Operation *compare, llvm::ArrayRef<Term> operands) const;
  TermRange rangeOf(mlir::Operation *op, llvm::ArrayRef<Term> operands) const;
  std::optional<Term> sumChoices(mlir::Type element, llvm::ArrayRef<Term> operands);
  TermRange rangeOfReduction(mlir::Operation *reduction, llvm::ArrayRef<Term> operands) const;
  TermRange rangeOfChoice(Term condition, Term onTrue, Term onFalse) const;
  bool is(Term term, double value) const { return isConstant(term) && numberOf(term) == value; }

  std::optional<Term> simplifyFinite(mlir::Operation *op, llvm::ArrayRef<Term> operands);
  bool isInfinite(Term term) const { return isConstant(term) && std::isinf(numberOf(term)); }

  bool finite;
  std::vector<Node> nodes;
  llvm::StringMap<Term> known;
};

/// The values of `op`'s results, in the Reference, where its operands are `operands`; the operation is evaluated with
/// these types of results. Nothing where it cannot be evaluated.
std::optional<llvm::SmallVector<reference::Tensor>>
evaluateAlone(mlir::Operation *op, llvm::ArrayRef<reference::Tensor> operands, mlir::TypeRange resultTypes);

} // namespace moru::check

#endif // MORU_LIB_CHECK_TERMS_H
