// Recorded runs of an independent implementation (`data/parity`), repeated and compared: logits, loss, gradients and
// state of the first batch, then ten steps of every recorded optimizer setting.

#ifndef MORU_TRAIN_RECORDEDRUN_H
#define MORU_TRAIN_RECORDEDRUN_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace moru {

/// One comparison: the worst of its kind.
struct RecordedRow {
  std::string what;
  /// Nothing was compared where this is not empty: why.
  std::string problem;
  double error = 0, tolerance = 0;
  /// Which tensor or step is the worst.
  std::string where;
  /// How far rounding of the parameters alone moves what is compared; measured only where `tolerance` is exceeded, 0
  /// elsewhere.
  double rounding = 0;

  bool passed() const { return problem.empty() && (error <= tolerance || error <= rounding); }
};

/// All comparisons of one case.
struct RecordedReport {
  std::string name;
  std::vector<RecordedRow> rows;
  /// Keys of the recorded configuration that only say how values were drawn, and so were left out.
  std::vector<std::string> ignoredKeys;

  bool passed() const;
};

/// What a recorded configuration says: the model, and the sizes of its batches.
struct RecordedModel {
  std::unique_ptr<Model> model;
  int64_t rows = 0, time = 0, sourceTime = 0;

  bool isLanguageModel() const { return model->kind() == ModelKind::LanguageModel; }
  const LanguageModel &languageModel() const { return static_cast<const LanguageModel &>(*model); }
  const EncoderDecoder &encoderDecoder() const { return static_cast<const EncoderDecoder &>(*model); }
};

/// Makes the model of a recording, of its "model" and "config": keys that only say how values were drawn are left out,
/// and positions that are not named are as many as the sequences have. `path` is the file.
llvm::Expected<RecordedModel> makeRecordedModel(const llvm::json::Object &expected, llvm::StringRef path,
                                                RecordedReport &report);

/// Repeats the case in a folder (`init`, `batch`, `expected`). What Moru cannot do is a failed row; an error is
/// returned only where the folder itself cannot be read.
llvm::Expected<RecordedReport> verifyRecordedRun(llvm::StringRef folder, const CompileOptions &options);

} // namespace moru

#endif // MORU_TRAIN_RECORDEDRUN_H
