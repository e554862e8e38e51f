// Programs: functions that share parameters and state by name. A program is a module of the graph dialect; it can be
// printed, saved, loaded and compiled without the C++ that made it.

#ifndef MORU_DSL_PROGRAM_H
#define MORU_DSL_PROGRAM_H

#include "moru/DSL/Module.h"
#include "moru/DSL/Optim.h"
#include "moru/DSL/Scan.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moru {

/// A mistake, at the author's line.
struct Diagnostic {
  std::string file;
  unsigned line = 0;
  std::string message;

  /// `lstm.cpp:14: matmul: …`
  std::string toString() const;
};

namespace detail {
struct ProgramImpl;
class Trace;
} // namespace detail

/// A function while it is traced: its arguments and results are declared here, the rest is said with operations on
/// tensors. Parameters become arguments by being used.
class Function {
public:
  /// An argument that the caller gives with each call. Its name is the type's, or `input<n>`.
  Tensor input(const TensorType &type, Here at = Here::current());
  Tensor input(std::string_view name, const TensorType &type, Here at = Here::current()) {
    return input(type.named(name), at);
  }
  /// A value that is kept between calls: what it is before this call. Functions that declare state of one name share
  /// it.
  Tensor state(std::string_view name, const TensorType &type, Here at = Here::current());
  /// What a parameter or state will be after this call; it is replaced in place.
  void update(const Tensor &target, const Tensor &value, Here at = Here::current());
  /// A result.
  void output(std::string_view name, const Tensor &value, Here at = Here::current());
  /// Records a mistake of one's own; the function is left out of the program.
  void fail(std::string_view message, Here at = Here::current());

private:
  friend class Program;
  explicit Function(detail::Trace &trace) : trace(trace) {}
  detail::Trace &trace;
};

struct PrintOptions {
  /// With the author's file and line behind each operation.
  bool locations = false;
};

/// A set of functions. Moved, not copied.
class Program {
public:
  Program();
  Program(Program &&) noexcept;
  Program &operator=(Program &&) noexcept;
  ~Program();

  /// Traces a function. Returns false, and leaves the function out, if it has mistakes: see `errors`.
  bool function(std::string_view name, const std::function<void(Function &)> &body, Here at = Here::current());

  /// Nothing is wrong.
  bool ok() const { return errors().empty(); }
  /// All mistakes of all functions, in the order in which they were found.
  const std::vector<Diagnostic> &errors() const;
  /// One per line.
  std::string errorText() const;

  /// The names of the functions.
  std::vector<std::string> functions() const;

  /// The text of the module (`graph.mlir`).
  std::string print(const PrintOptions &options = {}) const;
  /// Writes the text with locations; `-` is standard output. Fails if the program has errors.
  Result<void> save(const std::string &path) const;
  static Result<Program> load(const std::string &path);
  /// From text; `name` stands for the file in messages.
  static Result<Program> parse(std::string_view text, std::string_view name = "<text>");

  /// For the library: ProgramModule.h.
  detail::ProgramImpl *get() const { return impl.get(); }

private:
  std::unique_ptr<detail::ProgramImpl> impl;
};

/// Builds, within a function, one training step: the gradient of the loss with respect to the module's trainable
/// parameters, clipped, and the optimizer's update. Declares the optimizer's state, updates it and the parameters, and
/// puts out `loss` and, where the optimizer reports it, `grad_norm` (before clipping), both f32 scalars.
void buildTrainStep(Function &function, const nn::Module &model, const optim::Optimizer &optimizer, const Tensor &loss,
                    Here at = Here::current());

/// Builds a step that adds the gradient of one batch to the sums that an update of several batches takes (see
/// `optim::Optimizer::accumulate`), and puts out `loss`.
void buildAccumulateStep(Function &function, const nn::Module &model, const Tensor &loss, Here at = Here::current());

/// A program of one function `train_step`: `loss` is called with one tensor per input and returns a scalar.
template <typename Loss, size_t N>
Program trainStep(const nn::Module &model, const optim::Optimizer &optimizer, Loss loss, const TensorType (&inputs)[N],
                  Here at = Here::current()) {
  Program program;
  program.function(
      "train_step",
      [&](Function &function) {
        [&]<size_t... I>(std::index_sequence<I...>) {
          // Braces: the inputs are declared from left to right.
          std::array<Tensor, N> tensors{function.input(inputs[I], at)...};
          buildTrainStep(function, model, optimizer, loss(tensors[I]...), at);
        }(std::make_index_sequence<N>());
      },
      at);
  return program;
}

} // namespace moru

#endif // MORU_DSL_PROGRAM_H
