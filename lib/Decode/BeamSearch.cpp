// Greedy and beam search. Log-probabilities are computed in f64, so that sums of many differ by rounding of the logits
// alone.

#include "moru/Decode/BeamSearch.h"

#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>

using namespace llvm;

namespace moru {

Error checkSearch(const SearchOptions &options) {
  // Each row has a copy of the state.
  constexpr int64_t kMaxBeam = 1024;
  if (options.beam < 1 || options.beam > kMaxBeam)
    return makeError("--beam: expected a number from 1 to " + Twine(kMaxBeam) + ", got " + Twine(options.beam));
  if (options.maxTokens < 1)
    return makeError("--max-tokens: expected a number from 1 on, got " + Twine(options.maxTokens));
  if (!(options.lengthPenalty >= 0 && options.lengthPenalty < 100))
    return makeError("--length-penalty: expected a number from 0 on, got " + formatNumber(options.lengthPenalty));
  return Error::success();
}

/// log(sum(e^x)) of a row.
static double logSumExp(ArrayRef<float> row) {
  double largest = *std::max_element(row.begin(), row.end()), sum = 0;
  for (float logit : row)
    sum += std::exp(double(logit) - largest);
  return largest + std::log(sum);
}

static double penalty(size_t length, double alpha) { return std::pow((5 + double(length)) / 6, alpha); }

static Error checkLogits(ArrayRef<float> logits) {
  if (all_of(logits, [](float logit) { return !std::isnan(logit); }))
    return Error::success();
  return makeError("the model predicts no number (NaN); are its weights damaged?");
}

namespace {

/// An extension of hypothesis number `parent` by an id.
struct Extension {
  double total;
  int32_t parent, id;
  /// What comes first is better.
  bool operator<(const Extension &other) const {
    if (total != other.total)
      return total > other.total;
    return parent != other.parent ? parent < other.parent : id < other.id;
  }
};

class BeamSearch {
public:
  BeamSearch(const SearchOptions &options, AdvanceRows advance) : options(options), advance(advance) {}
  Expected<std::vector<Hypothesis>> run(ArrayRef<int32_t> start);

private:
  Error feed(ArrayRef<int32_t> ids, ArrayRef<int32_t> parents);
  ArrayRef<float> row(size_t index) const { return logits.slice(index * width, width); }
  std::vector<Extension> bestExtensions() const;
  Hypothesis extend(const Extension &extension) const;
  /// One step: which hypotheses are alive, and from which each comes.
  std::vector<int32_t> step();
  bool isDecided() const;
  std::vector<Hypothesis> result();

  const SearchOptions &options;
  AdvanceRows advance;
  std::vector<Hypothesis> alive, finished;
  ArrayRef<float> logits;
  size_t width = 0;
};

} // namespace

Error BeamSearch::feed(ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) {
  if (Error error = advance(ids, parents).moveInto(logits))
    return error;
  width = logits.size() / parents.size();
  return checkLogits(logits);
}

std::vector<Extension> BeamSearch::bestExtensions() const {
  std::vector<Extension> extensions;
  extensions.reserve(alive.size() * width);
  for (auto [parent, hypothesis] : enumerate(alive)) {
    double normalizer = logSumExp(row(parent));
    for (auto [id, logit] : enumerate(row(parent)))
      extensions.push_back({hypothesis.logProbability + (double(logit) - normalizer), int32_t(parent), int32_t(id)});
  }
  size_t kept = std::min(extensions.size(), size_t(2 * options.beam));
  std::partial_sort(extensions.begin(), extensions.begin() + ptrdiff_t(kept), extensions.end());
  extensions.resize(kept);
  return extensions;
}

Hypothesis BeamSearch::extend(const Extension &extension) const {
  Hypothesis hypothesis = alive[extension.parent];
  hypothesis.ids.push_back(extension.id);
  hypothesis.logProbabilities.push_back(extension.total - hypothesis.logProbability);
  hypothesis.logProbability = extension.total;
  hypothesis.score = extension.total / penalty(hypothesis.ids.size(), options.lengthPenalty);
  hypothesis.ended = extension.id == options.endId;
  return hypothesis;
}

std::vector<int32_t> BeamSearch::step() {
  std::vector<Hypothesis> next;
  std::vector<int32_t> parents;
  for (const Extension &extension : bestExtensions()) {
    if (extension.id == options.endId) {
      finished.push_back(extend(extension));
    } else if (next.size() < size_t(options.beam)) {
      next.push_back(extend(extension));
      parents.push_back(extension.parent);
    }
  }
  alive = std::move(next);
  return parents;
}

/// The best first; of two alike the one that came first.
static void sortByScore(std::vector<Hypothesis> &list) {
  std::vector<Hypothesis> sorted;
  auto better = [](const Hypothesis &a, const Hypothesis &b) { return a.score > b.score; };
  for (Hypothesis &one : list)
    sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), one, better), std::move(one));
  list = std::move(sorted);
}

