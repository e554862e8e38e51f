// The choice of the next id from the logits of a step: the likeliest, or one drawn by Philox.

#ifndef MORU_DECODE_SAMPLER_H
#define MORU_DECODE_SAMPLER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <vector>

namespace moru {

struct SamplingOptions {
  /// Divides the logits before the softmax; 0: always the likeliest id.
  double temperature = 1;
  /// Only the k likeliest ids; 0: all.
  int64_t topK = 0;
  /// Only the likeliest ids whose probabilities together first reach this; 1: all.
  double topP = 1;
  uint64_t seed = 1;
};

/// Fails for values out of bounds.
llvm::Error checkSampling(const SamplingOptions &options);

/// An id with its probability under the model (temperature 1, nothing left out).
struct Candidate {
  int32_t id = 0;
  double probability = 0;
};

/// Chooses ids. The n-th choice depends on seed, n and the logits alone.
class Sampler {
public:
  /// `banned` ids are never chosen.
  explicit Sampler(const SamplingOptions &options, std::vector<int32_t> banned = {})
      : options(options), banned(std::move(banned)) {}

  /// The n-th call makes the n-th choice. Ties: the lower id.
  Candidate choose(llvm::ArrayRef<float> logits);

private:
  SamplingOptions options;
  std::vector<int32_t> banned;
  uint32_t choices = 0;
};

/// softmax in f64.
std::vector<double> softmax(llvm::ArrayRef<float> logits, double temperature = 1);

/// The `count` likeliest ids, the likeliest first; ties: the lower id.
std::vector<Candidate> likeliest(llvm::ArrayRef<double> probabilities, size_t count);

} // namespace moru

#endif // MORU_DECODE_SAMPLER_H
