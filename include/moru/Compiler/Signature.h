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
/// it among its functions by name. A length is derived from the shapes of the inputs.
enum class Role : uint8_t { Input, Parameter, State, Length };

/// "input", "parameter", "state", "length".
std::string_view toString(Role role);

/// One argument of a function.
struct ArgumentSignature {
  std::string name;
  Role role = Role::Input;
  ElementType type = ElementType::F32;
  /// A bounded axis has its maximum.
  Shape shape;
  /// The argument of role length that gives the actual size of an axis, "" for a static one; empty where all are
  /// static.
  std::vector<std::string> lengths{};
  /// The least value of a length.
  int64_t minimum = 0;

  int64_t bytes() const { return numElements(shape) * int64_t(elementSize(type)); }
};

/// One result of a function.
struct ResultSignature {
  std::string name;
  ElementType type = ElementType::F32;
  Shape shape;
  /// The argument that this result replaces in place, or -1.
  int64_t donated = -1;
  /// As of an argument.
  std::vector<std::string> lengths{};

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

/// `[len<=16, 8] f32`: type and shape, bounded axes with their names.
std::string toString(const ArgumentSignature &argument);

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

  /// `{"functions":[{"name":…,"arena_bytes":…,"arguments":[{"name","role","dtype","shape"}],"results":[…]}]}`;
  /// bounded shapes are maxima, with `"lengths":["len",""]` beside them.
  std::string toJson() const;
};

} // namespace moru

#endif // MORU_COMPILER_SIGNATURE_H
