// One line for each operation of the graph language: its name in snake_case, the names of its inputs and attributes.

#include "OperationTable.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Inputs and attributes
//===----------------------------------------------------------------------===//

void RecordedCall::fail(const Twine &message) {
  if (problem.empty())
    problem = message.str();
}

Tensor RecordedCall::operator[](StringRef input) {
  used.insert(("input " + input).str());
  auto found = inputs.find(input);
  if (found != inputs.end())
    return found->second;
  fail("expected an input \"" + input + "\"");
  return {};
}

const json::Value *RecordedCall::find(StringRef key) {
  used.insert(key);
  return attributes.get(key);
}

void RecordedCall::refuse(StringRef key) { fail("attribute \"" + key + "\" has a value that is not known"); }

bool RecordedCall::flag(StringRef key, bool otherwise) {
  const json::Value *value = find(key);
  if (value && !value->getAsBoolean())
    refuse(key);
  return value ? value->getAsBoolean().value_or(otherwise) : otherwise;
}

int64_t RecordedCall::integer(StringRef key) {
  const json::Value *value = find(key);
  if (!value || !value->getAsInteger())
    refuse(key);
  return value ? value->getAsInteger().value_or(0) : 0;
}

double RecordedCall::number(StringRef key) {
  const json::Value *value = find(key);
  if (!value || !value->getAsNumber())
    refuse(key);
  return value ? value->getAsNumber().value_or(0) : 0;
}

std::string RecordedCall::text(StringRef key) {
  const json::Value *value = find(key);
  if (!value || !value->getAsString())
    refuse(key);
  return value ? value->getAsString().value_or("").str() : "";
}

std::vector<int64_t> RecordedCall::integers(StringRef key) {
  const json::Value *value = find(key);
  std::vector<int64_t> list;
  if (!value || !value->getAsArray()) {
    refuse(key);
    return list;
  }
  for (const json::Value &entry : *value->getAsArray()) {
    if (!entry.getAsInteger())
      refuse(key);
    list.push_back(entry.getAsInteger().value_or(0));
  }
  return list;
}

Dims RecordedCall::dims(StringRef key) {
  Dims dims;
  for (int64_t size : integers(key))
    dims.push_back(Dim(size));
  return dims;
}

std::string RecordedCall::finish() const {
  if (!problem.empty())
    return problem;
  for (const auto &[key, value] : attributes)
    if (!used.contains(key))
      return ("unknown attribute \"" + Twine(StringRef(key)) + "\"").str();
  for (const auto &entry : inputs)
    if (!used.contains(("input " + entry.getKey()).str()))
      return ("unknown input \"" + entry.getKey() + "\"").str();
  return "";
}

//===----------------------------------------------------------------------===//
// Operations with choices
//===----------------------------------------------------------------------===//

/// Recorded truth values are integers.
static Tensor truth(const Tensor &x) { return x != 0; }

static Tensor buildPow(RecordedCall &call) {
  return call.has("exponent") ? pow(call["x"], call.number("exponent")) : pow(call["x"], call["y"]);
}

static Tensor buildGelu(RecordedCall &call) {
  std::string approximate = call.text("approximate");
  if (approximate != "none" && approximate != "tanh")
    call.refuse("approximate");
  return gelu(call["x"], approximate == "tanh" ? Approximate::Tanh : Approximate::None);
}

static Tensor buildConcat(RecordedCall &call) {
  return concat({call["a"], call["b"], call["c"]}, call.integer("axis"));
}

