//===- Tiles.h - operands in tiles, plainly --------------------------*- C++ -*-===//
// What `#kernel.tiles` means, written and read entry by entry.
//===----------------------------------------------------------------------===//

#ifndef MORU_REFERENCE_TILES_H
#define MORU_REFERENCE_TILES_H

#include "moru/Dialect/Kernel/Kernel.h"

namespace moru::reference {

/// Writes a tensor of f32 in row-major order to `target`, a buffer of `type`; or the bits of one of bf16.
void packTiles(kernel::BufferType type, llvm::ArrayRef<float> entries, uint16_t *target);
void packTiles(kernel::BufferType type, llvm::ArrayRef<uint16_t> entries, uint16_t *target);

/// The tensor that `source` holds. Exact but for entries that are less than 2^-26 of another one in their column (with
/// two planes: 2^-17).
llvm::SmallVector<float> unpackTiles(kernel::BufferType type, const uint16_t *source);
/// The same for a tensor of bf16: its bits, exactly.
llvm::SmallVector<uint16_t> unpackBits(kernel::BufferType type, const uint16_t *source);

} // namespace moru::reference

#endif // MORU_REFERENCE_TILES_H
