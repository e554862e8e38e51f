// How well a model predicts a text: the mean of -log p over ids, each predicted from all before it.

#ifndef MORU_TRAIN_EVALUATE_H
#define MORU_TRAIN_EVALUATE_H

#include "moru/Compiler/Executable.h"
#include "moru/Data/Corpus.h"
#include "moru/Data/PairCorpus.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace moru {

/// Sums over predictions.
struct Evaluation {
  /// Sum of -log p, in nats.
  double nats = 0;
  int64_t predictions = 0;

  double natsPerToken() const { return predictions ? nats / double(predictions) : 0; }
  double perplexity() const;
  /// `{"nats_per_token", "perplexity", "predictions"}`.
  llvm::json::Object toObject() const;
};

/// Called now and then with the number of predictions so far.
using EvaluateProgress = llvm::function_ref<void(const Evaluation &)>;

/// Predicts every id but the first of one sequence, from a state of zeros, by calls of `eval_step` with a batch of 1.
llvm::Expected<Evaluation> evaluateStream(
    Executable &executable, llvm::ArrayRef<int32_t> ids, EvaluateProgress progress = [](const Evaluation &) {});
/// The same for sentences, each from a state of zeros.
llvm::Expected<Evaluation> evaluateSentences(
    Executable &executable, llvm::ArrayRef<Sentence> sentences, EvaluateProgress progress = [](const Evaluation &) {});

/// The same for the targets of pairs, in batches of the size that `eval_step` has.
llvm::Expected<Evaluation> evaluatePairs(
    Executable &executable, llvm::ArrayRef<IdPair> pairs, EvaluateProgress progress = [](const Evaluation &) {});

} // namespace moru

#endif // MORU_TRAIN_EVALUATE_H
