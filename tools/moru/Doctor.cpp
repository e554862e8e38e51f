// moru doctor: what this machine offers, what is missing, and how to get it.

#include "Command.h"
#include "Options.h"

#include "moru/Compiler/Target.h"
#include "moru/DSL/Model.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <thread>
#include <unistd.h>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru doctor
  moru doctor --json
)";

namespace {

/// One thing that was looked at; `advice` is empty where all is well.
struct Finding {
  std::string what, found, advice;
};

class DoctorCommand : public Command {
public:
  DoctorCommand() : Command("doctor", "Say what this machine offers and what is missing", kExamples) {}
  Error run() override;

private:
  cl::opt<bool> json{"json", cl::desc("Print as JSON"), cl::sub(sub)};
};

} // namespace

static Finding checkVectors(const Target &host) {
  std::string text = Twine(host.vectorBits).str() + " bits, " + Twine(host.vectorRegisters).str() + " registers";
  return {"vectors", text,
          host.vectorBits >= 256
              ? ""
              : "code will be slow: AVX2 and FMA are missing; use a newer machine, or enable them in the virtual one"};
}

static Finding checkFeatures(const Target &host) {
  SmallVector<StringRef> there;
  for (StringRef name : {"avx2", "fma", "avx512f", "avx512bf16", "amx-tile", "amx-bf16"})
    if (host.has(name))
      there.push_back(name);
  return {"instruction sets", there.empty() ? "none of those that Moru uses" : join(there, " "), ""};
}

static Finding checkCpus() {
  unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
  return {"CPUs", std::to_string(cpus), ""};
}

static Finding checkMemory() {
  uint64_t bytes = uint64_t(sysconf(_SC_AVPHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  // The greatest model of the project's own needs about this much while it trains.
  bool enough = bytes > uint64_t(512) << 20;
  return {"free memory", formatBytes(bytes),
          enough ? "" : "little is free: end other programs, or train a smaller model"};
}

static Finding checkGpu() {
  bool driver = sys::fs::exists("/proc/driver/nvidia/version");
  return {"GPU driver", driver ? "NVIDIA, not used by this version of Moru" : "none, and none is needed", ""};
}

static Finding checkCompiler() {
  ErrorOr<std::string> found = sys::findProgramByName("cc");
  return {"C compiler", found ? *found : "none", found ? "" : "to link compiled models: apt-get install gcc"};
}

static Finding checkModels() { return {"models", join(modelNames(), " "), ""}; }

static std::vector<Finding> examine() {
  Target host = Target::host();
  return {{"LLVM", LLVM_VERSION_STRING, ""},
          {"machine", host.triple, ""},
          checkVectors(host),
          checkFeatures(host),
          checkCpus(),
          checkMemory(),
          checkCompiler(),
          checkGpu(),
          checkModels()};
}

Error DoctorCommand::run() {
  std::vector<Finding> findings = examine();
  if (json) {
    json::Object object;
    for (const Finding &finding : findings)
      object[finding.what] = json::Object{{"found", finding.found}, {"advice", finding.advice}};
    printJsonLine(outs(), std::move(object));
    return Error::success();
  }
  for (const Finding &finding : findings) {
    outs() << left_justify(finding.what, 18) << finding.found << "\n";
    if (!finding.advice.empty())
      outs() << std::string(18, ' ') << "-> " << finding.advice << "\n";
  }
  bool well = all_of(findings, [](const Finding &finding) { return finding.advice.empty(); });
  outs() << (well ? "nothing is missing\n" : "see the lines with ->\n");
  return Error::success();
}

std::unique_ptr<Command> makeDoctorCommand() { return std::make_unique<DoctorCommand>(); }

} // namespace moru
