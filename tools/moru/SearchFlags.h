// Options of the subcommands that search for outputs.

#ifndef MORU_TOOLS_MORU_SEARCHFLAGS_H
#define MORU_TOOLS_MORU_SEARCHFLAGS_H

#include "moru/DSL/Model.h"
#include "moru/Decode/BeamSearch.h"

#include "llvm/Support/CommandLine.h"

namespace moru {

/// `--beam`, `--length-penalty`, `--max-tokens`, `--max-source`.
struct SearchFlags {
  explicit SearchFlags(llvm::cl::SubCommand &sub)
      : beam("beam", llvm::cl::desc("Outputs kept at each step; 1: always the likeliest token (default: 1)"),
             llvm::cl::init(1), llvm::cl::sub(sub)),
        maxTokens("max-tokens", llvm::cl::desc("Most tokens of an output, its end included (default: 100)"),
                  llvm::cl::init(100), llvm::cl::sub(sub)),
        maxSource("max-source", llvm::cl::desc("Most tokens of a source, its end included (default: 128)"),
                  llvm::cl::init(128), llvm::cl::sub(sub)),
        lengthPenalty("length-penalty",
                      llvm::cl::desc("Divide the score of n tokens by ((5 + n) / 6)^alpha (default: 0)"),
                      llvm::cl::value_desc("alpha"), llvm::cl::init(0), llvm::cl::sub(sub)) {}

  SearchOptions get() const { return {.beam = beam, .lengthPenalty = lengthPenalty, .maxTokens = maxTokens}; }
  /// What to compile for it.
  EncoderDecoderOptions build() const {
    return {.sourceTime = std::max<int64_t>(maxSource, 1),
            .functions = {"encode", "decode_step"},
            .decodeBatch = beam,
            .decodeTime = maxTokens + 1};
  }

  llvm::cl::opt<long> beam, maxTokens, maxSource;
  llvm::cl::opt<double> lengthPenalty;
};

} // namespace moru

#endif // MORU_TOOLS_MORU_SEARCHFLAGS_H