static Tensor buildAttention(RecordedCall &call) {
  std::string mask = call.text("mask");
  Tensor q = call["q"], k = call["k"], v = call["v"];
  if (mask == "keys")
    return attention(q, k, v, KeyMask{truth(call["mask"])});
  if (mask == "pairs")
    return attention(q, k, v, PairMask{truth(call["mask"])});
  if (mask != "none" && mask != "causal")
    call.refuse("mask");
  return attention(q, k, v, mask == "causal" ? AttentionMask::Causal : AttentionMask::None);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {
struct Operation {
  StringLiteral name;
  OperationBuilder build;
};
} // namespace

using Call = RecordedCall;

static constexpr Operation kOperations[] = {
    {"add", [](Call &c) { return add(c["a"], c["b"]); }},
    {"sub", [](Call &c) { return sub(c["a"], c["b"]); }},
    {"mul", [](Call &c) { return mul(c["a"], c["b"]); }},
    {"div", [](Call &c) { return div(c["a"], c["b"]); }},
    {"maximum", [](Call &c) { return maximum(c["a"], c["b"]); }},
    {"minimum", [](Call &c) { return minimum(c["a"], c["b"]); }},
    {"pow", buildPow},
    {"where", [](Call &c) { return where(truth(c["condition"]), c["a"], c["b"]); }},
    {"abs", [](Call &c) { return abs(c["x"]); }},
    {"exp", [](Call &c) { return exp(c["x"]); }},
    {"log", [](Call &c) { return log(c["x"]); }},
    {"log1p", [](Call &c) { return log1p(c["x"]); }},
    {"tanh", [](Call &c) { return tanh(c["x"]); }},
    {"sigmoid", [](Call &c) { return sigmoid(c["x"]); }},
    {"erf", [](Call &c) { return erf(c["x"]); }},
    {"sqrt", [](Call &c) { return sqrt(c["x"]); }},
    {"rsqrt", [](Call &c) { return rsqrt(c["x"]); }},
    {"relu", [](Call &c) { return relu(c["x"]); }},
    {"silu", [](Call &c) { return silu(c["x"]); }},
    {"gelu", buildGelu},
    {"softmax", [](Call &c) { return softmax(c["x"], c.integer("axis")); }},
    {"log_softmax", [](Call &c) { return logSoftmax(c["x"], c.integer("axis")); }},
    {"logsumexp", [](Call &c) { return logsumexp(c["x"], c.integer("axis"), c.flag("keepdims")); }},
    {"layer_norm", [](Call &c) { return layerNorm(c["x"], c["g"], c["b"], c.number("eps")); }},
    {"rms_norm", [](Call &c) { return rmsNorm(c["x"], c["g"], c.number("eps")); }},
    {"matmul",
     [](Call &c) {
       return matmul(c["a"], c["b"], {.transposeA = c.flag("transpose_a"), .transposeB = c.flag("transpose_b")});
     }},
    {"contract", [](Call &c) { return contract(c.text("spec"), c["a"], c["b"]); }},
    {"sum", [](Call &c) { return sum(c["x"], c.integers("axes"), c.flag("keepdims")); }},
    {"mean", [](Call &c) { return mean(c["x"], c.integers("axes"), c.flag("keepdims")); }},
    {"max", [](Call &c) { return max(c["x"], c.integers("axes"), c.flag("keepdims")); }},
    {"min", [](Call &c) { return min(c["x"], c.integers("axes"), c.flag("keepdims")); }},
    {"prod", [](Call &c) { return prod(c["x"], c.integers("axes"), c.flag("keepdims")); }},
    {"cumsum", [](Call &c) { return cumsum(c["x"], c.integer("axis")); }},
    {"transpose", [](Call &c) { return transpose(c["x"], c.integers("permutation")); }},
    {"reshape", [](Call &c) { return reshape(c["x"], c.dims("shape")); }},
    {"broadcast", [](Call &c) { return broadcast(c["x"], c.dims("shape")); }},
    {"slice", [](Call &c) { return slice(c["x"], c.integers("begin"), c.integers("end"), c.integers("stride")); }},
    {"concat", buildConcat},
    {"pad", [](Call &c) { return pad(c["x"], c.integers("low"), c.integers("high"), c.number("value")); }},
    {"gather", [](Call &c) { return gather(c["table"], c["ids"], c.integer("axis")); }},
    {"gather_along_axis", [](Call &c) { return gatherAlongAxis(c["x"], c["ids"], c.integer("axis")); }},
    {"scatter_add", [](Call &c) { return scatterAdd(c["base"], c["ids"], c["updates"], c.integer("axis")); }},
    {"cross_entropy",
     [](Call &c) {
       return crossEntropy(c["logits"], c["targets"],
                           {.ignoreIndex = c.integer("ignore_index"), .smoothing = c.number("smoothing")});
     }},
    {"attention", buildAttention},
};

OperationBuilder findOperation(StringRef name) {
  const Operation *found = find_if(kOperations, [&](const Operation &operation) { return operation.name == name; });
  return found == std::end(kOperations) ? nullptr : found->build;
}

} // namespace moru
