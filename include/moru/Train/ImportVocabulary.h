// Tokens of other projects' models as tokenizers of ours.

#ifndef MORU_TRAIN_IMPORTVOCABULARY_H
#define MORU_TRAIN_IMPORTVOCABULARY_H

#include "moru/DSL/Import.h"
#include "moru/Data/Tokenizer.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <vector>

namespace moru {

/// A tokenizer, and which foreign id each of its ids was: negative for special ones that the model lacks. Empty: all
/// ids are what they were.
struct ImportedVocabulary {
  std::shared_ptr<Tokenizer> tokenizer;
  std::vector<int32_t> order;
};

/// Reads the tokens of a folder.
llvm::Expected<ImportedVocabulary> importVocabulary(llvm::StringRef folder, const ImportVocabulary &rule);

/// Puts the rows of tensors into the order of the tokenizer's ids.
llvm::Error reorderTensors(std::vector<NamedTensor> &tensors, const ImportVocabulary &rule,
                           const ImportedVocabulary &vocabulary, llvm::StringRef origin);

} // namespace moru

#endif // MORU_TRAIN_IMPORTVOCABULARY_H
