// A compiled model as the searches see it: rows that go on by an id each.

#ifndef MORU_DECODE_ROWDECODER_H
#define MORU_DECODE_ROWDECODER_H

#include "moru/Compiler/Executable.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace moru {

/// Outputs that `decode_step` makes side by side, of a language model or of an encoder and decoder.
class RowDecoder {
public:
  /// `executable` has the function decode_step, and `encode` if there is a source. It outlives the decoder.
  static llvm::Expected<RowDecoder> create(Executable &executable);

  int64_t rows() const { return token.dim(0); }
  /// Most ids of a source; 0 for a language model.
  int64_t sourceTime() const { return sources.numElements() / rows(); }

  /// Back to before the first id, every row with the same source (empty for a language model). A source that is too
  /// long is an error.
  llvm::Error begin(llvm::ArrayRef<int32_t> source = {});
  /// Row i goes on from what row `parents[i]` is, with `ids[i]`; one of each for each row. Returns the logits of all
  /// rows, valid until the next call.
  llvm::Expected<llvm::ArrayRef<float>> advance(llvm::ArrayRef<int32_t> ids, llvm::ArrayRef<int32_t> parents);

private:
  RowDecoder(Executable &executable, int64_t rows, int64_t sourceTime, bool hasParents)
      : executable(&executable), token(ElementType::I32, {rows}), parent(ElementType::I32, {rows}),
        sources(ElementType::I32, {rows, sourceTime}), lengths(ElementType::I32, {rows}), hasParents(hasParents) {}

  Executable *executable;
  HostTensor token, parent, sources, lengths;
  bool hasParents;
};

} // namespace moru

#endif // MORU_DECODE_ROWDECODER_H
