// From a checkpoint to a folder of weights that other projects read.

#ifndef MORU_TRAIN_EXPORTCHECKPOINT_H
#define MORU_TRAIN_EXPORTCHECKPOINT_H

#include "moru/Data/Checkpoint.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace moru {

/// Writes `config.json`, `model.safetensors` and the files of the tokenizer into a new folder, in the format that the
/// model has (DSL/Import.h). The folder appears whole or not at all.
llvm::Error exportCheckpoint(const Checkpoint &checkpoint, llvm::StringRef folder);

} // namespace moru

#endif // MORU_TRAIN_EXPORTCHECKPOINT_H
