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
  /// For each result with bounded axes: its entries within the lengths.
  std::vector<HostTensor> cropped;
  /// For each argument of role length: what it is in this call, as the code reads it, and the input that says so.
  std::vector<int32_t> lengths;
  std::vector<const ArgumentSignature *> lengthSources;
  /// The values of a call, in the order of `inputs`.
  std::vector<const HostTensor *> given;
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

namespace {
/// What a call runs in.
struct Caller {
  moru_context *context;
  /// The function of the last call, if the arena and all parameters are as that call has left them.
  const BoundFunction *&prepared;
};
} // namespace

struct Executable::Implementation {
  ProgramSignature signature;
  LoadedCode code;
  std::unique_ptr<moru_context, void (*)(moru_context *)> context{nullptr, moru_context_destroy};
  /// See Caller.
  const BoundFunction *prepared = nullptr;
  std::vector<ArgumentSignature> residents;
  /// The values of `residents`; never resized, so that functions may point to them.
  std::vector<HostTensor> values;
  StringMap<size_t> residentIndex;
  std::vector<BoundFunction> functions;

  HostTensor *findResident(std::string_view name) {
    auto found = residentIndex.find(name);
    return found == residentIndex.end() ? nullptr : &values[found->second];
  }

  Caller getCaller() { return {context.get(), prepared}; }
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
  bound.cropped.resize(function.results.size());
  bound.results.resize(function.results.size());
  bound.lengths.resize(function.arguments.size());
  bound.lengthSources.resize(function.arguments.size());
  for (auto [index, argument] : enumerate(function.arguments)) {
    if (argument.role == Role::Length) {
      bound.pointers[index] = &bound.lengths[index];
      continue;
    }
    if (argument.role == Role::Input) {
      bound.inputs.push_back(index);
      continue;
    }
    bound.residents[index] = findResident(argument.name);
    bound.pointers[index] = bound.residents[index]->bytes();
  }
  bound.given.resize(bound.inputs.size());
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
  for (auto [index, result] : enumerate(signature.results))
    if (!result.lengths.empty())
      function.results[index] = &function.cropped[index];
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

/// Copies the entries at the places that two row-major shapes of one rank have in common.
void copyCommon(const HostTensor &from, HostTensor &to) {
  size_t rank = from.shape().size(), bytes = elementSize(from.type());
  if (rank == 0 || from.numElements() == 0 || to.numElements() == 0)
    return;
  std::vector<int64_t> common, index(rank, 0);
  for (auto [a, b] : zip_equal(from.shape(), to.shape()))
    common.push_back(std::min(a, b));
  const char *source = static_cast<const char *>(from.bytes());
  char *target = static_cast<char *>(to.bytes());
  for (bool more = true; more;) {
    int64_t sourceRow = 0, targetRow = 0;
    for (size_t axis = 0; axis < rank; ++axis) {
      sourceRow = sourceRow * from.shape()[axis] + index[axis];
      targetRow = targetRow * to.shape()[axis] + index[axis];
    }
    std::memcpy(target + targetRow * bytes, source + sourceRow * bytes, common.back() * bytes);
    more = false;
    for (size_t axis = rank - 1; axis-- > 0 && !more;)
      if (more = ++index[axis] < common[axis]; !more)
        index[axis] = 0;
  }
}

/// Gives the call an input: in place, or as a copy where the call would overwrite it or where it has bounded axes.
void place(BoundFunction &function, size_t argument, const HostTensor &value) {
  HostTensor &staged = function.staged[argument];
  if (const ArgumentSignature &signature = function.signature->arguments[argument]; !signature.lengths.empty()) {
    // What earlier calls have left behind the lengths is padding, which no result depends on.
    if (staged.shape() != signature.shape || staged.type() != signature.type)
      staged = HostTensor::zeros(signature.type, signature.shape);
    copyCommon(value, staged);
    function.pointers[argument] = staged.bytes();
    return;
  }
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
                          return argument.name + " " + toString(argument);
                        }),
              ", ");
}

Failure mismatch(const BoundFunction &function, const ArgumentSignature &argument, const HostTensor &value) {
  return {function.signature->name + ": input '" + argument.name + "': expected " + toString(argument) + ", got " +
          value.toString() + "; convert the data, or compile the program for this shape"};
}

bool fits(const ArgumentSignature &argument, const HostTensor &value) {
  if (argument.type != value.type() || argument.shape.size() != value.shape().size())
    return false;
  for (auto [axis, expected, got] : enumerate(argument.shape, value.shape()))
    if (got > expected || (got < expected && (argument.lengths.empty() || argument.lengths[axis].empty())))
      return false;
  return true;
}

