// Recorded decoding of an independent implementation (`data/parity/decode`), repeated and compared.

#ifndef MORU_TRAIN_RECORDEDDECODING_H
#define MORU_TRAIN_RECORDEDDECODING_H

#include "moru/Train/RecordedRun.h"

namespace moru {

/// Repeats what is recorded in a folder (`params`, `inputs` of a model with two sides, `expected`): greedy, and each
/// beam with each length penalty. Ids are the same or the row has failed; log-probabilities may differ by the
/// tolerance. An error is returned only where the folder itself cannot be read.
llvm::Expected<RecordedReport> verifyRecordedDecoding(llvm::StringRef folder, const CompileOptions &options);

} // namespace moru

#endif // MORU_TRAIN_RECORDEDDECODING_H
