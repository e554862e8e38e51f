//===- EncoderDecoder.cpp - the functions of an encoder and decoder -------===//
// Built from what a model offers, as those of a language model are in Model.cpp.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Model.h"

#include "llvm/ADT/STLExtras.h"

namespace moru {

/// What there is for each size of batches.
static constexpr std::string_view kTrainingSteps[] = {"train_step", "accumulate_step"};

namespace {

/// A batch of pairs.
struct Pairs {
  Tensor source, lengths, inputs, targets;
};

/// Builds the functions of one model.
class Builder {
public:
  Builder(const EncoderDecoder &model, const EncoderDecoderOptions &options, Here at)
      : model(model), options(options), at(at) {}

  void build(Function &function, std::string_view name) const;

private:
  Pairs declarePairs(Function &function, const PairSize &size, bool withTargets) const;
  PairSize largest() const { return {options.sourceTime, options.time}; }
  Tensor logitsOf(const Pairs &pairs) const {
    return model.logits(pairs.inputs, model.encode(pairs.source, pairs.lengths));
  }
  Tensor lossOf(const Pairs &pairs) const { return model.loss(logitsOf(pairs), pairs.targets); }
  State declareState(Function &function, const State &pattern, std::string_view prefix) const;
  /// The state before the first id of each output.
  State startState(const State &memory) const {
    State state = model.start(memory, options.decodeTime);
    return branches() ? withRows(std::move(state)) : state;
  }
  /// Outputs are chosen from one another.
  bool branches() const { return options.decodeBatch > 1; }
  void replaceState(Function &function, const State &before, const State &after) const;

  void buildTrain(Function &function, const PairSize &size, bool updates) const;
  void buildEvaluation(Function &function) const;
  void buildEncode(Function &function) const;
  void buildDecode(Function &function) const;

  const EncoderDecoder &model;
  const EncoderDecoderOptions &options;
  Here at;
};

} // namespace

Pairs Builder::declarePairs(Function &function, const PairSize &size, bool withTargets) const {
  Dims source{dim("batch", options.batch), dim("source", size.source)};
  Dims target{dim("batch", options.batch), dim("time", size.target)};
  Pairs pairs;
  pairs.source = function.input("src", i32(source), at);
  pairs.lengths = function.input("src_len", i32({source[0]}), at);
  pairs.inputs = function.input("tgt_in", i32(target), at);
  if (withTargets)
    pairs.targets = function.input("tgt_out", i32(target), at);
  return pairs;
}

State Builder::declareState(Function &function, const State &pattern, std::string_view prefix) const {
  State state = pattern;
  for (auto &[name, tensor] : state.entries())
    tensor = function.state(std::string(prefix) + name, {tensor.type(), tensor.dims(), {}}, at);
  return state;
}

void Builder::replaceState(Function &function, const State &before, const State &after) const {
  for (const auto &[name, tensor] : before.entries())
    function.update(tensor, after[name], at);
}

void Builder::buildTrain(Function &function, const PairSize &size, bool updates) const {
  Pairs pairs = declarePairs(function, size, /*withTargets=*/true);
  Tensor loss = inTraining(function, options.dropout, [&] { return lossOf(pairs); }, at);
  if (updates)
    buildTrainStep(function, model, options.optimizer, loss, at);
  else
    buildAccumulateStep(function, model, loss, at);
}

void Builder::buildEvaluation(Function &function) const {
  PairSize size = options.evalSize.target ? options.evalSize : largest();
  Pairs pairs = declarePairs(function, size, /*withTargets=*/true);
  // Not the training loss, which a model may smooth.
  Tensor mean = crossEntropy(logitsOf(pairs), pairs.targets, {.ignoreIndex = kPaddingId});
  Tensor count = sum(convert(pairs.targets != kPaddingId, ElementType::F32));
  function.output("nll", mean * count, at);
  function.output("count", count, at);
}

void Builder::buildEncode(Function &function) const {
  Dim batch = dim("batch", options.decodeBatch);
  Tensor source = function.input("src", i32({batch, dim("source", options.sourceTime)}), at);
  Tensor lengths = function.input("src_len", i32({batch}), at);
  State memory;
  withAttention(function, options.attention, [&] { memory = model.encode(source, lengths); }, at);
  State state = startState(memory);
  replaceState(function, declareState(function, memory, kMemory), memory);
  replaceState(function, declareState(function, state, kDecodeState), state);
}

void Builder::buildDecode(Function &function) const {
  Dim batch = dim("batch", options.decodeBatch);
  Tensor token = function.input("token", i32({batch}), at);
  // What is encoded here is only the pattern of the memory.
  State pattern = model.encode(zeros({batch, dim("source", options.sourceTime)}, ElementType::I32),
                               zeros({batch}, ElementType::I32));
  State memory = declareState(function, pattern, kMemory);
  State before = declareState(function, startState(memory), kDecodeState);
  State after = branches() ? reordered(before, function.input("parent", i32({batch}), at)) : before;
  withAttention(
      function, options.attention, [&] { function.output("logits", model.step(token, after, memory), at); }, at);
  replaceState(function, before, after);
}

void Builder::build(Function &function, std::string_view name) const {
  for (const PairSize &size : options.sizes)
    for (std::string_view step : kTrainingSteps)
      if (name == std::string(step) + sizeSuffix(size))
        return buildTrain(function, size, step == "train_step");
  if (name == "train_step" || name == "accumulate_step")
    buildTrain(function, largest(), name == "train_step");
  else if (name == "loss")
    function.output("loss", lossOf(declarePairs(function, largest(), true)), at);
  else if (name == "logits")
    function.output("logits", logitsOf(declarePairs(function, largest(), false)), at);
  else if (name == "eval_step")
    buildEvaluation(function);
  else if (name == "encode")
    buildEncode(function);
  else if (name == "decode_step")
    buildDecode(function);
  else
    function.fail("unknown function \"" + std::string(name) +
                      "\"; known: train_step, accumulate_step, loss, logits, eval_step, encode, decode_step",
                  at);
}

std::string sizeSuffix(const PairSize &size) {
  return "_" + std::to_string(size.source) + "x" + std::to_string(size.target);
}

Program buildEncoderDecoder(const EncoderDecoder &model, const EncoderDecoderOptions &options, Here at) {
  Program program;
  Builder builder(model, options, at);
  std::vector<std::string> names = options.functions;
  for (std::string_view step : kTrainingSteps)
    if (llvm::is_contained(options.functions, step))
      for (const PairSize &size : options.sizes)
        names.push_back(std::string(step) + sizeSuffix(size));
  for (const std::string &name : names)
    program.function(name, [&](Function &function) { builder.build(function, name); }, at);
  return program;
}

Program buildProgram(const Model &model, const LanguageModelOptions &language, const EncoderDecoderOptions &pairs,
                     Here at) {
  if (model.kind() == ModelKind::LanguageModel)
    return buildLanguageModel(static_cast<const LanguageModel &>(model), language, at);
  return buildEncoderDecoder(static_cast<const EncoderDecoder &>(model), pairs, at);
}

} // namespace moru
