// Sampling with temperature, top-k and top-p.

#include "moru/Decode/Sampler.h"

#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Support/Philox.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;

namespace moru {

/// Philox's stream of sampling, apart from those of parameters (their places) and of batches.
static constexpr uint32_t kSamplingStream = 0xD5A3;

Error checkSampling(const SamplingOptions &options) {
  if (!(options.temperature >= 0 && options.temperature <= 100))
    return makeError("--temperature: expected a number from 0 (always the likeliest) to 100, got " +
                     formatNumber(options.temperature));
  if (options.topK < 0)
    return makeError("--top-k: expected a number of ids, or 0 for all, got " + Twine(options.topK));
  if (!(options.topP > 0 && options.topP <= 1))
    return makeError("--top-p: expected a probability above 0 and at most 1, got " + formatNumber(options.topP));
  return Error::success();
}

std::vector<double> softmax(ArrayRef<float> logits, double temperature) {
  double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> values(logits.size());
  double sum = 0;
  for (auto [value, logit] : zip_equal(values, logits))
    sum += value = std::exp((double(logit) - top) / temperature);
  for (double &value : values)
    value /= sum;
  return values;
}

std::vector<Candidate> likeliest(ArrayRef<double> probabilities, size_t count) {
  std::vector<int32_t> ids(probabilities.size());
  std::iota(ids.begin(), ids.end(), 0);
  count = std::min(count, ids.size());
  auto isBefore = [&](int32_t a, int32_t b) {
    return probabilities[size_t(a)] != probabilities[size_t(b)] ? probabilities[size_t(a)] > probabilities[size_t(b)]
                                                                : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + ptrdiff_t(count), ids.end(), isBefore);
  std::vector<Candidate> list;
  for (int32_t id : ArrayRef(ids).take_front(count))
    list.push_back({id, probabilities[size_t(id)]});
  return list;
}

/// The ids that may be drawn, the likeliest first, with their shares; not yet normalized.
static std::vector<Candidate> shortlist(ArrayRef<double> shares, const SamplingOptions &options) {
  size_t most = options.topK ? size_t(options.topK) : shares.size();
  std::vector<Candidate> list = likeliest(shares, most);
  double sum = 0, all = 0;
  for (const Candidate &candidate : list)
    all += candidate.probability;
  for (size_t i = 0; i < list.size(); ++i)
    if ((sum += list[i].probability) >= options.topP * all) {
      list.resize(i + 1);
      break;
    }
  return list;
}

Candidate Sampler::choose(ArrayRef<float> logits) {
  std::vector<double> probabilities = softmax(logits);
  bool greedy = options.temperature == 0;
  std::vector<double> shares = greedy ? probabilities : softmax(logits, options.temperature);
  for (int32_t id : banned)
    if (size_t(id) < shares.size())
      shares[size_t(id)] = 0;
  uint32_t number = choices++;
  if (greedy) {
    int32_t id = likeliest(shares, 1).front().id;
    return {id, probabilities[size_t(id)]};
  }
  std::vector<Candidate> list = shortlist(shares, options);
  double sum = 0;
  for (const Candidate &candidate : list)
    sum += candidate.probability;
  double point = sum * double(philoxUniform(options.seed, kSamplingStream, number, 0));
  for (const Candidate &candidate : list)
    if ((point -= candidate.probability) < 0)
      return {candidate.id, probabilities[size_t(candidate.id)]};
  return {list.back().id, probabilities[size_t(list.back().id)]};
}

} // namespace moru
