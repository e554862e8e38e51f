// Executables out of the JIT.

#include "moru/Compiler/LoadExecutable.h"

#include "moru/Compiler/Jit.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Support/Files.h"

using namespace llvm;

namespace moru {

/// The entries of kernels, for profiles.
static Error findKernels(const ProgramCode &program, Jit &jit, LoadedCode &code) {
  for (const KernelCode &kernel : program.kernels) {
    Expected<void *> address = jit.lookup(kernelEntryName(kernel.name));
    if (!address)
      return address.takeError();
    code.kernels.push_back({reinterpret_cast<moru_task_fn>(*address), kernel.name, kernel.cost});
  }
  return Error::success();
}

Expected<ProgramCode> makeProgramCode(Codegen &codegen, ProgramSignature signature) {
  Expected<std::vector<std::string>> objects = codegen.emitObjects();
  if (!objects)
    return objects.takeError();
  return ProgramCode{std::move(signature), codegen.kernels(), std::move(*objects)};
}

Expected<Executable> loadExecutable(ProgramCode program, const CompileOptions &options) {
  Expected<std::unique_ptr<Jit>> jit = Jit::create(program.objects, options.target);
  if (!jit)
    return jit.takeError();
  LoadedCode code;
  for (const FunctionSignature &function : program.signature.functions) {
    Expected<void *> address = (*jit)->lookup(function.name);
    if (!address)
      return address.takeError();
    code.functions.push_back(reinterpret_cast<moru_function>(*address));
  }
  if (Error error = findKernels(program, **jit, code))
    return error;
  code.owner = std::shared_ptr<Jit>(std::move(*jit));
  Result<Executable> executable = Executable::create(std::move(program.signature), std::move(code), options.threads);
  if (!executable)
    return makeError(executable.message());
  return executable.take();
}

Expected<Executable> loadExecutable(mlir::ModuleOp module, ProgramSignature signature, const CompileOptions &options) {
  Expected<Codegen> codegen = Codegen::create(module, options.target, options.quality, options.cache);
  if (!codegen)
    return codegen.takeError();
  Expected<ProgramCode> code = makeProgramCode(*codegen, std::move(signature));
  if (!code)
    return code.takeError();
  return loadExecutable(std::move(*code), options);
}

} // namespace moru
