// The cache of objects on disk.

#include "moru/Compiler/ObjectCache.h"

#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstring>
#include <link.h>

using namespace llvm;

namespace moru {
namespace {

/// Digits of the checksum in front of an object.
constexpr size_t kChecksumDigits = 16;

/// A day's work on several models; an LSTM's training step takes about 200 kB.
constexpr uint64_t kMaxCacheBytes = uint64_t(1) << 30;

/// The linker's note of what it has linked, from the bytes of the notes of a library in memory; empty: none.
StringRef findBuildId(StringRef notes) {
  auto aligned = [](uint32_t size) { return size_t(alignTo(size, 4)); };
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof note);
    size_t begin = sizeof note + aligned(note.n_namesz), end = begin + aligned(note.n_descsz);
    if (end > notes.size())
      break;
    if (note.n_type == NT_GNU_BUILD_ID)
      return notes.substr(begin, note.n_descsz);
    notes = notes.drop_front(end);
  }
  return "";
}

/// What identifies the contents of the library or program that holds this very function, which the compiler's version
/// would only promise: its build id, found without reading the file.
std::string identityOfCompiler() {
  std::string identity;
  auto visit = [](dl_phdr_info *info, size_t, void *result) {
    auto contains = [&](const void *address) {
      return any_of(ArrayRef(info->dlpi_phdr, info->dlpi_phnum), [&](const ElfW(Phdr) & header) {
        return header.p_type == PT_LOAD && uintptr_t(address) - (info->dlpi_addr + header.p_vaddr) < header.p_memsz;
      });
    };
    if (!contains(reinterpret_cast<const void *>(&identityOfCompiler)))
      return 0;
    for (const ElfW(Phdr) &header : ArrayRef(info->dlpi_phdr, info->dlpi_phnum))
      if (header.p_type == PT_NOTE)
        if (StringRef id = findBuildId(
                StringRef(reinterpret_cast<const char *>(info->dlpi_addr + header.p_vaddr), header.p_memsz));
            !id.empty())
          *static_cast<std::string *>(result) = toHex(id);
    return 1;
  };
  dl_iterate_phdr(visit, &identity);
  return identity;
}

StringRef compilerIdentity() {
  static const std::string identity = identityOfCompiler();
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

std::string ObjectCache::key(StringRef source, const Target &target, CodeQuality quality) {
  std::string text;
  raw_string_ostream out(text);
  out << compilerIdentity() << '\n'
      << LLVM_VERSION_STRING << '\n'
      << target.key() << '\n'
      << target.tuneCpu() << '\n'
      << int(quality) << '\n'
      << source;
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
