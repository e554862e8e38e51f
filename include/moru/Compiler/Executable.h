// A compiled program in memory: functions with named, shape-checked inputs and results, that share parameters and
// state. Free of LLVM and MLIR.
//
//   Result<Executable> exe = …;
//   exe->load(checkpoint, Role::Parameter);
//   Outputs out = exe->run("train_step", {{"ids", ids}, {"next", next}});
//   if (!out) return report(out.message());
//   print(out.scalar("loss"));

#ifndef MORU_COMPILER_EXECUTABLE_H
#define MORU_COMPILER_EXECUTABLE_H

#include "moru/Compiler/Signature.h"
#include "moru/Runtime/Runtime.h"
#include "moru/Support/HostTensor.h"
#include "moru/Support/KernelCost.h"
#include "moru/Support/Result.h"

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moru {

/// A value for an input, by name. Refers to the tensor: for the length of a call.
struct NamedInput {
  std::string_view name;
  const HostTensor &value;
};

/// A function of the program and the pieces that a call of it needs again and again; see Executable.cpp.
struct BoundFunction;

/// The results of one call, or why there are none. The tensors belong to the executable and are overwritten by the next
/// call of the same function.
class [[nodiscard]] Outputs {
public:
  explicit Outputs(const BoundFunction &function) : function(&function) {}
  Outputs(Failure failure) : text(std::move(failure.message)) {}

  /// True if the function has run.
  explicit operator bool() const { return function; }
  const std::string &message() const { return text; }

  /// A result by name or in the order of the signature; null for one that does not exist, and after a failure. A result
  /// that is donated is the parameter or state that it has become.
  const HostTensor *find(std::string_view name) const;
  const HostTensor *find(size_t index) const;
  /// As `find`, for a result that is known to exist.
  const HostTensor &operator[](std::string_view name) const;
  /// The only element of a result; NaN where there is no such result.
  double scalar(std::string_view name) const;

private:
  const BoundFunction *function = nullptr;
  std::string text;
};

/// A kernel as the runtime calls it.
struct LoadedKernel {
  moru_task_fn entry;
  std::string name;
  KernelCost cost;
};

/// Machine code of a program: what the JIT or a shared library has loaded.
struct LoadedCode {
  /// Keeps the code in memory.
  std::shared_ptr<void> owner;
  /// One for each function of the signature, in its order.
  std::vector<moru_function> functions;
  /// The entries of kernels, for profiles.
  std::vector<LoadedKernel> kernels;
};

/// A program that can be called. Belongs to one thread at a time; calls use the executable's own workers.
class Executable {
public:
  /// Makes room for parameters and state, all zero, and for the arena; starts the workers (0: one for each CPU). Fails
  /// where functions disagree about a shared value, or memory or threads are missing.
  static Result<Executable> create(ProgramSignature signature, LoadedCode code, int32_t threads);
  Executable(Executable &&) noexcept;
  Executable &operator=(Executable &&) noexcept;
  ~Executable();

  const ProgramSignature &signature() const;
  /// Parameters and state of all functions.
  const std::vector<ArgumentSignature> &residents() const;
  int32_t threads() const;

  /// Calls a function. Every input exactly once, in any order; sizes and types as in the signature. Nothing has changed
  /// where that is not so. Allocates nothing after the first call.
  Outputs run(std::string_view function, std::initializer_list<NamedInput> inputs);
  Outputs run(std::string_view function, std::span<const NamedInput> inputs);
  /// Inputs in the order of the signature, parameters and state left out.
  Outputs run(std::string_view function, std::initializer_list<const HostTensor *> inputs);
  Outputs run(std::string_view function, std::span<const HostTensor *const> inputs);
  /// The only function of a program that has one: `exe(ids, next).scalar("loss")`.
  template <typename... Inputs> Outputs operator()(const Inputs &...inputs) {
    const HostTensor *const list[] = {&inputs..., nullptr};
    return runOnly({list, sizeof...(inputs)});
  }

  /// A parameter or state; null where no function has one of that name. Its contents change with the calls.
  const HostTensor *find(std::string_view name) const;
  /// Copies a value into a parameter or state of the same type and shape.
  Result<void> set(std::string_view name, const HostTensor &value);
  /// Sets all values of a role at once. Unknown, missing, and misshapen ones are listed, all of them, before anything
  /// is changed.
  Result<void> load(const std::vector<NamedTensor> &values, Role role);
  /// Zeroes all values of a role.
  void clear(Role role);

  /// Calls `hook` after every launch of a kernel; null ends it. `findKernel` says which one it got.
  void setProfile(moru_profile_fn hook, void *data);
  /// The kernel of an entry; null for one that is none of this program.
  const LoadedKernel *findKernel(moru_task_fn entry) const;

private:
  struct Implementation;
  explicit Executable(std::unique_ptr<Implementation> implementation);
  Outputs runOnly(std::span<const HostTensor *const> inputs);
  std::unique_ptr<Implementation> implementation;
};

} // namespace moru

#endif // MORU_COMPILER_EXECUTABLE_H
