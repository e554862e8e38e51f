// Rows of a compiled model.

#include "moru/Decode/RowDecoder.h"

#include "moru/DSL/Model.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

#include <algorithm>
#include <cstring>

using namespace llvm;

namespace moru {

static const ArgumentSignature *findArgument(const FunctionSignature *function, StringRef name) {
  if (function)
    for (const ArgumentSignature &argument : function->arguments)
      if (argument.name == name)
        return &argument;
  return nullptr;
}

Expected<RowDecoder> RowDecoder::create(Executable &executable) {
  const FunctionSignature *step = executable.signature().find("decode_step");
  const ArgumentSignature *token = findArgument(step, "token");
  if (!token || token->shape.size() != 1)
    return makeError("expected a program with a function decode_step that takes `token`, got none");
  const ArgumentSignature *source = findArgument(executable.signature().find("encode"), "src");
  return RowDecoder(executable, token->shape[0], source ? source->shape.back() : 0, findArgument(step, "parent"));
}

Error RowDecoder::begin(ArrayRef<int32_t> source) {
  if (!sourceTime()) {
    assert(source.empty() && "a language model has no source");
    clearState(*executable, kDecodeState);
    return Error::success();
  }
  if (int64_t(source.size()) > sourceTime())
    return makeError("expected a source of at most " + Twine(sourceTime()) + " tokens with its end, got " +
                     Twine(source.size()) + "; shorten it or raise --max-source");
  std::memset(sources.bytes(), 0, sources.sizeInBytes());
  for (int64_t row = 0; row < rows(); ++row) {
    std::copy(source.begin(), source.end(), sources.data<int32_t>() + row * sourceTime());
    lengths.data<int32_t>()[row] = int32_t(source.size());
  }
  Outputs outputs = executable->run("encode", {{"src", sources}, {"src_len", lengths}});
  return outputs ? Error::success() : makeError(outputs.message());
}

Expected<ArrayRef<float>> RowDecoder::advance(ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) {
  assert(int64_t(ids.size()) == rows() && int64_t(parents.size()) == rows() && "one for each row");
  std::copy(ids.begin(), ids.end(), token.data<int32_t>());
  std::copy(parents.begin(), parents.end(), parent.data<int32_t>());
  Outputs outputs = hasParents ? executable->run("decode_step", {{"token", token}, {"parent", parent}})
                               : executable->run("decode_step", {{"token", token}});
  if (!outputs)
    return makeError(outputs.message());
  const HostTensor &logits = outputs["logits"];
  return ArrayRef<float>(logits.data<float>(), size_t(logits.numElements()));
}

} // namespace moru
