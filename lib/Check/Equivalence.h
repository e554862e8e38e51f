//===- Equivalence.h - programs that compute the same -------------*- C++ -*-===//
// Internal to lib/Check. Whether it can be proved that a change of a program is none: then no check could find it.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_EQUIVALENCE_H
#define MORU_LIB_CHECK_EQUIVALENCE_H

#include "Run.h"

namespace moru::check {

/// What the launches of a function mean.
using FindMeanings = llvm::function_ref<Meanings(mlir::func::FuncOp)>;

/// Whether two forms of a module or function compute the same for all arguments, as far as it can be proved: functions
/// of graph operations, kernels or launches give the same terms (Symbolic.h), all others the same machine code, which
/// LLVM has optimized. `finite`: for arguments of which nothing infinite and no NaN is computed.
bool areEquivalent(mlir::Operation *program, mlir::Operation *other, FindMeanings findMeanings, bool finite = false);

} // namespace moru::check

#endif // MORU_LIB_CHECK_EQUIVALENCE_H
