//===- Reproducer.h - a failure that shows itself alone --------------*- C++ -*-===//
// What a failing check leaves: a lit test. Its RUN line is the command that fails; the arguments stand in the function
// as `graph.check`, so nothing is drawn.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_REPRODUCER_H
#define MORU_CHECK_REPRODUCER_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>

namespace moru::check {

/// The text of a test: the command (with `%s` for the file), what is wrong as a comment, and the program.
std::string printReproducer(mlir::Operation *program, llvm::StringRef command, llvm::StringRef message);

/// Writes it to `folder` (empty: that of temporary files) as `<stem>-<hash>.mlir` and returns the path.
llvm::Expected<std::string> leaveReproducer(mlir::Operation *program, llvm::StringRef command, llvm::StringRef message,
                                            llvm::StringRef folder, llvm::StringRef stem);

/// The command of a test: the text of its first RUN line, `\` at its end continued. Empty where there is none.
std::string findCommand(llvm::StringRef text);

/// The comments of a test: its lines that begin with `//`.
std::string findComments(llvm::StringRef text);

} // namespace moru::check

#endif // MORU_CHECK_REPRODUCER_H
