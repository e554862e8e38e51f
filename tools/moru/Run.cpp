// moru run: one function of a module, called with arrays from files or from the command line.

#include "ArraySpec.h"
#include "Command.h"
#include "Options.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/Data/Npy.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
An array is @file.npy, or written out: 2x2xf32=1,2,3,4 (one value fills it), f32=0.5 for a scalar. A name and = before it says which
argument or result is meant; without a name they are taken in order.

EXAMPLES:

  moru run add.mlir --input="2x2xf32=1,2,3,4" --input=y=@y.npy
  moru run lstm.mlir --function=loss --input=ids=@ids.npy --expect=loss=@loss.npy --tolerance=1e-6
)";

namespace {

class RunCommand : public Command {
public:
  RunCommand() : Command("run", "Run a function of a module", kExamples), target(sub) {}
  Error run() override;

private:
  Expected<const FunctionSignature *> findFunction(const Executable &executable) const;
  Error fill(Executable &executable, const FunctionSignature &signature, std::vector<NamedTensor> &values) const;
  Error write(const FunctionSignature &signature, const Outputs &results) const;
  Error compare(const FunctionSignature &signature, const Outputs &results) const;

  TargetOptions target;
  cl::opt<std::string> file{cl::Positional, cl::Required, cl::desc("<file.mlir>"), cl::sub(sub)};
  cl::opt<std::string> function{"function", cl::desc("Which one; needed where there are several"), cl::sub(sub)};
  cl::list<std::string> inputs{"input", cl::desc("An argument"), cl::value_desc("[name=]array"), cl::sub(sub)};
  cl::list<std::string> outputs{"output", cl::desc("Write a result"), cl::value_desc("[name=]@y.npy"), cl::sub(sub)};
  cl::list<std::string> expected{"expect", cl::desc("Compare a result; a difference is an error"),
                                 cl::value_desc("[name=]array"), cl::sub(sub)};
  cl::opt<double> tolerance{"tolerance", cl::init(1e-5), cl::sub(sub),
                            cl::desc("Of floating point, relative to the largest expected value (default: 1e-5)")};
};

} // namespace

/// The entry of a list with names that an array is for: the one of its name, or the next one.
template <typename Entry>
static Expected<const Entry *> pick(ArrayRef<Entry> entries, StringRef name, size_t &next, StringRef flag) {
  for (const Entry &entry : entries)
    if (!name.empty() && entry.name == name)
      return &entry;
  if (name.empty() && next < entries.size())
    return &entries[next++];
  std::string known = join(map_range(entries, [](const Entry &entry) { return entry.name; }), ", ");
  return makeError(flag + ": expected " + (name.empty() ? "no more than " : "one of ") + known + ", got " +
                   (name.empty() ? StringRef("another one") : name));
}

Expected<const FunctionSignature *> RunCommand::findFunction(const Executable &executable) const {
  const auto &functions = executable.signature().functions;
  if (function.empty() && functions.size() == 1)
    return &functions.front();
  if (const FunctionSignature *found = executable.signature().find(function.getValue()))
    return found;
  std::string known = join(map_range(functions, [](const auto &entry) { return entry.name; }), ", ");
  return makeError("--function: expected one of " + known + ", got \"" + function + "\"");
}

Error RunCommand::fill(Executable &executable, const FunctionSignature &signature,
                       std::vector<NamedTensor> &values) const {
  size_t next = 0;
  for (const std::string &text : inputs) {
    Expected<ArraySpec> spec = ArraySpec::parse(text, "--input");
    if (!spec)
      return spec.takeError();
    Expected<const ArgumentSignature *> argument = pick(ArrayRef(signature.arguments), spec->name, next, "--input");
    if (!argument)
      return argument.takeError();
    Expected<HostTensor> tensor = spec->read();
    if (!tensor)
      return tensor.takeError();
    if ((*argument)->role == Role::Input) {
      values.push_back({(*argument)->name, std::move(*tensor)});
      continue;
    }
    if (Result<void> set = executable.set((*argument)->name, *tensor); !set)
      return makeError("--input: " + set.message());
  }
  return Error::success();
}

static void print(const ResultSignature &signature, const HostTensor &tensor) {
  constexpr int64_t kMostPrinted = 64;
  outs() << signature.name << ": " << tensor.toString() << " =";
  for (int64_t i = 0; i < std::min(tensor.numElements(), kMostPrinted); ++i)
    outs() << " " << formatNumber(tensor.at(i), isFloat(tensor.type()) ? 8 : 18);
  outs() << (tensor.numElements() > kMostPrinted ? " …\n" : "\n");
}

Error RunCommand::write(const FunctionSignature &signature, const Outputs &results) const {
  size_t next = 0;
  for (const std::string &text : outputs) {
    Expected<ArraySpec> spec = ArraySpec::parse(text, "--output");
    if (!spec)
      return spec.takeError();
    if (spec->literal)
      return makeError("--output: expected [name=]@file.npy, got \"" + text + "\"");
    Expected<const ResultSignature *> result = pick(ArrayRef(signature.results), spec->name, next, "--output");
    if (!result)
      return result.takeError();
    if (Error error = writeNpy(spec->file, results[(*result)->name]))
      return error;
  }
  if (outputs.empty() && expected.empty())
    for (const ResultSignature &result : signature.results)
      print(result, results[result.name]);
  return Error::success();
}

Error RunCommand::compare(const FunctionSignature &signature, const Outputs &results) const {
  size_t next = 0;
  for (const std::string &text : expected) {
    Expected<ArraySpec> spec = ArraySpec::parse(text, "--expect");
    if (!spec)
      return spec.takeError();
    Expected<const ResultSignature *> result = pick(ArrayRef(signature.results), spec->name, next, "--expect");
    if (!result)
      return result.takeError();
    Expected<HostTensor> tensor = spec->read();
    if (!tensor)
      return tensor.takeError();
    std::string difference = findDifference(results[(*result)->name], *tensor, tolerance);
    if (!difference.empty())
      return makeError("result " + (*result)->name + ": " + difference);
  }
  return Error::success();
}

Error RunCommand::run() {
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  Expected<std::unique_ptr<ModuleFile>> module = ModuleFile::read(file);
  if (!module)
    return module.takeError();
  Expected<Executable> executable = compileModule(*(*module)->module, *options);
  if (!executable)
    return executable.takeError();
  Expected<const FunctionSignature *> signature = findFunction(*executable);
  if (!signature)
    return signature.takeError();
  std::vector<NamedTensor> values;
  if (Error error = fill(*executable, **signature, values))
    return error;
  std::vector<NamedInput> named;
  for (const NamedTensor &value : values)
    named.push_back({value.name, value.tensor});
  Outputs results = executable->run((*signature)->name, std::span<const NamedInput>(named));
  if (!results)
    return makeError(results.message());
  if (Error error = write(**signature, results))
    return error;
  return compare(**signature, results);
}

std::unique_ptr<Command> makeRunCommand() { return std::make_unique<RunCommand>(); }

} // namespace moru
