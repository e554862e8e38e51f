// Lines of JSON that survive a killed run.

#include "moru/Train/Metrics.h"

#include "moru/Support/Files.h"
#include "moru/Support/Json.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include <cerrno>
#include <cmath>
#include <fcntl.h>
#include <unistd.h>

using namespace llvm;

namespace moru {

/// Bytes of the lines whose step is at most `step`; the first line that is torn or later ends them.
static size_t findEnd(StringRef text, int64_t step) {
  size_t end = 0;
  while (end < text.size()) {
    size_t newline = text.find('\n', end);
    if (newline == StringRef::npos)
      break;
    Expected<json::Value> line = parseJson(text.slice(end, newline), "");
    if (!line) {
      consumeError(line.takeError());
      break;
    }
    const json::Object *object = line->getAsObject();
    std::optional<int64_t> number = object ? object->getInteger("step") : std::nullopt;
    if (!number || *number > step)
      break;
    end = newline + 1;
  }
  return end;
}

json::Value toJsonNumber(double value) { return std::isfinite(value) ? json::Value(value) : json::Value(nullptr); }

Expected<MetricsFile> MetricsFile::open(StringRef path, int64_t step) {
  std::string kept;
  if (step > 0 && sys::fs::exists(path)) {
    Expected<std::string> text = readFile(path);
    if (!text)
      return text.takeError();
    kept = text->substr(0, findEnd(*text, step));
  }
  if (Error error = writeFile(path, kept))
    return error;
  int descriptor = ::open(path.str().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0)
    return makeFileError("append to", path, std::error_code(errno, std::generic_category()));
  return MetricsFile(path.str(), Stream(new raw_fd_ostream(descriptor, /*shouldClose=*/false), Closer{descriptor}));
}

void MetricsFile::Closer::operator()(raw_fd_ostream *stream) const {
  stream->flush();
  stream->clear_error(); // else the destructor ends the program
  delete stream;
  close(descriptor);
}

void MetricsFile::add(json::Object line) { *stream << json::Value(std::move(line)) << "\n"; }

Error MetricsFile::flush() {
  stream->flush();
  if (!stream->has_error() && fsync(stream.get_deleter().descriptor) == 0)
    return Error::success();
  if (!stream->has_error())
    return makeFileError("write to", path, std::error_code(errno, std::generic_category()));
  std::error_code reason = stream->error();
  stream->clear_error();
  return makeFileError("write to", path, reason);
}

} // namespace moru
