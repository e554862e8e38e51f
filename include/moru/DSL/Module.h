// Parameters: named tensors with an initial value, which belong to a model and not to one function. A module is a tree
// of them; a layer is any class that takes its parent and keeps the parameters that it made.

#ifndef MORU_DSL_MODULE_H
#define MORU_DSL_MODULE_H

#include "moru/DSL/Tensor.h"
#include "moru/Support/Result.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace moru {

/// How a parameter's first value is drawn, on the host, by Philox: seed, stream = the parameter's place in the order of
/// construction, step 0, element.
namespace init {

struct Initializer {
  enum class Kind : uint8_t { Constant, Uniform, Normal };
  Kind kind = Kind::Constant;
  /// Constant: the value. Uniform: in [center - spread, center + spread). Normal: mean and standard deviation.
  double center = 0, spread = 0;
};

inline Initializer constant(double value) { return {Initializer::Kind::Constant, value, 0}; }
inline Initializer zeros() { return constant(0); }
inline Initializer ones() { return constant(1); }
/// Uniform in [-scale, scale).
inline Initializer uniform(double scale) { return {Initializer::Kind::Uniform, 0, scale}; }
/// Gaussian.
inline Initializer normal(double deviation, double mean = 0) { return {Initializer::Kind::Normal, mean, deviation}; }

/// The values that an initializer draws; a function of its arguments alone. Normal: Box and Muller's formula in f64, on
/// words 0 and 1 of the element's block.
HostTensor draw(const Initializer &initializer, ElementType type, const Shape &shape, uint64_t seed, uint32_t stream);

} // namespace init

namespace detail {
struct ModuleImpl;
} // namespace detail

namespace nn {

/// A model, or a part of one. Copies refer to the same parameters.
class Module {
public:
  /// The root of a tree.
  Module();
  /// A part: its parameters are called `<name>.<parameter>` after the parent's own prefix; an empty name adds nothing.
  Module(Module &parent, std::string_view name);

  /// Makes a parameter. Two of one name are a mistake, reported where the second is made.
  Tensor parameter(std::string_view name, const Dims &dims, const init::Initializer &initializer,
                   ElementType type = ElementType::F32, Here at = Here::current());

  /// Takes the parameter of that full name out of training, or all below `<name>.`.
  void freeze(std::string_view name, Here at = Here::current());

  /// All parameters of the whole tree, in order of construction.
  std::vector<Tensor> parameters() const;
  /// Those that are trained.
  std::vector<Tensor> trainableParameters() const;

  /// The first values of all parameters.
  std::vector<NamedTensor> initialValues(uint64_t seed) const;

  /// Compares tensors with the parameters: everything missing, unknown, misshapen or of another type is listed in one
  /// message.
  Result<void> check(const std::vector<NamedTensor> &values) const;
  /// Reads the values of all parameters from a safetensors file, in their order, after `check`.
  Result<std::vector<NamedTensor>> load(const std::string &path) const;
  /// Writes values to a safetensors file, after `check`.
  Result<void> save(const std::string &path, const std::vector<NamedTensor> &values) const;

  /// For the library.
  const std::shared_ptr<detail::ModuleImpl> &get() const { return impl; }

private:
  std::shared_ptr<detail::ModuleImpl> impl;
  std::string prefix;
};

} // namespace nn
} // namespace moru

#endif // MORU_DSL_MODULE_H
