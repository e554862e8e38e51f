// The lock is flock(2) on the file; its contents only say who has it.

#include "moru/Support/FolderLock.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace llvm;

namespace moru {

/// The folders that are missing on the way to `path`, itself included, innermost first.
static std::vector<std::string> missingFolders(StringRef path) {
  std::vector<std::string> missing;
  for (path = path.size() > 1 ? path.rtrim('/') : path; !path.empty() && !sys::fs::exists(path);
       path = sys::path::parent_path(path))
    missing.push_back(path.str());
  return missing;
}

/// The process that a lock's file names, or "another process".
static std::string holderOf(int descriptor) {
  char text[32];
  ssize_t length = pread(descriptor, text, sizeof text, 0);
  StringRef number = StringRef(text, length > 0 ? size_t(length) : 0).trim();
  return number.empty() ? "another process" : ("process " + number).str();
}

/// Whether the name still leads to the open file: its former holder removes it.
static bool isStillThere(int descriptor, const std::string &file) {
  struct stat open, named;
  return fstat(descriptor, &open) == 0 && stat(file.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

Error FolderLock::lock(StringRef folder) {
  while (true) {
    // A writer before us may remove the folder that it created and left empty.
    if (Error error = createFolder(folder))
      return error;
    descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor < 0 && errno == ENOENT)
      continue;
    if (descriptor < 0)
      return makeFileError("write to", folder, std::error_code(errno, std::generic_category()));
    // A file system without locks gives no protection, and no reason to refuse.
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      std::string holder = holderOf(descriptor);
      close(std::exchange(descriptor, -1));
      return makeError(folder + ": expected a folder that nobody else writes to, got one that " + holder +
                       " is writing to; wait for it to end, or choose another folder");
    }
    if (isStillThere(descriptor, file))
      return Error::success();
    close(descriptor);
  }
}

Expected<FolderLock> FolderLock::acquire(StringRef folder) {
  TemporariesLock noRemoval;
  FolderLock lock((folder + "/.lock").str(), missingFolders(folder));
  for (const std::string &missing : lock.created)
    noteTemporary(missing, TemporaryKind::EmptyFolder);
  if (Error error = lock.lock(folder))
    return error;
  noteTemporary(lock.file, TemporaryKind::Tree);
  std::string process = std::to_string(getpid()) + "\n";
  // Who holds the lock is a courtesy: a full disk is no reason to go without it.
  if (ftruncate(lock.descriptor, 0) != 0 || pwrite(lock.descriptor, process.data(), process.size(), 0) < 0)
    errno = 0;
  return lock;
}

FolderLock::FolderLock(FolderLock &&other) noexcept
    : file(std::exchange(other.file, {})), created(std::exchange(other.created, {})),
      descriptor(std::exchange(other.descriptor, -1)) {}

FolderLock::~FolderLock() {
  TemporariesLock noRemoval;
  if (descriptor >= 0) {
    unlink(file.c_str()); // before the lock is free: nobody else holds the name
    forgetTemporary(file);
    close(descriptor);
  }
  for (const std::string &folder : created) {
    rmdir(folder.c_str()); // fails where something was written
    forgetTemporary(folder);
  }
}

} // namespace moru
