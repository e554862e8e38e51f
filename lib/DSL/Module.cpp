//===- Module.cpp - parameters and their first values ---------------------===//
// A tree of modules shares one list of parameters; its order is that of construction.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Module.h"
#include "Trace.h"

#include "moru/Data/Safetensors.h"
#include "moru/Support/Philox.h"

#include <atomic>
#include <cmath>
#include <numbers>

namespace moru {

//===----------------------------------------------------------------------===//
// First values
//===----------------------------------------------------------------------===//

/// A standard normal number from two words: Box and Muller. 1 - u is in (0, 1], so that the logarithm is finite.
static double normalFromBits(uint32_t first, uint32_t second) {
  double u = 1.0 - double(uniformFromBits(first)), angle = 2 * std::numbers::pi * double(uniformFromBits(second));
  return std::sqrt(-2 * std::log(u)) * std::cos(angle);
}

static double drawEntry(const init::Initializer &initializer, uint64_t seed, uint32_t stream, uint64_t element) {
  PhiloxBlock block = philoxBlock(seed, stream, /*step=*/0, element);
  switch (initializer.kind) {
  case init::Initializer::Kind::Constant:
    return initializer.center;
  case init::Initializer::Kind::Uniform:
    return initializer.center + initializer.spread * (2.0 * double(uniformFromBits(block[0])) - 1.0);
  case init::Initializer::Kind::Normal:
    return initializer.center + initializer.spread * normalFromBits(block[0], block[1]);
  }
  return 0;
}

HostTensor init::draw(const Initializer &initializer, ElementType type, const Shape &shape, uint64_t seed,
                      uint32_t stream) {
  HostTensor values = HostTensor::uninitialized(ElementType::F64, shape);
  for (int64_t i = 0, n = values.numElements(); i < n; ++i)
    values.data<double>()[i] = drawEntry(initializer, seed, stream, i);
  return values.converted(type);
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

namespace nn {

static uint64_t nextModuleSerial() {
  static std::atomic<uint64_t> count = 0;
  return ++count;
}

Module::Module() : impl(std::make_shared<detail::ModuleImpl>()) { impl->serial = nextModuleSerial(); }

Module::Module(Module &parent, std::string_view name) : impl(parent.impl), prefix(parent.prefix) {
  if (!name.empty())
    (prefix += name) += ".";
}

Tensor Module::parameter(std::string_view name, const Dims &dims, const init::Initializer &initializer,
                         ElementType type, Here at) {
  auto parameter = std::make_shared<detail::TensorImpl>();
  parameter->type = type;
  parameter->shape = detail::sizesOf(dims);
  parameter->axisNames = detail::namesOf(dims);
  parameter->name = prefix + std::string(name);
  parameter->at = at;
  parameter->module = impl;
  parameter->moduleSerial = impl->serial;
  parameter->index = impl->parameters.size();
  parameter->initializer = initializer;
  auto mistake = [&](const std::string &message) {
    impl->errors.push_back({at.file_name(), at.line(), "parameter \"" + parameter->name + "\": " + message});
  };
  for (const auto &known : impl->parameters)
    if (known->name == parameter->name)
      mistake("this name is taken (from " + detail::describe(known->at) + ")");
  for (int64_t &size : parameter->shape)
    if (size < 0) {
      mistake("expected sizes of at least 0, got " + detail::describeSize(size));
      size = 0;
    }
  impl->parameters.push_back(parameter);
  return Tensor(std::move(parameter));
}

void Module::freeze(std::string_view name, Here at) {
  std::string below = std::string(name) + ".";
  bool found = false;
  for (const auto &parameter : impl->parameters)
    if (parameter->name == name || llvm::StringRef(parameter->name).starts_with(below))
      found = parameter->frozen = true;
  if (!found)
    impl->errors.push_back({at.file_name(), at.line(), "freeze: there is no parameter \"" + std::string(name) + "\""});
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> result;
  for (const auto &parameter : impl->parameters)
    result.push_back(Tensor(parameter));
  return result;
}

std::vector<Tensor> Module::trainableParameters() const {
  std::vector<Tensor> result;
  for (const auto &parameter : impl->parameters)
    if (!parameter->frozen)
      result.push_back(Tensor(parameter));
  return result;
}

std::vector<NamedTensor> Module::initialValues(uint64_t seed) const {
  std::vector<NamedTensor> result;
  for (const auto &parameter : impl->parameters)
    result.push_back({parameter->name,
                      init::draw(parameter->initializer, parameter->type, parameter->shape, seed, parameter->index)});
  return result;
}

//===----------------------------------------------------------------------===//
// Values from outside
//===----------------------------------------------------------------------===//

static const NamedTensor *findTensor(const std::vector<NamedTensor> &values, const std::string &name) {
  for (const NamedTensor &value : values)
    if (value.name == name)
      return &value;
  return nullptr;
}

Result<void> Module::check(const std::vector<NamedTensor> &values) const {
  std::string problems;
  auto problem = [&](const std::string &text) { problems += (problems.empty() ? "" : "\n") + text; };
  for (const auto &parameter : impl->parameters) {
    std::string expected = toString(parameter->type, parameter->shape);
    const NamedTensor *value = findTensor(values, parameter->name);
    if (!value)
      problem("parameter \"" + parameter->name + "\": expected " + expected + ", but it is missing");
    else if (value->tensor.shape() != parameter->shape || value->tensor.type() != parameter->type)
      problem("parameter \"" + parameter->name + "\": expected " + expected + ", got " +
              toString(value->tensor.type(), value->tensor.shape()));
  }
  for (const NamedTensor &value : values)
    if (llvm::none_of(impl->parameters, [&](const auto &parameter) { return parameter->name == value.name; }))
      problem("tensor \"" + value.name + "\": the model has no parameter of this name");
  if (problems.empty())
    return {};
  return Failure{problems};
}

Result<std::vector<NamedTensor>> Module::load(const std::string &path) const {
  llvm::Expected<std::vector<NamedTensor>> file = readSafetensors(path);
  if (!file)
    return Failure{llvm::toString(file.takeError())};
  if (Result<void> checked = check(*file); !checked)
    return Failure{path + ": the file does not fit the model:\n" + checked.message()};
  std::vector<NamedTensor> ordered;
  for (const auto &parameter : impl->parameters)
    for (NamedTensor &value : *file)
      if (value.name == parameter->name)
        ordered.push_back(std::move(value));
  return ordered;
}

Result<void> Module::save(const std::string &path, const std::vector<NamedTensor> &values) const {
  if (Result<void> checked = check(values); !checked)
    return Failure{path + ": not written:\n" + checked.message()};
  if (llvm::Error error = writeSafetensors(path, values))
    return Failure{llvm::toString(std::move(error))};
  return {};
}

} // namespace nn
} // namespace moru
