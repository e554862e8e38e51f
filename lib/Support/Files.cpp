// Files with POSIX calls where durability matters, LLVM's elsewhere.

#include "moru/Support/Files.h"

#include "moru/Support/MappedFiles.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

Error makeError(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

/// What a user can do about a reason, or nothing.
static StringRef adviceFor(std::error_code reason) {
  switch (reason.value()) {
  case ENOENT:
    return "; check the path, or create its folder first";
  case EACCES:
  case EPERM:
    return "; check the permissions of the file and of its folder";
  case EROFS:
    return "; choose a folder on a disk that can be written";
  case ENOSPC:
  case EDQUOT:
    return "; free some space or choose another folder; what was there before is unchanged";
  case EISDIR:
    return "; expected a file, got a folder";
  case ENOTDIR:
    return "; expected a folder, got a file";
  case ELOOP:
    return "; expected a file, got links that lead in a circle";
  case EFBIG:
    return "; raise the limit on the size of files (ulimit -f); what was there before is unchanged";
  default:
    return "";
  }
}

Error makeFileError(StringRef action, StringRef path, std::error_code reason) {
  return makeError("cannot " + action + " " + path + ": " + reason.message() + adviceFor(reason));
}

static std::error_code lastError() { return std::error_code(errno, std::generic_category()); }

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static Error makeSizeError(StringRef path, uint64_t limit, const Twine &size) {
  return makeError("cannot read " + path + ": expected at most " + Twine(limit) + " bytes, got " + size);
}

/// What a path leads to; an error for what cannot be read to its end.
static Error checkReadable(StringRef path, bool pipes, sys::fs::file_status &status) {
  using sys::fs::file_type;
  if (std::error_code reason = sys::fs::status(path, status))
    return makeFileError("read", path, reason);
  if (status.type() == file_type::directory_file)
    return makeFileError("read", path, std::make_error_code(std::errc::is_a_directory));
  if (status.type() == file_type::regular_file || (pipes && status.type() == file_type::fifo_file))
    return Error::success();
  StringRef got = status.type() == file_type::fifo_file ? "a pipe" : "a device or a socket";
  return makeError("cannot read " + path + ": expected a file, got " + got);
}

/// Reads to the end, or until there are more than `limit` bytes.
static Expected<std::string> readStream(int descriptor, StringRef path, uint64_t limit) {
  std::string contents;
  SmallVector<char, 0> chunk(1 << 16);
  while (true) {
    ssize_t count = sys::RetryAfterSignal(-1, ::read, descriptor, chunk.data(), chunk.size());
    if (count < 0)
      return makeFileError("read", path, lastError());
    if (count == 0)
      return contents;
    if (contents.size() + size_t(count) > limit)
      return makeSizeError(path, limit, "more");
    contents.append(chunk.data(), size_t(count));
  }
}

/// A pipe that nobody has open for writing must not keep the reader waiting.
static Expected<std::string> readPipe(StringRef path, uint64_t limit) {
  int descriptor = open(path.str().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0)
    return makeFileError("read", path, lastError());
  scope_exit closing([&] { close(descriptor); });
  fcntl(descriptor, F_SETFL, 0); // blocks from now on, while there is a writer
  Expected<std::string> contents = readStream(descriptor, path, limit);
  if (contents && contents->empty())
    return makeError("cannot read " + path + ": expected a file, got a pipe that nobody writes to");
  return contents;
}

Expected<std::string> readFile(StringRef path, uint64_t limit) {
  if (path == "-")
    return readStream(STDIN_FILENO, "standard input", limit);
  sys::fs::file_status status;
  if (Error error = checkReadable(path, /*pipes=*/true, status))
    return error;
  if (status.type() == sys::fs::file_type::fifo_file)
    return readPipe(path, limit);
  if (status.getSize() > limit)
    return makeSizeError(path, limit, Twine(status.getSize()));
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeFileError("read", path, buffer.getError());
  return (*buffer)->getBuffer().str();
}

Expected<std::unique_ptr<MemoryBuffer>> mapFile(StringRef path) {
  sys::fs::file_status status;
  if (Error error = checkReadable(path, /*pipes=*/false, status))
    return error;
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeFileError("read", path, buffer.getError());
  return noteMappedFile(std::move(*buffer));
}

//===----------------------------------------------------------------------===//
// Durable names
//===----------------------------------------------------------------------===//

namespace {

/// The temporary names of this process. The mutex is recursive since whoever holds it may be the one who finds no
/// memory, and then ends the program.
struct Temporaries {
  std::recursive_mutex mutex;
  std::map<std::string, TemporaryKind> paths;
};

} // namespace

/// Never destroyed: the thread that ends the program may need it last.
static Temporaries &temporaries() {
  static Temporaries &list = *new Temporaries;
  return list;
}

TemporariesLock::TemporariesLock() { temporaries().mutex.lock(); }
TemporariesLock::~TemporariesLock() { temporaries().mutex.unlock(); }

void noteTemporary(StringRef path, TemporaryKind kind) {
  TemporariesLock lock;
  temporaries().paths[path.str()] = kind;
}

void forgetTemporary(StringRef path) {
  TemporariesLock lock;
  temporaries().paths.erase(path.str());
}

void removeTemporaries() {
  temporaries().mutex.lock(); // for good: nobody begins anything more
  for (const auto &[path, kind] : temporaries().paths)
    if (kind == TemporaryKind::Tree && unlink(path.c_str()) != 0)
      sys::fs::remove_directories(path, /*IgnoreErrors=*/true);
  // Innermost first: a folder comes before those inside it.
  for (auto entry = temporaries().paths.rbegin(); entry != temporaries().paths.rend(); ++entry)
    if (entry->second == TemporaryKind::EmptyFolder)
      rmdir(entry->first.c_str());
}

static std::string folderOf(StringRef path) {
  StringRef folder = sys::path::parent_path(path);
  return folder.empty() ? "." : folder.str();
}

/// A hidden name beside `path` that no other writer uses: `.<name>.tmp-<process>-<number>`. The number starts at the
/// clock, since a killed process may have had our process number.
static std::string temporaryNameFor(StringRef path) {
  static std::atomic<uint64_t> count{uint64_t(std::chrono::system_clock::now().time_since_epoch().count())};
  SmallString<128> name(folderOf(path));
  sys::path::append(name, "." + sys::path::filename(path) + ".tmp-" + Twine(getpid()) + "-" + Twine(count++));
  return std::string(name);
}

/// The process that began a temporary name and the name that it was to become; nothing for other names.
static std::optional<std::pair<pid_t, StringRef>> writerOf(StringRef temporary) {
  auto [name, rest] = temporary.rsplit(".tmp-");
  pid_t process = 0;
  if (!name.consume_front(".") || rest.consumeInteger(10, process) || process <= 0)
    return std::nullopt;
  return std::pair(process, name);
}

/// Removes from a folder what killed writers of the names that `isMeant` left there.
static void removeLeftoversFrom(StringRef folder, function_ref<bool(StringRef name)> isMeant) {
  std::error_code ignored;
  for (sys::fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    auto writer = writerOf(sys::path::filename(entry->path()));
    if (writer && isMeant(writer->second) && kill(writer->first, 0) != 0 && errno == ESRCH)
      sys::fs::remove_directories(entry->path(), /*IgnoreErrors=*/true);
  }
}

void removeLeftovers(StringRef path) {
  removeLeftoversFrom(folderOf(path), [name = sys::path::filename(path)](StringRef other) { return other == name; });
}

void removeAllLeftovers(StringRef folder) {
  removeLeftoversFrom(folder, [](StringRef) { return true; });
}

Error syncFolder(StringRef path) {
  int descriptor = open(path.str().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return makeFileError("open", path, lastError());
  // Some file systems cannot sync a folder and say so; there is nothing to be done about it.
  int result = fsync(descriptor);
  std::error_code reason = lastError();
  close(descriptor);
  if (result != 0 && reason.value() != EINVAL && reason.value() != ENOTSUP)
    return makeFileError("sync", path, reason);
  return Error::success();
}

Error createFolder(StringRef path) {
  if (std::error_code reason = sys::fs::create_directories(path))
    return makeFileError("create the folder", path, reason);
  if (!sys::fs::is_directory(path))
    return makeFileError("create the folder", path, std::make_error_code(std::errc::not_a_directory));
  return Error::success();
}

/// Removes what has been noted, and forgets it.
static void removeTemporary(StringRef path) {
  TemporariesLock lock;
  if (unlink(path.str().c_str()) != 0)
    sys::fs::remove_directories(path, /*IgnoreErrors=*/true);
  forgetTemporary(path);
}

/// Renames `from`, which has been noted, to the name that it is for.
static bool settleTemporary(const std::string &from, StringRef to) {
  TemporariesLock lock;
  if (rename(from.c_str(), to.str().c_str()) != 0)
    return false;
  forgetTemporary(from);
  return true;
}

/// Notes a name under which `create` makes something, to be removed if the program ends early.
static bool beginTemporary(const std::string &path, function_ref<int()> create) {
  TemporariesLock lock;
  noteTemporary(path, TemporaryKind::Tree);
  if (create() >= 0)
    return true;
  std::error_code reason = lastError();
  forgetTemporary(path);
  errno = reason.value();
  return false;
}

Error removeFolder(StringRef path) {
  path = path.rtrim('/');
  std::string temporary = temporaryNameFor(path);
  if (!beginTemporary(temporary, [&] { return rename(path.str().c_str(), temporary.c_str()); }))
    return makeFileError("remove", path, lastError());
  scope_exit forgetting([&] { forgetTemporary(temporary); });
  if (std::error_code reason = sys::fs::remove_directories(temporary, /*IgnoreErrors=*/false))
    return makeFileError("remove", path, reason);
  return Error::success();
}

Error replaceLink(StringRef link, StringRef target) {
  removeLeftovers(link);
  std::string temporary = temporaryNameFor(link);
  if (!beginTemporary(temporary, [&] { return symlink(target.str().c_str(), temporary.c_str()); }))
    return makeFileError("create the link", link, lastError());
  if (!settleTemporary(temporary, link)) {
    std::error_code reason = lastError();
    removeTemporary(temporary);
    return makeFileError("replace the link", link, reason);
  }
  return syncFolder(folderOf(link));
}

//===----------------------------------------------------------------------===//
// Writing a file
//===----------------------------------------------------------------------===//

using Writer = function_ref<Error(raw_ostream &)>;

/// Runs the writer and reports its error, or else the stream's.
static Error writeTo(raw_fd_ostream &stream, StringRef path, Writer write) {
  Error error = write(stream);
  stream.flush();
  std::error_code reason = stream.error();
  stream.clear_error(); // else the destructor ends the program
  if (error)
    return error;
  return reason ? makeFileError("write", path, reason) : Error::success();
}

/// For what cannot be replaced by a rename: standard output, pipes, devices.
static Error writeDirectly(StringRef path, Writer write) {
  std::error_code reason;
  raw_fd_ostream stream(path, reason, sys::fs::OF_None);
  StringRef name = path == "-" ? "standard output" : path;
  if (reason)
    return makeFileError("write", name, reason);
  return writeTo(stream, name, write);
}

/// Fills a new file, down to the disk, and closes it.
static Error writeAndSync(int descriptor, StringRef path, Writer write) {
  scope_exit closing([&] { close(descriptor); });
  raw_fd_ostream stream(descriptor, /*shouldClose=*/false);
  if (Error error = writeTo(stream, path, write))
    return error;
  if (fsync(descriptor) != 0)
    return makeFileError("write", path, lastError());
  return Error::success();
}

/// Replaces the regular or missing file `path`.
static Error replaceFile(StringRef path, mode_t mode, Writer write) {
  removeLeftovers(path);
  std::string temporary = temporaryNameFor(path);
  int descriptor = -1;
  auto create = [&] { return descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode); };
  if (!beginTemporary(temporary, create))
    return makeFileError("write", path, lastError());
  scope_exit removing([&] { removeTemporary(temporary); });
  if (Error error = writeAndSync(descriptor, path, write))
    return error;
  if (!settleTemporary(temporary, path))
    return makeFileError("write", path, lastError());
  removing.release();
  return syncFolder(folderOf(path));
}

Error writeFile(StringRef path, Writer write) {
  if (path == "-")
    return writeDirectly(path, write);
  sys::fs::file_status status;
  if (sys::fs::status(path, status)) // no such file; another reason shows when it is created
    return replaceFile(path, 0666, write);
  if (status.type() == sys::fs::file_type::directory_file)
    return makeFileError("write", path, std::make_error_code(std::errc::is_a_directory));
  if (status.type() != sys::fs::file_type::regular_file)
    return writeDirectly(path, write);
  // A rename would replace a write-protected file all the same.
  if (faccessat(AT_FDCWD, path.str().c_str(), W_OK, AT_EACCESS) != 0)
    return makeFileError("write", path, lastError());
  SmallString<128> target;
  if (std::error_code reason = sys::fs::real_path(path, target))
    return makeFileError("write", path, reason);
  return replaceFile(target, mode_t(status.permissions()) & 0777, write);
}

Error writeFile(StringRef path, StringRef contents) {
  return writeFile(path, [&](raw_ostream &stream) {
    stream << contents;
    return Error::success();
  });
}

//===----------------------------------------------------------------------===//
// StagedFolder
//===----------------------------------------------------------------------===//

Expected<StagedFolder> StagedFolder::create(StringRef finalPath) {
  finalPath = finalPath.rtrim('/');
  if (Error error = createFolder(folderOf(finalPath)))
    return error;
  removeLeftovers(finalPath);
  std::string staged = temporaryNameFor(finalPath);
  if (!beginTemporary(staged, [&] { return mkdir(staged.c_str(), 0777); }))
    return makeFileError("create the folder", finalPath, lastError());
  return StagedFolder(std::move(staged), finalPath.str());
}

StagedFolder::StagedFolder(StagedFolder &&other) noexcept
    : stagedPath(std::exchange(other.stagedPath, {})), finalPath(std::move(other.finalPath)) {}

/// The staged folder, or what it has been exchanged for, is gone.
void StagedFolder::finish() {
  if (!stagedPath.empty())
    removeTemporary(std::exchange(stagedPath, {}));
}

StagedFolder::~StagedFolder() { finish(); }

/// Swaps two names in one step, so that neither is ever missing. False where the system cannot.
static bool exchangeNames(const std::string &a, const std::string &b) {
#if defined(__linux__) && defined(SYS_renameat2)
  constexpr unsigned kExchange = 2; // RENAME_EXCHANGE of the kernel's interface
  return syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), kExchange) == 0;
#else
  return false;
#endif
}

/// Puts a staged folder in its place, in one step if the system can. `staged` is then what was there before, or empty.
static bool takePlace(std::string &staged, const std::string &place) {
  TemporariesLock lock;
  bool exists = sys::fs::exists(place);
  if (exists && exchangeNames(staged, place))
    return true;
  if (exists)
    sys::fs::remove_directories(place, /*IgnoreErrors=*/true);
  if (!settleTemporary(staged, place))
    return false;
  staged.clear();
  return true;
}

Error StagedFolder::commit() {
  if (Error error = syncFolder(stagedPath))
    return error;
  if (!takePlace(stagedPath, finalPath))
    return makeFileError("create the folder", finalPath, lastError());
  return syncFolder(folderOf(finalPath));
}

} // namespace moru
