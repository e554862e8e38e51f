// From a checkpoint to a folder of weights that other programs read.

#ifndef MORU_TRAIN_EXPORTCHECKPOINT_H
#define MORU_TRAIN_EXPORTCHECKPOINT_H

#include "moru/Data/Checkpoint.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace moru {

/// Writes `config.json`, `model.safetensors` and the files of tokenizers into a new folder: in the format that others
/// have for the model (DSL/Import.h), or else the parameters under their names and the configuration as a checkpoint
/// has it. `importCheckpoint` reads both. The folder appears whole or not at all. Returns which format it is.
llvm::Expected<std::string> exportCheckpoint(const Checkpoint &checkpoint, llvm::StringRef folder);

} // namespace moru

#endif // MORU_TRAIN_EXPORTCHECKPOINT_H
