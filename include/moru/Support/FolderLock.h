// One writer for a folder: a file `.lock` in it that the kernel keeps locked as long as its process lives. The lock of
// a process that was killed is free by itself.

#ifndef MORU_SUPPORT_FOLDERLOCK_H
#define MORU_SUPPORT_FOLDERLOCK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace moru {

/// A folder that no other process writes to while this lives.
class FolderLock {
public:
  /// Creates the folder if it is missing, and locks it. The error names the process that has it locked.
  static llvm::Expected<FolderLock> acquire(llvm::StringRef folder);
  FolderLock(FolderLock &&other) noexcept;
  FolderLock &operator=(FolderLock &&) = delete;
  /// Unlocks the folder; folders that were created and are still empty go again.
  ~FolderLock();

private:
  FolderLock(std::string file, std::vector<std::string> created) : file(std::move(file)), created(std::move(created)) {}
  llvm::Error lock(llvm::StringRef folder);

  std::string file;
  std::vector<std::string> created;
  int descriptor = -1;
};

} // namespace moru

#endif // MORU_SUPPORT_FOLDERLOCK_H
