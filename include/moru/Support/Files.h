// Reading files and writing them so that a reader sees the old contents or the new, never a part: a temporary name in
// the same folder, write, fsync, rename, fsync of the folder. Every error names the path and says what to do.

#ifndef MORU_SUPPORT_FILES_H
#define MORU_SUPPORT_FILES_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace moru {

/// An error that is only its message.
llvm::Error makeError(const llvm::Twine &message);

/// "cannot <action> <path>: <reason>", with advice for the reasons that a user can do something about.
llvm::Error makeFileError(llvm::StringRef action, llvm::StringRef path, std::error_code reason);

/// Largest file that `readFile` takes without being told otherwise. Texts and headers are far smaller; weights are
/// mapped.
constexpr uint64_t kMaxReadSize = uint64_t(4) << 30;

/// The contents of a file, a pipe that somebody writes to, or standard input (`-`). A folder, a device, a pipe without
/// a writer, or more than `limit` bytes are errors.
llvm::Expected<std::string> readFile(llvm::StringRef path, uint64_t limit = kMaxReadSize);

/// A regular file mapped into memory (a small one is read). The view lives as long as the buffer.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> mapFile(llvm::StringRef path);

/// Writes a file atomically and durably. `-` is standard output; what is no regular file (a pipe, /dev/null) is written
/// directly; a link to a file keeps being one. On an error the old file is unchanged and nothing is left behind.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef contents);
llvm::Error writeFile(llvm::StringRef path, llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write);

/// Creates a folder and its parents. One that is there already is fine.
llvm::Error createFolder(llvm::StringRef path);

/// Makes renames and new names in a folder durable.
llvm::Error syncFolder(llvm::StringRef path);

/// What is to be removed if the program must end before its writer is done with it.
enum class TemporaryKind { Tree, EmptyFolder };
void noteTemporary(llvm::StringRef path, TemporaryKind kind);
void forgetTemporary(llvm::StringRef path);

/// While one lives no other thread can remove temporaries: what is noted and created meanwhile, or renamed and
/// forgotten, is one step to `removeTemporaries`.
class TemporariesLock {
public:
  TemporariesLock();
  TemporariesLock(const TemporariesLock &) = delete;
  TemporariesLock &operator=(const TemporariesLock &) = delete;
  ~TemporariesLock();
};

/// Removes what writers at work have begun, from a thread that then ends the program: no writer begins anything more.
void removeTemporaries();

/// Removes what killed writers of the file or folder `path` left beside it. Writers do so themselves before they begin.
void removeLeftovers(llvm::StringRef path);

/// Removes what killed writers of whatever name left in a folder that only the caller writes to.
void removeAllLeftovers(llvm::StringRef folder);

/// Removes a folder with its contents; a reader finds it whole or not at all.
llvm::Error removeFolder(llvm::StringRef path);

/// Puts the symbolic link `link` -> `target` in place, replacing one that is there, atomically and durably.
llvm::Error replaceLink(llvm::StringRef link, llvm::StringRef target);

/// A folder under construction beside its final place. `commit` makes it durable and visible in one rename, replacing a
/// folder that is there; a folder that is not committed is removed with its contents.
class StagedFolder {
public:
  static llvm::Expected<StagedFolder> create(llvm::StringRef finalPath);
  StagedFolder(StagedFolder &&other) noexcept;
  StagedFolder &operator=(StagedFolder &&) = delete;
  ~StagedFolder();

  /// Where to write files until `commit`.
  llvm::StringRef path() const { return stagedPath; }
  llvm::Error commit();

private:
  void finish();
  StagedFolder(std::string stagedPath, std::string finalPath)
      : stagedPath(std::move(stagedPath)), finalPath(std::move(finalPath)) {}
  std::string stagedPath, finalPath;
};

} // namespace moru

#endif // MORU_SUPPORT_FILES_H
