//===- IndexSpace.h - index arithmetic with known ranges ------------------===//
// Indices of tensors as sums of variables whose ranges are known, so that reshapes, slices and concatenations become
// address arithmetic when the kernel is built and not when it runs.
//
// An expression is `constant + sum of factor * variable`. A variable is the counter of a loop, the lane of a vector, or
// a quotient or remainder by a constant of such an expression. Because every variable has a range, most quotients
// vanish:
//   (16 * q + lane) / 32 with q in [0, 2), lane in [0, 16)   is 0, the remainder the expression itself;
//   (320 * i + 16 * q + lane) / 320 with 16 * q + lane < 320  is i.
// What does not vanish may do so later, where a quotient and its remainder meet again: x / 10 * 10 + x mod 10 is x.
// That is how a reshape of a dense buffer turns out to be no work at all.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_KERNELTOLOOPS_INDEXSPACE_H
#define MORU_LIB_CONVERSION_KERNELTOLOOPS_INDEXSPACE_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <optional>
#include <tuple>
#include <vector>

namespace moru {

/// A variable with its factor.
struct IndexTerm {
  unsigned variable;
  int64_t factor;
  auto operator<=>(const IndexTerm &) const = default;
};

/// constant + sum of terms, the variables in increasing order, no factor 0.
struct IndexExpr {
  IndexExpr(int64_t constant = 0) : constant(constant) {}

  bool isConstant() const { return terms.empty(); }
  IndexExpr operator+(const IndexExpr &other) const;
  IndexExpr operator*(int64_t factor) const;
  bool operator==(const IndexExpr &other) const = default;
  bool operator<(const IndexExpr &other) const {
    return std::tie(constant, terms) < std::tie(other.constant, other.terms);
  }

  std::vector<IndexTerm> terms;
  int64_t constant;
};

/// The indices of one entry of a tensor.
using Position = std::vector<IndexExpr>;

/// What a variable stands for.
struct IndexVariable {
  enum class Kind { Value, Lane, Quotient, Remainder };
  Kind kind;
  /// Inclusive.
  int64_t low, high;
  /// The scope in which the variable is known (PointEmitter); nothing that depends on it is computed outside.
  unsigned level;
  /// Kind::Value: its number at run time.
  mlir::Value value = {};
  /// Quotient, Remainder: of `origin` by `divisor`.
  IndexExpr origin = {};
  int64_t divisor = 1;
  /// Lane: lanes of the vector, and how many of them are in use.
  int64_t width = 1, active = 1;
  /// The lane itself or something computed from it.
  bool laneDependent = false;
};

/// The variables of one kernel.
class IndexSpace {
public:
  /// A number known at run time, in [low, high].
  IndexExpr addValue(mlir::Value value, int64_t low, int64_t high, unsigned level);
  /// The lane of a vector of `width` entries of which the first `active` are in use.
  IndexExpr addLane(int64_t width, int64_t active, unsigned level);

  const IndexVariable &operator[](unsigned variable) const { return variables[variable]; }

  /// Least and largest value.
  std::pair<int64_t, int64_t> getRange(const IndexExpr &expr) const;
  /// The innermost scope of its variables.
  unsigned getLevel(const IndexExpr &expr) const;
  /// Quotient (rounded down) and remainder.
  IndexExpr divide(const IndexExpr &expr, int64_t divisor);
  IndexExpr remainder(const IndexExpr &expr, int64_t divisor);
  /// Puts quotients and their remainders together again.
  IndexExpr recombine(IndexExpr expr);

  /// The entry number `flat`, in row-major order, of a tensor of `shape`; and back.
  Position delinearize(const IndexExpr &flat, llvm::ArrayRef<int64_t> shape);
  IndexExpr linearize(llvm::ArrayRef<IndexExpr> position, llvm::ArrayRef<int64_t> strides);
  /// The same to be taken apart again: digits are left as they are.
  static IndexExpr addUp(llvm::ArrayRef<IndexExpr> position, llvm::ArrayRef<int64_t> strides);

  bool dependsOnLane(const IndexExpr &expr) const;
  /// The lane on which any of the expressions depends; at most one does.
  std::optional<unsigned> findLane(llvm::ArrayRef<IndexExpr> position) const;
  /// The expression with the lane at a certain number.
  IndexExpr fixLane(const IndexExpr &expr, int64_t lane);
  /// The factor of the lane if the expression is linear in it.
  std::optional<int64_t> getLaneFactor(const IndexExpr &expr) const;

private:
  IndexExpr add(IndexVariable variable);
  IndexExpr digit(IndexVariable::Kind kind, const IndexExpr &origin, int64_t divisor);
  std::pair<IndexExpr, IndexExpr> split(const IndexExpr &expr, int64_t divisor) const;
  struct Division {
    IndexExpr multiple, rest;
    std::optional<int64_t> quotient;
  };
  Division divideExactly(const IndexExpr &expr, int64_t divisor);

  std::vector<IndexVariable> variables;
  std::map<std::tuple<IndexVariable::Kind, IndexExpr, int64_t>, unsigned> digits;
};

} // namespace moru

#endif // MORU_LIB_CONVERSION_KERNELTOLOOPS_INDEXSPACE_H
