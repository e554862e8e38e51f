//===- RandomGraph.h - well-typed random graphs ------------------*- C++ -*-===//
// Functions of the graph dialect from a seed: every operation on operands that it accepts, drawn from what was computed
// before. The same seed and options give the same program; with a smaller size, a program with fewer operations.
// Operations are rows of one table, RandomOperations.cpp.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_RANDOMGRAPH_H
#define MORU_CHECK_RANDOMGRAPH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace moru::check {

/// What a graph may hold.
struct RandomGraphOptions {
  uint64_t seed = 0;
  /// Operations at the top, before those that make shapes fit.
  int64_t size = 10;
  /// The element types of floating-point values, the most frequent first; empty: f32.
  llvm::SmallVector<mlir::Type> floatTypes = {};
  /// i64 beside i32.
  bool wideIntegers = false;
  /// How often the results are differentiated with respect to the arguments.
  int64_t gradients = 0;
  /// Results that replace arguments.
  bool donated = true;
  /// Functions with poles get operands that may come near them.
  bool wild = false;
  /// Axes without entries.
  bool emptyAxes = false;
  /// Axes have up to this many entries, tensors at most `maxEntries`: small ones are fast and find what is wrong in the
  /// structure, large ones fill vectors and tiles.
  int64_t maxAxis = 6, maxEntries = 240;
};

/// The options of the graph with number `seed` of a campaign: of all kinds, small ones more often.
RandomGraphOptions drawGraphOptions(mlir::MLIRContext *context, uint64_t seed);

/// Adds a function to `module`. Its arguments are called `<name>_a0`, …, its results `<name>_r0`, …
mlir::func::FuncOp addRandomFunction(mlir::ModuleOp module, llvm::StringRef name, const RandomGraphOptions &options);

/// Names of the operations that a graph may hold: those of at least that weight in the table. The weight 0 is that of
/// an operation for which there is no kernel yet.
llvm::SmallVector<llvm::StringRef> generatedOperations(int64_t minWeight = 1);

} // namespace moru::check

#endif // MORU_CHECK_RANDOMGRAPH_H
