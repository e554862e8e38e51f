//===- moru-fuzz.cpp - compile random graphs and compare -------------------===//
// A campaign with a table at its end, or the check of one file.
//===----------------------------------------------------------------------===//

#include "moru/Check/Fuzz.h"
#include "moru/Support/Progress.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace moru;
using namespace moru::check;

static cl::OptionCategory category("Options of moru-fuzz");
static cl::opt<std::string> input(cl::Positional, cl::desc("[file.mlir: check this program and no random ones]"),
                                  cl::cat(category));
static cl::opt<int64_t> graphs("graphs", cl::desc("Number of graphs"), cl::init(1000), cl::cat(category));
static cl::opt<uint64_t> seed("seed", cl::desc("Seed of the first graph"), cl::init(0), cl::cat(category));
static cl::opt<std::string> cpu("cpu", cl::desc("What to compile for: native, x86-64-v3, x86-64-v4, …"),
                                cl::init("native"), cl::cat(category));
static cl::opt<int64_t> gradients("gradients", cl::desc("Only graphs that are differentiated so often: 0, 1, 2"),
                                  cl::init(-1), cl::cat(category));
static cl::opt<int64_t> nativeShare("native-share",
                                    cl::desc("Of every so many graphs one has its kernels checked alone; 0: none"),
                                    cl::init(8), cl::cat(category));
static cl::opt<std::string> outputFolder("output-dir", cl::desc("Where tests of failures go"), cl::init("."),
                                         cl::cat(category));
static cl::opt<bool> reduces("reduce", cl::desc("Make the tests of failures small"), cl::init(true), cl::cat(category));
static cl::opt<bool> prints("print", cl::desc("Print the graph with that seed and check nothing"), cl::cat(category));
static cl::opt<bool> asJson("json", cl::desc("Print the result as a line of JSON"), cl::cat(category));

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru-fuzz --graphs=20000 --cpu=x86-64-v3
  moru-fuzz --graphs=1 --seed=4711
  moru-fuzz fuzz-4711-9c2e.mlir
)";

static void printTable(const FuzzReport &report) {
  for (const auto &[name, count] : report.coverage)
    outs() << formatv("{0,-32} {1,8}\n", name, count);
  outs() << formatv("graphs: {0}, differentiated {1}, entries compared {2}, undecided {3} ({4:f2} %), operations never "
                    "generated {5}, failures {6}\n",
                    report.graphs, report.differentiated, report.tally.entries, report.tally.undecided,
                    100.0 * report.tally.undecided / std::max<int64_t>(report.tally.entries, 1),
                    report.missing().size(), report.failures.size());
}

static void printJson(const FuzzReport &report) {
  json::Object coverage;
  for (const auto &[name, count] : report.coverage)
    coverage[name] = count;
  json::Array failures;
  for (const FuzzFailure &failure : report.failures)
    failures.push_back(json::Object{{"seed", static_cast<int64_t>(failure.seed)},
                                    {"message", json::fixUTF8(failure.message)},
                                    {"path", failure.path}});
  outs() << json::Value(json::Object{{"graphs", report.graphs},
                                     {"differentiated", report.differentiated},
                                     {"entries", report.tally.entries},
                                     {"undecided", report.tally.undecided},
                                     {"operations", std::move(coverage)},
                                     {"failures", std::move(failures)}})
         << "\n";
}

/// Shows how far it is, and each failure once.
static std::function<void(const FuzzReport &)> makeProgress(ProgressLine &line) {
  return [&line, shown = size_t(0)](const FuzzReport &report) mutable {
    for (; shown != report.failures.size(); ++shown) {
      const FuzzFailure &failure = report.failures[shown];
      line.clear();
      WithColor::error() << "graph " << failure.seed << ": " << failure.message << "\n";
      if (!failure.path.empty())
        WithColor::note() << "see " << failure.path
                          << (failure.operations ? formatv(", {0} operations", failure.operations).str() : "") << "\n";
    }
    if (line.isDue())
      line.update(formatv("{0} {1} of {2} graphs, {3} failures", formatBar(report.graphs, graphs), report.graphs,
                          graphs.getValue(), report.failures.size())
                      .str());
  };
}

static int fail(const Twine &message) {
  WithColor::error() << message << "\n";
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::extrahelp examples(kExamples);
  cl::ParseCommandLineOptions(argc, argv, "Compiles random graphs and compares them with the Reference\n");
  Result<Target> target = Target::parse(cpu);
  if (!target)
    return fail("--cpu: " + target.message());
  FuzzOptions options;
  options.graphs = graphs;
  options.seed = seed;
  options.target = *target;
  options.nativeShare = nativeShare;
  options.outputFolder = outputFolder;
  if (reduces)
    options.toolFolder =
        sys::path::parent_path(sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&main))).str();
  if (gradients >= 0)
    options.gradients = gradients;
  if (prints) {
    printFuzzModule(outs(), options);
    return EXIT_SUCCESS;
  }
  if (!input.empty()) {
    Error error = fuzzFile(input, options);
    return error ? fail(toString(std::move(error))) : EXIT_SUCCESS;
  }
  ProgressLine line(errs());
  options.progress = makeProgress(line);
  FuzzReport report = fuzz(options);
  options.progress(report);
  line.clear();
  asJson ? printJson(report) : printTable(report);
  return report.failures.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}
