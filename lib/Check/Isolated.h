//===- Isolated.h - work that may crash -----------------------------*- C++ -*-===//
// Internal to lib/Check: a forked child that reports by lines of text.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_ISOLATED_H
#define MORU_LIB_CHECK_ISOLATED_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace moru::check {

/// How the work has ended.
struct IsolatedEnd {
  /// It has come to its end.
  bool finished = false;
  /// Otherwise: "signal 6 (Aborted)", and the last that it wrote to standard error.
  std::string reason;
};

/// For a child that may crash or never end: undoes what the compiler has put in place for its own crashes, and ends
/// this process after `seconds` of its own work. However busy the machine, that is the same amount of work. To be
/// called again when there is progress.
void limitChild(unsigned seconds);

/// How a child that was limited so has ended, by its wait status.
std::string describeEnd(int status, unsigned seconds);

/// Sends one line; the text has no line break.
using SendLine = llvm::function_ref<void(llvm::StringRef)>;

/// Runs `work` in a forked child, whose standard error is kept apart, and calls `receive` here with each line it sends.
/// A child that works for `seconds` and sends nothing is ended.
IsolatedEnd runIsolated(llvm::function_ref<void(SendLine)> work, llvm::function_ref<void(llvm::StringRef)> receive,
                        unsigned seconds);

} // namespace moru::check

#endif // MORU_LIB_CHECK_ISOLATED_H
