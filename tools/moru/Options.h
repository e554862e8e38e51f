// Options that several subcommands take, declared once.

#ifndef MORU_TOOLS_MORU_OPTIONS_H
#define MORU_TOOLS_MORU_OPTIONS_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Data/Checkpoint.h"
#include "moru/Data/PairCorpus.h"
#include "moru/Decode/BeamSearch.h"
#include "moru/Train/Optimizers.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

#include <string>

namespace moru {

namespace cl = llvm::cl;

/// `--model=libmine.so`.
struct PluginOptions {
  explicit PluginOptions(cl::SubCommand &sub);
  /// Makes the models of all plug-ins known.
  llvm::Error load() const;
  cl::list<std::string> libraries;
};

/// `--cpu`, `--precision`, `--threads`, `--residuals`, `--memory-budget`, `--check=each`, `--dump-stages`.
struct TargetOptions {
  explicit TargetOptions(cl::SubCommand &sub);
  llvm::Expected<CompileOptions> get() const;
  cl::opt<std::string> cpu, precision;
  cl::opt<int> threads;
  cl::opt<std::string> residuals, memoryBudget, check, dumpStages;
};

/// `--optimizer` and what belongs to it.
struct OptimizerFlags {
  explicit OptimizerFlags(cl::SubCommand &sub);
  /// Changes in `options` what was given on the command line.
  void apply(OptimizerOptions &options) const;
  cl::opt<std::string> kind;
  cl::opt<double> learningRate, momentum, beta1, beta2, epsilon, weightDecay, clip;
  cl::opt<std::string> schedule;
  cl::opt<long> warmup;
};

/// The model and tokenizer of a checkpoint, without the optimizer; prints its warnings. Fails where there is no
/// tokenizer.
llvm::Expected<Checkpoint> loadForUse(const std::string &path);
/// What every command begins with that runs a checkpoint: how to compile its model, and the checkpoint itself.
struct CheckpointInUse {
  CompileOptions options;
  Checkpoint checkpoint;

  /// Loads the plug-ins first, whose model it may be.
  static llvm::Expected<CheckpointInUse> open(const PluginOptions &plugins, const TargetOptions &target,
                                              const std::string &path);
};
/// What a search found, for --json.
llvm::json::Object toObject(llvm::StringRef text, const Hypothesis &hypothesis, const Tokenizer &tokenizer);
/// `--n-best` of a search.
llvm::Error checkBestCount(int64_t nBest, const SearchOptions &search);
/// The tokenizers of both sides; fails where the checkpoint is not one of an encoder and decoder.
llvm::Expected<PairTokenizers> pairTokenizersOf(const Checkpoint &checkpoint);

/// Sets `target` if the option was given.
template <typename Option, typename T> void applyIfGiven(const Option &option, T &target) {
  if (option.getNumOccurrences())
    target = T(option.getValue());
}

} // namespace moru

#endif // MORU_TOOLS_MORU_OPTIONS_H
