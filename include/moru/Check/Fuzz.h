//===- Fuzz.h - compiles random graphs and compares ------------------*- C++ -*-===//
// A campaign over the graphs of consecutive seeds. Each is checked in a child process, so a crash of the compiler is
// one failure among others; each failure leaves a test (Reproducer.h).
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_FUZZ_H
#define MORU_CHECK_FUZZ_H

#include "moru/Check/CheckCompiled.h"

#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace moru::check {

/// Which graphs, and how.
struct FuzzOptions {
  int64_t graphs = 1000;
  /// The seed of the first graph; the others follow.
  uint64_t seed = 0;
  Target target = Target::host();
  /// Only graphs that are differentiated so often; otherwise of all kinds.
  std::optional<int64_t> gradients;
  /// Of every so many graphs one has its kernels checked alone too, which costs as much as all the rest.
  int64_t nativeShare = 8;
  /// Where tests of failures go.
  std::string outputFolder = ".";
  /// Where moru-fuzz lies, which `moru-reduce` needs to make failures small; empty: they stay as they are.
  std::string toolFolder;
  /// Called with each result, in order.
  std::function<void(const struct FuzzReport &)> progress;
};

/// One graph that failed.
struct FuzzFailure {
  uint64_t seed;
  std::string message;
  /// The test; empty where it could not be written.
  std::string path;
  /// Operations that are left of it, where it was reduced.
  int64_t operations = 0;
};

/// What has happened so far.
struct FuzzReport {
  int64_t graphs = 0, differentiated = 0;
  Tally tally;
  /// How many graphs hold each operation; every operation of the table has an entry.
  std::map<std::string, int64_t> coverage;
  std::vector<FuzzFailure> failures;

  /// Operations that no graph held.
  std::vector<std::string> missing() const;
};

/// The module of graph `seed`: one function or two, verified.
mlir::OwningOpRef<mlir::ModuleOp> makeFuzzModule(mlir::MLIRContext *context, uint64_t seed, const FuzzOptions &options);

/// Prints the module of the graph with the first seed.
void printFuzzModule(llvm::raw_ostream &stream, const FuzzOptions &options);

/// How that graph is checked.
CompiledCheckOptions makeFuzzCheck(uint64_t seed, const FuzzOptions &options);

/// Runs a campaign.
FuzzReport fuzz(const FuzzOptions &options);

/// Checks the program of a file (stage graph) as one graph of a campaign; success, or what is wrong.
llvm::Error fuzzFile(llvm::StringRef path, const FuzzOptions &options);

} // namespace moru::check

#endif // MORU_CHECK_FUZZ_H
