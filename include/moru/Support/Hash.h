// Checksums: xxh3 for what Moru wrote itself, CRC-32 where a format or a recipe asks for it.

#ifndef MORU_SUPPORT_HASH_H
#define MORU_SUPPORT_HASH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace moru {

/// xxh3 of 64 bits, as 16 hexadecimal digits.
std::string xxh3Hex(llvm::StringRef bytes);

/// CRC-32 (of zip and zlib); `previous` continues an earlier one.
uint32_t crc32(llvm::StringRef bytes, uint32_t previous = 0);

/// CRC-32 of ids as little-endian int32, one after the other.
uint32_t crc32OfIds(llvm::ArrayRef<int32_t> ids, uint32_t previous = 0);

/// Eight hexadecimal digits: `79b9ac4b`.
std::string crc32Hex(uint32_t checksum);

} // namespace moru

#endif // MORU_SUPPORT_HASH_H
