//===- Dims.h - sizes of axes, static or bounded --------------------------===//
// A dimension of a graph type is static, or bounded: a name, a maximum, and a size that is known when the program runs.
// Shape rules compute with `Extent`, which is either, so that the same rule serves both.
//
//   tensor<?x8xf32, #graph.dims<len max 16, _>>   has the extents   {16, "len"}, {8, null}
//
// A bounded program means, at given lengths, the static program in which each name is replaced by its length
// (`setExtents`); that is how the Reference runs it. `graph-pad-bounded` replaces each name by its maximum and masks
// what lies behind the length.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_DIMS_H
#define MORU_DIALECT_GRAPH_DIMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/MapVector.h"

namespace moru::graph {

/// The size of an axis: its number of entries, or the maximum of the name.
struct Extent {
  int64_t size = 1;
  /// Null for a static axis.
  mlir::StringAttr name = {};

  Extent(int64_t size) : size(size) {}
  Extent(int64_t size, mlir::StringAttr name) : size(size), name(name) {}
  bool isBounded() const { return static_cast<bool>(name); }
  friend bool operator==(const Extent &, const Extent &) = default;
};

/// `16` or `len max 16`.
llvm::raw_ostream &operator<<(llvm::raw_ostream &stream, const Extent &extent);
mlir::Diagnostic &operator<<(mlir::Diagnostic &diagnostic, const Extent &extent);

/// Every size is static, or has a name and a maximum.
bool hasExtents(mlir::ShapedType type);
/// Some size has a name.
bool isBounded(mlir::Type type);

/// The extents of a type for which `hasExtents`.
Extent getExtent(mlir::RankedTensorType type, int64_t axis);
llvm::SmallVector<Extent> getExtents(mlir::RankedTensorType type);
/// The sizes, maxima in place of names.
llvm::SmallVector<int64_t> getCapacity(mlir::RankedTensorType type);
/// The static type of that shape.
mlir::RankedTensorType getCapacityType(mlir::RankedTensorType type);
/// The type of these extents.
mlir::RankedTensorType getTensorType(llvm::ArrayRef<Extent> extents, mlir::Type element);
/// The type without an axis, and with one put in.
mlir::RankedTensorType dropAxis(mlir::RankedTensorType type, int64_t axis);
mlir::RankedTensorType insertAxis(mlir::RankedTensorType type, int64_t axis, Extent extent);

/// Whether a tensor of type `from` can be read as one of type `to`: as many entries, and each bounded axis itself in
/// both, with as many entries before it and behind it.
bool haveSameEntries(mlir::RankedTensorType from, mlir::RankedTensorType to);

/// The names of a function's bounded axes with their maxima, in the order of their first appearance.
using DimNames = llvm::MapVector<mlir::StringAttr, int64_t>;
/// Fails, with an error, where one name has two maxima.
llvm::FailureOr<DimNames> collectDimNames(mlir::func::FuncOp function);

/// The least length that a name must have, by what is computed along it: argmax needs an entry, top_k needs k.
int64_t getMinimumLength(mlir::func::FuncOp function, mlir::StringAttr name);

/// Makes a function static: every axis of a name gets the size that `sizes` gives to it.
void setExtents(mlir::func::FuncOp function, const llvm::MapVector<mlir::StringAttr, int64_t> &sizes);

/// Fails, with an error at the value, where one of its types has bounded axes: for passes that come after
/// `graph-pad-bounded`.
llvm::LogicalResult verifyStatic(mlir::func::FuncOp function);

/// Fails, with an error, where operands and results differ in their extents.
llvm::LogicalResult verifySameExtents(mlir::Operation *op);

/// Trait: the axes of all operands and results have the same sizes and names.
template <typename ConcreteOp> class SameExtents : public mlir::OpTrait::TraitBase<ConcreteOp, SameExtents> {
public:
  static llvm::LogicalResult verifyTrait(mlir::Operation *op) { return verifySameExtents(op); }
};

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_DIMS_H
