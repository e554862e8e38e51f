// Executables out of the JIT.

#include "moru/Compiler/LoadExecutable.h"

#include "moru/Compiler/Jit.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Support/Files.h"

using namespace llvm;

namespace moru {

/// The entries of kernels, for profiles.
static Error findKernels(const Codegen &codegen, Jit &jit, LoadedCode &code) {
  for (const Codegen::Kernel &kernel : codegen.kernels()) {
    Expected<void *> address = jit.lookup(kernelEntryName(kernel.name));
    if (!address)
      return address.takeError();
    code.kernels.push_back({reinterpret_cast<moru_task_fn>(*address), kernel.name, kernel.cost});
  }
  return Error::success();
}

Expected<Executable> loadExecutable(Codegen &codegen, ProgramSignature signature, const CompileOptions &options) {
  Expected<std::vector<std::string>> objects = codegen.emitObjects();
  if (!objects)
    return objects.takeError();
  Expected<std::unique_ptr<Jit>> jit = Jit::create(*objects, options.target);
  if (!jit)
    return jit.takeError();
  LoadedCode code;
  for (const FunctionSignature &function : signature.functions) {
    Expected<void *> address = (*jit)->lookup(function.name);
    if (!address)
      return address.takeError();
    code.functions.push_back(reinterpret_cast<moru_function>(*address));
  }
  if (Error error = findKernels(codegen, **jit, code))
    return error;
  code.owner = std::shared_ptr<Jit>(std::move(*jit));
  Result<Executable> executable = Executable::create(std::move(signature), std::move(code), options.threads);
  if (!executable)
    return makeError(executable.message());
  return executable.take();
}

Expected<Executable> loadExecutable(mlir::ModuleOp module, ProgramSignature signature, const CompileOptions &options) {
  Expected<Codegen> codegen = Codegen::create(module, options.target, options.quality, options.cache);
  if (!codegen)
    return codegen.takeError();
  return loadExecutable(*codegen, std::move(signature), options);
}

} // namespace moru
