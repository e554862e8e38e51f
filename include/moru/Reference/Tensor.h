//===- Tensor.h - values of the Reference -----------------------*- C++ -*-===//
// A tensor as the Reference computes with it: floating point of any width is held in f64, integers in i64, truth values
// as 0 and 1. Beside each entry there may be a bound on the error that arithmetic of the declared type would make.
//===----------------------------------------------------------------------===//

#ifndef MORU_REFERENCE_TENSOR_H
#define MORU_REFERENCE_TENSOR_H

#include "moru/Support/HostTensor.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include <algorithm>
#include <vector>

namespace moru::reference {

/// The bound of an entry that could be any finite number: a decision made on nearly equal numbers. An exact zero hides
/// it in a product, as a mask does.
double undecided();
/// The bound of an entry that could be infinite or NaN as well: beyond the range of its type, or at a pole. It is NaN,
/// and so makes unknown what is computed from it.
double unknown();
/// The larger of two bounds, the worse one where one is `unknown`.
double worse(double bound, double other);

/// A dense row-major tensor of `type`.
struct Tensor {
  mlir::RankedTensorType type;
  /// The entries of a floating-point tensor; empty otherwise.
  std::vector<double> floats;
  /// The entries of an integer or i1 tensor (i1: 0 or 1); empty otherwise.
  std::vector<int64_t> integers;
  /// One error bound per entry; empty where every entry is exact or bounds are not computed.
  std::vector<double> bounds;

  Tensor() = default;
  /// All entries zero.
  explicit Tensor(mlir::RankedTensorType type);

  bool isFloat() const { return mlir::isa<mlir::FloatType>(type.getElementType()); }
  llvm::ArrayRef<int64_t> shape() const { return type.getShape(); }
  int64_t size() const { return static_cast<int64_t>(std::max(floats.size(), integers.size())); }

  /// Entry `index` of either kind, as a double.
  double at(int64_t index) const { return isFloat() ? floats[index] : static_cast<double>(integers[index]); }
  /// Stores a number as an entry; an integer tensor truncates it.
  void set(int64_t index, double value);
  /// The error bound of entry `index`.
  double bound(int64_t index) const { return bounds.empty() ? 0 : bounds[index]; }
  /// Makes room for bounds, zero at first.
  void addBounds() { bounds.resize(size(), 0); }
  /// Gives every entry the bound of one that a decision has made which may turn out otherwise: the numbers that would
  /// then stand here are not known, and need not be finite.
  void markDecidedElsewhere();
};

/// A tensor of floating point or integers from a list in row-major order.
Tensor makeTensor(mlir::RankedTensorType type, llvm::ArrayRef<double> values);

/// The entries of a constant, or failure where its bytes are elsewhere.
mlir::FailureOr<Tensor> fromAttribute(mlir::ElementsAttr elements);

/// A tensor of another shape of the same rank: the entries at the places that both have; the others are `fill`.
Tensor withShape(const Tensor &tensor, llvm::ArrayRef<int64_t> shape, double fill);
/// The entries as a constant, rounded to the declared type.
mlir::DenseElementsAttr toAttribute(const Tensor &tensor);

/// Conversion from and to the tensors of the host; `toHost` rounds to the declared element type.
Tensor fromHost(const HostTensor &host, mlir::RankedTensorType type);
HostTensor toHost(const Tensor &tensor);

/// The element type of host tensors that stores an MLIR element type.
ElementType hostElementType(mlir::Type type);

/// Rounds every entry to the declared type (f32 or bf16), so that it can be given to compiled code exactly.
void roundToType(Tensor &tensor);

/// Bytes of one entry in memory; i1 takes one.
int64_t elementBytes(mlir::Type type);

/// Strides of a row-major shape.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// Calls `visit(linear index, multi-index)` for every entry of `shape` in row-major order.
void forEachIndex(llvm::ArrayRef<int64_t> shape, llvm::function_ref<void(int64_t, llvm::ArrayRef<int64_t>)> visit);

/// `[2, 0, 1]`: the multi-index of a linear one.
std::string indexToString(llvm::ArrayRef<int64_t> shape, int64_t index);

/// The bound of an entry that is one of those of `tensors`, or a sum of them, but it is undecided which.
double undecidedAmong(llvm::ArrayRef<const Tensor *> tensors);

} // namespace moru::reference

#endif // MORU_REFERENCE_TENSOR_H
