//===- Criterion.h - whether a program still fails --------------------*- C++ -*-===//
// Internal to lib/Check: the command of a test, run in a process of its own.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_CRITERION_H
#define MORU_LIB_CHECK_CRITERION_H

#include "mlir/IR/Operation.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace moru::check {

/// How a command has failed.
struct CommandFailure {
  /// The first error, without its place.
  std::string message;
  /// What stays the same while a program shrinks: the first words, without numbers.
  std::string signature;
};

/// A command, and the failure that is looked for.
class Criterion {
public:
  /// `command` as a RUN line has it, with `%s`; `not` before it and pipes behind it are left out.
  static llvm::Expected<Criterion> create(llvm::StringRef command, llvm::StringRef toolFolder);
  Criterion(Criterion &&) = default;
  ~Criterion();

  /// Looks for the failure of `program` from now on; an error where there is none.
  llvm::Error expectFailureOf(mlir::Operation *program);
  /// Whether `program` fails in that way. An injected mutation may be another of its kind: sites change their numbers
  /// while the program shrinks; `command` is then the new one.
  bool holds(mlir::Operation *program);

  std::string command() const;
  const std::string &message() const { return failure.message; }
  int64_t runs() const { return count; }

private:
  Criterion() = default;
  std::optional<CommandFailure> run(llvm::StringRef text);
  std::vector<int64_t> injectionNumbers() const;
  void setInjectionNumber(int64_t number);

  std::string program;
  std::vector<std::string> arguments;
  /// The position of `--inject=…` among the arguments.
  std::optional<size_t> injection;
  std::string folder;
  CommandFailure failure;
  int64_t count = 0;
};

} // namespace moru::check

#endif // MORU_LIB_CHECK_CRITERION_H
