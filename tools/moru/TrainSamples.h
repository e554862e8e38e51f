// What a trained model writes, for the report of the training.

#ifndef MORU_TOOLS_MORU_TRAINSAMPLES_H
#define MORU_TOOLS_MORU_TRAINSAMPLES_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Train/TrainingReport.h"

#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace moru {

/// `count` texts of a checkpoint: drawn by a language model, or translations of the last pairs of the data.
llvm::Expected<std::vector<ReportSample>> drawSamples(const std::string &checkpoint, const TrainOptions &options,
                                                      int64_t count, const CompileOptions &compileOptions);

} // namespace moru

#endif // MORU_TOOLS_MORU_TRAINSAMPLES_H
