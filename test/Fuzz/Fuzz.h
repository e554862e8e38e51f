// What the fuzz targets share. A target is one function from bytes to nothing: whatever the bytes are, it returns, and
// what it accepts has the properties that the readers promise.

#ifndef MORU_TEST_FUZZ_FUZZ_H
#define MORU_TEST_FUZZ_FUZZ_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace moru::fuzz {

/// Ends the program, which is how a target fails, unless a promise holds.
inline void require(bool holds, const char *promise) {
  if (holds)
    return;
  llvm::errs() << "broken promise: " << promise << "\n";
  std::abort();
}

/// The message of an error, which must say something.
inline void consume(llvm::Error error) { require(!llvm::toString(std::move(error)).empty(), "errors have messages"); }

inline llvm::StringRef asText(const uint8_t *data, size_t size) {
  return llvm::StringRef(reinterpret_cast<const char *>(data), size);
}

} // namespace moru::fuzz

#endif // MORU_TEST_FUZZ_FUZZ_H
