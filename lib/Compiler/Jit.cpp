// The JIT: ORC around one object file.

#include "moru/Compiler/Jit.h"

#include "moru/Support/Files.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/TimeProfiler.h"

using namespace llvm;

namespace moru {

struct Jit::Implementation {
  std::unique_ptr<orc::LLJIT> jit;
};

Jit::Jit(std::unique_ptr<Implementation> implementation) : implementation(std::move(implementation)) {}
Jit::~Jit() = default;

static Error checkHost(const Target &target) {
  std::vector<std::string> missing = target.missingOnHost();
  if (missing.empty())
    return Error::success();
  return makeError("expected a machine with the features of " + target.name + ", got one without " +
                   join(missing, ", ") + "; compile for --cpu=native, or run this elsewhere");
}

Expected<std::unique_ptr<Jit>> Jit::create(ArrayRef<std::string> objects, const Target &target) {
  TimeTraceScope scope("link in memory");
  if (Error error = checkHost(target))
    return error;
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  // No platform: compiled code has no static constructors and throws nothing.
  auto jit = orc::LLJITBuilder().setPlatformSetUp(orc::setUpInactivePlatform).create();
  if (!jit)
    return jit.takeError();
  for (const std::string &object : objects)
    if (Error error = (*jit)->addObjectFile(MemoryBuffer::getMemBufferCopy(object, "moru")))
      return error;
  return std::unique_ptr<Jit>(new Jit(std::make_unique<Implementation>(Implementation{std::move(*jit)})));
}

Expected<void *> Jit::lookup(StringRef name) {
  Expected<orc::ExecutorAddr> address = implementation->jit->lookup(name);
  if (!address)
    return address.takeError();
  return address->toPtr<void *>();
}

} // namespace moru
