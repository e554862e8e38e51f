//===- moru-opt.cpp - run passes and pipelines on a module ----------------===//
// Everything MlirOptMain gives, with Moru's dialects, passes, stages and checks. Upstream dialects: those that a stage
// emits.
//===----------------------------------------------------------------------===//

#include "moru/Check/Instrument.h"
#include "moru/Pipeline/Pipeline.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;

static llvm::cl::OptionCategory checkCategory("Checks", "The program is run after passes, and made wrong on purpose");
static llvm::cl::opt<std::string> check("check", llvm::cl::desc("each: run the program after every pass and compare"),
                                        llvm::cl::value_desc("each"), llvm::cl::cat(checkCategory));
static llvm::cl::opt<uint64_t> checkSeed("check-seed", llvm::cl::desc("Seed of the arguments that a check draws"),
                                         llvm::cl::init(1), llvm::cl::cat(checkCategory));
static llvm::cl::list<std::string> checkKinds("check-kinds", llvm::cl::CommaSeparated,
                                              llvm::cl::desc("Kinds of arguments that a check draws: ordinary, signed, "
                                                             "tiny, huge, non-finite, lone; all by default"),
                                              llvm::cl::value_desc("kinds"), llvm::cl::cat(checkCategory));
static llvm::cl::opt<std::string> inject("inject", llvm::cl::desc("Make the n-th mutation of a kind after a pass"),
                                         llvm::cl::value_desc("kind@pass#n"), llvm::cl::cat(checkCategory));
static llvm::cl::opt<int64_t> mutants("mutants", llvm::cl::desc("Try so many mutants and print which the checks catch"),
                                      llvm::cl::init(0), llvm::cl::cat(checkCategory));

static moru::check::InstrumentOptions instrumentOptions() {
  moru::check::InstrumentOptions options;
  // A mutant is told from a right program by the checks.
  options.checkEach = check == "each" || mutants > 0;
  options.check.seed = checkSeed;
  options.inject = inject;
  if (!checkKinds.empty())
    options.check.kinds.clear();
  for (const std::string &name : checkKinds)
    options.check.kinds.push_back(*moru::check::parseInputKind(name));
  options.mutants = mutants;
  return options;
}

static int fail(const llvm::Twine &message) {
  llvm::WithColor::error() << message << "\n";
  return EXIT_FAILURE;
}

/// MlirOptMain with the checks added to the pass manager.
static int runWithChecks(llvm::StringRef input, llvm::StringRef output, DialectRegistry &registry) {
  MlirOptMainConfig base = MlirOptMainConfig::createFromCLOptions(), config = base;
  config.setPassPipelineSetupFn([base](PassManager &manager) {
    if (failed(base.setupPassPipeline(manager)))
      return failure();
    return moru::check::instrument(manager, instrumentOptions());
  });
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> source = openInputFile(input, &error);
  if (!source)
    return fail(error);
  std::unique_ptr<llvm::ToolOutputFile> target = openOutputFile(output, &error);
  if (!target)
    return fail(error);
  if (failed(MlirOptMain(target->os(), std::move(source), registry, config)))
    return EXIT_FAILURE;
  target->keep();
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  moru::registerDialects(registry);
  moru::registerPasses();
  moru::registerPipelines();
  registerCanonicalizerPass();
  registerCSEPass();
  registerInlinerPass();
  registerStripDebugInfoPass();
  registerSymbolDCEPass();
  auto [input, output] = registerAndParseCLIOptions(argc, argv, "Moru optimizer driver\n", registry);
  if (!check.empty() && check != "each")
    return fail("--check: expected 'each', got '" + check + "'");
  for (const std::string &name : checkKinds)
    if (!moru::check::parseInputKind(name))
      return fail("--check-kinds: expected ordinary, signed, tiny, huge, non-finite or lone, got '" + name + "'");
  moru::check::InstrumentOptions options = instrumentOptions();
  if (!options.checkEach && options.inject.empty() && options.mutants == 0)
    return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));
  return runWithChecks(input, output, registry);
}
