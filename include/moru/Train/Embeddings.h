// The tables of a model in which each id has a row of its own.

#ifndef MORU_TRAIN_EMBEDDINGS_H
#define MORU_TRAIN_EMBEDDINGS_H

#include "moru/DSL/Program.h"

#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace moru {

/// A parameter of which a function takes the rows that an input names.
struct EmbeddingUse {
  std::string parameter, input;
  friend bool operator==(const EmbeddingUse &, const EmbeddingUse &) = default;
};

/// The parameters that `function` of the program gathers rows of by the ids that one of its inputs has, in the order
/// of the function.
std::vector<EmbeddingUse> findEmbeddings(const Program &program, llvm::StringRef function);

} // namespace moru

#endif // MORU_TRAIN_EMBEDDINGS_H
