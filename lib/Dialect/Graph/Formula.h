//===- Formula.h - short names for building formulas ----------------------===//
// Private to lib/Dialect/Graph: the gradient rules and the decompositions read like the mathematics they state.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_DIALECT_GRAPH_FORMULA_H
#define MORU_LIB_DIALECT_GRAPH_FORMULA_H

#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/Builders.h"

namespace moru::graph {

inline mlir::RankedTensorType typeOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }

/// The memory of a tensor of that type, all axes at their maxima: its entries in whole bytes.
inline int64_t getSizeInBytes(mlir::RankedTensorType type) {
  return getCapacityType(type).getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
}

/// Builds operations at `builder`'s insertion point, all at `loc`. Values of one call have one type unless said
/// otherwise.
struct Formula {
  mlir::OpBuilder &builder;
  mlir::Location loc;

  Formula(mlir::OpBuilder &builder, mlir::Operation *op) : builder(builder), loc(op->getLoc()) {}

  mlir::Value add(mlir::Value x, mlir::Value y) { return AddOp::create(builder, loc, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return SubOp::create(builder, loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return MulOp::create(builder, loc, x, y); }
  mlir::Value div(mlir::Value x, mlir::Value y) { return DivOp::create(builder, loc, x, y); }
  mlir::Value neg(mlir::Value x) { return NegOp::create(builder, loc, x); }
  mlir::Value exp(mlir::Value x) { return ExpOp::create(builder, loc, x); }
  mlir::Value log(mlir::Value x) { return LogOp::create(builder, loc, x); }

  mlir::Value log1p(mlir::Value x) { return Log1pOp::create(builder, loc, x); }

  mlir::Value sigmoid(mlir::Value x) { return SigmoidOp::create(builder, loc, x); }
  mlir::Value both(mlir::Value x, mlir::Value y) { return AndOp::create(builder, loc, x, y); }

  /// The number `value` in every entry, typed as `like`.
  mlir::Value splat(mlir::Value like, double value) { return createSplat(builder, loc, typeOf(like), value); }
  mlir::Value scale(mlir::Value x, double factor) { return mul(x, splat(x, factor)); }

  mlir::Value compare(Direction direction, mlir::Value x, mlir::Value y) {
    mlir::RankedTensorType type = typeOf(x).clone(builder.getI1Type());
    return CompareOp::create(builder, loc, type, direction, x, y);
  }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return SelectOp::create(builder, loc, x.getType(), condition, x, y);
  }

  mlir::Value sum(mlir::Value x, llvm::ArrayRef<int64_t> axes) {
    return axes.empty() ? x : mlir::Value(ReduceSumOp::create(builder, loc, x, axes));
  }
  mlir::Value max(mlir::Value x, llvm::ArrayRef<int64_t> axes) { return ReduceMaxOp::create(builder, loc, x, axes); }

  /// The mean along the last axis.
  mlir::Value mean(mlir::Value x) {
    int64_t last = typeOf(x).getRank() - 1;
    mlir::Value total = sum(x, last);
    return div(total, splat(total, static_cast<double>(typeOf(x).getDimSize(last))));
  }

  /// `row`, the size of the last axis of `like`, in every row of it; `perRow`, a number for each row, along the row.
  mlir::Value spreadRow(mlir::Value row, mlir::Value like) { return broadcastTo(builder, loc, row, typeOf(like)); }
  mlir::Value spreadRows(mlir::Value perRow, mlir::Value like) {
    return expand(perRow, like, typeOf(like).getRank() - 1);
  }

  /// `x`, a reduction of `like` over `axes`, repeated along them again.
  mlir::Value expand(mlir::Value x, mlir::Value like, llvm::ArrayRef<int64_t> axes) {
    return axes.empty() ? x : broadcastAlongRemoved(builder, loc, x, typeOf(like), axes);
  }
  mlir::Value reshape(mlir::Value x, mlir::Value like) {
    mlir::RankedTensorType type = typeOf(like).clone(typeOf(x).getElementType());
    return x.getType() == type ? x : mlir::Value(ReshapeOp::create(builder, loc, type, x));
  }
};

/// The place in the flattened `like` of each of `ids`, which number entries along its last axis; -1 where `mayMiss` and
/// there is no such entry.
mlir::Value flattenIds(Formula &f, mlir::Value ids, mlir::Value like, bool mayMiss);

/// What a normalization and its gradient share: the rows of mean square 1 (of mean 0 too if `centered`), and for each
/// row the factor that made them so.
struct Normalized {
  mlir::Value rows, factor;
  Normalized(Formula &f, mlir::Value x, double epsilon, bool centered);
};

/// What softmax_cross_entropy and its gradient share: `[hit]` marks each position's target among the classes, `valid`
/// the positions that count, `count` their number as a scalar of floating point, 1 if there is none.
struct CrossEntropyTargets {
  mlir::Value hit, valid, count;
  CrossEntropyTargets(Formula &f, SoftmaxCrossEntropyOp op);
};

} // namespace moru::graph

#endif // MORU_LIB_DIALECT_GRAPH_FORMULA_H
