// Executables: where parameters, state and results live, and the checks before a call.

#include "moru/Compiler/Executable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <cassert>
#include <cmath>
#include <cstring>

using namespace llvm;

namespace moru {

struct BoundFunction {
  const FunctionSignature *signature;
  moru_function address;
  /// The pointers of a call: all arguments, then the results that are not donated. Those of inputs change from call to
  /// call.
  std::vector<void *> pointers;
  /// Indices of the arguments that are inputs.
  std::vector<size_t> inputs;
  /// For each argument: the parameter or state; null for an input.
  std::vector<HostTensor *> residents;
  /// For each argument: a copy of an input that the call overwrites or that overlaps with what it writes; made when
  /// first needed.
  std::vector<HostTensor> staged;
  /// For each result: its own tensor, unused where it is donated.
  std::vector<HostTensor> owned;
  /// For each result: where it is after a call.
  std::vector<const HostTensor *> results;
  bool ready = false;
};

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

const HostTensor *Outputs::find(size_t index) const {
  return function && index < function->results.size() ? function->results[index] : nullptr;
}

const HostTensor *Outputs::find(std::string_view name) const {
  if (!function)
    return nullptr;
  for (auto [index, result] : enumerate(function->signature->results))
    if (result.name == name)
      return function->results[index];
  return nullptr;
}

const HostTensor &Outputs::operator[](std::string_view name) const {
  const HostTensor *tensor = find(name);
  assert(tensor && "a result of this name, of a call that has succeeded");
  return *tensor;
}

double Outputs::scalar(std::string_view name) const {
  const HostTensor *tensor = find(name);
  return tensor && tensor->numElements() == 1 ? tensor->at(0) : std::nan("");
}

//===----------------------------------------------------------------------===//
// Creation
//===----------------------------------------------------------------------===//

struct Executable::Implementation {
  ProgramSignature signature;
  LoadedCode code;
  std::unique_ptr<moru_context, void (*)(moru_context *)> context{nullptr, moru_context_destroy};
  std::vector<ArgumentSignature> residents;
  /// The values of `residents`; never resized, so that functions may point to them.
  std::vector<HostTensor> values;
  StringMap<size_t> residentIndex;
  std::vector<BoundFunction> functions;

  HostTensor *findResident(std::string_view name) {
    auto found = residentIndex.find(name);
    return found == residentIndex.end() ? nullptr : &values[found->second];
  }

