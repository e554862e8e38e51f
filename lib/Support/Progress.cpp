// The progress line: a carriage return, the text, and an erasure to the end of the line.

#include "moru/Support/Progress.h"

#include "moru/Support/Format.h"
#include "moru/Support/Unicode.h"

#include "llvm/Support/Process.h"

#include <algorithm>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace llvm;

namespace moru {

/// Often enough to look alive, seldom enough to cost nothing.
static constexpr std::chrono::milliseconds kInterval{100};

static constexpr StringRef kEraseLine = "\r\033[K";

bool isWatchedTerminal() {
  const char *kind = std::getenv("TERM");
  return sys::Process::StandardErrIsDisplayed() && kind && StringRef(kind) != "dumb";
}

static size_t terminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80; // what a terminal has that does not tell
}

/// The longest start of `text` that fits into `width` columns.
static StringRef cutToWidth(StringRef text, size_t width) {
  StringRef rest = text;
  while (!rest.empty()) {
    StringRef before = rest;
    takeCodePoint(rest);
    if (displayWidth(text.drop_back(rest.size())) > width)
      return text.drop_back(before.size());
  }
  return text;
}

ProgressLine::ProgressLine(raw_ostream &stream, bool shown) : stream(stream), shown(shown) {}

ProgressLine::~ProgressLine() { clear(); }

bool ProgressLine::isDue() const { return shown && std::chrono::steady_clock::now() >= due; }

void ProgressLine::update(StringRef text) {
  if (!isDue() || findInvalidUtf8(text))
    return;
  // The last column stays free: a terminal may wrap when it is written.
  stream << kEraseLine << cutToWidth(text, terminalWidth() - 1);
  stream.flush();
  visible = true;
  due = std::chrono::steady_clock::now() + kInterval;
}

void ProgressLine::clear() {
  if (!visible)
    return;
  stream << kEraseLine;
  stream.flush();
  visible = false;
  due = {};
}

void ProgressLine::finish(StringRef text) {
  clear();
  stream << text << '\n';
  stream.flush();
}

std::string formatBar(double done, double total, int width) {
  double part = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0.0;
  auto filled = size_t(part * width);
  return "[" + std::string(filled, '#') + std::string(size_t(width) - filled, '-') + "]";
}

} // namespace moru
