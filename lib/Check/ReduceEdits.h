//===- ReduceEdits.h - steps that make a program smaller --------------*- C++ -*-===//
// Internal to lib/Check. Each edit works on a copy of the program and says whether it has changed anything; what does
// not verify after it is dropped.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_REDUCEEDITS_H
#define MORU_LIB_CHECK_REDUCEEDITS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace moru::check {

/// Operations that compute something, outermost first: neither functions nor terminators.
std::vector<mlir::Operation *> computingOperations(mlir::ModuleOp module);

/// Erases what has no use: operations, and arguments of functions but for donated ones.
void eraseUnused(mlir::ModuleOp module);

/// Erases the results [first, last) of a function.
bool eraseResults(mlir::func::FuncOp function, unsigned first, unsigned last);

/// Makes `op` of the outermost block give the only results of its function.
bool returnOnly(mlir::Operation *op);

/// Replaces the results of `op`: by operand number `choice` where it has the type, otherwise by a constant.
bool replaceResults(mlir::Operation *op, unsigned choice);

/// Loop edits: a carried value that stays its first value, an output that is not made, a loop of one step.
bool dropCarry(mlir::Operation *scan, unsigned index);
bool dropOutputs(mlir::Operation *scan);

/// Every axis of `from` entries gets `to`, constants and fixed inputs are cut.
void resizeAxes(mlir::ModuleOp module, int64_t from, int64_t to);
/// The sizes of axes that occur, the largest first.
std::vector<int64_t> axisSizes(mlir::ModuleOp module);

/// Dense attributes with entries of their own, constants and fixed inputs, as places to simplify: gives entry `index`
/// one value all over (0, 1, or its first). False where there is no such place.
bool simplifyNumbers(mlir::ModuleOp module, unsigned index, unsigned choice);
unsigned countNumbers(mlir::ModuleOp module);

/// Removes names, roles and donations that a function does not need.
void dropAttributes(mlir::ModuleOp module);

} // namespace moru::check

#endif // MORU_LIB_CHECK_REDUCEEDITS_H
