// The value of the graph language: a cheap handle of a tensor that the compiled program will compute. Shape, element
// type and the names of dimensions are known when it is built; a mistake is recorded at the author's line and building
// goes on.

#ifndef MORU_DSL_TENSOR_H
#define MORU_DSL_TENSOR_H

#include "moru/Support/HostTensor.h"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace moru {

/// The author's line: the last parameter of every operation, filled in by the compiler.
using Here = std::source_location;

namespace detail {
struct TensorImpl;
class Trace;
} // namespace detail

/// The size of an axis, and its name if it has one.
struct Dim {
  int64_t size = 1;
  std::string name;

  template <std::integral T> Dim(T size) : size(int64_t(size)) {}
  Dim(std::string_view name, int64_t size) : size(size), name(name) {}
  friend bool operator==(const Dim &, const Dim &) = default;
};

/// The axes of a tensor, outermost first: `{32, dim("time", 10)}`.
using Dims = std::vector<Dim>;

/// A named dimension; the name appears in diagnostics, dumps and headers.
inline Dim dim(std::string_view name, int64_t size) { return Dim(name, size); }

/// The most entries that a bounded dimension may have.
struct Bound {
  int64_t max = 1;
};

/// A dimension whose size is known when the program is called: `Dim len = dim("len", {.max = 64})`. One compiled
/// function serves every size up to the maximum; inputs are given and outputs come back at their actual size. Axes of
/// one name have one size in a call.
Dim dim(std::string_view name, Bound bound);

/// The type of an input: element type, axes, and the name of the argument ("" for one that follows from its place).
struct TensorType {
  ElementType type = ElementType::F32;
  Dims dims;
  std::string name;

  /// The same type under an argument name.
  TensorType named(std::string_view newName) const { return {type, dims, std::string(newName)}; }
};

/// `i32({32, 10})`, `f32({dim("batch", 32), 128}).named("x")`.
inline TensorType f32(Dims dims) { return {ElementType::F32, std::move(dims), {}}; }
inline TensorType f64(Dims dims) { return {ElementType::F64, std::move(dims), {}}; }
inline TensorType bf16(Dims dims) { return {ElementType::BF16, std::move(dims), {}}; }
inline TensorType i32(Dims dims) { return {ElementType::I32, std::move(dims), {}}; }
inline TensorType i64(Dims dims) { return {ElementType::I64, std::move(dims), {}}; }

/// A tensor of the graph, a parameter, or, after a mistake, a tensor of which nothing is known and about which nothing
/// more is reported. Copies refer to the same value.
class Tensor {
public:
  /// No tensor; using it in an operation is reported at that operation.
  Tensor() = default;

  /// False for `Tensor()`.
  explicit operator bool() const { return impl != nullptr; }
  /// F32 where nothing is known.
  ElementType type() const;
  /// Sizes of the axes; empty for a scalar and where nothing is known. In the place of the size of a bounded dimension
  /// stands a number below zero that, passed on as a Dim, means that dimension; arithmetic with it means nothing.
  const Shape &shape() const;
  /// Sizes and names of the axes.
  Dims dims() const;
  int64_t rank() const { return int64_t(shape().size()); }
  /// Size of an axis; a negative axis counts from the end. 1 where there is no such axis.
  int64_t size(int64_t axis) const;
  /// The name of a parameter, of an input or the one given by `named`; may be empty.
  const std::string &name() const;
  /// True after a mistake in what made it.
  bool poisoned() const;

  /// The same tensor; the value gets this name in diagnostics and dumps.
  Tensor named(std::string_view name) const;
  /// The same tensor with names for its axes, "" for none; as many names as axes.
  Tensor withDims(std::initializer_list<std::string_view> names, Here at = Here::current()) const;

  /// For the library: what the handle refers to.
  const std::shared_ptr<detail::TensorImpl> &get() const { return impl; }
  explicit Tensor(std::shared_ptr<detail::TensorImpl> impl) : impl(std::move(impl)) {}

private:
  std::shared_ptr<detail::TensorImpl> impl;
};

/// An operand of an operator: a tensor, or a number that takes the other operand's type and shape; and the author's
/// line, which an operator could not have as a parameter of its own.
struct Operand {
  Tensor tensor;
  double number = 0;
  bool isNumber = false;
  /// The number was written as an integer, and so fits integer tensors too.
  bool isInteger = false;
  Here at;

  Operand(const Tensor &tensor, Here at = Here::current()) : tensor(tensor), at(at) {}
  template <typename T>
    requires std::is_arithmetic_v<T>
  Operand(T number, Here at = Here::current())
      : number(double(number)), isNumber(true), isInteger(std::is_integral_v<T>), at(at) {}
};

/// While it lives, mistakes are reported at the caller's line, and operations carry it before their own: for the
/// functions of a layer, whose author is not the one who made the mistake.
///
///     Tensor operator()(const Tensor &x, Here at = Here::current()) const {
///       CallerScope scope(at);
///       return matmul(x, weight) + bias;
///     }
class CallerScope {
public:
  explicit CallerScope(Here at);
  ~CallerScope();
  CallerScope(const CallerScope &) = delete;
  CallerScope &operator=(const CallerScope &) = delete;

private:
  detail::Trace *trace;
};

} // namespace moru

#endif // MORU_DSL_TENSOR_H
