//===- PaddedRows.h - rows that end in zeros -------------------------------===//
// What graph-to-kernel tells kernel-to-loops of the rows of an operand.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_PADDEDROWS_H
#define MORU_DIALECT_KERNEL_PADDEDROWS_H

#include "llvm/ADT/StringRef.h"

namespace moru::kernel {

/// On a contraction on matrix units whose lhs is a slice of longer rows: they end in zeros up to a whole block of K, so
/// that blocks can be read where they lie.
inline constexpr llvm::StringLiteral kPaddedRowsAttr = "kernel.padded_rows";

} // namespace moru::kernel

#endif // MORU_DIALECT_KERNEL_PADDEDROWS_H
