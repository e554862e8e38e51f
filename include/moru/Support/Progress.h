// One line on a terminal that is written over and over; nothing at all where nobody watches.

#ifndef MORU_SUPPORT_PROGRESS_H
#define MORU_SUPPORT_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <string>

namespace moru {

/// True if standard error is a terminal that a person can watch (not `TERM=dumb`).
bool isWatchedTerminal();

/// Shows the latest of a stream of texts, at most ten times a second, cut to the terminal's width.
class ProgressLine {
public:
  explicit ProgressLine(llvm::raw_ostream &stream, bool shown = isWatchedTerminal());
  /// Erases what is still shown.
  ~ProgressLine();
  ProgressLine(const ProgressLine &) = delete;
  ProgressLine &operator=(const ProgressLine &) = delete;

  /// Whether composing a text for `update` is worth while now; false where nothing is shown.
  bool isDue() const;
  /// Shows `text` in place of the last one, if it is due.
  void update(llvm::StringRef text);
  /// Erases the line, so that other output can be printed; the next `update` shows it again.
  void clear();
  /// Leaves `text` standing as an ordinary line, also where updates are not shown.
  void finish(llvm::StringRef text);

private:
  llvm::raw_ostream &stream;
  bool shown;
  bool visible = false;
  std::chrono::steady_clock::time_point due;
};

/// `[#####-----]` of `width` cells, filled to `done` of `total`.
std::string formatBar(double done, double total, int width = 20);

} // namespace moru

#endif // MORU_SUPPORT_PROGRESS_H
