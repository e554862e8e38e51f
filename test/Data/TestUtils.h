// What the tests of Data share: a temporary folder, error messages, tensors of every type, damaged copies.

#ifndef MORU_TEST_DATA_TESTUTILS_H
#define MORU_TEST_DATA_TESTUTILS_H

#include "moru/Support/Files.h"
#include "moru/Support/HostTensor.h"
#include "moru/Support/Philox.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <string>
#include <vector>

namespace moru::test {

/// A fixture with a folder that is gone afterwards.
class FolderTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("moru-data", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string at(llvm::StringRef name) const { return (folder + "/" + name).str(); }
  /// Writes a file of the folder and returns its path.
  std::string put(llvm::StringRef name, llvm::StringRef contents) const {
    llvm::cantFail(writeFile(at(name), contents));
    return at(name);
  }
  llvm::SmallString<128> folder;
};

/// A path in the folder of shared data, or "" where there is none.
inline std::string sharedData(llvm::StringRef name) {
  const char *folder = std::getenv("MORU_DATA_DIR");
  std::string path = folder ? (llvm::Twine(folder) + "/" + name).str() : "";
  return llvm::sys::fs::exists(path) ? path : "";
}

/// The message of what should have failed; "" if it did not.
template <typename T> std::string messageOf(llvm::Expected<T> result) {
  return result ? std::string() : llvm::toString(result.takeError());
}
inline std::string messageOf(llvm::Error error) { return error ? llvm::toString(std::move(error)) : std::string(); }

inline bool contains(llvm::StringRef text, llvm::StringRef part) { return text.contains(part); }

constexpr ElementType kAllTypes[] = {ElementType::F32, ElementType::F64, ElementType::BF16, ElementType::F16,
                                     ElementType::I64, ElementType::I32, ElementType::I16,  ElementType::I8,
                                     ElementType::U8,  ElementType::I1};

/// A tensor of random bytes that are valid for its type.
inline HostTensor randomTensor(ElementType type, Shape shape, uint64_t seed) {
  HostTensor tensor(type, std::move(shape));
  auto *bytes = static_cast<uint8_t *>(tensor.bytes());
  for (size_t i = 0; i < tensor.sizeInBytes(); ++i)
    bytes[i] = uint8_t(philoxBits(seed, 0, 0, i)) & (type == ElementType::I1 ? 1 : 255);
  return tensor;
}

/// Calls `read` with every proper start of `bytes`, and with `rounds` copies that have random bytes changed.
template <typename Read> void damage(const std::string &bytes, int rounds, Read read) {
  for (size_t size = 0; size < bytes.size(); ++size)
    read(llvm::StringRef(std::string(bytes, 0, size)), /*truncated=*/true);
  for (int round = 0; round < rounds; ++round) {
    std::string copy = bytes;
    for (uint32_t change = 0; change <= philoxBits(round, 1, 0, 0) % 4; ++change)
      copy[philoxBits(round, 2, change, 0) % copy.size()] = char(philoxBits(round, 3, change, 0));
    read(llvm::StringRef(copy), /*truncated=*/false);
  }
}

} // namespace moru::test

#endif // MORU_TEST_DATA_TESTUTILS_H
