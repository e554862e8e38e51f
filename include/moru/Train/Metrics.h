// The course of a training run as lines of JSON, one per step. Nothing in it depends on time, so that a run that was
// interrupted and resumed leaves the same file as one that was left alone.

#ifndef MORU_TRAIN_METRICS_H
#define MORU_TRAIN_METRICS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace moru {

/// A number, or null where JSON has none for it.
llvm::json::Value toJsonNumber(double value);

/// A file that only grows. Each line is an object with a number "step".
class MetricsFile {
public:
  /// Opens the file for more lines after those of steps up to `step`; what comes after them is cut off.
  static llvm::Expected<MetricsFile> open(llvm::StringRef path, int64_t step);

  void add(llvm::json::Object line);
  /// Hands all lines to the system, and to the disk, before a checkpoint relies on them.
  llvm::Error flush();

private:
  /// Closes the file; lines that were not flushed and cannot be written are lost, which is no reason to end the
  /// program.
  struct Closer {
    int descriptor = -1;
    void operator()(llvm::raw_fd_ostream *stream) const;
  };
  using Stream = std::unique_ptr<llvm::raw_fd_ostream, Closer>;

  MetricsFile(std::string path, Stream stream) : path(std::move(path)), stream(std::move(stream)) {}
  std::string path;
  Stream stream;
};

} // namespace moru

#endif // MORU_TRAIN_METRICS_H
