// Operations of the graph language by name: what a recorded operation means. Private to lib/Train.

#ifndef MORU_LIB_TRAIN_OPERATIONTABLE_H
#define MORU_LIB_TRAIN_OPERATIONTABLE_H

#include "moru/DSL/Ops.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"

namespace moru {

/// The inputs and attributes of one recorded operation. What is asked for and missing, and what is there and not asked
/// for, is a problem.
class RecordedCall {
public:
  RecordedCall(const llvm::json::Object &attributes, const llvm::StringMap<Tensor> &inputs)
      : attributes(attributes), inputs(inputs) {}

  Tensor operator[](llvm::StringRef input);
  bool has(llvm::StringRef key) const { return attributes.get(key) != nullptr; }
  bool flag(llvm::StringRef key, bool otherwise = false);
  int64_t integer(llvm::StringRef key);
  double number(llvm::StringRef key);
  std::string text(llvm::StringRef key);
  std::vector<int64_t> integers(llvm::StringRef key);
  Dims dims(llvm::StringRef key);
  /// An attribute that is not understood.
  void refuse(llvm::StringRef key);

  /// The first problem; empty if there is none and everything was used.
  std::string finish() const;

private:
  const llvm::json::Value *find(llvm::StringRef key);
  void fail(const llvm::Twine &message);

  const llvm::json::Object &attributes;
  const llvm::StringMap<Tensor> &inputs;
  llvm::StringSet<> used;
  std::string problem;
};

/// Builds an operation from its inputs and attributes.
using OperationBuilder = Tensor (*)(RecordedCall &call);

/// The builder of an operation, or null.
OperationBuilder findOperation(llvm::StringRef name);

} // namespace moru

#endif // MORU_LIB_TRAIN_OPERATIONTABLE_H
