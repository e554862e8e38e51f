// How near outputs are to what people wrote: BLEU, and how many are the same.

#ifndef MORU_DECODE_BLEU_H
#define MORU_DECODE_BLEU_H

#include "llvm/ADT/ArrayRef.h"

#include <array>
#include <cstdint>
#include <string>

namespace moru {

/// Corpus BLEU-4 with one reference (Papineni et al., 2002): clipped counts of runs of 1 to 4 tokens, summed over all
/// outputs, their geometric mean, and exp(1 - r / c) where the c tokens of the outputs are fewer than the r of the
/// references. No smoothing.
class Bleu {
public:
  void add(llvm::ArrayRef<std::string> output, llvm::ArrayRef<std::string> reference);
  /// In percent.
  double percent() const;
  /// The share of outputs that are equal to their reference, in percent.
  double exactPercent() const { return pairs ? 100.0 * double(exact) / double(pairs) : 0; }
  int64_t count() const { return pairs; }

private:
  static constexpr size_t kLongest = 4;
  std::array<int64_t, kLongest> matches{}, totals{};
  int64_t outputTokens = 0, referenceTokens = 0, pairs = 0, exact = 0;
};

} // namespace moru

#endif // MORU_DECODE_BLEU_H
