// What a compiled program offers: its functions with the names, roles, types and shapes of their arguments and results.
// Plain data, free of LLVM and MLIR; read from a module by readSignature (ReadSignature.h), written as JSON for C
// headers and tools.

#ifndef MORU_COMPILER_SIGNATURE_H
#define MORU_COMPILER_SIGNATURE_H

#include "moru/Support/HostTensor.h"
#include "moru/Support/Result.h"

#include <string>
#include <string_view>
#include <vector>

namespace moru {

/// Who provides an argument: the caller, anew for each call; or the executable, which keeps it between calls and shares
/// it among its functions by name.
enum class Role : uint8_t { Input, Parameter, State };

/// "input", "parameter", "state".
std::string_view toString(Role role);

/// One argument of a function.
struct ArgumentSignature {
  std::string name;
  Role role = Role::Input;
  ElementType type = ElementType::F32;
  Shape shape;

  int64_t bytes() const { return numElements(shape) * int64_t(elementSize(type)); }
};

/// One result of a function.
struct ResultSignature {
  std::string name;
  ElementType type = ElementType::F32;
  Shape shape;
  /// The argument that this result replaces in place, or -1.
  int64_t donated = -1;

  int64_t bytes() const { return numElements(shape) * int64_t(elementSize(type)); }
};

/// One function. Compiled, it takes the pointers of all arguments and then of the results that are not donated.
struct FunctionSignature {
  std::string name;
  std::vector<ArgumentSignature> arguments;
  std::vector<ResultSignature> results;
  /// Bytes of arena that a call needs.
  int64_t arenaBytes = 0;

  /// The pointers of a call.
  int64_t pointerCount() const;
};

/// All functions of a program. Parameters and state of the same name are one value.
struct ProgramSignature {
  std::vector<FunctionSignature> functions;

  /// The function of that name, or null.
  const FunctionSignature *find(std::string_view name) const;

  /// Bytes of arena that every function's call fits into.
  int64_t arenaBytes() const;

  /// The parameters and state of all functions, each once, in order of first use. Fails where functions disagree about
  /// one.
  Result<std::vector<ArgumentSignature>> residents() const;

  /// `{"functions":[{"name":…,"arena_bytes":…,"arguments":[{"name","role","dtype","shape"}],"results":[…]}]}`.
  std::string toJson() const;
};

} // namespace moru

#endif // MORU_COMPILER_SIGNATURE_H
