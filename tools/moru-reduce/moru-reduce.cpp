//===- moru-reduce.cpp - make a failing program small -----------------------===//
// Reads a test whose command fails, writes one that is as small as it gets and fails in the same way.
//===----------------------------------------------------------------------===//

#include "moru/Check/Reduce.h"
#include "moru/Support/Files.h"
#include "moru/Support/Progress.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace moru;

static cl::OptionCategory category("Options of moru-reduce");
static cl::opt<std::string> input(cl::Positional, cl::Required, cl::desc("test.mlir"), cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("The file to write; by default test.reduced.mlir beside the test"),
                                   cl::value_desc("file"), cl::cat(category));
static cl::opt<int64_t> maxRuns("max-runs", cl::desc("Run the command so often at most"), cl::init(4000),
                                cl::cat(category));

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru-reduce moru-check-5c0f2a9d1e3b4871.mlir
  moru-reduce fuzz-4711-9c2e.mlir -o test/Dialect/Graph/folds-zero.mlir
)";

static int fail(Error error) {
  WithColor::error() << toString(std::move(error)) << "\n";
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::extrahelp examples(kExamples);
  cl::ParseCommandLineOptions(argc, argv, "Makes a failing test small, with its command as the criterion\n");
  std::string path = output;
  if (path.empty())
    path = StringRef(input).rsplit(".mlir").first.str() + ".reduced.mlir";
  ProgressLine line(errs());
  check::ReduceOptions options;
  options.maxRuns = maxRuns;
  options.toolFolder =
      sys::path::parent_path(sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&main))).str();
  options.progress = [&](int64_t operations, int64_t runs) {
    if (line.isDue())
      line.update(formatv("{0} operations after {1} runs", operations, runs).str());
  };
  Expected<check::Reduction> reduction = check::reduce(input, options);
  line.clear();
  if (!reduction)
    return fail(reduction.takeError());
  if (Error error = writeFile(path, reduction->text))
    return fail(std::move(error));
  outs() << formatv("{0}: {1} of {2} operations left after {3} runs: {4}\n", path, reduction->after, reduction->before,
                    reduction->runs, reduction->message);
  return EXIT_SUCCESS;
}
