// Results of earlier compilations on disk. An entry is found by what it was made from and by whom, so a stale one is
// impossible; it is written under a temporary name and renamed, and carries a checksum.

#ifndef MORU_COMPILER_OBJECTCACHE_H
#define MORU_COMPILER_OBJECTCACHE_H

#include "moru/Compiler/CompileOptions.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace moru {

/// A folder of objects. Nothing here fails: what cannot be read or written is not in the cache.
class ObjectCache {
public:
  /// The user's: `$XDG_CACHE_HOME/moru`, else `~/.cache/moru`; no cache where there is neither.
  static std::optional<ObjectCache> ofUser();
  explicit ObjectCache(std::string folder) : folder(std::move(folder)) {}

  /// The key of what is made from `source`: bitcode or bytecode, before anything is done with it. The target and the
  /// quality belong to it, and the identity of the library that this code lies in.
  static std::string key(llvm::StringRef source, const Target &target, CodeQuality quality);

  std::optional<std::string> find(llvm::StringRef key) const;
  /// Stores what was made and drops the oldest ones beyond a gigabyte.
  void store(llvm::StringRef key, llvm::StringRef object) const;

private:
  std::string folder;
};

} // namespace moru

#endif // MORU_COMPILER_OBJECTCACHE_H