/// Whether `beam` are finished that are at least as good as anything alive can become: a sum only falls, and its
/// penalty is greatest at the end.
bool BeamSearch::isDecided() const {
  if (alive.empty())
    return true;
  double hope = alive.front().logProbability / penalty(size_t(options.maxTokens), options.lengthPenalty);
  return count_if(finished, [&](const Hypothesis &one) { return one.score >= hope; }) >= options.beam;
}

std::vector<Hypothesis> BeamSearch::result() {
  sortByScore(finished);
  sortByScore(alive);
  for (Hypothesis &hypothesis : alive)
    finished.push_back(std::move(hypothesis));
  finished.resize(std::min(finished.size(), size_t(options.beam)));
  return std::move(finished);
}

Expected<std::vector<Hypothesis>> BeamSearch::run(ArrayRef<int32_t> start) {
  std::vector<int32_t> parents(options.beam);
  for (int32_t id : start)
    if (Error error = feed(std::vector<int32_t>(options.beam, id), parents))
      return std::move(error);
  alive = {Hypothesis()};
  for (int64_t length = 1;; ++length) {
    parents = step();
    if (length == options.maxTokens || isDecided())
      return result();
    std::vector<int32_t> ids;
    for (const Hypothesis &hypothesis : alive)
      ids.push_back(hypothesis.ids.back());
    // Rows without a hypothesis do what the first one does.
    ids.resize(options.beam, ids.front());
    parents.resize(options.beam, parents.front());
    if (Error error = feed(ids, parents))
      return std::move(error);
  }
}

Expected<std::vector<Hypothesis>> searchBeam(ArrayRef<int32_t> start, const SearchOptions &options,
                                             AdvanceRows advance) {
  assert(options.beam >= 1 && options.maxTokens >= 1 && !start.empty() && "checked by the caller");
  return BeamSearch(options, advance).run(start);
}

Expected<Hypothesis> searchGreedily(ArrayRef<int32_t> start, const SearchOptions &options, AdvanceRows advance) {
  assert(options.maxTokens >= 1 && !start.empty() && "checked by the caller");
  const int32_t kOnlyRow = 0;
  ArrayRef<float> logits;
  for (int32_t id : start)
    if (Error error = advance(id, kOnlyRow).moveInto(logits))
      return std::move(error);
  Hypothesis result;
  while (true) {
    if (Error error = checkLogits(logits))
      return std::move(error);
    auto best = int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
    result.ids.push_back(best);
    result.logProbabilities.push_back(double(logits[best]) - logSumExp(logits));
    result.logProbability += result.logProbabilities.back();
    result.ended = best == options.endId;
    if (result.ended || int64_t(result.ids.size()) == options.maxTokens)
      break;
    if (Error error = advance(best, kOnlyRow).moveInto(logits))
      return std::move(error);
  }
  result.score = result.logProbability / penalty(result.ids.size(), options.lengthPenalty);
  return result;
}

} // namespace moru