  void allocateResidents();
  BoundFunction bind(const FunctionSignature &function, moru_function address);
  BoundFunction *findFunction(std::string_view name);
  std::string functionNames() const;
};

void Executable::Implementation::allocateResidents() {
  for (auto [index, resident] : enumerate(residents)) {
    residentIndex[resident.name] = index;
    values.push_back(HostTensor::zeros(resident.type, resident.shape));
  }
}

BoundFunction Executable::Implementation::bind(const FunctionSignature &function, moru_function address) {
  BoundFunction bound;
  bound.signature = &function;
  bound.address = address;
  bound.pointers.resize(size_t(function.pointerCount()));
  bound.residents.resize(function.arguments.size());
  bound.staged.resize(function.arguments.size());
  bound.owned.resize(function.results.size());
  bound.results.resize(function.results.size());
  for (auto [index, argument] : enumerate(function.arguments)) {
    if (argument.role == Role::Input) {
      bound.inputs.push_back(index);
      continue;
    }
    bound.residents[index] = findResident(argument.name);
    bound.pointers[index] = bound.residents[index]->bytes();
  }
  return bound;
}

BoundFunction *Executable::Implementation::findFunction(std::string_view name) {
  auto found = find_if(functions, [&](const BoundFunction &function) { return function.signature->name == name; });
  return found == functions.end() ? nullptr : &*found;
}

std::string Executable::Implementation::functionNames() const {
  return join(map_range(signature.functions, [](const FunctionSignature &function) { return function.name; }), ", ");
}

Result<Executable> Executable::create(ProgramSignature signature, LoadedCode code, int32_t threads) {
  auto implementation = std::make_unique<Implementation>();
  assert(signature.functions.size() == code.functions.size() && "an address for each function");
  Result<std::vector<ArgumentSignature>> residents = signature.residents();
  if (!residents)
    return residents.failure();
  moru_error error = {};
  implementation->context.reset(moru_context_create(signature.arenaBytes(), threads, &error));
  if (!implementation->context)
    return Failure{error.message};
  implementation->signature = std::move(signature);
  implementation->code = std::move(code);
  implementation->residents = residents.take();
  implementation->allocateResidents();
  for (auto [function, address] : zip_equal(implementation->signature.functions, implementation->code.functions))
    implementation->functions.push_back(implementation->bind(function, address));
  return Executable(std::move(implementation));
}

Executable::Executable(std::unique_ptr<Implementation> implementation) : implementation(std::move(implementation)) {}
Executable::Executable(Executable &&) noexcept = default;
Executable &Executable::operator=(Executable &&) noexcept = default;
Executable::~Executable() = default;

const ProgramSignature &Executable::signature() const { return implementation->signature; }
const std::vector<ArgumentSignature> &Executable::residents() const { return implementation->residents; }
int32_t Executable::threads() const { return implementation->context->threads; }

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

namespace {

/// The tensors of results that are not donated, and of inputs that are: on the first call.
void prepare(BoundFunction &function) {
  const FunctionSignature &signature = *function.signature;
  size_t place = signature.arguments.size();
  for (auto [index, result] : enumerate(signature.results)) {
    if (result.donated < 0) {
      function.owned[index] = HostTensor::zeros(result.type, result.shape);
      function.pointers[place++] = function.owned[index].bytes();
      function.results[index] = &function.owned[index];
      continue;
    }
    const ArgumentSignature &argument = signature.arguments[result.donated];
    HostTensor *&resident = function.residents[result.donated];
    if (!resident)
      function.staged[result.donated] = HostTensor::zeros(argument.type, argument.shape);
    function.results[index] = resident ? resident : &function.staged[result.donated];
  }
  function.ready = true;
}

bool isDonated(const BoundFunction &function, size_t argument) {
  return any_of(function.signature->results,
                [&](const ResultSignature &result) { return result.donated == int64_t(argument); });
}

/// Whether a call might write to these bytes: they belong to a parameter, to state, or to a result of the function.
bool belongsToCall(const BoundFunction &function, const void *bytes) {
  for (auto [index, pointer] : enumerate(function.pointers))
    if (pointer == bytes && (index >= function.residents.size() || function.residents[index]))
      return true;
  return any_of(function.staged, [&](const HostTensor &tensor) { return tensor.bytes() == bytes; });
}

/// Gives the call an input: in place, or as a copy where the call would overwrite it.
void place(BoundFunction &function, size_t argument, const HostTensor &value) {
  HostTensor &staged = function.staged[argument];
  if (value.numElements() == 0 || (!isDonated(function, argument) && !belongsToCall(function, value.bytes()))) {
    function.pointers[argument] = const_cast<void *>(value.bytes());
    return;
  }
  if (staged.shape() != value.shape() || staged.type() != value.type())
    staged = HostTensor::zeros(value.type(), value.shape());
  if (staged.bytes() != value.bytes())
    std::memcpy(staged.bytes(), value.bytes(), value.sizeInBytes());
  function.pointers[argument] = staged.bytes();
}

std::string describeInputs(const BoundFunction &function) {
  if (function.inputs.empty())
    return "no inputs";
  return join(map_range(function.inputs,
                        [&](size_t index) {
                          const ArgumentSignature &argument = function.signature->arguments[index];
                          return argument.name + " " + toString(argument.type, argument.shape);
                        }),
              ", ");
}

Failure mismatch(const BoundFunction &function, const ArgumentSignature &argument, const HostTensor &value) {
  return {function.signature->name + ": input '" + argument.name + "': expected " +
          toString(argument.type, argument.shape) + ", got " + value.toString() +
          "; convert the data, or compile the program for this shape"};
}

bool fits(const ArgumentSignature &argument, const HostTensor &value) {
  return argument.type == value.type() && argument.shape == value.shape();
}

Result<void> checkPositional(const BoundFunction &function, std::span<const HostTensor *const> inputs) {
  if (inputs.size() != function.inputs.size())
    return Failure{function.signature->name + ": expected " + std::to_string(function.inputs.size()) + " inputs (" +
                   describeInputs(function) + "), got " + std::to_string(inputs.size())};
  for (size_t i = 0; i < inputs.size(); ++i)
    if (const ArgumentSignature &argument = function.signature->arguments[function.inputs[i]];
        !fits(argument, *inputs[i]))
      return mismatch(function, argument, *inputs[i]);
  return {};
}

const NamedInput *findInput(ArrayRef<NamedInput> inputs, std::string_view name) {
  auto found = find_if(inputs, [&](const NamedInput &input) { return input.name == name; });
  return found == inputs.end() ? nullptr : found;
}

Result<void> checkNamed(const BoundFunction &function, ArrayRef<NamedInput> inputs) {
  const std::string &name = function.signature->name;
  for (auto [index, input] : enumerate(inputs)) {
    auto matches = [&](size_t argument) { return function.signature->arguments[argument].name == input.name; };
    if (none_of(function.inputs, matches))
      return Failure{name + ": expected inputs among " + describeInputs(function) + "; got '" +
                     std::string(input.name) + "'"};
    if (findInput(inputs.take_front(index), input.name))
      return Failure{name + ": expected each input once, got '" + std::string(input.name) + "' twice"};
  }
  for (size_t index : function.inputs) {
    const ArgumentSignature &argument = function.signature->arguments[index];
    const NamedInput *input = findInput(inputs, argument.name);
    if (!input)
      return Failure{name + ": expected input '" + argument.name + "' " + toString(argument.type, argument.shape) +
                     ", got none"};
    if (!fits(argument, input->value))
      return mismatch(function, argument, input->value);
  }
  return {};
}

Outputs invoke(BoundFunction &function, moru_context *context) {
  int32_t status = function.address(context, function.pointers.data());
  if (status != 0)
    return Failure{function.signature->name + ": expected the function to end with 0, got " + std::to_string(status)};
  return Outputs(function);
}

Outputs runNamed(BoundFunction &function, moru_context *context, ArrayRef<NamedInput> inputs) {
  if (Result<void> checked = checkNamed(function, inputs); !checked)
    return checked.failure();
  if (!function.ready)
    prepare(function);
  for (size_t index : function.inputs)
    place(function, index, findInput(inputs, function.signature->arguments[index].name)->value);
  return invoke(function, context);
}

Outputs runPositional(BoundFunction &function, moru_context *context, std::span<const HostTensor *const> inputs) {
  if (Result<void> checked = checkPositional(function, inputs); !checked)
    return checked.failure();
  if (!function.ready)
    prepare(function);
  for (auto [i, index] : enumerate(function.inputs))
    place(function, index, *inputs[i]);
  return invoke(function, context);
}

Failure unknownFunction(std::string_view name, const std::string &names) {
  return {"expected one of the functions " + names + ", got '" + std::string(name) + "'"};
}

} // namespace

Outputs Executable::run(std::string_view name, std::span<const NamedInput> inputs) {
  BoundFunction *function = implementation->findFunction(name);
  if (!function)
    return unknownFunction(name, implementation->functionNames());
  return runNamed(*function, implementation->context.get(), ArrayRef<NamedInput>(inputs.data(), inputs.size()));
}

Outputs Executable::run(std::string_view name, std::span<const HostTensor *const> inputs) {
  BoundFunction *function = implementation->findFunction(name);
  if (!function)
    return unknownFunction(name, implementation->functionNames());
  return runPositional(*function, implementation->context.get(), inputs);
}

Outputs Executable::run(std::string_view name, std::initializer_list<NamedInput> inputs) {
  return run(name, std::span(inputs.begin(), inputs.size()));
}

Outputs Executable::run(std::string_view name, std::initializer_list<const HostTensor *> inputs) {
  return run(name, std::span(inputs.begin(), inputs.size()));
}

Outputs Executable::runOnly(std::span<const HostTensor *const> inputs) {
  if (implementation->functions.size() != 1)
    return Failure{"expected a program of one function, got " + implementation->functionNames() +
                   "; name the one to call with run()"};
  return runPositional(implementation->functions.front(), implementation->context.get(), inputs);
}

//===----------------------------------------------------------------------===//
// Parameters and state
//===----------------------------------------------------------------------===//

const HostTensor *Executable::find(std::string_view name) const { return implementation->findResident(name); }

Result<void> Executable::set(std::string_view name, const HostTensor &value) {
  HostTensor *resident = implementation->findResident(name);
  if (!resident)
    return Failure{"expected the name of a parameter or state of the program, got '" + std::string(name) + "'"};
  if (resident->type() != value.type() || resident->shape() != value.shape())
    return Failure{"'" + std::string(name) + "': expected " + resident->toString() + ", got " + value.toString()};
  if (value.sizeInBytes() && resident->bytes() != value.bytes())
    std::memcpy(resident->bytes(), value.bytes(), value.sizeInBytes());
  return {};
}

Result<void> Executable::load(const std::vector<NamedTensor> &values, Role role) {
  std::vector<std::string> problems;
  StringMap<const HostTensor *> given;
  for (const NamedTensor &value : values) {
    auto found = implementation->residentIndex.find(value.name);
    if (found == implementation->residentIndex.end() || implementation->residents[found->second].role != role)
      problems.push_back("'" + value.name + "': unknown, the program has no " + std::string(toString(role)) +
                         " of this name");
    else if (const ArgumentSignature &resident = implementation->residents[found->second];
             !fits(resident, value.tensor))
      problems.push_back("'" + value.name + "': expected " + toString(resident.type, resident.shape) + ", got " +
                         value.tensor.toString());
    if (!given.try_emplace(value.name, &value.tensor).second)
      problems.push_back("'" + value.name + "': expected once, got it twice");
  }
  for (const ArgumentSignature &resident : implementation->residents)
    if (resident.role == role && !given.contains(resident.name))
      problems.push_back("'" + resident.name + "': expected " + toString(resident.type, resident.shape) + ", got none");
  if (!problems.empty())
    return Failure{"values do not fit the program, nothing was changed:\n  " + join(problems, "\n  ")};
  for (const NamedTensor &value : values)
    if (Result<void> done = set(value.name, value.tensor); !done)
      return done;
  return {};
}

void Executable::clear(Role role) {
  for (auto [resident, value] : zip_equal(implementation->residents, implementation->values))
    if (resident.role == role && value.sizeInBytes())
      std::memset(value.bytes(), 0, value.sizeInBytes());
}

//===----------------------------------------------------------------------===//
// Profiles
//===----------------------------------------------------------------------===//

void Executable::setProfile(moru_profile_fn hook, void *data) {
  implementation->context->profile = hook;
  implementation->context->profile_data = data;
}

std::string_view Executable::kernelName(moru_task_fn entry) const {
  auto found = find_if(implementation->code.kernels, [&](const auto &kernel) { return kernel.first == entry; });
  return found == implementation->code.kernels.end() ? std::string_view() : std::string_view(found->second);
}

} // namespace moru
