// The cache of objects on disk.

#include "moru/Compiler/ObjectCache.h"

#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"

#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <dlfcn.h>

using namespace llvm;

namespace moru {
namespace {

/// Digits of the checksum in front of an object.
constexpr size_t kChecksumDigits = 16;

/// A day's work on several models; an LSTM's training step takes about 200 kB.
constexpr uint64_t kMaxCacheBytes = uint64_t(1) << 30;

/// A checksum of the library or program that holds this very function: what the compiler's version would only promise.
std::string hashOfCompiler() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<void *>(&hashOfCompiler), &info) || !info.dli_fname)
    return "";
  Expected<std::unique_ptr<MemoryBuffer>> file = mapFile(info.dli_fname);
  if (!file) {
    consumeError(file.takeError());
    return "";
  }
  return xxh3Hex((*file)->getBuffer());
}

StringRef compilerIdentity() {
  static const std::string identity = hashOfCompiler();
  return identity;
}

} // namespace

std::optional<ObjectCache> ObjectCache::ofUser() {
  SmallString<128> folder;
  if (compilerIdentity().empty() || !sys::path::cache_directory(folder))
    return std::nullopt;
  sys::path::append(folder, "moru");
  return ObjectCache(std::string(folder));
}

std::string ObjectCache::key(const Module &module, const Target &target, CodeQuality quality) {
  std::string text;
  raw_string_ostream out(text);
  out << compilerIdentity() << '\n'
      << LLVM_VERSION_STRING << '\n'
      << target.key() << '\n'
      << target.tuneCpu() << '\n'
      << int(quality) << '\n';
  WriteBitcodeToFile(module, out);
  // Twice, over different texts: 64 bits alone are few where a collision means wrong code.
  std::string first = xxh3Hex(text);
  return first + xxh3Hex(first + text);
}

/// The name that LLVM's pruning looks for.
static SmallString<128> pathOf(StringRef folder, StringRef key) {
  SmallString<128> path(folder);
  sys::path::append(path, "llvmcache-" + key);
  return path;
}

std::optional<std::string> ObjectCache::find(StringRef key) const {
  SmallString<128> path = pathOf(folder, key);
  if (!sys::fs::exists(path))
    return std::nullopt;
  Expected<std::string> contents = readFile(path);
  if (!contents) {
    consumeError(contents.takeError());
    return std::nullopt;
  }
  StringRef checksum = StringRef(*contents).take_front(kChecksumDigits),
            object = StringRef(*contents).drop_front(checksum.size());
  if (checksum != xxh3Hex(object))
    return std::nullopt;
  return object.str();
}

void ObjectCache::store(StringRef key, StringRef object) const {
  if (Error error = createFolder(folder))
    return consumeError(std::move(error));
  if (Error error = writeFile(pathOf(folder, key), xxh3Hex(object) + object.str()))
    return consumeError(std::move(error));
  CachePruningPolicy policy;
  policy.MaxSizeBytes = kMaxCacheBytes;
  pruneCache(folder, policy);
}

} // namespace moru
