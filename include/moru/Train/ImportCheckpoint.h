// From a folder of another project's weights to a checkpoint.

#ifndef MORU_TRAIN_IMPORTCHECKPOINT_H
#define MORU_TRAIN_IMPORTCHECKPOINT_H

#include "moru/Data/Checkpoint.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace moru {

/// Reads `model.safetensors` of a folder, its tokens and what else the table of the model (DSL/Import.h) asks for; or a
/// folder whose `config.json` names the model and its configuration, as `exportCheckpoint` writes it.
llvm::Expected<Checkpoint> importCheckpoint(llvm::StringRef folder);

} // namespace moru

#endif // MORU_TRAIN_IMPORTCHECKPOINT_H
