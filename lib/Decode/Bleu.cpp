// BLEU.

#include "moru/Decode/Bleu.h"

#include <cmath>
#include <map>
#include <vector>

using namespace llvm;

namespace moru {

using RunCounts = std::map<std::vector<std::string>, int64_t>;

/// How often each run of `length` tokens occurs.
static RunCounts countRuns(ArrayRef<std::string> tokens, size_t length) {
  RunCounts counts;
  for (size_t begin = 0; begin + length <= tokens.size(); ++begin)
    ++counts[tokens.slice(begin, length).vec()];
  return counts;
}

void Bleu::add(ArrayRef<std::string> output, ArrayRef<std::string> reference) {
  for (size_t length = 1; length <= kLongest; ++length) {
    RunCounts wanted = countRuns(reference, length);
    for (const auto &[run, count] : countRuns(output, length)) {
      auto found = wanted.find(run);
      matches[length - 1] += found == wanted.end() ? 0 : std::min(count, found->second);
      totals[length - 1] += count;
    }
  }
  outputTokens += int64_t(output.size());
  referenceTokens += int64_t(reference.size());
  ++pairs;
  exact += output == reference;
}

double Bleu::percent() const {
  double sum = 0;
  for (size_t i = 0; i < kLongest; ++i) {
    if (matches[i] == 0)
      return 0;
    sum += std::log(double(matches[i]) / double(totals[i])) / kLongest;
  }
  return 100 * std::exp(std::min(0.0, 1 - double(referenceTokens) / double(outputTokens)) + sum);
}

} // namespace moru
