//===- Labels.h - what a kernel is called ---------------------------------===//
// Labels stand in plans, profiles and messages, in the words of whoever wrote the model.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_GRAPHTOKERNEL_LABELS_H
#define MORU_LIB_CONVERSION_GRAPHTOKERNEL_LABELS_H

#include "mlir/IR/Operation.h"

#include <string>

namespace moru {

/// "pack W": what is done with an argument, or a named value; only what is done if it has no name.
std::string describeMove(llvm::StringRef verb, mlir::Value value, mlir::Value buffer);
/// The kinds of operations in program order, each once: "contract+add+tanh". The five of a softmax count as one.
std::string describe(llvm::ArrayRef<mlir::Operation *> ops);
/// What a kernel is called: after the argument that it updates, the user's word for what it makes, or what it does.
std::string describe(llvm::ArrayRef<mlir::Operation *> ops, llvm::ArrayRef<mlir::Value> outputs,
                     llvm::ArrayRef<mlir::Value> writes);

} // namespace moru

#endif // MORU_LIB_CONVERSION_GRAPHTOKERNEL_LABELS_H
