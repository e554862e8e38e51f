// Sequences cut into the steps that `eval_step` takes.

#include "moru/Train/Evaluate.h"

#include "moru/DSL/Model.h"
#include "moru/Data/Batches.h"
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

namespace {

/// Feeds sequences to `eval_step`.
class Evaluator {
public:
  Evaluator(Executable &executable, int64_t time)
      : executable(executable), ids(ElementType::I32, {1, time}), targets(ElementType::I32, {1, time}) {}

  static Expected<Evaluator> create(Executable &executable) {
    const FunctionSignature *function = executable.signature().find("eval_step");
    if (!function)
      return makeError("the program has no function eval_step");
    for (const ArgumentSignature &argument : function->arguments)
      if (argument.name == "ids")
        return Evaluator(executable, argument.shape.back());
    return makeError("eval_step: expected an input \"ids\", there is none");
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

} // namespace moru
