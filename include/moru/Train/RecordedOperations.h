// Single operations of an independent implementation (`data/parity/ops`), repeated and compared: the result of each,
// and the gradient of its product with a recorded cotangent with respect to every recorded input.

#ifndef MORU_TRAIN_RECORDEDOPERATIONS_H
#define MORU_TRAIN_RECORDEDOPERATIONS_H

#include "moru/Train/RecordedRun.h"

namespace moru {

/// Repeats the operations of a folder (`ops.json`, `ops.safetensors`), each compiled by itself, with one row for each
/// tensor. An operation, attribute or input that is not known is a failed row; an error is returned only where the
/// folder itself cannot be read.
llvm::Expected<RecordedReport> verifyRecordedOperations(llvm::StringRef folder, const CompileOptions &options);

} // namespace moru

#endif // MORU_TRAIN_RECORDEDOPERATIONS_H
