// Checksums by LLVM's implementations.

#include "moru/Support/Hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/xxhash.h"

#include <bit>

using namespace llvm;

static_assert(std::endian::native == std::endian::little, "ids are hashed as they lie in memory");

std::string moru::xxh3Hex(StringRef bytes) { return utohexstr(xxh3_64bits(bytes), /*LowerCase=*/true, /*Width=*/16); }

uint32_t moru::crc32(StringRef bytes, uint32_t previous) { return llvm::crc32(previous, arrayRefFromStringRef(bytes)); }

uint32_t moru::crc32OfIds(ArrayRef<int32_t> ids, uint32_t previous) {
  return crc32(StringRef(reinterpret_cast<const char *>(ids.data()), ids.size() * sizeof(int32_t)), previous);
}

std::string moru::crc32Hex(uint32_t checksum) { return utohexstr(checksum, /*LowerCase=*/true, /*Width=*/8); }
