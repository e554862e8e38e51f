// Reads the signature of a program from the functions of a module.

#ifndef MORU_COMPILER_READSIGNATURE_H
#define MORU_COMPILER_READSIGNATURE_H

#include "moru/Compiler/Signature.h"

#include "mlir/IR/BuiltinOps.h"

namespace moru {

/// The public functions of a module of the `graph` stages (tensors) or the `kernel` and `loops` stages (buffers), from
/// the attributes `graph.name`, `graph.role`, `graph.donated`, `kernel.updated` and `kernel.arena`; an argument without
/// them is an input `argN`, a result without them is `resultN`. From buffers, the results that are donated come first.
/// Emits errors at the function: dynamic shapes, other types, two values of one name, a donation that does not fit its
/// argument.
mlir::FailureOr<ProgramSignature> readSignature(mlir::ModuleOp module);

} // namespace moru

#endif // MORU_COMPILER_READSIGNATURE_H
