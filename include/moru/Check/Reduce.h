//===- Reduce.h - makes a failing program small ----------------------*- C++ -*-===//
// Delta debugging with a check as its criterion: the command of a test (Reproducer.h) is run on ever smaller programs,
// and those that fail in the same way are kept. The same file gives the same result.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_REDUCE_H
#define MORU_CHECK_REDUCE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <string>

namespace moru::check {

/// How long to try.
struct ReduceOptions {
  /// Runs of the command, at most.
  int64_t maxRuns = 4000;
  /// Where the tools lie that a command names; those of PATH are taken otherwise.
  std::string toolFolder;
  /// Called after each run.
  std::function<void(int64_t operations, int64_t runs)> progress;
};

/// What has become of a program.
struct Reduction {
  /// The test: the command, what is wrong, the program.
  std::string text;
  /// What the command says of it, one line.
  std::string message;
  /// Operations of the program, before and after, and how often the command was run.
  int64_t before = 0, after = 0, runs = 0;
};

/// Reduces the test at `path`. Fails where it has no command, or the command does not fail on it.
llvm::Expected<Reduction> reduce(llvm::StringRef path, const ReduceOptions &options);

} // namespace moru::check

#endif // MORU_CHECK_REDUCE_H