/// Notes the lengths that an input of bounded shape has; all inputs must agree.
Result<void> takeLengths(BoundFunction &function, const ArgumentSignature &argument, const HostTensor &value) {
  for (auto [axis, name] : enumerate(argument.lengths)) {
    if (name.empty())
      continue;
    auto &arguments = function.signature->arguments;
    size_t place = find_if(arguments, [&](auto &other) { return other.role == Role::Length && other.name == name; }) -
                   arguments.begin();
    int64_t size = value.shape()[axis];
    const ArgumentSignature *&source = function.lengthSources[place];
    if (source && function.lengths[place] != size)
      return Failure{function.signature->name + ": input '" + argument.name + "': expected " +
                     std::to_string(function.lengths[place]) + " entries along axis " + std::to_string(axis) + " (" +
                     name + ", as in '" + source->name + "'), got " + std::to_string(size)};
    if (size < arguments[place].minimum)
      return Failure{function.signature->name + ": input '" + argument.name + "': expected at least " +
                     std::to_string(arguments[place].minimum) + " entries along axis " + std::to_string(axis) + " (" +
                     name + "), got " + std::to_string(size)};
    source = &argument;
    function.lengths[place] = int32_t(size);
  }
  return {};
}

/// The lengths of a call, from its inputs.
Result<void> findLengths(BoundFunction &function) {
  std::fill(function.lengthSources.begin(), function.lengthSources.end(), nullptr);
  for (auto [index, value] : zip_equal(function.inputs, function.given))
    if (Result<void> taken = takeLengths(function, function.signature->arguments[index], *value); !taken)
      return taken;
  return {};
}

/// The shape of a result in this call.
Shape actualShape(const BoundFunction &function, const ResultSignature &result) {
  Shape shape = result.shape;
  for (auto [size, name] : zip_equal(shape, result.lengths))
    for (auto [index, argument] : enumerate(function.signature->arguments))
      if (argument.role == Role::Length && argument.name == name)
        size = function.lengths[index];
  return shape;
}

/// Copies the entries of bounded results that are within the lengths.
void cropResults(BoundFunction &function) {
  for (auto [index, result] : enumerate(function.signature->results)) {
    if (result.lengths.empty())
      continue;
    Shape shape = actualShape(function, result);
    HostTensor &cropped = function.cropped[index];
    if (cropped.shape() != shape || cropped.type() != result.type)
      cropped = HostTensor::zeros(result.type, shape);
    copyCommon(result.donated < 0 ? function.owned[index] : function.staged[result.donated], cropped);
  }
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
      return Failure{name + ": expected input '" + argument.name + "' " + toString(argument) + ", got none"};
    if (!fits(argument, input->value))
      return mismatch(function, argument, input->value);
  }
  return {};
}

Outputs invoke(BoundFunction &function, Caller caller) {
  caller.context->prepared = caller.prepared == &function;
  caller.prepared = nullptr;
  int32_t status = function.address(caller.context, function.pointers.data());
  if (status != 0)
    return Failure{function.signature->name + ": expected the function to end with 0, got " + std::to_string(status)};
  caller.prepared = &function;
  cropResults(function);
  return Outputs(function);
}

/// With `given`, which fits.
Outputs runGiven(BoundFunction &function, Caller caller) {
  if (Result<void> found = findLengths(function); !found)
    return found.failure();
  if (!function.ready)
    prepare(function);
  for (auto [index, value] : zip_equal(function.inputs, function.given))
    place(function, index, *value);
  return invoke(function, caller);
}

Outputs runNamed(BoundFunction &function, Caller caller, ArrayRef<NamedInput> inputs) {
  if (Result<void> checked = checkNamed(function, inputs); !checked)
    return checked.failure();
  for (auto [given, index] : zip_equal(function.given, function.inputs))
    given = &findInput(inputs, function.signature->arguments[index].name)->value;
  return runGiven(function, caller);
}

Outputs runPositional(BoundFunction &function, Caller caller, std::span<const HostTensor *const> inputs) {
  if (Result<void> checked = checkPositional(function, inputs); !checked)
    return checked.failure();
  copy(inputs, function.given.begin());
  return runGiven(function, caller);
}

Failure unknownFunction(std::string_view name, const std::string &names) {
  return {"expected one of the functions " + names + ", got '" + std::string(name) + "'"};
}

} // namespace

Outputs Executable::run(std::string_view name, std::span<const NamedInput> inputs) {
  BoundFunction *function = implementation->findFunction(name);
  if (!function)
    return unknownFunction(name, implementation->functionNames());
  return runNamed(*function, implementation->getCaller(), ArrayRef<NamedInput>(inputs.data(), inputs.size()));
}

Outputs Executable::run(std::string_view name, std::span<const HostTensor *const> inputs) {
  BoundFunction *function = implementation->findFunction(name);
  if (!function)
    return unknownFunction(name, implementation->functionNames());
  return runPositional(*function, implementation->getCaller(), inputs);
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
  BoundFunction &function = implementation->functions.front();
  return runPositional(function, implementation->getCaller(), inputs);
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
  implementation->prepared = nullptr;
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
  implementation->prepared = nullptr;
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

const LoadedKernel *Executable::findKernel(moru_task_fn entry) const {
  auto found = find_if(implementation->code.kernels, [&](const LoadedKernel &kernel) { return kernel.entry == entry; });
  return found == implementation->code.kernels.end() ? nullptr : &*found;
}

} // namespace moru
