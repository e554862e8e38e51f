// The likeliest outputs of a model: greedy, and beam search. They know nothing of models, only how to go on by an id.

#ifndef MORU_DECODE_BEAMSEARCH_H
#define MORU_DECODE_BEAMSEARCH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <vector>

namespace moru {

/// Ids that were put out, the end id too, with the logarithm of the probability of each.
struct Hypothesis {
  std::vector<int32_t> ids;
  std::vector<double> logProbabilities;
  /// Their sum, and the sum divided by the length penalty.
  double logProbability = 0, score = 0;
  /// The last id is the end.
  bool ended = false;
};

struct SearchOptions {
  /// Hypotheses that are kept alive, and returned at most.
  int64_t beam = 4;
  /// alpha of the penalty ((5 + n) / 6)^alpha by which the score of n ids is divided; 0: none. At least 0.
  double lengthPenalty = 0;
  /// Most ids, the end id included; at least 1.
  int64_t maxTokens = 100;
  int32_t endId = 0;
};

/// Fails for values out of bounds.
llvm::Error checkSearch(const SearchOptions &options);

/// Makes row i go on from what row `parents[i]` is, with `ids[i]`; there are as many rows as `parents`. Returns the
/// logits of all rows, [rows, vocabulary], valid until the next call.
using AdvanceRows = llvm::function_ref<llvm::Expected<llvm::ArrayRef<float>>(llvm::ArrayRef<int32_t> ids,
                                                                             llvm::ArrayRef<int32_t> parents)>;

/// The likeliest id at each step, the lower of two alike, until the end. `start` [at least one id] is read first and
/// not put out. One row.
llvm::Expected<Hypothesis> searchGreedily(llvm::ArrayRef<int32_t> start, const SearchOptions &options,
                                          AdvanceRows advance);

/// Beam search with `beam` rows. At each step the best 2 beam extensions of the hypotheses alive are gone through from
/// the best (ties: the earlier hypothesis, then the lower id): one that ends is finished, the others are alive until
/// there are `beam`. Returns the best `beam` finished ones by score (ties: what finished first), and if there are fewer
/// those alive after them. It ends early where nothing alive can change that.
llvm::Expected<std::vector<Hypothesis>> searchBeam(llvm::ArrayRef<int32_t> start, const SearchOptions &options,
                                                   AdvanceRows advance);

} // namespace moru

#endif // MORU_DECODE_BEAMSEARCH_H
