// Sequences cut into the steps that `eval_step` takes.

#include "moru/Train/Evaluate.h"

#include "moru/DSL/Model.h"
#include "moru/Data/PairBatches.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"
#include "moru/Train/Metrics.h"

#include <cmath>

using namespace llvm;

namespace moru {

double Evaluation::perplexity() const { return std::exp(natsPerToken()); }

json::Object Evaluation::toObject() const {
  return json::Object{{"nats_per_token", toJsonNumber(natsPerToken())},
                      {"perplexity", toJsonNumber(perplexity())},
                      {"predictions", predictions}};
}

/// The shape of an input of `eval_step`.
static Expected<Shape> shapeOfInput(const Executable &executable, StringRef name) {
  const FunctionSignature *function = executable.signature().find("eval_step");
  if (!function)
    return makeError("the program has no function eval_step");
  for (const ArgumentSignature &argument : function->arguments)
    if (argument.name == name)
      return argument.shape;
  return makeError("eval_step: expected an input \"" + name + "\", there is none");
}

namespace {

/// Feeds sequences to `eval_step`.
class Evaluator {
public:
  Evaluator(Executable &executable, int64_t time)
      : executable(executable), ids(ElementType::I32, {1, time}), targets(ElementType::I32, {1, time}) {}

  static Expected<Evaluator> create(Executable &executable) {
    Expected<Shape> shape = shapeOfInput(executable, "ids");
    if (!shape)
      return shape.takeError();
    return Evaluator(executable, shape->back());
  }

  Error add(ArrayRef<int32_t> sequence, EvaluateProgress progress) {
    clearState(executable, kEvalState);
    for (size_t begin = 0; begin + 1 < sequence.size(); begin += size_t(ids.dim(1))) {
      if (Error error = step(sequence.drop_front(begin)))
        return error;
      progress(sum);
    }
    return Error::success();
  }

  Evaluation sum;

private:
  Error step(ArrayRef<int32_t> rest) {
    for (size_t i = 0, n = size_t(ids.dim(1)); i < n; ++i) {
      bool counts = i + 1 < rest.size();
      ids.data<int32_t>()[i] = counts ? rest[i] : 0;
      targets.data<int32_t>()[i] = counts ? rest[i + 1] : kIgnoredTarget;
    }
    Outputs outputs = executable.run("eval_step", {{"ids", ids}, {"targets", targets}});
    if (!outputs)
      return makeError(outputs.message());
    sum.nats += outputs.scalar("nll");
    sum.predictions += int64_t(outputs.scalar("count"));
    return Error::success();
  }

  Executable &executable;
  HostTensor ids, targets;
};

} // namespace

Expected<Evaluation> evaluateStream(Executable &executable, ArrayRef<int32_t> ids, EvaluateProgress progress) {
  Expected<Evaluator> evaluator = Evaluator::create(executable);
  if (!evaluator)
    return evaluator.takeError();
  if (Error error = evaluator->add(ids, progress))
    return error;
  return evaluator->sum;
}

Expected<Evaluation> evaluateSentences(Executable &executable, ArrayRef<Sentence> sentences,
                                       EvaluateProgress progress) {
  Expected<Evaluator> evaluator = Evaluator::create(executable);
  if (!evaluator)
    return evaluator.takeError();
  for (const Sentence &sentence : sentences)
    if (Error error = evaluator->add(sentence, progress))
      return error;
  return evaluator->sum;
}

Expected<Evaluation> evaluatePairs(Executable &executable, ArrayRef<IdPair> pairs, EvaluateProgress progress) {
  Expected<Shape> source = shapeOfInput(executable, "src"), target = shapeOfInput(executable, "tgt_in");
  if (!source || !target)
    return joinErrors(source.takeError(), target.takeError());
  PairLengths size{source->back(), target->back()}, longest = longestOf(pairs);
  if (!longest.fitInto(size))
    return makeError("expected pairs of at most " + Twine(size.source) + " and " + Twine(size.target) +
                     " ids, got some of " + Twine(longest.source) + " and " + Twine(longest.target));
  Evaluation sum;
  PairBatch batch;
  auto rows = size_t(source->front());
  for (ArrayRef<IdPair> rest = pairs; !rest.empty(); rest = rest.drop_front(std::min(rest.size(), rows))) {
    std::vector<const IdPair *> list;
    for (const IdPair &pair : rest.take_front(std::min(rest.size(), rows)))
      list.push_back(&pair);
    batch.fill(list, int64_t(rows), size);
    Outputs outputs = executable.run(
        "eval_step",
        {{"src", batch.source}, {"src_len", batch.lengths}, {"tgt_in", batch.inputs}, {"tgt_out", batch.targets}});
    if (!outputs)
      return makeError(outputs.message());
    sum.nats += outputs.scalar("nll");
    sum.predictions += int64_t(outputs.scalar("count"));
    progress(sum);
  }
  return sum;
}

} // namespace moru
